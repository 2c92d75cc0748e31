//! The `increase` that peers are judged by beside that of Prometheus.
#![cfg(test)]

use std::fmt::Write as _;
use std::process::Command;

use liftlock::peers::increase::increase;
use liftlock::telemetry::Sample;
use liftlock::time::Time;
use testkit::peers;

/// A sample every 15 s, from 0 s on; nothing where a scrape was lost.
const SERIES: &[&[Option<u32>]] = &[
    &[
        Some(100),
        Some(110),
        Some(125),
        Some(130),
        Some(150),
        Some(151),
    ],
    &[Some(0), Some(10), Some(20), Some(30), Some(40), Some(50)],
    &[Some(5000), Some(5010), None, Some(5030), None, Some(5051)],
    &[Some(100), Some(110), Some(4), Some(14), Some(2), Some(30)],
    &[None, None, None, Some(3), Some(3), Some(4)],
    &[None, None, None, None, None, Some(7)],
    &[None, Some(1), Some(2), None, None, None],
    &[None, None, Some(9), None, None, Some(1)],
    &[Some(7), Some(7), Some(7), Some(7), Some(7), Some(7)],
];

/// Where looks are made; no sample lies on the begin of a window, which belongs
/// to it in Prometheus 2 and not in 3.
const LOOKS: [i64; 3] = [52, 66, 79];

fn at(seconds: i64) -> Time {
    Time::from_unix_millis(1000 * seconds).unwrap()
}

fn ours(series: &[Option<u32>], look: i64) -> Option<f64> {
    let places = (0..).map(|place| at(15 * place));
    let samples: Vec<Sample> = places
        .zip(series)
        .filter_map(|(time, value)| {
            let value = f64::from((*value)?);
            Some(Sample { time, value })
        })
        .collect();
    increase(&samples, (at(look - 50), at(look)))
}

#[test]
fn prometheus_makes_the_same_of_the_same_samples() {
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let mut test =
        "evaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n".to_owned();
    for (number, series) in SERIES.iter().enumerate() {
        let values: Vec<String> = series
            .iter()
            .map(|value| value.map_or_else(|| "_".to_owned(), |value| value.to_string()))
            .collect();
        writeln!(
            test,
            "      - series: m{{n=\"{number}\"}}\n        values: '{}'",
            values.join(" ")
        )
        .unwrap();
    }
    test.push_str("    promql_expr_test:\n");
    let mut told = 0;
    for look in LOOKS {
        writeln!(
            test,
            "      - expr: increase(m[50s])\n        eval_time: {look}s\n        exp_samples:"
        )
        .unwrap();
        for (number, series) in SERIES.iter().enumerate() {
            if let Some(risen) = ours(series, look) {
                told += 1;
                writeln!(
                    test,
                    "          - labels: '{{n=\"{number}\"}}'\n            value: {risen}"
                )
                .unwrap();
            }
        }
    }
    // Six of nine series, and not always the same ones.
    assert!((15..27).contains(&told), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let run = |text: &str| {
        std::fs::write(folder.path().join("test.yaml"), text).unwrap();
        let output = Command::new(&promtool)
            .args(["test", "rules", "test.yaml"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let all = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&all).into_owned(),
        )
    };
    let (good, said) = run(&test);
    assert!(good, "{said}");
    // It does compare them.
    let (good, _) = run(&test.replace("value: 0\n", "value: 0.5\n"));
    assert!(!good);
}
