//! A chain that others made: cosign signed, provenance in the format of
//! GitHub's attestations, and `promote` is the only program of ours. Refusals
//! first.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::oci::{Place, Reference};
use liftlock::statement::Statement;
use liftlock::time::Time;
use liftlock_io::http::Options;
use liftlock_io::oci::Repository;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{self, Output, Run};
use testkit::peers;
use testkit::servers::Registry;
use testkit::sigstore::{Identity, Loopback, Settings};

const PROMOTE: &str = env!("CARGO_BIN_EXE_promote");

/// The identity of a workflow, as its certificate names it.
fn workflow(repository: &str) -> String {
    format!("https://github.com/{repository}/.github/workflows/release.yml@refs/heads/main")
}

/// Rules of a team that signs with cosign's key and has GitHub attest.
const RULES: &str = "version: 1
service: shop
sigstore: { trusted-root: trusted_root.json }
environments:
  production:
    requires: [signature, provenance]
    targets: [{ registry: { image: 'HOST/shop/api', tag: production }, artifact: api }]
trust:
  - { name: release, roles: [builder], keys: [{ key-file: cosign.pub }] }
  - { name: github, roles: [builder], identities: [{ issuer: 'ISSUER', name: 'WORKFLOW' }] }
  - { name: gates, roles: [canary], identities: [{ issuer: 'ISSUER', name: 'GATE' }] }
accept:
  - { predicate: 'https://sigstore.dev/cosign/sign/v1', from: release, as: signature }
  - { predicate: 'https://sigstore.dev/cosign/sign/v1', from: github, as: signature }
";

/// Provenance as `actions/attest-build-provenance` writes it (SLSA v1, build
/// type "workflow/v1" of GitHub).
fn predicate() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": {
                "ref": "refs/heads/main",
                "repository": "https://github.com/acme/shop",
                "path": ".github/workflows/release.yml",
            } },
            "internalParameters": { "github": { "event_name": "push" } },
            "resolvedDependencies": [{
                "uri": "git+https://github.com/acme/shop@refs/heads/main",
                "digest": { "gitCommit": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3" },
            }],
        },
        "runDetails": {
            "builder": { "id": workflow("acme/shop") },
            "metadata": { "invocationId": "https://github.com/acme/shop/actions/runs/4242/attempts/1" },
        },
    })
}

/// Registry, cosign and an instance of Sigstore; nothing of ours signs.
struct Stage {
    folder: TempDir,
    registry: Registry,
    loopback: Loopback,
    cosign: PathBuf,
    skopeo: PathBuf,
    umoci: PathBuf,
    services: &'static str,
}

impl Stage {
    fn open() -> Option<Self> {
        let cosign = peers::require("cosign")?;
        let (skopeo, umoci) = (peers::require("skopeo")?, peers::require("umoci")?);
        let registry = Registry::start(None).unwrap()?;
        let loopback = Loopback::start(&Settings::default()).unwrap();
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            registry,
            loopback,
            cosign,
            skopeo,
            umoci,
            services: "signing_config.json",
        };
        stage.loopback.write(stage.folder.path()).unwrap();
        stage.put("predicate.json", predicate().to_string());
        stage.cosign(&["generate-key-pair"]);
        stage.cosign(&["generate-key-pair", "--output-key-prefix", "other"]);
        let rules = RULES
            .replace("HOST", &stage.registry.host())
            .replace("ISSUER", &stage.loopback.url())
            .replace("WORKFLOW", &workflow("acme/shop"))
            .replace("GATE", &workflow("acme/gates"));
        stage.put("liftlock.yaml", rules);
        Some(stage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    fn configure(&self, words: &str, others: &str) {
        let rules = fs::read_to_string(self.path("liftlock.yaml")).unwrap();
        assert!(rules.contains(words), "{words}");
        self.put("liftlock.yaml", rules.replace(words, others));
    }

    fn run(&self, program: &Path, args: &[&str]) -> Output {
        Run::new(program)
            .args(args)
            .env("COSIGN_PASSWORD", "secret")
            .env("DOCKER_CONFIG", self.folder.path())
            // cosign keeps its roots somewhere; nothing may be kept outside.
            .env("TUF_ROOT", self.path("tuf"))
            .folder(self.folder.path())
            .output()
            .unwrap()
    }

    fn cosign(&self, args: &[&str]) {
        let output = self.run(&self.cosign, args);
        assert_eq!(output.code, 0, "{args:?}: {}", output.stderr);
    }

    /// Pushes an image of its own and returns where it is, by digest.
    fn image(&self, name: &str) -> String {
        let layout = format!("{name}-layout");
        let tagged = format!("{layout}:v1");
        self.ok(&self.umoci, &["init", "--layout", &layout]);
        self.ok(&self.umoci, &["new", "--image", &tagged]);
        let label = format!("name={name}");
        self.ok(
            &self.umoci,
            &["config", "--image", &tagged, "--config.label", &label],
        );
        let to = format!("docker://{}/shop/api:{name}", self.registry.host());
        let from = format!("oci:{tagged}");
        let copy = [
            "copy",
            "-q",
            "--insecure-policy",
            "--dest-tls-verify=false",
            "--digestfile",
            "digest",
            &from,
            &to,
        ];
        self.ok(&self.skopeo, &copy);
        let digest = fs::read_to_string(self.path("digest")).unwrap();
        format!("{}/shop/api@{}", self.registry.host(), digest.trim())
    }

    fn ok(&self, program: &Path, args: &[&str]) {
        let output = self.run(program, args);
        assert_eq!(output.code, 0, "{args:?}: {}", output.stderr);
    }

    /// What cosign needs to do anything with the instance on loopback.
    fn services(&self) -> Vec<&'static str> {
        let config = ["--yes", "--signing-config", self.services];
        [config.as_slice(), &["--trusted-root", "trusted_root.json"]].concat()
    }

    fn sign_by_key(&self, key: &str, image: &str) {
        let args = [
            &["sign", "--key", key],
            self.services().as_slice(),
            &[image],
        ]
        .concat();
        self.cosign(&args);
    }

    fn token(&self, repository: &str) {
        let token = self.loopback.token(&Identity::github(repository)).unwrap();
        self.put("token", token);
    }

    fn sign_as(&self, repository: &str, image: &str) {
        self.token(repository);
        let token = ["--identity-token", "token", image];
        self.cosign(&[&["sign"], self.services().as_slice(), &token].concat());
    }

    fn attest_as(&self, repository: &str, image: &str) {
        self.token(repository);
        let what = "attest --type slsaprovenance1 --predicate predicate.json";
        let what: Vec<&str> = what.split(' ').collect();
        let token = ["--identity-token", "token", image];
        self.cosign(&[&what, self.services().as_slice(), &token].concat());
    }

    /// Signs a statement to the byte, into `stated.json`.
    fn state_as(&self, repository: &str, statement: &[u8]) {
        self.token(repository);
        self.put("statement.json", statement);
        let what = "attest-blob --statement statement.json --bundle stated.json";
        let what: Vec<&str> = what.split(' ').collect();
        let token = ["--identity-token", "token"];
        self.cosign(&[&what, self.services().as_slice(), &token].concat());
    }

    /// An image that is signed and attested as the rules want it; and the same
    /// image in a folder, with nothing attached.
    fn chained(&self, name: &str) -> (String, String) {
        let image = self.image(name);
        self.sign_by_key("cosign.key", &image);
        self.attest_as("acme/shop", &image);
        let bare = format!("oci-layout:{name}-layout@{}", digest(&image));
        (image, bare)
    }

    /// Writes what is attached to an image into files: signature, provenance.
    fn detached(&self, image: &str) -> [String; 2] {
        let reference: Reference = image.parse().unwrap();
        let options = Options {
            ca_file: None,
            timeout: Duration::from_secs(20),
        };
        let repository = Repository::open(&reference.place, &options).unwrap();
        let bundles = repository.bundles(&reference.digest.unwrap()).unwrap();
        let names = ["signature.json", "provenance.json"].map(str::to_owned);
        assert_eq!(bundles.len(), 2);
        for bytes in bundles {
            let bundle: Value = serde_json::from_slice(&bytes).unwrap();
            let media = "application/vnd.dev.sigstore.bundle.v0.3+json";
            assert_eq!(bundle["mediaType"], media);
            let keyless = bundle["verificationMaterial"].get("certificate").is_some();
            self.put(&names[usize::from(keyless)], bytes);
        }
        names
    }

    fn promote(&self, code: i32, subcommand: &str, image: &str, more: &[&str]) -> Output {
        let artifact = format!("api={image}");
        let place = ["--environment", "production", "--artifact", &artifact];
        let args = [&[subcommand, "--format", "json"], place.as_slice(), more];
        let output = self.run(Path::new(PROMOTE), &args.concat());
        let said = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{subcommand}: {said}");
        output
    }

    /// Where the tag of production points.
    fn live(&self) -> Option<String> {
        let tag = format!("docker://{}/shop/api:production", self.registry.host());
        let args = [
            "inspect",
            "--tls-verify=false",
            "--format",
            "{{.Digest}}",
            &tag,
        ];
        let output = self.run(&self.skopeo, &args);
        (output.code == 0).then(|| output.stdout.trim().to_owned())
    }

    /// Refused as this is not met for this reason: nothing moved, nothing was
    /// kept.
    fn refused(&self, image: &str, more: &[&str], (wanted, why): (&str, &str)) {
        let before = self.live();
        for subcommand in ["plan", "explain", "run"] {
            let output = self.promote(10, subcommand, image, more);
            let result = output.json().unwrap();
            assert_eq!(result["verdict"], "fail", "{subcommand}");
            let conditions = result["detail"]["chain"]["conditions"].as_array().unwrap();
            let condition = conditions.iter().find(|one| one["wanted"] == wanted);
            let condition = condition.unwrap();
            assert_eq!(condition["met"], false, "{condition}");
            let found = condition["found"].as_str().unwrap();
            assert!(found.contains(why), "{why}: {condition}");
        }
        assert_eq!(self.live(), before);
        assert!(!self.path(".liftlock/evidence/sha256").exists());
    }
}

fn digest(image: &str) -> String {
    image.split_once('@').unwrap().1.to_owned()
}

#[test]
fn cosigns_signature_and_githubs_provenance_move_an_image_and_nothing_less_does() {
    let Some(stage) = Stage::open() else { return };
    let image = stage.image("one");
    stage.refused(&image, &[], ("signature", "nothing"));
    stage.sign_by_key("other.key", &image);
    stage.refused(
        &image,
        &[],
        ("signature", "none of the given keys made the signature"),
    );
    stage.sign_as("mallory/shop", &image);
    stage.refused(
        &image,
        &[],
        ("signature", "which is not the identity that is wanted"),
    );
    stage.sign_by_key("cosign.key", &image);
    stage.refused(&image, &[], ("provenance", "nothing"));
    stage.attest_as("mallory/shop", &image);
    stage.refused(
        &image,
        &[],
        ("provenance", "which is not the identity that is wanted"),
    );
    stage.attest_as("acme/gates", &image);
    stage.refused(
        &image,
        &[],
        ("provenance", "`gates` signed it, who may not say this"),
    );

    stage.attest_as("acme/shop", &image);
    let planned = stage.promote(0, "plan", &image, &[]).json().unwrap();
    assert_eq!(planned["verdict"], "pass");
    let explained = stage.promote(0, "explain", &image, &[]).json().unwrap();
    let found = explained["detail"]["chain"]["conditions"].to_string();
    assert!(
        found.contains(" by release") && found.contains(" by github"),
        "{found}"
    );
    assert_eq!(stage.live(), None);
    stage.promote(0, "run", &image, &["--id", "shop-1.0"]);
    assert_eq!(stage.live(), Some(digest(&image)));
    let status = stage.run(
        Path::new(PROMOTE),
        &["status", "--environment", "production", "--format", "json"],
    );
    let live = status.json().unwrap()["detail"]["state"]["live"]["release"].clone();
    assert_eq!(live["id"], "shop-1.0");
    assert_eq!(live["digest"], digest(&image).as_str());
    let ledger = fs::read_dir(stage.path(".liftlock/ledger")).unwrap();
    assert!(ledger.count() > 0);
}

#[test]
fn a_chain_of_files_is_proved_to_the_last_byte() {
    let Some(stage) = Stage::open() else { return };
    let (image, bare) = stage.chained("one");
    let [signature, provenance] = stage.detached(&image);
    let with = |files: &[&str]| -> Vec<String> {
        let flags = files.iter().flat_map(|file| ["--bundle", *file]);
        flags.map(str::to_owned).collect()
    };
    let refused = |files: &[&str], why: (&str, &str)| {
        let flags = with(files);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        stage.refused(&bare, &flags, why);
    };
    refused(&[], ("signature", "nothing"));
    refused(&[&signature], ("provenance", "nothing"));
    refused(&[&provenance], ("signature", "nothing"));

    let whole = fs::read_to_string(stage.path(&provenance)).unwrap();
    let tampered = |change: &dyn Fn(&mut Value)| {
        let mut bundle: Value = serde_json::from_str(&whole).unwrap();
        change(&mut bundle);
        stage.put("tampered.json", bundle.to_string());
    };
    // The statement of somebody else under a true signature.
    let other = fs::read_to_string(stage.path(&signature)).unwrap();
    let other: Value = serde_json::from_str(&other).unwrap();
    tampered(&|bundle| {
        bundle["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"].clone();
    });
    refused(
        &[&signature, "tampered.json"],
        ("provenance", "of another signature"),
    );
    tampered(&|bundle| {
        bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    });
    refused(
        &[&signature, "tampered.json"],
        ("provenance", "in no trusted log"),
    );
    tampered(&|bundle| {
        let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
        entry["logIndex"] = json!("4242");
        entry["inclusionProof"]["logIndex"] = json!("4242");
    });
    refused(&[&signature, "tampered.json"], ("provenance", "the log"));

    // True provenance of other bytes.
    stage.put("blob", "other bytes");
    stage.token("acme/shop");
    let line = "attest-blob --type slsaprovenance1 --predicate predicate.json --bundle blob.json --identity-token token";
    let line: Vec<&str> = line.split(' ').collect();
    stage.cosign(&[&line, stage.services().as_slice(), &["blob"]].concat());
    refused(
        &[&signature, "blob.json"],
        ("provenance", "about something else"),
    );

    let both = ["--bundle", &signature, "--bundle", &provenance];
    stage.promote(0, "plan", &bare, &both);
}

#[test]
fn a_file_holds_one_bundle_or_one_a_line() {
    let Some(stage) = Stage::open() else { return };
    let (image, bare) = stage.chained("one");
    let [one, other] = stage.detached(&image).map(|name| {
        let bundle = fs::read(stage.path(&name)).unwrap();
        serde_json::from_slice::<Value>(&bundle).unwrap()
    });
    let lines = format!("{one}\n{other}\n");
    stage.put("garbage.json", "{");
    stage.put("garbage.jsonl", format!("{lines}{{\n"));
    for name in ["garbage.json", "garbage.jsonl"] {
        stage.promote(3, "plan", &bare, &["--bundle", name]);
    }
    stage.put("both.jsonl", &lines);
    stage.promote(0, "plan", &bare, &["--bundle", "both.jsonl"]);
}

#[test]
fn what_is_attached_in_a_folder_counts_as_in_a_registry() {
    let Some(stage) = Stage::open() else { return };
    let (image, bare) = stage.chained("one");
    let files = stage.detached(&image);
    stage.refused(&bare, &[], ("signature", "nothing"));
    let reference: Reference = bare.parse().unwrap();
    let place = Place::Layout {
        path: stage.path("one-layout").display().to_string(),
    };
    let options = Options {
        ca_file: None,
        timeout: Duration::from_secs(20),
    };
    let repository = Repository::open(&place, &options).unwrap();
    let version = reference.version().unwrap();
    let subject = repository.resolve(Some(&version)).unwrap().unwrap();
    for file in &files {
        let bundle = Bundle::parse(&fs::read(stage.path(file)).unwrap()).unwrap();
        let kind = attestation::claimed(&bundle).unwrap();
        repository
            .attach(&subject, &bundle, kind.predicate_type(), Time::EPOCH)
            .unwrap();
    }
    stage.promote(0, "plan", &bare, &[]);
}

#[test]
fn a_log_without_a_clock_needs_the_timestamp_authority() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    stage.services = "signing_config_rekor_v2.json";
    let (image, bare) = stage.chained("one");
    let [signature, provenance] = stage.detached(&image);
    stage.promote(0, "plan", &image, &[]);
    let text = fs::read_to_string(stage.path(&provenance)).unwrap();
    let mut bundle: Value = serde_json::from_str(&text).unwrap();
    bundle["verificationMaterial"]["timestampVerificationData"] = json!({});
    stage.put("timeless.json", bundle.to_string());
    let files = ["--bundle", &signature, "--bundle", "timeless.json"];
    let why = ("provenance", "nobody trusted says when");
    stage.refused(&bare, &files, why);
}

#[test]
fn what_is_live_is_adopted_by_its_digest() {
    let Some(stage) = Stage::open() else { return };
    let image = stage.image("one");
    let from = format!("docker://{image}");
    let to = format!("docker://{}/shop/api:production", stage.registry.host());
    let line = "copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false";
    let line: Vec<&str> = line.split(' ').collect();
    stage.ok(&stage.skopeo, &[line.as_slice(), &[&from, &to]].concat());
    let reason = ["--reason", "first contact"];
    stage.promote(10, "adopt", &image, &reason);
    stage.sign_by_key("cosign.key", &image);
    stage.promote(0, "adopt", &image, &reason);
    let kept = format!(".liftlock/evidence/sha256/{}", &digest(&image)[7..]);
    assert!(stage.path(&kept).is_dir());
}

#[test]
fn an_image_is_planned_without_a_configuration() {
    let Some(stage) = Stage::open() else { return };
    let image = stage.image("one");
    let target = format!("api={}/shop/api:next", stage.registry.host());
    let bare = ["--no-config", "--target", &target];
    stage.promote(2, "plan", &image, &bare);
    let named = [bare.as_slice(), &["--service", "shop"]].concat();
    let planned = stage.promote(0, "plan", &image, &named).json().unwrap();
    assert_eq!(planned["recorded"], false);
    let tagless = image.split_once('@').unwrap().0.to_owned();
    stage.promote(2, "plan", &tagless, &[]);
    let absent = format!("{tagless}@sha256:{}", "0".repeat(64));
    stage.promote(3, "plan", &absent, &[]);
}

#[test]
fn who_counts_is_asked_of_the_time_at_which_the_signature_was_seen() {
    let Some(stage) = Stage::open() else { return };
    let (image, _) = stage.chained("one");
    let identity = format!("name: '{}'", workflow("acme/shop"));
    let key = "key-file: cosign.pub";
    let cases = [
        (
            identity.as_str(),
            "valid-until: 2020-01-01T00:00:00Z",
            Some(("provenance", "did not count at")),
        ),
        (
            &identity,
            "valid-from: 2099-01-01T00:00:00Z",
            Some(("provenance", "did not count at")),
        ),
        (
            &identity,
            "revoked-at: 2020-01-01T00:00:00Z",
            Some(("provenance", "was revoked at")),
        ),
        (&identity, "revoked-at: 2099-01-01T00:00:00Z", None),
        (
            key,
            "valid-until: 2020-01-01T00:00:00Z",
            Some(("signature", "did not count at")),
        ),
        (
            key,
            "revoked-at: 2020-01-01T00:00:00Z",
            Some(("signature", "was revoked at")),
        ),
        (key, "revoked-at: 2099-01-01T00:00:00Z", None),
    ];
    for (entry, dates, why) in cases {
        let dated = format!("{entry}, {dates}");
        stage.configure(entry, &dated);
        match why {
            Some(why) => stage.refused(&image, &[], why),
            None => drop(stage.promote(0, "plan", &image, &[])),
        }
        stage.configure(&dated, entry);
    }
}

#[test]
fn a_signature_that_nobody_saw_is_asked_of_now() {
    let Some(stage) = Stage::open() else { return };
    let key = "key-file: cosign.pub";
    // No log and no clock: only now counts, and a revoked key never does.
    let unseen = stage.image("two");
    stage.put(
        "none.json",
        r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}"#,
    );
    let line =
        "sign --yes --key cosign.key --signing-config none.json --trusted-root trusted_root.json";
    let line: Vec<&str> = line.split(' ').collect();
    stage.cosign(&[line.as_slice(), &[&unseen]].concat());
    stage.attest_as("acme/shop", &unseen);
    stage.promote(0, "plan", &unseen, &[]);
    stage.configure(
        key,
        "key-file: cosign.pub, revoked-at: 2099-01-01T00:00:00Z",
    );
    stage.refused(
        &unseen,
        &[],
        ("signature", "nobody trusted saw the signature"),
    );
}

/// Two people are asked, and a judge signs: about the digest of the image.
fn approve(stage: &Stage, image: &str) {
    approve_with(stage, image, "--key alice.key");
}

fn approve_with(stage: &Stage, image: &str, key: &str) {
    let artifact = format!("api={image}");
    let program = cli::bin("await-approval");
    let run = |code: i32, line: &str, more: &[&str]| {
        let words: Vec<&str> = line.split(' ').collect();
        let output = stage.run(&program, &[&words, more].concat());
        assert_eq!(output.code, code, "{line}: {}", output.stderr);
    };
    let line = "request --environment production --output request.json --artifact";
    run(13, line, &[&artifact]);
    let answer = format!("answer --request request.json --person alice --yes {key}");
    run(0, &answer, &[]);
    run(0, "judge --request request.json --key judge.key", &[]);
}

/// Two chained images, in a folder with the tag of production too, and rules
/// that demand an approval.
fn approved_site(stage: &Stage) -> [String; 2] {
    for holder in ["alice", "judge"] {
        stage.cosign(&["generate-key-pair", "--output-key-prefix", holder]);
    }
    stage.configure("requires: [signature, provenance]", "requires: [signature, provenance, approval]\n    approval: { quorum: 1, people: [alice], expires: 1h }");
    let target = format!(
        "image: '{}/shop/api', tag: production",
        stage.registry.host()
    );
    stage.configure(&target, "image: 'oci-layout:site', tag: live");
    let judge = "  - { name: judge, roles: [judge], keys: [{ key-file: judge.pub }] }\n";
    stage.configure(
        "accept:\n",
        &format!("{judge}people: {{ alice: {{ keys: [{{ key-file: alice.pub }}] }} }}\naccept:\n"),
    );
    let images = ["one", "two"].map(|name| stage.chained(name).0);
    for (image, name) in images.iter().zip(["one", "two"]) {
        let to = format!("oci:site:{name}");
        let from = format!("docker://{image}");
        let skopeo = stage.skopeo.clone();
        stage.ok(
            &skopeo,
            &[
                "copy",
                "-q",
                "--insecure-policy",
                "--src-tls-verify=false",
                &from,
                &to,
            ],
        );
    }
    images
}

#[test]
fn an_approval_is_of_the_image_and_the_way_back_needs_no_registry() {
    let Some(stage) = Stage::open() else { return };
    let [one, two] = approved_site(&stage);
    let live = || {
        let index = fs::read_to_string(stage.path("site/index.json")).unwrap();
        let index: Value = serde_json::from_str(&index).unwrap();
        let entries = index["manifests"].as_array().unwrap().clone();
        let name =
            |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == "live";
        entries
            .iter()
            .find(name)
            .map(|entry| entry["digest"].as_str().unwrap().to_owned())
    };
    stage.promote(10, "run", &one, &[]);
    approve(&stage, &two);
    stage.promote(10, "run", &one, &[]);
    assert_eq!(live(), None);
    approve(&stage, &one);
    // Another root makes other signers, and so another policy.
    let root = fs::read_to_string(stage.path("trusted_root.json")).unwrap();
    stage.put("trusted_root.json", format!("{root}\n"));
    let output = stage.promote(10, "run", &one, &[]);
    let said = output.stdout;
    assert!(said.contains("it was decided by another policy"), "{said}");
    stage.put("trusted_root.json", root);
    stage.promote(0, "run", &one, &[]);
    assert_eq!(live(), Some(digest(&one)));
    stage.promote(0, "run", &two, &[]);
    assert_eq!(live(), Some(digest(&two)));

    // The registry is gone; what counted is in the evidence store.
    let Stage {
        folder, registry, ..
    } = &stage;
    fs::remove_dir_all(registry.folder()).unwrap();
    let output = Run::new(cli::bin("rollback"))
        .args(["run", "--environment", "production", "--reason", "errors"])
        .folder(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert_eq!(live(), Some(digest(&one)));
}

#[test]
fn a_yes_signed_with_ssh_permits_a_promotion_until_the_key_is_revoked() {
    let Some(keygen) = peers::require("ssh-keygen") else {
        return;
    };
    let Some(stage) = Stage::open() else { return };
    let [one, two] = approved_site(&stage);
    stage.ok(&keygen, &["-q", "-t", "ed25519", "-N", "", "-f", "id"]);
    stage.configure("key-file: alice.pub", "key-file: id.pub");
    stage.promote(10, "run", &one, &[]);
    approve_with(&stage, &one, "--ssh-key id");
    stage.promote(0, "run", &one, &[]);
    approve_with(&stage, &two, "--ssh-key id");
    // The rules as they were, but for whose key it is.
    stage.ok(&keygen, &["-q", "-t", "ed25519", "-N", "", "-f", "new"]);
    fs::copy(stage.path("new.pub"), stage.path("id.pub")).unwrap();
    let said = stage.promote(10, "run", &two, &[]).stdout;
    assert!(said.contains("0 of 1 said yes"), "{said}");
}

/// The one approval in the evidence store, taken out of it.
fn take_approval(stage: &Stage, image: &str) -> Statement {
    let hex = &digest(image)[7..];
    let folder = stage.path(&format!(".liftlock/evidence/sha256/{hex}/approval-v1"));
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    let bundle = Bundle::parse(&fs::read(file.path()).unwrap()).unwrap();
    fs::remove_dir_all(folder).unwrap();
    attestation::claimed(&bundle).unwrap()
}

#[test]
fn a_judge_may_be_the_holder_of_a_certificate() {
    let Some(stage) = Stage::open() else { return };
    let [image, _] = approved_site(&stage);
    let issuer = stage.loopback.url();
    let judge = workflow("acme/judge");
    stage.configure(
        "keys: [{ key-file: judge.pub }]",
        &format!("keys: [{{ key-file: judge.pub }}], identities: [{{ issuer: '{issuer}', name: '{judge}' }}]"),
    );
    approve(&stage, &image);
    let approval = take_approval(&stage, &image);
    let stated = ["--bundle", "stated.json"];
    let unmet = |more: &[&str], why: &str| {
        let said = stage.promote(10, "plan", &image, more).stdout;
        assert!(said.contains(why), "{why}: {said}");
    };
    unmet(&[], "not yet: approval: nothing");
    let bytes = approval.bytes().unwrap();
    stage.state_as("mallory/judge", &bytes);
    unmet(&stated, "which is not the identity that is wanted");
    // A builder is no judge.
    stage.state_as("acme/shop", &bytes);
    unmet(&stated, "`github` signed it, who may not say this");
    stage.state_as("acme/judge", &bytes);
    stage.promote(0, "plan", &image, &stated);
    // Without an answer it is nobody's yes, whoever signs it.
    let mut forged: Value = serde_json::from_slice(&bytes).unwrap();
    forged["predicate"]["answers"] = json!([]);
    stage.state_as("acme/judge", forged.to_string().as_bytes());
    unmet(&stated, "0 of 1");
}

#[test]
fn the_policy_says_what_of_others_counts() {
    let Some(stage) = Stage::open() else { return };
    let (image, _) = stage.chained("one");
    let changes = [
        (
            "as: signature",
            "as: 'https://sigstore.dev/cosign/sign/v1'",
            ("signature", "nothing"),
        ),
        (
            "from: release, as: signature",
            "from: release, as: provenance",
            ("signature", "`release` signed it, from whom"),
        ),
        (
            "accept:\n",
            "accept:\n  - { predicate: 'https://slsa.dev/provenance/v1', from: release, as: provenance }\n",
            ("provenance", "`github` signed it, from whom"),
        ),
        (
            "sigstore: { trusted-root: trusted_root.json }\n",
            "",
            ("provenance", "log that is not trusted"),
        ),
    ];
    for (words, others, why) in changes {
        let rules = fs::read_to_string(stage.path("liftlock.yaml")).unwrap();
        stage.configure(words, others);
        stage.refused(&image, &[], why);
        stage.put("liftlock.yaml", rules);
    }
    stage.put("root.json", "{}");
    stage.configure("trusted-root: trusted_root.json", "trusted-root: root.json");
    stage.promote(3, "plan", &image, &[]);
}
