//! Takes a look at the canary: gathers counts, has them judged.

use std::path::Path;
use std::time::Duration;

use liftlock::canary::counts::{self, Arm, Tally};
use liftlock::canary::metric::Metric;
use liftlock::canary::panel::{ONLY, Panel};
use liftlock::canary::sight::{Blind, Shift, Sight};
use liftlock::canary::{
    Against, Judgement, Margin, PassBy, Policy, Progress, Reached, Risk, Sample, Spread,
};
use liftlock::config::metrics::Metrics;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::journal::Journal;
use liftlock::plan::judge::Look;
use liftlock::plan::{Action, Judging, Kind as PlanKind, Plan};
use liftlock::span::Span;
use liftlock::telemetry::several::{self, Wanted};
use liftlock::time::Time;
use liftlock_io::file;
use liftlock_io::telemetry::{self, Source, further};

use crate::world::World;

/// The most bytes of a file with counts.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The least time after which silence is no sight.
const PATIENCE: Span = Span::seconds(10);

/// The counts of a plan and what hides them.
#[derive(Debug)]
pub struct Counts {
    tallies: Vec<Tally>,
    sight: Sight,
}

impl Counts {
    /// Whether a request to the canary was counted after this.
    fn has_any(&self, after: Time) -> bool {
        let mut rows = self.tallies.iter().filter(|row| row.time > after);
        rows.any(|row| row.counts.iter().any(|pair| pair.canary.total > 0))
    }
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
    /// From when on the canary is judged: beside the baseline since the first
    /// shift, beside the objective since it is alone.
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
        let further = self.further(question)?;
        let counts = self.counts(question, &further)?;
        let is_seen = question.beside == Beside::Baseline || counts.has_any(question.step);
        let policy = policy(judging, question, self.source_interval())?;
        let panel = panel(policy, &further)?;
        let progress = panel.watch(
            &counts.tallies,
            &counts.sight,
            (question.step, question.now),
        );
        Ok(seen(progress, is_seen))
    }

    /// The metrics of a plan with the edges that its histograms have now.
    ///
    /// # Errors
    ///
    /// Fails where the server cannot be asked, shows no edges, or is asked for
    /// what the plan does not have.
    pub(crate) fn edges(&self, plan: &Plan, now: Time) -> Result<Vec<Metric>, Failure> {
        let wanted = self.wanted(&plan.metrics)?;
        let source = self.source(plan, Beside::Baseline)?;
        let client = telemetry::client(&self.options())?;
        Ok(further::seen(&client, &source, &wanted, now)?)
    }

    /// What is judged beside the requests, and how it is asked for.
    fn further(&self, question: &Question<'_>) -> Result<Vec<(Wanted, Metric)>, Failure> {
        let (plan, journal) = (question.plan, question.journal);
        let metrics: Vec<Metric> = match question.beside {
            Beside::Baseline => journal.metrics.clone(),
            // What promises nothing is not judged without a baseline.
            Beside::Objective => {
                let promised = |metric: &&Metric| metric.against.is_some();
                plan.metrics.iter().filter(promised).cloned().collect()
            }
        };
        let begun = metrics.iter().map(|metric| Metric {
            edges: Vec::new(),
            by: Vec::new(),
            ..metric.clone()
        });
        if question.beside == Beside::Baseline && !begun.eq(plan.metrics.iter().cloned()) {
            let message = "the metrics under way are not those of the plan";
            return Err(Failure::new(Kind::Invalid, message));
        }
        let wanted = self.wanted(&metrics)?;
        Ok(wanted.into_iter().zip(metrics).collect())
    }

    /// How metrics of a plan are asked for.
    fn wanted(&self, metrics: &[Metric]) -> Result<Vec<Wanted>, Failure> {
        let known = self.environment.metrics.as_ref().map(Metrics::wanted);
        let known = known.transpose()?.unwrap_or_default();
        let find = |metric: &Metric| {
            let mut known = known.iter();
            let found = known.find(|one| one.metric.name == metric.name).cloned();
            found.ok_or_else(|| {
                let message = format!(
                    "the plan judges by `{}`, which is not in the configuration any more",
                    metric.name
                );
                Failure::new(Kind::Invalid, message)
            })
        };
        metrics.iter().map(find).collect()
    }

    fn source_interval(&self) -> Span {
        let metrics = self.environment.metrics.as_ref();
        let source = metrics.and_then(Metrics::source);
        source.map_or(Span::ZERO, |(provider, counters)| {
            counters.cadence(provider)
        })
    }

    fn counts(
        &self,
        question: &Question<'_>,
        further: &[(Wanted, Metric)],
    ) -> Result<Counts, Failure> {
        let Some(metrics) = &self.environment.metrics else {
            return Err(Failure::new(Kind::Bug, "a plan that judges has no metrics"));
        };
        let (mut tallies, faults) = match &metrics.counts {
            Some(path) => (recorded(path)?, Vec::new()),
            None => self.gathered(question, further)?,
        };
        // A row tells of the time before its end: one that ends with the shift
        // tells nothing of the canary.
        tallies.retain(|row| row.time > question.from && row.time <= question.now);
        if question.beside == Beside::Objective {
            for pair in tallies.iter_mut().flat_map(|row| &mut row.counts) {
                pair.baseline = Arm::default();
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
        Ok(Counts { tallies, sight })
    }

    fn gathered(
        &self,
        question: &Question<'_>,
        wanted: &[(Wanted, Metric)],
    ) -> Result<(Vec<Tally>, Vec<Blind>), Failure> {
        let mut source = self.source(question.plan, question.beside)?;
        let window = (question.from, source.settled(question.now));
        let client = telemetry::client(&self.options())?;
        let look = telemetry::rows(&client, &mut source, window.0, window.1)?;
        let mut first = look.gathered;
        if wanted.is_empty() {
            let tallies = first.rows.iter().map(Tally::from).collect();
            return Ok((tallies, first.faults));
        }
        let found = further::columns(&client, &source, wanted, window)?;
        let metrics = wanted.iter().map(|(_, metric)| metric.clone());
        let columns: Vec<_> = metrics.zip(found.columns).collect();
        let tallies = several::beside(&mut first, &columns);
        Ok((tallies, first.faults))
    }

    fn source(&self, plan: &Plan, beside: Beside) -> Result<Source, Failure> {
        let found = self.environment.metrics.as_ref().and_then(Metrics::source);
        let (Some((provider, place)), Some(slots)) = (found, &plan.slots) else {
            return Err(Failure::new(Kind::Bug, "a plan that judges has no slots"));
        };
        let baseline = match beside {
            Beside::Baseline => Some(slots.stable.as_str()),
            Beside::Objective => None,
        };
        let canary = slots.canary.as_str();
        Ok(Source::new(provider, place, baseline, canary)?)
    }
}

/// The rows of a file with counts.
pub(crate) fn recorded(path: &str) -> Result<Vec<Tally>, Failure> {
    let bytes = file::read(Path::new(path), LARGEST)?;
    let rows = counts::parse(&bytes).map_err(|error| {
        // It may be in the middle of being written.
        Failure::new(Kind::Blind, format!("cannot understand `{path}`: {error}"))
    })?;
    Ok(rows.iter().map(Tally::from).collect())
}

/// Nothing seen yet, of the requests and of what is judged beside them.
fn panel(policy: Policy, further: &[(Wanted, Metric)]) -> Result<Panel, Failure> {
    if further.is_empty() {
        return Ok(Panel::single(policy));
    }
    let first = ONLY
        .parse()
        .map_err(|_never| Failure::new(Kind::Bug, "the first count has no name"))?;
    let metrics = further.iter().map(|(_, metric)| metric.clone());
    let metrics: Vec<Metric> = [Metric::new(first)].into_iter().chain(metrics).collect();
    Ok(Panel::new(&policy, &metrics)?)
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
    let horizon = match (question.beside, question.plan.kind) {
        (Beside::Objective, PlanKind::Promotion | PlanKind::First) => question.plan.alone_for(),
        (Beside::Baseline, _) | (Beside::Objective, PlanKind::Rollback) => judging.horizon,
    };
    Ok(Policy {
        alpha: Risk::try_from(judging.alpha * question.plan.part()).map_err(invalid)?,
        margin: Margin::try_from(judging.margin).map_err(invalid)?,
        spread: Spread::try_from(judging.spread).map_err(invalid)?,
        horizon,
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

fn seen(progress: Progress, is_seen: bool) -> Seen {
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
        Progress::Going(_, judgement) if !is_seen || judgement.canary.total == 0 => Seen {
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
    let metric = judgement.metric.as_ref();
    let metric = metric.map_or(String::new(), |metric| format!("{metric}: "));
    format!(
        "{metric}canary {} bad of {}, baseline {} of {}{ratio}, ln E {:.2}",
        judgement.canary.bad,
        judgement.canary.total,
        judgement.baseline.bad,
        judgement.baseline.total,
        judgement.log_e_fail,
    ) + &places(judgement)
}

/// Where the fault is, as far as labels tell.
fn places(judgement: &Judgement) -> String {
    let named = judgement.places.iter().filter(|place| place.is_named());
    let names: Vec<String> = named.take(3).map(|one| one.place.to_string()).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(", most of it at {}", names.join(", ")),
    }
}
