//! Why there are no counts in what a source answers, or no question to ask it.

use serde::de::DeserializeOwned;

use crate::failure::{Explain, Kind};

/// The most characters of a source's words that are shown.
const SHOWN: usize = 300;

/// No counts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credentials do not suffice.
    #[error("{service} refuses the credentials ({said})")]
    Forbidden {
        /// Who.
        service: &'static str,
        /// In its words, or its status.
        said: String,
    },
    /// The query is wrong.
    #[error("{service} refuses the query: {said}")]
    Refused {
        /// Who.
        service: &'static str,
        /// In its words.
        said: String,
    },
    /// The source is in trouble, or something in between is.
    #[error("{service} cannot answer: {said}")]
    Failed {
        /// Who.
        service: &'static str,
        /// In its words, or its status.
        said: String,
    },
    /// Not what the source would say.
    #[error("the answer is not that of {service}: {reason}")]
    Unreadable {
        /// Who.
        service: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The counts of one slot lie in several series of sums.
    #[error("the query `{field}` gives {count} series, where the source should add them up to one")]
    Several {
        /// `total` or `bad`.
        field: &'static str,
        /// How many.
        count: usize,
    },
    /// Too many to be meant.
    #[error("{count} series are more than the {most} that are read")]
    TooMany {
        /// How many.
        count: usize,
        /// The most.
        most: usize,
    },
    /// A query that cannot count.
    #[error("the query `{field}` {reason}")]
    Query {
        /// `total` or `bad`.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A slot that could change the query.
    #[error("the slot `{slot}` cannot stand in a query of {service}: {allowed}")]
    Slot {
        /// The slot, in print.
        slot: String,
        /// Who.
        service: &'static str,
        /// What may stand there.
        allowed: &'static str,
    },
    /// Rows of another width than the source has.
    #[error("{service} does not count by intervals of {interval}: {allowed}")]
    Interval {
        /// Who.
        service: &'static str,
        /// As asked for.
        interval: crate::span::Span,
        /// What it counts by.
        allowed: &'static str,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Forbidden { .. } => Kind::Credentials,
            Self::Refused { .. }
            | Self::Several { .. }
            | Self::TooMany { .. }
            | Self::Query { .. }
            | Self::Slot { .. }
            | Self::Interval { .. } => Kind::Invalid,
            Self::Failed { .. } | Self::Unreadable { .. } => Kind::Blind,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Several { .. } => Some("sum them in the query".to_owned()),
            Self::TooMany { .. } => Some("narrow the query".to_owned()),
            Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::Failed { .. }
            | Self::Unreadable { .. }
            | Self::Query { .. }
            | Self::Slot { .. }
            | Self::Interval { .. } => None,
        }
    }
}

/// What a status means where the vendor gives it no meaning of its own.
///
/// # Errors
///
/// Fails on any status that is none of success.
pub(super) fn status(service: &'static str, status: u16, body: &[u8]) -> Result<(), Error> {
    let said = || match said(body) {
        text if text.is_empty() || text.starts_with('<') => format!("status {status}"),
        text => format!("status {status}, {text}"),
    };
    match status {
        200..=299 => Ok(()),
        401 | 403 => Err(Error::Forbidden {
            service,
            said: format!("status {status}"),
        }),
        400 | 422 => Err(Error::Refused {
            service,
            said: said(),
        }),
        _ => Err(Error::Failed {
            service,
            said: said(),
        }),
    }
}

/// The JSON of a good answer; other fields are the vendor's own affair.
pub(super) fn json<T: DeserializeOwned>(service: &'static str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| unreadable(service, &error.to_string()))
}

pub(super) fn unreadable(service: &'static str, reason: &str) -> Error {
    Error::Unreadable {
        service,
        reason: short(reason),
    }
}

/// What a source says, short and on one line.
pub(super) fn said(body: &[u8]) -> String {
    short(&String::from_utf8_lossy(body.get(..4096).unwrap_or(body)))
}

/// A foreign text in print: one line, no control characters.
pub(super) fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars()
        .filter(|letter| !letter.is_control())
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_says_what_has_to_change() {
        #[rustfmt::skip]
        let cases = [
            (401, "", Kind::Credentials, "X refuses the credentials (status 401)"),
            (403, "{}", Kind::Credentials, "X refuses the credentials (status 403)"),
            (400, "no such\n metric", Kind::Invalid, "X refuses the query: status 400, no such metric"),
            (422, "<html>", Kind::Invalid, "X refuses the query: status 422"),
            (429, "", Kind::Blind, "X cannot answer: status 429"),
            (404, "<html>", Kind::Blind, "X cannot answer: status 404"),
            (503, "later", Kind::Blind, "X cannot answer: status 503, later"),
            (302, "", Kind::Blind, "X cannot answer: status 302"),
        ];
        for (code, body, kind, message) in cases {
            let error = status("X", code, body.as_bytes()).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
        }
        assert!(status("X", 200, b"").is_ok());
    }
}
