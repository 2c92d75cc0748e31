//! The ticket that has to be named: in the notes of the release, or by somebody
//! who says yes.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// The longest pattern, in bytes.
const LONGEST: usize = 200;

/// The most memory of a compiled pattern, in bytes.
const LARGEST: usize = 64 * 1024;

/// What people write without naming a ticket: a pattern that fits one of these
/// would demand nothing.
const WORDS: [&str; 8] = ["yes", "ok", "lgtm", "fine", "a", "1", "-", " "];

/// A pattern for tickets, such as `OPS-[0-9]+`: a regular expression that has
/// to fit a whole word, between anything but letters, digits and `_`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ticket {
    written: String,
    pattern: Regex,
}

impl Ticket {
    /// The first ticket that a text names.
    #[must_use]
    pub fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        let found = self.pattern.captures(text)?;
        found.get(1).map(|found| found.as_str())
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.written)
    }
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Ticket {}

impl TryFrom<String> for Ticket {
    type Error = Malformed;

    fn try_from(written: String) -> Result<Self, Malformed> {
        if written.len() > LONGEST {
            return Err(Malformed::Long);
        }
        let compiled = |text: &str| {
            let pattern = RegexBuilder::new(text).size_limit(LARGEST).build();
            pattern.map_err(|error| Malformed::Pattern(error.to_string()))
        };
        // By itself first, so that nothing in it closes the brackets around it.
        let alone = compiled(&written)?;
        if alone.is_match("") || WORDS.iter().any(|word| alone.is_match(word)) {
            return Err(Malformed::Wide);
        }
        let pattern = compiled(&format!(
            "(?:^|[^0-9A-Za-z_])({written})(?:$|[^0-9A-Za-z_])"
        ))?;
        Ok(Self { written, pattern })
    }
}

impl From<Ticket> for String {
    fn from(ticket: Ticket) -> Self {
        ticket.written
    }
}

/// The pattern is none for tickets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than any ticket needs.
    #[error("the pattern of `ticket` is longer than {LONGEST} bytes")]
    Long,
    /// No regular expression.
    #[error("the pattern of `ticket` is no regular expression: {0}")]
    Pattern(String),
    /// Demands nothing.
    #[error("the pattern of `ticket` fits what names no ticket, such as `yes`")]
    Wide,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(text: &str) -> Result<Ticket, Malformed> {
        Ticket::try_from(text.to_owned())
    }

    #[test]
    fn a_ticket_is_a_whole_word_in_a_text() {
        let ticket = ticket("OPS-[0-9]+|CHG[0-9]{7}").unwrap();
        let cases = [
            ("fixes OPS-12, and more", Some("OPS-12")),
            ("(CHG0030001)", Some("CHG0030001")),
            ("OPS-7", Some("OPS-7")),
            ("line\nOPS-8\n", Some("OPS-8")),
            ("DEVOPS-12", None),
            ("OPS-12b", None),
            ("OPS-", None),
            ("ops-12", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(ticket.find(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_pattern_that_demands_nothing_is_refused() {
        for text in [
            "",
            ".*",
            ".+",
            "[A-Z]*",
            "OPS-[0-9]+|",
            "OPS|.",
            "[a-z]+",
            "x?",
        ] {
            assert_eq!(ticket(text).unwrap_err(), Malformed::Wide, "{text}");
        }
        for text in ["(", "OPS-1)|(.", "(?:[a-z]{1000}){1000}X", "(?=x)"] {
            let error = ticket(text).unwrap_err();
            assert!(matches!(error, Malformed::Pattern(_)), "{text}: {error}");
        }
        assert_eq!(ticket(&"X".repeat(201)).unwrap_err(), Malformed::Long);
    }
}
