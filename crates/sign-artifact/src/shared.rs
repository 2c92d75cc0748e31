//! One bundle for many targets, with its numbered pieces: each is read and
//! proved once, however many targets there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use liftlock::bundle::{Bundle, Content, Unchecked};
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::shard::MOST_SHARDS;

use crate::check::One;
use crate::found::Raw;
use crate::proof::{Company, Proof, Trust, Unproved, other, prove, said};
use crate::statement::place;
use crate::target::Target;
use crate::wanted::Wanted;

/// A bundle and its pieces.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pieces: Vec<Piece>,
    trust: &'a Trust,
    wanted: Wanted<'a>,
}

#[derive(Debug)]
struct Piece {
    from: String,
    holds: Holds,
    unchecked: Unchecked,
}

#[derive(Debug)]
enum Holds {
    /// A signature of one artifact, looked at with each.
    Message(Box<Bundle>),
    /// A proved statement of this type about these.
    Statement(String, BTreeSet<Digest>, Proof),
    /// Nothing that counts.
    Refused(String),
}

impl<'a> Shared<'a> {
    /// Reads the bundle of this name, and `NAME.1.sigstore.json` and on where
    /// there are such.
    pub(crate) fn open(path: &Path, trust: &'a Trust, wanted: Wanted<'a>) -> Result<Self, Failure> {
        let places = places(path);
        let company = Company::of(places.len());
        let pieces = places
            .iter()
            .map(|path| Piece::read(path, company, trust, wanted));
        Ok(Self {
            pieces: pieces.collect::<Result<_, _>>()?,
            trust,
            wanted,
        })
    }

    /// Notes what the pieces say about a target.
    pub(crate) fn judge(&self, one: &mut One, target: &Target) -> Result<(), Failure> {
        let wanted = self.wanted.at(&target.place);
        let mut about_others = 0_usize;
        for piece in &self.pieces {
            let outcome = match &piece.holds {
                Holds::Message(bundle) => {
                    let known = target.known(bundle, &self.trust.keys)?;
                    let outcome = prove(bundle, &known.artifact(), self.trust, wanted);
                    Company::of(self.pieces.len()).settle(outcome)?
                }
                Holds::Statement(uri, digests, proof) if digests.contains(&one.digest) => {
                    let outcome = wanted.check(uri).map(|()| proof.clone());
                    Company::Others.settle(outcome)?
                }
                Holds::Statement(..) => {
                    about_others += 1;
                    continue;
                }
                Holds::Refused(reason) => Err(reason.clone()),
            };
            one.add(&piece.from, outcome, piece.unchecked);
        }
        if let (false, Some(first), 1..) = (one.verified, self.pieces.first(), about_others) {
            let reason = match about_others {
                1 => other(&one.digest),
                many => format!("none of {many} statements is about `{}`", one.digest),
            };
            one.add(&first.from, Err(reason), Unchecked::default());
        }
        Ok(())
    }
}

impl Piece {
    fn read(
        path: &Path,
        company: Company,
        trust: &Trust,
        wanted: Wanted<'_>,
    ) -> Result<Self, Failure> {
        let raw = Raw::read(path)?;
        let bundle = match company.settle(raw.bundle().map_err(Unproved::Malformed))? {
            Ok(bundle) => bundle,
            Err(reason) => {
                return Ok(Self {
                    from: raw.from,
                    holds: Holds::Refused(reason),
                    unchecked: Unchecked::default(),
                });
            }
        };
        let unchecked = bundle.unchecked();
        let holds = match bundle.content() {
            Content::Message { .. } => Holds::Message(Box::new(bundle)),
            Content::Envelope(_) => match company.settle(said(&bundle, trust, wanted))? {
                Ok((statement, proof)) => Holds::Statement(
                    statement.predicate_type().to_owned(),
                    statement.digests().collect(),
                    proof,
                ),
                Err(reason) => Holds::Refused(reason),
            },
        };
        Ok(Self {
            from: raw.from,
            holds,
            unchecked,
        })
    }
}

/// The files that belong to a name: itself, and its pieces. Where there are
/// none, the name itself, so that its absence is told.
pub(crate) fn places(path: &Path) -> Vec<PathBuf> {
    let pieces = (1..=MOST_SHARDS).map(|number| place(path, number));
    let pieces = pieces.take_while(|piece| piece.exists());
    let mut found: Vec<PathBuf> = pieces.collect();
    if found.is_empty() || path.exists() {
        found.insert(0, path.to_owned());
    }
    found
}
