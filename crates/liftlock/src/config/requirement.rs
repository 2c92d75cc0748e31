//! What an environment demands of a release before anything moves.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::predicate;
use crate::span::Span;

/// One demand, with the longest age its evidence may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Requirement {
    /// What is demanded.
    pub what: What,
    /// How old the verdict may be.
    pub max_age: Option<Span>,
}

impl Requirement {
    /// What is demanded where nobody says otherwise.
    #[must_use]
    pub fn default_list() -> Vec<Self> {
        vec![Self {
            what: What::Signature,
            max_age: None,
        }]
    }
}

/// What is demanded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum What {
    /// `release.json` attested by a builder, over every artifact.
    Signature,
    /// SLSA provenance by a builder for every artifact.
    Provenance,
    /// A pass of the judge for this environment.
    Approval,
    /// A pass of the canary's identity in another environment.
    Canary(Name),
    /// Any statement by a builder, by the URI of its predicate.
    Predicate(String),
}

impl FromStr for What {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let unknown = || ParseError::Unknown(text.to_owned());
        match text {
            "signature" => Ok(Self::Signature),
            "provenance" => Ok(Self::Provenance),
            "approval" => Ok(Self::Approval),
            _ => match text.strip_prefix("canary@") {
                Some(place) => place
                    .parse()
                    .map(Self::Canary)
                    .map_err(|_error: crate::name::ParseError| unknown()),
                // Ours hold a verdict, which only the words above look at.
                None if text.starts_with(predicate::OURS) => Err(unknown()),
                None if text.starts_with("https://") => Ok(Self::Predicate(text.to_owned())),
                None => Err(unknown()),
            },
        }
    }
}

impl TryFrom<String> for What {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<What> for String {
    fn from(what: What) -> Self {
        what.to_string()
    }
}

impl fmt::Display for What {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => formatter.write_str("signature"),
            Self::Provenance => formatter.write_str("provenance"),
            Self::Approval => formatter.write_str("approval"),
            Self::Canary(place) => write!(formatter, "canary@{place}"),
            Self::Predicate(uri) => formatter.write_str(uri),
        }
    }
}

/// A demand that nobody knows how to check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No word of ours, or more than one.
    #[error(
        "unknown requirement `{0}`: expected signature, provenance, approval, canary@ENVIRONMENT or the https URI of a predicate of others"
    )]
    Unknown(String),
    /// The statement says when by the word of nobody whom we could ask.
    #[error("`{0}` has no `max-age`: only approval and canary@ENVIRONMENT have an age")]
    Ageless(String),
}

/// The two ways to write one: `approval` or `{ canary@staging: { max-age: 24h } }`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    untagged,
    expecting = "expected a demand, such as `approval` or `{ canary@staging: { max-age: 24h } }`"
)]
pub enum Written {
    /// Without conditions.
    Plain(String),
    /// With them; exactly one key.
    With(BTreeMap<String, Conditions>),
}

/// What narrows a demand.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Conditions {
    /// How old the verdict may be.
    pub max_age: Option<Span>,
}

impl TryFrom<Written> for Requirement {
    type Error = ParseError;

    fn try_from(written: Written) -> Result<Self, ParseError> {
        let (text, max_age) = match written {
            Written::Plain(text) => (text, None),
            Written::With(map) => {
                let all = map.keys().cloned().collect::<Vec<_>>().join(", ");
                let mut entries = map.into_iter();
                match (entries.next(), entries.next()) {
                    (Some((text, conditions)), None) => (text, conditions.max_age),
                    _ => return Err(ParseError::Unknown(all)),
                }
            }
        };
        let what: What = text.parse()?;
        match what {
            What::Approval | What::Canary(_) => {}
            What::Signature | What::Provenance | What::Predicate(_) if max_age.is_none() => {}
            What::Signature | What::Provenance | What::Predicate(_) => {
                return Err(ParseError::Ageless(text));
            }
        }
        Ok(Self { what, max_age })
    }
}

impl From<Requirement> for Written {
    fn from(requirement: Requirement) -> Self {
        let text = requirement.what.to_string();
        match requirement.max_age {
            None => Self::Plain(text),
            max_age => Self::With(BTreeMap::from([(text, Conditions { max_age })])),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Requirement {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Requirement".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Requirement, crate::yaml::ParseError> {
        crate::yaml::parse(text)
    }

    #[test]
    fn what_would_not_be_checked_is_refused() {
        let good = [
            "approval",
            "canary@staging: { max-age: 24h }",
            "approval: { max-age: 1h }",
            "https://slsa.dev/verification_summary/v1",
        ];
        let bad = [
            "signature: { max-age: 24h }",
            "provenance: { max-age: 24h }",
            "'https://spdx.dev/Document': { max-age: 24h }",
            "https://liftlock.github.io/predicates/canary/v1",
            "https://liftlock.github.io/predicates/approval/v2",
            "{ approval: {}, signature: {} }",
            "canary@",
            "http://example.com/p",
        ];
        for text in good {
            assert!(read(text).is_ok(), "{text}: {:?}", read(text));
        }
        for text in bad {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
