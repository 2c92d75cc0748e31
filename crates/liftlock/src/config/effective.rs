//! What is in force: policy and file merged, defaults filled in.

use std::collections::BTreeMap;

use super::approval::Approval;
use super::break_glass::BreakGlass;
use super::environment::{self, Otherwise, default};
use super::foreign::Accepted;
use super::metrics::Metrics;
use super::pointer::Target;
use super::requirement::Requirement;
use super::target::{Place, Prove, Slots, Traffic};
use super::trust::Keyring;
use super::whole::{self, Unsound};
use super::{Allow, ArtifactKind, Service};
use crate::digest::Digest;
use crate::name::Name;
use crate::percent::Percent;
use crate::report::PolicyOrigin;
use crate::sigstore::anchors::TrustedRoot;
use crate::span::Span;

/// The rules of one service, and where they came from.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The service.
    pub service: Name,
    /// Artifact name → where such artifacts live, where that is said.
    pub artifacts: Option<BTreeMap<Name, ArtifactKind>>,
    /// State store.
    pub state: String,
    /// Ledger store.
    pub ledger: String,
    /// Evidence store.
    pub evidence: String,
    /// Who may make which statements.
    pub trust: Keyring,
    /// What may be loosened.
    pub allow: Allow,
    /// The environments by name.
    pub environments: BTreeMap<Name, Environment>,
    /// The digest of the policy's bytes.
    pub policy: Digest,
    /// Whose rules these are.
    pub origin: PolicyOrigin,
    /// Which statements of others meet which demands.
    pub accept: Vec<Accepted>,
    /// Who vouches for certificates and times.
    pub root: TrustedRoot,
}

/// An environment with nothing left open.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Its name.
    pub name: Name,
    /// Where a release must be known good first.
    pub promotes_from: Option<Name>,
    /// Preconditions.
    pub requires: Vec<Requirement>,
    /// Who has to say yes.
    pub approval: Option<Approval>,
    /// Who may let a release go past gates.
    pub break_glass: Option<BreakGlass>,
    /// How a slot is filled.
    pub place: Option<Place>,
    /// How a slot proves what it serves.
    pub prove: Option<Prove>,
    /// What splits requests.
    pub traffic: Option<Traffic>,
    /// The slots at first contact.
    pub slots: Option<Slots>,
    /// Pointers in order.
    pub targets: Vec<Target>,
    /// Shares of the canary.
    pub steps: Vec<Percent>,
    /// The least time at each step.
    pub bake: Span,
    /// How long the release is judged afterwards.
    pub watch: Span,
    /// The least number of canary requests at each step.
    pub min_requests: u64,
    /// How often a look is taken.
    pub look: Span,
    /// When there is no sight.
    pub on_blind: Otherwise,
    /// When the sample does not come.
    pub on_inconclusive: Otherwise,
    /// How much longer than its bake a step waits for either; without it one
    /// more bake.
    pub patience: Option<Span>,
    /// How long people are asked about either; without it one more bake.
    pub answer_within: Option<Span>,
    /// The promised share of good requests.
    pub availability: Option<Percent>,
    /// The chance of a false alarm over the whole rollout.
    pub alpha: f64,
    /// The odds ratio up to which a canary counts as no worse.
    pub margin: f64,
    /// How much healthy versions differ beside that.
    pub spread: Percent,
    /// Where the numbers come from.
    pub metrics: Option<Metrics>,
    /// How long a lease lasts without a sign of life.
    pub lease: Span,
    /// How often `promote sweep` is scheduled, where that is said.
    pub sweep: Option<Span>,
}

impl Rules {
    /// Fills in the defaults of a merged configuration.
    ///
    /// # Errors
    ///
    /// Fails where there is no default, which is the name of the service.
    pub fn new(merged: Service, policy: Digest, origin: PolicyOrigin) -> Result<Self, Unsound> {
        let environments = merged.environments.into_iter().map(|(name, written)| {
            let environment = Environment::new(name.clone(), written);
            (name, environment)
        });
        let environments = environments.collect();
        Ok(Self {
            service: merged.service.ok_or(Unsound::NoService)?,
            artifacts: merged.artifacts,
            state: or_folder(merged.state, "state"),
            ledger: or_folder(merged.ledger, "ledger"),
            evidence: or_folder(merged.evidence, "evidence"),
            trust: Keyring {
                trusted: merged.trust.unwrap_or_default(),
                people: merged.people.unwrap_or_default(),
            },
            allow: merged.allow.unwrap_or_default(),
            environments,
            policy,
            origin,
            accept: merged.accept.unwrap_or_default(),
            root: merged.sigstore.unwrap_or_default().in_force(),
        })
    }

    /// Refuses rules of which the whole cannot work.
    ///
    /// # Errors
    ///
    /// Fails with what cannot, in whichever environment.
    pub fn check(&self) -> Result<(), Unsound> {
        whole::check(&self.environments)
    }

    /// Every store: its key and where it is.
    #[must_use]
    pub fn stores(&self) -> [(&'static str, &str); 3] {
        [
            ("state", &self.state),
            ("ledger", &self.ledger),
            ("evidence", &self.evidence),
        ]
    }

    /// The rules of one environment.
    ///
    /// # Errors
    ///
    /// Fails when there is none of that name.
    pub fn environment(&self, name: &Name) -> Result<&Environment, NoEnvironment> {
        self.environments.get(name).ok_or_else(|| NoEnvironment {
            wanted: name.clone(),
            known: self
                .environments
                .keys()
                .map(Name::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}

fn or_folder(store: Option<String>, name: &str) -> String {
    store.unwrap_or_else(|| format!("file:.liftlock/{name}"))
}

impl Environment {
    fn new(name: Name, written: environment::Environment) -> Self {
        let slo = written.slo.unwrap_or_default();
        let slots = written.slots().cloned();
        Self {
            name,
            slots,
            promotes_from: written.promotes_from,
            requires: written.requires.unwrap_or_else(Requirement::default_list),
            approval: written.approval,
            break_glass: written.break_glass,
            place: written.place,
            prove: written.prove,
            traffic: written.traffic,
            targets: written.targets.unwrap_or_default(),
            steps: written.steps.unwrap_or_else(default_steps),
            bake: written.bake.unwrap_or(default::BAKE),
            watch: written.watch.unwrap_or(Span::ZERO),
            min_requests: written.min_requests.unwrap_or(default::MIN_REQUESTS),
            look: written.look.unwrap_or(Span::seconds(15)),
            on_blind: written.on_blind.unwrap_or_default(),
            on_inconclusive: written.on_inconclusive.unwrap_or_default(),
            patience: written.patience,
            answer_within: written.answer_within,
            availability: slo.availability,
            alpha: slo.alpha.unwrap_or(default::ALPHA).fraction(),
            margin: slo.margin.unwrap_or(default::MARGIN),
            spread: slo.spread.unwrap_or(default::SPREAD),
            metrics: written.metrics,
            lease: written.lease.unwrap_or(Span::seconds(120)),
            sweep: written.sweep,
        }
    }
}

impl Environment {
    /// How long a rollout is planned to last: each step's bake, and the watch.
    #[must_use]
    pub fn horizon(&self) -> Span {
        let steps = u64::try_from(self.steps.len()).unwrap_or(1);
        let bakes = self.bake.millis().saturating_mul(steps);
        Span::from_millis(bakes.saturating_add(self.watch.millis()))
    }
}

fn default_steps() -> Vec<Percent> {
    ["5%", "25%", "50%", "100%"]
        .iter()
        .filter_map(|step| step.parse().ok())
        .collect()
}

/// The environment is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no environment `{wanted}`: there is {}",
    if known.is_empty() { "none" } else { known }
)]
pub struct NoEnvironment {
    /// What was asked for.
    pub wanted: Name,
    /// What is there.
    pub known: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_says_has_a_documented_default() {
        let text = "version: 1\nservice: shop\nenvironments: { production: {} }\n";
        let service = crate::config::parse(text, None).unwrap();
        let rules = Rules::new(service, Digest::of(b""), PolicyOrigin::Local).unwrap();
        let name: Name = "production".parse().unwrap();
        let production = rules.environment(&name).unwrap();
        let steps: Vec<String> = production.steps.iter().map(Percent::to_string).collect();
        assert_eq!(steps, ["5%", "25%", "50%", "100%"]);
        assert_eq!(production.bake, Span::seconds(600));
        assert_eq!(rules.state, "file:.liftlock/state");
        let other: Name = "prod".parse().unwrap();
        assert!(rules.environment(&other).is_err());
    }
}
