//! First contact: what is live is asserted to be known good, after proof that
//! it is what serves.

use std::collections::BTreeMap;

use liftlock::config::pointer::Target;
use liftlock::config::requirement::What;
use liftlock::config::target::Slots;
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
use liftlock_io::{pointer, store};

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
    let roles = serves(&world, &reference)?;
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
        if let Some(slots) = &roles {
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

/// Proves that the release is what serves, by every slot and every pointer, and
/// tells in which roles the slots are: after a lost state they need not be those
/// of the configuration.
fn serves(world: &World, release: &Reference) -> Result<Option<Slots>, Failure> {
    let slots = world.environment.slots.as_ref();
    if slots.is_none() && world.environment.targets.is_empty() {
        let message = "there is neither slot nor target to prove it by";
        return Err(Failure::new(Kind::Refuted, message)
            .with_hint("describe `traffic` or `targets` of the environment"));
    }
    let mut against = Vec::new();
    let roles = slots.and_then(|slots| match roles(world, slots) {
        Ok(Some(roles)) => {
            against.extend(world.serves(&roles.stable, &release.artifacts).err());
            Some(roles)
        }
        Ok(None) => {
            let (one, other) = (&slots.stable, &slots.canary);
            let message = format!("neither `{one}` nor `{other}` gets all requests");
            against.push(Failure::new(Kind::Refuted, message));
            let both = [one, other].into_iter();
            against.extend(both.filter_map(|slot| world.serves(slot, &release.artifacts).err()));
            None
        }
        Err(failure) => {
            against.push(failure);
            None
        }
    });
    let targets = world.environment.targets.iter();
    against.extend(targets.filter_map(|target| points(world, target, release).err()));
    match refused(&against) {
        None => Ok(roles),
        Some(failure) => Err(failure),
    }
}

/// The slots, that with all requests as the stable one; nothing where no slot
/// has all of them.
fn roles(world: &World, slots: &Slots) -> Result<Option<Slots>, Failure> {
    let swapped = Slots {
        stable: slots.canary.clone(),
        canary: slots.stable.clone(),
    };
    for roles in [slots.clone(), swapped] {
        let all = BTreeMap::from([
            (roles.stable.clone(), Percent::FULL),
            (roles.canary.clone(), Percent::ZERO),
        ]);
        if world.is_shifted(Some(&roles), &all)? {
            return Ok(Some(roles));
        }
    }
    Ok(None)
}

fn points(world: &World, target: &Target, release: &Reference) -> Result<(), Failure> {
    let found = pointer::read(target, &world.scope())?;
    match make::aim(target, release) {
        Some(aim) if found.is(Some(aim)) => Ok(()),
        Some(_) | None => {
            let message = format!(
                "{} does not point at this release: it is at {found}",
                target.label()
            );
            Err(Failure::new(Kind::Refuted, message))
        }
    }
}

/// All that contradicts, in one failure. What could not be read is no proof
/// against anything.
fn refused(against: &[Failure]) -> Option<Failure> {
    let refuted = against.iter().find(|one| one.kind == Kind::Refuted);
    let kind = refuted.or_else(|| against.first())?.kind;
    let lines = against.iter().map(|one| one.lines().join(": "));
    let failure = Failure::new(kind, lines.collect::<Vec<_>>().join("; "));
    Some(match refuted {
        Some(_) => failure.with_hint(
            "name the release that serves, or have requests and pointers be where it is",
        ),
        None => failure,
    })
}
