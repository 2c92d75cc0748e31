//! Approval without people: by a rule of the policy all of whose conditions
//! are met, each a fact that whoever checks the approval looks up again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::decide::Judgement;
use super::policy::Policy;
use crate::config::automatic::Automatic;
use crate::config::requirement::Requirement;
use crate::name::Name;
use crate::release::{Identified, Migration, Reference};
use crate::verdict::Verdict;

/// Where facts about a release are looked up.
#[expect(missing_debug_implementations, reason = "it holds a function")]
pub struct Facts<'a> {
    /// The release, as a builder attested it.
    pub release: &'a Identified,
    /// What is live in the environment, if anything is.
    pub live: Option<&'a Reference>,
    /// What meets a requirement, or why nothing does.
    pub evidence: &'a dyn Fn(&Requirement) -> Result<String, String>,
}

/// One condition of a rule, with what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What is demanded.
    pub wanted: String,
    /// Whether it is so.
    pub met: bool,
    /// What was found.
    pub found: String,
}

/// A rule with all of its conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "AutomaticTried"))]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The rule.
    pub rule: Name,
    /// Its conditions, in the order of the policy.
    pub facts: Vec<Fact>,
}

impl Tried {
    /// Whether every condition is met.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.facts.is_empty() && self.facts.iter().all(|fact| fact.met)
    }
}

/// A rule where no builder attested the release, so that nobody knows what is
/// true of it: whoever asks could have written anything.
#[must_use]
pub fn unattested(rule: &Automatic) -> Tried {
    Tried {
        rule: rule.name.clone(),
        facts: vec![Fact {
            wanted: "a builder attested the release".to_owned(),
            met: false,
            found: "no builder did".to_owned(),
        }],
    }
}

/// Looks up every condition of a rule.
#[must_use]
pub fn look_up(rule: &Automatic, facts: &Facts<'_>) -> Tried {
    let mut found = vec![migration(rule.migration, facts.release)];
    found.extend(rule.evidence.iter().map(|requirement| {
        let outcome = (facts.evidence)(requirement);
        let age = requirement.max_age;
        let age = age.map_or_else(String::new, |age| format!(" not older than {age}"));
        Fact {
            wanted: format!("{}{age}", requirement.what),
            met: outcome.is_ok(),
            found: outcome.unwrap_or_else(|why| why),
        }
    }));
    if let Some(artifacts) = &rule.artifacts {
        let names: Vec<&str> = artifacts.iter().map(Name::as_str).collect();
        let release = facts.release.reference();
        let changed = changed(&release, facts.live);
        found.push(Fact {
            wanted: format!("nothing but {} differs from what is live", names.join(", ")),
            met: changed
                .as_ref()
                .is_ok_and(|changed| changed.iter().all(|name| artifacts.contains(*name))),
            found: match changed {
                Ok(changed) if changed.is_empty() => "nothing differs".to_owned(),
                Ok(changed) => {
                    let changed: Vec<&str> = changed.into_iter().map(Name::as_str).collect();
                    format!("changed: {}", changed.join(", "))
                }
                Err(why) => why.to_owned(),
            },
        });
    }
    Tried {
        rule: rule.name.clone(),
        facts: found,
    }
}

fn migration(allowed: Migration, release: &Identified) -> Fact {
    let found = release.release.migration;
    // What stands in for a release.json names no class.
    let foreign = release.reference().is_foreign();
    Fact {
        wanted: format!("migration {}", word(allowed)),
        met: !foreign && (found == Migration::None || found == allowed),
        found: if foreign {
            "no release.json says what it does to stored data".to_owned()
        } else {
            word(found).to_owned()
        },
    }
}

const fn word(migration: Migration) -> &'static str {
    match migration {
        Migration::None => "none",
        Migration::Expand => "expand",
        Migration::Contract => "contract",
        Migration::Irreversible => "irreversible",
    }
}

/// The artifacts that are new, other bytes, or gone.
fn changed<'a>(
    release: &'a Reference,
    live: Option<&'a Reference>,
) -> Result<Vec<&'a Name>, &'static str> {
    let live = live.ok_or("nothing is live to compare with")?;
    let all: BTreeSet<&Name> = release
        .artifacts
        .keys()
        .chain(live.artifacts.keys())
        .collect();
    let differs =
        |name: &&Name| release.artifacts.get(name.as_str()) != live.artifacts.get(name.as_str());
    Ok(all.into_iter().filter(differs).collect())
}

/// Lets a request pass that only waits for people, where a whole rule is met.
/// What somebody denied, what expired and what does not fit stays as it is, and
/// a ticket that is demanded has to be named all the same.
#[must_use]
pub fn allow(policy: &Policy, judgement: Judgement, tried: &[Tried]) -> Judgement {
    let ticket = policy.approval.ticket.is_none() || judgement.ticket.is_some();
    let waits = judgement.verdict == Verdict::Pending && !judgement.is_denied();
    let whole = tried.iter().find(|rule| rule.is_whole());
    match whole {
        Some(rule) if waits && ticket => Judgement {
            verdict: Verdict::Pass,
            why: told(rule),
            automatic: Some(rule.clone()),
            ..judgement
        },
        Some(_) | None => judgement,
    }
}

fn told(rule: &Tried) -> String {
    let facts = rule.facts.iter();
    let facts: Vec<String> = facts
        .map(|fact| format!("{} ({})", fact.wanted, fact.found))
        .collect();
    format!("by the rule {}: {}", rule.rule, facts.join(", "))
}
