//! Decides when a list under a tag is complete and its writer may end.
//!
//! Registries have no compare-and-swap. The rule that makes several writers
//! safe all the same: a writer's object is complete under a name of its own
//! before the writer looks at the list, and a writer ends only after it found,
//! *after its last writing*, first all objects and then all of them in the
//! list. Whoever writes a list last therefore lists all objects that were
//! complete by then; and a writer whose object was not complete by then still
//! has to look, and would write. The tests walk every order of every step.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::Descriptor;
use super::view::{Attached, Id, View};

/// How often a list is looked at. Twenty writers need less than twenty.
const ROUNDS: u32 = 60;

/// How often a registry may refuse to write a list.
const FAILURES: u32 = 8;

/// Whether a list may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is, if something is missing.
    Write,
    /// It is only looked at.
    Look,
}

/// What a list holds after it was brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// How many entries it has.
    pub entries: usize,
    /// How many of them were missing.
    pub added: usize,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Write this list, then find all objects and read the list again.
    Write(View),
    /// Wait until those have written who do not look for objects (as cosign),
    /// then find all objects and read the list again.
    Settle,
    /// Nothing is missing.
    Done(Merged),
    /// Others write the list again and again.
    Contended,
}

/// What one writer knows about one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    attached: Attached,
    effect: Effect,
    /// All entries that were ever seen; none may be missing at the end.
    known: BTreeMap<Id, Descriptor>,
    /// How many entries were missing when the list was written last.
    written: usize,
    added: usize,
    settled: bool,
    rounds: u32,
    failures: u32,
}

impl Merge {
    /// Knows nothing yet.
    #[must_use]
    pub const fn new(attached: Attached, effect: Effect) -> Self {
        Self {
            attached,
            effect,
            known: BTreeMap::new(),
            written: 0,
            added: 0,
            settled: false,
            rounds: 0,
            failures: 0,
        }
    }

    /// Which kind of list it is.
    #[must_use]
    pub const fn attached(&self) -> Attached {
        self.attached
    }

    /// Knows of an entry whose object is complete.
    pub fn learn(&mut self, entry: Descriptor) {
        self.known.insert(self.attached.id(&entry), entry);
    }

    /// Whether an object need not be read any more.
    #[must_use]
    pub fn knows(&self, id: &Id) -> bool {
        self.known.contains_key(id)
    }

    /// Judges a list that was read after all objects were found.
    #[must_use]
    pub fn judge(&mut self, mut view: View) -> Next {
        self.rounds += 1;
        for entry in view.entries() {
            self.known.insert(self.attached.id(entry), entry.clone());
        }
        let missing = view.add(&self.known);
        let merged = Merged {
            entries: view.entries().len(),
            added: self.added + missing,
        };
        match (missing, self.effect) {
            (_, Effect::Look) => Next::Done(merged),
            (0, Effect::Write) if self.added == 0 || self.settled => Next::Done(merged),
            (_, Effect::Write) if self.rounds >= ROUNDS => Next::Contended,
            (0, Effect::Write) => {
                self.settled = true;
                Next::Settle
            }
            (_, Effect::Write) => {
                self.settled = false;
                self.written = missing;
                self.added += missing;
                Next::Write(view)
            }
        }
    }

    /// Hears that the registry refused to write the list. Says whether it may
    /// be asked again.
    pub const fn refused(&mut self) -> bool {
        self.added = self.added.saturating_sub(self.written);
        self.written = 0;
        self.failures += 1;
        self.failures <= FAILURES
    }
}

#[cfg(test)]
mod exploration;

#[cfg(test)]
mod tests {
    use super::exploration::entry;
    use super::*;

    const ATTACHED: Attached = Attached::Signatures;

    fn merge(effect: Effect) -> Merge {
        let mut merge = Merge::new(ATTACHED, effect);
        merge.learn(entry(0));
        merge
    }

    fn full() -> View {
        let mut view = View::empty(ATTACHED);
        view.add(&BTreeMap::from([(ATTACHED.id(&entry(0)), entry(0))]));
        view
    }

    const ONE: Merged = Merged {
        entries: 1,
        added: 1,
    };

    #[test]
    fn what_was_written_is_seen_twice_before_the_end() {
        let mut merge = merge(Effect::Write);
        assert_eq!(merge.judge(View::empty(ATTACHED)), Next::Write(full()));
        assert_eq!(merge.judge(full()), Next::Settle);
        assert_eq!(merge.judge(full()), Next::Done(ONE));
    }

    #[test]
    fn what_is_lost_while_it_settles_is_written_again() {
        let mut merge = merge(Effect::Write);
        assert_eq!(merge.judge(View::empty(ATTACHED)), Next::Write(full()));
        assert_eq!(merge.judge(full()), Next::Settle);
        assert_eq!(merge.judge(View::empty(ATTACHED)), Next::Write(full()));
        assert_eq!(merge.judge(full()), Next::Settle);
    }

    #[test]
    fn what_others_wrote_already_needs_no_writing_and_looking_writes_nothing() {
        let merged = Merged {
            entries: 1,
            added: 0,
        };
        assert_eq!(merge(Effect::Write).judge(full()), Next::Done(merged));
        let looked = merge(Effect::Look).judge(View::empty(ATTACHED));
        assert_eq!(looked, Next::Done(ONE));
    }

    #[test]
    fn neither_a_refusing_registry_nor_others_are_fought_for_ever() {
        let mut merge = merge(Effect::Write);
        let refused = (0..20).take_while(|_| merge.refused()).count();
        assert_eq!(refused, 8);
        let empty = || View::empty(ATTACHED);
        let fought = (0..100).take_while(|_| merge.judge(empty()) != Next::Contended);
        assert_eq!(fought.count(), 59);
    }
}
