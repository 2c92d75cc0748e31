//! The content of a release, as a builder attested it.

use super::{Item, Said};
use crate::predicate;
use crate::release::{Identified, Reference};

/// `release.json` as it was attested, among what is known about a release. Its
/// own digest cannot be computed from a statement, so it has to name exactly
/// these artifacts, and whoever attested it has to have said the same.
#[must_use]
pub fn attested(items: &[Item], release: &Reference) -> Option<Identified> {
    let said = items
        .iter()
        .filter(|item| item.predicate_type == predicate::RELEASE)
        .filter_map(|item| item.outcome.as_ref().ok())
        .filter(|said| said.statement.is_about(&release.digest));
    let mut contents = said.filter_map(|said| content(said, release));
    let first = contents.next()?;
    let same = contents.all(|other| other == first);
    (same && first.reference().artifacts == release.artifacts).then_some(first)
}

fn content(said: &Said, release: &Reference) -> Option<Identified> {
    let content = said.statement.predicate_as(predicate::RELEASE);
    content.ok().map(|content| Identified {
        digest: release.digest,
        release: content,
    })
}
