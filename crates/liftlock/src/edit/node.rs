//! A document of any format as one tree: what it says, and where in the bytes
//! each value is.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Error;

/// How deep a document may be.
pub(super) const DEEPEST: usize = 64;

/// One value of a document. Two are equal when they say the same, wherever and
/// however it is written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    /// Where it is in the bytes; empty where that is of no interest.
    pub(super) span: Range<usize>,
    pub(super) style: Style,
    /// A mark of YAML that makes a value more than its text.
    pub(super) mark: Option<Mark>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    /// A number, a truth, a date, nothing: as it is written.
    Other(String),
    /// What repeats the value with this number.
    Alias(usize),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// Over several lines, in a way that has rules of its own.
    Block,
}

/// A mark of YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Other places may repeat it.
    Anchor(usize),
    /// It is of a type of its own.
    Tag(String),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content && self.mark == other.mark
    }
}

impl Eq for Node {}

impl Node {
    /// A value without marks.
    pub(super) const fn new(content: Content, span: Range<usize>, style: Style) -> Self {
        Self {
            content,
            span,
            style,
            mark: None,
        }
    }

    /// A map, unless a key is there twice.
    pub(super) fn map(entries: Vec<(Self, Self)>) -> Result<Content, Error> {
        let mut seen = BTreeSet::new();
        for (key, _) in &entries {
            let Some(key) = key.word() else { continue };
            if !seen.insert(key) {
                return Err(Error::Twice(key.to_owned()));
            }
        }
        Ok(Content::Map(entries))
    }

    /// What a scalar says.
    pub(super) fn word(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) | Content::Other(text) => Some(text),
            Content::Alias(_) | Content::List(_) | Content::Map(_) => None,
        }
    }

    /// What a key of a map leads to.
    pub(super) fn under(&self, key: &str) -> Option<&Self> {
        let Content::Map(entries) = &self.content else {
            return None;
        };
        let found = entries.iter().find(|(one, _)| one.word() == Some(key));
        found.map(|(_, value)| value)
    }
}
