//! Whether the counts may be believed: without proof of sight there is no pass.

use serde::{Deserialize, Serialize};

use super::panel::{ONLY, Panel, Strand};
use super::policy::{Against, Unit};
use super::reason::Reason;
use crate::percent::Percent;
use crate::span::Span;
use crate::time::Time;

/// What is known about the view on the canary, beside the rows themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sight {
    /// The canary's share of traffic over time, oldest first; empty where it
    /// is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
    /// From when until when the share was being changed: a process that was
    /// killed in between leaves it open at which moment it did change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changing: Vec<(Time, Time)>,
    /// What the source said is wrong with its answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Blind>,
}

/// From a moment on, the canary's share of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// The moment.
    pub since: Time,
    /// The share.
    pub weight: Percent,
}

/// Why there is no sight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blind {
    /// For programs.
    pub reason: Reason,
    /// For people.
    pub detail: String,
}

impl Blind {
    /// A reason with what a person wants to know about it.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

impl Sight {
    /// The canary's share of traffic behind the counts of `(from, to]`.
    ///
    /// What is scraped in a row was served since the scrape before, which may
    /// be a whole row earlier: so long must the share have been the same. Times
    /// are in whole milliseconds: a change that began in the one of `to` may
    /// have been served before the row ended.
    #[must_use]
    pub fn share(&self, from: Time, to: Time) -> Option<Percent> {
        let width = to.millis_since(from);
        let lead = from.unix_millis().saturating_sub(width);
        let lead = Time::from_unix_millis(lead).ok()?;
        let at_start = self.weight(lead)?;
        let steady = !self
            .shifts
            .iter()
            .any(|shift| shift.since > lead && shift.since < to);
        let known = !self
            .changing
            .iter()
            .any(|(begin, end)| *begin <= to && *end >= lead);
        (steady && known).then_some(at_start)
    }

    /// The canary's share of traffic at a moment.
    #[must_use]
    pub fn weight(&self, moment: Time) -> Option<Percent> {
        self.shifts
            .iter()
            .rfind(|shift| shift.since <= moment)
            .map(|shift| shift.weight)
    }

    /// What hides the canary at a moment; nothing when there is sight.
    #[must_use]
    pub fn blind(&self, panel: &Panel, moment: Time) -> Option<Blind> {
        if let Some(fault) = self.faults.first() {
            return Some(fault.clone());
        }
        let Some(last) = panel.last() else {
            return Some(Blind::new(Reason::NoRows, "nothing was counted"));
        };
        let limit = panel.policy().max_staleness;
        if is_old(last, moment, limit) {
            let detail = format!("the newest counts are of {last}, older than {limit}");
            return Some(Blind::new(Reason::Stale, detail));
        }
        let silent = panel
            .decisive()
            .find_map(|strand| self.silent(strand, moment));
        if silent.is_some() {
            return silent;
        }
        let off = |strand: &Strand| strand.state().is_share_off();
        panel.strands().iter().any(off).then(|| {
            let detail = "the canary does not get the share of traffic that it was given";
            Blind::new(Reason::ShareOff, detail)
        })
    }

    /// Which slot has no traffic though it should.
    fn silent(&self, strand: &Strand, moment: Time) -> Option<Blind> {
        let state = strand.state();
        let limit = state.policy().max_staleness;
        let unseen = |seen: Option<Time>| seen.is_none_or(|seen| is_old(seen, moment, limit));
        let what = match strand.metric.as_str() {
            ONLY => String::new(),
            metric => format!(" in metric `{metric}`"),
        };
        let all = match state.policy().unit {
            Unit::Share => "request to",
            Unit::Rate => "exposure of",
            Unit::Mean => "value of",
        };
        let weight = self.weight(moment);
        if weight != Some(Percent::ZERO) && unseen(state.canary_seen()) {
            let detail = format!("no {all} the canary for more than {limit}{what}");
            return Some(Blind::new(Reason::CanarySilent, detail));
        }
        let compared = state.policy().against == Against::Baseline && weight != Some(Percent::FULL);
        (compared && unseen(state.baseline_seen())).then(|| {
            let detail = format!("no {all} the baseline for more than {limit}{what}");
            Blind::new(Reason::BaselineSilent, detail)
        })
    }
}

fn is_old(seen: Time, moment: Time, limit: Span) -> bool {
    moment.millis_since(seen) > i64::try_from(limit.millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_near_a_shift_says_nothing_about_the_share() {
        let at = |seconds: i64| Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap();
        let shift = |seconds, weight: &str| Shift {
            since: at(seconds),
            weight: weight.parse().unwrap(),
        };
        let sight = Sight {
            shifts: vec![shift(0, "5%"), shift(62, "50%")],
            ..Sight::default()
        };
        let share = |from, to| sight.share(at(from), at(to)).map(|share| share.to_string());
        assert_eq!(share(0, 15), None);
        assert_eq!(share(15, 30).as_deref(), Some("5%"));
        assert_eq!(share(45, 60).as_deref(), Some("5%"));
        assert_eq!(share(60, 75), None);
        assert_eq!(share(75, 90), None);
        assert_eq!(share(90, 105).as_deref(), Some("50%"));
    }

    #[test]
    fn while_the_share_is_being_changed_nobody_knows_it() {
        let at = |seconds: i64| Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap();
        let shift = |seconds, weight: &str| Shift {
            since: at(seconds),
            weight: weight.parse().unwrap(),
        };
        let sight = Sight {
            shifts: vec![shift(0, "5%"), shift(300, "50%")],
            changing: vec![(at(120), at(300))],
            ..Sight::default()
        };
        let share = |from, to| sight.share(at(from), at(to)).map(|share| share.to_string());
        assert_eq!(share(90, 105).as_deref(), Some("5%"));
        assert_eq!(share(110, 125), None);
        assert_eq!(share(200, 215), None);
        assert_eq!(share(330, 345).as_deref(), Some("50%"));
    }

    #[test]
    fn a_change_in_the_last_moment_of_a_row_may_be_in_it() {
        let at = |millis: i64| Time::from_unix_millis(1_795_435_200_000 + millis).unwrap();
        let shift = |millis, weight: &str| Shift {
            since: at(millis),
            weight: weight.parse().unwrap(),
        };
        let sight = Sight {
            shifts: vec![shift(0, "5%"), shift(300, "100%")],
            changing: vec![(at(0), at(0)), (at(300), at(300))],
            ..Sight::default()
        };
        let share = |from, to| sight.share(at(from), at(to)).map(|share| share.to_string());
        assert_eq!(share(260, 280).as_deref(), Some("5%"));
        assert_eq!(share(280, 300), None);
        assert_eq!(share(301, 302), None);
        assert_eq!(share(302, 303).as_deref(), Some("100%"));
    }
}
