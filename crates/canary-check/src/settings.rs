//! What holds in this run: flags over configuration over defaults, and never
//! looser than a protected policy.

mod protect;

use std::path::PathBuf;

use liftlock::canary::sight::Shift;
use liftlock::canary::{Against, PassBy, Policy, Sample};
use liftlock::config::effective::{Environment, Rules};
use liftlock::config::metrics::{Counters, Origin, Provider};
use liftlock::config::target::Slots;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::report::{PolicyOrigin, Report};
use liftlock::span::Span;
use liftlock::state::Document;
use liftlock::telemetry::several::Reading;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::telemetry::Source;
use liftlock_io::{env, store};

use crate::args::{Place, Proof};
use crate::attest::Kept;
use crate::further::List;
use crate::html::{self, Page, Section};
use crate::render;
use crate::run::Judged;

/// The rules around one run.
pub(crate) struct Settings {
    pub(crate) rules: Option<Rules>,
    pub(crate) environment: Option<Environment>,
    name: Option<Name>,
}

impl Settings {
    /// Reads the configuration, where there is one.
    pub(crate) fn read(session: &Session, environment: Option<&Name>) -> Result<Self, Failure> {
        let rules = session.rules()?;
        let found = match (&rules, environment) {
            (Some(rules), Some(name)) => {
                let found = rules
                    .environment(name)
                    .map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?;
                let mut found = found.clone();
                if let Some(slots) = live_slots(rules, &found, session)? {
                    found.slots = Some(slots);
                }
                Some(found)
            }
            (Some(_) | None, _) => None,
        };
        Ok(Self {
            rules,
            environment: found,
            name: environment.cloned(),
        })
    }

    /// Service, environment and whose rules, into a report.
    pub(crate) fn label(&self, report: Report) -> Report {
        let service = self.rules.as_ref().map(|rules| rules.service.clone());
        // Without an environment the flags alone decided, whatever the rules say.
        let ruled = self.rules.as_ref().filter(|_| self.environment.is_some());
        let origin = ruled.map_or(PolicyOrigin::None, |rules| rules.origin);
        report
            .with_scope(service, self.name.clone())
            .with_policy(origin, false)
    }

    /// What a page says about a run.
    pub(crate) fn page<'a>(&'a self, judged: &'a Judged, kept: Option<&'a Kept>) -> Page<'a> {
        let ruled = self.rules.as_ref().map(|rules| &rules.service);
        Page {
            verdict: judged.judgement.verdict,
            why: render::headline(&judged.judgement),
            service: kept.map(|kept| &kept.service).or(ruled),
            environment: self.name.as_ref(),
            release: kept.map(|kept| kept.release),
            attestation: kept.map(|kept| kept.bundle),
            asked: &judged.asked,
            evidence: &judged.evidence,
            sections: Section::all(judged),
            places: html::places::all(judged),
        }
    }

    /// The digest of the policy, or of the rules that the flags make.
    pub(crate) fn policy_digest(&self, policy: &Policy) -> Digest {
        match &self.rules {
            Some(rules) => rules.policy,
            None => Digest::of(&serde_json::to_vec(policy).unwrap_or_default()),
        }
    }

    /// How the canary is judged.
    pub(crate) fn policy(&self, proof: &Proof, interval: Option<Span>) -> Result<Policy, Failure> {
        let policy = self.draft(proof, interval)?;
        self.refuse_looser(&policy, proof)?;
        Ok(policy)
    }

    /// As [`Settings::policy`], where nothing will be judged.
    pub(crate) fn draft(&self, proof: &Proof, interval: Option<Span>) -> Result<Policy, Failure> {
        let against = match proof.slo {
            Some(_) if proof.rate => {
                let message = "`--rate` compares with a baseline, and `--slo` has none";
                return Err(Failure::new(Kind::Usage, message).with_hint("give one of them"));
            }
            Some(promised) => Against::slo(promised)?,
            None => Against::Baseline,
        };
        let base = match &self.environment {
            Some(environment) => Policy::of(environment, against, Span::ZERO)?,
            None => Policy::default(),
        };
        let staleness = interval.map_or(Policy::default().max_staleness, Policy::staleness);
        Ok(Policy {
            alpha: proof.alpha.unwrap_or(base.alpha),
            beta: proof.beta.unwrap_or(base.beta),
            margin: proof.margin.unwrap_or(base.margin),
            spread: proof.spread.unwrap_or(base.spread),
            // An environment plans for more than one step's bake.
            horizon: match (proof.horizon, &self.environment) {
                (Some(horizon), _) => horizon,
                (None, Some(_)) => base.horizon,
                (None, None) => proof.bake.unwrap_or(base.horizon),
            },
            pass_margin: proof.pass_margin.unwrap_or(base.pass_margin),
            sample: Sample {
                requests: proof.min_requests.unwrap_or(base.sample.requests),
                time: proof.bake.unwrap_or(base.sample.time),
            },
            pass_by: proof.bake.map_or(base.pass_by, |_| PassBy::Sample),
            against,
            unit: proof.unit(),
            warm_up: proof.warm_up.unwrap_or(base.warm_up),
            max_staleness: proof.max_staleness.unwrap_or(staleness),
        })
    }

    /// The environment, where a protected policy rules it.
    pub(crate) fn protected(&self) -> Option<&Environment> {
        let rules = self.rules.as_ref()?;
        self.environment
            .as_ref()
            .filter(|_| rules.origin == PolicyOrigin::Protected)
    }

    /// The file of counts: the flag, else the configuration's.
    pub(crate) fn counts(&self, flag: Option<&PathBuf>) -> Result<PathBuf, Failure> {
        let metrics = |environment: &Environment| environment.metrics.clone();
        let configured = self.environment.as_ref().and_then(metrics);
        let written = configured
            .as_ref()
            .and_then(|metrics| metrics.counts.as_ref());
        let written = written.map(PathBuf::from);
        let named = configured.is_some() && self.protected().is_some();
        if named && flag.is_some() && flag != written.as_ref() {
            return Err(loosens("counts").with_hint(
                "leave the flag out; to repeat a verdict, leave `--environment` out as well",
            ));
        }
        flag.cloned().or(written).ok_or_else(|| {
            Failure::new(Kind::Usage, "`--counts` is missing")
                .with_hint("give a file of counts, or use `run` with Prometheus")
        })
    }

    /// Where the counts come from.
    pub(crate) fn source(&self, place: &Place, policy: &Policy) -> Result<Source, Failure> {
        self.refuse_other_numbers(place)?;
        let configured = self.environment.as_ref();
        let (provider, counters) = self.counters(place)?;
        let slots = configured.and_then(|environment| environment.slots.as_ref());
        let slot = |flag: &Option<String>, name: Option<&Name>| {
            flag.clone().or_else(|| name.map(Name::to_string))
        };
        let baseline = slot(&place.baseline_slot, slots.map(|slots| &slots.stable));
        let canary = slot(&place.canary_slot, slots.map(|slots| &slots.canary));
        let placeholder = [&counters.url, &counters.total, &counters.bad]
            .into_iter()
            .any(|text| text.contains("{slot}"));
        match (policy.against, baseline, canary) {
            (_, _, None) if placeholder => Err(missing("canary-slot")),
            (Against::Baseline, None, _) => Err(missing("baseline-slot")
                .with_hint("give the slot of the known version, or judge against `--slo`")),
            (_, baseline, canary) => {
                let canary = canary.unwrap_or_default();
                let source = Source::new(provider, &counters, baseline.as_deref(), &canary)?;
                Ok(source.with_unit(policy.unit))
            }
        }
    }

    /// What is judged beside the first count: the flag's file, else the list of
    /// the configuration where that has the same kind of source.
    pub(crate) fn further(
        &self,
        place: &Place,
        flag: Option<&PathBuf>,
        against: Against,
    ) -> Result<List, Failure> {
        self.refuse_further(flag)?;
        let by = place.by.clone();
        let reading = Reading {
            slot_label: place.slot_label.as_deref(),
            against,
        };
        if let Some(path) = flag {
            return Ok(List::read(path, reading)?.with(by));
        }
        let metrics = self.environment.as_ref();
        let metrics = metrics.and_then(|environment| environment.metrics.as_ref());
        let written = metrics.and_then(|metrics| metrics.source());
        let flag = origin(place).map(|origin| origin.provider);
        let same = written.is_some_and(|(kind, _)| flag.is_none_or(|flag| flag == kind));
        match metrics.filter(|_| same) {
            Some(metrics) => Ok(List::configured(metrics)?.with(by)),
            None => Ok(List::default().with(by)),
        }
    }

    /// The source and its two queries: the flags, else the configuration's
    /// where that has the same kind of source.
    pub(crate) fn counters(&self, place: &Place) -> Result<(Provider, Counters), Failure> {
        let metrics = self.environment.as_ref();
        let written = metrics
            .and_then(|environment| environment.metrics.as_ref())
            .and_then(|metrics| metrics.source());
        let flag = origin(place);
        let provider = match (&flag, written) {
            (Some(origin), _) => origin.provider,
            (None, Some((provider, _))) => provider,
            (None, None) => return Err(nowhere()),
        };
        let written = written.filter(|(kind, _)| *kind == provider);
        let written = written.map(|(_, counters)| counters);
        let or = |flag: Option<&String>, written: Option<&String>, name: &str| {
            flag.or(written).cloned().ok_or_else(|| missing(name))
        };
        let url = flag.as_ref().map(|origin| &origin.url);
        let counters = Counters {
            url: or(url, written.map(|found| &found.url), "source")?,
            total: or(
                place.total.as_ref(),
                written.map(|found| &found.total),
                "total",
            )?,
            bad: or(place.bad.as_ref(), written.map(|found| &found.bad), "bad")?,
            interval: place.interval.or(written.and_then(|found| found.interval)),
            // What a configuration says is not for the environment to change.
            tenant: match written {
                Some(found) => found.tenant.clone(),
                None if provider.is_prometheus() => env::var(TENANT),
                None => None,
            },
        };
        Ok((provider, counters))
    }
}

/// The variable that names a tenant where no configuration does.
const TENANT: &str = "LIFTLOCK_PROMETHEUS_TENANT";

/// The source that the flags name.
fn origin(place: &Place) -> Option<Origin> {
    let prometheus = place.prometheus.as_ref().map(|url| Origin {
        provider: Provider::Prometheus,
        url: url.clone(),
    });
    place.source.clone().or(prometheus)
}

pub(crate) fn loosens(flag: &str) -> Failure {
    let message = format!("`--{flag}` would loosen the policy");
    Failure::new(Kind::Invalid, message).with_hint("leave the flag out")
}

/// Which slot has which role now: after a promotion they are swapped, and
/// whoever took the configuration's would judge the known version.
fn live_slots(
    rules: &Rules,
    environment: &Environment,
    session: &Session,
) -> Result<Option<Slots>, Failure> {
    if environment.slots.is_none() {
        return Ok(None);
    }
    let timeout = session.remaining(store::TIMEOUT).unwrap_or_default();
    let state = store::open_within(&rules.state, timeout)?;
    let key = Document::key(&rules.service, &environment.name);
    let Some(stored) = state.get(&key)? else {
        return Ok(None);
    };
    match Document::parse(&stored.bytes) {
        Ok(document) => Ok(document.slots),
        Err(error) => {
            let message = format!("cannot understand `{key}` in the state store: {error}");
            Err(Failure::new(Kind::Invalid, message))
        }
    }
}

/// All that has to be said at once, where nothing is.
fn nowhere() -> Failure {
    let message = "nothing says where the counts come from";
    Failure::new(Kind::Usage, message).with_hint(
        "give `--prometheus URL` or `--source KIND:URL` with `--total`, `--bad`, `--baseline-slot` and `--canary-slot`, or `--environment` of a configuration that says them; recorded counts go with `judge --counts FILE`",
    )
}

fn missing(flag: &str) -> Failure {
    Failure::new(Kind::Usage, format!("`--{flag}` is missing")).with_hint(format!(
        "give `--{flag}`, or `--environment` of a configuration that says it"
    ))
}

/// The canary's share of traffic, from the first row on.
pub(crate) fn shifts(proof: &Proof) -> Vec<Shift> {
    let shift = proof.weight.map(|weight| Shift {
        since: Time::EPOCH,
        weight,
    });
    shift.into_iter().collect()
}
