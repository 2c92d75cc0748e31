//! What an answer stands for on its forge, beside its text.

use serde::{Deserialize, Serialize};

use super::{Event, Kind};
use crate::approval::request::Spot;
use crate::ci::line;
use crate::time::Time;

/// What a review stands for, beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Stance {
    /// It may go on.
    Approved,
    /// It may not.
    Rejected,
    /// Nothing of that.
    Neither,
    /// Somebody took it back, not always its author.
    Dismissed,
}

/// What the forge has an event as, beside its text, where it was given in the
/// way that the request asks for.
pub(super) fn of(event: &Event, (spot, made_at): (&Spot, Time)) -> Result<Option<Stance>, String> {
    match (spot, &event.kind) {
        (Spot::Comments { .. } | Spot::Notes { .. }, Kind::Comment) => Ok(None),
        (
            Spot::Deployment { deployment, .. },
            Kind::Deployment {
                stance,
                deployment: found,
            },
        ) if found == deployment => Ok(Some(*stance)),
        (
            Spot::Reviews { commit: wanted, .. },
            Kind::Review {
                stance,
                commit,
                edited_at,
            },
        ) => match edited_at {
            Some(at) => Err(edited(*at)),
            None => same(commit, wanted).map(|()| Some(*stance)),
        },
        (
            Spot::Gates {
                run,
                attempt,
                commit: wanted,
            },
            Kind::Gate {
                stance,
                run: found,
                attempt: later,
                commit,
                ..
            },
        ) => {
            if found != run || later != attempt {
                return Err(format!(
                    "run {run} was asked about in attempt {attempt}, and it is attempt {later} of run {found}"
                ));
            }
            same(commit, wanted)?;
            if event.created_at != made_at {
                return Err("the forge does not say when it was made".to_owned());
            }
            Ok(Some(*stance))
        }
        (
            Spot::Comments { .. }
            | Spot::Reviews { .. }
            | Spot::Gates { .. }
            | Spot::Notes { .. }
            | Spot::Deployment { .. },
            Kind::Comment | Kind::Review { .. } | Kind::Gate { .. } | Kind::Deployment { .. },
        ) => Err("the request is not answered in this way".to_owned()),
    }
}

fn same(found: &str, wanted: &str) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let (found, wanted) = (line(found), line(wanted));
    Err(format!(
        "it is about commit `{found}`, and `{wanted}` was asked about"
    ))
}

pub(super) fn edited(at: Time) -> String {
    format!("it was edited, at {at}: whoever may edit it is not its author")
}

pub(super) fn resolved(at: Time) -> String {
    format!("it was edited, or its thread resolved, at {at}: nobody tells which")
}
