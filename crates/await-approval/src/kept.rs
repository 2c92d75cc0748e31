//! Requests in the state store: found, kept once, and closed once.

use std::path::Path;

use liftlock::approval::request::Identified;
use liftlock::approval::{Asked, Closed, closed_key, question_key, request_key};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::state::Document;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::store::{Put, Store, Swap};
use liftlock_io::{asked, file};

use crate::settings::Settings;

/// Each lost round means that another writer won.
pub(crate) const ROUNDS: usize = 10;

/// Reads a request by its digest, or from a file.
pub(crate) fn read(reference: &str, settings: &Settings) -> Result<Identified, Failure> {
    let asked = match reference.parse::<Digest>() {
        Ok(digest) => by_digest(&digest, settings)?,
        Err(_) if reference.starts_with("sha256:") => {
            let message = format!("`{reference}` is no whole digest");
            return Err(Failure::new(Kind::Usage, message)
                .with_hint("give all 64 hex digits: a short digest can be imitated"));
        }
        Err(_) => {
            let limit = u64::try_from(json::LARGEST).unwrap_or(u64::MAX);
            let bytes = file::read(Path::new(reference), limit)?;
            asked::understood(&bytes, reference)?
        }
    };
    settings.check_service(&asked.request.service, "the request")?;
    Ok(asked)
}

fn by_digest(digest: &Digest, settings: &Settings) -> Result<Identified, Failure> {
    match (&settings.rules, settings.state()?) {
        (Some(rules), Some(state)) => asked::find(rules, state.as_ref(), digest),
        (_, _) => {
            let message = "without a configuration there is no store to find the request in";
            Err(Failure::new(Kind::Usage, message)
                .with_hint("give the file that `await-approval request --output` wrote"))
        }
    }
}

/// The request that asks the question of `wanted`: one that is open already,
/// or `wanted` itself, kept. Of two that ask at once, one wins.
pub(crate) fn remember(
    wanted: Identified,
    state: &dyn Store,
    (effect, now): (Effect, Time),
) -> Result<Identified, Failure> {
    let request = &wanted.request;
    let question = request.question();
    let place = question_key(&request.service, &request.environment, &question);
    let pointer = Asked {
        request: wanted.digest,
    };
    let bytes = json::line(&pointer).map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    for _ in 0..ROUNDS {
        let current = state.get(&place)?;
        if let Some(stored) = &current
            && let Some(open) = still_asked(&stored.bytes, &wanted, state, now)?
        {
            return Ok(open);
        }
        if effect == Effect::None {
            return Ok(wanted);
        }
        let key = request_key(&request.service, &request.environment, &wanted.digest);
        // The key names the content, so whoever was first wrote the same.
        drop(state.put_if_absent(&key, &wanted.bytes)?);
        let won = match current {
            None => matches!(state.put_if_absent(&place, &bytes)?, Put::Written(_)),
            Some(stored) => matches!(
                state.swap(&place, &bytes, &stored.version)?,
                Swap::Written(_)
            ),
        };
        if won {
            return Ok(wanted);
        }
    }
    Err(busy(&place))
}

/// Whether anything may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Write,
    None,
}

impl Effect {
    /// Nothing is written by a dry run.
    pub(crate) const fn of(session: &Session) -> Self {
        if session.dry_run {
            Self::None
        } else {
            Self::Write
        }
    }
}

/// The request that a pointer leads to, while an answer to it still matters.
fn still_asked(
    bytes: &[u8],
    wanted: &Identified,
    state: &dyn Store,
    now: Time,
) -> Result<Option<Identified>, Failure> {
    let (service, environment) = (&wanted.request.service, &wanted.request.environment);
    let altered = |key: &str| {
        let message = format!("`{key}` in the state store was altered");
        Failure::new(Kind::Refuted, message)
    };
    let pointer: Asked = json::parse(bytes).map_err(|error| {
        Failure::because(Kind::Invalid, "cannot understand the state store", error)
    })?;
    let key = request_key(service, environment, &pointer.request);
    let stored = state.get(&key)?.ok_or_else(|| altered(&key))?;
    let asked = asked::understood(&stored.bytes, &key)?;
    if asked.digest != pointer.request || asked.request.question() != wanted.request.question() {
        return Err(altered(&key));
    }
    let matters = asked.is_open(now) && !is_over(&asked, state)?;
    Ok(matters.then_some(asked))
}

/// Whether it was denied, or its approval served a promotion that is over and
/// whose release is no longer live: then the question has to be asked anew.
fn is_over(asked: &Identified, state: &dyn Store) -> Result<bool, Failure> {
    let Some(end) = end(asked, state)? else {
        return Ok(false);
    };
    let document = document(asked, state)?;
    let live = document.live.as_ref().map(|live| live.release.digest);
    let spent = document.spent(&names(asked, &end)).is_some();
    Ok(end.denies() || (spent && live != Some(asked.request.release.digest)))
}

/// By what an approval is known that a plan used up.
pub(crate) fn names(asked: &Identified, end: &Closed) -> Vec<Digest> {
    std::iter::once(asked.digest).chain(end.approval).collect()
}

/// What the state store says of the environment that a request is about.
pub(crate) fn document(asked: &Identified, state: &dyn Store) -> Result<Document, Failure> {
    let key = Document::key(&asked.request.service, &asked.request.environment);
    let Some(stored) = state.get(&key)? else {
        return Ok(Document::default());
    };
    Document::parse(&stored.bytes).map_err(|error| {
        let message = format!("cannot understand `{key}` in the state store");
        Failure::because(Kind::Invalid, message, error)
    })
}

/// How a request ended, if it did.
pub(crate) fn end(asked: &Identified, state: &dyn Store) -> Result<Option<Closed>, Failure> {
    let request = &asked.request;
    let key = closed_key(&request.service, &request.environment, &asked.digest);
    let stored = state.get(&key)?;
    stored.map(|stored| closed(&stored.bytes, &key)).transpose()
}

fn closed(bytes: &[u8], key: &str) -> Result<Closed, Failure> {
    json::parse(bytes).map_err(|error| {
        let message = format!("cannot understand `{key}` in the state store");
        Failure::because(Kind::Invalid, message, error)
    })
}

/// Writes down how a request ended. A denial replaces a pass, never the other
/// way round: then the denial that was there already is how it ended.
pub(crate) fn close(
    asked: &Identified,
    end: &Closed,
    state: &dyn Store,
) -> Result<Option<Closed>, Failure> {
    let request = &asked.request;
    let key = closed_key(&request.service, &request.environment, &asked.digest);
    settle(&key, end, state)
}

fn settle(key: &str, end: &Closed, state: &dyn Store) -> Result<Option<Closed>, Failure> {
    let bytes = json::line(end).map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    for _ in 0..ROUNDS {
        if let Put::Written(_) = state.put_if_absent(key, &bytes)? {
            return Ok(None);
        }
        let Some(stored) = state.get(key)? else {
            continue;
        };
        let known = closed(&stored.bytes, key)?;
        if known.denies() || !end.denies() {
            return Ok((known.denies() && !end.denies()).then_some(known));
        }
        if let Swap::Written(_) = state.swap(key, &bytes, &stored.version)? {
            return Ok(None);
        }
    }
    Err(busy(key))
}

pub(crate) fn busy(key: &str) -> Failure {
    let message = format!("`{key}` is busy: other writers came first {ROUNDS} times");
    Failure::new(Kind::Upstream, message).with_hint("run the same command again")
}

#[cfg(test)]
mod tests {
    use liftlock::verdict::Verdict;
    use liftlock_io::store;

    use super::*;

    #[test]
    fn a_pass_that_comes_after_a_denial_is_told_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = format!("file:{}", folder.path().display());
        let state = store::open(&place).unwrap();
        let closed = |verdict| Closed {
            verdict,
            at: Time::EPOCH,
            approval: None,
            withdrawn: None,
        };
        let settle = |verdict| settle("a.json", &closed(verdict), state.as_ref()).unwrap();
        assert_eq!(settle(Verdict::Pass), None);
        assert_eq!(settle(Verdict::Pass), None);
        assert_eq!(settle(Verdict::Fail), None);
        assert_eq!(settle(Verdict::Fail), None);
        assert_eq!(settle(Verdict::Pass), Some(closed(Verdict::Fail)));
    }
}
