//! DER (ITU-T X.690), as far as certificates and timestamps need it.

use anyhow::{Context as _, Result, ensure};
use liftlock::time::Time;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BITS: u8 = 0x03;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// A tag, a length and the parts one after the other.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut whole = vec![tag];
    match significant.as_slice() {
        [] => whole.push(0),
        [short] if *short < 0x80 => whole.push(*short),
        long => {
            whole.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
            whole.extend(long);
        }
    }
    whole.extend(content);
    whole
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, parts)
}

/// A SET OF, its elements in the order of their encodings (X.690 §11.6).
pub(crate) fn set(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    tlv(SET, &[&parts.concat()])
}

/// `[n] EXPLICIT`, or `[n] IMPLICIT` of something constructed.
pub(crate) fn context(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    tlv(0xa0 | number, parts)
}

/// A number that is not negative, from its big-endian bytes.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    match digits.first() {
        Some(first) if *first < 0x80 => tlv(INTEGER, &[&digits]),
        Some(_) | None => tlv(INTEGER, &[&[0], &digits]),
    }
}

pub(crate) fn integer(number: u64) -> Vec<u8> {
    unsigned(&number.to_be_bytes())
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(OCTETS, &[bytes])
}

/// A BIT STRING of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(BITS, &[&[0], bytes])
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    tlv(UTF8, &[text.as_bytes()])
}

/// An object identifier from its numbers, the first of which is below 2.
pub(crate) fn oid(numbers: &[u32]) -> Vec<u8> {
    let mut content = Vec::new();
    if let [first, second, rest @ ..] = numbers {
        push_base128(&mut content, first * 40 + second);
        for number in rest {
            push_base128(&mut content, *number);
        }
    }
    tlv(OID, &[&content])
}

fn push_base128(content: &mut Vec<u8>, number: u32) {
    let digit = |shift: u32| u8::try_from((number >> shift) & 0x7f).unwrap_or_default();
    for shift in [28, 21, 14, 7] {
        if number >> shift != 0 {
            content.push(0x80 | digit(shift));
        }
    }
    content.push(digit(0));
}

/// A `GeneralizedTime` with whole seconds.
pub(crate) fn generalized_time(time: Time) -> Vec<u8> {
    tlv(GENERALIZED_TIME, &[digits(time).as_bytes()])
}

/// A `UTCTime`: years 1950 to 2049, as RFC 5280 §4.1.2.5 wants it.
pub(crate) fn utc_time(time: Time) -> Vec<u8> {
    let digits = digits(time);
    tlv(UTC_TIME, &[digits.get(2..).unwrap_or_default().as_bytes()])
}

fn digits(time: Time) -> String {
    let text = time.to_string();
    let whole = text.split(['.', 'Z']).next().unwrap_or_default();
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    digits + "Z"
}

/// One element that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) tag: u8,
    /// Tag, length and content.
    pub(crate) whole: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// Elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element, whatever it is; nothing at the end.
    pub(crate) fn any(&mut self) -> Result<Option<Item<'a>>> {
        let [tag, first, rest @ ..] = self.0 else {
            ensure!(self.0.is_empty(), "DER breaks off");
            return Ok(None);
        };
        let (head, length) = if *first < 0x80 {
            (2, usize::from(*first))
        } else {
            let digits = rest
                .get(..usize::from(first & 0x7f))
                .context("DER: length")?;
            ensure!(digits.len() <= 4, "DER: length");
            let length = digits
                .iter()
                .fold(0, |length, digit| (length << 8) | usize::from(*digit));
            (2 + digits.len(), length)
        };
        let (whole, after) = self
            .0
            .split_at_checked(head + length)
            .context("DER breaks off")?;
        self.0 = after;
        Ok(Some(Item {
            tag: *tag,
            whole,
            content: whole.get(head..).unwrap_or_default(),
        }))
    }

    /// The next element, which has that tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Item<'a>> {
        let item = self.any()?.context("DER ends early")?;
        ensure!(item.tag == tag, "DER: tag {:#x}, not {tag:#x}", item.tag);
        Ok(item)
    }

    /// The next element, if it has that tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Item<'a>>> {
        if self.0.first() == Some(&tag) {
            self.any()
        } else {
            Ok(None)
        }
    }

    /// What is inside of the next element, a SEQUENCE.
    pub(crate) fn sequence(&mut self) -> Result<Self> {
        Ok(Self(self.expect(SEQUENCE)?.content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for (length, head) in [
            (0, vec![4, 0]),
            (127, vec![4, 127]),
            (128, vec![4, 0x81, 128]),
            (300, vec![4, 0x82, 1, 44]),
        ] {
            let whole = octets(&vec![7; length]);
            assert!(whole.starts_with(&head), "{length}");
            let item = Reader(&whole).expect(OCTETS).unwrap();
            assert_eq!(
                (item.content.len(), item.whole.len()),
                (length, whole.len())
            );
        }
    }

    #[test]
    fn numbers_are_short_and_not_negative() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(127), [2, 1, 127]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(integer(256), [2, 2, 1, 0]);
    }

    #[test]
    fn identifiers_are_in_base_128() {
        // 1.3.6.1.4.1.11129.2.4.2, RFC 6962 §3.3.
        let expected = hex::decode("060a2b06010401d679020402").unwrap();
        assert_eq!(oid(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2]), expected);
    }

    #[test]
    fn moments_lose_their_punctuation() {
        let time: Time = "2026-01-05T08:00:00.25Z".parse().unwrap();
        assert_eq!(utc_time(time).get(2..), Some(&b"260105080000Z"[..]));
        assert_eq!(
            generalized_time(time).get(2..),
            Some(&b"20260105080000Z"[..])
        );
    }

    #[test]
    fn what_breaks_off_is_refused() {
        for bytes in [&[4][..], &[4, 2, 1], &[4, 0x81], &[4, 0x85, 0, 0, 0, 0, 1]] {
            assert!(Reader(bytes).any().is_err(), "{bytes:?}");
        }
        assert_eq!(Reader(&[]).any().unwrap(), None);
    }
}
