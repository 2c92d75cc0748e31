//! What cosign 2 attaches to images, with certificates: ours and real
//! cosign's, on an instance of Sigstore on loopback.

use std::fs;

use testkit::cli::Run;
use testkit::peers;
use testkit::servers::Registry;
use testkit::sigstore::{Identity, LogVersion};

use crate::bench::push;
use crate::job::{Job, SAN, V1, V2};

/// A job, and a repository with the images `ours` and `theirs`.
struct Place {
    job: Job,
    registry: Registry,
}

impl Place {
    fn new() -> Option<Self> {
        peers::require("cosign")?;
        let registry = Registry::start(None).unwrap()?;
        let repository = format!("{}/shop", registry.host());
        for tag in ["ours", "theirs"] {
            push(&repository, tag, tag);
        }
        let job = Job::new();
        job.loopback.write(job.folder.path()).unwrap();
        fs::write(job.folder.path().join("p.json"), "{\"x\":1}").unwrap();
        Some(Self { job, registry })
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/shop:{tag}", self.registry.host())
    }

    fn cosign(&self, line: &str) -> (i32, String) {
        let program = peers::require("cosign").unwrap();
        let folder = self.job.folder.path();
        let run = Run::new(program).args(line.split(' '));
        let run = run.env("TUF_ROOT", folder.join("tuf")).folder(folder);
        let output = run.output().unwrap();
        (output.code, output.stderr)
    }

    /// cosign, in the older form, takes the true signer and no other.
    fn cosign_verifies(&self, verb: &str, image: &str) {
        let issuer = self.job.loopback.url();
        for (san, good) in [(SAN, true), ("https://example.com/", false)] {
            let (code, text) = self.cosign(&format!(
                "{verb} --new-bundle-format=false --trusted-root trusted_root.json --certificate-identity {san} --certificate-oidc-issuer {issuer} {image}"
            ));
            assert_eq!(code == 0, good, "cosign {verb} {san}: {text}");
        }
    }

    /// cosign signs in the older form.
    fn cosign_does(&self, verb: &str, image: &str) {
        let token = self.job.loopback.token(&Identity::github("acme/shop"));
        fs::write(self.job.folder.path().join("token"), token.unwrap()).unwrap();
        let url = self.job.loopback.url();
        let stamps = self.job.loopback.stamps_url();
        let (code, text) = self.cosign(&format!(
            "{verb} --new-bundle-format=false --yes --use-signing-config=false --fulcio-url {url} --rekor-url {url} --timestamp-server-url {stamps} --trusted-root trusted_root.json --identity-token token {image}"
        ));
        assert_eq!(code, 0, "cosign {verb}: {text}");
    }

    /// We take the true signer and no other.
    fn we_verify(&self, rest: &str) {
        self.job.expect(0, &self.job.trusted(rest));
        let other = self.job.trusted(rest).replace("release.yml", "other.yml");
        let told = self.job.expect(10, &other).stdout;
        assert!(told.contains(SAN), "{told}");
    }
}

#[test]
fn layers_with_certificates_pass_both_ways() {
    let Some(place) = Place::new() else { return };
    let (ours, theirs) = (place.image("ours"), place.image("theirs"));
    let job = &place.job;
    job.expect(
        0,
        &format!("sign --trust-config {V1} --image-format v2 {ours}"),
    );
    place.cosign_verifies("verify", &ours);
    place.we_verify(&ours);
    place.cosign_does("sign", &theirs);
    place.we_verify(&theirs);
    let kind = "--type https://example.com/p --predicate p.json";
    job.expect(
        0,
        &format!("attest --trust-config {V1} --image-format v2 {kind} {ours}"),
    );
    place.cosign_verifies("verify-attestation --type https://example.com/p", &ours);
    place.we_verify(&format!("--type https://example.com/p {ours}"));
    place.cosign_does(&format!("attest {kind}"), &theirs);
    place.we_verify(&format!("--type https://example.com/p {theirs}"));
    // Who signed an image said nothing of the other kind.
    job.expect(
        10,
        &job.trusted(&format!("--type https://example.com/q {theirs}")),
    );
    // What is missing the log's word is no proof.
    job.expect(
        0,
        &format!("sign --trust-config {V1} --image-format both {theirs}"),
    );
    place.we_verify(&theirs);
}

#[test]
fn the_older_form_needs_a_log_that_promises() {
    let Some(place) = Place::new() else { return };
    let job = &place.job;
    for format in ["v2", "both"] {
        let line = format!(
            "sign --trust-config {V2} --image-format {format} {}",
            place.image("ours")
        );
        let told = job.expect(3, &line).stderr;
        assert!(told.contains("no log of v1"), "{told}");
    }
    assert_eq!(job.loopback.entries(LogVersion::V2), 0);
    job.expect(10, &job.trusted(&place.image("ours")));
}
