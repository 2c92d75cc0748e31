//! The Distribution registry, with or without a password.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use liftlock::digest::Digest;
use tempfile::TempDir;

use super::several_times;
use crate::process::{Process, free_address};
use crate::{http, peers};

/// The media type of an image's manifest.
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Who may use the registry.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The name.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Registry {
    /// Starts it for everyone or for one login; gives nothing where it is not
    /// installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start(login: Option<Login<'_>>) -> Result<Option<Self>> {
        let Some(program) = peers::require("docker-registry") else {
            return Ok(None);
        };
        let lines = match login {
            None => String::new(),
            Some(login) => match peers::require("htpasswd") {
                None => return Ok(None),
                Some(htpasswd) => hashed(&htpasswd, login)?,
            },
        };
        several_times(|| Self::run(&program, &lines)).map(Some)
    }

    fn run(program: &Path, passwords: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let at = folder.path();
        let auth = if passwords.is_empty() {
            String::new()
        } else {
            let file = at.join("htpasswd");
            fs::write(&file, passwords)?;
            format!(
                "auth: {{ htpasswd: {{ realm: test, path: '{}' }} }}\n",
                file.display()
            )
        };
        let config = format!(
            "version: 0.1\nlog: {{ level: warn }}\n\
             storage: {{ filesystem: {{ rootdirectory: '{}' }}, delete: {{ enabled: true }} }}\n\
             http: {{ addr: '{address}', secret: test }}\n{auth}",
            at.join("data").display()
        );
        let file = at.join("registry.yml");
        fs::write(&file, config)?;
        let mut command = Command::new(program);
        command.arg("serve").arg(&file);
        let mut process = Process::spawn("registry", &mut command, at)?;
        let status = if passwords.is_empty() { 200 } else { 401 };
        process.ready(|| http::answers(&format!("http://{address}/v2/"), status))?;
        Ok(Self {
            process,
            address,
            folder,
        })
    }

    /// `HOST:PORT`, as image references begin.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts an image without layers into a repository, under a tag. Its
    /// configuration is the empty one, `{}`.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not take it.
    pub fn push(&self, repository: &str, tag: &str, manifest: &[u8]) -> Result<()> {
        let place = format!("{}/v2/{repository}", self.url());
        let opened = http::send("POST", &format!("{place}/blobs/uploads/"), &[], &[])?;
        let upload = opened.header("location").context("no upload")?;
        let config = b"{}";
        let url = format!("{upload}&digest={}", Digest::of(config));
        let blob = http::send("PUT", &url, &[], config)?;
        ensure!(blob.status == 201, "{}", blob.text());
        let kind = [("content-type", IMAGE)];
        let url = format!("{place}/manifests/{tag}");
        let image = http::send("PUT", &url, &kind, manifest)?;
        ensure!(image.status == 201, "{}", image.text());
        Ok(())
    }

    /// The digest that a tag points at; nothing where there is none.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not answer.
    pub fn digest(&self, repository: &str, tag: &str) -> Result<Option<String>> {
        let url = format!("{}/v2/{repository}/manifests/{tag}", self.url());
        let found = http::send("GET", &url, &[("accept", IMAGE)], &[])?;
        let digest = found.header("docker-content-digest");
        Ok(digest.map(str::to_owned))
    }

    /// The process, to stop it in the middle of a test.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Where its data is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The line of the password file; cost 4, since tests need no strength.
fn hashed(htpasswd: &Path, login: Login<'_>) -> Result<String> {
    let output = Command::new(htpasswd)
        .args(["-BbnC", "4", login.user, login.password])
        .output()?;
    ensure!(output.status.success(), "htpasswd failed");
    Ok(String::from_utf8(output.stdout)?)
}
