//! The chain of evidence over one release: what an environment demands, what
//! there is, and who could provide what is missing.

mod attested;
pub mod examine;
mod foreign;
mod help;
mod past;

use serde::{Deserialize, Serialize};

pub use attested::attested;
pub use examine::{Examiner, Item, Said, Who};

use crate::approval::break_glass::Broken;
use crate::approval::fresh::AskedAgain;
use crate::config::break_glass::Gate;
use crate::config::effective::Environment;
use crate::config::foreign::Accepted;
use crate::config::requirement::{Requirement, What};
use crate::digest::Digest;
use crate::name::Name;
use crate::predicate::{self, Ruling};
use crate::reject::Rejected;
use crate::release::Reference;
use crate::statement::Statement;
use crate::time::Time;
use crate::verdict::Verdict;

/// What the world outside of the evidence says.
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Circumstances<'a> {
    /// The service.
    pub service: &'a Name,
    /// The digest of the rules in force.
    pub policy: Digest,
    /// Whether the release is known good where it has to come from.
    pub good_before: bool,
    /// Who rejected the release here, and why, if anybody did.
    pub rejected: Option<&'a Rejected>,
    /// Whether another plan used up the approval of this request.
    pub used: &'a dyn Fn(&Digest) -> bool,
    /// Judges an approval's answers again: the request that it answers, which
    /// is used up with it, or why it does not count.
    pub approve: &'a dyn Fn(&Said) -> Result<Digest, String>,
    /// The same of a permission to go past gates: which it names, or why it
    /// does not count.
    pub broken: &'a dyn Fn(&Said) -> Result<Broken, String>,
    /// Now.
    pub now: Time,
    /// Which statements of others meet which demands.
    pub accept: &'a [Accepted],
}

/// One demand and what there is about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Condition {
    /// What is demanded.
    pub wanted: String,
    /// Whether it is there.
    pub met: bool,
    /// What was found instead, or the evidence that meets it.
    pub found: String,
    /// Who could provide it.
    pub who: String,
    /// The command that does.
    pub fix: String,
    /// The statement by which the release goes past it, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<Digest>,
}

/// The chain of a release towards an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Chain {
    /// Pass only when every condition is met or gone past.
    pub verdict: Verdict,
    /// All conditions, met or not, in the order of the policy.
    pub conditions: Vec<Condition>,
    /// The request whose approval was found, to be used up by the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Digest>,
    /// What lets it go past the conditions that are not met, to be used up by
    /// the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<Broken>,
    /// The bundles that meet the conditions.
    pub evidence: Vec<Digest>,
    /// What forges were asked about what it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fresh: Vec<AskedAgain>,
}

impl Chain {
    /// The conditions that are not met, in one line.
    #[must_use]
    pub fn unmet(&self) -> String {
        let open = self.conditions.iter();
        let open = open.filter(|condition| !condition.met && condition.past.is_none());
        let lines: Vec<String> = open
            .map(|condition| format!("{}: {}", condition.wanted, condition.found))
            .collect();
        lines.join("; ")
    }
}

/// Decides whether a release may move towards an environment.
#[must_use]
pub fn decide(
    environment: &Environment,
    release: &Reference,
    items: &[Item],
    around: &Circumstances<'_>,
) -> Chain {
    let mut chain = Chain {
        verdict: Verdict::Fail,
        conditions: Vec::new(),
        approval: None,
        break_glass: None,
        evidence: Vec::new(),
        fresh: Vec::new(),
    };
    let mut gates = Vec::new();
    chain.conditions.extend(around.rejected.map(past::never));
    if let Some(before) = &environment.promotes_from {
        chain.conditions.push(order(before, around.good_before));
        gates.push(Gate::Order);
    }
    for requirement in &environment.requires {
        let asked = Asked {
            requirement,
            environment,
            release,
            around,
        };
        let (condition, found) = asked.of(items);
        if let Some(found) = found {
            chain.evidence.extend(found.bundles);
            chain.approval = chain.approval.or(found.request);
        }
        chain.conditions.push(condition);
        gates.push(Gate::Demand(requirement.what.clone()));
    }
    if chain.conditions.iter().all(|condition| condition.met) {
        chain.verdict = Verdict::Pass;
    } else {
        past::go(&mut chain, &gates, release, (items, around));
    }
    chain
}

/// What meets one demand, whether the environment makes it or not.
///
/// # Errors
///
/// Fails with the reason when nothing does.
pub fn met(
    requirement: &Requirement,
    (environment, release): (&Environment, &Reference),
    items: &[Item],
    around: &Circumstances<'_>,
) -> Result<String, String> {
    let asked = Asked {
        requirement,
        environment,
        release,
        around,
    };
    match asked.of(items) {
        (condition, Some(_)) => Ok(condition.found),
        (condition, None) => Err(condition.found),
    }
}

fn order(before: &Name, good: bool) -> Condition {
    Condition {
        wanted: format!("known good in `{before}`"),
        met: good,
        found: if good { "it is" } else { "it is not" }.to_owned(),
        who: "promote".to_owned(),
        fix: format!("promote run --environment {before}"),
        past: None,
    }
}

/// What meets a demand.
struct Met {
    bundles: Vec<Digest>,
    request: Option<Digest>,
    text: String,
}

/// One demand over one release.
struct Asked<'a> {
    requirement: &'a Requirement,
    environment: &'a Environment,
    release: &'a Reference,
    around: &'a Circumstances<'a>,
}

impl Asked<'_> {
    fn of(&self, items: &[Item]) -> (Condition, Option<Met>) {
        let found = match &self.requirement.what {
            What::Signature if !self.release.is_foreign() => self.one(predicate::RELEASE, items),
            What::Approval => self.one(predicate::APPROVAL, items),
            What::Canary(_) => self.one(predicate::CANARY, items),
            What::Signature | What::Provenance | What::Predicate(_) => self.together(items),
        };
        let (who, fix) = self.help();
        let condition = Condition {
            wanted: self.requirement.what.to_string(),
            met: found.is_ok(),
            found: match &found {
                Ok(met) => met.text.clone(),
                Err(reason) => reason.clone(),
            },
            who,
            fix,
            past: None,
        };
        (condition, found.ok())
    }

    /// A statement of ours, which is about all of the release.
    fn one(&self, uri: &str, items: &[Item]) -> Result<Met, String> {
        let newest = self.newest(items);
        let mut reasons = Reasons::default();
        let mut found = None;
        for item in items.iter().filter(|item| item.predicate_type == uri) {
            let outcome = item.outcome.as_ref().map_err(Clone::clone);
            match outcome.and_then(|said| Ok((said, self.fits(said, newest)?))) {
                Ok((said, request)) => {
                    found = Some(Met {
                        bundles: vec![item.bundle],
                        request,
                        text: format!("evidence {} by {}", item.bundle.short(), said.by),
                    });
                }
                Err(reason) => reasons.add(reason),
            }
        }
        found.ok_or_else(|| reasons.told())
    }

    /// When the canary was judged last in the environment asked about. Only
    /// that verdict counts: a canary that failed since is not what it was, and
    /// asking again until it passes would prove nothing.
    fn newest(&self, items: &[Item]) -> Option<Time> {
        let What::Canary(place) = &self.requirement.what else {
            return None;
        };
        let rulings = items.iter().filter_map(|item| {
            let statement = &item.outcome.as_ref().ok()?.statement;
            statement.predicate_as::<Ruling>(predicate::CANARY).ok()
        });
        rulings
            .filter(|ruling| {
                ruling.environment == *place
                    && ruling.service == *self.around.service
                    && ruling.release == self.release.digest
            })
            .map(|ruling| ruling.made_at)
            .max()
    }

    /// Whether a statement of ours by the right role says what is demanded of
    /// this release; of an approval, the request that it answers.
    fn fits(&self, said: &Said, newest: Option<Time>) -> Result<Option<Digest>, String> {
        let statement = &said.statement;
        let artifacts = self.release.artifacts.values();
        let uncovered = artifacts
            .filter(|artifact| !statement.is_about(artifact))
            .count();
        if uncovered > 0 {
            return Err(left_out(uncovered));
        }
        self.names_release(statement)?;
        match &self.requirement.what {
            What::Signature | What::Provenance | What::Predicate(_) => {}
            What::Approval => {
                self.rules(statement, &self.environment.name)?;
                let request = (self.around.approve)(said)?;
                if (self.around.used)(&request) {
                    return Err("it was used up by another plan".to_owned());
                }
                return Ok(Some(request));
            }
            What::Canary(place) => {
                let ruling = self.rules(statement, place)?;
                if newest.is_some_and(|newest| ruling.made_at < newest) {
                    return Err("a newer verdict stands in its place".to_owned());
                }
            }
        }
        Ok(None)
    }

    fn names_release(&self, statement: &Statement) -> Result<(), String> {
        if statement.is_about(&self.release.digest) {
            Ok(())
        } else {
            Err("it is about another release".to_owned())
        }
    }

    /// Whether a verdict of ours is a pass, for this place, by these rules, in time.
    fn rules(&self, statement: &Statement, place: &Name) -> Result<Ruling, String> {
        let ruling: Ruling = statement
            .predicate_as(statement.predicate_type())
            .map_err(|error| format!("its predicate cannot be read: {error}"))?;
        let now = self.around.now;
        let age = now.millis_since(ruling.made_at);
        let too_old = self
            .requirement
            .max_age
            .is_some_and(|limit| u64::try_from(age).is_ok_and(|age| age > limit.millis()));
        let doubts = [
            (ruling.verdict != Verdict::Pass, "it is no pass"),
            (
                ruling.service != *self.around.service,
                "it is for another service",
            ),
            (
                ruling.environment != *place,
                "it is for another environment",
            ),
            (
                ruling.release != self.release.digest,
                "it is about another release",
            ),
            (
                ruling.policy != self.around.policy,
                "it was decided by another policy",
            ),
            (age < -300_000, "it was made in the future"),
            (too_old, "it is too old"),
            (
                ruling.expires_at.is_some_and(|expires| expires < now),
                "it has expired",
            ),
        ];
        match doubts.iter().find(|(doubt, _)| *doubt) {
            Some((_, reason)) => Err((*reason).to_owned()),
            None => Ok(ruling),
        }
    }
}

/// Why nothing meets a demand, each reason once.
#[derive(Default)]
struct Reasons(Vec<String>);

impl Reasons {
    fn add(&mut self, reason: String) {
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    fn told(&self) -> String {
        if self.0.is_empty() {
            "nothing".to_owned()
        } else {
            self.0.join(", ")
        }
    }
}

fn left_out(artifacts: usize) -> String {
    format!("it leaves out {artifacts} of the artifacts")
}

#[cfg(test)]
mod tests;
