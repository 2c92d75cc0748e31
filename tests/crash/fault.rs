//! One thing that goes wrong, once, at a happening that is counted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use liftlock::time::Time;
use rustix::process::{Pid, Signal, kill_process};
use testkit::wait;

/// The subcommands of git that a store calls.
pub(crate) const GIT: [&str; 9] = [
    "init",
    "ls-remote",
    "fetch",
    "rev-parse",
    "cat-file",
    "ls-tree",
    "fast-import",
    "merge-base",
    "push",
];

/// How something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// The process is killed as it is about to happen; a child dies as well.
    KillBefore,
    /// It happens halfway, then process and child are killed.
    KillHalfway,
    /// It happens, and the process is killed before it learns of that.
    KillAfter,
    /// The process is killed, and then its child does what it was started for.
    Orphan,
    /// It does not happen, and that is told.
    FailBefore,
    /// It happens, but what is told is that it did not.
    FailAfter,
    /// It does not happen, and the counterpart says that it is busy.
    Refuse,
    /// The process is killed, and what it said is on its way for a while.
    Delay,
}

impl Act {
    /// Whether the run does not live through it.
    pub(crate) const fn kills(self) -> bool {
        match self {
            Self::KillBefore | Self::KillHalfway | Self::KillAfter | Self::Orphan | Self::Delay => {
                true
            }
            Self::FailBefore | Self::FailAfter | Self::Refuse => false,
        }
    }

    /// As the scripts read it.
    const fn word(self) -> &'static str {
        match self {
            Self::KillBefore => "kill-before",
            Self::KillHalfway => "kill-halfway",
            Self::KillAfter => "kill-after",
            Self::Orphan => "orphan",
            Self::FailBefore => "fail-before",
            Self::FailAfter => "fail-after",
            Self::Refuse => "refuse",
            Self::Delay => "delay",
        }
    }
}

/// What goes wrong: the nth of its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) nth: u32,
    pub(crate) act: Act,
}

impl Fault {
    pub(crate) fn new(what: &str, nth: u32, act: Act) -> Self {
        let what = what.to_owned();
        Self { what, nth, act }
    }

    /// Whether it is about a call of git.
    pub(crate) fn is_of_git(&self) -> bool {
        GIT.contains(&self.what.as_str())
    }

    /// The call to the system that it is about, where it is about one.
    pub(crate) fn call(&self) -> Option<&str> {
        self.what.strip_prefix("call-")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.what, self.nth, self.act.word())
    }
}

/// Counts what happens, and says when something is to go wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    process: Option<Pid>,
    seen: BTreeMap<String, u32>,
    heard: Vec<(Time, String)>,
}

impl Watch {
    /// Begins to count anew, for this fault.
    pub(crate) fn set(&self, fault: Option<&Fault>) {
        let mut state = self.0.lock().unwrap();
        state.fault = fault.cloned();
        state.process = None;
        state.seen.clear();
    }

    /// Forgets the commands that came.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().heard.clear();
    }

    /// Whom to kill.
    pub(crate) fn process(&self, id: u32) {
        let id = i32::try_from(id).unwrap();
        self.0.lock().unwrap().process = Pid::from_raw(id);
    }

    /// Something is about to happen: what is to go wrong with it.
    pub(crate) fn meet(&self, what: &str) -> Option<Act> {
        let mut state = self.0.lock().unwrap();
        let seen = state.seen.entry(what.to_owned()).or_default();
        *seen += 1;
        let seen = *seen;
        let fault = state.fault.as_ref()?;
        (fault.what == what && fault.nth == seen).then_some(fault.act)
    }

    /// A command came that changes something.
    pub(crate) fn hear(&self, command: &str) {
        let heard = (wait::now(), command.to_owned());
        self.0.lock().unwrap().heard.push(heard);
    }

    /// The commands that came, and when.
    pub(crate) fn heard(&self) -> Vec<(Time, String)> {
        self.0.lock().unwrap().heard.clone()
    }

    /// Kills the process.
    pub(crate) fn kill(&self) {
        let process = self.0.lock().unwrap().process;
        kill_process(process.unwrap(), Signal::KILL).unwrap();
    }

    /// What happened how often.
    pub(crate) fn seen(&self) -> BTreeMap<String, u32> {
        self.0.lock().unwrap().seen.clone()
    }
}
