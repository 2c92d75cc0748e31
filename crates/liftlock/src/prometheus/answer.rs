//! Answers of `/api/v1/query`, as bytes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::{Explain, Kind};
use crate::telemetry::{Answer, Sample, Series};
use crate::time::Time;

/// The most series of one answer.
const MOST_SERIES: usize = 10_000;

/// Parses the answer to an instant query over a selector, with or without a range.
///
/// # Errors
///
/// Fails when the query was refused, when the server could not answer it, and
/// when the body is no answer of Prometheus.
pub fn parse(status: u16, body: &[u8]) -> Result<Answer, Error> {
    match (status, serde_json::from_slice::<Body>(body)) {
        (401 | 403, _) => Err(Error::Forbidden(status)),
        (400 | 422, Ok(Body::Error { kind, error })) => Err(Error::Refused { kind, error }),
        (400 | 422, Ok(Body::Success { .. }) | Err(_)) => Err(Error::Refused {
            kind: status.to_string(),
            error: "without a reason".to_owned(),
        }),
        (200..=299, Ok(Body::Success { data, warnings })) => Ok(Answer {
            series: series(data)?,
            warnings,
        }),
        (_, Ok(Body::Error { kind, error })) => Err(Error::Failed { kind, error }),
        (200..=299, Err(source)) => Err(Error::Unreadable(source)),
        (_, Ok(Body::Success { .. }) | Err(_)) => Err(Error::Status(status)),
    }
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Body {
    Success {
        data: Data,
        #[serde(default)]
        warnings: Vec<String>,
    },
    Error {
        #[serde(rename = "errorType", default)]
        kind: String,
        #[serde(default)]
        error: String,
    },
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Matrix(Vec<Found>),
    Vector(Vec<Found>),
    Scalar(serde::de::IgnoredAny),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Found {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
    histogram: Option<serde::de::IgnoredAny>,
    histograms: Option<serde::de::IgnoredAny>,
}

fn series(data: Data) -> Result<Vec<Series>, Error> {
    let found = match data {
        Data::Matrix(found) | Data::Vector(found) => found,
        Data::Scalar(_) | Data::String(_) => return Err(Error::NotSeries),
    };
    if found.len() > MOST_SERIES {
        return Err(Error::TooMany(found.len()));
    }
    found.into_iter().map(one).collect()
}

fn one(found: Found) -> Result<Series, Error> {
    let mut series = Series {
        labels: found.metric,
        samples: Vec::new(),
    };
    if found.histogram.is_some() || found.histograms.is_some() {
        return Err(Error::Histogram(series.name()));
    }
    for (seconds, text) in found.values.into_iter().chain(found.value) {
        let read = time(seconds).zip(number(&text));
        let Some((time, value)) = read else {
            let series = series.name();
            return Err(Error::Value { series, text });
        };
        series.samples.push(Sample { time, value });
    }
    let ascends = series
        .samples
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.time < b.time));
    if ascends {
        Ok(series)
    } else {
        Err(Error::Order(series.name()))
    }
}

/// Seconds since 1970 with a fraction of milliseconds.
fn time(seconds: f64) -> Option<Time> {
    let millis = format!("{:.0}", seconds * 1000.0).parse().ok()?;
    Time::from_unix_millis(millis).ok()
}

/// Prometheus writes `NaN`, `+Inf` and `-Inf`, all of which Rust reads.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// There is no answer that counts could follow from.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credentials do not suffice.
    #[error("Prometheus answers {0}: the credentials are missing or not accepted")]
    Forbidden(u16),
    /// The query is wrong.
    #[error("Prometheus refuses the query ({kind}): {error}")]
    Refused {
        /// `bad_data` or `execution`.
        kind: String,
        /// In the server's words.
        error: String,
    },
    /// The server is in trouble.
    #[error("Prometheus cannot answer ({kind}): {error}")]
    Failed {
        /// Such as `timeout`.
        kind: String,
        /// In the server's words.
        error: String,
    },
    /// Something in between answers.
    #[error("status {0} without an answer of Prometheus")]
    Status(u16),
    /// Not the JSON of Prometheus.
    #[error("the answer is not that of a Prometheus server")]
    Unreadable(#[source] serde_json::Error),
    /// The query is an expression.
    #[error("the query selects no series")]
    NotSeries,
    /// Native histograms hold no single count.
    #[error("`{0}` is a native histogram, not a counter")]
    Histogram(String),
    /// Too many to be meant.
    #[error("{0} series are more than the {MOST_SERIES} that are read")]
    TooMany(usize),
    /// Not a number, or not at a moment.
    #[error("`{series}` holds `{text}`, which is no sample")]
    Value {
        /// Which series.
        series: String,
        /// The value as text.
        text: String,
    },
    /// Samples out of order.
    #[error("the samples of `{0}` are not in order")]
    Order(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Forbidden(_) => Kind::Credentials,
            Self::Refused { .. } | Self::NotSeries | Self::Histogram(_) | Self::TooMany(_) => {
                Kind::Invalid
            }
            Self::Failed { .. }
            | Self::Status(_)
            | Self::Unreadable(_)
            | Self::Value { .. }
            | Self::Order(_) => Kind::Blind,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Forbidden(_) => Some("set `LIFTLOCK_PROMETHEUS_TOKEN`".to_owned()),
            Self::Status(_) | Self::Unreadable(_) => {
                Some("check the URL: the API is expected at /api/v1 below it".to_owned())
            }
            Self::TooMany(_) => Some("narrow the selector".to_owned()),
            Self::Refused { .. }
            | Self::Failed { .. }
            | Self::NotSeries
            | Self::Histogram(_)
            | Self::Value { .. }
            | Self::Order(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(values: &str) -> Vec<u8> {
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"m","a":"b"}},"values":{values}}}]}}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn samples_are_read_to_the_millisecond() {
        let body = matrix(r#"[[1795435200.781,"17"],[1795435215,"+Inf"]]"#);
        let answer = parse(200, &body).unwrap();
        let series = &answer.series[0];
        assert_eq!(series.name(), "m{a=\"b\"}");
        assert_eq!(series.samples[0].time.unix_millis(), 1_795_435_200_781);
        assert_eq!(series.samples[0].value.to_string(), "17");
        assert!(series.samples[1].value.is_infinite());
    }

    #[test]
    fn each_kind_of_answer_is_told_apart() {
        let empty = br#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["a store is down"],"infos":["x"]}"#;
        let answer = parse(200, empty).unwrap();
        assert_eq!(answer.series, []);
        assert_eq!(answer.warnings, ["a store is down"]);
        let scalar = br#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#;
        let wrong = br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        let late = br#"{"status":"error","errorType":"timeout","error":"query timed out"}"#;
        let native = br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}"#;
        let back = matrix(r#"[[2,"1"],[1,"2"]]"#);
        let text = matrix(r#"[[2,"many"]]"#);
        #[rustfmt::skip]
        let cases: [(u16, &[u8], Kind, &str); 12] = [
            (422, wrong, Kind::Invalid, "Prometheus refuses the query (bad_data): parse error"),
            (400, b"<html>", Kind::Invalid, "Prometheus refuses the query (400): without a reason"),
            (503, late, Kind::Blind, "Prometheus cannot answer (timeout): query timed out"),
            (200, late, Kind::Blind, "Prometheus cannot answer (timeout): query timed out"),
            (200, b"<html>", Kind::Blind, "the answer is not that of a Prometheus server"),
            (200, b"", Kind::Blind, "the answer is not that of a Prometheus server"),
            (502, b"<html>", Kind::Blind, "status 502 without an answer of Prometheus"),
            (401, b"", Kind::Credentials, "Prometheus answers 401: the credentials are missing or not accepted"),
            (200, scalar, Kind::Invalid, "the query selects no series"),
            (200, native, Kind::Invalid, "`{}` is a native histogram, not a counter"),
            (200, &back, Kind::Blind, "the samples of `m{a=\"b\"}` are not in order"),
            (200, &text, Kind::Blind, "`m{a=\"b\"}` holds `many`, which is no sample"),
        ];
        for (status, body, kind, message) in cases {
            let error = parse(status, body).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
        }
    }
}
