//! Issues that are opened once, however often that is asked.

use liftlock::approval::SKEW;
use liftlock::approval::forge::github::{self, Comment};
use liftlock::time::Time;
use serde::Deserialize;
use serde_json::json;

use super::{Error, GitHub, earlier, page, seconds};
use crate::http::Method;

/// An issue as GitHub lists it.
#[derive(Debug, Deserialize)]
struct Filed {
    number: u64,
    html_url: String,
    #[serde(default)]
    body: Option<String>,
}

/// What an issue is to say, and the mark by which it is found again.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its text, without the mark.
    pub body: &'a str,
    /// A comment of HTML that no other issue has.
    pub mark: &'a str,
    /// From when on it may be there.
    pub since: Time,
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
    pub fn open_once(&self, draft: &Draft<'_>) -> Result<String, Error> {
        Ok(match self.filed(draft)? {
            Some(found) => found.html_url,
            None => self.file_issue(draft)?.html_url,
        })
    }

    /// The same; where it is there already and does not say this, a comment
    /// does, once by its mark.
    ///
    /// # Errors
    ///
    /// As [`GitHub::open_once`].
    pub fn open_or_tell(&self, draft: &Draft<'_>, end: &str) -> Result<String, Error> {
        let Some(found) = self.filed(draft)? else {
            let body = format!("{}\n\n{end}", draft.body);
            let whole = Draft {
                body: &body,
                ..*draft
            };
            return Ok(self.file_issue(&whole)?.html_url);
        };
        let told = found.body.is_some_and(|body| body.contains(end));
        let said = |comment: &Comment| {
            let body = comment.body.as_deref();
            body.is_some_and(|body| body.contains(end))
        };
        let since = earlier(draft.since, SKEW);
        if !told && !self.comments(found.number, since)?.iter().any(said) {
            self.write(found.number, &format!("{}\n\n{end}", draft.body))?;
        }
        Ok(found.html_url)
    }

    fn filed(&self, draft: &Draft<'_>) -> Result<Option<Filed>, Error> {
        let path = self.path(&["issues"]);
        let query = [
            ("state", "all".to_owned()),
            ("since", seconds(earlier(draft.since, SKEW))),
        ];
        let filed: Vec<Filed> = page::all(self.wire(), &path, &query)?;
        let marked = |one: &Filed| {
            let body = one.body.as_deref();
            body.is_some_and(|body| body.contains(draft.mark))
        };
        Ok(filed.into_iter().find(marked))
    }

    fn file_issue(&self, draft: &Draft<'_>) -> Result<Filed, Error> {
        let body = format!("{}\n\n{}", draft.body, draft.mark);
        let issue = json!({ "title": draft.title, "body": body });
        let path = self.path(&["issues"]);
        let answer = self.wire().send(Method::Post, &path, &issue)?;
        Ok(github::parse(&answer)?)
    }
}
