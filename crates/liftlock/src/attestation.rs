//! Signed statements: what every gate makes and `promote` asks for.

use std::error::Error as StdError;

use crate::bundle::{Bundle, Content, Material, ParseError};
use crate::crypto::{PublicKey, Signer, Verifier};
use crate::dsse::{self, Envelope, IN_TOTO};
use crate::failure::{Explain, Kind};
use crate::statement::{self, Statement};

/// Signs a statement.
///
/// # Errors
///
/// Fails when the key, or the service behind it, cannot sign.
pub fn sign(statement: &Statement, signer: &dyn Signer) -> Result<Bundle, Error> {
    let payload = statement.bytes()?;
    let signature = signer
        .sign(&dsse::message(IN_TOTO, &payload))
        .map_err(Error::Sign)?;
    let envelope = Envelope {
        payload,
        payload_type: IN_TOTO.to_owned(),
        signature,
    };
    Ok(Bundle::new(
        signer.public_key(),
        Content::Envelope(envelope),
    )?)
}

/// A statement that one of the given keys signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Proved {
    /// What was said.
    pub statement: Statement,
    /// Whose word it is.
    pub key: PublicKey,
}

/// Proves that one of these keys signed the statement in the bundle. Whether
/// it says what is needed, about the right bytes, is the caller's to judge.
///
/// # Errors
///
/// Fails unless that is proved.
pub fn verify(
    bundle: &Bundle,
    keys: &[PublicKey],
    verifier: &dyn Verifier,
) -> Result<Proved, Refused> {
    if let Material::Certificates(_) = bundle.material() {
        return Err(Refused::Certificate);
    }
    let envelope = match bundle.content() {
        Content::Envelope(envelope) => envelope,
        Content::Message { .. } => return Err(Refused::NoStatement),
    };
    if keys.is_empty() {
        return Err(Refused::NoKeys);
    }
    for key in keys {
        match made_by(envelope, key, verifier) {
            Ok(statement) => {
                return Ok(Proved {
                    statement,
                    key: key.clone(),
                });
            }
            Err(Refused::Signer) => {}
            Err(other) => return Err(other),
        }
    }
    Err(Refused::Signer)
}

/// Proves that this key signed the statement in an envelope, and reads it.
///
/// # Errors
///
/// Fails unless that is proved.
pub fn made_by(
    envelope: &Envelope,
    key: &PublicKey,
    verifier: &dyn Verifier,
) -> Result<Statement, Refused> {
    if envelope.payload_type != IN_TOTO {
        return Err(Refused::PayloadType(envelope.payload_type.clone()));
    }
    if !verifier.verify(key, &envelope.message(), &envelope.signature) {
        return Err(Refused::Signer);
    }
    Ok(Statement::parse(&envelope.payload)?)
}

/// Reads what a bundle claims without proof, to choose among bundles or to
/// explain. Nobody may decide on it.
///
/// # Errors
///
/// Fails when there is no statement in it.
pub fn claimed(bundle: &Bundle) -> Result<Statement, Refused> {
    match bundle.content() {
        Content::Envelope(envelope) => Ok(Statement::parse(&envelope.payload)?),
        Content::Message { .. } => Err(Refused::NoStatement),
    }
}

/// No attestation was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The statement cannot be written.
    #[error(transparent)]
    Statement(#[from] statement::Error),
    /// The key refuses.
    #[error("cannot sign")]
    Sign(#[source] Box<dyn StdError + Send + Sync>),
    /// A bundle of ours that cannot be written.
    #[error("cannot write the bundle")]
    Bundle(#[from] ParseError),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Statement(error) => error.kind(),
            Self::Sign(_) => Kind::Upstream,
            Self::Bundle(_) => Kind::Bug,
        }
    }
}

/// The statement is not proved.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Another key, or a broken signature.
    #[error("none of the given keys made the signature")]
    Signer,
    /// A signature of an artifact.
    #[error("the bundle holds a signature of an artifact, not an attestation")]
    NoStatement,
    /// Not a statement.
    #[error("the signed payload is `{0}`, not `{IN_TOTO}`")]
    PayloadType(String),
    /// Signed by the right key, but malformed.
    #[error("the signed payload is no statement")]
    Statement(#[from] statement::Error),
    /// Nobody is trusted.
    #[error("there is no key to check the signature with")]
    NoKeys,
    /// Signed with a certificate.
    #[error("the bundle was signed with a certificate, not with a key")]
    Certificate,
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Signer | Self::NoStatement | Self::PayloadType(_) | Self::Certificate => {
                Kind::Refuted
            }
            Self::Statement(_) | Self::NoKeys => Kind::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Hash;
    use crate::digest::Digest;
    use crate::signature::{self, Artifact};
    use crate::statement::Subject;

    /// Stands in for mathematics: the "signature" is key id and message.
    struct Toy(PublicKey);

    fn key(fill: u8) -> PublicKey {
        let pem = PublicKey::from_pem(include_str!("testdata/p256.pub")).unwrap();
        let mut der = pem.der().to_vec();
        der[90] = fill;
        PublicKey::from_der(&der).unwrap()
    }

    fn mark(key: &PublicKey, bytes: &[u8]) -> Vec<u8> {
        [key.id().as_bytes(), bytes].concat()
    }

    impl Signer for Toy {
        fn public_key(&self) -> &PublicKey {
            &self.0
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn StdError + Send + Sync>> {
            Ok(mark(&self.0, message))
        }

        fn sign_prehashed(
            &self,
            digest: &[u8],
        ) -> Result<Vec<u8>, Box<dyn StdError + Send + Sync>> {
            Ok(mark(&self.0, digest))
        }
    }

    struct Check;

    impl Verifier for Check {
        fn verify_with(&self, key: &PublicKey, _: Hash, message: &[u8], signature: &[u8]) -> bool {
            signature == mark(key, message)
        }

        fn verify_prehashed(
            &self,
            key: &PublicKey,
            _: Hash,
            digest: &[u8],
            signature: &[u8],
        ) -> bool {
            signature == mark(key, digest)
        }
    }

    fn statement() -> Statement {
        let subject = vec![Subject::named(&Digest::of(b"a"), "a")];
        Statement::new(
            subject,
            "https://example.com/p",
            &serde_json::json!({ "n": 1 }),
        )
        .unwrap()
    }

    #[test]
    fn only_a_given_key_proves_and_the_proof_names_it() {
        let bundle = sign(&statement(), &Toy(key(1))).unwrap();
        let bundle = Bundle::parse(bundle.bytes()).unwrap();
        let other = verify(&bundle, &[key(2)], &Check);
        assert!(matches!(other, Err(Refused::Signer)));
        assert!(matches!(verify(&bundle, &[], &Check), Err(Refused::NoKeys)));
        let proved = verify(&bundle, &[key(2), key(1)], &Check).unwrap();
        assert_eq!((proved.statement, proved.key), (statement(), key(1)));
    }

    #[test]
    fn a_changed_payload_is_refused() {
        let bundle = sign(&statement(), &Toy(key(1))).unwrap();
        let mut document: serde_json::Value = serde_json::from_slice(bundle.bytes()).unwrap();
        document["dsseEnvelope"]["payload"] = "e30=".into();
        let bundle = Bundle::parse(document.to_string().as_bytes()).unwrap();
        let result = verify(&bundle, &[key(1)], &Check);
        assert!(matches!(result, Err(Refused::Signer)));
    }

    #[test]
    fn signatures_and_attestations_do_not_stand_in_for_each_other() {
        let attested = sign(&statement(), &Toy(key(1))).unwrap();
        let signed = signature::sign(&Artifact::known_by(Digest::of(b"a")), &Toy(key(1))).unwrap();
        assert_eq!(
            signature::verify(
                &attested,
                &Artifact::known_by(Digest::of(b"a")),
                &[key(1)],
                &Check
            ),
            Err(signature::Refused::Statement)
        );
        let result = verify(&signed, &[key(1)], &Check);
        assert!(matches!(result, Err(Refused::NoStatement)));
    }

    #[test]
    fn a_signature_is_for_one_artifact() {
        let signed = signature::sign(&Artifact::known_by(Digest::of(b"a")), &Toy(key(1))).unwrap();
        let signed = Bundle::parse(signed.bytes()).unwrap();
        let check = |artifact: &[u8], keys: &[PublicKey]| {
            signature::verify(
                &signed,
                &Artifact::known_by(Digest::of(artifact)),
                keys,
                &Check,
            )
        };
        assert_eq!(check(b"a", &[key(1)]), Ok(key(1)));
        assert!(matches!(
            check(b"b", &[key(1)]),
            Err(signature::Refused::Digest { .. })
        ));
        assert_eq!(check(b"a", &[key(2)]), Err(signature::Refused::Signer));
    }
}
