//! `timestamp-server` of sigstore/timestamp-authority, its key in memory.

use std::env;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use super::certificates;
use crate::process::{Process, free_address};
use crate::servers::several_times;
use crate::{http, peers, wait};

/// How long a test waits for its turn.
const TURN: Duration = Duration::from_secs(120);

/// A running timestamp authority: one at a time on a machine, since its metrics
/// have a port that cannot be chosen.
#[derive(Debug)]
pub struct TimestampServer {
    process: Process,
    address: SocketAddr,
    #[expect(dead_code, reason = "holds the logs as long as the process runs")]
    folder: TempDir,
    #[expect(dead_code, reason = "is let go after the process has ended")]
    turn: File,
}

impl TimestampServer {
    /// Starts it, or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready, or another test does not end its own.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = peers::require("timestamp-server") else {
            return Ok(None);
        };
        let turn = turn()?;
        several_times(|| Self::run(&program, turn.try_clone()?)).map(Some)
    }

    fn run(program: &Path, turn: File) -> Result<Self> {
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
            turn,
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

/// Waits until nobody else on this machine runs one.
fn turn() -> Result<File> {
    let path = env::temp_dir().join("liftlock-timestamp-server.lock");
    let file = File::create(path)?;
    wait::until("turn for the timestamp server", TURN, || {
        file.try_lock().ok()
    })?;
    Ok(file)
}
