//! The id by which one event is known, whoever tells it and however often.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

/// What a record is known by: 16 to 64 lower-case hex digits, with `-` allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

impl Id {
    /// The id that the same event has whoever tells it and however often:
    /// 128 bits of the hash of its parts.
    #[must_use]
    pub fn derived(parts: &[&str]) -> Self {
        let text = Value::from(parts).to_string();
        Self(Digest::of(text.as_bytes()).hex().chars().take(32).collect())
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        if (16..=64).contains(&text.len()) && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Id {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RecordId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f-]{16,64}$" })
    }
}

/// The text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a record's id: expected 16 to 64 lower-case hex digits or `-`")]
pub struct BadId(String);
