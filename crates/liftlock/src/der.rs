//! DER (X.690), read strictly and without recursion, and written in pieces.
//!
//! Only what certificates, keys and timestamps need: one-byte tags, definite
//! lengths in their shortest form, values of at most 16 MiB.

use crate::time::Time;

/// Tags of X.680, universal class, with the bit of constructed ones.
pub mod tag {
    /// BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING.
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// NULL.
    pub const NULL: u8 = 0x05;
    /// OBJECT IDENTIFIER.
    pub const OID: u8 = 0x06;
    /// `UTF8String`.
    pub const UTF8_STRING: u8 = 0x0c;
    /// `UTCTime`.
    pub const UTC_TIME: u8 = 0x17;
    /// `GeneralizedTime`.
    pub const GENERALIZED_TIME: u8 = 0x18;
    /// SEQUENCE.
    pub const SEQUENCE: u8 = 0x30;
    /// SET.
    pub const SET: u8 = 0x31;

    /// Context-specific, primitive.
    #[must_use]
    pub const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// Context-specific, constructed.
    #[must_use]
    pub const fn nested(number: u8) -> u8 {
        0xa0 | number
    }
}

/// The most bytes of one value: far more than any certificate has.
const LARGEST: usize = 16 * 1024 * 1024;

/// One value with its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The tag's byte.
    pub tag: u8,
    /// What is inside.
    pub content: &'a [u8],
    /// Tag, length and content, as they were signed or hashed.
    pub whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads what is inside.
    #[must_use]
    pub const fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// The bytes of a non-negative INTEGER, without a leading zero.
    ///
    /// # Errors
    ///
    /// Fails on an empty, negative or needlessly long one.
    pub fn unsigned(&self) -> Result<&'a [u8], Error> {
        match self.content {
            [0] => Ok(&[]),
            [0, next, ..] if *next < 0x80 => {
                Err(Error::Value("an INTEGER is not in its shortest form"))
            }
            [0, rest @ ..] => Ok(rest),
            [first, ..] if *first < 0x80 => Ok(self.content),
            [] | [_, ..] => Err(Error::Value("an INTEGER is empty or negative")),
        }
    }

    /// A small non-negative INTEGER.
    ///
    /// # Errors
    ///
    /// Fails on a negative one and beyond 64 bits.
    pub fn small(&self) -> Result<u64, Error> {
        let bytes = self.unsigned()?;
        if bytes.len() > 8 {
            return Err(Error::Value("an INTEGER is larger than 64 bits"));
        }
        Ok(bytes
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }

    /// The bytes of a BIT STRING whose last byte is whole.
    ///
    /// # Errors
    ///
    /// Fails when bits of the last byte are unused.
    pub fn bits(&self) -> Result<&'a [u8], Error> {
        match self.content {
            [0, bytes @ ..] => Ok(bytes),
            [] | [_, ..] => Err(Error::Value("a BIT STRING has unused bits")),
        }
    }

    /// A BOOLEAN.
    ///
    /// # Errors
    ///
    /// Fails on any value but 0 and 255 (X.690 §11.1).
    pub const fn boolean(&self) -> Result<bool, Error> {
        match self.content {
            [0] => Ok(false),
            [0xff] => Ok(true),
            [] | [_, ..] => Err(Error::Value("a BOOLEAN is neither 0 nor 255")),
        }
    }

    /// Text in UTF-8, or in the ASCII subset of the older string types.
    ///
    /// # Errors
    ///
    /// Fails on bytes that are not UTF-8.
    pub fn text(&self) -> Result<&'a str, Error> {
        std::str::from_utf8(self.content).map_err(|_error| Error::Value("a string is not UTF-8"))
    }

    /// A `UTCTime` or `GeneralizedTime` in Zulu time (RFC 5280 §4.1.2.5); the
    /// fraction of a second that timestamps may have is cut to milliseconds.
    ///
    /// # Errors
    ///
    /// Fails on another tag, zone or calendar.
    pub fn time(&self) -> Result<Time, Error> {
        const WRONG: Error = Error::Value("a time is malformed");
        let text = self.text()?.strip_suffix('Z').ok_or(WRONG)?;
        let (century, rest) = match self.tag {
            // RFC 5280: two digits mean 1950 to 2049.
            tag::UTC_TIME if text.len() == 12 => (if text >= "5" { "19" } else { "20" }, text),
            tag::GENERALIZED_TIME if text.len() >= 14 => text.split_at_checked(2).ok_or(WRONG)?,
            _ => return Err(WRONG),
        };
        let (digits, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits.len() != 12 || !plain(digits) || !plain(fraction) || !plain(century) {
            return Err(WRONG);
        }
        let at = |from: usize| digits.get(from..from + 2).unwrap_or_default();
        let written = format!(
            "{century}{}-{}-{}T{}:{}:{}.{fraction:.9}Z",
            at(0),
            at(2),
            at(4),
            at(6),
            at(8),
            at(10)
        );
        written
            .parse()
            .map_err(|_error: crate::time::ParseError| WRONG)
    }
}

/// Reads one value after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value, whatever it is.
    ///
    /// # Errors
    ///
    /// Fails when it is cut off, or not DER.
    pub fn any(&mut self) -> Result<Element<'a>, Error> {
        let [tag, length, ..] = self.rest else {
            return Err(Error::Truncated);
        };
        if tag & 0x1f == 0x1f {
            return Err(Error::Value("a tag has more than one byte"));
        }
        let (head, length) = match *length {
            short @ 0..=0x7f => (2, usize::from(short)),
            0x80 => return Err(Error::Value("a length is indefinite")),
            long => self.long(usize::from(long & 0x7f))?,
        };
        let end = head + length;
        let whole = self.rest.get(..end).ok_or(Error::Truncated)?;
        let content = whole.get(head..).ok_or(Error::Truncated)?;
        self.rest = self.rest.get(end..).ok_or(Error::Truncated)?;
        Ok(Element {
            tag: *tag,
            content,
            whole,
        })
    }

    fn long(&self, count: usize) -> Result<(usize, usize), Error> {
        let bytes = self.rest.get(2..2 + count).ok_or(Error::Truncated)?;
        if count > 4 || bytes.first() == Some(&0) {
            return Err(Error::Value("a length is not in its shortest form"));
        }
        let length = bytes
            .iter()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        if length < 0x80 {
            return Err(Error::Value("a length is not in its shortest form"));
        }
        if length > LARGEST {
            return Err(Error::Value("a value is larger than 16 MiB"));
        }
        Ok((2 + count, length))
    }

    /// The next value, which has to have this tag.
    ///
    /// # Errors
    ///
    /// Fails on another tag, and when it is cut off or not DER.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, Error> {
        let element = self.any()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(Error::Tag {
                wanted: tag,
                found: element.tag,
            })
        }
    }

    /// The next value, if it has this tag.
    ///
    /// # Errors
    ///
    /// Fails when it has, but is cut off or not DER.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Error> {
        if self.rest.first() == Some(&tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The insides of the next SEQUENCE.
    ///
    /// # Errors
    ///
    /// As [`Reader::expect`].
    pub fn sequence(&mut self) -> Result<Self, Error> {
        Ok(self.expect(tag::SEQUENCE)?.reader())
    }

    /// Insists that everything was read.
    ///
    /// # Errors
    ///
    /// Fails when something is left.
    pub const fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Error::Trailing)
        }
    }
}

/// Reads a document that is one SEQUENCE and nothing else.
///
/// # Errors
///
/// Fails on anything else.
pub fn document(bytes: &[u8]) -> Result<Element<'_>, Error> {
    let mut reader = Reader::new(bytes);
    let element = reader.expect(tag::SEQUENCE)?;
    reader.finish()?;
    Ok(element)
}

/// Writes one value.
#[must_use]
pub fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = content.len().to_be_bytes();
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => bytes.push(short),
        Ok(_) | Err(_) => {
            let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            bytes.extend(digits);
        }
    }
    bytes.extend(content);
    bytes
}

/// Writes a SEQUENCE of values that are written already.
#[must_use]
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    encode(tag::SEQUENCE, &parts.concat())
}

/// Writes a non-negative INTEGER from its big-endian bytes.
#[must_use]
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    if digits.first().is_none_or(|first| *first >= 0x80) {
        digits.insert(0, 0);
    }
    encode(tag::INTEGER, &digits)
}

/// The bytes are not the DER that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends too soon.
    #[error("the DER document is cut off")]
    Truncated,
    /// It goes on.
    #[error("the DER document has bytes after its end")]
    Trailing,
    /// Something else is there.
    #[error("a value with tag {found:#04x} where {wanted:#04x} belongs")]
    Tag {
        /// What belongs there.
        wanted: u8,
        /// What is there.
        found: u8,
    },
    /// Not DER, or out of range.
    #[error("{0}")]
    Value(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 127, 128, 255, 256, 65_536] {
            let content = vec![7; length];
            let bytes = encode(tag::OCTET_STRING, &content);
            let mut reader = Reader::new(&bytes);
            let element = reader.expect(tag::OCTET_STRING).unwrap();
            assert_eq!((element.content, element.whole), (&content[..], &bytes[..]));
            assert_eq!(reader.finish(), Ok(()));
        }
        for (bytes, value) in [(&[][..], 0), (&[0, 0x7f][..], 127), (&[0x80][..], 128)] {
            let written = integer(bytes);
            assert_eq!(Reader::new(&written).any().unwrap().small(), Ok(value));
        }
    }

    #[test]
    fn what_is_not_der_is_refused() {
        let cases: [(&[u8], Error); 8] = [
            (&[], Error::Truncated),
            (&[0x30], Error::Truncated),
            (&[0x30, 0x02, 0x05], Error::Truncated),
            (&[0x30, 0x80, 0, 0], Error::Value("a length is indefinite")),
            (
                &[0x30, 0x81, 0x01, 0],
                Error::Value("a length is not in its shortest form"),
            ),
            (
                &[0x30, 0x82, 0x00, 0x80],
                Error::Value("a length is not in its shortest form"),
            ),
            (
                &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff],
                Error::Value("a value is larger than 16 MiB"),
            ),
            (
                &[0x3f, 0x81, 0x01, 0],
                Error::Value("a tag has more than one byte"),
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Reader::new(bytes).any(), Err(expected), "{bytes:02x?}");
        }
        assert_eq!(document(&[0x30, 0, 0]), Err(Error::Trailing));
        let negative = encode(tag::INTEGER, &[0x80]);
        assert!(Reader::new(&negative).any().unwrap().unsigned().is_err());
        let padded = encode(tag::INTEGER, &[0, 1]);
        assert!(Reader::new(&padded).any().unwrap().unsigned().is_err());
    }

    #[test]
    fn times_have_four_digits_of_a_year_in_the_end() {
        let time = |tag, text: &str| {
            let bytes = encode(tag, text.as_bytes());
            Reader::new(&bytes)
                .any()
                .unwrap()
                .time()
                .map(|time| time.to_string())
        };
        let cases = [
            (tag::UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z"),
            (tag::UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z"),
            (
                tag::GENERALIZED_TIME,
                "20260102030405Z",
                "2026-01-02T03:04:05Z",
            ),
            (
                tag::GENERALIZED_TIME,
                "20260102030405.678Z",
                "2026-01-02T03:04:05.678Z",
            ),
        ];
        for (tag, text, expected) in cases {
            assert_eq!(time(tag, text).unwrap(), expected);
        }
        for text in [
            "20260102030405",
            "20261302030405Z",
            "2026010203040Z",
            "2026010203040５Z",
            // The century would end inside of a letter.
            "1é000000000000Z",
            "1é00000000000Z",
        ] {
            assert!(time(tag::GENERALIZED_TIME, text).is_err(), "{text}");
        }
        for text in ["é00000000000Z", "1é000000000Z", "é0000000000Z"] {
            assert!(time(tag::UTC_TIME, text).is_err(), "{text}");
        }
        assert!(time(tag::UTC_TIME, "20260102030405Z").is_err());
        assert!(time(tag::OCTET_STRING, "491231235959Z").is_err());
    }
}
