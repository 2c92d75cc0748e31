//! An instance of Sigstore in one HTTP server: true answers, and scripted faults.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Result;
use liftlock::time::Time;
use serde_json::{Value, json};

use super::authority::{Authority, SctForm};
use super::clock::{self, Clock};
use super::fault::{Fault, Script, Service};
use super::key::Curve;
use super::rekor::{V1, V2};
use super::root::{self, LogVersion};
use super::services::{HOST, JOB_SECRET, JOB_TOKENS, Services};
use super::stamp::Stamps;
use super::token::{Identity, Mint};
use crate::http::{Answer, Server};
use crate::wire::Request;

/// How an instance is made.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The time of all its services; the present unless it is set.
    pub clock: Clock,
    /// Where Fulcio's promise of the log of certificates is.
    pub sct: SctForm,
    /// The key of the timestamp authority: P-256 or P-384.
    pub stamps: Curve,
}

/// One request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `GET` or `POST`.
    pub method: String,
    /// Without its query.
    pub path: String,
}

/// Documents on disk.
#[derive(Clone, Debug)]
pub struct Files {
    /// `trusted_root.json`.
    pub trusted_root: PathBuf,
    /// `signing_config.json`, for Rekor v1.
    pub signing_config: PathBuf,
    /// `signing_config_rekor_v2.json`.
    pub signing_config_v2: PathBuf,
    /// `trust_config.json` and `trust_config_rekor_v2.json`: root and services
    /// in one, for `sigstore --trust-config`.
    pub trust_config: PathBuf,
    /// The same for Rekor v2.
    pub trust_config_v2: PathBuf,
}

/// A running instance, until it is dropped.
#[derive(Debug)]
pub struct Loopback {
    server: Server,
    services: Arc<Mutex<Services>>,
    script: Script,
    clock: Clock,
    start: Time,
    mint: Arc<Mint>,
}

impl Loopback {
    /// Starts it on a free port.
    ///
    /// # Errors
    ///
    /// Fails when there is no free port.
    pub fn start(settings: &Settings) -> Result<Self> {
        let script = Script::default();
        // Its issuer's name holds its port, so that its services come after it.
        let slot = Arc::new(OnceLock::<Arc<Mutex<Services>>>::new());
        let (filled, faults) = (Arc::clone(&slot), script.clone());
        let server = Server::start(move |request| match slot.get() {
            None => Answer::new(503),
            Some(services) => {
                let mut services = services.lock().unwrap_or_else(PoisonError::into_inner);
                services.answer(request, &faults)
            }
        })?;
        let clock = settings.clock.clone();
        let now = clock.now();
        let mint = Arc::new(Mint::new(&server.url(""))?);
        let services = Services {
            mint: Arc::clone(&mint),
            clock: clock.clone(),
            authority: Authority::new(now, settings.sct)?,
            v1: V1::new(HOST, now)?,
            v2: V2::new(HOST)?,
            stamps: Stamps::new(now, settings.stamps)?,
        };
        let services = Arc::new(Mutex::new(services));
        let services = Arc::clone(filled.get_or_init(|| services));
        // A day for tests that go back in time.
        let start = clock::whole(clock::before(now, 24 * 3600));
        Ok(Self {
            server,
            services,
            script,
            clock,
            start,
            mint,
        })
    }

    /// The base URL of Fulcio, of both Rekors and of the issuer.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url("")
    }

    /// The full URL of the timestamp authority.
    #[must_use]
    pub fn stamps_url(&self) -> String {
        self.server.url("/api/v1/timestamp")
    }

    /// The time of its services.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// An identity token of its issuer.
    ///
    /// # Errors
    ///
    /// Fails when the system has no randomness.
    pub fn token(&self, identity: &Identity) -> Result<String> {
        self.mint.token(identity, self.clock.now())
    }

    /// `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` of a
    /// job of that repository: `OWNER/NAME`.
    #[must_use]
    pub fn job(&self, repository: &str) -> [(&'static str, String); 2] {
        let url = format!("{JOB_TOKENS}?repository={repository}&api-version=2.0");
        [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", self.server.url(&url)),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", JOB_SECRET.to_owned()),
        ]
    }

    /// Lets that many of the next requests go wrong, after those scripted before.
    ///
    /// # Panics
    ///
    /// Panics when the service cannot tell that lie.
    pub fn next(&self, service: Service, requests: usize, fault: &Fault) {
        self.script.next(service, requests, fault);
    }

    /// Lets every request go wrong until [`Self::heal`], after those scripted one
    /// by one.
    ///
    /// # Panics
    ///
    /// Panics when the service cannot tell that lie.
    pub fn until_healed(&self, service: Service, fault: &Fault) {
        self.script.until_healed(service, fault);
    }

    /// Forgets all faults of a service.
    pub fn heal(&self, service: Service) {
        self.script.heal(service);
    }

    /// What was asked so far, in order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let all = self.server.requests();
        all.iter().map(Call::of).collect()
    }

    /// What one service was asked so far.
    #[must_use]
    pub fn calls_of(&self, service: Service) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| Service::of(&call.path) == Some(service));
        calls
    }

    /// The requests themselves, with headers and bodies.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// How many entries clients have made in a log.
    #[must_use]
    pub fn entries(&self, version: LogVersion) -> usize {
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        match version {
            LogVersion::V1 => services.v1.log().entries(),
            LogVersion::V2 => services.v2.log().entries(),
        }
    }

    /// Keys and certificates of all its services.
    #[must_use]
    pub fn trusted_root(&self) -> Value {
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let (url, start) = (self.url(), self.start);
        let (v1, v2) = (services.v1.log(), services.v2.log());
        let ct_log = services.authority.ct_log();
        let fulcio = services.authority.chain();
        let stamps = services.stamps.chain();
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                root::log(&url, v1.key(), v1.id(), start),
                root::log(&url, v2.key(), v2.id(), start),
            ],
            "certificateAuthorities": [
                root::authority(&url, "loopback intermediate", fulcio, start),
            ],
            "ctlogs": [root::log(&format!("{url}/ct"), ct_log, ct_log.id(), start)],
            "timestampAuthorities": [
                root::authority(&self.stamps_url(), "loopback stamps", stamps, start),
            ],
        })
    }

    /// Where its services are, with one of its logs.
    #[must_use]
    pub fn signing_config(&self, version: LogVersion) -> Value {
        root::signing_config(&self.url(), version, self.start)
    }

    /// Writes all documents into a folder.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Files> {
        let write = |name: &str, document: &Value| -> Result<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, document.to_string())?;
            Ok(path)
        };
        let root = self.trusted_root();
        let [v1, v2] = [LogVersion::V1, LogVersion::V2].map(|version| self.signing_config(version));
        let both = |config: &Value| {
            json!({
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": root,
                "signingConfig": config,
            })
        };
        Ok(Files {
            trusted_root: write("trusted_root.json", &root)?,
            signing_config: write("signing_config.json", &v1)?,
            signing_config_v2: write("signing_config_rekor_v2.json", &v2)?,
            trust_config: write("trust_config.json", &both(&v1))?,
            trust_config_v2: write("trust_config_rekor_v2.json", &both(&v2))?,
        })
    }
}

impl Call {
    fn of(request: &Request) -> Self {
        Self {
            method: request.method.clone(),
            path: request.path().to_owned(),
        }
    }
}
