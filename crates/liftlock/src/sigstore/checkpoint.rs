//! Checkpoints of logs: signed notes about a tree (C2SP `signed-note` and
//! `tlog-checkpoint`).

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::anchors::Log;
use crate::crypto::Verifier;

/// The most bytes of a note; real ones have 300.
const LARGEST: usize = 64 * 1024;

/// The most signatures on a note.
const MOST: usize = 64;

/// What begins the line of a signature.
const DASH: &str = "\u{2014} ";

/// A checkpoint, of which nothing is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    text: String,
    /// Which tree it is about.
    pub origin: String,
    /// How many entries the tree has.
    pub size: u64,
    /// The tree's root.
    pub root: [u8; 32],
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    key: [u8; 4],
    bytes: Vec<u8>,
}

impl Checkpoint {
    /// Reads a signed note.
    ///
    /// # Errors
    ///
    /// Fails on anything that is not a checkpoint with at least one signature.
    pub fn parse(note: &str) -> Result<Self, ParseError> {
        const NO_NOTE: ParseError = ParseError("it is not a signed note");
        if note.len() > LARGEST {
            return Err(ParseError("it is larger than 64 KiB"));
        }
        let (text, signatures) = note.split_once("\n\n").ok_or(NO_NOTE)?;
        let mut lines = text.split('\n');
        let origin = lines.next().unwrap_or_default().to_owned();
        let size = lines.next().unwrap_or_default();
        let root = lines.next().unwrap_or_default();
        let plain = size.bytes().all(|byte| byte.is_ascii_digit());
        let shortest = size == "0" || !size.starts_with('0');
        let size = match size.parse() {
            Ok(size) if plain && shortest && !origin.is_empty() => size,
            Ok(_) | Err(_) => return Err(ParseError("it names no origin and size")),
        };
        let root = STANDARD.decode(root).unwrap_or_default();
        let Ok(root) = <[u8; 32]>::try_from(root) else {
            return Err(ParseError("it names no root hash"));
        };
        let body = signatures.strip_suffix('\n').ok_or(NO_NOTE)?;
        let signatures: Vec<Signature> = body
            .split('\n')
            .take(MOST + 1)
            .map(|line| signature(line).ok_or(NO_NOTE))
            .collect::<Result<_, _>>()?;
        if signatures.len() > MOST {
            return Err(ParseError("it has more than 64 signatures"));
        }
        Ok(Self {
            text: format!("{text}\n"),
            origin,
            size,
            root,
            signatures,
        })
    }

    /// Whether this log signed it; signatures of others, such as witnesses,
    /// are passed over.
    #[must_use]
    pub fn is_signed_by(&self, log: &Log, verifier: &dyn Verifier) -> bool {
        let (Some(key), Some(id)) = (&log.key, log.id.first_chunk::<4>()) else {
            return false;
        };
        let owner = self.origin.split(" - ").next().unwrap_or_default();
        log.is_named(owner)
            && self.signatures.iter().any(|one| {
                one.name == owner
                    && one.key == *id
                    && verifier.verify(key, self.text.as_bytes(), &one.bytes)
            })
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, packed) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = STANDARD.decode(packed).ok()?;
    let (key, bytes) = bytes.split_first_chunk::<4>()?;
    let there = !name.is_empty() && !bytes.is_empty();
    there.then(|| Signature {
        name: name.to_owned(),
        key: *key,
        bytes: bytes.to_vec(),
    })
}

/// The text is no checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the checkpoint of the log cannot be used: {0}")]
pub struct ParseError(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "log.example\n7\nBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\n\n\u{2014} log.example AAAAAQE=\n";

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let read = Checkpoint::parse(NOTE).unwrap();
        assert_eq!((read.size, read.origin.as_str()), (7, "log.example"));
        let cases = [
            ("\n\n", "\n"),
            ("log.example\n7", "\n7"),
            ("\n7\n", "\n07\n"),
            ("\n7\n", "\n+7\n"),
            ("\n7\n", "\n99999999999999999999\n"),
            ("BBBB", ""),
            ("\u{2014} ", "- "),
            ("AAAAAQE=", "AAAA"),
            ("AAAAAQE=", "!"),
            ("QE=\n", "QE="),
            ("QE=\n", "QE=\n\n"),
        ];
        for (from, to) in cases {
            let text = NOTE.replacen(from, to, 1);
            assert!(Checkpoint::parse(&text).is_err(), "{text}");
        }
        let many = NOTE.to_owned() + &"\u{2014} log.example AAAAAQE=\n".repeat(MOST);
        assert!(Checkpoint::parse(&many).is_err());
    }
}
