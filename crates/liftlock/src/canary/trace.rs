//! How a canary's evidence grew, row by row: what a person looks at after the
//! verdict. It decides nothing.

use super::counts::{Arm, Row, Tally};
use super::interval::{Interval, Range};
use super::law::Law;
use super::panel::Panel;
use super::policy::Policy;
use super::state::State;
use crate::time::Time;

/// Of many rows in a row, those that stay: the two peaks and the last one.
const KEPT: usize = 3;

/// What was known after a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The end of the row.
    pub time: Time,
    /// The row, counted from 1.
    pub row: u64,
    /// All requests of the canary so far.
    pub canary: Arm,
    /// All requests of the baseline so far.
    pub baseline: Arm,
    /// `ln E` against a healthy canary; fails at the policy's threshold.
    pub log_e_fail: f64,
    /// `ln E` against "as bad as the pass margin"; passes at the policy's threshold.
    pub log_e_pass: f64,
    /// What the planned looks spent of the risk.
    pub spent: f64,
    /// How many more bad requests would have failed the planned look: 0 when
    /// it failed, nothing when none is open.
    pub short_of_fail: Option<u64>,
    /// The odds of a bad request over the baseline's, or over those allowed.
    pub odds_ratio: Option<f64>,
    /// The largest odds ratio that a healthy canary has as a rule: two standard
    /// deviations of the spread above the margin.
    pub healthy: f64,
    /// The odds ratios that the rows do not refute, at all looks with 95 %;
    /// nothing where rows before these are not known.
    pub range: Option<Range>,
    /// Whether there is an odds ratio that no look refuted.
    pub steady: bool,
}

/// Takes rows from what was known on, until one fails, and keeps at most so
/// many points of each count: each row while they are few; else of each stretch
/// its last row and those with the most evidence to fail and to pass.
#[must_use]
pub fn trace(begun: Panel, tallies: &[Tally], at_most: usize) -> Vec<Vec<Point>> {
    let many = tallies.len() > at_most;
    let stretches = if many { at_most / KEPT } else { at_most };
    let width = tallies.len().div_ceil(stretches.max(1)).max(1);
    let mut watched = Watched::new(begun);
    let mut points: Vec<Vec<Point>> = vec![Vec::new(); watched.panel.counts().count()];
    for stretch in tallies.chunks(width) {
        let mut seen: Vec<Vec<Point>> = vec![Vec::new(); points.len()];
        for tally in stretch {
            watched.take(tally, &mut seen);
            if watched.panel.failed().is_some() {
                break;
            }
        }
        for (kept, seen) in points.iter_mut().zip(seen) {
            kept.extend(thinned(seen));
        }
        if watched.panel.failed().is_some() {
            break;
        }
    }
    points
}

/// The odds ratios that the rows of one count do not refute, at all looks with
/// 95 %, by the rules of the count.
#[must_use]
pub fn interval(rows: &[Row], policy: &Policy) -> Range {
    let mut interval = Interval::new();
    for row in rows {
        interval.push(&Law::of(row, policy));
    }
    interval.now()
}

/// The panel as it goes, with the intervals where they began with it.
struct Watched {
    panel: Panel,
    intervals: Vec<Option<Interval>>,
}

impl Watched {
    fn new(panel: Panel) -> Self {
        let fresh = panel.rows() == 0;
        let interval = || fresh.then(Interval::new);
        let intervals = panel.counts().map(|_| interval()).collect();
        Self { panel, intervals }
    }

    fn take(&mut self, tally: &Tally, seen: &mut [Vec<Point>]) {
        self.panel.push(tally, None);
        let cold = self.panel.is_cold(tally.time);
        let counts = tally.counts.iter().zip(self.panel.counts());
        let places = counts.zip(self.intervals.iter_mut()).zip(seen);
        for (((pair, strand), interval), seen) in places {
            let state = strand.state();
            if let Some(interval) = interval.as_mut().filter(|_| !cold) {
                interval.push(&Law::of(&pair.row(tally.time), state.policy()));
            }
            seen.push(point(tally.time, state, interval.as_ref()));
        }
    }
}

fn point(time: Time, state: &State, interval: Option<&Interval>) -> Point {
    let short = state.short_of_fail();
    Point {
        time,
        row: state.rows(),
        canary: state.canary(),
        baseline: state.baseline(),
        log_e_fail: state.ln_e_fail(),
        log_e_pass: state.ln_e_pass(),
        spent: state.spent(),
        short_of_fail: state.has_failed_look().then_some(0).or(short),
        odds_ratio: state.odds_ratio(),
        healthy: state.healthy_most(),
        range: interval.map(Interval::now),
        steady: interval.is_none_or(|known| known.ever().is_some()),
    }
}

fn thinned(seen: Vec<Point>) -> impl Iterator<Item = Point> {
    let most = |value: fn(&Point) -> f64| {
        let highest = |one: &&Point, other: &&Point| value(one).total_cmp(&value(other));
        seen.iter().max_by(highest).map(|point| point.row)
    };
    let kept = [
        most(|point| point.log_e_fail),
        most(|point| point.log_e_pass),
        seen.last().map(|point| point.row),
    ];
    seen.into_iter()
        .filter(move |point| kept.contains(&Some(point.row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::sight::Sight;
    use crate::canary::{Against, Evidence, Judgement, Risk, decide};
    use crate::verdict::Verdict;

    fn row(minute: i64, canary: u64) -> Row {
        let arm = |bad| Arm { total: 300, bad };
        Row {
            time: Time::from_unix_millis(1_795_435_200_000 + 60_000 * minute).unwrap(),
            baseline: arm(3),
            canary: arm(canary),
        }
    }

    fn traced(rows: &[Row], at_most: usize) -> Vec<Point> {
        under(&Policy::default(), rows, at_most)
    }

    fn under(policy: &Policy, rows: &[Row], at_most: usize) -> Vec<Point> {
        from(Panel::single(policy.clone()), rows, at_most)
    }

    fn from(panel: Panel, rows: &[Row], at_most: usize) -> Vec<Point> {
        let tallies: Vec<Tally> = rows.iter().map(Tally::from).collect();
        trace(panel, &tallies, at_most).pop().unwrap()
    }

    fn judged(rows: &[Row]) -> Judgement {
        let sight = Sight::default();
        let evidence = Evidence {
            rows,
            sight: &sight,
        };
        decide(&Policy::default(), &evidence, rows.last().unwrap().time)
    }

    #[test]
    fn the_last_point_has_the_numbers_of_the_verdict() {
        let late = (1..=60).map(|at| row(at, if at < 31 { 3 } else { 12 }));
        let alike = (1..=60).map(|at| row(at, 2 + u64::try_from(at % 3).unwrap()));
        for rows in [late.collect::<Vec<_>>(), alike.collect()] {
            let judged = judged(&rows);
            for at_most in [9, 30, 60, 1000] {
                let points = traced(&rows, at_most);
                assert!(points.len() <= at_most.max(KEPT), "{at_most}");
                let last = points.last().unwrap();
                assert_eq!(last.row, judged.rows);
                assert_eq!(last.canary, judged.canary);
                assert_eq!(last.log_e_fail.to_bits(), judged.log_e_fail.to_bits());
                assert_eq!(last.log_e_pass.to_bits(), judged.log_e_pass.to_bits());
                assert_eq!(last.spent.to_bits(), judged.spent.to_bits());
                assert_eq!(last.odds_ratio, judged.odds_ratio);
                if judged.verdict != Verdict::Fail {
                    assert_eq!(last.short_of_fail, judged.short_of_fail);
                }
            }
        }
    }

    #[test]
    fn a_look_that_fails_is_none_short_of_it() {
        let rows: Vec<Row> = (1..=60).map(|at| row(at, 7)).collect();
        let points = traced(&rows, 100);
        let (last, before) = points.split_last().unwrap();
        assert_eq!(last.short_of_fail, Some(0));
        assert!(before.iter().all(|point| point.short_of_fail != Some(0)));
        assert_eq!(last.row, judged(&rows).decided_at_row.unwrap());
    }

    #[test]
    fn thinning_keeps_the_peaks() {
        let burst = |at: i64| row(at, if (21..24).contains(&at) { 14 } else { 3 });
        let rows: Vec<Row> = (1..=500).map(burst).collect();
        let strict = Policy {
            alpha: Risk::try_from(1e-9).unwrap(),
            ..Policy::default()
        };
        let all = under(&strict, &rows, 500);
        let few = under(&strict, &rows, 30);
        assert_eq!((all.len(), few.len() <= 30), (500, true));
        let peak = |points: &[Point], value: fn(&Point) -> f64| {
            let most = points.iter().max_by(|a, b| value(a).total_cmp(&value(b)));
            most.map(|point| point.row)
        };
        for value in [
            |point: &Point| point.log_e_fail,
            |point: &Point| point.log_e_pass,
        ] {
            assert_eq!(peak(&all, value), peak(&few, value));
        }
        assert_eq!(peak(&few, |point| point.log_e_fail), Some(23));
    }

    #[test]
    fn the_interval_holds_the_estimate_and_says_when_nothing_fits() {
        let turned = |at: i64| row(at, if at < 60 { 3 } else { 0 });
        let rows: Vec<Row> = (1..=250).map(turned).collect();
        let points = traced(&rows, 300);
        for point in &points {
            let (odds, range) = (point.odds_ratio.unwrap(), point.range.unwrap());
            assert!(range.low <= odds && odds <= range.high, "{point:?}");
        }
        assert!(points[30].steady && !points.last().unwrap().steady);
    }

    #[test]
    fn a_state_that_was_taken_up_again_has_no_interval_of_its_own() {
        let rows: Vec<Row> = (1..=20).map(|at| row(at, 3)).collect();
        let mut begun = Panel::single(Policy::default());
        for row in &rows[..10] {
            begun.push(&Tally::from(row), None);
        }
        let points = from(begun, &rows[10..], 50);
        let whole = traced(&rows, 50);
        assert_eq!(points.len(), 10);
        assert_eq!(points[9].row, 20);
        assert_eq!(
            points[9].log_e_fail.to_bits(),
            whole[19].log_e_fail.to_bits()
        );
        assert_eq!((points[9].range, points[9].steady), (None, true));
    }

    #[test]
    fn no_row_is_no_point_and_an_objective_has_an_interval_too() {
        assert_eq!(traced(&[], 50), []);
        let policy = Policy {
            against: Against::slo("99%".parse().unwrap()).unwrap(),
            ..Policy::default()
        };
        let rows: Vec<Row> = (1..=60).map(|at| row(at, 3)).collect();
        let points = under(&policy, &rows, 100);
        let range = points.last().unwrap().range.unwrap();
        assert!(range.low < 1.0 && 1.0 < range.high, "{range:?}");
        assert!(range.high / range.low < 3.0, "{range:?}");
    }
}
