//! Names of services, environments, slots, artifacts and people.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that is safe in file paths, git refs, tags, labels and outputs.
///
/// 1 to 63 of `a-z`, `0-9`, `-`, `_` and `.`, beginning and ending with a
/// letter or digit: the label rule of RFC 1123 §2.1, with `_` and `.` inside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let inner = |byte: u8| plain(byte) || matches!(byte, b'-' | b'_' | b'.');
        let bytes = text.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        let valid = bytes.len() <= 63
            && bytes.iter().all(|byte| inner(*byte))
            && !text.contains("..")
            && ends.is_some_and(|(first, last)| plain(*first) && plain(*last));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Name {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"
        })
    }
}

/// The text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name: expected 1 to 63 of `a-z 0-9 - _ .`, beginning and ending with a letter or digit"
)]
pub struct ParseError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_folder() {
        let good = ["shop", "a", "v1.2", "eu-west_1"];
        let bad = [
            "", "..", "a..b", ".a", "a/", "a/b", "A", "a b", "ä", "-a", "a\n",
        ];
        for text in good {
            assert!(text.parse::<Name>().is_ok(), "{text}");
        }
        for text in bad {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
        assert!("a".repeat(64).parse::<Name>().is_err());
    }
}
