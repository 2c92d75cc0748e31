//! First contact: what is live is asserted to be known good, after proof that
//! it is what serves.

use std::collections::BTreeMap;

use liftlock::config::requirement::What;
use liftlock::failure::{Failure, Kind};
use liftlock::percent::Percent;
use liftlock::plan::make;
use liftlock::record::{Id, Kind as RecordKind};
use liftlock::release::Reference;
use liftlock::report::Report;
use liftlock::state::{Document, How};
use liftlock::verdict::Verdict;
use liftlock_engine::gather::{Gathered, Moment};
use liftlock_engine::state::State;
use liftlock_engine::{Pace as _, World, open};
use liftlock_io::cli::Session;
use liftlock_io::store;

use crate::args::Adopted;

/// Takes what is live as known good.
pub(crate) fn adopt(session: &Session, adopted: &Adopted) -> Result<Report, Failure> {
    let (world, release) = adopted.release.open(session, &adopted.environment)?;
    if world.rules.allow.adopt == Some(false) {
        return Err(Failure::new(
            Kind::Blocked,
            "the policy does not allow `adopt`",
        ));
    }
    let reference = release.reference();
    let key = Document::key(&world.rules.service, &world.environment.name);
    let mut state = State::open(world.state.as_ref(), key, world.environment.lease)?;
    unknown(&state.document)?;
    let gathered = signed(&world, &reference, session)?;
    serves(&world, &reference)?;
    let headline = format!("{} is live in {}", reference.id, world.environment.name);
    let report = Report::new("adopt", Verdict::Pass, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "release": reference, "reason": adopted.reason }))
        .with_output("release", reference.id.clone())
        .with_output("live", reference.digest.to_string());
    if session.dry_run {
        return Ok(report.with_policy(world.rules.origin, false));
    }
    store::probe(world.state.as_ref())?;
    world.keep(&reference, &gathered)?;
    let now = session.now();
    state.acquire(&open::owner(session), now, &|document| {
        unknown(document)?;
        if let Some(slots) = &world.environment.slots {
            document.slots = Some(slots.clone());
            document
                .contents
                .insert(slots.stable.clone(), reference.clone());
        }
        document.go_live(reference.clone(), How::Adopted, now);
        document.lease = None;
        Ok(())
    })?;
    let mut record = world.record(
        Id::derived(&["adopted", &reference.digest.to_string(), &now.to_string()]),
        RecordKind::Adopted,
        now,
    );
    record.release = Some(reference);
    record.verdict = Some(Verdict::Pass);
    record
        .detail
        .insert("reason".to_owned(), adopted.reason.as_str().into());
    let recorded = world.note(&record, session);
    Ok(report.with_policy(world.rules.origin, recorded))
}

fn unknown(document: &Document) -> Result<(), Failure> {
    if document.live.is_none() && document.under_way().is_none() {
        return Ok(());
    }
    let message = "this environment is known already: adopt is for first contact";
    Err(Failure::new(Kind::Blocked, message).with_hint("use `promote run` or `rollback run`"))
}

/// What lasts of the demands holds for an assertion as well: who built it, and
/// that nobody rejected it.
fn signed(world: &World, release: &Reference, session: &Session) -> Result<Gathered, Failure> {
    if let Some(rejected) = world.rejected(release)? {
        return Err(Failure::new(Kind::Refuted, rejected.told()).with_hint(
            "bring another release there, or take it back with `rollback reject --undo`",
        ));
    }
    let now = session.now();
    let gathered = world.gather(release, now)?;
    let moment = Moment {
        now,
        as_of: now,
        plan: None,
    };
    let chain = world.chain(release, &gathered, &Document::default(), moment)?;
    let wanted = What::Signature.to_string();
    let open = chain
        .conditions
        .iter()
        .find(|one| one.wanted == wanted && !one.met);
    match open {
        None => Ok(gathered),
        Some(condition) => Err(Failure::new(
            Kind::Refuted,
            format!("{}: {}", condition.wanted, condition.found),
        )
        .with_hint(condition.fix.clone())),
    }
}

/// Proves that the release is what serves: slot, weights and pointers.
fn serves(world: &World, release: &Reference) -> Result<(), Failure> {
    if world.environment.slots.is_none() && world.environment.targets.is_empty() {
        let message = "there is neither slot nor target to prove it by";
        return Err(Failure::new(Kind::Refuted, message)
            .with_hint("describe `traffic` or `targets` of the environment"));
    }
    if let Some(slots) = &world.environment.slots {
        world.serves(&slots.stable, &release.artifacts)?;
        let all = BTreeMap::from([
            (slots.stable.clone(), Percent::FULL),
            (slots.canary.clone(), Percent::ZERO),
        ]);
        if !world.is_shifted(Some(slots), &all)? {
            let message = format!("slot `{}` does not get all requests", slots.stable);
            return Err(Failure::new(Kind::Refuted, message));
        }
    }
    for (target, found) in world.environment.targets.iter().zip(world.pointers()?) {
        if found.is_none() || found != make::aim(target, release) {
            let message = format!("{} does not point at this release", target.label());
            return Err(Failure::new(Kind::Refuted, message));
        }
    }
    Ok(())
}
