//! Runs a command of the user's: arguments as a list, never a shell, bounded.

use std::io::{Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use liftlock::failure::{Explain, Kind};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{clock, env};

/// The most a command may print.
const LARGEST: u64 = 1024 * 1024;

/// A command with its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// What it reads on standard input.
    pub input: &'a [u8],
    /// How long it may take.
    pub timeout: Duration,
}

/// How a command ended. Its `Debug` form shows nothing that it printed.
pub struct Ended {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub output: Vec<u8>,
    errors: Vec<u8>,
}

impl std::fmt::Debug for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Ended({:?})", self.code)
    }
}

/// Finds the program of a command where the system would, without running it.
///
/// # Errors
///
/// Fails when it is not there, or may not be run.
pub fn find(name: &str) -> Result<PathBuf, Missing> {
    let missing = |why| Missing {
        name: name.to_owned(),
        why,
    };
    let places: Vec<PathBuf> = if name.contains('/') {
        vec![PathBuf::from(name)]
    } else {
        let folders = env::var("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&folders);
        folders.map(|folder| folder.join(name)).collect()
    };
    let files = places.into_iter().filter(|path| path.is_file());
    let files: Vec<PathBuf> = files.collect();
    let runs = |path: &&PathBuf| {
        let mode = path.metadata().map(|about| about.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o111 != 0)
    };
    match (files.iter().find(runs), files.first()) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(_)) => Err(missing("may not be run: its mode has no `x`")),
        (None, None) if name.contains('/') => Err(missing("is not there")),
        (None, None) => Err(missing("is in no folder of `PATH`")),
    }
}

/// Runs a command and returns what it printed.
///
/// # Errors
///
/// Fails when it cannot be started, takes too long, prints too much, or ends
/// with anything but 0; the last words of its standard error are in the message.
pub fn run(call: &Call<'_>) -> Result<Vec<u8>, Error> {
    let ended = finish(call)?;
    if ended.code == Some(0) {
        return Ok(ended.output);
    }
    let words = String::from_utf8_lossy(&ended.errors);
    let last = words.lines().rev().find(|line| !line.trim().is_empty());
    Err(Error::Failed {
        name: call.argv.first().cloned().unwrap_or_default(),
        code: ended.code,
        words: last.unwrap_or_default().trim().chars().take(300).collect(),
    })
}

/// Runs a command to its end, whatever that is.
///
/// # Errors
///
/// Fails when it cannot be started, takes too long or prints too much.
pub fn finish(call: &Call<'_>) -> Result<Ended, Error> {
    let name = call.argv.first().cloned().unwrap_or_default();
    let mut command = Command::new(&name);
    command
        .args(call.argv.get(1..).unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, which can be ended as a whole.
        .process_group(0);
    // Secrets of ours are none of the command's business.
    for secret in env::secrets() {
        command.env_remove(secret);
    }
    tracing::debug!(program = name, "command");
    let mut child = command.spawn().map_err(|source| Error::Start {
        name: name.clone(),
        source,
    })?;
    feed(&mut child, call.input.to_vec());
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait(&mut child, call.timeout).ok_or_else(|| Error::Late {
        name: name.clone(),
        seconds: call.timeout.as_secs(),
    })?;
    // A grandchild may still hold the pipes open: that is not waited for.
    let output = |pipe: mpsc::Receiver<Vec<u8>>| {
        pipe.recv_timeout(Duration::from_secs(5))
            .unwrap_or_default()
    };
    let (stdout, stderr) = (output(stdout), output(stderr));
    if u64::try_from(stdout.len()).is_ok_and(|length| length < LARGEST) {
        Ok(Ended {
            code: status.code(),
            output: stdout,
            errors: stderr,
        })
    } else {
        Err(Error::TooMuch(name))
    }
}

fn feed(child: &mut Child, input: Vec<u8>) {
    if let Some(mut pipe) = child.stdin.take() {
        thread::spawn(move || drop(pipe.write_all(&input)));
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(pipe) = pipe {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(pipe.take(LARGEST).read_to_end(&mut bytes));
            drop(sender.send(bytes));
        });
    }
    receiver
}

fn wait(child: &mut Child, timeout: Duration) -> Option<std::process::ExitStatus> {
    let pause = Duration::from_millis(5);
    let mut waited = Duration::ZERO;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if waited < timeout => {
                clock::wait(pause);
                waited += pause;
            }
            Ok(None) | Err(_) => {
                end(child);
                return None;
            }
        }
    }
}

/// Ends a command with everything that it started: what goes on writing to a
/// slot after it was proved would undo the proof.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = group.is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok());
    if !ended {
        drop(child.kill());
    }
    drop(child.wait());
}

/// Why a command did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be started.
    #[error("cannot run `{name}`")]
    Start {
        /// The program.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended with an error.
    #[error("`{name}` ended with {}: {words}", .code.map_or("a signal".to_owned(), |code| code.to_string()))]
    Failed {
        /// The program.
        name: String,
        /// Its exit code.
        code: Option<i32>,
        /// The last line of its standard error.
        words: String,
    },
    /// It did not end in time.
    #[error("`{name}` did not end within {seconds} s")]
    Late {
        /// The program.
        name: String,
        /// How long it was given.
        seconds: u64,
    },
    /// More output than any honest answer has.
    #[error("`{0}` printed more than {LARGEST} bytes")]
    TooMuch(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Start { source, .. } => Kind::of_system(source),
            Self::Failed { .. } | Self::Late { .. } | Self::TooMuch(_) => Kind::Upstream,
        }
    }
}

/// There is no program that could be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program `{name}` {why}")]
pub struct Missing {
    name: String,
    why: &'static str,
}

impl Explain for Missing {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: &[&str], timeout: Duration) -> Result<Vec<u8>, Error> {
        let argv: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        run(&Call {
            argv: &argv,
            input: b"in",
            timeout,
        })
    }

    #[test]
    fn input_goes_in_and_output_comes_out() {
        let long = Duration::from_secs(20);
        assert_eq!(call(&["cat"], long).unwrap(), b"in");
        let error = call(&["sh", "-c", "echo no >&2; exit 7"], long).unwrap_err();
        assert_eq!(error.to_string(), "`sh` ended with 7: no");
        assert!(matches!(
            call(&["/nowhere"], long),
            Err(Error::Start { .. })
        ));
    }

    #[test]
    fn a_program_is_found_where_it_would_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deploy");
        let name = path.display().to_string();
        assert!(find("sh").unwrap().ends_with("sh"));
        let told = |name: &str| find(name).unwrap_err().to_string();
        assert!(told(&name).ends_with("` is not there"));
        assert!(told("no-such-deployer").ends_with("` is in no folder of `PATH`"));
        std::fs::write(&path, "").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        mode(0o644).unwrap();
        assert!(told(&name).contains("may not be run"));
        mode(0o755).unwrap();
        assert_eq!(find(&name).unwrap(), path);
        assert!(find(&folder.path().display().to_string()).is_err());
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let error = call(&["sleep", "60"], Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, Error::Late { .. }), "{error}");
    }

    #[test]
    fn what_a_hanging_command_started_is_ended_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid").display().to_string();
        let script = "sleep 100 & echo $! >\"$0.new\"; mv \"$0.new\" \"$0\"; wait";
        let error = call(&["sh", "-c", script, &file], Duration::from_secs(2)).unwrap_err();
        assert!(matches!(error, Error::Late { .. }), "{error}");
        let id = std::fs::read_to_string(&file).unwrap();
        let stat = std::path::Path::new("/proc").join(id.trim()).join("stat");
        // Killed at once, gone when the system comes to it.
        let gone = || {
            let stat = std::fs::read_to_string(&stat).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ") || stat.contains(") X ")
        };
        let mut rounds = 0;
        while !gone() {
            rounds += 1;
            assert!(rounds < 2_000, "it lives on");
            clock::wait(Duration::from_millis(5));
        }
    }
}
