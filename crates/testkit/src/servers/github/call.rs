//! One call as the stand-in sees it, and what it replies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::gate::Token;
use crate::wire::Request;

/// A call whose token was accepted.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Value,
    pub(super) token: Token,
}

impl Call {
    pub(super) fn new(request: &Request, token: Token) -> Result<Self, Reply> {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((request.target.as_str(), ""));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        };
        let body = if request.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&request.body)
                .map_err(|_error| Reply::problem(400, "Problems parsing JSON"))?
        };
        Ok(Self {
            method: request.method.clone(),
            path: path.split('/').skip(1).map(decoded).collect(),
            query: query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(pair)
                .collect(),
            body,
            token,
        })
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str, default: usize) -> usize {
        let value = self.query.get(name).and_then(|text| text.parse().ok());
        value.unwrap_or(default)
    }
}

pub(in crate::servers) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut left = text.bytes();
    while let Some(byte) = left.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = left.by_ref().take(2).collect();
        let digits = String::from_utf8_lossy(&digits).into_owned();
        bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is said to a call.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(String, String)>,
}

impl Reply {
    pub(super) const fn empty(status: u16) -> Self {
        Self {
            status,
            body: None,
            headers: Vec::new(),
        }
    }

    pub(super) const fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            headers: Vec::new(),
        }
    }

    pub(super) fn problem(status: u16, message: &str) -> Self {
        let body = json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        });
        Self::json(status, body)
    }

    pub(super) fn not_found() -> Self {
        Self::problem(404, "Not Found")
    }

    pub(super) fn inaccessible() -> Self {
        Self::problem(403, "Resource not accessible by integration")
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// One page of a list, with the links to the others; at most 100 a page,
    /// 30 where the call does not say.
    pub(super) fn page<T>(
        call: &Call,
        base: &str,
        items: Vec<T>,
        shown: impl FnMut(T) -> Value,
    ) -> Self {
        let per_page = call.number("per_page", 30).clamp(1, 100);
        let page = call.number("page", 1).max(1);
        let last = items.len().div_ceil(per_page).max(1);
        let skipped = (page - 1).saturating_mul(per_page);
        let items = items.into_iter().skip(skipped).take(per_page);
        let shown: Vec<Value> = items.map(shown).collect();
        let reply = Self::json(200, Value::Array(shown));
        let link = |page: usize, rel: &str| {
            let mut query = call.query.clone();
            query.insert("page".to_owned(), page.to_string());
            let query: Vec<String> = query
                .iter()
                .map(|(name, value)| format!("{name}={}", value.replace(':', "%3A")))
                .collect();
            format!(
                "<{base}/{}?{}>; rel=\"{rel}\"",
                call.path.join("/"),
                query.join("&")
            )
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(link(page - 1, "prev"));
        }
        if page < last {
            links.push(link(page + 1, "next"));
            links.push(link(last, "last"));
        }
        if page > 1 {
            links.push(link(1, "first"));
        }
        if links.is_empty() {
            reply
        } else {
            reply.header("link", links.join(", "))
        }
    }
}
