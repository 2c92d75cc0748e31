//! A verdict over a canary with the numbers that justify it.

use serde::{Deserialize, Serialize};

use super::combine::discoveries;
use super::counts::Arm;
use super::metric::{Edge, Role};
use super::panel::{Panel, Strand};
use super::place::{Located, located};
use super::policy::{ALGORITHM, Against, Unit};
use super::reason::Reason;
use super::sight::Blind;
use super::state::State;
use crate::digest::Digest;
use crate::name::Name;
use crate::span::Span;
use crate::verdict::Verdict;

/// A verdict with the numbers that justify it: those of the count that failed
/// the canary, else of the first decisive one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judgement {
    /// What was decided.
    pub verdict: Verdict,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people, where the numbers alone do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Which count the numbers are of, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// By which limits that count is judged, where they are not those of the
    /// rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What the two numbers of an arm are, of that count.
    #[serde(default, skip_serializing_if = "Unit::is_share")]
    pub unit: Unit,
    /// `ln E` against a healthy canary, over all counts; fails at
    /// `ln(1/(0.29 alpha))`.
    pub log_e_fail: f64,
    /// How many more bad requests of the canary would have failed it at the
    /// last planned look; absent when no planned look is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_of_fail: Option<u64>,
    /// The chance that planned looks failed a healthy canary by now.
    pub spent: f64,
    /// `ln E` against "as bad as the pass margin"; passes at `ln(1/beta)`.
    pub log_e_pass: f64,
    /// The rows that were used, which are the first ones.
    pub rows: u64,
    /// The row that brought the verdict, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at_row: Option<u64>,
    /// All requests of the canary in these rows.
    pub canary: Arm,
    /// All requests of the baseline in these rows.
    pub baseline: Arm,
    /// The canary's odds of a bad request over the baseline's, or over those
    /// that the objective allows; absent while there is none to divide by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds_ratio: Option<f64>,
    /// What was compared, where it is means of values instead of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<Means>,
    /// About how many more requests of the canary bring a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_to_go: Option<u64>,
    /// About how long these take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_go: Option<Span>,
    /// About how many requests of the canary, in all, show a fault of twice
    /// the odds, at this share of bad requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_to_show_double: Option<u64>,
    /// Each count by itself, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<Finding>,
    /// Each value of the labels by which counts are told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Located>,
    /// The hash chain over the rows that were used.
    pub rows_digest: Digest,
    /// The rules of the computation.
    pub algorithm: String,
}

/// What one of several counts is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// What it is measured against.
    pub against: Against,
    /// The odds ratio up to which it is healthy.
    pub margin: f64,
    /// The standard deviation of the logarithm of healthy odds ratios.
    pub spread: f64,
}

/// What was found about one of several counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The metric.
    pub metric: Name,
    /// Requests above this count as bad, where the metric is a histogram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<Edge>,
    /// What it may decide.
    pub role: Role,
    /// What is known about it.
    pub standing: Standing,
    /// `ln E` against a healthy canary, of this count alone.
    pub log_e_fail: f64,
    /// `ln E` against "as bad as the pass margin".
    pub log_e_pass: f64,
    /// As for all counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_of_fail: Option<u64>,
    /// As for all counts.
    pub spent: f64,
    /// All requests of the canary.
    pub canary: Arm,
    /// All requests of the baseline.
    pub baseline: Arm,
    /// As for all counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds_ratio: Option<f64>,
    /// What was compared, where it is means of values instead of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<Means>,
}

/// Means of values over all rows, in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Means {
    /// Of the canary.
    pub canary: f64,
    /// Of the baseline.
    pub baseline: f64,
    /// The ratio up to which the canary is healthy.
    pub limit: f64,
    /// The least ratio that the rows do not refute, at all looks with 97.5 %,
    /// to a tenth; 0 where they refute none.
    pub at_least: f64,
    /// The largest such ratio; absent where the rows refute none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

impl Means {
    fn of(strand: &Strand) -> Option<Self> {
        let most = strand.most?.value();
        let (canary, baseline) = strand.state().means()?;
        let range = strand.state().means_range()?;
        Some(Self {
            canary: canary * most,
            baseline: baseline * most,
            limit: strand.state().means_limit(),
            at_least: range.low,
            at_most: range.high.is_finite().then_some(range.high),
        })
    }
}

/// How a count stands among several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Proved to be worse: the chance that any healthy count is called so is
    /// that of the policy.
    Worse,
    /// Stands out: of all that do, on average no more than the policy's risk
    /// are healthy.
    Suspect,
    /// Proved to be no worse.
    NoWorse,
    /// Neither is proved.
    Open,
}

impl Judgement {
    pub(super) fn new(panel: &Panel, reason: Reason, detail: Option<String>) -> Self {
        let verdict = reason.verdict();
        let decided = matches!(verdict, Verdict::Pass | Verdict::Fail);
        let open = verdict == Verdict::Inconclusive;
        let failed = panel.failed().filter(|_| verdict == Verdict::Fail);
        let told = failed.or_else(|| panel.lead());
        let several = panel.counts().count() > 1;
        let state = told.map(Strand::state);
        Self {
            verdict,
            reason,
            detail,
            metric: told.filter(|_| several).map(Strand::name),
            limits: state.filter(|_| several).map(State::limits),
            unit: state.map(|state| state.policy().unit).unwrap_or_default(),
            log_e_fail: panel.ln_e_fail(),
            short_of_fail: state.and_then(|state| state.short_of_fail()),
            spent: panel.spent(),
            log_e_pass: state.map_or(0.0, |state| state.ln_e_pass()),
            rows: panel.rows(),
            decided_at_row: decided.then(|| panel.rows()),
            canary: state.map(|state| state.canary()).unwrap_or_default(),
            baseline: state.map(|state| state.baseline()).unwrap_or_default(),
            odds_ratio: state.and_then(|state| state.odds_ratio()),
            means: told.and_then(Means::of),
            requests_to_go: state
                .and_then(|state| state.requests_to_go())
                .filter(|_| open),
            time_to_go: state.and_then(|state| state.time_to_go()).filter(|_| open),
            requests_to_show_double: state
                .and_then(|state| state.requests_to_show(2.0))
                .filter(|_| open),
            counts: if several { findings(panel) } else { Vec::new() },
            places: located(panel),
            rows_digest: panel.digest(),
            algorithm: ALGORITHM.to_owned(),
        }
    }

    pub(super) fn blind(panel: &Panel, blind: Blind) -> Self {
        Self::new(panel, blind.reason, Some(blind.detail))
    }
}

fn findings(panel: &Panel) -> Vec<Finding> {
    let strands: Vec<&Strand> = panel.counts().collect();
    let alpha = panel.policy().alpha;
    let evidence: Vec<f64> = strands
        .iter()
        .map(|strand| strand.state().ln_e_fail())
        .collect();
    let found = discoveries(&evidence, f64::from(alpha));
    let one = |(strand, suspect): (&Strand, bool)| {
        let state = strand.state();
        let standing = if state.has_failed_look() || state.ln_e_fail() >= panel.proof(strand) {
            Standing::Worse
        } else if suspect {
            Standing::Suspect
        } else if state.ln_e_pass() >= panel.policy().beta.threshold() {
            Standing::NoWorse
        } else {
            Standing::Open
        };
        Finding {
            metric: strand.metric.clone(),
            edge: strand.edge.clone(),
            role: strand.role,
            standing,
            log_e_fail: state.ln_e_fail(),
            log_e_pass: state.ln_e_pass(),
            short_of_fail: state.short_of_fail(),
            spent: state.spent(),
            canary: state.canary(),
            baseline: state.baseline(),
            odds_ratio: state.odds_ratio(),
            means: Means::of(strand),
        }
    };
    strands.into_iter().zip(found).map(one).collect()
}
