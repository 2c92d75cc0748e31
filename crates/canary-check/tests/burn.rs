//! Burn rates and budgets beside exact fractions, by other hands.
#![cfg(test)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use liftlock::burn::{
    Alarm, Budget, Events, Exhaustion, Pace, Ratio, Reading, Seen, Severity, Spend, Stake, Windows,
};
use liftlock::percent::Percent;
use liftlock::span::Span;
use serde_json::{Value, json};
use testkit::peers;

const SEED: u64 = 20_261_126;

/// Numbers that look random (splitmix64), of every size.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    /// As many small numbers as large ones.
    fn any(&mut self) -> u64 {
        let bits = self.below(64);
        self.next() >> bits
    }
}

#[derive(Clone, Debug)]
struct Case {
    target: u32,
    share: u32,
    period: u64,
    long: u64,
    short_events: [u64; 2],
    long_events: [u64; 2],
    minimum: u64,
    points: u16,
    weight: u16,
}

impl Case {
    fn random(random: &mut Random) -> Self {
        let targets = [
            0,
            500_000_000,
            900_000_000,
            990_000_000,
            999_000_000,
            999_999_999,
        ];
        let target = match random.below(3) {
            0 => random.below(1_000_000_000),
            _ => targets[usize::try_from(random.below(6)).unwrap()],
        };
        let shares = [
            20_000_000,
            50_000_000,
            100_000_000,
            125_000_000,
            1,
            1_000_000_000,
        ];
        let share = match random.below(3) {
            0 => 1 + random.below(1_000_000_000),
            _ => shares[usize::try_from(random.below(6)).unwrap()],
        };
        let period = [7, 28, 30, 365][usize::try_from(random.below(4)).unwrap()] * 86_400_000;
        let mut events = || {
            let total = random.any();
            let bad = random.any();
            [
                if total == 0 {
                    0
                } else {
                    bad % total.saturating_add(1).max(1)
                },
                total,
            ]
        };
        let (short_events, long_events) = (events(), events());
        Self {
            target: u32::try_from(target).unwrap(),
            share: u32::try_from(share).unwrap(),
            period,
            long: 2 + random.below(period - 1),
            short_events,
            long_events,
            minimum: random.any() >> 20,
            points: u16::try_from(random.below(10_001)).unwrap(),
            weight: u16::try_from(random.below(10_001)).unwrap(),
        }
    }

    /// Each window burns at exactly the factor, or by one event more or less.
    fn boundary(random: &mut Random) -> Option<Self> {
        let case = Self::random(random);
        let threshold = case.windows().tiers()[0].threshold(case.budget())?;
        let parts = [threshold.over(), threshold.under()].map(u64::try_from);
        let [Ok(bad), Ok(total)] = parts else {
            return None;
        };
        let most = u64::MAX.checked_div(total)?.min(1_000_000);
        let times = 1 + random.below(most.max(1));
        let [bad, total] = [bad.checked_mul(times)?, total.checked_mul(times)?];
        let mut near = || [(bad + random.below(3)).saturating_sub(1), total];
        let (short_events, long_events) = (near(), near());
        let whole = [short_events, long_events]
            .iter()
            .all(|[bad, total]| bad <= total);
        whole.then_some(Self {
            short_events,
            long_events,
            minimum: 0,
            ..case
        })
    }

    fn json(&self) -> Value {
        json!({
            "target": self.target, "share": self.share, "period": self.period,
            "long": self.long, "short_events": self.short_events,
            "long_events": self.long_events, "minimum": self.minimum,
            "points": self.points, "weight": self.weight,
        })
    }

    fn budget(&self) -> Budget {
        Budget::beside(self.target).unwrap()
    }

    fn windows(&self) -> Windows {
        let spend = Spend {
            severity: Severity::Page,
            pace: Pace::Quick,
            share: Ratio::new(self.share.into(), 1_000_000_000).unwrap(),
            short: Span::from_millis(1),
            long: Span::from_millis(self.long),
        };
        Windows::of(Span::from_millis(self.period), &[spend]).unwrap()
    }

    /// What comes out, in the words of the oracle.
    fn line(&self) -> String {
        let (budget, windows) = (self.budget(), self.windows());
        let tier = windows.tiers()[0];
        let threshold = tier.threshold(budget).unwrap().decimal(20);
        let fewest = tier.fewest(budget);
        let fewest = fewest.map_or("none".to_owned(), |events| events.to_string());
        let delay = tier.delay(budget);
        let delay = delay.map_or("never".to_owned(), |delay| delay.millis().to_string());
        let start = format!(
            "factor {} threshold {threshold} reachable {} fewest {fewest} delay {delay}",
            fraction(tier.factor),
            tier.is_reachable(budget),
        );
        let [short, long] = [self.short_events, self.long_events]
            .map(|[bad, total]| Events::new(bad, total).unwrap().reading());
        let alarm = tier.judge(budget, self.minimum, Seen { short, long });
        let (Some(short), Some(long)) = (short, long) else {
            assert_eq!(alarm, Alarm::Silent);
            return format!("{start} silent");
        };
        format!(
            "{start} {} {}",
            self.burns(short, long),
            self.ends(short, long)
        )
        .replace(
            "ALARM",
            match alarm {
                Alarm::Fires => "fires",
                Alarm::Quiet => "quiet",
                Alarm::Few => "few",
                Alarm::Silent => "silent",
            },
        )
    }

    fn burns(&self, short: Reading, long: Reading) -> String {
        let [short, long] = [short, long].map(|reading| fraction(reading.burn(self.budget())));
        format!("burn {short} {long} ALARM")
    }

    fn ends(&self, short: Reading, long: Reading) -> String {
        let budget = self.budget();
        let [points, weight] =
            [self.points, self.weight].map(|points| Percent::from_basis_points(points).unwrap());
        let left = budget.left(long);
        let period = Span::from_millis(self.period);
        let end = |end| match end {
            Exhaustion::Already => "already".to_owned(),
            Exhaustion::In(span) => span.millis().to_string(),
            Exhaustion::Later => "later".to_owned(),
            Exhaustion::Never => "never".to_owned(),
        };
        let stake = Stake {
            weight,
            period,
            limit: points,
        };
        format!(
            "left {} reaches {} ends {} stake {}",
            left.billionths(),
            left.reaches(points),
            end(budget.exhaustion(period, long, short)),
            end(stake.lasts(budget, short)),
        )
    }
}

fn fraction(ratio: Ratio) -> String {
    format!("{}/{}", ratio.over(), ratio.under())
}

/// What the oracle makes of it; nothing where it is not installed.
fn oracle(cases: &[Case]) -> Option<Vec<String>> {
    let python = peers::require("scipy-python")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/burn.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let asked: Vec<Value> = cases.iter().map(Case::json).collect();
    input
        .write_all(json!(asked).to_string().as_bytes())
        .unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn rates_budgets_and_ends_are_those_of_exact_fractions() {
    let mut random = Random(SEED);
    let mut cases: Vec<Case> = (0..20_000).map(|_| Case::random(&mut random)).collect();
    while cases.len() < 40_000 {
        cases.extend(Case::boundary(&mut random));
    }
    let Some(found) = oracle(&cases) else {
        return;
    };
    assert_eq!(found.len(), cases.len());
    for (case, theirs) in cases.iter().zip(&found) {
        assert_eq!(case.line(), *theirs, "seed {SEED}: {case:?}");
    }
    for word in [
        " fires",
        " quiet",
        " few",
        " silent",
        "reachable true",
        "reachable false",
        "ends already",
        "ends never",
        "ends later",
        "stake already",
        "stake later",
        "delay never",
        "left -",
    ] {
        let count = found.iter().filter(|line| line.contains(word)).count();
        assert!(count > 0, "no case with `{word}`");
    }
}
