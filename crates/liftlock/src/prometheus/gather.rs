//! Rows of counts from the raw samples of both slots.

use super::answer::{Answer, Series};
use super::counter::{NotCount, Targets, rises};
use crate::canary::Reason;
use crate::canary::counts::{Arm, Row};
use crate::canary::sight::Blind;
use crate::failure::{Explain, Kind};
use crate::span::Span;
use crate::time::Time;

/// The most rows of one window.
pub const MOST_ROWS: u64 = 1_000_000;

/// The rows end at `from` plus whole intervals, none of them after `to`, so
/// that a later look over the same start sees the same rows again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where the first row begins.
    pub from: Time,
    /// What is after this was not asked for.
    pub to: Time,
    /// The width of a row.
    pub interval: Span,
}

/// The answers about one slot, from some time before the window on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arms {
    /// Counters of all requests.
    pub total: Answer,
    /// Counters of bad requests.
    pub bad: Answer,
}

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
/// # Errors
///
/// Fails when the selectors do not select counters, and when the window is
/// cut into too many rows, or into rows shorter than the time between samples.
pub fn gather(window: Window, baseline: Option<&Arms>, canary: &Arms) -> Result<Gathered, Invalid> {
    let mut gathered = Gathered::default();
    let slots = [Some(canary), baseline];
    for arms in slots.into_iter().flatten() {
        for warning in arms.total.warnings.iter().chain(&arms.bad.warnings) {
            let fault = Blind::new(Reason::Partial, format!("Prometheus warns: {warning}"));
            gathered.faults.push(fault);
        }
        gathered.newest = gathered.newest.max(newest(&arms.total.series));
        gathered.spacing = gathered.spacing.max(spacing(&arms.total.series));
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
        None => vec![Arm::default(); rows],
    };
    let ends = (1..).map(|number| window.end(number));
    gathered.rows = ends
        .zip(baseline.into_iter().zip(canary))
        .take_while(|(end, _)| {
            gathered
                .newest
                .is_some_and(|newest| window.begin(*end) < newest)
        })
        .map(|(time, (baseline, canary))| Row {
            time,
            baseline,
            canary,
        })
        .collect();
    contradiction(&mut gathered);
    Ok(gathered)
}

impl Window {
    fn rows(self) -> Result<usize, Invalid> {
        let length = u64::try_from(self.to.millis_since(self.from)).unwrap_or(0);
        let rows = length.checked_div(self.interval.millis()).unwrap_or(0);
        usize::try_from(rows)
            .ok()
            .filter(|_| rows <= MOST_ROWS)
            .ok_or(Invalid::TooManyRows(rows))
    }

    fn end(self, number: u64) -> Time {
        let length = self.interval.millis().saturating_mul(number);
        self.from.after(Span::from_millis(length))
    }

    fn begin(self, end: Time) -> Time {
        let length = i64::try_from(self.interval.millis()).unwrap_or(0);
        Time::from_unix_millis(end.unix_millis().saturating_sub(length)).unwrap_or(end)
    }

    /// The index of the row that ends at or after a moment.
    fn index(self, moment: Time) -> Option<usize> {
        let after = u64::try_from(moment.millis_since(self.from)).ok()?;
        let index = after.checked_sub(1)?.checked_div(self.interval.millis())?;
        usize::try_from(index).ok()
    }
}

fn newest(series: &[Series]) -> Option<Time> {
    let last = series.iter().filter_map(|one| one.samples.last());
    last.map(|sample| sample.time).max()
}

/// The median time between two samples of the series that has the most.
fn spacing(series: &[Series]) -> Option<Span> {
    let most = series.iter().max_by_key(|one| one.samples.len())?;
    let mut gaps: Vec<i64> = most
        .samples
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(b.time.millis_since(a.time)),
            _ => None,
        })
        .collect();
    gaps.sort_unstable();
    let middle = gaps.get(gaps.len() / 2).filter(|_| gaps.len() >= 3)?;
    u64::try_from(*middle).ok().map(Span::from_millis)
}

fn missing(gathered: &mut Gathered, baseline: Option<&Arms>, canary: &Arms) {
    if canary.total.series.is_empty() {
        let detail = "no series of the canary: the selector of all requests finds none";
        let fault = Blind::new(Reason::CanaryMissing, detail);
        gathered.faults.push(fault);
    }
    if baseline.is_some_and(|arms| arms.total.series.is_empty()) {
        let detail = "no series of the baseline: the selector of all requests finds none";
        let fault = Blind::new(Reason::BaselineMissing, detail);
        gathered.faults.push(fault);
    }
    let unseen = |arms: &Arms| arms.bad.series.is_empty();
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
) -> Result<Vec<Arm>, Invalid> {
    let mut targets = Targets::default();
    targets.learn(&arms.total.series);
    targets.learn(&arms.bad.series);
    let mut column = vec![Arm::default(); rows];
    let mut add = |series: &[Series], to: fn(&mut Arm) -> &mut u64| {
        for one in series {
            match rises(one, &targets) {
                Ok(rises) => spread(window, &mut column, &rises, to),
                Err(NotCount::NotWhole(name)) => return Err(Invalid::NotCounter(name)),
                Err(NotCount::NotFinite(name)) => {
                    let detail = format!("`{name}` holds a value that is no number");
                    faults.push(Blind::new(Reason::Unreadable, detail));
                }
            }
        }
        Ok(())
    };
    add(&arms.total.series, |arm| &mut arm.total)?;
    add(&arms.bad.series, |arm| &mut arm.bad)?;
    Ok(column)
}

fn spread(window: Window, column: &mut [Arm], rises: &[(Time, u64)], to: fn(&mut Arm) -> &mut u64) {
    for (moment, rise) in rises {
        let arm = window
            .index(*moment)
            .and_then(|index| column.get_mut(index));
        if let Some(count) = arm.map(to) {
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
            Self::TooManyRows(_) => Some("take a longer interval".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::answer::Sample;

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

    fn answer(series: Vec<Series>) -> Answer {
        Answer {
            series,
            warnings: vec![],
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
            bad: Answer::default(),
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
            bad: Answer::default(),
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
        warned.bad.warnings = vec!["half".to_owned()];
        assert_eq!(reasons(both(&warned, &seen).unwrap()), [Reason::Partial]);
        let with = |samples: &[(i64, f64)]| Arms {
            total: answer(vec![series("200", samples)]),
            bad: Answer::default(),
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
