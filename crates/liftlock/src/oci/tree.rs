//! What an index holds: images, and indexes in indexes.

use std::collections::{BTreeSet, VecDeque};

use super::document::{DOCKER_INDEX, Descriptor, INDEX, Index, MANIFESTS, ParseError};
use crate::digest::Digest;
use crate::failure::{Explain, Kind};

/// The most manifests below one index.
pub const MOST: usize = 1_000;
/// The most indexes in one another.
pub const DEEPEST: usize = 8;

/// A walk over an index and everything below it, each manifest once.
#[derive(Clone, Debug)]
pub struct Tree {
    waiting: VecDeque<(Descriptor, usize)>,
    seen: BTreeSet<Digest>,
    found: Vec<Descriptor>,
}

impl Tree {
    /// Begins at a manifest or index.
    #[must_use]
    pub fn new(root: Descriptor) -> Self {
        Self {
            seen: BTreeSet::from([root.digest]),
            waiting: VecDeque::from([(root, 0)]),
            found: Vec::new(),
        }
    }

    /// The next index that has to be read, and its depth for [`Tree::grow`].
    pub fn next_index(&mut self) -> Option<(Descriptor, usize)> {
        while let Some((entry, depth)) = self.waiting.pop_front() {
            self.found.push(entry.clone());
            if is_index(&entry.media_type) {
                return Some((entry, depth));
            }
        }
        None
    }

    /// Adds what an index lists.
    ///
    /// # Errors
    ///
    /// Fails when it is no index, when there are too many manifests, when they
    /// are too deep, and when something else than a manifest is listed.
    pub fn grow(&mut self, depth: usize, index: &[u8]) -> Result<(), Error> {
        let index = Index::parse(index)?;
        if depth >= DEEPEST && !index.manifests.is_empty() {
            return Err(Error::TooDeep);
        }
        for entry in index.manifests {
            if !MANIFESTS.contains(&entry.media_type.as_str()) {
                return Err(Error::Kind(entry.media_type));
            }
            if self.seen.insert(entry.digest) {
                self.waiting.push_back((entry, depth + 1));
            }
            if self.seen.len() > MOST {
                return Err(Error::TooMany);
            }
        }
        Ok(())
    }

    /// Everything that was found, the root first.
    #[must_use]
    pub fn found(self) -> Vec<Descriptor> {
        self.found
    }
}

/// Whether a manifest of this type lists others.
#[must_use]
pub fn is_index(media_type: &str) -> bool {
    [INDEX, DOCKER_INDEX].contains(&media_type)
}

/// What is below an index cannot be walked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Malformed.
    #[error("the index cannot be read")]
    Parse(#[from] ParseError),
    /// More than any image has platforms.
    #[error("more than {MOST} manifests are below the index")]
    TooMany,
    /// A tower of indexes.
    #[error("more than {DEEPEST} indexes are in one another")]
    TooDeep,
    /// Neither an image nor an index.
    #[error("the index lists a `{0}`, which is neither an image nor an index")]
    Kind(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::MANIFEST;
    use super::*;

    fn index(entries: Vec<Descriptor>) -> (Descriptor, Vec<u8>) {
        let mut index = Index::default();
        index.manifests = entries;
        let bytes = index.bytes().unwrap();
        (Descriptor::of(INDEX, &bytes), bytes)
    }

    #[test]
    fn every_manifest_is_found_once_and_the_root_is_first() {
        let (one, two) = (
            Descriptor::of(MANIFEST, b"1"),
            Descriptor::of(MANIFEST, b"2"),
        );
        let (inner, inner_bytes) = index(vec![one.clone(), two.clone()]);
        let (outer, outer_bytes) = index(vec![one.clone(), inner.clone(), one.clone()]);
        let mut tree = Tree::new(outer.clone());
        assert_eq!(tree.next_index(), Some((outer.clone(), 0)));
        tree.grow(0, &outer_bytes).unwrap();
        assert_eq!(tree.next_index(), Some((inner.clone(), 1)));
        tree.grow(1, &inner_bytes).unwrap();
        assert_eq!(tree.next_index(), None);
        assert_eq!(tree.found(), [outer, one, inner, two]);
    }

    #[test]
    fn an_image_is_its_own_tree() {
        let image = Descriptor::of(MANIFEST, b"1");
        let mut tree = Tree::new(image.clone());
        assert_eq!(tree.next_index(), None);
        assert_eq!(tree.found(), [image]);
    }

    #[test]
    fn towers_crowds_and_strangers_are_refused() {
        let image = Descriptor::of(MANIFEST, b"1");
        let (root, bytes) = index(vec![image]);
        let grow = |depth, bytes: &[u8]| Tree::new(root.clone()).grow(depth, bytes);
        assert!(grow(DEEPEST - 1, &bytes).is_ok());
        assert!(matches!(grow(DEEPEST, &bytes), Err(Error::TooDeep)));
        let crowd = (0..MOST).map(|number| Descriptor::of(MANIFEST, number.to_string().as_bytes()));
        let (_, crowd) = index(crowd.collect());
        assert!(matches!(grow(0, &crowd), Err(Error::TooMany)));
        let (_, strangers) = index(vec![Descriptor::of("text/plain", b"1")]);
        assert!(matches!(grow(0, &strangers), Err(Error::Kind(_))));
        assert!(matches!(grow(0, b"<html>"), Err(Error::Parse(_))));
    }
}
