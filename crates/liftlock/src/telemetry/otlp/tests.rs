use serde_json::{Value, json};

use super::*;
use crate::failure::{Explain as _, Kind};
use crate::span::Span;
use crate::telemetry::{Answer, Arms, Counter, Matcher, Window, gather};
use crate::time::Time;

const START: i64 = 1_795_435_200_000;

/// Nanoseconds as the collector writes them.
fn nanos(seconds: i64) -> String {
    format!("{}000000", START + 1000 * seconds)
}

fn at(seconds: i64) -> Time {
    Time::from_unix_millis(START + 1000 * seconds).unwrap()
}

/// `(code, start, time, value)` of a cumulative counter.
type Told = (u32, i64, i64, u64);

fn point((code, start, time, value): Told) -> Value {
    json!({
        "attributes": [{ "key": "http.response.status_code", "value": { "intValue": code.to_string() } }],
        "startTimeUnixNano": nanos(start), "timeUnixNano": nanos(time), "asInt": value.to_string(),
    })
}

fn export(metric: &Value) -> String {
    let resource = json!({ "attributes": [
        { "key": "service.name", "value": { "stringValue": "shop" } },
        { "key": "service.version", "value": { "stringValue": "v2" } },
        { "key": "service.instance.id", "value": { "stringValue": "a" } },
    ] });
    let scope = json!({ "scope": { "name": "app" }, "metrics": [metric] });
    json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [scope] }] }).to_string()
}

fn sum(temporality: u32, points: &[Told]) -> Value {
    let points: Vec<Value> = points.iter().copied().map(point).collect();
    json!({ "name": "http.server.requests", "sum": {
        "dataPoints": points, "aggregationTemporality": temporality, "isMonotonic": true } })
}

/// An export each.
fn lines(temporality: u32, exports: &[&[Told]]) -> String {
    let lines = exports
        .iter()
        .map(|points| export(&sum(temporality, points)) + "\n");
    lines.collect()
}

/// An export of the version that was there before.
fn older() -> String {
    lines(2, &[&[(200, -900, -20, 7)]]).replace("v2", "v1")
}

const TOTAL: &str = r#"{"http.server.requests","service.version"="{slot}"}"#;
const BAD: &str =
    r#"{"http.server.requests","service.version"="{slot}","http.response.status_code"=~"5.."}"#;

fn read(text: &str, selectors: [&str; 2]) -> Result<[Vec<Series>; 2], Error> {
    let wanted = selectors.map(|text| Matcher::new("total", text).unwrap().about("v2").unwrap());
    let [total, bad] = &wanted;
    parse(text.as_bytes(), [total, bad])
}

/// Total and bad of each row of 20 s.
fn rows(text: &str) -> Vec<(u64, u64)> {
    let window = Window {
        from: at(0),
        to: at(60),
        interval: Span::seconds(20),
    };
    let [total, bad] = read(text, [TOTAL, BAD]).unwrap().map(|series| {
        Counter::Raw(Answer {
            series,
            ..Answer::default()
        })
    });
    let gathered = gather(window, None, &Arms { total, bad }).unwrap();
    assert_eq!(gathered.faults, []);
    let arms = gathered.rows.iter().map(|row| row.canary);
    arms.map(|arm| (arm.total, arm.bad)).collect()
}

#[test]
fn a_stream_counts_from_when_it_is_known_to_have_begun() {
    // The process is older than the window; its first 500 comes in it.
    let text = lines(
        2,
        &[
            &[(200, -900, -10, 100)],
            &[(200, -900, 10, 110)],
            &[(200, -900, 30, 120), (500, -900, 30, 3)],
            &[(200, -900, 50, 130), (500, -900, 50, 4)],
        ],
    );
    assert_eq!(rows(&text), [(10, 0), (13, 3), (11, 1)]);
    // Nobody knows what it held before its first export that is here.
    let text = lines(
        2,
        &[
            &[(200, -900, 10, 110), (500, -900, 10, 7)],
            &[(200, -900, 30, 120), (500, -900, 30, 8)],
        ],
    );
    assert_eq!(rows(&text), [(0, 0), (11, 1)]);
    // A process that began before our eyes brings all that it counted.
    let new = lines(
        2,
        &[
            &[(200, 2, 10, 40), (500, 2, 10, 7)],
            &[(200, 2, 30, 50), (500, 2, 30, 7)],
        ],
    );
    assert_eq!(rows(&(older() + &new)), [(47, 7), (10, 0)]);
    // Of one that began before the first export of all nobody knows.
    assert_eq!(rows(&new), [(0, 0), (10, 0)]);
}

#[test]
fn a_new_start_is_a_restart_even_where_the_value_rose() {
    let text = lines(
        2,
        &[
            &[(200, -900, -5, 10), (500, -900, -5, 1)],
            &[(200, -900, 10, 12), (500, -900, 10, 1)],
            // Restarted at 12 s, and served more than before.
            &[(200, 12, 30, 50), (500, 12, 30, 2)],
            &[(200, 12, 50, 60), (500, 12, 50, 2)],
        ],
    );
    assert_eq!(rows(&text), [(2, 0), (52, 2), (10, 0)]);
    // A drop without a new start is no counter.
    let fell = lines(2, &[&[(200, -900, 10, 12)], &[(200, -900, 30, 5)]]);
    let error = read(&fell, [TOTAL, BAD]).unwrap_err();
    assert!(error.to_string().contains("fell though"), "{error}");
    assert_eq!(error.kind(), Kind::Blind);
    // Where no start is known, it is one.
    let unknown = fell.replace(&nanos(-900), "0");
    assert_eq!(rows(&unknown), [(0, 0), (5, 0)]);
}

#[test]
fn differences_are_added_up_and_an_export_that_came_twice_counts_once() {
    let text = lines(
        1,
        &[
            &[(200, -10, 10, 12), (500, -10, 10, 2)],
            &[(200, 10, 30, 20)],
            &[(200, 10, 30, 20)],
            &[(200, 30, 50, 8), (500, 30, 50, 1)],
        ],
    );
    assert_eq!(rows(&text), [(14, 2), (20, 0), (9, 1)]);
    for exports in [
        // Two processes under one name.
        lines(1, &[&[(200, 0, 10, 1)], &[(200, 5, 15, 1)]]),
        lines(1, &[&[(200, 0, 10, 1)], &[(200, 0, 10, 2)]]),
        lines(2, &[&[(200, 0, 10, 5)], &[(200, 3, 12, 1)]]),
        lines(2, &[&[(200, 0, 10, 5)], &[(200, 0, 10, 6)]]),
        lines(2, &[&[(200, 0, 10, 5)]]) + &lines(1, &[&[(200, 10, 20, 5)]]),
        lines(2, &[&[(200, 20, 10, 5)]]),
    ] {
        let error = read(&exports, [TOTAL, BAD]).unwrap_err();
        assert_eq!(error.kind(), Kind::Blind, "{error}");
    }
}

#[test]
fn a_histogram_tells_its_requests_and_those_below_each_bound() {
    let points = [json!({
        "attributes": [{ "key": "http.response.status_code", "value": { "intValue": "500" } }],
        "startTimeUnixNano": nanos(1), "timeUnixNano": nanos(10), "count": "6", "sum": 1.5,
        "bucketCounts": ["1", "2", "3"], "explicitBounds": [0.5, 1.0],
    })];
    let text = export(
        &json!({ "name": "http.server.request.duration", "histogram": {
        "dataPoints": points, "aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE" } }),
    );
    let text = older() + &text + "\n";
    let last = |selector: &str| -> Vec<(String, f64)> {
        let [found, _] = read(&text, [selector, "none"]).unwrap();
        let label = |one: &Series| one.labels.get("le").cloned().unwrap_or_default();
        found
            .iter()
            .map(|one| (label(one), one.samples.last().unwrap().value))
            .collect()
    };
    assert_eq!(
        last(r#"{"http.server.request.duration_count"}"#),
        [(String::new(), 6.0)]
    );
    let buckets = last(r#"{"http.server.request.duration_bucket"}"#);
    let expected = [("+Inf", 6.0), ("0.5", 1.0), ("1", 3.0)];
    assert_eq!(
        buckets,
        expected.map(|(bound, count)| (bound.to_owned(), count))
    );
    assert_eq!(last("{job=\"shop\",instance=\"a\",le=\"1\"}").len(), 1);
    let torn = text.replace("[0.5,1.0]", "[0.5]");
    assert!(read(&torn, [r#"{"http.server.request.duration_count"}"#, "none"]).is_err());
}

#[test]
fn what_is_no_counter_is_refused_and_what_ended_is_left_out() {
    let of = |metric: &Value| read(&(export(metric) + "\n"), ["m", "none"]);
    let points =
        json!([{ "startTimeUnixNano": nanos(1), "timeUnixNano": nanos(10), "asDouble": 2.0 }]);
    for metric in [
        json!({ "name": "m", "gauge": { "dataPoints": points } }),
        json!({ "name": "m", "summary": { "dataPoints": points } }),
        json!({ "name": "m", "sum": { "dataPoints": points, "aggregationTemporality": 2 } }),
        json!({ "name": "m", "sum": { "dataPoints": points, "isMonotonic": true } }),
        json!({ "name": "m", "sum": { "dataPoints": [{ "timeUnixNano": nanos(10) }], "aggregationTemporality": 2, "isMonotonic": true } }),
    ] {
        assert_eq!(of(&metric).unwrap_err().kind(), Kind::Invalid, "{metric}");
    }
    let ended = json!([{ "timeUnixNano": nanos(10), "flags": 1 }]);
    let ended = json!({ "name": "m", "sum": { "dataPoints": ended, "aggregationTemporality": 2, "isMonotonic": true } });
    assert_eq!(of(&ended).unwrap(), [vec![], vec![]]);
    // What nobody asked for may be anything.
    let other = json!({ "name": "other", "gauge": { "dataPoints": points } });
    assert_eq!(of(&other).unwrap(), [vec![], vec![]]);
}

#[test]
fn what_is_no_export_is_no_count_and_a_line_that_is_being_written_waits() {
    let good = lines(2, &[&[(200, 1, 10, 5)]]);
    let count = |text: &str| read(text, [TOTAL, BAD]).map(|[total, _]| total.len());
    assert_eq!(count(&good).unwrap(), 1);
    assert_eq!(count("").unwrap(), 0);
    assert_eq!(count(good.trim_end()).unwrap(), 0);
    assert_eq!(count(&format!("{good}{{\"resourceMet")).unwrap(), 1);
    assert_eq!(
        count(&format!("{{\"resourceSpans\":[{{}}]}}\n\n{good}")).unwrap(),
        1
    );
    for text in [
        "<html>\n",
        "[]\n",
        "{\"status\":\"success\",\"data\":{}}\n",
        "{\"resourceMetrics\":{}}\n",
        "{\"resourceMet\n{}\n",
        &good.replace("\"5\"", "\"five\""),
        &good.replace(&nanos(10), "soon"),
        &good.replace("service.instance.id", "service.version"),
    ] {
        let error = count(text).unwrap_err();
        assert_eq!(error.kind(), Kind::Blind, "{text}: {error}");
    }
    let streams: Vec<Told> = (0..10_001).map(|code| (code, 1, 10, 1)).collect();
    let error = count(&lines(2, &[&streams])).unwrap_err();
    assert!(matches!(error, Error::TooMany { .. }));
}
