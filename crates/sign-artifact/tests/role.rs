#![cfg(test)]
//! `verify --role`: the rules say who counts, in which role and when.

mod bench;
mod job;

use std::fs;

use bench::Bench;
use job::{Job, SAN, V2};

fn rules(entries: &str) -> String {
    format!(
        "version: 1\nservice: shop\nstate: file:state\nledger: file:ledger\nevidence: file:kept\n{entries}"
    )
}

/// A folder with keys of two builders and a gate, and a file.
fn keys() -> Bench {
    let bench = Bench::empty();
    for name in ["first", "second", "gate"] {
        bench.expect(0, &format!("generate-key-pair --output-key-prefix {name}"));
    }
    bench.write("a", "hello\n");
    bench
}

const TWO: &str = "trust:
  - name: ci
    roles: [builder]
    keys: [{ key-file: first.pub }, { key-file: second.pub DATES }]
  - name: gate
    roles: [canary]
    keys: [{ key-file: gate.pub }]
";

#[test]
fn who_counts_is_the_rules_to_say() {
    let bench = keys();
    bench.expect(0, "sign --key gate.key a");
    let told = bench.expect(3, "verify --role builder a");
    assert!(told.contains("no rules say"), "{told}");
    bench.write("liftlock.yaml", &rules(&TWO.replace("DATES", "")));
    let told = bench.expect(10, "verify --role builder a");
    assert!(
        told.contains("`gate` signed it, who may not say this"),
        "{told}"
    );
    let told = bench.expect(2, "verify --role canary a");
    assert!(told.contains("not the role that may say"), "{told}");
    bench.expect(2, "verify --role builder --key gate.pub a");
    bench.expect(0, "sign --key first.key a");
    let result = bench.json(0, "verify --role builder a");
    assert_eq!(result["detail"]["targets"][0]["entries"][0], "ci");
    assert_eq!(result["policy"], "local");
}

#[test]
fn one_entry_with_two_keys_is_one_signer() {
    let bench = keys();
    bench.image("image");
    bench.write("liftlock.yaml", &rules(&TWO.replace("DATES", "")));
    for key in ["first", "second"] {
        bench.expect(0, &format!("sign --key {key}.key oci-layout:image:v1"));
    }
    bench.expect(0, "verify --role builder oci-layout:image:v1");
    let told = bench.expect(
        10,
        "verify --role builder --threshold 2 oci-layout:image:v1",
    );
    assert!(told.contains("signed by 1 of the 2"), "{told}");
    bench.expect(
        0,
        "verify --key first.pub --key second.pub --threshold 2 oci-layout:image:v1",
    );
}

#[test]
fn a_key_that_is_over_counts_no_longer() {
    let bench = keys();
    bench.expect(0, "sign --key second.key a");
    for (dates, why) in [
        (", revoked-at: \"2026-01-01T00:00:00Z\"", "was revoked at"),
        (
            ", valid-until: \"2026-01-01T00:00:00Z\"",
            "does not count now",
        ),
        (
            ", valid-from: \"2100-01-01T00:00:00Z\"",
            "does not count now",
        ),
    ] {
        bench.write("liftlock.yaml", &rules(&TWO.replace("DATES", dates)));
        let told = bench.expect(10, "verify --role builder a");
        assert!(told.contains(why), "{told}");
    }
}

/// Rules with the job's identity in the builder role.
fn identity(job: &Job, dates: &str) -> String {
    rules(&format!(
        "sigstore: {{ trusted-root: trusted_root.json }}
trust:
  - name: ci
    roles: [builder]
    identities: [{{ issuer: \"{}\", name: \"{SAN}\" {dates} }}]
",
        job.loopback.url()
    ))
}

#[test]
fn an_identity_is_judged_at_the_time_others_saw_it() {
    let job = Job::new();
    job.expect(0, &format!("sign --trust-config {V2} a"));
    let write = |dates: &str| {
        let path = job.folder.path().join("liftlock.yaml");
        fs::write(path, identity(&job, dates)).unwrap();
    };
    write("");
    job.expect(0, "verify --role builder --offline a");
    // Whatever came after the signature changes nothing about it.
    write(", revoked-at: \"2100-01-01T00:00:00Z\"");
    job.expect(0, "verify --role builder a");
    for (dates, why) in [
        (", revoked-at: \"2026-01-01T00:00:00Z\"", "was revoked at"),
        (
            ", valid-until: \"2026-01-01T00:00:00Z\"",
            "did not count at",
        ),
    ] {
        write(dates);
        let told = job.expect(10, "verify --role builder a").stdout;
        assert!(told.contains(why), "{told}");
    }
    fs::remove_file(job.folder.path().join("liftlock.yaml")).unwrap();
    job.expect(3, "verify --role builder a");
}

#[test]
fn a_release_takes_what_an_identity_in_the_builder_role_signed() {
    let job = Job::new();
    let line = "release --key cosign.key --version 1 --owner team --artifact api=a";
    job.expect(0, "generate-key-pair");
    let path = job.folder.path().join("liftlock.yaml");
    let key = "  - { name: own, roles: [builder], keys: [{ key-file: cosign.pub }] }\n";
    let rules = identity(&job, "") + key;
    fs::write(&path, &rules).unwrap();
    let told = job.expect(10, line).stdout;
    assert!(
        told.contains("is not signed by somebody in the builder role"),
        "{told}"
    );
    job.expect(0, &format!("sign --trust-config {V2} a"));
    fs::write(&path, rules.replace("release.yml", "other.yml")).unwrap();
    job.expect(10, line);
    fs::write(&path, &rules).unwrap();
    job.expect(0, line);
}

#[test]
fn a_release_takes_signatures_that_only_the_file_proves() {
    let bench = keys();
    bench.expect(
        0,
        "generate-key-pair --algorithm p384 --output-key-prefix wide",
    );
    bench.write(
        "liftlock.yaml",
        &rules(&TWO.replace("DATES", "").replace("first.pub", "wide.pub")),
    );
    let line = "release --key second.key --version 1 --owner team --artifact api=a";
    bench.expect(10, line);
    bench.expect(0, "sign --key wide.key a");
    bench.expect(0, line);
}
