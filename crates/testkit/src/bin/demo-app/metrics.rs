//! Counters in the text format of Prometheus.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Requests by version and status.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<(String, u16), u64>>);

impl Metrics {
    /// Begins to show a version: a counter that starts at nothing has a rate
    /// from its first request on.
    pub(crate) fn show(&self, version: &str) {
        for status in [200, 500] {
            self.count(version, status, 0);
        }
    }

    pub(crate) fn count(&self, version: &str, status: u16, requests: u64) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counters.entry((version.to_owned(), status)).or_default() += requests;
    }

    pub(crate) fn render(&self) -> String {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = "# HELP http_requests_total Requests by version and status.\n\
            # TYPE http_requests_total counter\n"
            .to_owned();
        for ((version, status), count) in &*counters {
            let version = version.replace('\\', "\\\\").replace('"', "\\\"");
            text.push_str(&format!(
                "http_requests_total{{version=\"{version}\",code=\"{status}\"}} {count}\n"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_read_as_prometheus_wants_them() {
        let metrics = Metrics::default();
        metrics.show("v\"1");
        metrics.count("v\"1", 500, 2);
        let lines: Vec<String> = metrics
            .render()
            .lines()
            .skip(2)
            .map(str::to_owned)
            .collect();
        assert_eq!(
            lines,
            [
                r#"http_requests_total{version="v\"1",code="200"} 0"#,
                r#"http_requests_total{version="v\"1",code="500"} 2"#
            ]
        );
    }
}
