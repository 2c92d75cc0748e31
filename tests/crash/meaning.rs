//! What an environment, its state and its history mean: everything but times,
//! and names and numbers that are new in every run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::cli::{Run, bin};

use crate::stage::Stage;

/// What may differ between two runs of the same plan.
const PASSING: [&str; 20] = [
    "revision",
    "fence",
    "token",
    "process",
    "machine",
    "made_at",
    "began_at",
    "ended_at",
    "at",
    "since",
    "until",
    "expires_at",
    "note",
    "id_of_record",
    "time_to_recover_ms",
    "approval_latency",
    "decided_at",
    "detected_at",
    "restored_at",
    "timings",
];

impl Stage {
    /// All that has to be the same however often a run was killed.
    pub(crate) fn meaning(&self) -> Value {
        let state = self.state();
        let plan = state["run"]["id"].as_str().unwrap_or("none").to_owned();
        json!({
            "slots": self.slots(),
            "shares": self.shares(),
            "tag": self.tag(),
            "state": scrubbed(&state, &plan),
            "ledger": self.history(&plan),
            "evidence": self.evidence(),
        })
    }

    fn slots(&self) -> BTreeMap<String, String> {
        let files = files(&self.house.path("slots")).into_iter();
        let name = |path: &Path| {
            let path = path.strip_prefix(self.house.path("slots")).unwrap();
            path.display().to_string()
        };
        files
            .map(|path| (name(&path), fs::read_to_string(&path).unwrap()))
            .collect()
    }

    /// The share of requests of each server, in percent.
    pub(crate) fn shares(&self) -> BTreeMap<String, u64> {
        let weights = self.weights();
        let total: u64 = weights.values().sum();
        weights
            .into_iter()
            .map(|(server, weight)| (server, weight * 100 / total.max(1)))
            .collect()
    }

    /// The records in their order; each is there once, and the chain holds.
    pub(crate) fn history(&self, plan: &str) -> Vec<Value> {
        let verify = Run::new(bin("audit-log"))
            .folder(self.house.path(""))
            .args(["verify"]);
        let verify = verify.output().unwrap();
        assert_eq!(verify.code, 0, "{}", verify.stderr);
        let mut ids = BTreeSet::new();
        let records = self.house.records();
        let history = records.iter().map(|record| {
            let id = record["id"].as_str().unwrap().to_owned();
            assert!(ids.insert(id), "{record} is there twice");
            let mut record = scrubbed(record, plan);
            record.as_object_mut().unwrap().remove("id");
            record
        });
        history.collect()
    }

    /// How many statements of each kind there are about each digest.
    fn evidence(&self) -> BTreeMap<String, usize> {
        let root = self.house.path(".liftlock/evidence");
        let mut kinds = BTreeMap::new();
        for path in files(&root) {
            let path = path.strip_prefix(&root).unwrap();
            if path.starts_with(".unfinished") {
                continue;
            }
            let kind = path.parent().unwrap().display().to_string();
            *kinds.entry(kind).or_default() += 1;
        }
        kinds
    }
}

/// Where two meanings differ, one line each.
pub(crate) fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", (left, right), &mut found);
    found
}

fn compare(at: &str, (left, right): (&Value, &Value), found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let sides = (&left[name], &right[name]);
                compare(&format!("{at}/{name}"), sides, found);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for index in 0..one.len().max(other.len()) {
                let side = |side: &[Value]| side.get(index).cloned().unwrap_or_default();
                let sides = (&side(one), &side(other));
                compare(&format!("{at}/{index}"), sides, found);
            }
        }
        (left, right) if left == right => {}
        (left, right) => found.push(format!("{at}: {left} is not {right}")),
    }
}

/// Without what is new in every run.
fn scrubbed(value: &Value, plan: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(name, _)| !PASSING.contains(&name.as_str()));
            let named = |name: &str| name.replace(plan, "the plan");
            Value::Object(
                kept.map(|(name, value)| (named(name), scrubbed(value, plan)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(|item| scrubbed(item, plan)).collect(),
        Value::String(text) if text == plan => json!("the plan"),
        // How much was seen of it is another number each time.
        Value::String(text) if text.starts_with("healthy: ") => json!("healthy"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
