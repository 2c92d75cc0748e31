//! Prometheus, asking its targets every second or knowing recorded samples.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::several_times;
use crate::process::{Process, free_address};
use crate::remote_write::Batch;
use crate::{http, peers};

/// One target and the labels that its series get.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// Where `/metrics` is.
    pub address: SocketAddr,
    /// Name and value of each label.
    pub labels: Vec<(String, String)>,
}

impl Scrape {
    /// A target whose series get one label.
    #[must_use]
    pub fn labelled(address: SocketAddr, name: &str, value: &str) -> Self {
        Self {
            address,
            labels: vec![(name.to_owned(), value.to_owned())],
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Prometheus {
    /// Starts it, or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start(scrapes: &[Scrape]) -> Result<Option<Self>> {
        let Some(program) = peers::require("prometheus") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program, scrapes)).map(Some)
    }

    fn run(program: &Path, scrapes: &[Scrape]) -> Result<Self> {
        Self::serve(program, tempfile::tempdir()?, &config(scrapes)?)
    }

    /// Starts it without targets: it holds what is written to it, native
    /// histograms as well. Or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn receiving() -> Result<Option<Self>> {
        let Some(program) = peers::require("prometheus") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program, &[])).map(Some)
    }

    /// Writes series into it.
    ///
    /// # Errors
    ///
    /// Fails when it does not take all of them.
    pub fn write(&self, batch: &Batch) -> Result<()> {
        let headers = [
            ("content-encoding", "snappy"),
            ("content-type", "application/x-protobuf"),
            ("x-prometheus-remote-write-version", "0.1.0"),
        ];
        let url = format!("{}/api/v1/write", self.url());
        let answer = http::send("POST", &url, &headers, &batch.body())?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 204, "Prometheus refuses: {text}");
        Ok(())
    }

    /// Starts it on samples in `OpenMetrics`, with whole seconds as their times;
    /// it asks nobody. Or gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when the samples cannot be read or it does not become ready.
    pub fn recorded(samples: &str) -> Result<Option<Self>> {
        let (Some(program), Some(tool)) =
            (peers::require("prometheus"), peers::require("promtool"))
        else {
            return Ok(None);
        };
        several_times(|| {
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("samples.txt");
            fs::write(&file, samples)?;
            let output = Command::new(&tool)
                .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
                .args([file.as_path(), &folder.path().join("data")])
                .output()?;
            let stderr = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "promtool: {stderr}");
            // Subqueries without a step are evaluated this often.
            Self::serve(&program, folder, "global: { evaluation_interval: 2m }\n")
        })
        .map(Some)
    }

    fn serve(program: &Path, folder: TempDir, config: &str) -> Result<Self> {
        let address = free_address()?;
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config)?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg("--storage.tsdb.retention.time=100y")
            .arg("--web.enable-remote-write-receiver")
            .arg("--enable-feature=native-histograms")
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::spawn("prometheus", &mut command, folder.path())?;
        process.ready(|| http::answers(&format!("http://{address}/-/ready"), 200))?;
        Ok(Self {
            process,
            address,
            folder,
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The value of an instant query with exactly one series.
    ///
    /// # Errors
    ///
    /// Fails when it does not answer.
    pub fn value(&self, query: &str) -> Result<Option<f64>> {
        let url = format!("{}/api/v1/query?query={}", self.url(), escaped(query));
        let body: Value = serde_json::from_slice(&http::get(&url)?.body)?;
        Ok(body
            .pointer("/data/result/0/value/1")
            .and_then(|value| value.as_str()?.parse().ok()))
    }

    /// The answer to an instant query: labels and value of every series.
    ///
    /// # Errors
    ///
    /// Fails when it refuses the query or does not answer with series.
    pub fn at(&self, query: &str, unix_seconds: i64) -> Result<Vec<(Value, String)>> {
        let (url, query) = (self.url(), escaped(query));
        let answer = self.answer(&format!(
            "{url}/api/v1/query?time={unix_seconds}&query={query}"
        ))?;
        let series = answer.pointer("/data/result").and_then(Value::as_array);
        let series = series.context("no series")?.iter().map(|one| {
            let value = one.pointer("/value/1").and_then(Value::as_str);
            let labels = one.get("metric").cloned().unwrap_or_default();
            Ok((labels, value.context("no value")?.to_owned()))
        });
        series.collect()
    }

    /// The query as Prometheus writes it.
    ///
    /// # Errors
    ///
    /// Fails when it is not PromQL.
    pub fn formatted(&self, query: &str) -> Result<String> {
        let (url, query) = (self.url(), escaped(query));
        let answer = self.answer(&format!("{url}/api/v1/format_query?query={query}"))?;
        let text = answer.get("data").and_then(Value::as_str);
        Ok(text.context("no query")?.to_owned())
    }

    fn answer(&self, url: &str) -> Result<Value> {
        let answer = http::get(url)?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "Prometheus refuses: {text}");
        Ok(serde_json::from_str(&text)?)
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

fn config(scrapes: &[Scrape]) -> Result<String> {
    let mut text = "global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }\n\
        scrape_configs:\n  - job_name: app\n    static_configs:\n"
        .to_owned();
    for scrape in scrapes {
        // JSON strings are YAML strings too.
        let labels: serde_json::Map<_, _> = scrape
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let labels = Value::from(labels);
        writeln!(
            text,
            "      - {{ targets: ['{}'], labels: {labels} }}",
            scrape.address
        )?;
    }
    if scrapes.is_empty() {
        text.push_str("      []\n");
    }
    Ok(text)
}

/// Percent-encodes everything that is not a letter or a digit.
fn escaped(query: &str) -> String {
    query.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}
