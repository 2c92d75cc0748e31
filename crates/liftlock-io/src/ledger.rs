//! The ledger in a store: many writers, one chain, every record once.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use liftlock::failure::{Explain, Kind};
use liftlock::ledger::{Broken, Chain, Entry, Head, LARGEST_ENTRY, Position, Why};
use liftlock::record::{self, Record};

use crate::store::{self, Put, Store};

/// Where the entries are: `entries/` and twelve digits.
const PREFIX: &str = "entries/";

/// Each lost round means that another writer appended an entry.
const ROUNDS: usize = 1_000;

/// An append-only history of records.
///
/// Appending reads and checks everything before it, so that nothing is built
/// upon a chain that does not hold. A Merkle log can take the place of the
/// chain: [`Ledger::append`], [`Ledger::entries`] and [`Ledger::verify`] are all
/// that callers see.
#[derive(Debug)]
pub struct Ledger {
    store: Box<dyn Store>,
    known: Mutex<Known>,
}

/// What was read and checked already.
#[derive(Debug, Default)]
struct Known {
    chain: Chain,
    entries: Vec<Entry>,
}

impl Ledger {
    /// A ledger in a store; an empty store is an empty ledger.
    #[must_use]
    pub fn new(store: Box<dyn Store>) -> Self {
        Self {
            store,
            known: Mutex::default(),
        }
    }

    /// Opens the store at a location, such as `file:.liftlock/ledger`.
    ///
    /// # Errors
    ///
    /// Fails when the text is no location of a store.
    pub fn open(location: &str) -> Result<Self, Error> {
        Ok(Self::new(store::open(location)?))
    }

    /// Appends a record and says where it is. A record whose id is there
    /// already is not appended again.
    ///
    /// # Errors
    ///
    /// Fails when the chain does not hold, the record is too large, or the
    /// store cannot be written; then the same call again is safe.
    pub fn append(&self, record: &Record) -> Result<Position, Error> {
        let mut known = self.known();
        for _ in 0..ROUNDS {
            self.catch_up(&mut known)?;
            if let Some(position) = known.chain.find(&record.id) {
                return Ok(position);
            }
            let line = known.chain.draft(record)?;
            let next = known.chain.head().seq.saturating_add(1);
            match self.store.put_if_absent(&key(next), &line)? {
                Put::Written(_) => {
                    known.accept(&line)?;
                    return Ok(known.chain.head());
                }
                Put::Exists => {}
            }
        }
        Err(Error::Busy)
    }

    /// The entries with these numbers, from a chain that holds up to its end.
    ///
    /// # Errors
    ///
    /// Fails when the chain does not hold or the store cannot be read.
    pub fn entries(&self, range: Range<u64>) -> Result<Vec<Entry>, Error> {
        let mut known = self.known();
        self.catch_up(&mut known)?;
        let within = |entry: &&Entry| range.contains(&entry.seq);
        Ok(known.entries.iter().filter(within).cloned().collect())
    }

    /// Reads everything anew and returns the end of the chain.
    ///
    /// # Errors
    ///
    /// Fails when the chain does not hold or the store cannot be read.
    pub fn verify(&self) -> Result<Head, Error> {
        self.verify_since(&Head::genesis())
    }

    /// As [`Ledger::verify`], and proves that an entry seen before is still there.
    ///
    /// # Errors
    ///
    /// As [`Ledger::verify`], and when the entry is gone or was replaced.
    pub fn verify_since(&self, pinned: &Head) -> Result<Head, Error> {
        let mut known = self.known();
        *known = Known::default();
        self.catch_up(&mut known)?;
        known.chain.expect(pinned)?;
        Ok(known.chain.head())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Whatever panicked while holding it, the chain holds as far as it goes.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and checks what was appended since the last time.
    fn catch_up(&self, known: &mut Known) -> Result<(), Error> {
        if known.entries.is_empty() {
            return self.read_all(known);
        }
        while let Some(line) = self.read(known.chain.head().seq.saturating_add(1))? {
            known.accept(&line)?;
        }
        Ok(())
    }

    fn read_all(&self, known: &mut Known) -> Result<(), Error> {
        for (found, stored) in self.store.scan(PREFIX)? {
            let seq = number(&found).ok_or_else(|| Error::Foreign(found.clone()))?;
            // A list that is made while others append may lack an entry that
            // is there; only one that cannot be read either is missing.
            while known.chain.head().seq.saturating_add(1) < seq {
                let missing = known.chain.head().seq.saturating_add(1);
                let line = self.read(missing)?.ok_or(Broken {
                    seq: missing,
                    why: Why::Missing,
                })?;
                known.accept(&line)?;
            }
            if seq > known.chain.head().seq {
                known.accept(&stored.bytes)?;
            }
        }
        Ok(())
    }

    fn read(&self, seq: u64) -> Result<Option<Vec<u8>>, Error> {
        let stored = self.store.get(&key(seq))?;
        if let Some(stored) = &stored
            && stored.bytes.len() > LARGEST_ENTRY
        {
            let why = Why::TooLarge(stored.bytes.len());
            return Err(Broken { seq, why }.into());
        }
        Ok(stored.map(|stored| stored.bytes))
    }
}

impl Known {
    fn accept(&mut self, line: &[u8]) -> Result<(), Broken> {
        let entry = self.chain.accept(line)?;
        self.entries.push(entry);
        Ok(())
    }
}

fn key(seq: u64) -> String {
    format!("{PREFIX}{seq:012}.json")
}

/// The number of an entry's key, in its one way of writing.
fn number(found: &str) -> Option<u64> {
    let digits = found.strip_prefix(PREFIX)?.strip_suffix(".json")?;
    let seq = digits.parse().ok()?;
    (seq > 0 && key(seq) == found).then_some(seq)
}

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("cannot use the ledger")]
    Store(#[from] store::Error),
    /// The chain does not hold.
    #[error("the ledger does not hold")]
    Broken(#[from] Broken),
    /// The record cannot be an entry.
    #[error("cannot append the record")]
    Record(#[from] record::ParseError),
    /// Something that is no entry lies between the entries.
    #[error("the ledger has `{0}`, which is no entry")]
    Foreign(String),
    /// Others appended faster for as long as we tried.
    #[error("the ledger is busy: other writers came first {ROUNDS} times")]
    Busy,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Broken(error) => error.kind(),
            Self::Record(error) => error.kind(),
            Self::Foreign(_) => Kind::Refuted,
            Self::Busy => Kind::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Broken(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Foreign(_) => Some("remove it, after finding out who put it there".to_owned()),
            Self::Busy => Some("run the same command again: a record is appended once".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::thread;

    use liftlock::record::{Actor, Id};
    use liftlock::time::Time;

    use super::*;

    type Edit = fn(&Path);

    fn record(name: &str) -> Record {
        let actor = Actor {
            id: "ci".to_owned(),
            proof: "asserted".to_owned(),
        };
        let service = "shop".parse().unwrap();
        let id = Id::derived(&[name]);
        Record::new(id, record::Kind::Note, Time::EPOCH, service, actor)
    }

    fn ledger(folder: &Path) -> Ledger {
        Ledger::open(&format!("file:{}", folder.display())).unwrap()
    }

    #[test]
    fn a_record_is_appended_once_by_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path());
        assert_eq!(ledger.verify().unwrap(), Head::genesis());
        let first = ledger.append(&record("a")).unwrap();
        let second = ledger.append(&record("b")).unwrap();
        assert_eq!(ledger.append(&record("a")).unwrap(), first);
        assert_eq!((first.seq, second.seq), (1, 2));
        assert_eq!(ledger.verify_since(&first).unwrap(), second);
        let other = self::ledger(folder.path());
        assert_eq!(other.append(&record("a")).unwrap(), first);
        assert_eq!(other.entries(2..9).unwrap()[0].record, record("b"));
    }

    #[test]
    fn many_writers_make_one_chain_with_every_record_once() {
        let mut locations = Vec::new();
        let folder = tempfile::tempdir().unwrap();
        locations.push(format!("file:{}", folder.path().join("l").display()));
        if cfg!(feature = "git") {
            let path = folder.path().join("repo.git");
            let mut git = std::process::Command::new("git");
            git.args(["init", "--quiet", "--bare"]).arg(&path);
            assert!(git.status().unwrap().success());
            locations.push(format!(
                "git+file://{}#refs/liftlock/ledger",
                path.display()
            ));
        }
        for location in locations {
            thread::scope(|scope| {
                for writer in 0..4 {
                    let location = &location;
                    scope.spawn(move || {
                        let ledger = Ledger::open(location).unwrap();
                        for number in 0..4 {
                            // Every record is told by two writers.
                            let name = format!("{} {number}", writer / 2);
                            ledger.append(&record(&name)).unwrap();
                        }
                    });
                }
            });
            let ledger = Ledger::open(&location).unwrap();
            assert_eq!(ledger.verify().unwrap().seq, 8, "{location}");
        }
    }

    #[test]
    fn a_missing_altered_or_foreign_entry_is_found_and_not_built_upon() {
        let edits: [(Edit, &str); 4] = [
            (
                |folder| std::fs::remove_file(folder.join("000000000002.json")).unwrap(),
                "entry 2 is missing",
            ),
            (
                |folder| {
                    let path = folder.join("000000000002.json");
                    let text = std::fs::read_to_string(&path).unwrap();
                    std::fs::write(path, text.replace("shop", "shoq")).unwrap();
                },
                "entry 3 does not follow entry 2",
            ),
            (
                |folder| std::fs::write(folder.join("000000000002.json"), "{\n").unwrap(),
                "entry 2 cannot",
            ),
            (
                |folder| std::fs::write(folder.join("1.json"), "{\n").unwrap(),
                "the ledger has `entries/1.json`",
            ),
        ];
        for (edit, message) in edits {
            let folder = tempfile::tempdir().unwrap();
            for name in ["a", "b", "c"] {
                ledger(folder.path()).append(&record(name)).unwrap();
            }
            edit(&folder.path().join("entries"));
            for error in [
                ledger(folder.path()).verify().unwrap_err(),
                ledger(folder.path()).append(&record("d")).unwrap_err(),
            ] {
                assert_eq!(error.kind(), Kind::Refuted);
                let lines = liftlock::failure::Failure::from(error).lines();
                assert!(
                    lines.iter().any(|line| line.starts_with(message)),
                    "{lines:?}"
                );
            }
        }
    }

    #[test]
    fn a_cut_end_is_found_with_a_pinned_head() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path());
        ledger.append(&record("a")).unwrap();
        let pinned = ledger.append(&record("b")).unwrap();
        std::fs::remove_file(folder.path().join("entries/000000000002.json")).unwrap();
        assert_eq!(ledger.verify().unwrap().seq, 1);
        let error = ledger.verify_since(&pinned).unwrap_err();
        assert!(matches!(error, Error::Broken(Broken { seq: 2, .. })));
    }
}
