#![cfg(test)]
//! Images: formats, registries, several writers, and real cosign.

mod bench;
mod matrix;
mod race;
mod registry;
