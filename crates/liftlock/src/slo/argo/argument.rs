//! The arguments of a template, `{{args.name}}`.

use std::collections::BTreeMap;

use super::super::document::Node;
use super::super::error::{Halt, Invalid};
use super::super::template;

/// The longest value of an argument, and the longest text with them, in bytes.
const LONGEST: usize = 1024;
const LONGEST_FILLED: usize = 16 * 1024;

/// The values that are known.
#[derive(Debug, Default)]
pub(super) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    /// A template's own values, and those that its file gives it, which win
    /// where they agree among themselves.
    pub(super) fn of(spec: &Node<'_>, given: &[Node<'_>]) -> Result<Self, Invalid> {
        let mut known = BTreeMap::new();
        for argument in spec.list("args")? {
            let name = argument.word("name")?;
            if let Some(value) = value(&argument)? {
                known.insert(name.to_owned(), value);
            }
        }
        let mut others: BTreeMap<&str, Option<String>> = BTreeMap::new();
        for argument in given {
            let (name, value) = (argument.word("name")?, value(argument)?);
            others
                .entry(name)
                .and_modify(|kept| {
                    if *kept != value {
                        *kept = None;
                    }
                })
                .or_insert(value);
        }
        for (name, value) in others {
            match value {
                Some(value) => known.insert(name.to_owned(), value),
                None => known.remove(name),
            };
        }
        Ok(Self(known))
    }

    /// A text with every known value; the others stay as they are.
    pub(super) fn fill(&self, node: &Node<'_>, text: &str) -> Result<String, Invalid> {
        let filled = template::fill(text, |name| {
            let name = name.strip_prefix("args.")?;
            self.0.get(name.trim()).cloned()
        });
        if filled.len() > LONGEST_FILLED {
            return Err(node.invalid(format!(
                "is longer than {LONGEST_FILLED} bytes with its arguments"
            )));
        }
        Ok(filled)
    }

    /// A short text in which nothing stays open.
    pub(super) fn known(&self, node: &Node<'_>) -> Result<String, Halt> {
        let filled = self.fill(node, &node.scalar()?)?;
        match template::names(&filled).first() {
            Some(open) => Err(Halt::Skip(format!(
                "nothing in this file gives a value for `{{{{{open}}}}}`"
            ))),
            None => Ok(filled),
        }
    }
}

/// The value of an argument, where it is written down.
fn value(argument: &Node<'_>) -> Result<Option<String>, Invalid> {
    let Some(node) = argument.get("value") else {
        return Ok(None);
    };
    let value = node.scalar()?;
    if value.len() > LONGEST {
        return Err(node.invalid(format!("has more than {LONGEST} bytes")));
    }
    Ok(template::names(&value).is_empty().then_some(value))
}
