//! Several counts of one canary, judged together under one risk.
//!
//! Decisive metrics share what planned looks may spend, by their weights; all
//! but the shown ones share one e-value, their weighted mean. So the chance
//! that a healthy canary ever fails is that of the policy, however the counts
//! depend on each other.

mod places;
mod proved;
mod stored;
mod warm_up;

use serde::{Deserialize, Serialize};

use super::combine::ln_mean;
use super::counts::{Arm, Pair, Tally};
use super::histogram::{Histogram, Pilot};
use super::limit::Most;
use super::metric::{Edge, Metric, Role};
use super::place::Place;
use super::policy::{ALGORITHM, Against, Invalid, Policy, Unit};
use super::state::State;
use crate::digest::Digest;
use crate::name::Name;
use crate::percent::Percent;
use crate::time::Time;

/// The most counts of a panel, each edge of a histogram being one.
pub const MOST_STRANDS: usize = 2_000;

/// The name of the count of a panel that has only one.
pub const ONLY: &str = "requests";

/// What is known about a canary after some rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    algorithm: String,
    policy: Policy,
    /// All weights together, some of which are not yet at stake.
    weights: f64,
    strands: Vec<Strand>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    histograms: Vec<Histogram>,
    /// The end of the first row in which the canary had a request.
    served: Option<Time>,
}

/// One count of a panel.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strand {
    /// The metric that it is of.
    pub metric: Name,
    /// Requests above this are bad, where the metric is a histogram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<Edge>,
    /// Where, in a count of one value of a label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The most that a value may be, where means are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Most>,
    /// What it may decide.
    pub role: Role,
    /// Its part in the common evidence, not yet divided by all weights.
    pub(super) weight: f64,
    /// Requests of both slots, and those above the edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pilot: Option<Pilot>,
    /// What its rows left behind.
    pub(super) state: State,
}

impl Panel {
    /// Nothing seen yet, of some metrics.
    ///
    /// # Errors
    ///
    /// Fails when no metric is decisive, when two have one name, when there
    /// are too many counts, and when a rate is held against an objective.
    pub fn new(policy: &Policy, metrics: &[Metric]) -> Result<Self, Invalid> {
        let decisive = |metric: &&Metric| metric.role == Role::Decisive;
        let all: f64 = metrics
            .iter()
            .filter(decisive)
            .map(|metric| metric.weight.real())
            .sum();
        if all <= 0.0 {
            return Err(Invalid::NoMetric);
        }
        let counts = metrics
            .iter()
            .map(|metric| metric.counts().saturating_add(metric.places()));
        let counts = counts.fold(0, usize::saturating_add);
        if counts > MOST_STRANDS {
            return Err(Invalid::TooMany(counts));
        }
        let mut strands: Vec<Strand> = Vec::new();
        let mut histograms = Vec::new();
        for metric in metrics {
            if strands.iter().any(|strand| strand.metric == metric.name) {
                return Err(Invalid::Twice(metric.name.clone()));
            }
            strands.extend(of(metric, policy, all)?);
            if !metric.edges.is_empty() {
                histograms.push(Histogram::new(metric, weight(metric), part(metric, all)));
            }
        }
        // Behind all counts that decide something.
        for metric in metrics {
            strands.extend(places::of(metric, policy)?);
        }
        Ok(Self {
            algorithm: ALGORITHM.to_owned(),
            policy: policy.clone(),
            weights: metrics.iter().map(weight).sum(),
            strands,
            histograms,
            served: None,
        })
    }

    /// Nothing seen yet, of one count.
    #[must_use]
    pub fn single(policy: Policy) -> Self {
        let state = State::new(policy.clone());
        let strands = ONLY.parse().ok().map(|metric| Strand {
            metric,
            edge: None,
            place: None,
            most: None,
            role: Role::Decisive,
            weight: 1.0,
            pilot: None,
            state,
        });
        Self {
            algorithm: ALGORITHM.to_owned(),
            policy,
            weights: 1.0,
            strands: strands.into_iter().collect(),
            histograms: Vec::new(),
            served: None,
        }
    }

    /// Takes the counts of one more row, and the canary's share of traffic
    /// during it where that is known. A count that is missing says nothing.
    pub fn push(&mut self, tally: &Tally, share: Option<Percent>) {
        let missing = std::iter::repeat(&Pair {
            baseline: Arm { total: 0, bad: 0 },
            canary: Arm { total: 0, bad: 0 },
        });
        let counts = tally.counts.iter().chain(missing);
        if self.is_warming(tally) {
            for (strand, pair) in self.strands.iter_mut().zip(counts) {
                strand.state.skip(&pair.row(tally.time));
            }
            return;
        }
        for (strand, pair) in self.strands.iter_mut().zip(counts.clone()) {
            if let Some(pilot) = &mut strand.pilot {
                pilot.pool(pair);
            }
        }
        for histogram in &mut self.histograms {
            histogram.begin(&mut self.strands);
        }
        // The share is tested once, by the count that the others are beside.
        let mut share = share;
        for (strand, pair) in self.strands.iter_mut().zip(counts) {
            let row = pair.row(tally.time);
            let requests = strand.state.policy().unit == Unit::Share;
            let share = if requests { share.take() } else { None };
            match &strand.pilot {
                Some(pilot) if !pilot.is_tested() => strand.state.pass_over(&row),
                Some(_) | None => strand.state.push(&row, share),
            }
        }
    }

    /// The rules of the panel.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The counts, in the order of a tally.
    #[must_use]
    pub fn strands(&self) -> &[Strand] {
        &self.strands
    }

    /// The count that tells of the traffic: the first decisive one.
    pub(super) fn lead(&self) -> Option<&Strand> {
        self.decisive().next()
    }

    pub(super) fn decisive(&self) -> impl Iterator<Item = &Strand> {
        let decisive = |strand: &&Strand| strand.role == Role::Decisive;
        self.strands.iter().filter(decisive)
    }

    /// The end of the newest row.
    #[must_use]
    pub fn last(&self) -> Option<Time> {
        self.lead().and_then(|lead| lead.state.last())
    }

    /// Rows taken so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.lead().map_or(0, |lead| lead.state.rows())
    }

    /// The hash chain over all rows taken so far; of several counts, the hash
    /// over theirs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self.strands.as_slice() {
            [only] => only.state.digest(),
            several => {
                let lines = several
                    .iter()
                    .map(|strand| format!("{} {}\n", strand.state.digest().hex(), strand.name()));
                Digest::of(lines.collect::<String>().as_bytes())
            }
        }
    }

    /// `ln E` of the common evidence that the canary is worse.
    #[must_use]
    pub fn ln_e_fail(&self) -> f64 {
        let staked = self.strands.iter().filter(|strand| strand.weight > 0.0);
        let mut counted: Vec<(f64, f64)> = staked
            .map(|strand| (strand.weight, strand.state.ln_e_fail()))
            .collect();
        let reserve = self.weights - counted.iter().map(|(weight, _)| weight).sum::<f64>();
        if reserve > self.weights * 1e-9 {
            counted.push((reserve, 0.0));
        }
        ln_mean(&counted)
    }

    /// What `ln E` of a count alone has to reach so that it fails the canary;
    /// infinite where it has no stake.
    pub(super) fn proof(&self, strand: &Strand) -> f64 {
        self.policy.alpha.fail_threshold() + libm::log(self.weights / strand.weight)
    }

    /// What the planned looks spent of the risk so far.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.decisive().map(|strand| strand.state.spent()).sum()
    }

    /// The count by which the canary failed.
    pub(super) fn failed(&self) -> Option<&Strand> {
        let looked = self
            .decisive()
            .find(|strand| strand.state.has_failed_look());
        looked.or_else(|| {
            let together = self.ln_e_fail() >= self.policy.alpha.fail_threshold();
            together.then(|| self.heaviest()).flatten()
        })
    }

    /// The count that brings most of the common evidence.
    fn heaviest(&self) -> Option<&Strand> {
        let share = |strand: &Strand| libm::log(strand.weight) + strand.state.ln_e_fail();
        self.strands
            .iter()
            .filter(|strand| strand.weight > 0.0)
            .max_by(|a, b| share(a).total_cmp(&share(b)))
    }

    /// Whether a pass holds against a baseline, for any decisive metric.
    pub(super) fn compares(&self) -> bool {
        self.decisive()
            .any(|strand| strand.state.policy().against == Against::Baseline)
    }
}

impl Strand {
    /// The metric, and the edge where there is one.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.edge, &self.place) {
            (Some(edge), _) => format!("{} above {edge}", self.metric),
            (None, Some(place)) => format!("{} at {place}", self.metric),
            (None, None) => self.metric.to_string(),
        }
    }

    /// Whether looks are planned at it.
    fn is_judged(&self) -> bool {
        self.pilot.is_none() || self.state.part() > 0.0
    }

    /// What its rows left behind.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }
}

/// The counts of one metric, of whose decisive kind all weights are given. The
/// edges of a histogram get their parts when it is known where they are.
fn of(metric: &Metric, panel: &Policy, all: f64) -> Result<Vec<Strand>, Invalid> {
    let policy = metric.policy(panel)?;
    let strand = |edge: Option<&Edge>, (weight, part)| Strand {
        metric: metric.name.clone(),
        edge: edge.cloned(),
        place: None,
        most: metric.most,
        role: metric.role,
        weight,
        pilot: edge.map(|_| Pilot::default()),
        state: State::with_part(policy.clone(), part),
    };
    let edges = metric.edges.iter();
    Ok(match metric.edges.as_slice() {
        [] => vec![strand(None, (weight(metric), part(metric, all)))],
        _ => edges.map(|edge| strand(Some(edge), (0.0, 0.0))).collect(),
    })
}

fn weight(metric: &Metric) -> f64 {
    match metric.role {
        Role::Decisive | Role::Supporting => metric.weight.real(),
        Role::Shown => 0.0,
    }
}

/// The part of the planned risk of a metric.
fn part(metric: &Metric, all: f64) -> f64 {
    match metric.role {
        Role::Decisive => metric.weight.real() / all,
        Role::Supporting | Role::Shown => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::PARTS;
    use crate::canary::metric::Weight;
    use crate::span::Span;

    fn metric(name: &str, role: Role) -> Metric {
        Metric {
            role,
            ..Metric::new(name.parse().unwrap())
        }
    }

    fn refused(metrics: &[Metric]) -> String {
        let panel = Panel::new(&Policy::default(), metrics);
        panel.unwrap_err().to_string()
    }

    fn minute(number: i64) -> Time {
        Time::from_unix_millis(1_795_435_200_000 + 60_000 * number).unwrap()
    }

    #[test]
    fn metrics_that_could_decide_nothing_are_refused() {
        let errors = metric("errors", Role::Decisive);
        let shown = metric("shown", Role::Shown);
        let rate = Metric {
            unit: Unit::Rate,
            against: Some(Against::slo("99%".parse().unwrap()).unwrap()),
            ..metric("restarts", Role::Decisive)
        };
        let many = Metric {
            edges: (0..2001)
                .map(|edge| edge.to_string().parse().unwrap())
                .collect(),
            ..metric("latency", Role::Decisive)
        };
        assert_eq!(refused(&[]), "no metric is decisive");
        assert_eq!(refused(&[shown]), "no metric is decisive");
        assert_eq!(
            refused(&[errors.clone(), errors]),
            "there are two metrics `errors`"
        );
        assert!(refused(&[rate]).starts_with("metric `restarts`: a rate"));
        assert!(refused(&[many]).starts_with("2001 metrics are more than"));
    }

    #[test]
    fn planned_looks_share_the_risk_by_weight_and_edges() {
        let latency = Metric {
            weight: Weight::try_from(3).unwrap(),
            edges: ["1", "2"].map(|edge| edge.parse().unwrap()).into(),
            ..metric("latency", Role::Decisive)
        };
        let metrics = [metric("errors", Role::Decisive), latency];
        let mut panel = Panel::new(&Policy::default(), &metrics).unwrap();
        for at in 1..=60 {
            let pair = Pair::from([600, 12, 600, 12]);
            let tally = Tally {
                time: minute(at),
                counts: vec![pair; 3],
            };
            panel.push(&tally, None);
        }
        let spent: Vec<f64> = panel
            .strands()
            .iter()
            .map(|strand| strand.state().spent())
            .collect();
        let planned = 0.01 * 0.7;
        assert!(spent[0] <= planned * 0.25, "{spent:?}");
        assert!(spent[0] > planned * 0.125, "{spent:?}");
        let histogram = spent[1] + spent[2];
        assert!(histogram <= planned * 0.75, "{spent:?}");
        assert!(histogram > planned * 0.1, "{spent:?}");
    }

    #[test]
    fn nothing_is_judged_while_the_canary_is_warming_up() {
        let policy = Policy {
            warm_up: Span::seconds(180),
            ..Policy::default()
        };
        let mut panel = Panel::single(policy);
        let bad = [600, 6, 600, 300];
        let rows = [[600, 6, 0, 0], bad, bad, bad, [600, 6, 600, 6]];
        for (at, row) in (1..).zip(rows) {
            let tally = Tally {
                time: minute(at),
                counts: vec![Pair::from(row)],
            };
            panel.push(&tally, None);
            assert!(panel.failed().is_none(), "{at}");
        }
        assert_eq!(
            (panel.rows(), panel.strands()[0].state().canary().bad),
            (5, 6)
        );
        let late = Tally {
            time: minute(6),
            counts: vec![Pair::from(bad)],
        };
        panel.push(&late, None);
        assert!(panel.failed().is_some());
    }

    /// Each of five counts is somewhat worse: none alone is proved to be.
    #[test]
    fn evidence_of_supporting_metrics_adds_up_and_alone_decides_nothing() {
        let watch = |roles: [Role; 5]| {
            let names = ["a", "b", "c", "d", "e"];
            let metrics: Vec<Metric> = names
                .into_iter()
                .zip(roles)
                .map(|(name, role)| metric(name, role))
                .collect();
            let mut panel = Panel::new(&Policy::default(), &metrics).unwrap();
            let worse = Pair::from([3000, 30, 3000, 60]);
            let alike = Pair::from([3000, 30, 3000, 30]);
            for at in 1..=30 {
                let tally = Tally {
                    time: minute(at),
                    counts: vec![alike, worse, worse, worse, worse],
                };
                panel.push(&tally, None);
            }
            panel.failed().map(Strand::name)
        };
        let (decisive, supporting, shown) = (Role::Decisive, Role::Supporting, Role::Shown);
        let by = watch([decisive, supporting, supporting, supporting, supporting]);
        assert_eq!(by.as_deref(), Some("e"));
        assert_eq!(watch([decisive, shown, shown, shown, shown]), None);
    }

    #[test]
    fn a_histogram_is_no_worse_when_all_edges_are_that_told_anything() {
        let latency = Metric {
            edges: ["1", "2"].map(|edge| edge.parse().unwrap()).into(),
            ..metric("latency", Role::Decisive)
        };
        let watch = |first: [u64; 4], second: [u64; 4]| {
            let mut panel = Panel::new(&Policy::default(), std::slice::from_ref(&latency)).unwrap();
            for at in 1..=30 {
                let tally = Tally {
                    time: minute(at),
                    counts: [first, second].map(Pair::from).into(),
                };
                panel.push(&tally, None);
            }
            panel.is_no_worse()
        };
        let (alike, silent) = ([600, 60, 600, 60], [600, 0, 600, 0]);
        assert!(watch(alike, alike));
        assert!(watch(alike, silent));
        assert!(!watch(silent, silent), "nothing was proved");
        assert!(!watch(alike, [600, 2, 600, 3]), "the tail is open");
    }

    #[test]
    fn a_sample_is_no_pass_where_no_edge_that_could_tell_was_tested() {
        let latency = |edges: &[&str]| Metric {
            edges: edges.iter().map(|edge| edge.parse().unwrap()).collect(),
            ..metric("latency", Role::Decisive)
        };
        let sampled = |edges: &[&str], canary: u64| {
            let metrics = [metric("errors", Role::Decisive), latency(edges)];
            let mut panel = Panel::new(&Policy::default(), &metrics).unwrap();
            let slow = Pair::from([600, canary / 2, 600, canary]);
            let tally = Tally {
                time: minute(1),
                counts: [vec![Pair::from([600, 6, 600, 6])], vec![slow; edges.len()]].concat(),
            };
            panel.push(&tally, None);
            panel.is_sampled()
        };
        assert!(!sampled(&["0.5"], 400), "one edge has no neighbour");
        assert!(!sampled(&["0", "-1"], 400), "nothing is stretched around 0");
        assert!(sampled(&["0.5", "1"], 400));
        assert!(sampled(&["0.5"], 4), "hardly any request is beyond it");
    }

    #[test]
    fn a_histogram_is_not_held_against_one_share() {
        let latency = Metric {
            edges: vec!["1".parse().unwrap(), "2".parse().unwrap()],
            against: Some(Against::slo("99%".parse().unwrap()).unwrap()),
            ..metric("latency", Role::Decisive)
        };
        assert!(refused(&[latency]).starts_with("metric `latency`: the edges"));
    }

    fn memory(role: Role) -> Metric {
        Metric {
            unit: Unit::Mean,
            most: Some(Most::try_from(8.0).unwrap()),
            ..metric("memory", role)
        }
    }

    fn beside(number: i64, requests: [u64; 4], (baseline, canary): (u64, u64)) -> Tally {
        let part = PARTS / 8;
        let values = Pair::from([PARTS, baseline * part, PARTS, canary * part]);
        Tally {
            time: minute(number),
            counts: vec![Pair::from(requests), values],
        }
    }

    #[test]
    fn a_mean_fails_by_its_own_part_of_the_risk_beside_counts() {
        let own = -(Policy::default().alpha.planned() / 2.0).ln();
        for (role, fails) in [(Role::Decisive, true), (Role::Shown, false)] {
            let metrics = [metric("requests", Role::Decisive), memory(role)];
            let mut panel = Panel::new(&Policy::default(), &metrics).unwrap();
            for number in 1..=40 {
                panel.push(&beside(number, [300, 3, 300, 3], (2, 6)), None);
                if let Some(failed) = panel.failed() {
                    assert_eq!(failed.name(), "memory");
                    break;
                }
            }
            assert_eq!(panel.failed().is_some(), fails, "{role:?}");
            let evidence = panel.strands[1].state.ln_e_fail();
            assert!(evidence >= own, "{evidence}");
            assert_eq!(evidence < own + 0.4, fails, "it stops at once: {evidence}");
            assert!(panel.spent() <= panel.policy.alpha.planned() * 1.000_001);
        }
    }

    #[test]
    fn a_mean_passes_only_by_its_own_proof() {
        let metrics = [metric("requests", Role::Decisive), memory(Role::Decisive)];
        let passes = |values| {
            let mut panel = Panel::new(&Policy::default(), &metrics).unwrap();
            for number in 1..=40 {
                panel.push(&beside(number, [600, 12, 600, 12], values), None);
            }
            panel.is_no_worse()
        };
        assert!(passes((4, 4)));
        // Within what is healthy, but not below the pass margin.
        assert!(!passes((4, 6)));
        assert!(!passes((0, 0)), "nothing of both tells nothing");
    }

    #[test]
    fn a_warm_up_begins_with_a_request_and_not_with_a_process() {
        let policy = Policy {
            warm_up: Span::seconds(120),
            ..Policy::default()
        };
        let metrics = [metric("requests", Role::Decisive), memory(Role::Decisive)];
        let mut panel = Panel::new(&policy, &metrics).unwrap();
        for number in 1..=4 {
            panel.push(&beside(number, [300, 3, 0, 0], (2, 6)), None);
        }
        assert_eq!(panel.served, None);
        panel.push(&beside(5, [300, 3, 20, 0], (2, 6)), None);
        assert_eq!(panel.served, Some(minute(5)));
        assert!(!panel.strands[1].state.has_told());
    }

    #[test]
    fn means_need_a_bound_and_a_baseline_and_nothing_else_has_one() {
        let unbounded = Metric {
            most: None,
            ..memory(Role::Decisive)
        };
        let counted = Metric {
            unit: Unit::Share,
            ..memory(Role::Decisive)
        };
        let promised = Metric {
            against: Some(Against::slo("99%".parse().unwrap()).unwrap()),
            ..memory(Role::Decisive)
        };
        for wrong in [unbounded, counted, promised] {
            assert!(refused(&[wrong]).starts_with("metric `memory`: means are of values"));
        }
    }
}
