//! How requests are split between two slots, in the words of each counterpart.

pub mod capacity;
pub mod command;
pub mod envoy;
pub mod nginx;
