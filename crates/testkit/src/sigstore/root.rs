//! What clients are told: whom to trust, and whom to ask
//! (sigstore/protobuf-specs `sigstore_trustroot.proto`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;
use liftlock::time::Time;
use serde_json::{Value, json};

use super::key::Pair;
use super::loopback::Loopback;

/// Which log a client is told to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogVersion {
    /// Promises times itself.
    V1,
    /// Needs a timestamp authority.
    V2,
}

/// One trusted root for several instances, as for several operators.
#[must_use]
pub fn trusted_root_of(instances: &[&Loopback]) -> Value {
    let roots: Vec<Value> = instances
        .iter()
        .map(|instance| instance.trusted_root())
        .collect();
    let all = |field: &str| -> Vec<Value> {
        let lists = roots.iter().filter_map(|root| root.get(field)?.as_array());
        lists.flatten().cloned().collect()
    };
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": all("tlogs"),
        "certificateAuthorities": all("certificateAuthorities"),
        "ctlogs": all("ctlogs"),
        "timestampAuthorities": all("timestampAuthorities"),
    })
}

/// The services of several instances, the preferred one first.
#[must_use]
pub fn signing_config_of(instances: &[&Loopback], version: LogVersion) -> Value {
    let mut configs = instances
        .iter()
        .map(|instance| instance.signing_config(version));
    let mut all = configs.next().unwrap_or_default();
    for config in configs {
        for field in ["caUrls", "oidcUrls", "rekorTlogUrls", "tsaUrls"] {
            let more = config.get(field).and_then(Value::as_array);
            let urls = all.get_mut(field).and_then(Value::as_array_mut);
            if let (Some(urls), Some(more)) = (urls, more) {
                urls.extend(more.iter().cloned());
            }
        }
    }
    all
}

/// Who runs an instance: nobody else has its host and port.
fn operator(url: &str) -> &str {
    let host = url.strip_prefix("http://").unwrap_or(url);
    host.split('/').next().unwrap_or_default()
}

/// A log of entries or of certificates.
pub(crate) fn log(url: &str, key: &Pair, id: Digest, start: Time) -> Value {
    json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": STANDARD.encode(key.spki()),
            "keyDetails": key.curve().details(),
            "validFor": { "start": start },
        },
        "logId": { "keyId": STANDARD.encode(id.as_bytes()) },
        "operator": operator(url),
    })
}

/// An authority that issues certificates or stamps.
pub(crate) fn authority(url: &str, common: &str, chain: [&[u8]; 2], start: Time) -> Value {
    let certificates: Vec<Value> = chain
        .iter()
        .map(|bytes| json!({ "rawBytes": STANDARD.encode(bytes) }))
        .collect();
    json!({
        "subject": { "organization": "loopback", "commonName": common },
        "uri": url,
        "certChain": { "certificates": certificates },
        "validFor": { "start": start },
        "operator": operator(url),
    })
}

/// The document that names services.
pub(crate) fn signing_config(url: &str, version: LogVersion, start: Time) -> Value {
    let service = |url: &str, version: u8| {
        json!([{
            "url": url,
            "majorApiVersion": version,
            "validFor": { "start": start },
            "operator": operator(url),
        }])
    };
    let major = match version {
        LogVersion::V1 => 1,
        LogVersion::V2 => 2,
    };
    json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": service(url, 1),
        "oidcUrls": service(url, 1),
        "rekorTlogUrls": service(url, major),
        "rekorTlogConfig": { "selector": "ANY" },
        "tsaUrls": service(&format!("{url}/api/v1/timestamp"), 1),
        "tsaConfig": { "selector": "ANY" },
    })
}
