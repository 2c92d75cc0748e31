//! A Merkle tree with inclusion proofs (RFC 6962 §2.1).

use ring::digest::{Context, SHA256};

/// A node's hash.
pub(crate) type Hash = [u8; 32];

/// Leaf hashes in order; small enough to compute everything anew.
#[derive(Debug, Default)]
pub(crate) struct Tree(Vec<Hash>);

impl Tree {
    /// Adds a leaf and tells its index.
    pub(crate) fn push(&mut self, body: &[u8]) -> usize {
        self.0.push(leaf(body));
        self.0.len() - 1
    }

    pub(crate) const fn size(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn root(&self) -> Hash {
        root(&self.0)
    }

    /// Siblings from the leaf upwards.
    pub(crate) fn proof(&self, index: usize) -> Vec<Hash> {
        path(index, &self.0)
    }
}

/// The hash of a leaf.
pub(crate) fn leaf(body: &[u8]) -> Hash {
    hash(&[&[0], body])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Splits at the largest power of two below the number of leaves.
fn halves(leaves: &[Hash]) -> (&[Hash], &[Hash]) {
    leaves
        .split_at_checked(leaves.len().next_power_of_two() / 2)
        .unwrap_or((leaves, &[]))
}

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash(&[]),
        [only] => *only,
        many => {
            let (left, right) = halves(many);
            node(&root(left), &root(right))
        }
    }
}

fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = halves(leaves);
    let (mut path, sibling) = match index.checked_sub(left.len()) {
        None => (path(index, left), root(right)),
        Some(index) => (path(index, right), root(left)),
    };
    path.push(sibling);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9162 §2.1.3.2, another algorithm than the one above.
    fn proves(index: usize, size: usize, body: &[u8], proof: &[Hash]) -> Hash {
        let (mut node_index, mut last) = (index, size - 1);
        let mut hash = leaf(body);
        for sibling in proof {
            assert_ne!(last, 0);
            if node_index % 2 == 1 || node_index == last {
                hash = node(sibling, &hash);
                while node_index % 2 == 0 && node_index != 0 {
                    node_index >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node(&hash, sibling);
            }
            node_index >>= 1;
            last >>= 1;
        }
        assert_eq!(last, 0);
        hash
    }

    #[test]
    fn the_root_of_nothing_is_the_hash_of_nothing() {
        // SHA-256 of the empty string.
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(Tree::default().root()), empty);
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved() {
        let mut tree = Tree::default();
        for size in 1..=17 {
            tree.push(&[size]);
            let size = usize::from(size);
            assert_eq!(tree.size(), size);
            for index in 0..size {
                let body = [u8::try_from(index + 1).unwrap()];
                let root = proves(index, size, &body, &tree.proof(index));
                assert_eq!(root, tree.root(), "{index} of {size}");
            }
        }
    }
}
