//! Reads Docker's files and asks its credential helpers about a registry.
//!
//! A secret is never logged: not from a file, not from a helper's output.

use std::path::PathBuf;
use std::time::Duration;

use liftlock::oci::docker::{self, Login};

use super::{Error, Result};
use crate::process::{self, Call};
use crate::{env, file};

/// A thousand logins.
const LARGEST: u64 = 1024 * 1024;

/// A helper may have to ask a cloud.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of a helper's answer.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Looks a repository up in `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG` or
/// `~/.docker`, and asks the credential helper that stands there. Nothing is
/// known about a registry that none of them knows.
pub(super) fn login(host: &str, repository: &str) -> Result<Option<Login>> {
    let path = env::var("REGISTRY_AUTH_FILE")
        .map(PathBuf::from)
        .or_else(|| env::var("DOCKER_CONFIG").map(|dir| PathBuf::from(dir).join("config.json")))
        .or_else(|| env::var("HOME").map(|dir| PathBuf::from(dir).join(".docker/config.json")));
    let Some(path) = path else {
        return Ok(None);
    };
    if !file::exists(&path)? {
        return Ok(None);
    }
    let bytes = file::read(&path, LARGEST)?;
    let known = docker::parse(&bytes, host, repository).map_err(|error| Error::Credentials {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    match known.helper {
        Some(name) => Ok(ask(&name, host)?.or(known.login)),
        None => Ok(known.login),
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
    let server = docker::server(host);
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
    docker::answer(&ended.output).map_err(|error| failed(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
