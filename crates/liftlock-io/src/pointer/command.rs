//! Pointers that commands of the team's read and move.

use std::time::Duration;

use liftlock::config::pointer::Commands;
use liftlock::failure::{Explain, Failure, Kind};
use liftlock::json;
use liftlock::name::Name;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Live, Move, Scope};
use crate::process;

/// The version of what the commands read and print.
const VERSION: u32 = 1;

/// How long a command may take where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What `read` prints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(default)]
    schema_version: Option<u32>,
    /// Present, if only as null: a program that prints something else has not
    /// said that the pointer is nowhere.
    digest: Value,
}

pub(super) fn timeout(commands: &Commands) -> Duration {
    commands.timeout.map_or(TIMEOUT, |span| span.duration())
}

pub(super) fn read(
    commands: &Commands,
    artifact: Option<&Name>,
    scope: &Scope<'_>,
) -> Result<Live, Failure> {
    let input = about(commands, artifact, scope);
    let answer = run(commands, &commands.read, &input)?;
    let answer: Answer = json::parse(&answer).map_err(|source| Error {
        name: commands.name.clone(),
        source: Box::new(source),
    })?;
    if let Some(other) = answer.schema_version.filter(|version| *version != VERSION) {
        let message = format!(
            "the `read` of `{}` printed version {other}: expected {VERSION}",
            commands.name
        );
        return Err(Failure::new(Kind::Upstream, message));
    }
    Ok(match answer.digest {
        Value::Null => Live::Nowhere,
        Value::String(text) => match text.parse() {
            Ok(digest) => Live::At(digest),
            Err(_) => Live::Strange(format!("`{}`", text.chars().take(100).collect::<String>())),
        },
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Live::Strange("what is no text".to_owned())
        }
    })
}

pub(super) fn point(
    commands: &Commands,
    artifact: Option<&Name>,
    moved: &Move<'_>,
    scope: &Scope<'_>,
) -> Result<(), Failure> {
    let mut input = about(commands, artifact, scope);
    let more = [
        ("from", json!(moved.from)),
        ("to", json!(moved.to)),
        ("fence", json!(moved.fence)),
        ("plan", json!(moved.plan)),
        (
            "release",
            json!({ "id": moved.release.id, "digest": moved.release.digest }),
        ),
    ];
    if let Some(fields) = input.as_object_mut() {
        fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    run(commands, &commands.point, &input).map(drop)
}

fn about(commands: &Commands, artifact: Option<&Name>, scope: &Scope<'_>) -> Value {
    json!({
        "schema_version": VERSION,
        "service": scope.service,
        "environment": scope.environment,
        "target": commands.name,
        "artifact": artifact,
    })
}

fn run(commands: &Commands, argv: &[String], input: &Value) -> Result<Vec<u8>, Failure> {
    Ok(process::run(&process::Call {
        argv,
        input: format!("{input}\n").as_bytes(),
        timeout: timeout(commands),
    })?)
}

/// A command did not print what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the `read` of `{name}` did not print {{\"digest\": …}}")]
struct Error {
    name: Name,
    source: Box<json::ParseError>,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Upstream
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use liftlock::config::pointer::Reversible;
    use liftlock::digest::Digest;
    use liftlock::release::Reference;
    use liftlock::span::Span;

    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn commands(read: &str, point: &str) -> Commands {
        Commands {
            name: "alias".parse().unwrap(),
            read: shell(read),
            point: shell(point),
            reversible: Reversible::Yes,
            timeout: Some(Span::seconds(20)),
        }
    }

    fn with<T>(work: impl FnOnce(&Scope<'_>) -> T) -> T {
        work(&Scope {
            service: &"shop".parse().unwrap(),
            environment: &"production".parse().unwrap(),
            ca_file: None,
        })
    }

    #[test]
    fn only_null_is_nowhere_and_only_a_digest_is_somewhere() {
        let digest = Digest::of(b"x");
        let cases = [
            (
                format!("{{\"digest\": \"{digest}\"}}"),
                Some(Live::At(digest)),
            ),
            ("{\"digest\": null}".to_owned(), Some(Live::Nowhere)),
            (
                "{\"digest\": \"v12\"}".to_owned(),
                Some(Live::Strange("`v12`".to_owned())),
            ),
            (
                "{\"digest\": 12}".to_owned(),
                Some(Live::Strange("what is no text".to_owned())),
            ),
            (
                "{\"schema_version\": 1, \"digest\": null}".to_owned(),
                Some(Live::Nowhere),
            ),
            ("{\"schema_version\": 2, \"digest\": null}".to_owned(), None),
            ("{\"digest\": null, \"digst\": \"x\"}".to_owned(), None),
            ("{}".to_owned(), None),
            (String::new(), None),
            (format!("{digest}"), None),
        ];
        for (answer, live) in cases {
            let commands = commands(&format!("cat >/dev/null; echo '{answer}'"), "false");
            let found = with(|scope| read(&commands, None, scope));
            match live {
                Some(live) => assert_eq!(found.unwrap(), live, "{answer}"),
                None => assert_eq!(found.unwrap_err().kind, Kind::Upstream, "{answer}"),
            }
        }
        for broken in ["exit 3", "yes"] {
            let commands = commands(broken, "false");
            let failed = with(|scope| read(&commands, None, scope)).unwrap_err();
            assert_eq!(failed.kind, Kind::Upstream, "{broken}");
        }
    }

    #[test]
    fn the_commands_are_told_what_is_documented() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let told = commands(
            &format!("cat >'{}'; echo '{{\"digest\": null}}'", file("read")),
            &format!("cat >'{}'", file("point")),
        );
        let release = Reference {
            id: "shop-2".to_owned(),
            digest: Digest::of(b"release"),
            artifacts: std::collections::BTreeMap::new(),
        };
        let moved = Move {
            from: None,
            to: Digest::of(b"two"),
            release: &release,
            plan: Digest::of(b"plan"),
            fence: 7,
            notice: None,
        };
        let artifact: Name = "api".parse().unwrap();
        with(|scope| {
            read(&told, Some(&artifact), scope).unwrap();
            point(&told, Some(&artifact), &moved, scope).unwrap();
        });
        let seen = |name: &str| -> Value {
            serde_json::from_slice(&fs::read(file(name)).unwrap()).unwrap()
        };
        let wanted = json!({ "schema_version": 1, "service": "shop", "environment": "production",
            "target": "alias", "artifact": "api" });
        assert_eq!(seen("read"), wanted);
        let wanted = json!({ "schema_version": 1, "service": "shop", "environment": "production",
            "target": "alias", "artifact": "api", "from": null, "to": Digest::of(b"two"),
            "fence": 7, "plan": Digest::of(b"plan"),
            "release": { "id": "shop-2", "digest": Digest::of(b"release") } });
        assert_eq!(seen("point"), wanted);
        let failing = commands("false", "echo 'no such alias' >&2; exit 5");
        let failed = with(|scope| point(&failing, None, &moved, scope)).unwrap_err();
        let told = failed.lines().join(": ");
        assert!(told.ends_with("ended with 5: no such alias"), "{told}");
    }
}
