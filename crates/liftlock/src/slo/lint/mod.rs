//! Finds what a file says without an error and nobody means.

mod argo;
mod flagger;
mod kayenta;
mod objective;
mod query;

use std::cmp::Reverse;

use serde::Serialize;

use super::analysis::{Analysis, Rule};
use super::error::Error;
use super::{Found, document, readings};

/// Something in a file that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of finding it is; stays the same from version to version.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The objective, the metric or the path that it is about.
    pub place: String,
    /// What is wrong, and what helps.
    pub message: String,
    /// Where its users met it: an issue of the format's own project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<&'static str>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// It misleads in some situations.
    Warning,
    /// It does not do what it is there for.
    Error,
}

impl Severity {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            place: String::new(),
            message: message.into(),
            issue: None,
        }
    }

    fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, message)
    }

    const fn met_in(mut self, issue: &'static str) -> Self {
        self.issue = Some(issue);
        self
    }

    fn at(mut self, place: &str) -> Self {
        place.clone_into(&mut self.place);
        self
    }
}

/// Looks at everything in a file; the worst findings come first.
///
/// A value that the format does not allow is a finding here, as are things
/// that cannot be run.
///
/// # Errors
///
/// Fails where the file is too large, neither YAML nor JSON, or of no known
/// format.
pub fn lint(bytes: &[u8]) -> Result<Vec<Finding>, Error> {
    let documents = document::read(bytes)?;
    let mut findings = Vec::new();
    let mut metrics = Vec::new();
    for reading in readings(&documents)? {
        match reading {
            Ok(Found::Slo(slo)) => {
                let place = format!("SLO `{}`", slo.name);
                findings.extend(placed(&place, objective::findings(&slo)));
            }
            Ok(Found::Analysis(metric)) => {
                let place = format!("metric `{}` of `{}`", metric.name, metric.owner);
                findings.extend(placed(&place, of_metric(&metric)));
                metrics.push(*metric);
            }
            Ok(Found::Windows(_)) => {}
            Ok(Found::Skipped(skipped)) => {
                let message = format!("left out: {}", skipped.why);
                findings.push(Finding::note("skipped", message).at(&skipped.what));
            }
            Err(refused) => {
                findings.push(Finding::error("refused", refused.why).at(&refused.place));
            }
        }
    }
    findings.extend(kayenta::of_configurations(&metrics));
    for document in &documents {
        findings.extend(objective::ignored_keys(&document.root()));
    }
    findings.sort_by_key(|finding| Reverse(finding.severity));
    Ok(findings)
}

fn placed(place: &str, findings: Vec<Finding>) -> impl Iterator<Item = Finding> {
    findings.into_iter().map(move |finding| finding.at(place))
}

fn of_metric(metric: &Analysis) -> Vec<Finding> {
    match &metric.rule {
        Rule::Argo(rule) => argo::findings(rule, metric.query.as_ref()),
        Rule::Flagger(rule) => flagger::findings(&metric.name, rule, metric.query.as_ref()),
        Rule::Kayenta(rule) => kayenta::findings(rule),
    }
}

#[cfg(test)]
mod tests;
