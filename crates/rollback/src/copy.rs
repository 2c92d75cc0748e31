//! A copy of the state in place of a store that is away.

use std::collections::BTreeMap;
use std::path::Path;

use liftlock::failure::{Failure, Kind};
use liftlock::percent::Percent;
use liftlock::rollback::{Against, Obstacle};
use liftlock::state::Document;
use liftlock_engine::World;
use liftlock_io::store;

/// Puts a copy in the place of the state store, where that does not answer: two
/// truths at once would be worse than none.
pub(crate) fn stand_in(world: &mut World, folder: &Path) -> Result<Against, Failure> {
    let key = Document::key(&world.rules.service, &world.environment.name);
    let why = match world.state.get(&key) {
        Ok(_) => {
            let message = "the state store answers: a copy in its place would be a second truth";
            return Err(Failure::new(Kind::Usage, message).with_hint("leave `--state-copy` out"));
        }
        Err(error) if error.is_away() => Failure::from(error).lines().join(": "),
        Err(error) => return Err(error.into()),
    };
    let place = folder.display();
    let copy = store::open(&format!("file:{place}"))?;
    let Some(stored) = copy.get(&key)? else {
        let message = format!("`{place}` is no copy of the state: it has no `{key}`");
        return Err(Failure::new(Kind::Invalid, message));
    };
    let document = Document::parse(&stored.bytes).map_err(|error| {
        let message = format!("cannot understand `{key}` in `{place}`");
        Failure::because(Kind::Invalid, message, error)
    })?;
    world.state = copy;
    current(world, &document)?;
    let why = format!(
        "the state is the copy `{place}`, of revision {}: {why}",
        document.revision
    );
    Ok(Obstacle::State.because(why))
}

/// Refuses a copy by which the slots had other roles than they have, as what
/// serves would be filled anew, or by which another release was live, as nobody
/// would know what is crossed.
fn current(world: &World, document: &Document) -> Result<(), Failure> {
    let slots = world.slots(document.slots.as_ref());
    let Some(slots) = slots.filter(|_| document.under_way().is_none()) else {
        return Ok(());
    };
    let all = BTreeMap::from([
        (slots.stable.clone(), Percent::FULL),
        (slots.canary.clone(), Percent::ZERO),
    ]);
    let differs = if let Some(how) = world.split_otherwise(Some(slots), &all)? {
        format!("`{}` does not get all requests: {how}", slots.stable)
    } else {
        let live = document.live.as_ref();
        let proof = live.map(|live| world.serves(&slots.stable, &live.release.artifacts));
        match proof {
            None | Some(Ok(())) => return Ok(()),
            Some(Err(failure)) => failure.lines().join(": "),
        }
    };
    let message = format!("the copy of the state is not of now: {differs}");
    Err(Failure::new(Kind::Refuted, message).with_hint("move the requests by hand"))
}
