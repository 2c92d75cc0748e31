//! Metrics in OpenTelemetry's protocol as JSON, an export a line, as the
//! collector's file exporter writes them.
//!
//! <https://opentelemetry.io/docs/specs/otel/metrics/data-model/> and
//! `opentelemetry/proto/metrics/v1/metrics.proto`.

mod stream;
mod wire;

use std::collections::BTreeMap;

use super::error::{Error, short, unreadable};
use super::matcher::Wanted;
use super::series::Series;
use stream::{Point, Stream};
use wire::{Export, Metric, ResourceMetrics};

const SERVICE: &str = "OTLP";

/// The most bytes of a file.
pub const LARGEST: usize = 256 * 1024 * 1024;

/// The most series that are read, and the most points of all of them.
const MOST_SERIES: usize = 10_000;
const MOST_POINTS: usize = 2_000_000;

/// The most attributes of a series.
const MOST_ATTRIBUTES: usize = 256;

type Labels = BTreeMap<String, String>;

/// Everything that was exported, as series that begin at nothing, of both
/// selectors: what a stream held before it was first seen is not in them,
/// unless the stream itself began after the first export.
///
/// A label is an attribute of the resource or of the point, the name is
/// `__name__`. A histogram has its requests as `NAME_count` and those at or
/// below each of its bounds as `NAME_bucket` with `le`.
///
/// # Errors
///
/// Fails when a line is no export, when what is selected is no counter, when
/// a counter falls without having begun again, and when two processes write
/// one stream. A last line without an end is still being written.
pub fn parse(bytes: &[u8], wanted: [&Wanted; 2]) -> Result<[Vec<Series>; 2], Error> {
    let mut found = [Found::default(), Found::default()];
    let mut exports = Exports::default();
    let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let lines = bytes.get(..end).unwrap_or_default();
    for (number, line) in (1_usize..).zip(lines.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if !line.trim_ascii_start().starts_with(b"{") {
            let reason = format!("line {number} is no export");
            return Err(unreadable(SERVICE, &reason));
        }
        let export: Export = serde_json::from_slice(line)
            .map_err(|error| unreadable(SERVICE, &format!("line {number}: {error}")))?;
        for resource in export.resource_metrics {
            read(resource, wanted, (&mut found, &mut exports))?;
        }
    }
    let [total, bad] = found;
    Ok([total.series(&exports)?, bad.series(&exports)?])
}

/// When each resource exported anything, in nanoseconds.
#[derive(Default)]
struct Exports(BTreeMap<Labels, Vec<u64>>);

impl Exports {
    /// The first one of all.
    fn first(&self) -> u64 {
        self.0.values().flatten().min().copied().unwrap_or(u64::MAX)
    }
}

/// The streams that one selector picks.
#[derive(Default)]
struct Found {
    streams: BTreeMap<Labels, Stream>,
    points: usize,
}

impl Found {
    fn add(&mut self, labels: Labels, resource: &Labels, point: Point) -> Result<(), Error> {
        self.points = self.points.saturating_add(1);
        let new = !self.streams.contains_key(&labels);
        if self.points > MOST_POINTS || (new && self.streams.len() >= MOST_SERIES) {
            return Err(Error::TooMany {
                count: self.streams.len().saturating_add(1),
                most: MOST_SERIES,
            });
        }
        let stream = self.streams.entry(labels);
        let stream = stream.or_insert_with(|| Stream::new(resource.clone()));
        stream.points.push(point);
        Ok(())
    }

    fn series(self, exports: &Exports) -> Result<Vec<Series>, Error> {
        let first = exports.first();
        let series = |(labels, stream): (Labels, Stream)| {
            let none = Vec::new();
            let exported = exports.0.get(&stream.resource).unwrap_or(&none);
            let mut series = Series {
                labels,
                samples: Vec::new(),
            };
            match stream.samples(exported, first) {
                Ok(samples) => series.samples = samples,
                Err(flaw) => {
                    let reason = format!("`{}` {flaw}", short(&series.name()));
                    return Err(unreadable(SERVICE, &reason));
                }
            }
            Ok(series)
        };
        let all: Result<Vec<Series>, Error> = self.streams.into_iter().map(series).collect();
        let told = all?.into_iter().filter(|one| !one.samples.is_empty());
        Ok(told.collect())
    }
}

fn read(
    one: ResourceMetrics,
    wanted: [&Wanted; 2],
    (found, exports): (&mut [Found; 2], &mut Exports),
) -> Result<(), Error> {
    let resource = wire::attributes(one.resource.attributes).map_err(|reason| flawed(&reason))?;
    let mut times = Vec::new();
    for scope in one.scope_metrics {
        let mut common = named(&resource);
        for (name, value) in [
            ("otel_scope_name", scope.scope.name),
            ("otel_scope_version", scope.scope.version),
        ] {
            if !value.is_empty() {
                common.insert(name.to_owned(), value);
            }
        }
        for metric in scope.metrics {
            times.extend(metric.times().filter(|time| *time > 0));
            for (selector, found) in wanted.iter().zip(found.iter_mut()) {
                pick(&metric, selector, (&common, &resource, found))?;
            }
        }
    }
    times.sort_unstable();
    times.dedup();
    exports.0.entry(resource).or_default().extend(times);
    Ok(())
}

/// `job` and `instance` as Prometheus names a resource, beside its attributes.
fn named(resource: &Labels) -> Labels {
    let mut labels = resource.clone();
    let of = |name: &str| resource.get(name).cloned();
    let job = match (of("service.namespace"), of("service.name")) {
        (Some(space), Some(name)) => Some(format!("{space}/{name}")),
        (None, name) => name,
        (Some(_), None) => None,
    };
    for (label, value) in [("job", job), ("instance", of("service.instance.id"))] {
        if let Some(value) = value {
            labels.entry(label.to_owned()).or_insert(value);
        }
    }
    labels
}

fn pick(
    metric: &Metric,
    wanted: &Wanted,
    (common, resource, found): (&Labels, &Labels, &mut Found),
) -> Result<(), Error> {
    for counted in metric.counters().map_err(|reason| flawed(&reason))? {
        let mut labels = common.clone();
        for (name, value) in counted.attributes {
            // What a point says goes before what its resource says.
            if let Some(hidden) = labels.insert(name.clone(), value.clone())
                && hidden != value
            {
                labels.insert(format!("resource.{name}"), hidden);
            }
        }
        labels.insert("__name__".to_owned(), counted.name);
        if !wanted.fits(&labels) {
            continue;
        }
        if labels.len() > MOST_ATTRIBUTES {
            return Err(flawed(&format!(
                "a series has more than {MOST_ATTRIBUTES} attributes"
            )));
        }
        match counted.point {
            Ok(Some(point)) => found.add(labels, resource, point)?,
            // A stream that ended: the next point says when it began again.
            Ok(None) => {}
            Err(what) => {
                return Err(Error::Refused {
                    service: SERVICE,
                    said: format!(
                        "`{}` {what}, no counter that only rises",
                        short(&metric.name)
                    ),
                });
            }
        }
    }
    Ok(())
}

fn flawed(reason: &str) -> Error {
    unreadable(SERVICE, reason)
}

#[cfg(test)]
mod tests;
