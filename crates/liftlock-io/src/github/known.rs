//! What is known of people while one request is judged.

use std::collections::BTreeMap;

use liftlock::approval::forge::github::{Account, Comment};
use liftlock::approval::forge::{Event, Forge, Permission, Said, said};
use liftlock::approval::request::{Identified, Place};
use liftlock::config::trust::Keyring;
use liftlock::time::Time;

use super::{Error, GitHub};

/// What accounts may do, each asked about once.
pub(super) struct Known<'a> {
    github: &'a GitHub,
    asked: &'a Identified,
    keyring: &'a Keyring,
    permissions: BTreeMap<u64, Permission>,
    /// When the asking began.
    pub(super) seen_at: Time,
}

impl<'a> Known<'a> {
    pub(super) fn new(github: &'a GitHub, asked: &'a Identified, keyring: &'a Keyring) -> Self {
        Self {
            github,
            asked,
            keyring,
            permissions: BTreeMap::new(),
            seen_at: github.wire.now(),
        }
    }

    /// Whether an answer is to this request and by somebody known: any other
    /// counts in no case.
    pub(super) fn matters(&self, user: &Account, said: &Said) -> bool {
        let ours = matches!(said, Said::Answer { request, .. } if *request == self.asked.digest);
        let place = self.asked.request.place.as_ref();
        let on = place.map_or_else(|| Forge::Github.into(), Place::instance);
        ours && self.keyring.account_at(&on, user.id).is_some()
    }

    /// When each of some comments was last edited, by `node_id`. In the same
    /// question is asked what those who wrote some of them may do: whoever may as
    /// much as `least` is asked about no more, and only the REST API refuses.
    pub(super) fn edits(
        &mut self,
        comments: &[&Comment],
        (those, least): (&[&Comment], Permission),
    ) -> Result<BTreeMap<String, Option<Time>>, Error> {
        let people = those.iter().filter_map(|one| one.user.as_ref());
        let people: BTreeMap<u64, &Account> = people.map(|user| (user.id, user)).collect();
        let people: Vec<&Account> = people.into_values().collect();
        let ids: Vec<&str> = comments.iter().map(|one| one.node_id.as_str()).collect();
        let told = self.github.edits(&ids, &people)?;
        let permissions = told.permissions.into_iter();
        self.permissions
            .extend(permissions.filter(|(_, permission)| *permission >= least));
        Ok(told.at)
    }

    /// A comment, with when it was last edited, as an event; nothing once its
    /// author's account is gone.
    pub(super) fn comment(
        &mut self,
        comment: &Comment,
        edited_at: Option<Time>,
    ) -> Result<Option<Event>, Error> {
        let Some(user) = &comment.user else {
            return Ok(None);
        };
        let said = said(comment.body.as_deref().unwrap_or_default());
        let permission = self.permission(user, &said)?;
        Ok(comment.event(edited_at, (permission, self.seen_at)))
    }

    /// What its author may do; nothing for an answer that does not matter.
    pub(super) fn permission(&mut self, user: &Account, said: &Said) -> Result<Permission, Error> {
        if !self.matters(user, said) {
            return Ok(Permission::None);
        }
        if let Some(known) = self.permissions.get(&user.id) {
            return Ok(*known);
        }
        let permission = self.github.permission(user.id, &user.login)?;
        self.permissions.insert(user.id, permission);
        Ok(permission)
    }
}
