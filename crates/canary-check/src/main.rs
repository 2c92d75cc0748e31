//! `canary-check`: judges a canary against its baseline or its objective.

mod args;
mod attest;
mod doctor;
mod explain;
mod render;
mod run;
mod settings;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    liftlock_io::cli::main(run::run)
}
