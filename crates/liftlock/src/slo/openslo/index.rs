//! The documents of a file by kind and name, and which of them are named.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::document::Node;
use super::super::error::{Halt, Invalid};
use super::super::{Found, Reading, Skipped};

/// The kinds of all versions but `SLO`.
const KINDS: [&str; 7] = [
    "DataSource",
    "Service",
    "SLI",
    "AlertPolicy",
    "AlertCondition",
    "AlertNotificationTarget",
    "BudgetAdjustment",
];

/// The keys by which a document names another, and of which kind that is.
const REFERENCES: [(&str, &str); 8] = [
    ("indicatorRef", "SLI"),
    ("sliRef", "SLI"),
    ("metricSourceRef", "DataSource"),
    ("dataSourceRef", "DataSource"),
    ("alertPolicyRef", "AlertPolicy"),
    ("conditionRef", "AlertCondition"),
    ("targetRef", "AlertNotificationTarget"),
    ("service", "Service"),
];

/// The OpenSLO documents of one file.
#[derive(Debug, Default)]
pub(in super::super) struct Index<'doc> {
    all: BTreeMap<(&'doc str, &'doc str), Node<'doc>>,
    named: BTreeSet<(&'static str, &'doc str)>,
}

impl<'doc> Index<'doc> {
    pub(in super::super) fn of(roots: &[Node<'doc>]) -> Self {
        let mut index = Self::default();
        for root in roots {
            if let Some(key) = key(root) {
                index.all.entry(key).or_insert_with(|| root.clone());
            }
            index.note(root.value());
        }
        index
    }

    fn note(&mut self, value: &'doc Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let known = REFERENCES.iter().find(|(name, _)| name == key);
                    if let (Some((_, kind)), Value::String(name)) = (known, value) {
                        self.named.insert((*kind, name));
                    }
                    self.note(value);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.note(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The document that a reference names.
    pub(super) fn find(&self, kind: &'static str, name: &Node<'_>) -> Result<Node<'doc>, Halt> {
        let name = name.text()?;
        let found = self.all.get(&(kind, name));
        found.cloned().ok_or_else(|| {
            Halt::Skip(format!(
                "its {kind} `{name}` is in no document of this file"
            ))
        })
    }

    /// What becomes of a document that is no SLO; nothing is said of one that
    /// is. Two of one kind and name are refused.
    pub(super) fn other(&self, root: &Node<'doc>) -> Option<Vec<Reading>> {
        let Some((kind, name)) = key(root) else {
            return Some(vec![Err(nameless(root))]);
        };
        let first = self.all.get(&(kind, name));
        if first.is_some_and(|first| !first.is_at(root)) {
            let refused = root.invalid(format!("is another {kind} `{name}` of the same file"));
            return Some(vec![Err(refused)]);
        }
        if kind == "SLO" {
            return None;
        }
        let why = match KINDS.iter().find(|known| **known == kind) {
            Some(known) if self.named.contains(&(*known, name)) => return Some(Vec::new()),
            Some(_) => "nothing in this file names it",
            None => "OpenSLO has no such kind",
        };
        Some(vec![Ok(Found::Skipped(Skipped {
            what: format!("{kind} `{name}`"),
            why: why.to_owned(),
        }))])
    }
}

fn key<'doc>(root: &Node<'doc>) -> Option<(&'doc str, &'doc str)> {
    let kind = root.get("kind")?.text().ok()?;
    let name = root.along(&["metadata", "name"])?.text().ok()?;
    Some((kind, name))
}

/// Why a document has no key.
fn nameless(root: &Node<'_>) -> Invalid {
    let told = root
        .word("kind")
        .and_then(|_| root.need("metadata"))
        .and_then(|metadata| metadata.word("name").map(drop));
    told.err().unwrap_or_else(|| root.invalid("has no name"))
}
