//! The place of a slot's counters, as PromQL selects it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::{Explain, Kind};
use crate::span::Span;
use crate::telemetry::Matcher;

const SLOT: &str = "{slot}";
const LONGEST: usize = 8 * 1024;

/// A PromQL selector of raw counters, in which `{slot}` stands for a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector(String);

impl Selector {
    /// Whether the selector tells slots apart.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        match Matcher::new("selector", &self.0) {
            Ok(matcher) => matcher.has_slot(),
            Err(_) => self.0.contains(SLOT),
        }
    }

    /// The query for a slot's raw samples over a span. The slot means itself,
    /// in whatever quotes it stands, and also in an expression.
    #[must_use]
    pub fn query(&self, slot: &str, span: Span) -> String {
        let mut query = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once(SLOT) {
            query.push_str(before);
            let expression = is_expression(&query);
            if expression {
                query.push_str(&escaped(&regex_lite::escape(slot)));
            } else {
                query.push_str(&escaped(slot));
            }
            rest = after;
        }
        format!("{query}{rest}[{}ms]", span.millis())
    }
}

/// Whether what follows stands in the string of `=~` or `!~`.
fn is_expression(before: &str) -> bool {
    let mut quote = None;
    let mut open = 0;
    let mut last = ' ';
    for (at, letter) in before.char_indices() {
        match quote {
            Some(mark) if letter == mark && last != '\\' => quote = None,
            Some(_) => {}
            None if matches!(letter, '"' | '\'' | '`') => {
                quote = Some(letter);
                open = at;
            }
            None => {}
        }
        // A backslash that is escaped escapes nothing.
        last = if last == '\\' && letter == '\\' {
            ' '
        } else {
            letter
        };
    }
    let sign = before.get(..open).unwrap_or_default().trim_end();
    quote.is_some() && (sign.ends_with("=~") || sign.ends_with("!~"))
}

/// A text inside of a string of PromQL: what could end one is written by its
/// number.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut text, letter| {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' | '\'' | '`' => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter if letter.is_control() => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => text.push(letter),
        }
        text
    })
}

impl FromStr for Selector {
    type Err = NotSelector;

    fn from_str(text: &str) -> Result<Self, NotSelector> {
        let refused = || NotSelector(text.chars().take(200).collect());
        let text = text.trim();
        let mut quote = None;
        let mut last = ' ';
        // A slot stands for a value, which is in quotes.
        let bare = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with(SLOT));
        for (at, letter) in text.char_indices() {
            match quote {
                None if bare(at) => return Err(refused()),
                Some(open) if letter == open && last != '\\' => quote = None,
                Some(_) => {}
                None if matches!(letter, '"' | '\'' | '`') => quote = Some(letter),
                None if matches!(letter, '(' | ')' | '[' | ']' | '+' | '/' | ';' | '\n') => {
                    return Err(refused());
                }
                None => {}
            }
            last = letter;
        }
        let bare = text.strip_suffix('}').map_or(text, |_| "m");
        let ends = bare
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':' | '.'));
        if text.is_empty() || text.len() > LONGEST || quote.is_some() || !ends {
            return Err(refused());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Selector {
    type Error = NotSelector;

    fn try_from(text: String) -> Result<Self, NotSelector> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.0
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The text selects no raw counters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no selector of raw counters: expected such as requests_total{{version=\"{{slot}}\"}}, without functions and ranges"
)]
pub struct NotSelector(String);

impl Explain for NotSelector {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some("take `rate`, `sum` and the range away: raw samples are counted here".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_put_in_and_cannot_break_out() {
        let selector: Selector = r#"m{v="{slot}",code=~"5.."}"#.parse().unwrap();
        let query = selector.query("v1\"} or x{a=\"", Span::seconds(90));
        assert_eq!(
            query,
            r#"m{v="v1\u0022} or x{a=\u0022",code=~"5.."}[90000ms]"#
        );
        assert!(selector.has_slot());
        let single: Selector = "m{v='{slot}'}".parse().unwrap();
        let query = single.query("a'}\n\\", Span::seconds(1));
        assert_eq!(query, r"m{v='a\u0027}\u000a\\'}[1000ms]");
        let expression: Selector = r#"m{w="x",v=~"{slot}|b"}"#.parse().unwrap();
        let query = expression.query("1.2", Span::seconds(1));
        assert_eq!(query, r#"m{w="x",v=~"1\\.2|b"}[1000ms]"#);
    }

    #[test]
    fn expressions_are_refused() {
        for text in [
            "",
            "sum(rate(m[5m]))",
            "m[5m]",
            "m{a=\"b\"} / n",
            "m or n",
            "m{a=\"b",
            "m{a=\"b\"} offset 5m",
            "m{{slot}=\"b\"}",
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
        for text in ["m", "a:b", "m{path=~\"/a(b|c)[0-9]+\"}", "{\"m.x\"}"] {
            assert!(text.parse::<Selector>().is_ok(), "{text}");
        }
    }
}
