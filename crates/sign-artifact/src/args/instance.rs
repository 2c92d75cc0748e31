//! Which instance of Sigstore is meant, and where newer trusted roots come from.

use std::path::PathBuf;

use liftlock_io::keyless::instance::Files;

/// A TUF repository; by default that of the public instance.
#[derive(Debug, clap::Args)]
pub(crate) struct Updates {
    /// Mirror of the TUF repository that updates the trusted root; default the public instance's
    #[arg(help_heading = "Updates of the trusted root", long, value_name = "URL")]
    pub(crate) tuf_mirror: Option<String>,

    /// TUF root that updates begin with; default the public instance's, compiled in
    #[arg(
        help_heading = "Updates of the trusted root",
        long,
        value_name = "FILE",
        requires = "tuf_mirror"
    )]
    pub(crate) tuf_root: Option<PathBuf>,
}

impl Updates {
    /// No files, but this repository.
    pub(crate) fn files(&self) -> Files<'_> {
        Files {
            tuf_mirror: self.tuf_mirror.as_deref(),
            tuf_root: self.tuf_root.as_deref(),
            ..Files::default()
        }
    }
}

/// Which Sigstore: by default the public one.
#[derive(Debug, clap::Args)]
pub(crate) struct Instance {
    /// Trusted root and signing config of a Sigstore instance in one file
    #[arg(help_heading = "Which Sigstore", long, value_name = "FILE", conflicts_with_all = ["trusted_root", "signing_config"])]
    pub(crate) trust_config: Option<PathBuf>,

    /// Trusted root of a Sigstore instance; default the public one, updated or compiled in
    #[arg(help_heading = "Which Sigstore", long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,

    /// Signing config: where certificates, log entries and timestamps come from
    #[arg(help_heading = "Which Sigstore", long, value_name = "FILE")]
    pub(crate) signing_config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) updates: Updates,
}

impl Instance {
    /// The files that describe it.
    pub(crate) fn files(&self) -> Files<'_> {
        Files {
            trust_config: self.trust_config.as_deref(),
            trusted_root: self.trusted_root.as_deref(),
            signing_config: self.signing_config.as_deref(),
            ..self.updates.files()
        }
    }

    /// Whether one is named where something is signed, which is then seen by
    /// its services also where a key signs.
    pub(crate) fn is_named(&self) -> bool {
        self.trust_config.is_some()
            || self.signing_config.is_some()
            || self.updates.tuf_mirror.is_some()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct TrustRoot {
    /// Ask the mirror for a newer one first
    #[arg(long)]
    pub(crate) refresh: bool,

    /// Write the files of the root in force into this folder, for `--trusted-root` elsewhere
    #[arg(long, value_name = "FOLDER")]
    pub(crate) save: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) updates: Updates,
}
