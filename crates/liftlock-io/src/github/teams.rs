//! Teams of an organisation: who is in them, by number.

use liftlock::approval::forge::github::Account;
use serde_json::Value;

use super::{Error, GitHub, page};

impl GitHub {
    /// The members of a team and of the teams below it, all of them. Nobody is
    /// among them who was invited and did not come.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end, and on a team that the token
    /// does not see: a job's `GITHUB_TOKEN` sees none.
    pub fn team(&self, (org, team): (&str, &str)) -> Result<Vec<Account>, Error> {
        let path = ["orgs", org, "teams", team, "members"];
        page::all(self.wire(), &path, &[]).map_err(|error| hidden(error, (org, team)))
    }

    /// Whether somebody is an active member of a team, or of one below it.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say: a job's `GITHUB_TOKEN` sees no teams.
    /// A team that the token does not see looks as if it had no members.
    pub fn is_member(&self, (org, team): (&str, &str), login: &str) -> Result<bool, Error> {
        let path = ["orgs", org, "teams", team, "memberships", login];
        let found: Option<Value> = self
            .maybe(&path)
            .map_err(|error| hidden(error, (org, team)))?;
        let state = found.as_ref().and_then(|found| found.get("state"));
        Ok(state.and_then(Value::as_str) == Some("active"))
    }
}

/// GitHub says the same of a team that is hidden and of one that is not there.
fn hidden(error: Error, (org, team): (&str, &str)) -> Error {
    if matches!(error, Error::Unknown { .. } | Error::Forbidden { .. }) {
        Error::Team(format!("{org}/{team}"))
    } else {
        error
    }
}
