//! The published JSON Schemas: made from the types, and true of what the
//! binaries read and write. `LIFTLOCK_WRITE=1` rewrites the files.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use liftlock::approval::answer::Answer;
use liftlock::approval::break_glass::BreakGlass;
use liftlock::approval::predicate::Approval;
use liftlock::approval::request::Request;
use liftlock::config::File;
use liftlock::ledger::Entry;
use liftlock::part::Part;
use liftlock::plan::Plan;
use liftlock::predicate::{Move, Ruling};
use liftlock::provenance::Provenance;
use liftlock::record::Record;
use liftlock::release::Release;
use liftlock::report::result;
use liftlock::{canary, timeline};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;
use testkit::cli::{self, Run};
use testkit::peers::{self, root};
use testkit::schema;

/// Whether a schema is of what we read or of what we write: a field with a
/// default may be absent from the one and never from the other.
#[derive(Clone, Copy)]
enum Side {
    Read,
    Written,
}

fn made<T: JsonSchema>(side: Side) -> Schema {
    let settings = match side {
        Side::Read => SchemaSettings::draft2020_12(),
        Side::Written => SchemaSettings::draft2020_12().for_serialize(),
    };
    settings.into_generator().into_root_schema_for::<T>()
}

/// Name, title, what it is, and the schema.
type Published = (&'static str, &'static str, &'static str, Schema);

fn all() -> Vec<Published> {
    [files(), told(), predicates()].concat()
}

/// Files that people or other programs write and read.
fn files() -> Vec<Published> {
    vec![
        (
            "config",
            "liftlock.yaml",
            "The configuration of one service, or of all services of a monorepo. Beside a policy it may only tighten.",
            made::<File>(Side::Read),
        ),
        (
            "policy",
            "Policy of liftlock",
            "What LIFTLOCK_POLICY names: the same shape as liftlock.yaml, and above it.",
            made::<File>(Side::Read),
        ),
        (
            "release",
            "release.json",
            "A release: its artifacts by digest, and who answers for it. Unknown fields are tolerated.",
            made::<Release>(Side::Read),
        ),
        (
            "part",
            "Part of a release",
            "What one job of several built, for `sign-artifact release --merge`. Unknown fields are tolerated.",
            made::<Part>(Side::Read),
        ),
        (
            "record",
            "Record of the ledger",
            "What happened, as `audit-log append --record` reads it. Unknown fields are tolerated.",
            made::<Record>(Side::Read),
        ),
        (
            "entry",
            "Entry of the ledger",
            "A record in its place in the chain.",
            made::<Entry>(Side::Written),
        ),
    ]
}

/// What the binaries say.
fn told() -> Vec<Published> {
    vec![
        (
            "result",
            "Result of a binary",
            "What `--format json` and `--result-file` write, for a verdict and for a failure.",
            made::<result::Document>(Side::Written),
        ),
        (
            "plan",
            "Plan",
            "A promotion or a rollback as data, fixed before anything moves.",
            made::<Plan>(Side::Written),
        ),
        (
            "judgement",
            "Judgement of a canary",
            "The numbers of `canary-check run` and `canary-check judge`; their detail has these fields and more.",
            made::<canary::Judgement>(Side::Written),
        ),
        (
            "timeline",
            "Timeline of a release",
            "The detail of `audit-log report`.",
            made::<timeline::Timeline>(Side::Written),
        ),
        (
            "request",
            "Request for an approval",
            "The question that `await-approval request` writes.",
            made::<Request>(Side::Read),
        ),
    ]
}

/// What is signed.
fn predicates() -> Vec<Published> {
    vec![
        (
            "ruling",
            "Head of every verdict",
            "Which release, where, by which rules, when.",
            made::<Ruling>(Side::Read),
        ),
        (
            "predicate-answer",
            "Predicate answer/v1",
            "One person's yes or no.",
            made::<Answer>(Side::Read),
        ),
        (
            "predicate-approval",
            "Predicate approval/v1",
            "The judged outcome over all answers.",
            made::<Approval>(Side::Read),
        ),
        (
            "predicate-break-glass",
            "Predicate break-glass/v1",
            "People let a release go past gates, once.",
            made::<BreakGlass>(Side::Read),
        ),
        (
            "predicate-canary",
            "Predicate canary/v1",
            "A canary's verdict with the numbers it rests on.",
            made::<canary::Predicate>(Side::Read),
        ),
        (
            "predicate-provenance",
            "SLSA provenance v1 as liftlock makes it",
            "How an artifact was built, from the variables of GitHub, GitLab or Jenkins.",
            made::<Provenance>(Side::Read),
        ),
        (
            "predicate-promotion",
            "Predicate promotion/v1",
            "What a promotion did.",
            made::<Move>(Side::Read),
        ),
        (
            "predicate-rollback",
            "Predicate rollback/v1",
            "What a rollback did.",
            made::<Move>(Side::Read),
        ),
    ]
}

fn text((name, title, description, schema): &Published) -> String {
    let id = format!("https://liftlock.github.io/schemas/{name}.json");
    let mut whole = serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": id,
        "title": title,
        "description": description,
    });
    let head = whole.as_object_mut().unwrap();
    for (key, value) in schema.as_object().unwrap() {
        if !head.contains_key(key) {
            head.insert(key.clone(), value.clone());
        }
    }
    format!("{whole:#}\n")
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    let folder = root().join("docs/schemas");
    let write = std::env::var_os("LIFTLOCK_WRITE").is_some();
    let mut names = BTreeSet::new();
    for published in all() {
        let path = folder.join(format!("{}.json", published.0));
        names.insert(path.clone());
        let wanted = text(&published);
        if write {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "{} is old: run `LIFTLOCK_WRITE=1 cargo test -p liftlock-tests --test schemas`",
            path.display()
        );
    }
    let found: BTreeSet<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(found, names, "a schema without a type");
}

#[test]
fn every_schema_is_one_to_others_as_well() {
    let Some(program) = peers::require("check-jsonschema") else {
        return;
    };
    let files = all()
        .into_iter()
        .map(|(name, ..)| format!("docs/schemas/{name}.json"));
    let output = Command::new(program)
        .arg("--check-metaschema")
        .args(files)
        .current_dir(root())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
}

#[test]
fn schemas_cost_the_binaries_nothing() {
    for binary in [
        "sign-artifact",
        "canary-check",
        "await-approval",
        "promote",
        "rollback",
        "audit-log",
    ] {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--locked",
                "--prefix",
                "none",
                "--edges",
                "normal,build",
            ])
            .args(["-p", binary])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(output.status.success());
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(!tree.contains("schemars"), "{binary}");
    }
}

fn faults(name: &str, document: &Value) -> Vec<String> {
    let schema = schema::Schema::published(name).unwrap();
    schema.faults(document).unwrap()
}

/// As a schema sees it: JSON has no NaN, so it is a string there.
fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(&text.replace(".nan", "NaN")).unwrap()
}

/// Every fenced YAML block of a page that is a whole configuration.
fn configurations(page: &str) -> Vec<String> {
    page.split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```"))
        .map(|(block, _)| block.to_owned())
        .filter(|block| block.lines().any(|line| line == "version: 1"))
        .collect()
}

#[test]
fn the_examples_of_the_documentation_are_configurations() {
    let mut pages: Vec<_> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.push(root().join("README.md"));
    for page in pages {
        let Ok(text) = fs::read_to_string(&page) else {
            continue;
        };
        for block in configurations(&text) {
            let name = page.display();
            assert_eq!(
                faults("config", &yaml(&block)),
                Vec::<String>::new(),
                "{name}"
            );
            // The keys of an example are files that are not there.
            let read = liftlock::config::parse(&block, None);
            assert!(read.is_ok(), "{name}: {read:?}");
        }
    }
}

#[test]
fn the_demos_are_configured_by_the_schema() {
    let common = fs::read_to_string(root().join("scripts/demo.d/common.sh")).unwrap();
    let here = |text: &str| -> Vec<String> {
        let blocks = text.split("cat <<YAML\n").skip(1);
        blocks
            .filter_map(|rest| rest.split_once("\nYAML"))
            .map(|(block, _)| block.to_owned())
            .collect()
    };
    let trust = here(&common).join("\n");
    let script = fs::read_to_string(root().join("scripts/demo.d/plain.sh")).unwrap();
    let plain = here(&script).remove(0);
    let whole = yaml(&format!("{plain}\n{trust}"));
    assert_eq!(faults("config", &whole), Vec::<String>::new());
    assert_eq!(faults("policy", &whole), Vec::<String>::new());
}

#[test]
fn both_shapes_of_configuration_fit_and_slips_do_not() {
    let fits = |text: &str| faults("config", &yaml(text)).is_empty();
    let good = [
        "version: 1\nservice: shop\n",
        "version: 1\nservices: { shop: { state: 'file:s' }, cart: {} }\n",
        "version: 1\nenvironments: { p: { requires: [signature, { canary@s: { max-age: 24h } }] } }\n",
        "version: 1\nenvironments: { p: { steps: [5%, 100%], bake: 10m, watch: 1h } }\n",
        "version: 1\nenvironments: { p: { approval: { quorum: 1, people: [a], min-look: 15m, ticket: 'OPS-[0-9]+' } } }\n",
        "version: 1\nenvironments: { p: { approval: { rules: [{ name: r, quorum: 1, people: [a] }], distinct: true } } }\n",
        "version: 1\nenvironments: { p: { approval: { quorum: 1, people: [a], automatic: [{ name: r, migration: expand, evidence: [provenance, { canary@s: { max-age: 1h } }], artifacts: [api] }] } } }\n",
        "version: 1\nenvironments: { p: { break-glass: { people: [a, b], quorum: 2, longest: 2h, past: [promotes-from, approval] } } }\n",
        "version: 1\npeople: { a: { accounts: ['github:7'], delegates: [{ to: b, from: '2026-12-01T00:00:00Z', until: '2026-12-02T00:00:00Z' }] }, b: {} }\n",
        "version: 1\nenvironments: { p: { traffic: { haproxy: { socket: s, backend: b, slots: { stable: a, canary: c } } } } }\n",
        "version: 1\nenvironments: { p: { steps: [0.05, 1], slo: { availability: 0.99 } } }\n",
    ];
    for text in good {
        let wanted = text.contains("services").then(|| "shop".parse().unwrap());
        let read = liftlock::config::parse(text, wanted.as_ref());
        assert!(read.is_ok(), "{text}: {read:?}");
        assert!(fits(text), "{text}: {:?}", faults("config", &yaml(text)));
    }
    let bad = [
        "version: 1\nenvironments: { p: { steps: [5, 100] } }\n",
        "version: 1\nenvironments: { p: { slo: { availability: .nan } } }\n",
        "service: shop\n",
        "version: 2\nservice: shop\n",
        "version: 1\nservcie: shop\n",
        "version: 1\nservice: Shop\n",
        "version: 1\nservices: { shop: { stat: x } }\n",
        "version: 1\nservices: {}\nservice: shop\n",
        "version: 1\nenvironments: { p: { bake: 10 } }\n",
        "version: 1\nenvironments: { p: { on-blind: perhaps } }\n",
        "version: 1\nenvironments: { p: { approval: { quorum: 1, people: [a], automatic: [{ name: r }] } } }\n",
        "version: 1\nenvironments: { p: { break-glass: { people: [a, b], unless: x } } }\n",
        "version: 1\nenvironments: { p: { approval: { quorum: -1, people: [a] } } }\n",
        "version: 1\nenvironments: { p: { approval: { rules: [{ name: r, quorum: 1, people: [a], veto: true }] } } }\n",
    ];
    for text in bad {
        assert!(liftlock::config::parse(text, None).is_err(), "{text}");
        assert!(!fits(text), "{text}");
    }
}

fn put(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// Runs a binary and holds its result against the schema.
fn result(folder: &Path, verb: &str, line: &str) -> (i32, Value) {
    let output = Run::new(cli::bin(verb))
        .args(line.split_whitespace())
        .args(["--format", "json"])
        .env("COSIGN_PASSWORD", "secret")
        .folder(folder)
        .output()
        .unwrap();
    let json = output.json().unwrap();
    assert_fits("result", &json);
    (output.code, json)
}

/// A folder with a configuration, keys and a signed release.
fn released() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    put(at, "api", "the api");
    let config = "version: 1\nservice: shop\nledger: file:ledger\nevidence: file:evidence\n";
    put(at, "liftlock.yaml", config);
    let keys = "generate-key-pair --output-key-prefix builder";
    assert_eq!(result(at, "sign-artifact", keys).0, 0);
    assert_eq!(
        result(at, "sign-artifact", "sign --key builder.key api").0,
        0
    );
    let release = "release --key builder.key --version 1 --owner team --artifact api=api";
    let (code, signed) = result(at, "sign-artifact", release);
    assert_eq!(code, 0, "{signed}");
    folder
}

fn file(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

fn assert_fits(name: &str, document: &Value) {
    assert_eq!(
        faults(name, document),
        Vec::<String>::new(),
        "{name}: {document:#}"
    );
}

#[test]
fn what_the_binaries_write_fits_the_schemas() {
    let folder = released();
    let at = folder.path();
    assert_fits("release", &file(at, "release.json"));
    let part = "release --part linux --artifact api=api";
    assert_eq!(result(at, "sign-artifact", part).0, 0);
    assert_fits("part", &file(at, "linux.part.json"));

    let append = "append --kind note --release-file release.json --note hello";
    let (code, appended) = result(at, "audit-log", append);
    assert_eq!((code, &appended["recorded"]), (0, &Value::Bool(true)));
    assert_fits("record", &appended["detail"]["record"]);
    let (_, queried) = result(at, "audit-log", "query");
    assert_fits("entry", &queried["detail"]["entries"][0]);
    let (_, told) = result(at, "audit-log", "report --release shop-1");
    assert_fits("timeline", &told["detail"]);

    let ask = "request --release release.json --environment production --quorum 1 \
               --people-key alice=builder.pub --output request.json --no-config";
    assert_eq!(result(at, "await-approval", ask).0, 13);
    assert_fits("request", &file(at, "request.json"));
}

#[test]
fn a_promotion_says_what_its_predicate_promises() {
    let digest = liftlock::digest::Digest::of(b"release");
    let text = serde_json::json!({
        "verdict": "fail", "service": "shop", "environment": "production",
        "release": digest, "plan": digest, "policy": digest,
        "made_at": "2026-01-05T08:00:00Z", "kind": "promotion", "restored": true,
        "reason": "the canary failed", "previous": digest, "steps": ["01-place"],
    });
    let read: Move = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), text);
    assert_eq!(faults("predicate-promotion", &text), Vec::<String>::new());
    assert!(!faults("predicate-rollback", &serde_json::json!({"kind": "up"})).is_empty());
}
