//! A bucket that speaks S3: one object a document, written only on a condition.

mod access;
mod error;
mod wire;

use std::time::Duration;

use liftlock::retry;
use liftlock::span::Span;
use liftlock::time::Time;

use self::wire::{Answer, Condition, Fault, Object, Wire};
use super::{LARGEST_SCAN, Put, Result, Store, Stored, Swap, Version, check_key, check_write};
use crate::{clock, parallel, random};

pub use access::Access;
pub use error::Error;

/// The most pages of a listing: a million keys.
const PAGES: usize = 1_000;

/// How often a question is asked that the store could not answer.
const ROUNDS: u32 = 5;

/// How many objects are read side by side.
const WORKERS: usize = 8;

/// Documents as the objects below a prefix of a bucket.
#[derive(Debug)]
pub struct S3 {
    bucket: String,
    /// Ends with a slash.
    prefix: String,
    wire: Wire,
    timeout: Duration,
}

impl S3 {
    /// Documents below a prefix. No operation takes longer than the timeout.
    ///
    /// # Errors
    ///
    /// Fails when bucket and access make no address.
    pub fn new(bucket: &str, prefix: &str, access: Access, timeout: Duration) -> Result<Self> {
        let wire = Wire::new(access, bucket, timeout).map_err(|source| super::Error::S3 {
            action: "open",
            place: format!("s3://{bucket}/{prefix}"),
            source,
        })?;
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: format!("{prefix}/"),
            wire,
            timeout,
        })
    }

    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn failed(&self, action: &'static str, key: &str) -> impl Fn(Fault) -> super::Error {
        let place = format!("s3://{}/{}", self.bucket, self.name(key));
        move |fault| match fault {
            Fault::Bucket(source) => super::Error::S3 {
                action,
                place: place.clone(),
                source,
            },
            Fault::NotHonoured(what) => super::Error::NotHonoured(what),
            Fault::TooLarge => super::Error::TooLarge(place.clone()),
        }
    }

    /// Asks until there is an answer or the time is over.
    fn ask<T>(
        &self,
        mut question: impl FnMut(Duration) -> std::result::Result<Answer<T>, Fault>,
    ) -> std::result::Result<Option<T>, Fault> {
        let begun = clock::now();
        let mut last = Error::Busy;
        let mut after = None;
        for round in 0..ROUNDS {
            if round > 0 {
                clock::wait(pause(round - 1, after).min(self.left(begun)));
            }
            let left = self.left(begun);
            if left.is_zero() {
                break;
            }
            (last, after) = match question(left)? {
                Answer::Done(found) => return Ok(Some(found)),
                Answer::Refused => return Ok(None),
                Answer::Later(error, after) | Answer::Doubtful(error, after) => (error, after),
            };
        }
        Err(last.into())
    }

    fn left(&self, begun: Time) -> Duration {
        let gone = u64::try_from(clock::now().millis_since(begun)).unwrap_or_default();
        self.timeout.saturating_sub(Duration::from_millis(gone))
    }

    fn read(&self, key: &str) -> Result<Option<Object>> {
        let name = self.name(key);
        let found = self.ask(|left| self.wire.get(&name, left));
        Ok(found.map_err(self.failed("read", key))?.flatten())
    }

    /// Writes on a condition. A write whose answer got lost is told from those
    /// of others by its claim.
    fn write(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> Result<Option<Version>> {
        check_write(key, bytes)?;
        let (name, claim) = (self.name(key), random::token()?);
        let mut in_doubt = false;
        let written = self.ask(|left| {
            let answer = self.wire.put(&name, bytes, (condition, &claim), left)?;
            in_doubt |= matches!(answer, Answer::Doubtful(..));
            Ok(answer)
        });
        match written {
            Ok(None) if in_doubt => self.settle(key, condition, &claim),
            Ok(written) => Ok(written),
            Err(fault) => Err(self.failed("write", key)(fault)),
        }
    }

    /// The condition does not hold any more: by our own write, or another's.
    fn settle(&self, key: &str, condition: Condition<'_>, claim: &str) -> Result<Option<Version>> {
        let found = self.read(key)?;
        let ours = found.filter(|object| object.claim.as_deref() == Some(claim));
        match (ours, condition) {
            (Some(object), _) => Ok(Some(object.version)),
            (None, Condition::Absent) => Ok(None),
            (None, Condition::Version(_)) => {
                Err(self.failed("write", key)(Error::Overtaken.into()))
            }
        }
    }

    fn documents(&self, keys: &[String]) -> Result<Vec<(String, Stored)>> {
        let found = parallel::map(WORKERS, keys, |key| self.get(key))?;
        let pairs = keys.iter().cloned().zip(found);
        Ok(pairs
            .filter_map(|(key, stored)| Some((key, stored?)))
            .collect())
    }
}

fn pause(failed: u32, asked: Option<Span>) -> Duration {
    let chance = random::token().ok();
    let chance = chance.and_then(|token| u64::from_str_radix(token.get(..8)?, 16).ok());
    retry::pause(failed, asked, chance.unwrap_or_default()).duration()
}

impl Store for S3 {
    fn get(&self, key: &str) -> Result<Option<Stored>> {
        check_key(key)?;
        let found = self.read(key)?;
        Ok(found.map(|Object { bytes, version, .. }| Stored { bytes, version }))
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Put> {
        let written = self.write(key, bytes, Condition::Absent)?;
        Ok(written.map_or(Put::Exists, Put::Written))
    }

    fn swap(&self, key: &str, bytes: &[u8], expected: &Version) -> Result<Swap> {
        let written = self.write(key, bytes, Condition::Version(expected))?;
        Ok(written.map_or(Swap::Conflict, Swap::Written))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let failed = self.failed("list", prefix);
        let whole = self.name(prefix);
        let (mut keys, mut next) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let page = self.ask(|left| self.wire.page(&whole, next.as_deref(), left));
            let Some(page) = page.map_err(&failed)? else {
                return Err(failed(Error::Busy.into()));
            };
            // Objects that are no documents of ours may lie beside them.
            let ours = page.keys.iter().filter_map(|name| {
                let key = name.strip_prefix(&self.prefix)?;
                check_key(key).ok().map(|()| key.to_owned())
            });
            keys.extend(ours);
            next = page.next;
            if next.is_none() {
                keys.sort();
                return Ok(keys);
            }
        }
        Err(failed(Fault::TooLarge))
    }

    fn scan(&self, prefix: &str) -> Result<Vec<(String, Stored)>> {
        let mut found = Vec::new();
        let mut room = LARGEST_SCAN;
        for keys in self.list(prefix)?.chunks(WORKERS) {
            for (key, stored) in self.documents(keys)? {
                room = room
                    .checked_sub(stored.bytes.len())
                    .ok_or_else(|| super::Error::TooLarge(format!("{prefix}*")))?;
                found.push((key, stored));
            }
        }
        Ok(found)
    }
}
