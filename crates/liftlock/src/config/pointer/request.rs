//! A request on a forge by which people move a pointer: a pull request on
//! GitHub, a merge request on GitLab.

use serde::{Deserialize, Serialize};

use crate::config::place::Repository;
use crate::span::Span;

/// How long people have where nothing is said: a day.
const USUAL: Span = Span::seconds(24 * 3_600);

/// Where people are asked to merge, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Request {
    /// `github:OWNER/NAME`, or `gitlab:GROUP/NAME` with `@HOST` on an
    /// installation of one's own: the same repository as `repo`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub repository: Repository,
    /// How long a promotion waits until it turns back; default 24h. A way down
    /// waits without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

impl Request {
    /// How long a promotion waits for people.
    #[must_use]
    pub fn within(&self) -> Span {
        self.within.unwrap_or(USUAL)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.within.is_some_and(|within| within.is_zero()) {
            return Err("have a `git.request.within` of nothing".to_owned());
        }
        Ok(())
    }
}
