//! Releases as a pointer.

use liftlock::pointer::notes::Release;
use liftlock::time::Time;
use serde_json::json;

use super::GitLab;
use crate::forge::{Error, page};
use crate::http::Method;

impl GitLab {
    /// All releases, the latest first.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end.
    pub fn releases(&self) -> Result<Vec<Release>, Error> {
        let query = [
            ("order_by", "released_at".to_owned()),
            ("sort", "desc".to_owned()),
        ];
        page::all(self.wire(), &self.path(&["releases"]), &query)
    }

    /// Says since when a release is one.
    ///
    /// # Errors
    ///
    /// Fails when GitLab refuses: it needs the role Developer and the scope
    /// `api`.
    pub fn release_at(&self, tag: &str, time: Time) -> Result<(), Error> {
        let path = self.path(&["releases", tag]);
        let body = json!({ "released_at": time });
        self.wire().send(Method::Put, &path, &body).map(drop)
    }

    /// The present moment, as deadlines see it.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wire().now()
    }
}
