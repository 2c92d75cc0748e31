//! Why GitHub did not tell, told apart by what a person can do about it.

use liftlock::approval::forge::github::ParseError;
use liftlock::failure::{Explain, Kind};
use liftlock::time::Time;

use crate::http;

/// GitHub did not tell, or not all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No variable has one.
    #[error("there is no token for GitHub")]
    NoToken,
    /// Not `OWNER/NAME`.
    #[error("`{0}` is no repository like `OWNER/NAME`")]
    Repository(String),
    /// What should be an address is none.
    #[error("`{0}` is no address of a GitHub API")]
    Address(String),
    /// The token would be readable on its way.
    #[error("`{0}` would get the token without TLS")]
    Clear(String),
    /// The token is wrong or has ended.
    #[error("GitHub does not accept the token: {0}")]
    Token(String),
    /// The token may not do this.
    #[error("GitHub forbids `{path}`: {said}")]
    Forbidden {
        /// What was called.
        path: String,
        /// What GitHub said.
        said: String,
    },
    /// Only an App whose own rule it is may say this.
    #[error("GitHub lets only the App whose rule it is decide about a run: {0}")]
    NotTheApp(String),
    /// There is no such thing, or the token does not see it.
    #[error("GitHub knows no `{path}`, or does not show it to this token")]
    Unknown {
        /// What was called.
        path: String,
    },
    /// There is no such team, or the token does not see it.
    #[error("GitHub shows no team `{0}` to this token")]
    Team(String),
    /// It shows a part, or something else.
    #[error("GitHub does not show all of `{what}`: {why}")]
    Partly {
        /// What was asked for.
        what: String,
        /// Why that is not all.
        why: &'static str,
    },
    /// It does not want this.
    #[error("GitHub refuses `{path}` with {status}: {said}")]
    Refused {
        /// What was called.
        path: String,
        /// The status of its answer.
        status: u16,
        /// What GitHub said.
        said: String,
    },
    /// Too many calls, and no time to wait until more are allowed.
    #[error("GitHub allows no more calls until {0}, which is after the deadline")]
    Limited(Time),
    /// It fails.
    #[error("GitHub answers `{path}` with {status}")]
    Failed {
        /// What was called.
        path: String,
        /// The status of its answer.
        status: u16,
    },
    /// More than is read.
    #[error("GitHub lists {1} {0} or more, which are not read to the end")]
    TooMany(&'static str, usize),
    /// The list changed each time while it was read.
    #[error("`{0}` changed while it was read, several times")]
    Restless(String),
    /// The login went to another account meanwhile.
    #[error("account {0} changed its login while it was asked about")]
    Moved(u64),
    /// Not as documented, or cut off.
    #[error(transparent)]
    Answer(#[from] ParseError),
    /// No whole answer.
    #[error(transparent)]
    Http(#[from] http::Error),
}

impl Error {
    /// Whether the same question may be answered a while later.
    #[must_use]
    pub const fn passes(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::Answer(_) | Self::Restless(_) | Self::Moved(_) => true,
            Self::Http(error) => matches!(
                error,
                http::Error::Connect { .. }
                    | http::Error::Broken { .. }
                    | http::Error::Timeout { .. }
            ),
            Self::NoToken
            | Self::Repository(_)
            | Self::Address(_)
            | Self::Clear(_)
            | Self::Token(_)
            | Self::Forbidden { .. }
            | Self::NotTheApp(_)
            | Self::Unknown { .. }
            | Self::Team(_)
            | Self::Partly { .. }
            | Self::Refused { .. }
            | Self::Limited(_)
            | Self::TooMany(..) => false,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoToken
            | Self::Clear(_)
            | Self::Token(_)
            | Self::Forbidden { .. }
            | Self::NotTheApp(_)
            | Self::Team(_) => Kind::Credentials,
            Self::Repository(_)
            | Self::Address(_)
            | Self::Unknown { .. }
            | Self::Partly { .. }
            | Self::Refused { .. }
            | Self::TooMany(..) => Kind::Invalid,
            Self::Limited(_) | Self::Failed { .. } | Self::Restless(_) | Self::Moved(_) => {
                Kind::Upstream
            }
            Self::Answer(error) => error.kind(),
            Self::Http(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoToken => "set `LIFTLOCK_GITHUB_TOKEN` or `GITHUB_TOKEN`",
            Self::Clear(_) => "give an address that begins with `https://`",
            Self::Token(_) => {
                "give a fresh token: an App's ends after an hour and a job's with its job"
            }
            Self::Forbidden { .. } => {
                "give the job the permission that docs/await-approval.md names, such as `issues: write`"
            }
            Self::NotTheApp(_) => {
                "give the App's installation token, with `deployments: write` and `actions: read`"
            }
            Self::Team(_) => {
                "correct the name, or give an App's token with `members: read` or a person's with `read:org` in `LIFTLOCK_GITHUB_TOKEN`: a job's own sees no teams"
            }
            Self::Partly { .. } => "give `--clone DIR`, a clone that has both commits",
            Self::Unknown { .. } => "check the number, and that the token sees the repository",
            Self::Limited(_) => "run again then, or give a longer `--timeout`",
            Self::Failed { .. } | Self::Answer(_) | Self::Restless(_) | Self::Moved(_) => {
                "run the same command again"
            }
            Self::TooMany(..) => "ask again in a new issue",
            Self::Http(error) => return error.hint(),
            Self::Repository(_) | Self::Address(_) | Self::Refused { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
