use super::*;
use crate::canary::policy::Sample;

fn at(minutes: i64) -> Time {
    Time::from_unix_millis(1_795_435_200_000 + 60_000 * minutes).unwrap()
}

fn run(number: i64, outcome: Outcome) -> Run {
    Run {
        time: at(number),
        digest: Digest::of(b"job"),
        outcome,
        id: format!("run-{number}"),
    }
}

fn passed(count: i64) -> Vec<Run> {
    (0..count)
        .map(|number| run(number, Outcome::Passed))
        .collect()
}

fn policy(at_most: &str) -> Policy {
    let at_most: Percent = at_most.parse().unwrap();
    let risk = Risk::FIVE_PERCENT;
    Policy {
        against: Against::slo(at_most.rest()).unwrap(),
        beta: risk,
        sample: Sample {
            requests: needed(at_most, risk).unwrap(),
            time: Span::ZERO,
        },
        max_staleness: Span::seconds(86_400),
        ..Policy::default()
    }
}

fn judged(runs: &[Run]) -> Judgement {
    judge(&policy("10%"), runs, (Failures::Fail, at(100)))
}

#[test]
fn the_number_of_runs_is_that_of_the_exact_interval() {
    // ln 0.05 / ln 0.9 = 28.4; the "rule of three" says 30.
    #[rustfmt::skip]
    let cases = [("10%", 29), ("5%", 59), ("1%", 299), ("50%", 5), ("0.01%", 29_956)];
    for (at_most, runs) in cases {
        let at_most = at_most.parse().unwrap();
        assert_eq!(needed(at_most, Risk::FIVE_PERCENT), Some(runs), "{at_most}");
        let less = ruled_out(runs, Risk::FIVE_PERCENT).unwrap();
        let more = ruled_out(runs - 1, Risk::FIVE_PERCENT).unwrap();
        assert!(less <= at_most.fraction() && at_most.fraction() < more);
    }
    assert_eq!(needed(Percent::ZERO, Risk::FIVE_PERCENT), None);
    assert_eq!(needed(Percent::FULL, Risk::FIVE_PERCENT), None);
    // 0.5^2 is exactly the risk.
    assert_eq!(
        needed(Percent::HALF, Risk::try_from(0.25).unwrap()),
        Some(2)
    );
    for runs in [1, 2, 29, 59, 1000] {
        let Against::Slo(objective) = objective(runs, Risk::FIVE_PERCENT).unwrap() else {
            panic!("an objective");
        };
        let allowed = Percent::from(objective).rest();
        assert!(
            needed(allowed, Risk::FIVE_PERCENT).unwrap() <= runs,
            "{runs}"
        );
    }
    assert!(objective(0, Risk::FIVE_PERCENT).is_err());
}

#[test]
fn a_failed_run_fails_whatever_came_before_and_after() {
    let mut runs = passed(100);
    runs[50].outcome = Outcome::Failed;
    let found = judged(&runs);
    assert_eq!(
        (found.verdict, found.reason),
        (Verdict::Fail, Reason::RunsFailed)
    );
    assert_eq!(found.decided_at_row, Some(51));
    assert!(found.detail.unwrap().contains("run-50"));
    // A second try under the same name does not wash it off.
    let again = Run {
        time: at(99),
        ..run(50, Outcome::Passed)
    };
    let mut both = passed(50);
    both.extend([run(50, Outcome::Failed), again]);
    assert_eq!(judged(&both).verdict, Verdict::Fail);
    both.reverse();
    assert_eq!(judged(&both).verdict, Verdict::Fail);
}

#[test]
fn a_pass_takes_all_the_runs_and_nothing_in_doubt() {
    let few = judged(&passed(28));
    assert_eq!(
        (few.verdict, few.requests_to_go),
        (Verdict::Inconclusive, Some(1))
    );
    assert!(few.log_e_pass < Risk::FIVE_PERCENT.threshold());
    let enough = judged(&passed(29));
    assert_eq!(
        (enough.verdict, enough.reason),
        (Verdict::Pass, Reason::RunsPassed)
    );
    assert!(enough.log_e_pass >= Risk::FIVE_PERCENT.threshold());
    assert_eq!((enough.canary.total, enough.canary.bad), (29, 0));
    // One that is told twice is one.
    let twice: Vec<Run> = passed(28).into_iter().chain(passed(20)).collect();
    assert_eq!(judged(&twice).verdict, Verdict::Inconclusive);
    for outcome in [Outcome::Warned, Outcome::Unknown] {
        let mut doubtful = passed(60);
        doubtful[3].outcome = outcome;
        let found = judged(&doubtful);
        assert_eq!(
            (found.verdict, found.reason),
            (Verdict::Inconclusive, Reason::RunUnclear)
        );
    }
    let slow = Policy {
        sample: Sample {
            time: Span::seconds(3600),
            ..policy("10%").sample
        },
        ..policy("10%")
    };
    let judge = |count| judge(&slow, &passed(count), (Failures::Fail, at(100))).verdict;
    assert_eq!(
        (judge(60), judge(61)),
        (Verdict::Inconclusive, Verdict::Pass)
    );
}

#[test]
fn without_runs_or_with_old_or_future_ones_it_is_blind() {
    let now = |minutes| judge(&policy("10%"), &passed(30), (Failures::Fail, at(minutes)));
    assert_eq!(judged(&[]).reason, Reason::NoRows);
    assert_eq!(now(29 + 1440).verdict, Verdict::Pass);
    assert_eq!(
        (now(29 + 1441).verdict, now(29 + 1441).reason),
        (Verdict::Blind, Reason::Stale)
    );
    assert_eq!(now(20).reason, Reason::Unreadable);
    let counted = |runs: &[Run]| judge(&policy("10%"), runs, (Failures::Counted, at(5000)));
    assert_eq!(counted(&[]).verdict, Verdict::Blind);
    assert_eq!(counted(&passed(500)[..300]).verdict, Verdict::Blind);
}

#[test]
fn counted_failures_fail_only_when_they_are_proved_to_be_too_many() {
    let of = |bad: usize, all: i64| {
        let mut runs = passed(all);
        // Spread over the runs.
        for number in 0..bad {
            let place = number * runs.len() / bad;
            runs[place].outcome = Outcome::Failed;
        }
        judge(&policy("10%"), &runs, (Failures::Counted, at(all)))
    };
    assert_eq!(
        (of(1, 20).verdict, of(1, 20).reason),
        (Verdict::Inconclusive, Reason::RunsTooFew)
    );
    assert_eq!(
        (of(20, 40).verdict, of(20, 40).reason),
        (Verdict::Fail, Reason::RunsFailed)
    );
    assert_eq!(
        (of(2, 400).verdict, of(2, 400).reason),
        (Verdict::Pass, Reason::RunsPassed)
    );
    assert_eq!(of(40, 400).verdict, Verdict::Inconclusive);
    // A proof in less time than is wanted waits for it.
    let mut longer = policy("10%");
    longer.sample.time = Span::seconds(86_400);
    let found = judge(&longer, &passed(400), (Failures::Counted, at(400)));
    assert_eq!(
        (found.verdict, found.reason),
        (Verdict::Inconclusive, Reason::RunsTooFew)
    );
    // What is not known to have passed counts as failed.
    let mut lost = passed(40);
    for run in &mut lost[10..30] {
        run.outcome = Outcome::Unknown;
    }
    let found = judge(&policy("10%"), &lost, (Failures::Counted, at(40)));
    assert_eq!(found.verdict, Verdict::Fail);
}
