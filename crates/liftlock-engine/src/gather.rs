//! Gathers the evidence about a release and has the chain judged.

use std::collections::BTreeMap;
use std::time::Duration;

use liftlock::approval::signer::signers;
use liftlock::approval::{Closed, closed_key};
use liftlock::bundle::Bundle;
use liftlock::chain::{self, Chain, Circumstances, Examiner, Item, Said};
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::name::Name;
use liftlock::plan::Kind as PlanKind;
use liftlock::release::{Identified, Reference};
use liftlock::state::Document;
use liftlock::time::Time;
use liftlock_io::evidence;
use liftlock_io::verify::Local;

use crate::drive::Engine;
use crate::fresh::Asking;
use crate::state::State;
use crate::world::World;

/// When a chain is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now: keys have to count now.
    pub now: Time,
    /// When verdicts have to be young enough: now for a new plan, its start
    /// for one under way.
    pub as_of: Time,
    /// The plan under way, whose own use of an approval is no second one.
    pub plan: Option<Digest>,
}

/// Everything that was found about a release.
#[derive(Debug)]
pub struct Gathered {
    /// The evidence with its signatures checked.
    pub items: Vec<Item>,
    /// `release.json` as a builder attested it, or what stands in for one.
    pub release: Option<Identified>,
    /// The keys of people who signed it: they may not approve it.
    pub signers: Vec<PublicKey>,
}

impl Gathered {
    /// Artifact → where it was when the release was made.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<Name, String> {
        let artifacts = self
            .release
            .iter()
            .flat_map(|found| &found.release.artifacts);
        artifacts
            .map(|(name, artifact)| (name.clone(), artifact.name.clone()))
            .collect()
    }
}

impl Engine<'_> {
    /// Where each artifact was when the release was made. A way down does not
    /// hang on it, whatever is wrong with the store: the digests are enough for
    /// whoever has them.
    pub(crate) fn found_labels(
        &mut self,
        patience: Duration,
    ) -> Result<BTreeMap<Name, String>, Failure> {
        let plan = &self.run()?.plan;
        let (release, down) = (plan.release.clone(), plan.kind == PlanKind::Rollback);
        let now = self.pace.now();
        let gather = |engine: &Self| match engine.world.gather(&release, now) {
            Err(_) if down => Ok(engine.world.at_hand(&release, now)),
            gathered => Ok(gathered?),
        };
        Ok(self.attempt(patience, &gather)?.labels())
    }
}

impl World {
    /// Reads all evidence about a release and its artifacts.
    ///
    /// # Errors
    ///
    /// Fails when the evidence store cannot be read.
    pub fn gather(&self, release: &Reference, now: Time) -> Result<Gathered, evidence::Error> {
        let mut found = Vec::new();
        for subject in parts(release) {
            let kept = self.evidence.list(subject)?;
            found.extend(kept.into_iter().map(|item| (*subject, item.bytes)));
        }
        Ok(self.examined(release, found, now))
    }

    /// Whether anything about a release was brought along.
    #[must_use]
    pub fn is_brought(&self, release: &Reference) -> bool {
        let mut brought = self.brought.bundles.iter();
        brought.any(|(digest, _)| parts(release).any(|part| part == digest))
    }

    /// The same from what is at hand alone: for a way down while the evidence
    /// store is away. Nothing goes up by it, as what is missing could be a no.
    #[must_use]
    pub fn at_hand(&self, release: &Reference, now: Time) -> Gathered {
        self.examined(release, Vec::new(), now)
    }

    /// Whom this world believes.
    pub(crate) const fn examiner(&self, now: Time) -> Examiner<'_> {
        Examiner {
            trust: &self.rules.trust,
            root: &self.rules.root,
            verifier: &Local,
            now,
        }
    }

    fn examined(
        &self,
        release: &Reference,
        mut found: Vec<(Digest, Vec<u8>)>,
        now: Time,
    ) -> Gathered {
        let is_part = |digest: &Digest| parts(release).any(|part| part == digest);
        let brought = self.brought.bundles.iter();
        found.extend(brought.filter(|(digest, _)| is_part(digest)).cloned());
        let examiner = self.examiner(now);
        let mut items: BTreeMap<Digest, Item> = BTreeMap::new();
        let mut bundles = Vec::new();
        for (subject, bytes) in &found {
            items
                .entry(Digest::of(bytes))
                .or_insert_with(|| examiner.examine(bytes));
            // What cannot be read signs nothing.
            bundles.extend(Bundle::parse(bytes).map(|bundle| (*subject, bundle)));
        }
        let items: Vec<Item> = items.into_values().collect();
        let signers = signers(&bundles, &self.rules.trust, &Local);
        let release = self
            .unwritten(release)
            .or_else(|| chain::attested(&items, release));
        Gathered {
            items,
            release,
            signers,
        }
    }

    /// Judges whether a release may move to this environment, by the evidence
    /// alone: on the way down no forge is asked.
    ///
    /// # Errors
    ///
    /// Fails when the state of the environment before cannot be read.
    pub fn chain(
        &self,
        release: &Reference,
        gathered: &Gathered,
        state: &Document,
        moment: Moment,
    ) -> Result<Chain, Failure> {
        self.judge((release, gathered), state, (moment, None))
    }

    /// The same, and where the policy wants that, forges are asked whether
    /// answers still stand.
    ///
    /// # Errors
    ///
    /// As [`World::chain`], and when all that is open is what a forge does not
    /// say.
    pub fn chain_asked_again(
        &self,
        release: &Reference,
        gathered: &Gathered,
        state: &Document,
        moment: Moment,
    ) -> Result<Chain, Failure> {
        let asking = Asking::default();
        let chain = self.judge((release, gathered), state, (moment, Some(&asking)))?;
        asking.over(chain)
    }

    fn judge(
        &self,
        (release, gathered): (&Reference, &Gathered),
        state: &Document,
        (moment, asking): (Moment, Option<&Asking>),
    ) -> Result<Chain, Failure> {
        let rejections = self.rejections(release)?;
        let rejected_in = |place: &Name| rejections.iter().find(|one| one.counts_in(place));
        let good_before = match &self.environment.promotes_from {
            Some(before) => {
                let good = self.state_of(before)?.knows_good(&release.digest);
                good && rejected_in(before).is_none()
            }
            None => true,
        };
        let used = |approval: &Digest| {
            let user = state.used.get(approval);
            user.is_some() && user != moment.plan.as_ref()
        };
        let live = state.live.as_ref().map(|live| &live.release);
        let asked = (moment, asking);
        let approve = |said: &Said| self.approved(said, (gathered, live), asked, &used);
        let broken = |said: &Said| self.broken(said, (gathered, live), asked, &used);
        let around = Circumstances {
            service: &self.rules.service,
            policy: self.rules.policy,
            good_before,
            rejected: rejected_in(&self.environment.name),
            used: &used,
            approve: &approve,
            broken: &broken,
            now: moment.as_of,
            accept: &self.rules.accept,
        };
        let items = &gathered.items;
        Ok(chain::decide(&self.environment, release, items, &around))
    }

    /// The state of another environment of this service.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read.
    pub fn state_of(&self, environment: &Name) -> Result<Document, Failure> {
        let key = Document::key(&self.rules.service, environment);
        Ok(State::open(self.state.as_ref(), key, self.environment.lease)?.document)
    }

    /// How a request was denied or taken back, if it was, whatever was approved
    /// before.
    ///
    /// # Errors
    ///
    /// Fails when the state cannot be read or understood.
    pub fn recalled(&self, request: &Digest) -> Result<Option<String>, Failure> {
        let key = closed_key(&self.rules.service, &self.environment.name, request);
        let Some(stored) = self.state.get(&key)? else {
            return Ok(None);
        };
        let closed: Closed = json::parse(&stored.bytes).map_err(|error| {
            let message = format!("cannot understand the state `{key}`");
            Failure::because(Kind::Invalid, message, error)
        })?;
        Ok(closed.denies().then(|| closed.told()))
    }
}

/// What statements about a release are found by.
fn parts(release: &Reference) -> impl Iterator<Item = &Digest> {
    std::iter::once(&release.digest).chain(release.artifacts.values())
}
