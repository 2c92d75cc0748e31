//! One service in a folder, with keys that cost nothing to open.

use std::fs;
use std::path::PathBuf;

use liftlock::digest::Digest;
use liftlock::predicate::RELEASE;
use liftlock::statement::{Statement, Subject};
use liftlock_io::attest;
use liftlock_io::evidence::Evidence;
use liftlock_io::store;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::samples::{Key, Release};

/// Who has a key: `trust:` names the first three, `people:` the others but mallory.
const HOLDERS: [&str; 8] = [
    "builder", "judge", "canary", "alice", "bob", "carol", "dave", "mallory",
];

/// The folder.
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    /// With these fields below `environments.production`; carol is an author.
    pub(crate) fn new(production: &Value) -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for holder in HOLDERS {
            let key = Key::named(holder);
            fs::write(world.path(&format!("{holder}.key")), key.private_pem()).unwrap();
        }
        world.configure(production);
        for version in ["1", "2"] {
            world.release(version, &json!({}));
        }
        world
    }

    /// Writes `shop-VERSION.json` with these fields beside the usual.
    pub(crate) fn release(&self, version: &str, fields: &Value) {
        let mut release = Release::new("shop", version)
            .artifact("api", format!("api {version}").as_bytes())
            .artifact("worker", b"worker")
            .set("/authors", json!(["carol@shop.example"]));
        for (field, value) in fields.as_object().unwrap() {
            release = release.set(&format!("/{field}"), value.clone());
        }
        fs::write(self.path(&format!("shop-{version}.json")), release.bytes()).unwrap();
    }

    pub(crate) fn configure(&self, production: &Value) {
        let key = |name: &str| json!({ "keys": [{ "key": Key::named(name).public_pem() }] });
        let trusted = |name: &str| {
            let mut entry = key(name);
            entry["name"] = format!("ci-{name}").into();
            entry["roles"] = json!([name]);
            entry
        };
        let mut carol = key("carol");
        carol["emails"] = json!(["carol@shop.example"]);
        let document = json!({
            "version": 1, "service": "shop",
            "trust": [trusted("builder"), trusted("judge"), trusted("canary")],
            "people": { "alice": key("alice"), "bob": key("bob"), "carol": carol,
                        "dave": key("dave") },
            "environments": { "staging": {}, "production": production },
        });
        fs::write(self.path("liftlock.yaml"), document.to_string()).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(self.folder.path())
            .args(args.iter().copied().chain(["--format", "json"]))
            .output()
            .unwrap()
    }

    /// Runs, expects an exit code, and gives the result.
    pub(crate) fn told(&self, code: i32, args: &[&str]) -> Value {
        let output = self.run(args);
        let seen = format!("{args:?}\n{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{seen}");
        if output.stdout.is_empty() {
            Value::Null
        } else {
            output.json().unwrap()
        }
    }

    /// Runs, expects a refusal with an exit code and a word in its message.
    pub(crate) fn refused(&self, code: i32, word: &str, args: &[&str]) {
        let output = self.run(args);
        let seen = format!("{args:?}\n{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{seen}");
        assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
    }

    /// Asks about version `version` in production, and more as flags say.
    pub(crate) fn ask(&self, version: &str, more: &[&str]) -> String {
        let release = format!("shop-{version}.json");
        let ask = [
            "request",
            "--release",
            &release,
            "--environment",
            "production",
        ];
        let told = self.told(13, &[&ask[..], more].concat());
        told["detail"]["request"].as_str().unwrap().to_owned()
    }

    pub(crate) fn say(&self, code: i32, request: &str, person: &str, say: &str) {
        let key = format!("{person}.key");
        let answer = ["answer", "--request", request, "--person", person, "--key"];
        self.told(code, &[&answer[..], &[&key, say]].concat());
    }

    pub(crate) fn judge(&self, code: i32, request: &str) -> Value {
        self.told(code, &["judge", "--request", request, "--key", "judge.key"])
    }

    /// Has the builder attest a version as its file says now.
    pub(crate) fn attest(&self, version: &str) {
        let bytes = fs::read(self.path(&format!("shop-{version}.json"))).unwrap();
        let content = serde_json::from_slice(&bytes).unwrap();
        self.state("builder", (RELEASE, version), &content);
    }

    /// Keeps a statement of somebody about a release and its artifacts as evidence.
    pub(crate) fn state(&self, holder: &str, (uri, version): (&str, &str), content: &Value) {
        let bytes = fs::read(self.path(&format!("shop-{version}.json"))).unwrap();
        let release = liftlock::release::Identified::parse(&bytes).unwrap();
        let reference = release.reference();
        let digests: Vec<Digest> = std::iter::once(reference.digest)
            .chain(reference.artifacts.into_values())
            .collect();
        let subjects = digests.iter().map(Subject::new).collect();
        let statement = Statement::new(subjects, uri, content).unwrap();
        let bundle = attest::attest(&Key::named(holder), &statement).unwrap();
        let place = format!("file:{}", self.path(".liftlock/evidence").display());
        let evidence = Evidence::new(store::open(&place).unwrap());
        attest::keep(&evidence, &statement, &bundle).unwrap();
    }

    /// The kinds of the ledger's records, in order.
    pub(crate) fn records(&self) -> Vec<Value> {
        let folder = self.path(".liftlock/ledger/entries");
        let mut paths: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let read = |path: &PathBuf| {
            let entry: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            entry["record"].clone()
        };
        paths.iter().map(read).collect()
    }

    pub(crate) fn kinds(&self, kind: &str) -> Vec<Value> {
        let mut records = self.records();
        records.retain(|record| record["kind"] == kind);
        records
    }
}
