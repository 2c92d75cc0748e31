//! Service-level objectives and canary analyses, as the formats of others write them.
//!
//! [`parse`] recognises the format and reads it into one model. Whatever a
//! file names and nobody here can run comes back as [`Skipped`], by name.

mod alerting;
mod document;
mod error;
mod indicator;
mod length;
mod objective;
mod sloth;
mod target;
mod template;
mod window;

use serde::Serialize;

use document::{Document, Node};

pub use alerting::{Alert, Alerting, Burn, Labels};
pub use error::{Error, Invalid};
pub use indicator::{Form, Indicator, Op, Part, Query, Source};
pub use objective::{Budgeting, Slo};
pub use target::{NotTarget, Share, Target};
pub use window::{AlertWindows, Calendar, Pair, Unit, Window};

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `version: prometheus/v1` of Sloth.
    Sloth,
    /// `PrometheusServiceLevel` of Sloth.
    SlothKubernetes,
    /// `AlertWindows` of Sloth.
    SlothWindows,
}

/// What one file holds, thing by thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// An objective.
    Slo(Box<Slo>),
    /// The windows of burn-rate alerts.
    Windows(AlertWindows),
    /// Something that is named in the file and cannot be run here.
    Skipped(Skipped),
}

/// Something that a file names and that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// What it is, with its name.
    pub what: String,
    /// Why it is left out.
    pub why: String,
}

/// What became of one thing in a file.
type Reading = Result<Found, Invalid>;

/// Reads a file of any of the formats.
///
/// # Errors
///
/// Fails when the file is too large, neither YAML nor JSON, of no known
/// format, or says something that its format does not allow. The message
/// names the place.
pub fn parse(bytes: &[u8]) -> Result<Vec<Found>, Error> {
    let documents = document::read(bytes)?;
    let readings: Result<Vec<Found>, Invalid> = readings(&documents)?.into_iter().collect();
    Ok(readings?)
}

fn readings(documents: &[Document]) -> Result<Vec<Reading>, Error> {
    let mut readings = Vec::new();
    let mut foreign = Vec::new();
    for document in documents {
        let root = document.root();
        match recognise(&root) {
            Ok(Format::Sloth) => readings.extend(sloth::level(&root, sloth::Keys::Plain)),
            Ok(Format::SlothKubernetes) => {
                readings.extend(sloth::level(&root, sloth::Keys::Kubernetes));
            }
            Ok(Format::SlothWindows) => readings.push(sloth::windows(&root)),
            Err(what) => foreign.push(what),
        }
    }
    if documents.len() == foreign.len() {
        return Err(foreign.into_iter().next().map_or(Error::Empty, |what| {
            Error::Foreign(format!("{}: {}", what.what, what.why))
        }));
    }
    readings.extend(foreign.into_iter().map(|what| Ok(Found::Skipped(what))));
    Ok(readings)
}

/// The format of a document, or what it is instead.
fn recognise(root: &Node<'_>) -> Result<Format, Skipped> {
    let word = |key| {
        root.get(key)
            .and_then(|node| node.text().ok().map(str::to_owned))
    };
    let (version, kind) = (word("apiVersion"), word("kind"));
    let kind = kind.as_deref().unwrap_or_default();
    match (version.as_deref().or(word("version").as_deref()), kind) {
        (Some("prometheus/v1"), "") => Ok(Format::Sloth),
        (Some("sloth.slok.dev/v1"), "PrometheusServiceLevel") => Ok(Format::SlothKubernetes),
        (Some("sloth.slok.dev/v1"), "AlertWindows") => Ok(Format::SlothWindows),
        (version, kind) => Err(foreign(root, version, kind)),
    }
}

fn foreign(root: &Node<'_>, version: Option<&str>, kind: &str) -> Skipped {
    let rules = kind == "PrometheusRule" || (kind.is_empty() && root.get("groups").is_some());
    if rules {
        return Skipped {
            what: "Prometheus rules".to_owned(),
            why: "rules are made from an objective: give the file that they were made from"
                .to_owned(),
        };
    }
    let what = match (version, kind) {
        (None, "") => "a document without `apiVersion` and `kind`".to_owned(),
        (Some(version), "") => format!("`{version}`"),
        (None, kind) => format!("`{kind}`"),
        (Some(version), kind) => format!("`{kind}` of `{version}`"),
    };
    Skipped {
        what,
        why: "neither an objective nor an analysis that is known here".to_owned(),
    }
}
