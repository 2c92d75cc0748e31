//! Holds documents against the published JSON Schemas.
//!
//! Only the keywords that our schemas use. Any other keyword is an error and
//! not ignored, so that a schema cannot come to say more than is checked.

use std::fs;

use anyhow::{Context as _, Result, bail};
use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::peers;

/// A published schema.
#[derive(Clone, Debug)]
pub struct Schema {
    root: Value,
}

/// Keywords that tell people something and demand nothing.
const ANNOTATIONS: [&str; 10] = [
    "$schema",
    "$id",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "format",
    "then",
    "else",
];

impl Schema {
    /// The schema of that name in `docs/schemas`.
    ///
    /// # Errors
    ///
    /// Fails when there is none, or when it is no JSON.
    pub fn published(name: &str) -> Result<Self> {
        let path = peers::root().join(format!("docs/schemas/{name}.json"));
        let bytes = fs::read(&path).with_context(|| format!("no `{}`", path.display()))?;
        Ok(Self::new(serde_json::from_slice(&bytes)?))
    }

    /// A schema.
    #[must_use]
    pub const fn new(root: Value) -> Self {
        Self { root }
    }

    /// Every fault of a document; empty when it fits.
    ///
    /// # Errors
    ///
    /// Fails when the schema itself says what is not understood.
    pub fn faults(&self, document: &Value) -> Result<Vec<String>> {
        self.check(&self.root, document, "")
    }

    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<Vec<String>> {
        if let Some(free) = schema.as_bool() {
            return Ok(fault_if(!free, at, "nothing may be here"));
        }
        let words = schema.as_object().context("a schema is an object")?;
        let mut faults = Vec::new();
        for (word, wanted) in words {
            if ANNOTATIONS.contains(&word.as_str()) {
                continue;
            }
            faults.extend(match word.as_str() {
                "$ref" | "allOf" | "anyOf" | "oneOf" | "not" | "if" => {
                    self.combined((word, wanted), words, value, at)?
                }
                "properties"
                | "patternProperties"
                | "additionalProperties"
                | "propertyNames"
                | "required"
                | "minProperties"
                | "maxProperties" => self.object((word, wanted), words, value, at)?,
                "items" | "minItems" | "uniqueItems" => self.array((word, wanted), value, at)?,
                _ => scalar((word, wanted), value, at)?,
            });
        }
        Ok(faults)
    }

    fn combined(
        &self,
        (word, wanted): (&str, &Value),
        words: &Map<String, Value>,
        value: &Value,
        at: &str,
    ) -> Result<Vec<String>> {
        if word == "$ref" {
            let pointer = wanted.as_str().and_then(|text| text.strip_prefix('#'));
            let target = pointer.and_then(|pointer| self.root.pointer(pointer));
            return self.check(target.context("a `$ref` to nothing")?, value, at);
        }
        if word == "not" {
            let fits = self.check(wanted, value, at)?.is_empty();
            return Ok(fault_if(fits, at, "is what it must not be"));
        }
        if word == "if" {
            let fits = self.check(wanted, value, at)?.is_empty();
            let next = words.get(if fits { "then" } else { "else" });
            return next.map_or(Ok(Vec::new()), |next| self.check(next, value, at));
        }
        let branches = wanted.as_array().context("branches are a list")?;
        let checked: Vec<Vec<String>> = branches
            .iter()
            .map(|branch| self.check(branch, value, at))
            .collect::<Result<_>>()?;
        let fitting = checked.iter().filter(|faults| faults.is_empty()).count();
        let all = || checked.concat();
        Ok(match word {
            "allOf" => all(),
            "anyOf" if fitting > 0 => Vec::new(),
            "oneOf" if fitting == 1 => Vec::new(),
            "oneOf" if fitting > 1 => vec![format!("{at}: fits {fitting} shapes")],
            _ => all(),
        })
    }

    fn object(
        &self,
        (word, wanted): (&str, &Value),
        words: &Map<String, Value>,
        value: &Value,
        at: &str,
    ) -> Result<Vec<String>> {
        let Some(object) = value.as_object() else {
            return Ok(Vec::new());
        };
        let mut faults = Vec::new();
        match word {
            "properties" => {
                for (name, inner) in wanted.as_object().context("`properties`")? {
                    if let Some(value) = object.get(name) {
                        faults.extend(self.check(inner, value, &format!("{at}/{name}"))?);
                    }
                }
            }
            "patternProperties" => {
                for (pattern, inner) in wanted.as_object().context("`patternProperties`")? {
                    let regex = Regex::new(pattern)?;
                    for (name, value) in object.iter().filter(|(name, _)| regex.is_match(name)) {
                        faults.extend(self.check(inner, value, &format!("{at}/{name}"))?);
                    }
                }
            }
            "additionalProperties" => {
                for (name, value) in object {
                    if !covered(words, name)? {
                        faults.extend(self.check(wanted, value, &format!("{at}/{name}"))?);
                    }
                }
            }
            "propertyNames" => {
                for name in object.keys() {
                    let key = Value::from(name.as_str());
                    faults.extend(self.check(wanted, &key, &format!("{at}/{name}"))?);
                }
            }
            "minProperties" | "maxProperties" => {
                let limit = wanted.as_u64().context("a count")?;
                let count = u64::try_from(object.len())?;
                let bad = if word == "minProperties" {
                    count < limit
                } else {
                    count > limit
                };
                faults.extend(fault_if(bad, at, "has too few or too many keys"));
            }
            _ => {
                for name in wanted.as_array().context("`required`")? {
                    let name = name.as_str().context("`required`")?;
                    let missing = !object.contains_key(name);
                    faults.extend(fault_if(missing, at, &format!("has no `{name}`")));
                }
            }
        }
        Ok(faults)
    }

    fn array(
        &self,
        (word, wanted): (&str, &Value),
        value: &Value,
        at: &str,
    ) -> Result<Vec<String>> {
        let Some(items) = value.as_array() else {
            return Ok(Vec::new());
        };
        let mut faults = Vec::new();
        match word {
            "items" => {
                for (index, item) in items.iter().enumerate() {
                    faults.extend(self.check(wanted, item, &format!("{at}/{index}"))?);
                }
            }
            "minItems" => {
                let short = u64::try_from(items.len())? < wanted.as_u64().context("a count")?;
                faults.extend(fault_if(short, at, "has too few items"));
            }
            _ => {
                let twice = items
                    .iter()
                    .enumerate()
                    .any(|(index, item)| items.iter().skip(index + 1).any(|other| other == item));
                faults.extend(fault_if(
                    twice && wanted == &Value::Bool(true),
                    at,
                    "has an item twice",
                ));
            }
        }
        Ok(faults)
    }
}

fn covered(words: &Map<String, Value>, name: &str) -> Result<bool> {
    let named = |word: &str| words.get(word).and_then(Value::as_object);
    if named("properties").is_some_and(|known| known.contains_key(name)) {
        return Ok(true);
    }
    for pattern in named("patternProperties").into_iter().flat_map(Map::keys) {
        if Regex::new(pattern)?.is_match(name) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn scalar((word, wanted): (&str, &Value), value: &Value, at: &str) -> Result<Vec<String>> {
    let bad = match word {
        "type" => !has_type(wanted, value)?,
        "const" => value != wanted,
        "enum" => !wanted.as_array().context("`enum`")?.contains(value),
        "pattern" => {
            let regex = Regex::new(wanted.as_str().context("`pattern`")?)?;
            value.as_str().is_some_and(|text| !regex.is_match(text))
        }
        "minLength" => {
            let least = wanted.as_u64().context("`minLength`")?;
            let length = value.as_str().map(|text| text.chars().count());
            length.is_some_and(|length| u64::try_from(length).is_ok_and(|length| length < least))
        }
        "minimum" => value.as_f64() < wanted.as_f64() && value.is_number(),
        "maximum" => value.as_f64() > wanted.as_f64() && value.is_number(),
        "exclusiveMinimum" => value.as_f64() <= wanted.as_f64() && value.is_number(),
        other => bail!("the keyword `{other}` is not understood"),
    };
    Ok(fault_if(
        bad,
        at,
        &format!("`{value}` is not of {word} {wanted}"),
    ))
}

fn has_type(wanted: &Value, value: &Value) -> Result<bool> {
    let one = |name: &Value| {
        Ok(match name.as_str().context("`type`")? {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            other => bail!("`{other}` is no type"),
        })
    };
    match wanted.as_array() {
        Some(names) => {
            let fits: Vec<bool> = names.iter().map(one).collect::<Result<_>>()?;
            Ok(fits.contains(&true))
        }
        None => one(wanted),
    }
}

fn fault_if(bad: bool, at: &str, what: &str) -> Vec<String> {
    if bad {
        vec![format!("{at}: {what}")]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn assert_each(cases: impl IntoIterator<Item = (Value, Value, Value)>) {
        for (schema, good, bad) in cases {
            let name = schema.to_string();
            let schema = Schema::new(schema);
            let faults = schema.faults(&good).unwrap();
            assert_eq!(faults, Vec::<String>::new(), "{name}");
            assert!(!schema.faults(&bad).unwrap().is_empty(), "{name}");
        }
    }

    #[test]
    fn each_keyword_refuses_what_it_should() {
        let cases = [
            (json!({"type": "string"}), json!("a"), json!(1)),
            (
                json!({"type": ["null", "integer"]}),
                json!(null),
                json!(1.5),
            ),
            (json!({"const": 1}), json!(1), json!(2)),
            (json!({"enum": ["a"]}), json!("a"), json!("b")),
            (json!({"pattern": "^a$"}), json!("a"), json!("aa")),
            (json!({"minLength": 1}), json!("a"), json!("")),
            (json!({"minimum": 1, "maximum": 2}), json!(1), json!(3)),
            (json!({"required": ["a"]}), json!({"a": 1}), json!({})),
            (
                json!({"items": {"type": "null"}}),
                json!([null]),
                json!([1]),
            ),
            (json!({"uniqueItems": true}), json!([1, 2]), json!([1, 1])),
            (json!({"minItems": 1}), json!([1]), json!([])),
            (json!({"not": {"const": 1}}), json!(2), json!(1)),
            (
                json!({"properties": {"a": {"const": 1}}, "additionalProperties": false}),
                json!({"a": 1}),
                json!({"b": 1}),
            ),
        ];
        assert_each(cases);
    }

    #[test]
    fn schemas_are_combined_as_they_say() {
        let cases = [
            (
                json!({"anyOf": [{"const": 1}, {"const": 2}]}),
                json!(2),
                json!(3),
            ),
            (
                json!({"oneOf": [{"type": "integer"}, {"const": 2}]}),
                json!(1),
                json!(2),
            ),
            (
                json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": false}),
                json!({"a": 1, "b": 2}),
                json!({"a": 1}),
            ),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}),
                json!(null),
                json!(1),
            ),
            (
                json!({"propertyNames": {"pattern": "^a$"}, "maxProperties": 1}),
                json!({"a": 1}),
                json!({"b": 1}),
            ),
        ];
        assert_each(cases);
    }

    #[test]
    fn an_unknown_keyword_is_not_ignored() {
        let schema = Schema::new(json!({"contains": {"const": 1}}));
        let error = schema.faults(&json!([1])).unwrap_err();
        assert!(error.to_string().contains("`contains`"), "{error}");
    }
}
