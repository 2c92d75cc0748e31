//! Picks series out of a page, as PromQL's selectors do.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::error::{Error, short};

const SLOT: &str = "{slot}";

/// The label that holds the name of a series.
const NAME: &str = "__name__";

/// The most bytes of a selector, and the most conditions in it.
const LONGEST: usize = 8 * 1024;
const MOST: usize = 64;

/// `name{label="value",label=~"expression"}`, in which `{slot}` stands for a
/// slot inside of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    field: &'static str,
    /// The name is one of them.
    conditions: Vec<Condition>,
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
pub struct Wanted(Vec<(String, Ready)>);

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
                "is no selector of raw counters such as requests_total{{code=~\"5..\"}}, without functions and ranges: `{}`",
                short(text)
            ),
        };
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(refused());
        }
        let (name, rest) = text.split_at(text.find('{').unwrap_or(text.len()));
        let mut found = match rest {
            "" => Vec::new(),
            braces => conditions(braces).ok_or_else(refused)?,
        };
        match name.trim() {
            "" => {}
            name if is_plain(name) => found.insert(0, Condition::named(name)),
            _ => return Err(refused()),
        }
        if found.is_empty() {
            return Err(refused());
        }
        let matcher = Self {
            field,
            conditions: found,
        };
        matcher.about("x").map(|_| matcher)
    }

    /// Whether the selector tells slots apart.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        self.conditions
            .iter()
            .any(|condition| match condition.test {
                Test::Is | Test::Like => condition.has_slot(),
                // All but a slot is no slot.
                Test::IsNot | Test::Unlike => false,
            })
    }

    /// The selector with one more label, of which it must say nothing yet.
    #[must_use]
    pub fn with(self, label: &str, value: &str) -> Option<Self> {
        self.and(label, (Test::Is, value))
    }

    /// The same with an expression for the label's whole value.
    #[must_use]
    pub fn like(self, label: &str, expression: &str) -> Option<Self> {
        self.and(label, (Test::Like, expression))
    }

    fn and(mut self, label: &str, (test, value): (Test, &str)) -> Option<Self> {
        let taken = self.conditions.iter().any(|one| one.label == label);
        if taken || self.conditions.len() == MOST {
            return None;
        }
        self.conditions.push(Condition {
            label: label.to_owned(),
            test,
            value: value.to_owned(),
        });
        Some(self)
    }

    /// Whether both select by the same name and labels, in whatever order.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.narrows(other) && other.narrows(self)
    }

    /// Whether whatever fits this fits the other one, too, by its labels.
    #[must_use]
    pub fn narrows(&self, other: &Self) -> bool {
        let kept = |condition: &Condition| self.conditions.contains(condition);
        other.conditions.iter().all(kept)
    }

    /// The selector as PromQL, of all that is of any of some slots.
    #[must_use]
    pub fn query(&self, slots: &[&str]) -> String {
        let first = self.conditions.first().filter(|first| first.is_name());
        let rest = self.conditions.iter().skip(first.iter().count());
        let rest: Vec<String> = rest
            .filter_map(|condition| condition.query(slots))
            .collect();
        let name = first.map_or("", |first| first.value.as_str());
        format!("{name}{{{}}}", rest.join(","))
    }

    /// The matcher for one slot; inside of expressions it means itself.
    ///
    /// # Errors
    ///
    /// Fails on an expression that cannot be understood.
    pub fn about(&self, slot: &str) -> Result<Wanted, Error> {
        self.ready(slot, |_| true)
    }

    /// What tells one slot's own series apart among the answers to another
    /// selector's query: the rest of it the server has tested, which may leave
    /// labels out afterwards, as Thanos does with those of replicas.
    ///
    /// # Errors
    ///
    /// Fails as [`Matcher::about`] does.
    pub(super) fn among(&self, asked: &Self, slot: &str) -> Result<Wanted, Error> {
        let open =
            |condition: &Condition| condition.has_slot() || !asked.conditions.contains(condition);
        self.ready(slot, open)
    }

    fn ready(&self, slot: &str, which: impl Fn(&Condition) -> bool) -> Result<Wanted, Error> {
        let ready = |condition: &Condition| {
            let test = match condition.test {
                Test::Is => Ready::Is(condition.value.replace(SLOT, slot)),
                Test::IsNot => Ready::IsNot(condition.value.replace(SLOT, slot)),
                Test::Like => Ready::Like(self.expression(&condition.value, slot)?),
                Test::Unlike => Ready::Unlike(self.expression(&condition.value, slot)?),
            };
            Ok((condition.label.clone(), test))
        };
        let wanted = self.conditions.iter().filter(|condition| which(condition));
        Ok(Wanted(wanted.map(ready).collect::<Result<_, Error>>()?))
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

impl Condition {
    fn named(name: &str) -> Self {
        Self {
            label: NAME.to_owned(),
            test: Test::Is,
            value: name.to_owned(),
        }
    }

    /// Whether it can stand before the braces.
    fn is_name(&self) -> bool {
        self.label == NAME && self.test == Test::Is && is_plain(&self.value)
    }

    fn has_slot(&self) -> bool {
        self.value.contains(SLOT)
    }

    /// The condition as PromQL; nothing where each slot rules out what is of
    /// another one, so that all of it has to be asked for.
    fn query(&self, slots: &[&str]) -> Option<String> {
        let escaped = slots.iter().map(|slot| regex_lite::escape(slot));
        let any = format!("(?:{})", escaped.collect::<Vec<_>>().join("|"));
        let (sign, value) = match (self.test, self.has_slot(), slots) {
            (Test::Is, false, _) => ("=", self.value.clone()),
            (Test::IsNot, false, _) => ("!=", self.value.clone()),
            (Test::Is, true, [only]) => ("=", self.value.replace(SLOT, only)),
            (Test::IsNot, true, [only]) => ("!=", self.value.replace(SLOT, only)),
            (Test::Is, true, _) => {
                let value = regex_lite::escape(&self.value);
                ("=~", value.replace(&regex_lite::escape(SLOT), &any))
            }
            (Test::IsNot, true, _) => return None,
            (Test::Like, _, _) => ("=~", self.value.replace(SLOT, &any)),
            (Test::Unlike, true, [_, _, ..]) => return None,
            (Test::Unlike, _, _) => ("!~", self.value.replace(SLOT, &any)),
        };
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let label = match is_plain(&self.label) {
            true => self.label.clone(),
            false => format!("\"{}\"", self.label),
        };
        Some(format!("{label}{sign}\"{value}\""))
    }
}

impl Wanted {
    /// Whether a series is meant; a label that is not there is empty.
    #[must_use]
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = |label: &str| labels.get(label).map_or("", String::as_str);
        self.0.iter().all(|(label, test)| match test {
            Ready::Is(wanted) => value(label) == wanted,
            Ready::IsNot(wanted) => value(label) != wanted,
            Ready::Like(expression) => expression.is_match(value(label)),
            Ready::Unlike(expression) => !expression.is_match(value(label)),
        })
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    !name.is_empty() && name.chars().all(plain)
}

fn conditions(braces: &str) -> Option<Vec<Condition>> {
    let mut rest = braces.strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut found: Vec<Condition> = Vec::new();
    while !rest.is_empty() && found.len() < MOST {
        let (condition, tail) = condition(rest)?;
        // A name is given once.
        if condition.is_name() && found.iter().any(Condition::is_name) {
            return None;
        }
        match condition.label == NAME {
            true => found.insert(0, condition),
            false => found.push(condition),
        }
        rest = match tail.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    rest.is_empty().then_some(found)
}

/// One condition, or a name in quotes, and what is behind it.
fn condition(text: &str) -> Option<(Condition, &str)> {
    let (label, tail) = match text.starts_with(['"', '\'', '`']) {
        true => quoted(text)?,
        false => {
            let (label, tail) = text.split_at(text.find(['=', '!'])?);
            let label = Some(label.trim()).filter(|label| is_plain(label))?;
            (label.to_owned(), tail)
        }
    };
    let tail = tail.trim_start();
    if label.is_empty() || label.contains(['"', '\\', '\n']) {
        return None;
    }
    if tail.is_empty() || tail.starts_with(',') {
        // Only a name stands alone, and only in quotes.
        let quoted = text.starts_with(['"', '\'', '`']);
        return quoted.then(|| (Condition::named(&label), tail));
    }
    let tests = [
        ("=~", Test::Like),
        ("!~", Test::Unlike),
        ("!=", Test::IsNot),
        ("=", Test::Is),
    ];
    let (sign, test) = tests.into_iter().find(|(sign, _)| tail.starts_with(sign))?;
    let (value, tail) = quoted(tail.strip_prefix(sign)?.trim_start())?;
    Some((Condition { label, test, value }, tail))
}

/// A string of PromQL and what is behind it: in double or single quotes with
/// the escapes of Go, or as it stands in backticks.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let mut letters = text.char_indices();
    let (_, quote) = letters
        .next()
        .filter(|(_, one)| matches!(one, '"' | '\'' | '`'))?;
    let mut value = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            letter if letter == quote => {
                return Some((value, text.get(at.checked_add(1)?..)?));
            }
            '\\' if quote != '`' => match letters.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                same @ ('\\' | '"' | '\'') => value.push(same),
                'u' => value.push(numbered(&mut letters, 4)?),
                'U' => value.push(numbered(&mut letters, 8)?),
                // Control characters and bytes: in an expression `\b` would
                // mean something else.
                'a' | 'b' | 'f' | 'v' | 'x' | '0'..='7' => return None,
                // An expression keeps its own backslashes.
                other => value.extend(['\\', other]),
            },
            letter => value.push(letter),
        }
    }
    None
}

/// The letter that so many hexadecimal digits number.
fn numbered(letters: &mut std::str::CharIndices<'_>, digits: usize) -> Option<char> {
    let mut number = 0_u32;
    for _ in 0..digits {
        let (_, digit) = letters.next()?;
        number = number.checked_mul(16)?.checked_add(digit.to_digit(16)?)?;
    }
    char::from_u32(number)
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
    fn one_question_finds_what_is_of_any_slot() {
        let query =
            |selector: &str, slots: &[&str]| Matcher::new("total", selector).unwrap().query(slots);
        let both = ["v1", "v.2"];
        #[rustfmt::skip]
        let cases = [
            (r#"m{v="{slot}",code=~"5.."}"#, r#"m{v=~"(?:v1|v\\.2)",code=~"5.."}"#, r#"m{v="v.2",code=~"5.."}"#),
            (r#"m{pod=~"{slot}-.*"}"#, r#"m{pod=~"(?:v1|v\\.2)-.*"}"#, r#"m{pod=~"(?:v\\.2)-.*"}"#),
            (r#"m{v="a-{slot}",peer!="{slot}"}"#, r#"m{v=~"a\\-(?:v1|v\\.2)"}"#, r#"m{v="a-v.2",peer!="v.2"}"#),
            (r#"m{v="{slot}",pod!~"{slot}-x"}"#, r#"m{v=~"(?:v1|v\\.2)"}"#, r#"m{v="v.2",pod!~"(?:v\\.2)-x"}"#),
            ("{\"m.x\", \"a.b\" = '{slot}'}", r#"{__name__="m.x","a.b"=~"(?:v1|v\\.2)"}"#, r#"{__name__="m.x","a.b"="v.2"}"#),
            (r"m{v=`{slot}`,path=`a\d`}", r#"m{v=~"(?:v1|v\\.2)",path="a\\d"}"#, r#"m{v="v.2",path="a\\d"}"#),
            (r#"{v="{slot}",__name__="m"}"#, r#"m{v=~"(?:v1|v\\.2)"}"#, r#"m{v="v.2"}"#),
            ("m", "m{}", "m{}"),
        ];
        for (selector, of_both, of_one) in cases {
            assert_eq!(query(selector, &both), of_both, "{selector}");
            assert_eq!(query(selector, &["v.2"]), of_one, "{selector}");
        }
        let hostile = query(r#"m{v="{slot}"}"#, &["v1\"} or x{a=\"\n\\"]);
        assert_eq!(hostile, r#"m{v="v1\"} or x{a=\"\n\\"}"#);
    }

    #[test]
    fn strings_are_those_of_promql() {
        for (text, expected) in [
            (r#""a\"b\\c\n""#, Some("a\"b\\c\n")),
            (r"'a\'b'", Some("a'b")),
            (r"`a\n`", Some(r"a\n")),
            (r#""\u0041\U0001f600""#, Some("A\u{1f600}")),
            (r#""5\d""#, Some(r"5\d")),
            (r#""\u00+1""#, None),
            (r#""\ud800""#, None),
            (r#""\b""#, None),
            (r#""\x41""#, None),
            ("\"a", None),
            ("a", None),
        ] {
            let found = quoted(text).map(|(value, _)| value);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
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
            "m or n",
            "m{a=\"b\"} offset 5m",
            "m{{slot}=\"b\"}",
            "m{b, a=\"b\"}",
            "m.x",
        ] {
            assert!(Matcher::new("total", text).is_err(), "{text}");
        }
    }
}
