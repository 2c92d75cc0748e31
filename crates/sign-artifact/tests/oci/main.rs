#![cfg(test)]
//! Images: formats, registries, several writers, and real cosign.

mod bench;
#[path = "../job/mod.rs"]
mod job;
mod keyless;
mod matrix;
mod race;
mod registry;
