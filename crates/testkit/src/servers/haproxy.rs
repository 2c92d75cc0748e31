//! HAProxy in front of two servers, `v1` and `v2` of the backend `be`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::several_times;
use crate::process::{Process, free_address};
use crate::{http, peers};

/// The name of the backend.
pub const BACKEND: &str = "be";

/// A running proxy.
#[derive(Debug)]
pub struct Haproxy {
    process: Process,
    front: SocketAddr,
    runtime: SocketAddr,
    stats: SocketAddr,
    folder: TempDir,
}

/// A server behind the proxy and its weight, 0 to 256.
pub type Weighted = (SocketAddr, u16);

impl Haproxy {
    /// Starts it before `v1` and `v2`; gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start(v1: Weighted, v2: Weighted) -> Result<Option<Self>> {
        Self::before(&format!(
            "  server v1 {} weight {}\n  server v2 {} weight {}\n",
            v1.0, v1.1, v2.0, v2.1,
        ))
    }

    /// Starts it before the servers of these lines of its configuration.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn before(servers: &str) -> Result<Option<Self>> {
        let Some(program) = peers::require("haproxy") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program, servers)).map(Some)
    }

    fn run(program: &Path, servers: &str) -> Result<Self> {
        // Paths of Unix sockets are short (108 bytes): hence not in a deep folder.
        let folder = tempfile::Builder::new().prefix("ha").tempdir_in("/tmp")?;
        let (front, runtime, stats) = (free_address()?, free_address()?, free_address()?);
        let socket = folder.path().join("sock");
        let config = format!(
            "global\n  stats socket {socket} mode 600 level admin\n  \
             stats socket {socket}-user mode 600 level user\n  \
             stats socket ipv4@{runtime} level admin\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n\
             frontend fe\n  bind {front}\n  default_backend {BACKEND}\n\
             backend {BACKEND}\n  balance roundrobin\n{servers}\
             frontend stats\n  bind {stats}\n  \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n  \
             stats enable\n  stats uri /stats\n",
            socket = socket.display(),
        );
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, config)?;
        let mut command = Command::new(program);
        command.arg("-f").arg(&file).arg("-db");
        let mut process = Process::spawn("haproxy", &mut command, folder.path())?;
        process.ready(|| http::answers(&format!("http://{stats}/metrics"), 200))?;
        Ok(Self {
            process,
            front,
            runtime,
            stats,
            folder,
        })
    }

    /// Where users come in.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.front)
    }

    /// The path of its runtime socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    /// The path of a runtime socket of level `user`.
    #[must_use]
    pub fn reading(&self) -> PathBuf {
        self.folder.path().join("sock-user")
    }

    /// `HOST:PORT` of its runtime socket.
    #[must_use]
    pub const fn runtime(&self) -> SocketAddr {
        self.runtime
    }

    /// Where `/metrics` and the statistics page `/stats` are.
    #[must_use]
    pub const fn stats(&self) -> SocketAddr {
        self.stats
    }

    /// Says one line to the runtime socket and gives the answer.
    ///
    /// # Errors
    ///
    /// Fails when the socket does.
    pub fn say(&self, line: &str) -> Result<String> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream)
            .take(1 << 20)
            .read_to_string(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }

    /// The weight of a server right now.
    ///
    /// # Errors
    ///
    /// Fails when there is no such server.
    pub fn weight(&self, server: &str) -> Result<u16> {
        let answer = self.say(&format!("get weight {BACKEND}/{server}"))?;
        let first = answer
            .as_bytes()
            .lines()
            .next()
            .context("an empty answer")??;
        let (weight, _) = first.split_once(" (").with_context(|| first.clone())?;
        Ok(weight.parse()?)
    }

    /// Sets the weight of `v1` or `v2`.
    ///
    /// # Errors
    ///
    /// Fails when the proxy refuses.
    pub fn set_weight(&self, server: &str, weight: u16) -> Result<()> {
        let answer = self.say(&format!("set weight {BACKEND}/{server} {weight}"))?;
        ensure!(answer.is_empty(), "{answer}");
        Ok(())
    }

    /// The process, to stop it in the middle of a test.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
