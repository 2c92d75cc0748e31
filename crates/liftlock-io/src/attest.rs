//! Makes attestations and proves each before anyone else sees it.

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::crypto::Signer;
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Kind};
use liftlock::predicate::SIGNATURE;
use liftlock::signature::{self, Artifact};
use liftlock::statement::{self, Statement, Subject};

use crate::evidence::{self, Evidence};
use crate::verify::Local;

/// Signs a statement, then checks the written bundle as any reader would.
///
/// # Errors
///
/// Fails when the key cannot sign, or signed something else.
pub fn attest(signer: &dyn Signer, statement: &Statement) -> Result<Bundle, Error> {
    let made = attestation::sign(statement, signer)?;
    let bundle = Bundle::parse(made.bytes()).map_err(Error::Unreadable)?;
    let keys = [signer.public_key().clone()];
    attestation::verify(&bundle, &keys, &Local).map_err(Error::Attestation)?;
    Ok(bundle)
}

/// Signs an artifact as it is, then checks the written bundle. A key that
/// takes no digests signs a statement over the digest, which says no more.
///
/// # Errors
///
/// Fails when the key cannot sign, or signed something else.
pub fn sign(
    signer: &dyn Signer,
    artifact: &Artifact<'_>,
    subject: Subject,
) -> Result<Bundle, Error> {
    if !signer.public_key().algorithm().takes_digests() {
        let nothing = serde_json::Map::new();
        let statement = Statement::new(vec![subject], SIGNATURE, &nothing)?;
        return attest(signer, &statement);
    }
    let made = signature::sign(artifact, signer)?;
    let bundle = Bundle::parse(made.bytes()).map_err(Error::Unreadable)?;
    let keys = [signer.public_key().clone()];
    signature::verify(&bundle, artifact, &keys, &Local).map_err(Error::Signature)?;
    Ok(bundle)
}

/// Keeps an attestation as evidence, under each of its subjects.
///
/// # Errors
///
/// Fails when the store cannot be written; then the same call again is safe.
pub fn keep(
    evidence: &Evidence,
    statement: &Statement,
    bundle: &Bundle,
) -> Result<Digest, evidence::Error> {
    let subjects: Vec<Digest> = statement.digests().collect();
    evidence.put(&subjects, statement.predicate_type(), bundle.bytes())
}

/// There is no bundle that a reader would accept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The statement was not signed.
    #[error(transparent)]
    Attest(#[from] attestation::Error),
    /// There is no such statement.
    #[error(transparent)]
    Statement(#[from] statement::Error),
    /// The artifact was not signed.
    #[error(transparent)]
    Sign(#[from] signature::Error),
    /// What was just written cannot be read.
    #[error("the bundle that was just made cannot be read")]
    Unreadable(#[source] liftlock::bundle::ParseError),
    /// What was just signed is not proved.
    #[error("the attestation that was just made does not verify")]
    Attestation(#[source] attestation::Refused),
    /// What was just signed is not proved.
    #[error("the signature that was just made does not verify")]
    Signature(#[source] signature::Refused),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            #[cfg(feature = "kms")]
            Self::Attest(attestation::Error::Sign(cause))
            | Self::Sign(signature::Error::Sign(cause)) => match cause.downcast_ref() {
                Some(service) => crate::kms::Error::kind(service),
                None => Kind::Upstream,
            },
            Self::Attest(error) => error.kind(),
            Self::Statement(error) => error.kind(),
            Self::Sign(error) => error.kind(),
            Self::Unreadable(_) | Self::Attestation(_) | Self::Signature(_) => Kind::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            #[cfg(feature = "kms")]
            Self::Attest(attestation::Error::Sign(cause))
            | Self::Sign(signature::Error::Sign(cause)) => {
                crate::kms::Error::hint(cause.downcast_ref()?)
            }
            Self::Attest(error) => error.hint(),
            Self::Statement(error) => error.hint(),
            Self::Sign(error) => error.hint(),
            Self::Unreadable(_) | Self::Attestation(_) | Self::Signature(_) => None,
        }
    }
}
