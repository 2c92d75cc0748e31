//! Why a repository could not be read or written.

use liftlock::digest::Digest;
use liftlock::failure::{Explain, Kind};
use liftlock::oci::Tag;
use liftlock::oci::{document, tree};

use crate::{file, http};

/// An operation on a repository failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("cannot reach the registry")]
    Http(#[from] http::Error),
    /// An answer that is none of a registry.
    #[error("`{url}` answers like no registry: {reason}")]
    Foreign {
        /// What was asked.
        url: String,
        /// What is odd about the answer.
        reason: String,
    },
    /// The registry does not do what it was asked to.
    #[error("the registry `{host}` answers {status} to {action}{message}")]
    Status {
        /// The registry.
        host: String,
        /// What was asked for.
        action: String,
        /// The answer's status.
        status: u16,
        /// What the registry says about it; begins with `: ` or is empty.
        message: String,
    },
    /// No right.
    #[error("the registry `{host}` refuses {action} ({status})")]
    Refused {
        /// The registry.
        host: String,
        /// What was asked for.
        action: String,
        /// The answer's status.
        status: u16,
        /// What would help.
        hint: String,
    },
    /// Another host asks who we are.
    #[error(
        "the registry `{host}` leads to `{elsewhere}` for {action}, which asks for a login and gets none"
    )]
    Strange {
        /// The registry.
        host: String,
        /// What was asked for.
        action: String,
        /// Who asks.
        elsewhere: String,
    },
    /// A file with credentials that cannot be used.
    #[error("cannot use the registry credentials in `{path}`: {reason}")]
    Credentials {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A program that should know the credentials.
    #[error("the credential helper `docker-credential-{name}` gives no credentials: {reason}")]
    Helper {
        /// The ending of its name.
        name: String,
        /// What it does instead; never what it says.
        reason: String,
    },
    /// What is below an index.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// Nothing is there.
    #[error("there is no `{0}` in the repository")]
    Absent(String),
    /// A registry has no default.
    #[error("the reference names neither tag nor digest")]
    NoVersion,
    /// A folder with several images, or none.
    #[error("`{path}` holds {count} images, name one by `:TAG` or `@DIGEST`")]
    Several {
        /// The folder.
        path: String,
        /// How many.
        count: usize,
    },
    /// The bytes are others than those asked for.
    #[error("`{wanted}` was asked for, but what came is `{found}`")]
    Digest {
        /// What was asked for.
        wanted: Digest,
        /// What came.
        found: Digest,
    },
    /// A tag does not point where it was put.
    #[error("the tag `{tag}` was put on `{wanted}` but points at {}", shown(found.as_ref()))]
    Elsewhere {
        /// The tag.
        tag: Tag,
        /// Where it was put.
        wanted: Digest,
        /// Where it points.
        found: Option<Digest>,
    },
    /// Others wrote the list of referrers again and again.
    #[error("the list of what is attached to `{0}` was still written by others after {1} looks")]
    Contended(Digest, u32),
    /// More bundles than anyone needs.
    #[error("too many bundles are attached to `{0}`")]
    TooMany(Digest),
    /// More bytes than anyone needs.
    #[error("what is attached to `{subject}` has more than {limit} bytes")]
    TooMuch {
        /// What it is attached to.
        subject: Digest,
        /// The most of one kind.
        limit: u64,
    },
    /// No name that nobody else has.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// A document that is none.
    #[error("a document of the repository is malformed")]
    Document(#[from] document::ParseError),
    /// A file of a layout.
    #[error(transparent)]
    File(#[from] file::Error),
    /// Not an OCI layout.
    #[error("`{path}` is no OCI image layout: {reason}")]
    Layout {
        /// The folder.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn shown(digest: Option<&Digest>) -> String {
    digest.map_or_else(|| "nothing".to_owned(), |digest| format!("`{digest}`"))
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Http(error) => error.kind(),
            Self::File(error) => error.kind(),
            Self::Foreign { .. }
            | Self::Status { .. }
            | Self::Elsewhere { .. }
            | Self::Contended(..)
            | Self::TooMany(_)
            | Self::TooMuch { .. }
            | Self::NoRandomness
            | Self::Document(_) => Kind::Upstream,
            Self::Tree(error) => error.kind(),
            Self::Refused { .. }
            | Self::Strange { .. }
            | Self::Credentials { .. }
            | Self::Helper { .. } => Kind::Credentials,
            Self::Absent(_) | Self::NoVersion | Self::Several { .. } | Self::Layout { .. } => {
                Kind::Invalid
            }
            Self::Digest { .. } => Kind::Refuted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Http(error) => error.hint(),
            Self::Refused { hint, .. } => Some(hint.clone()),
            Self::Strange { elsewhere, .. } => {
                Some(format!("name the image by `{elsewhere}` if that is its registry"))
            }
            Self::Helper { name, .. } => Some(format!(
                "run `docker-credential-{name} list` to see what it knows"
            )),
            Self::Contended(..) => Some("run `sign-artifact repair IMAGE` later".to_owned()),
            Self::NoVersion => Some("add `:TAG` or, better, `@DIGEST`".to_owned()),
            Self::TooMany(_) | Self::TooMuch { .. } => Some(
                "remove what nobody needs from the registry, or name the one that counts by `--bundle FILE`"
                    .to_owned(),
            ),
            Self::Foreign { .. }
            | Self::Status { .. }
            | Self::Credentials { .. }
            | Self::Absent(_)
            | Self::Several { .. }
            | Self::Digest { .. }
            | Self::Elsewhere { .. }
            | Self::Tree(_)
            | Self::NoRandomness
            | Self::Document(_)
            | Self::File(_)
            | Self::Layout { .. } => None,
        }
    }
}
