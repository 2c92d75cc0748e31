//! What was begun and done of a plan: written before and after every effect.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rest::Rest;
use super::wish::Wish;
use super::{Action, Step};
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
    /// When people merged what it asked for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_at: Option<Time>,
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

impl Entry {
    /// When people moved what this step asked them to: within its time, as the
    /// forge's clock is another one. Where nobody knows when, from its beginning
    /// on they may have.
    #[must_use]
    pub fn moved_at(&self) -> Option<Time> {
        let latest = self.ended_at.or(self.merged_at)?;
        let merged = self.merged_at.unwrap_or(self.began_at);
        Some(merged.min(latest).max(self.began_at))
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
                merged_at: None,
                note: String::new(),
            }),
        }
    }

    /// Forgets intents that came to nothing.
    pub fn forget(&mut self, steps: &[String]) {
        self.entries.retain(|entry| !steps.contains(&entry.step));
    }

    /// Notes when people merged what a step asked for; where nobody knows when,
    /// they may have from its beginning on.
    pub fn merged(&mut self, step: &str, at: Option<Time>) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.step == step) {
            entry.merged_at = Some(at.unwrap_or(entry.began_at));
        }
    }

    /// Notes that a step ended. What it asked for, or withdrew, nobody merges any
    /// more.
    pub fn end(&mut self, step: &str, note: String, now: Time) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.step == step) {
            entry.ended_at = Some(now);
            entry.note = note;
        }
        if self.rest.as_ref().is_some_and(|rest| rest.step == step) {
            self.rest = None;
        }
        let withdraws = self.back.iter().find(|back| back.id == step);
        let other = withdraws.and_then(withdrawn);
        let is_over = |asked: &str| asked == step || Some(asked) == other;
        self.requests.retain(|request| !is_over(&request.step));
    }

    /// What people can merge, one line each. What goes back does not wait for it.
    #[must_use]
    pub fn open_requests(&self) -> Vec<String> {
        let is_withdrawn = |asked: &str| {
            let mut back = self.back.iter();
            back.any(|step| withdrawn(step) == Some(asked))
        };
        let told = |request: &Requested| match is_withdrawn(&request.step) {
            true => format!(
                "{} may still be open: nobody is to merge it any more",
                request.page
            ),
            false => request.to_string(),
        };
        self.requests.iter().map(told).collect()
    }

    /// Notes what people have to merge before a step can end.
    pub fn request(&mut self, request: Requested) {
        self.requests.retain(|other| other.step != request.step);
        self.requests.push(request);
    }
}

/// The step whose request a step withdraws.
const fn withdrawn(step: &Step) -> Option<&str> {
    let Action::Withdraw { step, .. } = &step.action else {
        return None;
    };
    Some(step.as_str())
}
