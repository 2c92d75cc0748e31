//! `judge`: counts the answers, and signs an approval when they are enough.

use liftlock::approval::break_glass::BreakGlass;
use liftlock::approval::notice::Notice;
use liftlock::approval::predicate::Approval;
use liftlock::approval::request::Identified;
use liftlock::approval::{Closed, recheck};
use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::config::trust::Role;
use liftlock::crypto::{PublicKey, Signer as _};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::predicate::{APPROVAL, BREAK_GLASS};
use liftlock::record::{self, Actor};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::key::Private;
use liftlock_io::verify::Local;
use liftlock_io::{attest, evidence, file};

use crate::gather::{self, Judged};
use crate::kept::Effect;
use crate::settings::{Asks, Recorded, Settings};
use crate::{args, deployment, kept, notify, render};

pub(crate) fn judge(
    args: &args::Judge,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    notify::named(args.notify.as_deref())?;
    let signer = args.key.as_deref().map(Private::open).transpose()?;
    let judged = gather::judged(&args.about, settings, Effect::of(session))?;
    if let Some(signer) = &signer {
        may_judge(signer.public_key(), &judged, settings)?;
    }
    let approval = match (judged.judgement.verdict, &signer) {
        (Verdict::Pass, Some(signer)) => match earlier(&judged, signer, settings)? {
            Some(bundle) => Some(bundle),
            None => Some(approve(&judged, signer, settings)?),
        },
        (Verdict::Pass, None) if !session.dry_run => {
            let message = "the answers are enough, but there is no key to sign the approval with";
            return Err(Failure::new(Kind::Usage, message).with_hint("give `--key`"));
        }
        (_, _) => None,
    };
    let mut recorded = Recorded::No;
    if !session.dry_run {
        keep(&judged, approval.as_ref(), args, settings)?;
        recorded = note(
            &judged,
            approval.as_ref(),
            settings,
            (signer.as_ref(), session),
        )?;
        deployment::settle(&judged, settings)?;
        tell(&judged, args, settings);
    }
    let report = render::judged(&judged, approval.as_ref(), &args.about.reference()?);
    Ok(settings.label(report, recorded))
}

/// Tells the outcome where it was asked to be told.
fn tell(judged: &Judged, args: &args::Judge, settings: &Settings) {
    let asked = &judged.asked;
    if judged.judgement.verdict != Verdict::Pending {
        let link = asked.request.run_url.clone();
        let notice = Notice::judged(asked, &judged.judgement, link);
        notify::tell(args.notify.as_deref(), asked, &notice, settings);
    }
}

/// Judges, builders and people never overlap.
fn may_judge(key: &PublicKey, judged: &Judged, settings: &Settings) -> Result<(), Failure> {
    let short = key.id().short();
    let keyring = &judged.policy.keyring;
    if keyring.people.values().any(|person| {
        let mut keys = person.keys.iter();
        keys.any(|dated| dated.key.as_ref() == Some(key))
    }) {
        let message = format!("key {short} is a person's: whoever answers may not judge");
        return Err(Failure::new(Kind::Credentials, message));
    }
    let trusted = keyring.keys(Role::Judge, judged.at).contains(key);
    if settings.rules.is_none() || trusted {
        return Ok(());
    }
    let message = format!("key {short} is not a judge's that counts");
    Err(Failure::new(Kind::Credentials, message).with_hint(
        "write `trust: [{ name: approvals, roles: [judge], keys: [{ key-file: judge.pub }] }]`",
    ))
}

/// Signs the approval, and checks it before anyone sees it.
fn approve(judged: &Judged, signer: &Private, settings: &Settings) -> Result<Bundle, Failure> {
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
    let bundle = attest::attest(signer, &statement)?;
    counts(&bundle, judged, signer, settings)?;
    Ok(bundle)
}

/// The approval of an earlier run, where it still counts: one pass, one
/// approval, however often the job is run again and wherever it was killed.
fn earlier(
    judged: &Judged,
    signer: &Private,
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
    signer: &Private,
    settings: &Settings,
) -> Result<(), Failure> {
    let asked = &judged.asked;
    let keys = [signer.public_key().clone()];
    let proved = attestation::verify(bundle, &keys, &Local)?;
    let policy = &judged.policy;
    let frame = recheck::Frame {
        keyring: &policy.keyring,
        environment: &asked.request.environment,
        rule: Some(&policy.approval),
        policy: policy.digest,
        release: &asked.release,
        live: judged.live,
        signers: &judged.signers,
        verifier: &Local,
    };
    if let Some(allowed) = &policy.break_glass {
        let (statement, allowed) = (&proved.statement, Some(allowed));
        let counted = recheck::count_break_glass(statement, &frame, allowed, judged.at)?;
        return same(&counted.0.judged.request, asked);
    }
    let statement = &proved.statement;
    let known = &judged.known;
    let again = known.counted(statement, &frame, (asked, settings), judged.at)?;
    same(&again.request, asked)
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
const fn signed_as(asked: &Identified) -> &'static str {
    match Asks::of(&asked.request) {
        Asks::Approval => APPROVAL,
        Asks::BreakGlass => BREAK_GLASS,
    }
}

/// Puts the approval where `promote` looks for it, and closes the request.
fn keep(
    judged: &Judged,
    approval: Option<&Bundle>,
    args: &args::Judge,
    settings: &Settings,
) -> Result<(), Failure> {
    let asked = &judged.asked;
    if let Some(bundle) = approval {
        if let Some(store) = settings.evidence()? {
            let artifacts = asked.request.release.artifacts.values();
            let mut subjects: Vec<Digest> = vec![asked.request.release.digest];
            subjects.extend(artifacts);
            store.put(&subjects, signed_as(asked), bundle.bytes())?;
        }
        if let Some(path) = &args.output {
            file::write(path, bundle.bytes())?;
        }
    }
    let denied = judged.judgement.is_denied();
    let verdict = match judged.judgement.verdict {
        Verdict::Pass => Verdict::Pass,
        Verdict::Fail if denied => Verdict::Fail,
        Verdict::Fail
        | Verdict::Inconclusive
        | Verdict::Blind
        | Verdict::Pending
        | Verdict::Blocked
        | Verdict::Expired
        | Verdict::Stuck => return Ok(()),
    };
    let end = Closed {
        verdict,
        at: judged.at,
        approval: approval.map(Bundle::digest),
        withdrawn: None,
    };
    match settings.state()? {
        Some(state) => kept::close(asked, &end, state.as_ref()),
        None => Ok(()),
    }
}

/// Every outcome is recorded; the same outcome on the same answers once.
fn note(
    judged: &Judged,
    approval: Option<&Bundle>,
    settings: &Settings,
    (signer, session): (Option<&Private>, &Session),
) -> Result<Recorded, Failure> {
    let Some(ledger) = settings.ledger()? else {
        return Ok(Recorded::No);
    };
    let holder = signer.and_then(|signer| judged.policy.keyring.holder(signer.public_key()));
    let actor = match holder {
        Some(name) => Actor {
            id: name.to_string(),
            proof: "key".to_owned(),
        },
        None => gather::asserted(session),
    };
    let judgement = &judged.judgement;
    let kind = record::Kind::ApprovalJudged;
    let mut record = gather::record(kind, &judged.asked, judged.at, actor);
    record.verdict = Some(judgement.verdict);
    record.run_url.clone_from(&session.ci.url);
    // An approval holds the answers; seen again, those on a forge have other digests.
    record.evidence = match approval {
        Some(approval) => vec![approval.digest()],
        None => judgement.counted.iter().map(|one| one.bundle).collect(),
    };
    let why = judgement.why.clone();
    record.detail.insert("why".to_owned(), why.into());
    let latency = serde_json::to_value(judged.latency());
    record
        .detail
        .extend(latency.map(|told| ("latency".to_owned(), told)));
    record.id = outcome(judged, approval);
    ledger.append(&record)?;
    Ok(Recorded::Yes)
}

/// What tells one outcome of a request from another, whoever judges and when.
fn outcome(judged: &Judged, approval: Option<&Bundle>) -> record::Id {
    let judgement = &judged.judgement;
    let mut parts = vec![
        record::Kind::ApprovalJudged.word().to_owned(),
        judged.asked.digest.to_string(),
        judgement.verdict.word().to_owned(),
    ];
    match approval {
        Some(approval) => parts.push(approval.digest().to_string()),
        None => parts.extend(judgement.counted.iter().map(|one| {
            let (person, place) = (&one.person, one.place());
            format!("{person} for {place} {:?} {}", one.answer, one.made_at)
        })),
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    record::Id::derived(&parts)
}
