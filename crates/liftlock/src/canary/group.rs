//! A group-sequential test with exact spending, for a watch of planned length.
//!
//! Given how many requests of both slots failed in each row, the canary's
//! counts are independent with known laws. So the chance of every sum that did
//! not fail before is known, too, and each look may fail the largest sums
//! whose chance is not above what it may spend (after Lan and De Mets 1983, but
//! without the normal approximation). What a look may spend follows from the
//! rows' failures in both slots together, the clock and nothing else.

use serde::{Deserialize, Serialize};

use super::law::Law;
use super::masses::Masses;
use super::null::Null;
use super::number::real;

/// The variance of the sum at which everything is spent: beyond four times the
/// inverse square of a spread of 10 %, more requests teach little.
const MOST: f64 = 400.0;

/// Most of the risk is spent between these two informations: there a fault of
/// twice the odds begins to show, and shows.
const ONSET: f64 = 4.0;
const KNEE: f64 = 18.0;
const BY_THE_KNEE: f64 = 0.6;

/// A watch that will not come to half of all information keeps risk for its end.
const AMPLE: f64 = 0.5;

/// More sums than a table of this variance ever holds.
const WIDEST: usize = 65_536;

/// Sums below the smallest of this chance count as that one, which never
/// makes a failure likelier.
const RARE: f64 = 1e-30;

/// The test after some rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    phase: Phase,
    /// The variance of the sum so far.
    variance: f64,
    /// What was spent of the risk.
    spent: f64,
    /// The chances of the sums that did not fail, at the margin.
    chances: Vec<f64>,
    /// Where among them the canary's own sum is.
    place: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Open,
    Over,
    Failed,
}

impl Group {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Open,
            variance: 0.0,
            spent: 0.0,
            chances: vec![1.0],
            place: 0,
        }
    }

    /// Whether these numbers can have come about by spending this risk.
    pub(super) fn is_sound(&self, risk: f64) -> bool {
        let close = 1e-6;
        let chance = |chance: &f64| (0.0..=1.0 + close).contains(chance);
        let all: f64 = self.chances.iter().sum();
        let table = match self.phase {
            // Sums that failed are gone, and they were no more than was spent.
            Phase::Open => (1.0 - risk - close..=1.0 + close).contains(&all),
            Phase::Over | Phase::Failed => self.chances.is_empty(),
        };
        table
            && self.chances.len() <= WIDEST
            && self.chances.iter().all(chance)
            && (0.0..=risk * (1.0 + close)).contains(&self.spent)
            && (0.0..=2.0 * MOST).contains(&self.variance)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.phase == Phase::Failed
    }

    /// What was spent of the risk.
    pub(super) const fn spent(&self) -> f64 {
        self.spent
    }

    /// How many more bad requests of the canary would have failed the last
    /// look; nothing before the first look and after the last one.
    pub(super) fn short(&self) -> Option<u64> {
        let looked = self.phase == Phase::Open && self.spent > 0.0;
        looked.then(|| length(&self.chances).saturating_sub(self.place))
    }

    /// Takes one more row, which the hypothesis took before, and looks: at a
    /// moment which is this part of the planned time, with this risk in all.
    pub(super) fn push(&mut self, law: &Law, null: &Null, risk: f64, passed: f64) {
        if self.phase != Phase::Open || law.is_silent() {
            return;
        }
        let Some(row) = Masses::of(law, null.centre(), MOST) else {
            // Such a row alone would spend it all; the other arm judges it.
            self.end(Phase::Over);
            return;
        };
        self.variance += row.variance();
        self.add(&row);
        let allowed = risk * share(self.variance, null.spread(), passed);
        self.look(null, allowed - self.spent);
        if self.place >= length(&self.chances) {
            self.end(Phase::Failed);
        } else if passed >= 1.0 || self.variance >= MOST {
            self.end(Phase::Over);
        }
    }

    fn end(&mut self, phase: Phase) {
        self.phase = phase;
        self.chances = Vec::new();
    }

    /// The law of the sum with one more independent count.
    fn add(&mut self, row: &Masses) {
        let wide = self.chances.len() + row.chances.len();
        let mut sums = vec![0.0; wide.saturating_sub(1)];
        for (start, before) in self.chances.iter().enumerate() {
            let ahead = sums.iter_mut().skip(start);
            for (sum, chance) in ahead.zip(&row.chances) {
                *sum += before * chance;
            }
        }
        self.place = self.place.saturating_add(row.place);
        self.chances = sums;
        self.trim();
    }

    /// Forgets what is too rare to matter, on the safe side.
    fn trim(&mut self) {
        while self.chances.last() == Some(&0.0) {
            self.chances.pop();
        }
        let mut below = 0.0;
        let mut first = 0;
        for chance in &self.chances {
            if below + chance > RARE {
                break;
            }
            below += chance;
            first += 1;
        }
        self.chances.drain(..first);
        if let Some(least) = self.chances.first_mut() {
            *least += below;
        }
        let first = u64::try_from(first).unwrap_or(u64::MAX);
        self.place = self.place.saturating_sub(first);
    }

    /// Takes the largest sums away whose chance may be spent: the larger of
    /// that at the margin and that over the spread, so that both are kept.
    fn look(&mut self, null: &Null, allowed: f64) {
        let mut tail = 0.0;
        while let Some(chance) = self.chances.last() {
            let top = length(&self.chances).saturating_sub(1);
            let more = real(top.into()) - real(self.place.into());
            let weighed = chance * libm::exp(null.ln_mixture(more));
            if tail + weighed > allowed {
                break;
            }
            tail += weighed;
            self.chances.pop();
        }
        self.spent += tail;
    }
}

fn length(chances: &[f64]) -> u64 {
    u64::try_from(chances.len()).unwrap_or(u64::MAX)
}

/// The part of the risk that may be spent by now: most of it where faults
/// begin to show, the rest towards the end of information or of planned time.
/// Nearly all sums that are extreme in the middle are so at the end as well,
/// where the same risk finds more.
fn share(variance: f64, spread: f64, passed: f64) -> f64 {
    if passed >= 1.0 || variance >= MOST {
        return 1.0;
    }
    if passed <= 0.0 {
        return 0.0;
    }
    // Beyond the spread's own variance, requests tell nothing new.
    let information = |variance: f64| variance / (1.0 + spread * spread * variance);
    let (here, most) = (information(variance), information(MOST));
    let ahead = information(variance / passed) / most;
    let rise = |information: f64| libm::log1p((information / ONSET) * (information / ONSET));
    let risen = (rise(here) / rise(KNEE)).min(1.0);
    let early = BY_THE_KNEE * (ahead / AMPLE).min(1.0) * risen;
    let late = libm::pow(passed, 4.0).max(libm::pow(here / most, 8.0));
    early + (1.0 - early) * late
}
