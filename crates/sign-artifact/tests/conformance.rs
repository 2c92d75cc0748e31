#![cfg(test)]
//! Sigstore's conformance protocol: the suite's bundles by path and by digest,
//! and bundles of ours before independent verifiers.

use std::fs;
use std::path::{Path, PathBuf};

use liftlock::digest::Digest;
use serde_json::Value;
use testkit::cli::{Output, Run};
use testkit::sigstore::{Case, Identity, Judge, LogVersion, Loopback, Settings, Signer};

const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");
const NAME: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The folders of the suite; none where it is absent.
fn cases() -> Vec<PathBuf> {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR"));
    let suite = suite.join("../../../shared/vectors/sigstore-bundles");
    let Ok(suite) = suite.canonicalize() else {
        println!("skipped: the vectors are not there");
        return Vec::new();
    };
    let mut all: Vec<PathBuf> = fs::read_dir(suite)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("bundle.sigstore.json").exists())
        .collect();
    all.sort();
    all
}

/// Whether the case is about the default root, so that none need be named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    Named,
    BuiltIn,
}

fn call(folder: &Path, target: &str, root: Root) -> Vec<String> {
    let own = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
    let text = |name: &str, default: &str| {
        own(name).map_or_else(
            || default.to_owned(),
            |path| fs::read_to_string(path).unwrap().trim().to_owned(),
        )
    };
    let shown = |path: PathBuf| path.display().to_string();
    let mut arguments = vec![
        "conformance".to_owned(),
        "verify-bundle".to_owned(),
        "--bundle".to_owned(),
        shown(folder.join("bundle.sigstore.json")),
    ];
    match own("key.pub") {
        Some(key) => arguments.extend(["--key".to_owned(), shown(key)]),
        None => arguments.extend([
            "--certificate-identity".to_owned(),
            text("identity", NAME),
            "--certificate-oidc-issuer".to_owned(),
            text("issuer", ISSUER),
        ]),
    }
    if root == Root::Named {
        let default = folder.parent().unwrap().join("default_trusted_root.json");
        let root = own("trusted_root.json").unwrap_or(default);
        arguments.extend(["--trusted-root".to_owned(), shown(root)]);
    }
    arguments.push(target.to_owned());
    arguments
}

/// Accepted is 0; refused is 3 or 10, with one line that says why.
fn is_right(name: &str, output: &Output) -> bool {
    let line = output.stderr.lines().next().unwrap_or_default();
    match (name.ends_with("_fail"), output.code) {
        (false, 0) => true,
        (true, 3 | 10) => line.starts_with("error: "),
        _ => false,
    }
}

fn judge(root: Root, run: impl Fn(&[String]) -> Output) -> usize {
    let mut wrong = Vec::new();
    let mut calls = 0;
    for folder in cases() {
        if root == Root::BuiltIn && folder.join("trusted_root.json").exists() {
            continue;
        }
        let artifact = folder.join("artifact");
        let artifact = if artifact.exists() {
            artifact
        } else {
            folder.parent().unwrap().join("a.txt")
        };
        let digest = Digest::of(&fs::read(&artifact).unwrap()).to_string();
        let name = folder.file_name().unwrap().to_str().unwrap();
        for target in [artifact.to_str().unwrap(), &digest] {
            calls += 1;
            let output = run(&call(&folder, target, root));
            if !is_right(name, &output) {
                wrong.push(format!(
                    "{name} {target}: {} {}",
                    output.code, output.stderr
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    calls
}

fn plainly(arguments: &[String]) -> Output {
    Run::new(BINARY).args(arguments).output().unwrap()
}

#[test]
fn the_suite_is_judged_by_path_and_by_digest() {
    if !cases().is_empty() {
        assert_eq!(judge(Root::Named, plainly), 98);
    }
}

#[test]
fn the_public_root_is_compiled_in() {
    if !cases().is_empty() {
        assert!(judge(Root::BuiltIn, plainly) > 30);
    }
}

/// In a network namespace of its own there is not even a loopback interface
/// that is up: whoever opens a socket to anywhere fails.
#[test]
fn no_bundle_needs_a_network() {
    let allowed = Run::new("unshare").args(["-rn", "true"]).output();
    if !allowed.is_ok_and(|output| output.code == 0) {
        println!("skipped: `unshare -rn` is not allowed here");
        return;
    }
    let alone = |arguments: &[String]| {
        let run = Run::new("unshare").args(["-rn", BINARY]);
        run.args(arguments).output().unwrap()
    };
    if !cases().is_empty() {
        assert_eq!(judge(Root::Named, alone), 98);
    }
}

struct Bench {
    folder: tempfile::TempDir,
    loopback: Loopback,
}

impl Bench {
    fn new(log: LogVersion) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loopback = Loopback::start(&Settings::default()).unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("a", b"hello\n");
        write("root.json", loopback.trusted_root().to_string().as_bytes());
        write(
            "config.json",
            loopback.signing_config(log).to_string().as_bytes(),
        );
        let digest = Digest::of(b"hello\n").hex();
        let statement = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "a", "digest": { "sha256": digest } }],
            "predicateType": "https://example.com/p", "predicate": {},
        });
        write("statement.json", statement.to_string().as_bytes());
        Self { folder, loopback }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let run = Run::new(BINARY).args(arguments).folder(self.folder.path());
        run.output().unwrap()
    }

    fn sign(&self, options: &[&str], file: &str) -> Output {
        let token = self.loopback.token(&Identity::github("acme/shop")).unwrap();
        let services = [
            "--identity-token",
            &token,
            "--bundle",
            "bundle.json",
            "--trusted-root",
            "root.json",
            "--signing-config",
            "config.json",
            file,
        ];
        self.run(&[&["conformance", "sign-bundle"], options, &services].concat())
    }

    fn verify(&self, target: &str) -> Output {
        let issuer = self.issuer();
        self.run(&[
            "conformance",
            "verify-bundle",
            "--bundle",
            "bundle.json",
            "--certificate-identity",
            SAN,
            "--certificate-oidc-issuer",
            &issuer,
            "--trusted-root",
            "root.json",
            target,
        ])
    }

    fn issuer(&self) -> String {
        self.loopback.url()
    }

    fn bundle(&self) -> Value {
        let bytes = fs::read(self.folder.path().join("bundle.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

const SAN: &str = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main";

#[test]
fn independent_verifiers_accept_what_we_sign() {
    for log in [LogVersion::V1, LogVersion::V2] {
        for (options, file) in [(&[][..], "a"), (&["--in-toto"][..], "statement.json")] {
            let bench = Bench::new(log);
            let output = bench.sign(options, file);
            assert_eq!(output.code, 0, "{log:?} {file}: {}", output.stderr);
            assert_eq!(bench.verify("a").code, 0, "{log:?} {file}");
            let case = Case {
                root: &bench.loopback.trusted_root(),
                signing_config: &bench.loopback.signing_config(log),
                bundle: &bench.bundle(),
                artifact: b"hello\n",
                signer: Signer::Identity {
                    san: SAN,
                    issuer: &bench.issuer(),
                },
            };
            for judge in [Judge::JavaScript, Judge::Python] {
                if let Some(verdict) = judge.verdict(&case).unwrap() {
                    assert_eq!(verdict, Ok(()), "{judge:?} {log:?} {file}");
                }
            }
        }
    }
}
