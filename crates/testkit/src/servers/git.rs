//! Git's own server for HTTP (`git http-backend`) behind a listener.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::http::{Answer, Server};
use crate::wire::Request;

/// The running server.
#[derive(Debug)]
pub struct GitHttp {
    server: Server,
}

impl GitHttp {
    /// Serves the bare repositories in a folder, which may be pushed to.
    ///
    /// # Errors
    ///
    /// Fails when there is no port.
    pub fn start(folder: &Path) -> Result<Self> {
        let folder = folder.to_owned();
        let server = Server::start(move |request| {
            answer(&folder, request)
                .unwrap_or_else(|error| Answer::new(500).body(format!("{error:#}")))
        })?;
        Ok(Self { server })
    }

    /// The URL of a repository.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        self.server.url(&format!("/{name}"))
    }

    /// Every request, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }
}

/// One request as a call of the program (RFC 3875).
fn answer(folder: &Path, request: &Request) -> Result<Answer> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((request.target.as_str(), ""));
    let mut command = Command::new("git");
    command
        // Who is known by no name may not push.
        .args(["-c", "http.receivepack=true", "http-backend"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "HTTP_GIT_PROTOCOL"),
    ] {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    command.env("CONTENT_LENGTH", request.body.len().to_string());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().context("no input")?;
    let body = request.body.clone();
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output()?;
    drop(feeding.join());
    ensure!(output.status.success(), "git http-backend failed");
    let end = output
        .stdout
        .windows(4)
        .position(|four| four == b"\r\n\r\n");
    let end = end.context("no headers")?;
    let (head, body) = output.stdout.split_at(end);
    let head = std::str::from_utf8(head)?;
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let status = headers.clone().find(|(name, _)| *name == "Status");
    let status = status.and_then(|(_, text)| text.split(' ').next()?.parse().ok());
    let mut answer = Answer::new(status.unwrap_or(200));
    for (name, value) in headers.filter(|(name, _)| *name != "Status") {
        answer = answer.header(name, value);
    }
    Ok(answer.body(body.get(4..).unwrap_or_default()))
}
