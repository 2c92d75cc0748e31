//! The ledger in a store: many writers, one chain, every record once.

use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use liftlock::failure::{Explain, Kind};
use liftlock::ledger::{Broken, Chain, Entry, Head, LARGEST_ENTRY, Position, Why};
use liftlock::record::{self, Id, Record};

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

/// Where an appended record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The entry of the record, written now or before.
    pub position: Position,
    /// The end of the chain.
    pub head: Head,
    /// The id that the entry has.
    pub id: Id,
    /// What has the record's own id instead, where that is something else.
    pub taken: Option<Taken>,
}

/// An entry that has the id of a record and tells something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The number of the entry.
    pub seq: u64,
    /// The field in which the two differ.
    pub differs: &'static str,
}

impl fmt::Display for Taken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, differs } = self;
        write!(
            formatter,
            "entry {seq} has the id of this record and tells something else (`{differs}`)"
        )
    }
}

/// What was read and checked already.
#[derive(Debug, Default)]
struct Known {
    chain: Chain,
    entries: Vec<Entry>,
    /// The line of the last entry.
    last: Vec<u8>,
    /// Whether the store was seen to refuse a second writer.
    refuses: bool,
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

    /// Appends a record and says where it is. An event that was told already is
    /// not told again. Where another record has its id, it gets a second one, so
    /// that nobody can keep it out, and this is told.
    ///
    /// # Errors
    ///
    /// Fails when the chain does not hold, the record is too large, or the
    /// store cannot be written; then the same call again is safe.
    pub fn append(&self, record: &Record) -> Result<Appended, Error> {
        let mut known = self.known();
        for _ in 0..ROUNDS {
            self.catch_up(&mut known)?;
            let (record, taken) = known.room(record);
            let id = record.id.clone();
            if let Some(position) = known.chain.find(&id) {
                return Ok(known.appended(position, id, taken));
            }
            let line = known.chain.draft(&record)?;
            self.prove(&mut known)?;
            let next = known.chain.head().seq.saturating_add(1);
            match self.store.put_if_absent(&key(next), &line)? {
                Put::Written(_) => {
                    known.accept(&line)?;
                    self.prove(&mut known)?;
                    if let Some(taken) = taken {
                        tracing::warn!("{taken}: it is entry {next} under a second id");
                    }
                    return Ok(known.appended(known.chain.head(), id, taken));
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
        *known = Known {
            refuses: known.refuses,
            ..Known::default()
        };
        self.catch_up(&mut known)?;
        known.chain.expect(pinned)?;
        Ok(known.chain.head())
    }

    /// Proves once that the store refuses who writes an entry that is there:
    /// otherwise two writers would overwrite each other's, and both call theirs
    /// recorded. What is offered is what is there, so that nothing changes.
    fn prove(&self, known: &mut Known) -> Result<(), Error> {
        let seq = known.chain.head().seq;
        if known.refuses || seq == 0 {
            return Ok(());
        }
        match self.store.put_if_absent(&key(seq), &known.last)? {
            Put::Exists => known.refuses = true,
            Put::Written(_) => {
                let what = "put-if-absent: it created a key twice";
                return Err(store::Error::NotHonoured(what).into());
            }
        }
        Ok(())
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
    /// The record under the first of its ids that no other event has, and what
    /// has its own. Ids follow from what everybody can read, so that anybody who
    /// may append can take them first; each one costs such a person an entry.
    fn room(&self, record: &Record) -> (Record, Option<Taken>) {
        let (mut room, mut taken) = (record.clone(), None);
        while let Some((seq, differs)) = self.other(&room) {
            taken = taken.or(Some(Taken { seq, differs }));
            room = Record {
                id: room.id,
                ..record.clone()
            }
            .instead(seq);
        }
        (room, taken)
    }

    /// The entry that has the id of a record and tells something else.
    fn other(&self, record: &Record) -> Option<(u64, &'static str)> {
        let seq = self.chain.find(&record.id)?.seq;
        let index = usize::try_from(seq).ok()?.checked_sub(1)?;
        let differs = self.entries.get(index)?.record.difference(record)?;
        Some((seq, differs))
    }

    fn appended(&self, position: Position, id: Id, taken: Option<Taken>) -> Appended {
        Appended {
            position,
            head: self.chain.head(),
            id,
            taken,
        }
    }

    fn accept(&mut self, line: &[u8]) -> Result<(), Broken> {
        let entry = self.chain.accept(line)?;
        self.entries.push(entry);
        line.clone_into(&mut self.last);
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

    use liftlock::record::Actor;
    use liftlock::time::Time;
    use liftlock::verdict::Verdict;

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
        let first = ledger.append(&record("a")).unwrap().position;
        let second = ledger.append(&record("b")).unwrap().position;
        let again = ledger.append(&record("a")).unwrap();
        assert_eq!((again.position, again.head), (first, second));
        assert_eq!(again.taken, None);
        assert_eq!((first.seq, second.seq), (1, 2));
        assert_eq!(ledger.verify_since(&first).unwrap(), second);
        let other = self::ledger(folder.path());
        assert_eq!(other.append(&record("a")).unwrap().position, first);
        assert_eq!(other.entries(2..9).unwrap()[0].record, record("b"));
    }

    /// A folder that forgets to ask whether a key is there, as a bucket does that
    /// does not know `If-None-Match`.
    #[derive(Debug)]
    struct Deaf(std::path::PathBuf);

    impl Store for Deaf {
        fn get(&self, key: &str) -> store::Result<Option<store::Stored>> {
            store::Folder::new(&self.0).get(key)
        }

        fn put_if_absent(&self, key: &str, bytes: &[u8]) -> store::Result<Put> {
            let place = self.0.join(key);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, bytes).unwrap();
            Ok(Put::Written(store::Version::of(bytes)))
        }

        fn swap(&self, _: &str, _: &[u8], _: &store::Version) -> store::Result<store::Swap> {
            Ok(store::Swap::Conflict)
        }

        fn list(&self, prefix: &str) -> store::Result<Vec<String>> {
            store::Folder::new(&self.0).list(prefix)
        }
    }

    #[test]
    fn a_store_that_lets_two_writers_win_is_not_called_a_ledger() {
        let folder = tempfile::tempdir().unwrap();
        for entries in [1, 1] {
            let deaf = Ledger::new(Box::new(Deaf(folder.path().to_owned())));
            let error = deaf.append(&record("a")).err();
            let error = error.or_else(|| deaf.append(&record("b")).err()).unwrap();
            assert_eq!(error.kind(), Kind::Invalid);
            let told = liftlock::failure::Failure::from(error).lines().join(": ");
            assert!(
                told.contains("store does not honour put-if-absent"),
                "{told}"
            );
            // What was there is as it was.
            assert_eq!(ledger(folder.path()).verify().unwrap().seq, entries);
        }
    }

    #[test]
    fn an_id_that_somebody_took_before_keeps_nothing_out() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(folder.path());
        let mut honest = record("a");
        honest.kind = record::Kind::PromotionFinished;
        honest.verdict = Some(Verdict::Fail);
        // Both the id and the one after it.
        let squats = [record("a"), record("a").instead(1)];
        for squat in &squats {
            ledger.append(squat).unwrap();
        }
        let told = ledger.append(&honest).unwrap();
        let taken = told.taken.unwrap();
        assert_eq!(
            (told.position.seq, taken.seq, taken.differs),
            (3, 1, "kind")
        );
        assert!(squats.iter().all(|squat| squat.id != told.id));
        let kept = ledger.entries(3..4).unwrap().remove(0).record;
        assert_eq!((&kept.kind, kept.verdict), (&honest.kind, honest.verdict));
        assert_eq!(
            (kept.id, kept.detail["instead_of"].as_u64()),
            (told.id, Some(2))
        );
        // Told again by whoever comes next, it is there once.
        honest.actor.id = "another".to_owned();
        let again = self::ledger(folder.path()).append(&honest).unwrap();
        assert_eq!((again.position, again.head.seq), (told.position, 3));
        assert_eq!(ledger.verify().unwrap(), again.head);
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
        let pinned = ledger.append(&record("b")).unwrap().head;
        std::fs::remove_file(folder.path().join("entries/000000000002.json")).unwrap();
        assert_eq!(ledger.verify().unwrap().seq, 1);
        let error = ledger.verify_since(&pinned).unwrap_err();
        assert!(matches!(error, Error::Broken(Broken { seq: 2, .. })));
    }
}
