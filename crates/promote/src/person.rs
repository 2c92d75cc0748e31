//! Who does something, where people are kept apart: by the word of the CI, and by
//! a key of theirs.

use liftlock::approval::policy::Policy;
use liftlock::ci::{Actor, Did, System};
use liftlock::crypto::Signer as _;
use liftlock::failure::{Failure, Kind};
use liftlock::record;
use liftlock::span::Span;
use liftlock::state::Run;
use liftlock_engine::{Pace as _, World};
use liftlock_io::cli::Session;
use liftlock_io::gitlab::{self, Starter};
use liftlock_io::key::Private;
use liftlock_io::{http, store};

use crate::args::Person;

/// How long GitLab is asked that wants fewer calls.
const PATIENCE: Span = Span::seconds(20);

/// The environment's rule by which people are kept apart, where it has one.
pub(crate) fn rule(world: &World) -> Option<Policy> {
    let rules = &world.rules;
    let rule = world.environment.approval.as_ref();
    rule.map(|rule| Policy::new(rules.policy, rule, rules.trust.clone()))
}

/// Whether nobody can let a plan go on, as nobody can prove to be another than
/// whoever began it.
pub(crate) fn is_untold(world: &World, run: &Run) -> bool {
    run.actors.is_empty() && rule(world).is_some()
}

/// What is left to do then.
pub(crate) fn untold(world: &World) -> String {
    format!(
        "run `promote abort --environment {} --reason TEXT` to take it back: nothing says who \
         began it, so nobody can let it go on",
        world.environment.name
    )
}

/// Finds out who has a part in the run: whom the CI names, and beside them the
/// person whose key this is.
pub(crate) fn told(flags: &Person, world: &mut World, session: &Session) -> Result<(), Failure> {
    by_gitlab(world, session)?;
    join(flags, world, session)
}

/// On GitLab whoever starts a pipeline can set the variables that name them. Where
/// it does not say itself who that was, nobody is told.
fn by_gitlab(world: &mut World, session: &Session) -> Result<(), Failure> {
    if session.ci.system != System::GitLab || rule(world).is_none() {
        return Ok(());
    }
    let options = http::Options {
        ca_file: session.ca_file.clone(),
        timeout: store::TIMEOUT,
    };
    let until = (&options, session.now().after(PATIENCE));
    match gitlab::starter(&world.actors, &world.rules.trust, until) {
        Ok(Starter::Told(actors)) => world.actors = actors,
        Ok(Starter::Other { named, found }) => return Err(gitlab::another(&named, &found)),
        Ok(Starter::Unsaid) => world.actors.clear(),
        // A forge that is away holds up no promotion.
        Err(error) if error.passes() => {
            world.actors.clear();
            session.tell(&format!("nobody says who started this job: {error}"));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn join(flags: &Person, world: &mut World, session: &Session) -> Result<(), Failure> {
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
