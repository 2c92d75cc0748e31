//! One instance of Sigstore: whom to trust and where to sign, from files or as
//! it is compiled in.

use std::path::Path;

use liftlock::failure::{Explain, Kind};
use liftlock::sigstore::anchors::{self, TrustedRoot};
use liftlock::sigstore::public;
use liftlock::sigstore::signing_config::{self, Chosen, SigningConfig, split};
use liftlock::time::Time;

use super::Services;
use crate::file;

/// The most bytes of one of the files.
const LARGEST: u64 = 16 * 1024 * 1024;

/// An instance of Sigstore.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Whom to trust.
    pub root: TrustedRoot,
    /// Where to sign; nothing where only a root was given.
    pub config: Option<SigningConfig>,
    /// Whether it is the public one, which the whole world reads.
    pub is_public: bool,
}

/// Files that describe an instance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files<'a> {
    /// Both in one (`ClientTrustConfig`).
    pub trust_config: Option<&'a Path>,
    /// The trusted root.
    pub trusted_root: Option<&'a Path>,
    /// The signing config.
    pub signing_config: Option<&'a Path>,
}

impl Instance {
    /// The public instance, as it is compiled in.
    ///
    /// # Errors
    ///
    /// Fails never: tests read it.
    pub fn public() -> Result<Self, Error> {
        let name = || "the compiled-in instance".to_owned();
        Ok(Self {
            root: public::trusted_root().map_err(|source| Error::Root {
                name: name(),
                source,
            })?,
            config: Some(public::signing_config().map_err(|source| Error::Config {
                name: name(),
                source,
            })?),
            is_public: true,
        })
    }

    /// The instance that files describe; without any the public one.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be read or used, and when a signing config
    /// comes without a root: what it makes could not be proved.
    pub fn read(files: Files<'_>) -> Result<Self, Error> {
        let (mut root, mut config) = (None, None);
        if let Some(path) = files.trust_config {
            let bytes = file::read(path, LARGEST)?;
            let both = split(&bytes).map_err(|source| Error::Config {
                name: shown(path),
                source,
            })?;
            root = Some((shown(path), both.0));
            config = Some((shown(path), both.1));
        }
        if let Some(path) = files.trusted_root {
            root = Some((shown(path), file::read(path, LARGEST)?));
        }
        if let Some(path) = files.signing_config {
            config = Some((shown(path), file::read(path, LARGEST)?));
        }
        let config = config.map(|(name, bytes)| {
            SigningConfig::parse(&bytes).map_err(|source| Error::Config { name, source })
        });
        let config = config.transpose()?;
        match (root, config) {
            (Some((name, bytes)), config) => Ok(Self {
                is_public: bytes == public::TRUSTED_ROOT
                    || config.as_ref().is_some_and(SigningConfig::is_public),
                root: TrustedRoot::parse(&bytes).map_err(|source| Error::Root { name, source })?,
                config,
            }),
            (None, Some(_)) => Err(Error::NoRoot),
            (None, None) => Self::public(),
        }
    }

    /// The services that take part in a signature now.
    ///
    /// # Errors
    ///
    /// Fails without a signing config, and when too few services count now.
    pub fn services(&self, now: Time) -> Result<Services, Error> {
        let config = self.config.as_ref().ok_or(Error::NoConfig)?;
        Ok(Services {
            authorities: config.authorities(now).map_err(Error::Services)?,
            logs: config.logs(now).map_err(Error::Services)?,
            timestamps: config.timestamps(now).map_err(Error::Services)?,
            root: self.root.clone(),
        })
    }
}

impl Instance {
    /// The logs that promise an entry, for formats without proofs.
    ///
    /// # Errors
    ///
    /// As [`Self::services`].
    pub fn promising_logs(&self, now: Time) -> Result<Chosen, Error> {
        let config = self.config.as_ref().ok_or(Error::NoConfig)?;
        config.promising_logs(now).map_err(Error::NoPromise)
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The instance cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] file::Error),
    /// No trusted root.
    #[error("cannot use the trusted root of `{name}`")]
    Root {
        /// Which file.
        name: String,
        /// What is wrong with it.
        source: anchors::ParseError,
    },
    /// No signing config.
    #[error("cannot use the signing config of `{name}`")]
    Config {
        /// Which file.
        name: String,
        /// What is wrong with it.
        source: signing_config::ParseError,
    },
    /// Too few of them count now.
    #[error("the signing config names too few services")]
    Services(#[source] signing_config::ParseError),
    /// Formats without proofs of inclusion need one.
    #[error("the signing config names no log of v1, whose promise cosign 2's format needs")]
    NoPromise(#[source] signing_config::ParseError),
    /// Where to sign, but not whom to trust.
    #[error("a signing config needs a trusted root, to prove what was signed")]
    NoRoot,
    /// Whom to trust, but not where to sign.
    #[error("a trusted root alone does not say where to sign")]
    NoConfig,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Root { .. } | Self::Config { .. } | Self::Services(_) | Self::NoPromise(_) => {
                Kind::Invalid
            }
            Self::NoRoot | Self::NoConfig => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRoot => Some("give `--trusted-root FILE` as well".to_owned()),
            Self::NoConfig => Some("give `--signing-config FILE` as well".to_owned()),
            Self::NoPromise(_) => Some("give `--image-format v3`".to_owned()),
            Self::File(_) | Self::Root { .. } | Self::Config { .. } | Self::Services(_) => None,
        }
    }
}
