//! Why a forge did not tell, told apart by what a person can do about it.

use liftlock::approval::forge::{Forge, ParseError};
use liftlock::failure::{Explain, Kind};
use liftlock::time::Time;

use crate::http;

/// A forge did not tell, or not all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No variable has one.
    #[error("there is no token for {}", .0.title())]
    NoToken(Forge),
    /// It is a job's, which sees too little.
    #[error("a job's own token can neither read notes nor look up who may answer")]
    JobToken,
    /// No variable has one that starts pipelines.
    #[error("there is no token that starts a pipeline")]
    NoTrigger,
    /// Not `OWNER/NAME`.
    #[error("`{0}` is no repository like `OWNER/NAME`")]
    Repository(String),
    /// Not `GROUP/NAME`, with as many groups as there are.
    #[error("`{0}` is no project like `GROUP/NAME`")]
    Project(String),
    /// The place is on another installation than the one that is asked.
    #[error("people were asked on `{asked}`, and this job knows `{here}`")]
    Elsewhere {
        /// Where people were asked.
        asked: String,
        /// What this job's environment names.
        here: String,
    },
    /// There is no such way to answer on this forge.
    #[error("the request is answered on another forge")]
    Foreign,
    /// This GitLab has none, or the environment needs none.
    #[error("deployment {0} shows no approvals")]
    NoApprovals(u64),
    /// What should be an address is none.
    #[error("`{0}` is no address of a forge's API")]
    Address(String),
    /// The token would be readable on its way.
    #[error("`{0}` would get the token without TLS")]
    Clear(String),
    /// The token is wrong or has ended.
    #[error("{} does not accept the token: {said}", forge.title())]
    Token {
        /// Which forge.
        forge: Forge,
        /// What it said.
        said: String,
    },
    /// The token may not do this.
    #[error("{} forbids `{path}`: {said}", forge.title())]
    Forbidden {
        /// Which forge.
        forge: Forge,
        /// What was called.
        path: String,
        /// What it said.
        said: String,
    },
    /// Only an App whose own rule it is may say this.
    #[error("GitHub lets only the App whose rule it is decide about a run: {0}")]
    NotTheApp(String),
    /// There is no such thing, or the token does not see it.
    #[error("{} knows no `{path}`, or does not show it to this token", forge.title())]
    Unknown {
        /// Which forge.
        forge: Forge,
        /// What was called.
        path: String,
    },
    /// It is called otherwise now, or somewhere else.
    #[error("{} sends whoever asks for `{path}` to another place", forge.title())]
    Redirected {
        /// Which forge.
        forge: Forge,
        /// What was called.
        path: String,
    },
    /// There is no such team, or the token does not see it.
    #[error("GitHub shows no team `{0}` to this token")]
    Team(String),
    /// There is no such group, or the token does not see it.
    #[error("GitLab shows no group `{0}` to this token")]
    Group(String),
    /// It shows a part, or something else.
    #[error("GitHub does not show all of `{what}`: {why}")]
    Partly {
        /// What was asked for.
        what: String,
        /// Why that is not all.
        why: &'static str,
    },
    /// It does not want this.
    #[error("{} refuses `{path}` with {status}: {said}", forge.title())]
    Refused {
        /// Which forge.
        forge: Forge,
        /// What was called.
        path: String,
        /// The status of its answer.
        status: u16,
        /// What it said.
        said: String,
    },
    /// Too many calls, and no time to wait until more are allowed.
    #[error("no more calls are allowed until {0}, which is after the deadline")]
    Limited(Time),
    /// It fails.
    #[error("{} answers `{path}` with {status}", forge.title())]
    Failed {
        /// Which forge.
        forge: Forge,
        /// What was called.
        path: String,
        /// The status of its answer.
        status: u16,
    },
    /// More than is read.
    #[error("there are {1} {0} or more, which are not read to the end")]
    TooMany(&'static str, usize),
    /// The list changed each time while it was read.
    #[error("`{0}` changed while it was read, several times")]
    Restless(String),
    /// It names the next page of a list in a way that nobody understands.
    #[error("`{0}` does not tell where its next page is")]
    Link(String),
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
            Self::NoToken(_)
            | Self::JobToken
            | Self::NoTrigger
            | Self::Repository(_)
            | Self::Project(_)
            | Self::Elsewhere { .. }
            | Self::Foreign
            | Self::NoApprovals(_)
            | Self::Address(_)
            | Self::Clear(_)
            | Self::Token { .. }
            | Self::Forbidden { .. }
            | Self::NotTheApp(_)
            | Self::Unknown { .. }
            | Self::Redirected { .. }
            | Self::Link(_)
            | Self::Team(_)
            | Self::Group(_)
            | Self::Partly { .. }
            | Self::Refused { .. }
            | Self::Limited(_)
            | Self::TooMany(..) => false,
        }
    }

    /// Whether the forge did not come to answer about what was asked: it is
    /// away, wants no more calls, or nothing here leads to it. A token that it
    /// refuses, and whatever it says about people, is an answer.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        match self {
            Self::NoToken(_)
            | Self::JobToken
            | Self::Elsewhere { .. }
            | Self::Limited(_)
            | Self::Failed { .. } => true,
            Self::Http(error) => matches!(
                error,
                http::Error::Connect { .. }
                    | http::Error::Broken { .. }
                    | http::Error::Timeout { .. }
                    | http::Error::Offline
            ),
            Self::NoTrigger
            | Self::Repository(_)
            | Self::Project(_)
            | Self::Foreign
            | Self::NoApprovals(_)
            | Self::Address(_)
            | Self::Clear(_)
            | Self::Token { .. }
            | Self::Forbidden { .. }
            | Self::NotTheApp(_)
            | Self::Unknown { .. }
            | Self::Team(_)
            | Self::Group(_)
            | Self::Partly { .. }
            | Self::Refused { .. }
            | Self::TooMany(..)
            | Self::Restless(_)
            | Self::Moved(_)
            | Self::Redirected { .. }
            | Self::Link(_)
            | Self::Answer(_) => false,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoToken(_)
            | Self::JobToken
            | Self::NoTrigger
            | Self::Clear(_)
            | Self::Token { .. }
            | Self::Forbidden { .. }
            | Self::NotTheApp(_)
            | Self::Team(_)
            | Self::Group(_) => Kind::Credentials,
            Self::Repository(_)
            | Self::Project(_)
            | Self::Elsewhere { .. }
            | Self::Foreign
            | Self::NoApprovals(_)
            | Self::Address(_)
            | Self::Unknown { .. }
            | Self::Redirected { .. }
            | Self::Partly { .. }
            | Self::Refused { .. }
            | Self::TooMany(..) => Kind::Invalid,
            Self::Limited(_)
            | Self::Failed { .. }
            | Self::Restless(_)
            | Self::Link(_)
            | Self::Moved(_) => Kind::Upstream,
            Self::Answer(error) => error.kind(),
            Self::Http(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        const PROJECT_TOKEN: &str = "set `LIFTLOCK_GITLAB_TOKEN` to a project's or group's access token, with the scope `api` to ask and `read_api` to judge";
        let hint = match self {
            Self::NoToken(Forge::Github) => "set `LIFTLOCK_GITHUB_TOKEN` or `GITHUB_TOKEN`",
            Self::NoToken(Forge::Gitlab) | Self::JobToken => PROJECT_TOKEN,
            Self::NoTrigger => "set `LIFTLOCK_GITLAB_TRIGGER_TOKEN`, or run in a job",
            Self::Clear(_) => "give an address that begins with `https://`",
            Self::Token {
                forge: Forge::Github,
                ..
            } => "give a fresh token: an App's ends after an hour and a job's with its job",
            Self::Token {
                forge: Forge::Gitlab,
                ..
            } => "give a fresh token: a project's has a last day, and a job's ends with its job",
            Self::NotTheApp(_) => {
                "give the App's installation token, with `deployments: write` and `actions: read`"
            }
            Self::Team(_) => {
                "correct the name, or give an App's token with `members: read` or a person's with `read:org` in `LIFTLOCK_GITHUB_TOKEN`: a job's own sees no teams"
            }
            Self::Group(_) => {
                "correct the name, or give a token with `read_api` of somebody who sees the group in `LIFTLOCK_GITLAB_TOKEN`"
            }
            Self::Partly { .. } => "give `--clone DIR`, a clone that has both commits",
            Self::Forbidden {
                forge: Forge::Github,
                ..
            } => {
                "give the job the permission that docs/await-approval.md names, such as `issues: write`"
            }
            Self::Forbidden {
                forge: Forge::Gitlab,
                ..
            } => "give a token with the scope `api` whose account has the role that this needs",
            Self::Elsewhere { .. } => {
                "judge where people were asked: `GITHUB_API_URL` or `CI_API_V4_URL` says where"
            }
            Self::NoApprovals(_) => {
                "protect the environment with approval rules, which GitLab Premium has"
            }
            Self::Unknown { .. } => "check the number, and that the token sees the repository",
            Self::Redirected { .. } => {
                "name the repository as it is called now, in the policy as well, and ask again"
            }
            Self::Link(_) => "look at what is between this job and the forge, such as a proxy",
            Self::Limited(_) => "run again then, or give a longer `--timeout`",
            Self::Failed { .. } | Self::Answer(_) | Self::Restless(_) | Self::Moved(_) => {
                "run the same command again"
            }
            Self::TooMany(..) => "ask again in a new issue",
            Self::Http(error) => return error.hint(),
            Self::Repository(_)
            | Self::Project(_)
            | Self::Foreign
            | Self::Address(_)
            | Self::Refused { .. } => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}
