//! Which templates a file has, and what its rollouts give them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::document::Node;
use super::super::error::Invalid;

/// The most arguments that one analysis gives, over all its templates.
const MOST: usize = 1000;

/// The templates of a file and the arguments that are given to them in it.
#[derive(Debug, Default)]
pub(in super::super) struct Usage<'doc> {
    templates: BTreeSet<&'doc str>,
    given: BTreeMap<&'doc str, Vec<Node<'doc>>>,
}

/// A use of a template.
pub(super) struct Reference<'doc> {
    pub(super) template: &'doc str,
    arguments: Vec<Node<'doc>>,
}

impl<'doc> Usage<'doc> {
    /// What is wrong in a document is told when that document is read.
    pub(in super::super) fn of(roots: &[Node<'doc>]) -> Self {
        let mut usage = Self::default();
        for root in roots {
            let kind = root.get("kind").and_then(|kind| kind.text().ok());
            if kind.is_some_and(|kind| super::TEMPLATES.contains(&kind)) {
                usage.templates.extend(super::name(root).ok());
            }
            for reference in references(root).unwrap_or_default() {
                let given = usage.given.entry(reference.template).or_default();
                given.extend(reference.arguments);
            }
        }
        usage
    }

    pub(super) fn has(&self, template: &str) -> bool {
        self.templates.contains(template)
    }

    /// The arguments that the file gives a template.
    pub(super) fn given(&self, template: &str) -> &[Node<'doc>] {
        self.given.get(template).map_or(&[], Vec::as_slice)
    }
}

/// The templates that a rollout or an experiment uses.
pub(super) fn references<'doc>(root: &Node<'doc>) -> Result<Vec<Reference<'doc>>, Invalid> {
    let Some(spec) = root.get("spec") else {
        return Ok(Vec::new());
    };
    let mut references = analyses(&spec)?;
    let canary = spec.along(&["strategy", "canary"]);
    if let Some(canary) = canary {
        references.extend(templates(canary.get("analysis"))?);
        for step in canary.list("steps")? {
            references.extend(templates(step.get("analysis"))?);
            if let Some(experiment) = step.get("experiment") {
                references.extend(analyses(&experiment)?);
            }
        }
    }
    for key in ["prePromotionAnalysis", "postPromotionAnalysis"] {
        references.extend(templates(spec.along(&["strategy", "blueGreen", key]))?);
    }
    Ok(references)
}

/// `{templates: [{templateName}], args}`
fn templates(node: Option<Node<'_>>) -> Result<Vec<Reference<'_>>, Invalid> {
    let Some(node) = node else {
        return Ok(Vec::new());
    };
    let arguments = node.list("args")?;
    let templates = node.list("templates")?;
    // Each template gets all arguments.
    if arguments.len() * templates.len() > MOST {
        let why = format!("gives more than {MOST} arguments to its templates");
        return Err(node.invalid(why));
    }
    let references = templates.iter().map(|template| {
        Ok(Reference {
            template: template.word("templateName")?,
            arguments: arguments.clone(),
        })
    });
    references.collect()
}

/// `{analyses: [{templateName, args}]}`
fn analyses<'doc>(node: &Node<'doc>) -> Result<Vec<Reference<'doc>>, Invalid> {
    let analyses = node.list("analyses")?;
    let references = analyses.iter().map(|one| {
        Ok(Reference {
            template: one.word("templateName")?,
            arguments: one.list("args")?,
        })
    });
    references.collect()
}
