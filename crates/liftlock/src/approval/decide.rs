//! Counts answers: a quorum of different people, and nobody who says no.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::SKEW;
use super::answer::{Answer, Heard, Say};
use super::policy::{Exclusion, Ownership, Policy};
use super::request::{self, Request};
use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::name::Name;
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
    /// How many different people still have to say yes.
    pub still_needed: u32,
    /// Who may still say it.
    pub who_may: Vec<Name>,
}

/// An answer that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Who.
    pub person: Name,
    /// What they say.
    pub answer: Say,
    /// When, by their clock.
    pub made_at: Time,
    /// The key they signed with.
    pub key: Digest,
    /// The bundle it is in.
    pub bundle: Digest,
    /// What they say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// An answer that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NotCounted {
    /// Who it claims to be from, where that can be read.
    pub who: Option<Name>,
    /// Why, for machines.
    pub reason: Reason,
    /// Why, for people.
    pub why: String,
    /// The bundle it is in.
    pub bundle: Digest,
}

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No known person signed it, or it is no answer.
    Unproved,
    /// It answers another request.
    OtherRequest,
    /// It is about another release.
    OtherRelease,
    /// It is for another service or environment.
    OtherEnvironment,
    /// This person is not asked.
    NotAsked,
    /// An author of the change.
    Author,
    /// Whoever signed the release.
    Signer,
    /// Signed by somebody else's key.
    WrongKey,
    /// The key is revoked, or not in its time.
    KeyOutOfTime,
    /// Somebody else holds the key as well.
    SharedKey,
    /// Made before the request.
    BeforeRequest,
    /// Made after the request expired.
    AfterExpiry,
    /// Made in the future.
    InFuture,
    /// The same person said something else that counts.
    Superseded,
}

type Refusal = (Reason, String);

/// Judges the answers at a moment.
///
/// A `no` denies for good: a later yes of the same person does not undo it, as
/// nobody could tell whether the no was only held back. Another request can.
#[must_use]
pub fn decide(policy: &Policy, evidence: &Evidence<'_>, now: Time) -> Judgement {
    let request = &evidence.asked.request;
    let (counted, not_counted) = count(policy, evidence, now);
    let yes: BTreeSet<&Name> = said(&counted, Say::Yes).collect();
    let denied_by: Vec<&str> = said(&counted, Say::No).map(Name::as_str).collect();
    let quorum = policy.quorum.max(request.quorum).max(1);
    let have = u32::try_from(yes.len()).unwrap_or(u32::MAX);
    let still_needed = quorum.saturating_sub(have);
    let (verdict, why) = if evidence.withdrawn {
        (Verdict::Fail, "the request was denied or withdrawn".into())
    } else if let Some(why) = unfit(policy, request, now) {
        (Verdict::Fail, why)
    } else if !denied_by.is_empty() {
        (Verdict::Fail, format!("denied by {}", denied_by.join(", ")))
    } else if !evidence.asked.is_open(now) {
        let text = format!("the request expired at {}", request.expires_at);
        (Verdict::Expired, text)
    } else if have >= quorum {
        (Verdict::Pass, format!("{have} of {quorum} said yes"))
    } else {
        (Verdict::Pending, format!("{have} of {quorum} said yes"))
    };
    let left = policy.eligible(now).into_iter();
    let who_may = left
        .filter(|name| request.people.contains(name))
        .filter(|name| !counted.iter().any(|one| one.person == *name))
        .collect();
    Judgement {
        verdict,
        why,
        still_needed,
        who_may,
        counted,
        not_counted,
    }
}

fn said(counted: &[Counted], what: Say) -> impl Iterator<Item = &Name> {
    let matching = counted.iter().filter(move |one| one.answer == what);
    matching.map(|one| &one.person)
}

/// Why the request itself cannot be judged by this policy, if so.
fn unfit(policy: &Policy, request: &Request, now: Time) -> Option<String> {
    let longest = request.made_at.after(policy.expires);
    let text = if request.policy != policy.digest {
        "the policy changed since people were asked"
    } else if request.quorum < policy.quorum {
        "the request asks for fewer people than the policy"
    } else if !request.people.is_subset(&policy.people) {
        "the request asks people whom the policy does not name"
    } else if request.expires_at > longest {
        "the request stays open for longer than the policy allows"
    } else if request.made_at > now.after(SKEW) {
        "the request is dated in the future"
    } else {
        return None;
    };
    Some(text.to_owned())
}

/// Splits the answers; the order in which they came makes no difference.
fn count(policy: &Policy, evidence: &Evidence<'_>, now: Time) -> (Vec<Counted>, Vec<NotCounted>) {
    let mut people: BTreeMap<Name, Vec<Counted>> = BTreeMap::new();
    let mut refused: BTreeMap<Digest, NotCounted> = BTreeMap::new();
    for heard in evidence.answers {
        match judge(policy, evidence.asked, heard, now) {
            Ok(new) => people.entry(new.person.clone()).or_default().push(new),
            Err(why) => drop(refused.insert(why.bundle, why)),
        }
    }
    let mut counted = Vec::new();
    for mut answers in people.into_values() {
        answers.sort_by_key(strength);
        answers.dedup_by_key(|one| one.bundle);
        let Some(kept) = answers.pop() else { continue };
        let lost = answers.iter().map(|lost| superseded(&kept, lost));
        refused.extend(lost.map(|one| (one.bundle, one)));
        counted.push(kept);
    }
    let mut refused: Vec<NotCounted> = refused.into_values().collect();
    refused.sort_by(|a, b| (&a.who, a.reason, a.bundle).cmp(&(&b.who, b.reason, b.bundle)));
    (counted, refused)
}

/// A no over a yes, then the newer; the digest only makes the order total.
const fn strength(one: &Counted) -> (Say, Time, Digest) {
    (one.answer, one.made_at, one.bundle)
}

fn superseded(kept: &Counted, lost: &Counted) -> NotCounted {
    NotCounted {
        who: Some(lost.person.clone()),
        reason: Reason::Superseded,
        why: format!(
            "{} counts once, with the {} of {}",
            kept.person, kept.answer, kept.made_at
        ),
        bundle: lost.bundle,
    }
}

fn judge(
    policy: &Policy,
    asked: &request::Identified,
    heard: &Heard,
    now: Time,
) -> Result<Counted, NotCounted> {
    let (answer, key, bundle) = match heard {
        Heard::Proved {
            answer,
            key,
            bundle,
        } => (answer, key, *bundle),
        Heard::Refused {
            claimed,
            why,
            bundle,
        } => {
            return Err(NotCounted {
                who: claimed.clone(),
                reason: Reason::Unproved,
                why: why.clone(),
                bundle: *bundle,
            });
        }
    };
    fits(asked, answer)
        .and_then(|()| in_time(&asked.request, answer, now))
        .and_then(|()| may(policy, &asked.request, &answer.person))
        .and_then(|()| owns(policy, &answer.person, key, now))
        .map_err(|(reason, why)| NotCounted {
            who: Some(answer.person.clone()),
            reason,
            why,
            bundle,
        })?;
    Ok(Counted {
        person: answer.person.clone(),
        answer: answer.answer,
        made_at: answer.made_at,
        key: key.id(),
        bundle,
        comment: answer.comment.clone(),
    })
}

fn fits(asked: &request::Identified, answer: &Answer) -> Result<(), Refusal> {
    let request = &asked.request;
    if answer.release != request.release.digest {
        let text = format!("answers about release {}", answer.release);
        Err((Reason::OtherRelease, text))
    } else if answer.environment != request.environment || answer.service != request.service {
        let text = format!("answers for {} {}", answer.service, answer.environment);
        Err((Reason::OtherEnvironment, text))
    } else if answer.request == asked.digest {
        Ok(())
    } else {
        let text = format!("answers request {}", answer.request);
        Err((Reason::OtherRequest, text))
    }
}

fn in_time(request: &Request, answer: &Answer, now: Time) -> Result<(), Refusal> {
    let at = answer.made_at;
    if at.after(SKEW) < request.made_at {
        let text = format!("made at {at}, before the request");
        Err((Reason::BeforeRequest, text))
    } else if at > request.expires_at {
        let text = format!("made at {at}, after the request expired");
        Err((Reason::AfterExpiry, text))
    } else if at <= now.after(SKEW) {
        Ok(())
    } else {
        Err((Reason::InFuture, format!("made at {at}, in the future")))
    }
}

fn may(policy: &Policy, request: &Request, person: &Name) -> Result<(), Refusal> {
    match policy.excluded.get(person) {
        Some(Exclusion::Author) => {
            let text = format!("{person} is an author of the change");
            Err((Reason::Author, text))
        }
        Some(Exclusion::Signer) => {
            let text = format!("{person} signed the release");
            Err((Reason::Signer, text))
        }
        None if policy.admits(person) && request.people.contains(person) => Ok(()),
        None => Err((Reason::NotAsked, format!("{person} is not asked"))),
    }
}

fn owns(policy: &Policy, person: &Name, key: &PublicKey, now: Time) -> Result<(), Refusal> {
    let short = key.id().short();
    match policy.ownership(person, key, now) {
        Ownership::Counts => Ok(()),
        Ownership::OutOfTime => {
            let text = format!("key {short} of {person} is revoked or out of its time");
            Err((Reason::KeyOutOfTime, text))
        }
        Ownership::Shared => {
            let text = format!("key {short} is not {person}'s alone");
            Err((Reason::SharedKey, text))
        }
        Ownership::Foreign => {
            let text = format!("key {short} is not {person}'s");
            Err((Reason::WrongKey, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::toy::{answer, at, dated, heard, key, name, policy, request, wanted};
    use super::*;
    use crate::verdict::Verdict::{Expired, Fail, Pass, Pending};

    type Edit = fn(&mut Request);

    fn judged(answers: &[Heard], clock: &str) -> Judgement {
        let asked = request();
        let evidence = Evidence {
            asked: &asked,
            answers,
            withdrawn: false,
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
        };
        let end = asked.request.expires_at;
        let after = end.after(crate::span::Span::seconds(1));
        assert_eq!(decide(&policy(), &evidence(false), end).verdict, Pass);
        assert_eq!(decide(&policy(), &evidence(false), after).verdict, Expired);
        assert_eq!(decide(&policy(), &evidence(true), end).verdict, Fail);
    }

    #[test]
    fn a_request_that_is_looser_than_the_policy_fails() {
        let cases: [(&str, Edit); 5] = [
            ("the policy changed", |one| {
                one.policy = Digest::of(b"other");
            }),
            ("the request asks for fewer", |one| one.quorum = 1),
            ("the request asks people", |one| {
                one.people.extend([name("erin")]);
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
            };
            let judgement = decide(&policy(), &evidence, at("12:00"));
            assert_eq!(judgement.verdict, Fail, "{message}");
            assert!(judgement.why.starts_with(message), "{}", judgement.why);
        }
    }

    #[test]
    fn a_request_may_be_tighter_than_the_policy() {
        let mut changed = wanted();
        changed.people.remove("bob");
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
}
