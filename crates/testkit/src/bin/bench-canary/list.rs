//! Which runs there are.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::scenario::{ROWS, Scenario, Shape};

/// Every scenario; those on recorded traffic where its folder is.
pub(crate) fn scenarios(series: Option<&Path>) -> Result<Vec<Scenario>> {
    let mut all = healthy();
    all.extend(faulty());
    all.push(
        Scenario::new("no canary at all", (600.0, 600.0), 0.01, 1.0).with_shape(Shape::Silent(0)),
    );
    all.push(
        Scenario::new("canary stops at minute 20", (600.0, 600.0), 0.01, 1.0)
            .with_shape(Shape::Silent(20)),
    );
    if let Some(folder) = series {
        all.extend(recorded(folder)?);
    }
    Ok(all)
}

fn even(name: &str, requests: f64, rate: f64, fault: f64) -> Scenario {
    Scenario::new(name, (requests, requests), rate, fault)
}

fn healthy() -> Vec<Scenario> {
    vec![
        even("30/min", 30.0, 0.01, 1.0),
        even("600/min", 600.0, 0.01, 1.0),
        Scenario::new("60 beside 1140/min", (1140.0, 60.0), 0.01, 1.0),
        even("600/min, common bursts", 600.0, 0.01, 1.0).with_shape(Shape::Bursts),
        even("6000/min, spread 10 %", 6000.0, 0.01, 1.0).with_spread(0.1),
        even("600/min, spread 10 %", 600.0, 0.01, 1.0).with_spread(0.1),
        even("600/min, rare 0.01 %", 600.0, 0.0001, 1.0),
        even("ramp 5 to 50 %", 600.0, 0.01, 1.0).with_shape(Shape::Ramp),
        even("600/min, daily cycle", 600.0, 0.01, 1.0).with_shape(Shape::Daily),
        even("600/min, rows lost", 600.0, 0.01, 1.0).with_shape(Shape::Lost),
        even("600/min, cold start", 600.0, 0.01, 1.0).with_shape(Shape::Cold),
    ]
}

fn faulty() -> Vec<Scenario> {
    vec![
        even("10x, 30/min", 30.0, 0.01, 10.0),
        even("2x, 600/min", 600.0, 0.01, 2.0),
        even("1.5x, 600/min", 600.0, 0.01, 1.5),
        even("1.5x, 6000/min, 0.5 %", 6000.0, 0.005, 1.5),
        Scenario::new("2x, 60 beside 1140/min", (1140.0, 60.0), 0.01, 2.0),
        even("20x, 600/min, rare 0.01 %", 600.0, 0.0001, 20.0),
        even("2x, 30/min", 30.0, 0.01, 2.0),
        even("2x from minute 20, 600/min", 600.0, 0.01, 2.0).with_onset(20),
        even("2x, ramp 5 to 50 %", 600.0, 0.01, 2.0).with_shape(Shape::Ramp),
        even("2x, 600/min, daily cycle", 600.0, 0.01, 2.0).with_shape(Shape::Daily),
        even("2x, 600/min, rows lost", 600.0, 0.01, 2.0).with_shape(Shape::Lost),
        even("2x, 600/min, cold start", 600.0, 0.01, 2.0)
            .with_shape(Shape::Cold)
            .with_onset(5),
        even("2x, 600/min, common bursts", 600.0, 0.01, 2.0).with_shape(Shape::Bursts),
        even("1.5x, 600/min, spread 10 %", 600.0, 0.01, 1.5).with_spread(0.1),
    ]
}

/// Real series as traffic, scaled to 1,200 requests a minute on average.
fn recorded(folder: &Path) -> Result<Vec<Scenario>> {
    let files = [
        (
            "requests of a load balancer",
            "nab/realAWSCloudwatch/elb_request_count_8c0756.csv",
            1,
        ),
        (
            "requests of an API",
            "cloud-monitoring-dataset/ecommerce-api-incoming-rps/api-01.csv",
            1,
        ),
        (
            "queries of a database",
            "cloud-monitoring-dataset/mongodb-application-rps/mongo-02.csv",
            1,
        ),
        ("rides of a city", "nab/realKnownCause/nyc_taxi.csv", 1),
    ];
    let mut all = Vec::new();
    for (name, file, column) in files {
        let path = folder.join(file);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let values = text.lines().filter_map(|line| {
            let field = line.split(',').nth(column)?;
            field.trim_matches('"').parse::<f64>().ok()
        });
        // A window in which the day changes much, from where the series begins to vary.
        let values: Vec<f64> = values
            .skip(100)
            .take(ROWS)
            .map(|value| value.max(0.0))
            .collect();
        let mean = values.iter().sum::<f64>() / crate::scenario::count(values.len());
        let scaled: Vec<f64> = values.iter().map(|value| value / mean * 1200.0).collect();
        for (weight, split) in [(0.5, "even"), (0.05, "5 %")] {
            for fault in [1.0, 2.0] {
                let fault_name = if fault > 1.0 { "2x, " } else { "" };
                let name = format!("{fault_name}{name}, {split}");
                let shape = Shape::Recorded(scaled.clone(), weight);
                all.push(Scenario::new(&name, (0.0, 0.0), 0.01, fault).with_shape(shape));
            }
        }
    }
    Ok(all)
}
