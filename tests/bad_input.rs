//! Bad input that no test of a single crate covers: the code of the table, one
//! line that names file or address and the field, nothing written half.
//!
//! | input | covered by |
//! |---|---|
//! | configuration | `contracts.rs`, `policy.rs`, `schemas.rs` |
//! | digest, release.json | here, `sign-artifact/tests/cli.rs` |
//! | bundle | `sign-artifact/tests/cli.rs`, `await-approval/tests/cli.rs` |
//! | key | here, `sign-artifact/tests/cli.rs`, `policy.rs` |
//! | counts file, NaN in it | `canary-check/tests/cli.rs` |
//! | ledger, record | `audit-log/tests/cli.rs` |
//! | registry: HTML, broken JSON, refusals, cut off | here |
//! | Prometheus: 400, 422, 401, HTML, empty, NaN, fractions, warnings | `canary-check/tests/cli.rs` |
//! | Prometheus: several series | `liftlock/src/prometheus/gather.rs` |
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use testkit::cli::{self, Output, Run};
use testkit::http::{Answer, Ending, Server};
use testkit::samples::{Key, Release};

fn stage() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let key = Key::named("builder");
    put("builder.key", key.private_pem().as_bytes());
    put("builder.pub", key.public_pem().as_bytes());
    put(
        "broken.pub",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    );
    put("api", b"api");
    let release = Release::new("shop", "1").artifact("api", b"api");
    put("release.json", &release.bytes());
    folder
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.collect()
}

/// Runs a binary that must refuse its input, and looks that it left nothing.
fn refused(folder: &Path, verb: &str, line: &str, codes: &[i32]) -> Output {
    let before = files(folder);
    let output = Run::new(cli::bin(verb))
        .args(line.split_whitespace())
        .folder(folder)
        .output()
        .unwrap();
    assert!(
        codes.contains(&output.code),
        "{verb} {line}: {} {}",
        output.code,
        output.stderr
    );
    assert_eq!(output.stdout, "", "{verb} {line}");
    assert!(output.stderr.starts_with("error: "), "{}", output.stderr);
    assert_eq!(files(folder), before, "{verb} {line}");
    output
}

#[test]
fn a_malformed_release_is_named_with_its_field_by_every_reader() {
    let folder = stage();
    let at = folder.path();
    let good = fs::read_to_string(at.join("release.json")).unwrap();
    let digest = liftlock::digest::Digest::of(b"api").to_string();
    let cases = [
        (good.replace(&digest, "sha256:abc"), "sha256:abc"),
        (good.replace(&digest, "md5:00"), "md5:00"),
        (good.replace("\"shop\"", "\"Shop\""), "Shop"),
        (
            good.replace("\"schema_version\": 1", "\"schema_version\": 2"),
            "schema_version",
        ),
        (good.replace("\"artifacts\"", "\"artefacts\""), "artifacts"),
        ("<html></html>".to_owned(), "release.json"),
        (String::new(), "release.json"),
        (good[..good.len() / 2].to_owned(), "release.json"),
    ];
    let lines = [
        (
            "promote",
            "plan --environment p --target oci-layout:x:p --release release.json",
        ),
        (
            "rollback",
            "plan --environment p --target oci-layout:x:p --good release.json",
        ),
        (
            "await-approval",
            "request --environment p --quorum 1 --people-key a=builder.pub --output r.json --release release.json",
        ),
        (
            "audit-log",
            "append --kind note --note x --ledger file:ledger --release-file release.json",
        ),
    ];
    for (text, field) in cases {
        fs::write(at.join("release.json"), &text).unwrap();
        for (verb, line) in lines {
            let told = refused(at, verb, line, &[3]).stderr;
            assert!(told.contains("release.json"), "{verb}: {told}");
            assert!(told.contains(field), "{verb} has no {field}: {told}");
        }
    }
}

#[test]
fn a_malformed_key_or_digest_is_named() {
    let folder = stage();
    let at = folder.path();
    let ask = "request --environment p --quorum 1 --output r.json --release release.json";
    let told = refused(
        at,
        "await-approval",
        &format!("{ask} --people-key a=broken.pub"),
        &[3],
    );
    assert!(told.stderr.contains("broken.pub"), "{}", told.stderr);
    let told = refused(at, "sign-artifact", "verify --key broken.pub api", &[3]);
    assert!(told.stderr.contains("broken.pub"), "{}", told.stderr);
    let told = refused(at, "audit-log", "evidence sha256:abc", &[2]);
    assert!(told.stderr.contains("sha256:abc"), "{}", told.stderr);
    let told = refused(
        at,
        "sign-artifact",
        "verify --key builder.pub sha256:abc",
        &[2, 3],
    );
    assert!(told.stderr.contains("sha256:abc"), "{}", told.stderr);
}

#[test]
fn who_typed_too_little_is_told_what_to_give_or_where_to_read() {
    let programs = [
        sign_artifact::command(),
        canary_check::command(),
        await_approval::command(),
        promote::command(),
        rollback::command(),
        audit_log::command(),
    ];
    let mut lost = Vec::new();
    for program in programs {
        let name = program.get_name().to_owned();
        let subcommands = program.get_subcommands().filter(|one| !one.is_hide_set());
        let lines = subcommands.map(|one| one.get_name().to_owned());
        for line in std::iter::once(String::new()).chain(lines) {
            let run = Run::new(cli::bin(&name)).args(line.split_whitespace());
            let told = run.output().unwrap();
            // An empty folder is enough for some.
            let ended = matches!(told.code, 2 | 3);
            let way_out = told.stderr.contains("hint: ") || told.stderr.contains("--help");
            if ended && !way_out {
                lost.push(format!("{name} {line}: {} {}", told.code, told.stderr));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn a_registry_that_answers_something_else_gives_no_verdict() {
    let folder = stage();
    let at = folder.path();
    let page = Answer::new(200)
        .header("content-type", "text/html")
        .body("<html>sign in</html>");
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let broken = Answer::new(200)
        .header("content-type", manifest)
        .body("{\"schemaVersion\":");
    #[rustfmt::skip]
    let cases = [
        ("a page", page, vec![1]),
        ("half a document", broken.clone(), vec![1, 3]),
        ("a cut connection", broken.ending(Ending::CloseAfter(4)), vec![1]),
        ("nothing", Answer::new(500), vec![1]),
        ("too many", Answer::new(429), vec![1]),
        ("who are you", Answer::new(401), vec![4]),
        ("not for you", Answer::new(403), vec![4]),
        ("unknown", Answer::new(404), vec![3]),
    ];
    for (name, answer, codes) in cases {
        let server = Server::script([answer]).unwrap();
        let image = format!("{}/shop:1", server.address());
        for line in [
            format!("sign --key builder.key {image}"),
            format!("verify --key builder.pub {image}"),
        ] {
            let told = refused(at, "sign-artifact", &line, &codes).stderr;
            let host = server.address().to_string();
            assert!(
                told.contains(&host) || told.contains(&image),
                "{name}: {told}"
            );
        }
    }
}
