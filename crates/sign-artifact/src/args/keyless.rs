//! What `doctor` may know of signing without a key.

use std::path::PathBuf;

use liftlock_io::keyless::instance::Files;

use super::updates::Updates;

#[derive(Debug, clap::Args)]
pub(crate) struct Keyless {
    /// Identity token: a file, or `env://NAME`; default what the CI offers
    #[arg(
        help_heading = "Without a key",
        long,
        value_name = "TOKEN",
        conflicts_with = "key"
    )]
    pub(crate) identity_token: Option<String>,

    /// Trusted root and signing config of a Sigstore instance in one file
    #[arg(help_heading = "Without a key", long, value_name = "FILE", conflicts_with_all = ["trusted_root", "signing_config"])]
    pub(crate) trust_config: Option<PathBuf>,

    /// Trusted root of a Sigstore instance; default the public one, updated or compiled in
    #[arg(help_heading = "Without a key", long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,

    /// Signing config: where certificates, log entries and timestamps come from
    #[arg(
        help_heading = "Without a key",
        long,
        value_name = "FILE",
        requires = "trusted_root"
    )]
    pub(crate) signing_config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) updates: Updates,
}

impl Keyless {
    pub(crate) fn files(&self) -> Files<'_> {
        Files {
            trust_config: self.trust_config.as_deref(),
            trusted_root: self.trusted_root.as_deref(),
            signing_config: self.signing_config.as_deref(),
            ..self.updates.files()
        }
    }
}
