//! Why there is no verdict, told to a person: what failed, the causes, one hint.

use std::error::Error;
use std::io;

use crate::exit::Exit;

/// What a person has to change for the next run to get further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line.
    Usage,
    /// A configuration, policy, SLO, query, reference or other input.
    Invalid,
    /// A token, password or permission.
    Credentials,
    /// A counterpart or the machine: nothing is known about the release.
    Upstream,
    /// Telemetry cannot be seen.
    Blind,
    /// Someone else holds the right to act, or automation is on hold.
    Blocked,
    /// The time given by `--timeout` is over.
    Expired,
    /// What was to be proved is refuted: a signature, a digest, a chain.
    Refuted,
    /// An effect could be neither finished nor undone.
    Stuck,
    /// A signal asked the process to stop.
    Interrupted,
    /// The same, by SIGTERM.
    Terminated,
    /// liftlock is wrong.
    Bug,
}

impl Kind {
    /// The exit code of this kind of failure.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Usage => Exit::Usage,
            Self::Invalid => Exit::Invalid,
            Self::Credentials => Exit::Credentials,
            Self::Upstream => Exit::NoVerdict,
            Self::Blind => Exit::Blind,
            Self::Blocked => Exit::Blocked,
            Self::Expired => Exit::Expired,
            Self::Refuted => Exit::Fail,
            Self::Stuck => Exit::Stuck,
            Self::Interrupted => Exit::Interrupted,
            Self::Terminated => Exit::Terminated,
            Self::Bug => Exit::Bug,
        }
    }

    /// What has to change where the system refuses something: a right is a
    /// credential, all else is the machine or whoever is at the other end.
    #[must_use]
    pub fn of_system(error: &io::Error) -> Self {
        match error.kind() == io::ErrorKind::PermissionDenied {
            true => Self::Credentials,
            false => Self::Upstream,
        }
    }

    /// The same where somebody named a file or a folder: what is not there, or
    /// is the other one of the two, was named wrongly.
    #[must_use]
    pub fn of_file(error: &io::Error) -> Self {
        let wrong = [
            io::ErrorKind::NotFound,
            io::ErrorKind::IsADirectory,
            io::ErrorKind::NotADirectory,
        ];
        match wrong.contains(&error.kind()) {
            true => Self::Invalid,
            false => Self::of_system(error),
        }
    }
}

/// What to do where the system refuses a file.
#[must_use]
pub fn hint_of_file(error: &io::Error) -> Option<String> {
    let forbidden = Kind::of_system(error) == Kind::Credentials;
    forbidden.then(|| "give the user of this job the right to it, or name another place".to_owned())
}

/// An error that knows what a person has to change.
///
/// Every error enum at a module's border implements this, so that `?` carries
/// it into a [`Failure`] without losing its kind.
pub trait Explain: Error + Send + Sync + 'static {
    /// What has to change.
    fn kind(&self) -> Kind;

    /// One sentence that starts with a verb; only when it is known to help.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// An error on its way to `main`, which alone prints it.
#[derive(Debug)]
pub struct Failure {
    /// What has to change.
    pub kind: Kind,
    /// The next thing to do.
    pub hint: Option<String>,
    source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure that has no error type of its own, with its one line.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            hint: None,
            source: message.into().into(),
        }
    }

    /// A failure with its one line and the error below it.
    #[must_use]
    pub fn because(
        kind: Kind,
        message: impl Into<String>,
        cause: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            hint: None,
            source: Box::new(Because {
                message: message.into(),
                cause: Box::new(cause),
            }),
        }
    }

    /// A failure that says more than the error below it, and keeps its kind and
    /// its hint.
    #[must_use]
    pub fn above(message: impl Into<String>, cause: impl Explain) -> Self {
        let (kind, hint) = (cause.kind(), cause.hint());
        Self {
            hint,
            ..Self::because(kind, message, cause)
        }
    }

    /// The same failure, as the cause of this line.
    #[must_use]
    pub fn under(self, message: impl Into<String>) -> Self {
        Self {
            source: Box::new(Because {
                message: message.into(),
                cause: self.source,
            }),
            ..self
        }
    }

    /// The same failure with a next step.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What failed, then each cause, outermost first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        causes(self.source.as_ref())
    }
}

/// An error and its causes, outermost first, without repetitions.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let all = std::iter::successors(Some(error), |&error| error.source());
    let mut lines: Vec<String> = all.map(ToString::to_string).collect();
    lines.dedup();
    lines
}

/// The same in one line.
#[must_use]
pub fn line(error: &(dyn Error + 'static)) -> String {
    causes(error).join(": ")
}

/// A message above its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Because {
    message: String,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            kind: error.kind(),
            hint: error.hint(),
            source: Box::new(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `a.json`")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("line 3 is cut off")]
    struct Inner;

    impl Explain for Outer {
        fn kind(&self) -> Kind {
            Kind::Invalid
        }

        fn hint(&self) -> Option<String> {
            Some("download it again".to_owned())
        }
    }

    #[test]
    fn causes_stay_in_order_and_the_kind_gives_the_code() {
        let failure = Failure::from(Outer(Inner));
        assert_eq!(
            failure.lines(),
            ["cannot read `a.json`", "line 3 is cut off"]
        );
        assert_eq!(failure.kind.exit().code(), 3);
        assert_eq!(failure.hint.as_deref(), Some("download it again"));
    }

    #[test]
    fn a_message_of_its_own_keeps_every_cause() {
        let failure = Failure::because(Kind::Invalid, "cannot start", Outer(Inner));
        assert_eq!(
            failure.lines(),
            ["cannot start", "cannot read `a.json`", "line 3 is cut off"]
        );
    }
}
