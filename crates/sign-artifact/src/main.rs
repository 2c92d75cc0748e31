//! `sign-artifact`: signs, attests and verifies files and OCI images.

mod args;
mod attest;
mod check;
mod doctor;
mod explain;
mod generate;
mod predicate;
mod release;
mod run;
mod sign;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    liftlock_io::cli::main(run::run)
}
