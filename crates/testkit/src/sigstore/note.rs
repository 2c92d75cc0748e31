//! Checkpoints: signed notes over the root of a log (C2SP `tlog-checkpoint`,
//! `signed-note`).

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;

use super::key::{Curve, Pair};
use super::merkle::Tree;

/// The identifier of a key in a note, of which the line holds the first 4 bytes.
pub(crate) fn key_id(name: &str, key: &Pair) -> Digest {
    match key.curve() {
        // Rekor's own rule, without the name.
        Curve::P256 | Curve::P384 => key.id(),
        Curve::Ed25519 => Digest::of(&[name.as_bytes(), b"\n\x01", key.raw()].concat()),
    }
}

/// The note; `origin` is its first line and `name` who signs.
pub(crate) fn checkpoint(origin: &str, name: &str, key: &Pair, tree: &Tree) -> Result<String> {
    let root = STANDARD.encode(tree.root());
    let text = format!("{origin}\n{}\n{root}\n", tree.size());
    let mut line = key_id(name, key)
        .as_bytes()
        .get(..4)
        .unwrap_or_default()
        .to_vec();
    line.extend(key.sign(text.as_bytes())?);
    Ok(format!(
        "{text}\n\u{2014} {name} {}\n",
        STANDARD.encode(line)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigstore::key::Public;

    #[test]
    fn the_text_up_to_the_empty_line_is_signed() {
        let key = Pair::new(Curve::Ed25519).unwrap();
        let mut tree = Tree::default();
        tree.push(b"entry");
        let note = checkpoint("log.test", "log.test", &key, &tree).unwrap();
        let (text, signature) = note.split_once("\n\n").unwrap();
        assert!(text.starts_with("log.test\n1\n"));
        let encoded = signature.strip_prefix("\u{2014} log.test ").unwrap();
        let line = STANDARD.decode(encoded.trim_end()).unwrap();
        let public = Public::from_spki(&key.spki()).unwrap();
        public
            .verify(format!("{text}\n").as_bytes(), &line[4..])
            .unwrap();
    }
}
