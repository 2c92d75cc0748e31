//! SHA-256 of files and streams in constant memory, and one more hash beside it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use liftlock::bundle::MessageDigest;
use liftlock::crypto::Hash;
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Kind, hint_of_file};
use liftlock::guise::{Guise, Watch};
use ring::digest::{Context, SHA256, SHA384, SHA512};

/// Larger buffers are no faster (measured from 64 KiB to 8 MiB).
const BUFFER: usize = 256 * 1024;

/// The kernel copies four times as fast to a place that is a multiple of a
/// cache line (measured; allocators give multiples of 16).
const LINE: usize = 64;

/// What a stream of bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Hashes a file, which is opened once and read once.
///
/// # Errors
///
/// Fails when the file cannot be opened or read to its end, and when it was
/// changed in the meantime: nobody would know which bytes the digest is of.
pub fn file(path: &Path) -> Result<Hashed, Error> {
    watched(path, |file| stream(file))
}

/// Reads an open file and compares what it was before with what it is after.
fn watched(
    path: &Path,
    read: impl FnOnce(&mut File) -> io::Result<Hashed>,
) -> Result<Hashed, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let before = file.metadata().map_err(failed)?;
    if before.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let hashed = read(&mut file).map_err(failed)?;
    let after = file.metadata().map_err(failed)?;
    // A pipe has no length and no time that would mean anything.
    let same = !before.is_file()
        || (after.len() == hashed.size
            && before.len() == after.len()
            && before.modified().map_err(failed)? == after.modified().map_err(failed)?);
    if same {
        Ok(hashed)
    } else {
        Err(Error::Changed(path.to_owned()))
    }
}

/// What one pass over a file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it is.
    pub hashed: Hashed,
    /// By one more hash.
    pub other: MessageDigest,
    /// What its signature would be as well.
    pub guise: Option<Guise>,
}

/// As [`file`], and by one more hash in the same pass, which also sees
/// whether these bytes may be signed as a file.
///
/// # Errors
///
/// Fails as `file` does.
pub fn file_with(path: &Path, also: Hash) -> Result<Seen, Error> {
    let mut other = None;
    let mut watch = Watch::default();
    let hashed = watched(path, |source| {
        let watch = &mut watch;
        let (hashed, second) = stream_with(&mut Watched { source, watch }, also)?;
        other = Some(second);
        Ok(hashed)
    })?;
    Ok(Seen {
        hashed,
        other: other.unwrap_or_else(|| (&hashed.digest).into()),
        guise: watch.found(),
    })
}

/// A file whose bytes are looked at on their way.
struct Watched<'a> {
    source: &'a mut File,
    watch: &'a mut Watch,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.watch.see(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// Hashes all that is left of a stream.
///
/// # Errors
///
/// Fails when reading does.
pub fn stream(source: &mut dyn Read) -> io::Result<Hashed> {
    let mut tap = Tap::new(io::sink());
    pour(source, &mut tap)?;
    Ok(tap.finish())
}

/// Hashes all that is left of a stream by SHA-256 and by one more hash.
///
/// # Errors
///
/// Fails when reading does.
pub fn stream_with(source: &mut dyn Read, also: Hash) -> io::Result<(Hashed, MessageDigest)> {
    if also == Hash::Sha256 {
        let hashed = stream(source)?;
        return Ok((hashed, (&hashed.digest).into()));
    }
    let mut tap = Tap::new(Second(Hidden(Context::new(match also {
        Hash::Sha256 => &SHA256,
        Hash::Sha384 => &SHA384,
        Hash::Sha512 => &SHA512,
    }))));
    pour(source, &mut tap)?;
    let (hashed, Second(Hidden(context))) = tap.end();
    let bytes = context.finish().as_ref().to_vec();
    Ok((hashed, MessageDigest { hash: also, bytes }))
}

/// The second hash, fed with what the first one saw.
struct Second(Hidden);

impl Write for Second {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn pour(source: &mut dyn Read, tap: &mut dyn Write) -> io::Result<()> {
    let mut space = vec![0; BUFFER + LINE];
    let start = space.as_ptr().align_offset(LINE).min(LINE);
    let (_, buffer) = space.split_at_mut(start);
    loop {
        let length = match source.read(buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let read = buffer.get(..length).unwrap_or_default();
        tap.write_all(read)?;
    }
}

/// Hashes what is written through it.
#[derive(Debug)]
pub struct Tap<W> {
    sink: W,
    context: Hidden,
    size: u64,
}

/// ring's context, which has no useful `Debug` form.
struct Hidden(Context);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SHA-2")
    }
}

impl<W: Write> Tap<W> {
    /// Starts to hash what goes to `sink`.
    pub fn new(sink: W) -> Self {
        Self {
            sink,
            context: Hidden(Context::new(&SHA256)),
            size: 0,
        }
    }

    /// What went through.
    #[must_use]
    pub fn finish(self) -> Hashed {
        self.end().0
    }

    fn end(self) -> (Hashed, W) {
        let mut bytes = [0; 32];
        let hash = self.context.0.finish();
        for (to, from) in bytes.iter_mut().zip(hash.as_ref()) {
            *to = *from;
        }
        let hashed = Hashed {
            digest: Digest::from_bytes(bytes),
            size: self.size,
        };
        (hashed, self.sink)
    }
}

impl<W: Write> Write for Tap<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.sink.write(bytes)?;
        self.context
            .0
            .update(bytes.get(..length).unwrap_or_default());
        self.size = self
            .size
            .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// The file cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Absent, forbidden, or broken.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody wrote to it.
    #[error("`{}` was changed while it was read", .0.display())]
    Changed(PathBuf),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { source, .. } => Kind::of_file(source),
            Self::Changed(_) => Kind::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Changed(_) => Some("run again when nothing writes to it any more".to_owned()),
            Self::Read { source, .. } => hint_of_file(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_longer_than_the_buffer_has_the_digest_of_its_bytes() {
        let bytes = vec![7; BUFFER * 2 + 1];
        let hashed = stream(&mut bytes.as_slice()).unwrap();
        assert_eq!(hashed.digest, Digest::of(&bytes));
        assert_eq!(hashed.size, 524_289);
    }

    #[test]
    fn two_hashes_of_one_pass_are_those_of_the_bytes() {
        /// A source that can be read once, in small and uneven pieces.
        struct Once<'a>(&'a [u8]);
        impl Read for Once<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let length = buffer.len().min(self.0.len()).min(1 + self.0.len() / 3);
                let (now, rest) = self.0.split_at(length);
                buffer[..length].copy_from_slice(now);
                self.0 = rest;
                Ok(length)
            }
        }
        let bytes: Vec<u8> = (0..BUFFER * 2 + 1).map(|n| n.to_le_bytes()[0]).collect();
        for also in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let (hashed, second) = stream_with(&mut Once(&bytes), also).unwrap();
            assert_eq!(hashed.digest, Digest::of(&bytes));
            assert_eq!(hashed.size, 524_289);
            assert_eq!((second.hash, second.bytes), (also, also.of(&bytes)));
        }
    }

    #[test]
    fn one_pass_over_a_file_sees_what_its_signature_would_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for (bytes, guise) in [("hello", None), ("DSSEv1 1 a 1 b", Some(Guise::Statement))] {
            std::fs::write(&path, bytes).unwrap();
            let seen = file_with(&path, Hash::Sha384).unwrap();
            assert_eq!(seen.hashed, file(&path).unwrap());
            assert_eq!(seen.other.bytes, Hash::Sha384.of(bytes.as_bytes()));
            assert_eq!(seen.guise, guise, "{bytes}");
        }
    }

    #[test]
    fn an_absent_file_is_an_invalid_input() {
        let error = file(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }

    #[test]
    fn a_file_that_is_changed_while_it_is_read_has_no_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let changes: [(&str, &dyn Fn()); 4] = [
            ("grown", &|| {
                std::fs::write(&path, "hello, you").unwrap();
            }),
            ("cut", &|| {
                std::fs::write(&path, "h").unwrap();
            }),
            ("touched", &|| {
                let file = File::options().write(true).open(&path).unwrap();
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
            }),
            ("replaced", &|| {
                std::fs::rename(folder.path().join("b"), &path).unwrap();
            }),
        ];
        for (name, change) in changes {
            std::fs::write(&path, "hello").unwrap();
            std::fs::write(folder.path().join("b"), "other").unwrap();
            let hashed = watched(&path, |file| {
                let hashed = stream(file);
                change();
                hashed
            });
            match (name, hashed) {
                // The open file is what was hashed, whatever the name means now.
                ("replaced", Ok(hashed)) => assert_eq!(hashed.digest, Digest::of(b"hello")),
                (_, Err(error @ Error::Changed(_))) => assert_eq!(error.kind(), Kind::Upstream),
                (_, other) => panic!("{name}: {other:?}"),
            }
        }
    }
}
