//! Who we are to a registry: nobody, a user of Docker's files, or a token's bearer.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::Url;

use super::{Error, Result};
use crate::http::{Client, Limits, Request};
use crate::{env, file};

/// A thousand logins.
const LARGEST: u64 = 1024 * 1024;

const TOKEN_LIMITS: Limits = Limits {
    bytes: 256 * 1024,
    timeout: Duration::from_secs(30),
};

/// User and password for one registry; never shown.
#[derive(Clone)]
pub(super) struct Login {
    user: String,
    password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Login")
    }
}

impl Login {
    fn basic(&self) -> String {
        let pair = format!("{}:{}", self.user, self.password);
        format!("Basic {}", STANDARD.encode(pair))
    }
}

/// What Docker's files say about a registry.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) login: Option<Login>,
    /// A program that would know, but that is not asked.
    pub(super) program: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    auths: std::collections::BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: std::collections::BTreeMap<String, String>,
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
}

/// Looks a registry up in `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG` or `~/.docker`.
pub(super) fn known(host: &str) -> Result<Known> {
    let path = env::var("REGISTRY_AUTH_FILE")
        .map(PathBuf::from)
        .or_else(|| env::var("DOCKER_CONFIG").map(|dir| PathBuf::from(dir).join("config.json")))
        .or_else(|| env::var("HOME").map(|dir| PathBuf::from(dir).join(".docker/config.json")));
    let Some(path) = path.filter(|path| path.exists()) else {
        return Ok(Known::default());
    };
    let bytes = file::read(&path, LARGEST)?;
    parse(&bytes, host).map_err(|reason| Error::Credentials {
        path: path.display().to_string(),
        reason,
    })
}

fn parse(bytes: &[u8], host: &str) -> std::result::Result<Known, String> {
    let config: Config = serde_json::from_slice(bytes)
        // Where it is wrong, but never what stands there.
        .map_err(|error| {
            format!(
                "not JSON at line {} column {}",
                error.line(),
                error.column()
            )
        })?;
    let same = |key: &str| {
        let bare = key
            .trim_start_matches("https://")
            .trim_start_matches("http://");
        bare.split('/').next() == Some(host)
    };
    let helper = config.cred_helpers.iter().find(|(key, _)| same(key));
    let program = helper.map(|(_, name)| name.clone()).or(config.creds_store);
    let entry = config.auths.iter().find(|(key, _)| same(key));
    let login = entry.map(|(_, entry)| login(entry)).transpose()?.flatten();
    Ok(Known { login, program })
}

fn login(entry: &Entry) -> std::result::Result<Option<Login>, String> {
    if !entry.username.is_empty() {
        return Ok(Some(Login {
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
        Some((user, password)) => Ok(Some(Login {
            user: user.to_owned(),
            password: password.trim_end_matches('\0').to_owned(),
        })),
        None => Err("an `auth` is not the base64 of USER:PASSWORD".to_owned()),
    }
}

/// What a registry asks for in `WWW-Authenticate`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        Some(Self::Bearer {
            realm: parameter(rest, "realm")?,
            service: parameter(rest, "service"),
            scope: parameter(rest, "scope"),
        })
    }
}

/// The quoted parameter of a challenge; commas inside of quotes are its own.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = next;
    }
}

/// The `Authorization` that answers a challenge, if we can give one.
pub(super) fn answer(
    client: &Client,
    challenge: &Challenge,
    login: Option<&Login>,
) -> Result<Option<String>> {
    let (realm, service, scope) = match challenge {
        Challenge::Basic => return Ok(login.map(Login::basic)),
        Challenge::Bearer {
            realm,
            service,
            scope,
        } => (realm, service, scope),
    };
    let foreign = |reason: &str| Error::Foreign {
        url: realm.chars().take(200).collect(),
        reason: reason.to_owned(),
    };
    let mut url: Url = match realm.parse() {
        Ok(url) => url,
        Err(_) => return Err(foreign("its token service has no address")),
    };
    let safe = url.scheme() == "https" || url.host_str().is_some_and(super::registry::is_local);
    if !safe {
        return Err(foreign(
            "its token service would get the password in plain text",
        ));
    }
    if let Some(service) = service {
        url.query_pairs_mut().append_pair("service", service);
    }
    for one in scope.iter().flat_map(|scope| scope.split(' ')) {
        url.query_pairs_mut().append_pair("scope", one);
    }
    let host = url.authority().to_owned();
    let mut request = Request::get(url);
    if let Some(login) = login {
        request = request.with_header("authorization", login.basic());
    }
    let response = client.send(request, TOKEN_LIMITS)?;
    match response.status {
        200 => {}
        401 | 403 => return Ok(None),
        status => {
            return Err(Error::Status {
                host,
                action: "the request for a token".to_owned(),
                status,
                message: String::new(),
            });
        }
    }
    let Ok(token) = serde_json::from_slice::<Token>(&response.body) else {
        return Err(foreign("its token service gives no token"));
    };
    let token = token.token.or(token.access_token);
    Ok(token.map(|token| format!("Bearer {token}")))
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_with_commas_inside_of_quotes() {
        let header = r#"Bearer realm="https://a/token",service="r",scope="repository:x:pull,push""#;
        assert_eq!(
            Challenge::parse(header),
            Some(Challenge::Bearer {
                realm: "https://a/token".to_owned(),
                service: Some("r".to_owned()),
                scope: Some("repository:x:pull,push".to_owned()),
            })
        );
        assert_eq!(Challenge::parse("Basic realm=x"), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("Bearer scope=x"), None);
        assert_eq!(Challenge::parse("Negotiate"), None);
    }

    #[test]
    fn a_login_is_found_by_host_and_port() {
        let config = serde_json::json!({
            "auths": {
                "r.example": { "auth": STANDARD.encode("alice:a:b") },
                "https://127.0.0.1:5000/v2/": { "username": "bob", "password": "x" },
                "broken.example": { "auth": "!" },
            },
            "credHelpers": { "cloud.example": "cloud" },
        });
        let bytes = config.to_string().into_bytes();
        let basic = |host: &str| parse(&bytes, host).map(|known| known.login.map(|l| l.basic()));
        let expected = format!("Basic {}", STANDARD.encode("alice:a:b"));
        assert_eq!(basic("r.example"), Ok(Some(expected)));
        assert!(basic("127.0.0.1:5000").unwrap().is_some());
        assert_eq!(basic("127.0.0.1:5001"), Ok(None));
        assert!(basic("broken.example").is_err());
        let cloud = parse(&bytes, "cloud.example").unwrap();
        assert_eq!(cloud.program.as_deref(), Some("cloud"));
        assert!(
            !parse(b"{\"auths\": secret", "r")
                .unwrap_err()
                .contains("secret")
        );
    }
}
