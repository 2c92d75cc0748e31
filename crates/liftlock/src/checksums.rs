//! Checksums files: which file should have which SHA-256, as `sha256sum` and
//! the BSDs write it.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::failure::{Explain, Kind};

/// The most bytes of a checksums file: 100,000 lines with long names.
pub const LARGEST: u64 = 16 * 1024 * 1024;

/// The most lines that name a file.
pub const MOST_LINES: usize = 100_000;

/// One file as a checksums file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The name: a relative path below the folder of the checksums file.
    pub name: String,
    /// What the file should be.
    pub digest: Digest,
}

impl Line {
    /// What a statement calls the file.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.trim_start_matches("./").to_owned()
    }
}

/// Reads a checksums file: `<hex>  NAME` and `<hex> *NAME` as GNU writes it,
/// `SHA256 (NAME) = <hex>` as the BSDs and `sha256sum --tag` do; a leading
/// backslash says that `\\`, `\n` and `\r` in the name are escaped. Empty
/// lines and lines that begin with `#` say nothing. The same line twice is one.
///
/// # Errors
///
/// Fails on the first line that is anything else, names the line, and fails
/// when no file is named, when one has two digests, and when a name leads out
/// of the folder.
pub fn parse(text: &str) -> Result<Vec<Line>, ParseError> {
    let mut lines: Vec<Line> = Vec::new();
    let mut known: BTreeMap<String, Digest> = BTreeMap::new();
    for (index, raw) in text.lines().enumerate() {
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        if raw.trim().is_empty() || raw.starts_with('#') {
            continue;
        }
        let at = |what: What| ParseError::Line {
            number: index + 1,
            what,
        };
        let line = line(raw).map_err(at)?;
        match known.insert(line.name.clone(), line.digest) {
            None => lines.push(line),
            Some(other) if other == line.digest => {}
            Some(_) => return Err(at(What::TwoDigests(line.name))),
        }
        if lines.len() > MOST_LINES {
            return Err(ParseError::TooMany);
        }
    }
    if lines.is_empty() {
        return Err(ParseError::Empty);
    }
    Ok(lines)
}

fn line(raw: &str) -> Result<Line, What> {
    let (escaped, rest) = match raw.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, raw),
    };
    let (name, digits) = bsd(rest)?.or_else(|| gnu(rest)).ok_or(What::Shape)?;
    let digest = Digest::from_hex(&digits.to_ascii_lowercase())
        .map_err(|_error| What::Digest(digits.len()))?;
    let name = if escaped {
        unescape(name)?
    } else {
        name.to_owned()
    };
    if below(&name) {
        Ok(Line { name, digest })
    } else {
        Err(What::Outside(name))
    }
}

/// `SHA256 (NAME) = <hex>`; another algorithm is named.
fn bsd(text: &str) -> Result<Option<(&str, &str)>, What> {
    let Some((algorithm, rest)) = text.split_once(" (") else {
        return Ok(None);
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'/';
    // A GNU line may have ` (` in its name.
    if algorithm.is_empty() || !algorithm.bytes().all(word) || Digest::from_hex(algorithm).is_ok() {
        return Ok(None);
    }
    let Some((name, digits)) = rest.rsplit_once(") = ") else {
        return Ok(None);
    };
    match algorithm {
        "SHA256" => Ok(Some((name, digits.trim_end()))),
        other => Err(What::Algorithm(other.to_owned())),
    }
}

/// `<hex>`, a space, and a space (text) or `*` (binary) before the name.
fn gnu(text: &str) -> Option<(&str, &str)> {
    let (digits, rest) = text.split_once(' ')?;
    let hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = rest.strip_prefix([' ', '*'])?;
    hex.then_some((name, digits))
}

fn unescape(name: &str) -> Result<String, What> {
    let mut plain = String::with_capacity(name.len());
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        plain.push(match letters.next() {
            Some('\\') => '\\',
            Some('n') => '\n',
            Some('r') => '\r',
            Some(_) | None => return Err(What::Escape(name.to_owned())),
        });
    }
    Ok(plain)
}

/// Whether a name stays below the folder: whoever wrote the file must not
/// choose what else on this machine is read, nor where a bundle is written.
fn below(name: &str) -> bool {
    let parts = || name.split('/');
    !name.is_empty()
        && !name.starts_with('/')
        && !name.ends_with('/')
        && !name.contains('\0')
        && parts().all(|part| part != "..")
        && parts().any(|part| !part.is_empty() && part != ".")
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// Neither form.
    #[error("neither `<sha256>  NAME` nor `SHA256 (NAME) = <sha256>`")]
    Shape,
    /// Another length of digest.
    #[error("{0} digits where a SHA-256 has 64")]
    Digest(usize),
    /// Another algorithm.
    #[error("`{0}` is not supported, only `SHA256`")]
    Algorithm(String),
    /// An escape that nobody writes.
    #[error("the name `{0}` has a backslash before something else than `\\`, `n` or `r`")]
    Escape(String),
    /// A name that leads elsewhere.
    #[error("the name `{0}` is not below the folder of the checksums file")]
    Outside(String),
    /// Two lines that contradict each other.
    #[error("`{0}` has another digest on an earlier line")]
    TwoDigests(String),
}

/// The text is no checksums file that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// One line is wrong.
    #[error("line {number}: {what}")]
    Line {
        /// Its number, from 1.
        number: usize,
        /// Why.
        what: What,
    },
    /// Nothing to check.
    #[error("no line names a file")]
    Empty,
    /// More than any honest release has.
    #[error("more than {MOST_LINES} lines")]
    TooMany,
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn names(text: &str) -> Result<Vec<String>, String> {
        parse(text)
            .map(|lines| lines.into_iter().map(|line| line.name).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_are_read_with_their_names_as_they_were() {
        let cases = [
            (format!("{HEX}  a.tar.gz\n"), "a.tar.gz"),
            (format!("{HEX} *a.tar.gz\n"), "a.tar.gz"),
            (format!("{HEX}  sub/a b (1).txt"), "sub/a b (1).txt"),
            (format!("{HEX}   leading"), " leading"),
            (format!("{}  upper\r\n", HEX.to_uppercase()), "upper"),
            (format!("\\{HEX}  a\\nb\\\\c\\r"), "a\nb\\c\r"),
            (format!("{HEX}  a\\nb"), "a\\nb"),
            (format!("SHA256 (a (1) = b) = {HEX}"), "a (1) = b"),
            (format!("\\SHA256 (a\\nb) = {HEX}"), "a\nb"),
            (format!("# made by us\n\n{HEX}  ./a\n{HEX}  ./a\n"), "./a"),
        ];
        for (text, name) in cases {
            assert_eq!(names(&text), Ok(vec![name.to_owned()]), "{text}");
            assert_eq!(parse(&text).unwrap()[0].digest.hex(), HEX, "{text}");
        }
    }

    #[test]
    fn a_wrong_line_is_named_with_its_number() {
        let other = HEX.replace('2', "3");
        let cases = [
            (String::new(), "no line names a file"),
            ("# nothing\n".to_owned(), "no line names a file"),
            (format!("{HEX}  a\nhello\n"), "line 2: neither"),
            (format!("{HEX} a"), "line 1: neither"),
            (format!("{HEX}\ta"), "line 1: neither"),
            (format!("{HEX}  "), "line 1: the name ``"),
            (format!("{HEX}  /etc/passwd"), "line 1: the name"),
            (format!("{HEX}  a/../../b"), "line 1: the name"),
            (format!("{HEX}  ."), "line 1: the name"),
            (format!("{HEX}  a\0b"), "line 1: the name"),
            ("d41d8cd9  a".to_owned(), "line 1: 8 digits"),
            (format!("{HEX}{HEX}  a"), "line 1: 128 digits"),
            (format!("SHA512 (a) = {HEX}{HEX}"), "line 1: `SHA512`"),
            (format!("\\{HEX}  a\\x"), "line 1: the name `a\\x`"),
            (format!("\\{HEX}  a\\"), "line 1: the name"),
            (format!("{HEX}  a\n{other}  a"), "line 2: `a` has another"),
            (
                "-----BEGIN PGP SIGNED MESSAGE-----".to_owned(),
                "line 1: neither",
            ),
        ];
        for (text, message) in cases {
            let error = names(&text).unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
