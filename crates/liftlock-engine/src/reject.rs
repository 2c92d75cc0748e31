//! Reads and changes the documents of rejected releases.

use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::name::Name;
use liftlock::reject::{self, Rejected};
use liftlock::release::Reference;
use liftlock_io::store::{Put, Store, Stored, Swap};

use crate::world::World;

/// How often a lost race is run again before it is somebody's bug.
const ROUNDS: usize = 50;

/// What becomes of a rejection; nothing where it stays as it is.
pub type Change<'a> = dyn Fn(Option<&Rejected>) -> Result<Option<Rejected>, Failure> + 'a;

impl World {
    /// What was ever said against a release, in any environment.
    ///
    /// # Errors
    ///
    /// Fails when the state cannot be read or understood.
    pub fn rejections(&self, release: &Reference) -> Result<Vec<Rejected>, Failure> {
        about(self.state.as_ref(), &self.rules.service, release)
    }

    /// That a release was rejected for this environment.
    ///
    /// # Errors
    ///
    /// As [`World::rejections`].
    pub fn rejected(&self, release: &Reference) -> Result<Option<Rejected>, Failure> {
        let mut found = self.rejections(release)?.into_iter();
        Ok(found.find(|one| one.counts_in(&self.environment.name)))
    }
}

/// What was ever said against a release of a service, in any environment.
///
/// # Errors
///
/// Fails when the state cannot be read or understood.
pub fn about(
    store: &dyn Store,
    service: &Name,
    release: &Reference,
) -> Result<Vec<Rejected>, Failure> {
    let mut found = Vec::new();
    for digest in reject::digests(release) {
        let key = reject::key(service, &digest);
        if let Some(stored) = store.get(&key)? {
            found.push(parse(&key, &stored)?);
        }
    }
    Ok(found)
}

/// Every rejection of a service, with its key.
///
/// # Errors
///
/// As [`about`].
pub fn all(store: &dyn Store, service: &Name) -> Result<Vec<(String, Rejected)>, Failure> {
    let stored = store.scan(&reject::prefix(service))?;
    let parsed = stored.into_iter().map(|(key, stored)| {
        let rejected = parse(&key, &stored)?;
        Ok((key, rejected))
    });
    parsed.collect()
}

/// Changes a rejection, or makes the first of it: what is there afterwards.
/// Nothing is written where the change gives nothing.
///
/// # Errors
///
/// Fails with the change's own refusal, or when the store does.
pub fn change(
    store: &dyn Store,
    key: &str,
    change: &Change<'_>,
) -> Result<Option<Rejected>, Failure> {
    for _ in 0..ROUNDS {
        let stored = store.get(key)?;
        let before = stored.as_ref().map(|stored| parse(key, stored));
        let before = before.transpose()?;
        let Some(mut after) = change(before.as_ref())? else {
            return Ok(before);
        };
        after.revision = before.map_or(0, |before| before.revision).saturating_add(1);
        let bytes = json::line(&after).map_err(|error| {
            Failure::new(Kind::Bug, format!("a rejection cannot be written: {error}"))
        })?;
        let written = match stored {
            None => matches!(store.put_if_absent(key, &bytes)?, Put::Written(_)),
            Some(stored) => {
                let swap = store.swap(key, &bytes, &stored.version)?;
                matches!(swap, Swap::Written(_))
            }
        };
        if written {
            return Ok(Some(after));
        }
    }
    let message = format!("lost {ROUNDS} races for the state `{key}`");
    Err(Failure::new(Kind::Upstream, message))
}

fn parse(key: &str, stored: &Stored) -> Result<Rejected, Failure> {
    Rejected::parse(&stored.bytes).map_err(|error| {
        let message = format!("cannot understand the state `{key}`");
        Failure::because(Kind::Invalid, message, error)
    })
}
