//! What Docker's files and credential helpers say about a registry.
//!
//! A secret is never shown: not from a file, not from a helper's answer.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::failure::{Explain, Kind};
use crate::json;

/// What Docker Hub is called in Docker's files, and by which names it is reached.
const HUB: &str = "https://index.docker.io/v1/";
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The user name of a helper whose secret is an identity token
/// (docker/cli, `cli/config/types`).
const TOKEN_USER: &str = "<token>";

/// Who we are to one registry; never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A user with a password.
    Password {
        /// Who.
        user: String,
        /// Secret.
        password: String,
    },
    /// What is exchanged for a token at the registry's token service.
    Identity(String),
    /// What is sent as it is.
    Bearer(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Login")
    }
}

/// What is known about a registry, before any helper is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What the file itself says.
    pub login: Option<Login>,
    /// The ending of the program's name that knows more.
    pub helper: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

/// By which name a credential helper knows a registry.
#[must_use]
pub fn server(host: &str) -> &str {
    if HUB_HOSTS.contains(&host) { HUB } else { host }
}

/// What a configuration file of Docker's (docker/cli, `cli/config/configfile`)
/// says about a repository.
///
/// # Errors
///
/// Fails when it is no such file, and when the entry that fits is malformed.
pub fn parse(bytes: &[u8], host: &str, repository: &str) -> Result<Known, ParseError> {
    let config: Config = match json::parse(bytes) {
        Ok(config) => config,
        // Where it is wrong, but never what stands there.
        Err(json::ParseError::Malformed(error)) => {
            let (line, column) = (error.line(), error.column());
            return Err(ParseError::Json { line, column });
        }
        Err(json::ParseError::TooLarge(_) | json::ParseError::TooMany(_)) => {
            return Err(ParseError::TooLarge);
        }
    };
    let own = best(&config.cred_helpers, host, repository);
    let entry = best(&config.auths, host, repository);
    Ok(Known {
        login: entry.map(of_entry).transpose()?.flatten(),
        helper: own
            .cloned()
            .or(config.creds_store)
            .filter(|name| !name.is_empty()),
    })
}

/// The value whose key names most of the repository's address.
fn best<'a, T>(all: &'a BTreeMap<String, T>, host: &str, repository: &str) -> Option<&'a T> {
    let fits = all.iter().filter_map(|(key, value)| {
        let length = covers(key, host, repository)?;
        Some((length, value))
    });
    fits.max_by_key(|(length, _)| *length)
        .map(|(_, value)| value)
}

/// How many bytes of `HOST/REPOSITORY` a key names, if it names them.
fn covers(key: &str, host: &str, repository: &str) -> Option<usize> {
    if HUB_HOSTS.contains(&host) && (key == HUB || HUB_HOSTS.contains(&key)) {
        return Some(host.len());
    }
    let bare = key
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let bare = bare
        .strip_suffix("/v1")
        .or_else(|| bare.strip_suffix("/v2"))
        .unwrap_or(bare);
    let address = format!("{host}/{repository}");
    let rest = address.strip_prefix(bare)?;
    (!bare.is_empty() && (rest.is_empty() || rest.starts_with('/'))).then_some(bare.len())
}

fn of_entry(entry: &Entry) -> Result<Option<Login>, ParseError> {
    if !entry.registrytoken.is_empty() {
        return Ok(Some(Login::Bearer(entry.registrytoken.clone())));
    }
    if !entry.identitytoken.is_empty() {
        return Ok(Some(Login::Identity(entry.identitytoken.clone())));
    }
    if !entry.username.is_empty() {
        return Ok(Some(Login::Password {
            user: entry.username.clone(),
            password: entry.password.clone(),
        }));
    }
    if entry.auth.is_empty() {
        return Ok(None);
    }
    let text = STANDARD
        .decode(&entry.auth)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match text.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) => Ok(Some(Login::Password {
            user: user.to_owned(),
            password: password.trim_end_matches('\0').to_owned(),
        })),
        None => Err(ParseError::Auth),
    }
}

/// What a credential helper answers to `get`; an empty secret is nothing.
///
/// # Errors
///
/// Fails when it is no such answer.
pub fn answer(bytes: &[u8]) -> Result<Option<Login>, ParseError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let Ok(answer) = json::parse::<Answer>(bytes) else {
        return Err(ParseError::Answer);
    };
    if answer.secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(match answer.username.as_str() {
        TOKEN_USER => Login::Identity(answer.secret),
        _ => Login::Password {
            user: answer.username,
            password: answer.secret,
        },
    }))
}

/// What is wrong with a file or an answer; never what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Malformed, or of another shape.
    #[error("not JSON at line {line} column {column}")]
    Json {
        /// From 1; 0 for an empty file.
        line: usize,
        /// In bytes, from 0.
        column: usize,
    },
    /// Larger than any honest file.
    #[error("it is too large")]
    TooLarge,
    /// An `auth` of another form.
    #[error("an `auth` is not the base64 of USER:PASSWORD")]
    Auth,
    /// A helper's answer of another form.
    #[error("it answers in another form")]
    Answer,
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Credentials
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(user: &str, password: &str) -> Option<Login> {
        Some(Login::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }

    #[test]
    fn a_login_is_found_by_host_and_port_and_the_longest_path() {
        let config = serde_json::json!({
            "auths": {
                "r.example": { "auth": STANDARD.encode("alice:a:b") },
                "r.example/team": { "auth": STANDARD.encode("team:t") },
                "r.example/team/shop": { "auth": STANDARD.encode("shop:s") },
                "https://127.0.0.1:5000/v2/": { "username": "bob", "password": "x" },
                "https://index.docker.io/v1/": { "username": "hub", "password": "h" },
                "broken.example": { "auth": "!" },
                "identity.example": { "auth": STANDARD.encode("u:"), "identitytoken": "id" },
                "bearer.example": { "registrytoken": "b" },
            },
            "credHelpers": { "cloud.example": "cloud", "r.example/team": "own" },
        });
        let bytes = config.to_string().into_bytes();
        let login =
            |host: &str, repository: &str| parse(&bytes, host, repository).map(|known| known.login);
        let cases = [
            ("r.example", "other", password("alice", "a:b")),
            ("r.example", "teams", password("alice", "a:b")),
            ("r.example", "team/other", password("team", "t")),
            ("r.example", "team/shop", password("shop", "s")),
            ("127.0.0.1:5000", "a", password("bob", "x")),
            ("127.0.0.1:5001", "a", None),
            ("r.example.evil", "a", None),
            ("docker.io", "library/a", password("hub", "h")),
            (
                "identity.example",
                "a",
                Some(Login::Identity("id".to_owned())),
            ),
            ("bearer.example", "a", Some(Login::Bearer("b".to_owned()))),
        ];
        for (host, repository, expected) in cases {
            assert_eq!(login(host, repository), Ok(expected), "{host}/{repository}");
        }
        assert_eq!(login("broken.example", "a"), Err(ParseError::Auth));
        let helper = |host: &str, repository: &str| {
            let known = parse(&bytes, host, repository).unwrap();
            known.helper
        };
        assert_eq!(helper("cloud.example", "a").as_deref(), Some("cloud"));
        assert_eq!(helper("r.example", "team/a").as_deref(), Some("own"));
        assert_eq!(helper("r.example", "a"), None);
        let stored = br#"{"credsStore":"desktop","credHelpers":{"a.example":"a"}}"#;
        let store = |host: &str| parse(stored, host, "x").unwrap().helper.unwrap();
        assert_eq!(
            (store("a.example"), store("b.example")),
            ("a".into(), "desktop".into())
        );
    }

    #[test]
    fn what_stands_in_a_broken_file_is_not_told() {
        let error = parse(b"{\"auths\": secret", "r.example", "a").unwrap_err();
        let error = error.to_string();
        assert!(!error.contains("secret"), "{error}");
        let login = Login::Identity("secret".to_owned());
        assert!(!format!("{login:?}").contains("secret"));
    }

    #[test]
    fn a_helper_answers_with_a_password_a_token_or_nothing() {
        let said = |user: &str, secret: &str| {
            let said = serde_json::json!({ "ServerURL": "r", "Username": user, "Secret": secret });
            answer(said.to_string().as_bytes())
        };
        assert_eq!(said("a", "b"), Ok(password("a", "b")));
        let identity = Some(Login::Identity("id".to_owned()));
        assert_eq!(said("<token>", "id"), Ok(identity));
        assert_eq!(said("a", ""), Ok(None));
        for bad in ["", "[]", "{}", "secret"] {
            let told = answer(bad.as_bytes()).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
