//! One run of a binary: its mode, deadline, CI and the signals that reach it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use liftlock::ci;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::report::{Mode, Scope};
use liftlock::time::Time;

use super::globals::ModeFlag;
use super::{Format, Globals};
use crate::clock;

/// What a verb knows about the run it is in.
#[derive(Debug)]
pub struct Session {
    /// The binary's name.
    pub verb: String,
    /// Whether verdicts block.
    pub mode: Mode,
    /// What stdout carries.
    pub format: Format,
    /// Whether nothing may be changed.
    pub dry_run: bool,
    /// The configuration file that was asked for.
    pub config: Option<PathBuf>,
    /// Whether no configuration file may be read.
    pub no_config: bool,
    /// The service that was asked for.
    pub service: Option<Name>,
    /// Certificate authorities to trust as well.
    pub ca_file: Option<PathBuf>,
    /// The CI around this run.
    pub ci: ci::Run,
    /// When this run began.
    pub started: Time,
    /// When it has to end.
    pub deadline: Option<Time>,
    /// The environment that was asked for.
    environment: Option<Name>,
    /// The service that the rules are of, once they were read.
    pub(super) ruled: OnceLock<Name>,
    pub(super) result_file: Option<PathBuf>,
    pub(super) report_dir: Option<PathBuf>,
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
}

impl Session {
    pub(super) fn start(
        verb: &str,
        globals: &Globals,
        environment: Option<Name>,
    ) -> Result<Self, Failure> {
        super::console::log(&globals.log)?;
        if globals.timeout.is_some_and(|span| span.millis() == 0) {
            let message = "`--timeout 0s` leaves no time for anything";
            return Err(Failure::new(Kind::Usage, message)
                .with_hint("give a length such as 15m, or leave it out"));
        }
        let started = clock::now();
        let session = Self {
            verb: verb.to_owned(),
            mode: match globals.mode {
                Some(ModeFlag::Observe) => Mode::Observe,
                Some(ModeFlag::Enforce) | None => Mode::Enforce,
            },
            format: globals.format,
            dry_run: globals.dry_run,
            config: globals.config.clone(),
            no_config: globals.no_config,
            service: globals.service.clone(),
            ca_file: globals.ca_file.clone(),
            ci: ci::detect(&crate::env::var),
            started,
            deadline: globals.timeout.map(|span| started.after(span)),
            environment,
            ruled: OnceLock::new(),
            result_file: globals.result_file.clone(),
            report_dir: globals.report_dir.clone(),
            interrupted: Arc::default(),
            terminated: Arc::default(),
        };
        session.listen()?;
        Ok(session)
    }

    /// The first signal sets a flag that the work looks at; the second ends
    /// the process at once.
    fn listen(&self) -> Result<(), Failure> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let pairs = [
            (SIGINT, 130, &self.interrupted),
            (SIGTERM, 143, &self.terminated),
        ];
        for (signal, code, flag) in pairs {
            signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(flag)))
                .and_then(|_| signal_hook::flag::register(signal, crate::stop::flag()))
                .map_err(|error| {
                    Failure::new(
                        Kind::Upstream,
                        format!("cannot listen for signals: {error}"),
                    )
                })?;
        }
        Ok(())
    }

    /// What this run is about, as far as it is known by now.
    pub(super) fn scope(&self) -> Scope {
        Scope {
            service: self.ruled.get().or(self.service.as_ref()).cloned(),
            environment: self.environment.clone(),
        }
    }

    /// Which signal asked this run to stop, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<Kind> {
        if self.terminated.load(Ordering::Relaxed) {
            Some(Kind::Terminated)
        } else if self.interrupted.load(Ordering::Relaxed) {
            Some(Kind::Interrupted)
        } else {
            None
        }
    }

    /// How long this run may still take, at most `limit`; `None` when it is over.
    #[must_use]
    pub fn remaining(&self, limit: Duration) -> Option<Duration> {
        let Some(deadline) = self.deadline else {
            return Some(limit);
        };
        let left = deadline.millis_since(clock::now());
        let left = u64::try_from(left).ok().filter(|left| *left > 0)?;
        Some(limit.min(Duration::from_millis(left)))
    }

    /// Waits for that long, but no longer than the deadline or a signal.
    ///
    /// # Errors
    ///
    /// Fails when the deadline passed or a signal came.
    pub fn wait(&self, length: Duration) -> Result<(), Failure> {
        const SLICE: Duration = Duration::from_millis(50);
        let mut left = length;
        loop {
            self.check()?;
            if left.is_zero() {
                return Ok(());
            }
            let slice = left.min(SLICE);
            clock::wait(slice);
            left = left.saturating_sub(slice);
        }
    }

    /// Whether this run may go on.
    ///
    /// # Errors
    ///
    /// Fails when the deadline passed or a signal came.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(kind) = self.signal() {
            return Err(Failure::new(kind, "stopped by a signal"));
        }
        match self.remaining(Duration::MAX) {
            Some(_) => Ok(()),
            None => Err(Failure::new(
                Kind::Expired,
                "the time given by `--timeout` is over",
            )),
        }
    }
}
