//! InfluxDB's two ways to be asked, both behind a token.

use serde_json::{Value, json};

use super::{Mood, SECRET, Traffic, at, field, intervals, rate, text};
use crate::http::{Answer, Request};

pub(super) fn influxql(request: &Request, traffic: Traffic, mood: Mood) -> Answer {
    if !signed_in(request) {
        return Answer::new(401).body(r#"{"error":"authorization failed"}"#);
    }
    let form = text(request);
    let query = field(&form, "q");
    let after = |text: &str| number(&query, text);
    let scope = request.target.split('?').nth(1).unwrap_or_default();
    let (Some(from), Some(to), Some(width)) =
        (after("time >= "), after("time < "), after("GROUP BY time("))
    else {
        return Answer::new(400).body(r#"{"error":"error parsing query: found EOF"}"#);
    };
    if field(scope, "db") != "shop" || field(&form, "epoch") != "ms" {
        let error = r#"{"results":[{"statement_id":0,"error":"database not found"}]}"#;
        return Answer::json(error);
    }
    let count = rate(&query, traffic) * width / 1000;
    let values: Vec<Value> = intervals(from / 1000, to / 1000, width / 1000)
        .iter()
        .map(|begin| json!([begin * 1000, count]))
        .collect();
    let mut result = json!({"statement_id": 0});
    if mood != Mood::Empty
        && let Some(result) = result.as_object_mut()
    {
        let series = json!([{"name": "requests", "columns": ["time", "sum"], "values": values}]);
        result.insert("series".to_owned(), series);
    }
    Answer::json(json!({ "results": [result] }).to_string())
}

pub(super) fn flux(request: &Request, traffic: Traffic, mood: Mood) -> Answer {
    if !signed_in(request) {
        return Answer::new(401).body(r#"{"code":"unauthorized","message":"unauthorized access"}"#);
    }
    let body = super::json(request);
    let query = at(&body, "/query").as_str().unwrap_or_default();
    let time = |word: &str| {
        let (_, rest) = query.split_once(word)?;
        let text = rest.split([',', ')']).next()?.trim();
        let time: liftlock::time::Time = text.parse().ok()?;
        Some(time.unix_millis() / 1000)
    };
    let scope = request.target.split('?').nth(1).unwrap_or_default();
    let (Some(from), Some(to), Some(width), "acme") = (
        time("start: "),
        time("stop: "),
        number(query, "every: "),
        field(scope, "org").as_str(),
    ) else {
        return Answer::new(400).body(r#"{"code":"invalid","message":"compilation failed"}"#);
    };
    let mut table = String::new();
    if mood != Mood::Empty {
        table.push_str(",result,table,_time,_value\r\n");
        let count = rate(query, traffic) * width / 1000;
        for begin in intervals(from, to, width / 1000) {
            let time = liftlock::time::Time::from_unix_millis(begin * 1000);
            let time = time.map(|time| time.to_string()).unwrap_or_default();
            table.push_str(&format!(",_result,0,{time},{count}\r\n"));
        }
    }
    table.push_str("\r\n");
    Answer::new(200)
        .header("content-type", "text/csv; charset=utf-8")
        .body(table)
}

fn signed_in(request: &Request) -> bool {
    request.header("authorization") == Some(&format!("Token {SECRET}"))
}

/// The number behind a text.
fn number(query: &str, text: &str) -> Option<i64> {
    let (_, rest) = query.split_once(text)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
