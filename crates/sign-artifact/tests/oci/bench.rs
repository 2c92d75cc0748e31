//! A folder with keys, and the binary that works in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use liftlock::digest::Digest;
use serde_json::Value;
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::http;
use testkit::samples::Key;

const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");

/// The folder; its file `p.json` is a predicate.
pub(crate) struct Bench(TempDir);

impl Bench {
    /// A folder with `NAME.key` and `NAME.pub` of each name, and with
    /// `none.pub`, whose private half signs nothing.
    pub(crate) fn with_keys(names: &[&str]) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let predicate = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex","author":"team","timestamp":"2026-11-25T12:00:00Z","version":1,"statements":[]}"#;
        bench.write("p.json", predicate);
        bench.write("none.pub", &Key::named("none").public_pem());
        for name in names {
            let key = Key::named(name);
            bench.write(&format!("{name}.key"), &key.private_pem());
            bench.write(&format!("{name}.pub"), &key.public_pem());
            let owner = fs::Permissions::from_mode(0o600);
            fs::set_permissions(bench.path(&format!("{name}.key")), owner).unwrap();
        }
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A program of a shell that the binary finds on its path.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let folder = self.path("bin");
        fs::create_dir_all(&folder).unwrap();
        let draft = folder.join("draft");
        fs::write(&draft, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(draft, folder.join(name)).unwrap();
    }

    pub(crate) fn run(&self, program: &Path, line: &str) -> Output {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Run::new(program)
            .args(line.split(' '))
            .env(
                "PATH",
                format!("{}:{}", self.path("bin").display(), path.display()),
            )
            .env("COSIGN_PASSWORD", "secret")
            .env("DOCKER_CONFIG", self.0.path())
            // cosign keeps its roots somewhere; nothing may be kept outside.
            .env("TUF_ROOT", self.path("tuf"))
            .folder(self.0.path())
            .output()
            .unwrap()
    }

    /// Runs the binary and expects this code; stdout and stderr come out.
    pub(crate) fn ours(&self, code: i32, line: &str) -> String {
        expected(code, line, &self.run(Path::new(BINARY), line))
    }

    /// As [`Bench::ours`], with the result as JSON.
    pub(crate) fn json(&self, code: i32, line: &str) -> Value {
        let line = format!("{line} --format json");
        let output = self.run(Path::new(BINARY), &line);
        expected(code, &line, &output);
        output.json().unwrap()
    }

    /// Starts to sign, and is killed after that many milliseconds if it has
    /// not ended by then.
    pub(crate) fn kill_after(&self, millis: usize, name: &str, image: &str) {
        let line = format!("sign --key {name}.key --image-format both {image}");
        let limit = std::time::Duration::from_millis(u64::try_from(millis).unwrap());
        let run = Run::new(BINARY).args(line.split(' ')).limit(limit);
        // Whether it ended first is luck; both have to be right.
        drop(run.folder(self.0.path()).output());
    }

    /// An image `v1` in an OCI layout, made of nothing.
    pub(crate) fn layout(&self, name: &str) {
        let at = self.path(name);
        let blobs = at.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let put = |bytes: &str| {
            let digest = Digest::of(bytes.as_bytes());
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
}

fn expected(code: i32, line: &str, output: &Output) -> String {
    let text = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, code, "`{line}`: {text}");
    text
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Puts an image without layers, told from others by a text, under a tag of
/// `HOST/REPOSITORY`.
pub(crate) fn push(repository: &str, tag: &str, text: &str) -> (Digest, usize) {
    let (host, path) = repository.split_once('/').unwrap();
    let base = format!("http://{host}/v2/{path}");
    let start = http::send("POST", &format!("{base}/blobs/uploads/"), &[], &[]).unwrap();
    let location = start.header("location").unwrap();
    let url = match location.starts_with("http") {
        true => location.to_owned(),
        false => format!("http://{host}{location}"),
    };
    let joint = if url.contains('?') { '&' } else { '?' };
    let digest = Digest::of(b"{}");
    let kind = ("content-type", "application/octet-stream");
    let url = format!("{url}{joint}digest={digest}");
    let put = http::send("PUT", &url, &[kind], b"{}").unwrap();
    assert_eq!(put.status, 201, "{}", put.text());
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "annotations": { "text": text },
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 2 },
    });
    put_manifest(repository, tag, (MANIFEST, &manifest))
}

/// Puts an index of images under a tag.
pub(crate) fn push_index(repository: &str, tag: &str, images: &[(Digest, usize)]) {
    let images: Vec<Value> = images
        .iter()
        .map(|(digest, size)| {
            serde_json::json!({ "mediaType": MANIFEST, "digest": digest, "size": size })
        })
        .collect();
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": images });
    put_manifest(repository, tag, (INDEX, &index));
}

fn put_manifest(repository: &str, tag: &str, (kind, manifest): (&str, &Value)) -> (Digest, usize) {
    let (host, path) = repository.split_once('/').unwrap();
    let url = format!("http://{host}/v2/{path}/manifests/{tag}");
    let body = manifest.to_string().into_bytes();
    let put = http::send("PUT", &url, &[("content-type", kind)], &body).unwrap();
    assert_eq!(put.status, 201, "{}", put.text());
    (Digest::of(&body), body.len())
}
