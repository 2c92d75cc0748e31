//! What a protected policy does not let flags change.

use std::path::PathBuf;

use liftlock::canary::Policy;
use liftlock::failure::{Failure, Kind};
use liftlock::percent::Percent;

use super::{Settings, loosens, origin};
use crate::args::{Place, Proof, Run};

/// The most bad requests of a probe under a protected policy: the default.
const MOST_PROBES: u16 = 3;

impl Settings {
    pub(super) fn refuse_looser(&self, policy: &Policy, proof: &Proof) -> Result<(), Failure> {
        let Some(environment) = self.protected() else {
            return Ok(());
        };
        let default = Policy::default();
        let another_risk = f64::from(policy.alpha).to_bits() != environment.alpha.to_bits();
        // An objective of one's own would stand in for the baseline.
        let weak = |flag| environment.availability.is_none_or(|policy| flag < policy);
        let checks = [
            ("alpha", another_risk),
            ("beta", policy.beta > default.beta),
            ("margin", policy.margin.ratio() > environment.margin),
            ("spread", Percent::from(policy.spread) > environment.spread),
            // Too short or too long, most of the risk is never spent in time.
            ("horizon", policy.horizon != environment.horizon()),
            ("pass-margin", policy.pass_margin > default.pass_margin),
            (
                "min-requests",
                policy.sample.requests < environment.min_requests,
            ),
            ("bake", policy.sample.time < environment.bake),
            ("slo", proof.slo.is_some_and(weak)),
            ("rate", proof.rate),
            ("warm-up", policy.warm_up > default.warm_up),
            (
                "max-staleness",
                policy.max_staleness > default.max_staleness,
            ),
        ];
        match checks.into_iter().find(|(_, looser)| *looser) {
            None => Ok(()),
            Some((flag, _)) => Err(loosens(flag)),
        }
    }

    /// Where a protected policy names the numbers, no flag names others.
    pub(super) fn refuse_other_numbers(&self, place: &Place) -> Result<(), Failure> {
        let Some(environment) = self.protected() else {
            return Ok(());
        };
        let Some(metrics) = &environment.metrics else {
            return Ok(());
        };
        let (provider, written) = metrics.source().unzip();
        let slots = environment.slots.as_ref();
        let place_ = origin(place);
        let elsewhere = place_.as_ref().is_some_and(|origin| {
            Some(origin.provider) != provider
                || Some(&origin.url) != written.map(|found| &found.url)
        });
        let differs = |flag: &Option<String>, written: Option<&str>| {
            flag.as_deref().is_some_and(|flag| Some(flag) != written)
        };
        let checks = [
            (
                match place.source {
                    Some(_) => "source",
                    None => "prometheus",
                },
                elsewhere,
            ),
            (
                "total",
                differs(&place.total, written.map(|found| found.total.as_str())),
            ),
            (
                "bad",
                differs(&place.bad, written.map(|found| found.bad.as_str())),
            ),
            (
                "baseline-slot",
                differs(
                    &place.baseline_slot,
                    slots.map(|slots| slots.stable.as_str()),
                ),
            ),
            (
                "canary-slot",
                differs(&place.canary_slot, slots.map(|slots| slots.canary.as_str())),
            ),
        ];
        match checks.into_iter().find(|(_, differs)| *differs) {
            None => Ok(()),
            Some((flag, _)) => Err(loosens(flag)),
        }
    }

    /// Further metrics would take risk away from those of a protected policy.
    pub(super) fn refuse_further(&self, metrics: Option<&PathBuf>) -> Result<(), Failure> {
        match (self.protected(), metrics) {
            (Some(_), Some(_)) => Err(loosens("metrics")),
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// Each probe leaves some rows out, and one a look could leave out all.
    pub(crate) fn refuse_repeated_probe(&self, args: &Run) -> Result<(), Failure> {
        let probing = &args.probing;
        let looser = [
            ("probe", args.resume.is_some() && probing.probe.is_some()),
            // As many bad requests, and as much time, are left out.
            ("probe-count", probing.probe_count > MOST_PROBES),
            ("probe-within", probing.probe_within.is_some()),
        ];
        let looser = looser.into_iter().find(|(_, looser)| *looser);
        match (self.protected(), looser) {
            (Some(_), Some((flag, _))) => Err(loosens(flag)),
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// Values of anything would stand in for what the policy has counted.
    pub(crate) fn refuse_values(&self) -> Result<(), Failure> {
        match self.protected() {
            Some(_) => Err(loosens("values")),
            None => Ok(()),
        }
    }

    /// A state that nobody signed could say anything about the canary.
    pub(crate) fn refuse_unsigned(&self, args: &Run) -> Result<(), Failure> {
        match (self.protected(), &args.resume, &args.about.signing.key) {
            (Some(_), Some(_), None) => {
                let message = "`--resume` would loosen the policy: nobody signs the file";
                Err(Failure::new(Kind::Invalid, message)
                    .with_hint("give `--key` and `--release`, so that the state is signed"))
            }
            (Some(_), Some(_), Some(_)) | (Some(_), None, _) | (None, _, _) => Ok(()),
        }
    }
}
