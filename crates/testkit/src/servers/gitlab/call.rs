//! One call as the stand-in sees it, and what it replies.

use serde_json::{Value, json};

use super::super::github::call::decoded;
use super::PROJECT_ID;
use crate::wire::Request;

/// A call, whoever makes it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Call {
    pub(super) fn new(request: &Request) -> Result<Self, Reply> {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((request.target.as_str(), ""));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(&value.replace('+', " ")))
        };
        let body = if request.body.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(&request.body).map_err(|_error| {
                let error = "Problem while parsing request body";
                Reply::json(400, json!({ "error": error }))
            })?
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
        })
    }

    /// A field of the body that has to be a text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Reply> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Reply::invalid(name)),
        }
    }

    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// One of a few words in the query, the first where there is none.
    pub(super) fn word(&self, name: &str, words: &[&'static str]) -> Result<&'static str, Reply> {
        let first = words.first().copied().unwrap_or_default();
        let Some(asked) = self.asked(name) else {
            return Ok(first);
        };
        let found = words.iter().find(|word| **word == asked);
        found.copied().ok_or_else(|| {
            let error = format!("{name} does not have a valid value");
            Reply::json(400, json!({ "error": error }))
        })
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Reply> {
        match self.asked(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_error| Reply::invalid(name)),
        }
    }
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

    /// A status with GitLab's words for it.
    pub(super) fn message(status: u16, words: &str) -> Self {
        Self::json(status, json!({ "message": format!("{status} {words}") }))
    }

    pub(super) fn not_found(what: &str) -> Self {
        let words = format!("{what} Not Found");
        Self::message(404, words.trim_start())
    }

    pub(super) fn forbidden() -> Self {
        Self::message(403, "Forbidden")
    }

    pub(super) fn unauthorized() -> Self {
        Self::message(401, "Unauthorized")
    }

    pub(super) fn insufficient_scope(wanted: &str) -> Self {
        let body = json!({
            "error": "insufficient_scope",
            "error_description":
                "The request requires higher privileges than provided by the access token.",
            "scope": wanted,
        });
        Self::json(403, body)
    }

    pub(super) fn invalid(name: &str) -> Self {
        Self::json(400, json!({ "error": format!("{name} is invalid") }))
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::json(400, json!({ "error": format!("{name} is missing") }))
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// One page of a list, with the links to the others; at most 100 a page,
    /// 20 where the call does not say. What `shown` hides is missing from its
    /// page, as pages are cut before that.
    pub(super) fn page<T>(
        call: &Call,
        base: &str,
        items: Vec<T>,
        shown: impl FnMut(T) -> Option<Value>,
    ) -> Result<Self, Self> {
        let per_page = call.number("per_page", 20)?.clamp(1, 100);
        let page = call.number("page", 1)?.max(1);
        let total = items.len();
        let last = total.div_ceil(per_page).max(1);
        let skipped = (page - 1).saturating_mul(per_page);
        let items = items.into_iter().skip(skipped).take(per_page);
        let shown: Vec<Value> = items.filter_map(shown).collect();
        let link = |page: usize, rel: &str| {
            let others = call.query.iter().filter(|(name, _)| name != "page");
            let mut query: Vec<String> = others
                .map(|(name, value)| {
                    let name = name.replace('[', "%5B").replace(']', "%5D");
                    format!("{name}={value}")
                })
                .collect();
            query.push(format!("page={page}"));
            // Links name the project by its number, however it was asked for.
            let mut path = call.path.clone();
            if let Some(project) = path.get_mut(3) {
                *project = PROJECT_ID.to_string();
            }
            let (path, query) = (path.join("/"), query.join("&"));
            format!("<{base}/{path}?{query}>; rel=\"{rel}\"")
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(link(page - 1, "prev"));
        }
        if page < last {
            links.push(link(page + 1, "next"));
        }
        links.push(link(1, "first"));
        links.push(link(last, "last"));
        let next = if page < last {
            (page + 1).to_string()
        } else {
            String::new()
        };
        Ok(Self::json(200, Value::Array(shown))
            .header("link", links.join(", "))
            .header("x-next-page", next)
            .header("x-page", page.to_string())
            .header("x-per-page", per_page.to_string())
            .header("x-total", total.to_string())
            .header("x-total-pages", last.to_string()))
    }
}
