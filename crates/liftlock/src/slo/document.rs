//! The documents of a file, and one value of them with its place.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Labels;
use super::error::{Error, Invalid};
use super::length;
use crate::span::Span;
use crate::{json, yaml};

/// The longest text that is taken, in bytes: queries are the longest.
const LONGEST: usize = 16 * 1024;

/// The most entries of a list.
const MOST: usize = 1000;

/// One document of a file.
#[derive(Debug)]
pub(super) struct Document {
    value: Value,
    /// What its places begin with.
    prefix: String,
}

impl Document {
    pub(super) fn root(&self) -> Node<'_> {
        Node {
            value: &self.value,
            place: self.prefix.clone(),
        }
    }
}

/// Reads the documents of a YAML file, or the one of a JSON file. A list of
/// Kubernetes objects is as many documents.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Document>, Error> {
    if bytes.len() > yaml::LARGEST {
        return Err(Error::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes)?.trim_start_matches('\u{feff}');
    let values = if text.trim_start().starts_with('{') {
        vec![json::parse_open(text.as_bytes())?]
    } else {
        yaml::documents(text)?
    };
    let values: Vec<Value> = values.into_iter().flat_map(items).collect();
    let single = values.len() == 1;
    let documents = (1..).zip(values).map(|(number, value): (usize, Value)| {
        let prefix = if single {
            String::new()
        } else {
            format!("document {number}: ")
        };
        Document { value, prefix }
    });
    Ok(documents.collect())
}

fn items(mut value: Value) -> Vec<Value> {
    let kind = value
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if kind.ends_with("List")
        && let Some(Value::Array(items)) = value.get_mut("items").map(Value::take)
    {
        return items;
    }
    vec![value]
}

/// A value and the path to it.
#[derive(Clone, Debug)]
pub(super) struct Node<'doc> {
    value: &'doc Value,
    place: String,
}

impl<'doc> Node<'doc> {
    pub(super) const fn value(&self) -> &'doc Value {
        self.value
    }

    /// Whether both are the same value of the same file.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        self.place == other.place
    }

    /// The refusal of this value; `why` goes on from the place.
    pub(super) fn invalid(&self, why: impl Into<String>) -> Invalid {
        let path = self.place.trim_end_matches(": ");
        let place = if path.is_empty() { "document" } else { path };
        Invalid {
            place: place.to_owned(),
            why: why.into(),
        }
    }

    /// A value below this one; `null` is none.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Node {
            value,
            place: self.below(key),
        })
    }

    /// A value along a path of keys.
    pub(super) fn along(&self, keys: &[&str]) -> Option<Self> {
        let mut node = self.clone();
        for key in keys {
            node = node.get(key)?;
        }
        Some(node)
    }

    /// Refuses every key but those that are known.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Invalid> {
        let keys = self.keys();
        match keys.iter().find(|key| !known.contains(key)) {
            Some(unknown) => Err(self.invalid(format!(
                "has the unknown key `{unknown}`; known are {}",
                known.join(", ")
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn need(&self, key: &str) -> Result<Self, Invalid> {
        self.get(key).ok_or_else(|| Invalid {
            place: self.below(key),
            why: "is missing".to_owned(),
        })
    }

    fn below(&self, key: &str) -> String {
        if self.place.is_empty() || self.place.ends_with(": ") {
            format!("{}{key}", self.place)
        } else {
            format!("{}.{key}", self.place)
        }
    }

    /// The keys of a map; none of anything else.
    pub(super) fn keys(&self) -> Vec<&'doc str> {
        let map = self.value.as_object();
        map.into_iter()
            .flat_map(serde_json::Map::keys)
            .map(String::as_str)
            .collect()
    }

    /// The values of a list below, in order; none where there is no list.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Self>, Invalid> {
        let Some(node) = self.get(key) else {
            return Ok(Vec::new());
        };
        let Some(values) = node.value.as_array() else {
            return Err(node.invalid("is not a list"));
        };
        if values.len() > MOST {
            let count = values.len();
            return Err(node.invalid(format!("has {count} entries, more than {MOST}")));
        }
        let nodes = values.iter().enumerate().map(|(index, value)| Node {
            value,
            place: format!("{}[{index}]", node.place),
        });
        Ok(nodes.collect())
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Result<&'doc str, Invalid> {
        match self.value.as_str() {
            Some(text) if text.len() > LONGEST => Err(self.invalid(format!(
                "has {} bytes, more than the {LONGEST} of a text",
                text.len()
            ))),
            Some(text) if !text.trim().is_empty() => Ok(text),
            Some(_) => Err(self.invalid("is empty")),
            None => Err(self.invalid("is not a text")),
        }
    }

    /// A text below that must be there.
    pub(super) fn word(&self, key: &str) -> Result<&'doc str, Invalid> {
        self.need(key)?.text()
    }

    /// A text below that may be absent or empty.
    pub(super) fn note(&self, key: &str) -> Result<String, Invalid> {
        match self.get(key) {
            Some(node) if node.is_blank() => Ok(String::new()),
            Some(node) => node.text().map(str::to_owned),
            None => Ok(String::new()),
        }
    }

    fn is_blank(&self) -> bool {
        let text = self.value.as_str();
        text.is_some_and(|text| text.trim().is_empty())
    }

    /// A text, a number or a switch, as it is written.
    pub(super) fn scalar(&self) -> Result<String, Invalid> {
        match self.value {
            Value::String(text) if text.len() <= LONGEST => Ok(text.clone()),
            Value::Bool(on) => Ok(on.to_string()),
            // Without an exponent, and short: 99.9 stays 99.9.
            Value::Number(number) => Ok(match number.as_f64() {
                Some(real) if !number.is_i64() && !number.is_u64() => real.to_string(),
                Some(_) | None => number.to_string(),
            }),
            Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Err(self.invalid("is neither a short text nor a number"))
            }
        }
    }

    /// A finite number.
    pub(super) fn real(&self) -> Result<f64, Invalid> {
        let number = self.scalar()?.trim().parse::<f64>().ok();
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.invalid("is not a number"))
    }

    /// Whether a switch below is on; off where it is absent.
    pub(super) fn is_on(&self, key: &str) -> Result<bool, Invalid> {
        match self.get(key) {
            Some(node) => node
                .value
                .as_bool()
                .ok_or_else(|| node.invalid("is neither true nor false")),
            None => Ok(false),
        }
    }

    /// A length of time that is not nothing.
    pub(super) fn span(&self) -> Result<Span, Invalid> {
        let text = self.scalar()?;
        length::parse(&text)
            .filter(|span| *span > Span::ZERO)
            .ok_or_else(|| {
                self.invalid(format!(
                    "is `{text}`, not a length of time such as 5m, a year at the most"
                ))
            })
    }

    /// Texts by name; a list of texts is joined by commas.
    pub(super) fn labels(&self, key: &str) -> Result<Labels, Invalid> {
        let Some(node) = self.get(key) else {
            return Ok(Labels::new());
        };
        if !node.value.is_object() {
            return Err(node.invalid("is not a map of texts"));
        }
        let mut room = LONGEST;
        let pairs = node.keys().into_iter().map(|key| {
            let value = match node.get(key) {
                Some(value) if value.value.is_array() => {
                    let parts = node.list(key)?;
                    let parts: Result<Vec<_>, _> = parts.iter().map(Node::scalar).collect();
                    parts?.join(",")
                }
                Some(value) => value.scalar()?,
                None => String::new(),
            };
            room = room
                .checked_sub(key.len() + value.len())
                .ok_or_else(|| node.invalid(format!("has more than {LONGEST} bytes")))?;
            Ok((key.to_owned(), value))
        });
        pairs.collect::<Result<BTreeMap<_, _>, _>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Document {
        read(text.as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let document = first("a: 1\n---\nb: 2\n");
        let refused = document.root().need("x").unwrap_err();
        assert_eq!(refused.to_string(), "`document 1: x` is missing");
        let document = first("spec: {slos: [{name: ''}]}");
        let spec = document.root().need("spec").unwrap();
        let slos = spec.list("slos").unwrap();
        let refused = slos[0].word("name").unwrap_err();
        assert_eq!(refused.to_string(), "`spec.slos[0].name` is empty");
        assert!(document.root().list("spec").is_err());
        let document = first(&format!("a: [{}]", "1, ".repeat(MOST + 1)));
        let refused = document.root().list("a").unwrap_err();
        assert_eq!(refused.to_string(), "`a` has 1001 entries, more than 1000");
    }

    #[test]
    fn a_number_is_what_was_written() {
        let document = first("a: 99.9\nb: 0.999999999\nc: 1e-7\nd: 100\ne: true\nf: '0.10'");
        let scalar = |key| document.root().need(key).unwrap().scalar().unwrap();
        let found = ["a", "b", "c", "d", "e", "f"].map(scalar);
        assert_eq!(
            found,
            ["99.9", "0.999999999", "0.0000001", "100", "true", "0.10"]
        );
    }

    #[test]
    fn a_list_of_objects_is_as_many_documents() {
        let text = "kind: List\nitems: [{kind: A}, {kind: B}]";
        let kinds: Vec<String> = read(text.as_bytes())
            .unwrap()
            .iter()
            .map(|one| one.root().word("kind").unwrap().to_owned())
            .collect();
        assert_eq!(kinds, ["A", "B"]);
    }
}
