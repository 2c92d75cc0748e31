//! Who signs, and who is to see it: flags that every signing subcommand has.

use std::path::PathBuf;

use liftlock::span::Span;
use liftlock_io::keyless::instance::Files;

use super::updates::Updates;

/// Without `--key` the CI's identity signs (keyless).
#[derive(Debug, clap::Args)]
pub(crate) struct Signing {
    /// Private key: a file, `env://NAME`, or a key service's reference; without it the CI's identity signs
    #[arg(help_heading = "Who signs", long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Identity token: a file, or `env://NAME`; default what the CI offers
    #[arg(
        help_heading = "Who signs",
        long,
        value_name = "TOKEN",
        conflicts_with = "key"
    )]
    pub(crate) identity_token: Option<String>,

    /// Let the name of a repository that is not public go to the public log
    #[arg(help_heading = "Who signs", long)]
    pub(crate) public_log: bool,

    /// Open no socket: files and layout folders, signed with a key in a file
    #[arg(help_heading = "Who signs", long)]
    pub(crate) offline: bool,

    #[command(flatten)]
    pub(crate) services: Services,
}

/// Who is to see a signature.
#[derive(Debug, clap::Args)]
pub(crate) struct Services {
    /// Trusted root and signing config of a Sigstore instance in one file
    #[arg(help_heading = "Who sees it", long, value_name = "FILE", conflicts_with_all = ["trusted_root", "signing_config"])]
    pub(crate) trust_config: Option<PathBuf>,

    /// Trusted root of a Sigstore instance; default the public one, updated or compiled in
    #[arg(help_heading = "Who sees it", long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,

    /// Signing config: where certificates, log entries and timestamps come from
    #[arg(help_heading = "Who sees it", long, value_name = "FILE")]
    pub(crate) signing_config: Option<PathBuf>,

    /// When a service of the signature is down
    #[arg(help_heading = "Who sees it", long, value_enum, default_value_t)]
    pub(crate) on_outage: OnOutage,

    /// How long `wait` goes on asking
    #[arg(
        help_heading = "Who sees it",
        long,
        value_name = "SPAN",
        default_value = "5m"
    )]
    pub(crate) outage_budget: Span,

    #[command(flatten)]
    pub(crate) updates: Updates,
}

impl Services {
    /// The files that describe the instance.
    pub(crate) fn files(&self) -> Files<'_> {
        Files {
            trust_config: self.trust_config.as_deref(),
            trusted_root: self.trusted_root.as_deref(),
            signing_config: self.signing_config.as_deref(),
            ..self.updates.files()
        }
    }
}

/// What to do when a service is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnOutage {
    /// Ask again until `--outage-budget` is over
    #[default]
    Wait,
    /// Sign without the log or the clock that is down; `finish` adds it later
    Defer,
    /// Give up after a few attempts
    Fail,
}
