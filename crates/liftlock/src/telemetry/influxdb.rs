//! InfluxDB: InfluxQL at `/query` (1.x, and 2.x and 3.x by compatibility:
//! <https://docs.influxdata.com/influxdb/v1/tools/api/>) and Flux at
//! `/api/v2/query` (2.x: <https://docs.influxdata.com/influxdb/v2/api/>).
//!
//! Intervals are cut from 1970 on. No point is what InfluxDB keeps of nothing,
//! so a hole of bad requests is 0 while requests are there.

use serde::Deserialize;
use serde_json::Value;

use super::answer::increments;
use super::error::{Error, json, said, short, status, unreadable};
use super::increments::Absent;
use super::shape::Counter;
use super::template::{Language, Template, quotable};
use super::window::Window;
use crate::time::Time;

/// Whose answers these are.
pub const SERVICE: &str = "InfluxDB";

/// Where the time goes that is asked about.
const TIME: &str = "{time}";

/// The most lines of a table.
const MOST: usize = 1_000_000;

const LANGUAGE: Language = Language {
    service: SERVICE,
    allowed: "no quotes, backslashes, braces and line ends",
    letter: quotable,
};

/// How the database is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `SELECT sum(n) FROM requests WHERE v = '{slot}' AND {time}`.
    InfluxQl,
    /// `from(bucket: "b") |> range({time}) |> filter(fn: (r) => r.v == "{slot}")`.
    Flux,
}

/// Takes a query in which `{time}` stands for the time.
///
/// # Errors
///
/// Fails on a query without `{time}`, with intervals of its own, with more
/// than one statement, or with a slot outside of quotes.
pub fn query(dialect: Dialect, field: &'static str, text: &str) -> Result<Template, Error> {
    let refused = |reason: String| Error::Query { field, reason };
    let template = Template::new(field, text, LANGUAGE)?;
    if !text.contains(TIME) {
        let place = match dialect {
            Dialect::InfluxQl => "such as `WHERE … AND {time}`",
            Dialect::Flux => "such as `|> range({time})`",
        };
        return Err(refused(format!(
            "does not say where the time goes: put `{{time}}`, {place}"
        )));
    }
    let words = template.words();
    let own: &[&str] = match dialect {
        Dialect::InfluxQl => &["GROUP", "FILL", "INTO", "LIMIT", "DROP", "DELETE"],
        Dialect::Flux => &["AGGREGATEWINDOW", "WINDOW", "YIELD", "TO", "IMPORT"],
    };
    if template.has_bare_slot() {
        return Err(refused("has `{slot}` outside of quotes".to_owned()));
    }
    match words.iter().find(|word| own.contains(&word.as_str())) {
        Some(word) => Err(refused(format!(
            "has `{word}`, which is set behind it or not allowed"
        ))),
        None if text.contains(';') => Err(refused("has more than one statement".to_owned())),
        None => Ok(template),
    }
}

impl Dialect {
    /// The whole query about one counter.
    #[must_use]
    pub fn request(self, query: &str, window: Window) -> String {
        let millis = window.interval.millis();
        let (from, to) = (window.from.unix_millis(), window.to.unix_millis());
        match self {
            Self::InfluxQl => {
                let time = format!("time >= {from}ms AND time < {to}ms");
                format!(
                    "{} GROUP BY time({millis}ms) fill(none)",
                    query.replace(TIME, &time)
                )
            }
            Self::Flux => {
                let time = format!("start: {}, stop: {}", window.from, window.to);
                format!(
                    "{} |> aggregateWindow(every: {millis}ms, fn: sum, createEmpty: false, timeSrc: \"_start\")",
                    query.replace(TIME, &time)
                )
            }
        }
    }

    /// Parses the answer about one counter.
    ///
    /// # Errors
    ///
    /// Fails when the question was refused, and on several series.
    pub fn parse(
        self,
        code: u16,
        body: &[u8],
        field: &'static str,
        window: Window,
    ) -> Result<Counter, Error> {
        if !(200..300).contains(&code) {
            return Err(refusal(code, body));
        }
        let points = match self {
            Self::InfluxQl => rows(body, field)?,
            Self::Flux => table(body, field)?,
        };
        let points = points.into_iter();
        let points = points.map(|(begin, count)| (Some(begin), count));
        let name = format!("the query `{field}`");
        let told = increments((SERVICE, name), (window, Absent::Zero), points);
        told.map(Counter::Increments)
    }
}

/// `{"error": …}` of 1.x, `{"code": …, "message": …}` of 2.x.
fn refusal(code: u16, body: &[u8]) -> Error {
    #[derive(Default, Deserialize)]
    struct Complaint {
        #[serde(default)]
        error: String,
        #[serde(default)]
        message: String,
    }
    let complaint: Complaint = serde_json::from_slice(body).unwrap_or_default();
    let words = short(&format!("{} {}", complaint.error, complaint.message));
    let text = if words.is_empty() { said(body) } else { words };
    match status(SERVICE, code, text.as_bytes()) {
        Err(error) => error,
        Ok(()) => unreadable(SERVICE, "no status"),
    }
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    results: Vec<Statement>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(default)]
    series: Vec<Rows>,
    error: Option<String>,
    #[serde(default)]
    partial: bool,
}

#[derive(Deserialize)]
struct Rows {
    columns: Vec<String>,
    #[serde(default)]
    values: Vec<Vec<Value>>,
    #[serde(default)]
    partial: bool,
}

type Points = Vec<(i64, Option<f64>)>;

fn rows(body: &[u8], field: &'static str) -> Result<Points, Error> {
    let body: Results = json(SERVICE, body)?;
    let statement = match (body.error, body.results.as_slice()) {
        (None, [only]) => only,
        (Some(error), _) => return Err(complaint(&error)),
        (None, _) => return Err(unreadable(SERVICE, "not one result")),
    };
    if let Some(error) = &statement.error {
        return Err(complaint(error));
    }
    let rows = match statement.series.as_slice() {
        [] => return Ok(Vec::new()),
        [only] => only,
        many => {
            let count = many.len();
            return Err(Error::Several { field, count });
        }
    };
    if statement.partial || rows.partial {
        return Err(Error::Failed {
            service: SERVICE,
            said: "only a part of the rows".to_owned(),
        });
    }
    if rows.columns.len() != 2 || rows.columns.first().map(String::as_str) != Some("time") {
        let count = rows.columns.len().saturating_sub(1);
        return Err(Error::Several { field, count });
    }
    let point = |row: &Vec<Value>| match row.as_slice() {
        [time, Value::Null] => Some((time.as_i64()?, None)),
        [time, value] => Some((time.as_i64()?, Some(value.as_f64()?))),
        _ => None,
    };
    let points: Option<Points> = rows.values.iter().map(point).collect();
    points.ok_or_else(|| unreadable(SERVICE, "a row that is no time and number"))
}

/// What 1.x says inside of an answer with status 200.
fn complaint(error: &str) -> Error {
    let service = SERVICE;
    let said = short(error);
    let lower = error.to_ascii_lowercase();
    if lower.contains("authoriz") || lower.contains("authentic") {
        Error::Forbidden { service, said }
    } else if ["timeout", "interrupted", "limit", "shutdown", "engine"]
        .iter()
        .any(|word| lower.contains(word))
    {
        Error::Failed { service, said }
    } else {
        Error::Refused { service, said }
    }
}

/// Annotated CSV: tables follow one another, each with a header of its own.
fn table(body: &[u8], field: &'static str) -> Result<Points, Error> {
    let text = std::str::from_utf8(body).map_err(|_bytes| unreadable(SERVICE, "not UTF-8"))?;
    let mut header: Option<Header> = None;
    let mut names: Vec<String> = Vec::new();
    let mut points = Points::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if number > MOST {
            return Err(unreadable(SERVICE, "too many lines"));
        }
        if line.is_empty() {
            header = None;
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = line.split(',').collect();
        let Some(at) = &header else {
            header = Some(Header::read(&cells)?);
            continue;
        };
        let cell = |index: usize| cells.get(index).copied();
        if let Some(index) = at.error {
            return Err(complaint(cell(index).unwrap_or_default()));
        }
        let read = || {
            let time: Time = cell(at.time)?.parse().ok()?;
            let value = cell(at.value)?;
            let count = if value.is_empty() {
                None
            } else {
                Some(value.parse().ok()?)
            };
            Some((cell(at.table)?, (time.unix_millis(), count)))
        };
        let (name, point) = read().ok_or_else(|| {
            unreadable(
                SERVICE,
                &format!("a line that is no count: {}", short(line)),
            )
        })?;
        if !names.iter().any(|one| one == name) {
            names.push(name.to_owned());
        }
        points.push(point);
    }
    if names.len() > 1 {
        let count = names.len();
        return Err(Error::Several { field, count });
    }
    Ok(points)
}

struct Header {
    table: usize,
    time: usize,
    value: usize,
    error: Option<usize>,
}

impl Header {
    fn read(cells: &[&str]) -> Result<Self, Error> {
        let column = |name: &str| cells.iter().position(|cell| *cell == name);
        let error = column("error").filter(|_| column("reference").is_some());
        if error.is_some() {
            let (table, time, value) = (0, 0, 0);
            return Ok(Self {
                table,
                time,
                value,
                error,
            });
        }
        match (column("table"), column("_time"), column("_value")) {
            (Some(table), Some(time), Some(value)) => Ok(Self {
                table,
                time,
                value,
                error,
            }),
            _ => Err(unreadable(SERVICE, "a table without `_time` and `_value`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Explain as _, Kind};
    use crate::span::Span;
    use crate::telemetry::{Arms, gather};

    fn window() -> Window {
        let at = |seconds: i64| Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap();
        Window {
            from: at(0),
            to: at(45),
            interval: Span::seconds(15),
        }
    }

    fn count(dialect: Dialect, total: &str, bad: &str) -> Vec<(u64, u64)> {
        let read = |body: &str| {
            dialect
                .parse(200, body.as_bytes(), "bad", window())
                .unwrap()
        };
        let arms = Arms {
            total: read(total),
            bad: read(bad),
        };
        let rows = gather(window(), None, &arms).unwrap().rows;
        rows.iter()
            .map(|row| (row.canary.total, row.canary.bad))
            .collect()
    }

    fn series(values: &str) -> String {
        format!(
            r#"{{"results":[{{"statement_id":0,"series":[{{"name":"requests","columns":["time","sum"],"values":[{values}]}}]}}]}}"#
        )
    }

    const TABLE: &str = "#group,false,false,false,false\r\n#datatype,string,long,dateTime:RFC3339,long\r\n#default,_result,,,\r\n,result,table,_time,_value\r\n,,0,2026-11-23T12:00:00Z,10\r\n,,0,2026-11-23T12:00:15Z,20\r\n\r\n";

    #[test]
    fn both_dialects_give_the_same_counts() {
        let start: Time = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(start, window().from);
        let total = series("[1795435200000,10],[1795435215000,20]");
        let bad = series("[1795435215000,2]");
        assert_eq!(count(Dialect::InfluxQl, &total, &bad), [(10, 0), (20, 2)]);
        let none = r#"{"results":[{"statement_id":0}]}"#;
        assert_eq!(count(Dialect::InfluxQl, &total, none), [(10, 0), (20, 0)]);
        let bad = ",result,table,_time,_value\n,,0,2026-11-23T12:00:15Z,2\n";
        assert_eq!(count(Dialect::Flux, TABLE, bad), [(10, 0), (20, 2)]);
        assert_eq!(count(Dialect::Flux, TABLE, "\r\n"), [(10, 0), (20, 0)]);
    }

    #[test]
    fn other_answers_are_no_counts() {
        let two = r#"{"results":[{"series":[{"columns":["time","a"]},{"columns":["time","a"]}]}]}"#;
        let wide = r#"{"results":[{"series":[{"columns":["time","a","b"]}]}]}"#;
        let part = r#"{"results":[{"series":[{"columns":["time","a"],"partial":true}]}]}"#;
        let text = r#"{"results":[{"series":[{"columns":["time","a"],"values":[[1,"x"]]}]}]}"#;
        let tables = format!("{TABLE},result,table,_time,_value\n,,1,2026-11-23T12:00:15Z,2\n");
        let flux = "#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,query interrupted,897\n";
        #[rustfmt::skip]
        let cases: [(Dialect, u16, &str, Kind); 16] = [
            (Dialect::InfluxQl, 200, two, Kind::Invalid),
            (Dialect::InfluxQl, 200, wide, Kind::Invalid),
            (Dialect::InfluxQl, 200, part, Kind::Blind),
            (Dialect::InfluxQl, 200, text, Kind::Blind),
            (Dialect::InfluxQl, 200, "<html>", Kind::Blind),
            (Dialect::InfluxQl, 200, r#"{"results":[{"error":"database not found: x"}]}"#, Kind::Invalid),
            (Dialect::InfluxQl, 200, r#"{"results":[{"error":"query timeout"}]}"#, Kind::Blind),
            (Dialect::InfluxQl, 400, r#"{"error":"error parsing query"}"#, Kind::Invalid),
            (Dialect::InfluxQl, 401, r#"{"error":"authorization failed"}"#, Kind::Credentials),
            (Dialect::InfluxQl, 503, "", Kind::Blind),
            (Dialect::Flux, 200, &tables, Kind::Invalid),
            (Dialect::Flux, 200, flux, Kind::Blind),
            (Dialect::Flux, 200, "<html>", Kind::Blind),
            (Dialect::Flux, 200, ",result,table,_time,_value\n,,0,2026-11-2", Kind::Blind),
            (Dialect::Flux, 400, r#"{"code":"invalid","message":"compilation failed"}"#, Kind::Invalid),
            (Dialect::Flux, 401, r#"{"code":"unauthorized","message":"unauthorized access"}"#, Kind::Credentials),
        ];
        for (dialect, status, body, kind) in cases {
            let error = dialect
                .parse(status, body.as_bytes(), "bad", window())
                .unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {body}");
        }
    }

    #[test]
    fn the_time_goes_where_the_query_says_and_slots_stay_in_their_quotes() {
        let text = "SELECT sum(n) FROM requests WHERE slot = '{slot}' AND {time}";
        let template = query(Dialect::InfluxQl, "total", text).unwrap();
        let asked = Dialect::InfluxQl.request(&template.about("v1").unwrap(), window());
        assert_eq!(
            asked,
            "SELECT sum(n) FROM requests WHERE slot = 'v1' AND time >= 1795435200000ms AND time < 1795435245000ms GROUP BY time(15000ms) fill(none)"
        );
        for slot in ["a'", "a\"", "a\\", "a\nb", "{time}", ""] {
            assert!(template.about(slot).is_err(), "{slot}");
        }
        let text = "from(bucket: \"b\") |> range({time}) |> filter(fn: (r) => r.v == \"{slot}\")";
        let template = query(Dialect::Flux, "total", text).unwrap();
        let asked = Dialect::Flux.request(&template.about("v1").unwrap(), window());
        assert!(asked.contains("range(start: 2026-11-23T12:00:00Z, stop: 2026-11-23T12:00:45Z)"));
        for (dialect, text) in [
            (Dialect::InfluxQl, "SELECT sum(n) FROM requests"),
            (
                Dialect::InfluxQl,
                "SELECT sum(n) FROM r WHERE {time} GROUP BY host",
            ),
            (
                Dialect::InfluxQl,
                "SELECT sum(n) FROM r WHERE {time}; DROP DATABASE x",
            ),
            (
                Dialect::InfluxQl,
                "SELECT sum(n) FROM r WHERE v = {slot} AND {time}",
            ),
            (Dialect::Flux, "from(bucket: \"b\") |> range(start: -1h)"),
            (
                Dialect::Flux,
                "from(bucket: \"b\") |> range({time}) |> to(bucket: \"c\")",
            ),
            (
                Dialect::Flux,
                "from(bucket: \"b\") |> range({time}) |> filter(fn: (r) => r.v == {slot})",
            ),
        ] {
            assert!(query(dialect, "total", text).is_err(), "{text}");
        }
    }
}
