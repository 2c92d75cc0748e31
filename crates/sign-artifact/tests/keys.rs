#![cfg(test)]
//! Each kind of key, with cosign and OpenSSL on the other side.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::Run;
use testkit::peers;

const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");

/// SHA-256 of the file `a`.
const DIGEST: &str = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        bench.write("a", b"hello\n");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn run(&self, program: &Path, code: i32, line: &str) -> String {
        let output = Run::new(program)
            .args(line.split(' '))
            .env("COSIGN_PASSWORD", "secret")
            .env("TUF_ROOT", self.path("tuf"))
            .folder(self.0.path())
            .output()
            .unwrap();
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "`{line}`: {text}");
        text
    }

    fn ours(&self, code: i32, line: &str) -> String {
        self.run(Path::new(BINARY), code, line)
    }

    /// A bundle with a raw signature over `a`, as a program made it.
    fn bundle(&self, name: &str, signature: &[u8]) {
        let digest = hex::decode(DIGEST.trim_start_matches("sha256:")).unwrap();
        let digest = STANDARD.encode(digest);
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": "" } },
            "messageSignature": {
                "messageDigest": { "algorithm": "SHA2_256", "digest": digest },
                "signature": STANDARD.encode(signature),
            },
        });
        self.write(name, bundle.to_string().as_bytes());
    }

    /// Writes what a bundle's envelope signed, and the signature over it.
    fn take_apart(&self, name: &str) {
        let envelope = &self.json(name)["dsseEnvelope"];
        let payload = STANDARD
            .decode(envelope["payload"].as_str().unwrap())
            .unwrap();
        let kind = envelope["payloadType"].as_str().unwrap();
        let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
        self.write("pae", &[head.as_bytes(), &payload].concat());
        let signature = envelope["signatures"][0]["sig"].as_str().unwrap();
        self.write("sig", &STANDARD.decode(signature).unwrap());
    }
}

#[test]
fn a_raw_signature_without_the_bytes_is_refused_with_3() {
    let Some(openssl) = peers::require("openssl") else {
        return;
    };
    let bench = Bench::new();
    let sign = |kind: &str, options: &str| {
        bench.run(
            &openssl,
            0,
            &format!("genpkey -algorithm {kind} -out {kind}.pem{options}"),
        );
        bench.run(
            &openssl,
            0,
            &format!("pkey -in {kind}.pem -pubout -out {kind}.pub"),
        );
    };
    sign("ed25519", "");
    sign("rsa", " -pkeyopt rsa_keygen_bits:3072");
    bench.run(
        &openssl,
        0,
        "pkeyutl -sign -inkey ed25519.pem -rawin -in a -out ed25519.raw",
    );
    bench.run(&openssl, 0, "dgst -sha256 -sign rsa.pem -out rsa.raw a");
    for kind in ["ed25519", "rsa"] {
        let raw = fs::read(bench.path(&format!("{kind}.raw"))).unwrap();
        bench.bundle("b.json", &raw);
        let verify = format!("verify --key {kind}.pub --bundle b.json");
        bench.ours(0, &format!("{verify} a"));
        let text = bench.ours(3, &format!("{verify} {DIGEST}"));
        assert!(text.contains("64 MiB"), "{text}");
        let mut other = raw;
        other[7] ^= 1;
        bench.bundle("b.json", &other);
        bench.ours(10, &format!("{verify} a"));
    }
    bench.ours(10, "verify --key ed25519.pub --bundle b.json a");
    // Where nothing can be checked nothing is refuted.
    let large = fs::File::create(bench.path("large")).unwrap();
    large.set_len(64 * 1024 * 1024 + 1).unwrap();
    let digest = bench.run(&openssl, 0, "dgst -sha256 -r large");
    let digest = digest.split(' ').next().unwrap();
    let mut bundle = bench.json("b.json");
    let encoded = STANDARD.encode(hex::decode(digest).unwrap());
    bundle["messageSignature"]["messageDigest"]["digest"] = encoded.into();
    bench.write("large.sigstore.json", bundle.to_string().as_bytes());
    let text = bench.ours(3, "verify --key rsa.pub large");
    assert!(text.contains("64 MiB"), "{text}");
}

#[test]
fn a_signature_over_sha_384_needs_the_file() {
    let Some(openssl) = peers::require("openssl") else {
        return;
    };
    let bench = Bench::new();
    bench.ours(0, "generate-key-pair --algorithm p384");
    let text = bench.ours(
        3,
        &format!("sign --key cosign.key --bundle b.json {DIGEST}"),
    );
    assert!(text.contains("give the file"), "{text}");
    bench.ours(0, "sign --key cosign.key a");
    let signed = &bench.json("a.sigstore.json")["messageSignature"];
    assert_eq!(signed["messageDigest"]["algorithm"], "SHA2_384");
    let raw = STANDARD
        .decode(signed["signature"].as_str().unwrap())
        .unwrap();
    bench.write("sig", &raw);
    bench.run(
        &openssl,
        0,
        "dgst -sha384 -verify cosign.pub -signature sig a",
    );
    bench.ours(0, "verify --key cosign.pub a");
    let text = bench.ours(
        3,
        &format!("verify --key cosign.pub --bundle a.sigstore.json {DIGEST}"),
    );
    assert!(text.contains("give the file"), "{text}");
    bench.write("a", b"hullo\n");
    bench.ours(10, "verify --key cosign.pub a");
}

#[test]
fn statements_by_keys_that_take_no_digests_are_signatures_of_files() {
    let Some(openssl) = peers::require("openssl") else {
        return;
    };
    let bench = Bench::new();
    bench.ours(0, "generate-key-pair --algorithm ed25519");
    bench.run(&openssl, 0, "genpkey -algorithm rsa -out rsa.pem");
    bench.ours(0, "public-key --key rsa.pem --output rsa.pub");
    bench.run(&openssl, 0, "pkey -in rsa.pem -pubout -out theirs.pub");
    let same = |one: &str, other: &str| {
        assert_eq!(
            fs::read(bench.path(one)).unwrap(),
            fs::read(bench.path(other)).unwrap()
        );
    };
    same("rsa.pub", "theirs.pub");
    bench.ours(0, "public-key --key cosign.pub --output again.pub");
    same("cosign.pub", "again.pub");
    bench.ours(0, "sign --key rsa.pem --bundle rsa.json a");
    bench.take_apart("rsa.json");
    bench.run(
        &openssl,
        0,
        "dgst -sha256 -verify rsa.pub -signature sig pae",
    );
    bench.ours(0, "sign --key cosign.key a");
    bench.take_apart("a.sigstore.json");
    bench.run(
        &openssl,
        0,
        "pkeyutl -verify -pubin -inkey cosign.pub -rawin -in pae -sigfile sig",
    );
    bench.ours(0, "verify --key cosign.pub a");
    bench.ours(
        0,
        &format!("verify --key cosign.pub --bundle a.sigstore.json {DIGEST}"),
    );
    bench.ours(10, "verify --key rsa.pub a");
    bench.write("a", b"hullo\n");
    bench.ours(10, "verify --key cosign.pub a");
}

#[test]
fn keys_that_cannot_be_used_are_invalid_3() {
    let Some(openssl) = peers::require("openssl") else {
        return;
    };
    let bench = Bench::new();
    for line in [
        "ecparam -name secp521r1 -genkey -noout -out p521.pem",
        "ecparam -name secp256k1 -genkey -noout -out k256.pem",
        "genpkey -algorithm x25519 -out x25519.pem",
        "genrsa -out small.pem 1024",
        "genpkey -algorithm rsa-pss -out pss.pem",
        "genpkey -algorithm ed25519 -aes256 -pass pass:x -out locked.pem",
    ] {
        bench.run(&openssl, 0, line);
    }
    for name in ["p521", "k256", "x25519", "small", "pss", "locked"] {
        let text = bench.ours(3, &format!("sign --key {name}.pem a"));
        assert!(text.contains(&format!("{name}.pem")), "{text}");
        assert!(!bench.path("a.sigstore.json").exists());
    }
    bench.ours(2, "generate-key-pair --algorithm rsa");
}

/// What cosign 3.1.2 does with each kind of key, so that a change is noticed.
#[test]
fn every_kind_of_key_passes_to_cosign_and_signatures_as_far_as_it_goes() {
    let (Some(cosign), Some(openssl)) = (peers::require("cosign"), peers::require("openssl"))
    else {
        return;
    };
    let bench = Bench::new();
    bench.write(
        "none.json",
        br#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}"#,
    );
    bench.write(
        "root.json",
        br#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#,
    );
    bench.run(&openssl, 0, "genpkey -algorithm rsa -out plain.pem");
    bench.run(
        &cosign,
        0,
        "import-key-pair -y --key plain.pem --output-key-prefix rsa",
    );
    for kind in ["p256", "p384", "ed25519"] {
        bench.ours(
            0,
            &format!("generate-key-pair --algorithm {kind} --output-key-prefix {kind}"),
        );
    }
    for kind in ["p256", "p384", "ed25519", "rsa"] {
        // cosign opens what we sealed, and names the same public key.
        let shown = bench.run(&cosign, 0, &format!("public-key --key {kind}.key"));
        assert_eq!(
            shown,
            fs::read_to_string(bench.path(&format!("{kind}.pub"))).unwrap()
        );
        bench.ours(0, &format!("sign --key {kind}.key --bundle ours.json a"));
        // `verify-blob --key` hashes with SHA-256 whatever the key, also for
        // what cosign itself signed by P-384.
        let code = i32::from(kind == "p384");
        let check = format!("--insecure-ignore-tlog --key {kind}.pub --bundle");
        bench.run(&cosign, code, &format!("verify-blob {check} ours.json a"));
        // cosign signs files by Ed25519 only in its old format.
        let code = i32::from(kind == "ed25519");
        bench.run(
            &cosign,
            code,
            &format!("sign-blob --signing-config none.json --trusted-root root.json -y --key {kind}.key --bundle {kind}.json a"),
        );
        if code == 0 {
            bench.ours(
                0,
                &format!("verify --key {kind}.pub --bundle {kind}.json a"),
            );
        }
    }
    bench.run(&cosign, 0, "sign-blob --new-bundle-format=false --use-signing-config=false --tlog-upload=false -y --key ed25519.key --output-signature old.sig a");
    let old = fs::read_to_string(bench.path("old.sig")).unwrap();
    bench.bundle("old.json", &STANDARD.decode(old.trim()).unwrap());
    bench.ours(0, "verify --key ed25519.pub --bundle old.json a");
    bench.ours(
        3,
        &format!("verify --key rsa.pub --bundle rsa.json {DIGEST}"),
    );
}
