//! Who signs, and who is to see it: flags that every signing subcommand has.

use liftlock::span::Span;

use super::instance::Instance;

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
    #[command(flatten)]
    pub(crate) instance: Instance,

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
