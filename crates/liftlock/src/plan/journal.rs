//! What was begun and done of a plan: written before and after every effect.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Step;
use super::rest::Rest;
use super::wish::Wish;
use crate::approval::fresh::AskedAgain;
use crate::canary::metric::Metric;
use crate::time::Time;
use crate::verdict::Verdict;

/// Everything that happened to a plan so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// Steps in the order they were begun.
    pub entries: Vec<Entry>,
    /// The metrics of the plan with the edges that their histograms had when
    /// the canary was first looked at: one set of edges for all looks, or each
    /// look would spend the risk anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// When forges were asked whether answers still stand, and what came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fresh: Vec<AskedAgain>,
    /// What people asked of the plan, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wishes: Vec<Wish>,
    /// Pointers that a way down found at what is somebody else's, and left there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// The step during which the runner was given back last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
    /// What people have to merge before steps can end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Requested>,
    /// Where the last run was stuck; empty once somebody goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stuck: Vec<String>,
    /// Why and when the way back began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned: Option<Turned>,
    /// The way back, fixed when it began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<Step>,
}

/// One step that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The step's id.
    pub step: String,
    /// The fence of whoever began it last.
    pub fence: u64,
    /// When it was begun.
    pub began_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// What is worth telling about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A step waits until people merge a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// The step.
    pub step: String,
    /// The request's page.
    pub page: String,
    /// Until when; on a way down there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

impl fmt::Display for Requested {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, page, until } = self;
        write!(formatter, "{step} waits until {page} is merged")?;
        match until {
            Some(until) => write!(formatter, "; it goes back unless that is before {until}"),
            None => Ok(()),
        }
    }
}

/// The way back began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    /// What was decided.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Time,
}

impl Journal {
    /// The entry of a step.
    #[must_use]
    pub fn entry(&self, step: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.step == step)
    }

    /// Whether a step ended.
    #[must_use]
    pub fn is_done(&self, step: &str) -> bool {
        self.entry(step)
            .is_some_and(|entry| entry.ended_at.is_some())
    }

    /// Notes that a step is begun, or taken up again by a new owner.
    pub fn begin(&mut self, step: &str, fence: u64, now: Time) {
        self.stuck.clear();
        match self.entries.iter_mut().find(|entry| entry.step == step) {
            Some(entry) => entry.fence = fence,
            None => self.entries.push(Entry {
                step: step.to_owned(),
                fence,
                began_at: now,
                ended_at: None,
                note: String::new(),
            }),
        }
    }

    /// Forgets intents that came to nothing.
    pub fn forget(&mut self, steps: &[String]) {
        self.entries.retain(|entry| !steps.contains(&entry.step));
    }

    /// Notes that a step ended.
    pub fn end(&mut self, step: &str, note: String, now: Time) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.step == step) {
            entry.ended_at = Some(now);
            entry.note = note;
        }
        if self.rest.as_ref().is_some_and(|rest| rest.step == step) {
            self.rest = None;
        }
        self.requests.retain(|request| request.step != step);
    }

    /// Notes what people have to merge before a step can end.
    pub fn request(&mut self, request: Requested) {
        self.requests.retain(|other| other.step != request.step);
        self.requests.push(request);
    }
}
