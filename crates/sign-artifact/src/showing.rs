//! Shows signatures to services, as patiently as was asked for.

use std::time::Duration;

use liftlock::bundle::Bundle;
use liftlock::crypto::PublicKey;
use liftlock::failure::{Failure, Kind};
use liftlock::signature::Artifact;
use liftlock::sigstore::verify::{self, Unlogged};
use liftlock::span::Span;
use liftlock_io::cli::Session;
use liftlock_io::keyless::instance::Instance;
use liftlock_io::keyless::privacy::{self, PublicLog};
use liftlock_io::keyless::token::Source;
use liftlock_io::keyless::{self, Missing, Patience, Services, Who};
use liftlock_io::verify::Local;
use liftlock_io::{clock, http};

use crate::args::signing::{self as args, OnOutage};
use crate::pen::Made;
use crate::target::options;

/// How long the services are asked where nobody wants to wait for them.
const SHORT: Span = Span::seconds(15);

/// Who is shown what was signed.
pub(crate) struct Showing {
    pub(crate) services: Services,
    client: http::Client,
    source: Option<Source>,
    instance: Instance,
    on_outage: OnOutage,
    budget: Span,
}

/// Why a signature could not be shown.
pub(crate) enum Unshown {
    /// A log has this very signature.
    Known,
    Failed(Failure),
}

impl Unshown {
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Known => keyless::Error::Conflict(None).into(),
            Self::Failed(failure) => failure,
        }
    }
}

impl<E: Into<Failure>> From<E> for Unshown {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Showing {
    /// Finds the services, and asks them nothing yet. The root is updated when
    /// that is due.
    pub(crate) fn open(asked: &args::Services, session: &Session) -> Result<Self, Failure> {
        let client = http::Client::new(&options(session))?;
        let instance = Instance::current(asked.instance.files(), &client)?;
        Self::with(client, instance, asked)
    }

    /// The same for this identity, unless that would tell the world a private
    /// name.
    pub(crate) fn identified(
        asked: &args::Signing,
        source: Source,
        session: &Session,
    ) -> Result<Self, Failure> {
        let client = http::Client::new(&options(session))?;
        let public_log = match asked.public_log {
            true => PublicLog::Meant,
            false => PublicLog::Unmeant,
        };
        let files = asked.services.instance.files();
        let instance = privacy::instance(files, (&source, public_log), &client)?;
        let showing = Self::with(client, instance, &asked.services)?;
        Ok(Self {
            source: Some(source),
            ..showing
        })
    }

    fn with(
        client: http::Client,
        instance: Instance,
        asked: &args::Services,
    ) -> Result<Self, Failure> {
        Ok(Self {
            services: instance.services(clock::now())?,
            client,
            source: None,
            instance,
            on_outage: asked.on_outage,
            budget: asked.outage_budget,
        })
    }

    /// Asks only logs that promise an entry, as older formats need one.
    pub(crate) fn promise(&mut self) -> Result<(), Failure> {
        self.services.logs = self.instance.promising_logs(clock::now())?;
        Ok(())
    }

    /// Gets a certificate; without one there is no signature, whatever may
    /// be deferred.
    pub(crate) fn begin(&self, session: &Session) -> Result<keyless::Signature, Failure> {
        let Some(source) = &self.source else {
            return Err(Failure::new(Kind::Bug, "a key needs no certificate"));
        };
        self.patiently(session, |patience| {
            Ok(keyless::Signature::begin(
                &self.services,
                source,
                &self.client,
                patience,
            )?)
        })
    }

    fn patiently<T>(
        &self,
        session: &Session,
        act: impl FnOnce(&Patience<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let budget = match self.on_outage {
            OnOutage::Wait => self.budget,
            OnOutage::Defer | OnOutage::Fail => SHORT.min(self.budget),
        };
        let wait = |length: Span| {
            session
                .wait(length.duration())
                .map_err(keyless::Error::Ended)
        };
        let limit = session
            .remaining(budget.duration())
            .unwrap_or(Duration::ZERO);
        let limit = Span::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        act(&Patience {
            until: clock::now().after(limit),
            wait: &wait,
        })
    }

    /// Shows a bundle to services, and says who did not answer.
    pub(crate) fn show_to(
        &self,
        services: &Services,
        (bundle, who): (Bundle, Who<'_>),
        session: &Session,
    ) -> Result<keyless::Witnessed, Failure> {
        self.patiently(session, |patience| {
            Ok(keyless::show(
                bundle,
                who,
                services,
                &self.client,
                patience,
            )?)
        })
    }

    /// What may be left out; everything else fails.
    fn defer(&self, missing: Vec<(Missing, keyless::Error)>) -> Result<Vec<Missing>, Unshown> {
        let mut left = Vec::new();
        for (what, error) in missing {
            match (self.on_outage, error) {
                (_, keyless::Error::Conflict(None)) => return Err(Unshown::Known),
                (OnOutage::Defer, error @ keyless::Error::Exhausted { .. }) => {
                    tracing::warn!("left for `finish`: {error}");
                    left.push(what);
                }
                (_, error) => return Err(error.into()),
            }
        }
        Ok(left)
    }

    pub(crate) fn certificate(
        &self,
        made: Bundle,
        artifact: &Artifact<'_>,
        signature: &keyless::Signature,
        session: &Session,
    ) -> Result<Made, Unshown> {
        let who = Who::Certificate(signature.certificate());
        let shown = self.show_to(&self.services, (made, who), session)?;
        let missing = self.defer(shown.missing)?;
        let unlogged = if missing.contains(&Missing::LogEntry) {
            Unlogged::Accepted
        } else {
            Unlogged::Refused
        };
        signature.prove(&shown.bundle, artifact, (&self.services.root, unlogged))?;
        Ok(Made {
            bundle: shown.bundle,
            missing,
        })
    }

    pub(crate) fn key(
        &self,
        made: Bundle,
        artifact: &Artifact<'_>,
        key: &PublicKey,
        session: &Session,
    ) -> Result<Made, Failure> {
        let shown = self.show_to(&self.services, (made, Who::Key(key)), session)?;
        let missing = self.defer(shown.missing).map_err(Unshown::failure)?;
        let bundle = Bundle::parse(shown.bundle.bytes())?;
        verify::by_key(&bundle, artifact, key, &self.services.root, &Local)?;
        Ok(Made { bundle, missing })
    }
}
