//! Which answers count, one a person, and why the others do not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SKEW;
use super::answer::{Answer, Heard, Say};
use super::decide::Evidence;
use super::policy::{Exclusion, Ownership, Policy};
use super::request::{self, Request};
use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::name::Name;
use crate::time::Time;

/// An answer that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Who.
    pub person: Name,
    /// In whose place, where it is not their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Name>,
    /// What they say.
    pub answer: Say,
    /// When, by their clock.
    pub made_at: Time,
    /// The key they signed with; nothing for an answer on a forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// The bundle or event it is in.
    pub bundle: Digest,
    /// What they say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Counted {
    /// Whose place it takes.
    #[must_use]
    pub fn place(&self) -> &Name {
        self.on_behalf_of.as_ref().unwrap_or(&self.person)
    }
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
    /// This person was asked, and left the group since.
    NotMember,
    /// An author of the change.
    Author,
    /// Whoever signed the release.
    Signer,
    /// Whoever started the run that asks.
    Triggered,
    /// Whoever started that run once more.
    ReRan,
    /// Signed by somebody else's key.
    WrongKey,
    /// The key is revoked, or not in its time.
    KeyOutOfTime,
    /// Somebody else holds the key as well.
    SharedKey,
    /// Made before the request.
    BeforeRequest,
    /// A yes that was made before people had time to look.
    TooSoon,
    /// Made after the request expired.
    AfterExpiry,
    /// Made in the future.
    InFuture,
    /// Not a delegate of whose place it takes, or not at that time.
    NotDelegate,
    /// The same person said something else that counts.
    Superseded,
    /// Somebody else counts in that place.
    PlaceTaken,
}

type Refusal = (Reason, String);

/// Splits the answers; the order in which they came makes no difference.
pub(super) fn count(
    policy: &Policy,
    evidence: &Evidence<'_>,
    now: Time,
) -> (Vec<Counted>, Vec<NotCounted>) {
    let mut people: BTreeMap<Name, Vec<Counted>> = BTreeMap::new();
    let mut refused: BTreeMap<Digest, NotCounted> = BTreeMap::new();
    for heard in evidence.answers {
        match judge(policy, evidence, heard, now) {
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
    let (counted, lost) = one_a_place(counted);
    refused.extend(lost.into_iter().map(|one| (one.bundle, one)));
    let mut refused: Vec<NotCounted> = refused.into_values().collect();
    refused.sort_by(|a, b| (&a.who, a.reason, a.bundle).cmp(&(&b.who, b.reason, b.bundle)));
    (counted, refused)
}

/// A no over a yes, then the newer; the digest only makes the order total.
const fn strength(one: &Counted) -> (Say, Time, Digest) {
    (one.answer, one.made_at, one.bundle)
}

/// Of several yes in one place that person's own counts, else the newest.
fn one_a_place(answers: Vec<Counted>) -> (Vec<Counted>, Vec<NotCounted>) {
    let own = |one: &Counted| one.place() == &one.person;
    let weight = |one: &Counted| (own(one), one.made_at, one.bundle);
    let yes = |one: &&Counted| one.answer == Say::Yes;
    let mut best: BTreeMap<&Name, &Counted> = BTreeMap::new();
    for one in answers.iter().filter(yes) {
        let kept = best.entry(one.place()).or_insert(one);
        if weight(one) > weight(kept) {
            *kept = one;
        }
    }
    let mut lost = Vec::new();
    for one in answers.iter().filter(yes) {
        let Some(kept) = best
            .get(one.place())
            .filter(|kept| kept.bundle != one.bundle)
        else {
            continue;
        };
        lost.push(NotCounted {
            who: Some(one.person.clone()),
            reason: Reason::PlaceTaken,
            why: format!("{} counts in the place of {}", kept.person, one.place()),
            bundle: one.bundle,
        });
    }
    let mut counted = answers;
    counted.retain(|one| lost.iter().all(|lost| lost.bundle != one.bundle));
    (counted, lost)
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
    evidence: &Evidence<'_>,
    heard: &Heard,
    now: Time,
) -> Result<Counted, NotCounted> {
    let asked = evidence.asked;
    let (answer, key, bundle) = match heard {
        Heard::Proved {
            answer,
            key,
            bundle,
        } => (answer, Some(key), *bundle),
        Heard::Told { answer, bundle } => (answer, None, *bundle),
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
    let made_by = evidence
        .seen
        .map_or(answer.made_at, |seen| seen.made_by(&bundle, answer.made_at));
    let since = asked.request.made_at;
    let since = evidence.seen.map_or(since, |seen| since.max(seen.first()));
    fits(asked, answer)
        .and_then(|()| in_time(&asked.request, answer, now))
        .and_then(|()| looked(policy, since, answer, made_by))
        .and_then(|()| may(policy, &asked.request, answer, now))
        .and_then(|()| key.map_or(Ok(()), |key| owns(policy, &answer.person, key, now)))
        .map_err(|(reason, why)| NotCounted {
            who: Some(answer.person.clone()),
            reason,
            why,
            bundle,
        })?;
    Ok(Counted {
        person: answer.person.clone(),
        on_behalf_of: answer.on_behalf_of.clone(),
        answer: answer.answer,
        made_at: answer.made_at,
        key: key.map(PublicKey::id),
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
    } else if answer.break_glass != request.break_glass.is_some() {
        let kind = if answer.break_glass {
            "break-glass"
        } else {
            "an approval"
        };
        Err((Reason::OtherRequest, format!("answers to {kind}")))
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

/// A no counts at any time. Of a yes the time counts at which it was made at the
/// latest: its maker's clock can be ahead by accident or on purpose. People could
/// look since the request was made, but not before anybody saw it.
fn looked(policy: &Policy, since: Time, answer: &Answer, made_by: Time) -> Result<(), Refusal> {
    let from = policy.counts_from(since);
    // Where no time is demanded, two honest clocks may still differ.
    let at_once = from == since;
    if at_once || answer.answer == Say::No || made_by >= from {
        return Ok(());
    }
    let seen = if made_by < answer.made_at {
        format!(", first seen at {made_by}")
    } else {
        String::new()
    };
    let text = format!(
        "made at {}{seen}, and a yes counts from {from}: {} has to answer again",
        answer.made_at, answer.person
    );
    Err((Reason::TooSoon, text))
}

/// Whoever may not answer may not be stood in for either.
fn may(policy: &Policy, request: &Request, answer: &Answer, now: Time) -> Result<(), Refusal> {
    let (person, place) = (&answer.person, answer.place());
    let excluded = [person, place].map(|one| (one, policy.excluded.get(one)));
    let excluded = excluded
        .into_iter()
        .find_map(|(one, why)| why.map(|why| (one, why)));
    if let Some((one, why)) = excluded {
        let reason = match why {
            Exclusion::Author => Reason::Author,
            Exclusion::Signer => Reason::Signer,
            Exclusion::Triggered => Reason::Triggered,
            Exclusion::ReRan => Reason::ReRan,
        };
        return Err((reason, format!("{one} {why}")));
    }
    if request.asks(place) && !policy.admits(place) && policy.approval.is_looked_up() {
        let text = format!("{place} belongs to no group that is asked, any more");
        return Err((Reason::NotMember, text));
    }
    if !policy.admits(place) || !request.asks(place) {
        return Err((Reason::NotAsked, format!("{place} is not asked")));
    }
    // By the answer's time, which is its maker's word, and by the judge's.
    let may = |time| policy.stands_in(person, place, time);
    if may(answer.made_at) && may(now) {
        return Ok(());
    }
    let text = format!("{person} is no delegate of {place} at {}", answer.made_at);
    Err((Reason::NotDelegate, text))
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
