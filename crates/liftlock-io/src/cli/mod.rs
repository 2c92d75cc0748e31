//! The shell around every binary: flags and environment in, result, files and
//! exit code out.

mod console;
mod environment;
mod globals;
mod output;
mod rules;
mod session;

use std::process::ExitCode;

use liftlock::exit::Exit;
use liftlock::failure::Failure;
use liftlock::report::{Ending, Mode, Report, Told};

pub use console::progress;
pub use environment::variable;
pub use globals::{Format, Globals};
pub use session::Session;

/// The arguments of a binary: its own and the ones that all share.
pub trait Arguments: clap::Parser {
    /// The shared ones.
    fn globals(&self) -> &Globals;
}

/// Runs a binary from its command line to its exit code.
///
/// Nothing else prints, writes CI outputs or maps failures to codes.
pub fn main<A: Arguments>(body: fn(&A, &Session) -> Result<Report, Failure>) -> ExitCode {
    console::report_panics();
    let command = A::command();
    let verb = command.get_name().to_owned();
    let parsed = environment::arguments(&command, std::env::args_os(), &crate::env::var)
        .and_then(|argv| parse::<A>(command.clone(), argv));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(Refusal::Clap(error)) => return console::usage(&error),
        Err(Refusal::Environment(failure)) => return refuse(&verb, &failure),
    };
    let session = match Session::start(&verb, arguments.globals()) {
        Ok(session) => session,
        Err(failure) => return refuse(&verb, &failure),
    };
    let result = body(&arguments, &session);
    finish(&verb, &session, result)
}

/// Why the command line did not become arguments.
#[derive(Debug)]
enum Refusal {
    /// Help, version, or a wrong flag: clap renders it.
    Clap(Box<clap::Error>),
    /// A variable that fits no flag.
    Environment(Failure),
}

fn parse<A: Arguments>(
    command: clap::Command,
    argv: Vec<std::ffi::OsString>,
) -> Result<A, Refusal> {
    command
        .try_get_matches_from(argv)
        .and_then(|matches| A::from_arg_matches(&matches))
        .map_err(|error| Refusal::Clap(Box::new(error)))
}

fn refuse(verb: &str, failure: &Failure) -> ExitCode {
    let told = Told::from(failure);
    console::failure(&told);
    let ending = Ending {
        verb: verb.to_owned(),
        mode: Mode::Enforce,
        result: Err(told),
    };
    code(ending.exit())
}

fn finish(verb: &str, session: &Session, result: Result<Report, Failure>) -> ExitCode {
    let ending = Ending {
        verb: verb.to_owned(),
        mode: session.mode,
        result: result.map_err(|failure| Told::from(&failure)),
    };
    if let Err(told) = &ending.result {
        console::failure(told);
    }
    match output::write(&ending, session) {
        Ok(()) => code(ending.exit()),
        Err(failure) => refuse(verb, &failure),
    }
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit.code())
}
