//! Finds the release to go back to, and proves it again.

use std::collections::BTreeMap;

use liftlock::config::requirement::What;
use liftlock::digest::Digest;
use liftlock::failure::{Explain as _, Failure, Kind};
use liftlock::predicate::{self, Ruling};
use liftlock::release::{Migration, Reference};
use liftlock::rollback::{
    Against, Candidate, Known, Obstacle, choose, choose_past, judge, known_good, left, remembered,
};
use liftlock::state::{Document, Left};
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_engine::gather::{Gathered, Moment};
use liftlock_engine::{Pace, World};
use liftlock_io::evidence;

/// Every known-good release with what speaks against it, newest first.
pub(crate) fn candidates(
    world: &World,
    state: &Document,
    (pace, glass): (&dyn Pace, Glass),
) -> Result<Vec<Candidate>, Failure> {
    let entries = match world.ledger.entries(0..u64::MAX) {
        Ok(entries) => entries,
        // A way back must not hang on history, be it away or damaged: the state
        // remembers as well.
        Err(error) => {
            let why = Failure::from(error).lines().join(": ");
            pace.tell(&format!("KNOWN GOOD BY THE STATE ALONE: {why}"));
            Vec::new()
        }
    };
    let (service, place) = (&world.rules.service, &world.environment.name);
    let good = known_good(&entries, service, place);
    let good = remembered(good, &state.good);
    let mut proofs = Proofs {
        world,
        state,
        now: pace.now(),
        left: left(&entries, (service, place), pace.now()),
        glass,
        away: None,
    };
    let mut known = Vec::new();
    for one in &good {
        known.push(proofs.about(one)?);
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
    let mut candidates = judge(&good, live, &lookup);
    for candidate in candidates
        .iter_mut()
        .filter(|one| one.named().can_be_passed())
    {
        let absent = world.absent(&candidate.release)?;
        let absent = absent.map(|why| Obstacle::Gone.because(why));
        candidate.against.extend(absent);
    }
    Ok(candidates)
}

/// Proves releases again: their signatures, by keys that still count. Approvals
/// and canaries of the way up are not asked for on the way down.
struct Proofs<'a> {
    world: &'a World,
    state: &'a Document,
    now: Time,
    /// What rollbacks left, as the ledger tells of what the state forgot.
    left: BTreeMap<Digest, Left>,
    glass: Glass,
    /// Why the evidence store cannot be asked; it is asked only once then.
    away: Option<String>,
}

impl Proofs<'_> {
    fn about(&mut self, (release, _): &(Reference, Time)) -> Result<Known, Failure> {
        let gathered = self.gathered(release)?;
        let moment = Moment {
            now: self.now,
            as_of: self.now,
            plan: None,
        };
        let chain = self.world.chain(release, &gathered, self.state, moment)?;
        let rejected = self.world.rejected(release)?;
        let rejected = rejected.map(|rejected| Obstacle::Rejected.because(rejected.told()));
        // What the state knows as good, nobody's word in the ledger makes bad.
        let left = match self.state.remembers(&release.digest) {
            true => self.state.how_left(&release.digest),
            false => self.left.get(&release.digest).cloned(),
        };
        let left = left.map(|left| Obstacle::Left.because(left.told()));
        let lasting = [What::Signature.to_string(), What::Provenance.to_string()];
        let unproved = chain
            .conditions
            .iter()
            .find(|condition| lasting.contains(&condition.wanted) && !condition.met)
            .map(|condition| match &self.away {
                Some(why) => Obstacle::Unasked.because(format!("its proof is away: {why}")),
                None => {
                    Obstacle::Unproved.because(format!("{}: {}", condition.wanted, condition.found))
                }
            });
        let migration = gathered
            .release
            .as_ref()
            .map(|found| found.release.migration);
        let unseen = match (&self.away, migration) {
            (Some(why), None) => {
                Some(Obstacle::Unasked.because(format!("what it did to data is away: {why}")))
            }
            (None, _) | (_, Some(_)) => None,
        };
        let unproved = self.unvouched(release, &gathered).or(unproved).or(unseen);
        let requires = &self.world.environment.requires;
        let signed = requires
            .iter()
            .any(|requirement| requirement.what == What::Signature);
        // What is away is not known to be nothing.
        let unsaid = !signed && self.away.is_none();
        Ok(Known {
            against: left.into_iter().chain(rejected).chain(unproved).collect(),
            // Where no signature is demanded, nobody vouches for a class either.
            migration: migration.or(unsaid.then_some(Migration::None)),
        })
    }

    /// Everything about a release; of what is at hand where the store is away.
    fn gathered(&mut self, release: &Reference) -> Result<Gathered, Failure> {
        if self.away.is_none() {
            match self.world.gather(release, self.now) {
                Err(error) if self.counts_as_away(&error, release) => {
                    self.away = Some(Failure::from(error).lines().join(": "));
                }
                gathered => return Ok(gathered?),
            }
        }
        Ok(self.world.at_hand(release, self.now))
    }

    /// Whether the evidence store cannot be asked. A right that is lacking can
    /// be given, so that it holds up everybody but who breaks the glass, or
    /// brings the evidence along.
    fn counts_as_away(&self, error: &evidence::Error, release: &Reference) -> bool {
        let helped = self.glass == Glass::Broken || self.world.is_brought(release);
        error.is_away() || (helped && error.kind() == Kind::Credentials)
    }

    /// That history alone, which anybody may write, calls it good.
    fn unvouched(&self, release: &Reference, gathered: &Gathered) -> Option<Against> {
        let vouched =
            self.state.remembers(&release.digest) || promoted(self.world, release, gathered);
        let why = "only the ledger says that it was good";
        (!vouched).then(|| Obstacle::Unproved.because(why))
    }
}

/// What a rollback goes to, and what it goes past for it.
#[derive(Debug)]
pub(crate) struct Picked<'a> {
    pub(crate) release: &'a Reference,
    pub(crate) past: Vec<Against>,
}

/// Whether one person's word goes past what may be gone past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glass {
    Whole,
    Broken,
}

/// The release asked for, or the newest that nothing speaks against; past what
/// one person may go past only where that was said.
pub(crate) fn pick<'a>(
    candidates: &'a [Candidate],
    to: Option<&str>,
    glass: Glass,
) -> Result<Picked<'a>, Failure> {
    let asked = to.map(|to| find(candidates, to)).transpose()?;
    let clean = match asked {
        Some(candidate) => Some(candidate).filter(|one| one.named().against.is_empty()),
        None => choose(candidates),
    };
    let past = match asked {
        Some(candidate) => Some(candidate).filter(|one| one.named().can_be_passed()),
        None => choose_past(candidates).map(|(candidate, _)| candidate),
    };
    let Some(found) = clean.or(past.filter(|_| glass == Glass::Broken)) else {
        return Err(refuse(asked, candidates, past));
    };
    Ok(Picked {
        release: &found.release,
        past: found.named().against,
    })
}

fn find<'a>(candidates: &'a [Candidate], to: &str) -> Result<&'a Candidate, Failure> {
    let matches = |candidate: &&Candidate| {
        candidate.release.id == to || candidate.release.digest.to_string() == to
    };
    candidates.iter().find(matches).ok_or_else(|| {
        Failure::new(
            Kind::Invalid,
            format!("`{to}` was never known good in this environment"),
        )
        .with_hint("run `rollback list`")
    })
}

/// Why nothing is gone back to: refuted, or not known while evidence is away.
fn refuse(
    asked: Option<&Candidate>,
    candidates: &[Candidate],
    past: Option<&Candidate>,
) -> Failure {
    let about = |candidate: &Candidate| format!("{}: {}", candidate.release.id, candidate.told());
    let reasons: Vec<String> = candidates.iter().map(about).collect();
    let message = match (asked, reasons.as_slice()) {
        (Some(candidate), _) => about(candidate),
        (None, []) => "no release was ever known good in this environment".to_owned(),
        (None, reasons) => format!("there is nothing to go back to: {}", reasons.join("; ")),
    };
    let unasked = past.is_some_and(|candidate| {
        let mut against = candidate.against.iter();
        against.any(|one| one.obstacle == Obstacle::Unasked)
    });
    if unasked {
        return Failure::new(Kind::Upstream, message).with_hint(
            "bring the evidence with `--bundle FILE`, or go past it with `--break-glass --reason TEXT`",
        );
    }
    Failure::new(Kind::Refuted, message)
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
