//! The place of a slot's counters, as PromQL selects it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::{Explain, Kind};
use crate::span::Span;

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
        self.0.contains(SLOT)
    }

    /// The query for a slot's raw samples over a span.
    #[must_use]
    pub fn query(&self, slot: &str, span: Span) -> String {
        let escaped = slot.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{}[{}ms]", self.0.replace(SLOT, &escaped), span.millis())
    }
}

impl FromStr for Selector {
    type Err = NotSelector;

    fn from_str(text: &str) -> Result<Self, NotSelector> {
        let refused = || NotSelector(text.chars().take(200).collect());
        let text = text.trim();
        let mut quote = None;
        let mut last = ' ';
        for letter in text.chars() {
            match quote {
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
        assert_eq!(query, r#"m{v="v1\"} or x{a=\"",code=~"5.."}[90000ms]"#);
        assert!(selector.has_slot());
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
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
        for text in ["m", "a:b", "m{path=~\"/a(b|c)[0-9]+\"}", "{\"m.x\"}"] {
            assert!(text.parse::<Selector>().is_ok(), "{text}");
        }
    }
}
