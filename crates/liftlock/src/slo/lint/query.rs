//! What a PromQL text does to a canary or an objective.

use super::super::indicator::{Query, Source};
use super::super::promql;
use super::Finding;

/// Words in the queries of those who compare with a baseline.
const BASELINE: [&str; 5] = ["stable", "primary", "baseline", "control", "offset"];

/// Labels that tell how a request ended.
const STATUS: [&str; 12] = [
    "code",
    "status",
    "status_code",
    "response_code",
    "response_code_class",
    "http_status",
    "http_status_code",
    "grpc_code",
    "grpc_status",
    "grpc_response_status",
    "classification",
    "rcode",
];

fn promql(query: &Query) -> Option<&str> {
    (query.source == Source::Prometheus).then_some(query.text.as_str())
}

fn calls(query: &Query, function: &str) -> bool {
    promql(query).is_some_and(|text| promql::calls(text).contains(&function))
}

/// `irate` sees the last two samples only.
pub(super) fn irate(query: &Query) -> Option<Finding> {
    calls(query, "irate").then(|| {
        Finding::warning(
            "irate",
            "`irate` looks at the last two samples: with little traffic it is 0 or a spike; \
             use `rate` over several scrapes",
        )
    })
}

/// `rate` and `increase` of series that are new.
pub(super) fn lost_first(query: &Query) -> Option<Finding> {
    let function = ["rate", "increase"]
        .into_iter()
        .find(|name| calls(query, name))?;
    Some(
        Finding::warning(
            "lost-first-errors",
            format!(
                "`{function}` does not see the first count of a new series, and all series of a \
                 canary are new: its first errors are lost; `canary-check run` counts raw samples"
            ),
        )
        .met_in("prometheus/prometheus#3886"),
    )
}

/// An answer that stands for missing data.
pub(super) fn missing_as_number(query: &Query) -> Option<Finding> {
    let text = promql(query)?;
    let filled = ["vector", "absent"]
        .iter()
        .any(|name| promql::calls(text).contains(name));
    let lower = text.to_ascii_lowercase();
    let or = lower
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .any(|word| word == "or");
    (filled && or).then(|| {
        Finding::warning(
            "missing-as-number",
            "`or vector(…)` puts a number where there is no data: nobody sees when the series end",
        )
    })
}

/// A fixed limit where a baseline could be.
pub(super) fn no_baseline(query: &Query, issue: &'static str) -> Option<Finding> {
    let text = promql(query)?.to_ascii_lowercase();
    let compares = BASELINE.iter().any(|word| text.contains(word));
    (!compares).then(|| {
        Finding::warning(
            "no-baseline",
            "the query has no baseline: an incident of everybody takes the canary back, \
             and a canary ten times worse than before may stay below the limit",
        )
        .met_in(issue)
    })
}

/// A share of requests that does not ask how they ended.
pub(super) fn no_status(query: &Query) -> Option<Finding> {
    let text = promql(query)?;
    let metrics = text.to_ascii_lowercase();
    let named = ["error", "fail", "success"]
        .iter()
        .any(|word| metrics.contains(word));
    let asks = promql::labels(text)
        .iter()
        .any(|label| STATUS.contains(label));
    let counts = promql::is_quotient(text) || metrics.contains("requests_total");
    (counts && !asks && !named).then(|| {
        Finding::warning(
            "no-status",
            "the query matches no status of requests: it counts them however they ended",
        )
    })
}

/// Several series where one value is compared.
pub(super) fn several_series(query: &Query, what: &'static str) -> Option<Finding> {
    let text = promql(query)?;
    let one = [
        "sum", "avg", "max", "min", "count", "quantile", "scalar", "vector", "absent", "topk",
    ];
    let calls = promql::calls(text);
    let single = calls.iter().any(|call| one.contains(call));
    (!single).then(|| Finding::warning("several-series", what))
}
