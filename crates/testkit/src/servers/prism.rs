//! Prism between a client and a stand-in for GitHub: it holds both against
//! GitHub's own description of its API.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::several_times;
use crate::process::{Process, free_address};
use crate::{http, peers};

/// The running proxy.
#[derive(Debug)]
pub struct Prism {
    process: Process,
    url: String,
    _folder: TempDir,
}

impl Prism {
    /// Starts it before a server, or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when the description is missing, or it does not become ready.
    pub fn before(upstream: &str) -> Result<Option<Self>> {
        let Some(program) = peers::require("prism") else {
            return Ok(None);
        };
        let description = peers::folder().join("github.json");
        ensure!(
            description.is_file(),
            "no GitHub description, run scripts/peers"
        );
        several_times(|| Self::run(&program, &description, upstream)).map(Some)
    }

    fn run(program: &Path, description: &Path, upstream: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .args([
                "proxy",
                "-h",
                "127.0.0.1",
                "-p",
                &address.port().to_string(),
            ])
            .arg("--errors")
            .arg(description)
            .arg(upstream);
        let mut process = Process::spawn("prism", &mut command, folder.path())?;
        let url = format!("http://{address}");
        // A path that is in no description is told so once it listens.
        process.ready(|| http::answers(&format!("{url}/ready"), 404))?;
        Ok(Self {
            process,
            url,
            _folder: folder,
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The lines in which it found something that GitHub does not describe, in
    /// a request or in an answer.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let said = self.process.stdout();
        let found = said
            .lines()
            .filter(|line| line.contains("terminated with error") && !line.contains("get /ready"));
        found.map(str::to_owned).collect()
    }
}
