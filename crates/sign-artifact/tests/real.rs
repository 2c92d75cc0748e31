#![cfg(test)]
//! Signing without a key on the real Fulcio, rekor-tiles and timestamp server.
//! None of them keeps a log of certificates: that one runs with a database only.

use std::fs;

use serde_json::Value;
use testkit::cli::{Output, Run};
use testkit::peers;
use testkit::sigstore::{Case, Identity, IssuerKind, Judge, Real, Signer};

const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");
const SAN: &str = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main";

/// A folder with two files, a token, and what tells of the services.
struct Place {
    folder: tempfile::TempDir,
    real: Real,
}

impl Place {
    fn new() -> Option<Self> {
        let real = Real::start(IssuerKind::GitHub).unwrap()?;
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            real,
        };
        let issuer = place.real.fulcio.issuer();
        let token = issuer.token(&Identity::github("acme/shop")).unwrap();
        let root = place.real.trusted_root().unwrap().to_string();
        let config = place.real.signing_config().to_string();
        for (name, text) in [
            ("a", "hello\n"),
            ("b", "another\n"),
            ("token", &token),
            ("root.json", &root),
            ("config.json", &config),
            ("p.json", "{}"),
        ] {
            fs::write(place.folder.path().join(name), text).unwrap();
        }
        Some(place)
    }

    fn run(&self, program: &str, line: &str) -> Output {
        let run = Run::new(program).args(line.split(' '));
        let run = run.env("TUF_ROOT", self.folder.path().join("tuf"));
        run.folder(self.folder.path()).output().unwrap()
    }

    fn ours(&self, code: i32, line: &str) {
        let output = self.run(BINARY, line);
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "`{line}`: {text}");
    }

    fn signer(&self) -> String {
        format!(
            "--identity {SAN} --issuer {}",
            self.real.fulcio.issuer().url()
        )
    }

    fn cosign(&self, line: &str) {
        let Some(program) = peers::require("cosign") else {
            return;
        };
        let issuer = self.real.fulcio.issuer().url();
        let line = format!(
            "{line} --trusted-root root.json --insecure-ignore-sct --certificate-identity {SAN} --certificate-oidc-issuer {issuer}"
        );
        let output = self.run(&program.to_string_lossy(), &line);
        assert_eq!(output.code, 0, "cosign {line}: {}", output.stderr);
    }
}

#[test]
fn the_real_services_sign_for_us_and_others_verify() {
    let Some(place) = Place::new() else { return };
    let services = "--identity-token token --trusted-root root.json --signing-config config.json";
    place.ours(0, &format!("sign {services} a"));
    place.ours(0, &format!("sign {services} --statement all.json a b"));
    let kind = "--type https://example.com/p";
    place.ours(
        0,
        &format!("attest {services} {kind} --predicate p.json --bundle said.json a"),
    );
    let signer = place.signer();
    for line in [
        "a",
        "--bundle all.json a b",
        &format!("{kind} --bundle said.json a"),
    ] {
        place.ours(
            0,
            &format!("verify --trusted-root root.json {signer} {line}"),
        );
        place.ours(
            10,
            &format!(
                "verify --trusted-root root.json {} {line}",
                signer.replace("shop", "other")
            ),
        );
    }
    place.ours(
        10,
        &format!("verify --trusted-root root.json {signer} --bundle a.sigstore.json b"),
    );
    place.cosign("verify-blob --bundle a.sigstore.json a");
    place.cosign(&format!(
        "verify-blob-attestation {kind} --bundle said.json a"
    ));
    let bytes = fs::read(place.folder.path().join("a.sigstore.json")).unwrap();
    let bundle: Value = serde_json::from_slice(&bytes).unwrap();
    let case = Case {
        root: &place.real.trusted_root().unwrap(),
        signing_config: &place.real.signing_config(),
        bundle: &bundle,
        artifact: b"hello\n",
        signer: Signer::Identity {
            san: SAN,
            issuer: &place.real.fulcio.issuer().url(),
        },
    };
    // The Python client always asks for a log of certificates.
    if let Some(verdict) = Judge::JavaScript.verdict(&case).unwrap() {
        assert_eq!(verdict, Ok(()));
    }
}
