//! What `doctor` may know of signing without a key.

use super::instance::Instance;

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

    #[command(flatten)]
    pub(crate) instance: Instance,
}
