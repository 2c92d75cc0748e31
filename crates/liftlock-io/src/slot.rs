//! Fills a slot and reads from it which digests it really serves.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use liftlock::config::target::{Place, Prove};
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Failure, Kind};
use liftlock::json;
use liftlock::name::Name;
use liftlock::release::Reference;

use crate::http::{self, Client, Limits, Request};
use crate::{hash, process};

/// How long a proof may take.
pub const PROOF: Duration = Duration::from_secs(20);

/// How long a placement may take where nothing is said.
const PLACEMENT: Duration = Duration::from_secs(600);

/// The most that a proof's answer may have.
const LARGEST: u64 = 1024 * 1024;

/// How long a placement may take.
#[must_use]
pub fn patience(place: &Place) -> Duration {
    place.timeout.map_or(PLACEMENT, |span| span.duration())
}

/// Runs the command that puts a release into a slot. It reads
/// `{"slot", "release", "artifacts": {NAME: {"digest", "name"}}}`.
///
/// # Errors
///
/// Fails when the command does.
pub fn place(
    place: &Place,
    slot: &Name,
    release: &Reference,
    labels: &BTreeMap<Name, String>,
) -> Result<(), Failure> {
    let artifacts: BTreeMap<&Name, serde_json::Value> = release
        .artifacts
        .iter()
        .map(|(name, digest)| {
            let label = labels.get(name);
            (name, serde_json::json!({ "digest": digest, "name": label }))
        })
        .collect();
    let input = serde_json::json!({
        "slot": slot,
        "release": { "id": release.id, "digest": release.digest },
        "artifacts": artifacts,
    });
    let argv = fill(&place.command, slot);
    process::run(&process::Call {
        argv: &argv,
        input: format!("{input}\n").as_bytes(),
        timeout: patience(place),
    })?;
    Ok(())
}

/// Reads what a slot serves: artifact → digest.
///
/// # Errors
///
/// Fails when the slot does not answer, or with something else.
pub fn prove(
    prove: &Prove,
    slot: &Name,
    names: &[&Name],
    client: &dyn Fn() -> Result<Client, http::Error>,
) -> Result<BTreeMap<Name, Digest>, Failure> {
    if let Some(folder) = &prove.files {
        let folder = put(folder, slot);
        return names
            .iter()
            .map(|name| {
                let path = Path::new(&folder).join(name.as_str());
                Ok(((*name).clone(), hash::file(&path)?.digest))
            })
            .collect();
    }
    told(prove, slot, client)
}

/// Whether a slot says itself that it serves nothing: its folder is absent or
/// has nothing in it, or its answer names no artifact.
///
/// # Errors
///
/// Fails as [`prove`] does: a slot that says nothing may serve anything.
pub fn is_empty(
    prove: &Prove,
    slot: &Name,
    client: &dyn Fn() -> Result<Client, http::Error>,
) -> Result<bool, Failure> {
    let Some(folder) = &prove.files else {
        return Ok(told(prove, slot, client)?.is_empty());
    };
    let folder = put(folder, slot);
    match fs::read_dir(&folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => {
            let message = format!("cannot read the folder `{folder}`");
            Err(Failure::because(Kind::of_file(&error), message, error))
        }
    }
}

/// All that a command or a page says of a slot.
fn told(
    prove: &Prove,
    slot: &Name,
    client: &dyn Fn() -> Result<Client, http::Error>,
) -> Result<BTreeMap<Name, Digest>, Failure> {
    let (label, answer) = if let Some(command) = &prove.command {
        let argv = fill(command, slot);
        let call = process::Call {
            argv: &argv,
            input: b"",
            timeout: PROOF,
        };
        (argv.join(" "), process::run(&call)?)
    } else {
        let url = put(prove.http.as_deref().unwrap_or_default(), slot);
        let answer = ask(&url, client)?;
        (url, answer)
    };
    understand(&answer, prove.json.as_deref().unwrap_or_default()).map_err(|source| {
        Failure::from(Error {
            label,
            source: Box::new(source),
        })
    })
}

fn ask(url: &str, client: &dyn Fn() -> Result<Client, http::Error>) -> Result<Vec<u8>, Failure> {
    let parsed = url
        .parse()
        .map_err(|error| Failure::new(Kind::Invalid, format!("`{url}` is no URL: {error}")))?;
    let limits = Limits {
        bytes: LARGEST,
        timeout: PROOF,
    };
    let response = client()?.send(Request::get(parsed), limits)?;
    if response.is_success() {
        Ok(response.body)
    } else {
        let message = format!("`{url}` answered {}", response.status);
        Err(Failure::new(Kind::Upstream, message))
    }
}

/// Reads the object artifact → digest at a JSON pointer (RFC 6901).
fn understand(answer: &[u8], pointer: &str) -> Result<BTreeMap<Name, Digest>, json::ParseError> {
    let document: serde_json::Value = json::parse(answer)?;
    let found = document.pointer(pointer).cloned().unwrap_or_default();
    Ok(serde_json::from_value(found)?)
}

fn fill(command: &[String], slot: &Name) -> Vec<String> {
    command.iter().map(|word| put(word, slot)).collect()
}

/// The text with the slot in place of `{slot}`.
#[must_use]
pub fn put(text: &str, slot: &Name) -> String {
    text.replace("{slot}", slot.as_str())
}

/// A slot's answer is not what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("`{label}` did not answer artifact names with digests")]
struct Error {
    label: String,
    source: Box<json::ParseError>,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Upstream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_client() -> Result<Client, http::Error> {
        Client::new(&http::Options::default())
    }

    #[test]
    fn files_are_hashed_and_missing_ones_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let slot: Name = "blue".parse().unwrap();
        fs::create_dir(folder.path().join("blue")).unwrap();
        fs::write(folder.path().join("blue/api"), "api").unwrap();
        let way = Prove {
            files: Some(format!("{}/{{slot}}", folder.path().display())),
            ..Prove::default()
        };
        let (api, worker): (Name, Name) = ("api".parse().unwrap(), "worker".parse().unwrap());
        let found = prove(&way, &slot, &[&api], &no_client).unwrap();
        assert_eq!(found[&api], Digest::of(b"api"));
        assert!(prove(&way, &slot, &[&api, &worker], &no_client).is_err());
    }

    #[test]
    fn only_what_says_so_itself_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let slot: Name = "blue".parse().unwrap();
        let digest = Digest::of(b"api");
        let files = Prove {
            files: Some(format!("{}/{{slot}}", folder.path().display())),
            ..Prove::default()
        };
        assert!(is_empty(&files, &slot, &no_client).unwrap());
        fs::create_dir(folder.path().join("blue")).unwrap();
        assert!(is_empty(&files, &slot, &no_client).unwrap());
        fs::write(folder.path().join("blue/web"), "another artifact").unwrap();
        assert!(!is_empty(&files, &slot, &no_client).unwrap());
        let green: Name = "green".parse().unwrap();
        fs::write(folder.path().join("green"), "no folder").unwrap();
        assert!(is_empty(&files, &green, &no_client).is_err());
        let answers = [
            ("{\"digests\": {}}".to_owned(), Some(true)),
            (
                format!("{{\"digests\": {{\"web\": \"{digest}\"}}}}"),
                Some(false),
            ),
            ("{\"digests\": null}".to_owned(), None),
            ("{}".to_owned(), None),
            ("<html>".to_owned(), None),
            (String::new(), None),
        ];
        for (answer, expected) in answers {
            let way = Prove {
                command: Some(vec!["echo".to_owned(), answer.clone()]),
                json: Some("/digests".to_owned()),
                ..Prove::default()
            };
            assert_eq!(is_empty(&way, &slot, &no_client).ok(), expected, "{answer}");
        }
    }

    #[test]
    fn a_command_answers_json_or_is_an_error() {
        let slot: Name = "blue".parse().unwrap();
        let digest = Digest::of(b"api");
        let cases = [
            (format!("{{\"digests\": {{\"api\": \"{digest}\"}}}}"), true),
            ("{\"digests\": {\"api\": \"latest\"}}".to_owned(), false),
            ("{}".to_owned(), false),
            ("<html>".to_owned(), false),
        ];
        for (answer, good) in cases {
            let way = Prove {
                command: Some(vec!["echo".to_owned(), answer.clone()]),
                json: Some("/digests".to_owned()),
                ..Prove::default()
            };
            assert_eq!(
                prove(&way, &slot, &[], &no_client).is_ok(),
                good,
                "{answer}"
            );
        }
    }
}
