//! Waits for answers by asking whether there are any, ever more rarely.

use std::time::Duration;

use liftlock::time::Time;

use super::wire::{between, later};
use super::{Error, Wire};
use crate::random;

/// Between two questions: the shortest, which also follows each change, and
/// the longest.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(120);

/// Something on a forge that changes when somebody answers.
pub trait Watched {
    /// The way there.
    fn wire(&self) -> &Wire;

    /// Whether anything changed since the last time; the first time always.
    ///
    /// # Errors
    ///
    /// Fails when the forge does not say.
    fn changed(&mut self) -> Result<bool, Error>;

    /// Takes whatever comes next for a change, as something may have been missed.
    fn forget(&mut self);
}

/// Judges whenever something changed, until there is an outcome;
/// nothing when the time is over first.
///
/// A failure that may pass is waited out, of asking as well as of judging: one
/// bad answer in six hours is no reason to give up.
///
/// # Errors
///
/// Fails as `judge` does, and on what no waiting helps against.
pub fn until_decided<T, E: From<Error>>(
    watch: &mut impl Watched,
    until: Time,
    passes: impl Fn(&E) -> bool,
    mut judge: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let mut pause = SHORTEST;
    loop {
        match watch.changed() {
            Ok(true) => match judge() {
                Ok(Some(outcome)) => return Ok(Some(outcome)),
                Ok(None) => pause = SHORTEST,
                Err(error) if passes(&error) => {
                    watch.forget();
                    pause = (pause * 3 / 2).min(LONGEST);
                }
                Err(error) => return Err(error),
            },
            Ok(false) => pause = (pause * 3 / 2).min(LONGEST),
            Err(error) if error.passes() => {
                // Whatever was missed has to be looked at.
                watch.forget();
                pause = (pause * 3 / 2).min(LONGEST);
            }
            Err(error) => return Err(error.into()),
        }
        let now = watch.wire().now();
        if later(now, pause) > until || crate::stop::asked() {
            return Ok(None);
        }
        watch.wire().wait(jittered(pause).min(between(now, until)));
    }
}

/// Up to a tenth longer, so that jobs that began together do not stay together.
fn jittered(pause: Duration) -> Duration {
    let tenth = u64::try_from(pause.as_millis() / 10).unwrap_or_default();
    let letters = random::token().unwrap_or_default();
    let digits = letters
        .get(..8)
        .and_then(|text| u64::from_str_radix(text, 16).ok());
    let more = digits.unwrap_or_default() % tenth.max(1);
    pause + Duration::from_millis(more)
}
