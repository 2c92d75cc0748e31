//! How it is found out whether errors are seen.

use liftlock::canary::probe::Expected;
use liftlock::span::Span;

/// A request that is known to be bad, before anything is judged.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Whether errors are seen")]
pub(crate) struct Probing {
    /// Address of the canary that is known to answer badly: it is asked first, and the verdict is blind unless the canary's bad requests rise by as many
    #[arg(long, value_name = "URL")]
    pub(crate) probe: Option<String>,

    /// How often it is asked
    #[arg(long, value_name = "COUNT", default_value = "3", requires = "probe", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) probe_count: u16,

    /// How it is answered: 4xx, 5xx, or a status; default 5xx
    #[arg(long, value_name = "STATUS", requires = "probe")]
    pub(crate) probe_status: Option<Expected>,

    /// How long to wait until it is counted; default four intervals, at least 1m
    #[arg(long, value_name = "SPAN", requires = "probe")]
    pub(crate) probe_within: Option<Span>,
}
