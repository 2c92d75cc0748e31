//! What `await-approval` promises on its command line.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use liftlock::approval::answer::{Answer, Say};
use liftlock::approval::sight::Sightings;
use liftlock::approval::{Closed, recheck, request};
use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::config::approval::Approval;
use liftlock::config::trust::{DatedKey, Keyring, Person, Role, Trusted};
use liftlock::digest::Digest;
use liftlock::name::Name;
use liftlock::signature::Artifact;
use liftlock::span::Span;
use liftlock::state::Document;
use liftlock::statement::Subject;
use liftlock_io::key::{self, Private};
use liftlock_io::verify::Local;
use liftlock_io::{attest, clock};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};

const PASSWORD: &str = "correct horse";
const HOLDERS: [&str; 7] = [
    "alice", "alice2", "bob", "carol", "dave", "judge", "mallory",
];

/// Keys are made once: opening them is slow on purpose.
fn keys() -> &'static Path {
    static KEYS: OnceLock<TempDir> = OnceLock::new();
    let folder = KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for holder in HOLDERS {
            let prefix = folder.path().join(holder);
            let key = Private::generate().unwrap();
            key::write_pair(&key, prefix.to_str().unwrap(), PASSWORD).unwrap();
        }
        folder
    });
    folder.path()
}

fn private(holder: &str) -> String {
    let path = keys().join(format!("{holder}.key"));
    path.to_str().unwrap().to_owned()
}

fn public(holder: &str) -> String {
    let path = keys().join(format!("{holder}.pub"));
    path.to_str().unwrap().to_owned()
}

fn opened(holder: &str) -> Private {
    let pem = fs::read_to_string(private(holder)).unwrap();
    Private::from_pem(&pem, holder, Some(PASSWORD)).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A folder with releases, and a configuration where that is wanted.
struct World {
    folder: TempDir,
}

impl World {
    /// No configuration at all.
    fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for id in ["shop-1", "shop-2"] {
            let release = json!({
                "schema_version": 1, "id": id, "service": "shop", "version": "1",
                "artifacts": { "api": { "digest": Digest::of(id.as_bytes()), "name": "api" } },
                "owner": "team-shop", "created_at": "2026-11-23T08:00:00Z",
                "authors": ["carol@shop.example", "dave"],
            });
            let text = serde_json::to_string_pretty(&release).unwrap();
            fs::write(folder.path().join(format!("{id}.json")), text).unwrap();
        }
        Self { folder }
    }

    fn configured() -> Self {
        let world = Self::bare();
        world.configure("quorum: 2");
        world
    }

    fn configure(&self, quorum: &str) {
        self.demand(&format!("{{ {quorum}, people: [alice, bob, carol] }}"));
    }

    fn demand(&self, approval: &str) {
        let text = format!(
            "version: 1\nservice: shop\ntrust:\n  - {{ name: approvals, roles: [judge], keys: [{{ key-file: {judge} }}] }}\n\
             people:\n  alice: {{ keys: [{{ key-file: {alice} }}, {{ key-file: {alice2} }}] }}\n  bob: {{ keys: [{{ key-file: {bob} }}] }}\n  \
             carol: {{ keys: [{{ key-file: {carol} }}], emails: [carol@shop.example] }}\n\
             environments:\n  staging: {{}}\n  production:\n    requires: [approval]\n    approval: {approval}\n",
            judge = public("judge"),
            alice = public("alice"),
            alice2 = public("alice2"),
            bob = public("bob"),
            carol = public("carol"),
        );
        fs::write(self.path("liftlock.yaml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(self.folder.path())
            .env("COSIGN_PASSWORD", PASSWORD)
            .args(args.iter().copied().chain(["--format", "json"]))
            .output()
            .unwrap()
    }

    /// Runs, expects an exit code, and gives the result.
    fn told(&self, code: i32, args: &[&str]) -> Value {
        let output = self.run(args);
        assert_eq!(
            output.code, code,
            "{args:?}\n{}{}",
            output.stdout, output.stderr
        );
        if output.stdout.is_empty() {
            Value::Null
        } else {
            output.json().unwrap()
        }
    }

    /// Runs, expects a refusal with an exit code and a word in its message.
    fn refused(&self, code: i32, word: &str, args: &[&str]) {
        let output = self.run(args);
        assert_eq!(
            output.code, code,
            "{args:?}\n{}{}",
            output.stdout, output.stderr
        );
        assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
    }

    /// Asks by the configuration and gives the request's digest.
    fn ask(&self, release: &str) -> String {
        let told = self.told(
            13,
            &[
                "request",
                "--release",
                release,
                "--environment",
                "production",
            ],
        );
        told["detail"]["request"].as_str().unwrap().to_owned()
    }

    fn answer(&self, request: &str, person: &str, holder: &str, say: &str) -> Output {
        let key = private(holder);
        self.run(&[
            "answer",
            "--request",
            request,
            "--person",
            person,
            "--key",
            &key,
            say,
        ])
    }

    fn judge(&self, code: i32, request: &str) -> Value {
        self.told(
            code,
            &["judge", "--request", request, "--key", &private("judge")],
        )
    }

    fn request(&self, digest: &str) -> request::Identified {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let path = format!(".liftlock/state/approvals/shop/production/{hex}.json");
        request::Identified::parse(&fs::read(self.path(&path)).unwrap()).unwrap()
    }

    /// Signs an answer that the command would refuse, into a file.
    fn forge(&self, said: &Answer, holder: &str, file: &str) {
        let bundle = attest::attest(&opened(holder), &said.statement().unwrap()).unwrap();
        fs::write(self.path(file), bundle.bytes()).unwrap();
    }
}

fn reasons(told: &Value) -> Vec<&str> {
    let list = told["detail"]["judgement"]["not_counted"]
        .as_array()
        .unwrap();
    list.iter()
        .map(|one| one["reason"].as_str().unwrap())
        .collect()
}

fn keyring() -> Keyring {
    let dated = |holder: &str| DatedKey {
        key: Some(key::public(&public(holder)).unwrap()),
        key_file: None,
        valid_from: None,
        valid_until: None,
        revoked_at: None,
    };
    let person = |holders: &[&str]| Person {
        keys: holders.iter().map(|holder| dated(holder)).collect(),
        ..Person::default()
    };
    Keyring {
        trusted: vec![Trusted {
            name: name("approvals"),
            roles: [Role::Judge].into(),
            keys: vec![dated("judge")],
            identities: Vec::new(),
        }],
        people: [
            (name("alice"), person(&["alice", "alice2"])),
            (name("bob"), person(&["bob"])),
            (name("carol"), person(&["carol"])),
        ]
        .into(),
    }
}

#[test]
fn two_people_approve_and_anyone_can_count_again() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    let waiting = world.judge(13, &request);
    assert_eq!(
        waiting["detail"]["judgement"]["who_may"],
        json!(["alice", "bob"])
    );
    assert_eq!(world.answer(&request, "alice", "alice", "--yes").code, 0);
    assert_eq!(
        world.judge(13, &request)["detail"]["judgement"]["still_needed"],
        1
    );
    assert_eq!(world.answer(&request, "bob", "bob", "--yes").code, 0);
    let told = world.told(
        0,
        &[
            "judge",
            "--request",
            &request,
            "--key",
            &private("judge"),
            "--output",
            "approval.json",
        ],
    );
    assert_eq!(
        (&told["verdict"], &told["recorded"]),
        (&json!("pass"), &json!(true))
    );
    let bundle = Bundle::parse(&fs::read(world.path("approval.json")).unwrap()).unwrap();
    assert_eq!(told["detail"]["approval"], bundle.digest().to_string());
    let keyring = keyring();
    let judges = keyring.keys(Role::Judge, clock::now());
    let proved = attestation::verify(&bundle, &judges, &Local).unwrap();
    let policy = Digest::of(&fs::read(world.path("liftlock.yaml")).unwrap());
    let (asked, production) = (world.request(&request), name("production"));
    let people = ["alice", "bob", "carol"].map(name).to_vec();
    let rule = Approval::of(2, people).unwrap();
    let frame = recheck::Frame {
        keyring: &keyring,
        environment: &production,
        rule: Some(&rule),
        policy,
        release: &asked.release,
        live: None,
        signers: &[],
        shown: None,
        verifier: &Local,
    };
    recheck::recheck(&proved, &frame, clock::now()).unwrap();
    let stored = world.path(&format!(
        ".liftlock/evidence/sha256/{}/approval-v1/{}.json",
        Digest::of(b"shop-1").hex(),
        bundle.digest().hex()
    ));
    assert!(stored.exists(), "the approval is found under the artifact");
}

#[test]
fn every_rule_needs_its_own_people() {
    let world = World::bare();
    world.demand(
        "{ rules: [{ name: release, quorum: 1, people: [alice, bob] }, \
         { name: security, quorum: 1, people: [bob, carol] }], distinct: true }",
    );
    let request = world.ask("shop-1.json");
    assert_eq!(world.answer(&request, "bob", "bob", "--yes").code, 0);
    let told = world.judge(13, &request);
    assert_eq!(told["detail"]["judgement"]["who_may"], json!(["alice"]));
    let told = world.told(13, &["explain", "--request", &request]);
    let conditions = told["detail"]["conditions"].as_array().unwrap();
    let unmet: Vec<&Value> = conditions
        .iter()
        .filter(|one| one["met"] == false)
        .collect();
    assert_eq!(unmet[0]["who"], "alice", "{unmet:?}");
    assert_eq!(world.answer(&request, "alice", "alice", "--yes").code, 0);
    let told = world.judge(0, &request);
    let rules = told["detail"]["judgement"]["rules"].as_array().unwrap();
    let counted: Vec<&Value> = rules.iter().map(|rule| &rule["counted"]).collect();
    assert_eq!(counted, [&json!(["alice"]), &json!(["bob"])]);
    let quorum = ["--release", "shop-2.json", "--environment", "production"];
    world.refused(
        2,
        "fits none",
        &[&["request", "--quorum", "2"], &quorum[..]].concat(),
    );
}

#[test]
fn whoever_starts_the_run_is_not_asked() {
    let world = World::bare();
    world.demand("{ quorum: 1, people: [alice, bob], known-actors: true }");
    let rules = fs::read_to_string(world.path("liftlock.yaml")).unwrap();
    let rules = rules.replace("alice: { ", "alice: { accounts: ['github:7'], ");
    let rules = rules.replace("bob: { ", "bob: { accounts: ['github:8'], ");
    fs::write(world.path("liftlock.yaml"), rules).unwrap();
    let run = |login: &str, args: &[&str]| {
        let number = match login {
            "Alice" => "7",
            "bob" => "8",
            _ => "9",
        };
        Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(world.folder.path())
            .env("COSIGN_PASSWORD", PASSWORD)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ACTOR", login)
            .env("GITHUB_ACTOR_ID", number)
            .args(args.iter().copied().chain(["--format", "json"]))
            .output()
            .unwrap()
    };
    let ask = [
        "request",
        "--release",
        "shop-1.json",
        "--environment",
        "production",
    ];
    let told = run("Alice", &ask).json().unwrap();
    assert_eq!(told["detail"]["who_may"], json!(["bob"]));
    let request = told["detail"]["request"].as_str().unwrap().to_owned();
    let output = world.answer(&request, "alice", "alice", "--yes");
    assert_eq!(output.code, 10, "{}", output.stderr);
    assert!(
        output.stderr.contains("started the run"),
        "{}",
        output.stderr
    );
    assert_eq!(world.answer(&request, "bob", "bob", "--yes").code, 0);
    world.judge(0, &request);
    // Whoever else starts it asks anew.
    let told = run("bob", &ask).json().unwrap();
    assert_ne!(told["detail"]["request"], request);
    let output = run("stranger", &ask);
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(
        output.stderr.contains("github:stranger"),
        "{}",
        output.stderr
    );
    world.refused(3, "no CI says", &ask);
    world.demand("{ quorum: 1, people: [alice, bob] }");
    let told = run("stranger", &ask).json().unwrap();
    let request = told["detail"]["request"].as_str().unwrap().to_owned();
    assert_eq!(world.answer(&request, "bob", "bob", "--yes").code, 0);
    let told = world.judge(0, &request);
    let unknown = &told["detail"]["judgement"]["unrecognised"];
    assert_eq!(*unknown, json!(["github:9, github:stranger"]));
}

#[test]
fn a_yes_needs_its_time_and_its_ticket() {
    let world = World::bare();
    world.demand("{ quorum: 1, people: [alice], min-look: 1h }");
    let ask = [
        "request",
        "--release",
        "shop-1.json",
        "--environment",
        "production",
    ];
    world.refused(3, "has expired", &[&ask[..], &["--expires", "1h"]].concat());
    let request = world.ask("shop-1.json");
    let output = world.answer(&request, "alice", "alice", "--yes");
    assert_eq!(output.code, 3, "{}", output.stderr);
    let said = Answer::to(
        &world.request(&request),
        name("alice"),
        Say::Yes,
        clock::now(),
    );
    world.forge(&said, "alice", "early.json");
    let args = ["judge", "--request", &request, "--answer", "early.json"];
    assert_eq!(reasons(&world.told(13, &args)), ["too-soon"]);
    world.demand("{ quorum: 1, people: [alice], ticket: 'OPS-[0-9]+' }");
    let request = world.ask("shop-1.json");
    assert_eq!(world.answer(&request, "alice", "alice", "--yes").code, 0);
    world.judge(13, &request);
    let told = world.told(13, &["explain", "--request", &request]);
    let conditions = told["detail"]["conditions"].as_array().unwrap();
    let mut unmet = conditions.iter().filter(|one| one["met"] == false);
    assert_eq!(unmet.next().unwrap()["condition"], "ticket");
    let key = private("alice");
    let again = [
        "answer",
        "--request",
        &request,
        "--person",
        "alice",
        "--key",
        &key,
        "--yes",
    ];
    world.told(0, &[&again[..], &["--comment", "see OPS-7"]].concat());
    let told = world.judge(0, &request);
    assert_eq!(told["detail"]["judgement"]["ticket"], "OPS-7");
}

#[test]
fn an_answer_was_made_not_later_than_it_was_seen() {
    let world = World::bare();
    world.demand("{ quorum: 1, people: [alice], min-look: 60s }");
    let request = world.ask("shop-1.json");
    let asked = world.request(&request);
    // A clock that is ahead, as far as two honest ones may differ.
    let ahead = asked.request.made_at.after(Span::seconds(61));
    let said = Answer::to(&asked, name("alice"), Say::Yes, ahead);
    world.forge(&said, "alice", "ahead.json");
    let key = private("judge");
    let args = [
        "judge",
        "--request",
        &request,
        "--answer",
        "ahead.json",
        "--key",
        &key,
    ];
    let seen = |told: &Value| told["detail"]["latency"]["first_seen_at"].clone();
    let first = world.told(13, &args);
    assert_eq!(reasons(&first), ["too-soon"]);
    let again = world.told(13, &args);
    assert_eq!(seen(&again), seen(&first));
    assert!(seen(&first).is_string());
    // Whoever has another look changes nothing of that.
    let explain = ["explain", "--request", &request, "--answer", "ahead.json"];
    assert_eq!(world.told(13, &explain)["verdict"], "pending");
    let hex = request.strip_prefix("sha256:").unwrap();
    let kept = world.path(&format!(
        ".liftlock/state/approvals/shop/production/{hex}.seen.json"
    ));
    let kept: Sightings = serde_json::from_slice(&fs::read(kept).unwrap()).unwrap();
    assert_eq!((seen(&first), kept.answers.len()), (json!(kept.request), 1));
}

#[test]
fn a_dry_run_sees_nothing_first() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    world.told(13, &["judge", "--request", &request, "--dry-run"]);
    let hex = request.strip_prefix("sha256:").unwrap();
    let kept = world.path(&format!(
        ".liftlock/state/approvals/shop/production/{hex}.seen.json"
    ));
    assert!(!kept.exists());
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    let told = world.judge(0, &request);
    assert!(kept.exists());
    assert!(told["detail"]["latency"]["first_seen_at"].is_string());
}

#[test]
fn a_delegate_answers_in_another_persons_place() {
    let world = World::bare();
    world.demand("{ quorum: 1, people: [alice] }");
    let rules = fs::read_to_string(world.path("liftlock.yaml")).unwrap();
    let with = |until: &str| {
        let delegates = format!(
            "  alice: {{ delegates: [{{ to: bob, from: 2026-01-01T00:00:00Z, until: {until} }}],"
        );
        fs::write(
            world.path("liftlock.yaml"),
            rules.replace("  alice: {", &delegates),
        )
        .unwrap();
    };
    let key = private("bob");
    let answer = |request: &str, code: i32| {
        let args = [
            "answer",
            "--request",
            request,
            "--person",
            "bob",
            "--key",
            &key,
            "--yes",
        ];
        world.told(code, &[&args[..], &["--on-behalf-of", "alice"]].concat())
    };
    with("2026-01-02T00:00:00Z");
    let request = world.ask("shop-1.json");
    answer(&request, 10);
    with("9999-01-01T00:00:00Z");
    let request = world.ask("shop-1.json");
    assert_eq!(world.answer(&request, "bob", "bob", "--yes").code, 10);
    let told = answer(&request, 0);
    assert_eq!(told["detail"]["on_behalf_of"], "alice");
    let told = world.judge(0, &request);
    let counted = &told["detail"]["judgement"]["counted"][0];
    assert_eq!(
        (&counted["person"], &counted["on_behalf_of"]),
        (&json!("bob"), &json!("alice"))
    );
}

#[test]
fn asking_again_finds_the_same_request_until_somebody_says_no() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    assert_eq!(world.ask("shop-1.json"), request);
    assert_ne!(world.ask("shop-2.json"), request);
    assert_eq!(world.answer(&request, "alice", "alice", "--yes").code, 0);
    assert_eq!(world.answer(&request, "bob", "bob", "--no").code, 0);
    let told = world.judge(10, &request);
    assert!(
        told["headline"]
            .as_str()
            .unwrap()
            .ends_with("denied by bob"),
        "{told}"
    );
    // Whoever hides the no afterwards gains nothing.
    let hex = request.strip_prefix("sha256:").unwrap();
    fs::remove_dir_all(world.path(&format!(".liftlock/evidence/sha256/{hex}"))).unwrap();
    world.judge(10, &request);
    assert_ne!(world.ask("shop-1.json"), request);
}

#[test]
fn one_pass_is_one_approval_however_often_it_is_judged() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    let first = world.judge(0, &request);
    let second = world.judge(0, &request);
    assert_eq!(first["detail"]["approval"], second["detail"]["approval"]);
    assert_eq!(world.ask("shop-1.json"), request);
    // The promotion that used it up is over, and something else is live.
    let approval: Digest = serde_json::from_value(first["detail"]["approval"].clone()).unwrap();
    let mut document = Document::default();
    document.used.insert(approval, Digest::of(b"plan"));
    let place = world.path(".liftlock/state/environments/shop");
    fs::create_dir_all(&place).unwrap();
    let text = serde_json::to_string(&document).unwrap();
    fs::write(place.join("production.json"), text).unwrap();
    assert_ne!(world.ask("shop-1.json"), request);
}

#[test]
fn a_no_after_the_pass_closes_it() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    world.judge(0, &request);
    assert_eq!(world.answer(&request, "bob", "bob", "--no").code, 0);
    world.judge(10, &request);
    let hex = request.strip_prefix("sha256:").unwrap();
    let path = format!(".liftlock/state/approvals/shop/production/{hex}.closed.json");
    let closed: Closed = serde_json::from_slice(&fs::read(world.path(&path)).unwrap()).unwrap();
    assert!(closed.denies());
}

#[test]
fn of_many_who_ask_at_once_one_asks() {
    let world = World::configured();
    let mut asked: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| world.ask("shop-1.json")))
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    asked.dedup();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[test]
fn a_dry_run_writes_nothing_and_observing_never_blocks() {
    let world = World::configured();
    let ask = [
        "request",
        "--release",
        "shop-1.json",
        "--environment",
        "production",
    ];
    world.told(
        13,
        &[&ask[..], &["--dry-run", "--output", "r.json"]].concat(),
    );
    assert!(!world.path(".liftlock").exists() && !world.path("r.json").exists());
    let told = world.told(0, &[&ask[..], &["--mode", "observe"]].concat());
    assert_eq!(told["verdict"], "pending");
}

#[test]
fn every_outcome_is_recorded_once() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    world.ask("shop-1.json");
    assert_eq!(world.answer(&request, "alice", "alice", "--yes").code, 0);
    world.judge(13, &request);
    world.judge(13, &request);
    let entries = fs::read_dir(world.path(".liftlock/ledger/entries")).unwrap();
    let mut kinds: Vec<String> = entries
        .map(|entry| {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let entry: Value = serde_json::from_str(&text).unwrap();
            entry["record"]["kind"].as_str().unwrap().to_owned()
        })
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        ["approval-answered", "approval-judged", "approval-requested"]
    );
}

#[test]
fn an_answer_that_would_not_count_is_refused_before_it_is_signed() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    for (person, holder, code, word) in [
        ("alice", "mallory", 4, "not a key of `alice`"),
        ("alice", "bob", 4, "not a key of `alice`"),
        ("carol", "carol", 10, "author"),
        ("mallory", "mallory", 10, "not asked"),
    ] {
        let output = world.answer(&request, person, holder, "--yes");
        assert_eq!(output.code, code, "{person} {holder}: {}", output.stderr);
        assert!(output.stderr.contains(word), "{}", output.stderr);
    }
    let key = private("alice");
    let answer = |request: &str| {
        ["answer", "--request", request, "--person", "alice", "--key"]
            .map(str::to_owned)
            .to_vec()
    };
    let mut both = answer(&request);
    both.extend([key.clone(), "--yes".to_owned(), "--no".to_owned()]);
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    world.refused(2, "--no", &both);
    let mut short = answer(&request[..19]);
    short.extend([key, "--yes".to_owned()]);
    let short: Vec<&str> = short.iter().map(String::as_str).collect();
    world.refused(2, "no whole digest", &short);
}

#[test]
fn what_was_forged_does_not_count_and_says_why() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    let asked = world.request(&request);
    let other = world.request(&world.ask("shop-2.json"));
    let now = clock::now();
    let yes = |asked, person: &str| Answer::to(asked, name(person), Say::Yes, now);
    assert_eq!(world.answer(&request, "alice", "alice", "--yes").code, 0);
    let cases = [
        ("an unknown key", yes(&asked, "bob"), "mallory", "unproved"),
        ("another's key", yes(&asked, "bob"), "alice", "wrong-key"),
        (
            "a second key of one person",
            yes(&asked, "alice"),
            "alice2",
            "superseded",
        ),
        (
            "the author's own yes",
            yes(&asked, "carol"),
            "carol",
            "author",
        ),
        (
            "another release",
            yes(&other, "bob"),
            "bob",
            "other-release",
        ),
        ("the judge's key", yes(&asked, "bob"), "judge", "unproved"),
    ];
    for (what, said, holder, reason) in cases {
        world.forge(&said, holder, "forged.json");
        let judge = private("judge");
        let told = world.told(
            13,
            &[
                "judge",
                "--request",
                &request,
                "--key",
                &judge,
                "--answer",
                "forged.json",
            ],
        );
        assert_eq!(reasons(&told), [reason], "{what}");
    }
}

#[test]
fn a_tampered_answer_is_found() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    let asked = world.request(&request);
    let said = Answer::to(&asked, name("bob"), Say::No, clock::now());
    world.forge(&said, "bob", "honest.json");
    let mut document: Value =
        serde_json::from_slice(&fs::read(world.path("honest.json")).unwrap()).unwrap();
    let mut flipped = said;
    flipped.answer = Say::Yes;
    world.forge(&flipped, "mallory", "flipped.json");
    let other: Value =
        serde_json::from_slice(&fs::read(world.path("flipped.json")).unwrap()).unwrap();
    document["dsseEnvelope"]["payload"] = other["dsseEnvelope"]["payload"].clone();
    fs::write(world.path("tampered.json"), document.to_string()).unwrap();
    let told = world.told(
        13,
        &["judge", "--request", &request, "--answer", "tampered.json"],
    );
    assert_eq!(reasons(&told), ["unproved"]);
    fs::write(world.path("broken.json"), "{").unwrap();
    world.refused(
        3,
        "broken.json",
        &["judge", "--request", &request, "--answer", "broken.json"],
    );
    assert_eq!(world.answer(&request, "bob", "bob", "--yes").code, 0);
    let hex = request.strip_prefix("sha256:").unwrap();
    let folder = world.path(&format!(".liftlock/evidence/sha256/{hex}/answer-v1"));
    let file = fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::write(file, "{}").unwrap();
    world.refused(10, "altered", &["judge", "--request", &request]);
}

#[test]
fn an_altered_request_is_not_answered_nor_judged() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    let other = world.ask("shop-2.json");
    let place = |digest: &str| {
        let hex = digest.strip_prefix("sha256:").unwrap().to_owned();
        world.path(&format!(
            ".liftlock/state/approvals/shop/production/{hex}.json"
        ))
    };
    fs::copy(place(&other), place(&request)).unwrap();
    let output = world.answer(&request, "alice", "alice", "--yes");
    assert_eq!(output.code, 10, "{}", output.stderr);
    world.refused(10, "altered", &["judge", "--request", &request]);
    world.refused(
        10,
        "altered",
        &[
            "request",
            "--release",
            "shop-1.json",
            "--environment",
            "production",
        ],
    );
    let text = fs::read_to_string(place(&other)).unwrap();
    fs::write(
        world.path("pretty.json"),
        text.replace(",\"nonce", ", \"nonce"),
    )
    .unwrap();
    world.refused(3, "reformatted", &["judge", "--request", "pretty.json"]);
}

#[test]
fn what_nobody_known_signed_is_listed_but_not_embedded() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    let asked = world.request(&request);
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    let said = Answer::to(&asked, name("carol"), Say::No, clock::now());
    world.forge(&said, "mallory", "forged.json");
    let key = private("judge");
    let judge = [
        "judge",
        "--request",
        &request,
        "--key",
        &key,
        "--answer",
        "forged.json",
        "--output",
        "a.json",
    ];
    assert_eq!(reasons(&world.told(0, &judge)), ["unproved"]);
    let bundle = Bundle::parse(&fs::read(world.path("a.json")).unwrap()).unwrap();
    let statement = attestation::claimed(&bundle).unwrap();
    assert_eq!(
        statement.predicate()["answers"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn every_output_is_known_to_the_wrappers() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    assert_eq!(world.answer(&request, "alice", "alice", "--yes").code, 0);
    let key = private("alice");
    for args in [
        &[
            "request",
            "--release",
            "shop-1.json",
            "--environment",
            "production",
        ][..],
        &[
            "answer",
            "--request",
            &request,
            "--person",
            "alice",
            "--key",
            &key,
            "--yes",
        ],
        &["judge", "--request", &request],
        &["explain", "--request", &request],
        &["doctor"],
    ] {
        let file = world.path("github.txt");
        let output = Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(world.folder.path())
            .env("COSIGN_PASSWORD", PASSWORD)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", &file)
            .args(args)
            .output()
            .unwrap();
        assert!(matches!(output.code, 0 | 13), "{args:?} {}", output.stderr);
        let text = fs::read_to_string(&file).unwrap();
        let names = text
            .lines()
            .filter_map(|line| Some(line.split_once("<<")?.0));
        for name in names {
            let known =
                ["verdict", "exit-code"].contains(&name) || await_approval::OUTPUTS.contains(&name);
            assert!(known, "{name}");
        }
    }
}

#[test]
fn a_policy_that_changed_since_needs_a_new_request() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    world.configure("quorum: 1");
    let told = world.judge(10, &request);
    assert!(
        told["headline"]
            .as_str()
            .unwrap()
            .contains("policy changed"),
        "{told}"
    );
    assert_ne!(world.ask("shop-1.json"), request);
}

#[test]
fn a_request_ends_and_nobody_can_answer_it_any_more() {
    let world = World::configured();
    let told = world.told(
        13,
        &[
            "request",
            "--release",
            "shop-1.json",
            "--environment",
            "production",
            "--expires",
            "1ms",
        ],
    );
    let request = told["detail"]["request"].as_str().unwrap();
    let output = world.answer(request, "alice", "alice", "--yes");
    assert_eq!(output.code, 15, "{}", output.stderr);
    world.judge(15, request);
    assert_ne!(world.ask("shop-1.json"), request);
}

#[test]
fn only_a_judge_judges_and_a_pass_needs_a_key() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    for holder in ["alice", "mallory"] {
        let key = private(holder);
        world.refused(4, "key", &["judge", "--request", &request, "--key", &key]);
    }
    world.refused(
        4,
        "nobody is there to sign",
        &["judge", "--request", &request],
    );
    let told = world.told(0, &["judge", "--request", &request, "--dry-run"]);
    assert_eq!(
        (&told["recorded"], &told["detail"]["approval"]),
        (&json!(false), &Value::Null)
    );
}

#[test]
fn whoever_signed_the_release_does_not_count() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    let signature = attest::sign(
        &opened("bob"),
        &Artifact::known_by(Digest::of(b"shop-1")),
        Subject::new(&Digest::of(b"shop-1")),
    )
    .unwrap();
    fs::write(world.path("signature.json"), signature.bytes()).unwrap();
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    let told = world.told(
        13,
        &[
            "judge",
            "--request",
            &request,
            "--signature",
            "signature.json",
        ],
    );
    assert_eq!(reasons(&told), ["signer"]);
}

#[test]
fn a_question_that_nobody_could_answer_is_not_asked() {
    let world = World::configured();
    world.configure("quorum: 3");
    let ask = [
        "request",
        "--release",
        "shop-1.json",
        "--environment",
        "production",
    ];
    world.refused(3, "carol is an author", &ask);
    world.configure("quorum: 2");
    let with = |flags: [&'static str; 2]| ask.iter().copied().chain(flags).collect::<Vec<_>>();
    world.refused(3, "loosen", &with(["--quorum", "1"]));
    world.refused(3, "loosen", &with(["--person", "mallory"]));
    world.refused(3, "longer", &with(["--expires", "48h"]));
    world.refused(
        3,
        "no `approval` rule",
        &[
            "request",
            "--release",
            "shop-1.json",
            "--environment",
            "staging",
        ],
    );
    world.refused(
        3,
        "nowhere",
        &[
            "request",
            "--release",
            "shop-1.json",
            "--environment",
            "nowhere",
        ],
    );
    world.refused(
        3,
        "absent.json",
        &[
            "request",
            "--release",
            "absent.json",
            "--environment",
            "production",
        ],
    );
}

#[test]
fn flags_beside_a_configuration_hold_also_when_answers_are_judged() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    let key = private("judge");
    let judge = ["judge", "--request", &request, "--key", &key];
    let explain = ["explain", "--request", &request];
    for verb in [judge.as_slice(), &explain] {
        let with = |flags: &[&'static str]| [verb, flags].concat();
        world.refused(3, "loosen", &with(&["--quorum", "1"]));
        world.refused(3, "loosen", &with(&["--person", "mallory"]));
        let told = world.told(10, &with(&["--quorum", "3"]));
        let why = told["headline"].as_str().unwrap().to_owned();
        assert!(why.contains("asks for fewer people"), "{why}");
        let told = world.told(10, &with(&["--person", "alice", "--person", "bob"]));
        let why = told["headline"].as_str().unwrap().to_owned();
        assert!(why.contains("asks people whom"), "{why}");
    }
    // A request that was as tight meets them, and the approval is no looser.
    let ask = ["request", "--release", "shop-2.json", "--environment"];
    let two = ["--person", "alice", "--person", "bob"];
    let told = world.told(13, &[ask.as_slice(), &["production"], &two].concat());
    let request = told["detail"]["request"].as_str().unwrap().to_owned();
    for person in ["alice", "bob"] {
        assert_eq!(world.answer(&request, person, person, "--yes").code, 0);
    }
    let judge = ["judge", "--request", &request, "--key", &key];
    world.told(0, &[judge.as_slice(), &two].concat());
}

#[test]
fn explain_tells_every_unmet_condition_with_the_command_that_fixes_it() {
    let world = World::configured();
    let request = world.ask("shop-1.json");
    let told = world.told(13, &["explain", "--request", &request]);
    let conditions = told["detail"]["conditions"].as_array().unwrap();
    let unmet: Vec<&Value> = conditions
        .iter()
        .filter(|one| one["met"] == false)
        .collect();
    assert_eq!(unmet.len(), 1);
    assert_eq!(
        (&unmet[0]["condition"], &unmet[0]["who"]),
        (&json!("quorum"), &json!("alice, bob"))
    );
    assert!(unmet[0]["fix"].as_str().unwrap().contains(&request));
}

#[test]
fn doctor_finds_what_is_missing_and_shows_the_yaml() {
    let world = World::configured();
    let told = world.told(0, &["doctor"]);
    assert_eq!(told["detail"]["yaml"], "");
    let key = private("judge");
    world.told(0, &["doctor", "--key", &key]);
    for (holder, why) in [
        ("alice", "it is `alice`'s, who answers"),
        ("mallory", "no entry of `trust` names it"),
    ] {
        let told = world.told(10, &["doctor", "--key", &private(holder)]);
        let checks = told["detail"]["checks"].as_array().unwrap().iter();
        let bad: Vec<&Value> = checks.filter(|check| check["ok"] == false).collect();
        assert_eq!(bad.len(), 1, "{bad:?}");
        let found = bad[0]["found"].as_str().unwrap();
        let why = format!("does not count as `judge`: {why}");
        assert!(found.contains(&why), "{found}");
    }
    let told = World::bare().told(10, &["doctor"]);
    assert!(
        told["detail"]["yaml"]
            .as_str()
            .unwrap()
            .contains("approval:")
    );
}

/// Flags for a quorum of two among alice and bob.
fn rule(quorum: &str) -> Vec<String> {
    let mut flags = vec!["--quorum".to_owned(), quorum.to_owned()];
    for (person, holder) in [
        ("alice", "alice"),
        ("alice", "alice2"),
        ("bob", "bob"),
        ("dave", "dave"),
    ] {
        flags.push("--people-key".to_owned());
        flags.push(format!("{person}={}", public(holder)));
    }
    flags
}

fn with<'a>(args: &[&'a str], rule: &'a [String]) -> Vec<&'a str> {
    args.iter()
        .copied()
        .chain(rule.iter().map(String::as_str))
        .collect()
}

const ASK: [&str; 5] = [
    "request",
    "--release",
    "shop-1.json",
    "--environment",
    "production",
];

/// Asks by flags alone, into `request.json`.
fn asked_by_flags(rule: &[String]) -> World {
    let world = World::bare();
    let ask = [&ASK[..], &["--output", "request.json"]].concat();
    let told = world.told(13, &with(&ask, rule));
    assert_eq!(told["recorded"], false);
    assert_eq!(told["policy"], "none");
    world
}

fn to_file(person: &str, key: &str, file: &str) -> Vec<String> {
    let args = ["answer", "--request", "request.json", "--yes"];
    let own = ["--person", person, "--key", key, "--output", file];
    args.iter()
        .chain(&own)
        .map(|word| (*word).to_owned())
        .collect()
}

#[test]
fn flags_alone_are_enough_in_an_empty_folder() {
    let rule = rule("2");
    let world = asked_by_flags(&rule);
    for person in ["alice", "bob"] {
        let args = to_file(person, &private(person), &format!("{person}.json"));
        let told = world.told(0, &with(&[], &args));
        assert_eq!(told["recorded"], false);
    }
    let key = private("judge");
    let judge = [
        "judge",
        "--request",
        "request.json",
        "--key",
        &key,
        "--answer",
        "alice.json",
    ];
    let told = world.told(13, &with(&judge, &rule));
    assert_eq!(told["detail"]["judgement"]["who_may"], json!(["bob"]));
    let full = [
        &judge[..],
        &["--answer", "bob.json", "--output", "approval.json"],
    ]
    .concat();
    let told = world.told(10, &with(&full, &self::rule("1")));
    assert!(
        told["headline"]
            .as_str()
            .unwrap()
            .contains("policy changed"),
        "{told}"
    );
    assert!(!world.path("approval.json").exists());
    let told = world.told(0, &with(&full, &rule));
    assert_eq!(told["verdict"], "pass");
    assert_eq!(told["recorded"], false);
    let names: Vec<_> = fs::read_dir(world.folder.path()).unwrap().collect();
    assert_eq!(names.len(), 6, "nothing but what was asked for is written");
}

#[test]
fn without_a_configuration_there_has_to_be_a_file() {
    let rule = rule("2");
    let world = asked_by_flags(&rule);
    world.refused(2, "no place", &with(&ASK, &rule));
    let args = to_file("dave", &private("dave"), "dave.json");
    world.refused(10, "author", &with(&[], &args));
    let request = format!("sha256:{}", "0".repeat(64));
    world.refused(
        2,
        "no store",
        &with(&["judge", "--request", &request], &rule),
    );
}

#[test]
fn one_key_for_two_people_is_refused() {
    let world = World::bare();
    let flags = ["alice", "bob"].map(|person| format!("{person}={}", public("alice")));
    world.refused(
        3,
        "same key",
        &[
            "request",
            "--release",
            "shop-1.json",
            "--environment",
            "production",
            "--output",
            "r.json",
            "--quorum",
            "2",
            "--people-key",
            &flags[0],
            "--people-key",
            &flags[1],
        ],
    );
}
