//! What the annotations of cosign 2's layers say about a signer without a key,
//! as a bundle and back (sigstore/cosign, `pkg/oci/static/signature.go` and
//! `pkg/cosign/bundle/rekor.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::legacy::{CERTIFICATE, Layer, Refused, SIGNATURE, SIMPLE_SIGNING};
use crate::base64 as text;
use crate::bundle::entry::{Entry, KindVersion, LogId, Promise};
use crate::bundle::{self, Bundle, Content, Material, int64};
use crate::digest::Digest;
use crate::x509::{self, Certificate};
use crate::{json, pem};

/// The annotation with the PEM of the authorities above the certificate.
const CHAIN: &str = "dev.sigstore.cosign/chain";
/// The annotation with an entry of a log of v1, and the log's promise.
const LOG: &str = "dev.sigstore.cosign/bundle";
/// The annotation with a timestamp.
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// The most authorities above a certificate.
const MOST: usize = 8;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Promised {
    #[serde(with = "text")]
    signed_entry_timestamp: Vec<u8>,
    payload: Logged,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Logged {
    #[serde(with = "text")]
    body: Vec<u8>,
    #[serde(deserialize_with = "int64::deserialize")]
    integrated_time: u64,
    #[serde(deserialize_with = "int64::deserialize")]
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamped {
    #[serde(rename = "SignedRFC3161Timestamp", with = "text")]
    signed: Vec<u8>,
}

/// The head of every body of a log of v1.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: String,
    kind: String,
}

impl Layer {
    /// The layer as a bundle of version 0.1, to be proved like one: of an
    /// attestation, or of a signature over the layer's bytes. The digest of
    /// those is the artifact's then.
    ///
    /// # Errors
    ///
    /// Fails when an annotation or the layer is not what cosign writes.
    pub fn bundle(&self) -> Result<Bundle, Refused> {
        let content = if self.descriptor.media_type == SIMPLE_SIGNING {
            Content::Message {
                digest: (&Digest::of(&self.bytes)).into(),
                signature: self.signature()?,
            }
        } else {
            let envelope = json::parse(&self.bytes);
            Content::Envelope(envelope.map_err(|_error| malformed("no envelope"))?)
        };
        let mut bundle =
            Bundle::pack(self.material()?, content).map_err(|error| written(&error))?;
        if let Some(note) = self.note(LOG) {
            bundle = bundle
                .with_entry(entry(note)?)
                .map_err(|error| written(&error))?;
        }
        if let Some(note) = self.note(TIMESTAMP) {
            let stamped: Stamped = json::parse(note.as_bytes())
                .map_err(|_error| malformed("a timestamp that is none"))?;
            bundle = bundle
                .with_timestamp(stamped.signed)
                .map_err(|error| written(&error))?;
        }
        bundle.into_first_version().map_err(|error| written(&error))
    }

    /// The same layer with everything that a bundle says about its signer.
    ///
    /// # Errors
    ///
    /// Fails where there is no room for that: the format knows one entry, of a
    /// log that promises it.
    pub fn with_proof(mut self, bundle: &Bundle) -> Result<Self, Unwritable> {
        let mut notes = Vec::new();
        if let Material::Certificates(chain) = bundle.material() {
            let mut blocks = chain.iter().map(|der| pem::block(x509::LABEL, der));
            notes.extend(blocks.next().map(|leaf| (CERTIFICATE, leaf)));
            let above: String = blocks.collect();
            notes.extend((!above.is_empty()).then_some((CHAIN, above)));
        }
        if let Some(entry) = room(bundle.entries())? {
            let promise = entry.inclusion_promise.as_ref().ok_or(Unwritable)?;
            let id = <[u8; 32]>::try_from(entry.log_id.key_id.as_slice());
            notes.push((
                LOG,
                compact(&Promised {
                    signed_entry_timestamp: promise.signed_entry_timestamp.clone(),
                    payload: Logged {
                        body: entry.canonicalized_body.clone(),
                        integrated_time: entry.integrated_time,
                        log_index: entry.log_index,
                        log_id: Digest::from_bytes(id.map_err(|_other| Unwritable)?).hex(),
                    },
                })?,
            ));
        }
        if let Some(signed) = room(bundle.timestamps())? {
            let signed = signed.clone();
            notes.push((TIMESTAMP, compact(&Stamped { signed })?));
        }
        let notes = notes.into_iter();
        let notes = notes.map(|(name, value)| (name.to_owned(), value));
        self.descriptor.annotations.extend(notes);
        Ok(self)
    }

    fn note(&self, name: &str) -> Option<&str> {
        let found = self.descriptor.annotations.get(name);
        found.map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The signature over the layer.
    pub(super) fn signature(&self) -> Result<Vec<u8>, Refused> {
        let signature = self
            .note(SIGNATURE)
            .and_then(|text| STANDARD.decode(text).ok());
        signature.ok_or_else(|| malformed("no base64 of a signature"))
    }

    fn material(&self) -> Result<Material, Refused> {
        let Some(leaf) = self.certificate() else {
            return Ok(Material::Key {
                hint: String::new(),
            });
        };
        let odd = || malformed("a certificate that is none");
        let mut chain = pem::all(leaf, x509::LABEL).ok_or_else(odd)?;
        if let Some(above) = self.note(CHAIN) {
            // Which authority counts is the reader's to know.
            let above = pem::all(above, x509::LABEL).ok_or_else(odd)?.into_iter();
            chain.extend(
                above.filter(|der| Certificate::parse(der).is_ok_and(|one| !one.is_self_issued())),
            );
        }
        if chain.len() > MOST {
            return Err(odd());
        }
        Ok(Material::Certificates(chain))
    }
}

fn entry(note: &str) -> Result<Entry, Refused> {
    let odd = || malformed("an entry of a log that is none");
    let promised: Promised = json::parse(note.as_bytes()).map_err(|_error| odd())?;
    let Logged {
        body,
        integrated_time,
        log_index,
        log_id,
    } = promised.payload;
    let head: Body = json::parse(&body).map_err(|_error| odd())?;
    let log_id = Digest::from_hex(&log_id).map_err(|_error| odd())?;
    Ok(Entry {
        log_index,
        log_id: LogId {
            key_id: log_id.as_bytes().to_vec(),
        },
        kind_version: KindVersion {
            kind: head.kind,
            version: head.api_version,
        },
        integrated_time,
        inclusion_promise: Some(Promise {
            signed_entry_timestamp: promised.signed_entry_timestamp,
        }),
        inclusion_proof: None,
        canonicalized_body: body,
    })
}

/// The only one, if there is one.
fn room<T>(all: &[T]) -> Result<Option<&T>, Unwritable> {
    match all {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(Unwritable),
    }
}

fn compact(note: &impl Serialize) -> Result<String, Unwritable> {
    serde_json::to_string(note).map_err(|_error| Unwritable)
}

fn malformed(what: &str) -> Refused {
    Refused::Malformed(what.to_owned())
}

fn written(error: &bundle::ParseError) -> Refused {
    Refused::Malformed(error.to_string())
}

/// cosign 2's format has no room for what proves a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cosign 2's format for images has room for one entry, of a log of v1, and one timestamp")]
pub struct Unwritable;

impl crate::failure::Explain for Unwritable {
    fn kind(&self) -> crate::failure::Kind {
        crate::failure::Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some("give `--image-format v3`, or a signing config that names a log of v1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Version;

    const BODY: &[u8] = br#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#;

    fn logged() -> Entry {
        Entry {
            log_index: 7,
            log_id: LogId {
                key_id: vec![9; 32],
            },
            kind_version: KindVersion {
                kind: "hashedrekord".to_owned(),
                version: "0.0.1".to_owned(),
            },
            integrated_time: 1_700_000_000,
            inclusion_promise: Some(Promise {
                signed_entry_timestamp: vec![1, 2],
            }),
            inclusion_proof: None,
            canonicalized_body: BODY.to_vec(),
        }
    }

    fn made() -> Bundle {
        let content = Content::Message {
            digest: (&Digest::of(b"payload")).into(),
            signature: vec![5],
        };
        let material = Material::Certificates(vec![vec![1, 2, 3]]);
        let bundle = Bundle::pack(material, content).unwrap();
        let bundle = bundle.with_entry(logged()).unwrap();
        bundle.with_timestamp(vec![4, 4]).unwrap()
    }

    fn layer() -> Layer {
        let layer = Layer::signed(b"payload".to_vec(), &[5]);
        layer.with_proof(&made()).unwrap()
    }

    #[test]
    fn what_a_bundle_says_of_its_signer_comes_back() {
        let (made, read) = (made(), layer().bundle().unwrap());
        assert_eq!(read.content(), made.content());
        assert_eq!(read.material(), made.material());
        assert_eq!(read.entries(), made.entries());
        assert_eq!(read.timestamps(), made.timestamps());
        assert_eq!(read.version(), Version::V01);
        assert_eq!(Bundle::parse(read.bytes()).unwrap(), read);
    }

    #[test]
    fn the_notes_are_those_of_cosign() {
        let annotations = layer().descriptor.annotations;
        let note = &annotations[LOG];
        let id = "09".repeat(32);
        let body = STANDARD.encode(BODY);
        assert_eq!(
            *note,
            format!(
                r#"{{"SignedEntryTimestamp":"AQI=","Payload":{{"body":"{body}","integratedTime":1700000000,"logIndex":7,"logID":"{id}"}}}}"#
            )
        );
        let stamp = &annotations[TIMESTAMP];
        assert_eq!(stamp, r#"{"SignedRFC3161Timestamp":"BAQ="}"#);
    }

    #[test]
    fn odd_notes_are_refused() {
        for (name, text) in [
            (CERTIFICATE, "x"),
            (CHAIN, "-----BEGIN CERTIFICATE-----"),
            (LOG, "{}"),
            (LOG, "null"),
            (TIMESTAMP, "{\"SignedRFC3161Timestamp\":\"!\"}"),
            (SIGNATURE, "!"),
        ] {
            let mut layer = layer();
            let annotations = &mut layer.descriptor.annotations;
            annotations.insert(name.to_owned(), text.to_owned());
            let refused = layer.bundle();
            assert!(matches!(refused, Err(Refused::Malformed(_))), "{name}");
        }
        for (from, to) in [
            ("integratedTime", "time"),
            ("\"logIndex\":7", "\"logIndex\":9223372036854775808"),
        ] {
            let mut layer = layer();
            let note = layer.descriptor.annotations.get_mut(LOG).unwrap();
            *note = note.replace(from, to);
            assert!(layer.bundle().is_err(), "{to}");
        }
    }

    #[test]
    fn what_the_format_cannot_hold_is_not_written() {
        let layer = || Layer::signed(b"payload".to_vec(), &[5]);
        let twice = made().with_entry(logged()).unwrap();
        assert_eq!(layer().with_proof(&twice), Err(Unwritable));
        let mut proved = logged();
        proved.inclusion_promise = None;
        let content = made().content().clone();
        let material = made().material().clone();
        let bundle = Bundle::pack(material, content).unwrap();
        let bundle = bundle.with_entry(proved).unwrap();
        assert_eq!(layer().with_proof(&bundle), Err(Unwritable));
    }
}
