//! Every sequence of a few kinds of answers: none reaches a pass that was not earned.

use std::collections::BTreeSet;

use super::answer::{Heard, Say};
use super::decide::{Evidence, decide};
use super::toy::{answer, at, heard, name, policy, request};
use crate::verdict::Verdict;

/// What an answer is worth: whose eligible yes or no, or nothing.
type Worth = Option<(&'static str, Say)>;

fn kinds() -> Vec<(Heard, Worth)> {
    let mut elsewhere = answer("bob", Say::Yes, "10:30");
    elsewhere.environment = name("staging");
    let mut late = answer("bob", Say::Yes, "10:30");
    late.made_at = "2026-11-24T10:00:01Z".parse().unwrap();
    vec![
        (
            heard(&answer("alice", Say::Yes, "10:10"), 1),
            Some(("alice", Say::Yes)),
        ),
        (
            heard(&answer("alice", Say::Yes, "10:20"), 11),
            Some(("alice", Say::Yes)),
        ),
        (
            heard(&answer("alice", Say::No, "10:15"), 1),
            Some(("alice", Say::No)),
        ),
        (
            heard(&answer("bob", Say::Yes, "10:30"), 2),
            Some(("bob", Say::Yes)),
        ),
        (heard(&answer("bob", Say::Yes, "10:30"), 1), None),
        (heard(&answer("carol", Say::Yes, "10:30"), 3), None),
        (heard(&answer("carol", Say::No, "10:30"), 3), None),
        (heard(&answer("dave", Say::Yes, "10:30"), 4), None),
        (heard(&answer("erin", Say::Yes, "10:30"), 5), None),
        (heard(&answer("bob", Say::Yes, "10:30"), 77), None),
        (heard(&elsewhere, 2), None),
        (heard(&late, 2), None),
    ]
}

/// What the verdict has to be, told in the plainest way.
fn expected(worths: &[Worth]) -> Verdict {
    let of = |say: Say| -> BTreeSet<&str> {
        let eligible = worths.iter().flatten();
        eligible
            .filter(|one| one.1 == say)
            .map(|one| one.0)
            .collect()
    };
    if !of(Say::No).is_empty() {
        Verdict::Fail
    } else if of(Say::Yes).len() >= 2 {
        Verdict::Pass
    } else {
        Verdict::Pending
    }
}

#[test]
fn no_sequence_of_four_passes_without_two_different_eligible_yes_and_no_no() {
    let (kinds, policy, asked) = (kinds(), policy(), request());
    let count = kinds.len();
    let mut passes = 0;
    for number in 0..count.pow(4) {
        let picks: Vec<usize> = (0..4)
            .map(|place| number / count.pow(place) % count)
            .collect();
        let answers: Vec<Heard> = picks.iter().map(|pick| kinds[*pick].0.clone()).collect();
        let worths: Vec<Worth> = picks.iter().map(|pick| kinds[*pick].1).collect();
        let evidence = Evidence {
            asked: &asked,
            answers: &answers,
            withdrawn: false,
            seen: None,
        };
        let judgement = decide(&policy, &evidence, at("12:00"));
        assert_eq!(judgement.verdict, expected(&worths), "{picks:?}");
        passes += usize::from(judgement.verdict == Verdict::Pass);
    }
    assert!(
        passes > 100,
        "the exploration has to reach a pass: {passes}"
    );
}

#[test]
fn every_subset_gives_the_same_judgement_forwards_and_backwards() {
    let (kinds, policy, asked) = (kinds(), policy(), request());
    for mask in 0..1_u32 << kinds.len() {
        let chosen = kinds
            .iter()
            .enumerate()
            .filter(|(place, _)| mask >> place & 1 == 1);
        let (mut answers, worths): (Vec<Heard>, Vec<Worth>) =
            chosen.map(|(_, kind)| kind.clone()).unzip();
        let judge = |answers: &[Heard]| {
            let evidence = Evidence {
                asked: &asked,
                answers,
                withdrawn: false,
                seen: None,
            };
            decide(&policy, &evidence, at("12:00"))
        };
        let forwards = judge(&answers);
        answers.reverse();
        assert_eq!(judge(&answers), forwards, "{mask:b}");
        assert_eq!(forwards.verdict, expected(&worths), "{mask:b}");
    }
}
