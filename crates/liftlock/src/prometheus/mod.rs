//! What a Prometheus server answers, and the counts that follow from it.
//!
//! Empty, zero, `NaN`, partial, refused and unreadable are different answers
//! here; none of them is ever taken for another.

mod answer;
mod counter;
mod gather;
mod selector;

pub use answer::{Answer, Error, Sample, Series, parse};
pub use gather::{Arms, Gathered, Invalid, MOST_ROWS, Window, gather};
pub use selector::{NotSelector, Selector};
