//! Whose signatures count: flags of everything that proves.

use std::path::PathBuf;

use liftlock::crypto::PublicKey;
use liftlock::failure::{Failure, Kind};
use liftlock::sigstore::identity::{Identity, Matcher};
use liftlock::sigstore::verify::Unlogged;
use liftlock_io::cli::Session;
use liftlock_io::keyless::instance::{Files, Instance};
use liftlock_io::{clock, http, key};

use super::instance::Updates;
use crate::proof::Trust;
use crate::target::options;
use crate::trust_root::Standing;

/// Who is trusted.
#[derive(Debug, clap::Args)]
pub(crate) struct Trusting {
    /// Public key that is trusted: a file, `env://NAME`, or a key service's reference; may be repeated
    #[arg(help_heading = "Whose signatures count", long, value_name = "KEY")]
    pub(crate) key: Vec<String>,

    /// Identity of a certificate that is trusted: exactly, or a pattern from `^` to `$`; may be repeated
    #[arg(
        help_heading = "Whose signatures count",
        long,
        value_name = "NAME",
        requires = "issuer"
    )]
    pub(crate) identity: Vec<Matcher>,

    /// Who vouches for the identities: the URL of the CI's issuer
    #[arg(
        help_heading = "Whose signatures count",
        long,
        value_name = "URL",
        requires = "identity"
    )]
    pub(crate) issuer: Option<Matcher>,

    /// How many different signers are needed
    #[arg(help_heading = "Whose signatures count", long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) threshold: u32,

    /// Trusted root of a Sigstore instance; default the public one, updated or compiled in
    #[arg(
        help_heading = "Whose signatures count",
        long,
        value_name = "FILE",
        conflicts_with = "trust_config"
    )]
    pub(crate) trusted_root: Option<PathBuf>,

    /// Trusted root and signing config of a Sigstore instance in one file
    #[arg(help_heading = "Whose signatures count", long, value_name = "FILE")]
    pub(crate) trust_config: Option<PathBuf>,

    /// Take a signature that is in no log, given a trusted time
    #[arg(help_heading = "Whose signatures count", long)]
    pub(crate) allow_unlogged: bool,

    /// Open no socket: files and layout folders only
    #[arg(help_heading = "Whose signatures count", long)]
    pub(crate) offline: bool,

    #[command(flatten)]
    pub(crate) updates: Updates,
}

impl Trusting {
    /// Who that is. From here on nothing may ask the network, if it was asked
    /// not to.
    pub(crate) fn trust(&self, session: &Session) -> Result<Trust, Failure> {
        let trust = self.trusted(session)?;
        if trust.keys.is_empty() && trust.identities.is_empty() {
            return Err(Failure::new(Kind::Usage, "nobody is trusted")
                .with_hint("give `--key FILE.pub`, or `--identity NAME --issuer URL`"));
        }
        Ok(trust)
    }

    /// The same, where it may be nobody.
    pub(crate) fn trusted(&self, session: &Session) -> Result<Trust, Failure> {
        if self.offline {
            http::forbid();
        }
        let keys = self.key.iter();
        let options = options(session);
        let keys = keys.map(|reference| key::reach_public(reference, &options));
        let keys: Vec<PublicKey> = keys.collect::<Result<_, _>>()?;
        let identities = self.identity.iter().flat_map(|name| {
            self.issuer.iter().map(|issuer| Identity {
                issuer: issuer.clone(),
                name: name.clone(),
                build_config: None,
            })
        });
        let files = Files {
            trust_config: self.trust_config.as_deref(),
            trusted_root: self.trusted_root.as_deref(),
            ..self.updates.files()
        };
        // With keys alone, logs and clocks are asked only where somebody says
        // which of them are trusted.
        let named = files.trust_config.is_some()
            || files.trusted_root.is_some()
            || files.tuf_mirror.is_some();
        let root = (named || !self.identity.is_empty())
            .then(|| Instance::read(files))
            .transpose()?;
        let standing = root
            .as_ref()
            .map(|one| Standing::of(&one.origin, clock::now()));
        Ok(Trust {
            identities: identities.collect(),
            keys,
            root: root.map(|instance| instance.root),
            unlogged: if self.allow_unlogged {
                Unlogged::Accepted
            } else {
                Unlogged::Refused
            },
            roster: None,
            standing,
        })
    }
}
