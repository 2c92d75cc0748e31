//! Image, index and attestation, in both formats, between us and real cosign,
//! with keys, in two registries.

use std::path::PathBuf;

use testkit::peers;
use testkit::servers::{Crane, Registry};

use crate::bench::{Bench, push, push_index};

/// Services of cosign: none, so that nothing is logged anywhere.
const NO_SERVICES: &str = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}"#;

/// Roots of cosign: none, so that it asks nobody for them.
const NO_ROOT: &str =
    r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;

/// How cosign is asked for each format.
const NEW: &str = "--signing-config none.json --trusted-root root.json -y --key one.key";
const OLD: &str =
    "--new-bundle-format=false --use-signing-config=false --tlog-upload=false -y --key one.key";

/// A repository with the images `ours` and `theirs` and an index `all` of both.
struct Cell {
    bench: Bench,
    cosign: PathBuf,
    repository: String,
    /// Our name of the format, and cosign's flags for it.
    format: &'static str,
    flags: &'static str,
}

impl Cell {
    fn new(host: &str, format: &'static str) -> Option<Self> {
        let cosign = peers::require("cosign")?;
        let bench = Bench::with_keys(&[]);
        bench.ours(0, "generate-key-pair --output-key-prefix one");
        bench.ours(0, "generate-key-pair --output-key-prefix two");
        bench.write("none.json", NO_SERVICES);
        bench.write("root.json", NO_ROOT);
        let repository = format!("{host}/shop/{format}");
        let images = ["ours", "theirs"].map(|tag| push(&repository, tag, tag));
        push_index(&repository, "all", &images);
        push_index(&repository, "all-theirs", &images[1..]);
        Some(Self {
            bench,
            cosign,
            repository,
            format,
            flags: if format == "v2" { OLD } else { NEW },
        })
    }

    fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository)
    }

    fn cosign(&self, line: &str) {
        let output = self.bench.run(&self.cosign, line);
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, 0, "cosign {line}: {text}");
    }

    /// Its code depends on the format; the reason must be the signature.
    fn cosign_refuses(&self, line: &str) {
        let output = self.bench.run(&self.cosign, line);
        assert_ne!(output.code, 0, "cosign {line}: {}", output.stdout);
        let words = [
            "no matching",
            "invalid signature",
            "failed to verify",
            "none of the attestations",
        ];
        let reason = words.iter().any(|word| output.stderr.contains(word));
        assert!(reason, "cosign {line}: {}", output.stderr);
    }

    /// cosign verifies with our key, and not with another.
    fn cosign_verifies(&self, verb: &str, image: &str) {
        let old = if self.format == "v2" {
            " --new-bundle-format=false"
        } else {
            ""
        };
        let check = format!("{verb}{old} --insecure-ignore-tlog");
        self.cosign(&format!("{check} --key one.pub {image}"));
        self.cosign_refuses(&format!("{check} --key two.pub {image}"));
    }

    /// We verify with our key, and not with another.
    fn we_verify(&self, rest: &str) {
        self.bench.ours(0, &format!("verify --key one.pub {rest}"));
        self.bench.ours(10, &format!("verify --key two.pub {rest}"));
    }
}

fn signatures(cell: &Cell) {
    let (ours, theirs) = (cell.image("ours"), cell.image("theirs"));
    let sign = format!("sign --key one.key --image-format {}", cell.format);
    cell.bench.ours(0, &format!("{sign} {ours}"));
    cell.cosign_verifies("verify", &ours);
    cell.cosign(&format!("sign {} {theirs}", cell.flags));
    cell.we_verify(&theirs);
    // Ours joins theirs, and both stay.
    cell.bench.ours(0, &format!("{sign} {theirs}"));
    cell.cosign_verifies("verify", &theirs);
    let result = cell
        .bench
        .json(0, &format!("verify --key one.pub {theirs}"));
    let proofs = result["detail"]["targets"][0]["bundles"]
        .as_array()
        .unwrap();
    assert_eq!(proofs.len(), 2, "{result}");
    // And theirs joins ours; with another key, as cosign 2 leaves out what the
    // same key signed, which ours is to it.
    let other = cell.flags.replace("one.key", "two.key");
    cell.cosign(&format!("sign {other} {ours}"));
    for key in ["one", "two"] {
        cell.bench
            .ours(0, &format!("verify --key {key}.pub {ours}"));
    }
}

fn indexes(cell: &Cell) {
    let (ours, theirs) = (cell.image("all"), cell.image("all-theirs"));
    let sign = format!(
        "sign --key one.key --recursive --image-format {}",
        cell.format
    );
    cell.bench.ours(0, &format!("{sign} {ours}"));
    cell.cosign_verifies("verify", &ours);
    cell.we_verify(&format!("--recursive {ours}"));
    cell.bench
        .ours(10, &format!("verify --key one.pub {theirs}"));
    cell.cosign(&format!("sign --recursive {} {theirs}", cell.flags));
    cell.we_verify(&format!("--recursive {theirs}"));
}

fn attestations(cell: &Cell) {
    let (ours, theirs) = (cell.image("ours"), cell.image("theirs"));
    let said = "--type openvex --predicate p.json";
    let attest = format!("attest --key one.key --image-format {} {said}", cell.format);
    cell.bench.ours(0, &format!("{attest} {ours}"));
    cell.cosign_verifies("verify-attestation --type openvex", &ours);
    cell.cosign(&format!("attest {} {said} {theirs}", cell.flags));
    cell.we_verify(&format!("--type openvex {theirs}"));
    cell.bench.ours(
        10,
        &format!("verify --key one.pub --type cyclonedx {theirs}"),
    );
    cell.bench.ours(0, &format!("{attest} {theirs}"));
    cell.cosign_verifies("verify-attestation --type openvex", &theirs);
    cell.we_verify(&format!("--type openvex {theirs}"));
}

fn all(host: &str, format: &'static str) {
    let Some(cell) = Cell::new(host, format) else {
        return;
    };
    signatures(&cell);
    indexes(&cell);
    attestations(&cell);
}

#[test]
fn bundles_pass_between_us_and_cosign_in_distribution() {
    if let Some(registry) = Registry::start(None).unwrap() {
        all(&registry.host(), "v3");
    }
}

#[test]
fn layers_pass_between_us_and_cosign_in_distribution() {
    if let Some(registry) = Registry::start(None).unwrap() {
        all(&registry.host(), "v2");
    }
}

#[test]
fn bundles_pass_between_us_and_cosign_in_the_registry_of_crane() {
    if let Some(registry) = Crane::start().unwrap() {
        all(&registry.host(), "v3");
    }
}

#[test]
fn layers_pass_between_us_and_cosign_in_the_registry_of_crane() {
    if let Some(registry) = Crane::start().unwrap() {
        all(&registry.host(), "v2");
    }
}

#[test]
fn bundles_pass_between_us_and_cosign_where_referrers_are_listed() {
    if let Some(registry) = Crane::with_referrers().unwrap() {
        all(&registry.host(), "v3");
    }
}

#[test]
fn layers_pass_between_us_and_cosign_where_referrers_are_listed() {
    if let Some(registry) = Crane::with_referrers().unwrap() {
        all(&registry.host(), "v2");
    }
}

#[test]
fn both_formats_at_once_are_read_by_either_cosign() {
    let Some(registry) = Registry::start(None).unwrap() else {
        return;
    };
    let Some(cell) = Cell::new(&registry.host(), "both") else {
        return;
    };
    let ours = cell.image("ours");
    cell.bench
        .ours(0, &format!("sign --key one.key --image-format both {ours}"));
    let check = "--insecure-ignore-tlog --key one.pub";
    cell.cosign(&format!("verify {check} {ours}"));
    cell.cosign(&format!("verify --new-bundle-format=false {check} {ours}"));
    let attest = "attest --key one.key --image-format both --type openvex --predicate p.json";
    cell.bench.ours(0, &format!("{attest} {ours}"));
    for old in ["", "--new-bundle-format=false "] {
        cell.cosign(&format!(
            "verify-attestation {old}--type openvex {check} {ours}"
        ));
    }
}
