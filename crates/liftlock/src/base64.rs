//! Bytes in JSON as standard base64 with padding, for `#[serde(with = "base64")]`.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let mut text = String::deserialize(deserializer)?;
    // Line breaks are passed over, as the tools that write such files do.
    text.retain(|letter| !matches!(letter, '\n' | '\r'));
    STANDARD.decode(text).map_err(D::Error::custom)
}
