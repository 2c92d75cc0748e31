//! How many signers there are, nobody counted twice.

use std::collections::{BTreeMap, BTreeSet};

use liftlock::sigstore::identity::{Identity, Known};

use crate::proof::{Signer, Trust};

/// How many of the keys and identities that are trusted signed. All that one
/// identity describes is one signer, whatever its certificates say besides.
pub(crate) fn count(signers: &[Signer], trust: &Trust) -> usize {
    let mut keys = BTreeSet::new();
    let mut people: Vec<&Known> = Vec::new();
    for signer in signers {
        match signer {
            Signer::Key(id) => {
                keys.insert(id);
            }
            Signer::Identity(known) if people.iter().any(|one| same(one, known)) => {}
            Signer::Identity(known) => people.push(known),
        }
    }
    keys.len() + described(&people, &trust.identities)
}

/// Whether two certificates are of one identity: who began the run is no name.
fn same(one: &Known, other: &Known) -> bool {
    (&one.issuer, &one.names) == (&other.issuer, &other.names)
}

/// The most identities that can be said to have signed, where each takes one
/// of those that it describes.
fn described(people: &[&Known], identities: &[Identity]) -> usize {
    let mut asked: Vec<&Identity> = Vec::new();
    for identity in identities {
        if !asked.contains(&identity) {
            asked.push(identity);
        }
    }
    let fits = people.iter().map(|known| {
        let fit = |identity: &&&Identity| identity.is(known).is_ok();
        let places = asked.iter().enumerate();
        let fitting = places.filter(|(_, identity)| fit(identity));
        fitting.map(|(place, _)| place).collect()
    });
    let fits: Vec<Vec<usize>> = fits.collect();
    let mut held = BTreeMap::new();
    let people = 0..fits.len();
    people
        .filter(|person| place(*person, &fits, &mut held, &mut BTreeSet::new()))
        .count()
}

/// Finds a place for one more, and moves others where that takes it.
fn place(
    person: usize,
    fits: &[Vec<usize>],
    held: &mut BTreeMap<usize, usize>,
    tried: &mut BTreeSet<usize>,
) -> bool {
    for at in fits.get(person).into_iter().flatten() {
        if !tried.insert(*at) {
            continue;
        }
        let holder = held.get(at).copied();
        if holder.is_none_or(|holder| place(holder, fits, held, tried)) {
            held.insert(*at, person);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use liftlock::digest::Digest;

    const ISSUER: &str = "https://issuer.example";

    fn by(name: &str, begun_by: &str) -> Signer {
        Signer::Identity(Known {
            issuer: Some(ISSUER.to_owned()),
            names: vec![name.to_owned()],
            build_config: Some(begun_by.to_owned()),
        })
    }

    fn trusting(names: &[&str]) -> Trust {
        let identity = |name: &&str| Identity {
            issuer: ISSUER.parse().unwrap(),
            name: name.parse().unwrap(),
            build_config: None,
        };
        Trust {
            identities: names.iter().map(identity).collect(),
            ..Trust::default()
        }
    }

    #[test]
    fn nobody_counts_twice() {
        let shared = "https://ci.example/shared@v1";
        let other = "https://ci.example/other@v1";
        let tags = "^https://ci\\.example/shared@.*$";
        let all = "^https://ci\\.example/.*$";
        let cases: [(&[&str], &[Signer], usize); 8] = [
            // One workflow, called by two.
            (&[shared, other], &[by(shared, "x"), by(shared, "y")], 1),
            (&[all, shared], &[by(shared, "x"), by(shared, "y")], 1),
            (&[shared, other], &[by(shared, "x"), by(other, "x")], 2),
            // Every tag is one signer, also where it is asked for twice.
            (
                &[tags, other],
                &[by(shared, "x"), by("https://ci.example/shared@v2", "x")],
                1,
            ),
            (
                &[tags, tags],
                &[by(shared, "x"), by("https://ci.example/shared@v2", "x")],
                1,
            ),
            // Each finds a place, in whatever order they come.
            (&[all, shared], &[by(shared, "x"), by(other, "x")], 2),
            (&[all, shared], &[by(other, "x"), by(shared, "x")], 2),
            (&[other], &[by(shared, "x")], 0),
        ];
        for (asked, signers, expected) in cases {
            assert_eq!(count(signers, &trusting(asked)), expected, "{asked:?}");
        }
        let keys = [b"1", b"2", b"1"].map(|id| Signer::Key(Digest::of(id)));
        assert_eq!(count(&keys, &trusting(&[])), 2);
    }
}
