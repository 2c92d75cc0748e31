//! What people are asked: which release, for which environment, by which rules.

mod sound;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use sound::ParseError;
use sound::{check, check_actors};

use super::break_glass::Wanted;
use super::forge::{Forge, Instance};
use super::owners::{Compared, MOST_SETS};
use super::seats::{Overlap, Rule};
use crate::ci::Actor;
use crate::config::approval::MOST_RULES;
use crate::digest::Digest;
use crate::json;
use crate::name::Name;
use crate::release::{self, Reference};
use crate::time::Time;

/// The version of the format that this code writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The most rules: those of a policy, of which one may become many.
const MOST_ASKED: usize = MOST_RULES + MOST_SETS;

/// The most names of actors.
const MOST_NAMES: usize = 32;

/// A question to people, known by the digest of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Version of this format.
    pub schema_version: u32,
    /// A label for people; unique, but not what answers name.
    pub id: String,
    /// Random, so that no answer fits a request that was not yet made.
    pub nonce: String,
    /// The service of the release.
    pub service: Name,
    /// Where the release is to go.
    pub environment: Name,
    /// The release and the full digests of its artifacts.
    pub release: Reference,
    /// `release.json` to the byte, so that who judges knows its authors.
    pub document: String,
    /// The digest of the policy in force when it was made.
    pub policy: Digest,
    /// Evidence that people should look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Digest>,
    /// All of these have to be met.
    pub rules: Vec<Rule>,
    /// Whether nobody may count in two rules.
    pub distinct: bool,
    /// Rule by CODEOWNERS → what was compared to find the owners.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compared: BTreeMap<Name, Compared>,
    /// By whom the run came about that made it, as the CI says; they may not
    /// answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<Actor>,
    /// Who made it, by the CI's own name for them; asserted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The CI run that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// Where on a forge people are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Where on a forge it is shown how it stands; nobody answers there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// What it asks to go past; absent where it asks for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<Wanted>,
    /// When it was made.
    pub made_at: Time,
    /// When it stops to be open, and its approval to be usable.
    pub expires_at: Time,
}

/// Where on a forge people are asked, and which accounts there may not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which forge.
    pub forge: Forge,
    /// The installation, on GitHub; absent for `github.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The repository, as `OWNER/NAME`.
    pub repository: String,
    /// Where in it.
    pub at: Spot,
    /// The accounts that wrote or committed the change; from a pull request.
    pub authors: BTreeSet<u64>,
    /// The addresses that its commits carry on GitHub: whose they are may not
    /// answer either.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<String>,
}

/// A deployment that shows how a request stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// On which forge.
    pub forge: Forge,
    /// The repository, as `OWNER/NAME`.
    pub repository: String,
    /// The commit of the release.
    pub commit: String,
}

/// Where in a repository people answer, and in which way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Spot {
    /// In comments of an issue or a pull request.
    Comments {
        /// Its number.
        issue: u64,
    },
    /// In reviews of a pull request.
    Reviews {
        /// Its number.
        pull: u64,
        /// The commit that has to be reviewed.
        commit: String,
    },
    /// In reviews of the environments that a run waits for.
    Gates {
        /// The number of the run.
        run: u64,
        /// Which attempt of it: people who are asked in one did not answer in
        /// another.
        attempt: u64,
        /// The commit it runs on.
        commit: String,
    },
    /// In notes of an issue or a merge request on GitLab.
    Notes {
        /// The installation; absent for `gitlab.com`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// What the notes are below.
        on: Noteable,
        /// Its number in the project.
        number: u64,
        /// The addresses that its commits carry: whose they are may not answer.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        addresses: BTreeSet<String>,
    },
    /// In approvals of a deployment on GitLab.
    Deployment {
        /// The installation; absent for `gitlab.com`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// The number of the deployment.
        deployment: u64,
        /// The accounts that started it, which may not answer.
        starters: BTreeSet<u64>,
    },
}

/// What notes are below on GitLab, which numbers the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Noteable {
    /// An issue.
    Issue,
    /// A merge request.
    MergeRequest,
}

impl Place {
    /// The installation of the forge: an account's number means somebody only
    /// there.
    #[must_use]
    pub fn instance(&self) -> Instance {
        let host = match &self.at {
            Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. } => self.host.clone(),
            Spot::Notes { host, .. } | Spot::Deployment { host, .. } => host.clone(),
        };
        Instance {
            forge: self.forge,
            host,
        }
    }

    /// Whether its forge has no such way to answer, or is named twice.
    fn contradicts(&self) -> bool {
        let forge = match self.at {
            Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. } => Forge::Github,
            Spot::Notes { .. } | Spot::Deployment { .. } => Forge::Gitlab,
        };
        self.forge != forge || (self.host.is_some() && forge != Forge::Github)
    }
}

impl Spot {
    /// The issue or pull request below which the question is written.
    #[must_use]
    pub const fn issue(&self) -> Option<u64> {
        match self {
            Self::Comments { issue } => Some(*issue),
            Self::Reviews { pull, .. } => Some(*pull),
            Self::Gates { .. } | Self::Deployment { .. } => None,
            Self::Notes { number, .. } => Some(*number),
        }
    }

    /// Whether the forge says when people answered there. Where it does not,
    /// nobody can tell how long they looked.
    #[must_use]
    pub const fn tells_when(&self) -> bool {
        match self {
            Self::Comments { .. }
            | Self::Reviews { .. }
            | Self::Notes { .. }
            | Self::Deployment { .. } => true,
            Self::Gates { .. } => false,
        }
    }
}

impl Request {
    /// Whether some rule asks somebody.
    #[must_use]
    pub fn asks(&self, person: &Name) -> bool {
        self.rules.iter().any(|rule| rule.people.contains(person))
    }

    /// Everybody whom some rule asks.
    #[must_use]
    pub fn people(&self) -> BTreeSet<Name> {
        let groups = self.rules.iter().map(|rule| &rule.people);
        groups.flatten().cloned().collect()
    }

    /// Whether nobody may count in two rules.
    #[must_use]
    pub const fn overlap(&self) -> Overlap {
        if self.distinct {
            Overlap::Distinct
        } else {
            Overlap::Allowed
        }
    }

    /// What is asked of whom by which rules, whoever asks and whenever: two
    /// requests with one question need not both be answered.
    #[must_use]
    pub fn question(&self) -> Digest {
        let canonical = serde_json::json!([
            self.service,
            self.environment,
            self.release.digest,
            self.policy,
            self.evidence,
            self.rules,
            self.distinct,
            self.actors,
            self.place,
            self.deployment,
            self.compared,
        ]);
        let mut canonical = canonical.to_string();
        if let Some(wanted) = &self.break_glass {
            canonical.push_str(&serde_json::json!(wanted).to_string());
        }
        Digest::of(canonical.as_bytes())
    }
}

/// A request together with its bytes and what they are known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The SHA-256 of the bytes.
    pub digest: Digest,
    /// One line of JSON with a newline at its end.
    pub bytes: Vec<u8>,
    /// What is asked.
    pub request: Request,
    /// The release it is asked about, from `document`.
    pub release: release::Identified,
}

impl Identified {
    /// Writes a request down and checks it as a reader would.
    ///
    /// # Errors
    ///
    /// Fails on a request that contradicts itself.
    pub fn new(request: &Request) -> Result<Self, ParseError> {
        let bytes = json::line(request).map_err(json::ParseError::from)?;
        Self::parse(&bytes)
    }

    /// Reads a request.
    ///
    /// # Errors
    ///
    /// Fails on bytes that differ from what is written, as their digest would
    /// not be found again; on another version; and where the request and the
    /// release inside it contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let request: Request = json::parse(bytes)?;
        if request.schema_version != SCHEMA_VERSION {
            return Err(ParseError::Version(request.schema_version));
        }
        if json::line(&request).map_err(json::ParseError::from)? != bytes {
            return Err(ParseError::Reformatted);
        }
        let release = release::Identified::parse(request.document.as_bytes())?;
        if release.reference() != request.release {
            return Err(ParseError::Contradiction("release"));
        }
        if release.release.service != request.service {
            return Err(ParseError::Contradiction("service"));
        }
        check(&request.rules)?;
        check_actors(&request.actors)?;
        if request.place.as_ref().is_some_and(Place::contradicts) {
            return Err(ParseError::Contradiction("place"));
        }
        if request
            .break_glass
            .as_ref()
            .is_some_and(|wanted| !wanted.is_plain())
        {
            return Err(ParseError::BreakGlass);
        }
        if request.expires_at <= request.made_at {
            return Err(ParseError::Contradiction("expires_at"));
        }
        Ok(Self {
            digest: Digest::of(bytes),
            bytes: bytes.to_vec(),
            request,
            release,
        })
    }

    /// Reads a request that is part of a larger document.
    ///
    /// # Errors
    ///
    /// As [`Identified::parse`].
    pub fn from_value(value: &serde_json::Value) -> Result<Self, ParseError> {
        Self::parse(&json::line(value).map_err(json::ParseError::from)?)
    }

    /// The request as part of a larger document.
    ///
    /// # Errors
    ///
    /// Fails never in practice: the bytes are JSON.
    pub fn value(&self) -> Result<serde_json::Value, ParseError> {
        Ok(json::parse(&self.bytes)?)
    }

    /// What a deployment holds, so that whoever finds it finds the request.
    #[must_use]
    pub fn payload(&self) -> serde_json::Value {
        let request = &self.request;
        serde_json::json!({
            "request": self.digest,
            "service": request.service,
            "environment": request.environment,
            "release": request.release.digest,
            "policy": request.policy,
            "nonce": request.nonce,
            "expires_at": request.expires_at,
        })
    }

    /// Whether people may still answer.
    #[must_use]
    pub fn is_open(&self, now: Time) -> bool {
        now <= self.request.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::super::toy;
    use super::*;

    #[test]
    fn a_request_is_found_again_by_the_digest_of_its_bytes() {
        let asked = toy::request();
        let read = Identified::parse(&asked.bytes).unwrap();
        assert_eq!(read, asked);
        let inside = Identified::from_value(&asked.value().unwrap()).unwrap();
        assert_eq!(inside.digest, asked.digest);
    }

    #[test]
    fn a_question_is_the_same_whenever_it_is_asked() {
        let asked = toy::wanted();
        let mut again = asked.clone();
        again.nonce = "m".to_owned();
        again.made_at = toy::at("11:00");
        assert_eq!(again.question(), asked.question());
        again.rules[0].quorum = 3;
        assert_ne!(again.question(), asked.question());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let text = String::from_utf8(toy::request().bytes).unwrap();
        let cases = [
            (text.replace(":1,\"id\"", ":2,\"id\""), "`schema_version` 2"),
            (
                text.replace("\"quorum\":2", "\"quorum\":0"),
                "`quorum` is 0",
            ),
            (
                text.replace("\"quorum\":2", "\"quorum\":5"),
                "`quorum` is 5",
            ),
            (
                text.replace(
                    "\"service\":\"shop\",\"environment\"",
                    "\"service\":\"till\",\"environment\"",
                ),
                "`service`",
            ),
            (text.replace("2026-11-24", "2026-11-22"), "`expires_at`"),
            (
                text.replace(
                    "\"release\":{\"id\":\"shop-1\"",
                    "\"release\":{\"id\":\"shop-2\"",
                ),
                "`release`",
            ),
            (text.replace("{\"schema", "{ \"schema"), "the request was"),
            (
                text.replace("{\"schema", "{\"x\":1,\"schema"),
                "not an approval",
            ),
            ("[]".to_owned(), "not an approval"),
        ];
        for (text, message) in cases {
            let error = Identified::parse(text.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(message), "{message}: {error}");
        }
    }
}
