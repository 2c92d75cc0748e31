//! The judge beside scipy: the same formulas from the documents, by other hands.
#![cfg(test)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use liftlock::canary::counts::{Arm, Pair, Row, Tally};
use liftlock::canary::metric::Metric;
use liftlock::canary::panel::Panel;
use liftlock::canary::sight::Sight;
use liftlock::canary::trace::trace;
use liftlock::canary::{Evidence, Judgement, Most, PARTS, Policy, Range, Unit, decide};
use liftlock::peers::kayenta;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use serde_json::{Value, json};
use testkit::peers;

/// Baseline total and bad, canary total and bad, a minute each.
type Counts = Vec<[u64; 4]>;

/// Counts that vary as a wheel of residues turns.
fn counts(rows: u64, arms: (u64, u64), bad: (u64, u64)) -> Counts {
    let turn = |row: u64, step: u64, most: u64| (row * step + row / 3) % (most + 1);
    (0..rows)
        .map(|row| {
            let (baseline, canary) = (arms.0 + turn(row, 17, 9), arms.1 + turn(row, 5, 7));
            [baseline, turn(row, 7, bad.0), canary, turn(row, 11, bad.1)]
        })
        .collect()
}

fn rows(counts: &Counts) -> Vec<Row> {
    let rows = (1_i64..).zip(counts).map(|(minute, counts)| {
        let [total, bad, canary_total, canary_bad] = *counts;
        Row {
            time: Time::from_unix_millis(1_795_435_200_000 + 60_000 * minute).unwrap(),
            baseline: Arm { total, bad },
            canary: Arm {
                total: canary_total,
                bad: canary_bad,
            },
        }
    });
    rows.collect()
}

fn judged(rows: &[Row]) -> Judgement {
    let sight = Sight::default();
    let evidence = Evidence {
        rows,
        sight: &sight,
    };
    decide(&Policy::default(), &evidence, rows.last().unwrap().time)
}

/// The interval after the verdict's row.
fn interval(rows: &[Row]) -> Range {
    let tallies: Vec<Tally> = rows.iter().map(Tally::from).collect();
    let points = trace(Panel::single(Policy::default()), &tallies, 100);
    points[0].last().unwrap().range.unwrap()
}

/// What scipy makes of it; nothing where it is not installed.
fn scipy(asked: &Value) -> Option<Value> {
    let python = peers::require("scipy-python")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(asked.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The interval is never inside of the exact one, and reaches beyond its ends
/// by less than 1 %.
fn close(ours: Range, exact: &Value, kind: &str) {
    let outside = |side: f64, ours: f64, exact: &Value| match exact.as_f64() {
        Some(exact) => (-1e-6..0.01).contains(&(side * (ours / exact).ln())),
        None => ours <= 0.0 || ours.is_infinite(),
    };
    let low = outside(-1.0, ours.low, &exact["low"]);
    let high = outside(1.0, ours.high, &exact["high"]);
    assert!(low && high, "{kind}: {ours:?} {exact}");
}

#[test]
fn verdicts_and_figures_are_those_of_scipy() {
    let kinds: [(&str, Counts); 6] = [
        ("alike", counts(24, (600, 600), (9, 9))),
        ("worse", counts(24, (600, 600), (6, 14))),
        ("few", counts(60, (30, 30), (1, 1))),
        (
            "late",
            [
                counts(12, (300, 300), (5, 5)),
                counts(20, (300, 300), (4, 16)),
            ]
            .concat(),
        ),
        ("one of twenty", counts(40, (1140, 60), (18, 2))),
        ("nothing", counts(5, (40, 40), (0, 0))),
    ];
    let points = [
        (
            [3.1, 4.7, 5.0, 6.2, 8.8].as_slice(),
            [2.0, 2.9, 3.0, 4.1, 4.4, 5.6].as_slice(),
        ),
        (&[1.0, 2.0, 2.0, 3.0, 9.0], &[0.0, 1.0, 2.0, 2.0]),
    ];
    let all: Vec<&Counts> = kinds.iter().map(|(_, counts)| counts).collect();
    let asked = json!({ "counts": all, "points": points, "means": [], "seed": 1 });
    let Some(found) = scipy(&asked) else {
        return;
    };
    let near = |ours: f64, theirs: &Value, what: &str| {
        let theirs = theirs.as_f64().unwrap();
        let close = (ours - theirs).abs() <= 1e-7 * theirs.abs().max(1e-3);
        assert!(close, "{what}: {ours} and scipy's {theirs}");
    };
    let mut fails = 0;
    for ((kind, counts), theirs) in kinds.iter().zip(found["judged"].as_array().unwrap()) {
        let rows = rows(counts);
        let ours = judged(&rows);
        let row = ours
            .decided_at_row
            .filter(|_| ours.verdict == Verdict::Fail);
        assert_eq!(row, theirs["row"].as_u64(), "{kind}");
        near(ours.log_e_fail, &theirs["log_e_fail"], kind);
        near(ours.log_e_pass, &theirs["log_e_pass"], kind);
        near(ours.spent, &theirs["spent"], kind);
        close(interval(&rows), &theirs["interval"], kind);
        fails += u32::from(row.is_some());
    }
    assert_eq!(fails, 3, "of them fail");
    for ((canary, baseline), theirs) in points.iter().zip(found["ranks"].as_array().unwrap()) {
        near(kayenta::z(canary, baseline, 0.0), theirs, "ranks");
    }
}

/// What is known after rows of the baseline's and the canary's value.
fn means(values: &[(u64, u64)]) -> Judgement {
    let metric = Metric {
        unit: Unit::Mean,
        most: Some(Most::try_from(1.0).unwrap()),
        ..Metric::new("memory".parse().unwrap())
    };
    let mut panel = Panel::new(&Policy::default(), &[metric]).unwrap();
    let rows = (1_i64..)
        .zip(values)
        .map(|(minute, (baseline, canary))| Tally {
            time: Time::from_unix_millis(1_795_435_200_000 + 60_000 * minute).unwrap(),
            counts: vec![Pair::from([PARTS, *baseline, PARTS, *canary])],
        });
    let tallies: Vec<Tally> = rows.collect();
    let now = tallies.last().unwrap().time;
    panel.judge(&tallies, &Sight::default(), now)
}

#[test]
fn means_are_those_of_numpy_and_healthy_gauges_keep_the_risk() {
    let wave = |row: u64, turn: u64| (row * turn) % 13 * (PARTS / 100);
    let kinds: [Vec<(u64, u64)>; 3] = [
        (0..30)
            .map(|row| (PARTS / 4 + wave(row, 5), PARTS / 4 + wave(row, 3)))
            .collect(),
        (0..20)
            .map(|row| (PARTS / 4 + wave(row, 7), PARTS / 2 + wave(row, 2)))
            .collect(),
        (0..9)
            .map(|row| (wave(row, 4), PARTS - wave(row, 9)))
            .collect(),
    ];
    let share = |count: &u64| f64::from(u32::try_from(*count).unwrap()) / 1e9;
    let asked: Vec<Vec<[f64; 2]>> = kinds
        .iter()
        .map(|rows| rows.iter().map(|(a, b)| [share(a), share(b)]).collect())
        .collect();
    let seed = 20_261_126;
    println!("seed {seed}");
    let asked = json!({ "counts": [], "points": [], "means": asked, "seed": seed });
    let Some(found) = scipy(&asked) else {
        return;
    };
    for (rows, theirs) in kinds.iter().zip(found["means"].as_array().unwrap()) {
        let ours = means(rows);
        for (ours, theirs) in [
            (ours.log_e_fail, &theirs["log_e_fail"]),
            (ours.log_e_pass, &theirs["log_e_pass"]),
        ] {
            let theirs = theirs.as_f64().unwrap();
            assert!((ours - theirs).abs() < 1e-7, "{ours} and numpy's {theirs}");
        }
    }
    let gauges = &found["gauges"];
    println!("healthy gauges that fail: {gauges}");
    for kind in ["on_limit", "slow"] {
        assert!(gauges[kind].as_f64().unwrap() <= 0.01, "{kind}: {gauges}");
    }
}
