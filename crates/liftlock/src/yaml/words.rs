//! What the reader of YAML finds wrong, in words for people.

use serde_saphyr::{Error, Location, MessageFormatter as _, UserMessageFormatter};

use crate::wording;

/// What is wrong, without its place.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has many more, and may get others"
)]
pub(super) fn words(text: &str, error: &Error) -> String {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => words(text, error),
        Error::InvalidScalar { ty, location } => {
            instead(&wording::wanted_words(ty), text, location)
        }
        Error::InvalidBooleanStrict { location } => instead("true or false", text, location),
        Error::Unexpected { expected, location } => {
            instead(&wording::wanted_words(expected), text, location)
        }
        Error::TaggedScalarCannotDeserializeIntoString { location }
        | Error::UnsupportedTag { location, .. } => {
            instead("a value without a tag", text, location)
        }
        other => shape(other),
    }
}

fn instead(wanted: &str, text: &str, location: &Location) -> String {
    format!("expected {wanted}, found {}", at(text, location))
}

/// What is wrong with keys, or with the file as a whole.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has many more, and may get others"
)]
fn shape(error: &Error) -> String {
    let told = match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => return wording::twice(key),
        Error::ExternalMessage { msg, .. } => return syntax(msg),
        Error::DuplicateMappingKey { key: None, .. } => "a key is there twice",
        Error::Eof { .. } => "the file ends too early",
        Error::MultipleDocuments { .. } => "expected one document: remove what follows `---`",
        Error::ContainerEndMismatch { .. } => "a bracket closes what was not opened",
        Error::UnknownAnchor { .. } => "the alias names no anchor of this file",
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "`<<` needs keys with values, or a list of them"
        }
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "the file is too deep, or has too many values"
        }
        other => return wording::plain(&UserMessageFormatter.format_message(other)),
    };
    told.to_owned()
}

/// What the scanner calls things, and what people do.
const TERMS: [(&str, &str); 12] = [
    ("flow mapping", "`{…}`"),
    ("flow sequence", "`[…]`"),
    ("block mapping", "keys with values"),
    ("block sequence", "list"),
    ("block collection", "list"),
    ("plain scalar", "text"),
    ("quoted scalar", "text in quotes"),
    ("scalar", "text"),
    ("mapping", "keys with values"),
    ("sequence", "list"),
    ("unexpected EOF", "the file ends"),
    ("unexpected eof", "the file ends too early"),
];

/// What is wrong where the text is no YAML at all.
fn syntax(message: &str) -> String {
    let says = |word| message.contains(word);
    if says("tab") && !says("table") {
        return "there is a tab: indent with spaces".to_owned();
    }
    if says("mapping values are not allowed") || says("did not find expected key") || says("indent")
    {
        return "the indentation does not fit the lines above, or a value with `: ` in it has no quotes"
            .to_owned();
    }
    let terms = TERMS.iter();
    terms.fold(message.to_owned(), |told, (term, word)| {
        told.replace(term, word)
    })
}

/// What stands at a place, up to where a value ends.
fn at(text: &str, location: &Location) -> String {
    let line = usize::try_from(location.line()).unwrap_or_default();
    let column = usize::try_from(location.column()).unwrap_or_default();
    let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let rest: String = rest.chars().skip(column.saturating_sub(1)).collect();
    let end = [": ", ", ", " #"]
        .iter()
        .filter_map(|end| rest.find(end))
        .min();
    let value = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    match value.trim().chars().next() {
        None => "nothing".to_owned(),
        Some('[') => "a list".to_owned(),
        Some('-') if value.trim_start().starts_with("- ") => "a list".to_owned(),
        Some('{') => "keys with values".to_owned(),
        Some(_)
            if rest
                .get(value.len()..)
                .is_some_and(|rest| rest.starts_with(": ")) =>
        {
            "keys with values".to_owned()
        }
        Some(_) => {
            let value: String = value
                .trim_end_matches([']', '}', ' '])
                .chars()
                .take(60)
                .collect();
            format!("`{value}`")
        }
    }
}
