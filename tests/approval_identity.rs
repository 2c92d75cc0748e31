//! A judge without a key: it signs as the workflow that it runs in, on an
//! instance of Sigstore on loopback. Refusals first.

#![cfg(test)]

use std::fs;
use std::path::PathBuf;

use liftlock::attestation;
use liftlock::bundle::Bundle;
use serde_json::{Value, json};
use testkit::cli::{Output, Run};
use testkit::house::House;
use testkit::peers;
use testkit::sigstore::{Identity, LogVersion, Loopback, Settings};

mod stage;

use stage::TESTED;

/// The workflow of a job, as its certificate names it.
const OWN: &str = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main";
/// A workflow that everybody may call.
const SHARED: &str =
    "https://github.com/liftlock/liftlock/.github/workflows/approval-judge.yml@v0.1.0";
const APPROVAL: &str = "https://liftlock.github.io/predicates/approval/v1";

/// Rules whose judge is whoever runs a workflow.
const RULES: &str = "version: 1
service: shop
sigstore: { trusted-root: trusted_root.json }
environments:
  production:
    requires: [signature, approval]
    approval: { quorum: 2, people: [alice, bob] }
    targets: [{ registry: { image: 'oci-layout:site', tag: live }, artifact: image }]
trust:
  - { name: ci-builder, roles: [builder], keys: [{ key-file: keys/builder.pub }] }
  - { name: ci-judge, roles: [judge], identities: [{ issuer: 'ISSUER', name: 'NAME' }] }
people:
  alice: { keys: [{ key-file: keys/alice.pub }] }
  bob: { keys: [{ key-file: keys/bob.pub }] }
";

/// A release of a service, beside an instance of Sigstore.
struct World {
    house: House,
    loopback: Loopback,
}

impl World {
    fn new() -> Self {
        let house = House::new().unwrap();
        house.release("2").unwrap();
        let loopback = Loopback::start(&Settings::default()).unwrap();
        loopback.write(&house.path("")).unwrap();
        let rules = RULES.replace("ISSUER", &loopback.url());
        house
            .write("liftlock.yaml", rules.replace("NAME", OWN))
            .unwrap();
        Self { house, loopback }
    }

    /// Asks, with words about what for; the request.
    fn ask(&self, more: &[&str]) -> String {
        let words = [
            "request",
            "--environment",
            "production",
            "--release",
            "release-2.json",
        ];
        let told = self
            .house
            .expect(13, "await-approval", &[&words, more].concat());
        let told = told.unwrap().json().unwrap();
        told["detail"]["request"].as_str().unwrap().to_owned()
    }

    fn say_yes(&self, request: &str, person: &str) {
        let key = format!("keys/{person}.key");
        let words = ["answer", "--request", request, "--person", person];
        let words = [&words[..], &["--yes", "--key", &key]].concat();
        self.house.expect(0, "await-approval", &words).unwrap();
    }

    /// A request that both said yes to.
    fn answered(&self) -> String {
        let request = self.ask(&[]);
        self.say_yes(&request, "alice");
        self.say_yes(&request, "bob");
        request
    }

    /// A program of ours in a job of GitHub.
    fn job(&self, program: &str, words: &[&str]) -> Run {
        let run = self.house.run(program, words);
        run.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_REPOSITORY", "acme/shop")
    }

    /// Judges in a job that may ask for tokens, with more words.
    fn judge(&self, code: i32, request: &str, more: &[&str]) -> Output {
        let words = ["judge", "--request", request];
        let words = [&words[..], &["--trust-config", "trust_config.json"], more].concat();
        let mut run = self.job("await-approval", &words);
        for (name, value) in self.loopback.job("acme/shop") {
            run = run.env(name, value);
        }
        let output = run.output().unwrap();
        let said = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{said}");
        output
    }

    /// Judges with this identity's token.
    fn judge_as(&self, code: i32, request: &str, who: &Identity) -> String {
        let token = self.loopback.token(who).unwrap();
        self.house.write("token", token).unwrap();
        let output = self.judge(code, request, &["--identity-token", "token"]);
        format!("{}{}", output.stdout, output.stderr)
    }

    /// The one statement of a type about the image of the release.
    fn bundle(&self, kind: &str) -> PathBuf {
        let release: Value = serde_json::from_str(&self.house.text("release-2.json")).unwrap();
        let image = release["artifacts"]["image"]["digest"].as_str().unwrap();
        let hex = &image["sha256:".len()..];
        let folder = format!(".liftlock/evidence/sha256/{hex}/{kind}-v1");
        let mut found = fs::read_dir(self.house.path(&folder)).unwrap();
        let bundle = found.next().unwrap().unwrap().path();
        assert!(found.next().is_none(), "two of {kind}");
        bundle
    }

    /// Where approvals are kept, below each thing that they are about.
    fn approvals(&self) -> Vec<PathBuf> {
        let subjects = fs::read_dir(self.house.path(".liftlock/evidence/sha256")).unwrap();
        let folders = subjects.map(|subject| subject.unwrap().path().join("approval-v1"));
        folders.filter(|folder| folder.exists()).collect()
    }

    fn entries(&self) -> usize {
        self.loopback.entries(LogVersion::V1)
    }

    /// Has what a bundle says signed by another workflow, into `stated.json`.
    fn stated_by(&self, repository: &str, bundle: &PathBuf) {
        let bundle = Bundle::parse(&fs::read(bundle).unwrap()).unwrap();
        let statement = attestation::claimed(&bundle).unwrap();
        let bytes = statement.bytes().unwrap();
        self.house.write("statement.json", bytes).unwrap();
        let token = self.loopback.token(&Identity::github(repository)).unwrap();
        self.house.write("token", token).unwrap();
        let line = "attest-blob --statement statement.json --bundle stated.json --yes \
            --signing-config signing_config.json --trusted-root trusted_root.json --identity-token token";
        let output = self.cosign(line);
        assert_eq!(output.code, 0, "{}", output.stderr);
    }

    fn cosign(&self, line: &str) -> Output {
        let run = Run::new(peers::find("cosign").unwrap()).args(line.split_whitespace());
        let run = run.env("TUF_ROOT", self.house.path("tuf"));
        run.folder(self.house.path("")).output().unwrap()
    }
}

#[test]
fn only_the_workflow_that_the_rules_name_is_a_judge() {
    let world = World::new();
    let request = world.ask(&[]);
    world.say_yes(&request, "alice");
    world.judge(13, &request, &[]);
    assert!(world.loopback.calls().is_empty(), "nothing is to be signed");
    world.say_yes(&request, "bob");
    let told = world.judge_as(4, &request, &Identity::github("acme/other"));
    let entry = format!(
        "trust: [{{ name: approvals, roles: [judge], identities: [{{ issuer: '{}', name: '{}' }}] }}]",
        world.loopback.url(),
        OWN.replace("shop", "other")
    );
    assert!(told.contains(&entry), "{told}");
    assert_eq!(world.entries(), 0, "the log saw it");
    world.house.promote(10, "2").unwrap();
    // A dry run has nobody sign, as everybody would see it.
    world.judge(0, &request, &["--dry-run"]);
    assert_eq!(world.entries(), 0);
}

#[test]
fn an_approval_is_signed_by_the_workflow_and_proved_without_it() {
    if peers::require("cosign").is_none() {
        return;
    }
    let world = World::new();
    let request = world.answered();
    let told = world.judge(0, &request, &[]).json().unwrap();
    let calls = world.loopback.calls().len();
    let again = world.judge(0, &request, &[]).json().unwrap();
    assert_eq!(told["detail"]["approval"], again["detail"]["approval"]);
    assert_eq!(world.loopback.calls().len(), calls, "signed twice");
    let records = world.house.records();
    let judged: Vec<_> = records
        .iter()
        .filter(|record| record["kind"] == "approval-judged")
        .collect();
    assert_eq!(judged.len(), 1, "{judged:?}");
    assert_eq!(
        judged[0]["actor"],
        json!({ "id": "ci-judge", "proof": "certificate" })
    );
    let bundle = world.bundle("approval");
    fs::copy(&bundle, world.house.path("approval.json")).unwrap();
    let verify = format!(
        "verify-blob-attestation --offline --bundle approval.json --type {APPROVAL} --trusted-root trusted_root.json \
         --certificate-oidc-issuer {} --certificate-identity",
        world.loopback.url()
    );
    for (name, code) in [(OWN, 0), (SHARED, 1)] {
        let said = world.cosign(&format!("{verify} {name} builds/shop-2/image"));
        assert_eq!(i32::from(said.code != 0), code, "{name}: {}", said.stderr);
    }
    // The same words of another workflow move nothing.
    let release = ["--environment", "production", "--release", "release-2.json"];
    let kept = world.approvals();
    for (place, folder) in kept.iter().enumerate() {
        fs::rename(folder, world.house.path(&format!("away-{place}"))).unwrap();
    }
    world.stated_by("mallory/shop", &world.house.path("approval.json"));
    let stated = [&["plan"], &release[..], &["--bundle", "stated.json"]].concat();
    let refused = world.house.expect(10, "promote", &stated).unwrap();
    let why = "which is not the identity that is wanted";
    assert!(refused.stdout.contains(why), "{}", refused.stdout);
    for (place, folder) in kept.iter().enumerate() {
        fs::rename(world.house.path(&format!("away-{place}")), folder).unwrap();
    }
    drop(world.loopback);
    world.house.promote(0, "2").unwrap();
    assert_eq!(world.house.state()["live"]["release"]["id"], "shop-2");
}

#[test]
fn a_workflow_that_everybody_may_call_judges_for_the_caller_that_is_named() {
    let world = World::new();
    let called_by = |repository: &str| {
        let workflow = SHARED.trim_start_matches("https://github.com/");
        Identity::github(repository).claim("job_workflow_ref", workflow)
    };
    world.house.configure(OWN, SHARED).unwrap();
    let request = world.answered();
    let told = world.judge_as(4, &request, &called_by("acme/shop"));
    let bound = format!("name: '{SHARED}', build-config: '{OWN}'");
    assert!(told.contains(&bound), "{told}");
    let name = format!("name: '{SHARED}'");
    world.house.configure(&name, &bound).unwrap();
    let request = world.answered();
    let told = world.judge_as(4, &request, &called_by("mallory/shop"));
    assert!(told.contains("does not count as `judge`"), "{told}");
    assert_eq!(world.entries(), 0);
    world.judge_as(0, &request, &called_by("acme/shop"));
    world.house.promote(0, "2").unwrap();
    let bundle = world.bundle("approval").display().to_string();
    let words = [
        "policy-from",
        &bundle,
        "--trusted-root",
        "trusted_root.json",
    ];
    let told = world.house.expect(0, "sign-artifact", &words).unwrap();
    let policy = told.json().unwrap()["detail"]["policy"].to_string();
    let bound = format!("build-config: {}", json!(OWN)).replace('"', "\\\"");
    assert!(policy.contains(&bound), "{policy}");
}

#[test]
fn break_glass_and_approvals_by_a_rule_are_signed_so_as_well() {
    let world = World::new();
    let rule = format!(
        "people: [alice, bob], automatic: [{{ name: tested, evidence: ['{TESTED}'] }}] }}\n    \
         break-glass: {{ people: [alice, bob] }}"
    );
    world
        .house
        .configure("people: [alice, bob] }", &rule)
        .unwrap();
    let broken = world.ask(&["--break-glass", "--reason", "checkout is down"]);
    world.say_yes(&broken, "alice");
    world.judge(13, &broken, &[]);
    world.say_yes(&broken, "bob");
    world.judge(0, &broken, &[]);
    world.bundle("break-glass");
    let request = world.ask(&[]);
    world.judge(13, &request, &[]);
    stage::tested(&world.house, "2");
    let told = world.judge(0, &request, &[]).json().unwrap();
    assert!(told.to_string().contains("by the rule tested"), "{told}");
    let promoted = world.house.promote(0, "2").unwrap().json().unwrap();
    let headline = promoted["headline"].as_str().unwrap();
    assert!(!headline.contains("BREAK-GLASS"), "{headline}");
}

#[test]
fn a_private_name_stays_out_of_the_public_log() {
    let world = World::new();
    let request = world.answered();
    let private = Identity::github("acme/shop").claim("repository_visibility", "private");
    let token = world.loopback.token(&private).unwrap();
    let words = ["judge", "--request", &request, "--identity-token"];
    let run = world.job("await-approval", &[&words[..], &["env://TOKEN"]].concat());
    let output = run.env("TOKEN", token).output().unwrap();
    assert_eq!(output.code, 2, "{}", output.stderr);
    assert!(output.stderr.contains("--public-log"), "{}", output.stderr);
    assert!(world.loopback.calls().is_empty());
    // A key is shown to nobody, whatever somebody thinks.
    let words = ["judge", "--request", &request, "--key", "keys/judge.key"];
    for more in [
        &["--public-log"][..],
        &["--trust-config", "trust_config.json"],
    ] {
        let words = [&words[..], more].concat();
        world.house.expect(2, "await-approval", &words).unwrap();
    }
}

#[test]
fn a_job_without_an_identity_is_told_the_permission_that_it_lacks() {
    let world = World::new();
    let request = world.answered();
    let asked = ["judge", "--request", &request];
    let judged = world.job("await-approval", &asked).output().unwrap();
    assert_eq!(judged.code, 4, "{}", judged.stderr);
    let why = "the answers are enough, but nobody is there to sign the approval";
    assert!(judged.stderr.contains(why), "{}", judged.stderr);
    assert!(
        judged.stderr.contains("id-token: write"),
        "{}",
        judged.stderr
    );
    let explain = ["explain", "--request", &request];
    let told = world.job("await-approval", &explain).output().unwrap();
    let told = told.json().unwrap();
    let conditions = told["detail"]["conditions"].as_array().unwrap();
    let judge = conditions.iter().find(|one| one["condition"] == "judge");
    let judge = judge.unwrap();
    assert_eq!(judge["met"], false, "{judge}");
    assert_eq!(judge["who"], OWN, "{judge}");
    let fix = "permissions: { id-token: write }";
    assert_eq!(judge["fix"], fix, "{judge}");
    let doctor = |allowed: bool| {
        let words = ["doctor", "--trust-config", "trust_config.json"];
        let mut run = world.job("await-approval", &words);
        for (name, value) in world.loopback.job("acme/shop") {
            if allowed {
                run = run.env(name, value);
            }
        }
        run.output().unwrap()
    };
    let told = doctor(false);
    assert_eq!(told.code, 10, "{}{}", told.stdout, told.stderr);
    let yaml = told.json().unwrap()["detail"]["yaml"].to_string();
    assert!(yaml.contains("id-token: write"), "{yaml}");
    let told = doctor(true);
    assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
    world.judge(0, &request, &[]);
}
