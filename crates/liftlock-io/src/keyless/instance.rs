//! One instance of Sigstore: whom to trust and where to sign, from files, from
//! the last update, or as it is compiled in.

use std::path::Path;

use liftlock::failure::{Explain, Kind, line};
use liftlock::sigstore::anchors::{self, TrustedRoot};
use liftlock::sigstore::public;
use liftlock::sigstore::signing_config::{self, Chosen, SigningConfig, split};
use liftlock::sigstore::tuf::{Age, Kept, Versions};
use liftlock::time::Time;

use super::Services;
pub use super::origin::Origin;
use super::tuf::{self, Repository};
use crate::http::Client;
use crate::{clock, file};

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
    /// Where it is from.
    pub origin: Origin,
    /// The bytes of the root, and of the signing config if there is one.
    pub files: (Vec<u8>, Option<Vec<u8>>),
}

/// Whether an update is for later runs as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It is.
    Kept,
    /// It is for this one only.
    Dropped,
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
    /// Where updates are; default the mirror of the public instance.
    pub tuf_mirror: Option<&'a str>,
    /// The TUF root that updates begin with; default the public one.
    pub tuf_root: Option<&'a Path>,
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
            origin: Origin::Compiled,
            files: (
                public::TRUSTED_ROOT.to_vec(),
                Some(public::SIGNING_CONFIG.to_vec()),
            ),
        })
    }

    /// As [`Self::read`], for a run that may ask the network: what is not from
    /// files and is older than a day is updated first.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::read`] does, and when there is no update and what is
    /// at hand is too old to sign by.
    pub fn current(files: Files<'_>, client: &Client) -> Result<Self, Error> {
        let held = Self::read(files);
        let age = match &held {
            Ok(held) => held.origin.day().map(|day| Age::of(day, clock::now())),
            Err(Error::NothingKept(_)) => Some(Age::Over),
            Err(_) => None,
        };
        if matches!(age, None | Some(Age::Fresh)) {
            return held;
        }
        match (Self::update(files, client, Keeping::Kept), held) {
            (Ok((updated, unkept)), _) => {
                if let Some(error) = unkept {
                    tracing::warn!(
                        "the update of the trusted root cannot be kept: {}",
                        line(&error)
                    );
                }
                Ok(updated)
            }
            (Err(error), Ok(held)) if age == Some(Age::Due) => {
                tracing::warn!(
                    "the trusted root is {} and could not be updated: {error}",
                    held.origin
                );
                Ok(held)
            }
            (Err(error), Ok(_) | Err(_)) => Err(error),
        }
    }

    /// Updates from the mirror; the second half says why it could not be kept.
    ///
    /// # Errors
    ///
    /// Fails when there is no update that counts.
    pub fn update(
        files: Files<'_>,
        client: &Client,
        keeping: Keeping,
    ) -> Result<(Self, Option<tuf::Error>), Error> {
        let repository = Repository::open(files.tuf_mirror, files.tuf_root)?;
        let (kept, versions) = repository.refresh(client)?;
        let instance = Self::updated(&repository, &kept, versions)?;
        let unkept = match keeping {
            Keeping::Kept => repository.keep(&kept, versions).err(),
            Keeping::Dropped => None,
        };
        Ok((instance, unkept))
    }

    /// What the last update says, if it is newer than what is compiled in.
    fn held(files: Files<'_>) -> Result<Self, Error> {
        let repository = Repository::open(files.tuf_mirror, files.tuf_root)?;
        let kept = match repository.kept() {
            Ok(Some((kept, versions))) => Self::updated(&repository, &kept, versions).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error.into()),
        };
        let compiled = Self::public()?;
        let kept = kept.and_then(|kept| match kept {
            Some(kept) if repository.is_public => kept.not_back().map(Some),
            kept => Ok(kept),
        });
        match kept {
            Ok(Some(kept)) if !repository.is_public => Ok(kept),
            Ok(Some(kept)) if kept.origin.day() >= compiled.origin.day() => Ok(kept),
            Ok(_) if repository.is_public => Ok(compiled),
            Ok(_) => Err(Error::NothingKept(repository.mirror())),
            Err(error) if repository.is_public => {
                tracing::warn!(
                    "the last update of the trusted root is left aside: {}",
                    line(&error)
                );
                Ok(compiled)
            }
            Err(error) => Err(error),
        }
    }

    /// This update of the public instance, unless it is older than what is
    /// compiled in: whoever writes to the place where it is kept could bring
    /// back whom nobody trusts any more. Its day is nobody's signed word.
    fn not_back(self) -> Result<Self, Error> {
        let known = (public::ROOT_VERSION, public::TARGETS_VERSION);
        match &self.origin {
            Origin::Update { versions, .. }
                if versions.root < known.0 || versions.targets < known.1 =>
            {
                Err(Error::Back {
                    found: versions.targets,
                    known: known.1,
                })
            }
            Origin::Update { .. } | Origin::Files | Origin::Compiled => Ok(self),
        }
    }

    fn updated(repository: &Repository, kept: &Kept, versions: Versions) -> Result<Self, Error> {
        let mirror = repository.mirror();
        let root = TrustedRoot::parse(kept.trusted_root());
        let config = kept.signing_config().map(SigningConfig::parse);
        let config = config.transpose().map_err(|source| Error::Config {
            name: mirror.clone(),
            source,
        })?;
        Ok(Self {
            root: root.map_err(|source| Error::Root {
                name: mirror.clone(),
                source,
            })?,
            is_public: repository.is_public || is_public(kept.trusted_root(), config.as_ref()),
            config,
            origin: Origin::Update {
                mirror,
                versions,
                day: kept.checked_at,
            },
            files: (
                kept.trusted_root().to_vec(),
                kept.signing_config().map(<[u8]>::to_vec),
            ),
        })
    }

    /// The instance that files describe; without any the last update, or the
    /// public one as it is compiled in.
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
        let parsed = config.as_ref().map(|(name, bytes)| {
            SigningConfig::parse(bytes).map_err(|source| Error::Config {
                name: name.clone(),
                source,
            })
        });
        let parsed = parsed.transpose()?;
        match (root, parsed) {
            (Some((name, bytes)), parsed) => Ok(Self {
                is_public: is_public(&bytes, parsed.as_ref()),
                root: TrustedRoot::parse(&bytes).map_err(|source| Error::Root { name, source })?,
                config: parsed,
                origin: Origin::Files,
                files: (bytes, config.map(|(_, bytes)| bytes)),
            }),
            (None, Some(_)) => Err(Error::NoRoot),
            (None, None) => Self::held(files),
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

/// The public one is known by its root as it is compiled in, and by its hosts
/// whatever root comes with them.
fn is_public(root: &[u8], config: Option<&SigningConfig>) -> bool {
    root == public::TRUSTED_ROOT || config.is_some_and(SigningConfig::is_public)
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
    /// A private instance that was never updated from.
    #[error("nothing is kept of the updates of `{0}`")]
    NothingKept(String),
    /// An update from before this program.
    #[error("it is of targets {found}, and targets {known} are compiled in")]
    Back {
        /// Of which version it is.
        found: u64,
        /// Of which version what is compiled in is.
        known: u64,
    },
    /// No update.
    #[error(transparent)]
    Tuf(#[from] tuf::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Root { .. } | Self::Config { .. } | Self::Services(_) | Self::NoPromise(_) => {
                Kind::Invalid
            }
            Self::NoRoot | Self::NoConfig => Kind::Usage,
            Self::NothingKept(_) => Kind::Invalid,
            Self::Back { .. } => Kind::Refuted,
            Self::Tuf(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRoot => Some("give `--trusted-root FILE` as well".to_owned()),
            Self::NoConfig => Some("give `--signing-config FILE` as well".to_owned()),
            Self::NoPromise(_) => Some("give `--image-format v3`".to_owned()),
            Self::NothingKept(_) => Some(
                "run `sign-artifact trust-root --refresh` with the same mirror and root first"
                    .to_owned(),
            ),
            Self::Tuf(error) => error.hint(),
            Self::File(_)
            | Self::Root { .. }
            | Self::Config { .. }
            | Self::Services(_)
            | Self::Back { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_from_before_this_program_is_left_aside_whatever_day_it_claims() {
        let (root, targets) = (public::ROOT_VERSION, public::TARGETS_VERSION);
        let update = |root, targets| {
            let mut instance = Instance::public().unwrap();
            instance.origin = Origin::Update {
                mirror: public::MIRROR.to_owned(),
                versions: Versions {
                    root,
                    timestamp: u64::MAX,
                    targets,
                },
                day: "9999-01-01T00:00:00Z".parse().unwrap(),
            };
            instance.not_back()
        };
        for (root, targets) in [(root, targets), (root + 1, targets), (root, targets + 1)] {
            assert!(update(root, targets).is_ok());
        }
        for (root, targets) in [(root, targets - 1), (root - 1, targets)] {
            let error = update(root, targets).unwrap_err();
            assert_eq!(error.kind(), Kind::Refuted);
        }
        assert!(Instance::public().unwrap().not_back().is_ok());
    }
}
