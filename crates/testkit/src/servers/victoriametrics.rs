//! VictoriaMetrics, which gets its samples pushed.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::several_times;
use crate::process::{Process, free_address};
use crate::{http, peers};

/// A running server.
#[derive(Debug)]
pub struct VictoriaMetrics {
    _process: Process,
    url: String,
    _folder: TempDir,
}

impl VictoriaMetrics {
    /// Starts it, or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = peers::require("victoria-metrics") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program)).map(Some)
    }

    fn run(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .arg(format!("-httpListenAddr={address}"))
            .arg(format!(
                "-storageDataPath={}",
                folder.path().join("data").display()
            ));
        let mut process = Process::spawn("victoria-metrics", &mut command, folder.path())?;
        let url = format!("http://{address}");
        process.ready(|| http::answers(&format!("{url}/health"), 200))?;
        Ok(Self {
            _process: process,
            url,
            _folder: folder,
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes samples in Prometheus' text format, with times in milliseconds.
    ///
    /// # Errors
    ///
    /// Fails when it refuses them.
    pub fn push(&self, samples: &str) -> Result<()> {
        let url = format!("{}/api/v1/import/prometheus", self.url);
        let answer = http::send("POST", &url, &[], samples.as_bytes())?;
        ensure!(answer.status == 204, "{}", answer.text());
        Ok(())
    }
}
