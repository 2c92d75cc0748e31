//! What a server with Prometheus' HTTP API answers, and how it is asked.

mod answer;

pub use answer::{Error, parse, parse_histograms};
