//! Lists of allowed signers (ssh-keygen(1), ALLOWED SIGNERS), read for one
//! person: an option that nobody here knows is refused.

use super::{LARGEST, ParseError, key};
use crate::crypto::PublicKey;
use crate::glob::Fits;
use crate::time::Time;

/// The most lines of a list.
const MOST: usize = 10_000;

/// A key of a person for one purpose, and the time it counts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key.
    pub key: PublicKey,
    /// The first moment it counts.
    pub valid_from: Option<Time>,
    /// The last moment it counts.
    pub valid_until: Option<Time>,
}

/// The keys whose principals fit one of somebody's identities and that may
/// sign for a namespace.
///
/// Of other lines only the principals are read. Times need the `Z` of UTC, as
/// nobody can say which zone a machine without it means.
///
/// # Errors
///
/// Fails on certificate authorities, unknown options and keys that are not
/// taken, in lines for this person and namespace; and on more than 10 000 lines.
pub fn signers(text: &str, identities: &[&str], namespace: &str) -> Result<Vec<Signer>, Error> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let wrong = |why| Error::Line { number, why };
        if number > MOST {
            return Err(wrong(Why::TooMany));
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.len() > LARGEST {
            return Err(wrong(Why::Key(ParseError::Large)));
        }
        let (principals, rest) = line
            .split_once([' ', '\t'])
            .ok_or_else(|| wrong(Why::Short))?;
        if principals.contains('"') {
            return Err(wrong(Why::Quoted));
        }
        if identities.iter().any(|one| fits(principals, one)) {
            let signer = signer(rest.trim_start(), namespace).map_err(wrong)?;
            found.extend(signer);
        }
    }
    Ok(found)
}

/// What stands after the principals; nothing where it is for other namespaces.
fn signer(rest: &str, namespace: &str) -> Result<Option<Signer>, Why> {
    let (options, key) = match key::public(rest) {
        Err(ParseError::Kind(_) | ParseError::Line) => {
            let end = end_of_options(rest).ok_or(Why::Short)?;
            let (options, key) = rest.split_at_checked(end).ok_or(Why::Short)?;
            (Options::parse(options)?, key)
        }
        Ok(_) | Err(_) => (Options::default(), rest),
    };
    let serves = options.namespaces.as_deref();
    if serves.is_some_and(|patterns| !fits(patterns, namespace)) {
        return Ok(None);
    }
    Ok(Some(Signer {
        key: key::public(key)?,
        valid_from: options.after,
        valid_until: options.before,
    }))
}

/// Where the options end: at the first space outside of quotes.
fn end_of_options(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, letter)| {
        quoted ^= letter == '"';
        (matches!(letter, ' ' | '\t') && !quoted).then_some(at)
    })
}

#[derive(Debug, Default)]
struct Options {
    namespaces: Option<String>,
    after: Option<Time>,
    before: Option<Time>,
}

impl Options {
    fn parse(text: &str) -> Result<Self, Why> {
        let mut options = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (one, after) = split(rest);
            options.take(one)?;
            rest = after;
        }
        match (options.after, options.before) {
            (Some(after), Some(before)) if before <= after => Err(Why::Times),
            (_, _) => Ok(options),
        }
    }

    fn take(&mut self, one: &str) -> Result<(), Why> {
        let unknown = || Why::Option(one.chars().take(100).collect());
        let Some((name, value)) = one.split_once('=') else {
            return Err(if one.eq_ignore_ascii_case("cert-authority") {
                Why::Authority
            } else {
                unknown()
            });
        };
        let value = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .filter(|value| !value.contains(['"', '\\']))
            .ok_or_else(unknown)?;
        let twice = match name.to_ascii_lowercase().as_str() {
            "namespaces" if !value.is_empty() => {
                self.namespaces.replace(value.to_owned()).is_some()
            }
            "valid-after" => self.after.replace(time(value)?).is_some(),
            "valid-before" => self.before.replace(time(value)?).is_some(),
            _ => return Err(unknown()),
        };
        if twice { Err(unknown()) } else { Ok(()) }
    }
}

/// The first option, and those after its comma.
fn split(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let comma = text.char_indices().find_map(|(at, letter)| {
        quoted ^= letter == '"';
        (letter == ',' && !quoted).then_some(at)
    });
    match comma.and_then(|at| text.split_at_checked(at)) {
        Some((one, rest)) => (one, rest.strip_prefix(',').unwrap_or(rest)),
        None => (text, ""),
    }
}

/// `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ`.
fn time(text: &str) -> Result<Time, Why> {
    let wrong = || Why::Time(text.chars().take(100).collect());
    let digits = text.strip_suffix(['Z', 'z']).ok_or_else(wrong)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || !matches!(digits.len(), 8 | 12 | 14) {
        return Err(wrong());
    }
    let whole = format!("{digits:0<14}");
    let at = |from: usize, to: usize| whole.get(from..to).unwrap_or_default();
    let written = format!(
        "{}-{}-{}T{}:{}:{}Z",
        at(0, 4),
        at(4, 6),
        at(6, 8),
        at(8, 10),
        at(10, 12),
        at(12, 14)
    );
    written
        .parse()
        .map_err(|_error: crate::time::ParseError| wrong())
}

/// Whether a name fits a list of patterns; one with `!` before it that fits
/// refuses, whatever the others say (`ssh_config(5)`, PATTERNS).
fn fits(patterns: &str, name: &str) -> bool {
    let mut fitting = false;
    for pattern in patterns.split(',') {
        let (refuses, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        if Fits::stars(pattern).covers(name) {
            if refuses {
                return false;
            }
            fitting = true;
        }
    }
    fitting
}

/// The list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One of its lines.
    #[error("line {number}: {why}")]
    Line {
        /// Which, from 1.
        number: usize,
        /// Why.
        why: Why,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// More than any list has.
    #[error("a list has at most {MOST} lines")]
    TooMany,
    /// Something is missing.
    #[error("it is not PRINCIPALS [OPTIONS] KIND BASE64")]
    Short,
    /// Names that could be read in two ways.
    #[error("principals in quotes are not read")]
    Quoted,
    /// Whoever holds it could make keys for anybody.
    #[error("`cert-authority` is not taken: list each key")]
    Authority,
    /// Unknown, twice, or without the quotes around its value.
    #[error(
        "`{0}` is not one of namespaces=\"…\", valid-after=\"…\" and valid-before=\"…\", each once"
    )]
    Option(String),
    /// No moment, or one of an unknown zone.
    #[error("`{0}` is not YYYYMMDDZ or YYYYMMDDHHMM[SS]Z, with the `Z` of UTC")]
    Time(String),
    /// Never.
    #[error("valid-before is not after valid-after")]
    Times,
    /// The key.
    #[error(transparent)]
    Key(#[from] ParseError),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD";
    const OURS: &str = "liftlock-answer@v1";

    fn read(text: &str) -> Result<Vec<Signer>, Error> {
        signers(text, &["alice", "alice@shop.example"], OURS)
    }

    #[test]
    fn a_key_is_found_by_any_identity_and_only_for_its_namespaces() {
        let cases = [
            ("alice", 1),
            ("alice@shop.example", 1),
            ("*@shop.example", 1),
            ("bob,alic?", 1),
            ("*@shop.example,!alice@shop.example", 0),
            ("bob", 0),
            ("Alice", 0),
            ("[a]lice", 0),
            ("alice namespaces=\"liftlock-*\"", 1),
            ("alice namespaces=\"git,liftlock-answer@v1\"", 1),
            ("alice NameSpaces=\"git\"", 0),
            ("alice namespaces=\"*,!liftlock-answer@v1\"", 0),
        ];
        for (head, count) in cases {
            let text = format!("# people\n\n{head} {ED25519} a comment\n");
            assert_eq!(read(&text).unwrap().len(), count, "{head}");
        }
    }

    #[test]
    fn a_key_has_the_time_of_its_line() {
        let options = "valid-after=\"20260102Z\",valid-before=\"202601031504Z\"";
        let found = read(&format!("alice {options} {ED25519}\n")).unwrap();
        let time = |text: &str| Some(text.parse::<Time>().unwrap());
        assert_eq!(found[0].valid_from, time("2026-01-02T00:00:00Z"));
        assert_eq!(found[0].valid_until, time("2026-01-03T15:04:00Z"));
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        let cases = [
            ("alice cert-authority", "`cert-authority` is not taken"),
            ("*,bob Cert-Authority", "`cert-authority` is not taken"),
            ("alice no-touch-required", "`no-touch-required` is not"),
            ("alice namespaces=git", "`namespaces=git` is not"),
            ("alice namespaces=\"\"", "`namespaces=\"\"` is not"),
            (
                "alice namespaces=\"l*\",namespaces=\"*\"",
                "`namespaces=\"*\"` is not",
            ),
            ("alice valid-after=\"20260102\"", "`20260102` is not YYYY"),
            ("alice valid-after=\"20261302Z\"", "`20261302Z` is not YYYY"),
            ("alice valid-after=\"2026010203Z\"", "`2026010203Z` is not"),
            (
                "alice valid-after=\"20260102Z\",valid-before=\"20260101Z\"",
                "valid-before is not after",
            ),
            ("\"alice\"", "principals in quotes"),
        ];
        for (head, message) in cases {
            let error = read(&format!("\n{head} {ED25519}\n")).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(&format!("line 2: {message}")), "{text}");
        }
        for (line, message) in [
            ("alice", "it is not PRINCIPALS"),
            ("alice ssh-dss", "it is not PRINCIPALS"),
            ("alice ssh-dss AAAA", "`ssh-dss` is not one of"),
            ("alice ssh-ed25519 AAAA", "it is cut off"),
            (
                "alice namespaces=\"l*\" ssh-dss AAAA",
                "`ssh-dss` is not taken",
            ),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.starts_with(&format!("line 1: {message}")), "{error}");
        }
        let many = "\n".repeat(MOST + 1);
        assert!(read(&many).is_err());
    }
}
