//! Provenance of this run, from the variables of its CI.

use std::path::Path;

use liftlock::ci::System;
use liftlock::failure::{Explain as _, Failure, Kind};
use liftlock::json;
use liftlock::predicate::PROVENANCE;
use liftlock::provenance::{self, Surroundings};
use liftlock_io::cli::Session;
use liftlock_io::{clock, env, file};
use serde_json::Value;

use crate::args::Attest;

/// The predicate's type and the predicate.
pub(crate) fn predicate(asked: &Attest, session: &Session) -> Result<(String, Value), Failure> {
    let other = asked.predicate_type.as_deref();
    if let Some(other) = other.filter(|uri| *uri != PROVENANCE) {
        let message = format!("`--from-ci` says `{PROVENANCE}`, not `{other}`");
        return Err(Failure::new(Kind::Usage, message).with_hint("leave `--type` away"));
    }
    let secrets = env::secrets();
    if let Some(name) = asked.parameter.iter().find(|name| secrets.contains(*name)) {
        let secret = provenance::Error::Secret(name.clone());
        return Err(Failure::new(secret.kind(), secret.to_string()));
    }
    let event = event(session)?;
    let made = provenance::generate(&Surroundings {
        system: session.ci.system,
        lookup: &env::var,
        event: event.as_ref(),
        parameters: &asked.parameter,
        builder_id: asked.builder_id.as_deref(),
        started_on: asked.started_on,
        now: clock::now(),
    })?;
    let made =
        serde_json::to_value(made).map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    Ok((PROVENANCE.to_owned(), made))
}

/// What started a run by hand on GitHub: it alone has inputs.
fn event(session: &Session) -> Result<Option<Value>, Failure> {
    let by_hand = env::var("GITHUB_EVENT_NAME").as_deref() == Some("workflow_dispatch");
    if session.ci.system != System::GitHub || !by_hand {
        return Ok(None);
    }
    let path = env::var("GITHUB_EVENT_PATH").ok_or_else(|| {
        let missing = provenance::Error::Missing("GITHUB_EVENT_PATH");
        Failure::new(missing.kind(), missing.to_string())
    })?;
    let limit = u64::try_from(json::LARGEST).unwrap_or(u64::MAX);
    let bytes = file::read(Path::new(&path), limit)?;
    let event = json::parse(&bytes).map_err(|error| {
        Failure::because(Kind::Invalid, format!("cannot understand `{path}`"), error)
    })?;
    Ok(Some(event))
}
