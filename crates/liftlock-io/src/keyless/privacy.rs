//! Keeps private names out of the public log.

use super::instance::{Error, Files, Instance};
use super::token::Source;
use crate::{clock, http};
use liftlock::failure::{Failure, Kind};

/// Whether the name of a repository that is not public may go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicLog {
    /// Somebody said so.
    Meant,
    /// Nobody did.
    Unmeant,
}

/// The instance to sign at, up to date, unless that would tell the world a
/// private name. What is at hand is judged before a mirror is asked, and an
/// update of a private repository again: it may name the public hosts.
///
/// # Errors
///
/// Fails when it would, and when no instance or no token can be had.
pub fn instance(
    files: Files<'_>,
    who: (&Source, PublicLog),
    client: &http::Client,
) -> Result<Instance, Failure> {
    let held = held(files, who, client)?.is_some_and(|held| held.is_public);
    let current = Instance::current(files, client)?;
    if current.is_public && !held {
        allow(who, client)?;
    }
    Ok(current)
}

/// The same as it is at hand, before anything is to be signed; no mirror is
/// asked. Nothing where only a mirror has it.
///
/// # Errors
///
/// As [`instance`].
pub fn held(
    files: Files<'_>,
    who: (&Source, PublicLog),
    client: &http::Client,
) -> Result<Option<Instance>, Failure> {
    let held = match Instance::read(files) {
        Ok(held) => held,
        // Only of private repositories there may be nothing yet.
        Err(Error::NothingKept(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if held.is_public {
        allow(who, client)?;
    }
    Ok(Some(held))
}

/// Nobody but the issuer of the token is asked.
fn allow((source, public_log): (&Source, PublicLog), client: &http::Client) -> Result<(), Failure> {
    if public_log == PublicLog::Meant || source.token(client, clock::now())?.is_public() {
        return Ok(());
    }
    let message = "the name of this repository would be public for ever: its token does not say that everybody may see it";
    Err(Failure::new(Kind::Usage, message).with_hint(
        "give `--public-log` if that is meant, else `--key` or the files of a private instance",
    ))
}
