//! Rows of counts from what a source told of both slots.

use std::collections::BTreeSet;

use super::counter::{Amount, NotCount, Restarts, Targets, rises};
use super::increments::{Absent, Fault};
use super::invalid::Invalid;
use super::series::Series;
use super::shape::{Arms, Counter};
use super::window::Window;
use crate::canary::counts::{Arm, Row};
use crate::canary::sight::Blind;
use crate::canary::{Reason, Unit};
use crate::span::Span;
use crate::time::Time;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// Counts, oldest first.
    pub rows: Vec<Row>,
    /// The rows of each value of the labels by which these are told apart.
    pub places: Vec<Vec<Row>>,
    /// The newest sample of any slot.
    pub newest: Option<Time>,
    /// The time between samples, where there are enough to tell.
    pub spacing: Option<Span>,
    /// What hides a slot.
    pub faults: Vec<Blind>,
    /// What a person should know though it decides nothing.
    pub notes: Vec<String>,
}

/// Counts requests and bad ones of both slots; without a baseline its counts
/// are 0.
///
/// A row in which a slot's requests were not told is left out. Rows end before
/// the first one in which bad requests are not told and could still come.
///
/// # Errors
///
/// Fails when a counter is of both slots, when the answers hold no counts,
/// when their intervals are not the rows, and when the window is cut into too
/// many rows, or into rows shorter than the time between samples.
pub fn gather(window: Window, baseline: Option<&Arms>, canary: &Arms) -> Result<Gathered, Invalid> {
    gather_as(Unit::Share, window, baseline, canary)
}

/// As [`gather`], where what is counted may be events during an exposure. An
/// exposure may hold fractions, and is told in whole units: a row of less than
/// ten of them that is no whole number is left out, as rounding would shift
/// its rate by more than a twentieth.
///
/// # Errors
///
/// Fails as [`gather`] does.
pub fn gather_as(
    unit: Unit,
    window: Window,
    baseline: Option<&Arms>,
    canary: &Arms,
) -> Result<Gathered, Invalid> {
    let rules = Rules {
        window,
        unit,
        restarts: &Restarts::default(),
    };
    count(rules, baseline, canary)
}

/// How answers are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    pub(super) window: Window,
    pub(super) unit: Unit,
    /// Where several series are one thing that restarts at once.
    pub(super) restarts: &'a Restarts,
}

pub(super) fn count(
    rules: Rules<'_>,
    baseline: Option<&Arms>,
    canary: &Arms,
) -> Result<Gathered, Invalid> {
    let Rules { window, unit, .. } = rules;
    if let Some(baseline) = baseline {
        refuse_both(baseline, canary)?;
    }
    let mut gathered = Gathered::default();
    let slots = [Some(canary), baseline];
    for arms in slots.into_iter().flatten() {
        for warning in arms.total.warnings().iter().chain(arms.bad.warnings()) {
            let fault = Blind::new(Reason::Partial, format!("the source warns: {warning}"));
            // One answer may be about several counters.
            if !gathered.faults.contains(&fault) {
                gathered.faults.push(fault);
            }
        }
        gathered.newest = gathered.newest.max(arms.total.newest());
        gathered.spacing = gathered.spacing.max(arms.total.spacing());
    }
    if let Some(spacing) = gathered
        .spacing
        .filter(|spacing| *spacing > window.interval)
    {
        let interval = window.interval;
        return Err(Invalid::Interval { interval, spacing });
    }
    missing(&mut gathered, unit, (baseline, canary));
    let rows = window.rows()?;
    let canary = column(rules, rows, canary, &mut gathered)?;
    let baseline = match baseline {
        Some(arms) => column(rules, rows, arms, &mut gathered)?,
        None => vec![Cell::Told(Arm::default()); rows],
    };
    gathered.notes.dedup();
    lay(&mut gathered, window, &baseline, &canary);
    if unit == Unit::Share {
        contradiction(&mut gathered);
    }
    Ok(gathered)
}

/// Refuses selectors that put one counter into both slots: the canary's own
/// requests in its baseline hide what is wrong with them.
fn refuse_both(baseline: &Arms, canary: &Arms) -> Result<(), Invalid> {
    let theirs: BTreeSet<_> = baseline.series().map(|one| &one.labels).collect();
    let both = canary.series().find(|one| theirs.contains(&one.labels));
    both.map_or(Ok(()), |both| Err(Invalid::Both(both.name())))
}

/// What is known of one slot in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Told(Arm),
    /// Its requests were not told.
    Untold,
    /// Its requests were told, the bad ones not.
    BadUntold,
}

fn lay(gathered: &mut Gathered, window: Window, baseline: &[Cell], canary: &[Cell]) {
    let ends = (1..).map(|number| window.end(number));
    let seen = |end: &Time| {
        gathered
            .newest
            .is_some_and(|newest| window.begin(*end) < newest)
    };
    let cells = baseline.iter().zip(canary).enumerate();
    for (time, (index, pair)) in ends.zip(cells).take_while(|(end, _)| seen(end)) {
        match pair {
            (Cell::Told(baseline), Cell::Told(canary)) => gathered.rows.push(Row {
                time,
                baseline: *baseline,
                canary: *canary,
            }),
            (Cell::Untold, _) | (_, Cell::Untold) => {}
            (Cell::BadUntold, _) => return hole(gathered, "baseline", time, rest(baseline, index)),
            (_, Cell::BadUntold) => return hole(gathered, "canary", time, rest(canary, index)),
        }
    }
}

fn rest(cells: &[Cell], index: usize) -> &[Cell] {
    cells.get(index..).unwrap_or_default()
}

/// A count that may still come ends the rows; one that others overtook hides
/// the slot, as leaving its row out would favour rows with bad requests.
fn hole(gathered: &mut Gathered, slot: &str, end: Time, rest: &[Cell]) {
    let what = format!("no count of the {slot}'s bad requests for the interval that ends at {end}");
    if rest.iter().any(|cell| matches!(cell, Cell::Told(_))) {
        let detail = format!("{what}: where none means 0, let the query say so");
        gathered.faults.push(Blind::new(Reason::Partial, detail));
    } else {
        gathered.notes.push(what);
    }
}

fn missing(gathered: &mut Gathered, unit: Unit, (baseline, canary): (Option<&Arms>, &Arms)) {
    let (all, some) = match unit {
        Unit::Share | Unit::Mean => ("all requests", "bad requests"),
        Unit::Rate => ("the exposure", "events"),
    };
    let mut none = |slot, reason| {
        let detail = format!("no series of the {slot}: the selector of {all} finds none");
        gathered.faults.push(Blind::new(reason, detail));
    };
    if canary.total.is_empty() {
        none("canary", Reason::CanaryMissing);
    }
    if baseline.is_some_and(|arms| arms.total.is_empty()) {
        none("baseline", Reason::BaselineMissing);
    }
    let unseen = |arms: &Arms| arms.bad.is_empty();
    if unseen(canary) && baseline.is_none_or(unseen) {
        let note =
            format!("the selector of {some} finds no series yet; a typo would look the same");
        gathered.notes.push(note);
    }
}

/// Why rows of an exposure are missing.
const THIN: &str = "rows with an exposure of less than ten units that is no whole number are left out: take a longer interval, or a counter in a smaller unit";

fn column(
    rules: Rules<'_>,
    rows: usize,
    arms: &Arms,
    gathered: &mut Gathered,
) -> Result<Vec<Cell>, Invalid> {
    let mut targets = Targets::default();
    targets.learn(arms.total.series());
    targets.learn(arms.bad.series());
    let known = (&targets, rules.restarts);
    let bad = counts::<u64>(rules, (rows, known), &arms.bad, &mut gathered.faults)?;
    let total = match rules.unit {
        Unit::Share | Unit::Mean => {
            counts::<u64>(rules, (rows, known), &arms.total, &mut gathered.faults)?
        }
        Unit::Rate => counts::<f64>(rules, (rows, known), &arms.total, &mut gathered.faults)?,
    };
    if rules.unit == Unit::Rate && total.contains(&None) && !arms.total.is_added_up() {
        gathered.notes.push(THIN.to_owned());
    }
    // No series of bad requests is what a counter is before the first of them.
    let absent = match &arms.bad {
        Counter::Increments(increments) if !arms.bad.is_empty() => increments.absent,
        Counter::Increments(_) | Counter::Raw(_) | Counter::Polled(_) => Absent::Zero,
    };
    let cells = total.into_iter().zip(bad);
    let cell = |(total, bad)| cell(total, bad, (absent, rules.unit));
    Ok(cells.map(cell).collect())
}

fn cell(total: Option<u64>, bad: Option<u64>, (absent, unit): (Absent, Unit)) -> Cell {
    match (total, bad, absent) {
        (Some(total), Some(bad), _) => Cell::Told(Arm { total, bad }),
        // Bad requests without requests: a contradiction, not a hole.
        (None, Some(bad), _) if bad > 0 && unit == Unit::Share => Cell::Told(Arm { total: 0, bad }),
        (None, _, _) => Cell::Untold,
        (Some(total), None, Absent::Zero) | (Some(total @ 0), None, Absent::Unknown) => {
            Cell::Told(Arm { total, bad: 0 })
        }
        (Some(_), None, Absent::Unknown) => Cell::BadUntold,
    }
}

/// One counter in each row, where it was told.
fn counts<T: Amount>(
    rules: Rules<'_>,
    (rows, known): (usize, (&Targets, &Restarts)),
    counter: &Counter,
    faults: &mut Vec<Blind>,
) -> Result<Vec<Option<u64>>, Invalid> {
    let window = rules.window;
    match counter {
        Counter::Raw(answer) | Counter::Polled(answer) => {
            let column = risen::<T>((window, rows), &answer.series, known, faults)?;
            Ok(column.into_iter().map(T::told).collect())
        }
        Counter::Increments(increments) => match increments.column::<T>(window, rows) {
            Ok(column) => Ok(column),
            Err(Fault::Grid(invalid)) => Err(invalid),
            Err(Fault::Count(fault)) => {
                no_count(fault, faults)?;
                Ok(vec![None; rows])
            }
        },
    }
}

/// How much some series rose together in each row.
fn risen<T: Amount>(
    (window, rows): (Window, usize),
    series: &[Series],
    known: (&Targets, &Restarts),
    faults: &mut Vec<Blind>,
) -> Result<Vec<T>, Invalid> {
    let mut column = vec![T::default(); rows];
    // In one order, as a sum of fractions depends on it.
    let mut series: Vec<&Series> = series.iter().collect();
    series.sort_by(|one, other| one.labels.cmp(&other.labels));
    for one in series {
        let rises = match rises::<T>(one, known) {
            Ok(rises) => rises,
            Err(fault) => {
                no_count(fault, faults)?;
                continue;
            }
        };
        for (moment, rise) in rises {
            let sum = window.index(moment);
            if let Some(sum) = sum.and_then(|index| column.get_mut(index)) {
                *sum = sum.plus(rise);
            }
        }
    }
    Ok(column)
}

fn no_count(fault: NotCount, faults: &mut Vec<Blind>) -> Result<(), Invalid> {
    match fault {
        NotCount::NotWhole(name) => Err(Invalid::NotCounter(name)),
        NotCount::Negative(name) => Err(Invalid::Negative(name)),
        NotCount::NotFinite(name) => {
            let detail = format!("`{name}` holds a value that is no number");
            faults.push(Blind::new(Reason::Unreadable, detail));
            Ok(())
        }
    }
}

/// More bad requests than requests: the selectors speak about different things.
fn contradiction(gathered: &mut Gathered) {
    let wrong = |arm: Arm| arm.bad > arm.total;
    let found = gathered
        .rows
        .iter()
        .position(|row| wrong(row.canary) || wrong(row.baseline));
    if let Some(index) = found {
        let end = gathered.rows.get(index).map(|row| row.time.to_string());
        let detail = format!(
            "more bad requests than requests in the row that ends at {}",
            end.unwrap_or_default()
        );
        gathered.rows.truncate(index);
        gathered.faults.push(Blind::new(Reason::Unreadable, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::series::{Answer, Sample};

    const START: i64 = 1_795_435_200_000;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(START + 1000 * seconds).unwrap()
    }

    fn series(code: &str, samples: &[(i64, f64)]) -> Series {
        let labels = [("instance", "a:80"), ("code", code)];
        Series {
            labels: labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            samples: samples
                .iter()
                .map(|(seconds, value)| Sample {
                    time: at(*seconds),
                    value: *value,
                })
                .collect(),
        }
    }

    fn answer(series: Vec<Series>) -> Counter {
        Counter::Raw(Answer {
            series,
            warnings: vec![],
            natives: Vec::new(),
        })
    }

    /// The same counters of the other slot, as a server would tell them.
    fn of_baseline(arms: &Arms) -> Arms {
        let known = |counter: &Counter| {
            let mut series = counter.series().to_vec();
            for one in &mut series {
                one.labels.insert("instance".to_owned(), "b:80".to_owned());
            }
            answer(series)
        };
        Arms {
            total: known(&arms.total),
            bad: known(&arms.bad),
        }
    }

    fn window(to: i64) -> Window {
        Window {
            from: at(0),
            to: at(to),
            interval: Span::seconds(20),
        }
    }

    fn alone(arms: &Arms) -> Gathered {
        gather(window(60), None, arms).unwrap()
    }

    fn counts(gathered: &Gathered) -> Vec<(u64, u64)> {
        let arms = gathered.rows.iter().map(|row| row.canary);
        arms.map(|arm| (arm.total, arm.bad)).collect()
    }

    #[test]
    fn a_new_series_of_a_living_target_counts_from_nothing_and_a_drop_is_a_restart() {
        let ok = series(
            "200",
            &[(-5, 100.0), (10, 110.0), (25, 5.0), (40, 20.0), (55, 30.0)],
        );
        let bad = series("500", &[(25, 3.0), (40, 3.0), (55, 4.0)]);
        let arms = Arms {
            total: answer(vec![ok, bad.clone()]),
            bad: answer(vec![bad]),
        };
        assert_eq!(
            counts(&alone(&arms)),
            [(10, 0), (5 + 3 + 15, 3), (10 + 1, 1)]
        );
    }

    #[test]
    fn a_new_target_brings_no_history() {
        let ok = series("200", &[(10, 5000.0), (25, 5010.0), (40, 5011.0)]);
        let bad = series("500", &[(10, 400.0), (25, 401.0), (40, 401.0)]);
        let arms = Arms {
            total: answer(vec![ok, bad.clone()]),
            bad: answer(vec![bad]),
        };
        assert_eq!(counts(&alone(&arms)), [(0, 0), (12, 1)]);
    }

    #[test]
    fn rows_do_not_change_when_the_window_grows() {
        let samples: Vec<(i64, f64)> = (-3..40_i32)
            .map(|n| (i64::from(n) * 7, f64::from(n + 3)))
            .collect();
        let arms = Arms {
            total: answer(vec![series("200", &samples)]),
            bad: Counter::default(),
        };
        let short = gather(window(100), None, &arms).unwrap().rows;
        let long = gather(window(200), None, &arms).unwrap().rows;
        assert_eq!((short.len(), long.len()), (5, 10));
        assert_eq!(short, long[..5]);
        let tail = Window {
            from: at(100),
            ..window(200)
        };
        assert_eq!(gather(tail, None, &arms).unwrap().rows, long[5..]);
    }

    #[test]
    fn what_hides_a_slot_is_a_fault_and_what_is_no_counter_an_error() {
        let good = [(-5, 1.0), (10, 2.0), (25, 3.0), (40, 4.0)];
        let seen = Arms {
            total: answer(vec![series("200", &good)]),
            bad: Counter::default(),
        };
        let known = of_baseline(&seen);
        let none = Arms::default();
        let reasons = |gathered: Gathered| -> Vec<Reason> {
            gathered.faults.iter().map(|fault| fault.reason).collect()
        };
        let both = |baseline: &Arms, canary: &Arms| gather(window(60), Some(baseline), canary);
        assert_eq!(reasons(both(&known, &seen).unwrap()), []);
        assert_eq!(
            reasons(both(&known, &none).unwrap()),
            [Reason::CanaryMissing]
        );
        assert_eq!(
            reasons(both(&none, &seen).unwrap()),
            [Reason::BaselineMissing]
        );
        let mut warned = seen.clone();
        warned.bad = Counter::Raw(Answer {
            warnings: vec!["half".to_owned()],
            natives: Vec::new(),
            ..Answer::default()
        });
        assert_eq!(reasons(both(&warned, &known).unwrap()), [Reason::Partial]);
        let with = |samples: &[(i64, f64)]| Arms {
            total: answer(vec![series("200", samples)]),
            bad: Counter::default(),
        };
        let nan = with(&[(-5, 1.0), (10, f64::NAN)]);
        assert_eq!(reasons(both(&known, &nan).unwrap()), [Reason::Unreadable]);
        let wrong = Arms {
            total: seen.total,
            bad: with(&[(-5, 0.0), (10, 9.0)]).total,
        };
        let found = both(&known, &wrong).unwrap();
        assert_eq!(
            (found.rows.len(), reasons(found)),
            (0, vec![Reason::Unreadable])
        );
        assert!(matches!(
            both(&known, &with(&[(10, 0.5)])),
            Err(Invalid::NotCounter(_))
        ));
        assert!(matches!(
            both(&known, &with(&[(10, -1.0)])),
            Err(Invalid::NotCounter(_))
        ));
        let sparse = with(&[(-60, 1.0), (-30, 1.0), (0, 1.0), (30, 1.0)]);
        assert!(matches!(
            both(&known, &sparse),
            Err(Invalid::Interval { .. })
        ));
    }

    #[test]
    fn a_counter_in_both_slots_is_refused_whichever_it_counts() {
        let good = series("200", &[(-5, 1.0), (10, 2.0), (25, 3.0), (40, 4.0)]);
        let bad = series("500", &[(-5, 0.0), (10, 1.0)]);
        let arms = |total: &Series, bad: &Series| Arms {
            total: answer(vec![total.clone()]),
            bad: answer(vec![bad.clone()]),
        };
        let ours = arms(&good, &bad);
        let theirs = of_baseline(&ours);
        let (other_good, other_bad) = (&theirs.total.series()[0], &theirs.bad.series()[0]);
        assert!(gather(window(60), Some(&theirs), &ours).is_ok());
        for shared in [
            arms(&good, other_bad),
            arms(other_good, &bad),
            arms(&bad, other_bad),
        ] {
            let refused = gather(window(60), Some(&shared), &ours);
            assert!(matches!(refused, Err(Invalid::Both(_))), "{refused:?}");
        }
    }

    #[test]
    fn events_are_counted_beside_an_exposure_that_may_hold_fractions() {
        let seconds = [(-5, 0.25), (10, 20.5), (25, 40.75), (45, 44.5), (60, 64.5)];
        let arms = Arms {
            total: answer(vec![series("", &seconds)]),
            bad: answer(vec![series(
                "e",
                &[(-5, 0.0), (10, 90.0), (25, 93.0), (45, 99.0)],
            )]),
        };
        let found = gather_as(Unit::Rate, window(60), None, &arms).unwrap();
        // 20.25 and 20.25 seconds; the 23.75 of the last row are whole again.
        assert_eq!(counts(&found), [(20, 90), (20, 3), (24, 6)]);
        assert_eq!((found.faults, found.notes), (vec![], vec![]));
        assert!(matches!(
            gather(window(60), None, &arms),
            Err(Invalid::NotCounter(_))
        ));
        let thin = Arms {
            total: answer(vec![series(
                "",
                &[(-5, 0.0), (10, 12.25), (25, 13.0), (45, 33.0)],
            )]),
            ..arms
        };
        let found = gather_as(Unit::Rate, window(60), None, &thin).unwrap();
        assert_eq!(counts(&found), [(12, 90), (20, 6)]);
        assert_eq!(found.notes, [THIN]);
        let negative = Arms {
            total: answer(vec![series("", &[(10, -0.5)])]),
            ..thin
        };
        let refused = gather_as(Unit::Rate, window(60), None, &negative);
        assert!(matches!(refused, Err(Invalid::Negative(_))));
    }
}
