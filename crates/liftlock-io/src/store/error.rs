//! Why a store could not answer.

use std::io;
use std::path::PathBuf;

use liftlock::failure::{Explain, Kind, hint_of_file};

use crate::random;

/// Why a store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key that no store accepts.
    #[error("`{0}` is not a key: expected segments of `A-Za-z0-9._-` joined by `/`")]
    Key(String),
    /// A document larger than any of ours.
    #[error("`{0}` is larger than a store may hold")]
    TooLarge(String),
    /// No location of a store.
    #[error(
        "`{0}` is not a store: expected `file:PATH`, `git+URL#refs/…` with https, ssh or file, or `s3://BUCKET/PREFIX`"
    )]
    Location(String),
    /// A kind of store that this program was built without.
    #[error("`{0}` is of a kind that this program cannot open")]
    Unsupported(String),
    /// The file system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something in the store's folder is neither folder nor plain file.
    #[error("`{}` is not a plain file", .0.display())]
    Foreign(PathBuf),
    /// Others held the store for as long as we may wait.
    #[error("`{0}` is busy: other writers held it for too long")]
    Busy(String),
    /// The `git` program failed.
    #[cfg(feature = "git")]
    #[error("cannot {action} `{reference}` in `{url}`")]
    Git {
        /// What was tried.
        action: &'static str,
        /// On which ref.
        reference: String,
        /// In which repository.
        url: String,
        /// What git said.
        source: crate::git::Error,
    },
    /// The bucket could not be asked.
    #[cfg(feature = "s3")]
    #[error("cannot {action} `{place}`")]
    S3 {
        /// What was tried.
        action: &'static str,
        /// On which object or prefix.
        place: String,
        /// Why.
        source: super::s3::Error,
    },
    /// No random name can be drawn.
    #[error(transparent)]
    Random(#[from] random::NoRandomness),
    /// The store accepted a write that it had to refuse.
    #[error("store does not honour {0}")]
    NotHonoured(&'static str),
}

impl Error {
    /// Whether the store cannot be asked: it is down, or not where it is said to
    /// be. What is wrong inside of it is an answer.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let unasked = |kind: Kind| matches!(kind, Kind::Upstream | Kind::Invalid);
        match self {
            Self::Io { source, .. } => Kind::of_system(source) == Kind::Upstream,
            Self::Busy(_) => true,
            #[cfg(feature = "git")]
            Self::Git { source, .. } => unasked(source.kind()),
            #[cfg(feature = "s3")]
            Self::S3 { source, .. } => unasked(source.kind()),
            Self::Key(_)
            | Self::TooLarge(_)
            | Self::Location(_)
            | Self::Unsupported(_)
            | Self::Foreign(_)
            | Self::Random(_)
            | Self::NotHonoured(_) => false,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Key(_)
            | Self::TooLarge(_)
            | Self::Location(_)
            | Self::Unsupported(_)
            | Self::Foreign(_)
            | Self::NotHonoured(_) => Kind::Invalid,
            Self::Io { source, .. } => Kind::of_system(source),
            Self::Busy(_) | Self::Random(_) => Kind::Upstream,
            #[cfg(feature = "git")]
            Self::Git { source, .. } => source.kind(),
            #[cfg(feature = "s3")]
            Self::S3 { source, .. } => source.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotHonoured(_) => Some(
                "choose a store with put-if-absent and compare-and-swap, such as `file:PATH` on a local disk, `git+URL#refs/…`, or a bucket with conditional writes"
                    .to_owned(),
            ),
            Self::Busy(_) => Some("run the same command again".to_owned()),
            #[cfg(feature = "git")]
            Self::Git { source, .. } => source.hint(),
            #[cfg(feature = "s3")]
            Self::S3 { source, .. } => source.hint(),
            Self::Key(_)
            | Self::TooLarge(_)
            | Self::Location(_)
            | Self::Unsupported(_)
            | Self::Foreign(_)
            | Self::Random(_) => None,
            Self::Io { source, .. } => hint_of_file(source),
        }
    }
}
