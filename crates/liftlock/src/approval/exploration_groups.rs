//! Every way in which people may be asked as members of a team, answer, and
//! leave it again, judged a second time in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Heard, Say, hear};
use super::decide::{Evidence, decide};
use super::form;
use super::groups::Groups;
use super::policy::Policy;
use super::predicate::Approval as Signed;
use super::recheck::{Frame, count_again};
use super::request::{Identified, Request};
use super::toy::{CHECK, at, key, keyring, name, signed, wanted};
use crate::config::approval::{Approval, Group, Rule};
use crate::config::group::Handle;
use crate::config::trust::Keyring;
use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::verdict::Verdict;

/// Who can be in the team: id, number of the account, key.
const PEOPLE: [(&str, u64, u8); 3] = [("alice", 71, 1), ("bob", 72, 2), ("erin", 75, 5)];

/// Whom the other rule names, where there is one.
const NAMED: &str = "alice";

/// People as bits, in the order of [`PEOPLE`].
type Mask = usize;

#[derive(Clone, Copy, Debug)]
struct Case {
    quorum: u32,
    /// Whether a second rule names somebody.
    both: bool,
    /// Who was asked.
    asked: Mask,
    /// Who is in the team when answers are judged.
    members: Mask,
    /// What each of them says.
    said: [Option<Say>; 3],
}

fn of(mask: Mask) -> impl Iterator<Item = (&'static str, u64, u8)> {
    let each = PEOPLE.into_iter().enumerate();
    each.filter(move |(place, _)| mask >> place & 1 == 1)
        .map(|(_, person)| person)
}

fn cases() -> Vec<Case> {
    const SAYS: [Option<Say>; 3] = [None, Some(Say::Yes), Some(Say::No)];
    let mut cases = Vec::new();
    for (quorum, both) in [(1, false), (2, false), (1, true), (2, true)] {
        for (asked, members) in (0..64).map(|number| (number % 8, number / 8)) {
            if of(asked).count() < usize::try_from(quorum).unwrap() {
                // Such a request is none.
                continue;
            }
            for words in 0..27 {
                let said = [words % 3, words / 3 % 3, words / 9].map(|one: usize| SAYS[one]);
                cases.push(Case {
                    quorum,
                    both,
                    asked,
                    members,
                    said,
                });
            }
        }
    }
    cases
}

fn expected(case: Case) -> Verdict {
    let team = |place: usize| case.asked & case.members & 1 << place != 0;
    let named = |place: usize| case.both && PEOPLE[place].0 == NAMED;
    let says = |place: &usize, word| case.said[*place] == Some(word);
    if (0..3).any(|place| (team(place) || named(place)) && says(&place, Say::No)) {
        return Verdict::Fail;
    }
    let yes = (0..3).filter(|place| team(*place) && says(place, Say::Yes));
    let enough = yes.count() >= usize::try_from(case.quorum).unwrap();
    let other = !case.both || (0..3).any(|place| named(place) && says(&place, Say::Yes));
    if enough && other {
        Verdict::Pass
    } else {
        Verdict::Pending
    }
}

fn team() -> Handle {
    "github:acme/release".parse().unwrap()
}

fn ring() -> Keyring {
    let mut keyring = keyring();
    for (id, account, _) in PEOPLE {
        let person = keyring.people.get_mut(id).unwrap();
        person.accounts.insert(format!("github:{account}"));
    }
    keyring
}

fn rules(case: Case) -> Approval {
    let mut approval = Approval::of(1, vec![name(NAMED)]).unwrap();
    approval.rules.truncate(usize::from(case.both));
    approval.rules.push(Rule {
        name: name("team"),
        quorum: case.quorum,
        group: Group::Team(team()),
    });
    approval
}

fn seen(members: Mask) -> Groups {
    // Somebody whom nobody knows is in it as well.
    let accounts = of(members).map(|(_, account, _)| account).chain([99]);
    Groups {
        seen_at: at("11:00"),
        teams: BTreeMap::from([(team(), accounts.collect())]),
        changes: BTreeMap::new(),
    }
}

/// Everything that is the same in all cases; keys are slow to read.
struct World {
    ring: Keyring,
    strangers: Keyring,
    wanted: Request,
    signer: PublicKey,
}

impl World {
    fn new() -> Self {
        let mut strangers = ring();
        for person in strangers.people.values_mut() {
            person.accounts = BTreeSet::new();
        }
        Self {
            ring: ring(),
            strangers,
            wanted: wanted(),
            signer: key(4),
        }
    }

    fn policy(&self, approval: &Approval, groups: Option<Groups>) -> Policy {
        let policy = Policy::new(Digest::of(b"policy"), approval, self.ring.clone());
        policy.knowing(groups)
    }

    fn request(&self, case: Case, approval: &Approval) -> Identified {
        let mut request = self.wanted.clone();
        request.rules = self.policy(approval, Some(seen(case.asked))).rules;
        Identified::new(&request).unwrap()
    }

    fn heard(&self, answers: &[form::Signed]) -> Vec<Heard> {
        let each = answers.iter();
        each.map(|one| hear(one, &self.ring, &CHECK)).collect()
    }
}

fn answers(case: Case, asked: &Identified) -> Vec<form::Signed> {
    let each = PEOPLE.iter().zip(case.said);
    each.filter_map(|((id, _, key), say)| {
        let answer = Answer::to(asked, name(id), say?, at("10:30"));
        Some(signed(&answer, *key).into())
    })
    .collect()
}

#[test]
fn nobody_counts_by_a_team_who_was_not_asked_or_left_it() {
    let world = World::new();
    let mut seen_verdicts = BTreeMap::new();
    for case in cases() {
        let approval = rules(case);
        let asked = world.request(case, &approval);
        let heard = world.heard(&answers(case, &asked));
        let evidence = Evidence {
            asked: &asked,
            answers: &heard,
            withdrawn: false,
            seen: None,
        };
        let judge = |groups| decide(&world.policy(&approval, groups), &evidence, at("12:00"));
        let judgement = judge(Some(seen(case.members)));
        assert_eq!(judgement.verdict, expected(case), "{case:?} {judgement:?}");
        *seen_verdicts.entry(judgement.verdict.word()).or_insert(0) += 1;
        // What nobody looked up, or too early or late, permits nothing.
        if judgement.verdict != Verdict::Pass {
            continue;
        }
        for clock in [None, Some("09:00"), Some("13:00")] {
            let groups = clock.map(|clock| Groups {
                seen_at: at(clock),
                ..seen(case.members)
            });
            assert_eq!(judge(groups).verdict, Verdict::Fail, "{case:?} {clock:?}");
        }
    }
    let passes = seen_verdicts.get("pass").copied().unwrap_or_default();
    assert!(passes > 300, "{seen_verdicts:?}");
    assert_eq!(seen_verdicts.len(), 3);
}

#[test]
fn a_judge_that_claims_a_pass_by_a_team_is_counted_again_by_what_it_saw() {
    let world = World::new();
    let mut passes = 0;
    let production = name("production");
    for case in cases() {
        let approval = rules(case);
        let asked = world.request(case, &approval);
        let frame = Frame {
            keyring: &world.ring,
            environment: &production,
            rule: Some(&approval),
            policy: Digest::of(b"policy"),
            release: &asked.release,
            live: None,
            signers: std::slice::from_ref(&world.signer),
            shown: None,
            verifier: &CHECK,
        };
        let evidence = Evidence {
            asked: &asked,
            answers: &[],
            withdrawn: false,
            seen: None,
        };
        let mut claimed = decide(&world.policy(&approval, None), &evidence, at("12:00"));
        claimed.verdict = Verdict::Pass;
        let signed = Signed::new(&asked, answers(case, &asked), claimed, at("12:00")).unwrap();
        let count = |groups: Option<Groups>, frame: &Frame<'_>| {
            let signed = signed.clone().with_groups(groups);
            let statement = signed.statement(&asked.release).unwrap();
            count_again(&statement, frame, at("12:00")).is_ok()
        };
        let earned = expected(case) == Verdict::Pass;
        assert_eq!(count(Some(seen(case.members)), &frame), earned, "{case:?}");
        passes += u32::from(earned);
        if !earned {
            continue;
        }
        assert!(!count(None, &frame), "{case:?}");
        // Whose account is no longer theirs by the policy no longer counts.
        let frame = Frame {
            keyring: &world.strangers,
            ..frame
        };
        assert!(!count(Some(seen(case.members)), &frame), "{case:?}");
    }
    assert!(passes > 300, "{passes} pass");
}
