//! Proves that a store refuses the second writer before it is trusted with one.

use super::{Error, Put, Result, Store, Swap};
use crate::random;

/// The one key that probes write; a store keeps a single document of theirs.
const KEY: &str = "probe/probe.json";

/// Creates the same key twice and updates it with a stale version; both must
/// be refused. Two probes at the same time do not disturb each other.
///
/// # Errors
///
/// Fails with [`Error::NotHonoured`] when the store accepted what it had to
/// refuse, or lost what it accepted, and when it cannot be reached.
pub fn probe(store: &dyn Store) -> Result<()> {
    drop(store.put_if_absent(KEY, &mark()?)?);
    let before = read(store)?;
    if store.put_if_absent(KEY, &mark()?)? != Put::Exists {
        return Err(Error::NotHonoured("put-if-absent: it created a key twice"));
    }
    // Another probe may swap between our read and our swap; then its swap has
    // made our version stale, which is all that the next question needs.
    let ours = mark()?;
    let swapped = store.swap(KEY, &ours, &before.version)?;
    if store.swap(KEY, &mark()?, &before.version)? != Swap::Conflict {
        return Err(Error::NotHonoured(
            "compare-and-swap: it replaced a version that was gone",
        ));
    }
    match swapped {
        Swap::Written(version) if version == before.version => Err(Error::NotHonoured(
            "compare-and-swap: two contents have one version",
        )),
        Swap::Written(_) | Swap::Conflict => read(store).map(drop),
    }
}

fn read(store: &dyn Store) -> Result<super::Stored> {
    store
        .get(KEY)?
        .ok_or(Error::NotHonoured("writes: what it accepted is not there"))
}

fn mark() -> Result<Vec<u8>> {
    let token = random::token()?;
    Ok(format!("{{\"probe\":\"{token}\"}}\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use liftlock::failure::{Explain as _, Kind};

    use super::*;
    use crate::store::{Folder, Stored, Version};

    /// What a broken store forgets to check.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Forgets {
        Nothing,
        Absence,
        Version,
        Content,
    }

    #[derive(Debug)]
    struct Broken {
        forgets: Forgets,
        documents: Mutex<BTreeMap<String, Vec<u8>>>,
    }

    impl Broken {
        fn write(&self, key: &str, bytes: &[u8]) -> Version {
            if self.forgets != Forgets::Content {
                let mut documents = self.documents.lock().unwrap();
                documents.insert(key.to_owned(), bytes.to_vec());
            }
            Version::of(bytes)
        }
    }

    impl Store for Broken {
        fn get(&self, key: &str) -> Result<Option<Stored>> {
            Ok(self
                .documents
                .lock()
                .unwrap()
                .get(key)
                .cloned()
                .map(Stored::of))
        }

        fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Put> {
            let exists = self.get(key)?.is_some();
            if exists && self.forgets != Forgets::Absence {
                return Ok(Put::Exists);
            }
            Ok(Put::Written(self.write(key, bytes)))
        }

        fn swap(&self, key: &str, bytes: &[u8], expected: &Version) -> Result<Swap> {
            let current = self.get(key)?.map(|stored| stored.version);
            if current.as_ref() != Some(expected) && self.forgets != Forgets::Version {
                return Ok(Swap::Conflict);
            }
            Ok(Swap::Written(self.write(key, bytes)))
        }

        fn list(&self, _: &str) -> Result<Vec<String>> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_store_that_forgets_a_condition_is_refused_by_name() {
        for (forgets, word) in [
            (Forgets::Absence, "put-if-absent"),
            (Forgets::Version, "compare-and-swap"),
            (Forgets::Content, "writes"),
        ] {
            let store = Broken {
                forgets,
                documents: Mutex::default(),
            };
            let error = probe(&store).unwrap_err();
            let start = format!("store does not honour {word}");
            assert!(error.to_string().starts_with(&start), "{error}");
            assert_eq!(error.kind(), Kind::Invalid);
        }
    }

    #[test]
    fn an_honest_store_passes_as_often_as_it_is_asked() {
        let store = Broken {
            forgets: Forgets::Nothing,
            documents: Mutex::default(),
        };
        probe(&store).unwrap();
        probe(&store).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        probe(&store).unwrap();
        probe(&store).unwrap();
        assert_eq!(store.list("").unwrap(), [KEY]);
    }
}
