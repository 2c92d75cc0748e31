//! Means of values that are sampled, such as memory or the length of a queue.

use std::collections::BTreeMap;

use super::{Column, Missing, Slots, Wanted};
use crate::canary::counts::{Arm, Pair};
use crate::canary::sight::Blind;
use crate::canary::values;
use crate::canary::{Most, Reason};
use crate::telemetry::invalid::Invalid;
use crate::telemetry::matcher::Matcher;
use crate::telemetry::series::{Answer, Series};
use crate::telemetry::shape::spacing;
use crate::telemetry::window::Window;
use crate::time::Time;

/// What a slot showed.
#[derive(Default)]
struct Side {
    /// For each row the sum of its series' means, and their number. A row with
    /// a sample that is no value is not told.
    rows: BTreeMap<usize, Option<Arm>>,
    newest: Option<Time>,
    /// A series with a sample that is no value.
    broken: Option<String>,
    has_capped: bool,
    is_empty: bool,
}

/// The samples of one series in one row.
#[derive(Clone, Copy, Default)]
struct Sum {
    values: f64,
    samples: u32,
}

impl Side {
    fn of(window: Window, most: Most, series: &[&Series]) -> Self {
        let mut side = Self {
            is_empty: true,
            ..Self::default()
        };
        for one in series {
            side.is_empty = false;
            side.newest = side.newest.max(one.samples.last().map(|last| last.time));
            side.take(window, most, one);
        }
        side
    }

    fn take(&mut self, window: Window, most: Most, series: &Series) {
        let mut rows: BTreeMap<usize, Option<Sum>> = BTreeMap::new();
        for sample in &series.samples {
            let Some(row) = window.index(sample.time) else {
                continue;
            };
            let sum = rows.entry(row).or_insert_with(|| Some(Sum::default()));
            if !sample.value.is_finite() || sample.value < 0.0 {
                *sum = None;
                self.broken.get_or_insert_with(|| series.name());
            }
            if let Some(sum) = sum {
                self.has_capped = self.has_capped || sample.value > most.value();
                sum.values += sample.value.min(most.value());
                sum.samples = sum.samples.saturating_add(1);
            }
        }
        for (row, sum) in rows {
            let mean = |sum: Sum| sum.values / f64::from(sum.samples.max(1));
            let arm = sum.map(|sum| values::of(mean(sum), most));
            let known = self.rows.entry(row).or_insert(Some(Arm::default()));
            *known = known.zip(arm).map(|(known, arm)| known.plus(arm));
        }
    }

    fn arm(&self, row: usize) -> Arm {
        self.rows.get(&row).copied().flatten().unwrap_or_default()
    }
}

impl Wanted {
    /// Compares values of both slots row by row; several series of a slot are
    /// averaged.
    pub(super) fn means(
        &self,
        (values, most): (&Matcher, Most),
        (window, slots): (Window, Slots<'_>),
        answers: &[Answer],
    ) -> Result<Column, Missing> {
        let all = || answers.iter().flat_map(|answer| &answer.series);
        if let Some(baseline) = slots.baseline {
            let (ours, theirs) = (values.about(slots.canary)?, values.about(baseline)?);
            let both = |one: &&Series| ours.fits(&one.labels) && theirs.fits(&one.labels);
            if let Some(both) = all().find(both) {
                return Err(Invalid::Both(both.name()).into());
            }
        }
        let side = |slot: &str| -> Result<Side, Missing> {
            let slot = values.about(slot)?;
            let ours: Vec<&Series> = all().filter(|one| slot.fits(&one.labels)).collect();
            let (interval, spacing) = (window.interval, spacing(&ours));
            match spacing.filter(|spacing| *spacing > interval) {
                Some(spacing) => Err(Invalid::Interval { interval, spacing }.into()),
                None => Ok(Side::of(window, most, &ours)),
            }
        };
        let canary = side(slots.canary)?;
        let baseline = slots.baseline.map(side).transpose()?.unwrap_or_default();
        let newest = canary.newest.max(baseline.newest);
        let rows = (0..window.rows().map_err(Missing::Counts)?).zip(1..);
        let rows = rows.map(|(row, number)| (row, window.end(number)));
        let seen = |end: Time| newest.is_some_and(|newest| window.begin(end) < newest);
        let rows = rows.take_while(|(_, end)| seen(*end)).map(|(row, end)| {
            let pair = Pair {
                baseline: baseline.arm(row),
                canary: canary.arm(row),
            };
            (end, vec![pair])
        });
        let rows = rows.collect();
        let warnings = answers.iter().flat_map(|answer| &answer.warnings);
        let warnings =
            warnings.map(|warning| (Reason::Partial, format!("the source warns: {warning}")));
        let faults = warnings
            .chain(hidden(&canary, "canary", Reason::CanaryMissing))
            .chain(hidden(&baseline, "baseline", Reason::BaselineMissing));
        let named = |why: &str| format!("metric `{}`: {why}", self.metric.name);
        let capped = canary.has_capped || baseline.has_capped;
        let note = || named(&format!("values above `most` count as {}", most.value()));
        Ok(Column {
            rows,
            faults: faults
                .map(|(reason, why)| Blind::new(reason, named(&why)))
                .collect(),
            notes: capped.then(note).into_iter().collect(),
            ..Column::default()
        })
    }
}

/// What hides a slot.
fn hidden(
    side: &Side,
    slot: &str,
    missing: Reason,
) -> impl Iterator<Item = (Reason, String)> + use<> {
    let none = side.is_empty.then(|| {
        let why = format!("no series of the {slot}: the selector of values finds none");
        (missing, why)
    });
    let broken = side.broken.as_ref().map(|name| {
        let why = format!("`{name}` holds a value that is negative or no number");
        (Reason::Unreadable, why)
    });
    none.into_iter().chain(broken)
}

#[cfg(test)]
mod tests {
    use super::super::tests::PLAIN;
    use super::*;
    use crate::canary::PARTS;
    use crate::span::Span;
    use crate::telemetry::Sample;

    const SLOTS: Slots<'_> = Slots {
        baseline: Some("v1"),
        canary: "v2",
    };

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap()
    }

    fn series(slot: &str, pod: &str, samples: &[(i64, f64)]) -> Series {
        let labels = [("__name__", "m"), ("v", slot), ("pod", pod)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let sample = |(seconds, value): &(i64, f64)| Sample {
            time: at(*seconds),
            value: *value,
        };
        Series {
            labels: labels.into(),
            samples: samples.iter().map(sample).collect(),
        }
    }

    fn found(series: Vec<Series>) -> Column {
        let file = r#"metrics: [{name: memory, gauge: 'm{v="{slot}"}', most: 8}]"#;
        let wanted = super::super::parse(file, PLAIN).unwrap().remove(0);
        let window = Window {
            from: at(0),
            to: at(60),
            interval: Span::seconds(20),
        };
        let answers = [Answer {
            series,
            ..Answer::default()
        }];
        wanted
            .gather(&wanted.metric, (window, SLOTS), &answers)
            .unwrap()
    }

    #[test]
    fn samples_of_a_row_and_series_of_a_slot_are_averaged() {
        let column = found(vec![
            series(
                "v1",
                "a",
                &[(-5, 7.0), (5, 1.0), (15, 3.0), (35, 4.0), (55, 1.0)],
            ),
            series("v2", "b", &[(10, 4.0), (30, 9.0), (50, 0.0)]),
            series("v2", "c", &[(10, 2.0), (50, 1.0)]),
        ]);
        assert_eq!(column.faults, []);
        let pairs: Vec<[u64; 4]> = column
            .rows
            .iter()
            .map(|(_, pairs)| pairs[0].into())
            .collect();
        let part = PARTS / 8;
        assert_eq!(
            pairs,
            [
                [PARTS, 2 * part, 2 * PARTS, 6 * part],
                [PARTS, 4 * part, PARTS, 8 * part],
                [PARTS, part, 2 * PARTS, part],
            ]
        );
        assert_eq!(
            column.notes,
            ["metric `memory`: values above `most` count as 8"]
        );
    }

    #[test]
    fn a_gauge_that_is_in_both_slots_is_refused() {
        let file = r#"metrics: [{name: memory, gauge: 'm{v=~"v1|{slot}"}', most: 8}]"#;
        let wanted = super::super::parse(file, PLAIN).unwrap().remove(0);
        let window = Window {
            from: at(0),
            to: at(20),
            interval: Span::seconds(20),
        };
        let answers = [Answer {
            series: vec![series("v1", "a", &[(10, 1.0)])],
            ..Answer::default()
        }];
        let refused = wanted.gather(&wanted.metric, (window, SLOTS), &answers);
        assert!(matches!(refused, Err(Missing::Counts(Invalid::Both(_)))));
    }

    #[test]
    fn a_gauge_that_is_told_less_often_than_rows_end_is_refused() {
        let file = r#"metrics: [{name: memory, gauge: 'm{v="{slot}"}', most: 8}]"#;
        let wanted = super::super::parse(file, PLAIN).unwrap().remove(0);
        let window = Window {
            from: at(0),
            to: at(400),
            interval: Span::seconds(20),
        };
        let sparse = |first: i64| [0, 80, 160, 240].map(|later| (first + later, 1.0));
        let answers = [Answer {
            series: vec![
                series("v1", "a", &sparse(5)),
                series("v2", "b", &sparse(45)),
            ],
            ..Answer::default()
        }];
        let refused = wanted.gather(&wanted.metric, (window, SLOTS), &answers);
        let Err(Missing::Counts(Invalid::Interval { spacing, .. })) = refused else {
            panic!("rows that hold one slot compare nothing");
        };
        assert_eq!(spacing, Span::seconds(80));
    }

    #[test]
    fn what_is_no_value_or_missing_is_a_fault_and_no_row_of_it_is_told() {
        let good = series("v1", "a", &[(10, 1.0), (30, 1.0), (50, 1.0)]);
        let reasons = |column: &Column| -> Vec<Reason> {
            column.faults.iter().map(|fault| fault.reason).collect()
        };
        for wrong in [f64::NAN, -1.0, f64::INFINITY] {
            let bad = series("v2", "b", &[(10, 1.0), (30, wrong), (50, 1.0)]);
            let beside = series("v2", "c", &[(10, 1.0), (30, 2.0), (50, 1.0)]);
            let column = found(vec![good.clone(), bad, beside]);
            assert_eq!(reasons(&column), [Reason::Unreadable], "{wrong}");
            let totals: Vec<u64> = column
                .rows
                .iter()
                .map(|(_, pairs)| pairs[0].canary.total)
                .collect();
            assert_eq!(totals, [2 * PARTS, 0, 2 * PARTS], "{wrong}");
        }
        let column = found(vec![good.clone()]);
        assert_eq!(reasons(&column), [Reason::CanaryMissing]);
        let alone = series("v2", "b", &[(10, 1.0)]);
        assert_eq!(reasons(&found(vec![alone])), [Reason::BaselineMissing]);
        // A slot that falls silent has no values, whatever it had before.
        let early = series("v2", "b", &[(10, 1.0)]);
        let column = found(vec![good, early]);
        assert_eq!(column.rows.len(), 3);
        assert_eq!(column.rows[2].1[0].canary, Arm::default());
    }
}
