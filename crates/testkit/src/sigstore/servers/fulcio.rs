//! Fulcio with a root of its own that lives as long as the process.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::certificates;
use crate::process::{Process, free_address, free_port};
use crate::servers::several_times;
use crate::sigstore::clock::Clock;
use crate::sigstore::issuer::Issuer;
use crate::{http, peers};

/// What kind of subjects the issuer of a Fulcio names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// Verified addresses of persons.
    Email,
    /// Subjects that are URIs below that of the issuer.
    Uri,
    /// Runs of workflows of GitHub.
    GitHub,
}

impl IssuerKind {
    /// Fulcio's settings for that issuer (sigstore/fulcio `docs/oidc.md`).
    fn settings(self, issuer: &str) -> Value {
        let kind = match self {
            Self::Email => json!({ "Type": "email" }),
            Self::Uri => json!({ "Type": "uri", "SubjectDomain": issuer }),
            Self::GitHub => json!({ "Type": "github-workflow" }),
        };
        let mut settings = json!({ "IssuerURL": issuer, "ClientID": "sigstore" });
        if let (Some(all), Value::Object(kind)) = (settings.as_object_mut(), kind) {
            all.extend(kind);
        }
        settings
    }
}

/// A running Fulcio and its issuer. It has no log of certificates, so that its
/// certificates hold no SCT.
#[derive(Debug)]
pub struct Fulcio {
    process: Process,
    address: SocketAddr,
    issuer: Issuer,
    #[expect(dead_code, reason = "holds the logs as long as the process runs")]
    folder: TempDir,
}

impl Fulcio {
    /// Starts it, or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start(kind: IssuerKind) -> Result<Option<Self>> {
        let Some(program) = peers::require("fulcio") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program, kind)).map(Some)
    }

    fn run(program: &Path, kind: IssuerKind) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let issuer = Issuer::start(Clock::default())?;
        let url = issuer.url();
        // In JSON it has other names than in YAML.
        let config = json!({ "OIDCIssuers": { url.as_str(): kind.settings(&url) } });
        fs::write(folder.path().join("config.json"), config.to_string())?;
        let port = address.port();
        let mut command = Command::new(program);
        command
            .args(["serve", "--ca", "ephemeralca", "--ct-log-url", ""])
            .args(["--config-path", "config.json"])
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--grpc-host", "127.0.0.1"])
            .args(["--grpc-port", &free_port()?.to_string()])
            .args(["--metrics-port", &free_port()?.to_string()])
            // Its default is one name for all instances of a machine.
            .args(["--legacy-unix-domain-socket", &format!("@fulcio-{port}")])
            .current_dir(folder.path());
        let mut process = Process::spawn("fulcio", &mut command, folder.path())?;
        process.ready(|| http::answers(&format!("http://{address}/healthz"), 200))?;
        Ok(Self {
            process,
            address,
            issuer,
            folder,
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Who makes tokens for it.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Its certificates, the one that issues first, the root last.
    ///
    /// # Errors
    ///
    /// Fails when it does not answer.
    pub fn chain(&self) -> Result<Vec<Vec<u8>>> {
        let answer = http::get(&format!("{}/api/v2/trustBundle", self.url()))?;
        let bundle: Value = serde_json::from_slice(&answer.body)?;
        let all = bundle.pointer("/chains/0/certificates");
        let all = all.and_then(Value::as_array).context("no chain")?;
        certificates(&all.iter().filter_map(Value::as_str).collect::<String>())
    }

    /// The process, to stop it in the middle of a test.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
