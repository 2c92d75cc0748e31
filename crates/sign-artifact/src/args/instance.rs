//! Where newer trusted roots come from.

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
