//! Starts `demo-load` in a test, and the form of its result.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::cli;
use crate::process::Process;

/// What came back under load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that nobody answered.
    pub failed: u64,
    /// Milliseconds from start to end.
    pub elapsed_ms: u64,
    /// Version (from the header `x-version`) → status → answers.
    pub versions: BTreeMap<String, BTreeMap<u16, u64>>,
}

impl Counts {
    /// All answers of one version.
    #[must_use]
    pub fn of(&self, version: &str) -> u64 {
        self.versions
            .get(version)
            .map_or(0, |statuses| statuses.values().sum())
    }

    /// Counts one answer.
    pub fn answer(&mut self, version: &str, status: u16) {
        self.requests += 1;
        let statuses = self.versions.entry(version.to_owned()).or_default();
        *statuses.entry(status).or_default() += 1;
    }

    /// Adds what another connection counted.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.elapsed_ms = self.elapsed_ms.max(other.elapsed_ms);
        for (version, statuses) in other.versions {
            let mine = self.versions.entry(version).or_default();
            for (status, count) in statuses {
                *mine.entry(status).or_default() += count;
            }
        }
    }
}

/// Load that goes on until it is finished.
#[derive(Debug)]
pub struct Load {
    process: Process,
    folder: TempDir,
}

impl Load {
    /// Starts asking for `url`, that many times a second at most.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be started.
    pub fn start(url: &str, rate: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(cli::bin("demo-load"));
        command
            .args(["--url", url, "--rate", &rate.to_string(), "--stop"])
            .arg(folder.path().join("stop"));
        let process = Process::spawn("demo-load", &mut command, folder.path())?;
        Ok(Self { process, folder })
    }

    /// Ends it and gives its counts.
    ///
    /// # Errors
    ///
    /// Fails when it does not end well.
    pub fn finish(mut self) -> Result<Counts> {
        fs::write(self.folder.path().join("stop"), "")?;
        let status = self.process.wait(Duration::from_secs(10))?;
        ensure!(status.success(), "{}", self.process.stderr());
        Ok(serde_json::from_str(&self.process.stdout())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let (mut one, mut two) = (Counts::default(), Counts::default());
        one.answer("v1", 200);
        two.answer("v1", 200);
        two.answer("v2", 500);
        two.failed = 1;
        one.add(two);
        assert_eq!(
            (one.requests, one.failed, one.of("v1"), one.of("v3")),
            (3, 1, 2, 0)
        );
        let json = serde_json::to_value(&one).unwrap();
        assert_eq!(json["versions"]["v2"]["500"], 1);
    }
}
