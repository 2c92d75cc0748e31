//! The messages as proto3's JSON has them: 64-bit numbers as text or numbers,
//! enumerations by name or number. Other fields are the protocol's own affair.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Labels;
use super::stream::{Point, Temporality};

/// The most bounds of one histogram; libraries make a dozen.
const MOST_BOUNDS: usize = 1_000;

/// `FLAGS`: the point says that there is no value any more.
const NO_RECORDED_VALUE: u64 = 1;

/// One line: what was exported of some signal, of which only metrics are read.
/// What holds anything else is not of this protocol.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Export {
    pub(super) resource_metrics: Vec<ResourceMetrics>,
    #[serde(rename = "resourceSpans")]
    _spans: IgnoredAny,
    #[serde(rename = "resourceLogs")]
    _logs: IgnoredAny,
    #[serde(rename = "resourceProfiles")]
    _profiles: IgnoredAny,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResourceMetrics {
    pub(super) resource: Resource,
    pub(super) scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Resource {
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ScopeMetrics {
    pub(super) scope: Scope,
    pub(super) metrics: Vec<Metric>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Scope {
    pub(super) name: String,
    pub(super) version: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metric {
    pub(super) name: String,
    sum: Option<Sum>,
    histogram: Option<Histogram>,
    exponential_histogram: Option<Histogram>,
    gauge: Option<Plain>,
    summary: Option<Plain>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sum {
    data_points: Vec<Number>,
    aggregation_temporality: Value,
    is_monotonic: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Histogram {
    data_points: Vec<Number>,
    aggregation_temporality: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Plain {
    data_points: Vec<Number>,
}

/// A point of any kind.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Number {
    attributes: Vec<KeyValue>,
    #[serde(deserialize_with = "whole")]
    start_time_unix_nano: u64,
    #[serde(deserialize_with = "whole")]
    time_unix_nano: u64,
    #[serde(deserialize_with = "real")]
    as_int: Option<f64>,
    #[serde(deserialize_with = "real")]
    as_double: Option<f64>,
    #[serde(deserialize_with = "real")]
    count: Option<f64>,
    bucket_counts: Vec<Value>,
    explicit_bounds: Vec<f64>,
    #[serde(deserialize_with = "whole")]
    flags: u64,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    key: String,
    value: Value,
}

/// One series of a metric at one moment: its point, nothing where it ended, or
/// what the metric is instead of a counter.
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) attributes: Labels,
    pub(super) point: Result<Option<Point>, &'static str>,
}

impl Metric {
    fn points(&self) -> impl Iterator<Item = &Number> {
        let sums = self.sum.iter().flat_map(|sum| &sum.data_points);
        let histograms = [&self.histogram, &self.exponential_histogram];
        let histograms = histograms.into_iter().flatten();
        let plain = [&self.gauge, &self.summary].into_iter().flatten();
        sums.chain(histograms.flat_map(|one| &one.data_points))
            .chain(plain.flat_map(|one| &one.data_points))
    }

    /// When its points were taken.
    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        self.points().map(|point| point.time_unix_nano)
    }

    /// All that it counts.
    pub(super) fn counters(&self) -> Result<Vec<Counted>, String> {
        let mut all = Vec::new();
        if let Some(sum) = &self.sum {
            let temporality = temporality(&sum.aggregation_temporality);
            for point in &sum.data_points {
                let value = point.as_int.or(point.as_double);
                all.push(Counted {
                    name: self.name.clone(),
                    attributes: attributes(point.attributes.clone())?,
                    point: match sum.is_monotonic {
                        true => point.counted(temporality, value),
                        false => Err("is a sum that also falls"),
                    },
                });
            }
        }
        for (histogram, bounded) in [
            (&self.histogram, true),
            (&self.exponential_histogram, false),
        ] {
            let Some(histogram) = histogram else { continue };
            let temporality = temporality(&histogram.aggregation_temporality);
            for point in &histogram.data_points {
                all.push(Counted {
                    name: format!("{}_count", self.name),
                    attributes: attributes(point.attributes.clone())?,
                    point: point.counted(temporality, point.count),
                });
                if bounded {
                    all.extend(point.buckets(&self.name, temporality)?);
                }
            }
        }
        for (plain, what) in [(&self.gauge, "is a gauge"), (&self.summary, "is a summary")] {
            for point in plain.iter().flat_map(|plain| &plain.data_points) {
                all.push(Counted {
                    name: self.name.clone(),
                    attributes: attributes(point.attributes.clone())?,
                    point: Err(what),
                });
            }
        }
        Ok(all)
    }
}

impl Number {
    fn counted(
        &self,
        temporality: Option<Temporality>,
        value: Option<f64>,
    ) -> Result<Option<Point>, &'static str> {
        let temporality = temporality.ok_or("does not say from when on it counts")?;
        if self.flags & NO_RECORDED_VALUE != 0 {
            return Ok(None);
        }
        Ok(Some(Point {
            temporality,
            start: self.start_time_unix_nano,
            time: self.time_unix_nano,
            value: value.ok_or("has a point without a value")?,
        }))
    }

    /// The requests at or below each bound, as Prometheus counts them.
    fn buckets(
        &self,
        name: &str,
        temporality: Option<Temporality>,
    ) -> Result<Vec<Counted>, String> {
        if self.explicit_bounds.len() > MOST_BOUNDS {
            return Err(format!("`{name}` has more than {MOST_BOUNDS} bounds"));
        }
        let inside: Vec<f64> = self
            .bucket_counts
            .iter()
            .map(|count| {
                number(count).ok_or_else(|| format!("`{name}` has a bucket without a count"))
            })
            .collect::<Result<_, _>>()?;
        if !inside.is_empty() && inside.len() != self.explicit_bounds.len() + 1 {
            return Err(format!("`{name}` has other buckets than bounds"));
        }
        let attributes = attributes(self.attributes.clone())?;
        let mut below = 0.0;
        let bounds = self.explicit_bounds.iter().map(ToString::to_string);
        let bounds = bounds.chain(["+Inf".to_owned()]);
        let buckets = bounds.zip(inside).map(|(bound, count)| {
            below += count;
            let mut labels = attributes.clone();
            labels.insert("le".to_owned(), bound);
            Counted {
                name: format!("{name}_bucket"),
                attributes: labels,
                point: self.counted(temporality, Some(below)),
            }
        });
        Ok(buckets.collect())
    }
}

/// Attributes as labels; lists and maps as their JSON.
pub(super) fn attributes(list: Vec<KeyValue>) -> Result<Labels, String> {
    let mut labels = Labels::new();
    for KeyValue { key, value } in list {
        let text = match value.as_object().and_then(|object| object.iter().next()) {
            None => String::new(),
            Some((_, Value::String(text))) => text.clone(),
            Some((_, other)) => other.to_string(),
        };
        if labels.insert(key.clone(), text).is_some() {
            return Err(format!(
                "the attribute `{}` is there twice",
                super::short(&key)
            ));
        }
    }
    Ok(labels)
}

fn temporality(value: &Value) -> Option<Temporality> {
    let number = value.to_string();
    match value.as_str().unwrap_or(&number) {
        "1" | "AGGREGATION_TEMPORALITY_DELTA" => Some(Temporality::Delta),
        "2" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => Some(Temporality::Cumulative),
        _ => None,
    }
}

/// A number, or one as text; `NaN` and the infinities are text.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok(),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn real<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let wrong = || serde::de::Error::custom("a value that is no number");
    number(&value).map(Some).ok_or_else(wrong)
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let whole = match &value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    whole.ok_or_else(|| serde::de::Error::custom("a time or flag that is no whole number"))
}
