//! One level of a service: what it demands, how it is filled, moved and judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ArtifactKind;
use super::approval::Approval;
use super::break_glass::BreakGlass;
use super::metrics::Metrics;
use super::pointer::{Pointer, Target};
use super::requirement::Requirement;
use super::target::{Place, Prove, Slots, Traffic};
use crate::name::Name;
use crate::percent::Percent;
use crate::span::Span;

/// An environment as it is written; what is absent is decided by
/// [`super::effective::Environment`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Environment {
    /// The environment in which a release must be known good first.
    pub promotes_from: Option<Name>,
    /// Preconditions about the release; default `[signature]`.
    pub requires: Option<Vec<Requirement>>,
    /// Who has to say yes.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<super::approval::Written>")
    )]
    pub approval: Option<Approval>,
    /// Who may let a release go past gates; without it nobody may.
    pub break_glass: Option<BreakGlass>,
    /// How a slot is filled.
    pub place: Option<Place>,
    /// How a slot proves what it serves.
    pub prove: Option<Prove>,
    /// What splits requests between slots.
    pub traffic: Option<Traffic>,
    /// Pointers, moved in this order.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<Vec<super::pointer::Written>>")
    )]
    pub targets: Option<Vec<Target>>,
    /// Shares of the canary, rising to 100 %; default 5, 25, 50, 100 %. A first
    /// one of 0 % is for probes.
    pub steps: Option<Vec<Percent>>,
    /// The least time at each step; default 10m.
    pub bake: Option<Span>,
    /// How long the release is judged after the pointers moved; default 0s.
    pub watch: Option<Span>,
    /// The least number of canary requests at each step; default 100.
    pub min_requests: Option<u64>,
    /// How often a look is taken while baking; default 15s.
    pub look: Option<Span>,
    /// What to do when there is no sight.
    pub on_blind: Option<Otherwise>,
    /// What to do when the sample does not come.
    pub on_inconclusive: Option<Otherwise>,
    /// How much longer than its bake a step waits for sight or a sample; default
    /// one more bake, and at least two looks.
    pub patience: Option<Span>,
    /// How long people are asked what is to happen then; default one bake.
    pub answer_within: Option<Span>,
    /// What the service promises.
    pub slo: Option<Slo>,
    /// Where the numbers come from.
    pub metrics: Option<Metrics>,
    /// How long the right to change the environment lasts without a sign of
    /// life; default 2m.
    pub lease: Option<Span>,
    /// How often `promote sweep` is scheduled; tells how long requests may stay
    /// at a share that nobody judges.
    pub sweep: Option<Span>,
}

/// What happens when sight or sample does not come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// Wait as long as the patience, then go back.
    #[default]
    Wait,
    /// Go back at once when the bake is over.
    Back,
    /// Ask people when the bake is over; without an answer go back.
    Ask,
}

/// What the service promises, and how sure the judge has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Slo {
    /// The share of good requests; judges a first release, which has no baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<Percent>,
    /// The chance of a false alarm over the whole rollout; default 1 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<Percent>,
    /// The odds ratio up to which a canary counts as no worse; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// How much healthy versions differ beside that, as the standard deviation
    /// of the logarithm of their odds ratio; default 10 %, at most 50 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Percent>,
}

/// What holds where nobody says otherwise. A policy that is silent about one
/// of these says this.
pub mod default {
    use super::{Percent, Span};

    /// The least time at each step.
    pub const BAKE: Span = Span::seconds(600);
    /// The least number of canary requests at each step.
    pub const MIN_REQUESTS: u64 = 100;
    /// The chance of a false alarm over the whole rollout.
    pub const ALPHA: Percent = Percent::ONE;
    /// The odds ratio up to which a canary counts as no worse.
    pub const MARGIN: f64 = 1.0;
    /// How much healthy versions differ beside that.
    pub const SPREAD: Percent = Percent::TENTH;
}

type Fault = (&'static str, String);

impl Environment {
    /// Checks what types alone cannot say; the error names the field.
    pub(super) fn check(
        &self,
        artifacts: Option<&BTreeMap<Name, ArtifactKind>>,
    ) -> Result<(), Fault> {
        self.check_steps()?;
        if let Some(approval) = &self.approval {
            approval.check()?;
        }
        if let Some(break_glass) = &self.break_glass {
            break_glass.check()?;
        }
        self.check_ways()?;
        self.check_targets(artifacts)?;
        self.check_slo()
    }

    fn check_slo(&self) -> Result<(), Fault> {
        let slo = self.slo.unwrap_or_default();
        if slo
            .margin
            .is_some_and(|margin| !(1.0..=10.0).contains(&margin))
        {
            return Err(fault("slo.margin", "is an odds ratio: expected 1 to 10"));
        }
        if slo.spread.is_some_and(|spread| spread > Percent::HALF) {
            return Err(fault("slo.spread", "is a deviation: expected 0% to 50%"));
        }
        Ok(())
    }

    fn check_steps(&self) -> Result<(), Fault> {
        let Some(steps) = &self.steps else {
            return Ok(());
        };
        let rises = steps.iter().zip(steps.iter().skip(1)).all(|(a, b)| a < b);
        let ends = steps.last() == Some(&Percent::FULL);
        if rises && ends && steps.len() <= 100 {
            Ok(())
        } else {
            Err(fault("steps", "have to rise to 100%"))
        }
    }

    fn check_ways(&self) -> Result<(), Fault> {
        let one = |ways: &[bool]| ways.iter().filter(|way| **way).count() == 1;
        if let Some(prove) = &self.prove
            && !one(&[
                prove.http.is_some(),
                prove.files.is_some(),
                prove.command.is_some(),
            ])
        {
            return Err(fault("prove", "needs exactly one of http, files, command"));
        }
        if let Some(Err(why)) = self.traffic.as_ref().map(Traffic::check) {
            return Err(fault("traffic", why));
        }
        if self
            .metrics
            .as_ref()
            .is_some_and(|metrics| metrics.ways() != 1)
        {
            return Err(fault(
                "metrics",
                "needs exactly one of counts, prometheus or another source",
            ));
        }
        if let Some(Err(error)) = self.metrics.as_ref().map(Metrics::wanted) {
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
            return Err(fault("metrics.further", &format!("{error}{cause}")));
        }
        let empty = |command: Option<&Vec<String>>| command.is_some_and(Vec::is_empty);
        if empty(self.place.as_ref().map(|place| &place.command)) {
            return Err(fault("place.command", "is empty"));
        }
        if empty(self.prove.as_ref().and_then(|prove| prove.command.as_ref())) {
            return Err(fault("prove.command", "is empty"));
        }
        Ok(())
    }

    fn check_targets(&self, artifacts: Option<&BTreeMap<Name, ArtifactKind>>) -> Result<(), Fault> {
        for target in self.targets.iter().flatten() {
            target.check().map_err(|why| fault("targets", &why))?;
        }
        let Some(artifacts) = artifacts else {
            return Ok(());
        };
        for target in self.targets.iter().flatten() {
            let artifact = match &target.artifact {
                Some(name) => artifacts.get(name.as_str()).map(|kind| (name, kind)),
                None if artifacts.len() == 1 => artifacts.iter().next(),
                None => return Err(fault("targets", "have to name their `artifact`")),
            };
            match (artifact, &target.pointer) {
                (Some((name, ArtifactKind::File)), Pointer::Registry(_)) => {
                    let why = format!("point a tag at `{name}`, which is a file");
                    return Err(fault("targets", &why));
                }
                (Some(_), _) => {}
                (None, _) => return Err(fault("targets", "name an artifact that is not there")),
            }
        }
        Ok(())
    }

    /// The slots at first contact, whatever splits the traffic.
    #[must_use]
    pub fn slots(&self) -> Option<&Slots> {
        Some(self.traffic.as_ref()?.way()?.slots())
    }
}

fn fault(field: &'static str, why: &str) -> Fault {
    (field, why.to_owned())
}
