//! The trusted root: which logs and authorities count, and when
//! (sigstore/protobuf-specs, `sigstore_trustroot.proto`).

use serde::Deserialize;

use crate::base64;
use crate::crypto::PublicKey;
use crate::failure::{Explain, Kind};
use crate::json;
use crate::time::Time;
use crate::x509::Certificate;

/// The media types that are read; the shapes are the same.
const READ: [&str; 3] = [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];

/// The most instances of one kind.
const MOST: usize = 256;

/// Who is trusted to see, to vouch and to tell the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedRoot {
    /// Transparency logs of signatures.
    pub logs: Vec<Log>,
    /// Logs of certificates.
    pub certificate_logs: Vec<Log>,
    /// Certificate authorities.
    pub authorities: Vec<Authority>,
    /// Timestamp authorities.
    pub timestamp_authorities: Vec<Authority>,
}

/// One instance of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Where it is served.
    pub url: String,
    /// Its id: the SHA-256 of its key, or the id of its checkpoints' key.
    pub id: Vec<u8>,
    /// Its key; nothing where that is of a kind that is not read.
    pub key: Option<PublicKey>,
    /// When it counts.
    pub valid: Range,
}

impl Log {
    /// Whether its checkpoints may have this origin: its host, with the port
    /// (Rekor v1) or without (v2).
    #[must_use]
    pub fn is_named(&self, origin: &str) -> bool {
        let rest = self
            .url
            .split_once("://")
            .map_or(self.url.as_str(), |(_, rest)| rest);
        let place = rest.split('/').next().unwrap_or_default();
        let host = match place.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            Some(_) | None => place,
        };
        !origin.is_empty() && (origin == place || origin == host)
    }
}

/// One instance of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Where it is served; a label.
    pub url: String,
    /// Its certificates, the anchor last; never empty.
    pub chain: Vec<Certificate>,
    /// When it counts.
    pub valid: Range,
}

impl Authority {
    /// The certificate that ends every path.
    #[must_use]
    pub fn anchor(&self) -> Option<&Certificate> {
        self.chain.last()
    }
}

/// A range of time, closed: both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub start: Time,
    /// The last one; nothing while nobody ended it.
    pub end: Option<Time>,
}

impl Range {
    /// Whether a moment belongs to it.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

impl TrustedRoot {
    /// Reads a trusted root. An instance whose keys are of a kind that is not
    /// read is kept without them, or left out; it never counts.
    ///
    /// # Errors
    ///
    /// Fails on another media type, on malformed JSON, and on an instance
    /// without the start of its time.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let wire: Wire = json::parse(bytes)?;
        if !READ.contains(&wire.media_type.as_str()) {
            return Err(ParseError::MediaType(wire.media_type));
        }
        let most = [
            wire.tlogs.len(),
            wire.ctlogs.len(),
            wire.certificate_authorities.len(),
            wire.timestamp_authorities.len(),
        ];
        if most.into_iter().any(|count| count > MOST) {
            return Err(ParseError::TooMany);
        }
        Ok(Self {
            logs: wire.tlogs.into_iter().map(log).collect::<Result<_, _>>()?,
            certificate_logs: wire.ctlogs.into_iter().map(log).collect::<Result<_, _>>()?,
            authorities: authorities(wire.certificate_authorities)?,
            timestamp_authorities: authorities(wire.timestamp_authorities)?,
        })
    }
}

fn log(wire: WireLog) -> Result<Log, ParseError> {
    let key = wire.public_key;
    let valid = key.valid_for.range(&wire.base_url)?;
    let read = if key.key_details.starts_with("PKCS1_RSA") {
        PublicKey::from_pkcs1(&key.raw_bytes)
    } else {
        PublicKey::from_der(&key.raw_bytes)
    };
    let known_hash = wire.hash_algorithm == "SHA2_256";
    Ok(Log {
        url: wire.base_url,
        id: wire.log_id.key_id,
        key: read.ok().filter(|_| known_hash),
        valid,
    })
}

fn authorities(all: Vec<WireAuthority>) -> Result<Vec<Authority>, ParseError> {
    let mut found = Vec::new();
    for wire in all {
        let valid = wire.valid_for.range(&wire.uri)?;
        let certificates = wire.cert_chain.certificates.iter();
        let chain: Result<Vec<_>, _> = certificates
            .map(|one| Certificate::parse(&one.raw_bytes))
            .collect();
        match chain {
            Ok(chain) if chain.is_empty() => return Err(ParseError::EmptyChain(wire.uri)),
            Ok(chain) => found.push(Authority {
                url: wire.uri,
                chain,
                valid,
            }),
            // Keys of a kind that is not read: nobody will be led to them.
            Err(_unusable) => {}
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: String,
    #[serde(default)]
    tlogs: Vec<WireLog>,
    #[serde(default)]
    ctlogs: Vec<WireLog>,
    #[serde(default)]
    certificate_authorities: Vec<WireAuthority>,
    #[serde(default)]
    timestamp_authorities: Vec<WireAuthority>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLog {
    base_url: String,
    hash_algorithm: String,
    public_key: WireKey,
    log_id: WireId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireKey {
    #[serde(with = "base64")]
    raw_bytes: Vec<u8>,
    #[serde(default)]
    key_details: String,
    #[serde(default)]
    valid_for: WireRange,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireId {
    #[serde(with = "base64")]
    key_id: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAuthority {
    #[serde(default)]
    uri: String,
    cert_chain: WireChain,
    #[serde(default)]
    valid_for: WireRange,
}

#[derive(Deserialize)]
struct WireChain {
    #[serde(default)]
    certificates: Vec<WireCertificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCertificate {
    #[serde(with = "base64")]
    raw_bytes: Vec<u8>,
}

#[derive(Default, Deserialize)]
struct WireRange {
    start: Option<Time>,
    end: Option<Time>,
}

impl WireRange {
    fn range(&self, owner: &str) -> Result<Range, ParseError> {
        let start = self
            .start
            .ok_or_else(|| ParseError::NoStart(owner.to_owned()))?;
        Ok(Range {
            start,
            end: self.end,
        })
    }
}

/// The bytes are no trusted root that we can use.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed.
    #[error("not a trusted root")]
    Json(#[from] json::ParseError),
    /// Another format, or a newer version of it.
    #[error("`mediaType` `{0}` is not one that this version reads")]
    MediaType(String),
    /// An instance without the time from which on it counts.
    #[error("`{0}` in the trusted root has no `validFor.start`")]
    NoStart(String),
    /// An authority of nothing.
    #[error("the authority `{0}` in the trusted root has no certificate")]
    EmptyChain(String),
    /// More than any honest root has.
    #[error("more than {MOST} instances of one kind in the trusted root")]
    TooMany,
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}
