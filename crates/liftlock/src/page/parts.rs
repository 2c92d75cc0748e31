//! Parts that pages have in common.

use super::Markup;
use super::style::Ink;
use crate::verdict::Verdict;

/// A headline as a sentence.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// A sign of its own shape for each verdict, as colour alone says nothing to
/// some.
#[must_use]
pub fn sign(verdict: Verdict) -> Markup {
    let path = match verdict {
        Verdict::Pass => "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0 -20M7 12.5l3.5 3.5l6.5 -8",
        Verdict::Fail | Verdict::Stuck => {
            "M8 2h8l6 6v8l-6 6h-8l-6 -6v-8zM8.5 8.5l7 7M15.5 8.5l-7 7"
        }
        Verdict::Blind => "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0 -20M5 5l14 14",
        Verdict::Inconclusive | Verdict::Pending | Verdict::Blocked | Verdict::Expired => {
            "M12 2l10 10l-10 10l-10 -10zM8 12h.1M12 12h.1M16 12h.1"
        }
    };
    let ink = Ink::of(verdict);
    let class = format!("line-{}", ink.class());
    let path = Markup::void(
        "path",
        &[
            ("d", path),
            ("fill", "none"),
            ("stroke", ink.light()),
            ("stroke-width", "2.2"),
            ("stroke-linecap", "round"),
            ("class", &class),
        ],
    );
    let attributes = [
        ("class", "mark"),
        ("viewBox", "0 0 24 24"),
        ("width", "24"),
        ("height", "24"),
        ("aria-hidden", "true"),
    ];
    Markup::element("svg", &attributes, path)
}

/// A name and its value, as a row of [`pairs`].
#[must_use]
pub fn line(name: &str, value: impl Into<Markup>) -> Markup {
    let name = Markup::element("th", &[("scope", "row")], name);
    let value = Markup::element("td", &[], value);
    Markup::element("tr", &[], name.and(value))
}

/// Names and values, one a line.
#[must_use]
pub fn pairs(lines: Markup) -> Markup {
    let body = Markup::element("tbody", &[], lines);
    Markup::element("table", &[("class", "plain")], body)
}
