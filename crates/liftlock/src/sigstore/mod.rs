//! Signatures without keys: certificates for a moment, logs and clocks of
//! others that saw them. Everything here is parsing and proof, never network.

pub mod anchors;
pub mod body;
pub mod checkpoint;
pub mod fulcio;
pub mod identity;
mod logged;
pub mod merkle;
pub mod public;
mod refused;
pub mod rekor;
pub mod sct;
pub mod signing_config;
pub mod skew;
pub mod timestamp;
pub mod token;
pub mod tuf;
pub mod verify;
