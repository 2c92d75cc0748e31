//! Lists of further metrics, in files of their own and in `liftlock.yaml`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::objective::{Reading, objectives};
use super::{Counts, Wanted};
use crate::canary::metric::{Metric, Role, Weight};
use crate::canary::panel::ONLY;
use crate::canary::place::MOST_LABELS;
use crate::canary::{self, Against, Margin, Most, Spread, Unit};
use crate::failure::{Explain, Kind};
use crate::name::Name;
use crate::percent::Percent;
use crate::slo;
use crate::telemetry::error::Error;
use crate::telemetry::matcher::Matcher;
use crate::telemetry::question::Question;
use crate::yaml;

/// The most metrics of a list.
const MOST: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    metrics: Vec<Further>,
}

/// A metric beside the first count, as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Further {
    /// What people call it.
    pub name: Name,
    /// Selector of all events; `{slot}` is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// Selector of bad events; `{slot}` is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<String>,
    /// Selector of good events, in place of the bad ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<String>,
    /// Selector of an exposure, such as requests or seconds; `{slot}` is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<String>,
    /// Selector of events during the exposure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// Selector of a histogram's buckets, alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<String>,
    /// Selector of gauges of values, alone, whose means are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gauge: Option<String>,
    /// The most that a value of the gauge may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Most>,
    /// What it may decide; default `decisive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// How much of the risk it gets beside the others; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// The promised share of good events, in place of the baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<Percent>,
    /// The odds ratio up to which it counts as no worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
    /// How much healthy versions differ beside that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Labels by whose values it is counted once more, to tell where a fault
    /// is; for counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
}

/// Parses a file of metrics, or one of objectives in any format that is known.
///
/// # Errors
///
/// Fails on anything but such a file, on selectors that cannot tell the slots
/// apart, on two metrics of one name, on too many, and on objectives that
/// cannot be judged.
pub fn parse(text: &str, reading: Reading<'_>) -> Result<Vec<Wanted>, BadMetrics> {
    if is_foreign(text) {
        return named(objectives(text.as_bytes(), reading)?);
    }
    let file: File = yaml::parse(text)?;
    wanted(&file.metrics)
}

/// Whether a document says of what format it is, as objectives do.
fn is_foreign(text: &str) -> bool {
    let documents = yaml::documents(text).unwrap_or_default();
    let says = |key: &str| documents.iter().any(|one| one.get(key).is_some());
    says("apiVersion") || says("version")
}

/// What a list of metrics asks for.
///
/// # Errors
///
/// As [`parse`].
pub fn wanted(list: &[Further]) -> Result<Vec<Wanted>, BadMetrics> {
    named(list.iter().map(one).collect::<Result<_, _>>()?)
}

/// Metrics that can be told apart.
fn named(list: Vec<Wanted>) -> Result<Vec<Wanted>, BadMetrics> {
    if list.len() > MOST {
        return Err(BadMetrics::TooMany(list.len()));
    }
    let mut known = BTreeSet::from([ONLY]);
    let mut names = list.iter().map(|one| &one.metric.name);
    match names.find(|name| !known.insert(name.as_str())) {
        Some(twice) => Err(BadMetrics::Twice(twice.clone())),
        None => Ok(list),
    }
}

/// What is counted, and by which selectors.
fn counts(written: &Further) -> Result<Counts, BadMetrics> {
    let name = written.name.clone();
    let matcher = |field, text: &str| {
        let selector = |source| BadMetrics::Selector {
            name: name.clone(),
            source,
        };
        let matcher = Matcher::new(field, text).map_err(selector)?;
        match matcher.has_slot() {
            true => Ok(matcher),
            false => Err(BadMetrics::NoSlot(name.clone(), field)),
        }
    };
    let question = |(all, total): (_, &str), (some, part): (_, &str)| {
        Ok::<_, BadMetrics>(Question::new(matcher(all, total)?, matcher(some, part)?))
    };
    Ok(
        match (
            (&written.total, &written.bad, &written.good),
            (&written.exposure, &written.events),
            &written.histogram,
        ) {
            ((Some(total), Some(bad), None), (None, None), None) => {
                Counts::Bad(question(("total", total), ("bad", bad))?)
            }
            ((Some(total), None, Some(good)), (None, None), None) => {
                Counts::Good(question(("total", total), ("good", good))?)
            }
            ((None, None, None), (Some(exposure), Some(events)), None) => {
                Counts::Rate(question(("exposure", exposure), ("events", events))?)
            }
            ((None, None, None), (None, None), Some(buckets)) => Counts::Histogram {
                buckets: matcher("histogram", buckets)?,
            },
            ((None, None, None), (None, None), None) => match (&written.gauge, written.most) {
                (Some(values), Some(most)) => Counts::Mean {
                    values: matcher("gauge", values)?,
                    most,
                },
                _ => return Err(BadMetrics::Counts(name)),
            },
            _ => return Err(BadMetrics::Counts(name)),
        },
    )
}

fn one(written: &Further) -> Result<Wanted, BadMetrics> {
    let counts = counts(written)?;
    let (unit, most) = match &counts {
        Counts::Rate(_) => (Unit::Rate, None),
        Counts::Mean { most, .. } => (Unit::Mean, Some(*most)),
        Counts::Bad(_) | Counts::Good(_) | Counts::Histogram { .. } => (Unit::Share, None),
    };
    if written.most != most || (written.gauge.is_some() && most.is_none()) {
        return Err(BadMetrics::Counts(written.name.clone()));
    }
    if written.slo.is_some() && written.histogram.is_some() {
        return Err(canary::Invalid::Edges(written.name.clone()).into());
    }
    check_labels(&written.by)?;
    if !written.by.is_empty() && (written.histogram.is_some() || written.gauge.is_some()) {
        return Err(BadMetrics::Split(written.name.clone()));
    }
    let against = written.slo.map(Against::slo).transpose()?;
    Ok(Wanted {
        metric: Metric {
            role: written.role.unwrap_or_default(),
            weight: written.weight.unwrap_or_default(),
            unit,
            most,
            against,
            margin: written.margin,
            spread: written.spread,
            ..Metric::new(written.name.clone())
        },
        counts,
        by: written.by.clone(),
    })
}

/// Checks labels by which something is told apart.
///
/// # Errors
///
/// Fails on what is no label, on one that is given twice, and on too many.
pub fn check_labels(labels: &[String]) -> Result<(), BadMetrics> {
    let mut known = BTreeSet::from(["le", "__name__"]);
    let plain = |label: &str| {
        let mut letters = label.bytes();
        let first = letters
            .next()
            .is_some_and(|one| one.is_ascii_alphabetic() || one == b'_');
        first && label.len() <= 128 && letters.all(|one| one.is_ascii_alphanumeric() || one == b'_')
    };
    match labels
        .iter()
        .find(|label| !plain(label) || !known.insert(label))
    {
        Some(label) => Err(BadMetrics::Label(label.chars().take(128).collect())),
        None if labels.len() > MOST_LABELS => Err(BadMetrics::Labels(labels.len())),
        None => Ok(()),
    }
}

/// A file holds no metrics that could be judged.
#[derive(Debug, thiserror::Error)]
pub enum BadMetrics {
    /// Not such a file.
    #[error("it is no list of metrics")]
    Form(#[from] yaml::ParseError),
    /// No objectives in a format that is known.
    #[error("it is no file of objectives")]
    Foreign(#[from] slo::Error),
    /// Objectives that nobody would judge.
    #[error("not all of it can be judged: {0}")]
    Objectives(String),
    /// No label by which anything could be told apart.
    #[error("`{0}` is no label to tell values apart by, or is given twice")]
    Label(String),
    /// Too many of them.
    #[error("{0} labels are more than the {MOST_LABELS} of one metric")]
    Labels(usize),
    /// Where its edges are slower is not told.
    #[error("metric `{0}`: `by` is for counts, not for a histogram")]
    Split(Name),
    /// More than are asked in one look.
    #[error("{0} metrics are more than the {MOST} of one list")]
    TooMany(usize),
    /// Two of one name, or that of the first count.
    #[error("there are two metrics `{0}`")]
    Twice(Name),
    /// None of the ways to count.
    #[error(
        "metric `{0}` needs `total` with `bad` or `good`, `exposure` with `events`, `histogram` alone, or `gauge` with `most`"
    )]
    Counts(Name),
    /// A selector is none.
    #[error("metric `{name}`")]
    Selector {
        /// Which metric.
        name: Name,
        /// Why.
        source: Error,
    },
    /// Both slots would be the same.
    #[error(
        "metric `{0}`: `{1}` does not hold `{{slot}}`, so canary and baseline would be the same"
    )]
    NoSlot(Name, &'static str),
    /// Limits by which nothing can be judged.
    #[error(transparent)]
    Limit(#[from] canary::Invalid),
}

impl Explain for BadMetrics {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Foreign(cause) => cause.hint(),
            Self::Objectives(_) => Some("leave those out of the file, or mend them".to_owned()),
            Self::Form(_)
            | Self::Label(_)
            | Self::Labels(_)
            | Self::Split(_)
            | Self::TooMany(_)
            | Self::Twice(_)
            | Self::Counts(_)
            | Self::Selector { .. }
            | Self::NoSlot(..)
            | Self::Limit(_) => None,
        }
    }
}
