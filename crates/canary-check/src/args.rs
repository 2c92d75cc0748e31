//! The command line of `canary-check`.

mod probing;
mod runs;

use std::path::PathBuf;

use liftlock::canary::{Margin, Most, Risk, Spread, Unit};
use liftlock::config::metrics::Origin;
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::span::{self, Span};
use liftlock_io::cli::signing::Signing;
use liftlock_io::cli::{Arguments, Globals};

pub(crate) use probing::Probing;
pub(crate) use runs::Runs;

/// Judge a canary: pass, fail, inconclusive or blind
#[derive(Debug, clap::Parser)]
#[command(name = "canary-check", version, subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) globals: Globals,
}

impl Arguments for Args {
    fn globals(&self) -> &Globals {
        &self.globals
    }
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Judge recorded counts
    Judge(Judge),
    /// Watch a canary in Prometheus or another source until there is a verdict
    Run(Run),
    /// Look once and judge: with --resume for a schedule that looks again later
    Once(Run),
    /// Judge what has no traffic by its runs: so many that passed, and none that failed
    Runs(Runs),
    /// Judge a recorded watch again, offline; the verdict is the same to the byte
    Replay(Replay),
    /// Look once and tell every condition that is not met
    Explain(Explain),
    /// Check that the source can be reached and the series are there
    Doctor(Doctor),
    /// Judge a record of two healthy arms again: false alarms, faults that would be found, the spread to set
    Backtest(Backtest),
    /// Compare with what Kayenta, Argo Rollouts and Flagger would have said about recorded counts
    Peers(Peers),
    /// Write objectives of Sloth, Pyrra, Argo Rollouts or Flagger as OpenSLO, and name what is lost
    Import(Import),
    /// Find what files of objectives and canary analyses say that nobody means
    Lint(Lint),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Objectives or an analysis, YAML or JSON, of any format that is known
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Write the OpenSLO documents to this file instead of showing them
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Lint {
    /// Objectives or analyses, YAML or JSON, of any format that is known
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Backtest {
    /// CSV as for `judge`, of some quiet weeks; windows are as long as the horizon
    #[arg(long, value_name = "FILE")]
    pub(crate) counts: PathBuf,

    #[command(flatten)]
    pub(crate) proof: Proof,

    /// Environment of the configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<Name>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Peers {
    /// CSV as for `judge`
    #[arg(long, value_name = "FILE")]
    pub(crate) counts: PathBuf,

    /// Share of bad requests that Argo Rollouts and Flagger allow; default twice the baseline's
    #[arg(long, value_name = "SHARE")]
    pub(crate) limit: Option<Percent>,

    /// Ratio of the means up to which Kayenta allows an increase
    #[arg(long, value_name = "RATIO", default_value = "1")]
    pub(crate) allowed_increase: Margin,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Judge {
    /// CSV with the header `time,baseline_total,baseline_bad,canary_total,canary_bad`
    #[arg(long, value_name = "FILE")]
    pub(crate) counts: Option<PathBuf>,

    /// Judge every .csv of this folder by itself; `--format jsonl` tells a line a file
    #[arg(long, value_name = "DIR", conflicts_with_all = ["counts", "release", "html"])]
    pub(crate) counts_dir: Option<PathBuf>,

    /// CSV with the header `time,baseline,canary`, of values such as memory, whose means are compared
    #[arg(long, value_name = "FILE", requires = "most", conflicts_with_all = ["counts", "counts_dir", "rate", "slo", "weight", "min_requests"])]
    pub(crate) values: Option<PathBuf>,

    /// The most that a value may be; larger ones count as this
    #[arg(long, value_name = "VALUE", requires = "values")]
    pub(crate) most: Option<Most>,

    #[command(flatten)]
    pub(crate) proof: Proof,

    #[command(flatten)]
    pub(crate) about: About,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) place: Place,

    #[command(flatten)]
    pub(crate) proof: Proof,

    #[command(flatten)]
    pub(crate) about: About,

    #[command(flatten)]
    pub(crate) probing: Probing,

    /// Begin with what was counted this long ago
    #[arg(long, value_name = "SPAN", default_value = "0s")]
    pub(crate) since: Span,

    /// YAML of further metrics of the same server, judged together with the first under one risk; or objectives, such as OpenSLO
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,

    /// Write what was counted as CSV, so that `judge` can repeat the verdict
    #[arg(long, value_name = "FILE")]
    pub(crate) save_counts: Option<PathBuf>,

    /// Go on from this file and keep it, so that the risk is spent only once over several runs; signed with --key
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,

    /// Write down every look: its questions, the digests of the answers, what was counted; for `replay`
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// What `run --record` wrote
    #[arg(value_name = "RECORD")]
    pub(crate) record: PathBuf,

    /// Write a page for people, with figures, that needs no other file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Explain recorded counts instead of a source
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prometheus", "source"])]
    pub(crate) counts: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) place: Place,

    #[command(flatten)]
    pub(crate) proof: Proof,

    /// Environment of the configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<Name>,

    /// Look back this far
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    pub(crate) since: Span,

    /// YAML of further metrics of the same server, judged together with the first under one risk; or objectives, such as OpenSLO
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) place: Place,

    /// What is counted are events during an exposure, such as log lines or restarts, which may be more than the total
    #[arg(long)]
    pub(crate) rate: bool,

    /// YAML of further metrics of the same server, or objectives, such as OpenSLO
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,

    /// Environment of the configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<Name>,
}

/// Where the counts come from.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Where the counts come from")]
pub(crate) struct Place {
    /// Base URL of a server with Prometheus' HTTP API
    #[arg(long, value_name = "URL")]
    pub(crate) prometheus: Option<String>,

    /// Another source: thanos, victoriametrics, datadog, cloudwatch, newrelic, graphite, influxdb, openmetrics, haproxy or envoy, and its URL; or otlp, and a file
    #[arg(long, value_name = "KIND:URL", conflicts_with = "prometheus")]
    pub(crate) source: Option<Origin>,

    /// Query of all requests in the language of the source, with {slot} for the slot
    #[arg(long, value_name = "QUERY")]
    pub(crate) total: Option<String>,

    /// Query of bad requests in the language of the source, with {slot} for the slot
    #[arg(long, value_name = "QUERY")]
    pub(crate) bad: Option<String>,

    /// What {slot} is for the known version
    #[arg(long, value_name = "TEXT")]
    pub(crate) baseline_slot: Option<String>,

    /// What {slot} is for the judged version
    #[arg(long, value_name = "TEXT")]
    pub(crate) canary_slot: Option<String>,

    /// Labels by whose values requests are counted once more, to tell where a fault is, such as route,zone; Prometheus and its kin
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    pub(crate) by: Vec<String>,

    /// Label whose value is the slot, for objectives of --metrics whose selectors hold no {slot}
    #[arg(long, value_name = "LABEL", requires = "metrics")]
    pub(crate) slot_label: Option<String>,

    /// Width of a row, at least the time between scrapes; default 15s, for cloudwatch, newrelic, graphite and otlp 1m
    #[arg(long, value_name = "SPAN")]
    pub(crate) interval: Option<Span>,
}

/// What has to be proved, and how surely.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "What has to be proved")]
pub(crate) struct Proof {
    /// Chance that a healthy canary ever fails; default 1%
    #[arg(long, value_name = "SHARE")]
    pub(crate) alpha: Option<Risk>,

    /// Chance that a bad canary passes by an early proof; default 5%
    #[arg(long, value_name = "SHARE")]
    pub(crate) beta: Option<Risk>,

    /// Odds ratio of bad requests up to which the canary does not fail; default 1
    #[arg(long, value_name = "RATIO")]
    pub(crate) margin: Option<Margin>,

    /// How much healthy versions differ beside that (deviation of the odds ratio's logarithm); default 10%
    #[arg(long, value_name = "SHARE")]
    pub(crate) spread: Option<Spread>,

    /// Plan the looks for this long: faults are found soonest within it; default the plan of the environment, else --bake, else 1h
    #[arg(long, value_name = "SPAN", value_parser = some_time)]
    pub(crate) horizon: Option<Span>,

    /// Odds ratio below which an early pass proves the canary to be; default 1.5
    #[arg(long, value_name = "RATIO")]
    pub(crate) pass_margin: Option<Margin>,

    /// Requests to the canary before any pass; default 0
    #[arg(long, value_name = "COUNT")]
    pub(crate) min_requests: Option<u64>,

    /// Pass also without the proof, once this time and --min-requests were seen without a failure
    #[arg(long, value_name = "SPAN")]
    pub(crate) bake: Option<Span>,

    /// Judge against this promised share of good requests instead of a baseline, such as 99.5%
    #[arg(long, value_name = "SHARE")]
    pub(crate) slo: Option<Percent>,

    /// What is counted are events during an exposure, such as log lines or restarts, which may be more than the total
    #[arg(long)]
    pub(crate) rate: bool,

    /// Judge nothing for this long from the canary's first request on
    #[arg(long, value_name = "SPAN")]
    pub(crate) warm_up: Option<Span>,

    /// Share of traffic that the canary should get, which is then checked
    #[arg(long, value_name = "SHARE")]
    pub(crate) weight: Option<Percent>,

    /// Where the newest counts are older than this, the verdict is blind; default 5m, for `run` four intervals, at least 1m
    #[arg(long, value_name = "SPAN")]
    pub(crate) max_staleness: Option<Span>,
}

/// A span with some time in it.
fn some_time(text: &str) -> Result<Span, String> {
    let span: Span = text
        .parse()
        .map_err(|error: span::ParseError| error.to_string())?;
    match span.is_zero() {
        true => Err("no look can be planned in no time".to_owned()),
        false => Ok(span),
    }
}

impl Proof {
    pub(crate) const fn unit(&self) -> Unit {
        match self.rate {
            true => Unit::Rate,
            false => Unit::Share,
        }
    }
}

/// What the verdict is about, and where it is kept.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "What the verdict is about")]
pub(crate) struct About {
    /// Environment that the canary is in
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<Name>,

    /// release.json of the canary; the verdict is attested for it
    #[arg(long, value_name = "FILE", requires = "environment")]
    pub(crate) release: Option<PathBuf>,

    /// How long the signed verdict counts
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    pub(crate) valid_for: Span,

    /// Store for the signed verdict, such as `file:PATH`; default that of the configuration
    #[arg(long, value_name = "STORE", requires = "release")]
    pub(crate) evidence: Option<String>,

    /// Write the signed verdict to this file as well
    #[arg(long, value_name = "FILE", requires = "release")]
    pub(crate) bundle: Option<PathBuf>,

    /// Write a page for people, with figures, that needs no other file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) signing: Signing,
}
