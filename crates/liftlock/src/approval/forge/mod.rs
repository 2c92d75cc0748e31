//! Answers that people give on a forge: whoever judges vouches for what the
//! forge showed, and everything else is counted again from the text itself.

pub mod compared;
pub mod github;
pub mod review;
mod said;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Heard, LONGEST_COMMENT, Say};
use super::policy::Policy;
use super::request::{self, Spot};
use crate::ci::line;
use crate::digest::Digest;
use crate::json;
use crate::name::Name;
use crate::time::Time;

pub use said::{Said, said};

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
}

impl Forge {
    /// The word that accounts and repositories there begin with.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
        }
    }

    /// The forge with this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Github].into_iter().find(|one| one.word() == word)
    }

    /// Whether names of repositories there can have so many parts.
    #[must_use]
    pub const fn has_depth(self, parts: usize) -> bool {
        match self {
            Self::Github => parts == 2,
        }
    }

    /// The number in an account such as `github:583231`; nothing for a login, as
    /// GitHub has logins of digits as well, which nobody can tell from a number
    /// once zeros lead.
    #[must_use]
    pub fn number(self, account: &str) -> Option<u64> {
        let (found, number) = account.split_once(':')?;
        let digits = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
        (found == self.word() && digits).then(|| number.parse().ok())?
    }
}

/// In which way they answer there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A comment below an issue or a pull request.
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
}

/// What a review stands for, beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Stance {
    /// It may go on.
    Approved,
    /// It may not.
    Rejected,
    /// Nothing of that.
    Neither,
    /// Somebody took it back, not always its author.
    Dismissed,
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
    let claimed = policy.keyring.account(event.forge, event.account).cloned();
    let bundle = event.digest();
    match understood(event, asked, (claimed.as_ref(), policy.approval.least())) {
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

fn understood(
    event: &Event,
    asked: &request::Identified,
    (person, least): (Option<&Name>, Permission),
) -> Result<Answer, String> {
    if event.schema_version != SCHEMA_VERSION {
        let found = event.schema_version;
        return Err(format!("`schema_version` {found} is not {SCHEMA_VERSION}"));
    }
    let place = asked.request.place.as_ref();
    let Some(place) = place.filter(|place| place.forge == event.forge) else {
        return Err("the request was not made on this forge".to_owned());
    };
    if event.account_kind != AccountKind::User || event.by_app {
        return Err("a program wrote it".to_owned());
    }
    if event.updated_at != event.created_at {
        return Err(edited(event.updated_at));
    }
    let (say, request, comment) = match said(&event.body) {
        Said::Answer {
            say,
            request,
            comment,
        } => (say, request, comment),
        Said::Unclear(why) => return Err(why),
        Said::Nothing => return Err("it is no answer".to_owned()),
    };
    let stance = stance(event, (&place.at, asked.request.made_at))?;
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
    let Some(person) = person else {
        let account = event.account;
        return Err(format!("account {account} is nobody's in `people:`"));
    };
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

/// What the forge has an event as, beside its text, where it was given in the
/// way that the request asks for.
fn stance(event: &Event, (spot, made_at): (&Spot, Time)) -> Result<Option<Stance>, String> {
    let other = |found: &str, wanted: &str| {
        Err(format!(
            "it is about commit `{}`, and `{}` was asked about",
            line(found),
            line(wanted)
        ))
    };
    match (spot, &event.kind) {
        (Spot::Comments { .. }, Kind::Comment) => Ok(None),
        (
            Spot::Reviews { commit: wanted, .. },
            Kind::Review {
                stance,
                commit,
                edited_at,
            },
        ) => {
            if let Some(at) = edited_at {
                return Err(edited(*at));
            }
            if commit != wanted {
                return other(commit, wanted);
            }
            Ok(Some(*stance))
        }
        (
            Spot::Gates {
                run,
                attempt,
                commit: wanted,
            },
            Kind::Gate {
                stance,
                run: found,
                attempt: later,
                commit,
                ..
            },
        ) => {
            if found != run || later != attempt {
                return Err(format!(
                    "run {run} was asked about in attempt {attempt}, and it is attempt {later} of run {found}"
                ));
            }
            if commit != wanted {
                return other(commit, wanted);
            }
            if event.created_at != made_at {
                return Err("the forge does not say when it was made".to_owned());
            }
            Ok(Some(*stance))
        }
        (
            Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. },
            Kind::Comment | Kind::Review { .. } | Kind::Gate { .. },
        ) => Err("the request is not answered in this way".to_owned()),
    }
}

fn edited(at: Time) -> String {
    format!("it was edited, at {at}: whoever may edit it is not its author")
}

#[cfg(test)]
mod tests;
