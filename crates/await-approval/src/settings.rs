//! The rules around one run: from the configuration, or from flags alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use liftlock::approval::policy::Policy;
use liftlock::approval::request::Request;
use liftlock::config::approval::Approval;
use liftlock::config::effective::{Environment, Rules};
use liftlock::config::trust::{DatedKey, Keyring, Person};
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::report::{PolicyOrigin, Report};
use liftlock::span::Span;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::evidence::Evidence;
use liftlock_io::http;
use liftlock_io::key;
use liftlock_io::ledger::Ledger;
use liftlock_io::store::{self, Store};

use crate::args::Rule;

/// How long a run may take where `--timeout` does not say: GitHub ends jobs then.
const LONGEST: Span = Span::seconds(6 * 3_600);

/// What a request asks people for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// An approval.
    Approval,
    /// To go past gates.
    BreakGlass,
}

impl Asks {
    pub(crate) const fn of(request: &Request) -> Self {
        match request.break_glass {
            Some(_) => Self::BreakGlass,
            None => Self::Approval,
        }
    }
}

/// The rules around one run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) rules: Option<Rules>,
    /// How the network is used.
    pub(crate) options: http::Options,
    /// When this run has to be over.
    pub(crate) deadline: Time,
    timeout: Duration,
}

impl Settings {
    pub(crate) fn read(session: &Session) -> Result<Self, Failure> {
        Ok(Self {
            rules: session.rules()?,
            options: http::Options {
                ca_file: session.ca_file.clone(),
                timeout: store::TIMEOUT,
            },
            deadline: session
                .deadline
                .unwrap_or_else(|| session.started.after(LONGEST)),
            timeout: session.remaining(store::TIMEOUT).unwrap_or_default(),
        })
    }

    /// How answers for an environment are counted, before anybody is excluded.
    pub(crate) fn policy(
        &self,
        environment: &Name,
        flags: &Rule,
        asks: Asks,
    ) -> Result<Policy, Failure> {
        let Some(rules) = &self.rules else {
            return match asks {
                Asks::Approval => from_flags(flags),
                Asks::BreakGlass => Err(Failure::new(
                    Kind::Refuted,
                    "nobody may break the glass without a policy that lets them",
                )
                .with_hint("write `break-glass:` below the environment in a liftlock.yaml")),
            };
        };
        if !flags.people_key.is_empty() {
            let message = "`--people-key` is for runs without a configuration";
            return Err(Failure::new(Kind::Usage, message)
                .with_hint("write the key below `people:`, or give `--no-config`"));
        }
        let found = rules
            .environment(environment)
            .map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?;
        match asks {
            Asks::Approval => approving(found, rules),
            Asks::BreakGlass => breaking(found, rules),
        }
    }

    /// The same as tight as flags make it; without a configuration they alone
    /// made it.
    pub(crate) fn tightened(&self, policy: Policy, flags: &Rule) -> Result<Policy, Failure> {
        if self.rules.is_none() {
            return Ok(policy);
        }
        let people = flags.person.iter().cloned().collect();
        Ok(policy.tighter(flags.quorum, &people)?)
    }

    /// The store of requests, where there is one.
    pub(crate) fn state(&self) -> Result<Option<Box<dyn Store>>, Failure> {
        let rules = self.rules.as_ref();
        rules.map(|rules| self.open(&rules.state)).transpose()
    }

    /// The store of answers and approvals, where there is one.
    pub(crate) fn evidence(&self) -> Result<Option<Evidence>, Failure> {
        let rules = self.rules.as_ref();
        let store = rules.map(|rules| self.open(&rules.evidence)).transpose()?;
        Ok(store.map(Evidence::new))
    }

    /// The ledger, where there is one.
    pub(crate) fn ledger(&self) -> Result<Option<Ledger>, Failure> {
        let rules = self.rules.as_ref();
        let store = rules.map(|rules| self.open(&rules.ledger)).transpose()?;
        Ok(store.map(Ledger::new))
    }

    pub(crate) fn open(&self, location: &str) -> Result<Box<dyn Store>, Failure> {
        Ok(store::open_within(location, self.timeout)?)
    }

    /// Whose rules a report rests on, and whether the ledger has it.
    pub(crate) fn label(&self, report: Report, recorded: Recorded) -> Report {
        let origin = self.rules.as_ref().map(|rules| rules.origin);
        let origin = origin.unwrap_or(PolicyOrigin::None);
        report.with_policy(origin, recorded == Recorded::Yes)
    }

    /// Refuses what belongs to another service than the configuration.
    pub(crate) fn check_service(&self, found: &Name, what: &str) -> Result<(), Failure> {
        match &self.rules {
            Some(rules) if rules.service != *found => {
                let message = format!("{what} is of service `{found}`, not of `{}`", rules.service);
                Err(Failure::new(Kind::Invalid, message))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The rules of an environment for an approval.
fn approving(environment: &Environment, rules: &Rules) -> Result<Policy, Failure> {
    let rule = environment.approval.as_ref().ok_or_else(|| {
        let message = format!("environment `{}` has no `approval` rule", environment.name);
        Failure::new(Kind::Invalid, message).with_hint(
            "write `approval: { quorum: 2, people: [alice, bob] }` below the environment",
        )
    })?;
    Ok(Policy::new(rules.policy, rule, rules.trust.clone()))
}

/// The rules of an environment for going past gates.
fn breaking(environment: &Environment, rules: &Rules) -> Result<Policy, Failure> {
    let approval = environment.approval.as_ref();
    let allowed = environment.break_glass.as_ref();
    let policy = allowed
        .and_then(|allowed| Policy::breaking(rules.policy, allowed, approval, rules.trust.clone()));
    policy.ok_or_else(|| {
        let place = &environment.name;
        let message = format!("the policy lets nobody break the glass in `{place}`");
        Failure::new(Kind::Refuted, message)
            .with_hint("ask without `--break-glass`, and provide what is missing")
    })
}

/// Whether the ledger has a record of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Yes,
    No,
}

fn from_flags(flags: &Rule) -> Result<Policy, Failure> {
    let quorum = flags.quorum.ok_or_else(|| {
        Failure::new(Kind::Usage, "`--quorum` is missing")
            .with_hint("give `--quorum`, `--person` and `--people-key`, or write a liftlock.yaml")
    })?;
    let mut people: BTreeMap<Name, Person> = BTreeMap::new();
    let mut holders = BTreeMap::new();
    for one in &flags.people_key {
        let key = key::public(&one.key)?;
        if let Some(other) = holders.insert(key.id(), &one.person)
            && *other != one.person
        {
            let message = format!("`{other}` and `{}` have the same key", one.person);
            return Err(Failure::new(Kind::Invalid, message));
        }
        let person = people.entry(one.person.clone()).or_default();
        person.keys.push(DatedKey {
            key: Some(key),
            key_file: None,
            valid_from: None,
            valid_until: None,
            revoked_at: None,
        });
    }
    let asked: BTreeSet<Name> = if flags.person.is_empty() {
        people.keys().cloned().collect()
    } else {
        flags.person.iter().cloned().collect()
    };
    if let Some(unknown) = asked.iter().find(|name| !people.contains_key(*name)) {
        let message = format!("`{unknown}` has no key");
        return Err(Failure::new(Kind::Usage, message)
            .with_hint(format!("give `--people-key {unknown}=FILE`")));
    }
    if quorum == 0 || usize::try_from(quorum).is_ok_and(|quorum| quorum > asked.len()) {
        let message = format!("`--quorum {quorum}` of {} people", asked.len());
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("give at least 1, and at most as many as there are people"));
    }
    let named = asked.into_iter().collect();
    let mut approval =
        Approval::of(quorum, named).map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    // Whoever gives the flags gives `--expires` as well: there is nobody
    // above who could limit it.
    approval.expires = Some(Span::seconds(u32::MAX));
    let keyring = Keyring {
        trusted: Vec::new(),
        people,
    };
    Ok(Policy::of_flags(&approval, keyring))
}
