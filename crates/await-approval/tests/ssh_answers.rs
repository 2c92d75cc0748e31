//! Answers signed with keys of SSH, from a plain shell to the recheck of `promote`.
#![cfg(test)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use liftlock::approval::answer::{Answer, Say};
use liftlock::approval::form::{NAMESPACE, SshSigned};
use liftlock::approval::{recheck, request};
use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::config::approval::Approval as Rule;
use liftlock::config::trust::{DatedKey, Keyring, Person, Role, Trusted};
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::name::Name;
use liftlock::ssh::Signature;
use liftlock_io::key::{self, Private};
use liftlock_io::verify::Local;
use liftlock_io::{clock, ssh};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::peers;

const PASSWORD: &str = "correct horse";
const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "mallory"];

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A folder with releases, a configuration and everybody's keys of SSH.
struct World {
    folder: TempDir,
}

impl World {
    /// `None` where there is no OpenSSH.
    fn new() -> Option<Self> {
        let program = peers::require("ssh-keygen")?;
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for id in ["shop-1", "shop-2"] {
            let release = json!({
                "schema_version": 1, "id": id, "service": "shop", "version": "1",
                "artifacts": { "api": { "digest": Digest::of(id.as_bytes()), "name": "api" } },
                "owner": "team-shop", "created_at": "2026-11-23T08:00:00Z",
                "authors": [],
            });
            fs::write(world.path(&format!("{id}.json")), release.to_string()).unwrap();
        }
        for person in PEOPLE {
            let file = world.text(person);
            let made = Command::new(&program)
                .args(["-q", "-t", "ed25519", "-N", "", "-C", person, "-f", &file])
                .status()
                .unwrap();
            assert!(made.success());
        }
        let judge = Private::generate().unwrap();
        key::write_pair(&judge, &world.text("judge"), PASSWORD).unwrap();
        world.configure("");
        Some(world)
    }

    /// Alice and dave are in a list of signers, bob in a file, carol in the
    /// configuration itself.
    fn configure(&self, more: &str) {
        let line = |person: &str| fs::read_to_string(self.path(&format!("{person}.pub"))).unwrap();
        let signers = format!(
            "# who may sign what\n*@shop.example namespaces=\"liftlock-*\" {}\
             dave namespaces=\"liftlock-*\",valid-before=\"20260101Z\" {}\
             mallory@elsewhere.example cert-authority {}",
            line("alice"),
            line("dave"),
            line("mallory")
        );
        fs::write(self.path("signers"), signers).unwrap();
        let text = format!(
            "version: 1\nservice: shop\n\
             trust: [{{ name: approvals, roles: [judge], keys: [{{ key-file: judge.pub }}] }}]\n\
             people:\n  alice: {{ allowed-signers: signers, emails: [alice@shop.example] }}\n  \
             bob: {{ keys: [{{ key-file: bob.pub }}] }}\n  \
             carol: {{ keys: [{{ key: '{}' }}] }}\n  \
             dave: {{ allowed-signers: signers }}\n{more}\
             environments:\n  production:\n    requires: [approval]\n    \
             approval: {{ quorum: 2, people: [alice, bob, carol, dave] }}\n",
            line("carol").trim()
        );
        fs::write(self.path("liftlock.yaml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn run(&self, args: &[&str]) -> Output {
        Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(self.folder.path())
            .env("COSIGN_PASSWORD", PASSWORD)
            .args(args.iter().copied().chain(["--format", "json"]))
            .output()
            .unwrap()
    }

    fn told(&self, code: i32, args: &[&str]) -> Value {
        let output = self.run(args);
        assert_eq!(
            output.code, code,
            "{args:?}\n{}{}",
            output.stdout, output.stderr
        );
        output.json().unwrap()
    }

    fn refused(&self, code: i32, word: &str, args: &[&str]) {
        let output = self.run(args);
        assert_eq!(
            output.code, code,
            "{args:?}\n{}{}",
            output.stdout, output.stderr
        );
        assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
    }

    fn ask(&self, release: &str) -> String {
        let ask = [
            "request",
            "--release",
            release,
            "--environment",
            "production",
        ];
        let told = self.told(13, &ask);
        told["detail"]["request"].as_str().unwrap().to_owned()
    }

    fn request(&self, digest: &str) -> request::Identified {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let path = format!(".liftlock/state/approvals/shop/production/{hex}.json");
        request::Identified::parse(&fs::read(self.path(&path)).unwrap()).unwrap()
    }

    /// What a person has to sign, in a file.
    fn unsigned(&self, request: &str, person: &str, file: &str) {
        let args = ["--person", person, "--yes", "--unsigned", file];
        self.told(13, &[&["answer", "--request", request][..], &args].concat());
    }

    /// Signs a file in a plain shell.
    fn shell(&self, holder: &str, namespace: &str, file: &str) {
        fs::remove_file(self.path(&format!("{file}.sig"))).ok();
        let signed = Command::new(peers::require("ssh-keygen").unwrap())
            .args(["-q", "-Y", "sign", "-n", namespace, "-f", holder, file])
            .current_dir(self.folder.path())
            .status()
            .unwrap();
        assert!(signed.success());
    }

    /// Whether OpenSSH accepts a signature of alice by the same list.
    fn accepted(&self, message: &str, signature: &str) -> bool {
        let identity = "alice@shop.example";
        Command::new(peers::require("ssh-keygen").unwrap())
            .args(["-Y", "verify", "-f", "signers", "-n", NAMESPACE])
            .args(["-I", identity, "-s", signature])
            .current_dir(self.folder.path())
            .stdin(fs::File::open(self.path(message)).unwrap())
            .output()
            .unwrap()
            .status
            .success()
    }

    fn bring<'a>(request: &'a str, file: &'a str, signature: &'a str) -> [&'a str; 7] {
        [
            "answer",
            "--request",
            request,
            "--statement",
            file,
            "--ssh-signature",
            signature,
        ]
    }

    fn judge(&self, code: i32, request: &str, more: &[&str]) -> Value {
        let key = self.text("judge.key");
        let args = ["judge", "--request", request, "--key", &key];
        self.told(code, &[&args[..], more].concat())
    }

    fn public(&self, file: &str) -> DatedKey {
        let text = fs::read_to_string(self.path(file)).unwrap();
        DatedKey {
            key: Some(PublicKey::from_text(&text).unwrap()),
            key_file: None,
            valid_from: None,
            valid_until: None,
            revoked_at: None,
        }
    }

    fn keyring(&self) -> Keyring {
        let person = |holder: &str| {
            let person = Person {
                keys: vec![self.public(&format!("{holder}.pub"))],
                ..Person::default()
            };
            (name(holder), person)
        };
        Keyring {
            trusted: vec![Trusted {
                name: name("approvals"),
                roles: [Role::Judge].into(),
                keys: vec![self.public("judge.pub")],
                identities: Vec::new(),
            }],
            people: ["alice", "bob", "carol"].map(person).into(),
        }
    }

    /// Checks the approval in a file as `promote` does.
    fn recheck(&self, request: &str, keyring: &Keyring) -> Result<(), recheck::Refused> {
        let bundle = Bundle::parse(&fs::read(self.path("approval.json")).unwrap()).unwrap();
        let judges = keyring.keys(Role::Judge, clock::now());
        let proved = attestation::verify(&bundle, &judges, &Local).unwrap();
        let (asked, production) = (self.request(request), name("production"));
        let people = ["alice", "bob", "carol", "dave"].map(name);
        let rule = Rule::of(2, people.to_vec()).unwrap();
        let frame = recheck::Frame {
            keyring,
            environment: &production,
            rule: Some(&rule),
            policy: Digest::of(&fs::read(self.path("liftlock.yaml")).unwrap()),
            release: &asked.release,
            live: None,
            signers: &[],
            shown: None,
            verifier: &Local,
        };
        recheck::recheck(&proved, &frame, clock::now()).map(drop)
    }

    /// A signed answer that the command would refuse, in a file.
    fn forge(&self, said: &Answer, holder: &str, namespace: &str, file: &str) {
        let payload = said.statement().unwrap().bytes().unwrap();
        let signature = ssh::sign(&self.text(holder), namespace, &payload).unwrap();
        self.pack(payload, signature, file);
    }

    fn pack(&self, payload: Vec<u8>, signature: Signature, file: &str) {
        let signed = SshSigned::new(payload, signature).unwrap();
        let signed = liftlock::approval::form::Signed::Ssh(signed);
        fs::write(self.path(file), signed.bytes()).unwrap();
    }
}

#[test]
fn an_answer_signed_in_a_plain_shell_counts_up_to_the_recheck_of_promote() {
    let Some(world) = World::new() else { return };
    let request = world.ask("shop-1.json");
    world.unsigned(&request, "alice", "answer.json");
    world.shell("alice", NAMESPACE, "answer.json");
    assert!(world.accepted("answer.json", "answer.json.sig"));
    let told = world.told(0, &World::bring(&request, "answer.json", "answer.json.sig"));
    assert_eq!(told["recorded"], true);
    let bob = ["--person", "bob", "--yes", "--ssh-key", "bob"];
    world.told(0, &[&["answer", "--request", &request][..], &bob].concat());
    let told = world.judge(0, &request, &["--output", "approval.json"]);
    assert_eq!(told["verdict"], "pass");
    let mut keyring = world.keyring();
    world.recheck(&request, &keyring).unwrap();
    // Whoever has only the approval can ask OpenSSH as well.
    let bundle = Bundle::parse(&fs::read(world.path("approval.json")).unwrap()).unwrap();
    let approval = attestation::claimed(&bundle).unwrap();
    let answers = approval.predicate()["answers"].as_array().unwrap().clone();
    assert_eq!(answers.len(), 2);
    let accepted = answers.iter().filter(|one| {
        let payload = one["payload"].as_str().unwrap();
        let pem = format!("-----BEGIN X-----\n{payload}\n-----END X-----");
        let (_, payload) = liftlock::pem::only(&pem).unwrap();
        fs::write(world.path("inside.json"), payload).unwrap();
        fs::write(world.path("inside.sig"), one["signature"].as_str().unwrap()).unwrap();
        world.accepted("inside.json", "inside.sig")
    });
    assert_eq!(accepted.count(), 1, "that of alice");
    let people = &mut keyring.people;
    people.get_mut("bob").unwrap().keys[0].revoked_at = Some(clock::now());
    let refused = world.recheck(&request, &keyring);
    assert!(matches!(refused, Err(recheck::Refused::Count { .. })));
}

#[test]
fn an_agent_signs_where_only_the_public_half_is_a_file() {
    let Some(world) = World::new() else { return };
    let request = world.ask("shop-1.json");
    let script = format!(
        "set -eu; ssh-add -q carol; rm carol; {} answer --request {request} --person carol --yes --ssh-key carol.pub",
        env!("CARGO_BIN_EXE_await-approval")
    );
    let output = Command::new("ssh-agent")
        .args(["sh", "-c", &script])
        .current_dir(world.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = world.judge(13, &request, &[]);
    assert_eq!(told["detail"]["judgement"]["counted"][0]["person"], "carol");
    let args = ["--person", "carol", "--yes", "--ssh-key", "carol.pub"];
    world.refused(
        4,
        "ssh-add",
        &[&["answer", "--request", &request][..], &args].concat(),
    );
}

#[test]
fn what_is_signed_for_something_else_is_not_taken() {
    let Some(world) = World::new() else { return };
    let (request, other) = (world.ask("shop-1.json"), world.ask("shop-2.json"));
    world.unsigned(&request, "alice", "a.json");
    world.unsigned(&other, "alice", "other.json");
    world.unsigned(&request, "dave", "dave.json");
    let cases = [
        ("a.json", "alice", "file", 10, "for the namespace `file`"),
        ("other.json", "alice", NAMESPACE, 10, "another request"),
        ("a.json", "bob", NAMESPACE, 4, "not of a key of `alice`"),
        ("a.json", "mallory", NAMESPACE, 4, "not of a key of `alice`"),
        ("dave.json", "dave", NAMESPACE, 4, "not of a key of `dave`"),
    ];
    for (file, holder, namespace, code, word) in cases {
        world.shell(holder, namespace, file);
        let signature = format!("{file}.sig");
        world.refused(code, word, &World::bring(&request, file, &signature));
    }
    world.shell("alice", NAMESPACE, "a.json");
    let text = fs::read_to_string(world.path("a.json")).unwrap();
    fs::write(world.path("b.json"), text.replace("\"yes\"", "\"no\"")).unwrap();
    let changed = World::bring(&request, "b.json", "a.json.sig");
    world.refused(10, "not of these bytes", &changed);
    // What a person reads is not what a parser takes.
    let twice = text.replace("\"answer\":\"yes\"", "\"answer\":\"no\",\"answer\":\"yes\"");
    let escaped = text.replace("\"yes\"", "\"\\u0079es\"");
    let more = text.replace("{\"_type\"", "{\"but\":\"only on Monday\",\"_type\"");
    for bytes in [
        twice,
        escaped,
        more,
        text.replace(',', ", "),
        format!("{text}\n\n"),
    ] {
        assert_ne!(bytes, text);
        fs::write(world.path("c.json"), bytes).unwrap();
        world.shell("alice", NAMESPACE, "c.json");
        let reworded = World::bring(&request, "c.json", "c.json.sig");
        world.refused(10, "not written as", &reworded);
    }
    let swapped = World::bring(&request, "a.json", "a.json");
    world.refused(3, "`a.json`", &swapped);
    let told = world.judge(13, &request, &[]);
    assert_eq!(told["detail"]["judgement"]["counted"], json!([]));
}

#[test]
fn a_judge_lists_each_forged_answer_with_its_reason() {
    let Some(world) = World::new() else { return };
    let request = world.ask("shop-1.json");
    let (asked, other) = (
        world.request(&request),
        world.request(&world.ask("shop-2.json")),
    );
    let yes = |asked: &request::Identified, person: &str| {
        Answer::to(asked, name(person), Say::Yes, clock::now())
    };
    let cases = [
        (yes(&asked, "alice"), "alice", "file", "unproved"),
        (yes(&asked, "alice"), "mallory", NAMESPACE, "unproved"),
        (yes(&asked, "alice"), "bob", NAMESPACE, "wrong-key"),
        (yes(&asked, "dave"), "dave", NAMESPACE, "key-out-of-time"),
        (yes(&other, "alice"), "alice", NAMESPACE, "other-release"),
        (yes(&asked, "mallory"), "carol", NAMESPACE, "not-asked"),
    ];
    let check = |reason: &str| {
        let told = world.judge(13, &request, &["--answer", "forged.json"]);
        let judgement = &told["detail"]["judgement"];
        assert_eq!(judgement["counted"], json!([]), "{reason}");
        assert_eq!(judgement["not_counted"][0]["reason"], reason);
    };
    for (said, holder, namespace, reason) in cases {
        world.forge(&said, holder, namespace, "forged.json");
        check(reason);
    }
    let payload = yes(&asked, "alice").statement().unwrap().bytes().unwrap();
    let signature = ssh::sign(&world.text("alice"), NAMESPACE, &payload).unwrap();
    world.pack([&payload[..], b"\n"].concat(), signature, "forged.json");
    check("unproved");
}

#[test]
fn lists_and_keys_that_cannot_be_used_are_refused_where_they_are_read() {
    let Some(world) = World::new() else { return };
    let ask = [
        "request",
        "--release",
        "shop-1.json",
        "--environment",
        "production",
    ];
    world.configure("  erin: { allowed-signers: signers, emails: [mallory@elsewhere.example] }\n");
    world.refused(3, "`cert-authority` is not taken", &ask);
    world.configure("  erin: { keys: [{ key-file: bob.pub }] }\n");
    world.refused(3, "people.erin", &ask);
    world.configure("  erin: { keys: [{ key: 'ssh-dss AAAA' }] }\n");
    world.refused(3, "`ssh-dss` is not taken", &ask);
    world.configure("  erin: { allowed-signers: nowhere }\n");
    world.refused(3, "nowhere", &ask);
    world.configure("  erin: { allowed-signers: signers, emails: [bob@shop.example] }\n");
    world.refused(3, "people.erin", &ask);
}

#[test]
fn flags_take_keys_of_ssh_as_well() {
    let Some(world) = World::new() else { return };
    fs::remove_file(world.path("liftlock.yaml")).unwrap();
    let rule = ["--quorum", "1", "--people-key", "alice=alice.pub"];
    let ask = [
        "request",
        "--release",
        "shop-1.json",
        "--environment",
        "production",
    ];
    world.told(
        13,
        &[&ask[..], &rule, &["--output", "request.json"]].concat(),
    );
    world.unsigned("request.json", "alice", "a.json");
    // As many editors leave it.
    let text = fs::read_to_string(world.path("a.json")).unwrap();
    fs::write(world.path("a.json"), text + "\n").unwrap();
    world.shell("alice", NAMESPACE, "a.json");
    let bring = World::bring("request.json", "a.json", "a.json.sig");
    world.refused(2, "no place", &bring);
    world.told(0, &[&bring[..], &["--output", "alice.json"]].concat());
    let told = world.judge(
        0,
        "request.json",
        &[&rule[..], &["--answer", "alice.json"]].concat(),
    );
    assert_eq!(told["verdict"], "pass");
}

#[test]
fn the_ways_to_sign_are_never_mixed() {
    let Some(world) = World::new() else { return };
    let request = world.ask("shop-1.json");
    for args in [
        &["--person", "alice", "--yes"][..],
        &["--person", "alice", "--ssh-key", "alice"],
        &["--yes", "--ssh-key", "alice"],
        &[
            "--person",
            "alice",
            "--yes",
            "--ssh-key",
            "alice",
            "--unsigned",
            "a",
        ],
        &["--statement", "a.json"],
        &["--ssh-signature", "a.sig"],
        &[
            "--statement",
            "a",
            "--ssh-signature",
            "a.sig",
            "--yes",
            "--person",
            "alice",
        ],
        &[
            "--statement",
            "a",
            "--ssh-signature",
            "a.sig",
            "--comment",
            "x",
        ],
    ] {
        let output = world.run(&[&["answer", "--request", &request][..], args].concat());
        assert_eq!(output.code, 2, "{args:?} {}", output.stderr);
    }
}

#[test]
fn what_a_forged_answer_says_stays_text() {
    let Some(world) = World::new() else { return };
    let request = world.ask("shop-1.json");
    let asked = world.request(&request);
    let said = Answer::to(&asked, name("alice"), Say::Yes, clock::now());
    let evil = "x\nok      quorum: 2 of 2\n\\| [go](https://evil.example) <img src=x>";
    world.forge(&said, "alice", evil, "forged.json");
    let run = |args: &[&str]| {
        let output = Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(world.folder.path())
            .env("COSIGN_PASSWORD", PASSWORD)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", "summary.md")
            .args(args.iter().copied().chain(["--answer", "forged.json"]))
            .output()
            .unwrap();
        assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
        format!("{}{}", output.stdout, output.stderr)
    };
    let shown = run(&["explain", "--request", &request]);
    assert!(shown.contains("ignored alice"), "{shown}");
    assert!(!shown.contains("\nok      quorum: 2 of 2"), "{shown}");
    run(&["judge", "--request", &request, "--key", "judge.key"]);
    let summary = fs::read_to_string(world.path("summary.md")).unwrap();
    assert!(summary.contains("evil.example"), "{summary}");
    for live in ["[go](", "<img", " \\\\| "] {
        assert!(!summary.contains(live), "{live}: {summary}");
    }
}
