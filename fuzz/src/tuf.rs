//! What a mirror of the public root answers, and what is kept of it.

use liftlock::sigstore::tuf::{Kept, Refused, Start, refresh};
use liftlock::time::Time;

use super::Reach;
use super::sigstore::{No, Yes};

/// The parts are divided by zeros: the first root, what was kept, and then
/// what the mirror answers, one question after the other. Nothing is a file
/// that is absent.
pub(super) fn repository(bytes: &[u8], reach: Reach<'_>) {
    let mut parts = bytes.split(|byte| *byte == 0);
    let first = parts.next().unwrap_or_default();
    let kept = Kept::parse(parts.next().unwrap_or_default()).ok();
    let answers: Vec<&[u8]> = parts.collect();
    let Ok(now) = Time::from_unix_millis(1_767_600_000_000) else {
        return;
    };
    let start = Start {
        first,
        kept: kept.as_ref(),
        now,
    };
    let broken = refresh(&start, &No, mirror(&answers));
    assert!(broken.is_err(), "a broken signature was taken");
    let held = kept.as_ref().and_then(|kept| {
        let broken = kept.prove(first, &No);
        assert!(broken.is_err(), "a broken signature was taken");
        kept.prove(first, &Yes).ok()
    });
    if held.is_some() {
        reach("kept");
    }
    let Ok(updated) = refresh(&start, &Yes, mirror(&answers)) else {
        return;
    };
    let proved = updated.prove(first, &Yes);
    assert!(proved.is_ok(), "what was taken cannot be proved again");
    let written = serde_json::to_vec(&updated).unwrap_or_default();
    let again = Kept::parse(&written);
    assert!(
        again.is_ok_and(|again| again == updated),
        "what was taken cannot be read again"
    );
    let (Some(held), Ok(proved)) = (held, proved) else {
        reach("updated");
        return;
    };
    assert!(proved.root >= held.root, "the root went back");
    reach(match proved.root == held.root {
        true => "again",
        false => "rotated",
    });
}

/// Answers in order, whatever the question is.
fn mirror(answers: &[&[u8]]) -> impl FnMut(&str, u64) -> Result<Option<Vec<u8>>, Refused> {
    let mut answers = answers.iter();
    move |path, limit| {
        let answer = answers.next().copied().unwrap_or_default();
        if u64::try_from(answer.len()).map_or(true, |length| length > limit) {
            return Err(Refused::Absent(path.to_owned()));
        }
        Ok((!answer.is_empty()).then(|| answer.to_vec()))
    }
}
