//! What goes over the wire, and what it may cost.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::error;

/// What to do with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Read its headers.
    Head,
    /// Hand something over.
    Post,
    /// Write it.
    Put,
    /// Change it.
    Patch,
    /// Remove it.
    Delete,
}

impl Method {
    pub(super) const fn reads(self) -> bool {
        match self {
            Self::Get | Self::Head => true,
            Self::Post | Self::Put | Self::Patch | Self::Delete => false,
        }
    }
}

/// What a request carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
}

/// One request. Its `Debug` form shows no header's value, as tokens are there.
#[derive(Clone)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// With which resource; `http` or `https`.
    pub url: Url,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub body: Body,
    /// Whether redirects are followed.
    pub redirects: Redirects,
    /// Whether its address may be told.
    pub address: Address,
}

/// What to do where a server names another address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Ask there, where that is safe.
    #[default]
    Followed,
    /// Give that answer to the caller, who meant this resource and no other.
    Told,
}

/// Whether the address of a request is for everybody's eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Address {
    /// Logs may show it.
    #[default]
    Plain,
    /// It is the key to what it names, as those of webhooks are.
    Secret,
}

impl Request {
    /// A request to read a resource.
    #[must_use]
    pub const fn get(url: Url) -> Self {
        Self::new(Method::Get, url)
    }

    /// A request without headers and body.
    #[must_use]
    pub const fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Body::Empty,
            redirects: Redirects::Followed,
            address: Address::Plain,
        }
    }

    /// Asks for this resource and no other, wherever the server points.
    #[must_use]
    pub const fn here_only(mut self) -> Self {
        self.redirects = Redirects::Told;
        self
    }

    /// Shows the address nowhere.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.address = Address::Secret;
        self
    }

    /// The address as logs may show it.
    pub(super) fn shown(&self) -> String {
        match self.address {
            Address::Plain => error::shown(&self.url),
            Address::Secret => "(not shown)".to_owned(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body and its media type.
    #[must_use]
    pub fn with_body(self, media_type: &str, bytes: Vec<u8>) -> Self {
        let mut request = self.with_header("content-type", media_type);
        request.body = Body::Bytes(bytes);
        request
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.shown())
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// What one exchange may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes the answer may have.
    pub bytes: u64,
    /// The longest it may take, redirects included.
    pub timeout: Duration,
}

/// An answer, of whatever status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Lower-case name and value; what is no text in it is replaced.
    pub headers: Vec<(String, String)>,
    /// The bytes; empty when they were written elsewhere.
    pub body: Vec<u8>,
    /// The address of another origin that answered in place of the one that
    /// was asked, where a redirect led there.
    pub elsewhere: Option<Url>,
}

impl Response {
    /// The first header with this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the status is one of success.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether this is a page for people, as login walls and proxies send it
    /// in place of what was asked for.
    #[must_use]
    pub fn is_html(&self) -> bool {
        let declared = self.header("content-type").unwrap_or_default();
        let start = self.body.trim_ascii_start();
        declared.to_ascii_lowercase().contains("html") || start.starts_with(b"<")
    }
}
