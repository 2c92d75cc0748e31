//! `rollback`: returns an environment to the newest known-good release, proves
//! it afterwards and keeps automation from undoing it.

mod alert;
mod args;
mod before;
mod choose;
mod copy;
mod down;
mod hold;
mod reject;
mod render;
mod run;

use std::process::ExitCode;

/// The outputs that this binary writes beside `verdict` and `exit-code`.
pub const OUTPUTS: &[&str] = &[
    "plan-id",
    "release",
    "from",
    "live",
    "time-to-recover-ms",
    "detected-at",
    "restored-at",
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
