//! Small documents under keys, where two writers never both win.

mod error;
mod folder;
#[cfg(feature = "git")]
mod git;
mod location;
mod probe;
#[cfg(feature = "s3")]
mod s3;

use std::fmt;
use std::time::Duration;

use liftlock::digest::Digest;

pub use error::Error;
pub use folder::Folder;
#[cfg(feature = "git")]
pub use git::Git;
pub use location::Location;
#[cfg(feature = "git")]
pub(crate) use location::is_url;
pub use probe::probe;
#[cfg(feature = "s3")]
pub use s3::{Access, Error as BucketError, S3};

/// What every operation of a store returns.
pub type Result<T> = std::result::Result<T, Error>;

/// The most bytes of one document: a bundle around the largest predicate.
pub const LARGEST: usize = 32 * 1024 * 1024;

/// The most bytes that [`Store::scan`] holds in memory at once.
pub const LARGEST_SCAN: usize = 256 * 1024 * 1024;

/// How long one round to a remote store may take.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Which content a key had; changes with the content, and is only compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// The version of these bytes, for stores that have no versions of their own.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Digest::of(bytes).to_string())
    }

    /// A version as the store names it.
    #[must_use]
    pub const fn named(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A document as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The content.
    pub bytes: Vec<u8>,
    /// What a later [`Store::swap`] compares with.
    pub version: Version,
}

impl Stored {
    /// Content whose version is its digest.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        let version = Version::of(&bytes);
        Self { bytes, version }
    }
}

/// What became of a put-if-absent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "only `Written` means that it was written"]
pub enum Put {
    /// This call created the key.
    Written(Version),
    /// Somebody was first; nothing was written.
    Exists,
}

/// What became of a compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "only `Written` means that it was written"]
pub enum Swap {
    /// This call replaced the content.
    Written(Version),
    /// The key is absent or holds another version; nothing was written.
    Conflict,
}

/// Put-if-absent and compare-and-swap over keys such as `leases/shop.json`.
///
/// A key is made of segments of `A-Za-z0-9._-` joined by `/`; a document has
/// at most [`LARGEST`] bytes. There is no delete: what ends is overwritten
/// with its end, so that a version never comes back.
pub trait Store: fmt::Debug + Send + Sync {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Fails on an invalid key and when the store cannot be read. Absence is
    /// `None`, never an error.
    fn get(&self, key: &str) -> Result<Option<Stored>>;

    /// Creates a document unless the key exists.
    ///
    /// # Errors
    ///
    /// Fails on an invalid key, too many bytes, and when the store cannot be
    /// written; then it is unknown whether the document exists.
    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Put>;

    /// Replaces a document if it still has the expected version.
    ///
    /// # Errors
    ///
    /// As [`Store::put_if_absent`].
    fn swap(&self, key: &str, bytes: &[u8], expected: &Version) -> Result<Swap>;

    /// All keys that begin with a text, sorted; the empty text lists everything.
    ///
    /// # Errors
    ///
    /// Fails when the store cannot be read.
    fn list(&self, prefix: &str) -> Result<Vec<String>>;

    /// All documents whose keys begin with a text, sorted by key.
    ///
    /// # Errors
    ///
    /// Fails when the store cannot be read or holds more than [`LARGEST_SCAN`].
    fn scan(&self, prefix: &str) -> Result<Vec<(String, Stored)>> {
        let mut found = Vec::new();
        let mut room = LARGEST_SCAN;
        for key in self.list(prefix)? {
            let Some(stored) = self.get(&key)? else {
                continue;
            };
            room = room
                .checked_sub(stored.bytes.len())
                .ok_or_else(|| Error::TooLarge(format!("{prefix}*")))?;
            found.push((key, stored));
        }
        Ok(found)
    }
}

/// Opens a store by its location: `file:PATH`, `git+URL#REF` or
/// `s3://BUCKET/PREFIX`.
///
/// Nothing is contacted yet; [`probe`] does.
///
/// # Errors
///
/// Fails when the text is no location, or of a kind this program lacks, and
/// when the environment does not say how a bucket is reached.
pub fn open(location: &str) -> Result<Box<dyn Store>> {
    open_within(location, TIMEOUT)
}

/// As [`open`], for a caller with less time: no single round to a remote
/// store takes longer than this.
///
/// # Errors
///
/// As [`open`].
#[cfg_attr(
    not(any(feature = "git", feature = "s3")),
    expect(unused_variables, reason = "a folder is no remote store")
)]
pub fn open_within(location: &str, timeout: Duration) -> Result<Box<dyn Store>> {
    match location.parse()? {
        Location::Folder(path) => Ok(Box::new(Folder::new(path))),
        #[cfg(feature = "git")]
        Location::Git { url, reference } => Ok(Box::new(Git::new(url, reference, timeout))),
        #[cfg(not(feature = "git"))]
        Location::Git { .. } => Err(Error::Unsupported(location.to_owned())),
        #[cfg(feature = "s3")]
        Location::Bucket { bucket, prefix } => {
            let access = Access::from_environment().map_err(|source| Error::S3 {
                action: "open",
                place: location.to_owned(),
                source,
            })?;
            Ok(Box::new(S3::new(&bucket, &prefix, access, timeout)?))
        }
        #[cfg(not(feature = "s3"))]
        Location::Bucket { .. } => Err(Error::Unsupported(location.to_owned())),
    }
}

/// Refuses keys that could leave the store or collide with its own files.
fn check_key(key: &str) -> Result<()> {
    if key.len() <= 512 && key.split('/').all(is_segment) {
        Ok(())
    } else {
        Err(Error::Key(key.to_owned()))
    }
}

fn is_segment(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !segment.is_empty()
        && segment.len() <= 128
        && segment.bytes().all(plain)
        && !segment.starts_with(['.', '-'])
        && !segment.contains("..")
}

/// Checks what every write brings.
fn check_write(key: &str, bytes: &[u8]) -> Result<()> {
    check_key(key)?;
    if bytes.len() > LARGEST {
        return Err(Error::TooLarge(key.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_the_store() {
        for good in ["a", "a/b.json", "sha256/0f/slsa.dev-v1/x_1.json"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        let long = "a".repeat(129);
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            "a..b",
            ".git/config",
            "-a",
            "a b",
            "a\n",
            "a\0",
            "ä",
            "a\\b",
            "a:b",
            "*",
            &long,
        ] {
            assert!(check_key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn more_than_the_largest_document_is_refused() {
        let bytes = vec![0; LARGEST + 1];
        assert!(matches!(check_write("a", &bytes), Err(Error::TooLarge(_))));
    }
}
