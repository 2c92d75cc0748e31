//! Real servers on loopback, with the smallest settings that a test needs.

mod haproxy;
mod prometheus;
mod registry;

use anyhow::Result;

pub use haproxy::{BACKEND, Haproxy, Weighted};
pub use prometheus::{Prometheus, Scrape};
pub use registry::{Login, Registry};

/// Tries again with other ports: between the choice of a free port and its use
/// someone else may take it.
pub(crate) fn several_times<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    start().or_else(|_| start()).or_else(|_| start())
}
