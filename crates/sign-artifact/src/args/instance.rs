//! Which instance of Sigstore is meant, and where newer trusted roots come from.

use std::path::PathBuf;

pub(crate) use liftlock_io::cli::instance::{Instance, Updates};

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
