//! Picks series out of a page, as PromQL's selectors do.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::error::{Error, short};

const SLOT: &str = "{slot}";

/// The most bytes of a selector, and the most matchers in it.
const LONGEST: usize = 8 * 1024;
const MOST: usize = 64;

/// `name{label="value",label=~"expression"}`, in which `{slot}` stands for a
/// slot inside of values.
#[derive(Clone, Debug)]
pub struct Matcher {
    field: &'static str,
    name: Option<String>,
    labels: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    label: String,
    test: Test,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Is,
    IsNot,
    Like,
    Unlike,
}

/// A matcher with a slot in its place.
#[derive(Clone, Debug)]
pub struct Wanted {
    name: Option<String>,
    labels: Vec<(String, Ready)>,
}

#[derive(Clone, Debug)]
enum Ready {
    Is(String),
    IsNot(String),
    Like(Regex),
    Unlike(Regex),
}

impl Matcher {
    /// Parses a selector.
    ///
    /// # Errors
    ///
    /// Fails on anything but a selector without functions and ranges.
    pub fn new(field: &'static str, text: &str) -> Result<Self, Error> {
        let refused = || Error::Query {
            field,
            reason: format!(
                "is no selector such as requests_total{{code=~\"5..\"}}: `{}`",
                short(text)
            ),
        };
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(refused());
        }
        let (name, rest) = text.split_at(text.find('{').unwrap_or(text.len()));
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
        if !name.trim().chars().all(plain) {
            return Err(refused());
        }
        let labels = match rest {
            "" => Vec::new(),
            braces => conditions(braces).ok_or_else(refused)?,
        };
        let name = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        if name.is_none() && labels.is_empty() {
            return Err(refused());
        }
        let matcher = Self {
            field,
            name,
            labels,
        };
        matcher.about("x").map(|_| matcher)
    }

    /// Whether the selector tells slots apart.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        self.labels.iter().any(|condition| match condition.test {
            Test::Is | Test::Like => condition.value.contains(SLOT),
            // All but a slot is no slot.
            Test::IsNot | Test::Unlike => false,
        })
    }

    /// Whether whatever fits this fits the other one, too, by its labels.
    #[must_use]
    pub fn narrows(&self, other: &Self) -> bool {
        let kept = |condition: &Condition| self.labels.contains(condition);
        self.name == other.name && other.labels.iter().all(kept)
    }

    /// The selector as PromQL, for any of some slots.
    #[must_use]
    pub fn query(&self, slots: &[&str]) -> String {
        let escaped = slots.iter().map(|slot| regex_lite::escape(slot));
        let any = format!("(?:{})", escaped.collect::<Vec<_>>().join("|"));
        let condition = |condition: &Condition| {
            let Condition { label, test, value } = condition;
            let (sign, value) = match (test, value.contains(SLOT)) {
                (Test::Is, true) => ("=~", regex_lite::escape(value)),
                (Test::IsNot, true) => ("!~", regex_lite::escape(value)),
                (Test::Is, false) => ("=", value.clone()),
                (Test::IsNot, false) => ("!=", value.clone()),
                (Test::Like, _) => ("=~", value.clone()),
                (Test::Unlike, _) => ("!~", value.clone()),
            };
            let value = value.replace(&regex_lite::escape(SLOT), &any);
            let value = value.replace(SLOT, &any);
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            format!("{label}{sign}\"{value}\"")
        };
        let labels: Vec<String> = self.labels.iter().map(condition).collect();
        let name = self.name.as_deref().unwrap_or_default();
        format!("{name}{{{}}}", labels.join(","))
    }

    /// The matcher for one slot; inside of expressions it means itself.
    ///
    /// # Errors
    ///
    /// Fails on an expression that cannot be understood.
    pub fn about(&self, slot: &str) -> Result<Wanted, Error> {
        let ready = |condition: &Condition| {
            let test = match condition.test {
                Test::Is => Ready::Is(condition.value.replace(SLOT, slot)),
                Test::IsNot => Ready::IsNot(condition.value.replace(SLOT, slot)),
                Test::Like => Ready::Like(self.expression(&condition.value, slot)?),
                Test::Unlike => Ready::Unlike(self.expression(&condition.value, slot)?),
            };
            Ok((condition.label.clone(), test))
        };
        Ok(Wanted {
            name: self.name.clone(),
            labels: self
                .labels
                .iter()
                .map(ready)
                .collect::<Result<_, Error>>()?,
        })
    }

    fn expression(&self, text: &str, slot: &str) -> Result<Regex, Error> {
        let text = text.replace(SLOT, &regex_lite::escape(slot));
        Regex::new(&format!("^(?s:{text})$")).map_err(|error| Error::Query {
            field: self.field,
            reason: format!(
                "holds an expression that is none: {}",
                short(&error.to_string())
            ),
        })
    }
}

impl Wanted {
    /// Whether a series is meant; a label that is not there is empty.
    #[must_use]
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = |label: &str| labels.get(label).map_or("", String::as_str);
        let named = self
            .name
            .as_ref()
            .is_none_or(|name| value("__name__") == name);
        named
            && self.labels.iter().all(|(label, test)| match test {
                Ready::Is(wanted) => value(label) == wanted,
                Ready::IsNot(wanted) => value(label) != wanted,
                Ready::Like(expression) => expression.is_match(value(label)),
                Ready::Unlike(expression) => !expression.is_match(value(label)),
            })
    }
}

fn conditions(braces: &str) -> Option<Vec<Condition>> {
    let mut rest = braces.strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(['=', '!'])?;
        let (label, tail) = rest.split_at(end);
        let tests = [
            ("=~", Test::Like),
            ("!~", Test::Unlike),
            ("!=", Test::IsNot),
            ("=", Test::Is),
        ];
        let (sign, test) = tests.into_iter().find(|(sign, _)| tail.starts_with(sign))?;
        let (value, tail) = quoted(tail.strip_prefix(sign)?.trim_start())?;
        let label = label.trim().trim_matches('"').to_owned();
        if label.is_empty() || found.len() == MOST {
            return None;
        }
        found.push(Condition { label, test, value });
        rest = match tail.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(found)
}

/// A string in double or single quotes and what is behind it.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let mut letters = text.char_indices();
    let (_, quote) = letters
        .next()
        .filter(|(_, one)| matches!(one, '"' | '\''))?;
    let mut value = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                same @ ('\\' | '"' | '\'') => value.push(same),
                // An expression keeps its own backslashes.
                other => value.extend(['\\', other]),
            },
            letter if letter == quote => {
                return Some((value, text.get(at.checked_add(1)?..)?));
            }
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(selector: &str, slot: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter();
        let labels = labels.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let matcher = Matcher::new("total", selector).unwrap();
        matcher.about(slot).unwrap().fits(&labels.collect())
    }

    #[test]
    fn selectors_pick_as_those_of_promql() {
        let series = [("__name__", "m"), ("v", "a.b"), ("code", "503")];
        for (selector, expected) in [
            ("m", true),
            ("n", false),
            ("m{code=\"503\"}", true),
            ("m{code=~\"5..\"}", true),
            ("m{code=~\"5\"}", false),
            ("m{code!~\"5..\"}", false),
            ("m{code!=\"200\",v=\"{slot}\"}", true),
            ("{__name__=~\"m|n\", v = '{slot}',}", true),
            ("m{absent=\"\"}", true),
            ("m{absent=~\".+\"}", false),
            ("m{v=~\"{slot}\"}", true),
        ] {
            assert_eq!(fits(selector, "a.b", &series), expected, "{selector}");
        }
        // A dot of the slot is a dot.
        assert!(!fits(
            "m{v=~\"{slot}\"}",
            "a.b",
            &[("__name__", "m"), ("v", "axb")]
        ));
    }

    #[test]
    fn a_slot_with_quotes_and_line_ends_means_itself() {
        let slot = "a\"},\n{b=\"";
        assert!(fits(
            "m{v=\"{slot}\"}",
            slot,
            &[("__name__", "m"), ("v", slot)]
        ));
        assert!(!fits(
            "m{v=\"{slot}\"}",
            slot,
            &[("__name__", "m"), ("b", "")]
        ));
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            "",
            "{}",
            "sum(m)",
            "m[5m]",
            "m{a=\"b\"",
            "m{a}",
            "m{a=b}",
            "m{=\"b\"}",
            "m{a=\"b\"} / n",
            "m{a=~\"(\"}",
        ] {
            assert!(Matcher::new("total", text).is_err(), "{text}");
        }
    }
}
