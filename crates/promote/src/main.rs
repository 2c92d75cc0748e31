//! `promote`: takes a release to the next environment, only on proof.

use std::process::ExitCode;

fn main() -> ExitCode {
    promote::main()
}
