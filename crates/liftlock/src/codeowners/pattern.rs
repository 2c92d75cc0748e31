//! Patterns of both forges, part by part between slashes. Comparing takes at
//! most the product of both lengths.

use super::Why;
use crate::glob::Fits;

/// The longest pattern, in bytes.
const LONGEST: usize = 1_024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// Whether what lies below a folder that fits is meant as well.
    below: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Exactly one.
    One(Fits),
    /// Any number of folders, none as well.
    Any,
}

impl Pattern {
    /// Patterns of gitignore, but for what GitHub names as not working:
    /// `!`, classes in brackets, and `\#` at the beginning.
    ///
    /// A pattern with a `/` before its end begins at the root; others fit
    /// anywhere. What fits a folder takes all below it, unless the last part is
    /// `*` alone, which takes only what is right there.
    pub(super) fn github(text: &str) -> Result<Self, Why> {
        let wrong = |what| Why::Pattern(text.chars().take(200).collect(), what);
        checked(text)?;
        if text.starts_with('!') {
            return Err(wrong("a `!`, which GitHub does not know"));
        }
        if text.starts_with("\\#") {
            return Err(wrong("an escaped `#`, which GitHub does not know"));
        }
        if text.contains(['[', ']']) {
            return Err(wrong("brackets, which GitHub does not know"));
        }
        let rooted = text.trim_end_matches('/').contains('/');
        let body = text.strip_prefix('/').unwrap_or(text);
        let (body, folder) = match body.strip_suffix('/') {
            Some(body) => (body, true),
            None => (body, false),
        };
        let mut parts = Vec::new();
        if !rooted {
            parts.push(Part::Any);
        }
        let names: Vec<&str> = body.split('/').collect();
        for name in &names {
            parts.push(match *name {
                "" => return Err(wrong("nothing between two slashes")),
                "**" => Part::Any,
                name => Part::One(Fits::escaped(name).ok_or_else(|| wrong(ESCAPE))?),
            });
        }
        let last = names.last().copied();
        if folder || last == Some("**") {
            parts.extend([Part::Any, Part::One(Fits::stars("*"))]);
        }
        let below = !folder && !matches!(last, Some("*" | "**"));
        Ok(Self { parts, below })
    }

    /// Patterns of fnmatch(3) with the flags PATHNAME and DOTMATCH of Ruby, in
    /// which `**` before a slash is any number of folders.
    ///
    /// A pattern with a `/` at its beginning begins at the root; others fit
    /// anywhere. Only a `/` at the end takes what is below a folder.
    pub(super) fn gitlab(text: &str) -> Result<Self, Why> {
        let wrong = |what| Why::Pattern(text.chars().take(200).collect(), what);
        checked(text)?;
        let (body, rooted) = match text.strip_prefix('/') {
            Some(body) => (body, true),
            None => (text, false),
        };
        let (body, folder) = match body.strip_suffix('/') {
            Some(body) => (body, true),
            None => (body, false),
        };
        let mut parts = Vec::new();
        if !rooted {
            parts.push(Part::Any);
        }
        let names: Vec<&str> = body.split('/').collect();
        for (at, name) in names.iter().enumerate() {
            let followed = folder || at + 1 < names.len();
            parts.push(match *name {
                "" => return Err(wrong("nothing between two slashes")),
                "**" if followed => Part::Any,
                name => Part::One(Fits::fnmatch(name).ok_or_else(|| wrong(CLASS))?),
            });
        }
        if folder {
            parts.extend([Part::Any, Part::One(Fits::stars("*"))]);
        }
        Ok(Self {
            parts,
            below: false,
        })
    }

    /// Whether a path, part by part, fits.
    pub(super) fn matches(&self, path: &[&str]) -> bool {
        // Where the last `**` was, and how much it has taken: one step back is
        // enough, as with `*` inside of names.
        let (mut part, mut name) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while let Some(now) = path.get(name) {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    back = Some((part, name));
                    part += 1;
                }
                Some(Part::One(fits)) if fits.covers(now) => {
                    part += 1;
                    name += 1;
                }
                None if self.below => return true,
                Some(Part::One(_)) | None => {
                    let Some((any, taken)) = back else {
                        return false;
                    };
                    back = Some((any, taken + 1));
                    part = any + 1;
                    name = taken + 1;
                }
            }
        }
        part == self.parts.len()
    }
}

const ESCAPE: &str = "a backslash at the end of a name";
const CLASS: &str = "a `[` without its `]`, or a backslash at the end of a name";

fn checked(text: &str) -> Result<(), Why> {
    let wrong = |what| Err(Why::Pattern(text.chars().take(200).collect(), what));
    if text.len() > LONGEST {
        wrong("more than 1024 bytes")
    } else if text.contains("***") {
        wrong("`***`")
    } else if text.trim_matches('/').is_empty() {
        wrong("no name")
    } else {
        Ok(())
    }
}
