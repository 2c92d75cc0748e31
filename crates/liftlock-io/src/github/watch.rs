//! Whether there are new answers.

use liftlock::approval::SKEW;
use liftlock::approval::request::Spot;
use liftlock::time::Time;
use url::Url;

use super::{Error, GitHub, earlier, page, seconds};
use crate::forge::{Watched, Wire};

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
    /// What is on another forge.
    Foreign,
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
            Spot::Notes { .. } | Spot::Deployment { .. } => List::Foreign,
        };
        Self {
            github,
            list,
            etag: None,
        }
    }
}

impl Watched for Watch<'_> {
    fn wire(&self) -> &Wire {
        self.github.wire()
    }

    fn forget(&mut self) {
        self.etag = None;
    }

    fn changed(&mut self) -> Result<bool, Error> {
        let wire = self.github.wire();
        let mut new = false;
        loop {
            let (url, now) = (self.url()?, wire.now());
            let Some(response) = wire.newer(url.clone(), self.etag.as_deref())? else {
                return Ok(new);
            };
            new = true;
            self.etag = response.header("etag").map(str::to_owned);
            if page::following(&url, &response)?.is_none() {
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
                List::Reviews { .. } | List::Gates { .. } | List::Foreign => return Ok(new),
            }
        }
    }
}

impl Watch<'_> {
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
            List::Foreign => Err(Error::Foreign),
        }
    }
}
