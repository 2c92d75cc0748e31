//! Starts `demo-app` in a test.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::Slot;
use crate::process::{Process, free_address};
use crate::{cli, http};

/// A running application that serves one slot.
#[derive(Debug)]
pub struct App {
    process: Process,
    address: SocketAddr,
    slot: Slot,
    _logs: TempDir,
}

impl App {
    /// Starts it for the slot in `folder`, which has to exist.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start(folder: &Path) -> Result<Self> {
        let program = cli::bin("demo-app");
        let logs = tempfile::tempdir()?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .args(["--listen", &address.to_string(), "--slot"])
            .arg(folder);
        let mut process = Process::spawn("demo-app", &mut command, logs.path())?;
        process.ready(|| http::answers(&format!("http://{address}/version"), 200))?;
        Ok(Self {
            process,
            address,
            slot: Slot::new(folder),
            _logs: logs,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL for a path that begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its slot.
    #[must_use]
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Makes it serve what is in its slot now, as a restart would.
    ///
    /// # Errors
    ///
    /// Fails when it does not answer.
    pub fn reload(&self) -> Result<()> {
        let answer = http::send("POST", &self.url("/-/reload"), &[], &[])?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(())
    }

    /// The process, to stop it in the middle of a test.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
