//! Which requests are none: those that contradict themselves, or ask for more
//! than anybody writes.

use std::collections::BTreeSet;

use super::super::break_glass::LONGEST_REASON;
use super::super::seats::Rule;
use super::{MOST_ASKED, MOST_NAMES, SCHEMA_VERSION};
use crate::ci::{self, Actor};
use crate::failure::{Explain, Kind};
use crate::json;
use crate::release::{self, LONGEST_LABEL};

/// The bytes are no request.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed or of another shape.
    #[error("not an approval request")]
    Json(#[from] json::ParseError),
    /// Written by a newer liftlock.
    #[error("`schema_version` {0} is not {SCHEMA_VERSION}, the one this version reads")]
    Version(u32),
    /// Other bytes, other digest.
    #[error("the request was reformatted: its digest is no longer that of what was asked")]
    Reformatted,
    /// The release inside is none.
    #[error("`document` is no release")]
    Release(#[from] release::ParseError),
    /// Two parts disagree.
    #[error("`{0}` contradicts the rest of the request")]
    Contradiction(&'static str),
    /// None, or more than anybody writes.
    #[error("`rules` has {0} rules, and 1 to {MOST_ASKED} are read")]
    Rules(usize),
    /// More than any CI says, or made to deceive.
    #[error("`actors` has a name that is too long or not plain, or more than {MOST_NAMES}")]
    Actors,
    /// Without a reason that people can read, or past nothing.
    #[error("`break_glass` needs a plain reason of at most {LONGEST_REASON} bytes, and a gate")]
    BreakGlass,
    /// Nobody, or more than everybody.
    #[error("`quorum` is {0} of {1} people")]
    Quorum(u32, u32),
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

pub(super) fn check(rules: &[Rule]) -> Result<(), ParseError> {
    if rules.is_empty() || rules.len() > MOST_ASKED {
        return Err(ParseError::Rules(rules.len()));
    }
    let mut names = BTreeSet::new();
    for rule in rules {
        let asked = u32::try_from(rule.people.len()).unwrap_or(u32::MAX);
        if rule.quorum == 0 || rule.quorum > asked {
            return Err(ParseError::Quorum(rule.quorum, asked));
        }
        if !names.insert(&rule.name) {
            return Err(ParseError::Contradiction("rules"));
        }
    }
    Ok(())
}

/// Names that a forge gave are shown to people who decide.
pub(super) fn check_actors(actors: &[Actor]) -> Result<(), ParseError> {
    let names = actors.iter().flat_map(|actor| &actor.known_as);
    let plain = |name: &String| name.len() <= LONGEST_LABEL && ci::line(name) == **name;
    if names.clone().count() > MOST_NAMES || !names.clone().all(plain) {
        return Err(ParseError::Actors);
    }
    Ok(())
}
