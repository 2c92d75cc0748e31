//! Understands what GitHub answers about reviews: of pull requests, and of
//! environments that a run waits for.

use serde::Deserialize;

use super::github::{Account, ParseError, Run};
use super::{Event, Forge, Kind, Origin, Permission, SCHEMA_VERSION, Stance};
use crate::time::Time;

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pull {
    /// Its newest commit.
    pub head: Head,
    /// The commit that it was merged as, or would be.
    #[serde(default)]
    pub merge_commit_sha: Option<String>,
    /// Who opened it.
    pub user: Option<Account>,
}

/// The end of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Its commit.
    pub sha: String,
}

/// A review of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Review {
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
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`.
    pub state: String,
    /// The commit that was reviewed, where it is still known.
    pub commit_id: Option<String>,
    /// When it was handed in.
    #[serde(default)]
    pub submitted_at: Option<Time>,
}

/// A review of the environments that a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Gated {
    /// Which.
    pub environments: Vec<Gate>,
    /// `approved`, `rejected` or `pending`.
    pub state: String,
    /// Who.
    pub user: Option<Account>,
    /// What they wrote; nobody can change it.
    pub comment: String,
}

/// An environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Gate {
    /// Its name.
    pub name: String,
}

impl Review {
    /// The review as an event; nothing when its author's account is gone, and
    /// for a draft.
    ///
    /// # Errors
    ///
    /// Fails on a state that is not known: it never stands for another one.
    pub fn event(
        &self,
        edited_at: Option<Time>,
        (permission, seen_at): (Permission, Time),
    ) -> Result<Option<Event>, ParseError> {
        let stance = match self.state.as_str() {
            "APPROVED" => Stance::Approved,
            "CHANGES_REQUESTED" => Stance::Rejected,
            "COMMENTED" => Stance::Neither,
            "DISMISSED" => Stance::Dismissed,
            "PENDING" => return Ok(None),
            other => {
                return Err(ParseError::Unknown {
                    what: "state",
                    found: other.to_owned(),
                });
            }
        };
        let (Some(user), Some(submitted_at)) = (&self.user, self.submitted_at) else {
            return Ok(None);
        };
        Ok(Some(Event {
            schema_version: SCHEMA_VERSION,
            forge: Forge::Github,
            kind: Kind::Review {
                stance,
                commit: self.commit_id.clone().unwrap_or_default(),
                edited_at,
            },
            id: self.id,
            url: self.html_url.clone(),
            account: user.id,
            login: user.login.clone(),
            account_kind: user.account_kind(),
            by_app: false,
            origin: Origin::Written,
            created_at: submitted_at,
            updated_at: edited_at.unwrap_or(submitted_at),
            body: self.body.clone().unwrap_or_default(),
            permission,
            seen_at,
        }))
    }
}

impl Gated {
    /// The review as an event of a run as it is now. GitHub does not say when
    /// it was made: `asked_at` is the earliest that it can have been, as it
    /// names the request.
    ///
    /// # Errors
    ///
    /// Fails on a state that is not known.
    pub fn event(
        &self,
        (run, asked_at): (&Run, Time),
        (permission, seen_at): (Permission, Time),
    ) -> Result<Option<Event>, ParseError> {
        let stance = match self.state.as_str() {
            "approved" => Stance::Approved,
            "rejected" => Stance::Rejected,
            "pending" => Stance::Neither,
            other => {
                return Err(ParseError::Unknown {
                    what: "state",
                    found: other.to_owned(),
                });
            }
        };
        let Some(user) = &self.user else {
            return Ok(None);
        };
        let environments = self.environments.iter().map(|gate| gate.name.clone());
        Ok(Some(Event {
            schema_version: SCHEMA_VERSION,
            forge: Forge::Github,
            kind: Kind::Gate {
                stance,
                run: run.id,
                attempt: run.run_attempt,
                commit: run.head_sha.clone(),
                environments: environments.collect(),
            },
            id: run.id,
            url: run.html_url.clone(),
            account: user.id,
            login: user.login.clone(),
            account_kind: user.account_kind(),
            by_app: false,
            origin: Origin::Written,
            created_at: asked_at,
            updated_at: asked_at,
            body: self.comment.clone(),
            permission,
            seen_at,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVIEW: &str = r#"{
        "id": 80, "node_id": "PRR_80", "body": "hello", "state": "APPROVED",
        "html_url": "https://github.com/acme/shop/pull/7#pullrequestreview-80",
        "commit_id": "aaaa", "submitted_at": "2026-11-26T12:00:00Z",
        "user": { "login": "alice", "id": 583231, "type": "User" }
    }"#;

    const SEEN: (Permission, Time) = (Permission::Write, Time::EPOCH);

    fn review(words: &str, others: &str) -> Result<Option<Event>, ParseError> {
        let changed = REVIEW.replace(words, others);
        assert_ne!(changed, REVIEW);
        super::super::github::parse::<Review>(changed.as_bytes())?.event(None, SEEN)
    }

    #[test]
    fn a_review_is_read_with_what_it_stands_for() {
        for (word, stance) in [
            ("APPROVED ", None),
            ("CHANGES_REQUESTED", Some(Stance::Rejected)),
            ("COMMENTED", Some(Stance::Neither)),
            ("DISMISSED", Some(Stance::Dismissed)),
            ("approved", None),
            ("ESCALATED", None),
        ] {
            let found = review("APPROVED", word).ok().flatten();
            let found = found.map(|event| match event.kind {
                Kind::Review { stance, .. } => stance,
                Kind::Comment | Kind::Gate { .. } | Kind::Deployment { .. } => panic!("{word}"),
            });
            assert_eq!(found, stance, "{word}");
        }
        // A draft is nobody's word, and a deleted account is nobody.
        assert_eq!(review("APPROVED", "PENDING").unwrap(), None);
        assert_eq!(review("\"submitted_at\"", "\"x\"").unwrap(), None);
        let bot = review("\"User\"", "\"Bot\"").unwrap().unwrap();
        assert_eq!(bot.account_kind, super::super::AccountKind::Other);
        for field in ["\"node_id\"", "\"state\"", "\"id\": 80", "\"html_url\""] {
            assert!(review(field, "\"x\": 0, \"y\"").is_err(), "{field}");
        }
    }
}
