//! `await-approval`: asks people about a release and counts their answers.

mod answer;
mod approve;
mod args;
mod deployment;
mod doctor;
mod explain;
mod facts;
mod forge;
mod gate;
mod gather;
mod gitlab;
mod groups;
mod judge;
mod kept;
mod live;
mod notify;
mod question;
mod render;
mod request;
mod resume;
mod run;
mod settings;
mod sight;
mod started;
mod tokens;
mod wait;
mod withdraw;

use std::process::ExitCode;

/// The outputs of all subcommands, beside `verdict` and `exit-code`.
pub const OUTPUTS: &[&str] = &[
    "request",
    "expires-at",
    "still-needed",
    "who-may",
    "answer",
    "bundle",
    "approval",
    "bad",
    "page",
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
