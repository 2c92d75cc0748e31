//! Reads references such as `registry.example/shop/api:1.4` and
//! `oci-layout:./image@sha256:…`; no registry is ever assumed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{self, Digest};
use crate::failure::{Explain, Kind};

/// The prefix of references into a folder.
pub const LAYOUT: &str = "oci-layout:";

/// A repository, and which of its manifests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// Where to look.
    pub place: Place,
    /// The tag, a label.
    pub tag: Option<Tag>,
    /// The digest; when it is there, the tag says nothing.
    pub digest: Option<Digest>,
}

/// Where manifests are kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A repository of a registry.
    Registry {
        /// Host and port.
        host: String,
        /// The path.
        repository: String,
    },
    /// A folder with an OCI image layout.
    Layout {
        /// Its path.
        path: String,
    },
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (OCI distribution specification).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

/// Which manifest of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The one a tag points at now.
    Tag(Tag),
    /// The one with these bytes.
    Digest(Digest),
}

impl Reference {
    /// Which manifest; the digest where both are given.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match (self.digest, &self.tag) {
            (Some(digest), _) => Some(Version::Digest(digest)),
            (None, Some(tag)) => Some(Version::Tag(tag.clone())),
            (None, None) => None,
        }
    }
}

impl Tag {
    /// The tag that stands in for the referrers API: `sha256-<hex>`.
    #[must_use]
    pub fn of_referrers(subject: &Digest) -> Self {
        Self::of_subject(subject, "")
    }

    /// The tag of a manifest that is written to try whether it can be.
    #[must_use]
    pub fn of_probe(token: &str) -> Self {
        let plain = token.chars().filter(char::is_ascii_alphanumeric);
        Self(format!(
            "liftlock-probe-{}",
            plain.take(32).collect::<String>()
        ))
    }

    /// A tag about a manifest: `sha256-<hex>` and an ending of our own making.
    pub(super) fn of_subject(subject: &Digest, ending: &str) -> Self {
        Self(format!("sha256-{}{ending}", subject.hex()))
    }

    /// The text of the tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let inner = |byte: u8| word(byte) || matches!(byte, b'.' | b'-');
        let bytes = text.as_bytes();
        let starts = bytes.first().is_some_and(|byte| word(*byte));
        if starts && bytes.len() <= 128 && bytes.iter().all(|byte| inner(*byte)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::Tag(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Tag {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => fmt::Display::fmt(tag, formatter),
            Self::Digest(digest) => fmt::Display::fmt(digest, formatter),
        }
    }
}

impl FromStr for Reference {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
        };
        let (body, tag) = match rest.rsplit_once(':') {
            // The colon of a port, of `oci-layout:` or of `oci://` comes before a slash or alone.
            Some((body, tag)) if !tag.contains('/') && has_place(body) => {
                (body, Some(tag.parse()?))
            }
            Some(_) | None => (rest, None),
        };
        let place = match body.strip_prefix(LAYOUT) {
            Some("") => return Err(ParseError::Place(text.to_owned())),
            Some(path) => Place::Layout {
                path: path.to_owned(),
            },
            None => registry(body.strip_prefix("oci://").unwrap_or(body), text)?,
        };
        Ok(Self { place, tag, digest })
    }
}

/// Whether what is left of the last colon names a place already.
fn has_place(body: &str) -> bool {
    body.starts_with(LAYOUT) || (body.contains('/') && body != "oci:/")
}

fn registry(body: &str, text: &str) -> Result<Place, ParseError> {
    let wrong = || ParseError::Place(text.to_owned());
    let (host, repository) = body.split_once('/').ok_or_else(wrong)?;
    let valid = is_host(host) && repository.len() <= 255 && repository.split('/').all(is_component);
    if valid {
        Ok(Place::Registry {
            host: host.to_ascii_lowercase(),
            repository: repository.to_owned(),
        })
    } else {
        Err(wrong())
    }
}

/// A name with a dot or a port, `localhost`, or an IPv6 address in brackets;
/// nothing that reads as a folder when it is written in small letters.
fn is_host(text: &str) -> bool {
    let port = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        (1..=5).contains(&text.len()) && plain
    };
    if let Some(rest) = text.strip_prefix('[') {
        let address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
        return rest.split_once(']').is_some_and(|(inside, after)| {
            let ends = after.is_empty() || after.strip_prefix(':').is_some_and(port);
            ends && inside.contains(':') && inside.bytes().all(address)
        });
    }
    let (name, number) = match text.split_once(':') {
        Some((name, number)) => (name, Some(number)),
        None => (text, None),
    };
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let named =
        number.is_some_and(port) || number.is_none() && (name == "localhost" || name.contains('.'));
    let layout = LAYOUT.trim_end_matches(':');
    named
        && !(number.is_some() && name.eq_ignore_ascii_case(layout))
        && name.bytes().all(inner)
        && end(name.bytes().next())
        && end(name.bytes().last())
}

/// One part of a repository's path (OCI distribution specification).
fn is_component(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| plain(byte) || matches!(byte, b'.' | b'_' | b'-');
    let ends = text.bytes().next().zip(text.bytes().last());
    text.bytes().all(inner)
        && !text.contains("..")
        && ends.is_some_and(|(first, last)| plain(first) && plain(last))
}

impl TryFrom<String> for Reference {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { host, repository } => write!(formatter, "{host}/{repository}"),
            Self::Layout { path } => write!(formatter, "{LAYOUT}{path}"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.place, formatter)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Reference {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OciReference".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "`HOST/REPOSITORY[:TAG][@DIGEST]` or `oci-layout:PATH[:TAG][@DIGEST]`"
        })
    }
}

/// The text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Neither a repository of a named registry nor a folder.
    #[error(
        "`{0}` is not an OCI reference: expected `HOST/REPOSITORY[:TAG|@DIGEST]` with a host that has a dot or a port, or `oci-layout:PATH[:TAG|@DIGEST]`"
    )]
    Place(String),
    /// No registry takes it.
    #[error("`{0}` is not a tag")]
    Tag(String),
    /// What follows the `@` is no digest.
    #[error(transparent)]
    Digest(#[from] digest::ParseError),
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_written_as_they_are_read() {
        let digest = Digest::of(b"a");
        let cases = [
            ("127.0.0.1:5000/shop".to_owned(), None, false),
            ("localhost:5000/shop/api:1.4".to_owned(), Some("1.4"), false),
            ("localhost/shop".to_owned(), None, false),
            ("[::1]/shop".to_owned(), None, false),
            (
                "[::ffff:1.2.3.4]:5000/shop:v1".to_owned(),
                Some("v1"),
                false,
            ),
            (format!("r.example/shop@{digest}"), None, true),
            (format!("r.example/shop:v1@{digest}"), Some("v1"), true),
            ("oci-layout:img".to_owned(), None, false),
            ("oci-layout:/a/b.c/img:v1".to_owned(), Some("v1"), false),
            (format!("oci-layout:./img@{digest}"), None, true),
        ];
        for (text, tag, has_digest) in cases {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.tag.as_ref().map(Tag::as_str), tag, "{text}");
            assert_eq!(reference.digest.is_some(), has_digest, "{text}");
        }
        let prefixed: Reference = "oci://r.example/shop:v1".parse().unwrap();
        assert_eq!(prefixed.to_string(), "r.example/shop:v1");
    }

    #[test]
    fn no_registry_is_assumed_and_no_path_is_left() {
        let bad = [
            "",
            "shop",
            "shop:v1",
            "library/shop",
            "r.example/",
            "r.example/Shop",
            "r.example/a/../b",
            "r.example/shop:",
            "r.example/shop:a b",
            "r.example/shop@sha256:00",
            "r.example/shop?x=/y",
            "user@r.example/shop",
            "./shop",
            "../shop/api",
            "oci-layout:",
            "https://r.example/shop",
            "r.example:/shop",
            "r.example:port/shop",
            "r.example:5000:5000/shop",
            "r.example:123456/shop",
            "Oci-layout:./img",
            "OCI-LAYOUT:5000/shop",
            "::1/shop",
            "[::1/shop",
            "[]/shop",
            "[::g]/shop",
            "[::1]x/shop",
            "[::1]:/shop",
            "-r.example/shop",
        ];
        for text in bad {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
