//! Markup in which every text was escaped on its way in.

/// Elements and texts, each of them closed: valid as HTML and as XML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markup(String);

/// The name and the value of an attribute.
pub type Attribute<'a> = (&'static str, &'a str);

impl Markup {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// An element around others, or around a text.
    #[must_use]
    pub fn element(
        name: &'static str,
        attributes: &[Attribute<'_>],
        inner: impl Into<Self>,
    ) -> Self {
        let inner = inner.into().0;
        Self(format!("{}>{inner}</{name}>", opened(name, attributes)))
    }

    /// An element that can hold nothing: `meta`, or a shape of SVG.
    #[must_use]
    pub fn void(name: &'static str, attributes: &[Attribute<'_>]) -> Self {
        Self(format!("{}/>", opened(name, attributes)))
    }

    /// This and then more.
    #[must_use]
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        self.0.push_str(&more.into().0);
        self
    }

    /// As it is written to a file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Markup {
    fn from(text: &str) -> Self {
        Self(escaped(text))
    }
}

impl From<String> for Markup {
    fn from(text: String) -> Self {
        Self(escaped(&text))
    }
}

impl FromIterator<Self> for Markup {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }
}

fn opened(name: &str, attributes: &[Attribute<'_>]) -> String {
    let attributes = attributes
        .iter()
        .map(|(name, value)| format!(" {name}=\"{}\"", escaped(value)));
    format!("<{name}{}", attributes.collect::<String>())
}

/// Text in an element or a quoted attribute. What moves a cursor, hides or
/// reorders letters, or is no character of XML (XML 1.0 §2.2) becomes a space.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => escaped.push(' '),
            _ if letter.is_control() => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text_wherever_it_stands() {
        let foreign = "</p><script>'\"&]]>\n\u{202e}\u{0}\u{ffff}";
        let inert = "&lt;/p&gt;&lt;script&gt;&#39;&quot;&amp;]]&gt;    ";
        let found = Markup::element("p", &[("title", foreign)], foreign);
        assert_eq!(found.as_str(), format!("<p title=\"{inert}\">{inert}</p>"));
        assert_eq!(
            Markup::void("meta", &[("a", "\"/>")]).as_str(),
            "<meta a=\"&quot;/&gt;\"/>"
        );
    }

    #[test]
    fn parts_follow_each_other() {
        let item = |text: &str| Markup::element("li", &[], text);
        let list = Markup::element(
            "ul",
            &[],
            ["a", "b"].map(item).into_iter().collect::<Markup>(),
        );
        assert_eq!(list.and("c").as_str(), "<ul><li>a</li><li>b</li></ul>c");
        assert_eq!(Markup::new().as_str(), "");
    }
}
