//! Where numbers and moments are on paper, and which of them are named.

use crate::canary::number::real;
use crate::time::Time;

/// A place on an axis with a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

/// How values turn into distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// The same distance for the same difference.
    Even,
    /// The same distance for the same factor; values are above 0.
    Factors,
}

/// An axis: values from `low` to `high` lie between two places on paper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) spacing: Spacing,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Scale {
    /// The place of a value; of one that is off the axis, the end of it.
    pub(super) fn place(&self, value: f64) -> f64 {
        let part = match self.spacing {
            Spacing::Even => (value - self.low) / (self.high - self.low),
            Spacing::Factors => libm::log(value / self.low) / libm::log(self.high / self.low),
        };
        let part = if part.is_finite() { part } else { edge(value) };
        self.from + (self.to - self.from) * part.clamp(0.0, 1.0)
    }

    /// The values to name, at most so many.
    pub(super) fn ticks(&self, most: u32) -> Vec<Tick> {
        match self.spacing {
            Spacing::Factors if self.high / self.low >= 4.0 => self.doublings(most),
            Spacing::Even | Spacing::Factors => self.round_numbers(most),
        }
    }

    fn round_numbers(&self, most: u32) -> Vec<Tick> {
        let step = round_step((self.high - self.low) / f64::from(most.max(1)));
        let (divisor, unit) = unit(self.low.abs().max(self.high.abs()));
        let digits = decimals(step / divisor);
        let first = libm::ceil(self.low / step - 1e-9);
        let values = (0..=most).map(|up| step * (first + f64::from(up)));
        let within = values.take_while(|value| *value <= self.high + 1e-9 * step);
        let tick = |value: f64| {
            // Neither -0 nor what rounding left of it.
            if value.abs() < step / 2.0 {
                let label = "0".to_owned();
                return Tick { value: 0.0, label };
            }
            let label = format!("{:.*}{unit}", digits, value / divisor);
            Tick { value, label }
        };
        within.map(tick).collect()
    }

    /// Powers of two.
    fn doublings(&self, most: u32) -> Vec<Tick> {
        let (low, high) = (libm::log2(self.low), libm::log2(self.high));
        let stride = libm::ceil((high - low) / f64::from(most.max(1))).max(1.0);
        let first = libm::ceil(low / stride - 1e-9);
        let powers = (0..=most).map(|up| stride * (first + f64::from(up)));
        let within = powers.take_while(|power| *power <= high + 1e-9);
        let tick = |power: f64| {
            let value = libm::exp2(power);
            let label = match power < -2.0 {
                true => format!("1/{}", libm::exp2(-power)),
                false => value.to_string(),
            };
            Tick { value, label }
        };
        within.map(tick).collect()
    }
}

fn edge(value: f64) -> f64 {
    if value > 0.0 { 1.0 } else { 0.0 }
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(least)));
    let times = [1.0, 2.0, 5.0, 10.0].into_iter();
    let found = times.map(|times| times * power);
    let mut found = found.filter(|step| *step >= least * (1.0 - 1e-9));
    found.next().unwrap_or(10.0 * power)
}

/// How many digits a step needs behind the point.
fn decimals(step: f64) -> usize {
    let mut scaled = step;
    for digits in 0..9 {
        if (scaled - libm::round(scaled)).abs() < 1e-6 * scaled {
            return digits;
        }
        scaled *= 10.0;
    }
    9
}

/// What labels are divided by, and the letter for it.
fn unit(most: f64) -> (f64, &'static str) {
    let units = [
        (1e18, "E"),
        (1e15, "P"),
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e4, "k"),
    ];
    let found = units.into_iter().find(|(least, _)| most >= *least);
    match found {
        Some((_, "k")) => (1e3, "k"),
        Some(found) => found,
        None => (1.0, ""),
    }
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Steps within a day.
const STEPS: [i64; 17] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
];

/// The moments to name between two, at most so many and in UTC; values are
/// milliseconds after the first.
pub(super) fn moments(from: Time, to: Time, most: u32) -> Vec<Tick> {
    let span = to.millis_since(from).max(1);
    let most = i64::from(most.max(1));
    let days = [1, 2, 5, 10, 20, 50, 100, 200, 500].map(|days: i64| days * DAY);
    let far = [1_000, 10_000, 100_000, 1_000_000, 10_000_000].map(|days: i64| days * DAY);
    let mut steps = STEPS.into_iter().chain(days).chain(far);
    let step = steps.find(|step| span / step < most).unwrap_or(i64::MAX);
    let start = from.unix_millis();
    let first = start.saturating_add((step - start.rem_euclid(step)) % step);
    let all = (0..=most).map(|up| first.saturating_add(up.saturating_mul(step)));
    all.take_while(|moment| *moment <= to.unix_millis())
        .filter_map(|moment| {
            let time = Time::from_unix_millis(moment).ok()?;
            let value = since(time, from);
            let label = moment_label(time, step);
            Some(Tick { value, label })
        })
        .collect()
}

/// Milliseconds after a moment; 0 before it.
pub(super) fn since(time: Time, from: Time) -> f64 {
    let millis = u64::try_from(time.millis_since(from)).unwrap_or(0);
    real(millis.into())
}

fn moment_label(time: Time, step: i64) -> String {
    let millis = time.unix_millis().rem_euclid(DAY);
    let [hour, minute, second] = [millis / HOUR, millis / MINUTE % 60, millis / SECOND % 60];
    if step >= 365 * DAY {
        return date(time);
    }
    match millis {
        0 if step >= HOUR => short_date(time),
        _ if step < MINUTE => format!("{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{hour:02}:{minute:02}"),
    }
}

/// The day of a moment, as in RFC 3339.
pub(super) fn date(time: Time) -> String {
    let text = time.to_string();
    let day = text.split_once('T').map(|(day, _)| day.to_owned());
    day.unwrap_or(text)
}

/// Month and day.
fn short_date(time: Time) -> String {
    let date = date(time);
    let month = date.rsplit_once('-').and_then(|(rest, day)| {
        let (_, month) = rest.rsplit_once('-')?;
        Some(format!("{month}-{day}"))
    });
    month.unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, spacing: Spacing) -> Vec<String> {
        let scale = Scale {
            low,
            high,
            spacing,
            from: 0.0,
            to: 100.0,
        };
        let ticks = scale.ticks(6);
        assert!(ticks.len() <= 6, "{ticks:?}");
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn numbers_are_round() {
        let even = |low, high| labels(low, high, Spacing::Even).join(" ");
        assert_eq!(even(0.0, 4.3), "0 1 2 3 4");
        assert_eq!(even(0.0, 0.9), "0 0.2 0.4 0.6 0.8");
        assert_eq!(even(-4.2, 7.0), "-4 -2 0 2 4 6");
        assert_eq!(even(0.0, 9e6), "0 2M 4M 6M 8M");
        assert_eq!(even(0.0, 25_000.0), "0 5k 10k 15k 20k 25k");
        assert_eq!(even(0.0, 1.8e19), "0 5E 10E 15E");
        assert_eq!(even(0.0, 0.0), "0");
    }

    #[test]
    fn factors_are_powers_of_two_or_round() {
        let factors = |low, high| labels(low, high, Spacing::Factors).join(" ");
        assert_eq!(factors(0.2, 9.0), "0.25 0.5 1 2 4 8");
        assert_eq!(factors(0.3, 5.0), "0.5 1 2 4");
        assert_eq!(factors(0.85, 1.3), "0.9 1.0 1.1 1.2 1.3");
        assert_eq!(factors(0.01, 80.0), "1/64 1/8 1 8 64");
    }

    #[test]
    fn places_follow_values_and_end_with_the_axis() {
        let scale = Scale {
            low: 1.0,
            high: 16.0,
            spacing: Spacing::Factors,
            from: 100.0,
            to: 0.0,
        };
        for (value, place) in [(1.0, 100.0), (4.0, 50.0), (16.0, 0.0), (99.0, 0.0)] {
            assert!((scale.place(value) - place).abs() < 1e-9, "{value}");
        }
        for (value, place) in [(0.0, 100.0), (f64::INFINITY, 0.0), (f64::NAN, 100.0)] {
            assert!((scale.place(value) - place).abs() < 1e-9, "{value}");
        }
    }

    fn named(from: &str, to: &str) -> String {
        let ticks = moments(from.parse().unwrap(), to.parse().unwrap(), 5);
        assert!(ticks.len() <= 6, "{ticks:?}");
        let labels: Vec<String> = ticks.into_iter().map(|tick| tick.label).collect();
        labels.join(" ")
    }

    #[test]
    fn moments_are_those_of_a_clock() {
        for (from, to, expected) in [
            (
                "2026-11-23T12:00:00Z",
                "2026-11-23T12:00:20Z",
                "12:00:00 12:00:05 12:00:10 12:00:15 12:00:20",
            ),
            (
                "2026-11-23T12:01:00Z",
                "2026-11-23T12:59:00Z",
                "12:15 12:30 12:45",
            ),
            (
                "2026-11-23T22:00:00Z",
                "2026-11-24T02:00:00Z",
                "22:00 23:00 11-24 01:00 02:00",
            ),
            (
                "2026-11-01T00:00:00Z",
                "2026-11-30T00:00:00Z",
                "11-03 11-13 11-23",
            ),
            ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z", "12:00:00"),
        ] {
            assert_eq!(named(from, to), expected, "{from}");
        }
    }

    #[test]
    fn all_of_time_has_few_ticks() {
        let ticks = named("-009999-01-03T00:00:00Z", "9999-12-30T00:00:00Z");
        assert!(ticks.split(' ').count() <= 6, "{ticks}");
        assert!(!ticks.is_empty());
    }
}
