#![cfg(test)]
//! `release`: whose signatures its artifacts need, parts, references, notes.

mod bench;

use std::fs;

use base64::Engine as _;
use bench::{Bench, sample};
use liftlock::digest::Digest;
use liftlock::predicate::SIGNATURE;
use liftlock_io::evidence::Evidence;
use serde_json::Value;

const RELEASE: &str = "release --key cosign.key --service shop --version 1 --owner team";

/// A key of the release, one of the builder, one of a stranger; two artifacts
/// that nobody signed.
fn bench() -> Bench {
    let bench = Bench::empty();
    bench.expect(0, "generate-key-pair");
    for name in ["builder", "stranger"] {
        bench.expect(0, &format!("generate-key-pair --output-key-prefix {name}"));
    }
    bench.write("api", "the api\n");
    bench.write("worker", "the worker\n");
    bench
}

fn released(bench: &Bench, name: &str) -> Value {
    serde_json::from_str(&bench.read(name)).unwrap()
}

/// Rules that name a builder.
const RULES: &str = "version: 1\nservice: shop\nevidence: file:kept\nledger: file:ledger\n\
    trust:\n  - { name: ci, roles: [builder], keys: [{ key-file: builder.pub }] }\n";

#[test]
fn an_artifact_that_nobody_signed_is_refused_with_the_command_that_would() {
    let bench = bench();
    let line = format!("{RELEASE} --artifact api=api --artifact worker=worker");
    bench.expect(0, "sign --key cosign.key api");
    let told = bench.expect(10, &line);
    assert!(told.contains("`worker` is not signed by"), "{told}");
    assert!(
        told.contains("sign-artifact sign --key BUILDER.key worker"),
        "{told}"
    );
    assert!(!bench.path("release.json").exists());
    assert!(!bench.path("release.json.sigstore.json").exists());
    bench.expect(0, "sign --key stranger.key worker");
    let result = bench.json(10, &line);
    assert_eq!(result["detail"]["unsigned"][0]["name"], "worker");
    bench.expect(0, &format!("{line} --signed-by stranger.pub"));
    // A signature of other bytes is none.
    bench.write("worker", "changed\n");
    bench.expect(10, &format!("{line} --signed-by stranger.pub"));
    bench.expect(0, &format!("{line} --unsigned-artifacts"));
    bench.expect(
        2,
        &format!("{line} --unsigned-artifacts --signed-by stranger.pub"),
    );
}

#[test]
fn a_configuration_that_names_its_builder_cannot_be_talked_out_of_it() {
    let bench = bench();
    bench.write("liftlock.yaml", RULES);
    let line = "release --key builder.key --version 1 --owner team --artifact api=api";
    bench.expect(0, "sign --key cosign.key api");
    let told = bench.expect(10, line);
    assert!(told.contains("somebody in the builder role"), "{told}");
    bench.expect(3, &format!("{line} --unsigned-artifacts"));
    bench.expect(3, &format!("{line} --signed-by cosign.pub"));
    // Flags that say where everything goes change nothing about that.
    bench.expect(
        10,
        &format!("{line} --service shop --evidence file:elsewhere"),
    );
    bench.expect(0, "sign --key builder.key api");
    let result = bench.json(0, line);
    assert_eq!(result["recorded"], true);
    bench.expect(0, &format!("{line} --signed-by builder.pub"));
    let expired = RULES.replace(
        "{ key-file: builder.pub }",
        "{ key-file: builder.pub, valid-until: \"2020-01-01T00:00:00Z\" }",
    );
    bench.write("liftlock.yaml", &expired);
    bench.expect(4, line);
    // A configuration that trusts nobody yet is no policy.
    bench.write(
        "liftlock.yaml",
        "version: 1\nservice: shop\nevidence: file:kept\n",
    );
    let line = line.replace("builder.key", "cosign.key");
    bench.expect(10, &line);
    bench.expect(0, &format!("{line} --unsigned-artifacts"));
}

#[test]
fn a_release_that_nobody_would_take_is_not_made() {
    let bench = bench();
    let line = "release --key KEY --version 1 --owner team --artifact api=api";
    let with = |key: &str| line.replace("KEY", key);
    bench.expect(0, "sign --key builder.key api");
    bench.write("liftlock.yaml", RULES);
    let told = bench.expect(4, &with("stranger.key"));
    for part in [
        " does not count as `builder`: no entry of `trust` names it",
        "`roles: [builder]`",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    bench.expect(4, &format!("{} --dry-run", with("stranger.key")));
    assert!(!bench.path("release.json").exists());
    // A part is signed by nobody, and whoever merges it is asked.
    bench.expect(0, "release --part x --artifact api=api");
    // Where nobody is a builder, somebody else may read it: it is said.
    bench.write("liftlock.yaml", &RULES.replace("builder]", "judge]"));
    let told = bench.expect(10, &with("stranger.key"));
    let nobody = "no entry of `trust` has the role `builder`: it counts for nobody";
    assert!(told.contains(nobody), "{told}");
}

#[test]
fn an_artifact_that_no_rule_knows_is_refused_by_its_name() {
    let bench = bench();
    bench.expect(0, "sign --key builder.key api worker");
    let line = "release --key builder.key --version 1 --owner team --artifact";
    bench.write(
        "liftlock.yaml",
        &format!("artifacts: {{ api: file, worker: file }}\n{RULES}"),
    );
    let typo = format!("{line} api=api --artifact wroker=worker");
    let told = bench.expect(3, &typo);
    for part in [
        "no rule knows the artifact `wroker`: `artifacts` names api, worker",
        "write `worker`",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    bench.expect(3, "release --part x --artifact wroker=worker");
    let told = bench.expect(3, &format!("{line} api=api"));
    assert!(told.contains("the artifact `worker` is missing"), "{told}");
    bench.expect(0, "release --part x --artifact api=api");
    bench.expect(0, &format!("{line} api=api --artifact worker=worker"));
    // Which environments it is for is not said: a target without it is told.
    let target = "environments: { p: { targets: [{ registry: { image: 'oci-layout:site', tag: t }, artifact: image }] } }";
    bench.write("liftlock.yaml", &format!("{RULES}{target}\n"));
    let told = bench.expect(0, &format!("{line} api=api"));
    assert!(
        told.contains("oci-layout:site:t of p points at the artifact `image`, which this release does not have"),
        "{told}"
    );
}

#[test]
fn a_signature_is_found_wherever_signatures_are_kept() {
    let bench = bench();
    bench.write("liftlock.yaml", RULES);
    let line = "release --key builder.key --version 1 --owner team --artifact api=api --artifact worker=worker";
    bench.expect(10, line);
    bench.expect(0, "sign --key builder.key --evidence file:kept api worker");
    fs::remove_file(bench.path("api.sigstore.json")).unwrap();
    fs::remove_file(bench.path("worker.sigstore.json")).unwrap();
    bench.expect(0, line);
    fs::remove_dir_all(bench.path("kept")).unwrap();
    bench.expect(10, line);
    bench.expect(0, "sign --key builder.key --statement all.json api worker");
    bench.expect(10, line);
    bench.expect(0, &format!("{line} --bundle all.json --dry-run"));
    bench.expect(10, line);
    // The pieces of a statement that was cut belong to its name.
    fs::rename(bench.path("all.json"), bench.path("all.1.sigstore.json")).unwrap();
    bench.expect(0, &format!("{line} --bundle all.json"));
    // What proved the artifacts is evidence from then on.
    bench.expect(
        0,
        "verify --key builder.pub --evidence file:kept api worker",
    );
    bench.expect(0, line);
    // Whoever says how it was built has signed it; an SBOM says no such thing.
    bench.write("tool", "x");
    bench.write("p.json", &sample("cyclonedx"));
    bench.expect(
        0,
        "attest --key builder.key --type cyclonedx --predicate p.json --bundle s.json tool",
    );
    let tool = "release --key builder.key --version 1 --owner team --artifact tool=tool";
    bench.expect(10, &format!("{tool} --bundle s.json"));
    bench.write(
        "p.json",
        r#"{"buildDefinition":{"buildType":"urn:x:y","externalParameters":{}},
            "runDetails":{"builder":{"id":"urn:x:z"}}}"#,
    );
    bench.expect(
        0,
        "attest --key builder.key --type provenance --predicate p.json --bundle h.json tool",
    );
    bench.expect(0, &format!("{tool} --bundle h.json"));
}

/// A signature that nobody can check without the file, by nobody.
fn junk(bench: &Bench, number: u8) -> String {
    let mut bundle: Value = serde_json::from_str(&bench.read("api.sigstore.json")).unwrap();
    let digest = base64::engine::general_purpose::STANDARD.encode([number; 48]);
    bundle["messageSignature"]["messageDigest"] =
        serde_json::json!({ "algorithm": "SHA2_384", "digest": digest });
    bundle.to_string()
}

#[test]
fn what_cannot_be_judged_ends_the_run_only_where_there_is_nothing_else() {
    let bench = bench();
    bench.write("liftlock.yaml", RULES);
    let digest = Digest::of(b"the api\n");
    bench.expect(0, "sign --key builder.key --evidence file:kept api");
    let place = format!("file:{}", bench.path("kept").display());
    let store = Evidence::open(&place).unwrap();
    // Some come before the good one, and some after it.
    for number in 0..16 {
        let junk = junk(&bench, number);
        store.put(&[digest], SIGNATURE, junk.as_bytes()).unwrap();
        bench.write(&format!("alone.{}.sigstore.json", number + 1), &junk);
    }
    let verify = "verify --key builder.pub";
    bench.expect(0, &format!("{verify} --evidence file:kept {digest}"));
    let release =
        format!("release --key builder.key --version 1 --owner team --artifact api={digest}");
    bench.expect(0, &release);
    // None of them is a signature.
    fs::remove_dir_all(bench.path("kept")).unwrap();
    let told = bench.expect(10, &format!("{verify} --bundle alone.json {digest}"));
    assert!(told.contains("only the SHA-256 is known"), "{told}");
    for number in 0..2 {
        let junk = junk(&bench, number);
        store.put(&[digest], SIGNATURE, junk.as_bytes()).unwrap();
        // The only one that there is.
        let code = if number == 0 { 3 } else { 10 };
        bench.expect(code, &format!("{verify} --evidence file:kept {digest}"));
        bench.expect(code, &release);
    }
    // A piece that is no bundle hides none of the others.
    fs::rename(
        bench.path("api.sigstore.json"),
        bench.path("alone.3.sigstore.json"),
    )
    .unwrap();
    bench.write("alone.1.sigstore.json", "{}");
    bench.expect(0, &format!("{verify} --bundle alone.json {digest}"));
    bench.expect(
        3,
        &format!("{verify} --bundle alone.1.sigstore.json {digest}"),
    );
}

#[test]
fn parts_of_several_jobs_become_one_release() {
    let bench = bench();
    bench.expect(0, "sign --key cosign.key api worker");
    let part = "release --service shop --commit abc --part";
    let told = bench.json(0, &format!("{part} linux --artifact api=api"));
    assert_eq!(told["outputs"]["release-file"], Value::Null);
    assert_eq!(told["detail"]["release_file"], "linux.part.json");
    bench.expect(
        0,
        &format!("{part} jobs --artifact worker=worker --output out.json"),
    );
    // The job that releases has neither the files nor the bundles beside them.
    for name in ["api", "worker", "api.sigstore.json", "worker.sigstore.json"] {
        fs::remove_file(bench.path(name)).unwrap();
    }
    bench.write("cli", "the cli\n");
    bench.expect(0, "sign --key cosign.key cli");
    let line = format!("{RELEASE} --merge *.part.json --merge out.json --artifact cli=cli");
    bench.expect(0, &line);
    let release = released(&bench, "release.json");
    let names: Vec<&String> = release["artifacts"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["api", "cli", "worker"]);
    assert_eq!(release["commit"], "abc");
    assert_eq!(release["artifacts"]["api"]["size"], 8);
    assert_eq!(release["artifacts"]["api"].get("signatures"), None);
    let text = bench.expect(3, &format!("{line} --commit def"));
    assert!(text.contains("`def` in this run and `abc` in"), "{text}");
    bench.expect(3, &line.replace("--service shop", "--service cart"));
    bench.expect(3, &line.replace("*.part.json", "no*.json"));
    bench.expect(2, &format!("{line} --part both"));
    // Nobody who edits a part gets other bytes released.
    bench.edit("out.json", |part| {
        part["artifacts"]["worker"]["digest"] = Digest::of(b"evil").to_string().into();
    });
    let told = bench.expect(10, &line);
    assert!(told.contains("`worker` is not signed"), "{told}");
}

#[test]
fn two_jobs_that_built_different_bytes_of_one_name_are_refused() {
    let bench = bench();
    bench.expect(0, "sign --key cosign.key api worker");
    bench.expect(0, "release --part one --artifact api=api");
    bench.expect(0, "release --part two --artifact api=worker");
    let line = format!("{RELEASE} --merge one.part.json --merge two.part.json");
    let told = bench.expect(3, &line);
    let one = Digest::of(b"the api\n").to_string();
    let two = Digest::of(b"the worker\n").to_string();
    for part in [&one, &two, "`api`", "`one.part.json`", "`two.part.json`"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!bench.path("release.json").exists());
    bench.expect(0, "release --part two --artifact api=api");
    bench.expect(0, &line);
    bench.write("two.part.json", "{}");
    let told = bench.expect(3, &line);
    assert!(told.contains("`two.part.json`"), "{told}");
    bench.expect(2, "release --part three");
    bench.expect(3, &line.replace("two.part.json", "absent.json"));
}

#[test]
fn references_are_bundles_about_the_artifact_by_the_builder() {
    let bench = bench();
    bench.write("liftlock.yaml", RULES);
    bench.expect(0, "sign --key builder.key api worker");
    bench.write("p.json", &sample("spdx"));
    let attest = "attest --type spdx --predicate p.json --no-config";
    bench.expect(
        0,
        &format!("{attest} --key builder.key --bundle api.sbom.json api"),
    );
    bench.expect(
        0,
        &format!("{attest} --key builder.key --bundle worker.sbom.json worker"),
    );
    bench.expect(
        0,
        &format!("{attest} --key stranger.key --bundle forged.json api"),
    );
    let line = "release --key builder.key --version 1 --owner team --artifact api=api";
    bench.expect(0, &format!("{line} --sbom api=api.sbom.json"));
    let digest = Digest::of(&fs::read(bench.path("api.sbom.json")).unwrap());
    let release = released(&bench, "release.json");
    assert_eq!(
        release["artifacts"]["api"]["sbom"],
        serde_json::json!([digest])
    );
    // It is evidence now, and found by its digest.
    let verify = "verify --key builder.pub --type spdx --evidence file:kept api";
    bench.expect(0, verify);
    let result = bench.json(0, &format!("{line} --sbom api={digest}"));
    assert_eq!(result["detail"]["unseen"], serde_json::json!([]));
    let nowhere = Digest::of(b"nowhere");
    let result = bench.json(0, &format!("{line} --provenance api={nowhere}"));
    assert_eq!(result["detail"]["unseen"], serde_json::json!([nowhere]));
    for (value, code, message) in [
        ("api=worker.sbom.json", 10, "is not about"),
        ("api=forged.json", 10, "none of the given keys"),
        ("api=api.sigstore.json", 10, "not an attestation"),
        ("api=p.json", 3, "cannot understand `p.json`"),
        ("api=absent.json", 3, "absent.json"),
        ("other=api.sbom.json", 2, "names no artifact"),
    ] {
        let told = bench.expect(code, &format!("{line} --sbom {value}"));
        assert!(told.contains(message), "{value}: {told}");
    }
    let told = bench.expect(10, &format!("{line} --provenance api=api.sbom.json"));
    assert!(told.contains("no provenance"), "{told}");
    let told = bench.expect(10, &format!("{line} --provenance api={digest}"));
    assert!(told.contains("no provenance"), "{told}");
}

#[test]
fn notes_from_a_file_are_known_by_its_digest() {
    let bench = bench();
    bench.expect(0, "sign --key cosign.key api");
    bench.write("NOTES.md", "# 1\n\n- faster\n");
    let line = format!("{RELEASE} --artifact api=api");
    bench.expect(0, &format!("{line} --notes-file NOTES.md"));
    let release = released(&bench, "release.json");
    assert_eq!(release["notes"], "# 1\n\n- faster\n");
    let digest = Digest::of(b"# 1\n\n- faster\n").to_string();
    assert_eq!(release["notes_digest"], digest.as_str());
    bench.expect(2, &format!("{line} --notes-file NOTES.md --notes x"));
    bench.write("NOTES.md", &"x".repeat(256 * 1024 + 1));
    let told = bench.expect(3, &format!("{line} --notes-file NOTES.md"));
    assert!(told.contains("say by `--notes` where they are"), "{told}");
}

#[test]
fn the_attestation_is_beside_an_image_as_well() {
    let bench = bench();
    bench.image("img");
    let line = format!("{RELEASE} --artifact api=oci-layout:img:v1");
    bench.expect(10, &line);
    bench.expect(0, "sign --key cosign.key oci-layout:img:v1");
    bench.expect(0, &line);
    bench.expect(
        0,
        "verify --key cosign.pub --type release oci-layout:img:v1",
    );
    // A part names the image; whoever merges it attaches there.
    bench.image("two");
    bench.expect(0, "sign --key cosign.key oci-layout:two:v1");
    bench.expect(0, "release --part two --artifact api=oci-layout:two:v1");
    bench.expect(0, &format!("{RELEASE} --merge two.part.json"));
    bench.expect(
        0,
        "verify --key cosign.pub --type release oci-layout:two:v1",
    );
}
