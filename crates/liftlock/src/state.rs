//! The truth about now: who may move an environment, what is in its slots,
//! what is live, and the plan under way. One document, one compare-and-swap.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ci;
use crate::config::target::Slots;
use crate::digest::Digest;
use crate::json;
use crate::name::Name;
use crate::plan::journal::Journal;
use crate::plan::stray::Stray;
use crate::plan::{self, Plan};
use crate::record::{Id, Record};
use crate::release::Reference;
use crate::span::Span;
use crate::time::Time;
use crate::verdict::Verdict;

/// The major version that this code writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// How many known-good releases are remembered without asking the ledger.
const REMEMBERED: usize = 50;

/// The state of one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Major version of this format.
    pub schema_version: u32,
    /// Grows with every write, so that no two versions have the same bytes.
    pub revision: u64,
    /// Grows with every new owner and never shrinks.
    pub fence: u64,
    /// Who may change the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Which slot has which role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Slots>,
    /// What each slot holds, as far as we put it there.
    #[serde(default)]
    pub contents: BTreeMap<Name, Reference>,
    /// What is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// Releases that were live and good, oldest first.
    #[serde(default)]
    pub good: Vec<Live>,
    /// Releases that a rollback left and that did not go live since.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<Digest, Left>,
    /// Pointers that plans left at what failed since a release went live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strays: Vec<Stray>,
    /// Why automation may not move this environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Digest of an approval → the plan that used it up.
    #[serde(default)]
    pub used: BTreeMap<Digest, Digest>,
    /// The plan under way, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Runs that ended while the ledger could not be told all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Run>,
    /// Records beside those of runs that the ledger is not known to have, such
    /// as those of holds; oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spool: Vec<Record>,
}

/// The right to change an environment, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A random token that only the owner has.
    pub token: String,
    /// Who that is, for people and for finding out whether they live.
    pub owner: Owner,
    /// The owner's fence.
    pub fence: u64,
    /// When it began.
    pub since: Time,
    /// When it ends without another sign of life.
    pub expires_at: Time,
}

/// A process somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The CI run, or who started it.
    pub run: String,
    /// A name of the machine's boot and process namespace.
    pub machine: String,
    /// The process there, with its start time, so that a reused id is another.
    pub process: String,
}

/// A release that is or was live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Live {
    /// Which.
    pub release: Reference,
    /// Since when.
    pub since: Time,
    /// How it came to be.
    pub how: How,
}

/// How a release became live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// A promotion proved it.
    Promoted,
    /// A rollback returned to it.
    RolledBack,
    /// A person asserted it.
    Adopted,
}

/// That a rollback left a release: it is not known good any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// When.
    pub at: Time,
    /// Why; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Left {
    /// What a finished rollback left; nothing where the run is none.
    #[must_use]
    pub fn by(run: &Run) -> Option<(Digest, Self)> {
        let plan = &run.plan;
        let is_rollback = plan.kind == plan::Kind::Rollback && !plan.reconciles();
        let previous = plan.previous.as_ref()?;
        let ends = run.journal.entries.iter().filter_map(|one| one.ended_at);
        let left = Self {
            at: ends.max().unwrap_or(plan.made_at),
            reason: plan
                .cause
                .iter()
                .map(|cause| cause.reason.as_str())
                .collect(),
        };
        (is_rollback && run.verdict == Some(Verdict::Pass)).then_some((previous.digest, left))
    }

    /// When and why, for people.
    #[must_use]
    pub fn told(&self) -> String {
        let reason = match self.reason.as_str() {
            "" => String::new(),
            reason => format!(" because {}", ci::line(reason)),
        };
        format!("rolled back on {}{reason}; only by name (`--to`)", self.at)
    }
}

/// Automation may not move this environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hold {
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub by: String,
    /// When.
    pub at: Time,
}

impl Hold {
    /// The command that ends one.
    #[must_use]
    pub fn way_out(environment: &Name) -> String {
        format!("run `rollback lift --environment {environment} --reason TEXT`")
    }
}

/// A plan with what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The digest of the plan.
    pub id: Digest,
    /// What is to be done.
    pub plan: Plan,
    /// What was begun and done.
    pub journal: Journal,
    /// By whom the CI run came about that began it; nobody where no CI says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<ci::Actor>,
    /// How it ended; absent while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The hold that was placed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Hold>,
}

impl Hold {
    /// In one line.
    #[must_use]
    pub fn told(&self) -> String {
        format!("a hold was placed by {}: {}", self.by, self.reason)
    }
}

impl Default for Document {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            revision: 0,
            fence: 0,
            lease: None,
            slots: None,
            contents: BTreeMap::new(),
            live: None,
            good: Vec::new(),
            left: BTreeMap::new(),
            strays: Vec::new(),
            hold: None,
            used: BTreeMap::new(),
            run: None,
            untold: Vec::new(),
            spool: Vec::new(),
        }
    }
}

impl Document {
    /// The key of an environment's document.
    #[must_use]
    pub fn key(service: &Name, environment: &Name) -> String {
        format!("environments/{service}/{environment}.json")
    }

    /// Reads a document. Unknown fields are tolerated, newer majors are not.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON and on another major version.
    pub fn parse(bytes: &[u8]) -> Result<Self, json::Unread> {
        json::versioned(bytes, SCHEMA_VERSION)
    }

    /// The plan under way.
    #[must_use]
    pub fn under_way(&self) -> Option<&Run> {
        self.run.as_ref().filter(|run| run.verdict.is_none())
    }

    /// The plan that used up an approval by one of its names and is over, if one
    /// did.
    #[must_use]
    pub fn spent(&self, names: &[Digest]) -> Option<&Digest> {
        let under_way = self.under_way().map(|run| run.id);
        let mut users = names.iter().filter_map(|name| self.used.get(name));
        users.find(|plan| Some(**plan) != under_way)
    }

    /// Whoever holds the lease at `now` and is not known to be dead.
    #[must_use]
    pub fn holder(&self, now: Time, dead: &dyn Fn(&Owner) -> bool) -> Option<&Lease> {
        self.lease
            .as_ref()
            .filter(|lease| now < lease.expires_at && !dead(&lease.owner))
    }

    /// Gives the lease to a new owner, with a fence that nobody had before.
    pub fn grant(&mut self, token: String, owner: Owner, now: Time, ttl: Span) {
        self.fence = self.fence.saturating_add(1);
        self.lease = Some(Lease {
            token,
            owner,
            fence: self.fence,
            since: now,
            expires_at: now.after(ttl),
        });
    }

    /// Makes room for another run. Unless the ledger knows all of the last one,
    /// it is kept until the ledger does.
    pub fn retire(&mut self, told: Option<Digest>) {
        self.strays = self.strays();
        let last = self.run.take();
        if last.as_ref().map(|run| run.id) == told {
            self.untold.clear();
        } else {
            self.untold.extend(last);
            let surplus = self.untold.len().saturating_sub(REMEMBERED);
            self.untold.drain(..surplus);
        }
    }

    /// Keeps a record until the ledger has it.
    pub fn keep(&mut self, record: Record) {
        self.spool.push(record);
        let surplus = self.spool.len().saturating_sub(REMEMBERED);
        self.spool.drain(..surplus);
    }

    /// Forgets records that the ledger has.
    pub fn recorded(&mut self, told: &BTreeSet<Id>) {
        self.spool.retain(|record| !told.contains(&record.id));
    }

    /// Whether this token's lease is the current one.
    #[must_use]
    pub fn is_held_by(&self, token: &str) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.token == token)
    }

    /// Makes a release the live one and remembers it as known good.
    pub fn go_live(&mut self, release: Reference, how: How, now: Time) {
        let live = Live {
            release,
            since: now,
            how,
        };
        self.good
            .retain(|good| good.release.digest != live.release.digest);
        self.good.push(live.clone());
        let surplus = self.good.len().saturating_sub(REMEMBERED);
        self.good.drain(..surplus);
        let good = &self.good;
        let is_good = |digest: &Digest| good.iter().any(|one| one.release.digest == *digest);
        self.left
            .retain(|digest, _| *digest != live.release.digest && is_good(digest));
        self.strays.clear();
        self.live = Some(live);
    }

    /// Whether a release is known good here: it was, and no rollback left it
    /// since.
    #[must_use]
    pub fn knows_good(&self, release: &Digest) -> bool {
        self.remembers(release) && self.how_left(release).is_none()
    }

    /// Whether a release is or was known good here.
    #[must_use]
    pub fn remembers(&self, release: &Digest) -> bool {
        self.good.iter().any(|good| good.release.digest == *release)
    }

    /// How a rollback left a release that did not go live since. Of a state
    /// that an older version wrote, its last runs tell.
    #[must_use]
    pub fn how_left(&self, release: &Digest) -> Option<Left> {
        if let Some(left) = self.left.get(release) {
            return Some(left.clone());
        }
        let mut good = self.good.iter();
        let since = good.find(|good| good.release.digest == *release)?.since;
        let runs = self.run.iter().chain(self.untold.iter().rev());
        let mut left = runs.filter_map(Left::by);
        let found = left.find(|(digest, left)| digest == release && left.at >= since);
        found.map(|(_, left)| left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(seconds * 1_000).unwrap()
    }

    fn owner() -> Owner {
        Owner {
            run: "r".to_owned(),
            machine: "m".to_owned(),
            process: "1".to_owned(),
        }
    }

    #[test]
    fn every_owner_has_a_larger_fence() {
        let mut document = Document::default();
        document.grant("a".to_owned(), owner(), at(0), Span::seconds(60));
        document.grant("b".to_owned(), owner(), at(1), Span::seconds(60));
        assert_eq!(document.fence, 2);
        assert!(document.is_held_by("b") && !document.is_held_by("a"));
    }

    #[test]
    fn a_lease_ends_with_its_time_or_its_owner() {
        let mut document = Document::default();
        document.grant("a".to_owned(), owner(), at(0), Span::seconds(60));
        let (alive, dead) = (|_: &Owner| false, |_: &Owner| true);
        assert!(document.holder(at(59), &alive).is_some());
        assert!(document.holder(at(60), &alive).is_none());
        assert!(document.holder(at(1), &dead).is_none());
    }

    #[test]
    fn what_a_rollback_left_is_good_again_once_it_goes_live() {
        let release = |id: &str| Reference {
            id: id.to_owned(),
            digest: Digest::of(id.as_bytes()),
            artifacts: BTreeMap::new(),
        };
        let two = release("two").digest;
        let mut document = Document::default();
        document.go_live(release("one"), How::Promoted, at(1));
        document.go_live(release("two"), How::Promoted, at(2));
        assert!(document.knows_good(&two));
        let text = serde_json::to_string(&document).unwrap();
        assert!(!text.contains("left"), "{text}");
        let left = Left {
            at: at(3),
            reason: "it loses\norders".to_owned(),
        };
        document.left.insert(two, left);
        document.go_live(release("one"), How::RolledBack, at(3));
        assert!(document.remembers(&two) && !document.knows_good(&two));
        let told = document.how_left(&two).unwrap().told();
        assert!(
            told.contains("because it loses") && !told.contains('\n'),
            "{told}"
        );
        document.go_live(release("two"), How::Promoted, at(4));
        assert!(document.knows_good(&two) && document.left.is_empty());
    }

    #[test]
    fn a_newer_major_is_refused_by_name() {
        let error = Document::parse(br#"{"schema_version": 2}"#).unwrap_err();
        assert!(error.to_string().contains("`schema_version` 2"));
    }
}
