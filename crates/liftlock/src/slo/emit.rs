//! Writes a value as YAML that reads as the same value.

use serde_json::Value;

/// Words that another reader may take for something else than a text.
const WORDS: [&str; 12] = [
    "true", "false", "yes", "no", "on", "off", "null", "nan", "inf", "infinity", "y", "n",
];

/// One document, with a newline at its end.
pub(super) fn document(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// A map or a list over several lines, or a scalar on its own.
fn block(value: &Value, indent: usize, out: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(map) if map.is_empty() => out.push_str("{}\n"),
        Value::Array(values) if values.is_empty() => out.push_str("[]\n"),
        Value::Object(map) => {
            for (key, value) in map {
                out.push_str(&margin);
                out.push_str(&text(key, None));
                out.push(':');
                behind(value, indent, out);
            }
        }
        Value::Array(values) => {
            for value in values {
                let mut item = String::new();
                block(value, indent + 2, &mut item);
                out.push_str(&margin);
                out.push_str("- ");
                out.push_str(item.trim_start_matches(' '));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&scalar(value, indent));
            out.push('\n');
        }
    }
}

/// What stands behind a key.
fn behind(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str(" {}\n"),
        Value::Array(values) if values.is_empty() => out.push_str(" []\n"),
        Value::Object(_) => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::Array(_) => {
            out.push('\n');
            block(value, indent, out);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push(' ');
            out.push_str(&scalar(value, indent + 2));
            out.push('\n');
        }
    }
}

fn scalar(value: &Value, indent: usize) -> String {
    match value {
        Value::String(said) => text(said, Some(indent)),
        Value::Number(number) => match number.as_f64() {
            // Without an exponent, which YAML's readers disagree about.
            Some(real) if number.is_f64() => real.to_string(),
            Some(_) | None => number.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A text: plain where nobody can misread it, over several lines where it has
/// them and there is an indent, quoted otherwise.
fn text(said: &str, indent: Option<usize>) -> String {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || " _./-".contains(letter);
    let plain = said.starts_with(|first: char| first.is_ascii_alphabetic())
        && said.chars().all(inner)
        && !said.ends_with(' ')
        && !WORDS.contains(&said.to_ascii_lowercase().as_str());
    if plain {
        return said.to_owned();
    }
    match indent.filter(|_| is_block(said)) {
        Some(indent) => {
            let end = if said.ends_with('\n') { "|" } else { "|-" };
            let margin = " ".repeat(indent);
            let lines = said.lines().map(|line| match line {
                "" => "\n".to_owned(),
                line => format!("\n{margin}{line}"),
            });
            end.to_owned() + &lines.collect::<String>()
        }
        None if is_single(said) => format!("'{said}'"),
        None => quoted(said),
    }
}

/// Whether single quotes spare a line of escapes.
fn is_single(said: &str) -> bool {
    let printed = |letter: char| letter == ' ' || letter.is_ascii_graphic();
    said.contains(['"', '\\']) && !said.contains('\'') && said.chars().all(printed)
}

/// Whether a text of several lines stays as it is in a literal block.
fn is_block(said: &str) -> bool {
    let lines: Vec<&str> = said.split('\n').collect();
    let clean = |line: &&str| {
        let printed = |letter: char| letter == ' ' || letter.is_ascii_graphic();
        line.chars().all(printed) && !line.ends_with(' ')
    };
    let first = lines
        .first()
        .is_some_and(|line| !line.is_empty() && !line.starts_with(' '));
    let last = !said.ends_with("\n\n");
    lines.len() > 1 && first && last && lines.iter().all(clean)
}

/// A text in double quotes, with escapes that JSON and YAML have in common.
fn quoted(said: &str) -> String {
    let mut out = String::from("\"");
    for letter in said.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(letter),
            _ if letter.is_alphanumeric() => out.push(letter),
            _ => {
                let code = u32::from(letter);
                out.push_str(&if code > 0xffff {
                    format!("\\U{code:08x}")
                } else {
                    format!("\\u{code:04x}")
                });
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml;

    /// Texts that YAML reads as something else where they are not quoted.
    const TEXTS: [&str; 53] = [
        "plain",
        "",
        " ",
        "true",
        "No",
        "1",
        "1e3",
        "-",
        "- a",
        "a: b",
        "a #b",
        "#",
        "'",
        "\"",
        "\\",
        "a\nb",
        "a\nb\n",
        "a\n\nb\n",
        "a\nb\n\n",
        "\na",
        " a\nb",
        "a \nb",
        "a\n  b",
        "\t",
        "a\r\nb",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "ä",
        "🙂",
        "{a}",
        "[a]",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "---",
        "a\n---\nb",
        "...",
        "~",
        "0x1f",
        "a\0b",
        "null",
        "=",
        "<<",
        "a\n\tb",
        "2026-01-01",
        "1:30",
    ];

    #[test]
    fn whatever_is_written_reads_the_same() {
        for said in TEXTS {
            let value = json!({
                "a": {"b": said, "c": [said, {"d": said, said: 1}]},
                said: [[said], [], {}], "n": [0.1, -5, 1e-9, 1e300, true, null]
            });
            let written = document(&value);
            let read = yaml::documents(&written);
            let read = read.map_err(|refused| refused.to_string());
            assert_eq!(read, Ok(vec![value]), "{said:?}\n{written}");
        }
    }

    #[test]
    fn it_is_written_for_people() {
        let value = json!({"spec": {"query": "sum(\n  a\n)\n", "list": [{"a": "b c", "d": []}]}});
        let wanted =
            "spec:\n  query: |\n    sum(\n      a\n    )\n  list:\n  - a: b c\n    d: []\n";
        assert_eq!(document(&value), wanted);
    }
}
