//! Everything a plan reaches: rules, stores and counterparts of one environment.

use std::path::PathBuf;
use std::time::Duration;

use liftlock::ci;
use liftlock::config::effective::{Environment, Rules};
use liftlock::failure::Failure;
use liftlock::record::Actor;
use liftlock_io::evidence::Evidence;
use liftlock_io::http::{self, Client};
use liftlock_io::ledger::Ledger;
use liftlock_io::store::{self, Store};

use crate::foreign::Brought;

/// One environment with everything around it.
#[derive(Debug)]
pub struct World {
    /// The rules of the service.
    pub rules: Rules,
    /// The rules of the environment.
    pub environment: Environment,
    /// Where the truth about now is.
    pub state: Box<dyn Store>,
    /// Where evidence is.
    pub evidence: Evidence,
    /// Where history is.
    pub ledger: Ledger,
    /// Who acts, as records tell it.
    pub actor: Actor,
    /// By whom the CI run came about; nobody where no CI says so.
    pub actors: Vec<ci::Actor>,
    /// A link to the run.
    pub run_url: Option<String>,
    /// Certificate authorities to trust as well.
    pub ca_file: Option<PathBuf>,
    /// What is at hand beside the evidence store.
    pub brought: Brought,
}

impl World {
    /// Opens the stores that the rules name.
    ///
    /// # Errors
    ///
    /// Fails when a name is no location of a store.
    pub fn open(rules: Rules, environment: Environment, actor: Actor) -> Result<Self, Failure> {
        Ok(Self {
            state: store::open(&rules.state)?,
            evidence: Evidence::open(&rules.evidence)?,
            ledger: Ledger::open(&rules.ledger)?,
            rules,
            environment,
            actor,
            actors: Vec::new(),
            run_url: None,
            ca_file: None,
            brought: Brought::default(),
        })
    }

    /// A client for this world's counterparts.
    ///
    /// # Errors
    ///
    /// Fails when the file with authorities cannot be used.
    pub fn client(&self) -> Result<Client, http::Error> {
        Client::new(&self.options())
    }

    /// How this world's counterparts are reached.
    pub(crate) fn options(&self) -> http::Options {
        http::Options {
            ca_file: self.ca_file.clone(),
            timeout: Duration::from_secs(60),
        }
    }
}
