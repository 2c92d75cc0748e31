//! Waits for answers by asking whether there are any, ever more rarely.

use std::time::Duration;

use liftlock::approval::SKEW;
use liftlock::time::Time;

use super::wire::{between, later};
use super::{Error, GitHub, earlier, page, seconds};
use crate::random;

/// Between two questions: the shortest, which also follows each change, and
/// the longest.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(120);

/// Asks whether comments of one issue are new or changed. The unchanged answer
/// costs nothing of the token's limit.
#[derive(Debug)]
pub struct Watch<'a> {
    github: &'a GitHub,
    issue: String,
    since: Time,
    etag: Option<String>,
}

impl<'a> Watch<'a> {
    /// Watches the comments that are written or changed since a moment.
    #[must_use]
    pub fn new(github: &'a GitHub, issue: u64, since: Time) -> Self {
        Self {
            github,
            issue: issue.to_string(),
            since,
            etag: None,
        }
    }

    /// Whether anything changed since the last time; the first time always.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say.
    pub fn changed(&mut self) -> Result<bool, Error> {
        let wire = self.github.wire();
        let path = self.github.path(&["issues", &self.issue, "comments"]);
        let url = page::first(wire, &path, &[("since", seconds(self.since))])?;
        let now = wire.now();
        let Some(response) = wire.newer(url.clone(), self.etag.as_deref())? else {
            return Ok(false);
        };
        self.etag = response.header("etag").map(str::to_owned);
        if page::following(&url, &response).is_some() {
            // What comes next would be on a page that is not looked at.
            self.since = earlier(now, SKEW);
            self.etag = None;
        }
        Ok(true)
    }
}

/// Judges whenever an issue's comments changed, until there is an outcome;
/// nothing when the time is over first.
///
/// A failure that may pass is waited out: one bad answer in six hours is no
/// reason to give up.
///
/// # Errors
///
/// Fails as `judge` does, and on what no waiting helps against.
pub fn until_decided<T, E: From<Error>>(
    watch: &mut Watch<'_>,
    until: Time,
    mut judge: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let wire = watch.github.wire();
    let mut pause = SHORTEST;
    loop {
        match watch.changed() {
            Ok(true) => {
                if let Some(outcome) = judge()? {
                    return Ok(Some(outcome));
                }
                pause = SHORTEST;
            }
            Ok(false) => pause = (pause * 3 / 2).min(LONGEST),
            Err(error) if error.passes() => {
                // Whatever was missed has to be looked at.
                watch.etag = None;
                pause = (pause * 3 / 2).min(LONGEST);
            }
            Err(error) => return Err(error.into()),
        }
        let now = wire.now();
        if later(now, pause) > until || crate::stop::asked() {
            return Ok(None);
        }
        wire.wait(jittered(pause).min(between(now, until)));
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
