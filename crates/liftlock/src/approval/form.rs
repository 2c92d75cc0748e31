//! The two forms of a signed answer: a Sigstore bundle, or the statement with
//! a signature that `ssh-keygen -Y sign` made over its bytes.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::LARGEST_ANSWER;
use super::answer::Answer;
use crate::attestation::{self, Proved};
use crate::base64;
use crate::bundle::{self, Bundle};
use crate::crypto::{PublicKey, Verifier};
use crate::digest::Digest;
use crate::failure::{Explain, Kind};
use crate::json;
use crate::predicate::ANSWER;
use crate::ssh::{self, Signature};
use crate::statement::{self, Statement};

/// What SSH signatures of answers are made for (`ssh-keygen -n`), so that none
/// made for anything else counts.
pub const NAMESPACE: &str = "liftlock-answer@v1";

/// The media type of a statement with an SSH signature.
pub const MEDIA_TYPE: &str = "application/vnd.liftlock.ssh-answer.v1+json";

/// An answer as it is kept, sent around and embedded in approvals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// With a key that signs envelopes.
    Bundle(Bundle),
    /// With a key of SSH.
    Ssh(SshSigned),
}

/// A statement with an SSH signature of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshSigned {
    bytes: Vec<u8>,
    payload: Vec<u8>,
    signature: Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    media_type: String,
    #[serde(with = "base64")]
    payload: Vec<u8>,
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    media_type: String,
}

impl SshSigned {
    /// Puts a statement, to the byte as it was signed, and its signature
    /// together.
    ///
    /// # Errors
    ///
    /// Fails on more bytes than an answer may have.
    pub fn new(payload: Vec<u8>, signature: Signature) -> Result<Self, ParseError> {
        let wire = Wire {
            media_type: MEDIA_TYPE.to_owned(),
            payload,
            signature: signature.armored(),
        };
        let bytes = serde_json::to_vec(&wire).map_err(json::ParseError::from)?;
        if bytes.len() > LARGEST_ANSWER {
            return Err(ParseError::Large(bytes.len()));
        }
        Ok(Self {
            bytes,
            payload: wire.payload,
            signature,
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let wire: Wire = json::parse(bytes)?;
        Self::new(wire.payload, Signature::parse(&wire.signature)?)
    }

    /// The key in it, and what it says; only that the key said so is proved.
    ///
    /// Whoever signs reads the bytes, not what a parser makes of them: a key
    /// that is there twice, an escape or a field that we pass over could show
    /// something else. So they have to be the ones that we write.
    ///
    /// # Errors
    ///
    /// Fails unless that is proved, and on anything but an answer as we write
    /// it, with or without an end of line.
    pub fn proved(&self, verifier: &dyn Verifier) -> Result<Proved, Refused> {
        let key = self
            .signature
            .verify(&self.payload, NAMESPACE, verifier)?
            .clone();
        let statement = Statement::parse(&self.payload)?;
        let answer: Answer = statement.predicate_as(ANSWER)?;
        let written = answer.statement()?.bytes()?;
        let read = self.payload.strip_suffix(b"\n").unwrap_or(&self.payload);
        if read == written && answer.is_plain() {
            Ok(Proved { statement, key })
        } else {
            Err(Refused::Reworded)
        }
    }
}

impl Signed {
    /// Reads either form.
    ///
    /// # Errors
    ///
    /// Fails on anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let head: Head = json::parse_open(bytes)?;
        if head.media_type == MEDIA_TYPE {
            Ok(Self::Ssh(SshSigned::parse(bytes)?))
        } else {
            Ok(Self::Bundle(Bundle::parse(bytes)?))
        }
    }

    /// The JSON document.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bundle(bundle) => bundle.bytes(),
            Self::Ssh(signed) => &signed.bytes,
        }
    }

    /// What it is known by: the digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.bytes())
    }

    /// Proves that one of these keys signed the statement in it.
    ///
    /// # Errors
    ///
    /// Fails unless that is proved.
    pub fn verify(&self, keys: &[PublicKey], verifier: &dyn Verifier) -> Result<Proved, Refused> {
        match self {
            Self::Bundle(bundle) => Ok(attestation::verify(bundle, keys, verifier)?),
            Self::Ssh(signed) => {
                let proved = signed.proved(verifier)?;
                if keys.contains(&proved.key) {
                    Ok(proved)
                } else {
                    Err(Refused::Stranger)
                }
            }
        }
    }

    /// Reads what it claims without proof, to explain. Nobody may decide on it.
    #[must_use]
    pub fn claimed(&self) -> Option<Statement> {
        match self {
            Self::Bundle(bundle) => attestation::claimed(bundle).ok(),
            Self::Ssh(signed) => Statement::parse(&signed.payload).ok(),
        }
    }
}

impl From<Bundle> for Signed {
    fn from(bundle: Bundle) -> Self {
        Self::Bundle(bundle)
    }
}

/// Inside other documents it is its JSON value.
impl Serialize for Signed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_slice::<serde_json::Value>(self.bytes())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Self::parse(value.to_string().as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Signed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SignedAnswer".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let bundle = generator.subschema_for::<Bundle>();
        schemars::json_schema!({
            "if": { "properties": { "mediaType": { "const": MEDIA_TYPE } } },
            "then": {
                "type": "object",
                "description": "A statement and the SSH signature of its bytes",
                "required": ["mediaType", "payload", "signature"],
                "additionalProperties": false,
                "properties": {
                    "mediaType": { "const": MEDIA_TYPE },
                    "payload": { "type": "string", "contentEncoding": "base64" },
                    "signature": {
                        "type": "string",
                        "pattern": "^-----BEGIN SSH SIGNATURE-----"
                    },
                },
            },
            "else": bundle,
        })
    }
}

/// The bytes are no signed answer.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed, or of another shape.
    #[error("not a signed answer")]
    Json(#[from] json::ParseError),
    /// Not a bundle either.
    #[error(transparent)]
    Bundle(#[from] bundle::ParseError),
    /// The signature is none.
    #[error("the SSH signature cannot be used")]
    Ssh(#[from] ssh::ParseError),
    /// Far more than any.
    #[error("{0} bytes are more than the {LARGEST_ANSWER} of an answer")]
    Large(usize),
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Json(_) | Self::Ssh(_) | Self::Large(_) => Kind::Invalid,
            Self::Bundle(error) => error.kind(),
        }
    }
}

/// Nobody known is proved to have signed it.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The bundle proves nothing.
    #[error(transparent)]
    Bundle(#[from] attestation::Refused),
    /// The SSH signature proves nothing.
    #[error(transparent)]
    Ssh(#[from] ssh::Refused),
    /// It does, but nobody knows the key.
    #[error("none of the given keys made the SSH signature")]
    Stranger,
    /// Signed, but malformed.
    #[error("what was signed is no answer")]
    Statement(#[from] statement::Error),
    /// Signed, but whoever did may have read something else in it.
    #[error("what was signed is not written as `--unsigned` writes it")]
    Reworded,
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Bundle(error) => error.kind(),
            Self::Ssh(_) | Self::Stranger | Self::Reworded => Kind::Refuted,
            Self::Statement(error) => error.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Say;
    use super::super::toy::{CHECK, answer, key, signed};
    use super::*;

    /// Made by OpenSSH 9.2 over the text below, for [`NAMESPACE`].
    const SIGNATURE: &str = include_str!("../testdata/answer.sig");
    const TEXT: &[u8] = b"yes\n";

    #[test]
    fn either_form_is_read_again_also_inside_another_document() {
        let bundle = Signed::from(signed(&answer("alice", Say::Yes, "10:30"), 1));
        let signature = Signature::parse(SIGNATURE).unwrap();
        let ssh = Signed::Ssh(SshSigned::new(TEXT.to_vec(), signature).unwrap());
        for signed in [bundle, ssh] {
            assert_eq!(Signed::parse(signed.bytes()).unwrap(), signed);
            let inside = serde_json::to_string(&[&signed]).unwrap();
            let read: Vec<Signed> = serde_json::from_str(&inside).unwrap();
            assert_eq!(read[0].digest(), signed.digest());
        }
    }

    #[test]
    fn the_bytes_of_a_form_are_known_however_they_were_laid_out() {
        let signature = Signature::parse(SIGNATURE).unwrap();
        let signed = SshSigned::new(TEXT.to_vec(), signature).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&signed.bytes).unwrap();
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        let read = Signed::parse(&pretty).unwrap();
        assert_eq!(read.bytes(), signed.bytes);
    }

    #[test]
    fn what_is_neither_form_is_refused() {
        let form = |payload: &str, signature: &str, more: &str| {
            let signature = serde_json::to_string(signature).unwrap();
            format!(
                "{{\"mediaType\":\"{MEDIA_TYPE}\",\"payload\":\"{payload}\",\"signature\":{signature}{more}}}"
            )
        };
        assert!(Signed::parse(form("eWVzCg==", SIGNATURE, "").as_bytes()).is_ok());
        for text in [
            form("eWVzCg==", SIGNATURE, ",\"unless\":1"),
            form("eWVzCg", SIGNATURE, ""),
            form("eWVzCg==", "", ""),
            form("eWVzCg==", &SIGNATURE.replace("SSH", "PGP"), ""),
            form(&"eWVz".repeat(LARGEST_ANSWER / 3 + 1), SIGNATURE, ""),
            form("eWVzCg==", SIGNATURE, "").replace(".v1+json", ".v2+json"),
            "{}".to_owned(),
        ] {
            assert!(Signed::parse(text.as_bytes()).is_err(), "{text:.200}");
        }
    }

    #[test]
    fn a_signature_that_no_mathematics_confirms_proves_nothing() {
        let signature = Signature::parse(SIGNATURE).unwrap();
        let maker = signature.key().clone();
        let signed = Signed::Ssh(SshSigned::new(TEXT.to_vec(), signature).unwrap());
        let refused = signed.verify(&[maker, key(1)], &CHECK);
        assert!(matches!(
            refused,
            Err(Refused::Ssh(ssh::Refused::Signature))
        ));
    }
}
