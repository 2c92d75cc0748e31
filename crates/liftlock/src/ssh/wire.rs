//! The pieces that SSH's formats are made of (RFC 4251 §5).

use super::ParseError;

/// Reads one piece after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], ParseError> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ParseError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, ParseError> {
        let bytes = self.bytes(1)?;
        bytes.first().copied().ok_or(ParseError::Truncated)
    }

    pub(super) fn uint32(&mut self) -> Result<u32, ParseError> {
        let bytes = self.bytes(4)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], ParseError> {
        let length = usize::try_from(self.uint32()?).unwrap_or(usize::MAX);
        self.bytes(length)
    }

    /// A string that holds a name: ASCII that can be seen.
    pub(super) fn name(&mut self) -> Result<&'a str, ParseError> {
        let bytes = self.string()?;
        let text = std::str::from_utf8(bytes).ok();
        text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or(ParseError::Value("a name in it is not of visible ASCII"))
    }

    /// A positive `mpint` in its shortest form, without a leading zero.
    pub(super) fn positive(&mut self) -> Result<&'a [u8], ParseError> {
        const WRONG: ParseError =
            ParseError::Value("a number in it is not positive, or not in its shortest form");
        match self.string()? {
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
            all @ [first, ..] if (1..0x80).contains(first) => Ok(all),
            [] | [_, ..] => Err(WRONG),
        }
    }

    pub(super) const fn finish(self) -> Result<(), ParseError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(ParseError::Trailing)
        }
    }
}

/// Writes a string. What is longer than 32 bits can count is not cut off but
/// gets a length that no reader accepts.
pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positive_and_in_their_shortest_form() {
        let read = |bytes: &[u8]| Reader::new(&string(bytes)).positive().is_ok();
        for good in [&[1][..], &[0x7f], &[0, 0x80], &[1, 0]] {
            assert!(read(good), "{good:?}");
        }
        for bad in [&[][..], &[0], &[0x80], &[0, 0x7f], &[0, 0, 0x80]] {
            assert!(!read(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_cut_off() {
        for bytes in [&[][..], &[0, 0, 0], &[0, 0, 0, 1], &[255, 255, 255, 255, 1]] {
            assert_eq!(Reader::new(bytes).string(), Err(ParseError::Truncated));
        }
    }
}
