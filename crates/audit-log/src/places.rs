//! Opens the stores that flags, policy and configuration name.

use std::time::Duration;

use liftlock::config::effective::Rules;
use liftlock::failure::{Failure, Kind};
use liftlock::report::PolicyOrigin;
use liftlock_io::cli::Session;
use liftlock_io::evidence::Evidence;
use liftlock_io::ledger::Ledger;
use liftlock_io::store::{self, Store};

use crate::args::Stores;

/// Where this run reads and writes.
#[derive(Debug)]
pub(crate) struct Places {
    /// Location of the ledger.
    pub(crate) ledger: String,
    /// Location of the evidence.
    pub(crate) evidence: String,
    /// The rules, where there are any.
    pub(crate) rules: Option<Rules>,
    /// How long one round to a store may take.
    timeout: Duration,
}

impl Places {
    /// Flags win over the configuration; where a policy names the ledger, no
    /// other may be written, which [`Places::ledger_to_write`] sees to.
    pub(crate) fn find(stores: &Stores, session: &Session) -> Result<Self, Failure> {
        // With both places given by flags no configuration is needed.
        let asked = session.config.is_some() || liftlock_io::env::var("LIFTLOCK_POLICY").is_some();
        let rules = if stores.ledger.is_some() && stores.evidence.is_some() && !asked {
            None
        } else {
            session.rules()?
        };
        let place = |flag: &Option<String>, rule: fn(&Rules) -> &String, name: &str| {
            flag.clone()
                .or_else(|| rules.as_ref().map(rule).cloned())
                .unwrap_or_else(|| format!("file:.liftlock/{name}"))
        };
        let ledger = place(&stores.ledger, |rules| &rules.ledger, "ledger");
        let evidence = place(&stores.evidence, |rules| &rules.evidence, "evidence");
        Ok(Self {
            ledger,
            evidence,
            rules,
            timeout: session.remaining(store::TIMEOUT).unwrap_or_default(),
        })
    }

    pub(crate) fn ledger(&self) -> Result<Ledger, Failure> {
        Ok(Ledger::new(self.open(&self.ledger)?))
    }

    pub(crate) fn open(&self, location: &str) -> Result<Box<dyn Store>, Failure> {
        Ok(store::open_within(location, self.timeout)?)
    }

    pub(crate) fn ledger_to_write(&self) -> Result<Ledger, Failure> {
        match &self.rules {
            Some(rules)
                if rules.origin == PolicyOrigin::Protected && rules.ledger != self.ledger =>
            {
                let message = format!(
                    "`--ledger {}` is not the ledger of the policy, `{}`",
                    self.ledger, rules.ledger
                );
                Err(Failure::new(Kind::Invalid, message).with_hint("run without `--ledger`"))
            }
            Some(_) | None => self.ledger(),
        }
    }

    pub(crate) fn evidence(&self) -> Result<Evidence, Failure> {
        Ok(Evidence::new(self.open(&self.evidence)?))
    }

    /// Whose rules the run rests on.
    pub(crate) fn origin(&self) -> PolicyOrigin {
        self.rules
            .as_ref()
            .map(|rules| rules.origin)
            .unwrap_or_default()
    }
}
