//! Says in plain words what readers of YAML and JSON find wrong: those of the
//! libraries are about the types of the program that reads.

/// A message of a reader in plain words, with its place as it was.
pub(crate) fn plain(message: &str) -> String {
    let (text, place) = match message.rfind(" at line ") {
        Some(at) => message.split_at(at),
        None => (message, ""),
    };
    format!("{}{place}", words(text))
}

fn words(text: &str) -> String {
    let name = |rest: &str| rest.split('`').nth(1).unwrap_or(rest).to_owned();
    let pair = |rest: &str| {
        let (found, wanted) = rest.split_once(", expected ")?;
        Some(misfit(found, wanted))
    };
    let rest = |prefix| text.strip_prefix(prefix);
    if let Some(told) = rest("invalid type: ")
        .or(rest("invalid value: "))
        .and_then(pair)
    {
        return told;
    }
    if let Some((length, wanted)) =
        rest("invalid length ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("expected {}, found {length} of them", wanted_words(wanted));
    }
    if let Some(rest) = rest("missing field ") {
        return missing(&name(rest));
    }
    if let Some(rest) = rest("duplicate field ") {
        return twice(&name(rest));
    }
    if let Some(rest) = rest("unknown field ") {
        return unknown("key", &name(rest), &known(rest));
    }
    if let Some(rest) = rest("unknown variant ") {
        return unknown("word", &name(rest), &known(rest));
    }
    if text.starts_with("data did not match any variant of untagged enum") {
        return "it has none of the shapes that it may have".to_owned();
    }
    text.to_owned()
}

/// The words in backticks after `expected`.
fn known(rest: &str) -> Vec<&str> {
    let list = rest.split_once("expected ").map_or("", |(_, list)| list);
    list.split('`').skip(1).step_by(2).collect()
}

/// What is there, and what should be.
pub(crate) fn misfit(found: &str, wanted: &str) -> String {
    format!(
        "expected {}, found {}",
        wanted_words(wanted),
        found_words(found)
    )
}

/// A key that has to be there.
pub(crate) fn missing(key: &str) -> String {
    format!("the key `{key}` is missing")
}

/// A key that stands twice in one place.
pub(crate) fn twice(key: &str) -> String {
    format!("the key `{key}` is there twice: keep one of the two")
}

/// A key or a word that nobody knows, with the nearest known one, or all.
pub(crate) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let distances = known.iter().map(|one| (distance(word, one), *one));
    let near = distances.filter(|(steps, one)| *steps <= 2.max(one.len() / 3));
    match near.min_by_key(|(steps, _)| *steps) {
        Some((_, near)) => format!("unknown {what} `{word}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {what} `{word}`: none is expected here"),
        None => format!(
            "unknown {what} `{word}`: expected one of {}",
            known.join(", ")
        ),
    }
}

/// What serde calls a type, for people.
pub(crate) fn wanted_words(wanted: &str) -> String {
    let plain = match wanted {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "an integer" => "a whole number",
        "f32" | "f64" | "float" | "floating point" => "a number",
        "bool" | "boolean" | "a boolean" => "true or false",
        "a string" | "a borrowed string" | "str" | "string" | "String" => "a text",
        "char" | "a character" => "one letter",
        "a sequence" | "sequence" | "seq" | "sequence start" => "a list",
        "scalar" | "string scalar" | "value" | "single YAML node" => "one value",
        "a map" | "map" | "mapping" | "mapping start" => "keys with values",
        "unit" | "null" | "option" => "nothing",
        "variant identifier" | "string or map" => "one of the known words",
        "field identifier" => "a key",
        "any valid JSON value" => "a value",
        other if other.starts_with("a tuple") || other.starts_with("tuple ") => "a list",
        other if other.starts_with("struct ") || other.starts_with("internally tagged") => {
            "keys with values"
        }
        other if other.starts_with("enum ") => "one of the known words",
        other => {
            return other
                .strip_prefix("newtype struct ")
                .map_or(other, |_| "a value")
                .to_owned();
        }
    };
    plain.to_owned()
}

/// What serde calls a value, for people.
fn found_words(found: &str) -> String {
    let quoted = |prefix: &str| {
        let rest = found.strip_prefix(prefix)?;
        Some(rest.trim_matches(['`', '"']))
    };
    if let Some(number) = quoted("integer ").or_else(|| quoted("floating point ")) {
        return format!("the number {number}");
    }
    if let Some(text) = quoted("string ").or_else(|| quoted("character ")) {
        return format!("the text `{text}`");
    }
    if let Some(truth) = quoted("boolean ") {
        return format!("`{truth}`");
    }
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "keys with values".to_owned(),
        "unit value" | "null" | "Option value" => "nothing".to_owned(),
        "byte array" => "bytes".to_owned(),
        "unit variant" | "newtype variant" | "tuple variant" | "struct variant" | "enum" => {
            "another shape".to_owned()
        }
        other => other.to_owned(),
    }
}

/// Levenshtein's edit distance (1966), for words of a few letters.
#[must_use]
pub fn distance(left: &str, right: &str) -> usize {
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
    use super::*;

    #[test]
    fn what_a_library_says_becomes_what_people_say() {
        let cases = [
            (
                "invalid type: string \"ten\", expected u64 at line 3 column 9",
                "expected a whole number from 0 on, found the text `ten` at line 3 column 9",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "expected a whole number from 0 on, found the number -1",
            ),
            (
                "invalid type: map, expected a sequence",
                "expected a list, found keys with values",
            ),
            (
                "invalid type: null, expected struct Release",
                "expected keys with values, found nothing",
            ),
            (
                "invalid length 3, expected a tuple of size 2",
                "expected a list, found 3 of them",
            ),
            (
                "missing field `owner` at line 9 column 1",
                "the key `owner` is missing at line 9 column 1",
            ),
            (
                "duplicate field `id`",
                "the key `id` is there twice: keep one of the two",
            ),
            (
                "unknown field `servise`, expected `service` or `version`",
                "unknown key `servise`; did you mean `service`?",
            ),
            (
                "unknown field `moon`, expected one of `id`, `service`",
                "unknown key `moon`: expected one of id, service",
            ),
            (
                "unknown field `a`, there are no fields",
                "unknown key `a`: none is expected here",
            ),
            (
                "data did not match any variant of untagged enum Written",
                "it has none of the shapes that it may have",
            ),
            ("EOF while parsing a value", "EOF while parsing a value"),
        ];
        for (said, expected) in cases {
            assert_eq!(plain(said), expected);
        }
    }
}
