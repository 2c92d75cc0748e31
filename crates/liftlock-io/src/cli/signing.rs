//! Who signs what a gate says: a key of one's own or of a service, or the
//! identity that the CI proves.

use std::time::Duration;

use liftlock::bundle::Bundle;
use liftlock::chain::Who;
use liftlock::ci::System;
use liftlock::crypto::Signer as _;
use liftlock::failure::{Failure, Kind};
use liftlock::signature::Artifact;
use liftlock::sigstore::identity::Known;
use liftlock::sigstore::verify::Unlogged;
use liftlock::span::Span;
use liftlock::statement::Statement;

use super::Session;
use super::instance::Instance;
use super::office::Office;
use crate::key::Private;
use crate::keyless::privacy::{self, PublicLog};
use crate::keyless::token::Source;
use crate::keyless::{self, Patience, Services, Signature};
use crate::{attest, clock, http};

/// How long services are asked that are down.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long one exchange with a service may take.
const EXCHANGE: Duration = Duration::from_secs(60);

/// How often a signature is made anew because a log has the very same one.
const AGAIN: u32 = 3;

/// Flags of a gate that signs what it says.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Signing {
    /// Private key that signs: a file, `env://NAME`, or a key service's reference; without it the CI's identity signs, where it may
    #[arg(help_heading = "Who signs", long, value_name = "KEY")]
    pub key: Option<String>,

    /// Identity token: a file, or `env://NAME`; default what the CI offers
    #[arg(
        help_heading = "Who signs",
        long,
        value_name = "TOKEN",
        conflicts_with = "key"
    )]
    pub identity_token: Option<String>,

    /// Let the name of a repository that is not public go to the public log
    #[arg(help_heading = "Who signs", long)]
    pub public_log: bool,

    #[command(flatten)]
    pub instance: Instance,
}

/// Who signs.
#[derive(Debug)]
pub enum Signer<'a> {
    /// Whoever has this key.
    Key(Box<Private>),
    /// Whom the CI names, by a certificate that is asked for when it is needed.
    Identity(Identity<'a>),
}

/// An identity, and where it is made known.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a>(&'a Signing);

impl Signing {
    /// Whether a flag says who signs.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.key.is_some() || self.identity_token.is_some() || self.is_shown()
    }

    /// Whether a flag says who is to see what an identity signs.
    const fn is_shown(&self) -> bool {
        self.public_log || self.instance.is_named()
    }

    /// Opens the key. Without one the identity signs that the CI offers, for
    /// which nobody is asked before something is to be signed.
    ///
    /// # Errors
    ///
    /// Fails when the key cannot be opened, its service does not show its
    /// public half, and on flags that only an identity needs beside it.
    pub fn open(&self, session: &Session) -> Result<Signer<'_>, Failure> {
        match &self.key {
            Some(_) if self.is_shown() => {
                let message = "`--key` signs, and nobody is shown the signature";
                Err(Failure::new(Kind::Usage, message)
                    .with_hint("leave out `--key`, or `--public-log` and the files of a Sigstore"))
            }
            Some(reference) => {
                let key = Private::reach(reference, &options(session))?;
                Ok(Signer::Key(Box::new(key)))
            }
            None => Ok(Signer::Identity(Identity(self))),
        }
    }

    /// Whether somebody could sign here whose word counts: a key that is named,
    /// or the identity of the CI, where that is needed or there. Nothing where
    /// neither is.
    #[must_use]
    pub fn check(&self, office: Office<'_>, session: &Session) -> Option<Result<String, Failure>> {
        let identity = match self.open(session) {
            Err(failure) => return Some(Err(failure)),
            Ok(Signer::Key(key)) => {
                let counts = office.counts(key.public_key(), session.started);
                let told = format!("key {} signs", key.public_key().id().short());
                return Some(counts.map(|useless| match useless {
                    Some(why) => format!("{told}, and {why}"),
                    None => told,
                }));
            }
            Ok(Signer::Identity(identity)) => identity,
        };
        let holders = office.holders(session.started);
        if holders.identities.is_empty() {
            return None;
        }
        let asked = |source: &Source| token(source, &self.instance, &client(session)?);
        match identity.source() {
            Ok(source) => Some(asked(&source)),
            Err(_) if holders.keys > 0 => None,
            Err(_) if permission(session.ci.system).is_none() => Some(Ok(
                "none is offered here, and the job that signs needs one".to_owned(),
            )),
            Err(error) => Some(Err(error.into())),
        }
    }
}

/// What a job lacks that may not prove its identity, as its CI wants it.
#[must_use]
pub const fn permission(system: System) -> Option<&'static str> {
    match system {
        System::GitHub => Some("permissions: { id-token: write }"),
        System::GitLab => Some("id_tokens: { SIGSTORE_ID_TOKEN: { aud: sigstore } }"),
        System::Jenkins | System::Plain => None,
    }
}

/// That there is no token, where something needs one that `what` names.
#[must_use]
pub fn nobody(what: &str, error: keyless::Error) -> Failure {
    Failure::above(what, error)
}

impl Signer<'_> {
    /// The key, if it is one.
    #[must_use]
    pub fn key(&self) -> Option<&Private> {
        match self {
            Self::Key(key) => Some(key),
            Self::Identity(_) => None,
        }
    }

    /// Signs a statement, if whoever signs may. An identity has the signature
    /// seen by the services of its instance, and proved as readers will.
    ///
    /// # Errors
    ///
    /// Fails when the signer may not, without a token or a certificate, when a
    /// service stays down, and when the name of a private repository would
    /// become public.
    pub fn attest(
        &self,
        statement: &Statement,
        may: &dyn Fn(&Who) -> Result<(), Failure>,
        session: &Session,
    ) -> Result<Bundle, Failure> {
        match self {
            Self::Key(key) => {
                may(&Who::Key(key.public_key().clone()))?;
                Ok(attest::attest(&**key, statement)?)
            }
            Self::Identity(identity) => identity.attest(statement, may, session),
        }
    }
}

impl Identity<'_> {
    /// Where its token comes from.
    ///
    /// # Errors
    ///
    /// Fails when none is named, and the CI offers none.
    pub fn source(&self) -> Result<Source, keyless::Error> {
        match &self.0.identity_token {
            Some(reference) => Ok(Source::named(reference)),
            None => Source::ambient(),
        }
    }

    /// The instance as it is at hand, unless signing there would tell the
    /// world a private name.
    pub(super) fn held(
        &self,
        source: &Source,
        client: &http::Client,
    ) -> Result<Option<keyless::instance::Instance>, Failure> {
        let files = self.0.instance.files();
        privacy::held(files, (source, self.public_log()), client)
    }

    const fn public_log(&self) -> PublicLog {
        match self.0.public_log {
            true => PublicLog::Meant,
            false => PublicLog::Unmeant,
        }
    }

    fn attest(
        &self,
        statement: &Statement,
        may: &dyn Fn(&Who) -> Result<(), Failure>,
        session: &Session,
    ) -> Result<Bundle, Failure> {
        let source = self.source()?;
        let client = client(session)?;
        let files = self.0.instance.files();
        let instance = privacy::instance(files, (&source, self.public_log()), &client)?;
        let services = instance.services(clock::now())?;
        let wait = |length: Span| {
            session
                .wait(length.duration())
                .map_err(keyless::Error::Ended)
        };
        let limit = session.remaining(PATIENCE).unwrap_or_default();
        let limit = Span::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        let patience = Patience {
            until: clock::now().after(limit),
            wait: &wait,
        };
        let around = (&services, &client, &patience);
        for _ in 0..AGAIN {
            let signature = Signature::begin(&services, &source, &client, &patience)?;
            match signed(&signature, statement, may, around) {
                // Whoever lost a log's answer and may not look it up signs anew.
                Err(Refused::Known) => {}
                Err(Refused::Failed(failure)) => return Err(failure),
                Ok(bundle) => return Ok(bundle),
            }
        }
        Err(keyless::Error::Conflict(None).into())
    }
}

/// A client for exchanges with the services of an instance.
///
/// # Errors
///
/// Fails when the certificate authorities cannot be read.
pub fn client(session: &Session) -> Result<http::Client, Failure> {
    Ok(http::Client::new(&options(session))?)
}

/// How services are reached.
fn options(session: &Session) -> http::Options {
    http::Options {
        ca_file: session.ca_file.clone(),
        timeout: session.remaining(EXCHANGE).unwrap_or_default(),
    }
}

/// What can be said about a token without showing it: for whom it is, who made
/// it, and whether signing would tell a private name.
///
/// # Errors
///
/// Fails when there is none, or one that is for something else.
pub fn token(
    source: &Source,
    instance: &Instance,
    client: &http::Client,
) -> Result<String, Failure> {
    let token = source.token(client, clock::now())?;
    let found = format!(
        "for `{}`, as Fulcio wants it, by {}",
        token.audience(),
        token.issuer()
    );
    let is_private = !token.is_public();
    match keyless::instance::Instance::read(instance.files()) {
        Ok(instance) if instance.is_public && is_private => Ok(format!(
            "{found}; signing needs `--public-log`, as not everybody may see the repository"
        )),
        Ok(_) | Err(_) => Ok(found),
    }
}

/// Why a signature is not there.
enum Refused {
    /// A log has this very one.
    Known,
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Signs, has it seen by everybody who has to see it, and proves it.
fn signed(
    signature: &Signature,
    statement: &Statement,
    may: &dyn Fn(&Who) -> Result<(), Failure>,
    (services, client, patience): (&Services, &http::Client, &Patience<'_>),
) -> Result<Bundle, Refused> {
    let certificate = signature.certificate();
    let known =
        Known::of(certificate).map_err(|error| Failure::new(Kind::Upstream, error.to_string()))?;
    may(&Who::Identity(known))?;
    let made = signature.attest(statement)?;
    let who = keyless::Who::Certificate(certificate);
    let shown = keyless::show(made, who, services, client, patience)?;
    match shown.missing.into_iter().next() {
        Some((_, keyless::Error::Conflict(None))) => return Err(Refused::Known),
        Some((_, error)) => return Err(error.into()),
        None => {}
    }
    let subject = statement.digests().next();
    let subject =
        subject.ok_or_else(|| Failure::new(Kind::Bug, "a statement without a subject"))?;
    let trusted = (&services.root, Unlogged::Refused);
    signature.prove(&shown.bundle, &Artifact::known_by(subject), trusted)?;
    Ok(shown.bundle)
}
