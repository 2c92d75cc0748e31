//! Whose certificate counts: who vouches for the identity, and its name.

use std::fmt;
use std::str::FromStr;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::x509::Certificate;

/// An identity that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who vouches for it, as the certificate names the OIDC issuer.
    pub issuer: Matcher,
    /// The name: a URI, an e-mail address or a user's name.
    pub name: Matcher,
    /// What began the run, where that counts: Fulcio's Build Config URI.
    pub build_config: Option<Matcher>,
}

impl Identity {
    /// Whether a certificate is of this identity.
    ///
    /// # Errors
    ///
    /// Fails unless it is, and says what it is instead.
    pub fn check(&self, certificate: &Certificate) -> Result<Known, Mismatch> {
        let known = Known::of(certificate)?;
        self.is(&known)?;
        Ok(known)
    }

    /// Whether what a certificate says is this identity.
    ///
    /// # Errors
    ///
    /// Fails unless it is, and says what it is instead.
    pub fn is(&self, known: &Known) -> Result<(), Mismatch> {
        let issuer = known.issuer.as_deref().unwrap_or_default();
        if known.issuer.is_none() || !self.issuer.matches(issuer) {
            return Err(Mismatch::Issuer(issuer.to_owned()));
        }
        match known.names.as_slice() {
            // Several names could mean several people.
            [only] if self.name.matches(only) => {}
            names => return Err(Mismatch::Name(names.join(", "))),
        }
        let begun_by = known.build_config.as_deref().unwrap_or_default();
        match &self.build_config {
            Some(wanted) if !wanted.matches(begun_by) => {
                Err(Mismatch::BuildConfig(begun_by.to_owned()))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What a certificate says about its holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Who vouches for it.
    pub issuer: Option<String>,
    /// The names.
    pub names: Vec<String>,
    /// What began the run: on GitHub the workflow that an event started, where
    /// the name is that of the workflow with the job (`docs/oid-info.md` of
    /// Fulcio, 1.3.6.1.4.1.57264.1.18).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_config: Option<String>,
}

impl Known {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// Fails when an extension is malformed.
    pub fn of(certificate: &Certificate) -> Result<Self, Mismatch> {
        let names = certificate.alt_names()?;
        Ok(Self {
            issuer: certificate.oidc_issuer()?,
            names: names.iter().map(|name| name.value().to_owned()).collect(),
            build_config: certificate.claim(18)?,
        })
    }

    /// What began the run, where that is not what the certificate is named
    /// after: whoever calls a workflow that others wrote.
    #[must_use]
    pub fn caller(&self) -> Option<&str> {
        let config = self.build_config.as_deref()?;
        let named = self.names.iter().any(|name| name == config);
        (!named).then_some(config)
    }
}

impl Known {
    /// Exactly these, as identities that count.
    #[must_use]
    pub fn identities(&self) -> Vec<Identity> {
        let issuer = self.issuer.clone().unwrap_or_default();
        let names = self.names.iter().cloned();
        names
            .map(|name| Identity {
                issuer: Matcher::Exact(issuer.clone()),
                name: Matcher::Exact(name),
                build_config: self.build_config.clone().map(Matcher::Exact),
            })
            .collect()
    }
}

impl fmt::Display for Known {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = self.issuer.as_deref().unwrap_or("nobody");
        write!(formatter, "{} ({issuer})", self.names.join(", "))
    }
}

/// What a text has to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Matcher {
    /// Exactly this.
    Exact(String),
    /// Something that the pattern describes from its first to its last
    /// character.
    Pattern {
        /// As it was written, with `^` and `$`.
        written: String,
        /// What it means.
        regex: Box<Regex>,
    },
}

impl Matcher {
    /// Reads a pattern: a regular expression between `^` and `$`.
    ///
    /// # Errors
    ///
    /// Fails on one that is not anchored at both ends, is malformed, or that
    /// also describes names of strangers.
    pub fn pattern(text: &str) -> Result<Self, ParseError> {
        let inner = text
            .strip_prefix('^')
            .and_then(|rest| rest.strip_suffix('$'))
            .filter(|inner| !inner.ends_with('\\'))
            .ok_or(ParseError::Unanchored)?;
        if inner.contains("(?") {
            return Err(ParseError::Flags);
        }
        // The group keeps alternatives between the anchors.
        let regex = RegexBuilder::new(&format!("^(?:{inner})$"))
            .size_limit(LARGEST)
            .build();
        let regex = regex.map_err(|error| ParseError::Malformed(error.to_string()))?;
        if STRANGERS.iter().any(|stranger| regex.is_match(stranger)) {
            return Err(ParseError::Wide);
        }
        Ok(Self::Pattern {
            written: text.to_owned(),
            regex: Box::new(regex),
        })
    }

    /// The pattern for every tag, of a name that holds one: a workflow's name
    /// ends with the ref that it ran for.
    #[must_use]
    pub fn every_tag(name: &str) -> Option<Self> {
        const TAGS: &str = "@refs/tags/";
        let (workflow, tag) = name.split_once(TAGS)?;
        let plain = regex_lite::escape(workflow);
        let pattern = Self::pattern(&format!("^{plain}{TAGS}.*$")).ok()?;
        (!workflow.is_empty() && !tag.is_empty()).then_some(pattern)
    }

    /// Whether a text is what is wanted.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted == text,
            Self::Pattern { regex, .. } => {
                text.len() <= LONGEST && !text.contains('\n') && regex.is_match(text)
            }
        }
    }
}

/// The most bytes of memory for a pattern, and of a name that one describes:
/// matching takes the time of their product, here a tenth of a second at most.
const LARGEST: usize = 128 * 1024;
const LONGEST: usize = 4 * 1024;

/// Names that nobody means: who accepts one of them accepts everybody.
const STRANGERS: [&str; 8] = [
    "",
    "x",
    "https://stranger.invalid",
    "https://stranger.invalid/x/y/.github/workflows/z.yml@refs/heads/main",
    "https://github.com/stranger-5f1c/x/.github/workflows/z.yml@refs/heads/main",
    "https://github.com/stranger-5f1c/release/.github/workflows/release.yml@refs/tags/v1.2.3",
    "https://gitlab.com/stranger-5f1c/x//.gitlab-ci.yml@refs/heads/main",
    "someone@stranger.invalid",
];

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) | Self::Pattern { written: text, .. } => formatter.write_str(text),
        }
    }
}

/// A text that begins with `^` is a pattern, every other is meant exactly.
impl FromStr for Matcher {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.starts_with('^') {
            Self::pattern(text)
        } else if text.is_empty() {
            Err(ParseError::Empty)
        } else {
            Ok(Self::Exact(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Matcher {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

/// A pattern that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing.
    #[error("an empty name is nobody's")]
    Empty,
    /// It could be found inside of any other name.
    #[error("a pattern has to begin with `^` and to end with `$`")]
    Unanchored,
    /// It could change what the anchors mean.
    #[error("a pattern may not hold `(?`")]
    Flags,
    /// Not a regular expression.
    #[error("not a regular expression: {0}")]
    Malformed(String),
    /// Everybody.
    #[error("the pattern also describes names of strangers: name the host and the owner")]
    Wide,
}

/// The certificate is of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Somebody else vouches.
    #[error("the certificate's identity comes from `{0}`, which is not the issuer that is wanted")]
    Issuer(String),
    /// Another name.
    #[error("the certificate is of `{0}`, which is not the identity that is wanted")]
    Name(String),
    /// The right workflow, which somebody else called.
    #[error("the run was begun by `{0}`, which is not the `build-config` that is wanted")]
    BuildConfig(String),
    /// Malformed.
    #[error("the certificate's identity is malformed")]
    Malformed(#[from] crate::der::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_is_of_the_same_workflow_only() {
        let workflow = "https://github.com/acme/shop.x/.github/workflows/release.yml";
        let every = Matcher::every_tag(&format!("{workflow}@refs/tags/v1.2")).unwrap();
        assert!(every.matches(&format!("{workflow}@refs/tags/v2")));
        assert!(!every.matches(&format!("{workflow}@refs/heads/main")));
        let other = workflow.replace("shop.x", "shop-x");
        assert!(!every.matches(&format!("{other}@refs/tags/v2")));
        for name in ["someone@acme.example", "@refs/tags/v1", ""] {
            assert_eq!(Matcher::every_tag(name), None, "{name}");
        }
        let branch = format!("{workflow}@refs/heads/main");
        assert_eq!(Matcher::every_tag(&branch), None);
    }

    #[test]
    fn a_pattern_that_takes_minutes_is_refused() {
        let malformed = |text: &str| {
            let read = Matcher::pattern(text);
            matches!(read, Err(ParseError::Malformed(_)))
        };
        assert!(malformed("^https://a/(a{0,1000}){0,30}b$"));
        let honest = Matcher::pattern("^https://a/[a-z0-9._-]{1,256}$").unwrap();
        assert!(honest.matches("https://a/b"));
        let endless = Matcher::pattern("^https://a/a*$").unwrap();
        let name = |length: usize| format!("{:a<length$}", "https://a/");
        assert!(endless.matches(&name(LONGEST)));
        assert!(!endless.matches(&name(LONGEST + 1)));
    }

    #[test]
    fn a_pattern_that_lets_strangers_in_is_refused() {
        let cases = [
            (".+", ParseError::Unanchored),
            ("^.+", ParseError::Unanchored),
            ("https://github.com/acme/.*$", ParseError::Unanchored),
            ("^https://github.com/acme/x\\$", ParseError::Unanchored),
            ("^.*$", ParseError::Wide),
            ("^https://.*$", ParseError::Wide),
            ("^https://github\\.com/.*$", ParseError::Wide),
            (
                "^.*/\\.github/workflows/release\\.yml@refs/tags/v.*$",
                ParseError::Wide,
            ),
            ("^https://github\\.com/acme/x|.*$", ParseError::Wide),
            ("^(?s).*$", ParseError::Flags),
        ];
        for (text, expected) in cases {
            assert_eq!(Matcher::pattern(text), Err(expected), "{text}");
        }
        assert!(matches!(
            Matcher::pattern("^($"),
            Err(ParseError::Malformed(_))
        ));
        assert_eq!("".parse::<Matcher>(), Err(ParseError::Empty));
    }

    #[test]
    fn a_pattern_is_about_the_whole_name() {
        let release: Matcher =
            "^https://github\\.com/acme/shop/\\.github/workflows/release\\.yml@refs/tags/v[0-9.]+$"
                .parse()
                .unwrap();
        let name = "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1.2";
        assert!(release.matches(name));
        assert!(!release.matches(&format!("{name}-rc")));
        assert!(!release.matches(&format!("https://evil.example/{name}")));
        assert!(!release.matches(&format!("{name}\n")));
        let alternatives: Matcher = "^a@acme\\.example|b@acme\\.example$".parse().unwrap();
        assert!(alternatives.matches("b@acme.example"));
        assert!(!alternatives.matches("evil-b@acme.example"));
        let exact: Matcher = "a@acme.example".parse().unwrap();
        assert!(exact.matches("a@acme.example") && !exact.matches("a@acme-example"));
    }
}
