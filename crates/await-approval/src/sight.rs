//! When a judge first saw a request and its answers, kept in the state store.

use liftlock::approval::answer::Heard;
use liftlock::approval::request::Identified;
use liftlock::approval::seen_key;
use liftlock::approval::sight::Sightings;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::time::Time;
use liftlock_io::store::{Put, Store, Swap};

use crate::kept::{Effect, ROUNDS, busy};

/// What is known of when a request and these answers were first seen, with now
/// for whatever is new, and of when a forge says that people were asked. Of judges that look at once each keeps what the others
/// saw first.
pub(crate) fn note(
    asked: &Identified,
    (heard, question_at): (&[Heard], Option<Time>),
    state: &dyn Store,
    (effect, now): (Effect, Time),
) -> Result<Sightings, Failure> {
    let request = &asked.request;
    let key = seen_key(&request.service, &request.environment, &asked.digest);
    for _ in 0..ROUNDS {
        let stored = state.get(&key)?;
        let known = stored.as_ref().map(|stored| read(&stored.bytes, &key));
        let known = known.transpose()?;
        let new = known
            .clone()
            .unwrap_or_else(|| Sightings::of(now))
            .noting(heard, now)
            .asked_at(question_at);
        if known.as_ref() == Some(&new) || effect == Effect::None {
            return Ok(new);
        }
        let bytes = json::line(&new).map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
        let won = match stored {
            None => matches!(state.put_if_absent(&key, &bytes)?, Put::Written(_)),
            Some(stored) => matches!(state.swap(&key, &bytes, &stored.version)?, Swap::Written(_)),
        };
        if won {
            return Ok(new);
        }
    }
    Err(busy(&key))
}

fn read(bytes: &[u8], key: &str) -> Result<Sightings, Failure> {
    json::parse(bytes).map_err(|error| {
        let message = format!("cannot understand `{key}` in the state store");
        Failure::because(Kind::Invalid, message, error)
    })
}
