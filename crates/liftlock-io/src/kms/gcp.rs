//! Google Cloud KMS: `getPublicKey` and `asymmetricSign`
//! (<https://cloud.google.com/kms/docs/reference/rest>).

use liftlock::crypto::{Hash, PublicKey, Signer as _};
use liftlock::time::Time;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use url::Url;

use super::wire::{self, Wire, decode, encode, encode_url};
use super::{Error, Task};
use crate::http::{Method, Request, Response};
use crate::key::{Private, Zeroizing};
use crate::{clock, env, file};

const SERVICE: &str = "Google Cloud KMS";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A hundred times an honest file of a service account.
const LARGEST: u64 = 64 * 1024;

/// How long an exchanged token is asked for, in seconds: the most there is.
const LIFETIME: i64 = 3600;

/// A key at one version.
pub(super) struct Gcp {
    wire: Wire,
    base: Url,
    name: String,
    token: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Shown {
    pem: String,
    algorithm: String,
}

#[derive(Deserialize)]
struct Signed {
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    #[serde(default)]
    crypto_key_versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    name: String,
    state: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// The file of a service account.
#[derive(Deserialize)]
struct Account {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default, deserialize_with = "hidden")]
    private_key: Zeroizing<String>,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    token_uri: String,
}

fn hidden<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

fn shown(body: &[u8]) -> Result<PublicKey, Error> {
    let shown: Shown = wire::json(SERVICE, body)?;
    let fits = matches!(
        shown.algorithm.as_str(),
        "EC_SIGN_P256_SHA256"
            | "EC_SIGN_P384_SHA384"
            | "EC_SIGN_ED25519"
            | "RSA_SIGN_PKCS1_2048_SHA256"
            | "RSA_SIGN_PKCS1_3072_SHA256"
            | "RSA_SIGN_PKCS1_4096_SHA256"
    );
    if fits {
        Ok(PublicKey::from_pem(&shown.pem)?)
    } else {
        Err(Error::Kind(shown.algorithm))
    }
}

/// The newest version that may sign.
fn newest(body: &[u8], key: &str) -> Result<String, Error> {
    let versions: Versions = wire::json(SERVICE, body)?;
    let own = format!("{key}/cryptoKeyVersions/");
    let enabled = versions.crypto_key_versions.iter();
    let numbers = enabled
        .filter(|version| version.state == "ENABLED")
        .filter_map(|version| version.name.strip_prefix(&own)?.parse::<u64>().ok());
    let newest = numbers.max().ok_or_else(|| Error::Unknown {
        service: SERVICE,
        key: key.to_owned(),
        said: "none of its versions is enabled".to_owned(),
    })?;
    Ok(newest.to_string())
}

fn asked(task: &Task<'_>) -> Value {
    match task {
        Task::Message(message) => json!({ "data": encode(message) }),
        Task::Digest(hash, digest) => {
            let name = match hash {
                Hash::Sha256 => "sha256",
                Hash::Sha384 => "sha384",
                Hash::Sha512 => "sha512",
            };
            json!({ "digest": { name: encode(digest) } })
        }
    }
}

/// The text that a service account signs to get a token (RFC 7523 §3).
fn claim(account: &Account, now: Time) -> String {
    let begins = now.unix_millis().div_euclid(1000);
    let head = json!({ "alg": "RS256", "typ": "JWT", "kid": account.private_key_id });
    let body = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": begins,
        "exp": begins.saturating_add(LIFETIME),
    });
    let (head, body) = (head.to_string(), body.to_string());
    format!(
        "{}.{}",
        encode_url(head.as_bytes()),
        encode_url(body.as_bytes())
    )
}

impl Gcp {
    /// Reads `GOOGLE_OAUTH_ACCESS_TOKEN`, else the file of a service account
    /// that `GOOGLE_APPLICATION_CREDENTIALS` names, and asks for the key.
    pub(super) fn open(
        wire: Wire,
        key: &str,
        version: Option<String>,
    ) -> Result<(Self, PublicKey), Error> {
        // As gcloud lets its users name another endpoint.
        let base = env::var("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS")
            .unwrap_or_else(|| "https://cloudkms.googleapis.com/".to_owned());
        let base = wire::address(&base)?;
        let token = token(&wire)?;
        let mut gcp = Self {
            wire,
            base,
            name: key.to_owned(),
            token,
        };
        let version = match version {
            Some(version) => version,
            None => {
                let list = format!("v1/{key}/cryptoKeyVersions?filter=state%3DENABLED");
                let list = gcp.request(Method::Get, &list)?;
                newest(&gcp.ask(&list)?.body, key)?
            }
        };
        gcp.name = format!("{key}/cryptoKeyVersions/{version}");
        let request = gcp.request(Method::Get, &format!("v1/{}/publicKey", gcp.name))?;
        let public = shown(&gcp.ask(&request)?.body)?;
        Ok((gcp, public))
    }

    pub(super) fn sign(&self, task: &Task<'_>) -> Result<Vec<u8>, Error> {
        let path = format!("v1/{}:asymmetricSign", self.name);
        let body = asked(task).to_string().into_bytes();
        let request = self.request(Method::Post, &path)?;
        let answer = self.ask(&request.with_body("application/json", body))?;
        let signed: Signed = wire::json(SERVICE, &answer.body)?;
        decode(SERVICE, &signed.signature)
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

fn token(wire: &Wire) -> Result<Zeroizing<String>, Error> {
    if let Some(token) = env::secret("GOOGLE_OAUTH_ACCESS_TOKEN") {
        return Ok(Zeroizing::new(token));
    }
    let path = env::var("GOOGLE_APPLICATION_CREDENTIALS").ok_or(Error::Missing {
        service: SERVICE,
        wanted: "`GOOGLE_OAUTH_ACCESS_TOKEN` or `GOOGLE_APPLICATION_CREDENTIALS`",
    })?;
    let unusable = |reason: String| Error::Credentials {
        what: format!("`{path}`"),
        reason,
    };
    let text = file::read_text(path.as_ref(), LARGEST);
    let text = Zeroizing::new(text.map_err(|error| unusable(error.to_string()))?);
    let account: Account = serde_json::from_str(&text)
        .map_err(|error| unusable(format!("line {}, column {}", error.line(), error.column())))?;
    if account.kind != "service_account" {
        return Err(unusable(format!(
            "its type is `{}`, only `service_account` is supported",
            account.kind
        )));
    }
    let key = Private::from_pem(&account.private_key, "private_key", None)
        .map_err(|error| unusable(error.to_string()))?;
    let claim = claim(&account, clock::now());
    let signature = key
        .sign(claim.as_bytes())
        .map_err(|error| unusable(error.to_string()))?;
    exchange(
        wire,
        &account,
        &format!("{claim}.{}", encode_url(&signature)),
    )
}

fn exchange(wire: &Wire, account: &Account, assertion: &str) -> Result<Zeroizing<String>, Error> {
    let url = wire::address(&account.token_uri)?;
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
    );
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
        _ => Err(wire::failure(SERVICE, &account.client_email, &response)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_enabled_version_signs() {
        let key = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
        let list = |states: &[(&str, &str)]| {
            let versions = states.iter().map(|(number, state)| {
                json!({ "name": format!("{key}/cryptoKeyVersions/{number}"), "state": state })
            });
            json!({ "cryptoKeyVersions": versions.collect::<Vec<_>>() }).to_string()
        };
        let states = [("9", "ENABLED"), ("10", "ENABLED"), ("11", "DESTROYED")];
        assert_eq!(newest(list(&states).as_bytes(), key).unwrap(), "10");
        for none in [list(&[("1", "DISABLED")]), "{}".to_owned()] {
            let refused = newest(none.as_bytes(), key);
            assert!(matches!(refused, Err(Error::Unknown { .. })));
        }
        let other = list(&states).replace("/k/", "/other/");
        assert!(newest(other.as_bytes(), key).is_err());
    }

    #[test]
    fn kinds_that_verify_otherwise_are_refused() {
        let pem = include_str!("../key/testdata/cosign.pub");
        let answer = |name: &str| json!({ "pem": pem, "algorithm": name }).to_string();
        assert!(shown(answer("EC_SIGN_P256_SHA256").as_bytes()).is_ok());
        for name in ["RSA_SIGN_PSS_2048_SHA256", "EC_SIGN_SECP256K1_SHA256", ""] {
            let refused = shown(answer(name).as_bytes());
            assert!(matches!(refused, Err(Error::Kind(_))), "{name}");
        }
    }

    #[test]
    fn a_digest_is_named_by_its_hash() {
        let task = Task::Digest(Hash::Sha384, vec![1, 2]);
        assert_eq!(asked(&task), json!({ "digest": { "sha384": "AQI=" } }));
        assert_eq!(asked(&Task::Message(&[1, 2])), json!({ "data": "AQI=" }));
    }
}
