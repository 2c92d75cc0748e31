//! Identity tokens: JSON Web Tokens signed with ES256 (RFC 7515, RFC 7518 §3.4).

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use liftlock::time::Time;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Map, Value, json};

use super::clock;
use super::key::{Curve, Pair};

/// How long a token is good for.
const LIFETIME_S: u32 = 600;

/// Who a token is for: its claims besides `iss`, `aud`, `iat` and `exp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Map<String, Value>);

impl Identity {
    /// A person with a verified address.
    #[must_use]
    pub fn email(address: &str) -> Self {
        Self::subject("CgVwZXJzb24SBGxvb3A")
            .claim("email", address)
            .claim("email_verified", true)
    }

    /// A workload that is a URI, such as `spiffe://example.org/ns/x/sa/y`.
    #[must_use]
    pub fn uri(uri: &str) -> Self {
        Self::subject(uri)
    }

    /// A run of `.github/workflows/release.yml` of `OWNER/NAME` on `main`.
    /// Names: GitHub, "OIDC reference".
    #[must_use]
    pub fn github(repository: &str) -> Self {
        let owner = repository.split('/').next().unwrap_or_default();
        let workflow = format!("{repository}/.github/workflows/release.yml@refs/heads/main");
        let commit = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3";
        Self::subject(&format!("repo:{repository}:ref:refs/heads/main"))
            .claim("repository", repository)
            .claim("repository_id", "1001")
            .claim("repository_owner", owner)
            .claim("repository_owner_id", "1000")
            .claim("repository_visibility", "public")
            .claim("workflow", "release")
            .claim("workflow_ref", workflow.clone())
            .claim("workflow_sha", commit)
            .claim("job_workflow_ref", workflow)
            .claim("job_workflow_sha", commit)
            .claim("event_name", "push")
            .claim("ref", "refs/heads/main")
            .claim("ref_type", "branch")
            .claim("sha", commit)
            .claim("run_id", "4242")
            .claim("run_number", "7")
            .claim("run_attempt", "1")
            .claim("actor", "alice")
            .claim("runner_environment", "github-hosted")
    }

    fn subject(subject: &str) -> Self {
        Self(Map::new()).claim("sub", subject)
    }

    /// Sets a claim; also `aud`, `iss` and `exp` (seconds since 1970), to make
    /// a token that is wrong.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

/// Makes tokens of one issuer.
#[derive(Debug)]
pub struct Mint {
    key: Pair,
    issuer: String,
}

impl Mint {
    /// A mint with a new key.
    ///
    /// # Errors
    ///
    /// Fails when the system has no randomness.
    pub fn new(issuer: &str) -> Result<Self> {
        Ok(Self {
            key: Pair::new(Curve::P256)?,
            issuer: issuer.to_owned(),
        })
    }

    /// The claim `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A token of that moment for the audience `sigstore`.
    ///
    /// # Errors
    ///
    /// Fails when the system has no randomness.
    pub fn token(&self, identity: &Identity, now: Time) -> Result<String> {
        let seconds = |time: Time| time.unix_millis().div_euclid(1000);
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), self.issuer.as_str().into());
        claims.insert("aud".to_owned(), "sigstore".into());
        claims.insert("iat".to_owned(), seconds(now).into());
        claims.insert("nbf".to_owned(), seconds(clock::before(now, 5)).into());
        let end = seconds(clock::after(now, LIFETIME_S));
        claims.insert("exp".to_owned(), end.into());
        claims.extend(identity.0.clone());
        let head = json!({ "alg": "ES256", "typ": "JWT", "kid": self.key_id() });
        let signed = [head, Value::Object(claims)]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
            .join(".");
        let signature = p256::ecdsa::Signature::from_der(&self.key.sign(signed.as_bytes())?)?;
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        Ok(format!("{signed}.{signature}"))
    }

    /// The claims of a token that is good at that moment.
    ///
    /// # Errors
    ///
    /// Fails on everything else, with a reason.
    pub fn claims(&self, token: &str, now: Time) -> Result<Map<String, Value>> {
        let (signed, signature) = token.rsplit_once('.').context("no JWT")?;
        let (_, claims) = signed.split_once('.').context("no JWT")?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.raw());
        let signature = URL_SAFE_NO_PAD.decode(signature)?;
        ensure!(
            key.verify(signed.as_bytes(), &signature).is_ok(),
            "failed to verify signature of the token"
        );
        let claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        ensure!(
            text("iss") == self.issuer,
            "issuer `{}` unknown",
            text("iss")
        );
        ensure!(
            text("aud") == "sigstore",
            "expected audience \"sigstore\" got \"{}\"",
            text("aud")
        );
        let number = |name: &str| claims.get(name).and_then(Value::as_i64);
        match (number("nbf"), number("exp")) {
            (Some(start), Some(end)) if start * 1000 > now.unix_millis() => {
                bail!("token is not valid before {start} (it ends at {end})")
            }
            (Some(_), Some(end)) if end * 1000 > now.unix_millis() => Ok(claims),
            (Some(_) | None, _) => bail!("token is expired"),
        }
    }

    /// What `/.well-known/openid-configuration` answers (OIDC
    /// Discovery 1.0 §3).
    #[must_use]
    pub fn configuration(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/keys"),
            "authorization_endpoint": format!("{issuer}/auth"),
            "token_endpoint": format!("{issuer}/token"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    /// What its `jwks_uri` answers (RFC 7517).
    #[must_use]
    pub fn keys(&self) -> Value {
        // A point is 04, X, Y (SEC 1 §2.3.3).
        let (x, y) = self.key.raw().split_at_checked(33).unwrap_or_default();
        json!({ "keys": [{
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.key_id(),
            "x": URL_SAFE_NO_PAD.encode(x.get(1..).unwrap_or_default()),
            "y": URL_SAFE_NO_PAD.encode(y),
        }] })
    }

    fn key_id(&self) -> String {
        self.key.id().hex()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::now;

    #[test]
    fn only_a_good_token_has_claims() {
        let mint = Mint::new("http://issuer.test").unwrap();
        let alice = Identity::email("alice@example.com");
        let token = mint.token(&alice, now()).unwrap();
        let claims = mint.claims(&token, now()).unwrap();
        assert_eq!(claims.get("email").unwrap(), "alice@example.com");
        let refused = |token: &str, time, why: &str| {
            let error = mint.claims(token, time).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        refused(&token, clock::after(now(), 601), "expired");
        refused(&token, clock::before(now(), 6), "not valid before");
        refused(&token.replace('.', "._"), now(), "signature");
        let made = |identity: &Identity| mint.token(identity, now()).unwrap();
        refused(&made(&alice.clone().claim("aud", "x")), now(), "audience");
        refused(&made(&alice.clone().claim("iss", "x")), now(), "issuer");
        let other = Mint::new("http://issuer.test").unwrap();
        refused(&other.token(&alice, now()).unwrap(), now(), "signature");
    }
}
