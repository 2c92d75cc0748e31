//! Takes a look at the canary: gathers counts, has them judged.

use std::path::Path;
use std::time::Duration;

use liftlock::canary::counts::{self, Row};
use liftlock::canary::sight::{Shift, Sight};
use liftlock::canary::{
    Against, Evidence, Judgement, Margin, PassBy, Policy, Progress, Reached, Risk, Sample, Spread,
    watch,
};
use liftlock::config::metrics::Metrics;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::journal::Journal;
use liftlock::plan::judge::Look;
use liftlock::plan::{Action, Judging, Kind as PlanKind, Plan};
use liftlock::span::Span;
use liftlock::time::Time;
use liftlock_io::{file, telemetry};

use crate::world::World;

/// The most bytes of a file with counts.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The least time after which silence is no sight.
const PATIENCE: Span = Span::seconds(10);

/// The counts of a plan and what hides them.
#[derive(Debug)]
pub struct Counts {
    rows: Vec<Row>,
    sight: Sight,
}

/// A look with the numbers behind it.
#[derive(Debug)]
pub struct Seen {
    /// What it means for the plan.
    pub look: Look,
    /// The numbers.
    pub judgement: Judgement,
}

/// What is asked of a look.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What was done of it.
    pub journal: &'a Journal,
    /// From when on the canary is judged.
    pub from: Time,
    /// When this step's share was in force.
    pub step: Time,
    /// The least number of requests in this step.
    pub requests: u64,
    /// Whether there is a baseline beside the canary.
    pub beside: Beside,
    /// Now.
    pub now: Time,
}

/// What the canary is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// The release before, at the same time.
    Baseline,
    /// The promise alone.
    Objective,
}

impl World {
    /// Looks at the canary from the first shift of the plan on.
    ///
    /// # Errors
    ///
    /// Fails where waiting would not help: wrong queries, files or credentials.
    pub fn look(&self, question: &Question<'_>) -> Result<Seen, Failure> {
        let Some(judging) = &question.plan.judging else {
            return Err(Failure::new(
                Kind::Bug,
                "a plan without judging has a step that judges",
            ));
        };
        let counts = self.counts(question)?;
        let policy = policy(judging, question, self.source_interval())?;
        let evidence = Evidence {
            rows: &counts.rows,
            sight: &counts.sight,
        };
        let progress = watch(&policy, &evidence, question.step, question.now);
        Ok(seen(progress))
    }

    fn source_interval(&self) -> Span {
        let metrics = self.environment.metrics.as_ref();
        let source = metrics.and_then(Metrics::source);
        source.map_or(Span::ZERO, |(provider, counters)| {
            counters.cadence(provider)
        })
    }

    fn counts(&self, question: &Question<'_>) -> Result<Counts, Failure> {
        let Some(metrics) = &self.environment.metrics else {
            return Err(Failure::new(Kind::Bug, "a plan that judges has no metrics"));
        };
        let (mut rows, faults) = self.rows(metrics, question)?;
        // A row tells of the time before its end: one that ends with the shift
        // tells nothing of the canary.
        rows.retain(|row| row.time > question.from && row.time <= question.now);
        if question.beside == Beside::Objective {
            for row in &mut rows {
                row.baseline = counts::Arm { total: 0, bad: 0 };
            }
        }
        let (shifts, changing) = match question.beside {
            Beside::Baseline => shifts(question),
            Beside::Objective => (Vec::new(), Vec::new()),
        };
        let sight = Sight {
            shifts,
            changing,
            faults,
        };
        Ok(Counts { rows, sight })
    }

    fn rows(
        &self,
        metrics: &Metrics,
        question: &Question<'_>,
    ) -> Result<(Vec<Row>, Vec<liftlock::canary::sight::Blind>), Failure> {
        if let Some(path) = &metrics.counts {
            let bytes = file::read(Path::new(path), LARGEST)?;
            let rows = counts::parse(&bytes).map_err(|error| {
                // It may be in the middle of being written.
                Failure::new(Kind::Blind, format!("cannot understand `{path}`: {error}"))
            })?;
            return Ok((rows, Vec::new()));
        }
        let (Some((provider, place)), Some(slots)) = (metrics.source(), &question.plan.slots)
        else {
            return Err(Failure::new(Kind::Bug, "a plan that judges has no slots"));
        };
        let baseline = match question.beside {
            Beside::Baseline => Some(slots.stable.as_str()),
            Beside::Objective => None,
        };
        let canary = slots.canary.as_str();
        let mut source = telemetry::Source::new(provider, place, baseline, canary)?;
        let to = source.settled(question.now);
        let client = telemetry::client(&self.options())?;
        let look = telemetry::rows(&client, &mut source, question.from, to)?;
        Ok((look.gathered.rows, look.gathered.faults))
    }
}

/// The canary's share over time as the journal tells it, and when it was being
/// changed.
fn shifts(question: &Question<'_>) -> (Vec<Shift>, Vec<(Time, Time)>) {
    let canary = question.plan.slots.as_ref().map(|slots| &slots.canary);
    let steps = question.plan.steps.iter();
    steps
        .filter_map(|step| {
            let Action::Shift { weights } = &step.action else {
                return None;
            };
            let entry = question.journal.entry(&step.id)?;
            let since = entry.ended_at?;
            let weight = *weights.get(canary?)?;
            Some((Shift { since, weight }, (entry.began_at, since)))
        })
        .unzip()
}

fn policy(judging: &Judging, question: &Question<'_>, interval: Span) -> Result<Policy, Failure> {
    let invalid = |error: liftlock::canary::Invalid| Failure::from(error);
    let stale = Duration::from_millis(judging.look.millis().max(interval.millis()) * 4);
    let stale = u32::try_from(stale.as_secs()).unwrap_or(u32::MAX);
    let against = match (question.beside, question.plan.kind, judging.availability) {
        (Beside::Baseline, PlanKind::Promotion | PlanKind::Rollback, _) => Against::Baseline,
        (_, _, Some(promised)) => Against::slo(promised).map_err(invalid)?,
        (_, _, None) => {
            return Err(Failure::new(
                Kind::Bug,
                "a plan judges against no objective",
            ));
        }
    };
    Ok(Policy {
        alpha: Risk::try_from(judging.alpha).map_err(invalid)?,
        margin: Margin::try_from(judging.margin).map_err(invalid)?,
        spread: Spread::try_from(judging.spread).map_err(invalid)?,
        horizon: judging.horizon,
        sample: Sample {
            requests: question.requests,
            time: Span::ZERO,
        },
        pass_by: PassBy::Sample,
        against,
        max_staleness: Span::seconds(stale).max(PATIENCE),
        ..Policy::default()
    })
}

fn seen(progress: Progress) -> Seen {
    match progress {
        Progress::Fail(judgement) => Seen {
            look: Look::Failed(told(&judgement)),
            judgement,
        },
        Progress::Blind(judgement) => Seen {
            look: Look::Blind(
                judgement
                    .detail
                    .clone()
                    .unwrap_or_else(|| "there is no sight".to_owned()),
            ),
            judgement,
        },
        // Whoever was never seen was not looked at.
        Progress::Going(_, judgement) if judgement.canary.total == 0 => Seen {
            look: Look::Blind("no request to the canary was counted".to_owned()),
            judgement,
        },
        Progress::Going(reached, judgement) => Seen {
            look: Look::Going {
                sampled: reached == Reached::Yes,
                seen: told(&judgement),
            },
            judgement,
        },
    }
}

/// The numbers of a judgement in one line.
#[must_use]
pub fn told(judgement: &Judgement) -> String {
    let ratio = judgement
        .odds_ratio
        .map_or(String::new(), |ratio| format!(", odds ratio {ratio:.2}"));
    format!(
        "canary {} bad of {}, baseline {} of {}{ratio}, ln E {:.2}",
        judgement.canary.bad,
        judgement.canary.total,
        judgement.baseline.bad,
        judgement.baseline.total,
        judgement.log_e_fail,
    )
}
