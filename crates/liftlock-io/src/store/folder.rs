//! A folder on a local disk; a kill at any instruction leaves whole documents.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{Builder, NamedTempFile};

use super::{Error, LARGEST, Put, Result, Store, Stored, Swap, Version, check_key, check_write};
use crate::clock;

/// Unfinished documents live here: no key begins with a dot.
const UNFINISHED: &str = ".unfinished";
/// Held while a swap compares and replaces.
const LOCK: &str = ".lock";
/// As any program creates files: the umask decides who else may read.
const READABLE: u32 = 0o666;
/// A swap takes milliseconds; whoever holds the lock this long is stopped.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// Documents as files of a folder.
///
/// A document is written to a file of its own, flushed to the disk, and only
/// then gets its name: by a hard link where the name must be new (the system
/// refuses a second one), by a rename under a lock where it replaces.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// A folder that is created by the first write.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// An absent folder is an empty store; something else in its place is no
    /// store, and must not read as one that knows nothing.
    fn check_root(&self) -> Result<()> {
        match fs::metadata(&self.root) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => {
                let source = io::Error::from(io::ErrorKind::NotADirectory);
                Err(io_error("open", &self.root)(source))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(io_error("open", &self.root)(source)),
        }
    }

    /// Writes the bytes to a file that no key names, and flushes it.
    fn unfinished(&self, bytes: &[u8]) -> Result<NamedTempFile> {
        let folder = self.root.join(UNFINISHED);
        create_folders(&folder)?;
        let write = || {
            let mut file = Builder::new()
                .permissions(fs::Permissions::from_mode(READABLE))
                .tempfile_in(&folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        write().map_err(io_error("write to", &folder))
    }

    /// Takes the lock of the folder; it ends with the file, or with the process.
    fn lock(&self) -> Result<File> {
        let path = self.root.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io_error("open", &path))?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                    clock::wait(PAUSE);
                    waited += PAUSE;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Busy(path.display().to_string()));
                }
                Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
            }
        }
    }
}

impl Store for Folder {
    fn get(&self, key: &str) -> Result<Option<Stored>> {
        check_key(key)?;
        self.check_root()?;
        let path = self.root.join(key);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(source) => return Err(io_error("open", &path)(source)),
        };
        let most = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        match file.take(most).read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => return Ok(None),
            Err(source) => return Err(io_error("read", &path)(source)),
        }
        if bytes.len() > LARGEST {
            return Err(Error::TooLarge(path.display().to_string()));
        }
        Ok(Some(Stored::of(bytes)))
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Put> {
        check_write(key, bytes)?;
        let path = self.root.join(key);
        let folder = path.parent().unwrap_or(&self.root);
        create_folders(folder)?;
        let file = self.unfinished(bytes)?;
        match fs::hard_link(file.path(), &path) {
            Ok(()) => {
                flush_folder(folder)?;
                Ok(Put::Written(Version::of(bytes)))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Put::Exists),
            Err(source) => Err(io_error("create", &path)(source)),
        }
    }

    fn swap(&self, key: &str, bytes: &[u8], expected: &Version) -> Result<Swap> {
        check_write(key, bytes)?;
        let path = self.root.join(key);
        if self.get(key)?.is_none() {
            return Ok(Swap::Conflict);
        }
        let file = self.unfinished(bytes)?;
        let lock = self.lock()?;
        let current = self.get(key)?.map(|stored| stored.version);
        if current.as_ref() != Some(expected) {
            return Ok(Swap::Conflict);
        }
        file.persist(&path)
            .map_err(|error| io_error("replace", &path)(error.error))?;
        flush_folder(path.parent().unwrap_or(&self.root))?;
        drop(lock);
        Ok(Swap::Written(Version::of(bytes)))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.check_root()?;
        let mut keys = Vec::new();
        let mut open = vec![(self.root.clone(), String::new())];
        while let Some((folder, name)) = open.pop() {
            for (path, key) in children(&folder, &name)? {
                let may_hold = key.starts_with(prefix) || prefix.starts_with(&key);
                let kind = fs::symlink_metadata(&path)
                    .map_err(io_error("read", &path))?
                    .file_type();
                if !may_hold {
                } else if kind.is_dir() {
                    open.push((path, key));
                } else if !kind.is_file() {
                    return Err(Error::Foreign(path));
                } else if key.starts_with(prefix) {
                    keys.push(key);
                }
            }
        }
        keys.sort();
        Ok(keys)
    }
}

/// What a folder holds, without the store's own files: path and key.
fn children(folder: &Path, name: &str) -> Result<Vec<(PathBuf, String)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(source) => return Err(io_error("list", folder)(source)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(io_error("list", folder))?.path();
        let segment = path.file_name().and_then(|segment| segment.to_str());
        let segment = segment.ok_or_else(|| Error::Foreign(path.clone()))?;
        if segment.starts_with('.') {
            continue;
        }
        let key = match name {
            "" => segment.to_owned(),
            _ => format!("{name}/{segment}"),
        };
        found.push((path, key));
    }
    Ok(found)
}

/// Creates a folder and flushes the folders that new names were added to.
fn create_folders(folder: &Path) -> Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    for path in missing {
        if let Some(parent) = path.parent() {
            flush_folder(parent)?;
        }
    }
    Ok(())
}

/// Makes new names survive a loss of power.
fn flush_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(io_error("flush", folder))
}

/// Absent, or a key below another document.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let kept = tempfile::tempdir().unwrap();
        let store = Folder::new(kept.path().join("new/state"));
        (kept, store)
    }

    #[test]
    fn nothing_is_there_before_the_first_write() {
        let (_kept, store) = folder();
        assert_eq!(store.get("a/b").unwrap(), None);
        assert_eq!(store.list("").unwrap(), Vec::<String>::new());
        let swapped = store.swap("a/b", b"1", &Version::of(b"")).unwrap();
        assert_eq!(swapped, Swap::Conflict);
    }

    #[test]
    fn a_key_is_created_once_and_swapped_only_from_its_version() {
        let (_kept, store) = folder();
        let first = store.put_if_absent("a/b.json", b"1").unwrap();
        assert_eq!(first, Put::Written(Version::of(b"1")));
        assert_eq!(store.put_if_absent("a/b.json", b"2").unwrap(), Put::Exists);
        let read = store.get("a/b.json").unwrap().unwrap();
        assert_eq!(read.bytes, b"1");
        let swapped = store.swap("a/b.json", b"2", &read.version).unwrap();
        assert_eq!(swapped, Swap::Written(Version::of(b"2")));
        let late = store.swap("a/b.json", b"3", &read.version).unwrap();
        assert_eq!(late, Swap::Conflict);
        assert_eq!(store.get("a/b.json").unwrap().unwrap().bytes, b"2");
    }

    #[test]
    fn keys_are_listed_by_prefix_in_order_without_the_stores_own_files() {
        let (_kept, store) = folder();
        for key in ["b/2", "b/1", "ba", "a/x/y"] {
            assert!(matches!(
                store.put_if_absent(key, b"-").unwrap(),
                Put::Written(_)
            ));
        }
        assert_eq!(store.list("").unwrap(), ["a/x/y", "b/1", "b/2", "ba"]);
        assert_eq!(store.list("b").unwrap(), ["b/1", "b/2", "ba"]);
        assert_eq!(store.list("b/").unwrap(), ["b/1", "b/2"]);
        assert_eq!(store.list("a/x/").unwrap(), ["a/x/y"]);
        assert_eq!(store.scan("b/").unwrap().len(), 2);
    }

    #[test]
    fn what_a_killed_writer_left_is_never_seen() {
        let (_kept, store) = folder();
        let left = store.unfinished(b"half").unwrap();
        let (_file, _path) = left.keep().unwrap();
        assert_eq!(store.list("").unwrap(), Vec::<String>::new());
        assert!(matches!(
            store.put_if_absent("a", b"1").unwrap(),
            Put::Written(_)
        ));
        assert_eq!(store.list("").unwrap(), ["a"]);
    }

    #[test]
    fn a_link_planted_in_the_folder_is_not_listed_as_a_document() {
        let (kept, store) = folder();
        assert!(matches!(
            store.put_if_absent("a", b"1").unwrap(),
            Put::Written(_)
        ));
        std::os::unix::fs::symlink("/etc", kept.path().join("new/state/b")).unwrap();
        assert!(matches!(store.list(""), Err(Error::Foreign(_))));
    }
}
