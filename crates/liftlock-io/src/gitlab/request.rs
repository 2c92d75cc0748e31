//! Merge requests that people merge to move a pointer.

use liftlock::approval::forge::gitlab;
use liftlock::pointer::request::{Asked, Merging};
use serde_json::json;

use super::GitLab;
use crate::forge::{Asking, Error, page};
use crate::http::Method;

impl GitLab {
    /// Every merge request that was ever made from one branch of the project
    /// to another.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end.
    pub fn merge_requests(&self, head: &str, base: &str) -> Result<Vec<Asked>, Error> {
        let query = [
            ("source_branch", head.to_owned()),
            ("target_branch", base.to_owned()),
            ("state", "all".to_owned()),
            ("scope", "all".to_owned()),
        ];
        let path = self.path(&["merge_requests"]);
        let found: Vec<Merging> = page::all(self.wire(), &path, &query)?;
        let ours = found.into_iter().filter_map(|one| one.between(head, base));
        Ok(ours.collect())
    }

    /// Opens a merge request; its page.
    ///
    /// # Errors
    ///
    /// Fails when GitLab refuses: it needs the role Developer and the scope
    /// `api`, and allows one for each pair of branches. When the connection
    /// breaks nobody knows whether it was opened.
    pub fn open_merge_request(&self, wanted: &Asking<'_>) -> Result<String, Error> {
        let body = json!({
            "title": wanted.title, "description": wanted.body, "source_branch": wanted.head,
            "target_branch": wanted.base, "remove_source_branch": true,
        });
        let path = self.path(&["merge_requests"]);
        let answer = self.wire().send(Method::Post, &path, &body)?;
        let made: Made = gitlab::parse(&answer)?;
        Ok(made.web_url)
    }

    /// Closes a merge request without merging it.
    ///
    /// # Errors
    ///
    /// Fails when GitLab refuses, as it does while it is being merged.
    pub fn close_merge_request(&self, number: u64) -> Result<(), Error> {
        let number = number.to_string();
        let path = self.path(&["merge_requests", &number]);
        let body = json!({ "state_event": "close" });
        self.wire().send(Method::Put, &path, &body).map(drop)
    }
}

#[derive(serde::Deserialize)]
struct Made {
    web_url: String,
}
