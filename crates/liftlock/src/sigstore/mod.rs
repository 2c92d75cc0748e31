//! Signatures without keys: certificates for a moment, logs and clocks of
//! others that saw them. Everything here is parsing and proof, never network.

pub mod anchors;
pub mod body;
pub mod checkpoint;
pub mod identity;
pub mod merkle;

pub mod sct;
pub mod timestamp;
pub mod verify;
