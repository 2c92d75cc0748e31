//! `timestamp-server` of sigstore/timestamp-authority, its key in memory.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use super::certificates;
use crate::process::{Process, free_address};
use crate::servers::several_times;
use crate::{http, peers};

/// A running timestamp authority.
#[derive(Debug)]
pub struct TimestampServer {
    process: Process,
    address: SocketAddr,
    #[expect(dead_code, reason = "holds the logs as long as the process runs")]
    folder: TempDir,
}

impl TimestampServer {
    /// Starts it, or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = peers::require("timestamp-server") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program)).map(Some)
    }

    fn run(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let mut command = Command::new(program);
        // NTP monitoring would ask servers of the public network.
        command
            .args(["serve", "--disable-ntp-monitoring", "--host", "127.0.0.1"])
            .args(["--port", &address.port().to_string()])
            .current_dir(folder.path());
        let mut process = Process::spawn("timestamp-server", &mut command, folder.path())?;
        process.ready(|| http::answers(&format!("http://{address}/ping"), 200))?;
        Ok(Self {
            process,
            address,
            folder,
        })
    }

    /// The full URL that takes requests.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/api/v1/timestamp", self.address)
    }

    /// Its certificates, the signer's first, the root last.
    ///
    /// # Errors
    ///
    /// Fails when it does not answer.
    pub fn chain(&self) -> Result<Vec<Vec<u8>>> {
        certificates(&http::get(&format!("{}/certchain", self.url()))?.text())
    }

    /// The process, to stop it in the middle of a test.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
