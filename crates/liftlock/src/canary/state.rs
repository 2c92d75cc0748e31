//! Everything that rows leave behind, of constant size however many they are.
//!
//! A state is stored and taken up again, so that looking a second time goes on
//! with the risk that is left instead of spending it once more.

mod distance;
mod means;

use serde::{Deserialize, Serialize};

use super::counts::{Arm, Row};
use super::eprocess::{Hypothesis, Process};
use super::group::Group;
use super::judgement::Limits;
use super::law::Law;
use super::mean::Mean;
use super::null::{Null, WIDEST};
use super::number::real;
use super::outlook::Outlook;
use super::policy::{Against, Policy, Sample, Unit};
use crate::digest::Digest;
use crate::percent::Percent;
use crate::span::Span;
use crate::time::Time;

/// The odds of a request going to the canary may be off by this factor:
/// weights are whole numbers out of 256 in HAProxy, and sessions stick.
const SHARE_MARGIN: f64 = 1.5;

/// The chance that a right share is ever called wrong, on each side.
const SHARE_RISK: f64 = 5e-7;

/// What is known after some rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    policy: Policy,
    /// The part of the planned risk that this count may spend.
    part: f64,
    /// The spread of this count over that of the policy.
    steep: f64,
    rows: u64,
    digest: Digest,
    begun: Option<Time>,
    last: Option<Time>,
    canary_seen: Option<Time>,
    baseline_seen: Option<Time>,
    seen: Sample,
    canary: Arm,
    baseline: Arm,
    health: Null,
    worse: Process,
    planned: Group,
    no_worse: Process,
    above_share: Process,
    below_share: Process,
    outlook: Outlook,
    /// In place of all tests, where means are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean: Option<Box<Mean>>,
}

impl State {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with_part(policy, 1.0)
    }

    /// As [`State::new`], where planned looks at several counts share the risk.
    pub(super) fn with_part(policy: Policy, part: f64) -> Self {
        let (margin, spread) = healthy(&policy, 1.0);
        let pass_margin = match policy.against {
            Against::Baseline => policy.pass_margin.ratio(),
            Against::Slo(_) => 1.0,
        };
        let share = || Process::new(Hypothesis::AtMost(SHARE_MARGIN));
        let is_mean = policy.unit == Unit::Mean;
        Self {
            mean: is_mean.then(|| Box::new(Mean::new(&policy))),
            policy,
            part,
            steep: 1.0,
            rows: 0,
            digest: Digest::of(b""),
            begun: None,
            last: None,
            canary_seen: None,
            baseline_seen: None,
            seen: Sample::default(),
            canary: Arm::default(),
            baseline: Arm::default(),
            health: Null::new(margin, spread),
            worse: Process::new(Hypothesis::AtMost(margin)),
            planned: Group::new(),
            no_worse: Process::new(Hypothesis::AtLeast(pass_margin)),
            above_share: share(),
            below_share: share(),
            outlook: Outlook::default(),
        }
    }

    /// Sets by how much wider healthy versions are spread in this count than
    /// the policy says, and its part of the planned risk, before any row was
    /// tested; `false` where nothing could be told any more.
    pub(super) fn widen(&mut self, steep: f64, part: f64) -> bool {
        let (margin, spread) = healthy(&self.policy, steep);
        if self.has_told() || spread.is_nan() || spread > WIDEST {
            return false;
        }
        self.steep = steep;
        self.part = part;
        self.health = Null::new(margin, spread);
        true
    }

    /// The part of the planned risk that this count may spend.
    pub(super) const fn part(&self) -> f64 {
        self.part
    }

    /// Takes one more row without testing it.
    pub(super) fn pass_over(&mut self, row: &Row) {
        self.begun = Some(self.begin(row.time));
        self.note(row);
    }

    /// Takes one more row, and the canary's share of traffic during it where
    /// that is known.
    pub fn push(&mut self, row: &Row, share: Option<Percent>) {
        let law = Law::of(row, &self.policy);
        self.health.push(&law);
        self.worse.push(&law);
        self.begun = Some(self.begin(row.time));
        let passed = self.passed_of_horizon(row.time);
        let risk = self.policy.alpha.planned() * self.part;
        // Without risk no look could fail, and its table would only grow.
        if risk > 0.0 {
            self.planned.push(&law, &self.health, risk, passed);
        }
        self.no_worse.push(&law);
        if let Some(share) = share {
            self.push_share(row, share);
        }
        self.outlook.push(row, &self.policy);
        if let Some(mean) = &mut self.mean {
            mean.push(row);
        }
        self.note(row);
    }

    /// When the first row began: as long before its end as the second one ends
    /// after it, which is not known before.
    fn begin(&self, moment: Time) -> Time {
        match (self.begun, self.last) {
            (Some(_), Some(first)) if self.rows == 1 => {
                let width = moment.millis_since(first);
                let begun = first.unix_millis().saturating_sub(width);
                Time::from_unix_millis(begun).unwrap_or(first)
            }
            (Some(begun), _) => begun,
            (None, _) => moment,
        }
    }

    /// Which part of the planned time is over.
    fn passed_of_horizon(&self, moment: Time) -> f64 {
        let begun = self.begun.unwrap_or(moment);
        let passed = u64::try_from(moment.millis_since(begun)).unwrap_or(0);
        real(passed.into()) / real(self.policy.horizon.millis().max(1).into())
    }

    fn push_share(&mut self, row: &Row, share: Percent) {
        if share == Percent::ZERO || share == Percent::FULL {
            return;
        }
        let all = row.canary.total.saturating_add(row.baseline.total);
        let of = |total| Arm {
            total: all,
            bad: total,
        };
        let above = Law::single(of(row.canary.total), share.fraction());
        let below = Law::single(of(row.baseline.total), share.rest().fraction());
        self.above_share.push(&above);
        self.below_share.push(&below);
    }

    fn note(&mut self, row: &Row) {
        if let Some(last) = self.last {
            self.seen.time = longer(self.seen.time, self.sighted(last, row.time));
        }
        self.skip(row);
        self.seen.requests = self.seen.requests.saturating_add(row.canary.total);
        self.canary = self.canary.plus(row.canary);
        self.baseline = self.baseline.plus(row.baseline);
    }

    /// Leaves a row out of everything but sight and the chain over all rows.
    pub(super) fn skip(&mut self, row: &Row) {
        self.rows = self.rows.saturating_add(1);
        let chained = format!("{}\n{}\n", self.digest.hex(), row.line());
        self.digest = Digest::of(chained.as_bytes());
        self.last = Some(row.time);
        if row.canary.total > 0 {
            self.canary_seen = Some(row.time);
        }
        if row.baseline.total > 0 {
            self.baseline_seen = Some(row.time);
        }
    }

    /// How much of the time between two rows was watched.
    fn sighted(&self, from: Time, to: Time) -> u64 {
        let gap = u64::try_from(to.millis_since(from)).unwrap_or(0);
        gap.min(self.policy.max_staleness.millis())
    }

    /// Whether this, which was stored, goes on from what another begins with.
    pub(super) fn continues(&self, new: &Self) -> bool {
        let risk = self.policy.alpha.planned() * self.part;
        let (margin, spread) = healthy(&self.policy, self.steep);
        self.policy == new.policy
            && self.planned.is_sound(risk)
            && (0.0..=1.0).contains(&self.part)
            && self.health.is_like(&Null::new(margin, spread))
            && self.worse.is_like(&new.worse)
            && self.no_worse.is_like(&new.no_worse)
            && match (&self.mean, &new.mean) {
                (Some(ours), Some(theirs)) => ours.continues(theirs),
                (ours, theirs) => ours.is_none() && theirs.is_none(),
            }
    }

    /// The rules that this is judged by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Rows taken so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The hash chain over all rows taken so far.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The end of the newest row.
    #[must_use]
    pub const fn last(&self) -> Option<Time> {
        self.last
    }

    /// The newest row in which the canary had traffic.
    #[must_use]
    pub const fn canary_seen(&self) -> Option<Time> {
        self.canary_seen
    }

    /// The newest row in which the baseline had traffic.
    #[must_use]
    pub const fn baseline_seen(&self) -> Option<Time> {
        self.baseline_seen
    }

    /// All requests of the canary.
    #[must_use]
    pub const fn canary(&self) -> Arm {
        self.canary
    }

    /// All requests of the baseline.
    #[must_use]
    pub const fn baseline(&self) -> Arm {
        self.baseline
    }

    /// `ln E` against "no worse than the margin, or than the spread around it".
    #[must_use]
    pub fn ln_e_fail(&self) -> f64 {
        match &self.mean {
            Some(mean) => mean.ln_e_fail(),
            None => self.worse.ln_e() - self.health.ln_likelier(),
        }
    }

    /// Whether either test proved that the canary is worse.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.has_failed_look() || self.ln_e_fail() >= self.policy.alpha.fail_threshold()
    }

    /// Whether the part of the risk that is this count's own failed the
    /// canary: at a planned look, or where means are compared at any row.
    #[must_use]
    pub fn has_failed_look(&self) -> bool {
        self.planned.has_failed() || self.is_mean_worse()
    }

    /// How many more bad requests of the canary would have failed the last
    /// planned look; nothing when none is open.
    #[must_use]
    pub fn short_of_fail(&self) -> Option<u64> {
        self.planned.short()
    }

    /// What the planned looks spent of the risk so far; where means are
    /// compared, all of it from the first row on.
    #[must_use]
    pub fn spent(&self) -> f64 {
        self.planned.spent() + self.staked_on_mean()
    }

    /// Whether any row could tell one odds ratio from another.
    pub(super) fn has_told(&self) -> bool {
        self.no_worse.has_told() || self.mean.as_ref().is_some_and(|mean| mean.has_told())
    }

    /// `ln E` against "at least as bad as the pass margin".
    #[must_use]
    pub fn ln_e_pass(&self) -> f64 {
        match &self.mean {
            Some(mean) => mean.ln_e_pass(),
            None => self.no_worse.ln_e(),
        }
    }

    /// Whether the planned sample was seen.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        let (seen, planned) = (self.seen, self.policy.sample);
        seen.requests >= planned.requests && seen.time >= planned.time
    }

    /// Whether the canary provably gets another share of traffic than it should.
    #[must_use]
    pub fn is_share_off(&self) -> bool {
        let threshold = -libm::log(SHARE_RISK);
        !(self.above_share.ln_e() < threshold && self.below_share.ln_e() < threshold)
    }

    /// The canary's odds of a bad request over the baseline's, row by row; of
    /// an objective, over the odds that it allows.
    #[must_use]
    pub fn odds_ratio(&self) -> Option<f64> {
        self.outlook.odds_ratio()
    }

    /// What it is judged by.
    pub(super) fn limits(&self) -> Limits {
        let (margin, spread) = self.healthy();
        Limits {
            against: self.policy.against,
            margin,
            spread,
        }
    }

    /// Two standard deviations of the spread above the margin.
    pub(super) fn healthy_most(&self) -> f64 {
        let (margin, spread) = self.healthy();
        margin * libm::exp(2.0 * spread)
    }

    /// The odds ratio of a healthy canary, and its spread.
    fn healthy(&self) -> (f64, f64) {
        healthy(&self.policy, self.steep)
    }
}

fn healthy(policy: &Policy, steep: f64) -> (f64, f64) {
    match policy.against {
        Against::Baseline => (policy.margin.ratio(), policy.spread.deviation() * steep),
        Against::Slo(_) => (1.0, 0.0),
    }
}

/// A span and some milliseconds more.
fn longer(span: Span, millis: u64) -> Span {
    Span::from_millis(span.millis().saturating_add(millis))
}
