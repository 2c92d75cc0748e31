#![cfg(test)]
//! Statements over many files, checksums and provenance, as others read and
//! write them.

mod bench;

use std::fs;

use bench::Bench;
use testkit::cli::Run;
use testkit::peers;

fn cosign(bench: &Bench, code: i32, line: &str) {
    let Some(cosign) = peers::require("cosign") else {
        return;
    };
    let output = Run::new(cosign)
        .args(line.split(' '))
        // cosign keeps its roots somewhere; nothing may be kept outside.
        .env("TUF_ROOT", bench.path("tuf"))
        .folder(bench.0.path())
        .output()
        .unwrap();
    assert_eq!(output.code, code, "`{line}`: {}", output.stderr);
}

#[test]
fn cosign_accepts_one_statement_for_each_of_its_files_and_no_other() {
    let bench = Bench::new();
    bench.write("b", "b");
    bench.write("c", "c");
    bench.expect(0, "sign --key cosign.key --statement all.json a b");
    let kind = "https://liftlock.github.io/predicates/signature/v1";
    let check = "--insecure-ignore-tlog --key cosign.pub --bundle all.json";
    for (file, code) in [("a", 0), ("b", 0), ("c", 1)] {
        cosign(&bench, code, &format!("verify-blob {check} {file}"));
        cosign(
            &bench,
            code,
            &format!("verify-blob-attestation {check} --type {kind} {file}"),
        );
    }
    // It is no statement of another kind.
    cosign(
        &bench,
        1,
        &format!("verify-blob-attestation {check} --type custom a"),
    );
}

#[test]
fn cosign_accepts_every_piece_of_a_statement_that_was_cut() {
    let bench = Bench::new();
    fs::create_dir(bench.path("many")).unwrap();
    for number in 0..1025 {
        bench.write(&format!("many/{number:04}"), &number.to_string());
    }
    bench.expect(
        0,
        "sign --key cosign.key --statement many.sigstore.json many",
    );
    let check = "verify-blob --insecure-ignore-tlog --key cosign.pub --bundle";
    cosign(
        &bench,
        0,
        &format!("{check} many.1.sigstore.json many/0000"),
    );
    cosign(
        &bench,
        0,
        &format!("{check} many.2.sigstore.json many/1024"),
    );
    cosign(
        &bench,
        1,
        &format!("{check} many.2.sigstore.json many/0000"),
    );
}

#[test]
fn cosign_accepts_provenance_from_a_ci() {
    let bench = Bench::new();
    let line = "attest --key cosign.key --from-ci --bundle p.json a";
    let variables = [
        ("COSIGN_PASSWORD", "secret"),
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://gitlab.com/acme/shop"),
        ("CI_COMMIT_REF_NAME", "main"),
        ("CI_COMMIT_SHA", "d20ace7968ba43c0219f62d71334c1095bab1602"),
        ("CI_CONFIG_PATH", ".gitlab-ci.yml"),
        ("CI_PIPELINE_SOURCE", "push"),
        ("CI_JOB_URL", "https://gitlab.com/acme/shop/-/jobs/9"),
        ("CI_RUNNER_ID", "12"),
    ];
    let run = Run::new(bench::BINARY)
        .args(line.split(' '))
        .folder(bench.0.path());
    let run = variables
        .into_iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    assert_eq!(run.output().unwrap().code, 0);
    let check = "verify-blob-attestation --insecure-ignore-tlog --key cosign.pub";
    cosign(
        &bench,
        0,
        &format!("{check} --type slsaprovenance1 --bundle p.json a"),
    );
}

#[test]
fn what_sha256sum_writes_is_read_whatever_the_names() {
    let Some(sha256sum) = peers::require("sha256sum") else {
        return;
    };
    let bench = Bench::new();
    fs::create_dir(bench.path("dist")).unwrap();
    let names = [
        "plain",
        "with space",
        " (1) = b",
        "new\nline",
        "back\\slash",
        "ö",
    ];
    for name in names {
        bench.write(&format!("dist/{name}"), name);
    }
    for flags in [&["--binary"][..], &["--text"], &["--tag"]] {
        let output = Run::new(&sha256sum)
            .args(flags)
            .args(names)
            .folder(bench.path("dist"))
            .output()
            .unwrap();
        bench.write("dist/SHA256SUMS", &output.stdout);
        let result = bench.json(0, "sign --key cosign.key --checksums dist/SHA256SUMS");
        let signed = result["detail"]["signed"].as_array().unwrap().len();
        assert_eq!(signed, names.len(), "{flags:?}: {}", output.stdout);
        bench.expect(0, "verify --key cosign.pub --checksums dist/SHA256SUMS");
    }
}
