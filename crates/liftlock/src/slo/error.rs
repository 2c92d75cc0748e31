//! Why a file of objectives is refused.

use std::str::Utf8Error;

use crate::failure::{Explain, Kind};
use crate::{json, yaml};

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes than any honest file has.
    #[error("{0} bytes are more than the {max} of a file of objectives", max = yaml::LARGEST)]
    TooLarge(usize),
    /// Not a text.
    #[error("it is not UTF-8")]
    NotText(#[from] Utf8Error),
    /// Not YAML.
    #[error("it is not the expected YAML")]
    Yaml(#[from] yaml::ParseError),
    /// It begins as JSON and is none.
    #[error("it is not the expected JSON")]
    Json(#[from] json::ParseError),
    /// Nothing in it.
    #[error("it holds no document")]
    Empty,
    /// More objectives and metrics than any honest file has.
    #[error("{0} objectives and metrics are too many for one file")]
    TooMany(usize),
    /// Only things that are no objectives.
    #[error("{0}")]
    Foreign(String),
    /// A value that its format does not allow.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Foreign(_) | Self::Empty => Some(
                "give a file of OpenSLO, Sloth, Pyrra, Argo Rollouts, Flagger or Kayenta"
                    .to_owned(),
            ),
            Self::TooLarge(_)
            | Self::TooMany(_)
            | Self::NotText(_)
            | Self::Yaml(_)
            | Self::Json(_)
            | Self::Invalid(_) => None,
        }
    }
}

/// A value that its format does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{place}` {why}")]
pub struct Invalid {
    /// The path of the value, from the document's root.
    pub place: String,
    /// What is wrong, as the rest of a sentence that begins with the place.
    pub why: String,
}

/// Why a thing of a file is not taken: it is wrong, or cannot be run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The file is wrong.
    Invalid(Invalid),
    /// Nobody here can run it, and why.
    Skip(String),
}

impl From<Invalid> for Halt {
    fn from(refused: Invalid) -> Self {
        Self::Invalid(refused)
    }
}
