//! The verdict over a canary: fail at the first proof, pass only with sight.

use super::counts::{Row, Tally};
use super::judgement::Judgement;
use super::panel::Panel;
use super::policy::{Against, PassBy, Policy};
use super::reason::Reason;
use super::sight::Sight;
use crate::time::Time;
use crate::verdict::Verdict;

/// What a verdict rests on.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Counts, oldest first.
    pub rows: &'a [Row],
    /// Whether they may be believed.
    pub sight: &'a Sight,
}

/// How a canary that is being watched does. A pass is no end here: whoever
/// keeps watching must be able to fail it later.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Proved to be worse, at any row.
    Fail(Judgement),
    /// There is no sight.
    Blind(Judgement),
    /// Nothing failed, and there is sight or it may yet come.
    Going(Reached, Judgement),
}

/// Whether the planned sample was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Requests and time both: the step may end.
    Yes,
    /// Proved to be no worse before the sample was complete.
    Proved,
    /// Not yet.
    No,
}

/// Judges a whole record of a canary: it fails at the first row that proves
/// it, and passes only at the last one, as a fault may begin late.
#[must_use]
pub fn decide(policy: &Policy, evidence: &Evidence<'_>, now: Time) -> Judgement {
    let tallies: Vec<Tally> = evidence.rows.iter().map(Tally::from).collect();
    Panel::single(policy.clone()).judge(&tallies, evidence.sight, now)
}

/// When rows may prove a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    AtOnce,
    AtTheEnd,
}

impl Panel {
    /// Judges a whole record, as [`decide`] does.
    pub fn judge(&mut self, tallies: &[Tally], sight: &Sight, now: Time) -> Judgement {
        self.look(tallies, sight, (now, Pass::AtTheEnd))
    }

    /// Goes on to judge with rows that came since: those not later than the
    /// newest one taken before are left out. No row after the verdict is used.
    pub fn decide(&mut self, tallies: &[Tally], sight: &Sight, now: Time) -> Judgement {
        self.look(tallies, sight, (now, Pass::AtOnce))
    }

    fn look(&mut self, tallies: &[Tally], sight: &Sight, (now, pass): (Time, Pass)) -> Judgement {
        if let Some(failed) = self.worse() {
            return Judgement::new(self, failed, None);
        }
        let current = tallies.last().map_or(now, |tally| tally.time.max(now));
        let newest = tallies.last().map(|tally| tally.time).or(self.last());
        let behind = newest.is_none_or(|newest| self.is_old(newest, current));
        for tally in tallies {
            let early = behind || (pass == Pass::AtTheEnd && Some(tally.time) != newest);
            if self.take(tally, sight)
                && let Some(reason) = self.proved(sight, tally.time)
                && !(early && reason.verdict() == Verdict::Pass)
            {
                return Judgement::new(self, reason, None);
            }
        }
        match sight.blind(self, current) {
            Some(blind) => Judgement::blind(self, blind),
            None => Judgement::new(self, Reason::TooLittle, self.warming()),
        }
    }

    fn is_old(&self, seen: Time, now: Time) -> bool {
        let limit = i64::try_from(self.policy().max_staleness.millis()).unwrap_or(0);
        now.millis_since(seen) > limit
    }

    fn take(&mut self, tally: &Tally, sight: &Sight) -> bool {
        let last = self.last();
        if last.is_some_and(|last| tally.time <= last) {
            return false;
        }
        let share = last.and_then(|last| sight.share(last, tally.time));
        self.push(tally, share);
        true
    }

    /// What the rows so far prove, as seen at the end of the last of them.
    fn proved(&self, sight: &Sight, moment: Time) -> Option<Reason> {
        if let Some(failed) = self.worse() {
            return Some(failed);
        }
        let no_worse = self.passed();
        let sampled = self.policy().pass_by == PassBy::Sample && self.is_sampled();
        let reason = no_worse.or_else(|| sampled.then_some(Reason::SampleReached))?;
        sight.blind(self, moment).is_none().then_some(reason)
    }

    fn worse(&self) -> Option<Reason> {
        self.failed()
            .map(|strand| match strand.state().policy().against {
                Against::Baseline => Reason::Worse,
                Against::Slo(_) => Reason::ObjectiveMissed,
            })
    }

    fn passed(&self) -> Option<Reason> {
        let sample = self.policy().sample.requests;
        let enough = self.lead()?.state().canary().total >= sample;
        (enough && self.is_no_worse()).then(|| match self.compares() {
            true => Reason::NoWorse,
            false => Reason::ObjectiveMet,
        })
    }
}

impl Panel {
    /// Looks at a canary while it is given traffic, from `step` on, of which
    /// nothing was judged before.
    ///
    /// The rows are those of the whole plan, since the risk is spent once over
    /// all of it; the sample is that of the step. A fail is found at whatever
    /// row it was proved. Sight that has not yet come is waited for, for as
    /// long as telemetry may be old.
    #[must_use]
    pub fn watch(
        mut self,
        tallies: &[Tally],
        sight: &Sight,
        (step, now): (Time, Time),
    ) -> Progress {
        for tally in tallies {
            if self.take(tally, sight)
                && let Some(failed) = self.worse()
            {
                return Progress::Fail(Judgement::new(&self, failed, None));
            }
        }
        match sight.blind(&self, now) {
            Some(blind) if blind.reason.may_come() && !self.is_old(step, now) => {
                Progress::Going(Reached::No, Judgement::blind(&self, blind))
            }
            Some(blind) => Progress::Blind(Judgement::blind(&self, blind)),
            None => {
                let sampled = is_sampled(self.policy(), tallies, step) && self.is_tested();
                let reached = match (sampled, self.passed()) {
                    (true, _) => Reached::Yes,
                    (false, Some(_)) => Reached::Proved,
                    (false, None) => Reached::No,
                };
                Progress::Going(reached, Judgement::new(&self, Reason::TooLittle, None))
            }
        }
    }
}

/// Whether the rows from a moment on are the planned sample.
fn is_sampled(policy: &Policy, tallies: &[Tally], step: Time) -> bool {
    let mut watched = 0_u64;
    let mut requests = 0_u64;
    let mut last = step;
    for row in tallies.iter().filter(|tally| tally.time > step) {
        let gap = u64::try_from(row.time.millis_since(last)).unwrap_or(0);
        watched = watched.saturating_add(gap.min(policy.max_staleness.millis()));
        // The first count is that of requests.
        let served = row.counts.first().map_or(0, |pair| pair.canary.total);
        requests = requests.saturating_add(served);
        last = row.time;
    }
    requests >= policy.sample.requests && watched >= policy.sample.time.millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::counts::Arm;
    use crate::canary::policy::Sample;
    use crate::canary::sight::{Blind, Shift};
    use crate::span::Span;

    const START: i64 = 1_795_435_200_000;

    fn minute(number: i64) -> Time {
        Time::from_unix_millis(START + 60_000 * number).unwrap()
    }

    fn row(number: i64, baseline: (u64, u64), canary: (u64, u64)) -> Row {
        let arm = |(total, bad)| Arm { total, bad };
        Row {
            time: minute(number),
            baseline: arm(baseline),
            canary: arm(canary),
        }
    }

    fn rows(count: i64, baseline: (u64, u64), canary: (u64, u64)) -> Vec<Row> {
        (1..=count).map(|at| row(at, baseline, canary)).collect()
    }

    fn verdict(policy: &Policy, rows: &[Row]) -> Judgement {
        let sight = Sight::default();
        let evidence = Evidence {
            rows,
            sight: &sight,
        };
        let now = rows.last().map_or(minute(0), |row| row.time);
        decide(policy, &evidence, now)
    }

    fn planned() -> Policy {
        Policy {
            pass_by: PassBy::Sample,
            sample: Sample {
                requests: 100,
                time: Span::seconds(240),
            },
            ..Policy::default()
        }
    }

    fn promised() -> Policy {
        Policy {
            against: Against::slo("99%".parse().unwrap()).unwrap(),
            ..Policy::default()
        }
    }

    /// Ten rows of a fault that begins after twenty good ones.
    fn late() -> Vec<Row> {
        (21..31).map(|at| row(at, (600, 12), (600, 48))).collect()
    }

    #[test]
    fn each_verdict_has_its_reason_and_its_row() {
        let (proof, plan, slo) = (Policy::default(), planned(), promised());
        #[rustfmt::skip]
        let cases = [
            ("worse", &proof, rows(9, (300, 3), (300, 15)), Reason::Worse, Some(2)),
            ("alike", &proof, rows(20, (600, 12), (600, 12)), Reason::NoWorse, Some(20)),
            ("short", &proof, rows(2, (600, 12), (600, 12)), Reason::TooLittle, None),
            ("worse in the end", &proof, [rows(20, (600, 12), (600, 12)), late()].concat(), Reason::Worse, Some(21)),
            ("calm", &proof, rows(60, (600, 0), (600, 0)), Reason::TooLittle, None),
            ("planned", &plan, rows(60, (60, 0), (30, 0)), Reason::SampleReached, Some(60)),
            ("planned but worse", &plan, rows(60, (300, 3), (300, 15)), Reason::Worse, Some(2)),
            ("missed", &slo, rows(9, (0, 0), (300, 15)), Reason::ObjectiveMissed, Some(1)),
            ("met", &slo, rows(60, (0, 0), (300, 1)), Reason::ObjectiveMet, Some(60)),
            ("nothing", &proof, vec![], Reason::NoRows, None),
            ("no canary", &proof, rows(20, (600, 12), (0, 0)), Reason::CanarySilent, None),
            ("no baseline", &proof, rows(20, (0, 0), (600, 12)), Reason::BaselineSilent, None),
            ("no canary, objective", &slo, rows(9, (9, 0), (0, 0)), Reason::CanarySilent, None),
            ("no canary, planned", &plan, rows(60, (60, 0), (0, 0)), Reason::CanarySilent, None),
        ];
        for (name, policy, rows, reason, row) in cases {
            let found = verdict(policy, &rows);
            assert_eq!(
                (found.reason, found.decided_at_row),
                (reason, row),
                "{name}"
            );
            assert_eq!(found.verdict, reason.verdict(), "{name}");
        }
    }

    #[test]
    fn a_verdict_uses_no_row_after_its_own() {
        let mut later = rows(9, (300, 3), (300, 15));
        let found = verdict(&Policy::default(), &later);
        later.extend((10..20).map(|at| row(at, (9000, 900), (9000, 0))));
        assert_eq!(verdict(&Policy::default(), &later), found);
        assert_eq!(found.rows, 2);
    }

    #[test]
    fn without_sight_there_is_no_pass_but_a_fail_stays() {
        let now = minute(20);
        let partial = Sight {
            faults: vec![Blind::new(Reason::Partial, "a store is down")],
            ..Sight::default()
        };
        let seen = Sight::default();
        let shifted = Sight {
            shifts: vec![Shift {
                since: minute(0),
                weight: "5%".parse().unwrap(),
            }],
            ..Sight::default()
        };
        let good = rows(20, (600, 12), (600, 12));
        let bad = rows(20, (300, 3), (300, 30));
        for (name, rows, sight, now, expected) in [
            ("warned", &good, &partial, now, Reason::Partial),
            ("warned and worse", &bad, &partial, now, Reason::Worse),
            ("old", &good, &seen, minute(40), Reason::Stale),
            ("old and worse", &bad, &seen, minute(40), Reason::Worse),
            ("another share", &good, &shifted, now, Reason::ShareOff),
        ] {
            let evidence = Evidence { rows, sight };
            assert_eq!(
                decide(&Policy::default(), &evidence, now).reason,
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_right_share_is_sight() {
        let sight = Sight {
            shifts: vec![
                Shift {
                    since: minute(0),
                    weight: "5%".parse().unwrap(),
                },
                Shift {
                    since: minute(10),
                    weight: "50%".parse().unwrap(),
                },
            ],
            ..Sight::default()
        };
        let mut rows = rows(10, (950, 9), (52, 1));
        rows.extend((11..40).map(|at| row(at, (500, 10), (510, 10))));
        let evidence = Evidence {
            rows: &rows,
            sight: &sight,
        };
        assert_eq!(
            decide(&Policy::default(), &evidence, minute(39)).reason,
            Reason::NoWorse
        );
    }

    #[test]
    fn a_resumed_judgement_equals_an_uninterrupted_one() {
        let rows = rows(60, (100, 1), (100, 1));
        let sight = Sight::default();
        let whole = verdict(&Policy::default(), &rows);
        let tallies: Vec<Tally> = rows.iter().map(Tally::from).collect();
        let mut panel = Panel::single(Policy::default());
        for last in [1, 7, 8, 30, 60] {
            let found = panel.decide(&tallies[..last], &sight, rows[last - 1].time);
            if last == 60 {
                assert_eq!(found, whole);
            }
            let text = serde_json::to_string(&panel).unwrap();
            panel = serde_json::from_str(&text).unwrap();
        }
    }

    #[test]
    fn a_watched_canary_goes_on_until_its_sample_and_fails_at_any_row() {
        let policy = Policy {
            sample: Sample {
                requests: 1500,
                time: Span::seconds(300),
            },
            ..Policy::default()
        };
        let sight = Sight::default();
        let at = |rows: &[Row], step, now| {
            let tallies: Vec<Tally> = rows.iter().map(Tally::from).collect();
            Panel::single(policy.clone()).watch(&tallies, &sight, (step, now))
        };
        let reached = |progress| match progress {
            Progress::Going(reached, _) => Some(reached),
            Progress::Fail(_) | Progress::Blind(_) => None,
        };
        let good = rows(20, (300, 0), (300, 0));
        assert_eq!(reached(at(&[], minute(0), minute(1))), Some(Reached::No));
        assert!(matches!(at(&[], minute(0), minute(6)), Progress::Blind(_)));
        assert_eq!(
            reached(at(&good[..4], minute(0), minute(4))),
            Some(Reached::No)
        );
        assert_eq!(
            reached(at(&good[..5], minute(0), minute(5))),
            Some(Reached::Yes)
        );
        assert_eq!(
            reached(at(&good[..5], minute(2), minute(5))),
            Some(Reached::No)
        );
        assert!(matches!(
            at(&good, minute(10), minute(30)),
            Progress::Blind(_)
        ));
        let mut bad = rows(3, (300, 3), (300, 40));
        bad.extend((4..60).map(|at| row(at, (300, 3), (300, 0))));
        assert!(matches!(
            at(&bad, minute(10), minute(59)),
            Progress::Fail(_)
        ));
    }

    /// xorshift64*, Vigna 2016.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, share: f64) -> bool {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
            f64::from(u32::try_from(bits).unwrap()) / 4_294_967_296.0 < share
        }

        fn arm(&mut self, total: u64, share: f64) -> (u64, u64) {
            (
                total,
                (0..total).filter(|_| self.below(share)).count() as u64,
            )
        }
    }

    /// Which of 300 runs over 60 rows failed, and at which row.
    fn simulate(
        policy: &Policy,
        totals: (u64, u64),
        share: impl Fn(i64) -> (f64, f64),
    ) -> Vec<u64> {
        let seed = 0x11F7_10C4;
        println!("seed {seed}");
        let mut dice = Dice(seed);
        let mut failed: Vec<u64> = (0..300)
            .filter_map(|_| {
                let rows: Vec<Row> = (1..=60)
                    .map(|at| {
                        let (baseline, canary) = share(at);
                        row(at, dice.arm(totals.0, baseline), dice.arm(totals.1, canary))
                    })
                    .collect();
                let found = verdict(policy, &rows);
                (found.verdict == Verdict::Fail).then_some(found.rows)
            })
            .collect();
        failed.sort_unstable();
        failed
    }

    #[test]
    fn a_healthy_canary_fails_no_more_often_than_the_risk_says() {
        // At the border of the hypothesis, without early passes, and with a
        // rate that swings by a factor of four.
        let policy = Policy {
            alpha: "5%".parse().unwrap(),
            beta: "1e-9".parse().unwrap(),
            margin: "1".parse().unwrap(),
            ..Policy::default()
        };
        let swing = |at: i64| if at % 20 < 10 { 0.01 } else { 0.04 };
        for totals in [(60, 60), (114, 6)] {
            let failed = simulate(&policy, totals, |at| (swing(at), swing(at)));
            // 15 expected at the most; 27 are three standard deviations more.
            assert!(failed.len() <= 27, "{totals:?}: {}", failed.len());
        }
    }

    #[test]
    fn a_bad_canary_fails_soon_also_when_it_turns_late() {
        let policy = Policy {
            beta: "1e-9".parse().unwrap(),
            ..Policy::default()
        };
        let tenfold = simulate(&policy, (30, 30), |_| (0.01, 0.1));
        assert!(tenfold.len() >= 290 && tenfold[150] <= 6, "{tenfold:?}");
        let late = simulate(&policy, (100, 100), |at| {
            (0.02, if at > 20 { 0.08 } else { 0.02 })
        });
        assert!(late.len() >= 290 && late[150] <= 30, "{late:?}");
    }
}
