//! Runs the `git` program: arguments as a list, never a shell, always bounded.

use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use liftlock::complaint::{Cause, Complaint};
use liftlock::failure::{Explain, Kind};

use crate::random::{self, NoRandomness};
use crate::{clock, env};

/// Variables that would point git at another repository, or make it talk to
/// our output.
const SCRUBBED: [&str; 19] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_PREFIX",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_EXTERNAL_DIFF",
    "GIT_EDITOR",
    "GIT_TRACE",
    "GIT_TRACE_PACKET",
    "GIT_TRACE_CURL",
    "GIT_DEFAULT_HASH",
    "GIT_PUSH_OPTION_COUNT",
];

/// Settings that make git behave the same whoever runs it: no hooks, no
/// background work, no prompts from a credential window, no object that stands
/// in for another.
const SETTINGS: [&str; 7] = [
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "push.gpgSign=false",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
    "core.useReplaceRefs=false",
];

/// The most text of an error that is kept.
const LARGEST_COMPLAINT: u64 = 64 * 1024;

/// The `git` program in one folder.
#[derive(Clone, Debug)]
pub struct Git {
    folder: PathBuf,
    timeout: Duration,
    limit: u64,
    settings: Vec<String>,
}

/// How a run of git ended.
#[derive(Debug)]
pub struct Output {
    /// Whether it ended with 0.
    pub success: bool,
    /// Its exit code, where no signal ended it.
    pub code: Option<i32>,
    /// What it answered.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: String,
}

impl Git {
    /// Runs in this folder; every process ends within the timeout and answers
    /// with at most `limit` bytes.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, timeout: Duration, limit: u64) -> Self {
        Self {
            folder: folder.into(),
            timeout,
            limit,
            settings: Vec::new(),
        }
    }

    /// The same with a setting `KEY=VALUE` of git.
    #[must_use]
    pub fn with(mut self, setting: String) -> Self {
        self.settings.push(setting);
        self
    }

    /// Runs git and expects it to succeed; its answer.
    ///
    /// # Errors
    ///
    /// Fails when git is not installed, takes too long, says too much, or
    /// ends with anything but 0.
    pub fn ask(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Error> {
        let output = self.attempt(arguments, input)?;
        if output.success {
            Ok(output.stdout)
        } else {
            Err(output.error(arguments))
        }
    }

    /// Runs git and leaves its exit code to the caller.
    ///
    /// # Errors
    ///
    /// Fails when git is not installed, takes too long or says too much.
    pub fn attempt(&self, arguments: &[&str], input: &[u8]) -> Result<Output, Error> {
        tracing::debug!(command = verb(arguments), "git");
        let mut child = self.command(arguments).spawn().map_err(Error::Missing)?;
        feed(&mut child, input.to_vec());
        let ended = self.collect(&mut child, arguments);
        if ended.is_err() {
            // Nobody waits for a process that is of no use any more.
            drop(child.kill());
            drop(child.wait());
        }
        ended
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.folder);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        for name in SCRUBBED {
            command.env_remove(name);
        }
        for name in env::secrets() {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "file:http:https:ssh")
            .env("GCM_INTERACTIVE", "never")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn collect(&self, child: &mut Child, arguments: &[&str]) -> Result<Output, Error> {
        let stdout = drain(child.stdout.take(), self.limit.saturating_add(1));
        let stderr = drain(child.stderr.take(), LARGEST_COMPLAINT);
        let late = || Error::Late {
            command: verb(arguments),
            seconds: self.timeout.as_secs(),
        };
        let stdout = receive(&stdout, self.timeout).ok_or_else(late)?;
        if u64::try_from(stdout.len()).is_ok_and(|length| length > self.limit) {
            return Err(Error::TooMuch(verb(arguments)));
        }
        let stderr = receive(&stderr, self.timeout).ok_or_else(late)?;
        let status = wait(child, self.timeout)
            .map_err(Error::Missing)?
            .ok_or_else(late)?;
        Ok(Output {
            success: status.success(),
            code: status.code(),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }
}

impl Output {
    /// This ending as a failure.
    #[must_use]
    pub fn error(&self, arguments: &[&str]) -> Error {
        Error::Failed {
            command: verb(arguments),
            complaint: Complaint::of(&self.stdout, &self.stderr),
        }
    }
}

/// A random pause, longer with each lost round, a second at the most.
pub(crate) fn backoff(round: u32) -> Result<Duration, NoRandomness> {
    let token = random::token()?;
    let random = token
        .get(..8)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let bound = 20_u64.saturating_mul(1 << round.min(6)).min(1_000);
    Ok(Duration::from_millis(random.unwrap_or_default() % bound))
}

/// The subcommand, for messages; arguments may be long.
fn verb(arguments: &[&str]) -> String {
    (*arguments.first().unwrap_or(&"")).to_owned()
}

/// Writes the input beside the reading of the output, so that neither waits
/// for the other. A git that has heard enough closes its end: no failure.
fn feed(child: &mut Child, input: Vec<u8>) {
    if let Some(mut pipe) = child.stdin.take() {
        thread::spawn(move || drop(pipe.write_all(&input)));
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>, limit: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(pipe) = pipe {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if pipe.take(limit).read_to_end(&mut bytes).is_ok() {
                drop(sender.send(bytes));
            }
        });
    }
    receiver
}

fn receive(receiver: &Receiver<Vec<u8>>, timeout: Duration) -> Option<Vec<u8>> {
    receiver.recv_timeout(timeout).ok()
}

/// Both pipes are closed, so the end is near; it is still not waited for blindly.
fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<std::process::ExitStatus>> {
    let pause = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if waited >= timeout {
            return Ok(None);
        }
        clock::wait(pause);
        waited += pause;
    }
}

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not installed, or not allowed to run.
    #[error("cannot run `git`")]
    Missing(#[source] io::Error),
    /// It ended with an error.
    #[error("`git {command}` failed: {complaint}")]
    Failed {
        /// The subcommand.
        command: String,
        /// Why.
        complaint: Complaint,
    },
    /// It did not end in time.
    #[error("`git {command}` did not end within {seconds} s")]
    Late {
        /// The subcommand.
        command: String,
        /// How long it was given.
        seconds: u64,
    },
    /// More output than any honest answer has.
    #[error("`git {0}` answered with too many bytes")]
    TooMuch(String),
}

impl Error {
    /// What stands behind it.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Failed { complaint, .. } => complaint.cause,
            Self::Missing(_) | Self::Late { .. } | Self::TooMuch(_) => Cause::Unknown,
        }
    }

    /// Whether a push failed only because somebody else was faster: git says
    /// so, or it says nothing known while the ref did move.
    #[must_use]
    pub fn is_lost(&self, moved: bool) -> bool {
        self.cause().may_pass() || (moved && self.cause() == Cause::Unknown)
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing(source) => Kind::of_system(source),
            Self::Failed { complaint, .. } => complaint.kind(),
            Self::Late { .. } | Self::TooMuch(_) => Kind::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(_) => Some("install git and put it on `PATH`".to_owned()),
            Self::Failed { complaint, .. } => complaint.hint().map(str::to_owned),
            Self::Late { .. } | Self::TooMuch(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(limit: u64) -> (tempfile::TempDir, Git) {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new(folder.path(), Duration::from_secs(30), limit);
        (folder, git)
    }

    #[test]
    fn input_goes_in_and_the_answer_comes_out() {
        let (_folder, git) = git(1_000);
        let answer = git.ask(&["hash-object", "--stdin"], b"hello\n").unwrap();
        assert_eq!(answer, b"ce013625030ba8dba906f756967f9e9ca394464a\n");
    }

    #[test]
    fn a_complaint_names_the_command_and_too_much_is_refused() {
        let (_folder, git) = git(5);
        let error = git.ask(&["rev-parse", "HEAD"], b"").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`git rev-parse` failed: fatal")
        );
        assert_eq!(error.kind(), Kind::Invalid);
        let error = git.ask(&["hash-object", "--stdin"], b"").unwrap_err();
        assert!(matches!(error, Error::TooMuch(_)));
    }

    #[test]
    fn a_git_that_hangs_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new(folder.path(), Duration::from_millis(300), 1_000);
        let alias = ["-c", "alias.hang=!sleep 5", "hang"];
        assert!(matches!(git.ask(&alias, b""), Err(Error::Late { .. })));
    }
}
