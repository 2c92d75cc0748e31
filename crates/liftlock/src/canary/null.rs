//! What a healthy canary may be: as good as its baseline, but for the spread
//! between any two sets of instances.

use serde::{Deserialize, Serialize};

use super::eprocess::Broken;
use super::law::{Law, Odds};
use super::number::ln_sum;

/// The nodes reach this many standard deviations to either side: those hold all
/// but one canary in 30,000.
const REACH: f64 = 4.0;

/// At least so many nodes in each standard deviation.
const EACH: f64 = 2.0;

/// Nodes are never farther apart: as much as the logarithm of the odds ratio
/// can be told to by the most information that looks are planned for.
const APART: f64 = 0.05;

/// The widest spread.
pub(super) const WIDEST: f64 = 2.0;

/// The hypothesis of health: the logarithm of the odds ratio is normal around
/// that of the margin, one draw for the whole watch. Without a spread the odds
/// ratio is at most the margin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub(super) struct Null {
    kept: Kept,
    centre: Odds,
    odds: Vec<Odds>,
    nodes: Vec<Node>,
}

/// One odds ratio of the spread.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Its logarithm less that of the margin.
    away: f64,
    /// The logarithm of its probability.
    ln_weight: f64,
}

/// What a hypothesis carries from one run to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    margin: f64,
    spread: f64,
    /// The log-likelihood of each node less that of the margin.
    logs: Vec<f64>,
}

impl Null {
    pub(super) fn new(margin: f64, spread: f64) -> Self {
        let nodes = nodes(spread);
        let odds = |node: &Node| Odds::new(margin * libm::exp(node.away));
        Self {
            kept: Kept {
                margin,
                spread,
                logs: vec![0.0; nodes.len()],
            },
            centre: Odds::new(margin),
            odds: nodes.iter().map(odds).collect(),
            nodes,
        }
    }

    pub(super) const fn centre(&self) -> Odds {
        self.centre
    }

    pub(super) const fn spread(&self) -> f64 {
        self.kept.spread
    }

    /// Whether both are the same hypothesis, whatever the rows were.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let far = |ours: f64, theirs: f64| (ours - theirs).abs() > f64::EPSILON;
        !far(self.kept.margin, other.kept.margin) && !far(self.kept.spread, other.kept.spread)
    }

    /// Takes one more row.
    pub(super) fn push(&mut self, law: &Law) {
        if law.is_silent() || self.nodes.is_empty() {
            return;
        }
        let found = law.ln_likelihoods(&self.odds);
        let middle = found.len() / 2;
        let centre = found.get(middle).copied().unwrap_or_default();
        for (log, likelihood) in self.kept.logs.iter_mut().zip(found) {
            *log += likelihood - centre;
        }
    }

    /// How much likelier the rows are with the spread than at the margin, as a
    /// logarithm; 0 where they are not.
    pub(super) fn ln_likelier(&self) -> f64 {
        self.ln_mixture(0.0)
    }

    /// The logarithm of the rows' likelihood under the spread, over that at
    /// the margin.
    pub(super) fn ln_marginal(&self) -> f64 {
        match self.nodes.is_empty() {
            true => 0.0,
            false => self.ln_weighted(0.0),
        }
    }

    /// The same when the canary had so many more bad requests: rows enter it
    /// by their sums alone, as all nodes are of one exponential family.
    pub(super) fn ln_mixture(&self, more: f64) -> f64 {
        self.ln_weighted(more).max(0.0)
    }

    fn ln_weighted(&self, more: f64) -> f64 {
        let nodes = self.kept.logs.iter().zip(&self.nodes);
        ln_sum(nodes.map(|(log, node)| node.ln_weight + log + more * node.away))
    }
}

fn nodes(spread: f64) -> Vec<Node> {
    if spread <= 0.0 || spread > WIDEST {
        return Vec::new();
    }
    let each = libm::ceil(spread / APART).max(EACH);
    let side = (0_u32..).take_while(|step| f64::from(*step) <= REACH * each);
    let side: Vec<f64> = side.map(|step| f64::from(step) / each).collect();
    let below = side.iter().skip(1).rev().map(|away| -away);
    let all: Vec<f64> = below.chain(side.iter().copied()).collect();
    let density = |away: f64| -away * away / 2.0;
    let sum = ln_sum(all.iter().map(|away| density(*away)));
    all.iter()
        .map(|away| Node {
            away: spread * away,
            ln_weight: density(*away) - sum,
        })
        .collect()
}

impl From<Null> for Kept {
    fn from(null: Null) -> Self {
        null.kept
    }
}

impl TryFrom<Kept> for Null {
    type Error = Broken;

    fn try_from(kept: Kept) -> Result<Self, Broken> {
        let sane =
            kept.margin > 0.0 && kept.margin.is_finite() && (0.0..=WIDEST).contains(&kept.spread);
        let mut null = Self::new(kept.margin, kept.spread);
        let finite = kept.logs.iter().all(|log| log.is_finite());
        if sane && finite && kept.logs.len() == null.nodes.len() {
            null.kept = kept;
            Ok(null)
        } else {
            Err(Broken)
        }
    }
}
