//! Amazon CloudWatch: `GetMetricData`
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>),
//! with the statistic `Sum`.
//!
//! Timestamps are the beginning of a period. AWS reports many counts only when
//! they are not 0
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>,
//! "Reporting criteria"), so no value of bad requests is 0 while requests are there.

use serde::Deserialize;
use serde_json::{Value, json as value};

use super::answer::increments;
use super::error::{Error, json, short, status, unreadable};
use super::increments::{Absent, Increments};
use super::shape::{Arms, Counter};
use super::template::Language;
use super::window::Window;

/// Whose answers these are.
pub const SERVICE: &str = "CloudWatch";

/// The most dimensions of a metric.
const MOST: usize = 30;

const SLOT: &str = "{slot}";

/// Dimensions are sent as JSON, where nothing breaks out; these are the bounds
/// that AWS sets.
const LANGUAGE: Language = Language {
    service: SERVICE,
    allowed: "values of dimensions are printable ASCII",
    letter: |letter| letter.is_ascii_graphic() || letter == ' ',
};

/// `NAMESPACE:METRIC{DIMENSION=VALUE,…}`, with `{slot}` inside of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    namespace: String,
    name: String,
    dimensions: Vec<(String, String)>,
}

impl Metric {
    /// Parses the name of a metric.
    ///
    /// # Errors
    ///
    /// Fails on another form.
    pub fn new(field: &'static str, text: &str) -> Result<Self, Error> {
        let refused = || Error::Query {
            field,
            reason: format!(
                "is no metric such as AWS/ApplicationELB:RequestCount{{TargetGroup={{slot}}}}: `{}`",
                short(text)
            ),
        };
        let (namespace, rest) = text.trim().split_once(':').ok_or_else(refused)?;
        let (name, inside) = match rest.split_once('{') {
            Some((name, inside)) => (name, inside.strip_suffix('}').ok_or_else(refused)?),
            None => (rest, ""),
        };
        let dimensions = inside.split(',').filter(|pair| !pair.trim().is_empty());
        let dimensions: Option<Vec<(String, String)>> = dimensions
            .map(|pair| {
                let (key, value) = pair.split_once('=')?;
                let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
                (printable(&key) && printable(&value)).then_some((key, value))
            })
            .collect();
        let metric = Self {
            namespace: namespace.to_owned(),
            name: name.trim().to_owned(),
            dimensions: dimensions.ok_or_else(refused)?,
        };
        let fits = printable(&metric.namespace)
            && printable(&metric.name)
            && metric.dimensions.len() <= MOST;
        fits.then_some(metric).ok_or_else(refused)
    }

    /// Whether the metric tells slots apart.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        self.dimensions
            .iter()
            .any(|(_, value)| value.contains(SLOT))
    }

    /// The metric of one slot, as a query with an id.
    ///
    /// # Errors
    ///
    /// Fails on a slot that is no value of a dimension.
    pub fn about(&self, id: &str, slot: &str, window: Window) -> Result<Value, Error> {
        if self.has_slot() {
            LANGUAGE.check(slot)?;
        }
        let dimensions = self.dimensions.iter();
        let dimensions: Vec<Value> = dimensions
            .map(|(key, text)| value!({"Name": key, "Value": text.replace(SLOT, slot)}))
            .collect();
        Ok(value!({"Id": id, "ReturnData": true, "MetricStat": {
            "Metric": {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions},
            "Period": window.interval.millis() / 1000,
            "Stat": "Sum",
        }}))
    }
}

fn printable(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && text.chars().all(LANGUAGE.letter)
}

/// Refuses rows that are no period: 1, 5, 10, 20 or 30 seconds, or whole minutes.
///
/// # Errors
///
/// Fails on any other interval.
pub fn check(interval: crate::span::Span) -> Result<(), Error> {
    let millis = interval.millis();
    let fits = matches!(millis, 1_000 | 5_000 | 10_000 | 20_000 | 30_000)
        || (millis >= 60_000 && millis.is_multiple_of(60_000));
    if fits {
        return Ok(());
    }
    Err(Error::Interval {
        service: SERVICE,
        interval,
        allowed: "its periods are 1, 5, 10, 20 or 30 seconds or whole minutes",
    })
}

/// The body of the question, for one more page of the answer after the first.
#[must_use]
pub fn request(queries: &[Value], window: Window, token: Option<&str>) -> Value {
    let mut body = value!({
        "MetricDataQueries": queries,
        "StartTime": window.from.unix_millis() / 1000,
        "EndTime": window.to.unix_millis() / 1000,
        "ScanBy": "TimestampAscending",
    });
    if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
        body.insert("NextToken".to_owned(), token.into());
    }
    body
}

/// One page of an answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Page {
    #[serde(default)]
    metric_data_results: Vec<Found>,
    /// What to ask for the next page with.
    pub next_token: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    id: String,
    #[serde(default)]
    status_code: String,
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default)]
    code: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

/// Parses one page of an answer.
///
/// # Errors
///
/// Fails when the question was refused.
pub fn page(code: u16, body: &[u8]) -> Result<Page, Error> {
    if code < 400 {
        status(SERVICE, code, body)?;
        return json(SERVICE, body);
    }
    let Ok(Complaint { kind, message }) = serde_json::from_slice(body) else {
        return Err(status(SERVICE, code, body)
            .err()
            .unwrap_or_else(|| unreadable(SERVICE, "no status")));
    };
    let name = kind.rsplit('#').next().unwrap_or_default();
    let said = short(&format!("{name} {message}"));
    // AWS says what is wrong by a name; the status is mostly 400.
    Err(match name {
        "AccessDenied"
        | "AccessDeniedException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Error::Forbidden {
            service: SERVICE,
            said,
        },
        "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "ServiceUnavailable"
        | "InternalFailure"
        | "InternalServiceFault"
        | "InternalServiceError" => Error::Failed {
            service: SERVICE,
            said,
        },
        "" => status(SERVICE, code, body)
            .err()
            .unwrap_or_else(|| unreadable(SERVICE, "no status")),
        _ if code < 500 && code != 429 => Error::Refused {
            service: SERVICE,
            said,
        },
        _ => Error::Failed {
            service: SERVICE,
            said,
        },
    })
}

/// The counters with the ids `total` and `bad` in all pages of an answer.
///
/// # Errors
///
/// Fails when AWS did not give all of the data.
pub fn arms(pages: &[Page], window: Window) -> Result<Arms, Error> {
    let counter = |id: &str| {
        let results = pages.iter().flat_map(|page| &page.metric_data_results);
        let mut points = Vec::new();
        let mut warnings: Vec<String> = Vec::new();
        let messages = pages.iter().flat_map(|page| &page.messages);
        warnings.extend(messages.map(told));
        for found in results.filter(|found| found.id == id) {
            checked(found)?;
            warnings.extend(found.messages.iter().map(told));
            let found = found.timestamps.iter().zip(&found.values);
            points.extend(found.map(|(begin, count)| (millis(*begin), Some(*count))));
        }
        points.sort_by_key(|(begin, _)| *begin);
        let name = format!("the metric `{id}`");
        let told = increments((SERVICE, name), (window, Absent::Zero), points)?;
        Ok(Counter::Increments(Increments { warnings, ..told }))
    };
    // `PartialData` with more pages is no more than that: the last page decides.
    let last = pages.last();
    let partial = last.is_some_and(|page| {
        let mut results = page.metric_data_results.iter();
        results.any(|found| found.status_code == "PartialData")
    });
    if partial || last.is_none() {
        return Err(Error::Failed {
            service: SERVICE,
            said: "only a part of the data (PartialData)".to_owned(),
        });
    }
    Ok(Arms {
        total: counter("total")?,
        bad: counter("bad")?,
    })
}

fn told(message: &Message) -> String {
    short(&format!("{} {}", message.code, message.value))
}

fn checked(found: &Found) -> Result<(), Error> {
    let said = found.status_code.clone();
    match found.status_code.as_str() {
        "Complete" | "PartialData" | "" => {}
        "Forbidden" => {
            return Err(Error::Forbidden {
                service: SERVICE,
                said,
            });
        }
        _ => {
            return Err(Error::Failed {
                service: SERVICE,
                said: short(&said),
            });
        }
    }
    if found.timestamps.len() == found.values.len() {
        Ok(())
    } else {
        Err(unreadable(SERVICE, "values without timestamps"))
    }
}

/// Seconds since 1970, with a fraction.
fn millis(begin: f64) -> Option<i64> {
    format!("{:.0}", begin * 1000.0).parse().ok()
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
            to: at(180),
            interval: Span::seconds(60),
        }
    }

    fn read(pages: &[&str]) -> Result<Vec<(u64, u64)>, Error> {
        let pages: Result<Vec<Page>, Error> = pages
            .iter()
            .map(|body| page(200, body.as_bytes()))
            .collect();
        let arms = arms(&pages?, window())?;
        let rows = gather(window(), None, &arms).unwrap().rows;
        Ok(rows
            .iter()
            .map(|row| (row.canary.total, row.canary.bad))
            .collect())
    }

    #[test]
    fn pages_are_read_together_and_sparse_errors_are_zero() {
        let first = r#"{"MetricDataResults":[{"Id":"total","Label":"RequestCount","Timestamps":[1795435200,1.79543526E9],"Values":[10.0,20.0],"StatusCode":"PartialData"}],"NextToken":"t","Messages":[]}"#;
        let second = r#"{"MetricDataResults":[{"Id":"total","Timestamps":[1795435320],"Values":[30.0],"StatusCode":"Complete"},{"Id":"bad","Timestamps":[1795435260],"Values":[2.0],"StatusCode":"Complete"}],"Messages":[]}"#;
        assert_eq!(read(&[first, second]).unwrap(), [(10, 0), (20, 2), (30, 0)]);
        let error = read(&[first]).unwrap_err();
        assert_eq!(error.kind(), Kind::Blind);
        assert!(read(&[r#"{"MetricDataResults":[]}"#]).unwrap().is_empty());
    }

    #[test]
    fn each_refusal_is_told_apart() {
        #[rustfmt::skip]
        let cases: [(u16, &str, Kind); 8] = [
            (400, r#"{"__type":"com.amazon#InvalidClientTokenId","message":"x"}"#, Kind::Credentials),
            (403, r#"{"__type":"AccessDenied"}"#, Kind::Credentials),
            (403, "<html>", Kind::Credentials),
            (400, r#"{"__type":"com.amazonaws.cloudwatch#ValidationError","Message":"period"}"#, Kind::Invalid),
            (400, r#"{"__type":"Throttling","message":"Rate exceeded"}"#, Kind::Blind),
            (500, r#"{"__type":"InternalServiceFault"}"#, Kind::Blind),
            (503, "<html>", Kind::Blind),
            (200, "<html>", Kind::Blind),
        ];
        for (status, body, kind) in cases {
            let error = page(status, body.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {body}");
        }
        for (found, kind) in [
            ("Forbidden", Kind::Credentials),
            ("InternalError", Kind::Blind),
        ] {
            let body =
                format!(r#"{{"MetricDataResults":[{{"Id":"bad","StatusCode":"{found}"}}]}}"#);
            assert_eq!(read(&[&body]).unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn metrics_are_written_by_name_and_slots_stay_values() {
        let text = "AWS/ApplicationELB:RequestCount{LoadBalancer=app/x/1, TargetGroup={slot}}";
        let metric = Metric::new("total", text).unwrap();
        let asked = metric.about("total", "a\"},{'b", window()).unwrap();
        let dimensions = &asked["MetricStat"]["Metric"]["Dimensions"];
        assert_eq!(dimensions[1]["Value"], "a\"},{'b");
        assert_eq!(asked["MetricStat"]["Period"], 60);
        assert!(metric.about("total", "a\nb", window()).is_err());
        assert!(!Metric::new("total", "Shop:Requests").unwrap().has_slot());
        for text in [
            "",
            "Requests",
            "Shop:",
            "Shop:R{a}",
            "Shop:R{a=b",
            "Shop:R{=b}",
        ] {
            assert!(Metric::new("total", text).is_err(), "{text}");
        }
        assert!(check(Span::seconds(15)).is_err() && check(Span::seconds(90)).is_err());
        assert!(check(Span::seconds(10)).is_ok() && check(Span::seconds(300)).is_ok());
    }
}
