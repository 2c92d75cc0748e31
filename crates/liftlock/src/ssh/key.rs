//! Public keys as OpenSSH writes them (RFC 4253 §6.6, RFC 5656 §3.1,
//! RFC 8709 §4, OpenSSH's PROTOCOL.u2f).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wire::Reader;
use super::{LARGEST, ParseError};
use crate::crypto::{Algorithm, PublicKey};
use crate::der;

/// What applications of tokens begin with that OpenSSH made; those of web
/// sites, which sign other messages, do not.
const APPLICATION: &str = "ssh:";

/// A kind of key that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ed25519,
    P256,
    P384,
    Rsa,
    Ed25519Token,
    P256Token,
}

const KINDS: [(&str, Kind); 6] = [
    ("ssh-ed25519", Kind::Ed25519),
    ("ecdsa-sha2-nistp256", Kind::P256),
    ("ecdsa-sha2-nistp384", Kind::P384),
    ("ssh-rsa", Kind::Rsa),
    ("sk-ssh-ed25519@openssh.com", Kind::Ed25519Token),
    ("sk-ecdsa-sha2-nistp256@openssh.com", Kind::P256Token),
];

impl Kind {
    pub(super) fn of(name: &str) -> Result<Self, ParseError> {
        let found = KINDS.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, kind)| *kind)
            .ok_or_else(|| ParseError::Kind(name.chars().take(100).collect()))
    }

    pub(super) fn name(self) -> &'static str {
        let found = KINDS.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }
}

/// A key with its kind and, where a token holds it, what it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) public: PublicKey,
    pub(super) application: Option<String>,
}

/// Reads a line of a `.pub` file: `ssh-ed25519 AAAA… comment`.
///
/// A key in a security token is known by its public half alone: no token
/// makes the same one for another application.
///
/// # Errors
///
/// Fails on anything but one such line, and on kinds that are not taken: DSA,
/// ECDSA on P-521, certificates.
pub fn public(line: &str) -> Result<PublicKey, ParseError> {
    if line.len() > LARGEST {
        return Err(ParseError::Large);
    }
    let line = line.trim();
    let mut words = line.split_ascii_whitespace();
    let (Some(kind), Some(packed)) = (words.next(), words.next()) else {
        return Err(ParseError::Line);
    };
    if line.contains(['\n', '\r', '\0']) {
        return Err(ParseError::Line);
    }
    let wanted = Kind::of(kind)?;
    let bytes = STANDARD
        .decode(packed)
        .map_err(|_error: base64::DecodeError| ParseError::Line)?;
    let key = read(&bytes)?;
    if key.kind == wanted {
        Ok(key.public)
    } else {
        Err(ParseError::Value("the key in it is of another kind"))
    }
}

/// Reads a key in the form that signatures carry.
pub(super) fn read(bytes: &[u8]) -> Result<Key, ParseError> {
    let mut reader = Reader::new(bytes);
    let kind = Kind::of(reader.name()?)?;
    let (algorithm, bits) = match kind {
        Kind::Ed25519 | Kind::Ed25519Token => (Algorithm::Ed25519, reader.string()?.to_vec()),
        Kind::P256 | Kind::P256Token => (Algorithm::P256, point(&mut reader, "nistp256")?),
        Kind::P384 => (Algorithm::P384, point(&mut reader, "nistp384")?),
        Kind::Rsa => {
            let exponent = der::integer(reader.positive()?);
            let modulus = der::integer(reader.positive()?);
            let bits = der::sequence(&[&modulus, &exponent]);
            // The length is read from the modulus itself.
            (Algorithm::Rsa { bits: 0 }, bits)
        }
    };
    let application = match kind {
        Kind::Ed25519Token | Kind::P256Token => Some(application(&mut reader)?),
        Kind::Ed25519 | Kind::P256 | Kind::P384 | Kind::Rsa => None,
    };
    reader.finish()?;
    let public = PublicKey::from_bits(algorithm, &bits)
        .map_err(|_error: crate::crypto::ParseError| ParseError::Key)?;
    Ok(Key {
        kind,
        public,
        application,
    })
}

fn point(reader: &mut Reader<'_>, curve: &str) -> Result<Vec<u8>, ParseError> {
    if reader.name()? == curve {
        Ok(reader.string()?.to_vec())
    } else {
        Err(ParseError::Value("the key in it is on another curve"))
    }
}

fn application(reader: &mut Reader<'_>) -> Result<String, ParseError> {
    let name = reader.name()?;
    if name.starts_with(APPLICATION) {
        Ok(name.to_owned())
    } else {
        Err(ParseError::Value(
            "the token's key was not made for `ssh:`, so it signs other messages",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::string;
    use super::*;

    fn line(kind: &str, parts: &[&[u8]]) -> String {
        let mut blob = string(kind.as_bytes());
        blob.extend(parts.iter().flat_map(|part| string(part)));
        format!("{kind} {} somebody", STANDARD.encode(blob))
    }

    fn uncompressed(length: usize) -> Vec<u8> {
        [&[4][..], &vec![7; length]].concat()
    }

    #[test]
    fn each_kind_is_the_key_that_other_formats_hold() {
        let modulus = [&[0][..], &[0xff; 256]].concat();
        let rsa = der::sequence(&[&der::integer(&[0xff; 256]), &der::integer(&[1, 0, 1])]);
        let cases = [
            (
                line("ssh-ed25519", &[&[3; 32]]),
                PublicKey::from_bits(Algorithm::Ed25519, &[3; 32]),
            ),
            (
                line("ecdsa-sha2-nistp256", &[b"nistp256", &uncompressed(64)]),
                PublicKey::from_bits(Algorithm::P256, &uncompressed(64)),
            ),
            (
                line("ecdsa-sha2-nistp384", &[b"nistp384", &uncompressed(96)]),
                PublicKey::from_bits(Algorithm::P384, &uncompressed(96)),
            ),
            (
                line("ssh-rsa", &[&[1, 0, 1], &modulus]),
                PublicKey::from_pkcs1(&rsa),
            ),
            (
                line("sk-ssh-ed25519@openssh.com", &[&[3; 32], b"ssh:"]),
                PublicKey::from_bits(Algorithm::Ed25519, &[3; 32]),
            ),
            (
                line(
                    "sk-ecdsa-sha2-nistp256@openssh.com",
                    &[b"nistp256", &uncompressed(64), b"ssh:work"],
                ),
                PublicKey::from_bits(Algorithm::P256, &uncompressed(64)),
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(public(&line), Ok(expected.unwrap()), "{line}");
        }
    }

    #[test]
    fn other_kinds_are_refused_by_name_and_bad_keys_with_their_reason() {
        let weak = [&[0][..], &[0xff; 128]].concat();
        let good = line("ssh-ed25519", &[&[3; 32]]);
        let cases = [
            (line("ssh-dss", &[&[1]]), "`ssh-dss` is not taken"),
            (
                line("ecdsa-sha2-nistp521", &[b"nistp521", &uncompressed(132)]),
                "`ecdsa-sha2-nistp521` is not taken",
            ),
            (
                line("ssh-ed25519-cert-v01@openssh.com", &[&[1]]),
                "`ssh-ed25519-cert-v01@openssh.com` is not taken",
            ),
            (
                line("ssh-rsa", &[&[1, 0, 1], &weak]),
                "the key in it is mal",
            ),
            (line("ssh-rsa", &[&[1, 0, 1], &weak[1..]]), "a number in it"),
            (line("ssh-ed25519", &[&[3; 31]]), "the key in it is mal"),
            (line("ssh-ed25519", &[&[3; 32], &[]]), "it has bytes after"),
            (line("ssh-ed25519", &[]), "it is cut off"),
            (
                line("ecdsa-sha2-nistp256", &[b"nistp384", &uncompressed(64)]),
                "the key in it is on another curve",
            ),
            (
                line("sk-ssh-ed25519@openssh.com", &[&[3; 32], b"https://a"]),
                "the token's key was not made for `ssh:`",
            ),
            (
                good.replacen("ssh-ed25519", "ssh-rsa", 1),
                "the key in it is of another kind",
            ),
            (format!("{good}\n{good}"), "not a line"),
            (good.replace("AAAA", "A=AA"), "not a line"),
            (
                format!("command=\"x\" {good}"),
                "`command=\"x\"` is not taken",
            ),
            ("ssh-ed25519".to_owned(), "not a line"),
            ("a".repeat(LARGEST + 1), "more than"),
        ];
        for (line, message) in cases {
            let error = public(&line).unwrap_err().to_string();
            assert!(error.starts_with(message), "{message}: {error}");
        }
    }
}
