//! Answers that people give on a forge: whoever judges vouches for what the
//! forge showed, and everything else is counted again from the text itself.

pub mod compared;
pub mod deployment;
pub mod github;
pub mod gitlab;
pub mod graph;
mod instance;
mod parse;
mod question;
pub mod review;
mod said;
mod stance;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Heard, LONGEST_COMMENT, Say};
use super::policy::Policy;
use super::request::{self, Place};
use crate::digest::Digest;
use crate::json;
use crate::name::Name;
use crate::time::Time;

pub use instance::Instance;
pub use parse::{ParseError, parse};
pub use question::Question;
pub use said::{Said, line, said, said_on};
pub use stance::Stance;

/// The version of the format that this code writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The longest comment that is read as an answer, in bytes: a reason and the
/// line with the request's digest.
pub const LONGEST_BODY: usize = LONGEST_COMMENT + 128;

/// What an account has to be allowed for its answers to count, where the policy
/// does not say more.
pub const LEAST: Permission = Permission::Write;

/// Where people answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Forge {
    /// GitHub, also a company's own.
    Github,
    /// GitLab, also a company's own.
    Gitlab,
}

impl Forge {
    /// The word that accounts and repositories there begin with.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }

    /// Its name, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
        }
    }

    /// The forge with this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let mut all = [Self::Github, Self::Gitlab].into_iter();
        all.find(|one| one.word() == word)
    }

    /// Whether names of repositories there can have so many parts.
    #[must_use]
    pub const fn has_depth(self, parts: usize) -> bool {
        match self {
            Self::Github => parts == 2,
            Self::Gitlab => parts >= 2,
        }
    }
}

/// In which way they answer there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A comment below an issue, a pull request or a merge request.
    Comment,
    /// A review of a pull request.
    Review {
        /// What it stands for.
        stance: Stance,
        /// The commit that was reviewed; empty where nobody knows it any more.
        commit: String,
        /// When its text was last edited, by anybody; absent if never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edited_at: Option<Time>,
    },
    /// A review of environments that a run waits for.
    Gate {
        /// What it stands for.
        stance: Stance,
        /// The number of the run.
        run: u64,
        /// Which attempt of it was there at `seen_at`.
        attempt: u64,
        /// The commit it runs on.
        commit: String,
        /// The environments that were let in, or not.
        environments: Vec<String>,
    },
    /// An approval or a rejection of a deployment that waits for it.
    Deployment {
        /// What it stands for.
        stance: Stance,
        /// The number of the deployment.
        deployment: u64,
    },
}

/// How it came to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Somebody wrote it, for everybody who may look.
    #[default]
    Written,
    /// The forge wrote it, about what somebody did.
    System,
    /// Somebody wrote it for a few.
    Internal,
    /// It was brought from elsewhere, in whose name an importer said.
    Imported,
    /// Somebody wrote it, in a thread that people resolve; that, or an edit,
    /// changed it since.
    Thread,
}

impl Origin {
    fn is_written(&self) -> bool {
        *self == Self::Written
    }
}

/// What somebody may do in a repository; ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Nothing, or only what everybody may.
    None,
    /// Look at it.
    Read,
    /// Change it.
    Write,
    /// Change its settings as well.
    Maintain,
    /// Decide who may.
    Admin,
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        })
    }
}

/// What an account is, by the forge's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    /// A human's.
    User,
    /// A program's, or of a kind that this version does not know.
    Other,
}

/// What a forge showed of one answer, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Version of this format.
    pub schema_version: u32,
    /// Which forge.
    pub forge: Forge,
    /// In which way it was said.
    pub kind: Kind,
    /// The number that the forge knows it by, or that of its run where it has
    /// none of its own.
    pub id: u64,
    /// Where people can look at it.
    pub url: String,
    /// The number of the account; it stays when the login changes.
    pub account: u64,
    /// The login at that time, for people.
    pub login: String,
    /// What the account is.
    pub account_kind: AccountKind,
    /// Whether a program wrote it in the account's name.
    pub by_app: bool,
    /// How it came to be there.
    #[serde(default, skip_serializing_if = "Origin::is_written")]
    pub origin: Origin,
    /// When it was written; when the request was made, where the forge does not
    /// say more: what names the request is not older.
    pub created_at: Time,
    /// When it was last changed, by anybody who may.
    pub updated_at: Time,
    /// Every byte of it.
    pub body: String,
    /// What the account may do in the repository, asked at `seen_at`.
    pub permission: Permission,
    /// When the forge was asked.
    pub seen_at: Time,
}

impl Event {
    /// What it is known by: the SHA-256 of its one line of JSON.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // An event is strings and numbers, which always are JSON.
        Digest::of(&json::line(self).unwrap_or_default())
    }
}

/// Finds out whether an event is somebody's answer. It is when a human's
/// account that `people:` names wrote it, with the least
/// permission of the policy, and nobody
/// changed it since; otherwise it is refused with the reason.
#[must_use]
pub fn hear(event: &Event, asked: &request::Identified, policy: &Policy) -> Heard {
    let instance = asked.request.place.as_ref().map(Place::instance);
    let instance = instance.unwrap_or_else(|| event.forge.into());
    let account = instance.account(&event.account.to_string());
    let claimed = policy.keyring.account_at(&instance, event.account).cloned();
    let bundle = event.digest();
    let person = claimed.as_ref().ok_or(&account);
    match understood(event, asked, (person, policy.approval.least())) {
        Ok(answer) => Heard::Told {
            answer: Box::new(answer),
            bundle,
        },
        Err(why) => Heard::Refused {
            claimed,
            why,
            bundle,
        },
    }
}

/// Refuses what no human wrote for everybody.
fn written(event: &Event) -> Result<(), String> {
    if event.account_kind != AccountKind::User || event.by_app {
        return Err("a program wrote it".to_owned());
    }
    let why = match event.origin {
        Origin::Written | Origin::Thread => return Ok(()),
        Origin::System => "the forge itself wrote it",
        Origin::Internal => "not everybody may see it",
        Origin::Imported => "it was imported: who wrote it is an importer's word",
    };
    Err(why.to_owned())
}

fn understood(
    event: &Event,
    asked: &request::Identified,
    (person, least): (Result<&Name, &String>, Permission),
) -> Result<Answer, String> {
    if event.schema_version != SCHEMA_VERSION {
        let found = event.schema_version;
        return Err(format!("`schema_version` {found} is not {SCHEMA_VERSION}"));
    }
    let place = asked.request.place.as_ref();
    let Some(place) = place.filter(|place| place.forge == event.forge) else {
        return Err("the request was not made on this forge".to_owned());
    };
    written(event)?;
    let changed = event.updated_at != event.created_at;
    if changed && event.origin != Origin::Thread {
        return Err(stance::edited(event.updated_at));
    }
    let (say, request, comment) = match said_on(event.forge, &event.body) {
        Said::Answer {
            say,
            request,
            comment,
        } => (say, request, comment),
        Said::Unclear(why) => return Err(why),
        Said::Nothing => return Err("it is no answer".to_owned()),
    };
    // Whoever wrote the change may resolve a thread, and takes no no away by it.
    if changed && say == Say::Yes {
        return Err(stance::resolved(event.updated_at));
    }
    let stance = stance::of(event, (&place.at, asked.request.made_at))?;
    let wanted = match say {
        Say::Yes => Stance::Approved,
        Say::No => Stance::Rejected,
    };
    if let Some(stance) = stance.filter(|stance| *stance != wanted) {
        let why = match stance {
            Stance::Approved => "it approves, and its text says no",
            Stance::Rejected => "it rejects, and its text says yes",
            Stance::Neither => "it neither approves nor rejects",
            Stance::Dismissed => "it was dismissed",
        };
        return Err(why.to_owned());
    }
    let person = person.map_err(|account| format!("account {account} is nobody's in `people:`"))?;
    if event.permission < least {
        let permission = event.permission;
        return Err(format!(
            "{person} has the permission `{permission}` in the repository, and `{least}` is needed"
        ));
    }
    let mut answer = Answer::to(asked, person.clone(), say, event.created_at);
    answer.request = request;
    answer.comment = comment;
    Ok(answer)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_gitlab;
