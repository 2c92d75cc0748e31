//! Answers of `/api/v1/query`, as bytes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::{Explain, Kind};
use crate::telemetry::{Answer, Sample, Series, native};
use crate::time::Time;

/// The most series of one answer.
const MOST_SERIES: usize = 10_000;

/// The most native histograms of one answer: each is counted at every edge.
const MOST_READINGS: usize = 100_000;

/// Parses the answer to an instant query over a selector, with or without a range.
///
/// # Errors
///
/// Fails when the query was refused, when the server could not answer it, when
/// the body is no answer of Prometheus, and on native histograms.
pub fn parse(status: u16, body: &[u8]) -> Result<Answer, Error> {
    let answer = parse_histograms(status, body)?;
    match answer.natives.first() {
        Some(native) => Err(Error::Histogram(native.name())),
        None => Ok(answer),
    }
}

/// Parses such an answer where native histograms are welcome.
///
/// # Errors
///
/// Fails as [`parse`] does but for native histograms, and on a series that
/// holds both those and values.
pub fn parse_histograms(status: u16, body: &[u8]) -> Result<Answer, Error> {
    match (status, serde_json::from_slice::<Body>(body)) {
        (401 | 403, _) => Err(Error::Forbidden(status)),
        (400 | 422, Ok(Body::Error { kind, error })) => Err(Error::Refused { kind, error }),
        (400 | 422, Ok(Body::Success { .. }) | Err(_)) => Err(Error::Refused {
            kind: status.to_string(),
            error: "without a reason".to_owned(),
        }),
        (200..=299, Ok(Body::Success { data, warnings })) => {
            let (series, natives) = series(data)?;
            Ok(Answer {
                series,
                natives,
                warnings,
            })
        }
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
    #[serde(default)]
    histograms: Vec<(f64, Told)>,
    histogram: Option<(f64, Told)>,
}

/// A native histogram: numbers as texts, empty buckets left out.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    count: String,
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

fn series(data: Data) -> Result<(Vec<Series>, Vec<native::Series>), Error> {
    let found = match data {
        Data::Matrix(found) | Data::Vector(found) => found,
        Data::Scalar(_) | Data::String(_) => return Err(Error::NotSeries),
    };
    if found.len() > MOST_SERIES {
        return Err(Error::TooMany(found.len()));
    }
    let (mut series, mut natives) = (Vec::new(), Vec::new());
    let mut readings: usize = 0;
    for one in found {
        let is_native = one.histogram.is_some() || !one.histograms.is_empty();
        match (is_native, one.value.is_some() || !one.values.is_empty()) {
            (false, _) => series.push(values(one)?),
            (true, false) => {
                readings = readings.saturating_add(one.histograms.len());
                if readings > MOST_READINGS {
                    return Err(Error::TooManyHistograms(readings));
                }
                natives.push(histograms(one)?);
            }
            (true, true) => return Err(Error::Mixed(name(one.metric))),
        }
    }
    Ok((series, natives))
}

fn name(labels: BTreeMap<String, String>) -> String {
    let samples = Vec::new();
    Series { labels, samples }.name()
}

fn values(found: Found) -> Result<Series, Error> {
    let mut series = Series {
        labels: found.metric,
        samples: Vec::new(),
    };
    for (seconds, text) in found.values.into_iter().chain(found.value) {
        let read = time(seconds).zip(number(&text));
        let Some((time, value)) = read else {
            let series = series.name();
            return Err(Error::Value { series, text });
        };
        series.samples.push(Sample { time, value });
    }
    match ascend(series.samples.iter().map(|sample| sample.time)) {
        true => Ok(series),
        false => Err(Error::Order(series.name())),
    }
}

fn histograms(found: Found) -> Result<native::Series, Error> {
    let mut series = native::Series {
        labels: found.metric,
        readings: Vec::new(),
    };
    for (seconds, told) in found.histograms.into_iter().chain(found.histogram) {
        let read = |text: &String| {
            number(text).ok_or_else(|| Error::Value {
                series: series.name(),
                text: text.clone(),
            })
        };
        let bucket = |(_, low, high, count): &(u8, String, String, String)| {
            Ok(native::Bucket {
                low: read(low)?,
                high: read(high)?,
                count: read(count)?,
            })
        };
        let buckets = told.buckets.iter().map(bucket);
        let buckets = buckets.collect::<Result<Vec<_>, Error>>()?;
        let count = read(&told.count)?;
        let ranges = buckets.iter().all(|one| one.low <= one.high);
        let apart = |pair: &[native::Bucket]| matches!(pair, [a, b] if a.high <= b.low);
        let time = time(seconds).filter(|_| ranges && buckets.windows(2).all(apart));
        let time = time.ok_or_else(|| Error::Order(series.name()))?;
        series.readings.push(native::Reading {
            time,
            count,
            buckets,
        });
    }
    match ascend(series.readings.iter().map(|reading| reading.time)) {
        true => Ok(series),
        false => Err(Error::Order(series.name())),
    }
}

fn ascend(times: impl Iterator<Item = Time> + Clone) -> bool {
    times.clone().zip(times.skip(1)).all(|(a, b)| a < b)
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
    /// A series that changed what it is.
    #[error("`{0}` holds values and native histograms: which of them it is cannot be told")]
    Mixed(String),
    /// Too many to be meant.
    #[error("{0} series are more than the {MOST_SERIES} that are read")]
    TooMany(usize),
    /// Too many to be counted.
    #[error("{0} native histograms are more than the {MOST_READINGS} that are read")]
    TooManyHistograms(usize),
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
            Self::Refused { .. }
            | Self::NotSeries
            | Self::Histogram(_)
            | Self::Mixed(_)
            | Self::TooManyHistograms(_)
            | Self::TooMany(_) => Kind::Invalid,
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
            Self::TooMany(_) | Self::TooManyHistograms(_) => Some("narrow the selector".to_owned()),
            Self::Refused { .. }
            | Self::Failed { .. }
            | Self::NotSeries
            | Self::Histogram(_)
            | Self::Mixed(_)
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

    /// As Prometheus 2.42 answered a matrix selector.
    #[test]
    fn native_histograms_are_read_where_they_are_welcome() {
        let first = r#"[1795709229.208,{"count":"21","sum":"3.5","buckets":[[3,"-0.001","0.001","3"],[0,"0.45850202160233555","0.5","5"]]}]"#;
        let empty = r#"[1795709244.208,{"count":"0","sum":"0"}]"#;
        let body = |metric: &str, told: &str| {
            format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"{metric}"}},{told}}}]}}}}"#
            )
        };
        let told = body("lat", &format!(r#""histograms":[{first},{empty}]"#));
        let answer = parse_histograms(200, told.as_bytes()).unwrap();
        assert_eq!(answer.series, []);
        let readings = &answer.natives[0].readings;
        assert_eq!(readings[0].time.unix_millis(), 1_795_709_229_208);
        let bucket = |low, high, count| native::Bucket { low, high, count };
        let expected = [
            bucket(-0.001, 0.001, 3.0),
            bucket(0.458_502_021_602_335_55, 0.5, 5.0),
        ];
        assert_eq!(readings[0].buckets, expected);
        assert_eq!(readings[1].buckets, []);
        assert!(matches!(
            parse(200, told.as_bytes()),
            Err(Error::Histogram(_))
        ));
        for (told, kind) in [
            (
                format!(r#""values":[[1,"2"]],"histograms":[{first}]"#),
                Kind::Invalid,
            ),
            (format!(r#""histograms":[{empty},{first}]"#), Kind::Blind),
            (r#""histograms":[[1,{"sum":"0"}]]"#.to_owned(), Kind::Blind),
            (
                r#""histograms":[[1,{"count":"1","buckets":[[0,"1","2","a"]]}]]"#.to_owned(),
                Kind::Blind,
            ),
            (
                r#""histograms":[[1,{"count":"1","buckets":[[0,"2","1","1"]]}]]"#.to_owned(),
                Kind::Blind,
            ),
            (
                r#""histograms":[[1,{"count":"1","buckets":[[0,"1","2","1"],[0,"1","2","1"]]}]]"#
                    .to_owned(),
                Kind::Blind,
            ),
            (
                r#""histograms":[[1,{"count":"1","buckets":[[0,"NaN","2","1"]]}]]"#.to_owned(),
                Kind::Blind,
            ),
        ] {
            let error = parse_histograms(200, body("m", &told).as_bytes()).unwrap_err();
            assert_eq!(error.kind(), kind, "{told}");
        }
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
        let native = br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"1","sum":"0"}]}]}}"#;
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
