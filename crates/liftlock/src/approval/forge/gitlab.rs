//! Understands what GitLab's REST API (v4) answers. Fields that are not read
//! may come and go; those that are read have to be there, but for a few that
//! older versions lack.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{AccountKind, Event, Forge, Kind, Origin, ParseError, Permission, SCHEMA_VERSION};
use crate::ci;
use crate::time::Time;

pub use super::parse;

/// The states of accounts that may not log in.
const SHUT: [&str; 5] = [
    "banned",
    "blocked",
    "blocked_pending_approval",
    "deactivated",
    "ldap_blocked",
];

/// An account in short.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Its number, which never changes.
    pub id: u64,
    /// Its name, which does.
    pub username: String,
}

impl Account {
    /// Whether its name alone tells that it belongs to a token: GitLab gives
    /// such names to no human.
    #[must_use]
    pub fn is_a_tokens(&self) -> bool {
        ci::is_machine(&self.username)
    }
}

/// An account at length.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Its number.
    pub id: u64,
    /// Whether it is a program's.
    pub bot: bool,
    /// `active`, or a state without a log-in.
    pub state: String,
}

impl User {
    /// Whether it is a human's.
    #[must_use]
    pub const fn kind(&self) -> AccountKind {
        if self.bot {
            AccountKind::Other
        } else {
            AccountKind::User
        }
    }
}

/// A note below an issue or a merge request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Note {
    /// Its number.
    pub id: u64,
    /// Its text, as it is now, without the quick actions that were in it.
    pub body: String,
    /// Who wrote it; a stand-in once the account is gone.
    pub author: Account,
    /// When it was written; owners may say another time.
    pub created_at: Time,
    /// When it was last changed, or its thread resolved.
    pub updated_at: Time,
    /// Whether GitLab itself wrote it.
    pub system: bool,
    /// Whether only members see it.
    #[serde(default)]
    pub internal: Option<bool>,
    /// The same, as it was called before.
    #[serde(default)]
    pub confidential: Option<bool>,
    /// Whether an importer brought it.
    #[serde(default)]
    pub imported: Option<bool>,
    /// Whether it is in a thread that people resolve.
    #[serde(default)]
    pub resolvable: Option<bool>,
}

/// The job that a call's token is of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// Who started it.
    pub user: Account,
}

/// Somebody who belongs to a project, also through a group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// The number of the account.
    pub id: u64,
    /// The state of the account.
    pub state: String,
    /// What it may do there.
    pub access_level: u64,
    /// The day on which that ends.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// `active`, or `awaiting` a seat.
    #[serde(default)]
    pub membership_state: Option<String>,
}

/// An issue or a merge request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Thread {
    /// Who opened it.
    pub author: Option<Account>,
    /// Its page.
    pub web_url: String,
}

/// A commit of a merge request; GitLab names no accounts here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Commit {
    /// The address of its author.
    #[serde(default)]
    pub author_email: Option<String>,
    /// The address of its committer.
    #[serde(default)]
    pub committer_email: Option<String>,
}

/// The webhook that started a pipeline, as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Payload {
    /// `note` for one about a note.
    pub object_kind: String,
    /// The note; something else where it is about that.
    pub object_attributes: Noted,
}

/// A note in a webhook, whose times are written in another way.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Noted {
    /// Its text; nothing in events about anything else.
    #[serde(default)]
    pub note: Option<String>,
    /// `create` or `update`; versions before 16.11 tell of new notes alone.
    #[serde(default)]
    pub action: Option<String>,
}

impl Commit {
    /// The addresses that it carries.
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        let both = [&self.author_email, &self.committer_email];
        both.into_iter()
            .flatten()
            .map(|one| one.trim().to_ascii_lowercase())
            .filter(|one| !one.is_empty())
    }
}

impl Member {
    /// What the account may do at a time.
    ///
    /// # Errors
    ///
    /// Fails on a level, state or day that is not known: it never stands for
    /// another one.
    pub fn permission(&self, now: Time) -> Result<Permission, ParseError> {
        let unknown = |what, found: &str| {
            Err(ParseError::Unknown {
                what,
                found: found.to_owned(),
            })
        };
        let permission = match self.access_level {
            0 => Permission::None,
            5 | 10 | 15 | 20 | 25 => Permission::Read,
            30 => Permission::Write,
            40 => Permission::Maintain,
            50 | 60 => Permission::Admin,
            other => return unknown("access level", &other.to_string()),
        };
        let member = match self.membership_state.as_deref() {
            None | Some("active") => true,
            Some("awaiting") => false,
            Some(other) => return unknown("state of a member", other),
        };
        let lasts = match self.expires_at.as_deref() {
            None => true,
            Some(text) => match midnight(text) {
                Some(end) => now < end,
                None => return unknown("day", text),
            },
        };
        let may = active(&self.state)? && member && lasts;
        Ok(if may { permission } else { Permission::None })
    }
}

/// The first moment of a day, from a date or a time on it: a membership ends
/// with the day before.
fn midnight(text: &str) -> Option<Time> {
    format!("{}T00:00:00Z", text.get(..10)?).parse().ok()
}

/// Whether an account in this state may log in.
///
/// # Errors
///
/// Fails on a state that is not known.
pub fn active(state: &str) -> Result<bool, ParseError> {
    match state {
        "active" => Ok(true),
        shut if SHUT.contains(&shut) => Ok(false),
        other => Err(ParseError::Unknown {
            what: "state of an account",
            found: other.to_owned(),
        }),
    }
}

/// What was found out about the accounts that answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing(pub BTreeMap<u64, (AccountKind, Permission)>);

impl Standing {
    /// What an account is and may; of one that nobody was asked about, nothing.
    pub(super) fn of(&self, account: &Account) -> (AccountKind, Permission) {
        let (kind, permission) = match self.0.get(&account.id) {
            Some(found) => *found,
            None => (AccountKind::User, Permission::None),
        };
        if account.is_a_tokens() {
            (AccountKind::Other, permission)
        } else {
            (kind, permission)
        }
    }
}

impl Note {
    /// How it came to be there.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let hidden = [self.internal, self.confidential];
        if self.system {
            Origin::System
        } else if self.imported == Some(true) {
            Origin::Imported
        } else if hidden.contains(&Some(true)) {
            Origin::Internal
        } else if self.resolvable == Some(true) && self.updated_at != self.created_at {
            Origin::Thread
        } else {
            Origin::Written
        }
    }

    /// The note as an event, below the page of its thread.
    #[must_use]
    pub fn event(&self, page: &str, standing: &Standing, seen_at: Time) -> Event {
        let (account_kind, permission) = standing.of(&self.author);
        Event {
            schema_version: SCHEMA_VERSION,
            forge: Forge::Gitlab,
            kind: Kind::Comment,
            id: self.id,
            url: format!("{page}#note_{}", self.id),
            account: self.author.id,
            login: self.author.username.clone(),
            account_kind,
            by_app: false,
            origin: self.origin(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            body: self.body.clone(),
            permission,
            seen_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = r#"{
        "id": 302, "type": null, "body": "hello", "attachment": null,
        "author": { "id": 1, "username": "pipin", "name": "Pip", "state": "active" },
        "created_at": "2026-11-26T12:00:00.123+01:00",
        "updated_at": "2026-11-26T11:00:00.123Z", "system": false,
        "noteable_id": 377, "noteable_type": "Issue", "project_id": 5, "noteable_iid": 7,
        "resolvable": false, "confidential": false, "internal": false,
        "imported": false, "imported_from": "none"
    }"#;

    const MEMBER: &str = r#"{ "id": 1, "username": "pipin", "state": "active", "locked": false,
        "access_level": 30, "expires_at": null, "membership_state": "active" }"#;

    fn with(text: &str, words: &str, others: &str) -> String {
        let changed = text.replace(words, others);
        assert_ne!(changed, text);
        changed
    }

    #[test]
    fn a_note_is_read_and_a_part_of_one_is_not() {
        let note: Note = parse(NOTE.as_bytes()).unwrap();
        assert_eq!(note.created_at, note.updated_at);
        let event = note.event(
            "https://gitlab.com/acme/shop/-/issues/7",
            &Standing::default(),
            Time::EPOCH,
        );
        assert_eq!(
            event.url,
            "https://gitlab.com/acme/shop/-/issues/7#note_302"
        );
        assert_eq!((event.account, event.login.as_str()), (1, "pipin"));
        assert_eq!(event.permission, Permission::None);
        assert_eq!(event.origin, Origin::Written);
        for field in ["\"id\": 302,", "\"system\": false,", "\"body\": \"hello\","] {
            let without = with(NOTE, field, "");
            assert!(parse::<Note>(without.as_bytes()).is_err(), "{field}");
        }
        assert!(parse::<Note>(&NOTE.as_bytes()[..200]).is_err());
    }

    #[test]
    fn a_note_that_nobody_wrote_for_everybody_is_told_apart() {
        for (words, others, origin) in [
            ("\"system\": false", "\"system\": true", Origin::System),
            (
                "\"internal\": false",
                "\"internal\": true",
                Origin::Internal,
            ),
            (
                "\"confidential\": false",
                "\"confidential\": true",
                Origin::Internal,
            ),
            (
                "\"imported\": false",
                "\"imported\": true",
                Origin::Imported,
            ),
            ("\"imported\": false,", "", Origin::Written),
            (
                "\"resolvable\": false",
                "\"resolvable\": true",
                Origin::Written,
            ),
        ] {
            let note: Note = parse(with(NOTE, words, others).as_bytes()).unwrap();
            assert_eq!(note.origin(), origin, "{others}");
        }
    }

    #[test]
    fn a_change_in_a_thread_may_be_its_resolution() {
        let later = with(NOTE, "11:00:00.123Z", "11:00:00.124Z");
        let note: Note = parse(later.as_bytes()).unwrap();
        assert_eq!(note.origin(), Origin::Written);
        let thread = with(&later, "\"resolvable\": false", "\"resolvable\": true");
        let note: Note = parse(thread.as_bytes()).unwrap();
        assert_eq!(note.origin(), Origin::Thread);
    }

    #[test]
    fn accounts_of_tokens_are_told_by_their_names() {
        let standing = Standing([(1, (AccountKind::User, Permission::Admin))].into());
        for (name, kind) in [
            ("pipin", AccountKind::User),
            ("project_123_bot", AccountKind::Other),
            ("project_123_bot_4ffca233d8298ea1", AccountKind::Other),
            ("group_7_bot_0a", AccountKind::Other),
        ] {
            let text = NOTE.replace("pipin", name);
            let note: Note = parse(text.as_bytes()).unwrap();
            let event = note.event("x", &standing, Time::EPOCH);
            assert_eq!(event.account_kind, kind, "{name}");
        }
        let bot: User = parse(br#"{"id":1,"bot":true,"state":"active"}"#).unwrap();
        assert_eq!(bot.kind(), AccountKind::Other);
        assert!(parse::<User>(br#"{"id":1,"state":"active"}"#).is_err());
    }

    fn found(words: &str, others: &str) -> Result<Permission, ParseError> {
        let now: Time = "2026-11-26T12:00:00Z".parse().unwrap();
        let member: Member = parse(with(MEMBER, words, others).as_bytes()).unwrap();
        member.permission(now)
    }

    #[test]
    fn only_a_known_level_gives_a_right() {
        for (number, permission) in [
            ("0", Permission::None),
            ("5", Permission::Read),
            ("20", Permission::Read),
            ("40", Permission::Maintain),
            ("50", Permission::Admin),
        ] {
            assert_eq!(found("30", number).unwrap(), permission, "{number}");
        }
        for unknown in ["31", "35", "100"] {
            assert!(found("30", unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn only_an_active_account_that_is_still_a_member_may_write() {
        let cases = [
            (
                "\"state\": \"active\"",
                "\"state\": \"blocked\"",
                Permission::None,
            ),
            (
                "\"state\": \"active\"",
                "\"state\": \"banned\"",
                Permission::None,
            ),
            (
                "\"state\": \"active\"",
                "\"state\": \"deactivated\"",
                Permission::None,
            ),
            ("null", "\"2026-11-27\"", Permission::Write),
            ("null", "\"2026-11-26\"", Permission::None),
            ("null", "\"2026-11-26T14:13:35Z\"", Permission::None),
            (
                "_state\": \"active\"",
                "_state\": \"awaiting\"",
                Permission::None,
            ),
            (", \"membership_state\": \"active\"", "", Permission::Write),
        ];
        for (words, others, permission) in cases {
            assert_eq!(found(words, others).unwrap(), permission, "{others}");
        }
        let unknown = [
            ("\"state\": \"active\"", "\"state\": \"sleepy\""),
            ("_state\": \"active\"", "_state\": \"odd\""),
            ("null", "\"soon\""),
            ("null", "\"tomorrow, maybe\""),
        ];
        for (words, others) in unknown {
            assert!(found(words, others).is_err(), "{others}");
        }
    }
}
