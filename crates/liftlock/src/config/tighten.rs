//! Merges a policy with a file that it governs: every field has a tighter
//! direction, and the file may only go that way.

use std::collections::BTreeMap;

use super::environment::{Approval, Environment, Slo};
use super::requirement::Requirement;
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
        state: same("state", policy.state.as_ref(), local.state)?,
        ledger: same("ledger", policy.ledger.as_ref(), local.ledger)?,
        evidence: same("evidence", policy.evidence.as_ref(), local.evidence)?,
        trust: owned("trust", policy.trust.as_ref(), local.trust.as_ref())?,
        people: owned("people", policy.people.as_ref(), local.people.as_ref())?,
        allow: Some(allow(
            policy.allow.unwrap_or_default(),
            local.allow.unwrap_or_default(),
        )?),
        environments: environments(&policy.environments, local.environments)?,
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
        approval: approval(policy.approval.as_ref(), local.approval)?,
        place: same("place", policy.place.as_ref(), local.place)?,
        prove: same("prove", policy.prove.as_ref(), local.prove)?,
        traffic: same("traffic", policy.traffic.as_ref(), local.traffic)?,
        targets: same("targets", policy.targets.as_ref(), local.targets)?,
        steps: same("steps", policy.steps.as_ref(), local.steps)?,
        bake: at_least("bake", policy.bake, local.bake)?,
        watch: at_least("watch", policy.watch, local.watch)?,
        min_requests: at_least("min-requests", policy.min_requests, local.min_requests)?,
        look: at_most("look", policy.look, local.look)?,
        on_blind: same("on-blind", policy.on_blind.as_ref(), local.on_blind)?,
        on_inconclusive: same(
            "on-inconclusive",
            policy.on_inconclusive.as_ref(),
            local.on_inconclusive,
        )?,
        slo: slo(policy.slo, local.slo)?,
        metrics: same("metrics", policy.metrics.as_ref(), local.metrics)?,
        lease: at_most("lease", policy.lease, local.lease)?,
    })
}

/// More may be demanded, never less.
fn requires(
    policy: Option<&Vec<Requirement>>,
    local: Option<Vec<Requirement>>,
) -> Option<Vec<Requirement>> {
    let Some(policy) = policy else { return local };
    let mut all = policy.clone();
    let more = local.into_iter().flatten();
    all.extend(more.filter(|requirement| !policy.contains(requirement)));
    Some(all)
}

fn approval(
    policy: Option<&Approval>,
    local: Option<Approval>,
) -> Result<Option<Approval>, Loosened> {
    let (policy, local) = match (policy, local) {
        (Some(policy), Some(local)) => (policy, local),
        (policy, local) => return Ok(local.or_else(|| policy.cloned())),
    };
    if let Some(stranger) = local
        .people
        .iter()
        .find(|name| !policy.people.contains(name))
    {
        return Err(Loosened {
            field: "approval.people".to_owned(),
            policy: "without them".to_owned(),
            local: format!("with {stranger}"),
        });
    }
    let quorum = at_least("approval.quorum", Some(policy.quorum), Some(local.quorum))?;
    Ok(Some(Approval {
        quorum: quorum.unwrap_or(policy.quorum),
        people: local.people,
        expires: at_most("approval.expires", policy.expires, local.expires)?,
    }))
}

fn slo(policy: Option<Slo>, local: Option<Slo>) -> Result<Option<Slo>, Loosened> {
    let (policy, local) = match (policy, local) {
        (Some(policy), Some(local)) => (policy, local),
        (policy, local) => return Ok(local.or(policy)),
    };
    Ok(Some(Slo {
        availability: at_least("slo.availability", policy.availability, local.availability)?,
        // A smaller alpha would let more bad canaries through, a larger one
        // would stop more good ones: neither is for the change to choose.
        alpha: same("slo.alpha", policy.alpha.as_ref(), local.alpha)?,
        margin: match (policy.margin, local.margin) {
            (Some(policy), Some(local)) if local > policy => {
                return Err(loosened("slo.margin", policy, local));
            }
            (policy, local) => local.or(policy),
        },
    }))
}

fn allow(policy: Allow, local: Allow) -> Result<Allow, Loosened> {
    Ok(Allow {
        observe: no_more("allow.observe", policy.observe, local.observe)?,
        adopt: no_more("allow.adopt", policy.adopt, local.adopt)?,
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

fn at_least<T: Copy + PartialOrd + std::fmt::Display>(
    field: &str,
    policy: Option<T>,
    local: Option<T>,
) -> Result<Option<T>, Loosened> {
    match (policy, local) {
        (Some(policy), Some(local)) if local < policy => Err(loosened(field, policy, local)),
        (policy, local) => Ok(local.or(policy)),
    }
}

fn at_most<T: Copy + PartialOrd + std::fmt::Display>(
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
fn same<T: Clone + PartialEq>(
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

fn loosened(
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
allow: { observe: false }
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
             slo: { availability: 99.9%, margin: 1.1 } } }",
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
            ("allow: { observe: true }", "allow.observe"),
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
        ];
        for (local, field) in cases {
            assert_eq!(merged(local), Err(field.to_owned()), "{local}");
        }
    }
}
