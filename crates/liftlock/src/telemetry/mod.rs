//! What sources of telemetry answer, one file per vendor, and the counts that
//! follow from it.
//!
//! A source tells a counter in one of two shapes: as samples of a counter that
//! only rises, or as counts of whole intervals. Empty, zero, a hole, `NaN`,
//! partial, refused and unreadable are different answers here; none of them is
//! ever taken for another.

pub mod cloudwatch;
pub mod datadog;
pub mod envoy;
pub mod exposition;
pub mod graphite;
pub mod haproxy;
pub mod influxdb;
pub mod newrelic;
pub mod otlp;

mod answer;
mod counter;
mod error;
mod gather;
mod increments;
mod invalid;
mod matcher;
mod memory;
pub mod native;
mod question;
mod series;
pub mod several;
mod shape;
mod template;
mod window;

pub use error::Error;
pub use gather::{Gathered, gather, gather_as};
pub use increments::{Absent, Bucket, Increments};
pub use invalid::Invalid;
pub use matcher::Matcher;
pub use memory::Memory;
pub use question::{Question, Slots};
pub use series::{Answer, Sample, Series};
pub use shape::{Arms, Counter};
pub use template::{Language, Template};
pub use window::{MOST_ROWS, Window};
