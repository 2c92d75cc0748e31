//! Answers that are looked at again.

use super::*;
use crate::forge::Again;

impl World {
    /// Everything that answers there.
    fn told(&self, asked: &Identified) -> Vec<Event> {
        let github = self.github();
        let about = (asked, QUESTION);
        let found = github.answers(&self.spot(asked), about, (&keyring(), LEAST));
        found.unwrap().events
    }

    /// Who still counts of those who answered, and who is gone.
    fn again(&self, asked: &Identified, events: &[Event]) -> Result<(Vec<u64>, usize), Error> {
        let mut found = Again::default();
        let about = (asked, events);
        self.github()
            .again(about, (&keyring(), LEAST), &mut found)?;
        assert_eq!(found.0.len(), events.len());
        let policy = policy();
        let counts = |event: &&Event| {
            let now = found.0[&event.digest()].as_ref();
            let heard = now.map(|now| hear(now, asked, &policy));
            matches!(heard, Some(Heard::Told { .. }))
        };
        let counted = events.iter().filter(counts).map(|event| event.account);
        let gone = found.0.values().filter(|now| now.is_none()).count();
        Ok((counted.collect(), gone))
    }

    fn calls(&self, what: impl FnOnce()) -> u32 {
        let before = self.fake.counts().total;
        what();
        self.fake.counts().total - before
    }
}

#[test]
fn comments_are_asked_about_by_their_numbers_whatever_else_is_written() {
    let world = World::new();
    let asked = world.asked();
    let [first, second] = [7, 8].map(|user| world.say(user, &yes(&asked)));
    let events = world.told(&asked);
    for _ in 0..230 {
        world.say(9, "noise");
    }
    let calls = world.calls(|| {
        assert_eq!(world.again(&asked, &events).unwrap(), (vec![7, 8], 0));
    });
    // One for each comment, and one for all edits and what people may do.
    assert_eq!(calls, 3);
    world.fake.with(|state| {
        state.advance(HOUR);
        state.edit(second, &yes(&asked));
    });
    assert_eq!(world.again(&asked, &events).unwrap(), (vec![7], 0));
    world.fake.with(|state| state.delete(first));
    assert_eq!(world.again(&asked, &events).unwrap(), (vec![], 1));
}

#[test]
fn what_was_seen_before_a_failure_is_kept() {
    let world = World::new();
    let asked = world.asked();
    let [first, _] = [7, 8].map(|user| world.say(user, &yes(&asked)));
    let events = world.told(&asked);
    world.fake.with(|state| {
        state.delete(first);
        state.hide_collaborators();
        for _ in 0..3 {
            state.order("collaborators/bob/", Answer::new(502));
        }
    });
    let mut found = Again::default();
    let failed = world
        .github()
        .again((&asked, &events), (&keyring(), LEAST), &mut found);
    let error = failed.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert_eq!(found.0.len(), 1);
    assert_eq!(found.0[&events[0].digest()], None);
}

#[test]
fn reviews_that_were_edited_or_dismissed_do_not_count_again() {
    let world = World::new();
    let (pull, spot) = world.pull();
    let asked = world.asked_at(spot);
    let [first, second] = [7, 8].map(|user| world.review(pull, user, "APPROVED", &yes(&asked)));
    let events = world.told(&asked);
    let calls = world.calls(|| {
        assert_eq!(world.again(&asked, &events).unwrap(), (vec![7, 8], 0));
    });
    // One for each review, and one for all edits and whether they may write.
    assert_eq!(calls, 3);
    world.fake.with(|state| {
        state.advance(HOUR);
        state.edit_review(pull, first, &yes(&asked));
    });
    assert_eq!(world.again(&asked, &events).unwrap(), (vec![8], 0));
    world.fake.with(|state| state.dismiss(pull, second));
    assert_eq!(world.again(&asked, &events).unwrap(), (vec![], 0));
}

#[test]
fn reviews_of_a_run_count_for_its_attempt_and_are_gone_with_it() {
    let world = World::new();
    let (run, spot) = world.gates();
    let asked = world.asked_at(spot);
    for (user, place) in [(7, "production-1"), (8, "production-2")] {
        world.fake.with(|state| {
            state.review_gate(run, user, (place, "approved"), &yes(&asked));
        });
    }
    let events = world.told(&asked);
    assert_eq!(world.again(&asked, &events).unwrap(), (vec![7, 8], 0));
    world.fake.with(|state| state.permit(8, "read"));
    assert_eq!(world.again(&asked, &events).unwrap(), (vec![7], 0));
    world.fake.with(|state| state.rerun(run, 9));
    assert_eq!(world.again(&asked, &events).unwrap(), (vec![], 0));
    let gone = Answer::new(404).header("content-type", "application/json");
    world.fake.with(|state| state.order("/approvals", gone));
    assert_eq!(world.again(&asked, &events).unwrap(), (vec![], 2));
}

#[test]
fn a_refused_token_is_no_silence() {
    let world = World::new();
    let asked = world.asked();
    world.say(7, &yes(&asked));
    let events = world.told(&asked);
    let github = world.at(&world.fake.url(), "ghs_other");
    let mut found = Again::default();
    let error = github.again((&asked, &events), (&keyring(), LEAST), &mut found);
    let error = error.unwrap_err();
    assert!(!error.is_unreachable(), "{error}");
    assert_eq!(error.kind(), Kind::Credentials);
    assert!(found.0.is_empty());
}
