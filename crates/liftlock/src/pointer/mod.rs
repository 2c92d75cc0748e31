//! Where pointers point, by what their counterparts say.

pub mod deployment;
pub mod notes;
pub mod notice;
pub mod release;
pub mod request;
pub mod tagged;

use std::fmt;

use crate::digest::Digest;
use crate::failure::{Failure, Kind};

/// Where a pointer points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Live {
    /// Nowhere yet.
    Nowhere,
    /// At this digest.
    At(Digest),
    /// At something that is not understood, and so is somebody else's.
    Strange(String),
}

impl Live {
    /// Whether it is at this digest, or nowhere.
    #[must_use]
    pub fn is(&self, digest: Option<Digest>) -> bool {
        *self == Self::from(digest)
    }

    /// For people, with the first digits of a digest.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::At(digest) => digest.short(),
            Self::Nowhere | Self::Strange(_) => self.to_string(),
        }
    }
}

impl From<Option<Digest>> for Live {
    fn from(found: Option<Digest>) -> Self {
        found.map_or(Self::Nowhere, Self::At)
    }
}

impl fmt::Display for Live {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => formatter.write_str("nothing"),
            Self::At(digest) => write!(formatter, "{digest}"),
            Self::Strange(why) => write!(formatter, "something else: {why}"),
        }
    }
}

/// Whether a move is still to be made: not where it was made already.
///
/// # Errors
///
/// Fails as refuted where the pointer is at neither end of the move.
pub fn is_open(
    label: &str,
    live: &Live,
    (from, to): (Option<Digest>, Digest),
) -> Result<bool, Failure> {
    if live.is(Some(to)) {
        Ok(false)
    } else if live.is(from) {
        Ok(true)
    } else {
        let message = format!("{label} was moved by somebody else: it is at {live}");
        Err(Failure::new(Kind::Refuted, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_open_only_where_the_plan_saw_the_pointer() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let ends = (Some(digest("one")), digest("two"));
        assert!(is_open("x", &Live::At(digest("one")), ends).unwrap());
        assert!(!is_open("x", &Live::At(digest("two")), ends).unwrap());
        assert!(is_open("x", &Live::Nowhere, (None, ends.1)).unwrap());
        for (live, ends) in [
            (Live::At(digest("three")), ends),
            (Live::Nowhere, ends),
            (Live::At(digest("one")), (None, ends.1)),
            (Live::Strange("v1".to_owned()), ends),
            (Live::Strange("v1".to_owned()), (None, ends.1)),
        ] {
            let refused = is_open("x", &live, ends).unwrap_err();
            assert_eq!(refused.kind, Kind::Refuted);
        }
    }
}
