//! DSSE v1 envelopes with exactly one signature over a payload and its type.

use serde::{Deserialize, Serialize};

use crate::base64;

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A signed payload. Nothing in it is proved until the signature is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Envelope {
    /// The bytes that were signed.
    pub payload: Vec<u8>,
    /// What they are.
    pub payload_type: String,
    /// The signature over [`Envelope::message`].
    pub signature: Vec<u8>,
}

impl Envelope {
    /// The bytes that the signature is over.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        message(&self.payload_type, &self.payload)
    }
}

/// The pre-authentication encoding: type and payload with their lengths, so
/// that no other pair has the same bytes.
#[must_use]
pub fn message(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    #[serde(with = "base64")]
    payload: Vec<u8>,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    #[serde(with = "base64")]
    sig: Vec<u8>,
    /// A hint that nobody may trust; not written.
    #[serde(default, rename = "keyid", skip_serializing)]
    _keyid: Option<String>,
}

impl From<Envelope> for Wire {
    fn from(envelope: Envelope) -> Self {
        Self {
            payload: envelope.payload,
            payload_type: envelope.payload_type,
            signatures: vec![Signature {
                sig: envelope.signature,
                _keyid: None,
            }],
        }
    }
}

impl TryFrom<Wire> for Envelope {
    type Error = ParseError;

    fn try_from(wire: Wire) -> Result<Self, ParseError> {
        let count = wire.signatures.len();
        let mut signatures = wire.signatures.into_iter();
        let (Some(only), None) = (signatures.next(), signatures.next()) else {
            return Err(ParseError(count));
        };
        Ok(Self {
            payload: wire.payload,
            payload_type: wire.payload_type,
            signature: only.sig,
        })
    }
}

/// None, or several signatures: readers could pick different ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the envelope has {0} signatures, expected exactly 1")]
pub struct ParseError(usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_the_example_of_the_specification() {
        let message = message("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            message,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn exactly_one_signature_is_read() {
        let with = |signatures: &str| {
            let text = format!(
                r#"{{"payload":"aGk=","payloadType":"text/plain","signatures":[{signatures}]}}"#
            );
            serde_json::from_str::<Envelope>(&text)
        };
        let one = with(r#"{"sig":"AQ==","keyid":"x"}"#).unwrap();
        assert_eq!(
            (one.payload.as_slice(), one.signature.as_slice()),
            (&b"hi"[..], &[1][..])
        );
        assert!(with("").is_err());
        assert!(with(r#"{"sig":"AQ=="},{"sig":"AQ=="}"#).is_err());
        assert!(with(r#"{"sig":"AQ"}"#).is_err(), "base64 without padding");
        assert!(with(r#"{"sig":"AQ==","extra":1}"#).is_err());
    }
}
