//! Plans that nobody drives, as they should: paused, parked, or waiting for a
//! person's word.

use serde::{Deserialize, Serialize};

use super::journal::Journal;
use super::wish::{Asked, Wish};
use crate::state::{Document, Lease, Owner};
use crate::time::Time;
use crate::verdict::Verdict;

/// A step during which the runner was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// The step.
    pub step: String,
    /// Since when.
    pub at: Time,
    /// Parked: from when on it can be judged. Asked: until when somebody may
    /// say that it goes on.
    pub until: Time,
    /// What people are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
}

/// May this step go on without what it lacks?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What it lacks: `blind` is sight, `inconclusive` its sample.
    pub verdict: Verdict,
    /// Why it lacks that.
    pub why: String,
}

/// Why nobody goes on with a plan now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resting<'a> {
    /// Somebody paused it.
    Paused(&'a Wish),
    /// It bakes without a runner until then.
    Parked(&'a Rest),
}

/// What a schedule finds in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// No plan under way.
    Nothing,
    /// Somebody drives it.
    Driven(&'a Lease),
    /// Nobody drives it, as it should be.
    Resting(Resting<'a>),
    /// Nobody drives it, and somebody has to.
    Due,
}

impl Journal {
    /// What people are asked and nobody answered yet.
    #[must_use]
    pub fn question(&self) -> Option<&Question> {
        let rest = self.rest.as_ref()?;
        let question = rest.question.as_ref()?;
        let mut answers = self.advances(&rest.step);
        let answered = answers.any(|wish| wish.past == Some(question.verdict));
        (!answered && self.turned.is_none()).then_some(question)
    }
}

impl Document {
    /// Why nobody goes on with the plan under way at `now`. What goes back is
    /// never at rest, nor what has to go back for a hold.
    #[must_use]
    pub fn resting(&self, now: Time) -> Option<Resting<'_>> {
        let journal = &self.under_way()?.journal;
        if journal.is_going_back() || self.hold.is_some() {
            return None;
        }
        if let Asked::Stop(wish) = journal.asked() {
            return Some(Resting::Paused(wish));
        }
        // Where people are asked, it is looked at again each time: the answer
        // may have come from elsewhere, or a fault.
        let rest = journal.rest.as_ref()?;
        let parked = rest.question.is_none() && now < rest.until;
        parked.then_some(Resting::Parked(rest))
    }

    /// What a schedule has to do here at `now`.
    #[must_use]
    pub fn found(&self, now: Time, dead: &dyn Fn(&Owner) -> bool) -> Found<'_> {
        if self.under_way().is_none() {
            return Found::Nothing;
        }
        match (self.holder(now, dead), self.resting(now)) {
            (Some(lease), _) => Found::Driven(lease),
            (None, Some(resting)) => Found::Resting(resting),
            (None, None) => Found::Due,
        }
    }
}

impl Resting<'_> {
    /// From when on it goes on by itself; nothing where a person has to act.
    #[must_use]
    pub const fn resume_after(&self) -> Option<Time> {
        match self {
            Self::Paused(_) => None,
            Self::Parked(rest) => Some(rest.until),
        }
    }
}

impl std::fmt::Display for Resting<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Paused(wish) => write!(formatter, "{wish}; `promote advance` ends it"),
            Self::Parked(rest) => {
                write!(
                    formatter,
                    "{} is parked; resume after {}",
                    rest.step, rest.until
                )
            }
        }
    }
}
