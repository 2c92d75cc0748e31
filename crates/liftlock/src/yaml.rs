//! Reads YAML that people write: strict, bounded, with line, key and a suggestion.

mod reader;
mod tree;
mod words;

use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

use reader::Reader;
use tree::Node;

pub use crate::wording::distance;

/// The most bytes of a YAML file.
pub const LARGEST: usize = 1024 * 1024;

/// The most documents of a YAML file.
pub const MOST_DOCUMENTS: usize = 1000;

/// How deep a document may be.
const DEEPEST: usize = 64;

/// The most values of a file, those that aliases repeat among them.
const MOST_VALUES: usize = 100_000;

/// Parses one YAML document; unknown keys are the business of the type's
/// `deny_unknown_fields`.
///
/// # Errors
///
/// Fails when the text is too large, malformed, holds a duplicate key or does
/// not fit the type. The message names the line.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    let nodes = nodes(text)?;
    if let Some(second) = nodes.get(1) {
        let message = "expected one document: remove what follows `---`";
        return Err(ParseError::custom(message).or_at(second.place));
    }
    // A file without a document has no keys.
    let node = nodes.into_iter().next().unwrap_or_default();
    let reader = Reader {
        document: text,
        node: &node,
    };
    reader.read(PhantomData)
}

/// Parses every document of a file that belongs to another program, whatever
/// its shape. Empty documents are left out.
///
/// # Errors
///
/// Fails when the text is too large, malformed or too deep, has too many
/// documents or values, holds a duplicate key, or a number that is none.
pub fn documents(text: &str) -> Result<Vec<Value>, ParseError> {
    let nodes = nodes(text)?;
    let value = |node: &Node| {
        let value = node.value(text);
        let error = || ParseError::custom("a key is no text").or_at(node.place);
        value.ok_or_else(error)
    };
    nodes.iter().map(value).collect()
}

fn nodes(text: &str) -> Result<Vec<Node>, ParseError> {
    if text.len() > LARGEST {
        return Err(ParseError::told(format!(
            "{} bytes are more than the {LARGEST} allowed",
            text.len()
        )));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            max_documents: MOST_DOCUMENTS,
            max_nodes: MOST_VALUES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_VALUES,
        },
    };
    let read = serde_saphyr::from_multiple_with_options(text, options);
    read.map_err(|error| ParseError {
        message: words::words(text, &error),
        place: error.location().map(|place| (place.line(), place.column())),
    })
}

/// Line and column, from 1.
type Place = Option<(u64, u64)>;

/// The file is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", told(*.place))]
pub struct ParseError {
    message: String,
    place: Place,
}

impl ParseError {
    const fn told(message: String) -> Self {
        Self {
            message,
            place: None,
        }
    }

    /// At this place, unless it says another.
    fn or_at(self, place: Place) -> Self {
        Self {
            place: self.place.or(place),
            ..self
        }
    }
}

fn told(place: Place) -> String {
    place.map_or(String::new(), |(line, column)| {
        format!("line {line}, column {column}: ")
    })
}

#[cfg(test)]
mod tests {
    use indoc::indoc;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its name matters")]
        service: String,
    }

    #[test]
    fn a_wrong_key_is_named_with_its_line_and_the_right_one() {
        let text = indoc! {"
            # a comment
            servise: shop
        "};
        let message = parse::<Sample>(text).unwrap_err().to_string();
        assert!(message.starts_with("line 2, column 1: "), "{message}");
        assert!(message.contains("`servise`"), "{message}");
        assert!(message.ends_with("did you mean `service`?"), "{message}");
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert!(parse::<Sample>("service: a\nservice: b\n").is_err());
    }

    #[test]
    fn documents_of_any_shape_are_read_one_by_one() {
        let found = documents("---\na: 1\n---\n---\n[b, 0.5]\n").unwrap();
        assert_eq!(
            found,
            [serde_json::json!({"a": 1}), serde_json::json!(["b", 0.5])]
        );
    }

    #[test]
    fn documents_that_grow_without_bound_are_refused() {
        let deep = "[".repeat(DEEPEST + 1) + &"]".repeat(DEEPEST + 1);
        let many = "---\na: 1\n".repeat(MOST_DOCUMENTS + 1);
        let layers = (1..9).map(|layer| {
            let alias = format!("*a{}, ", layer - 1).repeat(10);
            format!("a{layer}: &a{layer} [{alias}]\n")
        });
        let bomb = "a0: &a0 [x, x]\n".to_owned() + &layers.collect::<String>();
        let heavy = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(100_000),
            "*a, ".repeat(1000)
        );
        for (name, text) in [
            ("deep", deep.as_str()),
            ("many", &many),
            ("bomb", &bomb),
            ("heavy", &heavy),
            ("long", &"a".repeat(LARGEST + 1)),
            ("not a number", "a: .nan"),
            ("twice", "a: 1\na: 2"),
        ] {
            assert!(documents(text).is_err(), "{name}");
        }
    }

    #[test]
    fn the_distance_counts_edits() {
        assert_eq!(distance("servise", "service"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
