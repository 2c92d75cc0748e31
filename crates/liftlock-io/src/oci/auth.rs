//! Answers a registry's question who we are: nobody, a user, or a token's bearer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::oci::challenge::Challenge;
use liftlock::oci::docker::Login;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::{Error, Result};
use crate::http::{Client, Limits, Method, Request, Response};

const TOKEN_LIMITS: Limits = Limits {
    bytes: 256 * 1024,
    timeout: Duration::from_secs(30),
};

/// How we call ourselves to a token service.
const CLIENT: &str = "liftlock";

/// The first question that we can answer, of however many headers.
pub(super) fn challenge(response: &Response) -> Option<Challenge> {
    let headers = response.headers.iter();
    headers
        .filter(|(name, _)| name == "www-authenticate")
        .find_map(|(_, value)| Challenge::parse(value))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The `Authorization` that answers a challenge, if we can give one; for a
/// scope of ours as well as for the one that is asked for.
pub(super) fn answer(
    client: &Client,
    (challenge, also): (&Challenge, Option<&str>),
    login: Option<&Login>,
) -> Result<Option<String>> {
    match (challenge, login) {
        (Challenge::Basic, Some(Login::Password { user, password })) => {
            Ok(Some(basic(user, password)))
        }
        (Challenge::Basic, Some(Login::Identity(_) | Login::Bearer(_)) | None) => Ok(None),
        (Challenge::Bearer { .. }, Some(Login::Bearer(token))) => {
            Ok(Some(format!("Bearer {token}")))
        }
        (
            Challenge::Bearer {
                realm,
                service,
                scope,
            },
            login,
        ) => {
            let question = Question {
                realm: service_address(realm)?,
                service: service.as_deref(),
                scopes: {
                    let asked = scope.iter().flat_map(|scope| scope.split(' '));
                    asked.chain(also).collect()
                },
            };
            token(client, &question, login)
        }
    }
}

/// What a token service is asked.
struct Question<'a> {
    realm: Url,
    service: Option<&'a str>,
    scopes: Vec<&'a str>,
}

impl Question<'_> {
    /// By GET, with the password in a header (distribution, "Token
    /// Authentication Specification").
    fn get(&self, login: Option<&Login>) -> Request {
        let mut url = self.realm.clone();
        if let Some(service) = self.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        for scope in &self.scopes {
            url.query_pairs_mut().append_pair("scope", scope);
        }
        match login {
            Some(Login::Password { user, password }) => {
                Request::get(url).with_header("authorization", basic(user, password))
            }
            Some(Login::Identity(_) | Login::Bearer(_)) | None => Request::get(url),
        }
    }

    /// By POST, which trades an identity token in (distribution, "`OAuth2`
    /// Token Authentication").
    fn post(&self, identity: &str) -> Request {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        form.append_pair("refresh_token", identity);
        form.append_pair("client_id", CLIENT);
        if let Some(service) = self.service {
            form.append_pair("service", service);
        }
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes.join(" "));
        }
        let form = form.finish().into_bytes();
        Request::new(Method::Post, self.realm.clone())
            .with_body("application/x-www-form-urlencoded", form)
    }
}

fn foreign(realm: &str, reason: &str) -> Error {
    Error::Foreign {
        url: realm.chars().take(200).collect(),
        reason: reason.to_owned(),
    }
}

fn service_address(realm: &str) -> Result<Url> {
    let url: Url = match realm.parse() {
        Ok(url) => url,
        Err(_) => return Err(foreign(realm, "its token service has no address")),
    };
    if url.scheme() == "https" || url.host_str().is_some_and(super::registry::is_local) {
        Ok(url)
    } else {
        Err(foreign(
            realm,
            "its token service would get the password in plain text",
        ))
    }
}

fn token(
    client: &Client,
    question: &Question<'_>,
    login: Option<&Login>,
) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Token {
        token: Option<String>,
        access_token: Option<String>,
    }
    let request = match login {
        Some(Login::Identity(identity)) => question.post(identity),
        Some(Login::Password { .. } | Login::Bearer(_)) | None => question.get(login),
    };
    let response = client.send(request, TOKEN_LIMITS)?;
    match response.status {
        200 => {}
        401 | 403 => return Ok(None),
        status => {
            return Err(Error::Status {
                host: question.realm.authority().to_owned(),
                action: "the request for a token".to_owned(),
                status,
                message: String::new(),
            });
        }
    }
    let Ok(token) = serde_json::from_slice::<Token>(&response.body) else {
        let realm = question.realm.as_str();
        return Err(foreign(realm, "its token service gives no token"));
    };
    let token = token.token.or(token.access_token);
    Ok(token.map(|token| format!("Bearer {token}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_question_that_can_be_answered_counts() {
        let response = Response {
            status: 401,
            headers: ["Negotiate", "Basic realm=x"]
                .map(|value| ("www-authenticate".to_owned(), value.to_owned()))
                .to_vec(),
            body: Vec::new(),
            elsewhere: None,
        };
        assert_eq!(challenge(&response), Some(Challenge::Basic));
    }

    #[test]
    fn an_identity_token_goes_into_the_body_and_nowhere_else() {
        let question = Question {
            realm: "https://t.example/token".parse().unwrap(),
            service: Some("r"),
            scopes: vec!["repository:x:pull", "repository:y:pull"],
        };
        let request = question.post("a+b&c");
        assert_eq!(request.url.as_str(), "https://t.example/token");
        let body = b"grant_type=refresh_token&refresh_token=a%2Bb%26c&client_id=liftlock&service=r&scope=repository%3Ax%3Apull+repository%3Ay%3Apull";
        assert_eq!(request.body, crate::http::Body::Bytes(body.to_vec()));
        let login = Login::Identity("secret".to_owned());
        assert!(!question.get(Some(&login)).url.as_str().contains("secret"));
    }
}
