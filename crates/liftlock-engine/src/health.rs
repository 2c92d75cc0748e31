//! Whether what was gone back to keeps its objective: looked at for a short
//! while, after the way down is over. Nothing hangs on it.

use std::time::Duration;

use liftlock::plan::Action;
use liftlock::plan::judge::Look;
use liftlock::record::{Id, Kind, Record};
use liftlock::span::Span;
use liftlock::state::Run;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use serde::Serialize;

use crate::drive::Engine;
use crate::look::{Beside, Question};

/// What was seen of a release that is live again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "health", content = "seen", rename_all = "kebab-case")]
pub enum Health {
    /// It keeps its objective, by enough requests.
    Healthy(String),
    /// It does not.
    Unhealthy(String),
    /// There was no sight, or too few requests came.
    Unseen(String),
    /// Nobody asked, or there is nothing to ask or to hold it to.
    NotJudged(String),
}

impl Health {
    /// What it means for the run: only a release that is seen to be ill is no
    /// end of the incident.
    #[must_use]
    pub const fn fails(&self) -> bool {
        match self {
            Self::Unhealthy(_) => true,
            Self::Healthy(_) | Self::Unseen(_) | Self::NotJudged(_) => false,
        }
    }

    /// In one line.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Healthy(seen) => format!("healthy: {seen}"),
            Self::Unhealthy(seen) => format!("it does not keep its objective: {seen}"),
            Self::Unseen(why) => format!("its health was not seen: {why}"),
            Self::NotJudged(why) => format!("its health was not judged: {why}"),
        }
    }

    const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Healthy(_) => Some(Verdict::Pass),
            Self::Unhealthy(_) => Some(Verdict::Fail),
            Self::Unseen(_) => Some(Verdict::Blind),
            Self::NotJudged(_) => None,
        }
    }
}

impl Engine<'_> {
    /// Looks at what the last plan made live, until enough requests were seen,
    /// it is seen to be ill, or that long is over.
    #[must_use]
    pub fn health(&self, length: Span) -> Health {
        let environment = &self.world.environment;
        let Some(run) = &self.document().run else {
            return Health::NotJudged("there was no plan".to_owned());
        };
        let why = if length == Span::ZERO {
            "nobody asked for it"
        } else if run.plan.judging.is_none() || environment.availability.is_none() {
            "there is no `slo.availability`"
        } else if environment.metrics.is_none() {
            "there are no `metrics`"
        } else {
            return self.looked_at(run, length);
        };
        Health::NotJudged(why.to_owned())
    }

    fn looked_at(&self, run: &Run, length: Span) -> Health {
        let since = shifted_at(run);
        let until = self.pace.now().after(length);
        loop {
            let now = self.pace.now();
            let seen = self.world.look(&Question {
                plan: &run.plan,
                journal: &run.journal,
                from: since,
                step: since,
                requests: self.world.environment.min_requests,
                beside: Beside::Objective,
                now,
            });
            let why = match seen.map(|seen| seen.look) {
                Ok(Look::Failed(seen)) => return Health::Unhealthy(seen),
                Ok(Look::Going {
                    sampled: true,
                    seen,
                }) => return Health::Healthy(seen),
                Ok(Look::Going { seen, .. }) => format!("too few requests came: {seen}"),
                Ok(Look::Blind(why)) => why,
                Err(failure) => failure.lines().join(": "),
            };
            let left = u64::try_from(until.millis_since(now)).unwrap_or(0);
            let pause = self.world.environment.look.millis().min(left);
            if left == 0 || self.pace.wait(Duration::from_millis(pause)).is_err() {
                return Health::Unseen(why);
            }
        }
    }

    /// The record of what was seen, where something was looked at.
    #[must_use]
    pub fn health_record(&self, health: &Health) -> Option<Record> {
        let run = self.document().run.as_ref()?;
        let verdict = health.verdict()?;
        // Whoever looks again and sees the same tells nothing new.
        let id = Id::derived(&[&run.id.to_string(), "health", verdict.word()]);
        let mut record = self.world.record(id, Kind::CanaryJudged, self.pace.now());
        record.release = Some(run.plan.release.clone());
        record.plan = Some(run.id);
        record.verdict = Some(verdict);
        record
            .detail
            .insert("reason".to_owned(), health.told().into());
        Some(record)
    }
}

/// When the requests were given to what is live now.
fn shifted_at(run: &Run) -> Time {
    let mut steps = run.plan.steps.iter();
    let shift = steps.find(|step| matches!(step.action, Action::Shift { .. }));
    let ended = shift.and_then(|step| run.journal.entry(&step.id)?.ended_at);
    ended.unwrap_or(run.plan.made_at)
}
