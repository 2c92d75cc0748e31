//! Why a key cannot be used.

use std::io;
use std::path::PathBuf;

use liftlock::crypto;
use liftlock::failure::{Explain, Kind, hint_of_file};
use liftlock::pkcs8;

use super::PASSWORD;
use crate::file;
use crate::random::NoRandomness;

/// The key cannot be opened, made or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] file::Error),
    /// `env://NAME` names nothing.
    #[error("the variable `{0}` is not set")]
    Unset(String),
    /// No name at all.
    #[error("the key's name is empty: is a variable not set?")]
    Unnamed,
    /// A key service.
    #[error("key references with `{0}://` are not supported here")]
    Scheme(String),
    /// Not PEM.
    #[error("`{name}` is not one PEM block")]
    NotPem {
        /// Which key.
        name: String,
    },
    /// The public half in place of the private one.
    #[error("`{name}` is a public key, a private one is needed")]
    Public {
        /// Which key.
        name: String,
    },
    /// The private half in place of the public one.
    #[error("`{name}` is a private key, a public one is needed")]
    Private {
        /// Which key.
        name: String,
    },
    /// Another kind of key.
    #[error("`{name}` is {what}, which is not supported")]
    Unsupported {
        /// Which key.
        name: String,
        /// What it is.
        what: String,
    },
    /// Another kind of key, or a broken one.
    #[error("cannot use the private key `{name}`")]
    Malformed {
        /// Which key.
        name: String,
        /// What is wrong with it.
        source: pkcs8::ParseError,
    },
    /// The service does not show the key.
    #[cfg(feature = "kms")]
    #[error(transparent)]
    Service(#[from] crate::kms::Error),
    /// Another kind of public key, or a broken one.
    #[error("cannot use the public key `{name}`")]
    PublicKey {
        /// Which key.
        name: String,
        /// What is wrong with it.
        source: crypto::ParseError,
    },
    /// The body of the PEM is not what cosign writes.
    #[error("`{name}` is not a sealed key")]
    NotSealed {
        /// Which key.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Sealed in another way.
    #[error("cannot open the sealed key `{name}`: {reason}")]
    Sealed {
        /// Which key.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The password does not open it.
    #[error("the password does not open the key `{name}`")]
    Password {
        /// Which key.
        name: String,
        /// Whether there was one.
        given: bool,
    },
    /// The machine cannot derive a key from the password.
    #[error("cannot derive a key from the password")]
    Derive,
    /// No randomness.
    #[error(transparent)]
    Random(NoRandomness),
    /// A key is never overwritten.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn not_pem(name: &str) -> Self {
        Self::NotPem {
            name: name.to_owned(),
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            #[cfg(feature = "kms")]
            Self::Service(error) => error.kind(),
            Self::Unset(_) | Self::Password { .. } => Kind::Credentials,
            Self::Unnamed => Kind::Usage,
            Self::Scheme(_)
            | Self::NotPem { .. }
            | Self::Public { .. }
            | Self::Private { .. }
            | Self::Unsupported { .. }
            | Self::Malformed { .. }
            | Self::PublicKey { .. }
            | Self::NotSealed { .. }
            | Self::Sealed { .. }
            | Self::Exists(_) => Kind::Invalid,
            Self::Derive | Self::Random(_) => Kind::Upstream,
            Self::Write { source, .. } => Kind::of_file(source),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Password { given: false, .. } => Some(format!("set `{PASSWORD}`")),
            #[cfg(feature = "kms")]
            Self::Service(error) => error.hint(),
            Self::Private { .. } => Some("give the `.pub` file".to_owned()),
            Self::Scheme(_) => Some("give a key file or `env://NAME`".to_owned()),
            Self::Exists(_) => Some("choose another `--output-key-prefix`".to_owned()),
            Self::File(error) => error.hint(),
            Self::Write { source, .. } => hint_of_file(source),
            Self::Unset(_)
            | Self::Unnamed
            | Self::Password { given: true, .. }
            | Self::NotPem { .. }
            | Self::Public { .. }
            | Self::Unsupported { .. }
            | Self::Malformed { .. }
            | Self::PublicKey { .. }
            | Self::NotSealed { .. }
            | Self::Sealed { .. }
            | Self::Derive
            | Self::Random(_) => None,
        }
    }
}
