//! Who does something, by a key of theirs: what a CI's variables say is the
//! word of the job, and where there are none nobody is told.

use liftlock::approval::policy::Policy;
use liftlock::ci::{Actor, Did};
use liftlock::crypto::Signer as _;
use liftlock::failure::{Failure, Kind};
use liftlock::record;
use liftlock_engine::{Pace as _, World};
use liftlock_io::cli::Session;
use liftlock_io::key::Private;

use crate::args::Person;

/// The environment's rule by which people are kept apart, where it has one.
pub(crate) fn rule(world: &World) -> Option<Policy> {
    let rules = &world.rules;
    let rule = world.environment.approval.as_ref();
    rule.map(|rule| Policy::new(rules.policy, rule, rules.trust.clone()))
}

/// Counts the person whose key this is among those who have a part in the run,
/// beside whom the CI names.
pub(crate) fn join(flags: &Person, world: &mut World, session: &Session) -> Result<(), Failure> {
    let (Some(name), Some(reference)) = (&flags.person, &flags.person_key) else {
        return Ok(());
    };
    let Some(policy) = rule(world) else {
        let place = &world.environment.name;
        let message = format!("`--person`: `{place}` has no `approval`, so nobody is kept apart");
        return Err(Failure::new(Kind::Usage, message).with_hint("leave the flag out"));
    };
    let key = Private::open(reference)?;
    if !policy.holds(name, key.public_key(), session.now()) {
        let message = format!("`{reference}` is not a key of `{name}` that counts");
        return Err(Failure::new(Kind::Credentials, message).with_hint(format!(
            "have the public key written below `people: {{ {name}: … }}`"
        )));
    }
    world.actors.push(Actor {
        did: Did::Triggered,
        known_as: [name.to_string()].into(),
    });
    world.actor = record::Actor {
        id: name.to_string(),
        proof: "key".to_owned(),
    };
    Ok(())
}
