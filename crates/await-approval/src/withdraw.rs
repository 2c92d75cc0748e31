//! `withdraw`: takes back a request or the approval that it led to, at once:
//! the state store says so, and a promotion asks there before each of its steps.

use liftlock::approval::answer::{Answer, LONGEST_COMMENT, Say};
use liftlock::approval::request::Identified;
use liftlock::approval::{Closed, Withdrawn};
use liftlock::config::trust::Role;
use liftlock::crypto::Signer as _;
use liftlock::failure::{Failure, Kind};
use liftlock::predicate::ANSWER;
use liftlock::record::{self, Actor};
use liftlock::report::Report;
use liftlock::state::Document;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::clock;
use liftlock_io::key::Private;
use liftlock_io::store::Store;

use crate::answer::{self, Given};
use crate::settings::{Asks, Recorded, Settings};
use crate::{args, gather, kept, render};

pub(crate) fn withdraw(
    args: &args::Withdraw,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    let asked = kept::read(&args.request, settings)?;
    let now = clock::now();
    let Some(state) = settings.state()? else {
        let message = "without a configuration there is no store to keep a withdrawal in";
        return Err(Failure::new(Kind::Usage, message).with_hint("write a liftlock.yaml"));
    };
    let state = state.as_ref();
    let (end, given) = end(args, &asked, settings, now)?;
    let mut recorded = Recorded::No;
    let end = if session.dry_run {
        end
    } else {
        // First of all, so that whatever moves stops soonest.
        kept::close(&asked, &end, state)?;
        // Of several who take it back the first is told.
        let end = kept::end(&asked, state)?.unwrap_or(end);
        if let (Some(given), Some(store)) = (&given, settings.evidence()?) {
            let subjects = [asked.digest, asked.request.release.digest];
            store.put(&subjects, ANSWER, given.signed.bytes())?;
        }
        recorded = note(&asked, &end, settings, session)?;
        end
    };
    let used = use_of(&asked, state)?;
    let report = withdrawn(&asked, &end, used);
    Ok(settings.label(report, recorded))
}

/// How the request ends by this key, and what a person signed.
fn end(
    args: &args::Withdraw,
    asked: &Identified,
    settings: &Settings,
    now: Time,
) -> Result<(Closed, Option<Given>), Failure> {
    let asks = Asks::of(&asked.request);
    let policy = settings.policy(&asked.request.environment, &args::Rule::default(), asks)?;
    let Some(person) = &args.person else {
        let reference = args.key.as_deref().unwrap_or_default();
        let key = Private::open(reference)?.public_key().clone();
        let judges = policy.keyring.keys(Role::Judge, now);
        let holder = policy.keyring.holder(&key);
        let holder = holder.filter(|_| judges.contains(&key)).ok_or_else(|| {
            let message = format!("`{reference}` is not a judge's key that counts");
            Failure::new(Kind::Credentials, message)
                .with_hint("give `--person NAME` with a key of that person")
        })?;
        let withdrawn = Withdrawn {
            by: holder.to_string(),
            reason: Some(args.reason.clone()),
            answer: None,
        };
        return Ok((closed(withdrawn, now), None));
    };
    let mut said = Answer::to(asked, person.clone(), Say::No, now);
    said.comment = Some(args.reason.clone());
    if !said.is_plain() {
        let message = format!(
            "`--reason` holds letters that cannot be seen, or over {LONGEST_COMMENT} bytes"
        );
        return Err(Failure::new(Kind::Usage, message));
    }
    let given = answer::sign(said, args.key.as_deref(), args.ssh_key.as_deref())?;
    // Whoever may not approve, as an author, may very well stop it.
    answer::holds(&given, &policy, now)?;
    Ok((by(&given, now), Some(given)))
}

/// How a request ends by one person's no.
pub(crate) fn by(given: &Given, now: Time) -> Closed {
    let withdrawn = Withdrawn {
        by: given.said.person.to_string(),
        reason: given.said.comment.clone(),
        answer: Some(given.signed.digest()),
    };
    closed(withdrawn, now)
}

const fn closed(withdrawn: Withdrawn, at: Time) -> Closed {
    Closed {
        verdict: Verdict::Fail,
        at,
        approval: None,
        withdrawn: Some(withdrawn),
    }
}

/// What a promotion made of the request's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Nothing.
    None,
    /// It is under way.
    UnderWay,
    /// It is over.
    Over,
}

fn use_of(asked: &Identified, state: &dyn Store) -> Result<Use, Failure> {
    let key = Document::key(&asked.request.service, &asked.request.environment);
    let Some(stored) = state.get(&key)? else {
        return Ok(Use::None);
    };
    let document = Document::parse(&stored.bytes).map_err(|error| {
        let message = format!("cannot understand `{key}` in the state store");
        Failure::because(Kind::Invalid, message, error)
    })?;
    let under_way = document.under_way().map(|run| run.id);
    Ok(match document.used.get(&asked.digest) {
        None => Use::None,
        Some(plan) if Some(*plan) == under_way => Use::UnderWay,
        Some(_) => Use::Over,
    })
}

/// A request that was taken back, and what a promotion made of it before.
fn withdrawn(asked: &Identified, end: &Closed, used: Use) -> Report {
    let request = &asked.request;
    let next = match used {
        Use::None => "it can be used no more; `await-approval request` asks again",
        Use::UnderWay => "the promotion that uses it goes back before its next step",
        Use::Over => "the promotion that used it is over: `rollback run` undoes it",
    };
    let (what, how) = (render::destination(request), end.told());
    let headline = format!("{what}: {how}; {next}");
    Report::new("withdraw", Verdict::Pass, headline)
        .with_detail(&serde_json::json!({ "request": asked.digest, "closed": end }))
        .with_output("request", asked.digest.to_string())
        .with_human(render::release_lines(asked))
        .with_scope(
            Some(request.service.clone()),
            Some(request.environment.clone()),
        )
}

/// One withdrawal, one record, however often the command is run.
fn note(
    asked: &Identified,
    end: &Closed,
    settings: &Settings,
    session: &Session,
) -> Result<Recorded, Failure> {
    let (Some(ledger), Some(withdrawn)) = (settings.ledger()?, &end.withdrawn) else {
        return Ok(Recorded::No);
    };
    let actor = Actor {
        id: withdrawn.by.clone(),
        proof: "key".to_owned(),
    };
    let kind = record::Kind::ApprovalWithdrawn;
    let mut record = gather::record(kind, asked, end.at, actor);
    record.verdict = Some(end.verdict);
    record.run_url.clone_from(&session.ci.url);
    record.evidence = withdrawn.answer.into_iter().collect();
    if let Some(reason) = &withdrawn.reason {
        record
            .detail
            .insert("reason".to_owned(), reason.as_str().into());
    }
    ledger.append(&record)?;
    Ok(Recorded::Yes)
}
