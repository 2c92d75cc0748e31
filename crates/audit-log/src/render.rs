//! Lines for people.

use liftlock::digest::Digest;
use liftlock::ledger::Entry;
use liftlock_io::evidence;
use serde::Serialize;

/// One document about a digest, without its bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    predicate: String,
    digest: Digest,
    bytes: usize,
}

impl From<&evidence::Item> for Item {
    fn from(item: &evidence::Item) -> Self {
        Self {
            predicate: item.predicate_slug.clone(),
            digest: item.digest,
            bytes: item.bytes.len(),
        }
    }
}

pub(crate) fn items(items: &[Item]) -> String {
    items
        .iter()
        .map(|item| {
            format!(
                "{:<32}  {}  {} bytes\n",
                item.predicate, item.digest, item.bytes
            )
        })
        .collect()
}

pub(crate) fn entries(entries: &[Entry]) -> String {
    entries.iter().map(entry).collect()
}

fn entry(entry: &Entry) -> String {
    let record = &entry.record;
    let environment = record
        .environment
        .as_ref()
        .map_or("-", |name| name.as_str());
    let release = record
        .release
        .as_ref()
        .map_or("-", |release| release.id.as_str());
    let verdict = record.verdict.map_or("-", |verdict| verdict.word());
    format!(
        "{:>4}  {:<24}  {:<18}  {}  {environment}  {}  {verdict}  {}\n",
        entry.seq,
        record.at.to_string(),
        visible(record.kind.word()),
        record.service,
        visible(release),
        visible(&record.actor.id),
    )
}

/// Text of others must not move the cursor of a terminal.
fn visible(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(120)
        .collect()
}
