//! JSON as a tree with places.

use serde::de::IgnoredAny;

use super::Error;
use super::node::{Content, DEEPEST, Node, Style};

/// Reads a document. That it is JSON is asked of `serde_json`; here is only
/// looked for where its values are.
pub(super) fn parse(text: &str) -> Result<Node, Error> {
    let read = serde_json::from_str::<IgnoredAny>(text);
    read.map_err(|error| Error::Malformed("JSON", error.to_string()))?;
    let mut scanner = Scanner { text, at: 0 };
    scanner.value(0)
}

struct Scanner<'text> {
    text: &'text str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        self.at += blank.count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes past a letter if it is the next one.
    fn past(&mut self, letter: u8) -> bool {
        let is_next = self.peek() == Some(letter);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Result<Node, Error> {
        if depth > DEEPEST {
            return Err(Error::TooDeep);
        }
        match self.peek() {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string(),
            Some(_) | None => Ok(self.word()),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Node, Error> {
        let start = self.at;
        self.at += 1;
        let mut entries = Vec::new();
        while !self.past(b'}') {
            let key = self.string()?;
            if !self.past(b':') {
                return Err(self.lost());
            }
            entries.push((key, self.value(depth + 1)?));
            self.past(b',');
        }
        Ok(Node::new(Node::map(entries)?, start..self.at, Style::Plain))
    }

    fn list(&mut self, depth: usize) -> Result<Node, Error> {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        while !self.past(b']') {
            if self.peek().is_none() {
                return Err(self.lost());
            }
            items.push(self.value(depth + 1)?);
            self.past(b',');
        }
        Ok(Node::new(
            Content::List(items),
            start..self.at,
            Style::Plain,
        ))
    }

    fn string(&mut self) -> Result<Node, Error> {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut read = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let text = match read.next() {
            Some(Ok(text)) => text,
            Some(Err(error)) => return Err(Error::Malformed("JSON", error.to_string())),
            None => return Err(self.lost()),
        };
        let span = self.at..self.at + read.byte_offset();
        self.at = span.end;
        Ok(Node::new(Content::Text(text), span, Style::Double))
    }

    /// A number, a truth, or nothing.
    fn word(&mut self) -> Node {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let ends = |letter: char| letter.is_ascii_whitespace() || ",]}".contains(letter);
        let word = rest.split(ends).next().unwrap_or_default();
        let span = self.at..self.at + word.len();
        self.at = span.end;
        Node::new(Content::Other(word.to_owned()), span, Style::Plain)
    }

    /// `serde_json` read it, and this does not.
    fn lost(&self) -> Error {
        Error::Malformed("JSON", format!("no value at byte {}", self.at))
    }
}
