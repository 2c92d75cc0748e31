//! Whether there are new answers.

use liftlock::approval::request::Spot;
use liftlock::digest::Digest;
use url::Url;

use super::{GitLab, word};
use crate::forge::{Error, Watched, Wire};

/// Asks whether answers in one place are new or changed.
#[derive(Debug)]
pub struct Watch<'a> {
    gitlab: &'a GitLab,
    url: Url,
    etag: Option<String>,
    seen: Option<Digest>,
}

impl<'a> Watch<'a> {
    /// Watches what people answer in a place.
    ///
    /// # Errors
    ///
    /// Fails on a place of another forge.
    pub fn new(gitlab: &'a GitLab, spot: &Spot) -> Result<Self, Error> {
        let wire = gitlab.wire();
        let url = match spot {
            Spot::Notes { on, number, .. } => {
                let number = number.to_string();
                let mut url = wire.url(&gitlab.path(&[word(*on), &number, "notes"]))?;
                // Whatever was changed last comes first, so one page tells.
                url.query_pairs_mut()
                    .append_pair("order_by", "updated_at")
                    .append_pair("sort", "desc")
                    .append_pair("per_page", "20");
                url
            }
            Spot::Deployment { deployment, .. } => {
                let deployment = deployment.to_string();
                wire.url(&gitlab.path(&["deployments", &deployment]))?
            }
            Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. } => {
                return Err(Error::Foreign);
            }
        };
        Ok(Self {
            gitlab,
            url,
            etag: None,
            seen: None,
        })
    }
}

impl Watched for Watch<'_> {
    fn wire(&self) -> &Wire {
        self.gitlab.wire()
    }

    fn forget(&mut self) {
        (self.etag, self.seen) = (None, None);
    }

    fn changed(&mut self) -> Result<bool, Error> {
        let wire = self.gitlab.wire();
        let Some(response) = wire.newer(self.url.clone(), self.etag.as_deref())? else {
            return Ok(false);
        };
        self.etag = response.header("etag").map(str::to_owned);
        // GitLab does not heed an `ETag` everywhere; the bytes tell as well.
        let now = Some(Digest::of(&response.body));
        let changed = self.seen != now;
        self.seen = now;
        Ok(changed)
    }
}
