//! Gates without a key: what a canary did, and what promotions and rollbacks
//! came to, signed as the workflow that they run in, on an instance of Sigstore
//! on loopback. Refusals first.

#![cfg(test)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::crypto::Signer as _;
use liftlock_io::verify::Local;
use serde_json::{Value, json};
use testkit::cli::{Output, Run};
use testkit::house::House;
use testkit::http::{Answer, Request, Server};
use testkit::peers;
use testkit::samples::Key;
use testkit::sigstore::{Fault, Identity, Lie, LogVersion, Loopback, Service, Settings};

/// Jobs, by the repositories that they are of.
const BUILD: &str = "acme/shop";
const GATES: &str = "acme/gates";
const OTHER: &str = "acme/other";

const PROMOTION: &str = "https://liftlock.github.io/predicates/promotion/v1";

/// Rules in which workflows build, judge canaries and promote.
const RULES: &str = "version: 1
service: shop
sigstore: { trusted-root: trusted_root.json }
environments:
  staging:
    requires: [signature]
    targets: [{ registry: { image: 'oci-layout:site', tag: staging }, artifact: image }]
  production:
    promotes-from: staging
    requires: [signature, { canary@staging: { max-age: 1h } }]
    targets: [{ registry: { image: 'oci-layout:site', tag: live }, artifact: image }]
trust:
  - { name: ci-builder, roles: [builder], identities: [{ issuer: 'ISSUER', name: 'BUILD' }] }
  - { name: ci-gates, roles: [canary, promotion], identities: [{ issuer: 'ISSUER', name: 'GATES' }] }
";

/// Counts of a canary that is as good as what it is beside.
fn counts() -> String {
    let rows = (0..30).map(|minute| format!("2026-01-05T08:{minute:02}:00Z,3000,9,1000,3\n"));
    let head = "time,baseline_total,baseline_bad,canary_total,canary_bad\n".to_owned();
    std::iter::once(head).chain(rows).collect()
}

/// The workflow of a repository's jobs, as their certificates name it.
fn workflow(repository: &str) -> String {
    format!("https://github.com/{repository}/.github/workflows/release.yml@refs/heads/main")
}

/// A service whose rules name workflows, beside an instance of Sigstore.
struct World {
    house: House,
    loopback: Loopback,
}

impl World {
    /// By the rules above.
    fn new() -> Self {
        let world = Self::within(House::new().unwrap(), RULES);
        world.house.write("counts.csv", counts()).unwrap();
        world
    }

    /// With releases that a key signed, in an environment by itself.
    fn keyed() -> Self {
        let rules = RULES
            .replace("promotes-from: staging\n    ", "")
            .replace(", { canary@staging: { max-age: 1h } }", "")
            .replace(
                "identities: [{ issuer: 'ISSUER', name: 'BUILD' }]",
                "keys: [{ key-file: keys/builder.pub }]",
            );
        Self::within(House::new().unwrap(), &rules)
    }

    fn within(house: House, rules: &str) -> Self {
        let loopback = Loopback::start(&Settings::default()).unwrap();
        loopback.write(&house.path("")).unwrap();
        let rules = rules.replace("ISSUER", &loopback.url());
        let rules = rules.replace("BUILD", &workflow(BUILD));
        let rules = rules.replace("GATES", &workflow(GATES));
        house.write("liftlock.yaml", rules).unwrap();
        Self { house, loopback }
    }

    /// A program of ours in a job of GitHub that may not ask for tokens.
    fn mute(&self, program: &str, words: &[&str]) -> Run {
        let run = self.house.run(program, words);
        run.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_REPOSITORY", "acme/shop")
    }

    /// The same in one that may, which signs at the instance on loopback.
    fn job(&self, code: i32, repository: &str, words: &[&str]) -> Output {
        let (program, words) = words.split_first().unwrap();
        let words = [words, &["--trust-config", "trust_config.json"]].concat();
        let mut run = self.mute(program, &words);
        for (name, value) in self.loopback.job(repository) {
            run = run.env(name, value);
        }
        ended(run, code)
    }

    /// A promotion in a job.
    fn promote(&self, code: i32, repository: &str, (version, place): (&str, &str)) -> Output {
        let file = format!("release-{version}.json");
        let words = ["promote", "run", "--environment", place, "--release", &file];
        self.job(code, repository, &words)
    }

    fn entries(&self) -> usize {
        self.loopback.entries(LogVersion::V1)
    }

    fn asked(&self, service: Service) -> usize {
        self.loopback.calls_of(service).len()
    }

    /// What is live in an environment; nothing where nothing ever moved.
    fn live(&self, place: &str) -> Value {
        let file = format!(".liftlock/state/environments/shop/{place}.json");
        let state: Value = serde_json::from_str(&self.house.text(&file)).unwrap_or_default();
        state["live"]["release"]["id"].clone()
    }

    /// The statements of a type about a version's image, oldest name first.
    fn bundles(&self, kind: &str, version: &str) -> Vec<PathBuf> {
        let release = self.house.text(&format!("release-{version}.json"));
        let release: Value = serde_json::from_str(&release).unwrap();
        let image = release["artifacts"]["image"]["digest"].as_str().unwrap();
        let hex = &image["sha256:".len()..];
        let folder = format!(".liftlock/evidence/sha256/{hex}/{kind}-v1");
        let found = fs::read_dir(self.house.path(&folder)).into_iter().flatten();
        let mut found: Vec<PathBuf> = found.map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }

    /// Builds a version and has a job sign it, without any key.
    fn build(&self, version: &str) {
        self.house.build(version, "0.2%").unwrap();
        let folder = format!("builds/shop-{version}");
        let [api, image] = ["api", "image"].map(|name| format!("{folder}/{name}"));
        for file in [&api, &image] {
            let bundle = self.house.path(&format!("{file}.sigstore.json"));
            fs::remove_file(bundle).unwrap();
        }
        self.job(0, BUILD, &["sign-artifact", "sign", &api, &image]);
        let file = format!("release-{version}.json");
        let artifacts = [format!("api={api}"), format!("image={image}")];
        let words = [
            "sign-artifact",
            "release",
            "--version",
            version,
            "--owner",
            "team-shop",
            "--author",
            "carol@example.org",
            "--artifact",
            &artifacts[0],
            "--artifact",
            &artifacts[1],
            "--output",
            &file,
        ];
        self.job(0, BUILD, &words);
    }
}

fn ended(run: Run, code: i32) -> Output {
    let output = run.output().unwrap();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, code, "{said}");
    output
}

/// Judges the canary of a version in staging, and signs the verdict.
const CANARY: [&str; 8] = [
    "canary-check",
    "judge",
    "--counts",
    "counts.csv",
    "--environment",
    "staging",
    "--release",
    "release-2.json",
];

const RUN: [&str; 5] = [
    "run",
    "--environment",
    "staging",
    "--release",
    "release-2.json",
];

#[test]
fn nothing_is_begun_for_an_identity_whose_word_would_not_count() {
    let world = World::keyed();
    world.house.release("2").unwrap();
    let at = ("2", "staging");
    let refused = |why: &str| {
        let told = world.promote(4, OTHER, at).stderr;
        assert!(told.contains(why), "{told}");
        assert_eq!(world.live("staging"), Value::Null);
    };
    let url = world.loopback.url();
    refused("no entry of `trust` names it");
    refused(&format!(
        "trust: [{{ name: promotions, roles: [promotion], identities: [{{ issuer: '{url}', name: '{}' }}] }}]",
        workflow(OTHER)
    ));
    // Named, in another role.
    let entry = format!(
        "roles: [canary], identities: [{{ issuer: '{url}', name: '{}' }}]",
        workflow(OTHER)
    );
    let gates = format!("trust:\n  - {{ name: others, {entry} }}");
    world.house.configure("trust:", &gates).unwrap();
    refused("may not say this");
    // Named, by another issuer.
    let elsewhere = entry
        .replace("canary", "promotion")
        .replace(&url, "https://other.example");
    world.house.configure(&entry, &elsewhere).unwrap();
    refused("no entry of `trust` names it");
    assert_eq!(
        world.asked(Service::Fulcio),
        0,
        "a certificate was asked for"
    );
    // Whose signature no reader could prove.
    world
        .house
        .configure("sigstore: { trusted-root: trusted_root.json }\n", "")
        .unwrap();
    let told = world.promote(3, GATES, at).stderr;
    let root = "sigstore: { trusted-root: FILE }";
    assert!(told.contains(root), "{told}");
    // As the rules name identities, that of a job signs without a flag: at the
    // public instance, which rules that name another one do not know.
    world
        .house
        .configure(
            "environments:",
            "sigstore: { trusted-root: trusted_root.json }\nenvironments:",
        )
        .unwrap();
    let mut run = world.mute("promote", &RUN);
    for (name, value) in world.loopback.job(GATES) {
        run = run.env(name, value);
    }
    let told = ended(run, 3).stderr;
    assert!(told.contains(root), "{told}");
    assert_eq!(world.live("staging"), Value::Null);
    assert_eq!(world.entries(), 0, "the log saw it");
}

#[test]
fn nothing_is_begun_where_nobody_is_there_to_sign() {
    let world = World::keyed();
    world.house.release("2").unwrap();
    let told = ended(world.mute("promote", &RUN), 4).stderr;
    let why = "nobody is there to sign what the plan comes to";
    assert!(
        told.contains(why) && told.contains("id-token: write"),
        "{told}"
    );
    let named = [&RUN[..], &["--identity-token", "env://NONE"]].concat();
    let told = ended(world.mute("promote", &named), 4).stderr;
    assert!(told.contains("`NONE` is not set"), "{told}");
    // The name of a private repository, and everybody's log.
    let private = Identity::github(GATES).claim("repository_visibility", "private");
    let token = world.loopback.token(&private).unwrap();
    let named = [&RUN[..], &["--identity-token", "env://TOKEN"]].concat();
    let told = ended(world.mute("promote", &named).env("TOKEN", token), 2).stderr;
    assert!(told.contains("--public-log"), "{told}");
    assert_eq!(world.live("staging"), Value::Null);
    let doctor = ["doctor", "--environment", "staging"];
    let told = world.mute("promote", &doctor).output().unwrap();
    assert!(told.stdout.contains("BAD  who signs"), "{}", told.stdout);
    // To look, nobody has to sign.
    ended(
        world.mute("promote", &[&RUN[..], &["--dry-run"]].concat()),
        0,
    );
    world.promote(0, GATES, ("2", "staging"));
    assert_eq!(world.live("staging"), "shop-2");
    let told = world.job(0, GATES, &[&["promote"][..], &doctor].concat());
    assert!(told.stdout.contains("ok   who signs"), "{}", told.stdout);
}

#[test]
fn no_canary_is_judged_for_an_identity_whose_verdict_would_not_count() {
    let world = World::new();
    world.build("2");
    let asked = world.asked(Service::Fulcio);
    let told = world.job(4, OTHER, &CANARY).stderr;
    assert!(told.contains("roles: [canary]"), "{told}");
    // The builder builds, and nothing else.
    let told = world.job(4, BUILD, &CANARY).stderr;
    assert!(told.contains("may not say this"), "{told}");
    let told = ended(world.mute(CANARY[0], &CANARY[1..]), 4).stderr;
    assert!(told.contains("id-token: write"), "{told}");
    let unnamed = ["canary-check", "judge", "--counts", "counts.csv"];
    world.job(2, GATES, &unnamed);
    // A dry run has nobody sign, as everybody would see it.
    world.job(0, OTHER, &[&CANARY[..], &["--dry-run"]].concat());
    assert_eq!(world.asked(Service::Fulcio), asked);
    assert!(world.bundles("canary", "2").is_empty());
    // What cannot be proved is not kept.
    world
        .loopback
        .next(Service::Fulcio, 1, &Fault::Lie(Lie::Expired));
    world.job(10, GATES, &CANARY);
    assert!(world.bundles("canary", "2").is_empty());
}

#[test]
fn a_verdict_that_nobody_saw_while_its_certificate_lasted_moves_nothing() {
    let world = World::new();
    world.build("2");
    world.promote(0, GATES, ("2", "staging"));
    world.job(0, GATES, &CANARY);
    let plan = ["plan", "--environment", "production"];
    let plan = [&plan[..], &["--release", "release-2.json"]].concat();
    ended(world.mute("promote", &plan), 0);
    let kept = world.bundles("canary", "2").remove(0);
    let whole: Value = serde_json::from_slice(&fs::read(kept).unwrap()).unwrap();
    let evidence = world.house.path(".liftlock/evidence/sha256");
    for subject in fs::read_dir(evidence).unwrap() {
        let folder = subject.unwrap().path().join("canary-v1");
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
    }
    let with = |bundle: &Value, code: i32| {
        world
            .house
            .write("brought.json", bundle.to_string())
            .unwrap();
        let words = [&plan[..], &["--bundle", "brought.json"]].concat();
        ended(world.mute("promote", &words), code).stdout
    };
    with(&whole, 0);
    let mut alone = whole;
    let material = alone["verificationMaterial"].as_object_mut().unwrap();
    material.insert("tlogEntries".to_owned(), json!([]));
    material.remove("timestampVerificationData");
    let told = with(&alone, 10);
    assert!(told.contains("canary@staging"), "{told}");
    let unseen = ["in no trusted log", "nobody trusted says when"];
    assert!(unseen.iter().any(|why| told.contains(why)), "{told}");
}

#[test]
fn a_release_goes_all_the_way_up_without_any_key() {
    if peers::require("cosign").is_none() {
        return;
    }
    let world = World::new();
    world.build("2");
    let told = world.promote(10, GATES, ("2", "production")).stdout;
    assert!(told.contains("known good in `staging`"), "{told}");
    let told = world.promote(0, GATES, ("2", "staging")).json().unwrap();
    let attestation = told["detail"]["attestation"].as_str().unwrap();
    world.promote(10, GATES, ("2", "production"));
    // A builder says nothing about a canary, and a gate builds nothing.
    world.job(0, GATES, &CANARY);
    world.promote(0, GATES, ("2", "production"));
    assert_eq!(world.live("production"), "shop-2");
    let signed = world.bundles("promotion", "2");
    assert_eq!(signed.len(), 2, "{signed:?}");
    let hex = attestation.trim_start_matches("sha256:");
    let mut signed = signed.iter();
    let bundle = signed.find(|path| path.to_string_lossy().contains(hex));
    fs::copy(bundle.unwrap(), world.house.path("promotion.json")).unwrap();
    let url = world.loopback.url();
    let verify = |name: &str| {
        let line = format!(
            "verify-blob-attestation --offline --bundle promotion.json --type {PROMOTION} \
             --trusted-root trusted_root.json --certificate-oidc-issuer {url} \
             --certificate-identity {name} builds/shop-2/image"
        );
        let run = Run::new(peers::find("cosign").unwrap()).args(line.split_whitespace());
        let run = run.env("TUF_ROOT", world.house.path("tuf"));
        let output = run.folder(world.house.path("")).output().unwrap();
        (output.code == 0, output.stderr)
    };
    let (proved, why) = verify(&workflow(GATES));
    assert!(proved, "{why}");
    assert!(!verify(&workflow(BUILD)).0);
    // Asked again, nothing is signed twice.
    let entries = world.entries();
    world.promote(0, GATES, ("2", "production"));
    assert_eq!(world.entries(), entries);
}

#[test]
fn the_outcome_of_a_finished_move_is_signed_by_whoever_comes_next() {
    let world = World::keyed();
    world.house.release("2").unwrap();
    let away = Fault::refuse(400, "{}");
    world.loopback.until_healed(Service::Fulcio, &away);
    let told = world.promote(1, GATES, ("2", "staging")).stderr;
    assert!(told.contains("promote resume"), "{told}");
    assert_eq!(world.live("staging"), "shop-2", "it went up");
    assert!(world.bundles("promotion", "2").is_empty());
    let resume = ["promote", "resume", "--environment", "staging"];
    world.job(1, GATES, &resume);
    world.loopback.heal(Service::Fulcio);
    // Nobody without the role signs it, and nobody without a token has to.
    world.job(4, OTHER, &resume);
    ended(world.mute(resume[0], &resume[1..]), 0);
    assert!(world.bundles("promotion", "2").is_empty());
    let second = format!("name: '{}' }}", workflow(GATES));
    let both = format!(
        "{second}, {{ issuer: '{}', name: '{}' }}",
        world.loopback.url(),
        workflow(OTHER)
    );
    // What was signed under other rules was another policy's to sign.
    world.house.configure(&second, &both).unwrap();
    world.job(0, OTHER, &resume);
    let signed = world.bundles("promotion", "2");
    assert_eq!(signed.len(), 1, "{signed:?}");
    let entries = world.entries();
    world.job(0, GATES, &resume);
    world.promote(0, GATES, ("2", "staging"));
    assert_eq!(world.entries(), entries, "signed twice");
}

/// The answers of Vault's transit engine to one key; none to who wants a
/// signature while it is sealed.
fn transit(request: &Request, key: &Key, is_sealed: bool) -> Answer {
    if request.method == "GET" {
        let keys = json!({ "1": { "public_key": key.public_pem() } });
        let data = json!({ "type": "ecdsa-p256", "latest_version": 1, "keys": keys });
        return Answer::json(json!({ "data": data }).to_string());
    }
    if is_sealed {
        return Answer::new(403).body(r#"{"errors":["denied"]}"#);
    }
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let digest = STANDARD.decode(asked["input"].as_str().unwrap()).unwrap();
    let signature = STANDARD.encode(key.sign_prehashed(&digest).unwrap());
    let data = json!({ "signature": format!("vault:v1:{signature}") });
    Answer::json(json!({ "data": data }).to_string())
}

#[test]
fn a_key_service_that_is_away_at_the_end_signs_on_the_next_run() {
    let world = World::keyed();
    let identities = format!(
        "identities: [{{ issuer: '{}', name: '{}' }}]",
        world.loopback.url(),
        workflow(GATES)
    );
    let keys = "keys: [{ key-file: keys/gate.pub }]";
    world.house.configure(&identities, keys).unwrap();
    world.house.release("2").unwrap();
    let sealed = Arc::new(AtomicBool::new(true));
    let (seen, key) = (Arc::clone(&sealed), Key::named("gate"));
    let vault = Server::start(move |request| transit(request, &key, seen.load(Ordering::Relaxed)));
    let vault = vault.unwrap();
    let signed = |code: i32, words: &[&str]| {
        let words = [words, &["--key", "hashivault://gate"]].concat();
        let run = world.mute("promote", &words);
        let run = run.env("VAULT_ADDR", vault.url(""));
        ended(run.env("VAULT_TOKEN", "s.secret-of-the-test"), code)
    };
    signed(4, &RUN);
    assert_eq!(world.live("staging"), "shop-2", "it went up");
    assert!(world.bundles("promotion", "2").is_empty());
    sealed.store(false, Ordering::Relaxed);
    let resume = ["resume", "--environment", "staging"];
    signed(0, &resume);
    let bundle = world.bundles("promotion", "2").remove(0);
    let bundle = Bundle::parse(&fs::read(bundle).unwrap()).unwrap();
    let gate = [Key::named("gate").public_key().clone()];
    attestation::verify(&bundle, &gate, &Local).unwrap();
    let requests = vault.requests().len();
    signed(0, &resume);
    // The public half alone.
    assert_eq!(vault.requests().len(), requests + 1, "signed twice");
}

#[test]
fn a_holder_whom_only_the_authority_can_name_is_judged_by_the_certificate() {
    let world = World::keyed();
    let named = "spiffe://acme.example/gates";
    world.house.configure(&workflow(GATES), named).unwrap();
    let up = |code: i32, version: &str, uri: &str| {
        world.house.release(version).unwrap();
        let token = world.loopback.token(&Identity::uri(uri)).unwrap();
        let file = format!("release-{version}.json");
        let words = ["run", "--environment", "staging", "--release", &file];
        let more = ["--trust-config", "trust_config.json"];
        let more = [&more[..], &["--identity-token", "env://TOKEN"]].concat();
        let run = world.mute("promote", &[&words[..], &more].concat());
        let told = ended(run.env("TOKEN", token), code).stderr;
        assert_eq!(world.live("staging"), format!("shop-{version}"));
        (world.bundles("promotion", version).len(), told)
    };
    assert_eq!(up(0, "1", named).0, 1);
    let (signed, told) = up(4, "2", "spiffe://acme.example/other");
    assert_eq!(signed, 0);
    assert!(told.contains("no entry of `trust` names it"), "{told}");
}

#[test]
fn the_token_is_asked_for_when_something_is_signed() {
    let world = World::keyed();
    world.house.release("2").unwrap();
    world.promote(0, GATES, ("2", "staging"));
    let calls = world.loopback.calls();
    let tokens = calls
        .iter()
        .filter(|call| call.path == "/job/token")
        .count();
    // To know who it is, and to sign.
    assert_eq!(tokens, 2, "{calls:?}");
    let names: Vec<&str> = calls.iter().map(|call| call.path.as_str()).collect();
    let at = |name: &str| names.iter().rposition(|path| *path == name).unwrap();
    assert_eq!(at("/api/v2/signingCert"), at("/job/token") + 1, "{names:?}");
}

#[test]
fn a_plan_under_way_is_gone_on_with_also_by_who_cannot_sign() {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    let keys = "keys: [{ key-file: keys/gate.pub }]";
    let identities = "identities: [{ issuer: 'ISSUER', name: 'GATES' }]";
    let rules = house.text("liftlock.yaml").replace(keys, identities);
    let rules = rules.replace(
        "service: shop\n",
        "service: shop\nsigstore: { trusted-root: trusted_root.json }\n",
    );
    let world = World::within(house, &rules);
    world.house.release("1").unwrap();
    world.promote(0, GATES, ("1", "production"));
    world.house.release("2").unwrap();
    let run = ["promote", "run", "--environment", "production"];
    let left = ["--release", "release-2.json", "--timeout", "250ms"];
    world.job(15, GATES, &[&run[..], &left].concat());
    let resume = ["promote", "resume", "--environment", "production"];
    let told = world.job(4, OTHER, &resume).stderr;
    assert!(told.contains("no entry of `trust` names it"), "{told}");
    assert_eq!(world.live("production"), "shop-1");
    let told = ended(world.mute(resume[0], &resume[1..]), 0);
    assert_eq!(world.live("production"), "shop-2");
    let headline = told.json().unwrap()["headline"].to_string();
    assert!(headline.contains("is not signed"), "{headline}");
    assert!(world.bundles("promotion", "2").is_empty());
    world.job(0, GATES, &resume);
    assert_eq!(world.bundles("promotion", "2").len(), 1);
}

#[test]
fn a_rollback_never_fails_for_want_of_a_signature() {
    let world = World::keyed();
    let back = [
        "rollback",
        "run",
        "--environment",
        "staging",
        "--watch",
        "0s",
    ];
    for version in ["1", "2", "3", "4"] {
        world.house.release(version).unwrap();
        world.promote(0, GATES, (version, "staging"));
    }
    let lift = ["lift", "--environment", "staging", "--reason", "again"];
    let unsigned = |output: &Output, why: &str| {
        let headline = output.json().unwrap()["headline"].to_string();
        assert!(
            headline.contains("its signed outcome is not kept"),
            "{headline}"
        );
        assert!(headline.contains(why), "{headline}");
    };
    let told = ended(world.mute(back[0], &back[1..]), 0);
    unsigned(&told, "nobody is there to sign");
    assert_eq!(world.live("staging"), "shop-3");
    world.house.expect(0, "rollback", &lift).unwrap();
    let told = world.job(0, OTHER, &[&back[..], &["--to", "shop-2"]].concat());
    unsigned(&told, "no entry of `trust` names it");
    assert_eq!(world.live("staging"), "shop-2");
    world.house.expect(0, "rollback", &lift).unwrap();
    let last = ["--to", "shop-1"];
    let lost = [&back[1..], &last, &["--key", "keys/none.key"]].concat();
    unsigned(&ended(world.mute(back[0], &lost), 0), "keys/none.key");
    assert_eq!(world.live("staging"), "shop-1");
    assert!(world.bundles("rollback", "1").is_empty());
    // Asked again it stays, and what it came to is signed.
    world.job(0, GATES, &[&back[..], &last].concat());
    assert_eq!(world.live("staging"), "shop-1");
    assert_eq!(world.bundles("rollback", "1").len(), 1);
}
