//! Patterns for file names, for shells that do not expand them: `*`, `?`,
//! `[a-z]`, `[!a-z]`, and `**` for any number of folders.

/// The most characters of a pattern.
const LONGEST: usize = 4096;

/// A pattern, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Whether it begins at the root.
    absolute: bool,
    parts: Vec<Part>,
}

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A name as it is.
    Plain(String),
    /// A name that fits.
    Fits(Fits),
    /// `**`: no folder, one, or many.
    Any,
}

/// A pattern for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fits(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    One(char),
    Whatever,
    AnyOne,
    Class {
        outside: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Whether a text has anything that makes it a pattern.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// Fails on a class without an end, on `**` that is no part of its own,
    /// and on more than 4096 characters.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > LONGEST {
            return Err(ParseError::Long);
        }
        let absolute = text.starts_with('/');
        let parts = text
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .map(part);
        Ok(Self {
            absolute,
            parts: parts.collect::<Result<_, _>>()?,
        })
    }

    /// Whether it begins at the root.
    #[must_use]
    pub const fn is_absolute(&self) -> bool {
        self.absolute
    }

    /// Its parts, outermost first.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

fn part(text: &str) -> Result<Part, ParseError> {
    if text == "**" {
        return Ok(Part::Any);
    }
    if text.contains("**") {
        return Err(ParseError::Stars(text.to_owned()));
    }
    if !is_pattern(text) {
        return Ok(Part::Plain(text.to_owned()));
    }
    let pieces = pieces(text, Special::Brackets);
    let pieces = pieces.ok_or_else(|| ParseError::Class(text.to_owned()))?;
    Ok(Part::Fits(Fits(pieces)))
}

/// What is special beside `*` and `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    Nothing,
    /// `[a-z]`
    Brackets,
    /// `\x`
    Escapes,
    /// Both.
    All,
}

/// `None` on a class without an end and on an escape of nothing.
fn pieces(text: &str, special: Special) -> Option<Vec<Piece>> {
    let brackets = matches!(special, Special::Brackets | Special::All);
    let escapes = matches!(special, Special::Escapes | Special::All);
    let letters: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut rest = letters.as_slice();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        pieces.push(match first {
            '*' => Piece::Whatever,
            '?' => Piece::AnyOne,
            '[' if brackets => {
                let (class, after) = class(after)?;
                rest = after;
                class
            }
            '\\' if escapes => {
                let (escaped, after) = after.split_first()?;
                rest = after;
                Piece::One(*escaped)
            }
            letter => Piece::One(*letter),
        });
    }
    Some(pieces)
}

/// What stands between brackets; a `]` right at the beginning is a member
/// (POSIX.1-2017, XBD 9.3.5).
fn class(letters: &[char]) -> Option<(Piece, &[char])> {
    let (outside, mut rest) = match letters.split_first() {
        Some(('!' | '^', after)) => (true, after),
        Some(_) => (false, letters),
        None => return None,
    };
    let mut ranges = Vec::new();
    loop {
        match rest {
            [']', after @ ..] if !ranges.is_empty() => {
                return Some((Piece::Class { outside, ranges }, after));
            }
            [from, '-', to, after @ ..] if *to != ']' => {
                ranges.push((*from, *to));
                rest = after;
            }
            [one, after @ ..] => {
                ranges.push((*one, *one));
                rest = after;
            }
            [] => return None,
        }
    }
}

impl Fits {
    /// A pattern in which only `*` and `?` are special.
    #[must_use]
    pub fn stars(text: &str) -> Self {
        Self(pieces(text, Special::Nothing).unwrap_or_default())
    }

    /// A pattern in which `*`, `?` and a backslash before anything are special;
    /// nothing where a backslash ends it.
    #[must_use]
    pub fn escaped(text: &str) -> Option<Self> {
        pieces(text, Special::Escapes).map(Self)
    }

    /// A pattern of fnmatch(3): as [`Fits::escaped`], with classes in brackets
    /// as well; nothing where one has no end.
    #[must_use]
    pub fn fnmatch(text: &str) -> Option<Self> {
        pieces(text, Special::All).map(Self)
    }

    /// Whether a name fits. A name that begins with a dot fits only what
    /// begins with a dot, as in a shell.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let hidden = name.starts_with('.') && self.0.first() != Some(&Piece::One('.'));
        !hidden && self.covers(name)
    }

    /// Whether a name fits, also where it begins with a dot.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let letters: Vec<char> = name.chars().collect();
        // Where the last `*` was, and how much it has taken: one step back is
        // enough, so the time is bounded by the product of both lengths.
        let (mut piece, mut letter) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while let Some(now) = letters.get(letter) {
            match self.0.get(piece) {
                Some(Piece::Whatever) => {
                    back = Some((piece, letter));
                    piece += 1;
                }
                Some(wanted) if wanted.takes(*now) => {
                    piece += 1;
                    letter += 1;
                }
                Some(_) | None => {
                    let Some((star, taken)) = back else {
                        return false;
                    };
                    back = Some((star, taken + 1));
                    piece = star + 1;
                    letter = taken + 1;
                }
            }
        }
        let rest = self.0.get(piece..).unwrap_or_default();
        rest.iter().all(|piece| *piece == Piece::Whatever)
    }
}

impl Piece {
    fn takes(&self, letter: char) -> bool {
        match self {
            Self::One(one) => *one == letter,
            Self::AnyOne | Self::Whatever => true,
            Self::Class { outside, ranges } => {
                let inside = ranges
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&letter));
                inside != *outside
            }
        }
    }
}

/// The text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// `[` without `]`.
    #[error("`{0}` has a `[` without its `]`")]
    Class(String),
    /// `a**b`.
    #[error("`{0}`: `**` has to stand alone between slashes")]
    Stars(String),
    /// Nobody writes that.
    #[error("a pattern has at most {LONGEST} characters")]
    Long,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        match &Pattern::parse(pattern).unwrap().parts[0] {
            Part::Fits(fits) => fits.matches(name),
            Part::Plain(plain) => plain == name,
            Part::Any => true,
        }
    }

    #[test]
    fn names_fit_as_in_a_shell() {
        let cases = [
            ("*", "a", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("*.tar.gz", "shop-1.tar.gz", true),
            ("*.tar.gz", "shop-1.tar.gz.sigstore.json", false),
            ("shop-?.zip", "shop-1.zip", true),
            ("shop-?.zip", "shop-12.zip", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("[]]x", "]x", true),
            ("[a-]x", "-x", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("ä*", "äö", true),
            ("**", "anything", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn each_syntax_has_its_own_special_letters() {
        let fits = |fits: Option<Fits>, name: &str| fits.is_some_and(|fits| fits.covers(name));
        assert!(fits(Some(Fits::stars("[a]\\*")), "[a]\\b"));
        assert!(fits(Fits::escaped("[a]\\*"), "[a]*"));
        assert!(!fits(Fits::escaped("[a]\\*"), "[a]b"));
        assert!(fits(Fits::fnmatch("[a]\\*"), "a*"));
        assert!(fits(Fits::escaped("*"), ".hidden"));
        assert_eq!(Fits::escaped("a\\"), None);
        assert_eq!(Fits::fnmatch("a[b"), None);
    }

    #[test]
    fn stars_without_end_are_fast() {
        let pattern = "*a".repeat(200);
        assert!(!fits(&pattern, &"a".repeat(199)));
        assert!(!fits(&format!("{pattern}b"), &"a".repeat(2000)));
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_name() {
        for (text, message) in [
            ("dist/[a", "`[a` has a `[`"),
            ("dist/[!", "`[!` has a `[`"),
            ("a**/b", "`a**`: `**`"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        assert!(Pattern::parse(&"a".repeat(5000)).is_err());
        assert!(is_pattern("a[1]") && !is_pattern("registry.example/shop:v1"));
    }
}
