//! Understands what GitHub's REST API (2022-11-28) answers. Fields that are
//! not read may come and go; those that are read have to be there.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{AccountKind, Event, Forge, Instance, Kind, Origin, Permission, SCHEMA_VERSION};
use crate::ci::{Actor, Did};
use crate::json;
use crate::span::Span;
use crate::time::Time;

pub use super::{ParseError, parse};

/// What names another author in a message.
const TOGETHER: &str = "co-authored-by";

/// The longest address, in bytes (RFC 5321 §4.5.3.1).
const LONGEST_ADDRESS: usize = 320;

/// An account in short.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Its number, which never changes.
    pub id: u64,
    /// Its name, which does.
    pub login: String,
    /// `User`, `Bot`, `Organization`, …
    #[serde(rename = "type")]
    pub kind: String,
}

/// A comment of an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// What GraphQL knows it by.
    pub node_id: String,
    /// Its page.
    pub html_url: String,
    /// Its text, as it is now.
    #[serde(default)]
    pub body: Option<String>,
    /// Who wrote it; nobody once the account is gone.
    pub user: Option<Account>,
    /// When it was written.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// The App that wrote it in somebody's name.
    #[serde(default)]
    pub performed_via_github_app: Option<IgnoredAny>,
}

/// The event that starts a workflow on `issue_comment` or `pull_request_review`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Payload {
    /// `created`, `edited` or `deleted`; `submitted`, `edited` or `dismissed`.
    pub action: String,
    /// The comment, where it is about one.
    #[serde(default)]
    pub comment: Option<Text>,
    /// The review, where it is about one.
    #[serde(default)]
    pub review: Option<Text>,
}

/// What somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Text {
    /// Its text; empty where there is none.
    #[serde(default)]
    pub body: Option<String>,
}

/// What an account may do in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The account that was asked about.
    pub account: u64,
    /// What it may do.
    pub permission: Permission,
}

/// The account that opened an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Issue {
    /// Who.
    pub user: Option<Account>,
    /// There for a pull request.
    #[serde(default)]
    pub pull_request: Option<IgnoredAny>,
}

/// A commit of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Commit {
    /// The account of its author's address; nothing where that is nobody's.
    #[serde(default)]
    pub author: Option<Contributor>,
    /// The same of its committer.
    #[serde(default)]
    pub committer: Option<Contributor>,
    /// What it carries itself.
    pub commit: Carried,
}

/// What a commit carries itself, whoever has an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Carried {
    /// Its author.
    pub author: Option<Contact>,
    /// Its committer.
    pub committer: Option<Contact>,
    /// Its message, which may name others who wrote it.
    pub message: String,
}

/// Somebody as git names them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Contact {
    /// The address.
    #[serde(default)]
    pub email: Option<String>,
}

/// Who wrote or committed something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authors {
    /// The accounts.
    pub accounts: BTreeSet<u64>,
    /// The addresses that the commits carry, in small letters: GitHub names no
    /// account where it knows none that has the address.
    pub addresses: BTreeSet<String>,
}

impl Authors {
    /// Everybody who wrote or committed some commits.
    #[must_use]
    pub fn of(commits: &[Commit]) -> Self {
        Self {
            accounts: commits.iter().flat_map(Commit::accounts).collect(),
            addresses: commits.iter().flat_map(Commit::addresses).collect(),
        }
    }
}

/// An account as commits show it; an empty object where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Contributor {
    /// Its number.
    #[serde(default)]
    pub id: Option<u64>,
}

/// A workflow run, who started it, and who started it again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// Its number; each attempt has the same.
    pub id: u64,
    /// Which attempt it is; the first is 1.
    pub run_attempt: u64,
    /// The commit it runs on.
    pub head_sha: String,
    /// Its page.
    pub html_url: String,
    /// Who caused it.
    #[serde(default)]
    pub actor: Option<Account>,
    /// Who started this attempt.
    #[serde(default)]
    pub triggering_actor: Option<Account>,
}

#[derive(Deserialize)]
struct Collaborator {
    permission: String,
    /// The role by its own name; GitHub tells `maintain` from `write` only here.
    #[serde(default)]
    role_name: Option<String>,
    user: Option<Account>,
}

/// Reads the body of `GET …/collaborators/{login}/permission`.
///
/// # Errors
///
/// Fails on a permission that is not known: it never stands for another one.
pub fn rights(body: &[u8]) -> Result<Rights, ParseError> {
    let found: Collaborator = json::parse(body)?;
    let permission = match found.permission.as_str() {
        "admin" => Permission::Admin,
        "write" if found.role_name.as_deref() == Some("maintain") => Permission::Maintain,
        // A role of the organisation's own counts as what it is built on.
        "write" => Permission::Write,
        "read" => Permission::Read,
        "none" => Permission::None,
        other => {
            return Err(ParseError::Unknown {
                what: "permission",
                found: other.to_owned(),
            });
        }
    };
    let account = found.user.ok_or(ParseError::Nobody)?.id;
    Ok(Rights {
        account,
        permission,
    })
}

impl Account {
    /// What it is; a human's only by the one word for that.
    #[must_use]
    pub fn account_kind(&self) -> AccountKind {
        match self.kind.as_str() {
            "User" => AccountKind::User,
            _ => AccountKind::Other,
        }
    }
}

impl Commit {
    /// The accounts that wrote it.
    pub fn accounts(&self) -> impl Iterator<Item = u64> {
        let both = [&self.author, &self.committer];
        both.into_iter().flatten().filter_map(|one| one.id)
    }

    /// The addresses that it carries, also in lines `Co-authored-by:` of its
    /// message (<https://git-scm.com/docs/git-interpret-trailers>).
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        let both = [&self.commit.author, &self.commit.committer];
        let both = both
            .into_iter()
            .flatten()
            .filter_map(|one| one.email.as_deref());
        let trailers = self.commit.message.lines().filter_map(|line| {
            let (name, who) = line.trim().split_once(':')?;
            let named = name.trim_end().eq_ignore_ascii_case(TOGETHER);
            let (_, address) = who.rsplit_once('<').unwrap_or(("", who));
            named.then(|| address.trim().trim_end_matches('>'))
        });
        both.chain(trailers)
            .map(|address| address.trim().to_ascii_lowercase())
            .filter(|address| address.len() <= LONGEST_ADDRESS && address.contains('@'))
    }
}

impl Run {
    /// By whom it came about, by numbers and logins on this installation.
    #[must_use]
    pub fn actors(&self, on: &Instance) -> Vec<Actor> {
        let of = |did: Did, account: &Account| {
            let names = [account.id.to_string(), account.login.clone()];
            let known_as = names.iter().map(|name| on.account(name)).collect();
            Actor { did, known_as }
        };
        let first = self.actor.as_ref();
        let again = self.triggering_actor.as_ref();
        let again = again.filter(|again| first.is_none_or(|first| first.id != again.id));
        let first = first.map(|account| of(Did::Triggered, account));
        let again = again.map(|account| of(Did::ReRan, account));
        first.into_iter().chain(again).collect()
    }
}

impl Comment {
    /// Whether nobody changed it, as far as whole seconds tell.
    #[must_use]
    pub fn is_as_written(&self) -> bool {
        self.updated_at == self.created_at
    }

    /// The comment as an event; nothing when its author's account is gone. Times
    /// are of whole seconds: what was edited in the second in which it was
    /// written was changed after that all the same.
    #[must_use]
    pub fn event(
        &self,
        edited_at: Option<Time>,
        (permission, seen_at): (Permission, Time),
    ) -> Option<Event> {
        let changed = edited_at.map(|at| at.max(self.created_at.after(Span::from_millis(1))));
        let user = self.user.as_ref()?;
        Some(Event {
            schema_version: SCHEMA_VERSION,
            forge: Forge::Github,
            kind: Kind::Comment,
            id: self.id,
            url: self.html_url.clone(),
            account: user.id,
            login: user.login.clone(),
            account_kind: user.account_kind(),
            by_app: self.performed_via_github_app.is_some(),
            origin: Origin::Written,
            created_at: self.created_at,
            updated_at: changed.unwrap_or(self.updated_at),
            body: self.body.clone().unwrap_or_default(),
            permission,
            seen_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMENT: &str = r#"{
        "id": 1, "node_id": "IC_1", "html_url": "https://github.com/acme/shop/issues/7#issuecomment-1",
        "body": "hello", "created_at": "2026-11-26T12:00:00Z",
        "updated_at": "2026-11-26T12:00:00Z", "author_association": "OWNER",
        "user": { "login": "alice", "id": 583231, "type": "User", "site_admin": false }
    }"#;

    #[test]
    fn a_comment_is_read_and_a_part_of_one_is_not() {
        let comment: Comment = parse(COMMENT.as_bytes()).unwrap();
        let event = comment
            .event(None, (Permission::Write, Time::EPOCH))
            .unwrap();
        assert_eq!(event.updated_at, event.created_at);
        let edited = Some(comment.created_at);
        let edited = comment
            .event(edited, (Permission::Write, Time::EPOCH))
            .unwrap();
        assert!(edited.updated_at > edited.created_at);
        assert_eq!((event.account, event.login.as_str()), (583_231, "alice"));
        assert_eq!(
            (event.account_kind, event.by_app),
            (AccountKind::User, false)
        );
        for field in [
            "\"id\": 1,",
            "\"node_id\": \"IC_1\",",
            "\"updated_at\": \"2026-11-26T12:00:00Z\",",
        ] {
            let without = COMMENT.replacen(field, "", 1);
            assert_ne!(without, COMMENT);
            assert!(parse::<Comment>(without.as_bytes()).is_err(), "{field}");
        }
        assert!(parse::<Comment>(&COMMENT.as_bytes()[..200]).is_err());
        assert!(parse::<Vec<Comment>>(b"[").is_err());
    }

    #[test]
    fn programs_and_deleted_accounts_are_no_people() {
        let with = |words: &str, others: &str| {
            let changed = COMMENT.replace(words, others);
            assert_ne!(changed, COMMENT);
            let comment: Comment = parse(changed.as_bytes()).unwrap();
            comment.event(None, (Permission::Admin, Time::EPOCH))
        };
        let bot = with("\"User\"", "\"Bot\"").unwrap();
        assert_eq!(bot.account_kind, AccountKind::Other);
        let mannequin = with("\"User\"", "\"Mannequin\"").unwrap();
        assert_eq!(mannequin.account_kind, AccountKind::Other);
        let body = "\"body\": \"hello\"";
        let app = with(
            body,
            &format!("{body}, \"performed_via_github_app\": {{\"id\": 1}}"),
        );
        assert!(app.unwrap().by_app);
        let start = COMMENT.find("{ \"login\"").unwrap();
        let user = &COMMENT[start..COMMENT.len() - 6];
        assert_eq!(with(user, "null"), None);
    }

    #[test]
    fn an_unknown_permission_is_none_of_those_known() {
        let body = |word: &str| {
            format!(r#"{{"permission":"{word}","user":{{"login":"a","id":7,"type":"User"}}}}"#)
        };
        for (word, permission) in [
            ("admin", Permission::Admin),
            ("write", Permission::Write),
            ("read", Permission::Read),
            ("none", Permission::None),
        ] {
            let found = rights(body(word).as_bytes()).unwrap();
            assert_eq!((found.account, found.permission), (7, permission));
        }
        let role = |permission: &str, role: &str| {
            let user = r#"{"login":"a","id":7,"type":"User"}"#;
            let body =
                format!(r#"{{"permission":"{permission}","role_name":"{role}","user":{user}}}"#);
            rights(body.as_bytes()).unwrap().permission
        };
        assert_eq!(role("write", "maintain"), Permission::Maintain);
        assert_eq!(role("write", "release-captain"), Permission::Write);
        assert_eq!(role("read", "maintain"), Permission::Read);
        for word in ["", "owner", "WRITE", "maintain"] {
            assert!(rights(body(word).as_bytes()).is_err(), "{word}");
        }
        assert!(rights(br#"{"permission":"admin","user":null}"#).is_err());
    }
}
