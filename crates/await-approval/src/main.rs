//! `await-approval`: asks people about a release and counts their answers.

mod answer;
mod args;
mod doctor;
mod explain;
mod gather;
mod judge;
mod kept;
mod render;
mod request;
mod run;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    liftlock_io::cli::main::<args::Args>(run::run)
}
