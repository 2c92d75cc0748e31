//! What is counted, in words: requests that are bad, events beside an exposure,
//! or values as parts of the most that they may be.

use liftlock::canary::Unit;
use liftlock::canary::counts::Arm;

/// How things are called.
pub(crate) struct Words {
    unit: Unit,
    /// The heading over a count.
    pub(crate) title: &'static str,
    pub(crate) all: &'static str,
    pub(crate) bad: &'static str,
    pub(crate) part: &'static str,
    /// The heading over the parts of both arms.
    pub(crate) parts: &'static str,
    /// The same at an axis, with its unit.
    pub(crate) axis: &'static str,
    pub(crate) ratio: &'static str,
    pub(crate) ratio_title: &'static str,
    /// What is compared.
    pub(crate) compared: &'static str,
}

const SHARE: Words = Words {
    unit: Unit::Share,
    title: "Bad requests",
    all: "requests",
    bad: "bad requests",
    part: "share",
    parts: "Share of bad requests",
    axis: "bad requests, %",
    ratio: "odds ratio",
    ratio_title: "Odds ratio",
    compared: "The canary's odds of a bad request over those it is measured against",
};

const RATE: Words = Words {
    unit: Unit::Rate,
    title: "Events",
    all: "exposure",
    bad: "events",
    part: "rate",
    parts: "Events per unit of exposure",
    axis: "events per unit of exposure",
    ratio: "rate ratio",
    ratio_title: "Rate ratio",
    compared: "The canary's events per unit of exposure over the baseline's",
};

const MEAN: Words = Words {
    unit: Unit::Mean,
    title: "Values",
    all: "values",
    bad: "value",
    part: "part of the most",
    parts: "Values",
    axis: "of the most, %",
    ratio: "ratio of means",
    ratio_title: "Ratio of means",
    compared: "The canary's mean over the baseline's",
};

impl Words {
    pub(crate) const fn of(unit: Unit) -> &'static Self {
        match unit {
            Unit::Share => &SHARE,
            Unit::Rate => &RATE,
            Unit::Mean => &MEAN,
        }
    }

    /// An arm: `9 of 50 (18.00 %)`, or `6 events in 120 (0.0500 each)`.
    pub(crate) fn counted(&self, arm: Arm) -> String {
        let Arm { total, bad } = arm;
        let value = self.value(arm);
        match (self.unit, total) {
            (Unit::Share, _) => format!("{bad} of {total} ({value})"),
            (Unit::Rate, 0) => format!("{bad} events in 0 ({value})"),
            (Unit::Rate, _) => format!("{bad} events in {total} ({value} each)"),
            (Unit::Mean, 0) => value,
            (Unit::Mean, _) => format!("{value} of the most"),
        }
    }

    /// The part of an arm alone.
    pub(crate) fn value(&self, arm: Arm) -> String {
        match (self.unit, arm.share()) {
            (Unit::Mean, None) => "no value".to_owned(),
            (Unit::Share | Unit::Mean, _) => percent(arm.bad, arm.total),
            (Unit::Rate, None) => "no exposure".to_owned(),
            (Unit::Rate, Some(rate)) if rate > 0.0 && rate < 0.001 => format!("{rate:.2e}"),
            (Unit::Rate, Some(rate)) => format!("{rate:.4}"),
        }
    }

    /// By what a part is multiplied where it is drawn.
    pub(crate) const fn scale(&self) -> f64 {
        match self.unit {
            Unit::Share | Unit::Mean => 100.0,
            Unit::Rate => 1.0,
        }
    }

    /// The most that a part can be, as it is drawn.
    pub(crate) const fn most(&self) -> f64 {
        match self.unit {
            Unit::Share | Unit::Mean => 100.0,
            Unit::Rate => f64::INFINITY,
        }
    }

    /// What an arm did, as a sentence about the canary.
    pub(crate) fn did(&self, arm: Arm) -> String {
        let counted = self.counted(arm);
        match self.unit {
            Unit::Share => format!("{counted} of its requests fail"),
            Unit::Rate => format!("it has {counted}"),
            Unit::Mean => format!("it is at {counted}"),
        }
    }

    /// The baseline beside it.
    pub(crate) fn beside(&self, arm: Arm) -> String {
        let counted = self.counted(arm);
        match self.unit {
            Unit::Share => format!("{counted} of the baseline's"),
            Unit::Rate => format!("the baseline {counted}"),
            Unit::Mean => format!("the baseline at {counted}"),
        }
    }

    /// So many more of all.
    pub(crate) fn more(&self, count: u64) -> String {
        match self.unit {
            Unit::Share => format!("{count} more requests"),
            Unit::Rate => format!("{count} more of exposure"),
            Unit::Mean => format!("{count} more values"),
        }
    }

    /// So many of all that the canary had.
    pub(crate) fn sample(&self, count: u64) -> String {
        match self.unit {
            Unit::Share => format!("{count} requests"),
            Unit::Rate => format!("an exposure of {count}"),
            Unit::Mean => format!("{count} values"),
        }
    }
}

/// A share in percent with two digits, by integers.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let points = (u128::from(part) * 10_000).checked_div(u128::from(whole));
    points.map_or_else(
        || "no requests".to_owned(),
        |points| format!("{}.{:02} %", points / 100, points % 100),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_are_told_as_shares_or_as_rates() {
        let arm = |bad, total| Arm { total, bad };
        let share = Words::of(Unit::Share);
        assert_eq!(share.counted(arm(9, 50)), "9 of 50 (18.00 %)");
        assert_eq!(share.counted(arm(0, 0)), "0 of 0 (no requests)");
        let rate = Words::of(Unit::Rate);
        assert_eq!(rate.counted(arm(6, 120)), "6 events in 120 (0.0500 each)");
        assert_eq!(
            rate.counted(arm(1, 9_000_000)),
            "1 events in 9000000 (1.11e-7 each)"
        );
        assert_eq!(rate.counted(arm(0, 0)), "0 events in 0 (no exposure)");
        assert_eq!(
            rate.counted(arm(300, 120)),
            "300 events in 120 (2.5000 each)"
        );
        for told in [
            RATE.all,
            RATE.bad,
            RATE.parts,
            RATE.axis,
            RATE.ratio,
            RATE.compared,
        ] {
            assert!(
                !told.contains("request") && !told.contains("odds"),
                "{told}"
            );
        }
    }
}
