//! Dispatches to the subcommands.

use liftlock::failure::Failure;
use liftlock::report::Report;
use liftlock_io::cli::Session;

use crate::args::{Args, Command};
use crate::settings::Settings;
use crate::{answer, doctor, explain, judge, render, request, resume, wait, withdraw};

pub(crate) fn run(args: &Args, session: &Session) -> Result<Report, Failure> {
    let settings = Settings::read(session)?;
    let looks = matches!(args.command, Command::Doctor(_));
    if let Some(rules) = settings.rules.as_ref().filter(|_| !looks) {
        session.lasting(&rules.stores())?;
    }
    if let Some((subcommand, about)) = args.command.judges()
        && let Some(why) = about.beside()?
    {
        return Ok(render::beside(subcommand, &why));
    }
    match &args.command {
        Command::Request(args) => request::request(args, &settings, session),
        Command::Answer(args) => answer::answer(args, &settings, session),
        Command::Withdraw(args) => withdraw::withdraw(args, &settings, session),
        Command::Judge(args) => judge::judge(args, &settings, session),
        Command::Wait(args) => wait::wait(args, &settings, session),
        Command::Resume(args) => resume::resume(args, &settings, session),
        Command::Explain(args) => explain::explain(args, &settings, session),
        Command::Doctor(args) => doctor::doctor(args, &settings, session),
    }
}
