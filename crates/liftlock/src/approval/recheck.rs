//! Counts the answers inside an approval again: the judge's word alone moves nothing.

use super::answer::hear;
use super::automatic::{Facts, allow, look_up};
use super::break_glass::BreakGlass;
use super::decide::{Evidence, Judgement, decide};
use super::forge;
use super::fresh::Shown;
use super::policy::Policy;
use super::predicate::{Approval, SCHEMA_VERSION};
pub use super::refused::Refused;
use super::standing::lost;
use super::{MOST_ANSWERS, SKEW, request};
use crate::attestation::Proved;
use crate::chain::{Said, Who};
use crate::config::approval;
use crate::config::break_glass::BreakGlass as Allowed;
use crate::config::trust::{Keyring, Role};
use crate::crypto::{PublicKey, Verifier};
use crate::digest::Digest;
use crate::name::Name;
use crate::predicate::{APPROVAL, BREAK_GLASS};
use crate::release;
use crate::statement::Statement;
use crate::time::Time;
use crate::verdict::Verdict;

/// What an approval has to fit.
#[derive(Clone, Copy)]
#[expect(
    missing_debug_implementations,
    reason = "a verifier has nothing to show"
)]
pub struct Frame<'a> {
    /// Whose key is whose.
    pub keyring: &'a Keyring,
    /// Where the release is to go.
    pub environment: &'a Name,
    /// The rules of that environment.
    pub rule: Option<&'a approval::Approval>,
    /// The digest of the policy in force.
    pub policy: Digest,
    /// The release that is to go there.
    pub release: &'a release::Identified,
    /// The release that is live there, where one is.
    pub live: Option<Digest>,
    /// The keys that signed it.
    pub signers: &'a [PublicKey],
    /// What forges show now, where they were asked again.
    pub shown: Option<&'a Shown>,
    /// The mathematics.
    pub verifier: &'a dyn Verifier,
}

/// Whether an approval still permits this release in this environment at `now`.
///
/// A judge of the keyring must have signed it, and the answers inside are
/// verified and counted again as at the moment of judging. A person's or a
/// judge's key that was revoked since then voids it.
///
/// # Errors
///
/// Fails unless all of that is proved.
pub fn recheck(proved: &Proved, frame: &Frame<'_>, now: Time) -> Result<Approval, Refused> {
    judged(proved, frame, now)?;
    count_again(&proved.statement, frame, now)
}

/// Refuses a statement that no judge of the keyring signed.
///
/// # Errors
///
/// Fails unless that is proved.
pub fn judged(proved: &Proved, frame: &Frame<'_>, now: Time) -> Result<(), Refused> {
    let judges = frame.keyring.keys(Role::Judge, now);
    match judges.contains(&proved.key) {
        true => Ok(()),
        false => Err(Refused::Judge(proved.key.id())),
    }
}

/// Refuses what an examined statement's maker may not say as a judge. That an
/// identity is a judge's was proved at the time of its signature; a key counts
/// as of now.
///
/// # Errors
///
/// As [`judged`].
pub fn by_a_judge(said: &Said, frame: &Frame<'_>, now: Time) -> Result<(), Refused> {
    match &said.who {
        Who::Key(key) => {
            let proved = Proved {
                statement: said.statement.clone(),
                key: key.clone(),
            };
            judged(&proved, frame, now)
        }
        Who::Identity(_) => Ok(()),
    }
}

/// As [`recheck`], for the judge itself, right after signing and where no
/// keyring names judges.
///
/// # Errors
///
/// As [`recheck`], but for the judge's key.
pub fn count_again(
    statement: &Statement,
    frame: &Frame<'_>,
    now: Time,
) -> Result<Approval, Refused> {
    count_with(statement, frame, None, now)
}

/// As [`count_again`], where facts can be looked up: an approval by an automatic
/// rule needs them, and counts only while all of that rule's are met.
///
/// # Errors
///
/// As [`count_again`].
pub fn count_with(
    statement: &Statement,
    frame: &Frame<'_>,
    facts: Option<&Facts<'_>>,
    now: Time,
) -> Result<Approval, Refused> {
    let approval: Approval = statement.predicate_as(APPROVAL)?;
    if serde_json::to_value(&approval).ok().as_ref() != Some(statement.predicate()) {
        return Err(Refused::Unknown);
    }
    let asked = asked(&approval, statement, frame, now)?;
    let rule = frame.rule.ok_or(Refused::NoRule)?;
    let base = Policy::new(frame.policy, rule, frame.keyring.clone());
    let (policy, again) = decided(&approval, &asked, base.clone(), frame);
    let again = match (&approval.judgement.automatic, facts) {
        (Some(claimed), Some(facts)) => {
            let rules = rule.automatic.iter().flatten();
            let rules = rules.filter(|rule| rule.name == claimed.rule);
            let tried: Vec<_> = rules.map(|rule| look_up(rule, facts)).collect();
            allow(&policy, again, &tried)
        }
        (_, _) => again,
    };
    passed(again, || lost(&approval, &asked, base, frame))?;
    Ok(approval)
}

/// As [`count_again`], for going past gates by these rules.
///
/// # Errors
///
/// As [`count_again`], and where nobody may.
pub fn count_break_glass(
    statement: &Statement,
    frame: &Frame<'_>,
    allowed: Option<&Allowed>,
    now: Time,
) -> Result<(BreakGlass, Vec<Name>), Refused> {
    let broken: BreakGlass = statement.predicate_as(BREAK_GLASS)?;
    if serde_json::to_value(&broken).ok().as_ref() != Some(statement.predicate()) {
        return Err(Refused::Unknown);
    }
    let base = breaking(frame, allowed)?;
    let asked = asked(&broken.judged, statement, frame, now)?;
    let wanted = asked.request.break_glass.as_ref();
    if wanted.is_none_or(|wanted| wanted.reason != broken.reason || wanted.past != broken.past) {
        return Err(Refused::Request);
    }
    let (_, again) = decided(&broken.judged, &asked, base.clone(), frame);
    let yes = again.counted.iter().map(|one| one.person.clone());
    let people = yes.collect();
    passed(again, || lost(&broken.judged, &asked, base, frame))?;
    Ok((broken, people))
}

/// The rules for what was asked, before anybody is excluded.
pub(super) fn base(
    asked: &request::Identified,
    frame: &Frame<'_>,
    allowed: Option<&Allowed>,
) -> Result<Policy, Refused> {
    if asked.request.break_glass.is_some() {
        return breaking(frame, allowed);
    }
    let rule = frame.rule.ok_or(Refused::NoRule)?;
    Ok(Policy::new(frame.policy, rule, frame.keyring.clone()))
}

fn breaking(frame: &Frame<'_>, allowed: Option<&Allowed>) -> Result<Policy, Refused> {
    let policy = allowed.and_then(|allowed| {
        Policy::breaking(frame.policy, allowed, frame.rule, frame.keyring.clone())
    });
    policy.ok_or(Refused::NoBreakGlass)
}

/// The request inside, where all of what can be said without the answers fits.
fn asked(
    approval: &Approval,
    statement: &Statement,
    frame: &Frame<'_>,
    now: Time,
) -> Result<request::Identified, Refused> {
    if approval.schema_version != SCHEMA_VERSION {
        return Err(Refused::Version(approval.schema_version));
    }
    let release = frame.release;
    let artifacts = release.release.artifacts.values();
    let mut wanted = std::iter::once(release.digest).chain(artifacts.map(|one| one.digest));
    if let Some(missing) = wanted.find(|digest| !statement.is_about(digest)) {
        return Err(Refused::NotAbout(missing));
    }
    let asked = request::Identified::from_value(&approval.asked)?;
    if asked.digest != approval.request {
        return Err(Refused::Request);
    }
    rules(approval, &asked, frame)?;
    times(approval, now)?;
    compared(approval, frame)?;
    let count = approval.answers.len().saturating_add(approval.events.len());
    if count > MOST_ANSWERS {
        return Err(Refused::TooMany(count));
    }
    Ok(asked)
}

/// The answers inside, counted again as at the moment of judging.
pub(super) fn decided(
    approval: &Approval,
    asked: &request::Identified,
    policy: Policy,
    frame: &Frame<'_>,
) -> (Policy, Judgement) {
    let groups = approval.groups.clone();
    let groups = match frame.shown {
        Some(shown) => shown.groups(groups),
        None => groups,
    };
    let policy = policy
        .knowing(groups)
        .excluding(&frame.release.release, frame.signers)
        .separating(&asked.request.actors)
        .asked_at(asked.request.place.as_ref());
    let signed = approval.answers.iter();
    let mut answers: Vec<_> = signed
        .map(|signed| hear(signed, frame.keyring, frame.verifier))
        .collect();
    let events = approval.events.iter();
    answers.extend(events.map(|event| match frame.shown {
        Some(shown) => shown.hear(event, asked, &policy),
        None => forge::hear(event, asked, &policy),
    }));
    let evidence = Evidence {
        asked,
        answers: &answers,
        withdrawn: false,
        seen: approval.seen.as_ref(),
    };
    let again = decide(&policy, &evidence, approval.ruling.made_at);
    (policy, again)
}

fn passed(again: Judgement, lost: impl FnOnce() -> Vec<String>) -> Result<(), Refused> {
    let (verdict, why) = (again.verdict, again.why);
    if verdict == Verdict::Pass {
        return Ok(());
    }
    let lost = lost();
    if lost.is_empty() {
        return Err(Refused::Count { verdict, why });
    }
    let lost = lost.join("; ");
    Err(Refused::Fallen { verdict, why, lost })
}

fn rules(
    approval: &Approval,
    asked: &request::Identified,
    frame: &Frame<'_>,
) -> Result<(), Refused> {
    let (ruling, request) = (&approval.ruling, &asked.request);
    let release = frame.release;
    let mismatch = |what, wanted: String, found: String| {
        Err(Refused::Mismatch {
            what,
            wanted,
            found,
        })
    };
    if ruling.verdict != Verdict::Pass {
        mismatch("verdict", "pass".into(), ruling.verdict.word().into())
    } else if ruling.release != release.digest || asked.release.digest != release.digest {
        mismatch(
            "release",
            release.digest.to_string(),
            ruling.release.to_string(),
        )
    } else if ruling.environment != *frame.environment || request.environment != *frame.environment
    {
        mismatch(
            "environment",
            frame.environment.to_string(),
            ruling.environment.to_string(),
        )
    } else if ruling.service != release.release.service {
        mismatch(
            "service",
            release.release.service.to_string(),
            ruling.service.to_string(),
        )
    } else if ruling.policy != frame.policy {
        mismatch(
            "policy",
            frame.policy.to_string(),
            ruling.policy.to_string(),
        )
    } else if ruling.expires_at != Some(request.expires_at) {
        let found = ruling.expires_at.map(|time| time.to_string());
        mismatch(
            "expires_at",
            request.expires_at.to_string(),
            found.unwrap_or_default(),
        )
    } else {
        Ok(())
    }
}

fn times(approval: &Approval, now: Time) -> Result<(), Refused> {
    let ruling = &approval.ruling;
    let expires = ruling.expires_at.unwrap_or(Time::EPOCH);
    if ruling.made_at > now.after(SKEW) {
        Err(Refused::Future(ruling.made_at))
    } else if now <= expires {
        Ok(())
    } else {
        Err(Refused::Expired(expires))
    }
}

/// The owners of what changed are those of what changes now: what is live is
/// what was, or already this release.
fn compared(approval: &Approval, frame: &Frame<'_>) -> Result<(), Refused> {
    let changes = approval.groups.iter().flat_map(|one| one.changes.values());
    for change in changes {
        let then = change.compared.live;
        if frame.live != then && frame.live != Some(frame.release.digest) {
            return Err(Refused::Live);
        }
        if frame.release.release.commit.as_ref() != Some(&change.compared.to) {
            return Err(Refused::Commit);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::answer::Say;
    use super::super::toy::{
        CHECK, Toy, answer, at, key, keyring, name, policy, request, rule, signed,
    };
    use super::*;
    use crate::attestation;
    use crate::bundle::Bundle;

    type Edit = fn(&mut Approval);

    fn approval() -> Approval {
        let asked = request();
        let bundles = vec![
            signed(&answer("alice", Say::Yes, "10:30"), 1).into(),
            signed(&answer("bob", Say::Yes, "10:40"), 2).into(),
        ];
        let heard: Vec<_> = bundles
            .iter()
            .map(|one| hear(one, &keyring(), &CHECK))
            .collect();
        let evidence = Evidence {
            asked: &asked,
            answers: &heard,
            withdrawn: false,
            seen: None,
        };
        let judgement = decide(&policy(), &evidence, at("11:00"));
        Approval::new(&asked, bundles, judgement, at("11:00")).unwrap()
    }

    fn proved(approval: &Approval, fill: u8) -> Proved {
        let statement = approval.statement(&request().release).unwrap();
        let bundle = attestation::sign(&statement, &Toy(key(fill))).unwrap();
        let bundle = Bundle::parse(bundle.bytes()).unwrap();
        attestation::verify(&bundle, &[key(fill)], &CHECK).unwrap()
    }

    fn check(
        approval: &Approval,
        change: impl FnOnce(&mut Keyring),
        clock: &str,
    ) -> Result<Approval, Refused> {
        let (mut keyring, rule) = (keyring(), rule());
        change(&mut keyring);
        let (release, production) = (request().release, name("production"));
        let frame = Frame {
            keyring: &keyring,
            environment: &production,
            rule: Some(&rule),
            policy: Digest::of(b"policy"),
            release: &release,
            live: None,
            signers: &[key(4)],
            shown: None,
            verifier: &CHECK,
        };
        recheck(&proved(approval, 9), &frame, at(clock))
    }

    #[test]
    fn an_honest_approval_counts_again() {
        let approval = approval();
        assert_eq!(check(&approval, |_| (), "12:00").unwrap(), approval);
        assert_eq!(approval.latency.first_answered_at, Some(at("10:30")));
    }

    #[test]
    fn the_judges_word_alone_is_refused() {
        let cases: [(&str, Edit); 8] = [
            ("the answers inside", |one| one.answers.truncate(1)),
            ("the answers inside", |one| {
                one.answers[1] = one.answers[0].clone();
            }),
            ("the approval's `verdict`", |one| {
                one.ruling.verdict = Verdict::Fail;
            }),
            ("the approval's `environment`", |one| {
                one.ruling.environment = name("staging");
            }),
            ("the approval's `policy`", |one| {
                one.ruling.policy = Digest::of(b"x");
            }),
            ("the approval's `expires_at`", |one| {
                one.ruling.expires_at = None;
            }),
            ("the request inside the approval is not", |one| {
                one.request = Digest::of(b"x");
            }),
            ("the approval is dated", |one| {
                one.ruling.made_at = at("23:00");
            }),
        ];
        for (message, change) in cases {
            let mut approval = approval();
            change(&mut approval);
            let error = check(&approval, |_| (), "12:00").unwrap_err().to_string();
            assert!(error.starts_with(message), "{message}: {error}");
        }
    }

    #[test]
    fn a_field_that_nobody_knows_is_refused() {
        let statement = approval().statement(&request().release).unwrap();
        let mut document = serde_json::to_value(&statement).unwrap();
        assert_eq!(document["predicate"]["environment"], "production");
        document["predicate"]["unless"] = "it rains".into();
        let mut honest = proved(&approval(), 9);
        honest.statement = Statement::parse(document.to_string().as_bytes()).unwrap();
        let (keyring, rule) = (keyring(), rule());
        let (release, production) = (request().release, name("production"));
        let frame = Frame {
            keyring: &keyring,
            environment: &production,
            rule: Some(&rule),
            policy: Digest::of(b"policy"),
            release: &release,
            live: None,
            signers: &[],
            shown: None,
            verifier: &CHECK,
        };
        let refused = recheck(&honest, &frame, at("12:00"));
        assert!(matches!(refused, Err(Refused::Unknown)));
    }

    #[test]
    fn a_key_that_was_revoked_since_voids_the_approval() {
        let answered = check(
            &approval(),
            |keyring| keyring.people.get_mut("bob").unwrap().keys[0].revoked_at = Some(at("11:30")),
            "12:00",
        );
        assert!(matches!(answered, Err(Refused::Count { .. })));
        let judged = check(
            &approval(),
            |keyring| keyring.trusted[0].keys[0].revoked_at = Some(at("11:30")),
            "12:00",
        );
        assert!(matches!(judged, Err(Refused::Judge(_))));
    }

    #[test]
    fn an_approval_for_something_else_does_not_fit() {
        let (keyring, rule, approval) = (keyring(), rule(), approval());
        let (release, production) = (request().release, name("production"));
        let frame = Frame {
            keyring: &keyring,
            environment: &production,
            rule: Some(&rule),
            policy: Digest::of(b"policy"),
            release: &release,
            live: None,
            signers: &[],
            shown: None,
            verifier: &CHECK,
        };
        let refused = |message: &str, frame: &Frame<'_>, fill, now| {
            let result = recheck(&proved(&approval, fill), frame, now);
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with(message), "{message}: {error}");
        };
        let noon = at("12:00");
        refused("key", &frame, 8, noon);
        refused(
            "the approval expired",
            &frame,
            9,
            "2026-11-24T10:00:01Z".parse().unwrap(),
        );
        let mut changed = frame;
        changed.rule = None;
        refused("the environment has no", &changed, 9, noon);
        let (mut changed, staging) = (frame, name("staging"));
        changed.environment = &staging;
        refused("the approval's `environment`", &changed, 9, noon);
        let mut changed = frame;
        changed.policy = Digest::of(b"x");
        refused("the approval's `policy`", &changed, 9, noon);
        let (mut changed, bob) = (frame, [key(2)]);
        changed.signers = &bob;
        refused("the answers inside", &changed, 9, noon);
        let document = super::super::toy::release("shop-2");
        let other = release::Identified::parse(document.as_bytes()).unwrap();
        let mut changed = frame;
        changed.release = &other;
        refused("the approval is not about", &changed, 9, noon);
        assert!(recheck(&proved(&approval, 9), &frame, noon).is_ok());
    }
}
