//! Changes one text or truth in a document, and not one other byte: comments,
//! order and spaces stay as people wrote them.
//!
//! A parser says where the value is, and only those bytes are replaced. Then
//! the result is read again and has to say the same as before but for this
//! value; where it does not, nothing is changed.

mod json;
mod node;
mod path;
mod scalar;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

pub use path::{ParseError, Path};
pub use scalar::Scalar;

use crate::failure::{Explain, Kind};
use node::{Content, Mark, Node, Style};

/// The most bytes of a document.
pub const LARGEST: usize = 1024 * 1024;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2, one document or several.
    Yaml,
    /// JSON (RFC 8259).
    Json,
    /// TOML 1.
    Toml,
}

/// Where a text is in a document.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// How the document is written.
    pub format: Format,
    /// The way to the text.
    pub path: &'a Path,
    /// Which document of a file that has several, from 0.
    pub document: Option<usize>,
}

impl Format {
    /// The format that a file's name stands for.
    #[must_use]
    pub fn of(file: &str) -> Option<Self> {
        let (_, ending) = file.rsplit_once('.')?;
        match ending {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

impl Spot<'_> {
    /// The text that is there.
    ///
    /// # Errors
    ///
    /// Fails on a document that is none, is too large or too deep, or has a key
    /// twice; where the path leads nowhere, to several values, or to something
    /// that is no text or is shared with other places.
    pub fn read(&self, bytes: &[u8]) -> Result<String, Error> {
        match self.scalar(bytes)? {
            Scalar::Text(text) => Ok(text),
            Scalar::Truth(truth) => {
                Err(Error::NoString(self.path.to_string(), format!("`{truth}`")))
            }
        }
    }

    /// The text or the truth that is there.
    ///
    /// # Errors
    ///
    /// Fails as [`Spot::read`] does, on what is neither.
    pub fn scalar(&self, bytes: &[u8]) -> Result<Scalar, Error> {
        let (documents, index) = self.documents(bytes)?;
        self.find(&documents, index).map(|(_, scalar)| scalar)
    }

    /// The document with another text there.
    ///
    /// # Errors
    ///
    /// Fails as [`Spot::read`] does, and where the new text cannot be written
    /// without changing more.
    pub fn replace(&self, bytes: &[u8], text: &str) -> Result<Vec<u8>, Error> {
        self.read(bytes)?;
        self.set(bytes, &Scalar::Text(text.to_owned()))
    }

    /// The document with another text or truth there.
    ///
    /// # Errors
    ///
    /// Fails as [`Spot::scalar`] does, and where the new value cannot be
    /// written without changing more.
    pub fn set(&self, bytes: &[u8], scalar: &Scalar) -> Result<Vec<u8>, Error> {
        let (mut documents, index) = self.documents(bytes)?;
        let (node, _) = self.find(&documents, index)?;
        let (before, after) = bytes
            .split_at_checked(node.span.start)
            .and_then(|(before, _)| Some((before, bytes.get(node.span.end..)?)))
            .ok_or(Error::Altered)?;
        let written = match scalar {
            Scalar::Text(text) => self.write(node.style, text),
            Scalar::Truth(truth) => truth.to_string(),
        };
        let replaced = [before, written.as_bytes(), after].concat();
        if let Some(document) = documents.get_mut(index) {
            self.path.set(document, scalar.content());
        }
        match self.documents(&replaced) {
            Ok((found, _)) if found == documents => Ok(replaced),
            Ok(_) | Err(_) => Err(Error::Altered),
        }
    }

    fn documents(&self, bytes: &[u8]) -> Result<(Vec<Node>, usize), Error> {
        if bytes.len() > LARGEST {
            return Err(Error::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_not_one| Error::NoText)?;
        let documents = match self.format {
            Format::Yaml => yaml::parse(text)?,
            Format::Json => vec![json::parse(text)?],
            Format::Toml => vec![toml::parse(text)?],
        };
        match (self.document, documents.len()) {
            (None, 1) => Ok((documents, 0)),
            (None, 0) => Err(Error::NoDocument(0)),
            (None, count) => Err(Error::Documents(count)),
            (Some(index), count) if index < count => Ok((documents, index)),
            (Some(index), _) => Err(Error::NoDocument(index)),
        }
    }

    fn find<'node>(
        &self,
        documents: &'node [Node],
        index: usize,
    ) -> Result<(&'node Node, Scalar), Error> {
        let document = documents.get(index).ok_or(Error::NoDocument(index))?;
        let node = self.path.follow(document)?;
        let place = self.path.to_string();
        match (&node.mark, &node.content, node.style) {
            (Some(Mark::Anchor(_)), _, _) => Err(Error::Repeated(place)),
            (_, Content::Alias(_), _) => Err(Error::Repeats(place)),
            (Some(Mark::Tag(tag)), _, _) => Err(Error::Tagged(place, tag.clone())),
            (None, Content::Text(_), Style::Block) => Err(Error::Block(place)),
            (None, Content::Text(text), Style::Plain | Style::Single | Style::Double) => {
                Ok((node, Scalar::Text(text.clone())))
            }
            (None, Content::Other(found), _) => match found.as_str() {
                "true" => Ok((node, Scalar::Truth(true))),
                "false" => Ok((node, Scalar::Truth(false))),
                _ => Err(Error::NoString(place, shown(found))),
            },
            (None, Content::List(_), _) => Err(Error::NoString(place, "a list".to_owned())),
            (None, Content::Map(_), _) => Err(Error::NoString(place, "a map".to_owned())),
        }
    }

    /// A text in the style of the one that was there, where that can hold it.
    fn write(&self, style: Style, text: &str) -> String {
        let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_./@:+".contains(letter);
        let is_plain = text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && !text.ends_with(':')
            && text.chars().all(harmless);
        let no_quote = !text.contains('\'') && !text.chars().any(char::is_control);
        match (self.format, style) {
            (Format::Yaml, Style::Plain) if is_plain && yaml::is_text(text) => text.to_owned(),
            (Format::Yaml | Format::Toml, Style::Single) if no_quote => format!("'{text}'"),
            (Format::Yaml | Format::Json | Format::Toml, _) => {
                serde_json::Value::from(text).to_string()
            }
        }
    }
}

/// What was found, short and on one line.
fn shown(found: &str) -> String {
    let plain = found.chars().filter(|letter| !letter.is_control());
    format!("`{}`", plain.take(60).collect::<String>())
}

/// Why a text can be neither read nor replaced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Larger than any such file is.
    #[error("{0} bytes are more than the {LARGEST} that such a file may have")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("it is no UTF-8")]
    NoText,
    /// Not of the format that its name stands for.
    #[error("it is no {0}: {1}")]
    Malformed(&'static str, String),
    /// Values in values in values.
    #[error("its values are more than {} deep", node::DEEPEST)]
    TooDeep,
    /// Readers differ on which one counts.
    #[error("the key {} is there twice", shown(.0))]
    Twice(String),
    /// Several documents and no choice.
    #[error("it has {0} documents: say which one with `document`, from 0")]
    Documents(usize),
    /// The document is not there.
    #[error("it has no document {0}")]
    NoDocument(usize),
    /// The path leads nowhere.
    #[error("there is no `{0}`")]
    Missing(String),
    /// The path leads to several values.
    #[error("`{0}` fits several items")]
    Several(String),
    /// Not a text.
    #[error("`{0}` is no text but {1}")]
    NoString(String, String),
    /// A text over several lines.
    #[error("`{0}` is a text over several lines")]
    Block(String),
    /// With an anchor.
    #[error("`{0}` has an anchor: other places may repeat it")]
    Repeated(String),
    /// An alias.
    #[error("`{0}` is an alias: it repeats another place")]
    Repeats(String),
    /// Of a type of its own.
    #[error("`{0}` has the tag `{1}`")]
    Tagged(String, String),
    /// Reading the result again shows another difference than the wanted one.
    #[error("the text cannot be replaced without changing more")]
    Altered,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}
