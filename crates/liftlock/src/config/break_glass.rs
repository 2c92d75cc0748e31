//! Who may let a release go past gates, past which, and for how long.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::approval::{Approval, Group, Rule};
use super::requirement::{ParseError, What};
use super::tighten::{Loosened, at_least, at_most, loosened};
use crate::name::Name;
use crate::span::Span;

/// The least number of people who let a release go up past a gate.
pub const LEAST: u32 = 2;

/// How long a permission lasts where nobody says otherwise.
pub const LONGEST: Span = Span::seconds(4 * 3_600);

/// The longest that a policy may let it last.
pub const LIMIT: Span = Span::seconds(24 * 3_600);

/// The name of the one rule by which answers are counted.
const RULE: &str = "break-glass";

/// How it is written for the order of environments.
const ORDER: &str = "promotes-from";

/// What a release may go past: any demand but that its bytes are those that a
/// builder signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Gate {
    /// That it is known good where it has to come from.
    Order,
    /// One of `requires`.
    Demand(What),
}

impl FromStr for Gate {
    type Err = UnknownGate;

    fn from_str(text: &str) -> Result<Self, UnknownGate> {
        match text {
            ORDER => Ok(Self::Order),
            _ => match text.parse()? {
                What::Signature => Err(UnknownGate::Identity),
                what @ (What::Provenance
                | What::Approval
                | What::Canary(_)
                | What::Predicate(_)) => Ok(Self::Demand(what)),
            },
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => formatter.pad(ORDER),
            Self::Demand(what) => formatter.pad(&what.to_string()),
        }
    }
}

impl TryFrom<String> for Gate {
    type Error = UnknownGate;

    fn try_from(text: String) -> Result<Self, UnknownGate> {
        text.parse()
    }
}

impl From<Gate> for String {
    fn from(gate: Gate) -> Self {
        gate.to_string()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Gate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Gate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let examples = [ORDER, "approval", "canary@staging", "provenance"];
        schemars::json_schema!({ "type": "string", "examples": examples })
    }
}

/// The word is nothing that a release may go past.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownGate {
    /// Neither the order nor a requirement.
    #[error("nothing to go past but `{ORDER}` and what `requires` may name")]
    Unknown(#[from] ParseError),
    /// Nobody may move other bytes than those that were signed.
    #[error("nobody goes past `signature`: it says which bytes move")]
    Identity,
}

/// Who may let a release go past gates; without it nobody may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BreakGlass {
    /// Who may say yes to it; at least two.
    pub people: BTreeSet<Name>,
    /// How many different people have to, to go up; default 2, never fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
    /// How long a request stays open, and its permission usable; default 4h, at
    /// most 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<Span>,
    /// Which gates; default all: `promotes-from` and whatever is in `requires`,
    /// but `signature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<BTreeSet<Gate>>,
}

impl BreakGlass {
    /// How many different people have to say yes.
    #[must_use]
    pub fn quorum(&self) -> u32 {
        self.quorum.unwrap_or(LEAST).max(LEAST)
    }

    /// How long it lasts at most.
    #[must_use]
    pub fn longest(&self) -> Span {
        self.longest.unwrap_or(LONGEST).min(LIMIT)
    }

    /// Whether a release may go past a gate.
    #[must_use]
    pub fn admits(&self, gate: &Gate) -> bool {
        self.past.as_ref().is_none_or(|past| past.contains(gate))
    }

    /// The rule by which answers are counted. Whether actors have to be known, and
    /// where people are asked on a forge, is the word of the environment's approval.
    #[must_use]
    pub fn rule(&self, approval: Option<&Approval>) -> Option<Approval> {
        Some(Approval {
            rules: vec![Rule {
                name: RULE.parse().ok()?,
                quorum: self.quorum(),
                group: Group::People(self.people.clone()),
            }],
            distinct: None,
            known_actors: approval.and_then(|approval| approval.known_actors),
            min_look: None,
            ticket: None,
            automatic: None,
            at: approval.and_then(|approval| approval.at.clone()),
            permission: approval.and_then(|approval| approval.permission),
            fresh: approval.and_then(|approval| approval.fresh),
            expires: Some(self.longest()),
        })
    }

    /// Refuses what fewer than two could use or nobody would end; the error
    /// names the field.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let people = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        let quorum = self.quorum.unwrap_or(LEAST);
        let (field, why) = if people < LEAST {
            ("break-glass.people", "has to name at least two people")
        } else if quorum < LEAST || quorum > people {
            (
                "break-glass.quorum",
                "has to be at least 2 and at most the number of people",
            )
        } else if self
            .longest
            .is_some_and(|longest| longest == Span::ZERO || longest > LIMIT)
        {
            (
                "break-glass.longest",
                "has to be more than 0s and at most 24h",
            )
        } else if self.past.as_ref().is_some_and(BTreeSet::is_empty) {
            ("break-glass.past", "names no gate")
        } else {
            return Ok(());
        };
        Err((field, why.to_owned()))
    }
}

/// The file may narrow what the policy allows; allowing is the policy's alone.
pub(super) fn tighten(
    policy: Option<&BreakGlass>,
    local: Option<BreakGlass>,
) -> Result<Option<BreakGlass>, Loosened> {
    let (policy, local) = match (policy, local) {
        (policy, None) => return Ok(policy.cloned()),
        (None, Some(_)) => return Err(loosened("break-glass", "nothing about it", "set")),
        (Some(policy), Some(local)) => (policy, local),
    };
    if let Some(stranger) = local.people.difference(&policy.people).next() {
        let local = format!("with {stranger}");
        return Err(loosened("break-glass.people", "without them", local));
    }
    let past = local.past.or_else(|| policy.past.clone());
    let more = |gate: &&Gate| !policy.admits(gate);
    if let Some(gate) = past.iter().flatten().find(more) {
        let local = format!("with {gate}");
        return Err(loosened("break-glass.past", "without it", local));
    }
    Ok(Some(BreakGlass {
        people: local.people,
        quorum: at_least("break-glass.quorum", Some(policy.quorum()), local.quorum)?,
        longest: at_most("break-glass.longest", Some(policy.longest()), local.longest)?,
        past,
    }))
}

#[cfg(test)]
mod tests {
    use crate::config::{Service, parse, tighten::tighten};

    fn text(rule: &str) -> String {
        format!("version: 1\nenvironments: {{ p: {{ break-glass: {rule} }} }}\n")
    }

    fn read(rule: &str) -> Result<Service, String> {
        parse(&text(rule), None).map_err(|error| error.to_string())
    }

    #[test]
    fn fewer_than_two_people_and_what_never_ends_are_refused() {
        let cases = [
            ("{ people: [a] }", "at least two"),
            ("{ people: [a, a] }", "at least two"),
            ("{ people: [a, b], quorum: 1 }", "at least 2"),
            ("{ people: [a, b], quorum: 0 }", "at least 2"),
            ("{ people: [a, b], quorum: 3 }", "at least 2"),
            ("{ people: [a, b], longest: 25h }", "at most 24h"),
            ("{ people: [a, b], longest: 0s }", "more than 0s"),
            ("{ people: [a, b], past: [] }", "names no gate"),
            ("{ people: [a, b], past: [signature] }", "signature"),
            ("{ people: [a, b], past: [sunshine] }", "nothing to go past"),
            ("{ people: [a, b], reason: none }", "reason"),
            ("{ quorum: 2 }", "people"),
        ];
        for (rule, word) in cases {
            let error = read(rule).unwrap_err();
            assert!(error.contains(word), "{rule}: {error}");
        }
        let service = read("{ people: [a, b], past: [promotes-from, canary@staging] }").unwrap();
        let rule = service.environments["p"].break_glass.clone().unwrap();
        assert_eq!(
            (rule.quorum(), rule.longest().to_string()),
            (2, "4h".to_owned())
        );
    }

    #[test]
    fn the_policy_alone_allows_it_and_the_file_may_only_narrow_it() {
        let policy = read("{ people: [a, b, c], longest: 2h, past: [approval, canary@staging] }");
        let policy = policy.unwrap();
        let merged = |rule: &str| {
            let local = read(rule).unwrap();
            tighten(&policy, local).map_err(|loosened| loosened.field)
        };
        for (rule, field) in [
            ("{ people: [a, eve] }", "people"),
            ("{ people: [a, b], longest: 3h }", "longest"),
            ("{ people: [a, b], past: [provenance] }", "past"),
        ] {
            let field = format!("environments.p.break-glass.{field}");
            assert_eq!(merged(rule).unwrap_err(), field, "{rule}");
        }
        let narrow = merged("{ people: [a, b], longest: 1h, past: [approval] }").unwrap();
        let narrow = narrow.environments["p"].break_glass.clone().unwrap();
        assert_eq!(
            (narrow.people.len(), narrow.longest().to_string()),
            (2, "1h".to_owned())
        );
        let kept = merged("{ people: [a, b] }").unwrap();
        let kept = kept.environments["p"].break_glass.clone().unwrap();
        assert_eq!(kept.past.unwrap().len(), 2);
        let strict = read("{ people: [a, b, c], quorum: 3 }").unwrap();
        let loosened = tighten(&strict, read("{ people: [a, b], quorum: 2 }").unwrap());
        assert!(loosened.is_err());
        let silent = parse("version: 1\nenvironments: { p: {} }\n", None).unwrap();
        let loosened = tighten(&silent, read("{ people: [a, b] }").unwrap()).unwrap_err();
        assert_eq!(loosened.field, "environments.p.break-glass");
    }
}
