//! Datadog: `POST /api/v2/query/timeseries`
//! (<https://docs.datadoghq.com/api/latest/metrics/>).
//!
//! Both counters are asked for at once, so that they are of one moment. Points
//! carry the beginning of their interval. A count with `as_count()` is aligned
//! as 0 where nothing was sent
//! (<https://docs.datadoghq.com/dashboards/functions/interpolation/>), so a hole
//! of bad requests is 0 while requests are there.

use serde::Deserialize;
use serde_json::{Value, json as value};

use super::answer::increments;
use super::error::{Error, json, short, status, unreadable};
use super::increments::Absent;
use super::shape::{Arms, Counter};
use super::template::{Language, Template, plain};
use super::window::Window;

/// Whose answers these are.
pub const SERVICE: &str = "Datadog";

const LANGUAGE: Language = Language {
    service: SERVICE,
    allowed: "values of tags have letters, digits, `_`, `-`, `.`, `:` and `/`",
    letter: plain,
};

/// How far a count may be from whole: counts are kept as rates over ten seconds.
const NOISE: f64 = 1e-6;

/// Takes a metric query such as `sum:web.hits{version:{slot}}.as_count()`.
///
/// # Errors
///
/// Fails on a query that is not a sum of counts, and on one with its own rollup.
pub fn query(field: &'static str, text: &str) -> Result<Template, Error> {
    let refused = |reason: &str| Error::Query {
        field,
        reason: reason.to_owned(),
    };
    let template = Template::new(field, text, LANGUAGE)?;
    if !template.text().contains(".as_count()") {
        return Err(refused("does not count: end it with `.as_count()`"));
    }
    if template.text().contains(".rollup(") {
        return Err(refused(
            "has a rollup of its own: leave it out, the interval is set beside it",
        ));
    }
    if !template.text().trim_start().starts_with("sum:") {
        return Err(refused("does not begin with `sum:`"));
    }
    Ok(template)
}

/// The body of the question.
#[must_use]
pub fn request(total: &str, bad: &str, window: Window) -> Value {
    let query =
        |name: &str, query: &str| value!({"data_source": "metrics", "name": name, "query": query});
    value!({"data": {"type": "timeseries_request", "attributes": {
        "from": window.from.unix_millis(),
        "to": window.to.unix_millis(),
        "interval": window.interval.millis(),
        "formulas": [{"formula": "total"}, {"formula": "bad"}],
        "queries": [query("total", total), query("bad", bad)],
    }}})
}

#[derive(Deserialize)]
struct Body {
    data: Option<Data>,
    errors: Option<Value>,
}

#[derive(Deserialize)]
struct Data {
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(default)]
    times: Vec<i64>,
    #[serde(default)]
    series: Vec<Series>,
    #[serde(default)]
    values: Vec<Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct Series {
    query_index: usize,
}

/// Parses the answer to [`request`].
///
/// # Errors
///
/// Fails when the question was refused, and when the answer holds no two counters.
pub fn parse(code: u16, body: &[u8], window: Window) -> Result<Arms, Error> {
    status(SERVICE, code, body)?;
    let body: Body = json(SERVICE, body)?;
    let said = body.errors.filter(|errors| {
        !matches!(errors, Value::Null) && errors.as_str() != Some("") && errors != &value!([])
    });
    let data = match (said, body.data) {
        (Some(said), _) => {
            return Err(Error::Failed {
                service: SERVICE,
                said: short(&said.to_string()),
            });
        }
        (None, Some(data)) => data.attributes,
        (None, None) => return Err(unreadable(SERVICE, "no data")),
    };
    if data.series.len() != data.values.len() {
        return Err(unreadable(SERVICE, "series without values"));
    }
    Ok(Arms {
        total: counter("total", 0, &data, window)?,
        bad: counter("bad", 1, &data, window)?,
    })
}

fn counter(
    field: &'static str,
    query: usize,
    data: &Attributes,
    window: Window,
) -> Result<Counter, Error> {
    let all = data.series.iter().zip(&data.values);
    let found: Vec<_> = all
        .filter(|(series, _)| series.query_index == query)
        .collect();
    let values = match found.as_slice() {
        [] => None,
        [(_, values)] => Some(*values),
        many => {
            let count = many.len();
            return Err(Error::Several { field, count });
        }
    };
    if values.is_some_and(|values| values.len() != data.times.len()) {
        return Err(unreadable(SERVICE, "values without times"));
    }
    let points = data.times.iter().zip(values.into_iter().flatten());
    let points = points.map(|(begin, count)| (Some(*begin), count.map(settled)));
    let name = format!("the query `{field}`");
    let told = increments((SERVICE, name), (window, Absent::Zero), points);
    told.map(Counter::Increments)
}

/// Takes the noise of a division by ten seconds away.
fn settled(count: f64) -> f64 {
    let whole = libm::round(count);
    if libm::fabs(count - whole) <= NOISE {
        whole
    } else {
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Explain as _, Kind};
    use crate::span::Span;
    use crate::telemetry::gather;
    use crate::time::Time;

    fn window() -> Window {
        let at = |seconds: i64| Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap();
        Window {
            from: at(0),
            to: at(45),
            interval: Span::seconds(15),
        }
    }

    fn body(series: &str, values: &str) -> String {
        format!(
            r#"{{"data":{{"id":"0","type":"timeseries_response","attributes":{{
            "series":[{series}],"times":[1795435200000,1795435215000,1795435230000],"values":[{values}]}}}}}}"#
        )
    }

    const BOTH: &str = r#"{"group_tags":[],"query_index":0,"unit":null},{"group_tags":[],"query_index":1,"unit":null}"#;

    fn counts(body: &str) -> Vec<(u64, u64)> {
        let arms = parse(200, body.as_bytes(), window()).unwrap();
        let gathered = gather(window(), None, &arms).unwrap();
        let rows = gathered.rows.iter().map(|row| row.canary);
        rows.map(|arm| (arm.total, arm.bad)).collect()
    }

    #[test]
    fn both_counters_are_read_from_one_answer() {
        let whole = body(BOTH, "[10.0,20.000000000000004,30.0],[1.0,null,2.0]");
        assert_eq!(counts(&whole), [(10, 1), (20, 0), (30, 2)]);
        // No point of all requests is no row.
        let hole = body(BOTH, "[10.0,null,30.0],[1.0,null,2.0]");
        assert_eq!(counts(&hole), [(10, 1), (30, 2)]);
        let alone = body(r#"{"query_index":0}"#, "[1,2,3]");
        assert_eq!(counts(&alone), [(1, 0), (2, 0), (3, 0)]);
        assert_eq!(counts(&body("", "")), []);
    }

    #[test]
    fn other_answers_are_no_counts() {
        let twice = body(r#"{"query_index":0},{"query_index":0}"#, "[1,2,3],[1,2,3]");
        let short = body(r#"{"query_index":0}"#, "[1,2]");
        let bare = body(BOTH, "[1,2,3]");
        let error = r#"{"data":null,"errors":"query timed out"}"#;
        #[rustfmt::skip]
        let cases: [(u16, &str, Kind); 10] = [
            (200, &twice, Kind::Invalid),
            (200, &short, Kind::Blind),
            (200, &bare, Kind::Blind),
            (200, error, Kind::Blind),
            (200, "<html>", Kind::Blind),
            (200, r#"{"data":"#, Kind::Blind),
            (400, r#"{"errors":["Error parsing query"]}"#, Kind::Invalid),
            (403, r#"{"errors":["Forbidden"]}"#, Kind::Credentials),
            (429, "", Kind::Blind),
            (503, "<html>", Kind::Blind),
        ];
        for (status, body, kind) in cases {
            let error = parse(status, body.as_bytes(), window()).unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {body}");
        }
    }

    #[test]
    fn queries_that_do_not_count_and_slots_that_break_out_are_refused() {
        let good = "sum:web.hits{version:{slot}}.as_count()";
        let template = query("total", good).unwrap();
        assert_eq!(
            template.about("1.2.3").unwrap(),
            "sum:web.hits{version:1.2.3}.as_count()"
        );
        for slot in ["*", "a,b:c", "a}", "a b", "a\"", "a\nb"] {
            assert!(template.about(slot).is_err(), "{slot}");
        }
        for text in [
            "sum:web.hits{*}",
            "avg:web.hits{*}.as_count()",
            "sum:web.hits{*}.as_count().rollup(sum, 60)",
        ] {
            assert!(query("total", text).is_err(), "{text}");
        }
        let asked = request("a", "b", window());
        assert_eq!(asked["data"]["attributes"]["interval"], 15_000);
    }
}
