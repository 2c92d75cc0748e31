//! Proofs that an entry is in a log's tree (RFC 9162 §2.1.3.2; the hashes are
//! those of RFC 6962 §2.1).

use sha2::{Digest as _, Sha256};

/// The hash of a leaf.
#[must_use]
pub fn leaf(body: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update([0])
        .chain_update(body)
        .finalize()
        .into()
}

fn node(left: &[u8], right: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update([1]).chain_update(left);
    hash.chain_update(right).finalize().into()
}

/// The root of the tree of `size` entries in which a leaf has this number,
/// with the hashes beside its way; nothing where they do not fit together.
#[must_use]
pub fn root(leaf: [u8; 32], index: u64, size: u64, beside: &[Vec<u8>]) -> Option<[u8; 32]> {
    if index >= size || beside.len() > 64 {
        return None;
    }
    let (mut index, mut last) = (index, size - 1);
    let mut hash = leaf;
    for other in beside {
        if last == 0 || other.len() != 32 {
            return None;
        }
        if index & 1 == 1 || index == last {
            hash = node(other, &hash);
            while index & 1 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, other);
        }
        index >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree by its definition (RFC 9162 §2.1.1).
    fn tree(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [only] => *only,
            all => {
                let split = all.len().next_power_of_two() / 2;
                node(&tree(&all[..split]), &tree(&all[split..]))
            }
        }
    }

    /// The proof by its definition (RFC 9162 §2.1.3.1).
    fn proof(index: usize, leaves: &[[u8; 32]]) -> Vec<Vec<u8>> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        let (mut way, other) = if index < split {
            (proof(index, left), tree(right))
        } else {
            (proof(index - split, right), tree(left))
        };
        way.push(other.to_vec());
        way
    }

    #[test]
    fn every_entry_of_every_small_tree_is_proved_and_no_other() {
        for size in 1..20_usize {
            let leaves: Vec<[u8; 32]> = (0..size).map(|one| leaf(&one.to_be_bytes())).collect();
            let expected = Some(tree(&leaves));
            for index in 0..size {
                let way = proof(index, &leaves);
                let found = |leaf, index: usize, size: usize, way: &[Vec<u8>]| {
                    root(leaf, index as u64, size as u64, way)
                };
                assert_eq!(found(leaves[index], index, size, &way), expected);
                let other = (index + 1) % size;
                if other != index {
                    assert_ne!(found(leaves[other], index, size, &way), expected);
                    assert_ne!(found(leaves[index], other, size, &way), expected);
                }
                assert_ne!(found(leaves[index], index, size + size, &way), expected);
                let longer = [way.clone(), vec![vec![0; 32]]].concat();
                assert_eq!(found(leaves[index], index, size, &longer), None);
                if let Some((_, shorter)) = way.split_last() {
                    assert_eq!(found(leaves[index], index, size, shorter), None);
                }
            }
        }
        assert_eq!(root(leaf(b""), 1, 1, &[]), None);
        assert_eq!(root(leaf(b""), 0, 2, &[vec![0; 31]]), None);
    }
}
