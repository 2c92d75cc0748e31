//! The shell around every binary: flags and environment in, result, files and
//! exit code out.

mod console;
mod environment;
mod globals;
#[cfg(feature = "keyless")]
pub mod instance;
mod lasting;
#[cfg(feature = "keyless")]
pub mod office;
mod output;
mod rules;
mod session;
#[cfg(feature = "keyless")]
pub mod signing;
mod typo;

use std::process::ExitCode;

use liftlock::exit::Exit;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::report::{Ending, Mode, Report, Scope, Told};

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
    let parsed = typo::check(&command, &crate::env::names("LIFTLOCK_"))
        .map_err(Refusal::Environment)
        .and_then(|()| environment::arguments(&command, std::env::args_os(), &crate::env::var))
        .and_then(|argv| parse::<A>(command.clone(), argv));
    let (arguments, typed) = match parsed {
        Ok(parsed) => parsed,
        Err(Refusal::Clap(error)) if !error.use_stderr() => return console::usage(&error),
        Err(refusal) => {
            if let Refusal::Clap(error) = &refusal {
                console::usage(error);
            }
            return refuse(&command, refusal);
        }
    };
    let session = match Session::start(&verb, arguments.globals(), typed.environment) {
        Ok(session) => session,
        Err(failure) => return refuse(&command, Refusal::Environment(failure)),
    };
    if let Err(failure) = session.may_observe() {
        return refuse(&command, Refusal::Environment(failure));
    }
    finish(&session, (body(&arguments, &session), typed.words.as_str()))
}

/// Why the command line did not become arguments.
#[derive(Debug)]
enum Refusal {
    /// Help, version, or a wrong flag: clap renders it.
    Clap(Box<clap::Error>),
    /// A variable that fits no flag.
    Environment(Failure),
}

/// What was typed, whatever the binary is.
struct Typed {
    /// Binary and subcommand.
    words: String,
    /// The environment, which every verb names alike.
    environment: Option<Name>,
}

/// The arguments, and what of them every verb has.
fn parse<A: Arguments>(
    command: clap::Command,
    argv: Vec<std::ffi::OsString>,
) -> Result<(A, Typed), Refusal> {
    let name = command.get_name().to_owned();
    let typed = |matches: &clap::ArgMatches| Typed {
        words: match matches.subcommand_name() {
            Some(subcommand) => format!("{name} {subcommand}"),
            None => name.clone(),
        },
        environment: environment(matches),
    };
    command
        .try_get_matches_from(argv)
        .and_then(|matches| Ok((A::from_arg_matches(&matches)?, typed(&matches))))
        .map_err(|error| Refusal::Clap(Box::new(error)))
}

fn environment(matches: &clap::ArgMatches) -> Option<Name> {
    match matches.subcommand() {
        Some((_, inner)) => environment(inner),
        None => matches.try_get_one("environment").ok().flatten().cloned(),
    }
}

/// Reads why somebody does something: a text that fits into a record.
///
/// # Errors
///
/// Fails on one that is empty or too long.
pub fn reason(text: &str) -> Result<String, String> {
    let read = liftlock::plan::wish::reason(text);
    read.map(str::to_owned).map_err(|error| error.to_string())
}

/// Ends a run that never began; whoever reads its files learns of it as well.
fn refuse(command: &clap::Command, refusal: Refusal) -> ExitCode {
    let told = match refusal {
        Refusal::Environment(failure) => {
            let told = Told::from(&failure);
            console::failure(&told);
            told
        }
        Refusal::Clap(error) => Told {
            exit: Exit::Usage,
            lines: vec![first_line(&error)],
            hint: None,
            scope: Scope::default(),
        },
    };
    let ending = Ending {
        verb: command.get_name().to_owned(),
        mode: Mode::Enforce,
        dry_run: false,
        result: Err(told),
    };
    let exit = ending.exit();
    if let Err(failure) = output::write(&ending, &output::Places::guessed()) {
        console::failure(&Told::from(&failure));
    }
    code(exit)
}

/// What clap says, without usage and colours.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.next().unwrap_or("the command line is wrong");
    line.trim_start_matches("error: ").to_owned()
}

fn finish(session: &Session, (result, words): (Result<Report, Failure>, &str)) -> ExitCode {
    let ending = Ending {
        verb: session.verb.clone(),
        mode: session.mode,
        dry_run: session.dry_run,
        result: result.map_err(|failure| Told {
            scope: session.scope(),
            ..stopped(with_way_out(failure, words), session.signal())
        }),
    };
    if let Err(told) = &ending.result {
        console::failure(told);
    }
    match output::write(&ending, &output::Places::of(session)) {
        Ok(()) => code(ending.exit()),
        Err(failure) => {
            console::failure(&Told::from(&failure));
            code(failure.kind.exit())
        }
    }
}

/// Whoever typed something wrong is told at least where to read on.
fn with_way_out(mut failure: Failure, words: &str) -> Failure {
    if failure.kind == Kind::Usage && failure.hint.is_none() {
        failure.hint = Some(format!("read `{words} --help`"));
    }
    failure
}

/// What could not be asked any more because a signal came has the signal's code.
fn stopped(mut failure: Failure, signal: Option<Kind>) -> Told {
    if let (Kind::Upstream | Kind::Blind, Some(signal)) = (failure.kind, signal) {
        failure.kind = signal;
    }
    Told::from(&failure)
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit.code())
}
