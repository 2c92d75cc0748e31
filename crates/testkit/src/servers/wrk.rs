//! wrk, which asks until it is told to stop, and tells who answered what.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::demo::Counts;
use crate::peers;
use crate::process::Process;

/// How many connections ask beside one another.
const CONNECTIONS: u32 = 8;

/// What wrk does at each request, and what it tells in the end.
const SCRIPT: &str = include_str!("count.lua");

/// Load that goes on until it is finished.
#[derive(Debug)]
pub struct Wrk {
    process: Process,
    _folder: TempDir,
}

impl Wrk {
    /// Starts asking for `url`, that many times a second at most; gives nothing
    /// where wrk is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be started.
    pub fn start(url: &str, rate: u32) -> Result<Option<Self>> {
        let Some(program) = peers::require("wrk") else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("count.lua");
        fs::write(&script, SCRIPT)?;
        let pause = CONNECTIONS * 1_000 / rate;
        let mut command = Command::new(program);
        command
            .args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
            .args(["--duration", "24h", "--timeout", "5s", "--script"])
            .arg(script)
            .args([url, "--", &pause.to_string()]);
        let process = Process::spawn("wrk", &mut command, folder.path())?;
        Ok(Some(Self {
            process,
            _folder: folder,
        }))
    }

    /// Ends it and gives its counts.
    ///
    /// # Errors
    ///
    /// Fails when it does not end well or tells something else.
    pub fn finish(mut self) -> Result<Counts> {
        self.process.signal("INT")?;
        let status = self.process.wait(Duration::from_secs(10))?;
        ensure!(status.success(), "{}", self.process.stderr());
        let told = self.process.stdout();
        read(&told).with_context(|| format!("wrk told {told}"))
    }
}

/// Reads the lines of the script's `done`.
fn read(told: &str) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut ended = false;
    for line in told.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words {
            ["answers", version, status, count] => {
                let count: u64 = count.parse()?;
                let statuses = counts.versions.entry(version.to_owned()).or_default();
                *statuses.entry(status.parse()?).or_default() += count;
                counts.requests += count;
            }
            ["failed", count] => counts.failed = count.parse()?,
            ["microseconds", count] => {
                counts.elapsed_ms = count.parse::<u64>()? / 1_000;
                ended = true;
            }
            _ => {}
        }
    }
    ensure!(ended, "no last line");
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_several_threads_add_up() {
        let told = "Running 24h test\nanswers 2 200 7\nanswers 2 500 1\nanswers 2 200 3\n\
                    failed 2\nmicroseconds 1500999\n";
        let counts = read(told).unwrap();
        assert_eq!(
            (counts.requests, counts.failed, counts.elapsed_ms),
            (11, 2, 1_500)
        );
        assert_eq!(counts.versions["2"][&200], 10);
        assert!(read("answers 2 200 7\n").is_err());
        assert!(read("answers 2 200 many\nmicroseconds 1\n").is_err());
    }
}
