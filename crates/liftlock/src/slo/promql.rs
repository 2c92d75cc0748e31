//! Looks into a PromQL text, word by word, without understanding all of it.
//!
//! Enough to see which functions are called, which labels are matched and
//! whether the whole is a quotient; strings and comments are left alone.

/// A piece of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'text> {
    /// A name of a metric, function, label or keyword; or a number.
    Word(&'text str),
    /// What a string says.
    Text(String),
    /// Anything else.
    Sign(char),
}

/// Words before a bracket that are no functions.
const KEYWORDS: [&str; 14] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "and",
    "or",
    "unless",
    "offset",
    "bool",
    "atan2",
    "start",
    "end",
];

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        if is_word(first) {
            let end = rest.find(|next| !is_word(next)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            pieces.push(Piece::Word(word));
            rest = after;
        } else if matches!(first, '"' | '\'' | '`') {
            let (text, after) = string(after, first);
            pieces.push(Piece::Text(text));
            rest = after;
        } else if first == '#' {
            rest = after.split_once('\n').map_or("", |(_, after)| after);
        } else {
            if !first.is_whitespace() {
                pieces.push(Piece::Sign(first));
            }
            rest = after;
        }
    }
    pieces
}

const fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':' | '.')
}

/// The string up to its closing quote, and what comes after it.
fn string(text: &str, quote: char) -> (String, &str) {
    let mut said = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return (said, text.get(at + 1..).unwrap_or_default());
        }
        let escaped = letter == '\\' && quote != '`';
        let letter = if escaped {
            letters.next().map(|(_, next)| next)
        } else {
            Some(letter)
        };
        said.extend(letter);
    }
    (said, "")
}

/// The functions and aggregations that are called, in order.
pub(super) fn calls(text: &str) -> Vec<&str> {
    let pieces = pieces(text);
    let pairs = pieces.iter().zip(pieces.iter().skip(1));
    pairs
        .filter_map(|(piece, next)| match (piece, next) {
            (Piece::Word(word), Piece::Sign('(') | Piece::Word("by" | "without")) => Some(*word),
            (Piece::Word(_) | Piece::Text(_) | Piece::Sign(_), _) => None,
        })
        .filter(|word| !KEYWORDS.contains(word))
        .collect()
}

/// What a label is said to be: `label="value"`, the first time.
pub(super) fn label(text: &str, name: &str) -> Option<String> {
    let pieces = pieces(text);
    pieces.windows(3).find_map(|window| match window {
        [Piece::Word(word), Piece::Sign('='), Piece::Text(value)] if *word == name => {
            Some(value.clone())
        }
        _ => None,
    })
}

/// The labels that are matched in any way.
pub(super) fn labels(text: &str) -> Vec<&str> {
    let pieces = pieces(text);
    let pairs = pieces.iter().zip(pieces.iter().skip(1));
    pairs
        .filter_map(|(piece, next)| match (piece, next) {
            (Piece::Word(word), Piece::Sign('=' | '!')) => Some(*word),
            (Piece::Word(_) | Piece::Text(_) | Piece::Sign(_), _) => None,
        })
        .collect()
}

/// The metric of a plain selector: a name, and nothing but labels behind it.
pub(super) fn selected(text: &str) -> Option<&str> {
    let pieces = pieces(text);
    let (Piece::Word(name), rest) = pieces.split_first()? else {
        return None;
    };
    match rest {
        [] => Some(*name),
        [Piece::Sign('{'), inside @ .., Piece::Sign('}')] => {
            let bracket = |piece: &Piece<'_>| {
                matches!(piece, Piece::Sign('{' | '}' | '(' | ')' | '[' | ']' | '/'))
            };
            (!inside.iter().any(bracket)).then_some(*name)
        }
        _ => None,
    }
}

/// Whether the whole is one part over another: a share, unless it is scaled.
pub(super) fn is_quotient(text: &str) -> bool {
    let pieces = pieces(text);
    let mut inner = pieces.as_slice();
    while let [Piece::Sign('('), inside @ .., Piece::Sign(')')] = inner
        && is_closed(inside)
    {
        inner = inside;
    }
    let mut depth = 0_i32;
    let mut outer = Vec::new();
    for piece in inner {
        match piece {
            Piece::Sign('(' | '[' | '{') => depth += 1,
            Piece::Sign(')' | ']' | '}') => depth -= 1,
            Piece::Sign(sign @ ('/' | '*' | '+' | '-' | '<' | '>' | '%' | '^')) if depth == 0 => {
                outer.push(*sign);
            }
            Piece::Word(_) | Piece::Text(_) | Piece::Sign(_) => {}
        }
    }
    outer == ['/']
}

/// Whether every bracket inside is closed inside.
fn is_closed(pieces: &[Piece<'_>]) -> bool {
    let mut depth = 0_i32;
    for piece in pieces {
        match piece {
            Piece::Sign('(') => depth += 1,
            Piece::Sign(')') => depth -= 1,
            Piece::Word(_) | Piece::Text(_) | Piece::Sign(_) => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_outside_of_strings_and_comments() {
        let text = "sum by (a) (rate(m{x=\"irate(\"}[5m])) # increase(\n / on() count(n)";
        assert_eq!(calls(text), ["sum", "rate", "count"]);
        assert_eq!(calls("irate"), Vec::<&str>::new());
        assert_eq!(calls("'a\\'rate(' + `\\` + rate(m[5m])"), ["rate"]);
    }

    #[test]
    fn a_label_is_what_its_matcher_says() {
        let text = r#"m_bucket{code!~"5..",le="0.05"}"#;
        assert_eq!(label(text, "le").as_deref(), Some("0.05"));
        assert_eq!(label(text, "code"), None);
        assert_eq!(labels(text), ["code", "le"]);
        assert_eq!(label(r#"m{a="le=\"1\""}"#, "le"), None);
    }

    #[test]
    fn a_selector_is_a_name_with_labels() {
        assert_eq!(selected("a:b"), Some("a:b"));
        assert_eq!(selected(r#"m{a="(x)"}"#), Some("m"));
        for text in [
            "",
            "sum(m)",
            "m[5m]",
            "m / n",
            "m{a=\"b\"} / n{}",
            "{a=\"b\"}",
        ] {
            assert_eq!(selected(text), None, "{text}");
        }
    }

    #[test]
    fn a_quotient_is_not_scaled() {
        for text in [
            "a / b",
            "(sum(rate(a[5m])) / sum(rate(b[5m])))",
            "(a + b) / (c)",
        ] {
            assert!(is_quotient(text), "{text}");
        }
        for text in [
            "a",
            "100 * a / b",
            "1 - a / b",
            "f(a / b)",
            "a / b > 1",
            "a{x=\"/\"}",
        ] {
            assert!(!is_quotient(text), "{text}");
        }
    }
}
