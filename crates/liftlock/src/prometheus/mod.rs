//! What a server with Prometheus' HTTP API answers, and how it is asked.

mod answer;
mod selector;

pub use answer::{Error, parse};
pub use selector::{NotSelector, Selector};
