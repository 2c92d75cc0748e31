//! Finds the release to go back to, and proves it again.

use liftlock::config::requirement::What;
use liftlock::failure::{Explain as _, Failure, Kind};
use liftlock::predicate::{self, Ruling};
use liftlock::release::{Migration, Reference};
use liftlock::rollback::{Candidate, Known, Obstacle, choose, judge, known_good, remembered};
use liftlock::state::Document;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_engine::gather::{Gathered, Moment};
use liftlock_engine::{Pace, World};

/// Every known-good release with what speaks against it, newest first.
pub(crate) fn candidates(
    world: &World,
    state: &Document,
    pace: &dyn Pace,
) -> Result<Vec<Candidate>, Failure> {
    let now = pace.now();
    let entries = match world.ledger.entries(0..u64::MAX) {
        Ok(entries) => entries,
        // A way back must not hang on history: the state remembers as well.
        Err(error) if error.kind() == Kind::Upstream => {
            let why = Failure::from(error).lines().join(": ");
            pace.tell(&format!("known good by the state alone: {why}"));
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    let good = known_good(&entries, &world.rules.service, &world.environment.name);
    let good = remembered(good, &state.good);
    let mut known = Vec::new();
    for (release, _) in &good {
        known.push(about(world, release, state, now)?);
    }
    let lookup = |release: &Reference| {
        let index = good
            .iter()
            .position(|(one, _)| one.digest == release.digest);
        index
            .and_then(|index| known.get(index).cloned())
            .unwrap_or(Known {
                against: vec![Obstacle::Unproved.because("nothing is known about it")],
                migration: None,
            })
    };
    let live = state.live.as_ref().map(|live| &live.release.digest);
    Ok(judge(&good, live, &lookup))
}

/// Proves a release again: its signature by a key that still counts. Approvals
/// and canaries of the way up are not asked for on the way down.
fn about(
    world: &World,
    release: &Reference,
    state: &Document,
    now: Time,
) -> Result<Known, Failure> {
    let gathered = world.gather(release, now)?;
    let moment = Moment {
        now,
        as_of: now,
        plan: None,
    };
    let chain = world.chain(release, &gathered, state, moment)?;
    let rejected = world.rejected(release)?;
    let rejected = rejected.map(|rejected| Obstacle::Rejected.because(rejected.told()));
    let lasting = [What::Signature.to_string(), What::Provenance.to_string()];
    let unproved = chain
        .conditions
        .iter()
        .find(|condition| lasting.contains(&condition.wanted) && !condition.met)
        .map(|condition| format!("{}: {}", condition.wanted, condition.found));
    let unproved = unproved.or_else(|| {
        let vouched = state.knows_good(&release.digest) || promoted(world, release, &gathered);
        (!vouched).then(|| "only the ledger says that it was good".to_owned())
    });
    let unproved = unproved.map(|why| Obstacle::Unproved.because(why));
    let migration = gathered
        .release
        .as_ref()
        .map(|found| found.release.migration);
    let unsigned_world = !world
        .environment
        .requires
        .iter()
        .any(|requirement| requirement.what == What::Signature);
    Ok(Known {
        against: rejected.into_iter().chain(unproved).collect(),
        // Where no signature is demanded, nobody vouches for a class either.
        migration: migration.or(unsigned_world.then_some(Migration::None)),
    })
}

/// The release asked for, or the newest that nothing speaks against.
pub(crate) fn pick<'a>(
    candidates: &'a [Candidate],
    to: Option<&str>,
) -> Result<&'a Candidate, Failure> {
    let Some(to) = to else {
        return choose(candidates).ok_or_else(|| refuse(candidates));
    };
    let matches = |candidate: &&Candidate| {
        candidate.release.id == to || candidate.release.digest.to_string() == to
    };
    let found = candidates.iter().find(matches).ok_or_else(|| {
        Failure::new(
            Kind::Invalid,
            format!("`{to}` was never known good in this environment"),
        )
        .with_hint("run `rollback list`")
    })?;
    if found.against.is_empty() {
        Ok(found)
    } else {
        let message = format!("{}: {}", found.release.id, found.told());
        Err(Failure::new(Kind::Refuted, message).with_hint("run `rollback list`"))
    }
}

fn refuse(candidates: &[Candidate]) -> Failure {
    let reasons: Vec<String> = candidates
        .iter()
        .map(|candidate| format!("{}: {}", candidate.release.id, candidate.told()))
        .collect();
    let message = if reasons.is_empty() {
        "no release was ever known good in this environment".to_owned()
    } else {
        format!("there is nothing to go back to: {}", reasons.join("; "))
    };
    Failure::new(Kind::Refuted, message)
        .with_hint("go forward: promote a release that mends the fault")
}

/// Whether a promotion's identity signed that the release went live here.
fn promoted(world: &World, release: &Reference, gathered: &Gathered) -> bool {
    let moves = [predicate::PROMOTION, predicate::ROLLBACK];
    let proved = gathered
        .items
        .iter()
        .filter_map(|item| item.outcome.as_ref().ok());
    proved
        .filter(|proved| moves.contains(&proved.statement.predicate_type()))
        .filter_map(|proved| {
            let uri = proved.statement.predicate_type();
            proved.statement.predicate_as::<Ruling>(uri).ok()
        })
        .any(|ruling| {
            ruling.verdict == Verdict::Pass
                && ruling.release == release.digest
                && ruling.service == world.rules.service
                && ruling.environment == world.environment.name
        })
}
