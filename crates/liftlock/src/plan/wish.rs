//! What people ask of a plan under way: to go back, to stop, to go on.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::journal::Journal;
use super::next::{Next, next};
use crate::failure;
use crate::record::Actor;
use crate::state::{Document, Hold, Run};
use crate::time::Time;
use crate::verdict::Verdict;

/// The most characters of a reason.
const LONGEST_REASON: usize = 4_000;

/// The most that is asked of one plan: the state has to be small.
const MOST: usize = 100;

/// What somebody asks of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wish {
    /// What.
    pub what: What,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Time,
    /// The step that was next or under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Of an advance: what that step may go on without; `blind` is without
    /// sight, `inconclusive` without its sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<Verdict>,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// To go back, for good.
    Abort,
    /// To stop where it is.
    Pause,
    /// To go on after a pause or a question.
    Advance,
}

/// What follows from everything that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// Nothing that is in the way.
    Nothing,
    /// To stop.
    Stop(&'a Wish),
    /// To go back.
    Back(&'a Wish),
}

impl Wish {
    /// A wish with its reason.
    ///
    /// # Errors
    ///
    /// Refuses a reason that is empty or too long to be recorded.
    pub fn new(what: What, reason: &str, by: Actor, at: Time) -> Result<Self, Refusal> {
        Ok(Self {
            what,
            reason: self::reason(reason)?.to_owned(),
            by,
            at,
            step: None,
            past: None,
        })
    }

    /// Notes it in the state.
    ///
    /// # Errors
    ///
    /// Refuses where no plan is under way, or one that goes down, and what would
    /// change nothing or go past what nobody may go past. A reconcile can be
    /// aborted and nothing else.
    pub fn note(&self, document: &mut Document) -> Result<(), Refusal> {
        let held = document.hold.as_ref().map(|hold| hold.reason.clone());
        let run = document.run.as_mut().filter(|run| run.verdict.is_none());
        let run = run.ok_or(Refusal::Nothing)?;
        let ends = run.plan.reconciles() && self.what == What::Abort;
        if run.plan.kind == Kind::Rollback && !ends {
            return Err(Refusal::Down(run.plan.release.id.clone()));
        }
        let journal = &mut run.journal;
        let mut past = None;
        match (self.what, journal.is_going_back(), journal.asked()) {
            // It goes back already.
            (What::Abort, true, _) => return Ok(()),
            (What::Abort, false, _) => {}
            (What::Pause | What::Advance, true, _) => return Err(Refusal::GoesBack),
            (What::Pause, false, Asked::Stop(wish)) => {
                return Err(Refusal::Paused(wish.to_string()));
            }
            (What::Pause, false, Asked::Nothing | Asked::Back(_)) => {}
            (What::Advance, false, asked) => {
                let question = journal.question();
                // It goes back by then, whoever looks: a later word is none.
                let late = journal.rest.as_ref().map(|rest| rest.until);
                let late = late.filter(|until| question.is_some() && self.at >= *until);
                past = question.map(|question| question.verdict);
                match (asked, late) {
                    (Asked::Stop(_), Some(_)) => past = None,
                    (Asked::Stop(_), None) => {}
                    (_, Some(until)) => return Err(Refusal::TooLate(until)),
                    (_, None) if past.is_none() => return Err(Refusal::NotWaiting),
                    (_, None) => {}
                }
                if let Some(reason) = held {
                    return Err(Refusal::Held(reason));
                }
            }
        }
        if journal.wishes.len() >= MOST {
            return Err(Refusal::TooMany);
        }
        let step = match next(&run.plan, journal) {
            Next::Up(step) | Next::Back(step) => Some(step.id),
            Next::Done(_) => None,
        };
        journal.wishes.push(Self {
            step,
            past,
            ..self.clone()
        });
        Ok(())
    }
}

impl std::fmt::Display for Wish {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let did = match self.what {
            What::Abort => "aborted",
            What::Pause => "paused",
            What::Advance => "advanced",
        };
        let past = match self.past {
            Some(verdict) => format!(" past {verdict}"),
            None => String::new(),
        };
        write!(formatter, "{did}{past} by {}: {}", self.by.id, self.reason)
    }
}

impl Journal {
    /// What follows from everything that people asked so far. An abort stands;
    /// of pauses and advances the last one does.
    #[must_use]
    pub fn asked(&self) -> Asked<'_> {
        let of = |what: What| move |wish: &&Wish| wish.what == what;
        if let Some(wish) = self.wishes.iter().find(of(What::Abort)) {
            return Asked::Back(wish);
        }
        match self.wishes.last() {
            Some(wish) if wish.what == What::Pause => Asked::Stop(wish),
            Some(_) | None => Asked::Nothing,
        }
    }

    /// Whether the way back began, or begins with the next step.
    #[must_use]
    pub fn is_going_back(&self) -> bool {
        self.turned.is_some() || matches!(self.asked(), Asked::Back(_))
    }

    /// Who let this step go on without what it lacked, each time.
    pub fn advances<'a>(&'a self, step: &'a str) -> impl Iterator<Item = &'a Wish> {
        self.wishes
            .iter()
            .filter(move |wish| wish.past.is_some() && wish.step.as_deref() == Some(step))
    }
}

impl Run {
    /// Why the plan has to go back now, by what people did since it began: an
    /// abort, or a hold, which holds up no way down.
    #[must_use]
    pub fn called_back(&self, hold: Option<&Hold>) -> Option<String> {
        if self.journal.turned.is_some() {
            return None;
        }
        if let Asked::Back(wish) = self.journal.asked() {
            return Some(wish.to_string());
        }
        match self.plan.kind {
            Kind::Promotion | Kind::First => hold.map(Hold::told),
            Kind::Rollback => None,
        }
    }
}

/// A reason that can be recorded.
///
/// # Errors
///
/// Refuses one that is empty or too long.
pub fn reason(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_REASON {
        return Err(Refusal::Reason);
    }
    Ok(text)
}

/// Why nothing can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No plan.
    #[error("there is no plan under way")]
    Nothing,
    /// A way down is held up by nobody.
    #[error("the plan under way is a way back to {0}, which nothing holds up")]
    Down(String),
    /// The way back is not held up either.
    #[error("the plan under way goes back already, which nothing holds up")]
    GoesBack,
    /// Once is enough.
    #[error("the plan under way is {0}")]
    Paused(String),
    /// Nothing to go on after.
    #[error("the plan under way neither is paused nor asks anybody")]
    NotWaiting,
    /// The question had its time.
    #[error("the plan under way waited for a word until {0} and goes back")]
    TooLate(Time),
    /// A hold is lifted, not gone past.
    #[error("a hold is in place: {0}")]
    Held(String),
    /// Nobody says yes to their own run.
    #[error("{0} had a part in the run that began the plan: somebody else has to advance it")]
    Began(String),
    /// Nobody can tell who says yes to whom.
    #[error("whoever began the plan and whoever advances it have to be known in `people`")]
    Unknown,
    /// Nobody can tell whether who says yes is who began it.
    #[error("{0}, so nobody can tell whether somebody else advances the plan than began it")]
    Untold(String),
    /// Somebody asks in a loop.
    #[error("{MOST} wishes were noted for this plan: it takes no more")]
    TooMany,
    /// No reason that could be recorded.
    #[error("`--reason` has to say why, in at most {LONGEST_REASON} characters")]
    Reason,
}

impl failure::Explain for Refusal {
    fn kind(&self) -> failure::Kind {
        match self {
            Self::Nothing
            | Self::Down(_)
            | Self::GoesBack
            | Self::Paused(_)
            | Self::TooLate(_)
            | Self::Held(_)
            | Self::TooMany => failure::Kind::Blocked,
            Self::NotWaiting => failure::Kind::Invalid,
            Self::Began(_) | Self::Unknown | Self::Untold(_) => failure::Kind::Refuted,
            Self::Reason => failure::Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Nothing | Self::NotWaiting => "look at `promote status`",
            Self::Down(_) | Self::GoesBack | Self::TooLate(_) => "run `promote resume`",
            Self::Paused(_) => "run `promote advance` to end it",
            Self::Held(_) => "run `rollback lift`, or `promote abort`",
            Self::TooMany => "run `promote abort`",
            Self::Untold(_) => {
                "run it in the CI, with its account below `people`, or give `--person NAME --person-key KEY`, here and where plans begin"
            }
            Self::Began(_) | Self::Unknown | Self::Reason => return None,
        };
        Some(hint.to_owned())
    }
}
