//! nginx before upstreams of one server each, which a variable names.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::process::{Process, free_address};
use crate::{http, peers};

/// The variable that names the upstream.
pub const VARIABLE: &str = "shop";

/// A proxy that runs when it is started.
#[derive(Debug)]
pub struct Nginx {
    process: Option<Process>,
    program: PathBuf,
    front: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    /// Writes its configuration, with these upstreams and all but the file that
    /// it includes; gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when that cannot be written.
    pub fn new(upstreams: &[(&str, SocketAddr)]) -> Result<Option<Self>> {
        let Some(program) = peers::require("nginx") else {
            return Ok(None);
        };
        let (folder, front) = (tempfile::tempdir()?, free_address()?);
        let root = folder.path().display();
        let upstreams: String = upstreams
            .iter()
            .map(|(name, server)| format!("  upstream {name} {{ server {server}; }}\n"))
            .collect();
        let config = format!(
            "daemon off;\nmaster_process on;\nworker_processes 1;\npid {root}/pid;\nerror_log {root}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n  access_log off;\n  client_body_temp_path {root}/t1;\n  proxy_temp_path {root}/t2;\n  \
             fastcgi_temp_path {root}/t3;\n  uwsgi_temp_path {root}/t4;\n  scgi_temp_path {root}/t5;\n  \
             include {root}/shop.conf;\n{upstreams}  \
             server {{ listen {front}; location / {{ proxy_pass http://${VARIABLE}; }} }}\n}}\n",
        );
        fs::write(folder.path().join("nginx.conf"), config)?;
        Ok(Some(Self {
            process: None,
            program,
            front,
            folder,
        }))
    }

    /// Starts it; the file that it includes has to be there.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start(&mut self) -> Result<()> {
        let words = self.words(&[]);
        let (program, words) = words.split_first().context("a command")?;
        let mut command = Command::new(program);
        command.args(words);
        let mut process = Process::spawn("nginx", &mut command, self.folder.path())?;
        process.ready(|| http::answers(&self.url(), 200))?;
        self.process = Some(process);
        Ok(())
    }

    /// The file that it includes.
    #[must_use]
    pub fn include(&self) -> PathBuf {
        self.folder.path().join("shop.conf")
    }

    /// Program and words that have it read its files again.
    #[must_use]
    pub fn reload(&self) -> Vec<String> {
        self.words(&["-s", "reload"])
    }

    /// The processes that serve; none while it does not run.
    #[must_use]
    pub fn workers(&self) -> Vec<u32> {
        let Some(process) = &self.process else {
            return Vec::new();
        };
        let id = process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        let ids = children.split_whitespace();
        ids.filter_map(|id| id.parse().ok()).collect()
    }

    /// Where users come in.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.front)
    }

    fn words(&self, more: &[&str]) -> Vec<String> {
        let (program, root) = (
            self.program.display().to_string(),
            self.folder.path().display().to_string(),
        );
        let common = [&program, "-p", &root, "-e", "error.log", "-c", "nginx.conf"];
        let words = common.iter().chain(more);
        words.map(|word| (*word).to_owned()).collect()
    }
}
