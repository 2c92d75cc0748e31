//! Rows of counts from what a source told of both slots.

use super::counter::{NotCount, Targets, rises};
use super::increments::{Absent, Fault, Increments};
use super::series::Series;
use super::shape::{Arms, Counter};
use super::window::{MOST_ROWS, Window};
use crate::canary::Reason;
use crate::canary::counts::{Arm, Row};
use crate::canary::sight::Blind;
use crate::failure::{Explain, Kind};
use crate::span::Span;
use crate::time::Time;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// Counts, oldest first.
    pub rows: Vec<Row>,
    /// The newest sample of any slot.
    pub newest: Option<Time>,
    /// The time between samples, where there are enough to tell.
    pub spacing: Option<Span>,
    /// What hides a slot.
    pub faults: Vec<Blind>,
    /// What a person should know though it decides nothing.
    pub notes: Vec<String>,
}

/// Counts both slots; without a baseline its counts are 0.
///
/// A row in which a slot's requests were not told is left out. Rows end before
/// the first one in which bad requests are not told and could still come.
///
/// # Errors
///
/// Fails when the answers hold no counts, when their intervals are not the
/// rows, and when the window is cut into too many rows, or into rows shorter
/// than the time between samples.
pub fn gather(window: Window, baseline: Option<&Arms>, canary: &Arms) -> Result<Gathered, Invalid> {
    let mut gathered = Gathered::default();
    let slots = [Some(canary), baseline];
    for arms in slots.into_iter().flatten() {
        for warning in arms.total.warnings().iter().chain(arms.bad.warnings()) {
            let fault = Blind::new(Reason::Partial, format!("the source warns: {warning}"));
            gathered.faults.push(fault);
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
    missing(&mut gathered, baseline, canary);
    let rows = window.rows()?;
    let canary = column(window, rows, canary, &mut gathered.faults)?;
    let baseline = match baseline {
        Some(arms) => column(window, rows, arms, &mut gathered.faults)?,
        None => vec![Cell::Told(Arm::default()); rows],
    };
    lay(&mut gathered, window, &baseline, &canary);
    contradiction(&mut gathered);
    Ok(gathered)
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

fn missing(gathered: &mut Gathered, baseline: Option<&Arms>, canary: &Arms) {
    if canary.total.is_empty() {
        let detail = "no series of the canary: the selector of all requests finds none";
        let fault = Blind::new(Reason::CanaryMissing, detail);
        gathered.faults.push(fault);
    }
    if baseline.is_some_and(|arms| arms.total.is_empty()) {
        let detail = "no series of the baseline: the selector of all requests finds none";
        let fault = Blind::new(Reason::BaselineMissing, detail);
        gathered.faults.push(fault);
    }
    let unseen = |arms: &Arms| arms.bad.is_empty();
    if unseen(canary) && baseline.is_none_or(unseen) {
        let note = "the selector of bad requests finds no series yet; a typo would look the same";
        gathered.notes.push(note.to_owned());
    }
}

fn column(
    window: Window,
    rows: usize,
    arms: &Arms,
    faults: &mut Vec<Blind>,
) -> Result<Vec<Cell>, Invalid> {
    let mut targets = Targets::default();
    targets.learn(arms.total.series());
    targets.learn(arms.bad.series());
    let mut count = |counter: &Counter| match counter {
        Counter::Raw(answer) | Counter::Polled(answer) => {
            risen(window, rows, &answer.series, (&targets, &mut *faults))
        }
        Counter::Increments(increments) => added(window, rows, increments, &mut *faults),
    };
    let total = count(&arms.total)?;
    let bad = count(&arms.bad)?;
    // No series of bad requests is what a counter is before the first of them.
    let absent = match &arms.bad {
        Counter::Increments(increments) if !arms.bad.is_empty() => increments.absent,
        Counter::Increments(_) | Counter::Raw(_) | Counter::Polled(_) => Absent::Zero,
    };
    let cells = total.into_iter().zip(bad);
    Ok(cells.map(|(total, bad)| cell(total, bad, absent)).collect())
}

fn cell(total: Option<u64>, bad: Option<u64>, absent: Absent) -> Cell {
    match (total, bad, absent) {
        (Some(total), Some(bad), _) => Cell::Told(Arm { total, bad }),
        // Bad requests without requests: a contradiction, not a hole.
        (None, Some(bad), _) if bad > 0 => Cell::Told(Arm { total: 0, bad }),
        (None, _, _) => Cell::Untold,
        (Some(total), None, Absent::Zero) | (Some(total @ 0), None, Absent::Unknown) => {
            Cell::Told(Arm { total, bad: 0 })
        }
        (Some(_), None, Absent::Unknown) => Cell::BadUntold,
    }
}

fn risen(
    window: Window,
    rows: usize,
    series: &[Series],
    (targets, faults): (&Targets, &mut Vec<Blind>),
) -> Result<Vec<Option<u64>>, Invalid> {
    let mut column = vec![0; rows];
    for one in series {
        match rises(one, targets) {
            Ok(rises) => spread(window, &mut column, &rises),
            Err(fault) => no_count(fault, faults)?,
        }
    }
    Ok(column.into_iter().map(Some).collect())
}

fn added(
    window: Window,
    rows: usize,
    increments: &Increments,
    faults: &mut Vec<Blind>,
) -> Result<Vec<Option<u64>>, Invalid> {
    match increments.column(window, rows) {
        Ok(column) => return Ok(column.0),
        Err(Fault::Grid(invalid)) => return Err(invalid),
        Err(Fault::Count(fault)) => no_count(fault, faults)?,
    }
    Ok(vec![None; rows])
}

fn no_count(fault: NotCount, faults: &mut Vec<Blind>) -> Result<(), Invalid> {
    match fault {
        NotCount::NotWhole(name) => Err(Invalid::NotCounter(name)),
        NotCount::NotFinite(name) => {
            let detail = format!("`{name}` holds a value that is no number");
            faults.push(Blind::new(Reason::Unreadable, detail));
            Ok(())
        }
    }
}

fn spread(window: Window, column: &mut [u64], rises: &[(Time, u64)]) {
    for (moment, rise) in rises {
        let count = window
            .index(*moment)
            .and_then(|index| column.get_mut(index));
        if let Some(count) = count {
            *count = count.saturating_add(*rise);
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

/// The answers are whole, but cannot be counted as was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A gauge, or a recording rule over a rate.
    #[error("`{0}` is no counter of requests: it holds fractions or negative values")]
    NotCounter(String),
    /// Most rows would be empty.
    #[error("the interval of {interval} is shorter than the {spacing} between samples")]
    Interval {
        /// As asked for.
        interval: Span,
        /// As found.
        spacing: Span,
    },
    /// The source adds up other intervals than were asked for.
    #[error(
        "`{name}` is counted by intervals of {width}, one of which ends at {end}: these are not the rows of {interval}"
    )]
    Grid {
        /// How the source calls it.
        name: String,
        /// As found.
        width: Span,
        /// As found.
        end: Time,
        /// As asked for.
        interval: Span,
    },
    /// The window is too long for its interval.
    #[error("the window has {0} rows, more than {MOST_ROWS}")]
    TooManyRows(u64),
}

impl Explain for Invalid {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotCounter(_) => Some("select a raw counter such as requests_total".to_owned()),
            Self::Interval { spacing, .. } => {
                let twice = Span::from_millis(spacing.millis().saturating_mul(2));
                Some(format!("set the interval to {twice}, twice that time"))
            }
            Self::Grid { .. } => {
                Some("set the interval to one that the source counts by".to_owned())
            }
            Self::TooManyRows(_) => Some("take a longer interval".to_owned()),
        }
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
        })
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
        let none = Arms::default();
        let reasons = |gathered: Gathered| -> Vec<Reason> {
            gathered.faults.iter().map(|fault| fault.reason).collect()
        };
        let both = |baseline: &Arms, canary: &Arms| gather(window(60), Some(baseline), canary);
        assert_eq!(reasons(both(&seen, &seen).unwrap()), []);
        assert_eq!(
            reasons(both(&seen, &none).unwrap()),
            [Reason::CanaryMissing]
        );
        assert_eq!(
            reasons(both(&none, &seen).unwrap()),
            [Reason::BaselineMissing]
        );
        let mut warned = seen.clone();
        warned.bad = Counter::Raw(Answer {
            warnings: vec!["half".to_owned()],
            ..Answer::default()
        });
        assert_eq!(reasons(both(&warned, &seen).unwrap()), [Reason::Partial]);
        let with = |samples: &[(i64, f64)]| Arms {
            total: answer(vec![series("200", samples)]),
            bad: Counter::default(),
        };
        let nan = with(&[(-5, 1.0), (10, f64::NAN)]);
        assert_eq!(reasons(both(&seen, &nan).unwrap()), [Reason::Unreadable]);
        let wrong = Arms {
            total: seen.total.clone(),
            bad: with(&[(-5, 0.0), (10, 9.0)]).total,
        };
        let found = both(&seen, &wrong).unwrap();
        assert_eq!(
            (found.rows.len(), reasons(found)),
            (0, vec![Reason::Unreadable])
        );
        assert!(matches!(
            both(&seen, &with(&[(10, 0.5)])),
            Err(Invalid::NotCounter(_))
        ));
        assert!(matches!(
            both(&seen, &with(&[(10, -1.0)])),
            Err(Invalid::NotCounter(_))
        ));
        let sparse = with(&[(-60, 1.0), (-30, 1.0), (0, 1.0), (30, 1.0)]);
        assert!(matches!(
            both(&seen, &sparse),
            Err(Invalid::Interval { .. })
        ));
    }
}
