//! New Relic: NRQL through NerdGraph
//! (<https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/>).
//!
//! Buckets are cut from `UNTIL` backwards
//! (<https://docs.newrelic.com/docs/nrql/using-nrql/query-time-range/>), so a
//! range of whole intervals gives exactly these. At most 366 of them.

use serde::Deserialize;
use serde_json::{Map, Value, json as value};

use super::error::{Error, json, short, status, unreadable};
use super::increments::{Absent, Bucket, Increments};
use super::shape::Counter;
use super::template::{Language, Template, quotable};
use super::window::Window;
use crate::span::Span;
use crate::time::Time;

/// Whose answers these are.
pub const SERVICE: &str = "New Relic";

/// The most intervals of one query.
pub const MOST: u64 = 366;

const LANGUAGE: Language = Language {
    service: SERVICE,
    allowed: "no quotes, backslashes, braces and line ends",
    letter: quotable,
};

const QUESTION: &str = "query($account: Int!, $nrql: Nrql!) \
    { actor { account(id: $account) { nrql(query: $nrql, timeout: 20) { results } } } }";

/// Takes a query such as `SELECT count(*) FROM Transaction WHERE version = '{slot}'`.
///
/// # Errors
///
/// Fails on a query with a time or groups of its own, and on a slot outside of quotes.
pub fn query(field: &'static str, text: &str) -> Result<Template, Error> {
    let refused = |reason: String| Error::Query { field, reason };
    let template = Template::new(field, text, LANGUAGE)?;
    let words = template.words();
    if !words.iter().any(|word| word == "SELECT") || !words.iter().any(|word| word == "FROM") {
        return Err(refused("is no SELECT".to_owned()));
    }
    let own = [
        "SINCE",
        "UNTIL",
        "TIMESERIES",
        "FACET",
        "COMPARE",
        "LIMIT",
        "EXTRAPOLATE",
    ];
    if template.has_bare_slot() {
        return Err(refused("has `{slot}` outside of quotes".to_owned()));
    }
    match words.iter().find(|word| own.contains(&word.as_str())) {
        Some(word) => Err(refused(format!("has `{word}`, which is set beside it"))),
        None => Ok(template),
    }
}

/// The body of the question about one counter.
#[must_use]
pub fn request(account: u64, nrql: &str, window: Window) -> Value {
    let nrql = format!(
        "{nrql} SINCE {} UNTIL {} TIMESERIES {} seconds",
        window.from.unix_millis(),
        window.to.unix_millis(),
        window.interval.millis() / 1000
    );
    value!({"query": QUESTION, "variables": {"account": account, "nrql": nrql}})
}

#[derive(Deserialize)]
struct Body {
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Value,
}

/// Parses the answer about one counter.
///
/// # Errors
///
/// Fails when the question was refused, and when a bucket holds no single number.
pub fn parse(code: u16, body: &[u8], field: &'static str) -> Result<Counter, Error> {
    status(SERVICE, code, body)?;
    let body: Body = json(SERVICE, body)?;
    if let Some(complaint) = body.errors.first() {
        return Err(refusal(complaint));
    }
    let data = body.data.unwrap_or_default();
    let results = data
        .pointer("/actor/account/nrql/results")
        .and_then(Value::as_array)
        .ok_or_else(|| unreadable(SERVICE, "no results"))?;
    let mut width = Span::ZERO;
    let mut buckets = Vec::new();
    for result in results {
        let (bucket, span) = result
            .as_object()
            .and_then(bucket)
            .ok_or_else(|| unreadable(SERVICE, "a result without begin and end"))?;
        let count = number(field, result.as_object())?;
        width = span;
        buckets.push(Bucket { end: bucket, count });
    }
    Ok(Counter::Increments(Increments {
        name: format!("the query `{field}`"),
        width,
        buckets,
        absent: Absent::Unknown,
        warnings: Vec::new(),
    }))
}

/// GraphQL answers 200 to everything; what is wrong has a class.
fn refusal(complaint: &Complaint) -> Error {
    let class = complaint
        .extensions
        .get("errorClass")
        .and_then(Value::as_str);
    let class = class.unwrap_or_default();
    let service = SERVICE;
    let said = short(&format!("{class} {}", complaint.message));
    let message = complaint.message.to_ascii_lowercase();
    match class {
        "UNAUTHENTICATED" | "UNAUTHORIZED" | "ACCESS_DENIED" | "FORBIDDEN" | "SECURITY" => {
            Error::Forbidden { service, said }
        }
        "TIMEOUT"
        | "SERVER_ERROR"
        | "TOO_MANY_REQUESTS"
        | "INTERNAL_SERVER_ERROR"
        | "DOWNSTREAM" => Error::Failed { service, said },
        _ if message.contains("timeout") || message.contains("timed out") => {
            Error::Failed { service, said }
        }
        _ => Error::Refused { service, said },
    }
}

fn bucket(result: &Map<String, Value>) -> Option<(Time, Span)> {
    let seconds = |name: &str| {
        let value = result.get(name)?;
        value
            .as_i64()
            .or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
    };
    let (begin, end) = (seconds("beginTimeSeconds")?, seconds("endTimeSeconds")?);
    let width = u64::try_from(end.checked_sub(begin)?)
        .ok()?
        .checked_mul(1000)?;
    let end = Time::from_unix_millis(end.checked_mul(1000)?).ok()?;
    Some((end, Span::from_millis(width)))
}

/// The one value beside the times; `null` is a hole.
fn number(field: &'static str, result: Option<&Map<String, Value>>) -> Result<Option<f64>, Error> {
    let times = ["beginTimeSeconds", "endTimeSeconds", "inspectedCount"];
    let values = result.into_iter().flatten();
    let values: Vec<&Value> = values
        .filter(|(name, _)| !times.contains(&name.as_str()))
        .map(|(_, value)| value)
        .collect();
    match values.as_slice() {
        [Value::Null] => Ok(None),
        [Value::Number(number)] => Ok(number.as_f64()),
        [_] => Err(unreadable(SERVICE, "a value that is no number")),
        many => Err(Error::Several {
            field,
            count: many.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Explain as _, Kind};
    use crate::telemetry::{Arms, gather};

    fn window() -> Window {
        let at = |seconds: i64| Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap();
        Window {
            from: at(0),
            to: at(120),
            interval: Span::seconds(60),
        }
    }

    fn body(results: &str) -> String {
        format!(r#"{{"data":{{"actor":{{"account":{{"nrql":{{"results":[{results}]}}}}}}}}}}"#)
    }

    #[test]
    fn buckets_are_read_with_their_own_ends() {
        let two = |first, second| {
            body(&format!(
                r#"{{"beginTimeSeconds":1795435200,"count":{first},"endTimeSeconds":1795435260}},{{"beginTimeSeconds":1795435260.0,"count":{second},"endTimeSeconds":1795435320.0}}"#
            ))
        };
        let read = |body: String| parse(200, body.as_bytes(), "bad").unwrap();
        let arms = Arms {
            total: read(two("10", "20")),
            bad: read(two("0", "2")),
        };
        let rows = gather(window(), None, &arms).unwrap().rows;
        let counts: Vec<_> = rows
            .iter()
            .map(|row| (row.canary.total, row.canary.bad))
            .collect();
        assert_eq!(counts, [(10, 0), (20, 2)]);
        // A hole of bad requests that nothing overtook: it may still come.
        let late = Arms {
            bad: read(two("0", "null")),
            ..arms.clone()
        };
        let gathered = gather(window(), None, &late).unwrap();
        assert_eq!((gathered.rows.len(), gathered.faults.len()), (1, 0));
        // One that was overtaken hides the slot: it is not 0.
        let hole = Arms {
            bad: read(two("null", "0")),
            ..arms
        };
        let gathered = gather(window(), None, &hole).unwrap();
        assert_eq!((gathered.rows.len(), gathered.faults.len()), (0, 1));
    }

    #[test]
    fn other_answers_are_no_counts() {
        let error = |class: &str, message: &str| {
            format!(
                r#"{{"data":null,"errors":[{{"message":"{message}","extensions":{{"errorClass":"{class}"}}}}]}}"#
            )
        };
        let facets = body(r#"{"beginTimeSeconds":1,"endTimeSeconds":2,"a":1,"b":2}"#);
        #[rustfmt::skip]
        let cases: [(u16, &str, Kind); 10] = [
            (200, &error("UNAUTHENTICATED", "no key"), Kind::Credentials),
            (200, &error("TIMEOUT", "x"), Kind::Blind),
            (200, &error("SERVER_ERROR", "x"), Kind::Blind),
            (200, &error("INVALID_INPUT", "NRQL Syntax Error"), Kind::Invalid),
            (200, &facets, Kind::Invalid),
            (200, &body("{}"), Kind::Blind),
            (200, "<html>", Kind::Blind),
            (200, r#"{"data":null}"#, Kind::Blind),
            (401, "", Kind::Credentials),
            (429, "", Kind::Blind),
        ];
        for (status, body, kind) in cases {
            let error = parse(status, body.as_bytes(), "bad").unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {body}");
        }
    }

    #[test]
    fn queries_with_their_own_time_and_slots_that_break_out_are_refused() {
        let template = query(
            "total",
            "SELECT count(*) FROM T WHERE slot = '{slot}' AND a = 'since'",
        );
        let template = template.unwrap();
        for slot in ["a'", "a\\", "a\nb", "a\" OR 1", "{slot}"] {
            assert!(template.about(slot).is_err(), "{slot}");
        }
        let nrql = template.about("v 1").unwrap();
        let asked = request(7, &nrql, window());
        let nrql = asked["variables"]["nrql"].as_str().unwrap();
        assert!(nrql.ends_with("SINCE 1795435200000 UNTIL 1795435320000 TIMESERIES 60 seconds"));
        for text in [
            "count(*)",
            "SELECT count(*) FROM T WHERE v = {slot}",
            "SELECT count(*) FROM T SINCE 1 day ago",
            "SELECT count(*) FROM T facet host",
        ] {
            assert!(query("total", text).is_err(), "{text}");
        }
    }
}
