//! Chooses the entries that fit.

use liftlock::digest::Digest;
use liftlock::ledger::Entry;
use liftlock::name::Name;
use liftlock::time::Time;
use liftlock::timeline::names;

use crate::args::Query;

/// What an entry has to fit.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    pub(crate) asked: &'a Query,
    pub(crate) service: Option<&'a Name>,
    pub(crate) now: Time,
}

impl Filter<'_> {
    pub(crate) fn fits(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        let release = self.asked.release.as_deref().is_none_or(|id| {
            names(record.release.as_ref(), id) || names(record.previous.as_ref(), id)
        });
        let environment = &self.asked.environment;
        let since = self.asked.since.map(|since| since.moment(self.now));
        release
            && self
                .service
                .is_none_or(|service| *service == record.service)
            && (environment.is_none() || *environment == record.environment)
            && (self.asked.kind.is_empty() || self.asked.kind.contains(&record.kind))
            && since.is_none_or(|since| record.at >= since)
    }
}

/// Whether an entry names a digest in any of its roles.
pub(crate) fn mentions(entry: &Entry, digest: &Digest) -> bool {
    let record = &entry.record;
    let releases = [&record.release, &record.previous];
    record.evidence.contains(digest)
        || [record.policy, record.plan].contains(&Some(*digest))
        || releases.into_iter().flatten().any(|reference| {
            reference.digest == *digest || reference.artifacts.values().any(|own| own == digest)
        })
}
