//! Servers on loopback, with the smallest settings that a test needs: real
//! ones, and stand-ins for services that cannot be run here.

mod crane;
pub mod envoy;
mod git;
pub mod github;
pub mod gitlab;
mod haproxy;
mod influxdb;
mod moto;
pub mod nginx;
mod prism;
mod prometheus;
mod registry;
mod toy;
mod victoriametrics;
mod wrk;

use anyhow::Result;

pub use crane::Crane;
pub use envoy::Envoy;
pub use git::GitHttp;
pub use haproxy::{BACKEND, Haproxy, Weighted};
pub use influxdb::InfluxDb;
pub use moto::Moto;
pub use nginx::Nginx;
pub use prism::Prism;
pub use prometheus::{Prometheus, Scrape};
pub use registry::{Login, Registry};
pub use toy::{Quirk, Toy};
pub use victoriametrics::VictoriaMetrics;
pub use wrk::Wrk;

/// Tries again with other ports: between the choice of a free port and its use
/// someone else may take it.
pub(crate) fn several_times<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    start().or_else(|_| start()).or_else(|_| start())
}
