//! moto in the place of Amazon Web Services, behind a counterpart that lets
//! one request through at a time: moto itself checks a condition and writes
//! in two steps.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::several_times;
use crate::http::{self, Answer, Request, Server};
use crate::process::{Process, free_address};
use crate::{peers, wire};

/// What becomes of a request instead of being passed on.
type Fault = Box<dyn FnMut(&Request) -> Option<Answer> + Send>;

/// Headers of an answer that hold for one connection alone.
const OWN: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// A running moto.
#[derive(Debug)]
pub struct Moto {
    process: Process,
    url: String,
    front: Server,
    _folder: TempDir,
}

impl Moto {
    /// Starts it; gives nothing where it is not installed. It checks signatures
    /// from the request on that has this number.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start(unchecked: u32) -> Result<Option<Self>> {
        let Some(program) = peers::require("moto_server") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program, unchecked)).map(Some)
    }

    fn run(program: &Path, unchecked: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new(program);
        command
            .args(["-H", &host, "-p", &port])
            .env("INITIAL_NO_AUTH_ACTION_COUNT", unchecked.to_string());
        let mut process = Process::spawn("moto", &mut command, folder.path())?;
        let url = format!("http://{address}");
        process.ready(|| http::answers(&format!("{url}/moto-api/data.json"), 200))?;
        let front = front(&url, Box::new(|_| None))?;
        Ok(Self {
            process,
            url,
            front,
            _folder: folder,
        })
    }

    /// Where clients ask.
    #[must_use]
    pub fn url(&self) -> String {
        self.front.url("")
    }

    /// Another way in, on which some requests are answered otherwise.
    ///
    /// # Errors
    ///
    /// Fails when there is no free port.
    pub fn faulty(
        &self,
        fault: impl FnMut(&Request) -> Option<Answer> + Send + 'static,
    ) -> Result<Server> {
        front(&self.url, Box::new(fault))
    }

    /// Makes a user who may do something, such as `s3:*`, and gives the id and
    /// the secret of their key. Three requests.
    ///
    /// # Errors
    ///
    /// Fails when moto refuses.
    pub fn user(&self, allowed: &str) -> Result<(String, String)> {
        self.iam("Action=CreateUser")?;
        let policy = format!(
            "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22{}%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D",
            allowed.replace(':', "%3A").replace('*', "%2A")
        );
        self.iam(&format!(
            "Action=PutUserPolicy&PolicyName=p&PolicyDocument={policy}"
        ))?;
        let made = self.iam("Action=CreateAccessKey")?;
        Ok((
            between(&made, "AccessKeyId")?,
            between(&made, "SecretAccessKey")?,
        ))
    }

    /// Makes a bucket. One request.
    ///
    /// # Errors
    ///
    /// Fails when moto refuses.
    pub fn bucket(&self, name: &str) -> Result<()> {
        self.ask("s3", ("PUT", &format!("/{name}")), &[], b"")
            .map(drop)
    }

    /// Asks as anybody: only what is not checked yet is answered.
    ///
    /// # Errors
    ///
    /// Fails when moto refuses.
    pub fn ask(
        &self,
        service: &str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<String> {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let mut all = vec![("authorization", authorization.as_str())];
        all.extend(headers);
        let answer = http::send(method, &format!("{}{path}", self.url), &all, body)?;
        ensure!(answer.status < 300, "{}: {}", answer.status, answer.text());
        Ok(answer.text())
    }

    fn iam(&self, body: &str) -> Result<String> {
        let body = format!("{body}&UserName=u&Version=2010-05-08");
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.ask("iam", ("POST", "/"), &kind, body.as_bytes())
    }

    /// The process, to stop it in the middle of a test.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn between(text: &str, tag: &str) -> Result<String> {
    let rest = text
        .split_once(&format!("<{tag}>"))
        .context("no such element")?
        .1;
    Ok(rest.split('<').next().unwrap_or_default().to_owned())
}

/// Passes requests on, one at a time.
fn front(url: &str, mut fault: Fault) -> Result<Server> {
    let url = url.to_owned();
    Server::start(move |request| {
        fault(request).unwrap_or_else(|| match passed(&url, request) {
            Ok(answer) => answer,
            Err(error) => Answer::new(502).body(error.to_string()),
        })
    })
}

fn passed(url: &str, request: &Request) -> Result<Answer> {
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let target = format!("{url}{}", request.target);
    let wire::Response {
        status,
        headers,
        body,
    } = http::send_as(&request.method, &target, &headers, &request.body)?;
    let kept = headers
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()));
    let answer = kept.fold(Answer::new(status), |answer, (name, value)| {
        answer.header(name, value)
    });
    Ok(answer.body(body))
}
