//! Identity tokens of CI systems (OpenID Connect), read without proof: the
//! certificate authority proves them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::failure::{Explain, Kind};
use crate::json;
use crate::sigstore::identity::Known;
use crate::time::Time;

/// The audience that Sigstore asks for.
pub const AUDIENCE: &str = "sigstore";

/// Where GitHub's workflows are, as Fulcio names them.
const GITHUB: &str = "https://github.com";

/// The most bytes of a token.
const LARGEST: usize = 64 * 1024;

/// A token. It is a secret until it expires and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    claims: Claims,
}

/// What we look at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    aud: Audience,
    exp: i64,
    /// The workflow that has the job, and the one that an event began (GitHub,
    /// "OIDC reference").
    #[serde(default)]
    job_workflow_ref: Option<String>,
    #[serde(default)]
    workflow_ref: Option<String>,
    /// The same on GitLab ("ID token authentication", token payload).
    #[serde(default)]
    ci_config_ref_uri: Option<String>,
    /// GitHub's word for how public the repository is.
    #[serde(default)]
    repository_visibility: Option<String>,
    /// GitLab's.
    #[serde(default)]
    project_visibility: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Token {
    /// Reads a token (RFC 7519, compact form).
    ///
    /// # Errors
    ///
    /// Fails on anything else, and without an issuer or a subject.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let mut parts = text.split('.');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(_), Some(claims), Some(_), None) = parts else {
            return Err(ParseError::Shape);
        };
        if text.len() > LARGEST {
            return Err(ParseError::Shape);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
        let claims: Claims = json::parse(&claims).map_err(ParseError::Claims)?;
        if claims.iss.is_empty() || claims.sub.is_empty() && claims.email.is_none() {
            return Err(ParseError::Nobody);
        }
        Ok(Self {
            text: text.to_owned(),
            claims,
        })
    }

    /// The token itself.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// Who made it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// What the certificate authority wants to see signed: the e-mail address
    /// where there is one, else the subject.
    #[must_use]
    pub fn challenge(&self) -> &str {
        self.claims.email.as_deref().unwrap_or(&self.claims.sub)
    }

    /// Whom it is for, as the token lists them.
    #[must_use]
    pub fn audience(&self) -> String {
        match &self.claims.aud {
            Audience::One(one) => one.clone(),
            Audience::Many(all) => all.join(", "),
        }
    }

    /// Whether it says that everybody may see where it comes from.
    #[must_use]
    pub fn is_public(&self) -> bool {
        let said = self.claims.repository_visibility.as_ref();
        let said = said.or(self.claims.project_visibility.as_ref());
        said.is_some_and(|word| word == "public")
    }

    /// The holders that a certificate for this token may name, as Sigstore's
    /// public authority names them, and that of a GitHub of one's own (Fulcio,
    /// `config/identity/config.yaml`). None where only the authority knows.
    #[must_use]
    pub fn holders(&self) -> Vec<Known> {
        let claims = &self.claims;
        let known = |name: String, build_config: Option<String>| Known {
            issuer: Some(claims.iss.clone()),
            names: vec![name],
            build_config,
        };
        if let Some(job) = &claims.job_workflow_ref {
            let begun = claims.workflow_ref.as_ref();
            let at = |host: &str| {
                let begun = begun.map(|begun| format!("{host}/{begun}"));
                known(format!("{host}/{job}"), begun)
            };
            return vec![at(GITHUB), at(origin(&claims.iss))];
        }
        if let Some(file) = &claims.ci_config_ref_uri {
            let name = format!("https://{file}");
            return vec![known(name.clone(), Some(name))];
        }
        let email = claims.email.clone();
        email.map(|email| known(email, None)).into_iter().collect()
    }

    /// Insists that it is for Sigstore and lasts.
    ///
    /// # Errors
    ///
    /// Fails otherwise.
    pub fn check(&self, now: Time) -> Result<(), ParseError> {
        let meant = match &self.claims.aud {
            Audience::One(one) => one == AUDIENCE,
            Audience::Many(all) => all.iter().any(|one| one == AUDIENCE),
        };
        if !meant {
            return Err(ParseError::Audience(self.audience()));
        }
        let end = Time::from_unix_millis(self.claims.exp.saturating_mul(1000));
        match end {
            Ok(end) if now < end => Ok(()),
            Ok(end) => Err(ParseError::Expired(end)),
            Err(_) => Err(ParseError::Shape),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({})", self.claims.iss)
    }
}

/// A URL without its path.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at.saturating_add(3));
    let path = url.get(host..).and_then(|rest| rest.find('/'));
    let end = path.map_or(url.len(), |at| host.saturating_add(at));
    url.get(..end).unwrap_or(url)
}

/// The token cannot be used. It is never part of the message.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// No token.
    #[error("the identity token is no JWT")]
    Shape,
    /// Not the claims of a token.
    #[error("the claims of the identity token are malformed")]
    Claims(#[source] json::ParseError),
    /// Nobody's.
    #[error("the identity token names no issuer and subject")]
    Nobody,
    /// For somebody else.
    #[error("the identity token is for `{0}`, not for `{AUDIENCE}`")]
    Audience(String),
    /// Too late.
    #[error("the identity token expired at {0}")]
    Expired(Time),
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Credentials
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Audience(_) => Some(format!(
                "ask the CI for a token with the audience `{AUDIENCE}`"
            )),
            Self::Shape | Self::Claims(_) | Self::Nobody | Self::Expired(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &serde_json::Value) -> Result<Token, ParseError> {
        Token::parse(&format!(
            "h.{}.s\n",
            URL_SAFE_NO_PAD.encode(claims.to_string())
        ))
    }

    fn now() -> Time {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn with(field: &str, value: serde_json::Value) -> Result<Token, ParseError> {
        let mut claims = serde_json::json!({
            "iss": "https://i", "sub": "repo:a/b", "aud": "sigstore", "exp": 1_767_225_601,
            "repository_visibility": "public",
        });
        claims[field] = value;
        token(&claims)
    }

    #[test]
    fn a_token_is_for_sigstore_and_for_now() {
        let good = with("aud", "sigstore".into()).unwrap();
        assert!(good.check(now()).is_ok() && good.is_public());
        let both = with("aud", serde_json::json!(["x", "sigstore"])).unwrap();
        assert!(both.check(now()).is_ok());
        assert_eq!(both.audience(), "x, sigstore");
        for other in [
            serde_json::json!("x"),
            serde_json::json!([]),
            serde_json::json!("sigstore2"),
        ] {
            let refused = with("aud", other).unwrap().check(now());
            assert!(matches!(refused, Err(ParseError::Audience(_))));
        }
        let late = with("exp", 1_767_225_600.into()).unwrap().check(now());
        assert!(matches!(late, Err(ParseError::Expired(_))));
    }

    #[test]
    fn a_token_tells_whom_a_certificate_may_name() {
        let told = |claims: serde_json::Value| {
            let mut all = serde_json::json!({ "iss": "https://i.example/x", "sub": "s", "exp": 1 });
            all.as_object_mut()
                .unwrap()
                .extend(claims.as_object().unwrap().clone());
            let holders = token(&all).unwrap().holders();
            assert!(
                holders
                    .iter()
                    .all(|one| one.issuer.as_deref() == Some("https://i.example/x"))
            );
            let pair = |one: &Known| (one.names.join(" "), one.build_config.clone());
            holders.iter().map(pair).collect::<Vec<_>>()
        };
        let name = |text: &str| (text.to_owned(), None);
        let begun = |text: &str, by: &str| (text.to_owned(), Some(by.to_owned()));
        let github = serde_json::json!({ "job_workflow_ref": "t/g/w.yml@v1", "workflow_ref": "a/b/c.yml@m" });
        let expected = [
            begun(
                "https://github.com/t/g/w.yml@v1",
                "https://github.com/a/b/c.yml@m",
            ),
            begun(
                "https://i.example/t/g/w.yml@v1",
                "https://i.example/a/b/c.yml@m",
            ),
        ];
        assert_eq!(told(github), expected);
        let file = "gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main";
        let url = format!("https://{file}");
        let gitlab = serde_json::json!({ "ci_config_ref_uri": file });
        assert_eq!(told(gitlab), [begun(&url, &url)]);
        let person = serde_json::json!({ "email": "a@b.example" });
        assert_eq!(told(person), [name("a@b.example")]);
        assert_eq!(told(serde_json::json!({})), []);
    }

    #[test]
    fn a_token_says_who_and_how_public_and_is_never_shown() {
        let good = with("email", serde_json::Value::Null).unwrap();
        assert_eq!(good.challenge(), "repo:a/b");
        assert!(!format!("{good:?}").contains(good.secret()));
        assert_eq!(with("email", "a@b".into()).unwrap().challenge(), "a@b");
        for other in [serde_json::json!("private"), serde_json::Value::Null] {
            assert!(!with("repository_visibility", other).unwrap().is_public());
        }
        assert!(matches!(with("iss", "".into()), Err(ParseError::Nobody)));
        for text in ["", "a.b", "a.b.c.d", "a.!.c"] {
            assert!(Token::parse(text).is_err(), "{text}");
        }
    }
}
