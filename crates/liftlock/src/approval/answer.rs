//! One person's yes or no, signed with that person's key.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::form::Signed;
use super::request;
use crate::attestation::Proved;
use crate::config::trust::Keyring;
use crate::crypto::{PublicKey, Verifier};
use crate::digest::Digest;
use crate::name::Name;
use crate::predicate::ANSWER;
use crate::statement::{self, Statement, Subject};
use crate::time::Time;

/// The version of the format that this code writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The longest comment, in bytes.
pub const LONGEST_COMMENT: usize = 4_096;

/// What one person says about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Version of this format.
    pub schema_version: u32,
    /// The digest of the request.
    pub request: Digest,
    /// Who says it: an id of `people:`.
    pub person: Name,
    /// In whose place, where it is not their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Name>,
    /// What they say.
    pub answer: Say,
    /// The service of the release.
    pub service: Name,
    /// Where the release is to go.
    pub environment: Name,
    /// The digest of the release.
    pub release: Digest,
    /// Whether it lets the release go past gates, or not: an answer to one kind
    /// of request is none to the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When, by the person's own clock.
    pub made_at: Time,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Say {
    /// The release may go there.
    Yes,
    /// It may not.
    No,
}

impl fmt::Display for Say {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Yes => "yes",
            Self::No => "no",
        })
    }
}

impl Answer {
    /// An answer to a request.
    #[must_use]
    pub fn to(asked: &request::Identified, person: Name, answer: Say, made_at: Time) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            request: asked.digest,
            person,
            on_behalf_of: None,
            answer,
            service: asked.request.service.clone(),
            environment: asked.request.environment.clone(),
            release: asked.request.release.digest,
            break_glass: asked.request.break_glass.is_some(),
            comment: None,
            made_at,
        }
    }

    /// Whose place it takes.
    #[must_use]
    pub fn place(&self) -> &Name {
        self.on_behalf_of.as_ref().unwrap_or(&self.person)
    }

    /// Whether its comment is short, and shows to everybody as what it is: no
    /// terminal or page takes a part of it for a command or turns it around.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let plain = |letter: char| {
            let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            !turns && (!letter.is_control() || matches!(letter, '\n' | '\r' | '\t'))
        };
        let short = |text: &str| text.len() <= LONGEST_COMMENT && text.chars().all(plain);
        self.comment.as_deref().is_none_or(short)
    }

    /// The statement that the person signs: about the request and the release.
    ///
    /// # Errors
    ///
    /// Fails never in practice: an answer is JSON.
    pub fn statement(&self) -> Result<Statement, statement::Error> {
        let subjects = vec![
            Subject::named(&self.request, "request"),
            Subject::named(&self.release, "release"),
        ];
        Statement::new(subjects, ANSWER, self)
    }
}

/// An answer as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody known signed it.
    Proved {
        /// What was said. Whether the key is that person's is still to be judged.
        answer: Box<Answer>,
        /// Whose word it is.
        key: PublicKey,
        /// The digest of the signed answer.
        bundle: Digest,
    },
    /// Somebody said it on a forge, by the word of whoever judges.
    Told {
        /// What was said.
        answer: Box<Answer>,
        /// The digest of the event.
        bundle: Digest,
    },
    /// Nobody known did, or it says something else.
    Refused {
        /// Who it claims to be from, where it can be read.
        claimed: Option<Name>,
        /// Why it proves nothing.
        why: String,
        /// The digest of the signed answer.
        bundle: Digest,
    },
}

/// Finds out whether somebody of the keyring signed an answer. Keys that do
/// not count any more are tried as well, so that the reason can be told.
#[must_use]
pub fn hear(signed: &Signed, keyring: &Keyring, verifier: &dyn Verifier) -> Heard {
    let people = keyring.people.values().flat_map(|person| &person.keys);
    let keys: Vec<PublicKey> = people.filter_map(|dated| dated.key.clone()).collect();
    let bundle = signed.digest();
    let read = match signed.verify(&keys, verifier) {
        Ok(proved) => read(&proved).map(|answer| (answer, proved.key)),
        Err(error) => Err(error.to_string()),
    };
    match read {
        Ok((answer, key)) => Heard::Proved {
            answer: Box::new(answer),
            key,
            bundle,
        },
        Err(why) => Heard::Refused {
            claimed: claimed(signed),
            why,
            bundle,
        },
    }
}

/// The answer in a statement that somebody is proved to have signed.
///
/// # Errors
///
/// Fails with the reason on anything but an answer of this version about what
/// the statement is about.
pub fn read(proved: &Proved) -> Result<Answer, String> {
    let statement = &proved.statement;
    let answer: Answer = statement
        .predicate_as(ANSWER)
        .map_err(|error| error.to_string())?;
    if answer.schema_version != SCHEMA_VERSION {
        Err(format!(
            "`schema_version` {} is not {SCHEMA_VERSION}",
            answer.schema_version
        ))
    } else if statement.is_about(&answer.request) && statement.is_about(&answer.release) {
        Ok(answer)
    } else {
        Err("the statement is about something else than the answer in it".to_owned())
    }
}

fn claimed(signed: &Signed) -> Option<Name> {
    let answer: Answer = signed.claimed()?.predicate_as(ANSWER).ok()?;
    Some(answer.person)
}
