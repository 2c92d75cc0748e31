//! Kayenta's NetflixACAJudge-v1.0: a Mann-Whitney interval over the points of
//! both arms, as it is: its confidence and its 25 % are fixed.

use super::{looks, share};
use crate::canary::counts::Row;

/// The 99 % quantile of the normal law, for an interval of 98 %.
const QUANTILE: f64 = 2.326_347_874_040_841;

/// The interval has to keep this part of the estimate away from 0.
const KEPT: f64 = 0.25;

/// The absolute accuracy of the ends of the interval.
const ACCURACY: f64 = 1e-4;

/// How far apart points of an arm are put that is constant.
const NOISE: f64 = 1e-5;

/// What the judge makes of a metric that should not increase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Class {
    /// No increase, or none that is large enough.
    Pass,
    /// An increase, with the ratio of the means where there is one.
    High(Option<f64>),
    /// An arm has no points.
    Nodata,
}

/// Judges the points of both arms; those that are no numbers are left out.
#[must_use]
pub fn classify(canary: &[f64], baseline: &[f64]) -> Class {
    let [mut canary, mut baseline] = [canary, baseline].map(sorted);
    if canary.is_empty() || baseline.is_empty() {
        return Class::Nodata;
    }
    let first = canary.first().copied();
    let same = |arm: &[f64]| arm.first() == arm.last();
    if canary == baseline
        || (same(&canary) && same(&baseline) && first == baseline.first().copied())
    {
        return Class::Pass;
    }
    let effect = effect(&canary, &baseline);
    if same(&canary) && same(&baseline) {
        spread(&mut canary);
        spread(&mut baseline);
    }
    let (low, estimate) = interval(&canary, &baseline);
    if low > KEPT * estimate.abs() {
        Class::High(effect)
    } else {
        Class::Pass
    }
}

fn sorted(points: &[f64]) -> Vec<f64> {
    let mut points: Vec<f64> = points.iter().copied().filter(|one| !one.is_nan()).collect();
    points.sort_by(f64::total_cmp);
    points
}

fn effect(canary: &[f64], baseline: &[f64]) -> Option<f64> {
    let [ours, theirs] = [canary, baseline].map(mean);
    (ours != 0.0 && theirs != 0.0).then(|| ours / theirs)
}

fn mean(points: &[f64]) -> f64 {
    points.iter().sum::<f64>() / length(points)
}

fn length(points: &[f64]) -> f64 {
    super::real(u64::try_from(points.len()).unwrap_or(u64::MAX))
}

/// Stands in for the random noise that it adds to constant arms.
fn spread(points: &mut [f64]) {
    let middle = length(points) / 2.0;
    for (place, point) in (0_u32..).map(f64::from).zip(points) {
        *point *= 1.0 + NOISE * (place - middle) / middle.max(1.0);
    }
}

/// The lower end of the interval for the shift from baseline to canary, and
/// the estimate itself.
fn interval(canary: &[f64], baseline: &[f64]) -> (f64, f64) {
    let ends = |points: &[f64]| {
        let least = points.first().copied().unwrap_or_default();
        (least, points.last().copied().unwrap_or_default())
    };
    let ((least, most), (other_least, other_most)) = (ends(canary), ends(baseline));
    let (low, high) = (least - other_most, most - other_least);
    let root = |level: f64| {
        let distance = |shift: f64| z(canary, baseline, shift) - level;
        brent(distance, (low, high)).unwrap_or(if level > 0.0 { low } else { high })
    };
    (root(QUANTILE), root(0.0))
}

/// The standardised rank sum of the canary when it is moved back by a shift;
/// ties are corrected for, and half a rank for continuity.
#[must_use]
pub fn z(canary: &[f64], baseline: &[f64], shift: f64) -> f64 {
    let moved = canary.iter().map(|point| (point - shift, true));
    let mut all: Vec<(f64, bool)> = moved
        .chain(baseline.iter().map(|point| (*point, false)))
        .collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (n, m) = (length(canary), length(baseline));
    let (mut ranks, mut ties, mut before) = (0.0, 0.0, 0.0);
    #[expect(clippy::float_cmp, reason = "points are tied when they are the same")]
    for group in all.chunk_by(|one, other| one.0 == other.0) {
        let tied = super::real(u64::try_from(group.len()).unwrap_or(u64::MAX));
        let rank = before + f64::midpoint(tied, 1.0);
        let ours = group.iter().filter(|(_, ours)| *ours);
        ranks += ours.map(|_| rank).sum::<f64>();
        ties += tied * tied * tied - tied;
        before += tied;
    }
    let all = n + m;
    let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
    let away = ranks - n * (n + 1.0) / 2.0 - n * m / 2.0;
    if variance <= 0.0 || away == 0.0 {
        return 0.0;
    }
    (away - 0.5 * away.signum()) / libm::sqrt(variance)
}

/// Brent's method from the middle of a bracket, to an absolute accuracy; none
/// where the function has one sign at both ends.
fn brent(f: impl Fn(f64) -> f64, (low, high): (f64, f64)) -> Option<f64> {
    let middle = f64::midpoint(low, high);
    let (at_low, at_middle, at_high) = (f(low), f(middle), f(high));
    for (place, value) in [(middle, at_middle), (low, at_low), (high, at_high)] {
        if value.abs() <= f64::EPSILON {
            return Some(place);
        }
    }
    if at_low * at_middle < 0.0 {
        Some(narrow(f, (low, at_low), (middle, at_middle)))
    } else if at_middle * at_high < 0.0 {
        Some(narrow(f, (middle, at_middle), (high, at_high)))
    } else {
        None
    }
}

/// Brent 1973, chapter 4: inverse quadratic steps, halving where they stray.
fn narrow(f: impl Fn(f64) -> f64, mut a: (f64, f64), mut b: (f64, f64)) -> f64 {
    let mut c = a;
    let mut step = b.0 - a.0;
    let mut last = step;
    loop {
        if c.1.abs() < b.1.abs() {
            (a, b, c) = (b, c, b);
        }
        let tolerance = 2e-14 * b.0.abs() + ACCURACY;
        let half = 0.5 * (c.0 - b.0);
        if half.abs() <= tolerance || b.1.abs() <= f64::EPSILON {
            return b.0;
        }
        let tried = interpolated(a, b, c, half);
        let fits = |(p, q): (f64, f64)| {
            let bound = (1.5 * half * q - (tolerance * q).abs()).min((0.5 * last * q).abs());
            last.abs() >= tolerance && a.1.abs() > b.1.abs() && p < bound
        };
        (last, step) = match tried {
            (p, q) if fits((p, q)) => (step, p / q),
            _ => (half, half),
        };
        a = b;
        b.0 += if step.abs() > tolerance {
            step
        } else {
            tolerance * half.signum()
        };
        b.1 = f(b.0);
        if (b.1 > 0.0) == (c.1 > 0.0) {
            c = a;
            step = b.0 - a.0;
            last = step;
        }
    }
}

/// A step as numerator, which is positive, and denominator.
#[expect(clippy::float_cmp, reason = "the same point, not a close one")]
fn interpolated(a: (f64, f64), b: (f64, f64), c: (f64, f64), half: f64) -> (f64, f64) {
    let s = b.1 / a.1;
    let (p, q) = if a.0 == c.0 {
        (2.0 * half * s, 1.0 - s)
    } else {
        let (t, r) = (a.1 / c.1, b.1 / c.1);
        let p = s * (2.0 * half * t * (t - r) - (b.0 - a.0) * (r - 1.0));
        (p, (t - 1.0) * (r - 1.0) * (s - 1.0))
    };
    if p > 0.0 { (p, -q) } else { (-p, q) }
}

/// How the judge is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Rows from one look to the next; each look is at everything so far.
    pub every: usize,
    /// The ratio of means from which on an increase counts.
    pub allowed_increase: f64,
}

/// Every look at which there is a significant increase: the row, counted from
/// 1, and the ratio of the means where there is one.
#[must_use]
pub fn increases(rows: &[Row], every: usize) -> Vec<(u64, Option<f64>)> {
    let points = |rows: &[Row], canary: bool| -> Vec<f64> {
        let arms = rows.iter();
        arms.filter_map(|row| share(if canary { row.canary } else { row.baseline }))
            .collect()
    };
    looks(rows, every)
        .filter_map(
            |(row, seen)| match classify(&points(seen, true), &points(seen, false)) {
                Class::High(effect) => Some((row, effect)),
                Class::Pass | Class::Nodata => None,
            },
        )
        .collect()
}

/// The row at which the judge fails the canary, counted from 1.
#[must_use]
pub fn fails(rows: &[Row], settings: &Settings) -> Option<u64> {
    let counts = |effect: Option<f64>| effect.is_none_or(|one| one >= settings.allowed_increase);
    let mut found = increases(rows, settings.every).into_iter();
    found
        .find(|(_, effect)| counts(*effect))
        .map(|(row, _)| row)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::canary::counts::Arm;
    use crate::time::Time;

    pub(in crate::peers) fn row((total, bad): (u64, u64), canary: (u64, u64)) -> Row {
        Row {
            time: Time::EPOCH,
            baseline: Arm { total, bad },
            canary: Arm {
                total: canary.0,
                bad: canary.1,
            },
        }
    }

    #[test]
    fn ranks_agree_with_the_published_values() {
        let x = [3.1, 4.7, 5.0, 6.2, 8.8];
        let y = [2.0, 2.9, 3.0, 4.1, 4.4, 5.6];
        // U = 25, and the normal tail of this is 0.0828374 / 2.
        let found = z(&x, &y, 0.0);
        assert!((found - 9.5 / 30.0_f64.sqrt()).abs() < 1e-12, "{found}");
        let (low, estimate) = interval(&x, &y);
        assert!(
            (estimate - 1.8).abs() < 0.3 && low < 0.0,
            "{low} {estimate}"
        );
    }

    #[test]
    fn its_known_defects_are_reproduced() {
        let high =
            |canary: &[f64], baseline: &[f64]| matches!(classify(canary, baseline), Class::High(_));
        // Errors that are mostly zero pass: 4 minutes of 10 with errors against none.
        let zero = [0.0; 10];
        let some = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.03, 0.05, 0.02, 0.04];
        assert!(!high(&some, &zero));
        // A certain shift of 0.1 % is high, as the 25 % are of the estimate.
        let steady = |level: f64| -> Vec<f64> {
            let near = (0..30).map(|place| level + 1e-3 * f64::from(place % 3));
            near.collect()
        };
        assert!(high(&steady(100.1), &steady(100.0)));
        // Three points against three are enough.
        assert!(high(&[9.0, 9.5, 10.0], &[1.0, 1.5, 2.0]));
        // The same numbers in other units are judged otherwise.
        let slope = |from: f64| (0..10).map(move |step| from + 0.0162 * f64::from(step));
        let [slow, fast] = [0.358, 0.2].map(|from| slope(from).collect::<Vec<_>>());
        let [slower, faster] =
            [&slow, &fast].map(|arm| arm.iter().map(|one| one * 1e-3).collect::<Vec<_>>());
        assert!(high(&slow, &fast) && !high(&slower, &faster));
    }

    #[test]
    fn points_of_one_value_and_missing_ones_have_their_class() {
        assert_eq!(classify(&[], &[1.0]), Class::Nodata);
        assert_eq!(classify(&[f64::NAN], &[1.0]), Class::Nodata);
        assert_eq!(classify(&[1.0, 1.0], &[1.0]), Class::Pass);
        assert_eq!(classify(&[2.0; 10], &[1.0; 10]), Class::High(Some(2.0)));
        assert_eq!(classify(&[1.0; 10], &[2.0; 10]), Class::Pass);
    }

    #[test]
    fn it_looks_at_everything_so_far_every_ten_rows() {
        let settings = Settings {
            every: 10,
            allowed_increase: 1.0,
        };
        let rows: Vec<Row> = (0..60)
            .map(|place| row((600, 6 + place % 3), (600, 14 + place % 4)))
            .collect();
        assert_eq!(fails(&rows, &settings), Some(10));
        let strict = Settings {
            allowed_increase: 3.0,
            ..settings
        };
        assert_eq!(fails(&rows, &strict), None);
        assert_eq!(fails(&rows[..9], &settings), None);
    }
}
