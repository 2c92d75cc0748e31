//! Everything of liftlock that touches the world, one file per counterpart.
//!
//! Nothing in this crate decides: bytes come in, bytes go out, and what they
//! mean is asked of `liftlock`.

pub mod asked;
#[cfg(feature = "sign")]
pub mod attest;
#[cfg(feature = "git")]
pub mod checkout;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
pub mod env;
#[cfg(feature = "slot")]
pub mod envoy;
pub mod evidence;
pub mod file;
#[cfg(feature = "forge")]
pub mod forge;
#[cfg(feature = "git")]
pub mod git;
#[cfg(feature = "forge")]
pub mod github;
#[cfg(feature = "forge")]
pub mod gitlab;
pub mod haproxy;
#[cfg(feature = "sign")]
pub mod hash;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "sign")]
pub mod key;
#[cfg(feature = "keyless")]
pub mod keyless;
#[cfg(feature = "kms")]
pub mod kms;
pub mod ledger;
#[cfg(feature = "slot")]
pub mod nginx;
#[cfg(feature = "http")]
pub mod notice;
#[cfg(feature = "registry")]
pub mod oci;
pub mod owner;
pub mod parallel;
#[cfg(feature = "pointer")]
pub mod pointer;
#[cfg(any(
    feature = "registry",
    feature = "slot",
    feature = "keyless",
    feature = "ssh"
))]
pub mod process;
pub mod random;
#[cfg(any(feature = "kms", feature = "s3", feature = "telemetry"))]
mod sigv4;
#[cfg(feature = "slot")]
pub mod slot;
#[cfg(feature = "slot")]
pub mod splitter;
#[cfg(feature = "ssh")]
pub mod ssh;
#[cfg(any(feature = "cli", feature = "http"))]
pub mod stop;
pub mod store;
#[cfg(feature = "telemetry")]
pub mod telemetry;
#[cfg(feature = "sign")]
pub mod verify;
pub mod walk;
pub mod weights;
