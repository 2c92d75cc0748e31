//! Pages for people that hold everything they show: no script, and nothing is
//! loaded from anywhere.
//!
//! [`Markup`] escapes what comes from outside, [`figure`] draws numbers over
//! time, [`style`] has the colours, and [`document`] puts a page around them.

mod axis;
pub mod figure;
mod frame;
mod label;
mod markup;
mod parts;
pub mod style;

pub use markup::{Attribute, Markup};
pub use parts::{line, pairs, sentence, sign};

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A whole page in English, ready to be written to a file.
///
/// Its policy (Content Security Policy Level 3) allows its own style, by its
/// hash, and nothing else. It is well-formed XML as well as HTML.
#[must_use]
pub fn document(title: &str, body: Markup) -> String {
    let style = style::sheet();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        STANDARD.encode(Sha256::digest(style.as_bytes()))
    );
    let meta = |name, value: &str| Markup::void("meta", &[("name", name), ("content", value)]);
    let head = [
        Markup::void("meta", &[("charset", "utf-8")]),
        Markup::void(
            "meta",
            &[
                ("http-equiv", "Content-Security-Policy"),
                ("content", &policy),
            ],
        ),
        meta("viewport", "width=device-width, initial-scale=1"),
        meta("referrer", "no-referrer"),
        Markup::element("title", &[], title),
        Markup::element("style", &[], style.as_str()),
    ];
    let head = Markup::element("head", &[], Markup::from_iter(head));
    let body = Markup::element("body", &[], body);
    let page = Markup::element("html", &[("lang", "en")], head.and(body));
    format!("<!DOCTYPE html>\n{}\n", page.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_the_style_that_is_there_and_nothing_else() {
        let page = document("a <b>", Markup::element("p", &[], "c & d"));
        let (_, rest) = page.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
        let policy = format!("default-src &#39;none&#39;; style-src &#39;sha256-{hash}&#39;;");
        assert!(page.contains(&policy), "{page}");
        assert!(page.contains("<title>a &lt;b&gt;</title>"), "{page}");
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
        assert!(page.ends_with("<body><p>c &amp; d</p></body></html>\n"));
    }
}
