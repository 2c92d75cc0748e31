//! `judge`: counts the answers, and signs an approval when they are enough.

use liftlock::approval::Closed;
use liftlock::approval::notice::Notice;
use liftlock::bundle::Bundle;
use liftlock::chain::Who;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::record::{self, Actor};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::file;
use liftlock_io::key::Private;

use crate::gather::{self, Judged};
use crate::kept::Effect;
use crate::settings::{Recorded, Settings};
use crate::{approve, args, deployment, kept, notify, render};

pub(crate) fn judge(
    args: &args::Judge,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    notify::named(args.notify.as_deref())?;
    let signer = args.signing.open(session)?;
    let mut judged = gather::judged(&args.about, settings, Effect::of(session))?;
    if let Some(key) = signer.key() {
        let who = Who::Key(key.public_key().clone());
        approve::may_judge(&who, &judged, settings)?;
    }
    let mut approval = match judged.judgement.verdict == Verdict::Pass {
        true => approve::approval(&judged, &signer, (settings, session))?,
        false => None,
    };
    let mut recorded = Recorded::No;
    if !session.dry_run {
        if let Some(end) = keep(&judged, approval.as_ref(), settings)? {
            judged.overtaken(end);
            approval = None;
        }
        if let (Some(bundle), Some(path)) = (&approval, &args.output) {
            file::write(path, bundle.bytes())?;
        }
        let actor = actor(
            &judged,
            (signer.key(), approval.as_ref()),
            (settings, session),
        );
        recorded = note(&judged, approval.as_ref(), settings, (actor, session))?;
        deployment::settle(&judged, settings)?;
        tell(&judged, args, settings);
    }
    let report = render::judged(&judged, approval.as_ref(), &args.about.reference()?);
    Ok(settings.label(report, recorded))
}

/// Who judges: whoever signs, as far as the rules know them.
fn actor(
    judged: &Judged,
    (key, approval): (Option<&Private>, Option<&Bundle>),
    (settings, session): (&Settings, &Session),
) -> Actor {
    let holder = key.and_then(|key| judged.policy.keyring.holder(key.public_key()));
    let said = approval.and_then(|bundle| approve::examined(bundle, settings, judged.at));
    match (holder, said) {
        (Some(name), _) => Actor {
            id: name.to_string(),
            proof: "key".to_owned(),
        },
        (None, Some(Ok(said))) => Actor {
            id: said.by.to_string(),
            proof: "certificate".to_owned(),
        },
        (None, Some(Err(_)) | None) => gather::asserted(session),
    }
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

/// Puts the approval where `promote` looks for it, and closes the request: how
/// it ended meanwhile, where somebody denied it or took it back.
fn keep(
    judged: &Judged,
    approval: Option<&Bundle>,
    settings: &Settings,
) -> Result<Option<Closed>, Failure> {
    let asked = &judged.asked;
    if let Some(bundle) = approval
        && let Some(store) = settings.evidence()?
    {
        let artifacts = asked.request.release.artifacts.values();
        let mut subjects: Vec<Digest> = vec![asked.request.release.digest];
        subjects.extend(artifacts);
        store.put(&subjects, approve::signed_as(asked), bundle.bytes())?;
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
        | Verdict::Stuck => return Ok(None),
    };
    let end = Closed {
        verdict,
        at: judged.at,
        approval: approval.map(Bundle::digest),
        withdrawn: None,
    };
    match settings.state()? {
        Some(state) => kept::close(asked, &end, state.as_ref()),
        None => Ok(None),
    }
}

/// Every outcome is recorded; the same outcome on the same answers once.
fn note(
    judged: &Judged,
    approval: Option<&Bundle>,
    settings: &Settings,
    (actor, session): (Actor, &Session),
) -> Result<Recorded, Failure> {
    let Some(ledger) = settings.ledger()? else {
        return Ok(Recorded::No);
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
    let latency = judged.latency().told(None);
    record.detail.insert("latency".to_owned(), latency);
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
