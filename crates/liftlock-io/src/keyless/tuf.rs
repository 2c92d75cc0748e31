//! Newer trusted roots from a TUF repository, and the file that keeps them.
//!
//! The file is one document that is proved from the first root on whenever it
//! is read, and replaced as a whole: any number of processes may do so at
//! once, without a lock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::failure::{Explain, Kind};
use liftlock::json;
use liftlock::sigstore::public;
use liftlock::sigstore::tuf::{self, Kept, Refused, Start, Versions};
use liftlock::span::Span;
use liftlock::time::Time;
use url::Url;

use super::Error as Status;
use crate::http::{Client, Limits, Request};
use crate::verify::Local;
use crate::{clock, env, file, http};

/// How long one file may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an update may take.
const BUDGET: Span = Span::seconds(60);

/// The most bytes of what is kept; roots are most of it.
const LARGEST: u64 = 24 * 1024 * 1024;

/// The most bytes of a first root.
const LARGEST_ROOT: u64 = 512_000;

/// A TUF repository, and where its updates are kept.
#[derive(Clone, Debug)]
pub struct Repository {
    mirror: Url,
    first: Vec<u8>,
    /// Whether it begins with the keys of the public instance.
    pub is_public: bool,
    /// The file of the last update; nothing where this machine has no place
    /// for such files.
    pub place: Option<PathBuf>,
}

impl Repository {
    /// The repository of the public instance, at another mirror if one is
    /// given, or of a private one that begins with this root.
    ///
    /// # Errors
    ///
    /// Fails when the mirror is no address and when the root cannot be read.
    pub fn open(mirror: Option<&str>, root: Option<&Path>) -> Result<Self, Error> {
        let text = mirror.unwrap_or(public::MIRROR).trim_end_matches('/');
        let parsed = format!("{text}/").parse::<Url>().ok();
        let mirror = parsed
            .filter(|url| url.has_host() && matches!(url.scheme(), "https" | "http"))
            .ok_or_else(|| Error::Address(text.to_owned()))?;
        let first = match root {
            Some(path) => file::read(path, LARGEST_ROOT)?,
            None => public::ROOT.to_vec(),
        };
        let place = folder().map(|folder| folder.join(name(&mirror, &first)));
        Ok(Self {
            is_public: first == public::ROOT,
            mirror,
            first,
            place,
        })
    }

    /// Where it is, without what could be a secret.
    #[must_use]
    pub fn mirror(&self) -> String {
        let host = self.mirror.host_str().unwrap_or_default();
        let port = self.mirror.port().map(|port| format!(":{port}"));
        let (port, path) = (port.unwrap_or_default(), self.mirror.path());
        format!("{}://{host}{port}{path}", self.mirror.scheme())
    }

    /// The last update, proved, if one is kept.
    ///
    /// # Errors
    ///
    /// Fails when what is kept cannot be read or does not count.
    pub fn kept(&self) -> Result<Option<(Kept, Versions)>, Error> {
        let Some(place) = self.place.as_deref() else {
            return Ok(None);
        };
        if !file::exists(place)? {
            return Ok(None);
        }
        let kept = Kept::parse(&file::read(place, LARGEST)?)?;
        let versions = kept.prove(&self.first, &Local)?;
        Ok(Some((kept, versions)))
    }

    /// Updates from the mirror, and keeps the outcome where there is a place.
    ///
    /// # Errors
    ///
    /// Fails when the mirror does not answer, and when what it says does not
    /// count. What is kept stays as it was.
    pub fn refresh(&self, client: &Client) -> Result<(Kept, Versions), Error> {
        let kept = match self.kept() {
            Ok(kept) => kept.map(|(kept, _)| kept),
            Err(error) => {
                tracing::warn!("what is kept of the last update is left aside: {error}");
                None
            }
        };
        let start = Start {
            first: &self.first,
            kept: kept.as_ref(),
            now: clock::now(),
        };
        let until = start.now.after(BUDGET);
        let fetch = |path: &str, limit| self.fetch(client, (path, limit), until);
        let found = tuf::refresh(&start, &Local, fetch)?;
        let versions = found.prove(&self.first, &Local)?;
        Ok((found, versions))
    }

    /// Replaces what is kept, unless another process kept something newer
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written.
    pub fn keep(&self, found: &Kept, versions: Versions) -> Result<(), Error> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        let newer = |kept: &(Kept, Versions)| kept.1 > versions;
        if self.kept().ok().flatten().as_ref().is_some_and(newer) {
            return Ok(());
        }
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(|source| file::Error::Write {
                path: folder.to_owned(),
                source,
            })?;
        }
        Ok(file::write(
            place,
            &json::line(found).map_err(Error::Json)?,
        )?)
    }

    fn fetch(
        &self,
        client: &Client,
        (path, limit): (&str, u64),
        until: Time,
    ) -> Result<Option<Vec<u8>>, Error> {
        if clock::now() > until {
            return Err(Error::Slow);
        }
        let url = self.mirror.join(path);
        let url = url.map_err(|_no_address| Error::Address(path.to_owned()))?;
        let limits = Limits {
            bytes: limit,
            timeout: PATIENCE,
        };
        let answer = client.send(Request::get(url.clone()), limits)?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            // Object stores that may not be listed say 403 for what is absent.
            403 | 404 => Ok(None),
            _ => Err(Error::Status(Box::new(Status::status(&url, &answer)))),
        }
    }
}

/// The folder of all such files: `$XDG_CACHE_HOME`, else `~/.cache`.
fn folder() -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let cache = env::var("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::var("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.filter(absolute).or_else(home).filter(absolute)?;
    Some(cache.join("liftlock/tuf"))
}

/// Mirrors at one host, and roots of one mirror, do not share a file.
fn name(mirror: &Url, first: &[u8]) -> String {
    let host = mirror.host_str().unwrap_or_default();
    let safe = |one: &char| one.is_ascii_alphanumeric() || matches!(one, '.' | '-');
    let host: String = host.chars().filter(safe).take(100).collect();
    let whole = [mirror.as_str().as_bytes(), b"\n", first].concat();
    format!("{host}-{}.json", Digest::of(&whole).short())
}

/// There is no newer root.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not count.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A file of this machine.
    #[error(transparent)]
    File(#[from] file::Error),
    /// No answer.
    #[error("the mirror of trusted roots cannot be reached")]
    Http(#[from] http::Error),
    /// An answer that is none.
    #[error("the mirror of trusted roots is of no use")]
    Status(#[source] Box<Status>),
    /// It takes too long.
    #[error("the mirror of trusted roots is too slow")]
    Slow,
    /// No address.
    #[error("`{0}` is no address of a mirror")]
    Address(String),
    /// An update that cannot be written.
    #[error("cannot write the update")]
    Json(#[source] serde_json::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(error) => error.kind(),
            Self::File(error) => error.kind(),
            Self::Http(error) => error.kind(),
            Self::Status(_) | Self::Slow => Kind::Upstream,
            Self::Address(_) => Kind::Usage,
            Self::Json(_) => Kind::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(error) => error.hint(),
            Self::Http(error) => error.hint(),
            Self::File(_) | Self::Status(_) | Self::Slow | Self::Address(_) | Self::Json(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absent(first: &[u8], now: &str) -> Refused {
        let start = Start {
            first,
            kept: None,
            now: now.parse().unwrap(),
        };
        tuf::refresh(&start, &Local, |_: &str, _| Ok::<_, Refused>(None)).unwrap_err()
    }

    #[test]
    fn the_compiled_in_root_is_signed_by_its_keys() {
        let error = absent(public::ROOT, "2026-11-01T00:00:00Z");
        assert!(matches!(error, Refused::Absent(_)), "{error}");
        let error = absent(public::ROOT, "2026-11-30T00:00:00Z");
        assert!(matches!(error, Refused::Expired { .. }), "{error}");
        let text = std::str::from_utf8(public::ROOT).unwrap();
        let changed = text.replace("2026-11-20", "2027-11-20");
        assert_ne!(changed, text);
        let error = absent(changed.as_bytes(), "2026-11-01T00:00:00Z");
        assert!(
            matches!(error, Refused::Signatures { found: 0, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_mirror_is_an_address_and_keeps_files_of_its_own() {
        let place = |mirror| Repository::open(Some(mirror), None).unwrap().place;
        assert_ne!(place("https://a.example/x"), place("https://a.example/y"));
        assert_eq!(place("https://a.example/x"), place("https://a.example/x/"));
        for mirror in ["", "a.example", "file:///etc", "ftp://a.example"] {
            let refused = Repository::open(Some(mirror), None);
            assert!(matches!(refused, Err(Error::Address(_))), "{mirror}");
        }
    }
}
