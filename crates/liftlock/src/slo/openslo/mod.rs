//! Reads OpenSLO: `openslo/v1`, `openslo.com/v2alpha` and `openslo/v1alpha`.
//!
//! Format: README.md and enhancements/v2alpha.md of OpenSLO/OpenSLO. Documents
//! of one file may name each other.

mod alert;
mod alpha;
mod index;
mod metric;
mod window;

use super::alerting::{Alerting, Burn, Labels};
use super::document::Node;
use super::error::{Halt, Invalid};
use super::indicator::{Indicator, Op, Query};
use super::objective::{Budgeting, Slo};
use super::target::{NotTarget, Share, Target};
use super::window::Window;
use super::{Format, Found, Reading, settle};
use crate::percent::scaled;
use crate::span::Span;

pub(super) use index::Index;

/// The most objectives of one SLO.
const MOST: usize = 64;

/// How the two younger versions name the same things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    V1,
    V2Alpha,
}

impl Dialect {
    const fn either(self, first: &'static str, second: &'static str) -> &'static str {
        match self {
            Self::V1 => first,
            Self::V2Alpha => second,
        }
    }

    const fn format(self) -> Format {
        match self {
            Self::V1 => Format::OpenSloV1,
            Self::V2Alpha => Format::OpenSloV2Alpha,
        }
    }
}

/// Reads one document of `openslo/v1`.
pub(super) fn v1(root: &Node<'_>, index: &Index<'_>) -> Vec<Reading> {
    document(root, Dialect::V1, index)
}

/// Reads one document of `openslo.com/v2alpha`.
pub(super) fn v2alpha(root: &Node<'_>, index: &Index<'_>) -> Vec<Reading> {
    document(root, Dialect::V2Alpha, index)
}

/// Reads one document of `openslo/v1alpha`.
pub(super) fn v1alpha(root: &Node<'_>, index: &Index<'_>) -> Vec<Reading> {
    index
        .other(root)
        .unwrap_or_else(|| alpha::objectives(root).unwrap_or_else(|refused| vec![Err(refused)]))
}

fn document(root: &Node<'_>, dialect: Dialect, index: &Index<'_>) -> Vec<Reading> {
    index.other(root).unwrap_or_else(|| {
        objectives(root, dialect, index).unwrap_or_else(|refused| vec![Err(refused)])
    })
}

/// What an SLI gives, before an objective says what is good.
enum Measured {
    Ready(Indicator),
    Value(Query),
}

impl Measured {
    /// What is measured, for one objective.
    fn with(&self, objective: &Node<'_>) -> Result<Indicator, Invalid> {
        match self {
            Self::Ready(indicator) => Ok(indicator.clone()),
            Self::Value(query) => Ok(Indicator::Threshold {
                query: query.clone(),
                op: op(&objective.need("op")?)?,
                limit: objective.need("value")?.real()?,
            }),
        }
    }
}

fn op(node: &Node<'_>) -> Result<Op, Invalid> {
    let word = node.text()?;
    Op::ALL
        .into_iter()
        .find(|op| op.word() == word)
        .ok_or_else(|| node.invalid(format!("is `{word}`, none of lt, lte, gt, gte")))
}

fn objectives(
    root: &Node<'_>,
    dialect: Dialect,
    index: &Index<'_>,
) -> Result<Vec<Reading>, Invalid> {
    let metadata = root.need("metadata")?;
    let name = metadata.word("name")?;
    let spec = root.need("spec")?;
    spec.only(&[
        "description",
        "service",
        dialect.either("indicator", "sli"),
        dialect.either("indicatorRef", "sliRef"),
        "timeWindow",
        "budgetingMethod",
        "objectives",
        "alertPolicies",
    ])?;
    let measured = match measured(&spec, dialect, index) {
        Ok(measured) => measured,
        Err(halt) => return Ok(vec![settle(format!("SLO `{name}`"), Err(halt))]),
    };
    let (burns, skipped) = alert::policies(&spec, name, index)?;
    let frame = Frame {
        dialect,
        service: spec.note("service")?,
        description: spec.note("description")?,
        labels: metadata.labels("labels")?,
        measured,
        method: spec.need("budgetingMethod")?,
        window: window::window(&spec, dialect)?,
        burns,
    };
    let list = listed(&spec)?;
    let single = list.len() == 1;
    let readings = list.iter().enumerate().map(|(number, node)| {
        let name = if single {
            name.to_owned()
        } else {
            format!("{name}-{number}")
        };
        settle(format!("SLO `{name}`"), frame.objective(node, name))
    });
    let skipped = skipped.into_iter().map(|one| Ok(Found::Skipped(one)));
    Ok(readings.chain(skipped).collect())
}

/// The objectives of an SLO, of which there is at least one.
fn listed<'doc>(spec: &Node<'doc>) -> Result<Vec<Node<'doc>>, Invalid> {
    let node = spec.need("objectives")?;
    let list = spec.list("objectives")?;
    match list.len() {
        0 => Err(node.invalid("is empty")),
        1..=MOST => Ok(list),
        more => Err(node.invalid(format!("has {more} objectives, more than {MOST}"))),
    }
}

fn measured(spec: &Node<'_>, dialect: Dialect, index: &Index<'_>) -> Result<Measured, Halt> {
    let here = spec.get(dialect.either("indicator", "sli"));
    let named = spec.get(dialect.either("indicatorRef", "sliRef"));
    let sli = match (here, named) {
        (Some(_), Some(named)) => {
            return Err(named.invalid("is given beside the indicator itself").into());
        }
        (Some(here), None) => here.need("spec")?,
        (None, Some(named)) => index.find("SLI", &named)?.need("spec")?,
        (None, None) => spec.need(dialect.either("indicator", "sli"))?,
    };
    metric::measured(&sli, dialect, index)
}

/// What all objectives of an SLO have in common.
struct Frame<'doc> {
    dialect: Dialect,
    service: String,
    description: String,
    labels: Labels,
    measured: Measured,
    method: Node<'doc>,
    window: Window,
    burns: Vec<Burn>,
}

impl Frame<'_> {
    fn objective(&self, node: &Node<'_>, name: String) -> Result<Found, Halt> {
        node.only(&[
            "displayName",
            "labels",
            "op",
            "value",
            "target",
            "targetPercent",
            "timeSliceTarget",
            "timeSliceWindow",
            "indicator",
            "indicatorRef",
            "sli",
            "sliRef",
            "compositeWeight",
        ])?;
        let own = [
            "indicator",
            "indicatorRef",
            "sli",
            "sliRef",
            "compositeWeight",
        ];
        if let Some(key) = own.iter().find(|key| node.get(key).is_some()) {
            let why = format!(
                "an objective with `{key}` of its own is a composite, which is not known here"
            );
            return Err(Halt::Skip(why));
        }
        let mut labels = self.labels.clone();
        labels.extend(node.labels("labels")?);
        Ok(Found::Slo(Box::new(Slo {
            format: self.dialect.format(),
            name,
            service: self.service.clone(),
            description: self.description.clone(),
            labels,
            indicator: self.measured.with(node)?,
            grouping: Vec::new(),
            target: target(node)?,
            window: self.window.clone(),
            budgeting: budgeting(&self.method, node)?,
            alerting: Alerting {
                burns: self.burns.clone(),
                ..Alerting::default()
            },
        })))
    }
}

/// The target of an objective: `target` is a ratio, `targetPercent` in percent.
fn target(objective: &Node<'_>) -> Result<Target, Invalid> {
    let (node, target) = match (objective.get("target"), objective.get("targetPercent")) {
        (Some(_), Some(node)) => return Err(node.invalid("is given beside `target`")),
        (Some(node), None) => {
            let target = Target::from_ratio(&node.scalar()?);
            (node, target)
        }
        (None, Some(node)) => {
            let target = Target::from_percent(&node.scalar()?);
            (node, target)
        }
        (None, None) => (objective.need("target")?, Err(NotTarget::Nothing)),
    };
    target.map_err(|refused| node.invalid(refused.to_string()))
}

fn budgeting(method: &Node<'_>, objective: &Node<'_>) -> Result<Budgeting, Invalid> {
    match method.text()? {
        "Occurrences" => Ok(Budgeting::Occurrences),
        "Timeslices" => {
            let node = objective.need("timeSliceTarget")?;
            let share = Share::from_ratio(&node.scalar()?).filter(|share| share.billionths() > 0);
            Ok(Budgeting::Timeslices {
                target: share.ok_or_else(|| node.invalid("is no ratio above 0 and up to 1"))?,
                window: slice(objective)?,
            })
        }
        "RatioTimeslices" => Ok(Budgeting::RatioTimeslices {
            window: slice(objective)?,
        }),
        other => Err(method.invalid(format!(
            "is `{other}`, none of Occurrences, Timeslices, RatioTimeslices"
        ))),
    }
}

/// The length of a slice; a plain number is minutes.
fn slice(objective: &Node<'_>) -> Result<Span, Invalid> {
    let node = objective.need("timeSliceWindow")?;
    if !node.value().is_number() {
        return node.span();
    }
    let millis = scaled(&node.scalar()?, 3).and_then(|thousandths| thousandths.checked_mul(60));
    millis
        .map(Span::from_millis)
        .filter(|span| *span > Span::ZERO)
        .ok_or_else(|| node.invalid("is not a number of minutes"))
}

#[cfg(test)]
mod tests;
