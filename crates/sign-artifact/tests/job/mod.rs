//! A folder with files, and a job of GitHub beside an instance of Sigstore on
//! loopback.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::peers;
use testkit::sigstore::{Loopback, Settings};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");
pub(crate) const SAN: &str =
    "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main";
pub(crate) const V1: &str = "trust_config.json";
pub(crate) const V2: &str = "trust_config_rekor_v2.json";

/// A folder with files, and a job of GitHub that may ask for tokens.
pub(crate) struct Job {
    pub(crate) folder: TempDir,
    pub(crate) loopback: Loopback,
}

impl Job {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loopback = Loopback::start(&Settings::default()).unwrap();
        loopback.write(folder.path()).unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            fs::write(folder.path().join(name), format!("{name}\n")).unwrap();
        }
        Self { folder, loopback }
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        let mut run = Run::new(BINARY)
            .args(line.split(' '))
            .folder(self.folder.path());
        run = run.env("COSIGN_PASSWORD", "secret");
        for (name, value) in self.loopback.job("acme/shop") {
            run = run.env(name, value);
        }
        // A service that hangs costs half a minute, on a busy machine more.
        run.limit(Duration::from_secs(240)).output().unwrap()
    }

    /// Runs and expects this code.
    pub(crate) fn expect(&self, code: i32, line: &str) -> Output {
        let output = self.run(line);
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "`{line}`: {text}");
        output
    }

    pub(crate) fn trusted(&self, rest: &str) -> String {
        let issuer = self.loopback.url();
        format!("verify --identity {SAN} --issuer {issuer} --trusted-root trusted_root.json {rest}")
    }

    pub(crate) fn cosign(&self, line: &str) -> Option<Output> {
        let program = peers::require("cosign")?;
        let issuer = self.loopback.url();
        let line = format!(
            "{line} --trusted-root trusted_root.json --certificate-identity {SAN} --certificate-oidc-issuer {issuer}"
        );
        let run = Run::new(program).args(line.split(' '));
        let run = run.env("TUF_ROOT", self.folder.path().join("tuf"));
        Some(run.folder(self.folder.path()).output().unwrap())
    }

    pub(crate) fn accepted_by_cosign(&self, line: &str) {
        if let Some(output) = self.cosign(line) {
            assert_eq!(output.code, 0, "cosign {line}: {}", output.stderr);
        }
    }

    pub(crate) fn bundle(&self, name: &str) -> Value {
        let bytes = fs::read(self.folder.path().join(name)).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }
}
