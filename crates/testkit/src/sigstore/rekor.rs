//! What both versions of Rekor have in common: a log of canonical entries.

mod v1;
mod v2;

use anyhow::Result;
use liftlock::digest::Digest;

pub(crate) use v1::V1;
pub(crate) use v2::V2;

use super::fault::Lie;
use super::key::{Curve, Pair};
use super::merkle::{Hash, Tree};
use super::note;

/// Entries of others, so that a proof of our first one is not empty.
const OTHERS: [&[u8]; 3] = [
    b"{\"kind\":\"a\"}",
    b"{\"kind\":\"b\"}",
    b"{\"kind\":\"c\"}",
];

/// Entries, their tree and the key that vouches for it.
#[derive(Debug)]
pub(crate) struct Log {
    key: Pair,
    /// A key in no root, for lies.
    unknown: Pair,
    name: String,
    origin: String,
    bodies: Vec<Vec<u8>>,
    tree: Tree,
}

/// Where an entry is and what proves it.
pub(crate) struct Proof {
    pub(crate) index: usize,
    pub(crate) size: usize,
    pub(crate) root: Hash,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) checkpoint: String,
}

impl Log {
    fn new(curve: Curve, name: &str, origin: &str) -> Result<Self> {
        let mut log = Self {
            key: Pair::new(curve)?,
            unknown: Pair::new(curve)?,
            name: name.to_owned(),
            origin: origin.to_owned(),
            bodies: Vec::new(),
            tree: Tree::default(),
        };
        for body in OTHERS {
            log.push(body);
        }
        Ok(log)
    }

    fn push(&mut self, body: &[u8]) -> usize {
        self.bodies.push(body.to_vec());
        self.tree.push(body)
    }

    fn find(&self, body: &[u8]) -> Option<usize> {
        self.bodies.iter().position(|known| known == body)
    }

    fn body(&self, index: usize) -> &[u8] {
        self.bodies
            .get(index)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// How many entries clients have made.
    pub(crate) const fn entries(&self) -> usize {
        self.bodies.len() - OTHERS.len()
    }

    pub(crate) const fn key(&self) -> &Pair {
        &self.key
    }

    /// The identifier in roots and entries.
    pub(crate) fn id(&self) -> Digest {
        note::key_id(&self.name, &self.key)
    }

    fn proof(&self, index: usize, lie: Option<Lie>) -> Result<Proof> {
        let key = match lie {
            Some(Lie::OtherLog) => &self.unknown,
            Some(_) | None => &self.key,
        };
        let mut hashes = self.tree.proof(index);
        if lie == Some(Lie::WrongProof)
            && let Some(byte) = hashes.first_mut().and_then(|hash| hash.first_mut())
        {
            *byte ^= 1;
        }
        Ok(Proof {
            index,
            size: self.tree.size(),
            root: self.tree.root(),
            hashes,
            checkpoint: note::checkpoint(&self.origin, &self.name, key, &self.tree)?,
        })
    }
}
