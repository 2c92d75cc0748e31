//! InfluxDB 1.x with one database, `shop`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::several_times;
use crate::process::{Process, free_address};
use crate::{http, peers};

/// A running server.
#[derive(Debug)]
pub struct InfluxDb {
    _process: Process,
    url: String,
    _folder: TempDir,
}

impl InfluxDb {
    /// Starts it, or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = peers::require("influxd") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program)).map(Some)
    }

    fn run(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (address, backup) = (free_address()?, free_address()?);
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "reporting-disabled = true\nbind-address = '{backup}'\n\
             [meta]\ndir = '{}'\n[data]\ndir = '{}'\nwal-dir = '{}'\n\
             [http]\nbind-address = '{address}'\n",
            at("meta"),
            at("data"),
            at("wal"),
        );
        let file = folder.path().join("influxdb.conf");
        fs::write(&file, config)?;
        let mut command = Command::new(program);
        command.arg("-config").arg(&file);
        let mut process = Process::spawn("influxd", &mut command, folder.path())?;
        let url = format!("http://{address}");
        process.ready(|| http::answers(&format!("{url}/ping"), 204))?;
        let made = Self {
            _process: process,
            url,
            _folder: folder,
        };
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let create = b"q=CREATE%20DATABASE%20shop";
        let answer = http::send("POST", &format!("{}/query", made.url), &kind, create)?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(made)
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes points in the line protocol, with times in milliseconds.
    ///
    /// # Errors
    ///
    /// Fails when it refuses them.
    pub fn push(&self, points: &str) -> Result<()> {
        let url = format!("{}/write?db=shop&precision=ms", self.url);
        let answer = http::send("POST", &url, &[], points.as_bytes())?;
        ensure!(answer.status == 204, "{}", answer.text());
        Ok(())
    }
}
