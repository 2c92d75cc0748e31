//! Runs our own programs as a runner would: with a clean environment, in a
//! folder of their own, with a limit on time.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{peers, wait};

const LIMIT: Duration = Duration::from_secs(60);

/// One run of a program. Only `PATH` and a `HOME` of its own are in its
/// environment, so that no variable of a CI or of a developer reaches it.
#[derive(Debug)]
pub struct Run {
    program: OsString,
    args: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    stdin: Vec<u8>,
    folder: Option<PathBuf>,
    limit: Duration,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Output {
    /// The exit code, or 128 and the signal's number as a shell has it.
    pub code: i32,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
    folder: Folder,
}

#[derive(Debug)]
enum Folder {
    Own(TempDir),
    Given(PathBuf),
}

impl Output {
    /// The folder that it ran in; deleted with this value when it was its own.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match &self.folder {
            Folder::Own(own) => own.path(),
            Folder::Given(path) => path,
        }
    }

    /// Stdout as JSON.
    ///
    /// # Errors
    ///
    /// Fails when it is not; the message holds both streams.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("stdout: {}stderr: {}", self.stdout, self.stderr))
    }
}

impl Run {
    /// A run of the program, for instance `env!("CARGO_BIN_EXE_promote")`.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            variables: Vec::new(),
            stdin: Vec::new(),
            folder: None,
            limit: LIMIT,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Gives it something to read.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Runs it in this folder instead of an empty one of its own.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Ends it by force after that long; a minute when not said.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be started, and when it does not end in time.
    pub fn output(self) -> Result<Output> {
        let home = tempfile::tempdir()?;
        let folder = match &self.folder {
            Some(path) => Folder::Given(path.clone()),
            None => Folder::Own(tempfile::tempdir()?),
        };
        let at = match &folder {
            Folder::Own(own) => own.path(),
            Folder::Given(path) => path,
        };
        let mut child = self
            .command(home.path())
            .current_dir(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.program.display()))?;
        let stdout = read(child.stdout.take());
        let stderr = read(child.stderr.take());
        let stdin = child.stdin.take();
        let bytes = self.stdin;
        // A program need not read what it is given: a broken pipe is no failure.
        thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&bytes)));
        let what = format!("end of `{}`", self.program.display());
        let ended = wait::until(&what, self.limit, || child.try_wait().transpose());
        if ended.is_err() {
            child.kill()?;
            child.wait()?;
        }
        let (stdout, stderr) = (text(stdout), text(stderr));
        let status = ended.with_context(|| format!("stdout: {stdout}stderr: {stderr}"))??;
        let signal = || status.signal().map_or(-1, |number| 128 + number);
        Ok(Output {
            code: status.code().unwrap_or_else(signal),
            stdout,
            stderr,
            folder,
        })
    }

    /// The bare command, for a test that starts it as a [`crate::process::Process`].
    #[must_use]
    pub fn command(&self, home: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

type Reading = Option<JoinHandle<Vec<u8>>>;

fn read(stream: Option<impl Read + Send + 'static>) -> Reading {
    stream.map(|mut stream| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What came before an error is still worth showing.
            drop(stream.read_to_end(&mut bytes));
            bytes
        })
    })
}

fn text(reading: Reading) -> String {
    let bytes = reading.and_then(|thread| thread.join().ok());
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// The path of any program of this workspace, built when it is not fresh.
///
/// `LIFTLOCK_BINARIES` names a folder with programs that were built before,
/// for instance static ones.
///
/// # Panics
///
/// Panics when there is no such program, or when the workspace does not build.
#[must_use]
#[expect(clippy::panic, reason = "a test cannot go on without its program")]
pub fn bin(name: &str) -> PathBuf {
    static BUILT: OnceLock<Result<BTreeMap<String, PathBuf>>> = OnceLock::new();
    if let Some(folder) = env::var_os("LIFTLOCK_BINARIES") {
        let path = peers::root().join(PathBuf::from(folder)).join(name);
        if path.is_file() {
            return path;
        }
    }
    match BUILT.get_or_init(build) {
        Ok(built) => built
            .get(name)
            .cloned()
            .unwrap_or_else(|| panic!("this workspace has no program `{name}`")),
        Err(error) => panic!("{error:#}"),
    }
}

/// Builds all programs and reads from cargo where it put them: that place
/// depends on settings which only cargo knows.
fn build() -> Result<BTreeMap<String, PathBuf>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bins"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(peers::root())
        .stdin(Stdio::null())
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "cargo build: {errors}");
    let messages = String::from_utf8(output.stdout)?;
    Ok(messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_variables_reach_a_program() {
        let output = Run::new("sh")
            .args([
                "-c",
                "env | grep -v ^PWD= | grep -v ^_= | grep -v ^SHLVL= | cut -d= -f1 | sort",
            ])
            .output()
            .unwrap();
        assert_eq!(output.stdout, "HOME\nPATH\n");
    }

    #[test]
    fn what_goes_in_comes_out() {
        let output = Run::new("sh")
            .args(["-c", r#"cat; echo "$GREETING" >&2; touch here; exit 3"#])
            .env("GREETING", "hello")
            .stdin("in")
            .output()
            .unwrap();
        assert_eq!(
            (output.code, output.stdout.as_str(), output.stderr.as_str()),
            (3, "in", "hello\n")
        );
        assert!(output.folder().join("here").exists());
    }

    #[test]
    fn a_run_that_never_ends_is_ended() {
        let run = Run::new("sleep")
            .args(["100"])
            .limit(Duration::from_millis(50));
        let error = run.output().unwrap_err();
        assert!(
            format!("{error:#}").contains("no end of `sleep` after 50 ms"),
            "{error:#}"
        );
    }

    #[test]
    fn a_signal_shows_as_a_shell_shows_it() {
        let output = Run::new("sh")
            .args(["-c", "kill -KILL $$"])
            .output()
            .unwrap();
        assert_eq!(output.code, 137);
    }
}
