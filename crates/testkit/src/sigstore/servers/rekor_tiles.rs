//! Rekor v2: `rekor-server` of sigstore/rekor-tiles, in a folder.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use liftlock::digest::Digest;
use tempfile::TempDir;

use crate::process::{Process, free_address, free_port};
use crate::servers::several_times;
use crate::sigstore::key::{Curve, Pair};
use crate::sigstore::note;
use crate::{http, peers};

/// The log's name in its checkpoints: the host of its URL, without the port, as
/// clients expect it.
const HOST: &str = "127.0.0.1";

/// A running log.
#[derive(Debug)]
pub struct RekorTiles {
    process: Process,
    address: SocketAddr,
    key: Pair,
    folder: TempDir,
}

impl RekorTiles {
    /// Starts it, or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = peers::require("rekor-posix") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program)).map(Some)
    }

    fn run(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let key = Pair::new(Curve::Ed25519)?;
        let at = folder.path();
        fs::write(at.join("key.pem"), key.private_pem())?;
        let mut command = Command::new(program);
        command
            .args(["serve", "--hostname", HOST, "--signer-filepath", "key.pem"])
            .args(["--storage-dir", "log", "--http-address", HOST])
            .args(["--http-port", &address.port().to_string()])
            .args(["--grpc-port", &free_port()?.to_string()])
            .args(["--http-metrics-port", &free_port()?.to_string()])
            // The shortest that Tessera takes is 1 s; entries wait for it.
            .args(["--checkpoint-interval", "1s", "--batch-max-age", "10ms"])
            .args(["--persistent-antispam", "--client-signing-algorithms"])
            .arg("ecdsa-sha2-256-nistp256,ecdsa-sha2-384-nistp384,ed25519-ph,rsa-sign-pkcs1-2048-sha256")
            .current_dir(at);
        let mut process = Process::spawn("rekor-posix", &mut command, at)?;
        process.ready(|| http::answers(&format!("http://{address}/healthz"), 200))?;
        Ok(Self {
            process,
            address,
            key,
            folder,
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it signs checkpoints with.
    #[must_use]
    pub const fn key(&self) -> &Pair {
        &self.key
    }

    /// Its identifier in roots and entries.
    #[must_use]
    pub fn id(&self) -> Digest {
        note::key_id(HOST, &self.key)
    }

    /// The process, to stop it in the middle of a test.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Where its data is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
