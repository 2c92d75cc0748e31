#![cfg(test)]
//! `policy-from`: what it prints lets the signer count, and nobody else.

mod bench;
mod job;

use std::fs;

use bench::Bench;
use job::{Job, SAN, V1, V2};
use serde_json::Value;

const HEAD: &str =
    "version: 1\nservice: shop\nstate: file:state\nledger: file:ledger\nevidence: file:kept\n";

#[test]
fn the_policy_of_a_certificate_takes_its_holder_only() {
    let job = Job::new();
    job.expect(0, &format!("sign --trust-config {V2} a"));
    job.expect(0, &format!("sign --trust-config {V1} --statement b.json b"));
    job.expect(0, "generate-key-pair");
    job.expect(0, "sign --key cosign.key c");
    for bundle in ["a.sigstore.json", "b.json"] {
        let line = format!("policy-from {bundle} --trusted-root trusted_root.json --format json");
        let result: Value = job.expect(0, &line).json().unwrap();
        let signer = &result["detail"]["signer"]["identity"];
        assert_eq!(signer["names"][0], SAN);
        let policy = result["detail"]["policy"].as_str().unwrap();
        fs::write(
            job.folder.path().join("liftlock.yaml"),
            format!("{HEAD}{policy}"),
        )
        .unwrap();
        job.expect(0, "verify --role builder a");
        job.expect(0, "verify --role builder --bundle b.json b");
        job.expect(10, "verify --role builder c");
    }
}

#[test]
fn the_policy_of_a_key_takes_its_holder_only() {
    let bench = Bench::new();
    bench.expect(2, "policy-from a.sigstore.json");
    let result = bench.json(0, "policy-from a.sigstore.json --key cosign.pub");
    let policy = result["detail"]["policy"].as_str().unwrap();
    bench.write("liftlock.yaml", &format!("{HEAD}{policy}"));
    bench.expect(0, "verify --role builder a");
    bench.expect(0, "generate-key-pair --output-key-prefix other");
    bench.expect(10, "policy-from a.sigstore.json --key other.pub");
    bench.write("b", "hello\n");
    bench.expect(0, "sign --key other.key b");
    bench.expect(10, "verify --role builder b");
}

#[test]
fn what_proves_nothing_gives_no_policy() {
    let job = Job::new();
    job.expect(0, &format!("sign --trust-config {V1} a"));
    // Another instance, whose authority did not make the certificate.
    let other = Job::new();
    fs::copy(
        other.folder.path().join("trusted_root.json"),
        job.folder.path().join("other.json"),
    )
    .unwrap();
    job.expect(10, "policy-from a.sigstore.json --trusted-root other.json");
    job.expect(10, "policy-from a.sigstore.json");
    job.expect(
        10,
        "policy-from a.sigstore.json b --trusted-root trusted_root.json",
    );
    let told = job
        .expect(3, "policy-from a --trusted-root trusted_root.json")
        .stderr;
    assert!(told.contains("cannot understand `a`"), "{told}");
}

#[test]
fn a_signature_over_another_hash_needs_the_file() {
    let bench = Bench::new();
    bench.expect(
        0,
        "generate-key-pair --algorithm p384 --output-key-prefix wide",
    );
    bench.write("w", "wide\n");
    bench.expect(0, "sign --key wide.key w");
    bench.expect(3, "policy-from w.sigstore.json --key wide.pub");
    bench.expect(0, "policy-from w.sigstore.json w --key wide.pub");
}
