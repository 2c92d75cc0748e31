#![cfg(test)]
//! What cosign signs, we verify, and the other way round; in files and registries.

mod bench;

use std::fs;
use std::path::{Path, PathBuf};

use bench::{BINARY, sample};
use tempfile::TempDir;
use testkit::cli::Run;
use testkit::peers;
use testkit::servers::{Login, Registry};

/// Services of cosign: none, so that nothing is logged anywhere.
const NO_SERVICES: &str = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}"#;

/// Roots of cosign: none, so that it asks nobody for them.
const NO_ROOT: &str =
    r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;

struct Bench {
    folder: TempDir,
    cosign: PathBuf,
}

impl Bench {
    fn new() -> Option<Self> {
        let cosign = peers::require("cosign")?;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "hello\n").unwrap();
        fs::write(folder.path().join("none.json"), NO_SERVICES).unwrap();
        fs::write(folder.path().join("root.json"), NO_ROOT).unwrap();
        fs::write(folder.path().join("p.json"), sample("openvex")).unwrap();
        Some(Self { folder, cosign })
    }

    fn run(&self, program: &Path, code: i32, line: &str) -> String {
        let output = Run::new(program)
            .args(line.split(' '))
            .env("COSIGN_PASSWORD", "secret")
            .env("DOCKER_CONFIG", self.folder.path())
            // cosign keeps its roots somewhere; nothing may be kept outside.
            .env("TUF_ROOT", self.folder.path().join("tuf"))
            .folder(self.folder.path())
            .output()
            .unwrap();
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "`{line}`: {text}");
        text
    }

    fn ours(&self, code: i32, line: &str) -> String {
        self.run(Path::new(BINARY), code, line)
    }

    fn cosign(&self, line: &str) -> String {
        self.run(&self.cosign, 0, line)
    }

    fn cosign_refuses(&self, line: &str) {
        self.run(&self.cosign, 1, line);
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }
}

#[test]
fn files_and_keys_pass_between_us_and_cosign() {
    let Some(bench) = Bench::new() else { return };
    let check = "--insecure-ignore-tlog --key cosign.pub";
    bench.ours(0, "generate-key-pair");
    bench.ours(0, "sign --key cosign.key a");
    bench.cosign(&format!("verify-blob {check} --bundle a.sigstore.json a"));
    bench.cosign("sign-blob --signing-config none.json --trusted-root root.json -y --key cosign.key --bundle c.json a");
    bench.ours(0, "verify --key cosign.pub --bundle c.json a");
    bench.ours(
        0,
        "attest --key cosign.key --type openvex --predicate p.json --bundle v.json a",
    );
    let attested = format!("verify-blob-attestation {check} --type openvex --bundle");
    bench.cosign(&format!("{attested} v.json a"));
    bench.cosign(
        "attest-blob --signing-config none.json --trusted-root root.json -y --key cosign.key --type openvex --predicate p.json --bundle w.json a",
    );
    bench.ours(
        0,
        "verify --key cosign.pub --type openvex --bundle w.json a",
    );
    bench.write("a", "hullo\n");
    bench.cosign_refuses(&format!("verify-blob {check} --bundle a.sigstore.json a"));
    bench.ours(10, "verify --key cosign.pub --bundle c.json a");
    bench.cosign("generate-key-pair --output-key-prefix theirs");
    bench.ours(0, "sign --key theirs.key a");
    bench.ours(0, "verify --key theirs.pub a");
    bench.ours(10, "verify --key cosign.pub a");
}

/// An image in the registry; umoci and skopeo make it.
fn push(bench: &Bench, image: &str) -> Option<()> {
    let (umoci, skopeo) = (peers::require("umoci")?, peers::require("skopeo")?);
    if !bench.folder.path().join("img").exists() {
        bench.run(&umoci, 0, "init --layout img");
        bench.run(&umoci, 0, "new --image img:v1");
    }
    let auth = bench.folder.path().join("config.json");
    let auth = if auth.exists() {
        format!("--dest-authfile {} ", auth.display())
    } else {
        String::new()
    };
    let copy = format!("copy -q --insecure-policy --dest-tls-verify=false {auth}");
    bench.run(&skopeo, 0, &format!("{copy}oci:img:v1 docker://{image}"));
    Some(())
}

#[test]
fn images_in_a_registry_pass_between_us_and_cosign() {
    let Some(bench) = Bench::new() else { return };
    let Some(registry) = Registry::start(None).unwrap() else {
        return;
    };
    let host = registry.host();
    let (one, two) = (format!("{host}/shop/one:v1"), format!("{host}/shop/two:v1"));
    if push(&bench, &one).is_none() {
        return;
    }
    push(&bench, &two);
    bench.ours(0, "generate-key-pair");
    bench.ours(10, &format!("verify --key cosign.pub {one}"));
    bench.ours(0, &format!("sign --key cosign.key {one}"));
    bench.ours(0, &format!("verify --key cosign.pub {one}"));
    let check = "--insecure-ignore-tlog --key cosign.pub";
    bench.cosign(&format!("verify {check} {one}"));
    bench.ours(
        0,
        &format!("attest --key cosign.key --type openvex --predicate p.json {one}"),
    );
    bench.cosign(&format!("verify-attestation {check} --type openvex {one}"));
    bench.cosign(&format!(
        "sign --signing-config none.json --trusted-root root.json -y --key cosign.key {two}"
    ));
    bench.ours(0, &format!("verify --key cosign.pub {two}"));
    // Ours joins theirs in the same list, and neither is lost.
    bench.ours(0, &format!("sign --key cosign.key {two}"));
    let text = bench.ours(0, &format!("verify --key cosign.pub --format json {two}"));
    assert_eq!(text.matches(r#""verified": true"#).count(), 3, "{text}");
    bench.ours(0, "generate-key-pair --output-key-prefix other");
    bench.ours(10, &format!("verify --key other.pub {two}"));
    bench.ours(3, &format!("verify --key cosign.pub {host}/shop/two:v2"));
    bench.ours(3, &format!("verify --key cosign.pub {host}/shop/two"));
}

#[test]
fn writers_of_one_list_of_attachments_do_not_undo_each_other() {
    let Some(bench) = Bench::new() else { return };
    let Some(registry) = Registry::start(None).unwrap() else {
        return;
    };
    let image = format!("{}/shop:v1", registry.host());
    if push(&bench, &image).is_none() {
        return;
    }
    bench.ours(0, "generate-key-pair");
    let types = ["openvex", "cyclonedx", "spdx", "vuln"];
    for name in types {
        bench.write(&format!("{name}.json"), &sample(name));
    }
    std::thread::scope(|scope| {
        for name in types {
            let line =
                format!("attest --key cosign.key --type {name} --predicate {name}.json {image}");
            let bench = &bench;
            scope.spawn(move || bench.ours(0, &line));
        }
    });
    for name in types {
        bench.ours(0, &format!("verify --key cosign.pub --type {name} {image}"));
    }
}

#[test]
fn a_registry_with_a_password_asks_for_it() {
    use base64::Engine as _;
    let Some(bench) = Bench::new() else { return };
    let login = Login {
        user: "alice",
        password: "s3cret",
    };
    let Some(registry) = Registry::start(Some(login)).unwrap() else {
        return;
    };
    let image = format!("{}/shop:v1", registry.host());
    let config = |pair: &str| {
        let auth = base64::engine::general_purpose::STANDARD.encode(pair);
        let config = serde_json::json!({ "auths": { registry.host(): { "auth": auth } } });
        bench.write("config.json", &config.to_string());
    };
    config("alice:s3cret");
    if push(&bench, &image).is_none() {
        return;
    }
    bench.ours(0, "generate-key-pair");
    bench.ours(0, &format!("sign --key cosign.key {image}"));
    bench.ours(0, &format!("verify --key cosign.pub {image}"));
    config("alice:wrong");
    bench.ours(4, &format!("verify --key cosign.pub {image}"));
    fs::remove_file(bench.folder.path().join("config.json")).unwrap();
    let text = bench.ours(4, &format!("verify --key cosign.pub {image}"));
    assert!(text.contains("docker login"), "{text}");
    bench.write("config.json", "{");
    bench.ours(4, &format!("verify --key cosign.pub {image}"));
}

#[test]
fn a_registry_that_is_gone_gives_no_verdict() {
    let Some(bench) = Bench::new() else { return };
    let Some(mut registry) = Registry::start(None).unwrap() else {
        return;
    };
    let image = format!("{}/shop:v1", registry.host());
    bench.ours(0, "generate-key-pair");
    registry.process().stop().unwrap();
    bench.ours(1, &format!("verify --key cosign.pub {image}"));
}
