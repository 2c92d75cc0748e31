//! Signs an approval once enough people said yes: with a judge's key, or as the
//! identity that the CI proves.

use liftlock::approval::break_glass::BreakGlass;
use liftlock::approval::predicate::Approval;
use liftlock::approval::recheck;
use liftlock::approval::request::Identified;
use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::chain::{Examiner, Said, Who};
use liftlock::config::trust::Role;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::predicate::{APPROVAL, BREAK_GLASS};
use liftlock::statement::Statement;
use liftlock::time::Time;
use liftlock_io::cli::signing::{self, Signer};
use liftlock_io::cli::{Session, office};
use liftlock_io::evidence;
use liftlock_io::verify::Local;

use crate::gather::Judged;
use crate::settings::{Asks, Settings};

/// The approval that this judge has signed before, or now. A dry run asks for
/// no certificate: that would be seen by everybody.
pub(crate) fn approval(
    judged: &Judged,
    signer: &Signer<'_>,
    (settings, session): (&Settings, &Session),
) -> Result<Option<Bundle>, Failure> {
    if let Some(bundle) = earlier(judged, signer, settings)? {
        return Ok(Some(bundle));
    }
    match signer {
        Signer::Identity(_) if session.dry_run => return Ok(None),
        Signer::Identity(identity) => {
            let what = "the answers are enough, but nobody is there to sign the approval";
            drop(
                identity
                    .source()
                    .map_err(|error| signing::nobody(what, error))?,
            );
        }
        Signer::Key(_) => {}
    }
    let asked = &judged.asked;
    let approval = Approval::new(
        asked,
        judged.answers.clone(),
        judged.judgement.clone(),
        judged.at,
    )?
    .with_events(judged.events.clone())
    .with_groups(judged.policy.groups.clone())
    .with_sightings(judged.seen.clone());
    let statement = match BreakGlass::new(approval.clone(), asked) {
        Some(broken) => broken.statement(&asked.release)?,
        None => approval.statement(&asked.release)?,
    };
    let may = |who: &Who| may_judge(who, judged, settings);
    let bundle = signer.attest(&statement, &may, session)?;
    // Checked before anyone else sees it.
    counts(&bundle, judged, signer, settings)?;
    Ok(Some(bundle))
}

/// Judges, builders and people never overlap.
pub(crate) fn may_judge(who: &Who, judged: &Judged, settings: &Settings) -> Result<(), Failure> {
    let keyring = &judged.policy.keyring;
    let refused = |message: String| Failure::new(Kind::Credentials, message);
    match who {
        Who::Key(key) => {
            let mut people = keyring.people.values();
            let own = people.any(|person| {
                let mut keys = person.keys.iter();
                keys.any(|dated| dated.key.as_ref() == Some(key))
            });
            if own {
                return Err(refused(format!(
                    "{who} is a person's: whoever answers may not judge"
                )));
            }
            if settings.rules.is_none() || keyring.keys(Role::Judge, judged.at).contains(key) {
                return Ok(());
            }
            Err(refused(format!("{who} is not a judge's that counts")).with_hint(
                "write `trust: [{ name: approvals, roles: [judge], keys: [{ key-file: judge.pub }] }]`",
            ))
        }
        Who::Identity(_) if settings.rules.is_none() => Ok(()),
        Who::Identity(known) => office::may(known, Role::Judge, keyring, judged.at),
    }
}

/// The approval of an earlier run, where it still counts: one pass, one
/// approval, however often the job is run again and wherever it was killed.
fn earlier(
    judged: &Judged,
    signer: &Signer<'_>,
    settings: &Settings,
) -> Result<Option<Bundle>, Failure> {
    let Some(store) = settings.evidence()? else {
        return Ok(None);
    };
    let slug = evidence::slug(signed_as(&judged.asked))?;
    let found = store.list(&judged.asked.request.release.digest)?;
    let found = found.iter().filter(|item| item.predicate_slug == slug);
    let mut counting: Vec<Bundle> = found
        .filter_map(|item| Bundle::parse(&item.bytes).ok())
        .filter(|bundle| counts(bundle, judged, signer, settings).is_ok())
        .collect();
    // What the end names goes before what a lost race left behind.
    let known = judged.end.as_ref().and_then(|end| end.approval);
    counting.sort_by_key(|bundle| (Some(bundle.digest()) != known, bundle.digest()));
    Ok(counting.into_iter().next())
}

/// Checks an approval as `promote` will.
fn counts(
    bundle: &Bundle,
    judged: &Judged,
    signer: &Signer<'_>,
    settings: &Settings,
) -> Result<(), Failure> {
    let asked = &judged.asked;
    let statement = proved(bundle, judged, signer, settings)?;
    let policy = &judged.policy;
    let frame = recheck::Frame {
        keyring: &policy.keyring,
        environment: &asked.request.environment,
        rule: Some(&policy.approval),
        policy: policy.digest,
        release: &asked.release,
        live: judged.live,
        signers: &judged.signers,
        shown: None,
        verifier: &Local,
    };
    if let Some(allowed) = &policy.break_glass {
        let (statement, allowed) = (&statement, Some(allowed));
        let counted = recheck::count_break_glass(statement, &frame, allowed, judged.at)?;
        return same(&counted.0.judged.request, asked);
    }
    let known = &judged.known;
    let again = known.counted(&statement, &frame, (asked, settings), judged.at)?;
    same(&again.request, asked)
}

/// What a bundle says, if this signer's key made it, or any identity that is a
/// judge's: a workflow may be known by several.
fn proved(
    bundle: &Bundle,
    judged: &Judged,
    signer: &Signer<'_>,
    settings: &Settings,
) -> Result<Statement, Failure> {
    if let Some(key) = signer.key() {
        let keys = [key.public_key().clone()];
        return Ok(attestation::verify(bundle, &keys, &Local)?.statement);
    }
    match examined(bundle, settings, judged.at) {
        Some(Ok(Said {
            statement,
            who: Who::Identity(_),
            ..
        })) => Ok(statement),
        Some(Ok(_)) => Err(Failure::new(Kind::Refuted, "a key signed it")),
        Some(Err(why)) => {
            let message = format!("the approval that was just signed would not count: {why}");
            Err(Failure::new(Kind::Refuted, message).with_hint(
                "name the trusted root of that Sigstore: `sigstore: { trusted-root: FILE }`",
            ))
        }
        // Without rules nobody else is there to ask: it was proved as it was made.
        None => Ok(attestation::claimed(bundle)?),
    }
}

/// Who signed a bundle, by the rules where there are any.
pub(crate) fn examined(
    bundle: &Bundle,
    settings: &Settings,
    now: Time,
) -> Option<Result<Said, String>> {
    let rules = settings.rules.as_ref()?;
    let examiner = Examiner {
        trust: &rules.trust,
        root: &rules.root,
        verifier: &Local,
        now,
    };
    Some(examiner.examine(bundle.bytes()).outcome)
}

/// Refuses what answers another request.
fn same(request: &Digest, asked: &Identified) -> Result<(), Failure> {
    if *request == asked.digest {
        Ok(())
    } else {
        let message = format!("it approves by request {request}");
        Err(Failure::new(Kind::Refuted, message))
    }
}

/// The type of statement that a request leads to.
pub(crate) const fn signed_as(asked: &Identified) -> &'static str {
    match Asks::of(&asked.request) {
        Asks::Approval => APPROVAL,
        Asks::BreakGlass => BREAK_GLASS,
    }
}
