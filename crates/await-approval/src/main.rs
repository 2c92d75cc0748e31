//! The program; all of it is in the library, so that the wrappers can ask it.

use std::process::ExitCode;

fn main() -> ExitCode {
    await_approval::main()
}
