//! Where an identity token comes from: a variable, a file, or the CI.

use std::path::PathBuf;
use std::time::Duration;

use liftlock::failure;
use liftlock::sigstore::token::{AUDIENCE, Token};
use liftlock::time::Time;
use serde::Deserialize;
use url::Url;

use super::Error;
use crate::http::{Client, Limits, Request};
use crate::process::{self, Call};
use crate::{env, file};

/// The variable that GitLab jobs are told to fill, as for cosign.
pub const VARIABLE: &str = "SIGSTORE_ID_TOKEN";

/// Where cosign looks for a token in a file.
const FILE: &str = "/var/run/sigstore/cosign/oidc-token";

/// What a token may have, and how long the CI may take.
const LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    timeout: Duration::from_secs(15),
};

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A variable.
    Variable(String),
    /// A file, read anew each time.
    File(PathBuf),
    /// GitHub's service for jobs.
    GitHub,
    /// The program `buildkite-agent`.
    Buildkite,
    /// The token itself, as Sigstore's conformance protocol hands it over.
    Given(Box<Token>),
}

impl Source {
    /// Reads `env://NAME` or a path.
    #[must_use]
    pub fn named(reference: &str) -> Self {
        match reference.strip_prefix("env://") {
            Some(name) => Self::Variable(name.to_owned()),
            None => Self::File(PathBuf::from(reference)),
        }
    }

    /// What is there around this process, in the order of cosign: a variable,
    /// GitHub, a file, Buildkite.
    ///
    /// # Errors
    ///
    /// Fails when nothing is.
    pub fn ambient() -> Result<Self, Error> {
        if env::var(VARIABLE).is_some() {
            return Ok(Self::Variable(VARIABLE.to_owned()));
        }
        if env::var("ACTIONS_ID_TOKEN_REQUEST_URL").is_some() {
            return Ok(Self::GitHub);
        }
        if std::path::Path::new(FILE).exists() {
            return Ok(Self::File(PathBuf::from(FILE)));
        }
        if env::var("BUILDKITE_AGENT_ACCESS_TOKEN").is_some() {
            return Ok(Self::Buildkite);
        }
        let reason = match env::var("GITHUB_ACTIONS") {
            Some(_) => "this job may not ask GitHub for one",
            None => "no CI offers one here",
        };
        Err(Error::NoToken(reason.to_owned()))
    }

    /// Gets a token that is for Sigstore and lasts.
    ///
    /// # Errors
    ///
    /// Fails when there is none, and on one that is for something else.
    pub fn token(&self, client: &Client, now: Time) -> Result<Token, Error> {
        let token = match self {
            Self::Given(token) => Token::clone(token),
            Self::Variable(name) => {
                let text = env::secret(name);
                let missing = || Error::NoToken(format!("the variable `{name}` is not set"));
                Token::parse(&text.ok_or_else(missing)?)?
            }
            Self::File(path) => {
                let text = file::read(path, LIMITS.bytes);
                let text = text.map_err(|error| Error::NoToken(error.to_string()))?;
                Token::parse(&String::from_utf8_lossy(&text))?
            }
            Self::GitHub => github(client)?,
            Self::Buildkite => buildkite()?,
        };
        token.check(now)?;
        Ok(token)
    }
}

/// `GET $ACTIONS_ID_TOKEN_REQUEST_URL&audience=…`
fn github(client: &Client) -> Result<Token, Error> {
    #[derive(Deserialize)]
    struct Answer {
        value: String,
    }
    let missing = |name: &str| Error::NoToken(format!("the variable `{name}` is not set"));
    let name = "ACTIONS_ID_TOKEN_REQUEST_URL";
    let url = env::var(name).ok_or_else(|| missing(name))?;
    let mut url: Url = url.parse().map_err(|_error| Error::Address(url.clone()))?;
    url.query_pairs_mut().append_pair("audience", AUDIENCE);
    let name = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
    let bearer = env::secret(name).ok_or_else(|| missing(name))?;
    let request = Request::get(url.clone())
        .with_header("authorization", format!("bearer {bearer}"))
        .with_header("accept", "application/json");
    let response = client.send(request, LIMITS)?;
    if !response.is_success() {
        return Err(Error::status(&url, &response));
    }
    match serde_json::from_slice::<Answer>(&response.body) {
        Ok(answer) => Ok(Token::parse(&answer.value)?),
        // The cause could quote a token.
        Err(_hidden) => Err(Error::NoToken("GitHub's answer holds none".to_owned())),
    }
}

/// `buildkite-agent oidc request-token --audience …`
fn buildkite() -> Result<Token, Error> {
    let argv = [
        "buildkite-agent",
        "oidc",
        "request-token",
        "--audience",
        AUDIENCE,
    ];
    let printed = process::run(&Call {
        argv: &argv.map(str::to_owned),
        input: &[],
        timeout: LIMITS.timeout,
    });
    let printed = printed.map_err(|error| Error::NoToken(failure::line(&error)))?;
    Ok(Token::parse(&String::from_utf8_lossy(&printed))?)
}
