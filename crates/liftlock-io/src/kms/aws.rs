//! AWS KMS: `GetPublicKey` and `Sign`
//! (<https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html>).

use liftlock::crypto::{Algorithm, ParseError, PublicKey};
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Position, Url};

use super::wire::{self, Wire, decode, encode};
use super::{Error, Task};
use crate::http::{Method, Request, Response};
use crate::key::Zeroizing;
use crate::sigv4::{self, Canonical, Scope};
use crate::{clock, env};

const SERVICE: &str = "AWS KMS";
const MEDIA_TYPE: &str = "application/x-amz-json-1.1";

/// A key in one region.
pub(super) struct Aws {
    wire: Wire,
    url: Url,
    region: String,
    id: String,
    login: Login,
}

struct Login {
    key_id: String,
    secret: Zeroizing<String>,
    session: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    public_key: String,
    key_usage: String,
    #[serde(default)]
    signing_algorithms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Signed {
    signature: String,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

/// The public half of a key that signs as its kind should.
fn shown(body: &[u8]) -> Result<PublicKey, Error> {
    let shown: Shown = wire::json(SERVICE, body)?;
    let listed = shown.signing_algorithms.join(", ");
    let public = match PublicKey::from_der(&decode(SERVICE, &shown.public_key)?) {
        Ok(public) => public,
        Err(ParseError::Unsupported) => return Err(Error::Kind(listed)),
        Err(error) => return Err(error.into()),
    };
    let wanted = name(public.algorithm());
    let fits = wanted.is_some_and(|name| shown.signing_algorithms.iter().any(|one| one == name));
    if shown.key_usage == "SIGN_VERIFY" && fits {
        Ok(public)
    } else {
        let kind = format!("{} for {} {listed}", public.algorithm(), shown.key_usage);
        Err(Error::Kind(kind.trim_end().to_owned()))
    }
}

/// How AWS calls the signatures of a kind of key.
const fn name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::P256 => Some("ECDSA_SHA_256"),
        Algorithm::P384 => Some("ECDSA_SHA_384"),
        Algorithm::Rsa { .. } => Some("RSASSA_PKCS1_V1_5_SHA_256"),
        // Its service takes messages of 4096 bytes at most.
        Algorithm::Ed25519 => None,
    }
}

fn asked(id: &str, task: &Task<'_>, algorithm: Algorithm) -> Result<Value, Error> {
    let (Some(name), Task::Digest(_, digest)) = (name(algorithm), task) else {
        return Err(Error::Kind(algorithm.to_string()));
    };
    Ok(json!({
        "KeyId": id,
        "Message": encode(digest),
        "MessageType": "DIGEST",
        "SigningAlgorithm": name,
    }))
}

/// AWS says what is wrong by a name; the status is mostly 400.
fn complaint(key: &str, response: &Response) -> Error {
    let Ok(Complaint { kind, message }) = serde_json::from_slice(&response.body) else {
        return wire::failure(SERVICE, key, response);
    };
    let status = kind.rsplit('#').next().unwrap_or_default().to_owned();
    let said = wire::said(message.as_bytes());
    match status.as_str() {
        "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Error::Refused {
            service: SERVICE,
            status,
            said,
        },
        "NotFoundException" | "InvalidArnException" => Error::Unknown {
            service: SERVICE,
            key: key.to_owned(),
            said,
        },
        "" => wire::failure(SERVICE, key, response),
        _ => Error::Failed {
            service: SERVICE,
            status,
            said,
        },
    }
}

impl Aws {
    /// Reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`
    /// and `AWS_REGION` (or `AWS_DEFAULT_REGION`; an ARN names its own), and
    /// asks for the key.
    pub(super) fn open(
        wire: Wire,
        host: Option<&str>,
        id: String,
    ) -> Result<(Self, PublicKey), Error> {
        let missing = |wanted| Error::Missing {
            service: SERVICE,
            wanted,
        };
        let region = region(&id).ok_or_else(|| missing("`AWS_REGION`"))?;
        let url = match host {
            Some(host) => wire::host(host)?,
            None => wire::host(&format!("kms.{region}.amazonaws.com"))?,
        };
        let key_id =
            env::secret("AWS_ACCESS_KEY_ID").ok_or_else(|| missing("`AWS_ACCESS_KEY_ID`"))?;
        let secret = env::secret("AWS_SECRET_ACCESS_KEY")
            .ok_or_else(|| missing("`AWS_SECRET_ACCESS_KEY`"))?;
        let aws = Self {
            wire,
            url,
            region,
            id,
            login: Login {
                key_id,
                secret: Zeroizing::new(secret),
                session: env::secret("AWS_SESSION_TOKEN").map(Zeroizing::new),
            },
        };
        let public = shown(&aws.ask("GetPublicKey", &json!({ "KeyId": aws.id }))?.body)?;
        Ok((aws, public))
    }

    pub(super) fn sign(&self, task: &Task<'_>, algorithm: Algorithm) -> Result<Vec<u8>, Error> {
        let answer = self.ask("Sign", &asked(&self.id, task, algorithm)?)?;
        let signed: Signed = wire::json(SERVICE, &answer.body)?;
        decode(SERVICE, &signed.signature)
    }

    fn ask(&self, action: &str, body: &Value) -> Result<Response, Error> {
        let response = self.wire.ask(&self.request(action, body))?;
        if response.is_success() {
            Ok(response)
        } else {
            Err(complaint(&self.id, &response))
        }
    }

    fn request(&self, action: &str, body: &Value) -> Request {
        let body = body.to_string().into_bytes();
        let moment = sigv4::moment(clock::now());
        let target = format!("TrentService.{action}");
        let host = &self.url[Position::BeforeHost..Position::AfterPort];
        let mut headers = vec![
            ("content-type", MEDIA_TYPE),
            ("host", host),
            ("x-amz-date", moment.as_str()),
        ];
        if let Some(session) = &self.login.session {
            headers.push(("x-amz-security-token", session.as_str()));
        }
        headers.push(("x-amz-target", target.as_str()));
        let canonical = Canonical {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: &body,
        };
        let scope = Scope {
            key_id: &self.login.key_id,
            secret: &self.login.secret,
            region: &self.region,
            service: "kms",
        };
        let authorization = sigv4::authorization(&scope, &canonical, &moment);
        let mut request = Request::new(Method::Post, self.url.clone());
        // `host` and the type of the body are added on the way.
        let own = headers.iter().filter(|(name, _)| name.starts_with("x-"));
        for (name, value) in own {
            request = request.with_header(name, *value);
        }
        request
            .with_header("authorization", authorization)
            .with_body(MEDIA_TYPE, body)
    }
}

/// `arn:aws:kms:REGION:…` names its region; else the environment does.
fn region(id: &str) -> Option<String> {
    let own = id
        .strip_prefix("arn:")
        .and_then(|arn| arn.split(':').nth(2));
    let region = own
        .map(str::to_owned)
        .or_else(|| env::var("AWS_REGION"))
        .or_else(|| env::var("AWS_DEFAULT_REGION"))?;
    let plain = region
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (plain && !region.is_empty()).then_some(region)
}

#[cfg(test)]
mod tests {
    use liftlock::crypto::Hash;

    use super::*;

    #[test]
    fn keys_that_sign_nothing_for_us_are_refused() {
        let pem = include_str!("../key/testdata/cosign.pub");
        let p256 = PublicKey::from_pem(pem).unwrap().der().to_vec();
        let read = |key: &[u8], usage: &str, names: &[&str]| {
            let key = encode(key);
            let answer = json!({
                "KeyUsage": usage, "PublicKey": key, "KeyId": "x", "SigningAlgorithms": names
            });
            shown(answer.to_string().as_bytes())
        };
        assert!(read(&p256, "SIGN_VERIFY", &["ECDSA_SHA_256"]).is_ok());
        // The last arc of its curve's name makes another curve.
        let arcs = [0x3d, 0x03, 0x01, 0x07];
        let at = p256.windows(4).position(|four| four == arcs).unwrap();
        let mut other = p256.clone();
        other[at + 3] = 0x06;
        for (key, usage, names) in [
            (&p256, "KEY_AGREEMENT", &["ECDSA_SHA_256"][..]),
            (&p256, "SIGN_VERIFY", &["ECDSA_SHA_384"][..]),
            (&p256, "SIGN_VERIFY", &[][..]),
            (&other, "SIGN_VERIFY", &["ECDSA_SHA_256"][..]),
        ] {
            assert!(
                matches!(read(key, usage, names), Err(Error::Kind(_))),
                "{usage}"
            );
        }
        assert!(matches!(shown(b"[]"), Err(Error::Answer { .. })));
    }

    #[test]
    fn complaints_are_told_apart_by_their_names() {
        let told = |status, body: &str| {
            let body = body.as_bytes().to_vec();
            let response = Response {
                status,
                headers: Vec::new(),
                body,
                elsewhere: None,
            };
            complaint("k", &response)
        };
        let refused = told(
            400,
            r#"{"__type":"com.amazon#UnrecognizedClientException"}"#,
        );
        assert!(matches!(refused, Error::Refused { .. }));
        let unknown = told(400, r#"{"__type":"NotFoundException","message":"no k"}"#);
        assert!(matches!(unknown, Error::Unknown { said, .. } if said == "no k"));
        let other = told(400, r#"{"__type":"DisabledException"}"#);
        assert!(matches!(other, Error::Failed { .. }));
        assert!(matches!(told(403, "<html>"), Error::Refused { .. }));
        assert!(matches!(told(500, "{}"), Error::Failed { .. }));
    }

    #[test]
    fn each_key_signs_by_its_own_hash() {
        let task = Task::Digest(Hash::Sha256, vec![1]);
        let body = asked("k", &task, Algorithm::P256).unwrap();
        assert_eq!(body["SigningAlgorithm"], "ECDSA_SHA_256");
        assert_eq!(body["MessageType"], "DIGEST");
        assert!(asked("k", &Task::Message(&[1]), Algorithm::Ed25519).is_err());
    }

    #[test]
    fn an_arn_names_its_region() {
        assert_eq!(
            region("arn:aws:kms:eu-west-1:1:key/2").as_deref(),
            Some("eu-west-1")
        );
        assert_eq!(region("arn:aws:kms:evil.example/:1:key/2"), None);
    }
}
