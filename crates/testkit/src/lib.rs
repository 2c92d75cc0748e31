//! Counterparts on loopback, a process harness and the applications of the demo:
//! for tests only, never part of a product binary.

pub mod peers;
pub mod process;
pub mod wait;
