//! Reads and changes the one document that is the truth about now.

use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::span::Span;
use liftlock::state::{Document, Owner};
use liftlock::time::Time;
use liftlock_io::store::{Put, Store, Stored, Swap, Version};
use liftlock_io::{clock, owner, random};

/// How often a lost race is run again before it is somebody's bug.
const ROUNDS: usize = 50;

/// How long a store may be away that failed once.
const PAUSE: Duration = Duration::from_millis(300);

/// A handle on the document of one environment.
#[derive(Debug)]
pub struct State<'a> {
    store: &'a dyn Store,
    key: String,
    token: Option<String>,
    ttl: Span,
    /// The document as it was last read or written.
    pub document: Document,
}

impl<'a> State<'a> {
    /// Reads the document; an empty one where there is none.
    ///
    /// # Errors
    ///
    /// Fails when the store cannot be read or holds what cannot be understood.
    pub fn open(store: &'a dyn Store, key: String, ttl: Span) -> Result<Self, Failure> {
        let mut state = Self {
            store,
            key,
            token: None,
            ttl,
            document: Document::default(),
        };
        state.read()?;
        Ok(state)
    }

    /// Reads the document again.
    ///
    /// # Errors
    ///
    /// As [`State::open`].
    pub fn read(&mut self) -> Result<Option<Version>, Failure> {
        let Some(Stored { bytes, version }) = self.store.get(&self.key)? else {
            self.document = Document::default();
            return Ok(None);
        };
        self.document = Document::parse(&bytes).map_err(|error| {
            let message = format!("cannot understand the state `{}`", self.key);
            Failure::because(Kind::Invalid, message, error)
        })?;
        Ok(Some(version))
    }

    /// Changes the document without the right to move the environment: holds.
    ///
    /// # Errors
    ///
    /// Fails with the change's own refusal, or when the store does.
    pub fn note(
        &mut self,
        change: &dyn Fn(&mut Document) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut tried = None;
        let mut failures = 0;
        for _ in 0..ROUNDS {
            match self.once(change, &mut tried) {
                Ok(true) => {
                    let revision = self.document.revision;
                    tracing::debug!(key = self.key, revision, "state written");
                    return Ok(());
                }
                Ok(false) => {}
                // The bad moment may be over, and it may have been written all
                // the same: what is there tells.
                Err(failure) if failure.kind == Kind::Upstream && failures == 0 => {
                    failures += 1;
                    clock::wait(PAUSE);
                }
                Err(failure) => return Err(failure),
            }
        }
        let message = format!("lost {ROUNDS} races for the state `{}`", self.key);
        Err(Failure::new(Kind::Upstream, message))
    }

    /// One round; whether the change is in the store.
    fn once(
        &mut self,
        change: &dyn Fn(&mut Document) -> Result<(), Failure>,
        tried: &mut Option<Version>,
    ) -> Result<bool, Failure> {
        let version = self.read()?;
        // No two documents have the same revision, lease and journal.
        if version.is_some() && version == *tried {
            return Ok(true);
        }
        change(&mut self.document)?;
        self.document.revision = self.document.revision.saturating_add(1);
        let bytes = json::line(&self.document).map_err(|error| {
            Failure::new(Kind::Bug, format!("the state cannot be written: {error}"))
        })?;
        *tried = Some(Version::of(&bytes));
        Ok(match version {
            None => matches!(
                self.store.put_if_absent(&self.key, &bytes)?,
                Put::Written(_)
            ),
            Some(version) => {
                let swap = self.store.swap(&self.key, &bytes, &version)?;
                matches!(swap, Swap::Written(_))
            }
        })
    }

    /// Takes the right to move the environment, together with a change: one
    /// compare-and-swap. The owner before is dead or its lease is over.
    ///
    /// # Errors
    ///
    /// Fails as blocked while somebody else holds the lease.
    pub fn acquire(
        &mut self,
        who: &Owner,
        now: Time,
        change: &dyn Fn(&mut Document) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        let token = random::token()?;
        let ttl = self.ttl;
        self.note(&|document| {
            if let Some(lease) = document.holder(now, &owner::is_dead) {
                let message = format!(
                    "the environment is held by {} (fence {}) until {}",
                    lease.owner.run, lease.fence, lease.expires_at
                );
                return Err(Failure::new(Kind::Blocked, message)
                    .with_hint("wait for it to end; the same command then goes on"));
            }
            document.grant(token.clone(), who.clone(), now, ttl);
            change(document)
        })?;
        self.token = Some(token);
        Ok(self.document.fence)
    }

    /// Changes the document as the owner of the lease, which is renewed to last
    /// at least `needed` beyond its usual life.
    ///
    /// # Errors
    ///
    /// Fails as blocked when the lease is somebody else's by now: then nothing
    /// may be moved any more.
    pub fn commit(
        &mut self,
        now: Time,
        needed: Duration,
        change: &dyn Fn(&mut Document) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let token = self.token.clone().unwrap_or_default();
        let needed = u32::try_from(needed.as_secs()).unwrap_or(u32::MAX);
        let until = now.after(self.ttl).after(Span::seconds(needed));
        self.note(&|document| {
            if !document.is_held_by(&token) {
                return Err(lost());
            }
            if let Some(lease) = &mut document.lease {
                lease.expires_at = until;
            }
            change(document)
        })
    }

    /// Reads what others changed meanwhile, as the owner of the lease. A store
    /// that is away for a moment tells nothing: the next write finds that out.
    ///
    /// # Errors
    ///
    /// Fails as blocked when the lease is somebody else's by now.
    pub fn refresh(&mut self) -> Result<(), Failure> {
        let token = self.token.clone().unwrap_or_default();
        match self.read() {
            Ok(_) if !self.document.is_held_by(&token) => Err(lost()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Gives the lease up, as its owner.
    ///
    /// # Errors
    ///
    /// As [`State::commit`].
    pub fn give_up(&mut self, now: Time) -> Result<(), Failure> {
        self.commit(now, Duration::ZERO, &|document| {
            document.lease = None;
            Ok(())
        })
    }

    /// Whether the lease needs a sign of life.
    #[must_use]
    pub fn is_aging(&self, now: Time) -> bool {
        let half = i64::try_from(self.ttl.millis() / 2).unwrap_or(i64::MAX);
        let lease = self.document.lease.as_ref();
        lease.is_none_or(|lease| lease.expires_at.millis_since(now) < half)
    }
}

fn lost() -> Failure {
    let message = "the lease was lost: somebody else moves the environment now";
    Failure::new(Kind::Blocked, message)
        .with_hint("look at `promote status`; nothing more was done here")
}
