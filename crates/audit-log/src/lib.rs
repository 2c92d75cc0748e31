//! `audit-log`: appends to, verifies, queries and tells from the release ledger.

mod append;
mod args;
mod conditions;
mod doctor;
mod places;
mod query;
mod render;
mod run;

use std::process::ExitCode;

/// The outputs of all subcommands, beside `verdict` and `exit-code`.
pub const OUTPUTS: &[&str] = &[
    "record-id",
    "seq",
    "head",
    "head-expected",
    "entries",
    "broken-at",
    "count",
    "time-to-recover-ms",
    "missing",
    "bad",
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
