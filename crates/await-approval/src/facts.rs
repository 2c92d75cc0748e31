//! What automatic rules look up: the evidence about a release, and what is live.

use std::collections::BTreeMap;

use liftlock::approval::automatic::{Facts, Tried, look_up, unattested};
use liftlock::approval::policy::Policy;
use liftlock::approval::predicate::Approval;
use liftlock::approval::recheck::{Frame, count_again, count_with};
use liftlock::approval::request::Identified;
use liftlock::bundle::Bundle;
use liftlock::chain::{self, Circumstances, Examiner, Item};
use liftlock::config::effective::Rules;
use liftlock::config::requirement::Requirement;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::release::{self, Reference};
use liftlock::statement::Statement;
use liftlock::time::Time;
use liftlock_io::verify::Local;

use crate::kept;
use crate::settings::Settings;

/// What is known about a release beside people's answers.
#[derive(Debug)]
pub(crate) struct Known {
    items: Vec<Item>,
    /// The release, where a builder attested it.
    release: Option<release::Identified>,
    live: Option<Reference>,
}

/// The release as a builder attested it, or what stands in for a `release.json`
/// that nobody wrote; nothing where whoever asks is the only one who says so.
pub(crate) fn attested(
    asked: &Identified,
    found: &[(Digest, Bundle)],
    (settings, now): (&Settings, Time),
) -> Option<release::Identified> {
    let rules = settings.rules.as_ref()?;
    among(asked, &examined(found, rules, now))
}

fn among(asked: &Identified, items: &[Item]) -> Option<release::Identified> {
    let reference = &asked.request.release;
    if reference.is_foreign() {
        return Some(asked.release.clone());
    }
    chain::attested(items, reference)
}

/// Who made which statement, each checked once.
fn examined(found: &[(Digest, Bundle)], rules: &Rules, now: Time) -> Vec<Item> {
    let examiner = Examiner {
        trust: &rules.trust,
        root: &rules.root,
        verifier: &Local,
        now,
    };
    let bundles = found.iter().map(|(_, bundle)| (bundle.digest(), bundle));
    let bundles: BTreeMap<Digest, &Bundle> = bundles.collect();
    let items = bundles.into_values();
    items.map(|one| examiner.examine(one.bytes())).collect()
}

impl Known {
    /// Checks who made which statement, and reads what is live. Nothing where no
    /// rule would ask.
    pub(crate) fn read(
        asked: &Identified,
        found: &[(Digest, Bundle)],
        (policy, settings): (&Policy, &Settings),
        now: Time,
    ) -> Result<Self, Failure> {
        let mut known = Self {
            items: Vec::new(),
            release: None,
            live: None,
        };
        let automatic = policy.approval.automatic.iter().flatten();
        let (Some(rules), Some(_)) = (&settings.rules, automatic.last()) else {
            return Ok(known);
        };
        known.items = examined(found, rules, now);
        known.release = among(asked, &known.items);
        if let Some(state) = settings.state()? {
            let document = kept::document(asked, state.as_ref())?;
            known.live = document.live.map(|live| live.release);
        }
        Ok(known)
    }

    /// Tries every automatic rule of the policy.
    pub(crate) fn tried(
        &self,
        asked: &Identified,
        (policy, settings): (&Policy, &Settings),
        now: Time,
    ) -> Result<Vec<Tried>, Failure> {
        let rules = || policy.approval.automatic.iter().flatten();
        let tried = self.looked_up(asked, settings, now, |facts| {
            rules().map(|rule| look_up(rule, facts)).collect()
        })?;
        Ok(tried.unwrap_or_else(|| rules().map(unattested).collect()))
    }

    /// Has an approval counted again, by its facts where it rests on them.
    pub(crate) fn counted(
        &self,
        statement: &Statement,
        frame: &Frame<'_>,
        (asked, settings): (&Identified, &Settings),
        now: Time,
    ) -> Result<Approval, Failure> {
        let counted = self.looked_up(asked, settings, now, |facts| {
            count_with(statement, frame, Some(facts), now)
        })?;
        Ok(match counted {
            Some(counted) => counted?,
            None => count_again(statement, frame, now)?,
        })
    }

    /// Lets something look facts up, as `promote` does at that moment; nothing
    /// where no builder attested the release.
    fn looked_up<T>(
        &self,
        asked: &Identified,
        settings: &Settings,
        now: Time,
        then: impl FnOnce(&Facts<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        let (Some(rules), Some(attested)) = (&settings.rules, &self.release) else {
            return Ok(None);
        };
        let environment = rules
            .environment(&asked.request.environment)
            .map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?;
        let around = Circumstances {
            service: &rules.service,
            policy: rules.policy,
            good_before: true,
            rejected: None,
            used: &|_| true,
            approve: &|_| Err("an approval is no evidence for another".to_owned()),
            broken: &|_| Err("nothing is gone past for an approval".to_owned()),
            now,
            accept: &rules.accept,
        };
        let release = &asked.request.release;
        let evidence = |requirement: &Requirement| {
            chain::met(requirement, (environment, release), &self.items, &around)
        };
        Ok(Some(then(&Facts {
            release: attested,
            live: self.live.as_ref(),
            evidence: &evidence,
        })))
    }
}
