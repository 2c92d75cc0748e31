//! Reads the analyses of Argo Rollouts.
//!
//! Format: `pkg/apis/rollouts/v1alpha1` of argoproj/argo-rollouts. Templates
//! and the rollouts that use them may be documents of one file.

mod argument;
mod job;
mod metric;
mod usage;

use super::document::Node;
use super::error::Invalid;
use super::{Found, Reading, Skipped, settle};

pub(super) use usage::Usage;

/// The kinds that hold metrics themselves.
const TEMPLATES: [&str; 3] = ["AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"];

/// The kinds that use templates.
const USERS: [&str; 2] = ["Rollout", "Experiment"];

/// Reads one document; nothing of a kind that is not of analyses.
pub(super) fn document(root: &Node<'_>, usage: &Usage<'_>) -> Option<Vec<Reading>> {
    let kind = root.get("kind")?.text().ok()?;
    let readings = if TEMPLATES.contains(&kind) {
        template(root, usage)
    } else if USERS.contains(&kind) {
        user(root, kind, usage)
    } else {
        return None;
    };
    Some(readings.unwrap_or_else(|refused| vec![Err(refused)]))
}

fn template(root: &Node<'_>, usage: &Usage<'_>) -> Result<Vec<Reading>, Invalid> {
    let owner = name(root)?;
    let spec = root.need("spec")?;
    let arguments = argument::Arguments::of(&spec, usage.given(owner))?;
    let dry = metric::dry_runs(&spec)?;
    let metrics = spec.list("metrics")?;
    if metrics.is_empty() && spec.get("templates").is_none() {
        return Err(spec
            .need("metrics")
            .map_or_else(|no| no, |metrics| metrics.invalid("is empty")));
    }
    let readings = metrics.iter().map(|node| {
        let name = node.word("name")?;
        let what = format!("metric `{name}` of `{owner}`");
        settle(what, metric::analysis(node, owner, &arguments, &dry))
    });
    Ok(readings.collect())
}

/// The name, or what it is made from.
fn name<'doc>(root: &Node<'doc>) -> Result<&'doc str, Invalid> {
    let metadata = root.need("metadata")?;
    match metadata.get("generateName") {
        Some(node) if metadata.get("name").is_none() => node.text(),
        Some(_) | None => metadata.word("name"),
    }
}

/// Names each template that is not in the file; the metrics of the others are
/// read where they stand.
fn user(root: &Node<'_>, kind: &str, usage: &Usage<'_>) -> Result<Vec<Reading>, Invalid> {
    let owner = name(root)?;
    let mut named = Vec::new();
    for reference in usage::references(root)? {
        if !named.contains(&reference.template) {
            named.push(reference.template);
        }
    }
    if named.is_empty() {
        return Ok(vec![Ok(Found::Skipped(Skipped {
            what: format!("{kind} `{owner}`"),
            why: "it has no analysis".to_owned(),
        }))]);
    }
    let missing = named.into_iter().filter(|name| !usage.has(name));
    let skipped = missing.map(|name| {
        Ok(Found::Skipped(Skipped {
            what: format!("analysis template `{name}` of {kind} `{owner}`"),
            why: "it is in no document of this file".to_owned(),
        }))
    });
    Ok(skipped.collect())
}

#[cfg(test)]
mod tests;
