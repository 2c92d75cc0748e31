//! The only place that prints: results to stdout, everything else to stderr.
//! That nobody can be told does not change what was decided, nor its exit code.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use liftlock::ci;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Told;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Tells a person that work goes on; one line a change of state.
pub fn progress(line: &str) {
    tell(ci::line(line));
}

/// A command to the CI around us, made by us.
pub(super) fn command(line: &str) {
    tell(line);
}

fn tell(line: impl std::fmt::Display) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// The result itself. A reader that closed its end has heard enough.
///
/// # Errors
///
/// Fails when standard output cannot be written otherwise.
pub(super) fn result(text: &str) -> std::io::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// What failed, the causes, and what to do.
pub(super) fn failure(told: &Told) {
    let mut lines = told.lines.iter();
    if let Some(first) = lines.next() {
        tell(format_args!("error: {}", ci::shown(first)));
    }
    for cause in lines {
        tell(format_args!("  cause: {}", ci::shown(cause)));
    }
    if let Some(hint) = &told.hint {
        tell(format_args!("  hint: {}", ci::shown(hint)));
    }
}

/// Help and version to stdout with 0, a wrong command line to stderr with 2.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    match (error.use_stderr(), error.print()) {
        (true, _) => ExitCode::from(2),
        (false, Ok(())) => ExitCode::SUCCESS,
        (false, Err(_)) => ExitCode::from(1),
    }
}

/// A panic is a bug of ours, and says nothing about the release: exit 70.
pub(super) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        tell(format_args!("error: a bug in liftlock: {panic}"));
        tell("  hint: report it at https://github.com/liftlock/liftlock/issues");
        exit_as_bug();
    }));
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a panic hook has no other way to choose the exit code"
)]
fn exit_as_bug() {
    std::process::exit(70);
}

/// Starts the log on stderr.
pub(super) fn log(filter: &str) -> Result<(), Failure> {
    let filter: Targets = filter.parse().map_err(|error| {
        Failure::new(
            Kind::Usage,
            format!("`--log {filter}` is no filter: {error}"),
        )
    })?;
    let colour = crate::env::var("NO_COLOR").is_none() && std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .without_time();
    let started = tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init();
    match started {
        Ok(()) => Ok(()),
        Err(error) => Err(Failure::new(
            Kind::Bug,
            format!("the log was started twice: {error}"),
        )),
    }
}
