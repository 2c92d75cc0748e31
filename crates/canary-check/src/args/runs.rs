//! What `runs` is told.

use std::path::PathBuf;

use liftlock::canary::Risk;
use liftlock::digest::Digest;
use liftlock::percent::Percent;
use liftlock::span::Span;

use super::About;

#[derive(Debug, clap::Args)]
pub(crate) struct Runs {
    /// CSV `time,digest,outcome,id`, or JSON lines with these fields; an outcome is passed, warned, unknown or failed
    #[arg(long, value_name = "FILE", conflicts_with = "results")]
    pub(crate) runs: Option<PathBuf>,

    /// Signed in-toto test result: a run each
    #[arg(long = "result", value_name = "FILE")]
    pub(crate) results: Vec<PathBuf>,

    /// Public key of whoever signs results; default those that the configuration trusts
    #[arg(long = "trusted-key", value_name = "KEY", requires = "results")]
    pub(crate) trusted_keys: Vec<String>,

    /// What the runs have to be of; default the release and its artifacts
    #[arg(long = "digest", value_name = "DIGEST", conflicts_with = "release")]
    pub(crate) digests: Vec<Digest>,

    /// Share of failing runs that has to be ruled out, which says how many must pass; default 5%: 59 runs
    #[arg(long, value_name = "SHARE")]
    pub(crate) at_most: Option<Percent>,

    /// Least number of runs that must pass; in place of --at-most, or more than it needs
    #[arg(long, value_name = "COUNT")]
    pub(crate) successes: Option<u64>,

    /// Chance that a candidate passes although more of its runs fail than --at-most; default 5%
    #[arg(long, value_name = "SHARE")]
    pub(crate) risk: Option<Risk>,

    /// Fail only when more runs are proved to fail than --at-most, instead of at the first that does
    #[arg(long)]
    pub(crate) count_failures: bool,

    /// Where the newest run is older than this, the verdict is blind; default 2d
    #[arg(long, value_name = "SPAN")]
    pub(crate) max_staleness: Option<Span>,

    #[command(flatten)]
    pub(crate) about: About,
}
