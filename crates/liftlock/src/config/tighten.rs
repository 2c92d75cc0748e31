//! Merges a policy with a file that it governs: every field has a tighter
//! direction, and the file may only go that way.
//!
//! Where the policy is silent about what a pass rests on, it says the default;
//! whom to trust and where things are kept is its word alone.

mod metrics;

use std::collections::BTreeMap;

use super::approval::{self, Approval};
use super::break_glass;
use super::environment::{Environment, Slo, default};
use super::place::fewer as at;
use super::requirement::{Requirement, What};
use super::{Allow, Service};
use crate::name::Name;

/// The file goes the loose way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {local} but the policy says {policy}: the file may only tighten it")]
pub struct Loosened {
    /// Which field.
    pub field: String,
    /// What the policy says.
    pub policy: String,
    /// What the file says.
    pub local: String,
}

/// Merges; the policy's word stands wherever the file is silent.
///
/// # Errors
///
/// Fails with the first field in which the file is looser than the policy.
pub fn tighten(policy: &Service, local: Service) -> Result<Service, Loosened> {
    Ok(Service {
        version: local.version,
        service: same("service", policy.service.as_ref(), local.service)?,
        artifacts: same("artifacts", policy.artifacts.as_ref(), local.artifacts)?,
        state: place("state", policy.state.as_ref(), local.state)?,
        ledger: place("ledger", policy.ledger.as_ref(), local.ledger)?,
        evidence: place("evidence", policy.evidence.as_ref(), local.evidence)?,
        trust: owned("trust", policy.trust.as_ref(), local.trust.as_ref())?,
        people: owned("people", policy.people.as_ref(), local.people.as_ref())?,
        allow: Some(allow(
            policy.allow.unwrap_or_default(),
            local.allow.unwrap_or_default(),
        )?),
        environments: environments(&policy.environments, local.environments)?,
        accept: owned("accept", policy.accept.as_ref(), local.accept.as_ref())?,
        sigstore: owned(
            "sigstore",
            policy.sigstore.as_ref(),
            local.sigstore.as_ref(),
        )?,
    })
}

fn environments(
    policy: &BTreeMap<Name, Environment>,
    mut local: BTreeMap<Name, Environment>,
) -> Result<BTreeMap<Name, Environment>, Loosened> {
    let mut merged = BTreeMap::new();
    for (name, rules) in policy {
        let own = local.remove(name.as_str()).unwrap_or_default();
        let at = |loosened: Loosened| Loosened {
            field: format!("environments.{name}.{}", loosened.field),
            ..loosened
        };
        merged.insert(name.clone(), environment(rules, own).map_err(at)?);
    }
    match local.into_iter().next() {
        None => Ok(merged),
        Some((name, _)) => Err(Loosened {
            field: format!("environments.{name}"),
            policy: "nothing about it".to_owned(),
            local: "there".to_owned(),
        }),
    }
}

fn environment(policy: &Environment, local: Environment) -> Result<Environment, Loosened> {
    Ok(Environment {
        promotes_from: same(
            "promotes-from",
            policy.promotes_from.as_ref(),
            local.promotes_from,
        )?,
        requires: requires(policy.requires.as_ref(), local.requires),
        approval: approval_of(policy, local.approval)?,
        break_glass: break_glass::tighten(policy.break_glass.as_ref(), local.break_glass)?,
        place: same("place", policy.place.as_ref(), local.place)?,
        prove: same("prove", policy.prove.as_ref(), local.prove)?,
        traffic: same("traffic", policy.traffic.as_ref(), local.traffic)?,
        targets: same("targets", policy.targets.as_ref(), local.targets)?,
        steps: same("steps", policy.steps.as_ref(), local.steps)?,
        bake: at_least("bake", policy.bake.or(Some(default::BAKE)), local.bake)?,
        watch: at_least("watch", policy.watch, local.watch)?,
        min_requests: at_least(
            "min-requests",
            policy.min_requests.or(Some(default::MIN_REQUESTS)),
            local.min_requests,
        )?,
        look: at_most("look", policy.look, local.look)?,
        on_blind: same("on-blind", policy.on_blind.as_ref(), local.on_blind)?,
        on_inconclusive: same(
            "on-inconclusive",
            policy.on_inconclusive.as_ref(),
            local.on_inconclusive,
        )?,
        patience: at_most("patience", policy.patience, local.patience)?,
        answer_within: at_most("answer-within", policy.answer_within, local.answer_within)?,
        slo: slo(policy.slo, local.slo)?,
        metrics: metrics::metrics(policy, local.metrics)?,
        lease: at_most("lease", policy.lease, local.lease)?,
        sweep: at_most("sweep", policy.sweep, local.sweep)?,
    })
}

/// More may be demanded, never less.
fn requires(
    policy: Option<&Vec<Requirement>>,
    local: Option<Vec<Requirement>>,
) -> Option<Vec<Requirement>> {
    let mut all = policy.cloned().unwrap_or_else(Requirement::default_list);
    for requirement in local.into_iter().flatten() {
        if !all.contains(&requirement) {
            all.push(requirement);
        }
    }
    Some(all)
}

/// Where the policy demands an approval it has to say whose, or nobody does.
fn approval_of(
    policy: &Environment,
    local: Option<Approval>,
) -> Result<Option<Approval>, Loosened> {
    let mut demanded = policy.requires.iter().flatten();
    let (policy, local) = match (&policy.approval, local) {
        (None, Some(_)) if demanded.any(|one| one.what == What::Approval) => {
            return Err(loosened("approval", "nothing about it", "set"));
        }
        (policy, None) => return Ok(policy.clone()),
        (None, Some(local)) => {
            // Whoever breaks the glass is asked where the approval says, too.
            at(None, local.at.clone())?;
            return Ok(Some(local));
        }
        (Some(policy), Some(local)) => (policy, local),
    };
    Ok(Some(approval::tighten(policy, local)?))
}

fn slo(policy: Option<Slo>, local: Option<Slo>) -> Result<Option<Slo>, Loosened> {
    let Some(local) = local else {
        return Ok(policy);
    };
    let policy = policy.unwrap_or_default();
    let margin = policy.margin.unwrap_or(default::MARGIN);
    let spread = policy.spread.unwrap_or(default::SPREAD);
    Ok(Some(Slo {
        availability: at_least("slo.availability", policy.availability, local.availability)?,
        // A smaller alpha would let more bad canaries through, a larger one
        // would stop more good ones: neither is for the change to choose.
        alpha: same(
            "slo.alpha",
            policy.alpha.or(Some(default::ALPHA)).as_ref(),
            local.alpha,
        )?,
        margin: at_most("slo.margin", Some(margin), local.margin)?,
        spread: at_most("slo.spread", Some(spread), local.spread)?,
    }))
}

fn allow(policy: Allow, local: Allow) -> Result<Allow, Loosened> {
    Ok(Allow {
        observe: no_more("allow.observe", policy.observe, local.observe)?,
        adopt: no_more("allow.adopt", policy.adopt, local.adopt)?,
        break_glass: no_more("allow.break-glass", policy.break_glass, local.break_glass)?,
    })
}

fn no_more(
    field: &str,
    policy: Option<bool>,
    local: Option<bool>,
) -> Result<Option<bool>, Loosened> {
    match (policy, local) {
        (Some(false), Some(true)) => Err(loosened(field, false, true)),
        (policy, local) => Ok(local.or(policy)),
    }
}

/// What the policy switches on stays on.
pub(super) fn no_less(
    field: &str,
    policy: Option<bool>,
    local: Option<bool>,
) -> Result<Option<bool>, Loosened> {
    match (policy, local) {
        (Some(true), Some(false)) => Err(loosened(field, true, false)),
        (policy, local) => Ok(local.or(policy)),
    }
}

pub(super) fn at_least<T: Copy + PartialOrd + std::fmt::Display>(
    field: &str,
    policy: Option<T>,
    local: Option<T>,
) -> Result<Option<T>, Loosened> {
    match (policy, local) {
        (Some(policy), Some(local)) if local < policy => Err(loosened(field, policy, local)),
        (policy, local) => Ok(local.or(policy)),
    }
}

pub(super) fn at_most<T: Copy + PartialOrd + std::fmt::Display>(
    field: &str,
    policy: Option<T>,
    local: Option<T>,
) -> Result<Option<T>, Loosened> {
    match (policy, local) {
        (Some(policy), Some(local)) if local > policy => Err(loosened(field, policy, local)),
        (policy, local) => Ok(local.or(policy)),
    }
}

/// Neither side is tighter: what the policy says may be repeated, not changed.
pub(super) fn same<T: Clone + PartialEq>(
    field: &str,
    policy: Option<&T>,
    local: Option<T>,
) -> Result<Option<T>, Loosened> {
    match (policy, local) {
        (Some(policy), Some(local)) if *policy != local => {
            Err(loosened(field, "something else", "set"))
        }
        (Some(policy), _) => Ok(Some(policy.clone())),
        (None, local) => Ok(local),
    }
}

/// Where things are kept: another state knows no hold, no reject and no
/// approval that was used up, so the change may not choose it.
fn place(
    field: &str,
    policy: Option<&String>,
    local: Option<String>,
) -> Result<Option<String>, Loosened> {
    match (policy, local) {
        (None, Some(local)) => Err(loosened(field, "nothing about it", local)),
        (policy, local) => same(field, policy, local),
    }
}

/// The policy alone may say who is trusted.
fn owned<T: Clone>(
    field: &str,
    policy: Option<&T>,
    local: Option<&T>,
) -> Result<Option<T>, Loosened> {
    match local {
        None => Ok(policy.cloned()),
        Some(_) => Err(loosened(field, "who is trusted", "set as well")),
    }
}

pub(super) fn loosened(
    field: &str,
    policy: impl std::fmt::Display,
    local: impl std::fmt::Display,
) -> Loosened {
    Loosened {
        field: field.to_owned(),
        policy: policy.to_string(),
        local: local.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const POLICY: &str = "
version: 1
state: file:s
trust: []
people: { alice: {}, bob: {} }
allow: { observe: false, break-glass: false }
environments:
  production:
    requires: [signature, approval]
    approval: { quorum: 2, people: [alice, bob], expires: 24h }
    steps: [5%, 100%]
    bake: 10m
    slo: { availability: 99%, margin: 1.25 }
";

    fn merged(local: &str) -> Result<Service, String> {
        let policy = parse(POLICY, None).unwrap();
        let local = parse(&format!("version: 1\n{local}"), None).unwrap();
        tighten(&policy, local).map_err(|loosened| loosened.field)
    }

    #[test]
    fn a_silent_file_gets_the_policy() {
        let service = merged("service: shop").unwrap();
        assert_eq!(service.state.as_deref(), Some("file:s"));
        assert_eq!(
            service.environments["production"]
                .steps
                .as_ref()
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn the_tighter_side_is_open() {
        let service = merged(
            "environments: { production: { bake: 20m, requires: [provenance], \
             slo: { availability: 99.9%, margin: 1.1, spread: 5% } } }",
        )
        .unwrap();
        let production = &service.environments["production"];
        assert_eq!(production.requires.as_ref().unwrap().len(), 3);
        assert_eq!(production.bake.unwrap().to_string(), "20m");
    }

    #[test]
    fn no_field_can_be_loosened() {
        let cases = [
            ("state: file:other", "state"),
            ("trust: []", "trust"),
            ("people: { mallory: {} }", "people"),
            ("accept: []", "accept"),
            ("sigstore: { trusted-root: mine.json }", "sigstore"),
            ("allow: { observe: true }", "allow.observe"),
            ("allow: { break-glass: true }", "allow.break-glass"),
            ("environments: { prod: {} }", "environments.prod"),
            (
                "environments: { production: { bake: 1m } }",
                "environments.production.bake",
            ),
            (
                "environments: { production: { steps: [50%, 100%] } }",
                "environments.production.steps",
            ),
            (
                "environments: { production: { approval: { quorum: 1, people: [alice] } } }",
                "environments.production.approval.quorum",
            ),
            (
                "environments: { production: { approval: { quorum: 2, people: [alice, eve] } } }",
                "environments.production.approval.people",
            ),
            (
                "environments: { production: { slo: { availability: 90% } } }",
                "environments.production.slo.availability",
            ),
            (
                "environments: { production: { slo: { margin: 2.0 } } }",
                "environments.production.slo.margin",
            ),
            (
                "environments: { production: { slo: { spread: 11% } } }",
                "environments.production.slo.spread",
            ),
        ];
        for (local, field) in cases {
            assert_eq!(merged(local), Err(field.to_owned()), "{local}");
        }
    }

    #[test]
    fn where_the_policy_is_silent_the_file_cannot_go_below_the_default() {
        let silent = "version: 1\nenvironments: { p: {}, q: { requires: [approval] }, \
                      r: { approval: { quorum: 1, people: [alice] } } }";
        let policy = parse(silent, None).unwrap();
        let merged = |local: &str| {
            let local = parse(&format!("version: 1\n{local}"), None).unwrap();
            tighten(&policy, local).map_err(|loosened| loosened.field)
        };
        let none = merged("environments: { p: { requires: [] } }").unwrap();
        let name: Name = "p".parse().unwrap();
        let demanded = none.environments[&name].requires.clone();
        assert_eq!(demanded, Some(Requirement::default_list()));
        let cases = [
            ("state: file:fresh", "state"),
            ("ledger: file:fresh", "ledger"),
            ("evidence: file:fresh", "evidence"),
            ("environments: { p: { bake: 1s } }", "environments.p.bake"),
            (
                "environments: { p: { min-requests: 0 } }",
                "environments.p.min-requests",
            ),
            (
                "environments: { p: { slo: { margin: 10 } } }",
                "environments.p.slo.margin",
            ),
            (
                "environments: { p: { slo: { alpha: 0.01% } } }",
                "environments.p.slo.alpha",
            ),
            (
                "environments: { p: { approval: { quorum: 1, people: [alice], at: ['github:mallory/fork'] } } }",
                "environments.p.approval.at",
            ),
            (
                "environments: { q: { approval: { quorum: 1, people: [alice] } } }",
                "environments.q.approval",
            ),
            (
                "environments: { r: { approval: { quorum: 1, people: [alice], expires: 48h } } }",
                "environments.r.approval.expires",
            ),
        ];
        for (local, field) in cases {
            assert_eq!(merged(local), Err(field.to_owned()), "{local}");
        }
        let tighter = "environments: { p: { bake: 20m, requires: [approval], \
                       approval: { quorum: 1, people: [alice] } } }";
        assert_eq!(
            merged(tighter).unwrap().environments[&name]
                .requires
                .as_ref()
                .unwrap()
                .len(),
            2
        );
    }
}
