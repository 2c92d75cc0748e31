//! TOML as a tree with places.

use toml_edit::{Array, Document, InlineTable, Item, Table, Value};

use super::Error;
use super::node::{Content, DEEPEST, Node, Style};

/// Reads a document; TOML itself knows no key that is there twice.
pub(super) fn parse(text: &str) -> Result<Node, Error> {
    let document = Document::parse(text);
    let document = document.map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default();
        Error::Malformed("TOML", message.to_owned())
    })?;
    table(text, document.as_table(), 0)
}

fn table(text: &str, table: &Table, depth: usize) -> Result<Node, Error> {
    let entries = table
        .iter()
        .map(|(key, one)| Ok((name(key), item(text, one, depth + 1)?)));
    map(entries.collect::<Result<_, Error>>()?)
}

fn map(entries: Vec<(Node, Node)>) -> Result<Node, Error> {
    Ok(Node::new(Node::map(entries)?, 0..0, Style::Plain))
}

fn name(key: &str) -> Node {
    Node::new(Content::Text(key.to_owned()), 0..0, Style::Plain)
}

fn list(items: impl Iterator<Item = Result<Node, Error>>) -> Result<Node, Error> {
    let items = items.collect::<Result<_, Error>>()?;
    Ok(Node::new(Content::List(items), 0..0, Style::Plain))
}

fn item(text: &str, one: &Item, depth: usize) -> Result<Node, Error> {
    if depth > DEEPEST {
        return Err(Error::TooDeep);
    }
    match one {
        Item::None => list(std::iter::empty()),
        Item::Value(one) => value(text, one, depth),
        Item::Table(one) => table(text, one, depth),
        Item::ArrayOfTables(many) => list(many.iter().map(|one| table(text, one, depth + 1))),
    }
}

fn value(text: &str, one: &Value, depth: usize) -> Result<Node, Error> {
    if depth > DEEPEST {
        return Err(Error::TooDeep);
    }
    match one {
        Value::Array(many) => array(text, many, depth),
        Value::InlineTable(many) => inline(text, many, depth),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => scalar(text, one),
    }
}

fn array(text: &str, many: &Array, depth: usize) -> Result<Node, Error> {
    list(many.iter().map(|one| value(text, one, depth + 1)))
}

fn inline(text: &str, many: &InlineTable, depth: usize) -> Result<Node, Error> {
    let entries = many
        .iter()
        .map(|(key, one)| Ok((name(key), value(text, one, depth + 1)?)));
    map(entries.collect::<Result<_, Error>>()?)
}

fn scalar(text: &str, one: &Value) -> Result<Node, Error> {
    let span = one.span().unwrap_or_default();
    let Some(raw) = text.get(span.clone()).filter(|raw| !raw.is_empty()) else {
        return Err(Error::Malformed("TOML", "a value without place".to_owned()));
    };
    let content = match one.as_str() {
        Some(value) => Content::Text(value.to_owned()),
        None => Content::Other(raw.to_owned()),
    };
    let style = match raw {
        _ if raw.starts_with("\"\"\"") || raw.starts_with("'''") => Style::Block,
        _ if raw.starts_with('"') => Style::Double,
        _ if raw.starts_with('\'') => Style::Single,
        _ => Style::Plain,
    };
    Ok(Node::new(content, span, style))
}
