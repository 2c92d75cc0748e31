//! Releases, evidence, policy, plans and every gate's decision, free of I/O.
//!
//! Nothing in this crate reads a clock, a file, the environment or a socket:
//! time and bytes come in as arguments, verdicts and bytes go out. Adapters
//! live in `liftlock-io`; `tests/layering.rs` keeps the border.

mod base64;

pub mod approval;
pub mod attestation;
pub mod bundle;
pub mod burn;
pub mod canary;
pub mod chain;
pub mod checksums;
pub mod ci;
pub mod codeowners;
pub mod complaint;
pub mod config;
pub mod crypto;
pub mod der;
pub mod digest;
pub mod dsse;
pub mod edit;
pub mod exit;
pub mod failure;
pub mod foreign;
pub mod glob;
pub mod guise;
pub mod haproxy;
pub mod json;
pub mod ledger;
pub mod name;
pub mod oci;
pub mod page;
pub mod part;
pub mod peers;
pub mod pem;
pub mod percent;
pub mod pkcs8;
pub mod plan;
pub mod pointer;
pub mod predicate;
pub mod prometheus;
pub mod provenance;
pub mod record;
pub mod reject;
pub mod release;
pub mod report;
pub mod retry;
pub mod rollback;
pub mod s3;
pub mod shard;
pub mod signature;
pub mod sigstore;
pub mod slo;
pub mod span;
pub mod ssh;
pub mod state;
pub mod statement;
pub mod telemetry;
pub mod time;
pub mod timeline;
pub mod traffic;
pub mod verdict;
mod wording;
pub mod x509;
pub mod yaml;
