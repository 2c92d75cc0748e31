//! A store in memory whose process can die at any write.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use liftlock_io::store::{Error, Put, Result, Store, Stored, Swap, Version};

/// When a process dies: at which of its writes, and whether that one is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    Never,
    Before(usize),
    After(usize),
}

/// One process: all stores that it opened die with it.
#[derive(Debug)]
pub(crate) struct Life {
    death: Death,
    /// It is dead where this file is.
    marker: Option<PathBuf>,
    /// What was written, or was to be when it died.
    writes: Mutex<Vec<String>>,
}

impl Life {
    pub(crate) fn new(death: Death) -> Arc<Self> {
        Arc::new(Self {
            death,
            marker: None,
            writes: Mutex::default(),
        })
    }

    /// One that dies when this file is made.
    pub(crate) fn until(marker: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            death: Death::Never,
            marker: Some(marker),
            writes: Mutex::default(),
        })
    }

    pub(crate) fn writes(&self) -> usize {
        self.writes.lock().unwrap().len()
    }

    /// The keys that were written, in order.
    pub(crate) fn wrote(&self) -> Vec<String> {
        self.writes.lock().unwrap().clone()
    }

    fn limit(&self) -> usize {
        match self.death {
            Death::Never => usize::MAX,
            Death::Before(at) | Death::After(at) => at,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.marker.as_ref().is_some_and(|marker| marker.exists()) || self.writes() >= self.limit()
    }

    fn check(&self) -> Result<()> {
        if self.is_over() {
            Err(Error::Busy("a dead process".to_owned()))
        } else {
            Ok(())
        }
    }

    /// Has a write, or dies of it.
    fn write<T>(&self, key: &str, write: impl FnOnce() -> Result<T>) -> Result<T> {
        self.check()?;
        let now = {
            let mut writes = self.writes.lock().unwrap();
            writes.push(key.to_owned());
            writes.len()
        };
        if now < self.limit() {
            return write();
        }
        if let Death::After(_) = self.death {
            drop(write());
        }
        Err(Error::Busy("a dying process".to_owned()))
    }
}

/// What outlives every process.
pub(crate) type Disk = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

#[derive(Debug)]
pub(crate) struct Mortal {
    pub(crate) disk: Disk,
    pub(crate) life: Arc<Life>,
}

impl Store for Mortal {
    fn get(&self, key: &str) -> Result<Option<Stored>> {
        self.life.check()?;
        let found = self.disk.lock().unwrap().get(key).cloned();
        Ok(found.map(Stored::of))
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Put> {
        self.life.write(key, || {
            let mut disk = self.disk.lock().unwrap();
            if disk.contains_key(key) {
                return Ok(Put::Exists);
            }
            disk.insert(key.to_owned(), bytes.to_vec());
            Ok(Put::Written(Version::of(bytes)))
        })
    }

    fn swap(&self, key: &str, bytes: &[u8], expected: &Version) -> Result<Swap> {
        self.life.write(key, || {
            let mut disk = self.disk.lock().unwrap();
            match disk.get_mut(key) {
                Some(found) if Version::of(found) == *expected => *found = bytes.to_vec(),
                Some(_) | None => return Ok(Swap::Conflict),
            }
            Ok(Swap::Written(Version::of(bytes)))
        })
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.life.check()?;
        let disk = self.disk.lock().unwrap();
        let keys = disk.keys().filter(|key| key.starts_with(prefix));
        Ok(keys.cloned().collect())
    }
}
