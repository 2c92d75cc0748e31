//! Rejects a release, so that it never goes up again, and takes that back.

use std::collections::{BTreeMap, BTreeSet};

use liftlock::config::effective::Rules;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::plan::Kind as PlanKind;
use liftlock::plan::back::{gives_way, may_end};
use liftlock::record::{Id, Kind as RecordKind, Record};
use liftlock::reject::{self, Lifted, Rejected, SCHEMA_VERSION};
use liftlock::release::Reference;
use liftlock::report::Report;
use liftlock::state::{Document, Run};
use liftlock::verdict::Verdict;
use liftlock_engine::{Pace as _, open, reject as kept};
use liftlock_io::cli::Session;
use liftlock_io::ledger::Ledger;
use liftlock_io::store::{self, Store};

use crate::args::Never;

/// The state of each environment of a service.
type Documents = BTreeMap<Name, Document>;

/// A release, and where what is said against it is kept.
struct Found {
    id: String,
    digest: Digest,
    key: String,
}

/// Keeps a release from ever going up again, or takes that back.
pub(crate) fn reject(session: &Session, never: &Never) -> Result<Report, Failure> {
    let rules = open::back_rules(session)?;
    checked(&rules, never)?;
    let state = store::open(&rules.state)?;
    let ledger = Ledger::open(&rules.ledger)?;
    let documents = documents(&rules, state.as_ref())?;
    let found = find(
        session,
        never,
        (&rules, &documents),
        (state.as_ref(), &ledger),
    )?;
    let after = |before: Option<&Rejected>| match never.undo {
        true => lifted(session, never, before).map(Some),
        false => Ok(rejected(session, never, &found, before)),
    };
    if session.dry_run {
        let key = &found.key;
        let changed = kept::change(state.as_ref(), key, &|before| after(before).map(|_| None));
        changed?;
        let report = told(never, &found, None, (&rules, &documents));
        return Ok(scoped(report, &rules).with_policy(rules.origin, false));
    }
    let rejected = kept::change(state.as_ref(), &found.key, &after)?;
    let recorded = rejected
        .as_ref()
        .is_some_and(|one| record(session, &rules, (&found, one), &ledger));
    let report = told(never, &found, rejected.as_ref(), (&rules, &documents));
    Ok(scoped(report, &rules).with_policy(rules.origin, recorded))
}

fn checked(rules: &Rules, never: &Never) -> Result<(), Failure> {
    reject::reason(&never.reason)
        .map_err(|why| Failure::new(Kind::Usage, format!("`--reason` {why}")))?;
    for name in &never.only {
        rules
            .environment(name)
            .map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?;
    }
    Ok(())
}

/// What is kept after a rejection; nothing new where it counts already.
fn rejected(
    session: &Session,
    never: &Never,
    found: &Found,
    before: Option<&Rejected>,
) -> Option<Rejected> {
    let only: BTreeSet<Name> = never.only.iter().cloned().collect();
    let mut only = Some(only).filter(|only| !only.is_empty());
    if let Some(before) = before {
        if before.covers(only.as_ref()) {
            return None;
        }
        if before.lifted.is_none() {
            only = only.map(|only| before.only.iter().flatten().cloned().chain(only).collect());
        }
    }
    Some(Rejected {
        schema_version: SCHEMA_VERSION,
        revision: 0,
        id: found.id.clone(),
        digest: found.digest,
        only,
        reason: never.reason.clone(),
        by: open::actor(session).id,
        at: session.now(),
        lifted: None,
    })
}

fn lifted(
    session: &Session,
    never: &Never,
    before: Option<&Rejected>,
) -> Result<Rejected, Failure> {
    let standing = before.filter(|before| before.lifted.is_none());
    let standing =
        standing.ok_or_else(|| Failure::new(Kind::Invalid, "this release is not rejected"))?;
    Ok(Rejected {
        lifted: Some(Lifted {
            reason: never.reason.clone(),
            by: open::actor(session).id,
            at: session.now(),
        }),
        ..standing.clone()
    })
}

/// One record for each change, however often the command is run.
fn record(
    session: &Session,
    rules: &Rules,
    (found, rejected): (&Found, &Rejected),
    ledger: &Ledger,
) -> bool {
    let (kind, at, by, reason) = match &rejected.lifted {
        Some(lifted) => (
            RecordKind::RejectLifted,
            lifted.at,
            &lifted.by,
            &lifted.reason,
        ),
        None => (
            RecordKind::Rejected,
            rejected.at,
            &rejected.by,
            &rejected.reason,
        ),
    };
    let id = Id::derived(&[&found.key, &rejected.revision.to_string()]);
    let mut actor = open::actor(session);
    actor.id.clone_from(by);
    let mut record = Record::new(id, kind, at, rules.service.clone(), actor);
    record.run_url.clone_from(&session.ci.url);
    record.policy = Some(rules.policy);
    record.environment = match &rejected.only {
        Some(only) if only.len() == 1 => only.first().cloned(),
        Some(_) | None => None,
    };
    let told = [
        ("reason", serde_json::json!(reason)),
        ("release", serde_json::json!(rejected.id)),
        ("digest", serde_json::json!(rejected.digest)),
        ("environments", serde_json::json!(rejected.place())),
    ];
    let told = told.map(|(field, value)| (field.to_owned(), value));
    record.detail.extend(told);
    match ledger.append(&record) {
        Ok(_) => true,
        Err(error) => {
            let why = Failure::from(error).lines().join(": ");
            session.tell(&format!("not recorded: {why}; run the same command again"));
            false
        }
    }
}

fn documents(rules: &Rules, state: &dyn Store) -> Result<Documents, Failure> {
    let mut documents = Documents::new();
    for name in rules.environments.keys() {
        let key = Document::key(&rules.service, name);
        if let Some(stored) = state.get(&key)? {
            let document = Document::parse(&stored.bytes).map_err(|error| {
                let message = format!("cannot understand the state `{key}`");
                Failure::because(Kind::Invalid, message, error)
            })?;
            documents.insert(name.clone(), document);
        }
    }
    Ok(documents)
}

/// The release that is meant: by its file, or as state, ledger and earlier
/// rejections know it. A digest that nobody knows is rejected as it is.
fn find(
    session: &Session,
    never: &Never,
    (rules, documents): (&Rules, &Documents),
    (state, ledger): (&dyn Store, &Ledger),
) -> Result<Found, Failure> {
    if let Some(path) = &never.file {
        let release = open::release(path)?;
        if release.release.service != rules.service {
            let message = format!("the release is of service `{}`", release.release.service);
            return Err(Failure::new(Kind::Invalid, message));
        }
        return Ok(of(rules, &release.reference()));
    }
    let wanted = never.release.as_deref().unwrap_or_default();
    let matches = |id: &str, digest: &Digest| id == wanted || digest.to_string() == wanted;
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let history = recorded(session, rules, ledger);
    let known = documents.values().flat_map(known).chain(&history);
    for release in known.filter(|release| matches(&release.id, &release.digest)) {
        let one = of(rules, release);
        found.insert(one.key.clone(), one);
    }
    for (key, one) in kept::all(state, &rules.service)? {
        if matches(&one.id, &one.digest) {
            let (id, digest) = (one.id, one.digest);
            let same = Found {
                id,
                digest,
                key: key.clone(),
            };
            found.insert(key, same);
        }
    }
    if found.len() > 1 {
        let all: Vec<String> = found.values().map(|one| one.digest.to_string()).collect();
        let message = format!("`{wanted}` is more than one release: {}", all.join(", "));
        return Err(Failure::new(Kind::Invalid, message).with_hint("give its digest"));
    }
    if let Some((_, one)) = found.pop_first() {
        return Ok(one);
    }
    let digest: Digest = wanted.parse().map_err(|_not_one| {
        let message = format!("no environment knows a release `{wanted}`");
        Failure::new(Kind::Invalid, message).with_hint("give its digest, or `--file release.json`")
    })?;
    Ok(Found {
        id: digest.short(),
        digest,
        key: reject::key(&rules.service, &digest),
    })
}

fn of(rules: &Rules, release: &Reference) -> Found {
    let by = reject::digests(release);
    let by = by.first().unwrap_or(&release.digest);
    Found {
        id: release.id.clone(),
        digest: release.digest,
        key: reject::key(&rules.service, by),
    }
}

/// Every release that an environment knows.
fn known(document: &Document) -> impl Iterator<Item = &Reference> {
    let lives = document.live.iter().chain(&document.good);
    let runs = document.run.iter().chain(&document.untold);
    lives
        .map(|live| &live.release)
        .chain(document.contents.values())
        .chain(runs.map(|run| &run.plan.release))
}

/// Every release in the ledger; none where it is away or damaged, which is no
/// obstacle.
fn recorded(session: &Session, rules: &Rules, ledger: &Ledger) -> Vec<Reference> {
    let entries = ledger.entries(0..u64::MAX).unwrap_or_else(|error| {
        let why = Failure::from(error).lines().join(": ");
        session.tell(&format!("KNOWN BY THE STATE ALONE: {why}"));
        Vec::new()
    });
    let records = entries.into_iter().map(|entry| entry.record);
    let here = records.filter(|record| record.service == rules.service);
    here.filter_map(|record| record.release).collect()
}

fn scoped(report: Report, rules: &Rules) -> Report {
    report.with_scope(Some(rules.service.clone()), None)
}

/// What becomes of a plan for it that is under way.
fn becomes(run: &Run, name: &Name) -> String {
    let (plan, journal) = (&run.plan, &run.journal);
    let id = &plan.release.id;
    if plan.kind != PlanKind::Rollback || journal.is_going_back() || may_end(plan, journal) {
        return format!(
            "it is under way in {name}: that goes back at its next check, or with `promote resume`"
        );
    }
    if plan.reconciles() {
        return format!("a reconcile to it is under way in {name} and goes on");
    }
    if gives_way(plan, journal) {
        return format!(
            "a rollback to it is under way in {name}: `rollback run --environment {name}` ends it, and chooses again"
        );
    }
    format!(
        "a rollback to it is under way in {name} and goes on: `rollback run --environment {name} --to {id}` finishes it; then go on to another one"
    )
}

/// What was said, and what is to be done where the release is.
fn told(
    never: &Never,
    found: &Found,
    rejected: Option<&Rejected>,
    (rules, documents): (&Rules, &Documents),
) -> Report {
    let id = &found.id;
    let headline = match (never.undo, rejected) {
        (true, _) => format!("{id} may go up again: {}", never.reason),
        (false, Some(rejected)) => {
            format!(
                "{id} never goes up again in {}: {}",
                rejected.place(),
                rejected.reason
            )
        }
        (false, None) => format!("{id} would never go up again: {}", never.reason),
    };
    let mut lines = Vec::new();
    for (name, document) in documents {
        let counts = rejected.is_some_and(|rejected| rejected.counts_in(name));
        // Another `release.json` around the same artifacts is rejected as well.
        let is = |release: &Reference| {
            let mut by = reject::digests(release).into_iter();
            by.any(|digest| reject::key(&rules.service, &digest) == found.key)
        };
        let run = document.under_way().filter(|run| is(&run.plan.release));
        lines.extend(run.filter(|_| counts).map(|run| becomes(run, name)));
        if counts && document.live.as_ref().is_some_and(|live| is(&live.release)) {
            lines.push(format!(
                "it is live in {name}: `rollback run --environment {name}`"
            ));
        }
    }
    Report::new("reject", Verdict::Pass, headline)
        .with_detail(&serde_json::json!({
            "release": { "id": found.id, "digest": found.digest },
            "rejected": rejected, "next": lines,
        }))
        .with_output("release", found.id.clone())
        .with_human(lines.join("\n"))
}
