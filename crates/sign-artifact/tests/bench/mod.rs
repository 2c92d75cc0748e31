//! A folder with keys, in which the binary is run.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");

/// A folder with a key pair, and a file `a` that it signed.
pub(crate) struct Bench(pub(crate) TempDir);

impl Bench {
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn new() -> Self {
        let bench = Self::empty();
        bench.write("a", "hello\n");
        bench.expect(0, "generate-key-pair");
        bench.expect(0, "sign --key cosign.key a");
        bench
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn run(&self, line: &str, password: &str) -> Output {
        Run::new(BINARY)
            .args(line.split(' '))
            .env("COSIGN_PASSWORD", password)
            .folder(self.0.path())
            .output()
            .unwrap()
    }

    /// Runs and expects this code; stdout and stderr come out.
    pub(crate) fn expect(&self, code: i32, line: &str) -> String {
        let output = self.run(line, "secret");
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "`{line}`: {text}");
        text
    }

    pub(crate) fn json(&self, code: i32, line: &str) -> Value {
        let output = self.run(&format!("{line} --format json"), "secret");
        assert_eq!(
            output.code, code,
            "`{line}`: {}{}",
            output.stdout, output.stderr
        );
        output.json().unwrap()
    }

    pub(crate) fn image(&self, name: &str) {
        layout(&self.path(name));
    }

    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut value: Value = serde_json::from_str(&self.read(name)).unwrap();
        change(&mut value);
        self.write(name, &value.to_string());
    }
}

/// A predicate that says what its type demands.
pub(crate) fn sample(name: &str) -> String {
    let when = "2026-11-25T12:00:00Z";
    match name {
        "openvex" => json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex",
            "author": "team", "timestamp": when, "version": 1, "statements": [],
        }),
        "cyclonedx" => json!({ "bomFormat": "CycloneDX", "specVersion": "1.6" }),
        "spdx" => json!({
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
            "name": "shop", "documentNamespace": "https://example.com/shop",
            "creationInfo": { "created": when, "creators": ["Tool: t"] },
        }),
        "vuln" => json!({
            "invocation": {}, "scanner": { "uri": "pkg:t", "result": {} },
            "metadata": { "scanStartedOn": when, "scanFinishedOn": when },
        }),
        other => panic!("no sample of {other}"),
    }
    .to_string()
}

/// An image in an OCI layout, made of nothing.
fn layout(at: &Path) {
    let blobs = at.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &str| {
        let digest = liftlock::digest::Digest::of(bytes.as_bytes());
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        digest
    };
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let config = put("{}");
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": kind, "layers": [],
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 },
    })
    .to_string();
    let digest = put(&manifest);
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": kind, "digest": digest, "size": manifest.len(),
        "annotations": { "org.opencontainers.image.ref.name": "v1" },
    }]});
    fs::write(at.join("index.json"), index.to_string()).unwrap();
    fs::write(at.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}
