//! A value that can be changed: a text, or a truth.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::node::Content;

/// A text or a truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`, without quotes.
    Truth(bool),
    /// A text.
    Text(String),
}

impl Scalar {
    /// What a document says where this is.
    pub(super) fn content(&self) -> Content {
        match self {
            Self::Truth(truth) => Content::Other(truth.to_string()),
            Self::Text(text) => Content::Text(text.clone()),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truth(truth) => write!(formatter, "{truth}"),
            Self::Text(text) => write!(formatter, "{}", serde_json::Value::from(text.as_str())),
        }
    }
}
