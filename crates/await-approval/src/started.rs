//! Which request a job is to judge: one that is named, or the one that an event
//! of a forge answers.

use liftlock::approval::forge::Said;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};

use crate::args::{About, Command};
use crate::{forge, gitlab};

/// What started a job that judges answers.
#[derive(Debug)]
pub(crate) enum Started {
    /// An answer to this request.
    Answer(Digest),
    /// Something that answers nothing; why not.
    Beside(String),
}

impl Started {
    pub(crate) fn beside(why: &str) -> Self {
        Self::Beside(why.to_owned())
    }
}

impl From<Said> for Started {
    fn from(said: Said) -> Self {
        match said {
            Said::Answer { request, .. } => Self::Answer(request),
            Said::Unclear(why) => Self::Beside(why),
            Said::Nothing => Self::beside("its text says something else"),
        }
    }
}

impl Command {
    /// What is judged, by which of the subcommands that judge.
    pub(crate) fn judges(&self) -> Option<(&'static str, &About)> {
        match self {
            Self::Judge(args) => Some(("judge", &args.about)),
            Self::Wait(args) => Some(("wait", &args.about)),
            Self::Explain(args) => Some(("explain", &args.about)),
            Self::Request(_)
            | Self::Answer(_)
            | Self::Withdraw(_)
            | Self::Resume(_)
            | Self::Doctor(_) => None,
        }
    }
}

impl About {
    /// What is judged, as it was given or as the event says.
    pub(crate) fn reference(&self) -> Result<String, Failure> {
        match (&self.request, self.started()?) {
            (Some(request), _) => Ok(request.clone()),
            (None, Some(Started::Answer(request))) => Ok(request.to_string()),
            (None, Some(Started::Beside(why))) => Err(Failure::new(Kind::Bug, why)),
            (None, None) => Err(Failure::new(Kind::Usage, "no request is named")),
        }
    }

    /// Why the event that started this job answers nothing, where that is so.
    pub(crate) fn beside(&self) -> Result<Option<String>, Failure> {
        match self.started()? {
            Some(Started::Beside(why)) => Ok(Some(why)),
            Some(Started::Answer(_)) | None => Ok(None),
        }
    }

    fn started(&self) -> Result<Option<Started>, Failure> {
        match (self.gitlab_event, self.github_event) {
            (true, _) => gitlab::of_event().map(Some),
            (false, true) => forge::of_event().map(Some),
            (false, false) => Ok(None),
        }
    }
}
