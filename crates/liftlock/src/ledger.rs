//! The history as a chain: each entry names the digest of the one before it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::failure::{Explain, Kind};
use crate::json;
use crate::record::{self, Id, Record};

/// What the first entry follows: the digest of this text.
const GENESIS: &[u8] = b"liftlock ledger v1\n";

/// The most bytes of an entry. C2SP tlog-tiles gives an entry's length in
/// 16 bits, and every entry must fit into such a log.
pub const LARGEST_ENTRY: usize = 65_535;

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entry {
    /// Its number; the first is 1.
    pub seq: u64,
    /// The digest of the whole line before it, newline included.
    pub previous: Digest,
    /// What happened.
    pub record: Record,
}

/// A line before it is known which version its record has.
#[derive(Deserialize)]
struct Line {
    seq: u64,
    previous: Digest,
    record: Value,
}

/// The place of an entry, or the end of the chain: `SEQ:sha256:…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Head {
    /// The number of the entry; 0 before the first.
    pub seq: u64,
    /// The digest of its line, newline included.
    pub digest: Digest,
}

/// Where an appended record is.
pub type Position = Head;

impl Head {
    /// The end of a chain without entries.
    #[must_use]
    pub fn genesis() -> Self {
        Self {
            seq: 0,
            digest: Digest::of(GENESIS),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.seq, self.digest)
    }
}

impl FromStr for Head {
    type Err = BadHead;

    fn from_str(text: &str) -> Result<Self, BadHead> {
        let refused = || BadHead(text.chars().take(100).collect());
        let (seq, digest) = text.split_once(':').ok_or_else(refused)?;
        match (seq.parse(), digest.parse()) {
            (Ok(seq), Ok(digest)) => Ok(Self { seq, digest }),
            (Err(_), _) | (_, Err(_)) => Err(refused()),
        }
    }
}

/// The text is no head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a head: expected SEQ:DIGEST such as 12:sha256:…")]
pub struct BadHead(String);

/// A chain that holds as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    digests: Vec<Digest>,
    ids: BTreeMap<Id, Position>,
}

impl Chain {
    /// Reads lines from the first entry on.
    ///
    /// # Errors
    ///
    /// Fails at the first line that is malformed, altered, or out of place.
    pub fn verify(lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Head, Broken> {
        let mut chain = Self::default();
        for line in lines {
            chain.accept(line.as_ref())?;
        }
        Ok(chain.head())
    }

    /// The place of the last entry.
    #[must_use]
    pub fn head(&self) -> Head {
        let seq = u64::try_from(self.digests.len()).unwrap_or(u64::MAX);
        self.digests
            .last()
            .map_or_else(Head::genesis, |digest| Head {
                seq,
                digest: *digest,
            })
    }

    /// Where the record with this id is.
    #[must_use]
    pub fn find(&self, id: &Id) -> Option<Position> {
        self.ids.get(id).copied()
    }

    /// Checks that a line continues the chain, and makes it its end.
    ///
    /// # Errors
    ///
    /// Fails when it does not; the chain is then as it was before.
    pub fn accept(&mut self, line: &[u8]) -> Result<Entry, Broken> {
        let head = self.head();
        let seq = head.seq.saturating_add(1);
        let entry = understand(line).map_err(|why| Broken { seq, why })?;
        let why = if entry.seq != seq {
            Some(Why::Number(entry.seq))
        } else if entry.previous != head.digest {
            Some(Why::Previous(head.seq))
        } else {
            self.find(&entry.record.id)
                .map(|first| Why::Repeated(first.seq))
        };
        if let Some(why) = why {
            return Err(Broken { seq, why });
        }
        let digest = Digest::of(line);
        self.digests.push(digest);
        self.ids
            .insert(entry.record.id.clone(), Position { seq, digest });
        Ok(entry)
    }

    /// The line that would continue the chain with a record.
    ///
    /// # Errors
    ///
    /// Fails when the record is larger than an entry may be.
    pub fn draft(&self, record: &Record) -> Result<Vec<u8>, record::ParseError> {
        record.check()?;
        let head = self.head();
        let entry = Entry {
            seq: head.seq.saturating_add(1),
            previous: head.digest,
            record: record.clone(),
        };
        let line = json::line(&entry).map_err(json::ParseError::from)?;
        if line.len() > LARGEST_ENTRY {
            return Err(json::ParseError::TooLarge(line.len()).into());
        }
        Ok(line)
    }

    /// Checks that the chain still holds an entry that was seen at an earlier
    /// time: the only proof that nothing was cut off at its end.
    ///
    /// # Errors
    ///
    /// Fails when the chain ends before that entry, or has another in its place.
    pub fn expect(&self, pinned: &Head) -> Result<(), Broken> {
        let broken = |why| Broken {
            seq: pinned.seq,
            why,
        };
        let index = usize::try_from(pinned.seq).ok();
        let found = match index.and_then(|index| index.checked_sub(1)) {
            Some(index) => self.digests.get(index).copied(),
            None => Some(Head::genesis().digest),
        };
        match found {
            Some(digest) if digest == pinned.digest => Ok(()),
            Some(digest) => Err(broken(Why::Replaced(digest))),
            None => Err(broken(Why::Truncated(self.head().seq))),
        }
    }
}

fn understand(line: &[u8]) -> Result<Entry, Why> {
    if line.len() > LARGEST_ENTRY {
        return Err(Why::TooLarge(line.len()));
    }
    let Some((b'\n', body)) = line.split_last() else {
        return Err(Why::Cut);
    };
    if body.contains(&b'\n') {
        return Err(Why::Cut);
    }
    let parsed: Line = json::parse(body).map_err(|error| Why::Malformed(error.into()))?;
    let record = Record::from_value(parsed.record).map_err(|error| match error {
        record::ParseError::Version(version) => Why::Version(version),
        error @ (record::ParseError::Json(_)
        | record::ParseError::Unversioned
        | record::ParseError::Detail(_)) => Why::Malformed(error),
    })?;
    Ok(Entry {
        seq: parsed.seq,
        previous: parsed.previous,
        record,
    })
}

/// The chain does not hold.
#[derive(Debug)]
pub struct Broken {
    /// The number of the entry at which it breaks.
    pub seq: u64,
    /// What is wrong with it.
    pub why: Why,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "entry {} {}", self.seq, self.why)
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.why.source()
    }
}

impl Explain for Broken {
    fn kind(&self) -> Kind {
        match self.why {
            Why::Version(_) => Kind::Invalid,
            Why::Missing
            | Why::TooLarge(_)
            | Why::Cut
            | Why::Malformed(_)
            | Why::Number(_)
            | Why::Previous(_)
            | Why::Repeated(_)
            | Why::Truncated(_)
            | Why::Replaced(_) => Kind::Refuted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self.why {
            Why::Version(_) => Some("use a newer liftlock to read this ledger".to_owned()),
            Why::Missing
            | Why::TooLarge(_)
            | Why::Cut
            | Why::Malformed(_)
            | Why::Number(_)
            | Why::Previous(_)
            | Why::Repeated(_)
            | Why::Truncated(_)
            | Why::Replaced(_) => {
                Some("compare the ledger with a copy, and find out who wrote to it".to_owned())
            }
        }
    }
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// Nothing is there, but something follows.
    #[error("is missing")]
    Missing,
    /// Larger than any entry.
    #[error("has {0} bytes, and an entry may have {LARGEST_ENTRY}")]
    TooLarge(usize),
    /// Not one whole line.
    #[error("is not one whole line")]
    Cut,
    /// No entry.
    #[error("cannot be understood")]
    Malformed(#[source] record::ParseError),
    /// Written by a newer liftlock: not broken, but not readable either.
    #[error("has a record with `schema_version` {0}, and this version reads {ours}", ours = record::SCHEMA_VERSION)]
    Version(u64),
    /// In another's place.
    #[error("calls itself entry {0}")]
    Number(u64),
    /// The digests differ.
    #[error("does not follow entry {0}: one of the two was altered")]
    Previous(u64),
    /// One record twice.
    #[error("repeats the record of entry {0}")]
    Repeated(u64),
    /// The expected entry is not there any more.
    #[error("was seen before and is gone: the ledger ends at entry {0}")]
    Truncated(u64),
    /// Another entry is where the expected one was.
    #[error("was seen before and was replaced: it is {0}")]
    Replaced(Digest),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Actor;
    use crate::time::Time;

    fn record(number: usize) -> Record {
        let actor = Actor {
            id: "ci".to_owned(),
            proof: "asserted".to_owned(),
        };
        let id = Id::derived(&[&number.to_string()]);
        let service = "shop".parse().unwrap();
        Record::new(id, record::Kind::Note, Time::EPOCH, service, actor)
    }

    fn lines(count: usize) -> Vec<Vec<u8>> {
        let mut chain = Chain::default();
        (0..count)
            .map(|number| {
                let line = chain.draft(&record(number)).unwrap();
                chain.accept(&line).unwrap();
                line
            })
            .collect()
    }

    fn verify(lines: &[Vec<u8>]) -> Result<Head, Broken> {
        Chain::verify(lines.iter().map(Vec::as_slice))
    }

    #[test]
    fn an_honest_chain_has_a_head_that_can_be_written_down() {
        let lines = lines(5);
        let head = verify(&lines).unwrap();
        assert_eq!((head.seq, head.digest), (5, Digest::of(&lines[4])));
        assert_eq!(head.to_string().parse(), Ok(head));
        assert_eq!(verify(&[]).unwrap(), Head::genesis());
        for bad in [
            "",
            "5",
            "5:abc",
            "x:sha256:00",
            &format!("-1:{}", head.digest),
        ] {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_flipped_bit_but_in_the_last_entry_is_found() {
        let honest = lines(4);
        for entry in 0..3 {
            for place in 0..honest[entry].len() {
                let mut lines = honest.clone();
                lines[entry][place] ^= 1;
                let broken = verify(&lines).unwrap_err();
                let near = u64::try_from(entry).unwrap() + 1..=u64::try_from(entry).unwrap() + 2;
                assert!(near.contains(&broken.seq), "{entry} {place}: {broken}");
            }
        }
    }

    #[test]
    fn removal_reordering_repetition_and_cuts_are_found() {
        let honest = lines(4);
        let edit = |change: fn(&mut Vec<Vec<u8>>)| {
            let mut lines = honest.clone();
            change(&mut lines);
            verify(&lines).unwrap_err().to_string()
        };
        assert_eq!(
            edit(|lines| drop(lines.remove(0))),
            "entry 1 calls itself entry 2"
        );
        assert_eq!(
            edit(|lines| drop(lines.remove(1))),
            "entry 2 calls itself entry 3"
        );
        assert_eq!(
            edit(|lines| lines.swap(1, 2)),
            "entry 2 calls itself entry 3"
        );
        assert_eq!(
            edit(|lines| lines.push(lines[3].clone())),
            "entry 5 calls itself entry 4"
        );
        assert_eq!(
            edit(|lines| lines[2].truncate(40)),
            "entry 3 is not one whole line"
        );
        assert_eq!(
            edit(|lines| lines[3] = b"{}\n".to_vec()),
            "entry 4 cannot be understood"
        );
    }

    #[test]
    fn a_cut_at_the_end_is_found_by_a_pinned_head() {
        let honest = lines(4);
        let pinned = verify(&honest).unwrap();
        let mut chain = Chain::default();
        for line in honest.iter().take(3) {
            chain.accept(line).unwrap();
        }
        let error = chain.expect(&pinned).unwrap_err().to_string();
        assert!(
            error.starts_with("entry 4 was seen before and is gone"),
            "{error}"
        );
        chain.accept(&honest[3]).unwrap();
        chain.expect(&pinned).unwrap();
        chain.expect(&Head::genesis()).unwrap();
        let other = Head { seq: 2, ..pinned };
        let error = chain.expect(&other).unwrap_err().to_string();
        assert!(
            error.starts_with("entry 2 was seen before and was replaced"),
            "{error}"
        );
    }

    #[test]
    fn one_record_is_there_once_and_newer_majors_are_named() {
        let mut chain = Chain::default();
        let line = chain.draft(&record(1)).unwrap();
        chain.accept(&line).unwrap();
        let again = chain.draft(&record(1)).unwrap();
        let error = chain.accept(&again).unwrap_err();
        assert!(matches!(error.why, Why::Repeated(1)));
        assert_eq!(chain.find(&record(1).id).unwrap().seq, 1);
        let newer = String::from_utf8(chain.draft(&record(2)).unwrap()).unwrap();
        let newer = newer.replace("\"schema_version\":1", "\"schema_version\":2");
        let error = chain.accept(newer.as_bytes()).unwrap_err().to_string();
        let expected = "entry 2 has a record with `schema_version` 2, and this version reads 1";
        assert_eq!(error, expected);
    }

    #[test]
    fn an_entry_too_large_for_a_tile_is_not_written() {
        let mut large = record(1);
        large.run_url = Some("x".repeat(LARGEST_ENTRY));
        assert!(Chain::default().draft(&large).is_err());
    }
}
