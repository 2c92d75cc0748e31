//! `wait`: judges whenever something new is said on the forge, for jobs that
//! cannot be started by an answer.

use liftlock::approval::forge::Forge;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::forge::until_decided;
use liftlock_io::{clock, github, gitlab};

use crate::kept::Effect;
use crate::settings::Settings;
use crate::{args, forge, gather, judge, kept, notify};

pub(crate) fn wait(
    args: &args::Judge,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    notify::named(args.notify.as_deref())?;
    let reference = args.about.reference()?;
    let asked = kept::read(&reference, settings)?;
    let place = forge::placed(&asked)?;
    let until = settings.deadline.min(asked.request.expires_at);
    let judge_once = || {
        let judged = gather::judged(&args.about, settings, Effect::of(session))?;
        let open = judged.judgement.verdict == Verdict::Pending;
        Ok::<_, Failure>((!open).then_some(()))
    };
    let passes = |failure: &Failure| failure.kind == Kind::Upstream;
    loop {
        let decided = match place.forge {
            Forge::Github => {
                let github = forge::open_at(place, settings)?;
                let mut watch = github::Watch::new(&github, &place.at, asked.request.made_at);
                until_decided(&mut watch, until, passes, judge_once)?
            }
            Forge::Gitlab => {
                let gitlab = crate::gitlab::open(place, settings)?;
                let mut watch = gitlab::Watch::new(&gitlab, &place.at)?;
                until_decided(&mut watch, until, passes, judge_once)?
            }
        };
        session.check()?;
        if decided.is_none() && settings.deadline < asked.request.expires_at {
            let message = "the time given by `--timeout` is over, and the answers are not enough";
            return Err(Failure::new(Kind::Expired, message)
                .with_hint("run the same command again: the request stays open"));
        }
        // Once more, whatever was seen while waiting; what fails now may pass later.
        match judge::judge(args, settings, session) {
            Err(failure) if decided.is_some() && passes(&failure) && clock::now() < until => {}
            ended => return ended,
        }
    }
}
