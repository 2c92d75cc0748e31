//! `promote`: takes a release to the next environment, step by step, only on
//! proof, and back when the proof fails.

mod adopt;
mod ahead;
mod args;
mod ask;
mod choose;
mod page;
mod person;
mod reconcile;
mod render;
mod run;
mod sweep;

use std::process::ExitCode;

/// The outputs that this binary writes beside `verdict` and `exit-code`.
pub const OUTPUTS: &[&str] = &[
    "plan-id",
    "release",
    "restored",
    "live",
    "resume-after",
    "break-glass",
    "follow-up",
    "issue",
];

/// Runs the binary from its command line to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    liftlock_io::cli::main::<args::Args>(run::run)
}

/// The definition of the command line, from which the wrappers are made.
#[must_use]
pub fn command() -> clap::Command {
    <args::Args as clap::CommandFactory>::command()
}
