//! Datadog's timeseries of scalars by formulas and queries.

use serde_json::{Value, json};

use super::{Mood, SECRET, Traffic, at, intervals, rate};
use crate::http::{Answer, Request};

pub(super) fn answer(request: &Request, traffic: Traffic, mood: Mood) -> Answer {
    let key = |name| request.header(name) == Some(SECRET);
    if !key("dd-api-key") || !key("dd-application-key") {
        return Answer::new(403).body(r#"{"errors":["Forbidden"]}"#);
    }
    let body = super::json(request);
    let attributes = at(&body, "/data/attributes");
    let queries = at(attributes, "/queries")
        .as_array()
        .cloned()
        .unwrap_or_default();
    let number = |name: &str| at(attributes, name).as_i64();
    let known = at(&body, "/data/type") == "timeseries_request"
        && queries
            .iter()
            .all(|query| *at(query, "/data_source") == "metrics");
    let (Some(from), Some(to), Some(interval), true) =
        (number("/from"), number("/to"), number("/interval"), known)
    else {
        return Answer::new(400).body(r#"{"errors":["invalid request"]}"#);
    };
    if from >= to || interval < 1000 || request.path() != "/api/v2/query/timeseries" {
        return Answer::new(400).body(r#"{"errors":["invalid time range"]}"#);
    }
    let width = interval / 1000;
    let times = intervals(from / 1000, to / 1000, width);
    let asked: Vec<(usize, &str)> = queries
        .iter()
        .map(|query| at(query, "/query").as_str().unwrap_or_default())
        .enumerate()
        .filter(|_| mood != Mood::Empty)
        .collect();
    let series: Vec<Value> = asked
        .iter()
        .map(|(index, _)| json!({"group_tags": [], "query_index": index, "unit": null}))
        .collect();
    let values: Vec<Value> = asked
        .iter()
        .map(|(_, query)| {
            let count = rate(query, traffic) * width;
            // A count that is 0 is not sent.
            let count = if count == 0 {
                Value::Null
            } else {
                json!(count)
            };
            json!(vec![count; times.len()])
        })
        .collect();
    let times: Vec<i64> = times.iter().map(|time| time * 1000).collect();
    let attributes = json!({"series": series, "times": times, "values": values});
    let data = json!({"id": "0", "type": "timeseries_response", "attributes": attributes});
    Answer::json(json!({ "data": data }).to_string())
}
