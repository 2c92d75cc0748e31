//! Deployments that wait for approvals.

use liftlock::approval::forge::deployment::Deployment;
use liftlock::approval::forge::{Event, parse};
use liftlock::approval::request::Identified;
use liftlock::config::trust::Keyring;

use super::GitLab;
use crate::forge::Error;

impl GitLab {
    /// A deployment.
    ///
    /// # Errors
    ///
    /// Fails when there is no such deployment.
    pub fn deployment(&self, deployment: u64) -> Result<Deployment, Error> {
        let id = deployment.to_string();
        let path = self.path(&["deployments", &id]);
        Ok(parse(&self.wire.get(&path)?)?)
    }

    /// The page where people approve a deployment.
    #[must_use]
    pub fn page_of_deployment(&self, deployment: &Deployment) -> String {
        let (environment, number) = (deployment.environment.id, deployment.iid);
        format!(
            "{}/-/environments/{environment}/deployments/{number}",
            self.page
        )
    }

    /// Every approval and rejection of a deployment, with who gave it. One
    /// without a text that names the request counts for none, as GitLab itself
    /// binds it to the deployment alone.
    pub(super) fn approval_events(
        &self,
        deployment: u64,
        asked: &Identified,
        keyring: &Keyring,
    ) -> Result<Vec<Event>, Error> {
        let seen_at = self.wire.now();
        let found = self.deployment(deployment)?;
        let verdicts = found.verdicts().ok_or(Error::NoApprovals(deployment))?;
        let texts = verdicts
            .iter()
            .map(|one| (&one.user, one.comment.as_deref().unwrap_or_default()));
        let standing = self.standing(&self.who(texts, asked, keyring)?, seen_at)?;
        let page = self.page_of_deployment(&found);
        let events = verdicts
            .iter()
            .map(|one| Ok(one.event((deployment, &page), &standing, seen_at)?));
        events.collect()
    }
}
