//! What each subcommand does.

use std::path::Path;

use liftlock::failure::{Explain as _, Failure, Kind};
use liftlock::ledger::{Entry, Head, Position};
use liftlock::record::Record;
use liftlock::report::Report;
use liftlock::timeline::{self, Timeline};
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::{file, ledger};
use serde::Serialize;

use crate::args::{self, Args, Command};
use crate::places::Places;
use crate::query::{Filter, mentions};
use crate::{append, conditions, doctor, render};

/// Runs the subcommand that was typed.
pub(crate) fn run(args: &Args, session: &Session) -> Result<Report, Failure> {
    let places = Places::find(&args.stores, session)?;
    let result = match &args.command {
        Command::Append(asked) => append(asked, &places, session),
        Command::Verify(asked) => verify(asked, &places),
        Command::Query(asked) => query(asked, &places, session),
        Command::Report(asked) => report(asked, &places, session),
        Command::Evidence(asked) => evidence(asked, &places),
        Command::Explain(asked) => conditions::explain(asked, &places, session),
        Command::Doctor => doctor::doctor(&places, session),
    };
    let report = match result {
        Ok(report) => report,
        // What failed because the time was over is told as that.
        Err(failure) => return session.check().and(Err(failure)),
    };
    let recorded = report.recorded;
    Ok(report.with_policy(places.origin(), recorded))
}

#[derive(Serialize)]
struct Told<'a> {
    ledger: &'a str,
    position: Option<Position>,
    head: Option<Head>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead_of: Option<u64>,
    cd_event_type: Option<&'static str>,
    record: &'a Record,
}

fn append(asked: &args::Append, places: &Places, session: &Session) -> Result<Report, Failure> {
    let ledger = places.ledger_to_write()?;
    let mut record = append::record(asked, places, session)?;
    session.check()?;
    let done = match session.dry_run {
        true => None,
        false => Some(ledger.append(&record)?),
    };
    if let Some(done) = &done {
        record.id.clone_from(&done.id);
    }
    let taken = done.as_ref().and_then(|done| done.taken);
    let headline = match &done {
        Some(done) => format!("{} is entry {}", record.kind, done.position.seq),
        None => format!("{} would be appended", record.kind),
    };
    let detail = Told {
        ledger: &places.ledger,
        position: done.as_ref().map(|done| done.position),
        head: done.as_ref().map(|done| done.head),
        instead_of: taken.map(|taken| taken.seq),
        cd_event_type: record.cd_event_type(),
        record: &record,
    };
    let report = Report::new("append", Verdict::Pass, headline)
        .with_scope(Some(record.service.clone()), record.environment.clone())
        .with_detail(&detail)
        .with_output("record-id", record.id.to_string());
    let mut report = match taken {
        Some(taken) => report.with_caution(&format!("{taken}, so that it has a second id")),
        None => report,
    };
    if let Some(done) = done {
        report = report
            .with_output("seq", done.position.seq.to_string())
            .with_output("head", done.head.to_string())
            .with_human(format!("head {}", done.head));
        report.recorded = true;
    }
    Ok(report)
}

#[derive(Serialize)]
struct Verified<'a> {
    ledger: &'a str,
    holds: bool,
    expected: Option<Head>,
    head: Option<Head>,
    /// Entries whose ids others had taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    second_ids: Vec<u64>,
    broken_at: Option<u64>,
    why: Option<String>,
}

fn verify(asked: &args::Verify, places: &Places) -> Result<Report, Failure> {
    if asked.require_head && asked.expect_head.is_none() {
        let message = "no head is expected: nothing would tell that the end was cut off";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("give `--expect-head` the `head` that an earlier run told"));
    }
    let expected = asked.expect_head.unwrap_or_else(Head::genesis);
    let ledger = places.ledger()?;
    let mut detail = Verified {
        ledger: &places.ledger,
        holds: true,
        expected: asked.expect_head,
        head: None,
        second_ids: Vec::new(),
        broken_at: None,
        why: None,
    };
    match ledger.verify_since(&expected) {
        Ok(head) if head.seq == 0 && asked.expect_head.is_none() => Err(empty(places)),
        Ok(head) => {
            let entries = ledger.entries(1..head.seq.saturating_add(1))?;
            let second = |entry: &&Entry| entry.record.instead_of().is_some();
            detail.second_ids = entries.iter().filter(second).map(|one| one.seq).collect();
            detail.head = Some(head);
            Ok(holds(head, &detail).with_detail(&detail))
        }
        Err(error) if error.kind() == Kind::Refuted => {
            let (seq, why) = broken(error);
            detail.holds = false;
            detail.broken_at = seq;
            let headline = format!("`{}`: {why}", places.ledger);
            detail.why = Some(why);
            Ok(Report::new("verify", Verdict::Fail, headline)
                .with_output("broken-at", seq.unwrap_or_default().to_string())
                .with_detail(&detail))
        }
        Err(error) => Err(error.into()),
    }
}

/// What it proves that a chain holds, which depends on what was known before.
fn holds(head: Head, detail: &Verified<'_>) -> Report {
    let proved = match detail.expected {
        Some(expected) => format!("entry {} is as it was seen", expected.seq),
        None => "no head was expected, so that its end may be cut off".to_owned(),
    };
    let ledger = detail.ledger;
    let headline = format!("`{ledger}` holds: {} entries; {proved}", head.seq);
    let report = Report::new("verify", Verdict::Pass, headline)
        .with_output("entries", head.seq.to_string())
        .with_output("head", head.to_string())
        .with_output("head-expected", detail.expected.is_some().to_string())
        .with_human(format!("head {head}"));
    if detail.second_ids.is_empty() {
        return report;
    }
    let seqs: Vec<String> = detail.second_ids.iter().map(u64::to_string).collect();
    report.with_caution(&format!(
        "somebody had taken the ids of these records before: {}",
        seqs.join(", ")
    ))
}

/// The number of the entry that breaks the chain, and why in one line.
fn broken(error: ledger::Error) -> (Option<u64>, String) {
    let seq = match &error {
        ledger::Error::Broken(broken) => Some(broken.seq),
        ledger::Error::Store(_)
        | ledger::Error::Record(_)
        | ledger::Error::Foreign(_)
        | ledger::Error::Busy => None,
    };
    (seq, Failure::from(error).lines().join(": "))
}

/// A wrong path must not look like a ledger that holds.
pub(crate) fn empty(places: &Places) -> Failure {
    let message = format!("`{}` has no entries: nothing was proved", places.ledger);
    Failure::new(Kind::Invalid, message).with_hint("correct `--ledger`, or append a record first")
}

#[derive(Serialize)]
struct Queried<'a> {
    ledger: &'a str,
    head: Head,
    entries: &'a [Entry],
}

fn query(asked: &args::Query, places: &Places, session: &Session) -> Result<Report, Failure> {
    let (head, mut entries) = everything(places)?;
    let filter = Filter {
        asked,
        service: session.service.as_ref(),
        now: session.started,
    };
    entries.retain(|entry| filter.fits(entry));
    let detail = Queried {
        ledger: &places.ledger,
        head,
        entries: &entries,
    };
    let headline = format!("{} of {} entries", entries.len(), head.seq);
    Ok(Report::new("query", Verdict::Pass, headline)
        .with_scope(session.service.clone(), asked.environment.clone())
        .with_detail(&detail)
        .with_output("count", entries.len().to_string())
        .with_human(render::entries(&entries)))
}

fn report(asked: &args::Report, places: &Places, session: &Session) -> Result<Report, Failure> {
    let (head, entries) = everything(places)?;
    let Some(told) = Timeline::of(&entries, &asked.release, head) else {
        let message = format!(
            "no entry of `{}` names release `{}`",
            places.ledger, asked.release
        );
        return Err(Failure::new(Kind::Invalid, message)
            .with_hint("list the releases with `audit-log query`"));
    };
    let markdown = timeline::markdown(&told);
    if let Some(path) = &asked.markdown {
        write(path, &markdown, session)?;
    }
    let recovery = told.recoveries.last();
    let recovery = recovery.map(|recovery| recovery.time_to_recover_ms.to_string());
    let headline = format!("{} entries about {}", told.events.len(), asked.release);
    Ok(Report::new("report", Verdict::Pass, headline)
        .with_scope(session.service.clone(), None)
        .with_detail(&told)
        .with_output("time-to-recover-ms", recovery.unwrap_or_default())
        .with_human(timeline::lines(&told))
        .with_summary(markdown))
}

fn write(path: &Path, markdown: &str, session: &Session) -> Result<(), Failure> {
    if session.dry_run {
        return Ok(());
    }
    Ok(file::write(path, markdown.as_bytes())?)
}

#[derive(Serialize)]
struct Listed<'a> {
    evidence: &'a str,
    digest: liftlock::digest::Digest,
    items: Vec<render::Item>,
    entries: Vec<u64>,
}

fn evidence(asked: &args::Evidence, places: &Places) -> Result<Report, Failure> {
    let found = places.evidence()?.list(&asked.digest)?;
    let items: Vec<render::Item> = found.iter().map(render::Item::from).collect();
    let (_, mut entries) = everything(places)?;
    entries.retain(|entry| mentions(entry, &asked.digest));
    let detail = Listed {
        evidence: &places.evidence,
        digest: asked.digest,
        entries: entries.iter().map(|entry| entry.seq).collect(),
        items,
    };
    let headline = format!(
        "{} documents and {} ledger entries about {}",
        detail.items.len(),
        entries.len(),
        asked.digest
    );
    let human = render::items(&detail.items) + &render::entries(&entries);
    Ok(Report::new("evidence", Verdict::Pass, headline)
        .with_detail(&detail)
        .with_output("count", detail.items.len().to_string())
        .with_human(human))
}

/// All entries of a chain that holds, with its end.
pub(crate) fn everything(places: &Places) -> Result<(Head, Vec<Entry>), Failure> {
    let ledger = places.ledger()?;
    let head = ledger.verify()?;
    let entries = ledger.entries(1..head.seq.saturating_add(1))?;
    Ok((head, entries))
}
