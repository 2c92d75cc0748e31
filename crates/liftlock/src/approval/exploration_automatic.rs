//! Every choice of facts, answers, ends, times and tickets, judged a second time
//! in the plainest way: none passes but by a quorum or a whole automatic rule.

use super::answer::{Answer, Heard, Say, hear};
use super::automatic::{Facts, allow, look_up};
use super::decide::{Evidence, Judgement, decide};
use super::policy::Policy;
use super::predicate::Approval as Signed;
use super::recheck::{Frame, count_again, count_with};
use super::request::Identified;
use super::toy::{CHECK, at, keyring, name, rule, signed, wanted};
use crate::config::approval::Approval;
use crate::config::automatic::Automatic;
use crate::config::requirement::{Requirement, What};
use crate::digest::Digest;
use crate::release::{self, Migration, Reference};
use crate::time::Time;
use crate::verdict::Verdict;

/// What can be looked up about a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    canary: bool,
    provenance: bool,
    migration: Migration,
    /// Whether something is live, and whether its worker is the same.
    live: Option<bool>,
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
struct Case {
    seen: Seen,
    alice: Option<Say>,
    bob: Option<Say>,
    /// An author's no, which does not count.
    carol: bool,
    withdrawn: bool,
    expired: bool,
    /// Whether a ticket is demanded, and whether the notes name it.
    ticket: Option<bool>,
}

fn sights() -> Vec<Seen> {
    let mut all = Vec::new();
    for canary in [false, true] {
        for provenance in [false, true] {
            for migration in [Migration::None, Migration::Expand, Migration::Irreversible] {
                for live in [None, Some(false), Some(true)] {
                    all.push(Seen {
                        canary,
                        provenance,
                        migration,
                        live,
                    });
                }
            }
        }
    }
    all
}

fn cases() -> Vec<Case> {
    let says = [None, Some(Say::Yes), Some(Say::No)];
    let mut all = Vec::new();
    for seen in sights() {
        for (alice, bob) in says.iter().flat_map(|one| says.map(|other| (*one, other))) {
            for carol in [false, true] {
                for (withdrawn, expired) in [(false, false), (true, false), (false, true)] {
                    for ticket in [None, Some(false), Some(true)] {
                        all.push(Case {
                            seen,
                            alice,
                            bob,
                            carol,
                            withdrawn,
                            expired,
                            ticket,
                        });
                    }
                }
            }
        }
    }
    all
}

impl Seen {
    /// Whether a whole rule is met: the worker stays, nothing is done to data and
    /// the canary was well; or at most something is added and it was built.
    fn is_low(self) -> bool {
        let low = self.canary && self.migration == Migration::None && self.live == Some(true);
        let built = self.provenance && self.migration != Migration::Irreversible;
        low || built
    }
}

impl Case {
    fn expected(self) -> Verdict {
        let said = [self.alice, self.bob];
        let yes = said.iter().filter(|one| **one == Some(Say::Yes)).count();
        if self.withdrawn || said.contains(&Some(Say::No)) {
            Verdict::Fail
        } else if self.expired {
            Verdict::Expired
        } else if self.ticket == Some(false) {
            Verdict::Pending
        } else if yes == 2 || self.seen.is_low() {
            Verdict::Pass
        } else {
            Verdict::Pending
        }
    }

    fn now(self) -> Time {
        let later = "2026-11-24T10:00:01Z".parse().unwrap();
        if self.expired { later } else { at("12:00") }
    }
}

fn requirement(what: What) -> Requirement {
    Requirement {
        what,
        max_age: None,
    }
}

fn approval(ticket: Option<bool>) -> Approval {
    let low = Automatic {
        name: name("low"),
        migration: Migration::None,
        evidence: vec![requirement(What::Canary(name("staging")))],
        artifacts: Some([name("api")].into()),
    };
    let built = Automatic {
        name: name("built"),
        migration: Migration::Expand,
        evidence: vec![requirement(What::Provenance)],
        artifacts: None,
    };
    Approval {
        automatic: Some(vec![low, built]),
        ticket: ticket.map(|_| "OPS-[0-9]+".to_owned().try_into().unwrap()),
        ..rule()
    }
}

/// The request about a release of two artifacts with this class of migration.
fn asked(case: Case) -> Identified {
    let mut request = wanted();
    let mut document: serde_json::Value = serde_json::from_str(&request.document).unwrap();
    document["migration"] = serde_json::to_value(case.seen.migration).unwrap();
    let worker = serde_json::json!({ "digest": Digest::of(b"w"), "name": "worker" });
    document["artifacts"]["worker"] = worker;
    if case.ticket == Some(true) {
        document["notes"] = "OPS-7".into();
    }
    request.document = document.to_string();
    let release = release::Identified::parse(request.document.as_bytes());
    request.release = release.unwrap().reference();
    Identified::new(&request).unwrap()
}

fn live(asked: &Identified, same_worker: bool) -> Reference {
    let mut live = asked.request.release.clone();
    live.artifacts.insert(name("api"), Digest::of(b"old"));
    if !same_worker {
        live.artifacts.insert(name("worker"), Digest::of(b"old"));
    }
    live
}

fn with_facts<T>(seen: Seen, asked: &Identified, then: impl FnOnce(&Facts<'_>) -> T) -> T {
    let live = seen.live.map(|same| live(asked, same));
    let evidence = |requirement: &Requirement| {
        let there = match requirement.what {
            What::Canary(_) => seen.canary,
            What::Provenance => seen.provenance,
            What::Signature | What::Approval | What::Predicate(_) => false,
        };
        if there {
            Ok("there".to_owned())
        } else {
            Err("nothing".to_owned())
        }
    };
    then(&Facts {
        release: &asked.release,
        live: live.as_ref(),
        evidence: &evidence,
    })
}

fn judged(case: Case, asked: &Identified) -> (Judgement, Vec<super::form::Signed>) {
    let policy = policy(case, asked);
    let mut answers = Vec::new();
    let mut add = |person: &str, say, key| {
        let answer = Answer::to(asked, name(person), say, at("10:30"));
        answers.push(super::form::Signed::from(signed(&answer, key)));
    };
    if let Some(say) = case.alice {
        add("alice", say, 1);
    }
    if let Some(say) = case.bob {
        add("bob", say, 2);
    }
    if case.carol {
        add("carol", Say::No, 3);
    }
    let heard: Vec<Heard> = answers
        .iter()
        .map(|one| hear(one, &keyring(), &CHECK))
        .collect();
    let evidence = Evidence {
        asked,
        answers: &heard,
        withdrawn: case.withdrawn,
        seen: None,
    };
    let judgement = decide(&policy, &evidence, case.now());
    let rules = policy.approval.automatic.clone().unwrap();
    let tried = with_facts(case.seen, asked, |facts| {
        let rules = rules.iter();
        rules.map(|rule| look_up(rule, facts)).collect::<Vec<_>>()
    });
    (allow(&policy, judgement, &tried), answers)
}

fn policy(case: Case, asked: &Identified) -> Policy {
    Policy::new(Digest::of(b"policy"), &approval(case.ticket), keyring())
        .excluding(&asked.release.release, &[])
}

#[test]
fn nothing_passes_but_by_a_quorum_or_by_a_whole_rule() {
    let (mut by_people, mut by_rule) = (0, 0);
    for case in cases() {
        let asked = asked(case);
        let (judgement, _) = judged(case, &asked);
        assert_eq!(judgement.verdict, case.expected(), "{case:?} {judgement:?}");
        if judgement.verdict != Verdict::Pass {
            assert_eq!(judgement.automatic, None, "{case:?}");
            continue;
        }
        let Some(rule) = judgement.automatic else {
            by_people += 1;
            continue;
        };
        by_rule += 1;
        assert!(rule.is_whole() && case.seen.is_low(), "{case:?}");
        let told = judgement.why;
        assert!(
            told.starts_with(&format!("by the rule {}: ", rule.rule)),
            "{told}"
        );
        for fact in &rule.facts {
            assert!(told.contains(&fact.found), "{told}: {fact:?}");
        }
    }
    assert!(by_people > 100 && by_rule > 100, "{by_people} {by_rule}");
}

#[test]
fn a_judge_that_claims_a_rule_is_believed_only_where_its_facts_are_found() {
    let mut passes = 0;
    let production = name("production");
    for seen in sights() {
        let case = Case {
            seen,
            alice: Some(Say::Yes),
            bob: None,
            carol: false,
            withdrawn: false,
            expired: false,
            ticket: None,
        };
        let asked = asked(case);
        let (mut judgement, answers) = judged(case, &asked);
        let whole = Seen {
            canary: true,
            provenance: true,
            live: Some(true),
            ..seen
        };
        let approval = approval(None);
        for claimed in approval.automatic.iter().flatten() {
            let claim = with_facts(whole, &asked, |facts| look_up(claimed, facts));
            judgement.verdict = Verdict::Pass;
            judgement.automatic = Some(claim);
            let made = Signed::new(&asked, answers.clone(), judgement.clone(), at("12:00"));
            let statement = made.unwrap().statement(&asked.release).unwrap();
            let frame = Frame {
                keyring: &keyring(),
                environment: &production,
                rule: Some(&approval),
                policy: Digest::of(b"policy"),
                release: &asked.release,
                live: None,
                signers: &[],
                shown: None,
                verifier: &CHECK,
            };
            let counted = with_facts(seen, &asked, |facts| {
                count_with(&statement, &frame, Some(facts), at("12:00"))
            });
            let earned = with_facts(seen, &asked, |facts| look_up(claimed, facts)).is_whole();
            assert_eq!(counted.is_ok(), earned, "{seen:?} {counted:?}");
            passes += u32::from(earned);
            let blind = count_again(&statement, &frame, at("12:00"));
            assert!(blind.is_err(), "believed without a look: {seen:?}");
            let mut without = approval.clone();
            without.automatic = None;
            let frame = Frame {
                rule: Some(&without),
                ..frame
            };
            let counted = with_facts(whole, &asked, |facts| {
                count_with(&statement, &frame, Some(facts), at("12:00"))
            });
            assert!(counted.is_err(), "the policy has no such rule: {seen:?}");
        }
    }
    assert!(passes > 10, "{passes} pass");
}
