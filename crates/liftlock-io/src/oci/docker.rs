//! What Docker's files and credential helpers say about a registry.
//!
//! A secret is never logged: not from a file, not from a helper's output.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Error, Result};
use crate::process::{self, Call};
use crate::{env, file};

/// A thousand logins.
const LARGEST: u64 = 1024 * 1024;

/// A helper may have to ask a cloud.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of a helper's answer.
const LARGEST_ANSWER: usize = 64 * 1024;

/// What Docker Hub is called in Docker's files, and by which names it is reached.
const HUB: &str = "https://index.docker.io/v1/";
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The user name of a helper whose secret is an identity token
/// (docker/cli, `cli/config/types`).
const TOKEN_USER: &str = "<token>";

/// Who we are to one registry; never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// A user with a password.
    Password { user: String, password: String },
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
struct Known {
    login: Option<Login>,
    /// The ending of the program's name that knows more.
    helper: Option<String>,
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

/// Looks a repository up in `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG` or
/// `~/.docker`, and asks the credential helper that stands there. Nothing is
/// known about a registry that none of them knows.
pub(super) fn login(host: &str, repository: &str) -> Result<Option<Login>> {
    let path = env::var("REGISTRY_AUTH_FILE")
        .map(PathBuf::from)
        .or_else(|| env::var("DOCKER_CONFIG").map(|dir| PathBuf::from(dir).join("config.json")))
        .or_else(|| env::var("HOME").map(|dir| PathBuf::from(dir).join(".docker/config.json")));
    let Some(path) = path.filter(|path| path.exists()) else {
        return Ok(None);
    };
    let bytes = file::read(&path, LARGEST)?;
    let known = parse(&bytes, host, repository).map_err(|reason| Error::Credentials {
        path: path.display().to_string(),
        reason,
    })?;
    match known.helper {
        Some(name) => Ok(ask(&name, host)?.or(known.login)),
        None => Ok(known.login),
    }
}

fn parse(bytes: &[u8], host: &str, repository: &str) -> std::result::Result<Known, String> {
    let config: Config = serde_json::from_slice(bytes)
        // Where it is wrong, but never what stands there.
        .map_err(|error| {
            format!(
                "not JSON at line {} column {}",
                error.line(),
                error.column()
            )
        })?;
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

fn of_entry(entry: &Entry) -> std::result::Result<Option<Login>, String> {
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
        None => Err("an `auth` is not the base64 of USER:PASSWORD".to_owned()),
    }
}

/// Asks a credential helper (docker/docker-credential-helpers, "Development").
fn ask(name: &str, host: &str) -> Result<Option<Login>> {
    let failed = |reason: &str| Error::Helper {
        name: name.to_owned(),
        reason: reason.to_owned(),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.bytes().all(plain) || name.starts_with('.') {
        return Err(Error::Helper {
            name: "…".to_owned(),
            reason: "its name is no part of a program's name".to_owned(),
        });
    }
    let server = if HUB_HOSTS.contains(&host) { HUB } else { host };
    let argv = [format!("docker-credential-{name}"), "get".to_owned()];
    let call = Call {
        argv: &argv,
        input: server.as_bytes(),
        timeout: PATIENCE,
    };
    let ended = match process::finish(&call) {
        Ok(ended) => ended,
        Err(process::Error::Start { .. }) => return Err(failed("it cannot be started")),
        Err(process::Error::Late { .. }) => return Err(failed("it does not answer")),
        // What it printed may be a secret: none of it is told.
        Err(process::Error::TooMuch(_) | process::Error::Failed { .. }) => {
            return Err(failed("it prints too much"));
        }
    };
    if ended.output.len() > LARGEST_ANSWER {
        return Err(failed("it prints too much"));
    }
    if ended.code != Some(0) {
        // The one answer that has a meaning: it does not know this registry.
        let said = String::from_utf8_lossy(&ended.output);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed("it ends with an error"));
    }
    understand(&ended.output).map_err(failed)
}

fn understand(bytes: &[u8]) -> std::result::Result<Option<Login>, &'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(bytes) else {
        return Err("it answers in another form");
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
        assert!(login("broken.example", "a").is_err());
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
        assert!(!error.contains("secret"), "{error}");
        let login = Login::Identity("secret".to_owned());
        assert!(!format!("{login:?}").contains("secret"));
    }

    #[test]
    fn a_helper_answers_with_a_password_a_token_or_nothing() {
        let answer = |user: &str, secret: &str| {
            let answer =
                serde_json::json!({ "ServerURL": "r", "Username": user, "Secret": secret });
            understand(answer.to_string().as_bytes())
        };
        assert_eq!(answer("a", "b"), Ok(password("a", "b")));
        let identity = Some(Login::Identity("id".to_owned()));
        assert_eq!(answer("<token>", "id"), Ok(identity));
        assert_eq!(answer("a", ""), Ok(None));
        for bad in ["", "[]", "{}", "secret"] {
            let told = understand(bad.as_bytes()).unwrap_err();
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_no_helper() {
        for name in ["../x", "a/b", "a b", ".x", "$(id)"] {
            let error = ask(name, "r.example").unwrap_err();
            assert!(matches!(error, Error::Helper { .. }), "{name}");
        }
        let error = ask("no-such-helper-anywhere", "r.example").unwrap_err();
        assert!(error.to_string().contains("cannot be started"), "{error}");
    }
}
