//! Groups: whose accounts are in them, by number.

use std::collections::BTreeSet;

use liftlock::approval::forge::gitlab::{Account, Member, parse};
use liftlock::approval::forge::{Forge, Instance, LEAST};
use liftlock::config::group::Handle;
use liftlock::time::Time;

use super::people::TOGETHER;
use super::{address, installation, token};
use crate::forge::{Error, Pace, Wire, page, same};
use crate::http::Options;

/// The groups and accounts of one installation.
#[derive(Debug)]
pub struct Groups {
    wire: Wire,
    instance: Instance,
}

impl Groups {
    /// Those at `CI_API_V4_URL`, with the token in `LIFTLOCK_GITLAB_TOKEN` or
    /// `GITLAB_TOKEN`.
    ///
    /// # Errors
    ///
    /// Fails as [`super::GitLab::from_environment`] does, and where another
    /// installation is meant: its accounts are other people.
    pub fn from_environment(
        on: &Instance,
        options: &Options,
        deadline: Time,
    ) -> Result<Self, Error> {
        let found = Self::new((&address(), &token()?), options, (deadline, Pace::real()))?;
        same(on, &found.instance)?;
        Ok(found)
    }

    /// Those behind an API, with a token and a deadline.
    ///
    /// # Errors
    ///
    /// Fails as [`Wire::new`] does.
    pub fn new(
        (api, token): (&str, &str),
        options: &Options,
        until: (Time, Pace),
    ) -> Result<Self, Error> {
        let wire = Wire::new((api, token), options, until)?.to(Forge::Gitlab);
        let instance = installation(api)?;
        Ok(Self { wire, instance })
    }

    /// Which of these accounts are in a group: direct members, as GitLab counts
    /// owners of code, who may log in, may write there at least, and whose
    /// membership is neither over nor waits for a seat.
    ///
    /// # Errors
    ///
    /// Fails on a group that the token does not see, and when GitLab does not
    /// say it of all of them.
    pub fn members(
        &self,
        group: &Handle,
        accounts: &BTreeSet<u64>,
    ) -> Result<BTreeSet<u64>, Error> {
        let all: Vec<u64> = accounts.iter().copied().collect();
        let path = ["groups", group.path(), "members"];
        let mut found = BTreeSet::new();
        // Asked about nobody, GitLab would list everybody.
        for some in all.chunks(TOGETHER) {
            let ids = some.iter().map(|id| ("user_ids[]", id.to_string()));
            let query: Vec<(&str, String)> = ids.collect();
            let members: Vec<Member> =
                page::all(&self.wire, &path, &query).map_err(|error| hidden(error, group))?;
            for member in members {
                if accounts.contains(&member.id) && member.permission(self.wire.now())? >= LEAST {
                    found.insert(member.id);
                }
            }
        }
        Ok(found)
    }

    /// The account that has a name now; nothing where none has.
    ///
    /// # Errors
    ///
    /// Fails when GitLab does not say, and when it names another account.
    pub fn account(&self, name: &str) -> Result<Option<Account>, Error> {
        let mut url = self.wire.url(&["users"])?;
        url.query_pairs_mut().append_pair("username", name);
        let response = self.wire.newer(url, None)?;
        let body = response.map(|response| response.body).unwrap_or_default();
        let found: Vec<Account> = parse(&body)?;
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(account), None) if account.username.eq_ignore_ascii_case(name) => {
                Ok(Some(account))
            }
            (Some(_), _) => Err(Error::Partly {
                what: format!("users?username={name}"),
                why: "it names other accounts",
            }),
        }
    }
}

/// GitLab says the same of a group that is hidden and of one that is not there.
fn hidden(error: Error, group: &Handle) -> Error {
    if matches!(error, Error::Unknown { .. } | Error::Forbidden { .. }) {
        Error::Group(group.path().to_owned())
    } else {
        error
    }
}
