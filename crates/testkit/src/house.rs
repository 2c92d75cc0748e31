//! One service on one machine, with everything that a release goes through:
//! keys, people, slots, a tag, users and their counts. Our own programs do the
//! work, as they would in a pipeline.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use liftlock::digest::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{Output, Run, bin};
use crate::process::Process;
use crate::samples::Key;

/// Who has a key.
const HOLDERS: [&str; 6] = ["builder", "gate", "judge", "alice", "bob", "mallory"];

/// The rules, with words that a test may replace.
const RULES: &str = r#"version: 1
service: shop
environments:
  production:
    requires: [signature]
    approval: { quorum: 2, people: [alice, bob], expires: 1h }
    place: { command: [./deploy, "{slot}"] }
    prove: { files: "slots/{slot}" }
    traffic: { weights-file: { path: weights.json, slots: { stable: blue, canary: green } } }
    targets: [{ registry: { image: "oci-layout:site", tag: live }, artifact: image }]
    steps: [5%, 100%]
    bake: 300ms
    look: 50ms
    patience: 20s
    min-requests: 100
    slo: { availability: 99% }
    metrics: { counts: counts.csv }
trust:
  - { name: ci-builder, roles: [builder], keys: [{ key-file: keys/builder.pub }] }
  - { name: ci-gates, roles: [canary, promotion], keys: [{ key-file: keys/gate.pub }] }
  - { name: ci-judge, roles: [judge], keys: [{ key-file: keys/judge.pub }] }
people:
  alice: { emails: [alice@example.org], keys: [{ key-file: keys/alice.pub }] }
  bob: { emails: [bob@example.org], keys: [{ key-file: keys/bob.pub }] }
"#;

/// The team's own deployer; with a file `swap` beside it, a wrong one.
const DEPLOY: &str = r#"#!/bin/sh
set -eu
id=$(sed 's/.*"release":{"id":"\([^"]*\)".*/\1/')
echo "$1 $id" >>placed.log
rm -f "slots/$1"/*
cp "builds/$id"/* "slots/$1"/
if [ -e swap ]; then echo "something else" >"slots/$1/api"; fi
"#;

/// The folder of a service, and its users.
#[derive(Debug)]
pub struct House {
    folder: TempDir,
    users: Option<Process>,
}

impl House {
    /// A house without releases; nobody asks for anything yet.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be filled.
    pub fn new() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        };
        let house = Self {
            folder,
            users: None,
        };
        for name in [
            "keys",
            "slots/blue",
            "slots/green",
            "builds",
            "site/blobs/sha256",
        ] {
            fs::create_dir_all(house.path(name))?;
        }
        for holder in HOLDERS {
            let key = Key::named(holder);
            house.write(&format!("keys/{holder}.key"), key.private_pem())?;
            house.write(&format!("keys/{holder}.pub"), key.public_pem())?;
        }
        house.write("deploy", DEPLOY)?;
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(house.path("deploy"), executable)?;
        house.write("site/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        house.write("site/index.json", r#"{"schemaVersion":2,"manifests":[]}"#)?;
        house.write("liftlock.yaml", RULES)?;
        Ok(house)
    }

    /// A file or folder of the house.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<()> {
        fs::write(self.path(name), text).with_context(|| format!("cannot write `{name}`"))
    }

    /// A file's text; nothing where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Replaces words of the rules.
    ///
    /// # Errors
    ///
    /// Fails when the words are not there.
    pub fn configure(&self, words: &str, others: &str) -> Result<()> {
        let rules = self.text("liftlock.yaml");
        ensure!(rules.contains(words), "the rules do not say `{words}`");
        self.write("liftlock.yaml", rules.replace(words, others))
    }

    /// Lets users ask, by the weights, from now on.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be started.
    pub fn open(&mut self) -> Result<()> {
        self.write("roles.json", r#"{"stable": "blue", "canary": "green"}"#)?;
        let mut command = Command::new(bin("demo-traffic"));
        command
            .args(["--weights", "weights.json", "--slots", "slots"])
            .args(["--counts", "counts.csv", "--roles", "roles.json"])
            .args(["--interval", "20ms", "--requests", "4000"])
            .current_dir(self.folder.path());
        let mut users = Process::spawn("users", &mut command, self.folder.path())?;
        users.ready(|| !self.text("counts.csv").is_empty())?;
        self.users = Some(users);
        Ok(())
    }

    /// No user asks any more.
    pub fn close(&mut self) {
        self.users = None;
    }

    /// Builds a version whose requests fail this often.
    ///
    /// # Errors
    ///
    /// Fails when the files cannot be written.
    pub fn build(&self, version: &str, error_rate: &str) -> Result<()> {
        let folder = format!("builds/shop-{version}");
        fs::create_dir_all(self.path(&folder))?;
        let image = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.empty.v1+json",
                        "digest": Digest::of(b"{}"), "size": 2 },
            "layers": [], "annotations": { "version": version },
        })
        .to_string();
        self.write(&format!("{folder}/api"), format!("api {version}"))?;
        self.write(&format!("{folder}/error-rate"), error_rate)?;
        self.write(&format!("{folder}/image"), &image)?;
        let digest = Digest::of(image.as_bytes());
        self.write(&format!("site/blobs/sha256/{}", digest.hex()), &image)?;
        let mut index: Value = serde_json::from_str(&self.text("site/index.json"))?;
        let listed = index.get_mut("manifests").and_then(Value::as_array_mut);
        listed.context("an index")?.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest, "size": image.len(),
        }));
        self.write("site/index.json", index.to_string())?;
        // What nobody in the builder role signed is no artifact of a release.
        let (api, image) = (format!("{folder}/api"), format!("{folder}/image"));
        let signed = ["sign", "--key", "keys/builder.key", &api, &image];
        self.expect(0, "sign-artifact", &signed).map(drop)
    }

    /// Has `release-VERSION.json` signed by this holder's key.
    ///
    /// # Errors
    ///
    /// Fails when the program does.
    pub fn sign(&self, version: &str, holder: &str, more: &[&str]) -> Result<()> {
        let artifact = |name: &str| format!("{name}=builds/shop-{version}/{name}");
        let (key, file) = (
            format!("keys/{holder}.key"),
            format!("release-{version}.json"),
        );
        let (api, image) = (artifact("api"), artifact("image"));
        let common = [
            "release",
            "--key",
            &key,
            "--version",
            version,
            "--owner",
            "team-shop",
            "--author",
            "carol@example.org",
            "--artifact",
            &api,
            "--artifact",
            &image,
            "--output",
            &file,
            "--evidence",
            "file:.liftlock/evidence",
            "--signed-by",
            "keys/builder.pub",
        ];
        self.expect(0, "sign-artifact", &[&common, more].concat())
            .map(drop)
    }

    /// Builds a good version and has it signed as it should be.
    ///
    /// # Errors
    ///
    /// As [`House::sign`].
    pub fn release(&self, version: &str) -> Result<()> {
        self.build(version, "0.2%")?;
        self.sign(version, "builder", &[])
    }

    /// A request, two people's answers, the judge's count.
    ///
    /// # Errors
    ///
    /// Fails when a program does.
    pub fn approve(&self, version: &str, environment: &str) -> Result<()> {
        let (release, request) = (
            format!("release-{version}.json"),
            format!("request-{version}.json"),
        );
        let asked = [
            "request",
            "--release",
            &release,
            "--environment",
            environment,
            "--output",
            &request,
        ];
        self.expect(13, "await-approval", &asked)?;
        for person in ["alice", "bob"] {
            let key = format!("keys/{person}.key");
            let answer = [
                "answer",
                "--request",
                &request,
                "--person",
                person,
                "--key",
                &key,
                "--yes",
            ];
            self.expect(0, "await-approval", &answer)?;
        }
        let judge = ["judge", "--request", &request, "--key", "keys/judge.key"];
        self.expect(0, "await-approval", &judge).map(drop)
    }

    /// A program of ours in this house, with JSON on stdout.
    #[must_use]
    pub fn run(&self, program: &str, args: &[&str]) -> Run {
        Run::new(bin(program))
            .folder(self.folder.path())
            .args(args)
            .args(["--format", "json"])
    }

    /// Runs a program and insists on its exit code.
    ///
    /// # Errors
    ///
    /// Fails when it ends with another one.
    pub fn expect(&self, code: i32, program: &str, args: &[&str]) -> Result<Output> {
        let output = self.run(program, args).output()?;
        ensure!(
            output.code == code,
            "`{program} {}` ended with {} and not {code}: {}{}",
            args.join(" "),
            output.code,
            output.stdout,
            output.stderr
        );
        Ok(output)
    }

    /// `promote run` of a version, ending with this code.
    ///
    /// # Errors
    ///
    /// As [`House::expect`].
    pub fn promote(&self, code: i32, version: &str) -> Result<Output> {
        let file = format!("release-{version}.json");
        self.expect(
            code,
            "promote",
            &["run", "--environment", "production", "--release", &file],
        )
    }

    /// The state of production; null where there is none.
    #[must_use]
    pub fn state(&self) -> Value {
        let text = self.text(".liftlock/state/environments/shop/production.json");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The records of the ledger, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let mut names: Vec<PathBuf> = fs::read_dir(self.path(".liftlock/ledger/entries"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        names.sort();
        let entries = names.iter().filter_map(|path| fs::read(path).ok());
        entries
            .filter_map(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .filter_map(|entry| entry.get("record").cloned())
            .collect()
    }
}
