//! Deployments as a pointer, and the tags that they are of.

use liftlock::approval::forge::parse;
use liftlock::pointer::tagged::{Deployment, STATUS};
use serde::Deserialize;
use serde_json::json;

use super::GitLab;
use crate::forge::{Error, page};
use crate::http::Method;

#[derive(Deserialize)]
struct Tag {
    commit: Commit,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

/// A deployment that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Deploying<'a> {
    /// The environment as GitLab calls it.
    pub environment: &'a str,
    /// The tag that it is of.
    pub tag: &'a str,
    /// The commit that the tag is at.
    pub commit: &'a str,
}

impl GitLab {
    /// The deployments to an environment, newest first, at least to the first
    /// that is ours.
    ///
    /// # Errors
    ///
    /// Fails when GitLab does not list them, and when ours does not come among
    /// the newest eleven thousand.
    pub fn deployed(
        &self,
        environment: &str,
        is_ours: impl Fn(&Deployment) -> bool,
    ) -> Result<Vec<Deployment>, Error> {
        let query = [
            ("environment", environment.to_owned()),
            ("order_by", "id".to_owned()),
            ("sort", "desc".to_owned()),
        ];
        page::newest(self.wire(), &self.path(&["deployments"]), &query, is_ours)
    }

    /// The commit of a tag, which is made at a branch, tag or commit where there
    /// is none.
    ///
    /// # Errors
    ///
    /// Fails when GitLab refuses: it needs the role Developer and the scope
    /// `api`, and where tags are protected the right to make them.
    pub fn tag(&self, name: &str, reference: &str) -> Result<String, Error> {
        let path = self.path(&["repository", "tags", name]);
        if let Some(found) = self.maybe::<Tag>(&path)? {
            return Ok(found.commit.id);
        }
        let body = json!({ "tag_name": name, "ref": reference });
        let tags = self.path(&["repository", "tags"]);
        match self.wire().send(Method::Post, &tags, &body) {
            Ok(made) => Ok(parse::<Tag>(&made)?.commit.id),
            // Somebody else made it meanwhile, or it was made and nobody told.
            Err(error) => match self.maybe::<Tag>(&path)? {
                Some(found) => Ok(found.commit.id),
                None => Err(error),
            },
        }
    }

    /// Makes a deployment that is done.
    ///
    /// # Errors
    ///
    /// Fails when GitLab refuses. When the connection breaks nobody knows whether
    /// it was made.
    pub fn deploy(&self, wanted: &Deploying<'_>) -> Result<(), Error> {
        let body = json!({
            "environment": wanted.environment, "ref": wanted.tag, "tag": true,
            "sha": wanted.commit, "status": STATUS,
        });
        let path = self.path(&["deployments"]);
        self.wire().send(Method::Post, &path, &body).map(drop)
    }
}
