//! Reads JSON from outside: bounded, strict, and with the place of what is wrong.

use serde::de::DeserializeOwned;

/// The most bytes that any JSON document from outside may have.
///
/// A bundle around the largest predicate that is signed (16 MiB, a third more
/// in base64) is the largest of them.
pub const LARGEST: usize = 32 * 1024 * 1024;

/// Parses one JSON document. `serde_json` bounds the depth at 128.
///
/// # Errors
///
/// Fails when the document is larger than [`LARGEST`], malformed, or not of
/// the expected shape.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ParseError> {
    if bytes.len() > LARGEST {
        return Err(ParseError::TooLarge(bytes.len()));
    }
    Ok(serde_json::from_slice(bytes)?)
}

/// Writes a document as one line with a newline at its end.
///
/// # Errors
///
/// Fails only where a type of ours cannot be JSON, which its tests show.
pub fn line<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The bytes are not the JSON that was expected.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// More bytes than any honest document has.
    #[error("{0} bytes are more than the {LARGEST} a document may have")]
    TooLarge(usize),
    /// Malformed, or of another shape; the cause names line and column.
    #[error("not the expected JSON")]
    Malformed(#[from] serde_json::Error),
}
