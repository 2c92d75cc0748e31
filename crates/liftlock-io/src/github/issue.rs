//! Issues that are opened once, however often that is asked.

use liftlock::approval::SKEW;
use liftlock::approval::forge::github;
use liftlock::time::Time;
use serde::Deserialize;
use serde_json::json;

use super::{Error, GitHub, earlier, page, seconds};
use crate::http::Method;

/// An issue as GitHub lists it.
#[derive(Debug, Deserialize)]
struct Filed {
    html_url: String,
    #[serde(default)]
    body: Option<String>,
}

impl GitHub {
    /// Opens an issue whose text holds a mark of its own, unless one with that
    /// mark is there since a moment, open or closed; where people find it. GitHub's
    /// clock may be behind ours.
    ///
    /// # Errors
    ///
    /// Fails when the issues cannot be read to the end, and when GitHub refuses
    /// another: it needs `issues: write`. When the connection breaks while it is
    /// opened, the same call again finds it.
    pub fn open_once(
        &self,
        (title, body): (&str, &str),
        (mark, since): (&str, Time),
    ) -> Result<String, Error> {
        let path = self.path(&["issues"]);
        let query = [
            ("state", "all".to_owned()),
            ("since", seconds(earlier(since, SKEW))),
        ];
        let filed: Vec<Filed> = page::all(self.wire(), &path, &query)?;
        let mut same = filed
            .into_iter()
            .filter(|one| one.body.as_deref().is_some_and(|body| body.contains(mark)));
        if let Some(found) = same.next() {
            return Ok(found.html_url);
        }
        let issue = json!({ "title": title, "body": format!("{body}\n\n{mark}") });
        let answer = self.wire().send(Method::Post, &path, &issue)?;
        let opened: Filed = github::parse(&answer)?;
        Ok(opened.html_url)
    }
}
