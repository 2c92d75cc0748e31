//! A program that runs beside a test: started on free ports, waited for by a
//! condition, and ended with the test.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::wait;

/// How long a program may take to become ready, and to end.
pub const READY: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(5);

/// A port on loopback that nobody listens on right now.
///
/// # Errors
///
/// Fails when the system has none left.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// An address on loopback that nobody listens on right now.
///
/// # Errors
///
/// Fails when the system has none left.
pub fn free_address() -> Result<SocketAddr> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)))
}

/// A running program. It is ended when this value is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts the program; what it says goes to `NAME.out` and `NAME.err` in `logs`.
    ///
    /// # Errors
    ///
    /// Fails when the program cannot be started or the files cannot be made.
    pub fn spawn(name: &str, command: &mut Command, logs: &Path) -> Result<Self> {
        let stdout = logs.join(format!("{name}.out"));
        let stderr = logs.join(format!("{name}.err"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            stdout,
            stderr,
        })
    }

    /// Waits until the program is ready, or says what it said when it ended.
    ///
    /// # Errors
    ///
    /// Fails when the program ends first, or is not ready within [`READY`].
    pub fn ready(&mut self, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let (name, child) = (&self.name, &mut self.child);
        let what = format!("readiness of `{name}`");
        let ended = wait::until(&what, READY, || match child.try_wait() {
            Ok(None) => is_ready().then_some(None),
            Ok(Some(status)) => Some(Some(status)),
            Err(_) => None,
        });
        match ended {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!("`{}` ended with {status}: {}", self.name, self.stderr()),
            Err(error) => bail!("{error}: {}", self.stderr()),
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the program has written to stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What the program has written to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Waits until the program ends by itself.
    ///
    /// # Errors
    ///
    /// Fails when it has not ended within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("end of `{}`", self.name);
        let child = &mut self.child;
        wait::until(&what, limit, || child.try_wait().ok().flatten())
    }

    /// Sends a signal by its name, for instance `TERM` or `KILL`.
    ///
    /// # Errors
    ///
    /// Fails when the signal cannot be sent.
    pub fn signal(&self, signal: &str) -> Result<()> {
        // The child is not reaped before `wait`, so that its id is still its own.
        let status = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "sh", signal])
            .arg(self.id().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            bail!("cannot send {signal} to `{}`", self.name)
        }
    }

    /// Ends the program: politely, then by force.
    ///
    /// # Errors
    ///
    /// Fails when even force does not end it.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        if self.signal("TERM").is_ok()
            && let Ok(status) = self.wait(END)
        {
            return Ok(status);
        }
        self.kill()
    }

    /// Ends the program at once, as a lost runner would.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be ended.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        match self.child.kill() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.child.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nobody is left to tell; a process that is gone already is fine.
        drop(self.stop());
    }
}

fn text(path: &Path) -> String {
    fs::read(path).map_or_else(
        |_| String::new(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, logs: &Path) -> Process {
        Process::spawn("sh", Command::new("sh").args(["-c", script]), logs).unwrap()
    }

    fn lives(id: u32) -> bool {
        Path::new(&format!("/proc/{id}")).exists()
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let logs = tempfile::tempdir().unwrap();
        let process = shell("exec sleep 100", logs.path());
        let id = process.id();
        assert!(lives(id));
        drop(process);
        assert!(!lives(id));
    }

    #[test]
    fn one_that_ends_early_says_why() {
        let logs = tempfile::tempdir().unwrap();
        let mut process = shell("echo no room >&2; exit 7", logs.path());
        let error = process.ready(|| false).unwrap_err().to_string();
        assert!(error.contains("exit status: 7: no room"), "{error}");
    }

    #[test]
    fn its_words_and_its_status_are_kept() {
        let logs = tempfile::tempdir().unwrap();
        let mut process = shell("echo out; echo err >&2; exit 3", logs.path());
        assert_eq!(process.wait(READY).unwrap().code(), Some(3));
        assert_eq!(
            (process.stdout(), process.stderr()),
            ("out\n".to_owned(), "err\n".to_owned())
        );
    }

    #[test]
    fn free_addresses_can_be_listened_on() {
        TcpListener::bind(free_address().unwrap()).unwrap();
    }
}
