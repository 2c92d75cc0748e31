//! YAML as trees with places: one for each document of a file.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::Error;
use super::node::{Content, DEEPEST, Mark, Node, Style};

/// Reads all documents of a file.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, Error> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let line = error.marker().line();
            Error::Malformed("YAML", format!("line {line}: {}", error.info()))
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

/// A list or a map that is not at its end.
struct Open {
    is_map: bool,
    mark: Option<Mark>,
    children: Vec<Node>,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = Node {
                    mark: mark(anchor, tag.as_deref()),
                    ..scalar(&text, style, range(&span)?)
                };
                self.put(node);
            }
            Event::Alias(number) => {
                self.put(Node::new(Content::Alias(number), 0..0, Style::Plain));
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(false, mark(anchor, tag.as_deref()));
            }
            Event::MappingStart(_, anchor, tag) => self.begin(true, mark(anchor, tag.as_deref())),
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd => {}
            Event::Anchor(..) | Event::UnresolvedAlias(_) | _ => {
                let message = "an event that was not asked for".to_owned();
                return Err(Error::Malformed("YAML", message));
            }
        }
        Ok(())
    }

    fn begin(&mut self, is_map: bool, mark: Option<Mark>) {
        self.open.push(Open {
            is_map,
            mark,
            children: Vec::new(),
        });
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(ended) = self.open.pop() else {
            let message = "an end without a start".to_owned();
            return Err(Error::Malformed("YAML", message));
        };
        let content = if ended.is_map {
            let mut children = ended.children.into_iter();
            let mut entries = Vec::new();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                entries.push((key, value));
            }
            Node::map(entries)?
        } else {
            Content::List(ended.children)
        };
        let node = Node::new(content, 0..0, Style::Plain);
        self.put(Node {
            mark: ended.mark,
            ..node
        });
        Ok(())
    }

    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.documents.push(node),
        }
    }
}

fn range(span: &Span) -> Result<Range<usize>, Error> {
    let found = span.byte_range();
    found.ok_or_else(|| Error::Malformed("YAML", "a value without place".to_owned()))
}

/// An anchor counts before a tag: it says that other places may repeat it.
fn mark(anchor: usize, tag: Option<&Tag>) -> Option<Mark> {
    match anchor {
        0 => tag.map(|tag| Mark::Tag(tag.to_string())),
        number => Some(Mark::Anchor(number)),
    }
}

fn scalar(text: &str, style: ScalarStyle, span: Range<usize>) -> Node {
    let style = match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    };
    let text = text.to_owned();
    let content = if style == Style::Plain && !is_text(&text) {
        Content::Other(text)
    } else {
        Content::Text(text)
    };
    Node::new(content, span, style)
}

/// Whether a plain scalar is a text to every reader: neither the core schema
/// of YAML 1.2 (section 10.3.2) nor the types of YAML 1.1 make something else
/// of it.
pub(super) fn is_text(plain: &str) -> bool {
    const WORDS: [&str; 11] = [
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n",
    ];
    let lower = plain.to_ascii_lowercase();
    let is_number = {
        let digits = lower.trim_start_matches(['+', '-', '.']);
        let begins = digits.starts_with(|letter: char| letter.is_ascii_digit());
        let known = |letter: char| letter.is_ascii_hexdigit() || "+-._:xotz ".contains(letter);
        begins && digits.chars().all(known)
    };
    let is_limit = matches!(lower.trim_start_matches(['+', '-']), ".inf" | ".nan");
    !WORDS.contains(&lower.as_str()) && !is_number && !is_limit
}
