//! What automatic rules look up: the evidence about a release, and what is live.

use std::collections::BTreeMap;

use liftlock::approval::automatic::{Facts, Tried, look_up};
use liftlock::approval::policy::Policy;
use liftlock::approval::predicate::Approval;
use liftlock::approval::recheck::{Frame, count_again, count_with};
use liftlock::approval::request::Identified;
use liftlock::bundle::Bundle;
use liftlock::chain::{self, Circumstances, Examiner, Item};
use liftlock::config::requirement::Requirement;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::release::Reference;
use liftlock::state::Document;
use liftlock::statement::Statement;
use liftlock::time::Time;
use liftlock_io::verify::Local;

use crate::settings::Settings;

/// What is known about a release beside people's answers.
#[derive(Debug)]
pub(crate) struct Known {
    items: Vec<Item>,
    live: Option<Reference>,
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
            live: None,
        };
        let automatic = policy.approval.automatic.iter().flatten();
        let (Some(rules), Some(_)) = (&settings.rules, automatic.last()) else {
            return Ok(known);
        };
        let examiner = Examiner {
            trust: &rules.trust,
            root: &rules.root,
            verifier: &Local,
            now,
        };
        let bundles = found.iter().map(|(_, bundle)| (bundle.digest(), bundle));
        let bundles: BTreeMap<Digest, &Bundle> = bundles.collect();
        let items = bundles.into_values();
        known.items = items.map(|one| examiner.examine(one.bytes())).collect();
        let key = Document::key(&asked.request.service, &asked.request.environment);
        let stored = settings.state()?.map(|state| state.get(&key)).transpose()?;
        if let Some(stored) = stored.flatten() {
            let document = Document::parse(&stored.bytes).map_err(|error| {
                let message = format!("cannot understand `{key}` in the state store");
                Failure::because(Kind::Invalid, message, error)
            })?;
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
        self.looked_up(asked, settings, now, |facts| {
            let rules = policy.approval.automatic.iter().flatten();
            rules.map(|rule| look_up(rule, facts)).collect()
        })
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
            Some(count_with(statement, frame, Some(facts), now))
        })?;
        Ok(match counted {
            Some(counted) => counted?,
            None => count_again(statement, frame, now)?,
        })
    }

    /// Lets something look facts up, as `promote` does at that moment.
    fn looked_up<T: Default>(
        &self,
        asked: &Identified,
        settings: &Settings,
        now: Time,
        then: impl FnOnce(&Facts<'_>) -> T,
    ) -> Result<T, Failure> {
        let Some(rules) = &settings.rules else {
            return Ok(T::default());
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
        Ok(then(&Facts {
            release: &asked.release,
            live: self.live.as_ref(),
            evidence: &evidence,
        }))
    }
}
