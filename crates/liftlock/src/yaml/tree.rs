//! A YAML document as a tree that knows the place of everything.
//!
//! The library's reader is made anew for each type that it reads, with some
//! 20 KB each; so it reads this one type, and everything else is read from that.

use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use super::Place;

/// A value and where it is; by default one without keys.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) place: Place,
    /// The bytes that define it.
    pub(super) bytes: Range<usize>,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind {
    Nothing,
    Truth(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Keys(Vec<(Node, Node)>),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Keys(Vec::new())
    }
}

impl Node {
    /// The text of one value; nothing where it is none, or has a tag.
    pub(super) fn text<'a>(&'a self, document: &'a str) -> Option<&'a str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Truth(_) | Kind::Number(_) => {
                let text = document.get(self.bytes.clone())?;
                let is_plain = !text.starts_with(['!', '&', '"', '\'', '|', '>']);
                is_plain.then_some(text)
            }
            Kind::Nothing | Kind::List(_) | Kind::Keys(_) => None,
        }
    }

    /// The value without its places; keys are their texts.
    pub(super) fn value(&self, document: &str) -> Option<Value> {
        Some(match &self.kind {
            Kind::Nothing => Value::Null,
            Kind::Truth(truth) => Value::Bool(*truth),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(nodes) => {
                let values = nodes.iter().map(|node| node.value(document));
                Value::Array(values.collect::<Option<_>>()?)
            }
            Kind::Keys(pairs) => {
                let mut keys = Map::new();
                for (key, node) in pairs {
                    keys.insert(key.text(document)?.to_owned(), node.value(document)?);
                }
                Value::Object(keys)
            }
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found: Spanned<Kind> = Spanned::deserialize(deserializer)?;
        let (place, span) = (found.referenced, found.defined.span());
        let offset = |bytes: Option<u64>| usize::try_from(bytes.unwrap_or(0)).unwrap_or(0);
        let (begin, length) = (offset(span.byte_offset()), offset(span.byte_len()));
        Ok(Self {
            place: Some((place.line(), place.column())),
            bytes: begin..begin.saturating_add(length),
            kind: found.value,
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = Kind;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Nothing)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Kind, E> {
        Ok(Kind::Truth(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Kind, E> {
        Ok(Kind::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Kind, E> {
        Ok(Kind::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Kind, E> {
        let number = Number::from_f64(number);
        let number = number.ok_or_else(|| E::custom("expected a number with an end"))?;
        Ok(Kind::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Kind::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut keys: A) -> Result<Kind, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = keys.next_entry()? {
            pairs.push(pair);
        }
        Ok(Kind::Keys(pairs))
    }
}
