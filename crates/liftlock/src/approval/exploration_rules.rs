//! Every choice of answers under several rules, delegation, times to look and
//! clocks, judged a second time in the plainest way, by minutes after 10:00:
//! none passes that was not earned.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Heard, Say, hear};
use super::decide::{Evidence, decide};
use super::form;
use super::policy::Policy;
use super::predicate::Approval as Signed;
use super::recheck::{Frame, count_again};
use super::request::Identified;
use super::toy::{CHECK, at, dated, key, keyring, name, signed, wanted};
use crate::ci::{Actor, Did};
use crate::config::approval::{Approval, Group, Rule};
use crate::config::trust::{Delegation, Keyring, Person};
use crate::digest::Digest;
use crate::span::Span;
use crate::verdict::Verdict;

/// The rules: who is asked, and how many of them.
const RULES: [(&str, usize, &[&str]); 2] = [
    ("release", 1, &["alice", "bob", "carol", "twin"]),
    ("security", 2, &["alice", "bob", "dave", "frank"]),
];

/// Erin may answer for alice and for carol between these minutes.
const LENT: (u32, u32) = (20, 60);

/// What may differ from case to case.
#[derive(Clone, Copy, Debug)]
struct Case {
    distinct: bool,
    look: u32,
    /// When the judge looks, by its own clock.
    now: u32,
    /// Who ran the job once more.
    re_ran: Option<&'static str>,
    withdrawn: bool,
}

/// One answer as it arrives, and what makes it worthless whatever the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    person: &'static str,
    place: &'static str,
    say: Say,
    minute: u32,
    key: u8,
    flaw: Flaw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Flaw {
    None,
    /// Signed with a key that is not this person's alone, or nobody's.
    Key,
    /// To another request about the same release: a replay.
    Replayed,
    /// For another environment.
    Elsewhere,
    /// An author's or a signer's, or in their place.
    Excluded,
}

const fn kind(person: &'static str, say: Say, minute: u32, key: u8, flaw: Flaw) -> Kind {
    Kind {
        person,
        place: person,
        say,
        minute,
        key,
        flaw,
    }
}

const fn lent(place: &'static str, minute: u32, flaw: Flaw) -> Kind {
    Kind {
        person: "erin",
        place,
        say: Say::Yes,
        minute,
        key: 5,
        flaw,
    }
}

const KINDS: [Kind; 16] = [
    kind("alice", Say::Yes, 1, 1, Flaw::None),
    kind("alice", Say::Yes, 31, 11, Flaw::None),
    kind("alice", Say::No, 2, 1, Flaw::None),
    kind("bob", Say::Yes, 30, 2, Flaw::None),
    kind("bob", Say::Yes, 29, 77, Flaw::Key),
    kind("bob", Say::Yes, 28, 1, Flaw::Key),
    kind("bob", Say::Yes, 27, 2, Flaw::Replayed),
    kind("bob", Say::Yes, 26, 2, Flaw::Elsewhere),
    kind("carol", Say::Yes, 30, 3, Flaw::Excluded),
    kind("carol", Say::No, 31, 3, Flaw::Excluded),
    kind("twin", Say::Yes, 30, 6, Flaw::Key),
    kind("frank", Say::Yes, 40, 7, Flaw::None),
    lent("alice", 10, Flaw::None),
    lent("alice", 35, Flaw::None),
    lent("carol", 36, Flaw::Excluded),
    // No chain: alice may not lend what is bob's.
    Kind {
        person: "erin",
        place: "bob",
        say: Say::Yes,
        minute: 37,
        key: 5,
        flaw: Flaw::Key,
    },
];

fn clock(minute: u32) -> crate::time::Time {
    at("10:00").after(Span::seconds(60 * minute))
}

/// A day is how long requests stay open.
const DAY: u32 = 24 * 60;

/// What the verdict has to be.
fn expected(case: Case, picked: &[Kind]) -> Verdict {
    let counts = |one: &&Kind| {
        let arrived = one.minute <= case.now + 2;
        let looked = one.say == Say::No || one.minute >= case.look;
        let own = one.person == one.place;
        let lasts = |minute| LENT.0 <= minute && minute < LENT.1;
        let free = case.re_ran != Some(one.person) && case.re_ran != Some(one.place);
        one.flaw == Flaw::None
            && arrived
            && looked
            && free
            && (own || (lasts(one.minute) && lasts(case.now)))
    };
    let good: Vec<&Kind> = picked.iter().filter(counts).collect();
    if case.withdrawn || good.iter().any(|one| one.say == Say::No) {
        return Verdict::Fail;
    }
    if case.now > DAY {
        return Verdict::Expired;
    }
    // Everybody says one thing, the last; every place is filled once.
    let mut last: BTreeMap<&str, &Kind> = BTreeMap::new();
    for one in good {
        let known = last.entry(one.person).or_insert(one);
        if one.minute > known.minute {
            *known = one;
        }
    }
    let places: BTreeSet<&str> = last.values().map(|one| one.place).collect();
    let places: Vec<&str> = places.into_iter().collect();
    let met = if case.distinct {
        spread(&places, [0, 0])
    } else {
        RULES.iter().all(|(_, quorum, people)| {
            places.iter().filter(|place| people.contains(place)).count() >= *quorum
        })
    };
    if met { Verdict::Pass } else { Verdict::Pending }
}

/// Whether some way to give each place to one rule meets all of them.
fn spread(places: &[&str], filled: [usize; 2]) -> bool {
    let Some((first, rest)) = places.split_first() else {
        return RULES
            .iter()
            .zip(filled)
            .all(|(rule, filled)| filled >= rule.1);
    };
    let taking = |place: usize| {
        let mut filled = filled;
        filled[place] += 1;
        RULES[place].2.contains(first) && spread(rest, filled)
    };
    taking(0) || taking(1) || spread(rest, filled)
}

struct World {
    keyring: Keyring,
    approval: Approval,
    asked: Identified,
    other: Identified,
}

fn world(case: Case) -> World {
    let mut keyring = keyring();
    let person = |fill: u8| Person {
        keys: vec![dated(fill)],
        ..Person::default()
    };
    for (id, fill) in [("frank", 7), ("twin", 6), ("shadow", 6)] {
        keyring.people.insert(name(id), person(fill));
    }
    for (owner, to) in [("alice", "erin"), ("carol", "erin"), ("bob", "alice")] {
        let owner = keyring.people.get_mut(owner).unwrap();
        owner.delegates.push(Delegation {
            to: name(to),
            from: clock(LENT.0),
            until: clock(LENT.1),
        });
    }
    let rules = RULES.iter().map(|(title, quorum, people)| Rule {
        name: name(title),
        quorum: u32::try_from(*quorum).unwrap(),
        group: Group::People(people.iter().map(|one| name(one)).collect()),
    });
    let approval = Approval {
        rules: rules.collect(),
        distinct: Some(case.distinct),
        known_actors: None,
        at: None,
        permission: None,
        fresh: None,
        min_look: Some(Span::seconds(60 * case.look)),
        ticket: None,
        automatic: None,
        expires: None,
    };
    let mut request = wanted();
    request.rules = approval.filled();
    request.distinct = case.distinct;
    let actor = case.re_ran.map(|login| Actor {
        did: Did::ReRan,
        known_as: [format!("github:{login}")].into(),
    });
    request.actors = actor.into_iter().collect();
    let asked = Identified::new(&request).unwrap();
    request.nonce = "other".to_owned();
    let other = Identified::new(&request).unwrap();
    World {
        keyring,
        approval,
        asked,
        other,
    }
}

impl World {
    fn answer(&self, kind: &Kind) -> form::Signed {
        let asked = match kind.flaw {
            Flaw::Replayed => &self.other,
            Flaw::None | Flaw::Key | Flaw::Elsewhere | Flaw::Excluded => &self.asked,
        };
        let mut answer = Answer::to(asked, name(kind.person), kind.say, clock(kind.minute));
        if kind.place != kind.person {
            answer.on_behalf_of = Some(name(kind.place));
        }
        if kind.flaw == Flaw::Elsewhere {
            answer.environment = name("staging");
        }
        signed(&answer, kind.key).into()
    }

    fn policy(&self) -> Policy {
        let digest = Digest::of(b"policy");
        Policy::new(digest, &self.approval, self.keyring.clone())
            .excluding(&self.asked.release.release, &[key(4)])
            .separating(&self.asked.request.actors)
    }
}

/// Every case.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for distinct in [false, true] {
        for look in [0, 5] {
            for now in [9, 50, 70, DAY + 1] {
                for re_ran in [None, Some("bob"), Some("alice")] {
                    cases.push(Case {
                        distinct,
                        look,
                        now,
                        re_ran,
                        withdrawn: false,
                    });
                }
            }
        }
    }
    let withdrawn = Case {
        now: 50,
        withdrawn: true,
        ..cases[0]
    };
    cases.push(withdrawn);
    cases
}

/// Every choice of at most `most` kinds, each at most once: that repeats
/// and order make no difference is asked elsewhere.
fn choices(most: u32) -> impl Iterator<Item = Vec<usize>> {
    let all = 0..1_u32 << KINDS.len();
    all.filter(move |mask| mask.count_ones() <= most)
        .map(|mask| {
            let places = 0..KINDS.len();
            places.filter(|place| mask >> place & 1 == 1).collect()
        })
}

#[test]
fn no_choice_of_answers_passes_by_rules_and_delegation_unless_it_was_earned() {
    let (mut passes, mut seen) = (0, 0);
    for case in cases() {
        let world = world(case);
        let policy = world.policy();
        let heard: Vec<Heard> = KINDS
            .iter()
            .map(|kind| hear(&world.answer(kind), &world.keyring, &CHECK))
            .collect();
        for choice in choices(4) {
            let picked: Vec<Kind> = choice.iter().map(|one| KINDS[*one]).collect();
            let mut answers: Vec<Heard> = choice.iter().map(|one| heard[*one].clone()).collect();
            // The first arrives a second time, at the end.
            answers.extend(answers.first().cloned());
            let evidence = Evidence {
                asked: &world.asked,
                answers: &answers,
                withdrawn: case.withdrawn,
                seen: None,
            };
            let judgement = decide(&policy, &evidence, clock(case.now));
            let wanted = expected(case, &picked);
            assert_eq!(
                judgement.verdict, wanted,
                "{case:?} {picked:?} {judgement:?}"
            );
            seen += 1;
            passes += u32::from(wanted == Verdict::Pass);
        }
    }
    assert!(seen > 40_000 && passes > 500, "{passes} of {seen} pass");
}

#[test]
fn a_judge_that_claims_a_pass_is_believed_only_where_it_was_earned() {
    let mut passes = 0;
    for case in cases() {
        // The other cases differ in what `decide` is given, and that is above.
        if case.withdrawn || case.now != 50 || case.look == 0 {
            continue;
        }
        let world = world(case);
        let all: Vec<form::Signed> = KINDS.iter().map(|kind| world.answer(kind)).collect();
        let production = name("production");
        let frame = Frame {
            keyring: &world.keyring,
            environment: &production,
            rule: Some(&world.approval),
            policy: Digest::of(b"policy"),
            release: &world.asked.release,
            live: None,
            signers: &[key(4)],
            shown: None,
            verifier: &CHECK,
        };
        for choice in choices(3) {
            let picked: Vec<Kind> = choice.iter().map(|one| KINDS[*one]).collect();
            let answers = choice.iter().map(|one| all[*one].clone()).collect();
            let evidence = Evidence {
                asked: &world.asked,
                answers: &[],
                withdrawn: false,
                seen: None,
            };
            let mut claimed = decide(&world.policy(), &evidence, clock(case.now));
            claimed.verdict = Verdict::Pass;
            let approval = Signed::new(&world.asked, answers, claimed, clock(case.now));
            let statement = approval.unwrap().statement(&world.asked.release).unwrap();
            let counted = count_again(&statement, &frame, clock(case.now));
            let earned = expected(case, &picked) == Verdict::Pass;
            assert_eq!(counted.is_ok(), earned, "{case:?} {picked:?} {counted:?}");
            passes += u32::from(earned);
        }
    }
    assert!(passes > 50, "{passes} pass");
}
