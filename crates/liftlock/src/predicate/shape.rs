//! The shape of one field of a predicate, and what is wrong with it.

use serde_json::Value;

use crate::ci;
use crate::failure::{Explain, Kind};
use crate::time::Time;

/// A field: its path (`a.b[].c`), whether it has to be there, what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field(pub(super) &'static str, pub(super) Need, pub(super) Shape);

/// Whether a field has to be there. What is optional has to fit as well.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// Absent is wrong.
    Required,
    /// Absent is wrong, and so is a list of nothing.
    Filled,
    /// Absent is fine.
    Optional,
}

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// An object.
    Object,
    /// A text that says something.
    Text,
    /// A text with a scheme.
    Uri,
    /// A time of RFC 3339.
    Time,
    /// A whole number that is not negative.
    Whole,
    /// A text that begins like that.
    Begins(&'static str),
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

impl Field {
    /// Whether the field of this predicate is as it has to be.
    pub(super) fn check(&self, predicate: &Value) -> Result<(), Flaw> {
        self.walk(predicate, self.0, "")
    }

    /// Follows the rest of the path from a value; `so_far` is how it got there.
    fn walk(&self, value: &Value, path: &str, so_far: &str) -> Result<(), Flaw> {
        let (step, rest) = path.split_once('.').unwrap_or((path, ""));
        let (name, listed) = match step.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (step, false),
        };
        let here = if so_far.is_empty() {
            name.to_owned()
        } else {
            format!("{so_far}.{name}")
        };
        let Some(object) = value.as_object() else {
            return Err(Flaw::new(so_far, "an object", value));
        };
        let Some(found) = object.get(name) else {
            return match self.1 {
                Need::Required | Need::Filled => Err(Flaw::absent(here, self.2)),
                Need::Optional => Ok(()),
            };
        };
        if !listed {
            return self.arrive(found, rest, &here);
        }
        let Some(items) = found.as_array() else {
            return Err(Flaw::new(&here, "a list", found));
        };
        if items.is_empty() && matches!(self.1, Need::Filled) {
            return Err(Flaw::new(&here, "a list that says something", found));
        }
        let mut numbered = items.iter().enumerate();
        numbered.try_for_each(|(index, item)| self.arrive(item, rest, &format!("{here}[{index}]")))
    }

    fn arrive(&self, value: &Value, rest: &str, here: &str) -> Result<(), Flaw> {
        if !rest.is_empty() {
            return self.walk(value, rest, here);
        }
        if self.2.fits(value) {
            Ok(())
        } else {
            Err(Flaw::new(here, &self.2.wanted(), value))
        }
    }
}

impl Shape {
    fn fits(self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Object => value.is_object(),
            Self::Text => text.is_some_and(|text| !text.trim().is_empty()),
            Self::Uri => text.is_some_and(is_uri),
            Self::Time => text.is_some_and(|text| text.parse::<Time>().is_ok()),
            Self::Whole => value.as_u64().is_some(),
            Self::Begins(start) => text.is_some_and(|text| text.starts_with(start)),
            Self::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
        }
    }

    fn wanted(self) -> String {
        match self {
            Self::Object => "an object".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Uri => "a URI".to_owned(),
            Self::Time => "a time such as 2026-11-25T12:00:00Z".to_owned(),
            Self::Whole => "a whole number".to_owned(),
            Self::Begins(start) => format!("a text that begins with `{start}`"),
            Self::OneOf([only]) => format!("`{only}`"),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
        }
    }
}

/// Whether a text has a scheme (RFC 3986 §3.1) and something behind it.
#[must_use]
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let first = scheme.bytes().next();
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    first.is_some_and(|byte| byte.is_ascii_alphabetic())
        && scheme.bytes().all(inner)
        && !rest.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong with a predicate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A field that has to be there is not.
    #[error("`{path}` is absent, expected {wanted}")]
    Absent {
        /// Where it should be.
        path: String,
        /// What it should be.
        wanted: String,
    },
    /// A field is something else.
    #[error("{place} is {found}, expected {wanted}")]
    Other {
        /// Where.
        place: String,
        /// What it should be.
        wanted: String,
        /// What it is.
        found: String,
    },
}

impl Flaw {
    pub(super) fn new(path: &str, wanted: &str, found: &Value) -> Self {
        Self::Other {
            place: if path.is_empty() {
                "the predicate".to_owned()
            } else {
                format!("`{path}`")
            },
            wanted: wanted.to_owned(),
            found: told(found),
        }
    }

    fn absent(path: String, shape: Shape) -> Self {
        Self::Absent {
            path,
            wanted: shape.wanted(),
        }
    }
}

impl Explain for Flaw {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

fn told(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => {
            let short: String = text.chars().take(60).collect();
            format!("`{}`", ci::line(&short))
        }
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_scheme_and_no_spaces() {
        for good in ["https://x", "urn:x:y", "pkg:npm/a@1", "a+b-c.d:e"] {
            assert!(is_uri(good), "{good}");
        }
        for bad in ["", "make", ":x", "x:", "1a:b", "a b:c", "https://x y"] {
            assert!(!is_uri(bad), "{bad}");
        }
    }
}
