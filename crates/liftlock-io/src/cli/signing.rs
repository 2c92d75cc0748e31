//! Who signs what a gate says: a key, or the identity that the CI proves.

use std::path::PathBuf;
use std::time::Duration;

use liftlock::bundle::Bundle;
use liftlock::failure::{Failure, Kind};
use liftlock::signature::Artifact;
use liftlock::sigstore::verify::Unlogged;
use liftlock::span::Span;
use liftlock::statement::Statement;

use super::Session;
use crate::key::Private;
use crate::keyless::instance::Files;
use crate::keyless::privacy::{self, PublicLog};
use crate::keyless::token::Source;
use crate::keyless::{self, Patience, Services, Signature, Who};
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
    #[arg(
        help_heading = "Who signs",
        long,
        value_name = "KEY",
        help = "Private key that signs: a file, or env://NAME; without it the CI's identity does, where it has one"
    )]
    pub key: Option<String>,

    #[arg(
        help_heading = "Who signs",
        long,
        value_name = "TOKEN",
        conflicts_with = "key",
        help = "Identity token: a file, or env://NAME; default what the CI offers"
    )]
    pub identity_token: Option<String>,

    /// Let the name of a repository that is not public go to the public log
    #[arg(help_heading = "Who signs", long)]
    pub public_log: bool,

    /// Trusted root and signing config of a Sigstore instance in one file; default the public one
    #[arg(help_heading = "Who signs", long, value_name = "FILE")]
    pub trust_config: Option<PathBuf>,
}

/// Who signs.
#[derive(Debug)]
pub enum Signer {
    /// Whoever has this key.
    Key(Box<Private>),
    /// Whom the CI names, by a certificate that is asked for when it is needed.
    Identity(Box<Identity>),
}

/// An identity, and where it is made known.
#[derive(Debug)]
pub struct Identity {
    source: Source,
    public_log: PublicLog,
    trust_config: Option<PathBuf>,
}

impl Signing {
    /// Opens the key, or finds where the CI's identity is; none where there is
    /// neither. No service is asked yet.
    ///
    /// # Errors
    ///
    /// Fails when the key cannot be opened.
    pub fn open(&self) -> Result<Option<Signer>, Failure> {
        if let Some(reference) = &self.key {
            return Ok(Some(Signer::Key(Box::new(Private::open(reference)?))));
        }
        let source = match &self.identity_token {
            Some(reference) => Some(Source::named(reference)),
            None => Source::ambient().ok(),
        };
        Ok(source.map(|source| {
            Signer::Identity(Box::new(Identity {
                source,
                public_log: match self.public_log {
                    true => PublicLog::Meant,
                    false => PublicLog::Unmeant,
                },
                trust_config: self.trust_config.clone(),
            }))
        }))
    }
}

impl Signer {
    /// The key, if it is one.
    #[must_use]
    pub fn key(&self) -> Option<&Private> {
        match self {
            Self::Key(key) => Some(key),
            Self::Identity(_) => None,
        }
    }

    /// Signs a statement; an identity has it seen by the services of its
    /// instance, and proved as readers will.
    ///
    /// # Errors
    ///
    /// Fails without a token or a certificate, when a service stays down, and
    /// when the name of a private repository would become public.
    pub fn attest(&self, statement: &Statement, session: &Session) -> Result<Bundle, Failure> {
        match self {
            Self::Key(key) => Ok(attest::attest(&**key, statement)?),
            Self::Identity(identity) => identity.attest(statement, session),
        }
    }
}

impl Identity {
    fn attest(&self, statement: &Statement, session: &Session) -> Result<Bundle, Failure> {
        let client = http::Client::new(&http::Options {
            ca_file: session.ca_file.clone(),
            timeout: session.remaining(EXCHANGE).unwrap_or_default(),
        })?;
        let files = Files {
            trust_config: self.trust_config.as_deref(),
            ..Files::default()
        };
        let instance = privacy::instance(files, (&self.source, self.public_log), &client)?;
        let services = instance.services(clock::now())?;
        let Some(subject) = statement.digests().next() else {
            return Err(Failure::new(Kind::Bug, "a statement without a subject"));
        };
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
        let mut last = None;
        for _ in 0..=AGAIN {
            let signature = Signature::begin(&services, &self.source, &client, &patience)?;
            match shown(&signature, statement, (&services, &client, &patience)) {
                Ok(bundle) => {
                    let trusted = (&services.root, Unlogged::Refused);
                    signature.prove(&bundle, &Artifact::known_by(subject), trusted)?;
                    return Ok(bundle);
                }
                // Whoever lost a log's answer and may not look it up signs anew.
                Err(error @ keyless::Error::Conflict(None)) => last = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.unwrap_or(keyless::Error::Conflict(None)).into())
    }
}

/// Signs and has it seen by everybody who has to see it.
fn shown(
    signature: &Signature,
    statement: &Statement,
    (services, client, patience): (&Services, &http::Client, &Patience<'_>),
) -> Result<Bundle, keyless::Error> {
    let bundle = signature.attest(statement)?;
    let who = Who::Certificate(signature.certificate());
    let seen = keyless::show(bundle, who, services, client, patience)?;
    match seen.missing.into_iter().next() {
        None => Ok(seen.bundle),
        Some((_, error)) => Err(error),
    }
}
