//! Where a store is, as flags and configuration write it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Error;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// `file:PATH`: a folder on a local disk.
    Folder(PathBuf),
    /// `git+URL#REF`: a ref of a repository, with documents as files of its tree.
    Git {
        /// What `git` is told: https, ssh or file; plain http to loopback only.
        url: String,
        /// The full name, beginning with `refs/`.
        reference: String,
    },
    /// `s3://BUCKET/PREFIX`: objects below a prefix of a bucket.
    Bucket {
        /// The bucket's name, 3 to 63 of `a-z 0-9 . -`.
        bucket: String,
        /// Segments like those of keys, without a slash at either end.
        prefix: String,
    },
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::Location(text.to_owned());
        if let Some(path) = text.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() || path.contains('\0') {
                Err(refused())
            } else {
                Ok(Self::Folder(path.into()))
            };
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').ok_or_else(refused)?;
            return if is_bucket(bucket) && is_prefix(prefix) {
                Ok(Self::Bucket {
                    bucket: bucket.to_owned(),
                    prefix: prefix.to_owned(),
                })
            } else {
                Err(refused())
            };
        }
        let (url, reference) = text
            .strip_prefix("git+")
            .and_then(|rest| rest.split_once('#'))
            .ok_or_else(refused)?;
        if is_url(url) && is_reference(reference) {
            Ok(Self::Git {
                url: url.to_owned(),
                reference: reference.to_owned(),
            })
        } else {
            Err(refused())
        }
    }
}

impl Location {
    /// The folder on this machine that it is in, if it is in one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Git { url, .. } => url.strip_prefix("file://").map(Path::new),
            Self::Bucket { .. } => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(formatter, "file:{}", path.display()),
            Self::Git { url, reference } => write!(formatter, "git+{url}#{reference}"),
            Self::Bucket { bucket, prefix } => write!(formatter, "s3://{bucket}/{prefix}"),
        }
    }
}

/// Only transports that run nothing of the remote's choosing, no password in
/// the text (it would show in the list of processes), no option in disguise.
pub(crate) fn is_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = host.rsplit_once('@').unwrap_or(("", host));
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let printable = url.bytes().all(|byte| byte.is_ascii_graphic());
    let plain = !user.contains(':') && !user.starts_with('-') && !host.starts_with('-');
    let known = match scheme {
        "file" => host.is_empty(),
        "https" | "ssh" => !host.is_empty(),
        "http" => matches!(name, "127.0.0.1" | "localhost" | "[::1]"),
        _ => false,
    };
    printable && plain && known && path.len() > 1
}

/// Amazon's rules for names of buckets, the ones about dots included.
fn is_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [name.bytes().next(), name.bytes().next_back()];
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| plain(byte) || b".-".contains(&byte))
        && ends.into_iter().flatten().all(plain)
        && !name.contains("..")
}

fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= 200 && prefix.split('/').all(super::is_segment)
}

/// The rules of `git check-ref-format`, narrowed to the characters of our keys.
fn is_reference(reference: &str) -> bool {
    let segments = |rest: &str| {
        rest.split('/')
            .all(|segment| super::is_segment(segment) && !segment.ends_with(['.']))
    };
    reference.len() <= 200
        && !reference.ends_with(".lock")
        && !reference.contains(".lock/")
        && reference
            .strip_prefix("refs/")
            .is_some_and(|rest| rest.contains('/') && segments(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_read_and_written_the_same() {
        for text in [
            "file:.liftlock/state",
            "file:/var/lib/state",
            "git+file:///repo.git#refs/liftlock/state",
            "git+https://git.example:8443/a/b.git#refs/liftlock/state",
            "git+ssh://git@git.example/a.git#refs/heads/state",
            "git+http://127.0.0.1:8080/a.git#refs/heads/state",
            "s3://acme-releases/state",
            "s3://acme.releases/shop/v1/ledger",
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), text);
        }
    }

    #[test]
    fn what_could_run_a_program_or_show_a_password_is_refused() {
        for text in [
            "",
            "state",
            "file:",
            "s3://bucket",
            "s3://bucket/",
            "s3://bucket/a/",
            "s3://bucket//a",
            "s3://bucket/../a",
            "s3://bucket/a?x",
            "s3://Bucket/a",
            "s3://-bucket/a",
            "s3://a..b/a",
            "s3://ab/a",
            "s3://key:secret@bucket/a",
            "s3:///a",
            "git+file:///repo.git",
            "git+file:///repo.git#state",
            "git+file:///repo.git#refs/x",
            "git+file:///repo.git#refs/a/../b",
            "git+file:///repo.git#refs/a/b.lock",
            "git+file:///repo.git#-refs/a/b",
            "git+--upload-pack=touch#refs/a/b",
            "git+-c://x/y#refs/a/b",
            "git+ext::sh -c id#refs/a/b",
            "git+ext://sh/x#refs/a/b",
            "git+ssh://-oProxyCommand=id/x#refs/a/b",
            "git+ssh://-oProxyCommand=id@host/x#refs/a/b",
            "git+https://user:secret@host/x#refs/a/b",
            "git+http://git.example/x#refs/a/b",
            "git+https:///x#refs/a/b",
            "git+file://host/x#refs/a/b",
            "git+https://host/a b#refs/a/b",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }
}
