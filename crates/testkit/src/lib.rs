//! Counterparts on loopback, a process harness and the applications of the demo:
//! for tests only, never part of a product binary.

pub mod cli;
pub mod demo;
pub mod git;
pub mod house;
pub mod http;
pub mod peers;
pub mod process;
pub mod remote_write;
pub mod samples;
pub mod schema;
pub mod servers;
pub mod sigstore;
pub mod vendors;
pub mod wait;
pub mod wire;
