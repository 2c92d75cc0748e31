//! What accounts are, and what they may do in a project.

use std::collections::BTreeSet;

use liftlock::approval::forge::gitlab::{Member, Standing, User, active};
use liftlock::approval::forge::{AccountKind, LEAST, Permission};
use liftlock::time::Time;

use super::GitLab;
use crate::forge::{Error, page};

/// The most accounts that one call asks about.
pub(super) const TOGETHER: usize = 50;

impl GitLab {
    /// What accounts are and may do now. One that is no member, also through
    /// a group, may do nothing.
    ///
    /// # Errors
    ///
    /// Fails when GitLab does not say.
    pub fn standing(&self, accounts: &BTreeSet<u64>, now: Time) -> Result<Standing, Error> {
        let all: Vec<u64> = accounts.iter().copied().collect();
        let mut standing = Standing::default();
        for some in all.chunks(TOGETHER) {
            for member in self.members(some)? {
                let permission = member.permission(now)?;
                if accounts.contains(&member.id) {
                    let found = self.looked_at(member.id, permission)?;
                    standing.0.insert(member.id, found);
                }
            }
        }
        Ok(standing)
    }

    fn members(&self, accounts: &[u64]) -> Result<Vec<Member>, Error> {
        let ids = accounts.iter().map(|id| ("user_ids[]", id.to_string()));
        let query: Vec<(&str, String)> = ids.collect();
        page::all(&self.wire, &self.path(&["members", "all"]), &query)
    }

    /// What kind of account it is, asked only about one that may answer: the
    /// list of members does not tell.
    fn looked_at(
        &self,
        account: u64,
        permission: Permission,
    ) -> Result<(AccountKind, Permission), Error> {
        if permission < LEAST {
            return Ok((AccountKind::User, permission));
        }
        let id = account.to_string();
        match self.maybe::<User>(&["users", &id])? {
            Some(user) if user.id == account && active(&user.state)? => {
                Ok((user.kind(), permission))
            }
            Some(_) | None => Ok((AccountKind::User, Permission::None)),
        }
    }
}
