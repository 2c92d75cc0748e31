//! The way to one value: `image.digest`, `images[name=shop].digest`,
//! `containers[0]["odd key"]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Error;
use super::node::{Content, Node};

/// The most steps of a path.
const LONGEST: usize = 64;

/// The way from the whole document to one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(Vec<Step>);

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// What a key of a map leads to.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
    /// The only item of a list that has this under a key.
    Where { key: String, value: String },
}

impl Path {
    /// Follows the path; the positions on it, for a document that may change.
    pub(super) fn follow<'node>(&self, root: &'node Node) -> Result<&'node Node, Error> {
        let mut node = root;
        for (index, step) in self.0.iter().enumerate() {
            self.sound(node, index)?;
            node = step.take(node).ok_or_else(|| self.missing(index))??;
        }
        Ok(node)
    }

    /// Replaces what the path leads to, where it leads to something.
    pub(super) fn set(&self, root: &mut Node, content: Content) {
        let mut node = root;
        for step in &self.0 {
            match step.take_mut(node) {
                Some(next) => node = next,
                None => return,
            }
        }
        node.content = content;
    }

    /// What is repeated elsewhere would change there as well.
    fn sound(&self, node: &Node, steps: usize) -> Result<(), Error> {
        let place = || Self(self.0.iter().take(steps).cloned().collect()).to_string();
        if let Content::Alias(_) = node.content {
            return Err(Error::Repeats(place()));
        }
        match &node.mark {
            Some(super::node::Mark::Anchor(_)) => Err(Error::Repeated(place())),
            Some(super::node::Mark::Tag(_)) | None => Ok(()),
        }
    }

    fn missing(&self, index: usize) -> Error {
        let up_to = self.0.iter().take(index + 1).cloned().collect();
        Error::Missing(Self(up_to).to_string())
    }
}

impl Step {
    /// `None` where it leads nowhere.
    fn take<'node>(&self, node: &'node Node) -> Option<Result<&'node Node, Error>> {
        match (self, &node.content) {
            (Self::Key(key), Content::Map(_)) => node.under(key).map(Ok),
            (Self::Index(index), Content::List(items)) => items.get(*index).map(Ok),
            (Self::Where { .. }, Content::List(items)) => {
                let mut found = items.iter().filter(|item| self.fits(item));
                let first = found.next()?;
                Some(match found.next() {
                    None => Ok(first),
                    Some(_) => Err(Error::Several(self.to_string())),
                })
            }
            (Self::Key(_) | Self::Index(_) | Self::Where { .. }, _) => None,
        }
    }

    fn take_mut<'node>(&self, node: &'node mut Node) -> Option<&'node mut Node> {
        match (self, &mut node.content) {
            (Self::Key(key), Content::Map(entries)) => {
                let mut entries = entries.iter_mut();
                let found = entries.find(|(one, _)| one.word() == Some(key));
                found.map(|(_, value)| value)
            }
            (Self::Index(index), Content::List(items)) => items.get_mut(*index),
            (Self::Where { .. }, Content::List(items)) => {
                items.iter_mut().find(|item| self.fits(item))
            }
            (Self::Key(_) | Self::Index(_) | Self::Where { .. }, _) => None,
        }
    }

    fn fits(&self, item: &Node) -> bool {
        match self {
            Self::Where { key, value } => {
                let found = item.under(key).and_then(Node::word);
                found == Some(value)
            }
            Self::Key(_) | Self::Index(_) => false,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) if is_plain(key) => formatter.write_str(key),
            Self::Key(key) => write!(formatter, "[{}]", serde_json::Value::from(key.as_str())),
            Self::Index(index) => write!(formatter, "[{index}]"),
            Self::Where { key, value } => write!(formatter, "[{key}={value}]"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let text = step.to_string();
            if index > 0 && !text.starts_with('[') {
                formatter.write_str(".")?;
            }
            formatter.write_str(&text)?;
        }
        Ok(())
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for Path {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl FromStr for Path {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError(text.to_owned());
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() && steps.len() < LONGEST {
            let (step, after) = if let Some(inside) = rest.strip_prefix('[') {
                bracket(inside).ok_or_else(wrong)?
            } else {
                let key = match (steps.is_empty(), rest.strip_prefix('.')) {
                    (true, None) => rest,
                    (false, Some(key)) => key,
                    (true, Some(_)) | (false, None) => return Err(wrong()),
                };
                let end = key.find(['.', '[']).unwrap_or(key.len());
                let (key, after) = key.split_at(end);
                if !is_plain(key) {
                    return Err(wrong());
                }
                (Step::Key(key.to_owned()), after)
            };
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() || !rest.is_empty() {
            return Err(wrong());
        }
        Ok(Self(steps))
    }
}

/// A key that needs no quotes.
fn is_plain(key: &str) -> bool {
    let known = |letter: char| letter.is_alphanumeric() || "-_/@:$".contains(letter);
    !key.is_empty() && key.chars().all(known)
}

/// What stands in brackets, and what comes after them.
fn bracket(inside: &str) -> Option<(Step, &str)> {
    if inside.starts_with('"') {
        // A text of JSON ends at the first quote that no backslash precedes.
        let mut values = serde_json::Deserializer::from_str(inside).into_iter::<String>();
        let key = values.next()?.ok()?;
        let after = inside.get(values.byte_offset()..)?.strip_prefix(']')?;
        return Some((Step::Key(key), after));
    }
    let (inside, after) = inside.split_once(']')?;
    let step = match inside.split_once('=') {
        Some((key, value)) if is_plain(key) && !value.is_empty() => Step::Where {
            key: key.to_owned(),
            value: value.to_owned(),
        },
        Some(_) => return None,
        None if inside.bytes().all(|byte| byte.is_ascii_digit()) => {
            Step::Index(inside.parse().ok()?)
        }
        None => return None,
    };
    Some((step, after))
}

/// No path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no path like `image.digest`, `images[name=shop].digest` or `list[0][\"odd.key\"]`"
)]
pub struct ParseError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_they_are_read() {
        for text in [
            "image.digest",
            "images[name=registry.example/shop].digest",
            "list[0][12]",
            "[\"a.b\"].c[\"]\"][\"\\\"\"]",
            "[0]",
            "metadata.labels[\"app.kubernetes.io/name\"]",
        ] {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let deep = ["a"; LONGEST + 1].join(".");
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a.[0]",
            "a[",
            "a[]",
            "a[x]",
            "a[0",
            "a[-1]",
            "a[0]b",
            "a[=x]",
            "a[x=]",
            "a[\"x]",
            "a[\"x\"",
            "a b",
            "a\n",
            "a[99999999999999999999]",
            "images[?]",
            "a.\"b\"",
            &deep,
        ] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }
}
