//! The transit engine of Vault and `OpenBao`
//! (<https://openbao.org/api-docs/secret/transit/>).

use std::collections::BTreeMap;
use std::path::PathBuf;

use liftlock::crypto::{Algorithm, Hash, PublicKey};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::reference::Flavour;
use super::wire::{self, Wire, decode, encode};
use super::{Error, Task};
use crate::http::{Method, Request, Response};
use crate::key::Zeroizing;
use crate::{env, file};

const SERVICE: &str = "Vault";

/// A key of the transit engine, at one version.
pub(super) struct Vault {
    wire: Wire,
    base: Url,
    name: String,
    version: u64,
    token: Zeroizing<String>,
    namespace: Option<String>,
}

/// What the engine tells about a key.
#[derive(Deserialize)]
struct Shown {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "type")]
    kind: String,
    latest_version: u64,
    keys: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Signed {
    data: SignedData,
}

#[derive(Deserialize)]
struct SignedData {
    signature: String,
}

/// The newest version of a key, and its public half.
fn shown(body: &[u8]) -> Result<(u64, PublicKey), Error> {
    let Shown { data } = wire::json(SERVICE, body)?;
    let text = data
        .keys
        .get(&data.latest_version.to_string())
        .and_then(|key| key.get("public_key")?.as_str())
        .ok_or_else(|| Error::Kind(data.kind.clone()))?;
    let key = match data.kind.as_str() {
        "ed25519" => PublicKey::from_bits(Algorithm::Ed25519, &decode(SERVICE, text)?)?,
        "ecdsa-p256" | "ecdsa-p384" | "rsa-2048" | "rsa-3072" | "rsa-4096" => {
            PublicKey::from_pem(text)?
        }
        _ => return Err(Error::Kind(data.kind)),
    };
    Ok((data.latest_version, key))
}

/// Path below the key, and body, of a request to sign.
fn asked(task: &Task<'_>, version: u64) -> (&'static str, Value) {
    let (hash, digest) = match task {
        Task::Message(message) => {
            let body = json!({ "key_version": version, "input": encode(message) });
            return ("", body);
        }
        Task::Digest(hash, digest) => (hash, digest),
    };
    let path = match hash {
        Hash::Sha256 => "/sha2-256",
        Hash::Sha384 => "/sha2-384",
        Hash::Sha512 => "/sha2-512",
    };
    // Each of the two is read for its own kind of key only.
    let body = json!({
        "key_version": version,
        "input": encode(digest),
        "prehashed": true,
        "marshaling_algorithm": "asn1",
        "signature_algorithm": "pkcs1v15",
    });
    (path, body)
}

/// The signature in an answer: `vault:vN:BASE64`, of the version asked for.
fn signature(body: &[u8], version: u64) -> Result<Vec<u8>, Error> {
    let Signed { data } = wire::json(SERVICE, body)?;
    let wanted = format!("vault:v{version}:");
    match data.signature.strip_prefix(&wanted) {
        Some(text) => decode(SERVICE, text),
        None => Err(Error::Answer {
            service: SERVICE,
            reason: format!("the signature does not begin with `{wanted}`"),
        }),
    }
}

impl Vault {
    /// Reads `VAULT_ADDR`, `VAULT_TOKEN` (else `~/.vault-token`),
    /// `VAULT_NAMESPACE` and `TRANSIT_SECRET_ENGINE_PATH`, and asks for the key.
    pub(super) fn open(
        wire: Wire,
        name: &str,
        flavour: Flavour,
    ) -> Result<(Self, PublicKey), Error> {
        let missing = |wanted| Error::Missing {
            service: SERVICE,
            wanted,
        };
        let address = variable(flavour, "ADDR").ok_or_else(|| missing("`VAULT_ADDR`"))?;
        let engine = env::var("TRANSIT_SECRET_ENGINE_PATH").unwrap_or_else(|| "transit".into());
        let mut base = wire::address(&address)?;
        base.set_path(&format!(
            "{}/v1/{}/",
            base.path().trim_end_matches('/'),
            engine.trim_matches('/')
        ));
        let token = token(flavour)?
            .ok_or_else(|| missing("`VAULT_TOKEN`, or a token in `~/.vault-token`"))?;
        let mut vault = Self {
            wire,
            base,
            name: name.to_owned(),
            version: 0,
            token,
            namespace: variable(flavour, "NAMESPACE"),
        };
        let request = vault.request(Method::Get, &format!("keys/{name}"))?;
        let (version, public) = shown(&vault.ask(&request)?.body)?;
        vault.version = version;
        Ok((vault, public))
    }

    pub(super) fn sign(&self, task: &Task<'_>) -> Result<Vec<u8>, Error> {
        let (path, body) = asked(task, self.version);
        let request = self.request(Method::Post, &format!("sign/{}{path}", self.name))?;
        let request = request.with_body("application/json", body.to_string().into_bytes());
        signature(&self.ask(&request)?.body, self.version)
    }

    fn request(&self, method: Method, path: &str) -> Result<Request, Error> {
        let url = self.base.join(path);
        let url = url.map_err(|_not_one| Error::Address(path.to_owned()))?;
        let mut request = Request::new(method, url)
            .with_header("x-vault-request", "true")
            .with_header("x-vault-token", self.token.as_str());
        if let Some(namespace) = &self.namespace {
            request = request.with_header("x-vault-namespace", namespace.as_str());
        }
        Ok(request)
    }

    fn ask(&self, request: &Request) -> Result<Response, Error> {
        let response = self.wire.ask(request)?;
        if response.is_success() {
            Ok(response)
        } else {
            Err(wire::failure(SERVICE, &self.name, &response))
        }
    }
}

fn variable(flavour: Flavour, name: &str) -> Option<String> {
    let of = |prefix: &str| env::var(&format!("{prefix}_{name}"));
    match flavour {
        Flavour::HashiCorp => of("VAULT"),
        Flavour::OpenBao => of("BAO").or_else(|| of("VAULT")),
    }
}

fn token(flavour: Flavour) -> Result<Option<Zeroizing<String>>, Error> {
    let own = match flavour {
        Flavour::HashiCorp => None,
        Flavour::OpenBao => env::secret("BAO_TOKEN"),
    };
    if let Some(token) = own.or_else(|| env::secret("VAULT_TOKEN")) {
        return Ok(Some(Zeroizing::new(token)));
    }
    let Some(home) = env::var("HOME") else {
        return Ok(None);
    };
    let path = PathBuf::from(home).join(".vault-token");
    // Where nobody can tell, reading it says why.
    if !path.try_exists().unwrap_or(true) {
        return Ok(None);
    }
    let text = file::read_text(&path, 4096).map_err(|error| Error::Credentials {
        what: "`~/.vault-token`".to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Some(Zeroizing::new(text.trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = include_str!("../key/testdata/cosign.pub");

    fn about(kind: &str, latest: u64, key: &str) -> Vec<u8> {
        let keys = json!({ "1": { "public_key": "old" }, "2": { "public_key": key } });
        let data = json!({ "type": kind, "latest_version": latest, "keys": keys, "name": "k" });
        json!({ "data": data, "request_id": "x" })
            .to_string()
            .into_bytes()
    }

    #[test]
    fn the_newest_version_counts_and_other_kinds_are_refused() {
        let (version, key) = shown(&about("ecdsa-p256", 2, PEM)).unwrap();
        assert_eq!((version, key), (2, PublicKey::from_pem(PEM).unwrap()));
        let (_, key) = shown(&about("ed25519", 2, &encode(&[7; 32]))).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Ed25519);
        let refused = shown(&about("ecdsa-p521", 2, PEM));
        assert!(matches!(refused, Err(Error::Kind(kind)) if kind == "ecdsa-p521"));
        // Symmetric keys show a time in place of a public half.
        let aes = br#"{"data":{"type":"aes256-gcm96","latest_version":1,"keys":{"1":1442851412}}}"#;
        assert!(matches!(shown(aes), Err(Error::Kind(_))));
        assert!(matches!(
            shown(&about("ecdsa-p256", 3, PEM)),
            Err(Error::Kind(_))
        ));
        assert!(matches!(
            shown(&about("ecdsa-p256", 1, PEM)),
            Err(Error::PublicKey(_))
        ));
        assert!(matches!(shown(b"{}"), Err(Error::Answer { .. })));
    }

    #[test]
    fn a_signature_of_another_version_is_refused() {
        let body = |text: &str| json!({ "data": { "signature": text } }).to_string();
        assert_eq!(
            signature(body("vault:v2:AQI=").as_bytes(), 2).unwrap(),
            [1, 2]
        );
        for text in ["vault:v1:AQI=", "vault:v22:AQI=", "AQI=", "vault:v2:!"] {
            let refused = signature(body(text).as_bytes(), 2);
            assert!(matches!(refused, Err(Error::Answer { .. })), "{text}");
        }
    }

    #[test]
    fn digests_are_sent_as_digests() {
        let task = Task::Digest(Hash::Sha384, vec![1, 2]);
        let (path, body) = asked(&task, 3);
        let wanted = json!({
            "key_version": 3, "input": "AQI=", "prehashed": true,
            "marshaling_algorithm": "asn1", "signature_algorithm": "pkcs1v15"
        });
        assert_eq!((path, body), ("/sha2-384", wanted));
        let (path, body) = asked(&Task::Message(&[1, 2]), 1);
        assert_eq!(
            (path, body),
            ("", json!({ "key_version": 1, "input": "AQI=" }))
        );
    }
}
