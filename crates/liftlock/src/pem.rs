//! Documents as text (RFC 7468): one block or several, with or without a
//! known label.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Label and bytes of the only block of a text.
///
/// `None` on anything before or after it, on two labels that differ, and on
/// broken base64.
#[must_use]
pub fn only(text: &str) -> Option<(&str, Vec<u8>)> {
    let (label, bytes, rest) = first(text.trim())?;
    rest.is_empty().then_some((label, bytes))
}

/// The bytes of every block of a text, all with this label.
///
/// `None` on anything else, and where there is no block.
#[must_use]
pub fn all(text: &str, wanted: &str) -> Option<Vec<Vec<u8>>> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (label, bytes, after) = first(rest)?;
        if label != wanted {
            return None;
        }
        found.push(bytes);
        rest = after;
    }
    (!found.is_empty()).then_some(found)
}

fn first(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let (label, rest) = text.strip_prefix(BEGIN)?.split_once(DASHES)?;
    let (body, rest) = rest.split_once(END)?;
    let rest = rest.strip_prefix(label)?.strip_prefix(DASHES)?;
    let packed: String = body.split_ascii_whitespace().collect();
    Some((label, STANDARD.decode(packed).ok()?, rest.trim_start()))
}

/// A block with lines of 64 characters, and an end of line after it.
#[must_use]
pub fn block(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("{BEGIN}{label}{DASHES}\n");
    for (at, letter) in STANDARD.encode(bytes).chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + &format!("\n{END}{label}{DASHES}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 47, 48, 49, 96, 200] {
            let bytes = vec![7; length];
            let text = block("CERTIFICATE", &bytes);
            assert_eq!(only(&text), Some(("CERTIFICATE", bytes.clone())));
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            let two = format!("{text}\n{text}");
            assert_eq!(only(&two), None);
            assert_eq!(all(&two, "CERTIFICATE"), Some(vec![bytes.clone(), bytes]));
            assert_eq!(all(&two, "PUBLIC KEY"), None);
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        let good = block("CERTIFICATE", b"abc");
        for text in [
            String::new(),
            format!("x\n{good}"),
            format!("{good}x"),
            good.replace("END CERTIFICATE", "END KEY"),
            good.replace("YWJj", "YWJ"),
            good.replace("YWJj", "Y=Jj"),
            good.replacen("-----", "----", 1),
            good.trim_end().trim_end_matches('-').to_owned(),
        ] {
            assert_eq!(only(&text), None, "{text}");
            assert_eq!(all(&text, "CERTIFICATE"), None, "{text}");
        }
    }
}
