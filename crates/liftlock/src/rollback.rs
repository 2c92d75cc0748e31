//! Which release to go back to: the newest known-good one that is still
//! proved, or a refusal with a way forward.

pub mod alert;
pub mod forward;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ledger::Entry;
use crate::name::Name;
use crate::plan;
use crate::record::Kind;
use crate::release::{Migration, Reference};
use crate::span::Span;
use crate::state::{Document, How, Left, Live, Run};
use crate::time::Time;
use crate::verdict::Verdict;

/// A release that was live and good, and what speaks against going back to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Candidate {
    /// The release.
    pub release: Reference,
    /// Since when it was known to be good.
    pub good_since: Time,
    /// Why not this one; empty when nothing speaks against it.
    pub against: Vec<Against>,
}

impl Candidate {
    /// Everything that speaks against it, in one line.
    #[must_use]
    pub fn told(&self) -> String {
        let whys: Vec<&str> = self.against.iter().map(|one| one.why.as_str()).collect();
        whys.join(", ")
    }

    /// Whether nothing speaks against it but what one person may go past.
    #[must_use]
    pub fn can_be_passed(&self) -> bool {
        self.against.iter().all(|one| one.obstacle.can_be_passed())
    }

    /// The same for whoever asks for this release by its name: that a rollback
    /// left it speaks against nothing then.
    #[must_use]
    pub fn named(&self) -> Self {
        let mut named = self.clone();
        named.against.retain(|one| one.obstacle != Obstacle::Left);
        named
    }
}

/// Something that speaks against going back to a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Against {
    /// Of which kind it is.
    pub obstacle: Obstacle,
    /// What it is, for people.
    pub why: String,
}

/// The kinds of what speaks against going back to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// It is what is to be left.
    Live,
    /// A rollback left it: only whoever names it goes there again.
    Left,
    /// Somebody said never again.
    Rejected,
    /// Its signature or provenance does not hold any more.
    Unproved,
    /// Whether they hold could not be asked: the evidence is away.
    Unasked,
    /// Its bytes are not in the registry any more.
    Gone,
    /// What a release on the way did to data, older versions cannot live with.
    Migration,
    /// A copy stands in for the state, which is away.
    State,
}

impl Obstacle {
    /// Whether one person may go past it on the way down. What is refuted,
    /// rejected or gone is no way down.
    #[must_use]
    pub const fn can_be_passed(self) -> bool {
        match self {
            Self::Unasked | Self::Migration | Self::State => true,
            Self::Live | Self::Left | Self::Rejected | Self::Unproved | Self::Gone => false,
        }
    }

    /// This obstacle, told.
    #[must_use]
    pub fn because(self, why: impl Into<String>) -> Against {
        Against {
            obstacle: self,
            why: why.into(),
        }
    }
}

/// The releases that the ledger knows as good in an environment, newest first.
#[must_use]
pub fn known_good(entries: &[Entry], service: &Name, environment: &Name) -> Vec<(Reference, Time)> {
    let mut good: Vec<(Reference, Time)> = Vec::new();
    for entry in entries {
        let record = &entry.record;
        let here = record.service == *service && record.environment.as_ref() == Some(environment);
        let proved = matches!(
            record.kind,
            Kind::PromotionFinished | Kind::RollbackFinished | Kind::Adopted
        ) && record.verdict == Some(Verdict::Pass);
        if let (true, true, Some(release)) = (here, proved, &record.release) {
            good.retain(|(known, _)| known.digest != release.digest);
            good.push((release.clone(), record.at));
        }
    }
    good.reverse();
    good
}

/// A clock that is further ahead than this is no clock of a writer.
const AHEAD: Span = Span::seconds(24 * 60 * 60);

/// The releases that the last rollback from them left, as the ledger tells, and
/// that were not made live since. Anybody who may append writes this: it is for
/// releases that the state forgot.
#[must_use]
pub fn left(
    entries: &[Entry],
    (service, environment): (&Name, &Name),
    now: Time,
) -> BTreeMap<Digest, Left> {
    let mut left = BTreeMap::new();
    let latest = now.after(AHEAD);
    for Entry { record, .. } in entries {
        let here = record.service == *service && record.environment.as_ref() == Some(environment);
        if !here || record.verdict != Some(Verdict::Pass) || record.at > latest {
            continue;
        }
        let is_back = record.kind == Kind::RollbackFinished;
        if let Some(previous) = record.previous.as_ref().filter(|_| is_back) {
            let (at, reason) = (record.at, String::new());
            left.insert(previous.digest, Left { at, reason });
        }
        let is_up = matches!(record.kind, Kind::PromotionFinished | Kind::Adopted);
        if let Some(release) = record.release.as_ref().filter(|_| is_back || is_up) {
            left.remove(&release.digest);
        }
    }
    left
}

/// All known-good releases, newest first: those that the state remembers, in
/// its order, then the older ones of the ledger. The ledger is told late when
/// it could not be reached.
#[must_use]
pub fn remembered(ledger: Vec<(Reference, Time)>, state: &[Live]) -> Vec<(Reference, Time)> {
    let newest = state.iter().rev();
    let mut good: Vec<(Reference, Time)> = newest
        .map(|live| (live.release.clone(), live.since))
        .collect();
    for (release, since) in ledger {
        if good.iter().all(|(one, _)| one.digest != release.digest) {
            good.push((release, since));
        }
    }
    good
}

/// What is known about a candidate beside the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What speaks against it by itself, wherever it stands.
    pub against: Vec<Against>,
    /// What it does to stored data; unknown where no builder attested it.
    pub migration: Option<Migration>,
}

/// Judges every candidate, newest first. Going back crosses every release
/// between the live one and the candidate, the live one included: what one of
/// them did to stored data must be something that older versions can live with.
#[must_use]
pub fn judge(
    good: &[(Reference, Time)],
    live: Option<&Digest>,
    known: &dyn Fn(&Reference) -> Known,
) -> Vec<Candidate> {
    let mut barrier: Option<Against> = None;
    let mut candidates = Vec::new();
    for (release, since) in good {
        let known = known(release);
        let mut against = Vec::new();
        if live == Some(&release.digest) {
            against.push(Obstacle::Live.because("it is live"));
        }
        against.extend(known.against);
        against.extend(barrier.clone());
        candidates.push(Candidate {
            release: release.clone(),
            good_since: *since,
            against,
        });
        let id = &release.id;
        let why = match known.migration {
            Some(migration) if migration.is_reversible() => continue,
            Some(_) => format!("{id} changed data so that older versions cannot run"),
            None => format!("what {id} did to stored data is not known"),
        };
        barrier.get_or_insert(Obstacle::Migration.because(why));
    }
    candidates
}

/// The newest candidate that nothing speaks against.
#[must_use]
pub fn choose(candidates: &[Candidate]) -> Option<&Candidate> {
    let mut candidates = candidates.iter();
    candidates.find(|candidate| candidate.against.is_empty())
}

/// The newest candidate against which nothing speaks but what one person may go
/// past, and what that is.
#[must_use]
pub fn choose_past(candidates: &[Candidate]) -> Option<(&Candidate, &[Against])> {
    let mut candidates = candidates.iter();
    let found = candidates.find(|candidate| candidate.can_be_passed())?;
    Some((found, found.against.as_slice()))
}

/// The rollback that was done last, or what put it right since, while the hold
/// stands that it left behind: whoever asks for it once more was killed at its
/// very end, and is taken neither further back nor up again. A hold that came
/// later was placed by somebody who knew what is live.
#[must_use]
pub fn stands(state: &Document) -> Option<&Run> {
    let (run, live) = (state.run.as_ref()?, state.live.as_ref()?);
    let plan = &run.plan;
    let passed = run.verdict == Some(Verdict::Pass) || plan.reconciles();
    let is_live = live.how == How::RolledBack && live.release.digest == plan.release.digest;
    // Who began and who finished may have different clocks.
    let is_held = state.hold.as_ref().is_some_and(|hold| {
        let was_there = !plan.reconciles() && hold.at <= plan.made_at;
        run.held.as_ref() == Some(hold) || was_there || hold.at <= live.since
    });
    (plan.kind == plan::Kind::Rollback && passed && is_live && is_held).then_some(run)
}

/// Why a release is gone back to: what a plan down was begun for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cause {
    /// Why.
    pub reason: String,
    /// Who decided it.
    pub by: String,
    /// When the fault was noticed, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_at: Option<Time>,
    /// What it goes past, by one person's word; usually nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Against>,
}

impl Cause {
    /// What it goes past, in one line; nothing where it goes past nothing.
    #[must_use]
    pub fn broken(&self) -> Option<String> {
        let past: Vec<&str> = self.past.iter().map(|one| one.why.as_str()).collect();
        (!past.is_empty()).then(|| {
            let (past, reason) = (past.join("; "), crate::ci::line(&self.reason));
            format!("BREAK-GLASS past {past}, by {}: {reason}", self.by)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(id: &str) -> Reference {
        Reference {
            id: id.to_owned(),
            digest: Digest::of(id.as_bytes()),
            artifacts: BTreeMap::new(),
        }
    }

    fn fine(migration: Migration) -> Known {
        Known {
            against: Vec::new(),
            migration: Some(migration),
        }
    }

    fn chosen(known: &dyn Fn(&Reference) -> Known) -> Option<String> {
        let good = ["three", "two", "one"].map(|id| (release(id), Time::EPOCH));
        let candidates = judge(&good, Some(&release("three").digest), known);
        choose(&candidates).map(|candidate| candidate.release.id.clone())
    }

    #[test]
    fn the_newest_other_one_that_is_still_proved_is_chosen() {
        assert_eq!(chosen(&|_| fine(Migration::None)).as_deref(), Some("two"));
        let revoked = |release: &Reference| Known {
            against: match release.id.as_str() {
                "two" => vec![Obstacle::Unproved.because("revoked")],
                _ => Vec::new(),
            },
            migration: Some(Migration::Expand),
        };
        assert_eq!(chosen(&revoked).as_deref(), Some("one"));
        let none = |_: &Reference| Known {
            against: vec![Obstacle::Rejected.because("never again")],
            migration: Some(Migration::None),
        };
        assert_eq!(chosen(&none), None);
    }

    #[test]
    fn what_the_ledger_says_was_left_is_left_until_it_is_live_again() {
        let (service, place): (Name, Name) = ("shop".parse().unwrap(), "p".parse().unwrap());
        let entry = |kind: Kind, ids: [&str; 2], verdict: Verdict| {
            let actor = crate::record::Actor {
                id: "alice".to_owned(),
                proof: "test".to_owned(),
            };
            let id = crate::record::Id::derived(&ids);
            let mut record =
                crate::record::Record::new(id, kind, Time::EPOCH, service.clone(), actor);
            record.environment = Some(place.clone());
            record.previous = Some(release(ids[0]));
            record.release = Some(release(ids[1]));
            record.verdict = Some(verdict);
            let previous = Digest::of(b"");
            Entry {
                seq: 1,
                previous,
                record,
            }
        };
        let (up, down) = (Kind::PromotionFinished, Kind::RollbackFinished);
        let mut entries = vec![
            entry(up.clone(), ["one", "two"], Verdict::Pass),
            entry(down.clone(), ["two", "one"], Verdict::Pass),
        ];
        let gone = |entries: &[Entry]| -> Vec<Digest> {
            let left = left(entries, (&service, &place), Time::EPOCH);
            left.into_keys().collect()
        };
        assert_eq!(gone(&entries), [release("two").digest]);
        entries.push(entry(up.clone(), ["one", "two"], Verdict::Fail));
        entries.push(entry(down.clone(), ["one", "zero"], Verdict::Fail));
        assert_eq!(gone(&entries), [release("two").digest]);
        for (kind, ids) in [(&up, ["one", "two"]), (&down, ["one", "zero"])] {
            let mut forged = entry(kind.clone(), ids, Verdict::Pass);
            forged.record.at = "9999-01-01T00:00:00Z".parse().unwrap();
            entries.push(forged);
        }
        assert_eq!(gone(&entries), [release("two").digest]);
        entries.push(entry(up, ["one", "two"], Verdict::Pass));
        assert_eq!(gone(&entries), []);
    }

    #[test]
    fn what_a_rollback_left_is_for_whoever_names_it() {
        let two = |release: &Reference| Known {
            against: match release.id.as_str() {
                "two" => vec![Obstacle::Left.because("rolled back")],
                _ => Vec::new(),
            },
            migration: Some(Migration::None),
        };
        let good = ["three", "two"].map(|id| (release(id), Time::EPOCH));
        let candidates = judge(&good, Some(&release("three").digest), &two);
        assert_eq!(choose(&candidates), None);
        assert_eq!(choose_past(&candidates), None);
        assert!(candidates[1].named().against.is_empty());
    }

    #[test]
    fn an_irreversible_release_is_not_crossed() {
        let live = |release: &Reference| match release.id.as_str() {
            "three" => fine(Migration::Irreversible),
            _ => fine(Migration::None),
        };
        assert_eq!(chosen(&live), None);
        let between = |release: &Reference| match release.id.as_str() {
            "two" => fine(Migration::Contract),
            _ => fine(Migration::None),
        };
        assert_eq!(chosen(&between).as_deref(), Some("two"));
        let unknown = |release: &Reference| Known {
            against: Vec::new(),
            migration: (release.id != "three").then_some(Migration::None),
        };
        assert_eq!(chosen(&unknown), None);
    }

    #[test]
    fn one_person_goes_past_data_and_absence_and_past_nothing_else() {
        let good = ["three", "two", "one"].map(|id| (release(id), Time::EPOCH));
        let past = |against: &dyn Fn(&Reference) -> Vec<Against>| {
            let known = |release: &Reference| Known {
                against: against(release),
                migration: (release.id != "three").then_some(Migration::None),
            };
            let candidates = judge(&good, Some(&release("three").digest), &known);
            assert_eq!(choose(&candidates), None);
            let chosen = choose_past(&candidates);
            chosen.map(|(candidate, past)| (candidate.release.id.clone(), past.len()))
        };
        assert_eq!(past(&|_| Vec::new()), Some(("two".to_owned(), 1)));
        let away = |_: &Reference| vec![Obstacle::Unasked.because("the store is away")];
        assert_eq!(past(&away), Some(("two".to_owned(), 2)));
        for wall in [Obstacle::Rejected, Obstacle::Unproved, Obstacle::Gone] {
            let against = |release: &Reference| match release.id.as_str() {
                "two" => vec![wall.because("no")],
                _ => Vec::new(),
            };
            assert_eq!(past(&against), Some(("one".to_owned(), 1)), "{wall:?}");
        }
    }
}
