//! Programs that sign by themselves take the instance on loopback for true.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use testkit::cli::Run;
use testkit::peers;
use testkit::sigstore::{Identity, Judge, LogVersion, Loopback, Service, Settings};

use super::independent::{ARTIFACT, SAN, judged};

#[test]
fn sigstore_python_signs_with_it() {
    let Some(program) = peers::require("sigstore") else {
        return;
    };
    let loopback = Loopback::start(&Settings::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    loopback.write(folder.path()).unwrap();
    fs::write(folder.path().join("artifact"), ARTIFACT).unwrap();
    for config in ["trust_config.json", "trust_config_rekor_v2.json"] {
        let token = loopback
            .token(&Identity::email("alice@example.com"))
            .unwrap();
        let output = Run::new(&program)
            .args(["--trust-config", config, "sign", "--overwrite"])
            .args(["--identity-token", &token, "--bundle", "bundle.json"])
            .args(["artifact"])
            .folder(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.code, 0, "{config}: {}", output.stderr);
        let bundle = fs::read(folder.path().join("bundle.json")).unwrap();
        let bundle = serde_json::from_slice(&bundle).unwrap();
        let verdict = judged(Judge::JavaScript, &loopback, &bundle, "alice@example.com");
        assert!(
            matches!(verdict, None | Some(Ok(()))),
            "{config}: {verdict:?}"
        );
    }
}

struct Cosign {
    program: PathBuf,
    loopback: Loopback,
    folder: TempDir,
}

impl Cosign {
    fn new() -> Option<Self> {
        let program = peers::require("cosign")?;
        let loopback = Loopback::start(&Settings::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        loopback.write(folder.path()).unwrap();
        fs::write(folder.path().join("artifact"), ARTIFACT).unwrap();
        fs::write(folder.path().join("predicate"), "{}").unwrap();
        // On its command line cosign takes tokens with RS256 only.
        let token = loopback.token(&Identity::github("acme/shop")).unwrap();
        fs::write(folder.path().join("token"), token).unwrap();
        Some(Self {
            program,
            loopback,
            folder,
        })
    }

    fn run(&self, line: &str) -> (i32, String) {
        let run = Run::new(&self.program)
            .args(line.split(' '))
            .env("TUF_ROOT", self.folder.path().join("tuf"))
            .folder(self.folder.path());
        let output = run.output().unwrap();
        (output.code, output.stderr)
    }

    fn sign(&self, verb: &str, config: &str) {
        let services = format!("--signing-config {config} --trusted-root trusted_root.json");
        let line = format!("{verb} --yes {services} --identity-token token --bundle b artifact");
        let (code, text) = self.run(&line);
        assert_eq!(code, 0, "{verb} with {config}: {text}");
    }

    /// Accepts the true signer, and no other.
    fn verify(&self, verb: &str) {
        let line = |san: &str| {
            let issuer = self.loopback.url();
            let signer = format!("--certificate-identity {san} --certificate-oidc-issuer {issuer}");
            format!("{verb} --trusted-root trusted_root.json --bundle b {signer} artifact")
        };
        let (code, text) = self.run(&line(SAN));
        assert_eq!(code, 0, "{verb}: {text}");
        let (code, _) = self.run(&line("https://example.com/"));
        assert_ne!(code, 0, "{verb}");
    }
}

#[test]
fn cosign_signs_and_attests_with_it_and_verifies() {
    let Some(cosign) = Cosign::new() else { return };
    for config in ["signing_config.json", "signing_config_rekor_v2.json"] {
        cosign.sign("sign-blob", config);
        cosign.verify("verify-blob");
        let kind = "--type https://example.com/p";
        cosign.sign(&format!("attest-blob --predicate predicate {kind}"), config);
        cosign.verify(&format!("verify-blob-attestation {kind}"));
    }
    assert_eq!(cosign.loopback.entries(LogVersion::V1), 2);
    assert_eq!(cosign.loopback.entries(LogVersion::V2), 2);
    assert_eq!(cosign.loopback.calls_of(Service::Fulcio).len(), 4);
}
