#![cfg(test)]
//! Signing with the identity of a CI, on an instance of Sigstore on loopback:
//! what independent verifiers say, and what happens when a service is down.

mod job;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use job::{BINARY, Job, SAN, V1, V2};
use testkit::cli::Run;
use testkit::http::Gate;
use testkit::sigstore::{Fault, Identity, Lie, Service};

#[test]
fn a_job_signs_and_cosign_verifies() {
    for config in [V1, V2] {
        let job = Job::new();
        job.expect(0, &format!("sign --trust-config {config} a"));
        let told = job.expect(0, &job.trusted("a")).stdout;
        assert!(
            told.contains(SAN) && told.contains("seen by the clock"),
            "{told}"
        );
        job.accepted_by_cosign("verify-blob --bundle a.sigstore.json a");
        job.expect(10, &job.trusted("--bundle a.sigstore.json b"));
    }
}

#[test]
fn one_certificate_is_enough_for_many_files() {
    let job = Job::new();
    job.expect(0, &format!("sign --trust-config {V2} a b c d e"));
    // The token, the certificate, and two for each file.
    assert_eq!(job.loopback.calls().len(), 2 + 2 * 5);
    job.expect(0, &job.trusted("a b c d e"));
    let job = Job::new();
    job.expect(
        0,
        &format!("sign --trust-config {V2} --statement all.json a b c d e"),
    );
    assert_eq!(job.loopback.calls().len(), 4);
    job.expect(0, &job.trusted("--bundle all.json a b c d e"));
    let kind = "https://liftlock.github.io/predicates/signature/v1";
    job.accepted_by_cosign(&format!(
        "verify-blob-attestation --bundle all.json --type {kind} c"
    ));
}

#[test]
fn a_file_that_would_sign_a_statement_is_refused_before_anybody_is_asked() {
    let job = Job::new();
    let message = "DSSEv1 28 application/vnd.in-toto+json 2 {}";
    fs::write(job.folder.path().join("a"), message).unwrap();
    let output = job.expect(3, &format!("sign --trust-config {V1} a"));
    assert!(output.stderr.contains("`DSSEv1 `"), "{}", output.stderr);
    assert!(job.loopback.calls().is_empty() && !job.exists("a.sigstore.json"));
}

#[test]
fn only_the_right_identity_counts() {
    let job = Job::new();
    job.expect(0, &format!("sign --trust-config {V1} a"));
    let issuer = job.loopback.url();
    let with = |name: &str, issuer: &str| {
        format!("verify --identity {name} --issuer {issuer} --trusted-root trusted_root.json a")
    };
    let pattern = "^https://github\\.com/acme/shop/\\.github/workflows/release\\.yml@.*$";
    job.expect(0, &with(pattern, &issuer));
    let other = job.expect(10, &with("https://github.com/acme/other", &issuer));
    assert!(other.stdout.contains(SAN), "{}", other.stdout);
    job.expect(
        10,
        &with(SAN, "https://token.actions.githubusercontent.com"),
    );
    job.expect(2, &with("^.*$", &issuer));
    job.expect(2, &with(".*", "^.*"));
    // The public instance knows nothing of this one.
    job.expect(10, &format!("verify --identity {SAN} --issuer {issuer} a"));
    job.expect(10, &job.trusted("--threshold 2 a"));
    job.expect(2, "verify a");
}

#[test]
fn one_workflow_that_two_others_call_is_one_signer() {
    let job = Job::new();
    let name = |workflow: &str| format!("acme/shop/.github/workflows/{workflow}@refs/heads/main");
    let sign = |workflow: &str, caller: &str| {
        let run = Identity::github("acme/shop");
        let run = run.claim("job_workflow_ref", name(workflow));
        let token = job.loopback.token(&run.claim("workflow_ref", name(caller)));
        fs::write(job.folder.path().join("token"), token.unwrap()).unwrap();
        job.expect(
            0,
            &format!("sign --trust-config {V2} --identity-token token --evidence file:kept a"),
        );
    };
    let issuer = job.loopback.url();
    let two = |other: &str| {
        let name = name("other.yml");
        format!(
            "verify --identity {SAN} --identity https://github.com/{name} --issuer {issuer} --trusted-root trusted_root.json --evidence file:kept --threshold {other} a"
        )
    };
    sign("release.yml", "one.yml");
    sign("release.yml", "two.yml");
    job.expect(0, &two("1"));
    let told = job.expect(10, &two("2")).stdout;
    assert!(told.contains("signed by 1 of the 2"), "{told}");
    sign("other.yml", "one.yml");
    job.expect(0, &two("2"));
}

#[test]
fn a_proof_needs_no_network() {
    let allowed = Run::new("unshare").args(["-rn", "true"]).output();
    if !allowed.is_ok_and(|output| output.code == 0) {
        println!("skipped: `unshare -rn` is not allowed here");
        return;
    }
    let job = Job::new();
    job.expect(0, &format!("sign --trust-config {V2} a"));
    let line = job.trusted("--offline a");
    let run = Run::new("unshare")
        .args(["-rn", BINARY])
        .args(line.split(' '));
    let output = run.folder(job.folder.path()).output().unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let image = format!("{line} registry.example/x:1");
    assert!(job.expect(2, &image).stderr.contains("offline"));
    job.expect(2, "sign --offline a");
}

#[test]
fn a_private_name_stays_out_of_the_public_log() {
    let job = Job::new();
    let private = Identity::github("acme/shop").claim("repository_visibility", "private");
    let token = job.loopback.token(&private).unwrap();
    let sign = |files: &str| {
        let line = format!("sign --identity-token env://TOKEN{files} a");
        let run = Run::new(BINARY).args(line.split(' '));
        let run = run.env("TOKEN", &token).folder(job.folder.path());
        run.output().unwrap()
    };
    // A private root with a public service is as public as the public root.
    let mut both = job.bundle(V1);
    let root = both["trustedRoot"].to_string();
    both["signingConfig"]["tsaUrls"][0]["url"] = "https://Timestamp.SIGSTORE.dev./".into();
    let files = [
        ("root.json", root),
        ("config.json", both["signingConfig"].to_string()),
        ("both.json", both.to_string()),
    ];
    for (name, text) in files {
        fs::write(job.folder.path().join(name), text).unwrap();
    }
    for files in [
        "",
        " --trusted-root root.json --signing-config config.json",
        " --trust-config both.json",
    ] {
        let output = sign(files);
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains("--public-log"), "{}", output.stderr);
        assert!(!job.exists("a.sigstore.json"));
    }
    assert!(job.loopback.calls().is_empty(), "nobody was asked");
    let output = sign(&format!(" --trust-config {V1}"));
    assert_eq!(output.code, 0, "{}", output.stderr);
}

#[test]
fn a_token_for_somebody_else_is_refused_before_anything_is_asked() {
    let job = Job::new();
    let other = Identity::github("acme/shop").claim("aud", "elsewhere");
    let token = job.loopback.token(&other).unwrap();
    fs::write(job.folder.path().join("token"), token).unwrap();
    let output = job.expect(
        4,
        &format!("sign --trust-config {V1} --identity-token token a"),
    );
    assert!(output.stderr.contains("`elsewhere`"), "{}", output.stderr);
    assert!(job.loopback.calls_of(Service::Fulcio).is_empty());
}

/// A job of Buildkite whose agent is this script.
fn buildkite(job: &Job, script: &str) -> (i32, String) {
    let folder = job.folder.path();
    let agent = folder.join("bin/buildkite-agent");
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(&agent, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.join("bin").display());
    let run = Run::new(BINARY).args(["sign", "--trust-config", V1, "a"]);
    let run = run
        .env("PATH", path)
        .env("BUILDKITE_AGENT_ACCESS_TOKEN", "x");
    let output = run.folder(folder).output().unwrap();
    (output.code, output.stderr)
}

#[test]
fn the_agent_of_buildkite_is_asked_for_a_token() {
    let job = Job::new();
    let token = job.loopback.token(&Identity::github("acme/shop")).unwrap();
    fs::write(job.folder.path().join("token"), token).unwrap();
    let asked = r#"test "$*" = "oidc request-token --audience sigstore" && cat token"#;
    let (code, text) = buildkite(&job, asked);
    assert_eq!(code, 0, "{text}");
    job.expect(0, &job.trusted("a"));
    let (code, text) = buildkite(&job, "echo 'no such job' >&2; exit 3");
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("no such job"), "{text}");
}

/// The services one after the other: half a minute of bad gateways each.
#[test]
fn whoever_waits_gets_a_signature_after_an_outage() {
    let services = [Service::Fulcio, Service::RekorV2, Service::Stamps];
    std::thread::scope(|scope| {
        for service in services {
            scope.spawn(move || {
                let job = Job::new();
                job.loopback.next(service, 6, &Fault::status(502));
                job.expect(0, &format!("sign --trust-config {V2} a"));
                assert_eq!(job.loopback.calls_of(service).len(), 7, "{service:?}");
                job.expect(0, &job.trusted("a"));
            });
            scope.spawn(move || {
                let job = Job::new();
                job.loopback.next(service, 2, &Fault::drop());
                job.expect(0, &format!("sign --trust-config {V2} a"));
                job.expect(0, &job.trusted("a"));
            });
            scope.spawn(move || {
                let job = Job::new();
                let gate = Gate::default();
                job.loopback.next(service, 1, &Fault::hang(&gate));
                job.expect(0, &format!("sign --trust-config {V2} a"));
                job.expect(0, &job.trusted("a"));
            });
        }
    });
}

#[test]
fn an_answer_that_was_lost_costs_nothing() {
    for (service, config) in [(Service::RekorV1, V1), (Service::RekorV2, V2)] {
        let job = Job::new();
        job.loopback.next(service, 1, &Fault::Lost);
        job.expect(0, &format!("sign --trust-config {config} a"));
        job.expect(0, &job.trusted("a"));
        job.accepted_by_cosign("verify-blob --bundle a.sigstore.json a");
    }
}

#[test]
fn retry_after_is_kept_and_a_refusal_is_final() {
    let job = Job::new();
    job.loopback
        .next(Service::Stamps, 1, &Fault::retry_after(429, 600));
    let output = job.expect(1, &format!("sign --trust-config {V1} --on-outage fail a"));
    assert!(output.stderr.contains("429"), "{}", output.stderr);
    assert_eq!(job.loopback.calls_of(Service::Stamps).len(), 1);
    assert!(!job.exists("a.sigstore.json"));
    let job = Job::new();
    job.loopback.next(
        Service::Fulcio,
        1,
        &Fault::refuse(400, r#"{"message":"no such issuer"}"#),
    );
    let output = job.expect(1, &format!("sign --trust-config {V1} a"));
    assert!(
        output.stderr.contains("no such issuer"),
        "{}",
        output.stderr
    );
    assert_eq!(job.loopback.calls_of(Service::Fulcio).len(), 1);
}

#[test]
fn what_the_log_could_not_take_is_finished_later() {
    for (service, config) in [(Service::RekorV1, V1), (Service::RekorV2, V2)] {
        let job = Job::new();
        job.loopback.until_healed(service, &Fault::status(502));
        let line = format!("sign --trust-config {config} --on-outage defer --outage-budget 1s a");
        let told = job.expect(0, &line).stdout;
        assert!(told.contains("finish"), "{told}");
        assert!(job.exists("a.sigstore.json.unfinished"));
        let refused = job.expect(10, &job.trusted("a")).stdout;
        assert!(refused.contains("in no trusted log"), "{refused}");
        job.expect(0, &job.trusted("--allow-unlogged a"));
        let finish = format!("finish --trust-config {config} --outage-budget 1s a.sigstore.json");
        job.expect(1, &finish);
        job.loopback.heal(service);
        job.expect(0, &finish);
        assert!(!job.exists("a.sigstore.json.unfinished"));
        job.expect(0, &job.trusted("a"));
        job.accepted_by_cosign("verify-blob --bundle a.sigstore.json a");
        let again = job.expect(0, &finish).stdout;
        assert!(again.contains("proved"), "{again}");
        let entries = job.bundle("a.sigstore.json");
        let entries = &entries["verificationMaterial"]["tlogEntries"];
        assert_eq!(entries.as_array().unwrap().len(), 1);
    }
}

#[test]
fn finish_passes_nothing_that_is_not_proved() {
    let job = Job::new();
    job.loopback
        .until_healed(Service::RekorV1, &Fault::status(502));
    job.expect(
        0,
        &format!("sign --trust-config {V1} --on-outage defer --outage-budget 1s a"),
    );
    fs::remove_file(job.folder.path().join("a.sigstore.json.unfinished")).unwrap();
    let finish = format!("finish --trust-config {V1} a.sigstore.json");
    let refused = job.expect(10, &finish).stderr;
    assert!(refused.contains("in no trusted log"), "{refused}");
}

#[test]
fn without_the_clock_the_logs_time_has_to_do() {
    let job = Job::new();
    job.loopback
        .until_healed(Service::Stamps, &Fault::status(502));
    let defer = "--on-outage defer --outage-budget 1s a";
    job.expect(0, &format!("sign --trust-config {V1} {defer}"));
    job.expect(0, &job.trusted("a"));
    job.accepted_by_cosign("verify-blob --bundle a.sigstore.json a");
    job.loopback.heal(Service::Stamps);
    job.expect(0, &format!("finish --trust-config {V1} a.sigstore.json"));
    job.expect(0, &job.trusted("a"));
    job.accepted_by_cosign("verify-blob --bundle a.sigstore.json a");
    // A log of v2 has no clock: then nobody says when, and nothing is signed.
    let job = Job::new();
    job.loopback
        .until_healed(Service::Stamps, &Fault::status(502));
    job.expect(10, &format!("sign --trust-config {V2} {defer}"));
    assert!(!job.exists("a.sigstore.json"));
}

#[test]
fn no_lie_of_a_service_leaves_a_bundle() {
    let lies = [
        (Service::Fulcio, Lie::OtherKey, V1),
        (Service::Fulcio, Lie::Expired, V1),
        (Service::RekorV1, Lie::OtherEntry, V1),
        (Service::RekorV1, Lie::OtherLog, V1),
        (Service::RekorV2, Lie::OtherEntry, V2),
        (Service::RekorV2, Lie::OtherLog, V2),
        (Service::Stamps, Lie::OtherImprint, V1),
        (Service::Stamps, Lie::OtherNonce, V1),
    ];
    for (service, lie, config) in lies {
        let job = Job::new();
        job.loopback.until_healed(service, &Fault::Lie(lie));
        let output = job.run(&format!(
            "sign --trust-config {config} --on-outage fail --outage-budget 1s a"
        ));
        assert!(
            matches!(output.code, 1 | 3 | 10),
            "{service:?} {lie:?}: {} {}",
            output.code,
            output.stderr
        );
        assert!(!job.exists("a.sigstore.json"), "{service:?} {lie:?}");
    }
}
