//! Judges answers: a quorum of different people by every rule, and nobody who says no.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::SKEW;
use super::answer::{Heard, Say};
use super::automatic::Tried;
use super::count::{Counted, NotCounted, count};
use super::policy::Policy;
use super::request::{self, Request, Spot};
use super::seats::{Overlap, Rule, Seats};
use super::sight::Sightings;
use super::ticket::Ticket;
use crate::name::Name;
use crate::release;
use crate::time::Time;
use crate::verdict::Verdict;

/// What the answers to one request are judged on.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// What was asked.
    pub asked: &'a request::Identified,
    /// What came back, in any order.
    pub answers: &'a [Heard],
    /// Whether the request was denied before or taken back.
    pub withdrawn: bool,
    /// When the request and its answers were first seen, where that is kept.
    pub seen: Option<&'a Sightings>,
}

/// The outcome over all answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// `pass`, `fail`, `pending` or `expired`.
    pub verdict: Verdict,
    /// Why, for people.
    pub why: String,
    /// The answers that count, one a person.
    pub counted: Vec<Counted>,
    /// The others, and why they do not.
    pub not_counted: Vec<NotCounted>,
    /// The rule by which it passed without enough people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Tried>,
    /// Each rule: who counts in it, and who may still.
    pub rules: Vec<Tally>,
    /// How many yes are missing over all rules; where one person may count in
    /// several, fewer people can be enough.
    pub still_needed: u32,
    /// Whose yes would leave fewer missing.
    pub who_may: Vec<Name>,
    /// The ticket, where one has to be named and was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Who had a part in the run that asks and is nobody of `people:`, by the
    /// CI's names for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrecognised: Vec<String>,
}

/// How one rule came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// The rule.
    pub name: Name,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// Whose places are filled; by whom is in the answers that count.
    pub counted: Vec<Name>,
    /// How many are missing.
    pub missing: u32,
    /// Whose yes would leave fewer missing.
    pub who_may: Vec<Name>,
}

impl Judgement {
    /// Whether somebody whose answer counts says no.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.counted.iter().any(|one| one.answer == Say::No)
    }
}

/// Judges the answers at a moment.
///
/// A `no` denies for good: a later yes of the same person does not undo it, as
/// nobody could tell whether the no was only held back. Another request can.
#[must_use]
pub fn decide(policy: &Policy, evidence: &Evidence<'_>, now: Time) -> Judgement {
    let request = &evidence.asked.request;
    let (counted, not_counted) = count(policy, evidence, now);
    let yes = counted.iter().filter(|one| one.answer == Say::Yes);
    let yes: BTreeSet<Name> = yes.map(|one| one.place().clone()).collect();
    let denied_by: Vec<&str> = said(&counted, Say::No).map(Name::as_str).collect();
    let asked = current(policy, request);
    let seats = Seats::new(&asked, request.overlap(), &yes);
    let left = left(policy, &counted, &yes, now);
    let rules = tallies(&seats, &left);
    let still_needed = seats.missing();
    let ticket = ticket(policy, evidence.asked, &counted);
    let (verdict, why) = if evidence.withdrawn && denied_by.is_empty() {
        (Verdict::Fail, "the request was denied or withdrawn".into())
    } else if let Some(why) = unfit(policy, evidence.asked, now) {
        (Verdict::Fail, why)
    } else if let Some(why) = policy.unknown_actor(&request.actors) {
        (Verdict::Fail, why)
    } else if !denied_by.is_empty() {
        (Verdict::Fail, format!("denied by {}", denied_by.join(", ")))
    } else if !evidence.asked.is_open(now) {
        let text = format!("the request expired at {}", request.expires_at);
        (Verdict::Expired, text)
    } else if still_needed == 0 {
        match (&policy.approval.ticket, &ticket) {
            (Some(pattern), None) => (Verdict::Pending, unnamed(pattern, &rules)),
            (Some(_) | None, _) => (Verdict::Pass, told(&rules)),
        }
    } else {
        (Verdict::Pending, told(&rules))
    };
    let who_may: BTreeSet<&Name> = rules.iter().flat_map(|rule| &rule.who_may).collect();
    Judgement {
        verdict,
        why,
        still_needed,
        who_may: who_may.into_iter().cloned().collect(),
        automatic: None,
        rules,
        counted,
        not_counted,
        ticket,
        unrecognised: policy.unrecognised(&request.actors),
    }
}

/// The rules that were asked, with those people who still belong to the groups.
fn current(policy: &Policy, request: &Request) -> Vec<Rule> {
    let mut rules = request.rules.clone();
    for rule in &mut rules {
        let demanded = policy.rules.iter().find(|one| one.name == rule.name);
        if let Some(demanded) = demanded {
            rule.people.retain(|name| demanded.people.contains(name));
        }
    }
    rules
}

/// The places that are empty, with whoever could still fill them.
type Left = BTreeMap<Name, BTreeSet<Name>>;

fn left(policy: &Policy, counted: &[Counted], yes: &BTreeSet<Name>, now: Time) -> Left {
    let empty = policy.eligible(now).into_iter();
    empty
        .filter(|place| !yes.contains(place))
        .map(|place| {
            let mut people = policy.answerers(&place, now);
            people.retain(|name| !counted.iter().any(|one| one.person == *name));
            (place, people)
        })
        .collect()
}

fn tallies(seats: &Seats<'_>, left: &Left) -> Vec<Tally> {
    let rules = seats.rules().map(|(rule, counted, missing)| {
        let helping = left
            .iter()
            .filter(|(place, _)| missing > 0 && seats.would_help(place, rule));
        let who_may: BTreeSet<&Name> = helping.flat_map(|(_, people)| people).collect();
        Tally {
            name: rule.name.clone(),
            quorum: rule.quorum,
            counted: counted.iter().copied().cloned().collect(),
            missing,
            who_may: who_may.into_iter().cloned().collect(),
        }
    });
    rules.collect()
}

/// The ticket in the notes, or in the comment of a yes that counts.
fn ticket(policy: &Policy, asked: &request::Identified, counted: &[Counted]) -> Option<String> {
    let pattern = policy.approval.ticket.as_ref()?;
    let yes = counted.iter().filter(|one| one.answer == Say::Yes);
    let comments = yes.filter_map(|one| one.comment.as_deref());
    let notes = asked.release.release.notes.as_deref();
    let mut texts = notes.into_iter().chain(comments);
    let found = texts.find_map(|text| pattern.find(text));
    found.map(str::to_owned)
}

fn unnamed(pattern: &Ticket, rules: &[Tally]) -> String {
    let said = told(rules);
    format!("{said}, but neither the notes nor a yes name a ticket like `{pattern}`")
}

fn told(rules: &[Tally]) -> String {
    let each = rules.iter().map(|rule| {
        let text = format!("{} of {} said yes", rule.counted.len(), rule.quorum);
        match rules {
            [_] => text,
            _ => format!("{}: {text}", rule.name),
        }
    });
    each.collect::<Vec<_>>().join("; ")
}

fn said(counted: &[Counted], what: Say) -> impl Iterator<Item = &Name> {
    let matching = counted.iter().filter(move |one| one.answer == what);
    matching.map(|one| &one.person)
}

/// Why the request itself cannot be judged by this policy, if so.
fn unfit(policy: &Policy, asked: &request::Identified, now: Time) -> Option<String> {
    let request = &asked.request;
    let place = request.place.as_ref();
    let misplaced = place.and_then(|place| {
        policy
            .approval
            .misplaced(&place.instance(), &place.repository)
    });
    let longest = request.made_at.after(policy.longest());
    let elsewhere = place.and_then(|place| another_commit(&place.at, &asked.release));
    let text = if request.policy != policy.digest {
        "the policy changed since people were asked".to_owned()
    } else if let Some(other) = other_kind(policy, request) {
        other
    } else if let Some(unseen) = unseen(policy, request, now) {
        unseen
    } else if let Some(looser) = looser(policy, request) {
        looser
    } else if let Some(misplaced) = misplaced {
        misplaced
    } else if let Some(elsewhere) = elsewhere {
        elsewhere
    } else if request.expires_at > longest {
        "the request stays open for longer than the policy allows".to_owned()
    } else if request.made_at > now.after(SKEW) {
        "the request is dated in the future".to_owned()
    } else {
        return None;
    };
    Some(text)
}

/// Why a run is not the release's, if so: who let it on let something else on.
fn another_commit(at: &Spot, release: &release::Identified) -> Option<String> {
    let Spot::Gates { run, commit, .. } = at else {
        return None;
    };
    let of = release.release.commit.as_ref()?;
    (of != commit).then(|| format!("run {run} is of commit {commit}, and the release of {of}"))
}

/// Why nobody knows who belongs to the groups, where that has to be looked up.
fn unseen(policy: &Policy, request: &Request, now: Time) -> Option<String> {
    if !policy.approval.is_looked_up() {
        return None;
    }
    let Some(groups) = &policy.groups else {
        return Some("nobody looked up who belongs to the groups".to_owned());
    };
    let seen_at = groups.seen_at;
    if seen_at.after(SKEW) < request.made_at {
        Some("the groups were looked up before people were asked".to_owned())
    } else if seen_at > now.after(SKEW) {
        Some("the groups were looked up in the future".to_owned())
    } else {
        let changes = groups.changes.iter();
        let compared: BTreeMap<&Name, _> =
            changes.map(|(rule, one)| (rule, &one.compared)).collect();
        let same = compared == request.compared.iter().collect();
        (!same).then(|| "what is live changed since people were asked".to_owned())
    }
}

/// Whether the request asks for something else than these rules give, if so.
fn other_kind(policy: &Policy, request: &Request) -> Option<String> {
    match (&policy.break_glass, &request.break_glass) {
        (None, None) => None,
        (None, Some(_)) => Some("the request is for break-glass, not for an approval".to_owned()),
        (Some(_), None) => Some("the request is for an approval, not for break-glass".to_owned()),
        (Some(allowed), Some(wanted)) => {
            let gate = wanted.forbidden(allowed)?;
            Some(format!("the policy lets nobody go past {gate}"))
        }
    }
}

/// In what the request asks for less than the policy demands, if so.
fn looser(policy: &Policy, request: &Request) -> Option<String> {
    for demanded in &policy.rules {
        let Some(asked) = request.rules.iter().find(|one| one.name == demanded.name) else {
            return Some(format!("the request leaves out the rule {}", demanded.name));
        };
        if asked.quorum < demanded.quorum {
            return Some("the request asks for fewer people than the policy".to_owned());
        }
        // Whoever left a group that is looked up does not count; that is all.
        let mut written = policy.approval.rules.iter();
        let fixed = written.any(|one| one.name == demanded.name && !one.group.is_looked_up());
        if fixed && !asked.people.is_subset(&demanded.people) {
            return Some("the request asks people whom the policy does not name".to_owned());
        }
    }
    let distinct = policy.approval.overlap() == Overlap::Distinct;
    (distinct && request.overlap() == Overlap::Allowed)
        .then(|| "the request lets one person count in several rules".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::super::count::Reason;
    use super::super::toy::{answer, at, dated, heard, key, name, policy, request, wanted};
    use super::*;
    use crate::ci::{Actor, Did};
    use crate::config::approval::{Approval, Group, Rule as Written};
    use crate::config::trust::Delegation;
    use crate::digest::Digest;
    use crate::verdict::Verdict::{Expired, Fail, Pass, Pending};

    type Edit = fn(&mut Request);

    fn judged(answers: &[Heard], clock: &str) -> Judgement {
        let asked = request();
        let evidence = Evidence {
            asked: &asked,
            answers,
            withdrawn: false,
            seen: None,
        };
        decide(&policy(), &evidence, at(clock))
    }

    fn yes(person: &str, fill: u8) -> Heard {
        heard(&answer(person, Say::Yes, "10:30"), fill)
    }

    #[test]
    fn an_answer_that_does_not_fit_does_not_count_and_says_why() {
        let with = |change: fn(&mut Answer)| {
            let mut one = answer("bob", Say::Yes, "10:30");
            change(&mut one);
            heard(&one, 2)
        };
        let cases = [
            (yes("bob", 77), Reason::Unproved),
            (yes("bob", 9), Reason::Unproved),
            (yes("bob", 1), Reason::WrongKey),
            (yes("carol", 3), Reason::Author),
            (yes("dave", 4), Reason::Signer),
            (yes("erin", 5), Reason::NotAsked),
            (
                with(|one| one.request = Digest::of(b"x")),
                Reason::OtherRequest,
            ),
            (
                with(|one| one.release = Digest::of(b"x")),
                Reason::OtherRelease,
            ),
            (
                with(|one| one.environment = name("staging")),
                Reason::OtherEnvironment,
            ),
            (
                with(|one| one.service = name("till")),
                Reason::OtherEnvironment,
            ),
            (with(|one| one.made_at = at("09:00")), Reason::BeforeRequest),
            (with(|one| one.made_at = at("13:00")), Reason::InFuture),
            (
                with(|one| one.made_at = "2026-11-24T10:00:00.001Z".parse().unwrap()),
                Reason::AfterExpiry,
            ),
            (with(|one| one.schema_version = 2), Reason::Unproved),
        ];
        for (heard, reason) in cases {
            let judgement = judged(&[yes("alice", 1), heard], "12:00");
            assert_eq!(judgement.verdict, Pending, "{reason:?}");
            let found: Vec<Reason> = judgement.not_counted.iter().map(|one| one.reason).collect();
            assert_eq!(found, [reason]);
            assert_eq!(judgement.still_needed, 1, "{reason:?}");
        }
    }

    #[test]
    fn a_quorum_is_of_different_people() {
        let no = |person: &str, clock: &str, fill| heard(&answer(person, Say::No, clock), fill);
        let cases = [
            ("nobody", vec![], Pending),
            ("one", vec![yes("alice", 1)], Pending),
            (
                "two keys of one",
                vec![yes("alice", 1), yes("alice", 11)],
                Pending,
            ),
            (
                "the same twice",
                vec![yes("alice", 1), yes("alice", 1)],
                Pending,
            ),
            ("two", vec![yes("alice", 1), yes("bob", 2)], Pass),
            (
                "a no",
                vec![yes("alice", 1), yes("bob", 2), no("bob", "10:40", 2)],
                Fail,
            ),
            (
                "a no before",
                vec![no("bob", "10:20", 2), yes("alice", 1), yes("bob", 2)],
                Fail,
            ),
            (
                "a no of an author",
                vec![yes("alice", 1), yes("bob", 2), no("carol", "10:40", 3)],
                Pass,
            ),
        ];
        for (name, answers, verdict) in cases {
            assert_eq!(judged(&answers, "12:00").verdict, verdict, "{name}");
        }
    }

    #[test]
    fn it_says_who_is_still_needed() {
        let judgement = judged(&[yes("alice", 1)], "12:00");
        assert_eq!(judgement.who_may, [name("bob")]);
        assert_eq!(
            (judgement.still_needed, judgement.why.as_str()),
            (1, "1 of 2 said yes")
        );
    }

    #[test]
    fn a_request_ends_at_its_expiry_whatever_was_answered() {
        let asked = request();
        let answers = [yes("alice", 1), yes("bob", 2)];
        let evidence = |withdrawn| Evidence {
            asked: &asked,
            answers: &answers,
            withdrawn,
            seen: None,
        };
        let end = asked.request.expires_at;
        let after = end.after(crate::span::Span::seconds(1));
        assert_eq!(decide(&policy(), &evidence(false), end).verdict, Pass);
        assert_eq!(decide(&policy(), &evidence(false), after).verdict, Expired);
        assert_eq!(decide(&policy(), &evidence(true), end).verdict, Fail);
    }

    #[test]
    fn a_request_that_is_looser_than_the_policy_fails() {
        let cases: [(&str, Edit); 6] = [
            ("the policy changed", |one| {
                one.policy = Digest::of(b"other");
            }),
            ("the request asks for fewer", |one| one.rules[0].quorum = 1),
            ("the request leaves out the rule", |one| {
                one.rules[0].name = name("other");
            }),
            ("the request asks people", |one| {
                one.rules[0].people.extend([name("erin")]);
            }),
            ("the request stays open", |one| {
                one.expires_at = one.expires_at.after(SKEW);
            }),
            ("the request is dated", |one| one.made_at = at("13:00")),
        ];
        for (message, change) in cases {
            let mut changed = wanted();
            change(&mut changed);
            let asked = request::Identified::new(&changed).unwrap();
            let answers = ["alice", "bob"].map(|person| {
                let fill = if person == "alice" { 1 } else { 2 };
                heard(
                    &Answer::to(&asked, name(person), Say::Yes, at("10:30")),
                    fill,
                )
            });
            let evidence = Evidence {
                asked: &asked,
                answers: &answers,
                withdrawn: false,
                seen: None,
            };
            let judgement = decide(&policy(), &evidence, at("12:00"));
            assert_eq!(judgement.verdict, Fail, "{message}");
            assert!(judgement.why.starts_with(message), "{}", judgement.why);
        }
    }

    #[test]
    fn a_request_may_be_tighter_than_the_policy() {
        let mut changed = wanted();
        changed.rules[0].people.remove("bob");
        changed.rules[0].people.remove("carol");
        let asked = request::Identified::new(&changed).unwrap();
        let say = |person, fill| {
            heard(
                &Answer::to(&asked, name(person), Say::Yes, at("10:30")),
                fill,
            )
        };
        let answers = [say("alice", 1), say("bob", 2)];
        let evidence = Evidence {
            asked: &asked,
            answers: &answers,
            withdrawn: false,
            seen: None,
        };
        let judgement = decide(&policy(), &evidence, at("12:00"));
        assert_eq!(judgement.verdict, Pending);
        assert_eq!(judgement.not_counted[0].reason, Reason::NotAsked);
    }

    #[test]
    fn a_key_counts_only_for_one_holder_and_in_its_time() {
        let asked = request();
        let answers = [yes("alice", 1), yes("bob", 2)];
        let evidence = Evidence {
            asked: &asked,
            answers: &answers,
            withdrawn: false,
            seen: None,
        };
        let reason = |policy: &Policy| {
            let judgement = decide(policy, &evidence, at("12:00"));
            assert_ne!(judgement.verdict, Pass);
            judgement.not_counted[0].reason
        };
        let mut revoked = policy();
        let bob = revoked.keyring.people.get_mut("bob").unwrap();
        bob.keys[0].revoked_at = Some(at("23:00"));
        assert_eq!(reason(&revoked), Reason::KeyOutOfTime);
        let mut shared = policy();
        let carol = shared.keyring.people.get_mut("carol").unwrap();
        carol.keys.push(dated(2));
        assert_eq!(reason(&shared), Reason::SharedKey);
        let mut builder = policy();
        builder.keyring.trusted[0].keys.push(dated(2));
        assert_eq!(reason(&builder), Reason::SharedKey);
        let signer = policy().excluding(&asked.release.release, &[key(2)]);
        assert_eq!(reason(&signer), Reason::Signer);
    }

    /// Rules of their own for a judgement: name, quorum, people.
    fn ruled(rules: &[(&str, u32, &[&str])], distinct: bool) -> (Policy, request::Identified) {
        let rules = rules.iter().map(|(title, quorum, people)| Written {
            name: name(title),
            quorum: *quorum,
            group: Group::People(people.iter().map(|person| name(person)).collect()),
        });
        let approval = Approval {
            rules: rules.collect(),
            distinct: Some(distinct),
            known_actors: None,
            min_look: None,
            ticket: None,
            at: None,
            permission: None,
            fresh: None,
            automatic: None,
            expires: None,
        };
        let mut wanted = wanted();
        wanted.rules = approval.filled();
        wanted.distinct = distinct;
        let mut policy = policy();
        policy.rules = approval.filled();
        policy.approval = approval;
        (policy, request::Identified::new(&wanted).unwrap())
    }

    fn judged_by((policy, asked): &(Policy, request::Identified), yes: &[(&str, u8)]) -> Judgement {
        let answers: Vec<Heard> = yes
            .iter()
            .map(|(person, fill)| {
                let answer = Answer::to(asked, name(person), Say::Yes, at("10:30"));
                heard(&answer, *fill)
            })
            .collect();
        let evidence = Evidence {
            asked,
            answers: &answers,
            withdrawn: false,
            seen: None,
        };
        decide(policy, &evidence, at("12:00"))
    }

    const ALICE: (&str, u8) = ("alice", 1);
    const BOB: (&str, u8) = ("bob", 2);
    const ERIN: (&str, u8) = ("erin", 5);

    #[test]
    fn every_rule_has_to_be_met_and_says_who_is_missing() {
        let rules = ruled(
            &[
                ("release", 1, &["alice", "bob"]),
                ("security", 2, &["bob", "carol", "erin"]),
            ],
            false,
        );
        let judgement = judged_by(&rules, &[ALICE, ERIN]);
        assert_eq!(judgement.verdict, Pending);
        assert_eq!(
            judgement.why,
            "release: 1 of 1 said yes; security: 1 of 2 said yes"
        );
        let security = &judgement.rules[1];
        assert_eq!((security.missing, judgement.still_needed), (1, 1));
        assert_eq!(security.counted, [name("erin")]);
        // Carol is an author.
        assert_eq!(security.who_may, [name("bob")]);
        assert_eq!(judged_by(&rules, &[BOB]).verdict, Pending);
        assert_eq!(judged_by(&rules, &[BOB, ERIN]).verdict, Pass);
    }

    #[test]
    fn where_people_have_to_be_different_nobody_counts_twice() {
        let groups: &[(&str, u32, &[&str])] =
            &[("release", 1, &["alice", "bob"]), ("security", 1, &["bob"])];
        let loose = ruled(groups, false);
        assert_eq!(judged_by(&loose, &[BOB]).verdict, Pass);
        let strict = ruled(groups, true);
        let judgement = judged_by(&strict, &[BOB]);
        assert_eq!((judgement.verdict, judgement.still_needed), (Pending, 1));
        assert_eq!(judgement.who_may, [name("alice")]);
        assert_eq!(judged_by(&strict, &[ALICE, BOB]).verdict, Pass);
        assert_eq!(judged_by(&strict, &[ALICE, ERIN]).verdict, Pending);
        let (policy, mut asked) = strict;
        asked.request.distinct = false;
        let judgement = judged_by(&(policy, asked), &[ALICE, BOB]);
        assert_eq!(judgement.verdict, Fail);
    }

    fn started_by(did: Did, names: &[&str]) -> Actor {
        Actor {
            did,
            known_as: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_yes_with_a_clock_ahead_counts_from_when_it_was_seen() {
        let mut policy = policy();
        policy.approval.min_look = Some(crate::span::Span::seconds(1_800));
        let asked = request();
        let answers = [
            heard(&answer("alice", Say::Yes, "10:31"), 1),
            heard(&answer("bob", Say::Yes, "10:31"), 2),
        ];
        let judge = |seen: Option<&Sightings>| {
            let evidence = Evidence {
                asked: &asked,
                answers: &answers,
                withdrawn: false,
                seen,
            };
            decide(&policy, &evidence, at("12:00"))
        };
        assert_eq!(judge(None).verdict, Pass);
        let late = Sightings::of(at("10:01")).noting(&answers, at("11:00"));
        assert_eq!(judge(Some(&late)).verdict, Pass);
        // A request was not there before anybody saw it, or the forge had it.
        let unseen = Sightings::of(at("10:02")).noting(&answers, at("11:00"));
        assert_eq!(judge(Some(&unseen)).verdict, Pending);
        let asked_at = unseen.asked_at(Some(at("10:00")));
        assert_eq!(judge(Some(&asked_at)).verdict, Pass);
        // Bob's is of a time at which it was there already for long.
        let early = Sightings::of(at("10:01")).noting(&answers[1..], at("10:02"));
        let judgement = judge(Some(&early.noting(&answers, at("11:00"))));
        assert_eq!(judgement.verdict, Pending);
        let reasons: Vec<Reason> = judgement.not_counted.iter().map(|one| one.reason).collect();
        assert_eq!(reasons, [Reason::TooSoon]);
        assert!(judgement.not_counted[0].why.contains("first seen at"));
    }

    #[test]
    fn whoever_starts_the_run_does_not_approve_it() {
        let judged = |actors: Vec<Actor>, known: Option<bool>| {
            let mut wanted = wanted();
            wanted.actors = actors;
            let asked = request::Identified::new(&wanted).unwrap();
            let mut policy = policy().separating(&asked.request.actors);
            policy.approval.known_actors = known;
            for (person, account) in [("alice", "github:7"), ("bob", "github:8")] {
                let person = policy.keyring.people.get_mut(person).unwrap();
                person.accounts = [account.to_owned()].into();
            }
            judged_by(&(policy, asked), &[ALICE, BOB])
        };
        let cases = [
            (
                Did::Triggered,
                ["github:7", "github:Alice"],
                Reason::Triggered,
            ),
            (Did::ReRan, ["github:8", "github:bob"], Reason::ReRan),
            (
                Did::Triggered,
                ["github:8", "bob@shop.example"],
                Reason::Triggered,
            ),
        ];
        for (did, names, reason) in cases {
            let account = names[1];
            let judgement = judged(vec![started_by(did, &names)], Some(true));
            assert_eq!(judgement.verdict, Pending, "{account}");
            assert_eq!(judgement.not_counted[0].reason, reason, "{account}");
            assert!(judgement.unrecognised.is_empty());
        }
        let stranger = || vec![started_by(Did::Triggered, &["github:cron[bot]"])];
        let judgement = judged(stranger(), None);
        assert_eq!(judgement.verdict, Pass);
        assert_eq!(judgement.unrecognised, ["github:cron[bot]"]);
        assert_eq!(judged(stranger(), Some(true)).verdict, Fail);
        // Of a number nothing else counts, and a login may be made of digits.
        for (did, names) in [
            (Did::Triggered, vec!["github:999", "github:bob"]),
            (Did::Triggered, vec!["github:999", "github:8"]),
            (Did::Triggered, vec!["github:7", "github:8"]),
            (Did::Triggered, vec!["github:999", "bob@shop.example"]),
            (
                Did::Triggered,
                vec!["gitlab:8@gitlab.acme.example", "gitlab:8"],
            ),
            (Did::ReRan, vec!["github:8"]),
            (Did::ReRan, vec!["github:bob"]),
        ] {
            let judgement = judged(vec![started_by(did, &names)], Some(true));
            assert_eq!(judgement.verdict, Fail, "{names:?}");
        }
        assert_eq!(judged(Vec::new(), Some(true)).verdict, Fail);
    }

    #[test]
    fn a_yes_that_came_before_anyone_could_look_has_to_be_said_again() {
        let mut policy = policy();
        policy.approval.min_look = Some(crate::span::Span::seconds(1_800));
        let asked = request();
        let judged = |answers: &[Heard]| {
            let evidence = Evidence {
                asked: &asked,
                answers,
                withdrawn: false,
                seen: None,
            };
            decide(&policy, &evidence, at("12:00"))
        };
        let bob = |clock: &str, say| heard(&answer("bob", say, clock), 2);
        let early = judged(&[yes("alice", 1), bob("10:29", Say::Yes)]);
        assert_eq!(early.verdict, Pending);
        assert_eq!(early.not_counted[0].reason, Reason::TooSoon);
        assert_eq!(early.who_may, [name("bob")]);
        let again = [
            yes("alice", 1),
            bob("10:29", Say::Yes),
            bob("10:30", Say::Yes),
        ];
        assert_eq!(judged(&again).verdict, Pass);
        let denied = [yes("alice", 1), yes("bob", 2), bob("10:01", Say::No)];
        assert_eq!(judged(&denied).verdict, Fail);
    }

    #[test]
    fn a_ticket_has_to_be_named_where_one_is_demanded() {
        let judged = |notes: Option<&str>, comment: (&str, u8, &str)| {
            let mut wanted = wanted();
            let mut document: serde_json::Value = serde_json::from_str(&wanted.document).unwrap();
            document["notes"] = notes.into();
            wanted.document = document.to_string();
            let release = release::Identified::parse(wanted.document.as_bytes());
            wanted.release = release.unwrap().reference();
            let asked = request::Identified::new(&wanted).unwrap();
            let mut policy = policy();
            policy.approval.ticket = Some("OPS-[0-9]+".to_owned().try_into().unwrap());
            let say = |(person, fill, text): (&str, u8, &str)| {
                let mut answer = Answer::to(&asked, name(person), Say::Yes, at("10:30"));
                answer.comment = Some(text.to_owned());
                heard(&answer, fill)
            };
            let answers = [
                say(("alice", 1, "fine")),
                say(("bob", 2, "fine")),
                say(comment),
            ];
            let evidence = Evidence {
                asked: &asked,
                answers: &answers,
                withdrawn: false,
                seen: None,
            };
            decide(&policy, &evidence, at("12:00"))
        };
        let fine = ("alice", 1, "fine");
        let missing = judged(None, fine);
        assert_eq!(missing.verdict, Pending);
        assert!(missing.why.contains("`OPS-[0-9]+`"), "{}", missing.why);
        let named = judged(Some("see OPS-12"), fine);
        assert_eq!(
            (named.verdict, named.ticket.as_deref()),
            (Pass, Some("OPS-12"))
        );
        // Of two answers of one moment that with the greater digest counts.
        let twice = judged(None, ("bob", 22, "OPS-13"));
        assert_eq!(twice.verdict, Pending, "a key that is not bob's");
        let author = judged(None, ("carol", 3, "OPS-13"));
        assert_eq!(author.verdict, Pending, "an author's word");
    }

    /// Erin may answer in the place of alice, of carol and of dave until 11:00.
    fn delegated() -> Policy {
        let mut policy = policy();
        for owner in ["alice", "carol", "dave"] {
            let person = policy.keyring.people.get_mut(owner).unwrap();
            person.delegates.push(Delegation {
                to: name("erin"),
                from: at("10:20"),
                until: at("11:00"),
            });
        }
        policy
    }

    fn in_place(person: &str, fill: u8, place: &str, clock: &str) -> Heard {
        let mut one = answer(person, Say::Yes, clock);
        one.on_behalf_of = Some(name(place));
        heard(&one, fill)
    }

    fn judged_with(policy: &Policy, answers: &[Heard], clock: &str) -> Judgement {
        let asked = request();
        let evidence = Evidence {
            asked: &asked,
            answers,
            withdrawn: false,
            seen: None,
        };
        decide(policy, &evidence, at(clock))
    }

    #[test]
    fn a_delegate_fills_one_place_while_it_lasts_and_none_of_the_excluded() {
        let bob = yes("bob", 2);
        let erin = |place: &str, clock: &str| in_place("erin", 5, place, clock);
        let cases = [
            ("in time", vec![erin("alice", "10:30")], Ok(Pass)),
            (
                "early",
                vec![erin("alice", "10:19")],
                Err(Reason::NotDelegate),
            ),
            (
                "for an author",
                vec![erin("carol", "10:30")],
                Err(Reason::Author),
            ),
            (
                "for a signer",
                vec![erin("dave", "10:30")],
                Err(Reason::Signer),
            ),
            (
                "for bob",
                vec![erin("bob", "10:30")],
                Err(Reason::NotDelegate),
            ),
            (
                "by the author",
                vec![in_place("carol", 3, "alice", "10:30")],
                Err(Reason::Author),
            ),
            ("for oneself", vec![yes("erin", 5)], Err(Reason::NotAsked)),
            (
                "for nobody asked",
                vec![erin("erin", "10:30")],
                Err(Reason::NotAsked),
            ),
        ];
        for (case, mut answers, wanted) in cases {
            answers.push(bob.clone());
            let judgement = judged_with(&delegated(), &answers, "10:50");
            match wanted {
                Ok(verdict) => assert_eq!(judgement.verdict, verdict, "{case}"),
                Err(reason) => {
                    assert_eq!(judgement.verdict, Pending, "{case}");
                    assert_eq!(judgement.not_counted[0].reason, reason, "{case}");
                }
            }
        }
        let late = [erin("alice", "10:30"), bob];
        let judgement = judged_with(&delegated(), &late, "11:00");
        assert_eq!(judgement.not_counted[0].reason, Reason::NotDelegate);
        let waiting = judged_with(&delegated(), &late[1..], "10:50");
        assert_eq!(waiting.who_may, ["alice", "erin"].map(name));
    }

    #[test]
    fn nobody_is_two_and_no_place_is_filled_twice_and_no_chain_counts() {
        let mut policy = delegated();
        let bob = policy.keyring.people.get_mut("bob").unwrap();
        bob.delegates.push(Delegation {
            to: name("alice"),
            from: at("10:00"),
            until: at("12:00"),
        });
        let both = [in_place("alice", 1, "bob", "10:40"), yes("alice", 1)];
        let judgement = judged_with(&policy, &both, "10:50");
        assert_eq!((judgement.verdict, judgement.still_needed), (Pending, 1));
        assert_eq!(judgement.not_counted[0].reason, Reason::Superseded);
        let place = [in_place("erin", 5, "alice", "10:40"), yes("alice", 1)];
        let judgement = judged_with(&policy, &place, "10:50");
        assert_eq!(judgement.verdict, Pending);
        assert_eq!(judgement.not_counted[0].reason, Reason::PlaceTaken);
        assert_eq!(judgement.counted[0].person, name("alice"));
        // Erin stands in for alice, and alice for bob: erin does not for bob.
        let chain = [in_place("erin", 5, "bob", "10:40"), yes("alice", 1)];
        let judgement = judged_with(&policy, &chain, "10:50");
        assert_eq!(judgement.verdict, Pending);
        assert_eq!(judgement.not_counted[0].reason, Reason::NotDelegate);
        let two = [
            in_place("erin", 5, "alice", "10:30"),
            in_place("alice", 1, "bob", "10:30"),
        ];
        assert_eq!(judged_with(&policy, &two, "10:50").verdict, Pass);
    }
}
