//! Vendors of telemetry on loopback: they check what a question must carry,
//! answer in the shape that the vendor documents, and misbehave on demand.

mod cloudwatch;
mod datadog;
mod envoy;
mod graphite;
mod influxdb;
mod newrelic;
mod page;

use anyhow::Result;
use serde_json::Value;

use crate::http::{Answer, Ending, Request, Server};

/// What is counted of each slot in a second: requests, and bad ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Of slot `v1`.
    pub baseline: (i64, i64),
    /// Of slot `v2`.
    pub canary: (i64, i64),
}

/// How the vendor feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    Well,
    /// It answers that it has no such series.
    Empty,
    /// It answers with that status and what it says then.
    Status(u16),
    /// Somebody in between answers with a page for people.
    Page,
    /// It stops in the middle of an answer and closes.
    Cut,
    /// It stops in the middle of an answer and does not close.
    Hang,
    /// It announces more than anybody wants.
    Endless,
}

/// A vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// `POST /api/v2/query/timeseries`.
    Datadog,
    /// `GetMetricData` in JSON.
    CloudWatch,
    /// NerdGraph.
    NewRelic,
    /// `/render?format=json`.
    Graphite,
    /// `/query`.
    InfluxQl,
    /// `/api/v2/query`.
    Flux,
    /// A page of metrics, which counts from the first request on.
    OpenMetrics,
    /// `/stats?format=json`, which counts from the first request on.
    Envoy,
}

/// The secret that each vendor wants.
pub const SECRET: &str = "a-secret-of-a-test";

impl Vendor {
    /// Starts it; it ends when it is dropped.
    ///
    /// # Errors
    ///
    /// Fails when there is no free port.
    pub fn start(self, traffic: Traffic, mood: Mood) -> Result<Server> {
        let mut asked = 0;
        Server::start(move |request| {
            asked += 1;
            let honest = || match self {
                Self::Datadog => datadog::answer(request, traffic, mood),
                Self::CloudWatch => cloudwatch::answer(request, traffic, mood),
                Self::NewRelic => newrelic::answer(request, traffic, mood),
                Self::Graphite => graphite::answer(request, traffic, mood),
                Self::InfluxQl => influxdb::influxql(request, traffic, mood),
                Self::Flux => influxdb::flux(request, traffic, mood),
                Self::OpenMetrics => page::answer(request, traffic, (mood, asked)),
                Self::Envoy => envoy::answer(request, traffic, (mood, asked)),
            };
            match mood {
                Mood::Well | Mood::Empty => honest(),
                Mood::Status(status) => self.refusal(status),
                Mood::Page => Answer::new(200)
                    .header("content-type", "text/html")
                    .body("<html>sign in</html>"),
                Mood::Cut => honest().ending(Ending::CloseAfter(20)),
                Mood::Hang => honest().ending(Ending::HangAfter(20)),
                Mood::Endless => honest()
                    .header("content-length", "999999999999")
                    .ending(Ending::HangAfter(20)),
            }
        })
    }

    fn refusal(self, status: u16) -> Answer {
        let body = match (self, status) {
            (Self::Datadog, _) => r#"{"errors":["said by Datadog"]}"#,
            (Self::CloudWatch, 401 | 403) => {
                r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}"#
            }
            (Self::CloudWatch, 400 | 422) => {
                r#"{"__type":"com.amazonaws.cloudwatch#InvalidParameterValueException","message":"no"}"#
            }
            (Self::CloudWatch, _) => r#"{"__type":"Throttling","message":"Rate exceeded"}"#,
            (Self::InfluxQl, _) => r#"{"error":"said by InfluxDB"}"#,
            (Self::Flux, _) => r#"{"code":"invalid","message":"said by InfluxDB"}"#,
            (Self::NewRelic | Self::Graphite | Self::OpenMetrics | Self::Envoy, _) => "no",
        };
        Answer::new(status).body(body)
    }
}

/// Which slot and which counter a query is about: the queries of tests hold the
/// slot, and `errors` where they are about bad requests.
fn rate(query: &str, traffic: Traffic) -> i64 {
    let (total, bad) = if query.contains("v2") {
        traffic.canary
    } else {
        traffic.baseline
    };
    if query.contains("errors") { bad } else { total }
}

/// The beginnings of whole intervals in `[from, to)`, all in seconds.
fn intervals(from: i64, to: i64, width: i64) -> Vec<i64> {
    let first = from.div_euclid(width) * width;
    let first = if first < from { first + width } else { first };
    (0..)
        .map(|number| first + number * width)
        .take_while(|begin| *begin < to)
        .collect()
}

/// The fields of a form, or of a query string.
fn fields(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn field(text: &str, name: &str) -> String {
    let found = fields(text).into_iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value).unwrap_or_default()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, byte) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn text(request: &Request) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

/// The value at a pointer (RFC 6901), or null.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// A count as a vendor that keeps doubles writes it.
fn double(count: i64) -> f64 {
    count.to_string().parse().unwrap_or(f64::NAN)
}

fn json(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_and_forms_are_decoded() {
        assert_eq!(intervals(61, 240, 60), [120, 180]);
        assert_eq!(intervals(60, 180, 60), [60, 120]);
        assert_eq!(field("a=b%20c+d&e=%7B", "e"), "{");
        assert_eq!(field("a=b%20c+d&e=%7B", "a"), "b c d");
    }

    #[test]
    fn nobody_is_answered_without_credentials() {
        let traffic = Traffic {
            baseline: (1, 0),
            canary: (1, 0),
        };
        for (vendor, path, status) in [
            (Vendor::Datadog, "/api/v2/query/timeseries", 403),
            (Vendor::CloudWatch, "/", 400),
            (Vendor::NewRelic, "/graphql", 200),
            (Vendor::Graphite, "/render", 401),
            (Vendor::InfluxQl, "/query", 401),
            (Vendor::Flux, "/api/v2/query", 401),
        ] {
            let server = vendor.start(traffic, Mood::Well).unwrap();
            let answer = crate::http::send("POST", &server.url(path), &[], b"").unwrap();
            assert_eq!(answer.status, status, "{vendor:?}");
        }
    }
}
