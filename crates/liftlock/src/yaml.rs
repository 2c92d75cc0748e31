//! Reads YAML that people write: strict, bounded, with line, key and a suggestion.

use serde::de::DeserializeOwned;

/// The most bytes of a YAML file.
pub const LARGEST: usize = 1024 * 1024;

/// Parses one YAML document; unknown keys are the business of the type's
/// `deny_unknown_fields`.
///
/// # Errors
///
/// Fails when the text is too large, malformed, holds a duplicate key or does
/// not fit the type. The message names the line.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ParseError> {
    if text.len() > LARGEST {
        return Err(ParseError {
            message: format!("{} bytes are more than the {LARGEST} allowed", text.len()),
            line: None,
        });
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let message = error.without_snippet().to_string();
        let line = error.location().map(|place| place.line());
        let text = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(text, _)| text);
        ParseError {
            message: with_suggestion(text),
            line,
        }
    })
}

/// The file is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct ParseError {
    message: String,
    line: Option<u64>,
}

/// Appends the known key that is nearest to the unknown one.
///
/// The parser's message reads "unknown field `x`, expected one of a, b".
fn with_suggestion(message: &str) -> String {
    let near = message
        .strip_prefix("unknown ")
        .and_then(|rest| rest.split_once("expected "))
        .and_then(|(unknown, known)| {
            let wrong = unknown.split('`').nth(1)?;
            known
                .trim_start_matches("one of ")
                .split([',', ' ', '`'])
                .filter(|known| !known.is_empty())
                .map(|known| (distance(wrong, known), known))
                .filter(|(steps, known)| *steps <= 2.max(known.len() / 3))
                .min_by_key(|(steps, _)| *steps)
        });
    match near {
        Some((_, known)) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

/// Levenshtein's edit distance (1966), for words of a few letters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((other, above), diagonal) in right.iter().zip(row.iter().skip(1)).zip(&row) {
            let beside = next.last().copied().unwrap_or_default();
            let change = diagonal + usize::from(*other != letter);
            next.push(change.min(above + 1).min(beside + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
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
        assert!(message.starts_with("line 2: "), "{message}");
        assert!(message.contains("`servise`"), "{message}");
        assert!(message.ends_with("did you mean `service`?"), "{message}");
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert!(parse::<Sample>("service: a\nservice: b\n").is_err());
    }

    #[test]
    fn the_distance_counts_edits() {
        assert_eq!(distance("servise", "service"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
