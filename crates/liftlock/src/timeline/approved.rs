//! How long people took to approve a release, and how soon that was used.

use serde::{Deserialize, Serialize};

use super::names;
use crate::ledger::Entry;
use crate::name::Name;
use crate::record::{Kind, Record};
use crate::time::Time;

/// An approval that a promotion used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approved {
    /// Where.
    pub environment: Option<Name>,
    /// When people were asked.
    pub asked_at: Time,
    /// When a judge first saw the request, where that is kept.
    pub first_seen_at: Option<Time>,
    /// When the answers were judged.
    pub decided_at: Time,
    /// When the promotion began that used it.
    pub used_at: Time,
    /// From the question to the judgement, in milliseconds.
    pub time_to_decide_ms: i64,
    /// From the judgement to the use, in milliseconds.
    pub time_to_use_ms: i64,
}

/// The times in the record of a promotion that began. Records of all versions
/// have them; how long it took, only newer ones.
#[derive(Deserialize)]
struct Times {
    asked_at: Time,
    #[serde(default)]
    first_seen_at: Option<Time>,
    decided_at: Time,
    used_at: Time,
}

/// The approvals by which promotions of a release began.
pub(super) fn approved(entries: &[&Entry], release: &str) -> Vec<Approved> {
    let records = entries.iter().map(|entry| &entry.record);
    let began = records.filter(|record| {
        record.kind == Kind::PromotionStarted && names(record.release.as_ref(), release)
    });
    began.filter_map(told).collect()
}

fn told(record: &Record) -> Option<Approved> {
    let told = record.detail.get("approval_latency")?;
    let times: Times = serde_json::from_value(told.clone()).ok()?;
    Some(Approved {
        environment: record.environment.clone(),
        asked_at: times.asked_at,
        first_seen_at: times.first_seen_at,
        decided_at: times.decided_at,
        used_at: times.used_at,
        time_to_decide_ms: times.decided_at.millis_since(times.asked_at),
        time_to_use_ms: times.used_at.millis_since(times.decided_at),
    })
}
