//! Azure Key Vault: `Get Key` and `Sign`
//! (<https://learn.microsoft.com/rest/api/keyvault/keys/sign/sign>).

use liftlock::crypto::{Algorithm, Hash, PublicKey};
use liftlock::der;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::wire::{self, Wire, decode_url, encode_url};
use super::{Error, Task};
use crate::env;
use crate::http::{Method, Request, Response};
use crate::key::Zeroizing;

const SERVICE: &str = "Azure Key Vault";
const VERSION: &str = "api-version=7.4";

/// Where a key is.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) key: String,
    pub(super) version: Option<String>,
}

/// A key at one version.
pub(super) struct Azure {
    wire: Wire,
    base: Url,
    name: String,
    version: String,
    token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Shown {
    key: Jwk,
}

/// A key as RFC 7517 writes it; `kid` is an address that ends with the version.
#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

#[derive(Deserialize)]
struct Signed {
    value: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// The version and the public half.
fn shown(body: &[u8]) -> Result<(String, PublicKey), Error> {
    let Shown { key } = wire::json(SERVICE, body)?;
    let version = key.kid.rsplit('/').next().unwrap_or_default().to_owned();
    let plain = version.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if version.is_empty() || !plain {
        return Err(Error::Answer {
            service: SERVICE,
            reason: "`kid` does not end with a version".to_owned(),
        });
    }
    let part = |text: &str| decode_url(SERVICE, text);
    let point =
        || -> Result<Vec<u8>, Error> { Ok([vec![4], part(&key.x)?, part(&key.y)?].concat()) };
    let public = match (key.kty.as_str(), key.crv.as_str()) {
        ("EC" | "EC-HSM", "P-256") => PublicKey::from_bits(Algorithm::P256, &point()?)?,
        ("EC" | "EC-HSM", "P-384") => PublicKey::from_bits(Algorithm::P384, &point()?)?,
        ("RSA" | "RSA-HSM", _) => {
            let (modulus, exponent) = (der::integer(&part(&key.n)?), der::integer(&part(&key.e)?));
            PublicKey::from_pkcs1(&der::sequence(&[&modulus, &exponent]))?
        }
        (kind, curve) => return Err(Error::Kind(format!("{kind} {curve}").trim().to_owned())),
    };
    Ok((version, public))
}

fn asked(task: &Task<'_>, algorithm: Algorithm) -> Result<Value, Error> {
    match (algorithm, task) {
        (Algorithm::P256, Task::Digest(Hash::Sha256, digest)) => {
            Ok(json!({ "alg": "ES256", "value": encode_url(digest) }))
        }
        (Algorithm::P384, Task::Digest(Hash::Sha384, digest)) => {
            Ok(json!({ "alg": "ES384", "value": encode_url(digest) }))
        }
        (Algorithm::Rsa { .. }, Task::Digest(Hash::Sha256, digest)) => {
            Ok(json!({ "alg": "RS256", "value": encode_url(digest) }))
        }
        (other, _) => Err(Error::Kind(other.to_string())),
    }
}

/// An ECDSA signature comes as two numbers of equal length (RFC 7518 §3.4)
/// and is used in DER (RFC 3279 §2.2.3).
fn signature(body: &[u8], algorithm: Algorithm) -> Result<Vec<u8>, Error> {
    let signed: Signed = wire::json(SERVICE, body)?;
    let raw = decode_url(SERVICE, &signed.value)?;
    let length = match algorithm {
        Algorithm::P256 => 32,
        Algorithm::P384 => 48,
        Algorithm::Rsa { .. } | Algorithm::Ed25519 => return Ok(raw),
    };
    match raw.split_at_checked(length) {
        Some((r, s)) if s.len() == length => {
            Ok(der::sequence(&[&der::integer(r), &der::integer(s)]))
        }
        Some(_) | None => Err(Error::Answer {
            service: SERVICE,
            reason: format!("a signature of {} bytes", raw.len()),
        }),
    }
}

impl Azure {
    /// Reads `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` and
    /// `AZURE_AUTHORITY_HOST`, gets a token, and asks for the key.
    pub(super) fn open(wire: Wire, place: Place) -> Result<(Self, PublicKey), Error> {
        let base = wire::host(&place.host)?;
        let token = token(&wire, &place.host)?;
        let mut azure = Self {
            wire,
            base,
            name: place.key,
            version: String::new(),
            token,
        };
        let version = place.version.map(|version| format!("/{version}"));
        let version = version.unwrap_or_default();
        let path = format!("keys/{}{version}?{VERSION}", azure.name);
        let (version, public) = shown(&azure.ask(&azure.request(Method::Get, &path)?)?.body)?;
        azure.version = version;
        Ok((azure, public))
    }

    pub(super) fn sign(&self, task: &Task<'_>, algorithm: Algorithm) -> Result<Vec<u8>, Error> {
        let path = format!("keys/{}/{}/sign?{VERSION}", self.name, self.version);
        let body = asked(task, algorithm)?.to_string().into_bytes();
        let request = self.request(Method::Post, &path)?;
        let answer = self.ask(&request.with_body("application/json", body))?;
        signature(&answer.body, algorithm)
    }

    fn request(&self, method: Method, path: &str) -> Result<Request, Error> {
        let url = self.base.join(path);
        let url = url.map_err(|_not_one| Error::Address(path.to_owned()))?;
        let token = format!("Bearer {}", self.token.as_str());
        Ok(Request::new(method, url).with_header("authorization", token))
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

/// Client credentials for a token (RFC 6749 §4.4).
fn token(wire: &Wire, host: &str) -> Result<Zeroizing<String>, Error> {
    let missing = |wanted| Error::Missing {
        service: SERVICE,
        wanted,
    };
    let tenant = env::var("AZURE_TENANT_ID").ok_or_else(|| missing("`AZURE_TENANT_ID`"))?;
    let client = env::var("AZURE_CLIENT_ID").ok_or_else(|| missing("`AZURE_CLIENT_ID`"))?;
    let secret =
        env::secret("AZURE_CLIENT_SECRET").ok_or_else(|| missing("`AZURE_CLIENT_SECRET`"))?;
    let authority = env::var("AZURE_AUTHORITY_HOST")
        .unwrap_or_else(|| "https://login.microsoftonline.com/".to_owned());
    let mut url = wire::address(&authority)?;
    match url.path_segments_mut() {
        Ok(mut path) => path
            .pop_if_empty()
            .extend([tenant.as_str(), "oauth2", "v2.0", "token"]),
        Err(()) => return Err(Error::Address(authority)),
    };
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &client)
        .append_pair("client_secret", &secret)
        .append_pair("scope", &format!("https://{}/.default", cloud(host)))
        .finish();
    let request = Request::new(Method::Post, url)
        .with_body("application/x-www-form-urlencoded", form.into_bytes());
    let response = wire.ask(&request)?;
    match response.status {
        200 => {
            let token: Token = wire::json(SERVICE, &response.body)?;
            Ok(Zeroizing::new(token.access_token))
        }
        // RFC 6749 §5.2: a refused grant is a 400 as well.
        400 => Err(Error::Refused {
            service: SERVICE,
            status: "400".to_owned(),
            said: wire::said(&response.body),
        }),
        _ => Err(wire::failure(SERVICE, &tenant, &response)),
    }
}

/// The audience of a vault's tokens: its host without its own name, as each
/// national cloud has another.
fn cloud(host: &str) -> &str {
    match host.split_once('.') {
        Some((_, rest)) if rest.starts_with("vault.") => rest,
        Some((_, rest)) if rest.starts_with("managedhsm.") => rest,
        Some(_) | None => "vault.azure.net",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_become_der_and_nothing_else_does() {
        let body = |raw: &[u8]| json!({ "kid": "x", "value": encode_url(raw) }).to_string();
        let raw = [&[0; 31][..], &[5], &[0x80], &[0; 31]].concat();
        let made = signature(body(&raw).as_bytes(), Algorithm::P256).unwrap();
        let (five, high) = (der::integer(&[5]), der::integer(&raw[32..]));
        assert_eq!(made, der::sequence(&[&five, &high]));
        for length in [0, 63, 65, 96] {
            let refused = signature(body(&vec![1; length]).as_bytes(), Algorithm::P256);
            assert!(matches!(refused, Err(Error::Answer { .. })), "{length}");
        }
        let rsa = Algorithm::Rsa { bits: 2048 };
        assert_eq!(signature(body(&[1, 2]).as_bytes(), rsa).unwrap(), [1, 2]);
    }

    #[test]
    fn a_key_is_read_with_its_version() {
        let pem = include_str!("../key/testdata/cosign.pub");
        let wanted = PublicKey::from_pem(pem).unwrap();
        let (x, y) = wanted.bits()[1..].split_at(32);
        let answer = |curve: &str, kid: &str| {
            let key = json!({
                "kid": kid, "kty": "EC", "crv": curve, "x": encode_url(x), "y": encode_url(y)
            });
            json!({ "key": key, "attributes": {} }).to_string()
        };
        let good = answer("P-256", "https://v.vault.azure.net/keys/k/0a1b");
        assert_eq!(
            shown(good.as_bytes()).unwrap(),
            ("0a1b".to_owned(), wanted.clone())
        );
        let other = answer("P-256K", "https://v.vault.azure.net/keys/k/0a1b");
        assert!(matches!(shown(other.as_bytes()), Err(Error::Kind(_))));
        let short = answer("P-384", "https://v.vault.azure.net/keys/k/0a1b");
        assert!(matches!(shown(short.as_bytes()), Err(Error::PublicKey(_))));
        for kid in ["https://v.vault.azure.net/keys/k/", "x/..", "x/a?b"] {
            let refused = shown(answer("P-256", kid).as_bytes());
            assert!(matches!(refused, Err(Error::Answer { .. })), "{kid}");
        }
    }

    #[test]
    fn each_cloud_has_its_own_audience() {
        assert_eq!(cloud("shop.vault.azure.cn"), "vault.azure.cn");
        assert_eq!(cloud("shop.managedhsm.azure.net"), "managedhsm.azure.net");
        assert_eq!(cloud("127.0.0.1:80"), "vault.azure.net");
    }
}
