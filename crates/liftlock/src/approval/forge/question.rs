//! Whether the question is still there as it was asked: people answer what they
//! read, and others may change it above the lines that they copy.

use super::{Event, hear};
use crate::approval::answer::{Heard, Say};
use crate::approval::policy::Policy;
use crate::approval::request;
use crate::time::Time;

/// What a forge shows of a request's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// None is looked for where people answer.
    Unwritten,
    /// It is not there, or somebody changed it.
    Gone,
    /// It is there unchanged, since this moment by the forge's clock.
    Asked(Time),
}

impl Question {
    /// What somebody read who asked for it: of several the oldest counts.
    #[must_use]
    pub fn of(unchanged_since: impl Iterator<Item = Time>) -> Self {
        unchanged_since.min().map_or(Self::Gone, Self::Asked)
    }

    /// Since when it is known to be there.
    #[must_use]
    pub const fn asked_at(self) -> Option<Time> {
        match self {
            Self::Asked(at) => Some(at),
            Self::Unwritten | Self::Gone => None,
        }
    }

    /// As [`hear`]: a yes counts only below the question. A no counts anywhere.
    #[must_use]
    pub fn hear(self, event: &Event, asked: &request::Identified, policy: &Policy) -> Heard {
        let heard = hear(event, asked, policy);
        let Heard::Told { answer, bundle } = &heard else {
            return heard;
        };
        let why = match self {
            Self::Gone => "the question is not there any more as it was asked".to_owned(),
            Self::Asked(at) if event.created_at < at => {
                format!("it was written before the question, which is there since {at}")
            }
            Self::Asked(_) | Self::Unwritten => return heard,
        };
        if answer.answer == Say::No {
            return heard;
        }
        Heard::Refused {
            claimed: Some(answer.person.clone()),
            why,
            bundle: *bundle,
        }
    }
}
