//! New Relic's NerdGraph, which answers 200 to nearly everything.

use serde_json::{Value, json};

use super::{Mood, SECRET, Traffic, at, rate};
use crate::http::{Answer, Request};

pub(super) fn answer(request: &Request, traffic: Traffic, mood: Mood) -> Answer {
    let complaint = |class: &str, message: &str| {
        let error = json!({"message": message, "extensions": {"errorClass": class}});
        Answer::json(json!({"data": null, "errors": [error]}).to_string())
    };
    if request.header("api-key") != Some(SECRET) {
        return complaint("UNAUTHENTICATED", "an API key is required");
    }
    let body = super::json(request);
    let variables = at(&body, "/variables");
    let nrql = at(variables, "/nrql").as_str().unwrap_or_default();
    let after = |word: &str| {
        let (_, rest) = nrql.split_once(word)?;
        rest.split_whitespace().next()?.parse::<i64>().ok()
    };
    let (Some(since), Some(until), Some(width), Some(_)) = (
        after("SINCE "),
        after("UNTIL "),
        after("TIMESERIES "),
        at(variables, "/account").as_i64(),
    ) else {
        return complaint("INVALID_INPUT", "NRQL Syntax Error");
    };
    // Buckets are cut from the end of the range.
    let count = (until - since) / 1000 / width;
    if !(1..=366).contains(&count) {
        return complaint("INVALID_INPUT", "TIMESERIES: too many buckets");
    }
    let first = until / 1000 - count * width;
    let results: Vec<Value> = (0..count)
        .filter(|_| mood != Mood::Empty)
        .map(|number| {
            let begin = first + number * width;
            json!({
                "beginTimeSeconds": begin, "endTimeSeconds": begin + width,
                "count": rate(nrql, traffic) * width,
            })
        })
        .collect();
    let nrql = json!({ "results": results });
    Answer::json(json!({"data": {"actor": {"account": {"nrql": nrql}}}}).to_string())
}
