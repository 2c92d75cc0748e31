//! `rollback`: returns an environment to the newest known-good release.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollback::main()
}
