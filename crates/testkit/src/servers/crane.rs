//! The registry of crane: in memory, without or with a list of referrers.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use super::several_times;
use crate::process::{Process, free_address};
use crate::{http, peers};

/// A running registry.
#[derive(Debug)]
pub struct Crane {
    _process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Crane {
    /// Starts it without a list of referrers, as crane does; gives nothing
    /// where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start() -> Result<Option<Self>> {
        let words = ["registry", "serve", "--address"];
        match peers::require("crane") {
            None => Ok(None),
            Some(program) => several_times(|| Self::run(&program, &words)).map(Some),
        }
    }

    /// Starts it with a list of referrers; gives nothing where it is not
    /// installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn with_referrers() -> Result<Option<Self>> {
        match peers::require("referrers-registry") {
            None => Ok(None),
            Some(program) => several_times(|| Self::run(&program, &[])).map(Some),
        }
    }

    fn run(program: &Path, words: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command.args(words).arg(address.to_string());
        let mut process = Process::spawn("crane", &mut command, folder.path())?;
        process.ready(|| http::answers(&format!("http://{address}/v2/"), 200))?;
        Ok(Self {
            _process: process,
            address,
            _folder: folder,
        })
    }

    /// `HOST:PORT`, as image references begin.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }
}
