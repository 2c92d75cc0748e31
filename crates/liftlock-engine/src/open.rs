//! Opens the world of an environment for a run of a binary.

use std::path::Path;

use liftlock::ci::System;
use liftlock::ci::workspace::Fate;
use liftlock::config;
use liftlock::config::effective::Rules;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::record::Actor;
use liftlock::release::Identified;
use liftlock::report::PolicyOrigin;
use liftlock::state::Owner;
use liftlock_io::cli::Session;
use liftlock_io::{file, owner};

use crate::world::World;

/// The most bytes of a `release.json`.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Opens the environment's world by the rules of the session.
///
/// # Errors
///
/// Fails where there are no rules, no such environment, no such store, or one
/// that would forget what is written to it.
pub fn world(session: &Session, environment: &Name) -> Result<World, Failure> {
    within(session, rules(session)?, environment)
}

/// As [`world`], for a look at whether it is fit for anything.
///
/// # Errors
///
/// As [`world`], but for stores that forget.
pub fn examined(session: &Session, environment: &Name) -> Result<World, Failure> {
    within(session, written(session)?, environment)
}

/// The rules of the session, whose stores last.
///
/// # Errors
///
/// Fails where there are none, and where a store would forget.
pub fn rules(session: &Session) -> Result<Rules, Failure> {
    let rules = written(session)?;
    session.lasting(&rules.stores())?;
    Ok(rules)
}

/// As [`world`], for a way back and for a look at it.
///
/// # Errors
///
/// As [`back_rules`], and where there is no such environment or store.
pub fn back_world(session: &Session, environment: &Name) -> Result<World, Failure> {
    within(session, back_rules(session)?, environment)
}

/// As [`rules`], for a way back: it judges nothing, and needs history no more
/// than it has to. What cannot work on the way up, and a ledger or evidence that
/// would be forgotten, are told and hold nothing up.
///
/// # Errors
///
/// Fails where there are none, and where the state would be forgotten.
pub fn back_rules(session: &Session) -> Result<Rules, Failure> {
    let rules = required(session.rules_of_a_way_back()?)?;
    remember(session, &rules)?;
    Ok(rules)
}

/// Refuses a state that would be forgotten, and tells of a ledger or evidence
/// that would.
///
/// # Errors
///
/// Fails where the state would be forgotten.
pub fn remember(session: &Session, rules: &Rules) -> Result<(), Failure> {
    let stores = rules.stores();
    let is_state = |(key, _): &(&str, &str)| *key == "state";
    let (state, others): (Vec<_>, Vec<_>) = stores.into_iter().partition(is_state);
    if let Some((Fate::Deleted, _)) = session.forgotten(&state) {
        session.lasting(&stores)?;
    }
    if let Some((_, failure)) = session.forgotten(&others) {
        tracing::warn!("{}", failure.lines().join(": "));
    }
    Ok(())
}

fn written(session: &Session) -> Result<Rules, Failure> {
    required(session.rules()?)
}

fn required(rules: Option<Rules>) -> Result<Rules, Failure> {
    rules.ok_or_else(|| {
        Failure::new(
            Kind::Invalid,
            "there is no `liftlock.yaml` and no `LIFTLOCK_POLICY`",
        )
        .with_hint("write a `liftlock.yaml` that describes the environment")
    })
}

/// As [`world`], with rules that are there already.
///
/// # Errors
///
/// As [`world`], but for stores that forget.
pub fn within(session: &Session, rules: Rules, environment: &Name) -> Result<World, Failure> {
    let environment = rules
        .environment(environment)
        .map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?
        .clone();
    let mut world = World::open(rules, environment, actor(session))?;
    world.run_url.clone_from(&session.ci.url);
    world.actors.clone_from(&session.ci.actors);
    world.ca_file.clone_from(&session.ca_file);
    Ok(world)
}

/// Who acts, and how that is known.
#[must_use]
pub fn actor(session: &Session) -> Actor {
    let proof = match session.ci.system {
        System::GitHub => "told by GitHub Actions",
        System::GitLab => "told by GitLab CI",
        System::Jenkins => "told by Jenkins",
        System::Plain => "told by the environment",
    };
    Actor {
        id: session
            .ci
            .actor
            .clone()
            .unwrap_or_else(|| "unknown".to_owned()),
        proof: proof.to_owned(),
    }
}

/// Who holds the lease: the CI run where there is one.
#[must_use]
pub fn owner(session: &Session) -> Owner {
    let run = match &session.ci.url {
        Some(url) => url.clone(),
        None => format!("{} by {}", session.verb, actor(session).id),
    };
    owner::myself(run)
}

/// Reads `release.json`.
///
/// # Errors
///
/// Fails when the file cannot be read or is none.
pub fn release(path: &Path) -> Result<Identified, Failure> {
    let bytes = file::read(path, LARGEST)?;
    Identified::parse(&bytes).map_err(|error| {
        let message = format!("cannot understand `{}`", path.display());
        Failure::because(Kind::Invalid, message, error)
    })
}

/// Refuses a release of another service, or with other artifacts than the
/// configuration names.
///
/// # Errors
///
/// Fails when either differs.
pub fn fits(world: &World, release: &Identified) -> Result<(), Failure> {
    let refuse = |message| Err(Failure::new(Kind::Invalid, message));
    let service = &release.release.service;
    if *service != world.rules.service {
        return refuse(format!(
            "the release is of service `{service}`, not of `{}`",
            world.rules.service
        ));
    }
    let artifacts: Vec<&Name> = release.release.artifacts.keys().collect();
    Ok(world.rules.fit(&artifacts)?)
}

/// An environment from flags alone: tags to point as `[ARTIFACT=]IMAGE:TAG`, no
/// demands, and so nothing that may run.
///
/// # Errors
///
/// Fails when a text is no target, or the whole is no environment.
pub fn from_targets(
    session: &Session,
    service: &Name,
    environment: &Name,
    targets: &[String],
) -> Result<World, Failure> {
    let targets: Vec<serde_json::Value> = targets
        .iter()
        .map(|text| target(text))
        .collect::<Result<_, _>>()?;
    let document = serde_json::json!({
        "version": config::VERSION,
        "service": service,
        "environments": { environment.as_str(): { "requires": [], "targets": targets } },
    })
    .to_string();
    let parsed = config::parse(&document, None)
        .map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?;
    let rules = Rules::new(parsed, Digest::of(document.as_bytes()), PolicyOrigin::None)?;
    within(session, rules, environment)
}

/// `[ARTIFACT=]IMAGE:TAG` as the configuration would write it.
fn target(text: &str) -> Result<serde_json::Value, Failure> {
    let (artifact, place) = match text.split_once('=') {
        Some((artifact, place)) => (Some(artifact), place),
        None => (None, text),
    };
    match place.rsplit_once(':') {
        Some((image, tag)) if !image.is_empty() && !tag.contains('/') => Ok(serde_json::json!({
            "registry": { "image": image, "tag": tag }, "artifact": artifact,
        })),
        Some(_) | None => Err(Failure::new(
            Kind::Usage,
            format!("`--target {text}` is not [ARTIFACT=]IMAGE:TAG"),
        )),
    }
}
