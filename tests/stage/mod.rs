//! A repository in which every wrapper has something to pass and to refuse.

#![allow(dead_code, reason = "no test uses all of it")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::release::Identified;
use liftlock::statement::{Statement, Subject};
use liftlock_io::evidence::Evidence;
use liftlock_io::{attest, store};
use tempfile::TempDir;
use testkit::cli::{Output, Run, bin};
use testkit::git;
use testkit::house::House;
use testkit::peers::{self, root};
use testkit::samples::Key;

/// The password of the keys on the stage.
pub(crate) const PASSWORD: &str = "correct horse";

/// One run of a wrapper.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// What it is called in a workflow: letters, digits and dashes.
    pub(crate) name: &'static str,
    pub(crate) verb: &'static str,
    pub(crate) inputs: &'static [(&'static str, &'static str)],
    pub(crate) code: i64,
    pub(crate) verdict: &'static str,
    /// An output that may not be empty.
    pub(crate) tells: Option<&'static str>,
}

const fn case(
    name: &'static str,
    verb: &'static str,
    inputs: &'static [(&'static str, &'static str)],
    (code, verdict): (i64, &'static str),
    tells: Option<&'static str>,
) -> Case {
    Case {
        name,
        verb,
        inputs,
        code,
        verdict,
        tells,
    }
}

/// A pass and a refusal of every verb.
pub(crate) const CASES: &[Case] = &[
    case(
        "signed",
        "sign-artifact",
        &[
            ("command", "verify"),
            ("key", "builder.pub"),
            ("targets", "api.txt\nweb file.txt"),
        ],
        (0, "pass"),
        Some("verified"),
    ),
    case(
        "unsigned",
        "sign-artifact",
        &[
            ("command", "verify"),
            ("key", "builder.pub"),
            ("bundle", "api.txt.sigstore.json"),
            ("targets", "other.txt"),
        ],
        (10, "fail"),
        None,
    ),
    case(
        "calm",
        "canary-check",
        &[("command", "judge"), ("counts", "calm.csv")],
        (0, "pass"),
        Some("odds-ratio"),
    ),
    case(
        "burning",
        "canary-check",
        &[("command", "judge"), ("counts", "burning.csv")],
        (10, "fail"),
        Some("decided-at-row"),
    ),
    case(
        "observed",
        "canary-check",
        &[
            ("command", "judge"),
            ("counts", "burning.csv"),
            ("mode", "observe"),
        ],
        (0, "fail"),
        Some("reason"),
    ),
    case(
        "approved",
        "await-approval",
        &[
            ("request", "request.json"),
            ("answer", "answer.json"),
            ("people-key", "alice=alice.pub"),
            ("quorum", "1"),
            ("key", "judge.key"),
        ],
        (0, "pass"),
        Some("approval"),
    ),
    case(
        "unanswered",
        "await-approval",
        &[
            ("request", "request.json"),
            ("people-key", "alice=alice.pub"),
            ("quorum", "1"),
            ("key", "judge.key"),
        ],
        (13, "pending"),
        Some("still-needed"),
    ),
    case(
        "planned",
        "promote",
        &[
            ("command", "plan"),
            ("environment", "production"),
            ("release", "release.json"),
            ("target", "oci-layout:layout:production"),
        ],
        (0, "pass"),
        Some("plan-id"),
    ),
    case(
        "unproved",
        "promote",
        &[
            ("config", "gated.yaml"),
            ("environment", "production"),
            ("release", "release.json"),
        ],
        (10, "fail"),
        Some("restored"),
    ),
    case(
        "way-back",
        "rollback",
        &[
            ("command", "plan"),
            ("environment", "production"),
            ("good", "release.json"),
            ("target", "oci-layout:layout:production"),
        ],
        (0, "pass"),
        Some("plan-id"),
    ),
    case(
        "no-way-back",
        "rollback",
        &[("config", "gated.yaml"), ("environment", "production")],
        (10, "fail"),
        None,
    ),
    case(
        "whole",
        "audit-log",
        &[("ledger", "file:ledger")],
        (0, "pass"),
        Some("head"),
    ),
    case(
        "tampered",
        "audit-log",
        &[("ledger", "file:tampered")],
        (10, "fail"),
        Some("broken-at"),
    ),
];

/// The folder with our binaries.
pub(crate) fn binaries() -> PathBuf {
    bin("promote").parent().unwrap().to_owned()
}

/// Makes the repository, with a copy of the wrappers, and commits all of it.
pub(crate) fn set() -> TempDir {
    let stage = tempfile::tempdir().unwrap();
    let folder = stage.path();
    product(folder);
    counts(folder, "calm.csv", (60, 3));
    counts(folder, "burning.csv", (60, 60));
    counts(folder, "few.csv", (1, 0));
    for name in ["api.txt", "web file.txt", "other.txt"] {
        fs::write(folder.join(name), name).unwrap();
    }
    fs::write(folder.join("api.txt"), image()).unwrap();
    sign(folder);
    layout(folder);
    for ledger in ["file:ledger", "file:tampered"] {
        for note in ["one", "two"] {
            let words = ["append", "--kind=note", "--service=shop", "--note", note];
            run(
                folder,
                "audit-log",
                &[&words[..], &["--ledger", ledger]].concat(),
                0,
            );
        }
    }
    let entry = folder.join("tampered/entries/000000000001.json");
    let text = fs::read_to_string(&entry).unwrap();
    fs::write(&entry, text.replace("one", "own")).unwrap();
    commit(folder);
    stage
}

/// Copies what users refer to: actions, components and workflows.
pub(crate) fn product(folder: &Path) {
    for name in ["actions", "templates", "scripts", ".github/workflows"] {
        copy(&root().join(name), &folder.join(name));
    }
    fs::copy(root().join("action.yml"), folder.join("action.yml")).unwrap();
}

/// Commits everything, on a branch whose remote is known but not there.
pub(crate) fn commit(folder: &Path) {
    let url = "https://git.example/acme/shop.git";
    let (head, branch) = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main");
    let commands: [&[&str]; 6] = [
        &["init", "--quiet", "--initial-branch=main"],
        &["config", "remote.origin.url", url],
        &["add", "--all", "--force"],
        &["commit", "--quiet", "--message=Set the stage"],
        &["update-ref", branch, "HEAD"],
        &["symbolic-ref", head, branch],
    ];
    for command in commands {
        git::run(folder, command).unwrap();
    }
}

/// What a builder says of a release that needs nobody's yes.
pub(crate) const TESTED: &str = "https://shop.example/predicates/tested/v1";

/// Has a builder say so of a release, and keeps it as evidence.
pub(crate) fn tested(house: &House, version: &str) {
    let bytes = fs::read(house.path(&format!("release-{version}.json"))).unwrap();
    let reference = Identified::parse(&bytes).unwrap().reference();
    let about = std::iter::once(&reference.digest).chain(reference.artifacts.values());
    let subjects = about.map(Subject::new).collect();
    let nothing = serde_json::json!({});
    let statement = Statement::new(subjects, TESTED, &nothing).unwrap();
    let bundle = attest::attest(&Key::named("builder"), &statement).unwrap();
    let place = format!("file:{}", house.path(".liftlock/evidence").display());
    let evidence = Evidence::new(store::open(&place).unwrap());
    attest::keep(&evidence, &statement, &bundle).unwrap();
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn counts(folder: &Path, name: &str, (minutes, canary_bad): (u32, u32)) {
    let rows = (0..minutes)
        .map(|minute| format!("2026-01-05T08:{minute:02}:00Z,1000,10,300,{canary_bad}\n"));
    let head = "time,baseline_total,baseline_bad,canary_total,canary_bad\n".to_owned();
    fs::write(folder.join(name), head + &rows.collect::<String>()).unwrap();
}

fn run(folder: &Path, verb: &str, args: &[&str], code: i32) {
    let run = Run::new(bin(verb)).folder(folder).args(args);
    let output = run.env("COSIGN_PASSWORD", PASSWORD).output().unwrap();
    assert_eq!(output.code, code, "{verb} {args:?}: {}", output.stderr);
}

fn sign(folder: &Path) {
    for holder in ["builder", "alice", "judge"] {
        let words = ["generate-key-pair", "--output-key-prefix", holder];
        run(folder, "sign-artifact", &words, 0);
    }
    let words = ["sign", "--key", "builder.key", "api.txt", "web file.txt"];
    run(folder, "sign-artifact", &words, 0);
    let words = [
        "release",
        "--service=shop",
        "--version=1.0.0",
        "--owner=team",
        "--key=builder.key",
        "--artifact=api=api.txt",
    ];
    run(folder, "sign-artifact", &words, 0);
    let words = [
        "request",
        "--release=release.json",
        "--environment=production",
        "--people-key=alice=alice.pub",
        "--quorum=1",
        "--output=request.json",
    ];
    run(folder, "await-approval", &words, 13);
    let words = [
        "answer",
        "--request=request.json",
        "--person=alice",
        "--key=alice.key",
        "--yes",
        "--output=answer.json",
    ];
    run(folder, "await-approval", &words, 0);
}

/// The manifest of an image without layers, which is the artifact `api`.
fn image() -> String {
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json",
                    "digest": Digest::of(b"{}"), "size": 2 },
        "layers": [],
    })
    .to_string()
}

/// A registry in a folder with that image, and an environment that demands a signature which
/// is not in its evidence.
fn layout(folder: &Path) {
    let layout = folder.join("layout");
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let version = r#"{"imageLayoutVersion":"1.0.0"}"#;
    fs::write(layout.join("oci-layout"), version).unwrap();
    let image = image();
    let digest = Digest::of(image.as_bytes());
    fs::write(layout.join("blobs/sha256").join(digest.hex()), &image).unwrap();
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest, "size": image.len(),
    }] });
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
    fs::write(
        folder.join("gated.yaml"),
        "version: 1\n\
         service: shop\n\
         trust:\n  \
           - { name: builders, roles: [builder], keys: [{ key-file: builder.pub }] }\n\
         environments:\n  \
           production:\n    \
             requires: [signature]\n    \
             targets: [{ registry: { image: \"oci-layout:layout\", tag: production }, artifact: api }]\n",
    )
    .unwrap();
}

/// Runs a pipeline of GitLab in a folder, with variables.
pub(crate) fn gitlab(folder: &Path, pipeline: &str, variables: &[&str]) -> Output {
    let program = peers::find("gitlab-ci-local").unwrap();
    fs::write(folder.join(".gitlab-ci.yml"), pipeline).unwrap();
    commit(folder);
    let path = env::join_paths(
        program
            .parent()
            .map(Path::to_path_buf)
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let variables = variables.iter().flat_map(|one| ["--variable", one]);
    Run::new(program)
        .args(["--force-shell-executor", "--shell-isolation", "--no-color"])
        .args(["--variable", "GITLAB_CI=true"])
        .args(variables)
        .env("PATH", path)
        .folder(folder)
        .limit(Duration::from_secs(180))
        .output()
        .unwrap()
}
