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

fn main() -> ExitCode {
    liftlock_io::cli::main(run::run)
}
