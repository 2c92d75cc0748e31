//! Requests in the state store: found, kept once, and closed once.

use std::path::Path;

use liftlock::approval::request::Identified;
use liftlock::approval::{Closed, closed_key, folder, request_key};
use liftlock::digest::Digest;
use liftlock::failure::{Explain as _, Failure, Kind};
use liftlock::json;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::file;
use liftlock_io::store::{Put, Store, Swap};

use crate::settings::Settings;

/// The end of the key of a request's end.
const CLOSED: &str = ".closed.json";

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
            understood(&bytes, reference)?
        }
    };
    settings.check_service(&asked.request.service, "the request")?;
    Ok(asked)
}

fn by_digest(digest: &Digest, settings: &Settings) -> Result<Identified, Failure> {
    let (Some(rules), Some(state)) = (&settings.rules, settings.state()?) else {
        let message = "without a configuration there is no store to find the request in";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("give the file that `await-approval request --output` wrote"));
    };
    for environment in rules.environments.keys() {
        let key = request_key(&rules.service, environment, digest);
        let Some(stored) = state.get(&key)? else {
            continue;
        };
        let asked = understood(&stored.bytes, &key)?;
        return if asked.digest == *digest {
            Ok(asked)
        } else {
            let message = format!("`{key}` in the state store was altered");
            Err(Failure::new(Kind::Refuted, message))
        };
    }
    let message = format!("there is no request {digest} in `{}`", rules.state);
    Err(Failure::new(Kind::Invalid, message))
}

fn understood(bytes: &[u8], name: &str) -> Result<Identified, Failure> {
    Identified::parse(bytes).map_err(|error| {
        let kind = error.kind();
        let told = Failure::from(error).lines().join(": ");
        Failure::new(kind, format!("cannot understand `{name}`: {told}"))
    })
}

/// An open request that asks the same, if there is one; the newest of several.
pub(crate) fn open_one(
    wanted: &Identified,
    state: &dyn Store,
    now: Time,
) -> Result<Option<Identified>, Failure> {
    let place = folder(&wanted.request.service, &wanted.request.environment);
    let mut found: Option<Identified> = None;
    for (key, stored) in state.scan(&place)? {
        if key.ends_with(CLOSED) {
            continue;
        }
        let asked = understood(&stored.bytes, &key)?;
        let same = asked.request.asks_the_same(&wanted.request) && asked.is_open(now);
        let newer = found
            .as_ref()
            .is_none_or(|found| found.request.made_at < asked.request.made_at);
        if same && newer && !is_denied(&asked, state)? {
            found = Some(asked);
        }
    }
    Ok(found)
}

/// Keeps a new request.
pub(crate) fn keep(asked: &Identified, state: &dyn Store) -> Result<(), Failure> {
    let request = &asked.request;
    let key = request_key(&request.service, &request.environment, &asked.digest);
    // The key names the content, so whoever was first wrote the same.
    drop(state.put_if_absent(&key, &asked.bytes)?);
    Ok(())
}

/// Whether somebody said no already: then no later answer changes it.
pub(crate) fn is_denied(asked: &Identified, state: &dyn Store) -> Result<bool, Failure> {
    let request = &asked.request;
    let key = closed_key(&request.service, &request.environment, &asked.digest);
    let Some(stored) = state.get(&key)? else {
        return Ok(false);
    };
    let closed = closed(&stored.bytes, &key)?;
    Ok(closed.verdict != Verdict::Pass)
}

fn closed(bytes: &[u8], key: &str) -> Result<Closed, Failure> {
    json::parse(bytes).map_err(|error| {
        Failure::new(
            Kind::Invalid,
            format!("cannot understand `{key}` in the state store: {error}"),
        )
    })
}

/// Writes down how a request ended. A denial replaces a pass, never the other
/// way round.
pub(crate) fn close(asked: &Identified, end: &Closed, state: &dyn Store) -> Result<(), Failure> {
    const ROUNDS: usize = 10;
    let request = &asked.request;
    let key = closed_key(&request.service, &request.environment, &asked.digest);
    let bytes = json::line(end).map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    for _ in 0..ROUNDS {
        if let Put::Written(_) = state.put_if_absent(&key, &bytes)? {
            return Ok(());
        }
        let Some(stored) = state.get(&key)? else {
            continue;
        };
        let stays = closed(&stored.bytes, &key)?.verdict != Verdict::Pass;
        if stays || end.verdict == Verdict::Pass {
            return Ok(());
        }
        if let Swap::Written(_) = state.swap(&key, &bytes, &stored.version)? {
            return Ok(());
        }
    }
    Err(Failure::new(Kind::Upstream, format!("`{key}` is busy"))
        .with_hint("run the same command again"))
}
