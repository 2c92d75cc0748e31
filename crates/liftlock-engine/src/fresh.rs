//! Asks forges whether what people said there still stands, where the policy
//! wants that.

use std::cell::RefCell;
use std::time::Duration;

use liftlock::approval::forge::{Forge, LEAST};
use liftlock::approval::fresh::{AskedAgain, Freshness, Questions, Shown};
use liftlock::approval::predicate::Approval as Signed;
use liftlock::approval::recheck::{Frame, Refused};
use liftlock::approval::standing;
use liftlock::chain::Chain;
use liftlock::config::approval::Approval;
use liftlock::config::requirement::What;
use liftlock::failure::{Explain as _, Failure};
use liftlock::span::Span;
use liftlock::verdict::Verdict;
use liftlock_io::clock;
use liftlock_io::forge::{Again, Error};
use liftlock_io::github::{self, GitHub};
use liftlock_io::gitlab::{self, GitLab, Groups};

use crate::counted::{refusal, told};
use crate::gather::Moment;
use crate::world::World;

/// How long forges that want fewer calls may make one look at a chain wait: a
/// lease does not last for ever.
const PATIENCE: Span = Span::seconds(20);

/// How long it may take to ask: that, and one call that is tried to its end.
const LONGEST: Duration = Duration::from_secs(120);

/// The most people who are named for an answer that fell out.
const MOST_TOLD: usize = 20;

/// What was judged by people: the approval that is demanded, or a permission to
/// go past what is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    Approval,
    BreakGlass,
}

/// What came of asking, over one look at a chain.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    asked: RefCell<Vec<AskedAgain>>,
    unanswered: RefCell<Option<(Judged, Failure)>>,
}

impl Asking {
    /// Notes in the chain what was asked about what it rests on.
    ///
    /// # Errors
    ///
    /// Fails where nothing but a forge that did not answer is in the way: then
    /// there is no verdict.
    pub(crate) fn over(self, mut chain: Chain) -> Result<Chain, Failure> {
        let approval = What::Approval.to_string();
        let mut unmet = chain.conditions.iter().filter(|one| !one.met);
        let alone = unmet.all(|one| one.wanted == approval);
        let failed = chain.verdict != Verdict::Pass;
        match self.unanswered.into_inner() {
            Some((Judged::Approval, failure)) if failed && alone => return Err(failure),
            Some((Judged::BreakGlass, failure)) if failed => return Err(failure),
            Some(_) | None => {}
        }
        let broken = chain.break_glass.as_ref().map(|broken| broken.request);
        let used = [chain.approval, broken];
        let asked = self.asked.into_inner().into_iter();
        let asked = asked.filter(|one| used.contains(&Some(one.request)));
        chain.fresh.extend(asked);
        Ok(chain)
    }
}

impl World {
    /// How long asking forges again may take, where the policy wants that.
    pub(crate) fn asking(&self) -> Duration {
        match self.freshness() {
            Some(Freshness::IfReachable | Freshness::Required) => LONGEST,
            None => Duration::ZERO,
        }
    }

    fn freshness(&self) -> Option<Freshness> {
        self.environment.approval.as_ref()?.fresh
    }

    /// Has what was judged counted once more, by what forges show now.
    pub(crate) fn still(
        &self,
        (what, judged): (Judged, &Signed),
        frame: &Frame<'_>,
        (asking, moment): (&Asking, Moment),
        count: &dyn Fn(&Frame<'_>) -> Result<(), Refused>,
    ) -> Result<(), String> {
        let Some(freshness) = self.freshness() else {
            return Ok(());
        };
        let allowed = self.environment.break_glass.as_ref();
        let questions = standing::questions(judged, frame, allowed).map_err(refusal)?;
        if questions.is_empty() {
            return Ok(());
        }
        let (shown, unreached) = self
            .ask(&questions, (freshness, moment))
            .map_err(|failure| {
                let why = told(&failure);
                asking.unanswered.replace(Some((what, failure)));
                why
            })?;
        let frame = Frame {
            shown: Some(&shown),
            ..*frame
        };
        count(&frame).map_err(refusal)?;
        let mut fallen = standing::fallen(judged, &frame, allowed).map_err(refusal)?;
        fallen.truncate(MOST_TOLD);
        asking.asked.borrow_mut().push(AskedAgain {
            at: moment.now,
            request: judged.request,
            answers: questions.events.len(),
            fallen,
            unreached,
        });
        Ok(())
    }

    /// What forges show, and why not all of it where that is allowed.
    fn ask(
        &self,
        questions: &Questions,
        (freshness, moment): (Freshness, Moment),
    ) -> Result<(Shown, Option<String>), Failure> {
        let mut again = Again::default();
        let mut shown = Shown::nothing(freshness);
        let answered = self
            .ask_about_answers(questions, &mut again)
            .and_then(|()| self.ask_about_teams(questions, &mut shown));
        shown.events = again.0;
        match answered {
            Ok(()) => Ok((shown, None)),
            Err(error) if freshness == Freshness::IfReachable && is_silence(&error, moment) => {
                Ok((shown, Some(told(&error.into()))))
            }
            Err(error) => Err(unanswered(error)),
        }
    }

    fn ask_about_answers(&self, questions: &Questions, again: &mut Again) -> Result<(), Error> {
        let place = questions.asked.request.place.as_ref();
        let Some(place) = place.filter(|_| !questions.events.is_empty()) else {
            return Ok(());
        };
        let (options, until) = (self.options(), clock::now().after(PATIENCE));
        let about = (&questions.asked, questions.events.as_slice());
        let trust = &self.rules.trust;
        match place.forge {
            Forge::Github => {
                github::there(place)?;
                let least = self.environment.approval.as_ref().map(Approval::least);
                let least = least.unwrap_or(LEAST);
                GitHub::from_environment(&place.repository, &options, until)?.again(
                    about,
                    (trust, least),
                    again,
                )
            }
            Forge::Gitlab => {
                gitlab::there(place)?;
                GitLab::from_environment(&place.repository, &options, until)?
                    .again(about, trust, again)
            }
        }
    }

    fn ask_about_teams(&self, questions: &Questions, shown: &mut Shown) -> Result<(), Error> {
        let (options, until) = (self.options(), clock::now().after(PATIENCE));
        for team in &questions.teams {
            let on = team.instance();
            let accounts = match on.forge {
                Forge::Github => {
                    github::on(&on)?;
                    let github = GitHub::from_environment(team.path(), &options, until)?;
                    let members = github.team(team.parts())?.into_iter();
                    members.map(|member| member.id).collect()
                }
                Forge::Gitlab => {
                    let known = self.rules.trust.numbers(&on);
                    Groups::from_environment(&on, &options, until)?.members(team, &known)?
                }
            };
            shown.teams.insert(team.clone(), accounts);
        }
        Ok(())
    }
}

/// Whether an error says nothing about anybody. A plan may last longer than a
/// token: one that ends meanwhile is silence, one that was wrong from the
/// beginning is a fault.
const fn is_silence(error: &Error, moment: Moment) -> bool {
    let ended = matches!(error, Error::Token { .. });
    error.is_unreachable() || (moment.plan.is_some() && ended)
}

fn unanswered(error: Error) -> Failure {
    // No longer time would be given to a forge that wants fewer calls.
    let hint = if matches!(error, Error::Limited(_)) {
        Some("run the same command then".to_owned())
    } else {
        error.hint()
    };
    let kind = error.kind();
    let message = "nobody says whether the answers of the approval still stand";
    let failure = Failure::because(kind, message, error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
