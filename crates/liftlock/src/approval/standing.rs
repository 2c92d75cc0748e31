//! What has to be asked of forges before what was judged is used, and whose
//! answers do not stand any more by what they show.

use std::collections::BTreeSet;

use super::fresh::Questions;
use super::policy::Policy;
use super::predicate::Approval;
use super::recheck::{Frame, Refused, base, decided};
use super::request::Identified;
use crate::config::break_glass::BreakGlass as Allowed;
use crate::digest::Digest;

/// What has to be asked of forges about what was judged, before it is used.
///
/// # Errors
///
/// Fails where there are no rules to count it by.
pub fn questions(
    judged: &Approval,
    frame: &Frame<'_>,
    allowed: Option<&Allowed>,
) -> Result<Questions, Refused> {
    let asked = Identified::from_value(&judged.asked)?;
    let base = base(&asked, frame, allowed)?;
    let (policy, then) = decided(judged, &asked, base, &unshown(frame));
    Ok(Questions::of(judged, asked, (&policy, &then)))
}

/// Whose answers count by what was judged, and do not by what forges show now;
/// with the reasons.
///
/// # Errors
///
/// As [`questions`].
pub fn fallen(
    judged: &Approval,
    frame: &Frame<'_>,
    allowed: Option<&Allowed>,
) -> Result<Vec<String>, Refused> {
    let asked = Identified::from_value(&judged.asked)?;
    let base = base(&asked, frame, allowed)?;
    Ok(lost(judged, &asked, base, frame))
}

pub(super) fn lost(
    judged: &Approval,
    asked: &Identified,
    base: Policy,
    frame: &Frame<'_>,
) -> Vec<String> {
    if frame.shown.is_none() {
        return Vec::new();
    }
    let (_, then) = decided(judged, asked, base.clone(), &unshown(frame));
    let (_, now) = decided(judged, asked, base, frame);
    let counted: BTreeSet<Digest> = then.counted.iter().map(|one| one.bundle).collect();
    let lost = now.not_counted.iter();
    let lost = lost.filter(|one| counted.contains(&one.bundle));
    lost.map(|one| match &one.who {
        Some(person) => format!("{person}: {}", one.why),
        None => one.why.clone(),
    })
    .collect()
}

const fn unshown<'a>(frame: &Frame<'a>) -> Frame<'a> {
    Frame {
        shown: None,
        ..*frame
    }
}
