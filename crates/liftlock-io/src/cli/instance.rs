//! Which instance of Sigstore is meant, and where newer trusted roots come from.

use std::path::PathBuf;

use crate::keyless::instance::Files;

/// A TUF repository; by default that of the public instance.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Updates {
    /// Mirror of the TUF repository that updates the trusted root; default the public instance's
    #[arg(help_heading = "Updates of the trusted root", long, value_name = "URL")]
    pub tuf_mirror: Option<String>,

    /// TUF root that updates begin with; default the public instance's, compiled in
    #[arg(
        help_heading = "Updates of the trusted root",
        long,
        value_name = "FILE",
        requires = "tuf_mirror"
    )]
    pub tuf_root: Option<PathBuf>,
}

impl Updates {
    /// No files, but this repository.
    #[must_use]
    pub fn files(&self) -> Files<'_> {
        Files {
            tuf_mirror: self.tuf_mirror.as_deref(),
            tuf_root: self.tuf_root.as_deref(),
            ..Files::default()
        }
    }
}

/// Which Sigstore: by default the public one.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Instance {
    /// Trusted root and signing config of a Sigstore instance in one file
    #[arg(help_heading = "Which Sigstore", long, value_name = "FILE", conflicts_with_all = ["trusted_root", "signing_config"])]
    pub trust_config: Option<PathBuf>,

    /// Trusted root of a Sigstore instance; default the public one, updated or compiled in
    #[arg(help_heading = "Which Sigstore", long, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,

    /// Signing config: where certificates, log entries and timestamps come from
    #[arg(help_heading = "Which Sigstore", long, value_name = "FILE")]
    pub signing_config: Option<PathBuf>,

    #[command(flatten)]
    pub updates: Updates,
}

impl Instance {
    /// The files that describe it.
    #[must_use]
    pub fn files(&self) -> Files<'_> {
        Files {
            trust_config: self.trust_config.as_deref(),
            trusted_root: self.trusted_root.as_deref(),
            signing_config: self.signing_config.as_deref(),
            ..self.updates.files()
        }
    }

    /// Whether one is named where something is signed, which is then seen by
    /// its services also where a key signs.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.trust_config.is_some()
            || self.signing_config.is_some()
            || self.updates.tuf_mirror.is_some()
    }
}
