//! Waits for answers by asking whether there are any, ever more rarely.

use std::time::Duration;

use liftlock::approval::SKEW;
use liftlock::approval::request::Spot;
use liftlock::time::Time;
use url::Url;

use super::wire::{between, later};
use super::{Error, GitHub, earlier, page, seconds};
use crate::random;

/// Between two questions: the shortest, which also follows each change, and
/// the longest.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(120);

/// Asks whether answers in one place are new or changed. The unchanged answer
/// costs nothing of the token's limit.
#[derive(Debug)]
pub struct Watch<'a> {
    github: &'a GitHub,
    list: List,
    etag: Option<String>,
}

/// What is looked at.
#[derive(Debug)]
enum List {
    /// The comments of an issue that were written or changed since a moment.
    Comments { issue: String, since: Time },
    /// The last page that is known of the reviews of a pull request.
    Reviews { pull: String, page: usize },
    /// The reviews of a run, which come on one page.
    Gates { run: String },
}

impl<'a> Watch<'a> {
    /// Watches what people answer in a place since a moment.
    #[must_use]
    pub fn new(github: &'a GitHub, spot: &Spot, since: Time) -> Self {
        let list = match spot {
            Spot::Comments { issue } => List::Comments {
                issue: issue.to_string(),
                since,
            },
            Spot::Reviews { pull, .. } => List::Reviews {
                pull: pull.to_string(),
                page: 1,
            },
            Spot::Gates { run, .. } => List::Gates {
                run: run.to_string(),
            },
        };
        Self {
            github,
            list,
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
        let mut new = false;
        loop {
            let (url, now) = (self.url()?, wire.now());
            let Some(response) = wire.newer(url.clone(), self.etag.as_deref())? else {
                return Ok(new);
            };
            new = true;
            self.etag = response.header("etag").map(str::to_owned);
            if page::following(&url, &response).is_none() {
                return Ok(new);
            }
            // What comes next would be on a page that is not looked at.
            self.etag = None;
            match &mut self.list {
                List::Comments { since, .. } => {
                    *since = earlier(now, SKEW);
                    return Ok(new);
                }
                List::Reviews { page, .. } if *page < page::MOST_PAGES => *page += 1,
                List::Reviews { .. } | List::Gates { .. } => return Ok(new),
            }
        }
    }

    fn url(&self) -> Result<Url, Error> {
        let (github, wire) = (self.github, self.github.wire());
        match &self.list {
            List::Comments { issue, since } => {
                let path = github.path(&["issues", issue, "comments"]);
                page::first(wire, &path, &[("since", seconds(*since))])
            }
            List::Reviews { pull, page } => {
                let path = github.path(&["pulls", pull, "reviews"]);
                page::first(wire, &path, &[("page", page.to_string())])
            }
            List::Gates { run } => wire.url(&github.path(&["actions", "runs", run, "approvals"])),
        }
    }
}

/// Judges whenever the answers changed, until there is an outcome;
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
