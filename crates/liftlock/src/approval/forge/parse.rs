//! What is wrong with a forge's answer.

use crate::failure::{self, Explain};
use crate::json;

/// An answer of a forge is not as it documents it.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not the JSON that it should be, or a part of it.
    #[error("the forge's answer is not as documented")]
    Json(#[from] json::ParseError),
    /// A word or number that could mean anything.
    #[error("the forge answers with the {what} `{found}`, which this version does not know")]
    Unknown {
        /// Of which kind.
        what: &'static str,
        /// Which.
        found: String,
    },
    /// What GraphQL says instead of an answer.
    #[error("the forge does not say whether anybody edited an answer: {0}")]
    Graph(String),
    /// A folder, a link, or a repository inside this one.
    #[error("the forge shows a `{0}` where a file has to be")]
    NoFile(String),
    /// Cut off, or written in another way.
    #[error("the forge does not show the file as it is")]
    Content,
    /// About nobody.
    #[error("the forge answers about nobody")]
    Nobody,
}

impl Explain for ParseError {
    fn kind(&self) -> failure::Kind {
        match self {
            Self::NoFile(_) => failure::Kind::Invalid,
            Self::Json(_)
            | Self::Unknown { .. }
            | Self::Graph(_)
            | Self::Content
            | Self::Nobody => failure::Kind::Upstream,
        }
    }
}

/// Reads one answer of a forge.
///
/// # Errors
///
/// Fails on anything but such an object or list, whole.
pub fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ParseError> {
    Ok(json::parse(body)?)
}
