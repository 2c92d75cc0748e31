//! `canary-check`: judges a canary against its baseline or its objective.

mod args;
mod attest;
mod backtest;
mod chart;
mod doctor;
mod explain;
mod further;
mod html;
mod import;
mod lint;
mod many;
mod peers;
mod probe;
mod record;
mod render;
mod replay;
mod resume;
mod run;
mod runs;
mod settings;
mod values;
mod watch;
mod words;

use std::process::ExitCode;

/// The outputs of all subcommands, beside `verdict` and `exit-code`.
pub const OUTPUTS: &[&str] = &[
    "reason",
    "decided-at-row",
    "canary-total",
    "canary-bad",
    "baseline-total",
    "baseline-bad",
    "odds-ratio",
    "attestation",
];

/// Runs the program from its command line to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    liftlock_io::cli::main(run::run)
}

/// The command line, as wrappers and documents are made from it.
#[must_use]
pub fn command() -> clap::Command {
    <args::Args as clap::CommandFactory>::command()
}
