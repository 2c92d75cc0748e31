//! Service-level objectives and canary analyses, as the formats of others write them.
//!
//! [`parse`] recognises the format and reads it into one model. Whatever a
//! file names and nobody here can run comes back as [`Skipped`], by name.

mod alerting;
mod analysis;
mod argo;
mod counter;
mod document;
mod emit;
mod error;
mod expression;
mod flagger;
mod import;
mod indicator;
mod kayenta;
mod length;
mod lint;
mod objective;
mod openslo;
mod promql;
mod pyrra;
mod sloth;
mod target;
mod template;
mod window;

use serde::Serialize;

use document::{Document, Node};
use error::Halt;

use crate::yaml;

pub use alerting::{Alert, Alerting, Burn, Labels};
pub use analysis::{
    Analysis, ArgoRule, Condition, Direction, FlaggerRule, KayentaRule, Limit, Nan, Rule,
};
pub use counter::{Counted, counted};
pub(crate) use counter::{difference, quantile};
pub use error::{Error, Invalid};
pub use expression::{Expression, Function, ParseError, Sign};
pub use import::{Imported, import};
pub use indicator::{Form, Indicator, Op, Part, Query, Source};
pub use lint::{Finding, Severity, lint};
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
    /// `openslo/v1`.
    OpenSloV1,
    /// `openslo.com/v2alpha`.
    OpenSloV2Alpha,
    /// `openslo/v1alpha`.
    OpenSloV1Alpha,
    /// `ServiceLevelObjective` of Pyrra.
    Pyrra,
    /// `AnalysisTemplate` and its kin of Argo Rollouts.
    Argo,
    /// `Canary` and `MetricTemplate` of Flagger.
    Flagger,
    /// A canary configuration of Kayenta.
    Kayenta,
}

/// What one file holds, thing by thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// An objective.
    Slo(Box<Slo>),
    /// A metric of a canary analysis.
    Analysis(Box<Analysis>),
    /// The windows of burn-rate alerts.
    Windows(AlertWindows),
    /// Something that is named in the file and cannot be run here.
    Skipped(Skipped),
}

impl Found {
    /// The objective, where it is one.
    #[must_use]
    pub fn slo(self) -> Option<Slo> {
        match self {
            Self::Slo(slo) => Some(*slo),
            Self::Analysis(_) | Self::Windows(_) | Self::Skipped(_) => None,
        }
    }
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

/// The most things that one file may hold: each may be written as a document.
const MOST: usize = yaml::MOST_DOCUMENTS;

fn readings(documents: &[Document]) -> Result<Vec<Reading>, Error> {
    let roots: Vec<Node<'_>> = documents.iter().map(Document::root).collect();
    let file = File {
        openslo: openslo::Index::of(&of_versions(&roots, &["openslo/", "openslo.com/"])),
        argo: argo::Usage::of(&of_versions(&roots, &["argoproj.io/"])),
        flagger: flagger::Templates::of(&of_versions(&roots, &["flagger.app/"])),
    };
    let mut readings = Vec::new();
    let mut others = Vec::new();
    for root in &roots {
        match file.read(root) {
            Some(more) => readings.extend(more),
            None => others.push(foreign(root)),
        }
        if readings.len() > MOST {
            return Err(Error::TooMany(readings.len()));
        }
    }
    if roots.len() == others.len() {
        return Err(others.into_iter().next().map_or(Error::Empty, |other| {
            Error::Foreign(format!("it holds {}: {}", other.what, other.why))
        }));
    }
    readings.extend(others.into_iter().map(|other| Ok(Found::Skipped(other))));
    Ok(readings)
}

/// The documents whose version begins with one of these.
fn of_versions<'doc>(roots: &[Node<'doc>], beginnings: &[&str]) -> Vec<Node<'doc>> {
    let roots = roots.iter().filter(|root| {
        let version = text(root, "apiVersion").unwrap_or_default();
        beginnings
            .iter()
            .any(|beginning| version.starts_with(beginning))
    });
    roots.cloned().collect()
}

fn text<'doc>(root: &Node<'doc>, key: &str) -> Option<&'doc str> {
    root.get(key)?.text().ok()
}

/// What documents of one file know of each other.
struct File<'doc> {
    openslo: openslo::Index<'doc>,
    argo: argo::Usage<'doc>,
    flagger: flagger::Templates<'doc>,
}

impl<'doc> File<'doc> {
    /// Reads one document; nothing of one that is of no known format.
    fn read(&self, root: &Node<'doc>) -> Option<Vec<Reading>> {
        let version = text(root, "apiVersion").or_else(|| text(root, "version"));
        let readings = match (version, text(root, "kind").unwrap_or_default()) {
            (Some("prometheus/v1"), "") => sloth::level(root, sloth::Keys::Plain),
            (Some("sloth.slok.dev/v1"), "PrometheusServiceLevel") => {
                sloth::level(root, sloth::Keys::Kubernetes)
            }
            (Some("sloth.slok.dev/v1"), "AlertWindows") => vec![sloth::windows(root)],
            (Some("openslo/v1"), _) => openslo::v1(root, &self.openslo),
            (Some("openslo.com/v2alpha"), _) => openslo::v2alpha(root, &self.openslo),
            (Some("openslo/v1alpha"), _) => openslo::v1alpha(root, &self.openslo),
            (Some("pyrra.dev/v1alpha1"), "ServiceLevelObjective") => vec![pyrra::objective(root)],
            (Some("argoproj.io/v1alpha1"), _) => argo::document(root, &self.argo)?,
            (Some("flagger.app/v1beta1" | "flagger.app/v1alpha3"), _) => {
                flagger::document(root, &self.flagger)?
            }
            (None, "") if kayenta::recognises(root) => kayenta::config(root),
            (None | Some(_), _) => return None,
        };
        Some(readings)
    }
}

/// What becomes of a thing that may be wrong or out of reach.
fn settle(what: String, found: Result<Found, Halt>) -> Reading {
    match found {
        Ok(found) => Ok(found),
        Err(Halt::Invalid(refused)) => Err(refused),
        Err(Halt::Skip(why)) => Ok(Found::Skipped(Skipped { what, why })),
    }
}

/// What a document is that is of no known format.
fn foreign(root: &Node<'_>) -> Skipped {
    let version = text(root, "apiVersion").or_else(|| text(root, "version"));
    let kind = text(root, "kind").unwrap_or_default();
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
