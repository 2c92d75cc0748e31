//! An entry of a transparency log inside of a bundle
//! (`sigstore_rekor.proto`, `TransparencyLogEntry`). Nothing in it is proved.

use serde::{Deserialize, Serialize};

use super::wire::{int64, list};
use crate::base64;

/// An entry as the bundle has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Its number in the whole log.
    #[serde(default, with = "int64")]
    pub log_index: u64,
    /// Which log.
    pub log_id: LogId,
    /// What kind of body it has.
    pub kind_version: KindVersion,
    /// When the log says it took the entry, in Unix seconds; 0 where the log
    /// has no clock. It counts only together with a promise.
    #[serde(default, with = "int64", skip_serializing_if = "is_zero")]
    pub integrated_time: u64,
    /// The log's signature over body, time, log and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion_promise: Option<Promise>,
    /// That it is in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion_proof: Option<Proof>,
    /// The leaf of the log's tree.
    #[serde(with = "base64")]
    pub canonicalized_body: Vec<u8>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A log, by the SHA-256 of its key (v1) or its checkpoints' key id (v2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogId {
    /// The bytes.
    #[serde(with = "base64")]
    pub key_id: Vec<u8>,
}

/// The kind of an entry's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindVersion {
    /// Such as `hashedrekord`.
    pub kind: String,
    /// Such as `0.0.1`.
    pub version: String,
}

/// A signed entry timestamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Promise {
    /// The signature.
    #[serde(with = "base64")]
    pub signed_entry_timestamp: Vec<u8>,
}

/// The way from the entry to the root of a tree (RFC 9162 §2.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proof {
    /// The number in this tree.
    #[serde(default, with = "int64")]
    pub log_index: u64,
    /// The root.
    #[serde(default, with = "base64")]
    pub root_hash: Vec<u8>,
    /// How many entries the tree has.
    #[serde(default, with = "int64")]
    pub tree_size: u64,
    /// The hashes beside the way, from the leaf on.
    #[serde(default, with = "list")]
    pub hashes: Vec<Vec<u8>>,
    /// The signed root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

/// A signed note (C2SP `signed-note`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The text.
    pub envelope: String,
}
