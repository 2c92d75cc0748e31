//! Which service of the loopback instance answers what, as its script has it.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use super::authority::Authority;
use super::clock::Clock;
use super::fault::{Fault, Lie, Script, Service};
use super::issuer;
use super::rekor::{V1, V2};
use super::stamp::Stamps;
use super::token::{Identity, Mint};
use crate::http::{Answer, Ending};
use crate::wire::Request;

/// The name in checkpoints: the host of the URL, without its port.
pub(crate) const HOST: &str = "127.0.0.1";

/// GitHub's endpoint for tokens of jobs, and what a job authenticates with.
pub(crate) const JOB_TOKENS: &str = "/job/token";
pub(crate) const JOB_SECRET: &str = "loopback-job";

/// All of them.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) mint: Arc<Mint>,
    pub(crate) clock: Clock,
    pub(crate) authority: Authority,
    pub(crate) v1: V1,
    pub(crate) v2: V2,
    pub(crate) stamps: Stamps,
}

impl Service {
    /// Whom a path belongs to.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/.well-known/openid-configuration" | "/keys" | JOB_TOKENS => Some(Self::Issuer),
            "/api/v2/signingCert" => Some(Self::Fulcio),
            "/api/v2/log/entries" => Some(Self::RekorV2),
            "/api/v1/timestamp" => Some(Self::Stamps),
            _ if path.starts_with("/api/v1/log/entries") => Some(Self::RekorV1),
            _ => None,
        }
    }
}

impl Services {
    pub(crate) fn answer(&mut self, request: &Request, script: &Script) -> Answer {
        let Some(service) = Service::of(request.path()) else {
            return Answer::new(404);
        };
        let fault = script.take(service);
        let lie = match fault {
            Some(Fault::Instead(answer)) => return answer,
            Some(Fault::Lie(lie)) => Some(lie),
            Some(Fault::Lost | Fault::Held(_)) | None => None,
        };
        let answer = self
            .serve(service, request, lie)
            .unwrap_or_else(|error| Answer::new(500).body(format!("{error:#}\n")));
        match fault {
            Some(Fault::Lost) => answer.ending(Ending::CloseAtOnce),
            Some(Fault::Held(gate)) => answer.held(&gate),
            Some(Fault::Instead(_) | Fault::Lie(_)) | None => answer,
        }
    }

    fn serve(&mut self, service: Service, request: &Request, lie: Option<Lie>) -> Result<Answer> {
        let now = self.clock.now();
        let (method, body) = (request.method.as_str(), request.body.as_slice());
        match (service, method) {
            (Service::Issuer, "GET") if request.path() == JOB_TOKENS => self.job(request),
            (Service::Issuer, "GET") => {
                Ok(issuer::answer(&self.mint, request).unwrap_or_else(|| Answer::new(404)))
            }
            (Service::Fulcio, "POST") => Ok(self.certificate(request, lie)),
            (Service::RekorV1, "POST") => self.v1.post(body, now, lie),
            (Service::RekorV1, "GET") => self.v1.get(request.path(), lie),
            (Service::RekorV2, "POST") => self.v2.post(body, lie),
            (Service::Stamps, "POST") => self.stamps.answer(body, now, lie),
            _ => Ok(Answer::new(405)),
        }
    }

    /// GitHub, "OIDC reference", requesting the JWT.
    fn job(&self, request: &Request) -> Result<Answer> {
        let query = |name: &str| {
            let (_, query) = request.target.split_once('?')?;
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value)
        };
        let secret = format!("bearer {JOB_SECRET}");
        let given = request.header("authorization").unwrap_or_default();
        if !given.eq_ignore_ascii_case(&secret) {
            return Ok(Answer::new(401));
        }
        let audience = query("audience").unwrap_or("https://github.com/loopback");
        let identity = Identity::github(query("repository").unwrap_or("acme/shop"));
        let identity = identity.claim("aud", audience);
        let token = self.mint.token(&identity, self.clock.now())?;
        Ok(Answer::json(json!({ "value": token }).to_string()))
    }

    fn certificate(&self, request: &Request, lie: Option<Lie>) -> Answer {
        let now = self.clock.now();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let bearer = request
            .header("authorization")
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token);
        let inside = body.pointer("/credentials/oidcIdentityToken");
        let token = bearer
            .or(inside.and_then(Value::as_str))
            .unwrap_or_default();
        // As gRPC's gateway has it; Fulcio says so of bad tokens too.
        let refusal = |error: &anyhow::Error| {
            let message = format!("{error:#}");
            Answer::new(400)
                .header("content-type", "application/json")
                .body(json!({ "code": 3, "message": message, "details": [] }).to_string())
        };
        let claims = match self.mint.claims(token, now) {
            Ok(claims) => claims,
            Err(error) => {
                let error = error.context("There was an error processing the identity token");
                return refusal(&error);
            }
        };
        match self.authority.issue(claims, &body, now, lie) {
            Ok(answer) => Answer::json(answer.to_string()),
            Err(error) => refusal(&error),
        }
    }
}
