//! Reads JSON from outside: bounded, strict, and with the place of what is wrong.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::wording;

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

/// Parses a document of ours of this major version. Unknown fields are
/// tolerated, another major is refused by name. Most are read before anybody
/// proved who wrote them, so their values are counted.
///
/// # Errors
///
/// Fails as [`parse_open`] does, and on another version.
pub fn versioned<T: DeserializeOwned>(bytes: &[u8], ours: u32) -> Result<T, Unread> {
    #[derive(Deserialize)]
    struct Head {
        schema_version: u32,
    }
    let Head { schema_version } = parse_open(bytes)?;
    if schema_version != ours {
        let found = schema_version;
        return Err(Unread::Version { found, ours });
    }
    Ok(parse(bytes)?)
}

/// The most values in a document with parts of any shape: sixteen bytes for
/// each in the largest predicate. A value that is kept takes up to half a
/// kilobyte, whatever it takes in the document.
pub const MOST_VALUES: usize = 1_000_000;

/// As [`parse`], for a document of which parts of any shape are kept.
///
/// # Errors
///
/// Fails as `parse` does, and on more than [`MOST_VALUES`] values.
pub fn parse_open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ParseError> {
    let count = values(bytes);
    if bytes.len() <= LARGEST && count > MOST_VALUES {
        return Err(ParseError::TooMany(count));
    }
    parse(bytes)
}

/// How many values a document has at most: each follows a comma, a bracket or
/// nothing.
fn values(bytes: &[u8]) -> usize {
    let (mut count, mut text, mut escaped) = (1_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = text,
            b'"' => text = !text,
            b',' | b'[' | b'{' if !text => count += 1,
            _ => {}
        }
    }
    count
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
    /// More values than any honest document has.
    #[error("{0} values are more than the {MOST_VALUES} a document may have")]
    TooMany(usize),
    /// Malformed, or of another shape; the cause names line and column.
    #[error("not the expected JSON")]
    Malformed(#[source] Misread),
}

impl From<serde_json::Error> for ParseError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(Misread(error))
    }
}

/// What is wrong with a document, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}", wording::plain(&.0.to_string()))]
pub struct Misread(serde_json::Error);

impl Misread {
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.0.line()
    }

    /// The column, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.0.column()
    }
}

/// The bytes are no document of ours that this version reads.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// Malformed or of another shape.
    #[error(transparent)]
    Json(#[from] ParseError),
    /// Written by a newer liftlock.
    #[error("`schema_version` {found} is not {ours}, the one this version reads")]
    Version {
        /// What it says.
        found: u32,
        /// What is read here.
        ours: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_major_is_refused_by_name_before_anything_else_is_read() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Named {
            name: String,
        }
        let read = |text: &str| versioned::<Named>(text.as_bytes(), 1);
        let named = read(r#"{"schema_version":1,"name":"a","new":true}"#).unwrap();
        assert_eq!(named.name, "a");
        let told = |text| read(text).unwrap_err().to_string();
        assert_eq!(
            told(r#"{"schema_version":2}"#),
            "`schema_version` 2 is not 1, the one this version reads"
        );
        for wrong in [
            "{}",
            r#"{"schema_version":1}"#,
            r#"{"schema_version":"1"}"#,
            "",
        ] {
            assert_eq!(told(wrong), "not the expected JSON", "{wrong}");
        }
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        let cases = [
            ("1", 1),
            ("[1,2]", 3),
            (r#"{"a":{"b":[]},"c":1}"#, 5),
            (r#""a,[{""#, 1),
            (r#"["\",[\\","b"]"#, 3),
            (r#"["\\\\",1]"#, 3),
        ];
        for (text, count) in cases {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
            assert_eq!(values(text.as_bytes()), count, "{text}");
        }
    }

    #[test]
    fn a_small_document_of_many_values_is_refused_where_they_are_kept() {
        // The document is one value as well.
        let document = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        let parse = |count| parse_open::<serde_json::Value>(document(count).as_bytes());
        assert!(parse(MOST_VALUES).is_ok());
        let count = MOST_VALUES + 1;
        assert!(matches!(parse(count), Err(ParseError::TooMany(found)) if found == count));
        let text = format!(r#"{{"schema_version":1,"a":{}}}"#, document(MOST_VALUES));
        let refused = versioned::<serde_json::Value>(text.as_bytes(), 1).unwrap_err();
        assert!(
            matches!(refused, Unread::Json(ParseError::TooMany(_))),
            "{refused}"
        );
        let large = vec![b','; LARGEST + 1];
        let refused = parse_open::<serde_json::Value>(&large);
        assert!(matches!(refused, Err(ParseError::TooLarge(_))));
    }
}
