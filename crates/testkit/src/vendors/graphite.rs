//! Graphite's render API behind a password.

use serde_json::{Value, json};

use super::{Mood, Traffic, double, field, intervals, rate, text};
use crate::http::{Answer, Request};

/// `reader:a-secret-of-a-test`.
const LOGIN: &str = "Basic cmVhZGVyOmEtc2VjcmV0LW9mLWEtdGVzdA==";

pub(super) fn answer(request: &Request, traffic: Traffic, mood: Mood) -> Answer {
    if request.header("authorization") != Some(LOGIN) {
        return Answer::new(401).header("www-authenticate", "Basic");
    }
    let form = text(request);
    let (target, number) = (field(&form, "target"), |name| {
        field(&form, name).parse::<i64>().ok()
    });
    let width = target
        .split_once(",\"")
        .and_then(|(_, rest)| rest.strip_suffix("s\",\"sum\",false)"))
        .and_then(|digits| digits.parse().ok());
    let (Some(from), Some(until), Some(width)) = (number("from"), number("until"), width) else {
        return Answer::new(400).body("Invalid target");
    };
    if field(&form, "format") != "json" || !target.starts_with("summarize(") {
        return Answer::new(400).body("Invalid format");
    }
    if mood == Mood::Empty {
        return Answer::json("[]");
    }
    // Points lie after `from`, up to and with `until`.
    let points: Vec<Value> = intervals(from + 1, until + 1, width)
        .iter()
        .map(|begin| json!([double(rate(&target, traffic) * width), begin]))
        .collect();
    Answer::json(json!([{"target": target, "tags": {}, "datapoints": points}]).to_string())
}
