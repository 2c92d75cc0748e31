//! Pull requests that people merge to move a pointer.

use liftlock::approval::forge::github;
use liftlock::pointer::request::{Asked, Pull};
use serde_json::json;

use super::{Error, GitHub, page};
use crate::forge::Asking;
use crate::http::Method;

impl GitHub {
    /// Every pull request that was ever made from one branch of the repository
    /// to another.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end.
    pub fn pulls(&self, head: &str, base: &str) -> Result<Vec<Asked>, Error> {
        let query = [
            ("head", format!("{}:{head}", self.owner)),
            ("base", base.to_owned()),
            ("state", "all".to_owned()),
        ];
        let found: Vec<Pull> = page::all(self.wire(), &self.path(&["pulls"]), &query)?;
        let ours = found.into_iter().filter_map(|one| one.between(head, base));
        Ok(ours.collect())
    }

    /// Opens a pull request; its page.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses: it needs `pull-requests: write`, allows one
    /// for each pair of branches, and a job's token may need a setting. When
    /// the connection breaks nobody knows whether it was opened.
    pub fn open_pull(&self, wanted: &Asking<'_>) -> Result<String, Error> {
        let body = json!({
            "title": wanted.title, "body": wanted.body, "head": wanted.head, "base": wanted.base,
        });
        let answer = self
            .wire()
            .send(Method::Post, &self.path(&["pulls"]), &body)?;
        let made: Made = github::parse(&answer)?;
        Ok(made.html_url)
    }

    /// Closes a pull request without merging it.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses: it needs `pull-requests: write`.
    pub fn close_pull(&self, number: u64) -> Result<(), Error> {
        let number = number.to_string();
        let path = self.path(&["pulls", &number]);
        let body = json!({ "state": "closed" });
        self.wire().send(Method::Patch, &path, &body).map(drop)
    }
}

#[derive(serde::Deserialize)]
struct Made {
    html_url: String,
}
