//! Files that name further metrics.

use serde::Deserialize;

use super::{Counts, Wanted};
use crate::canary::metric::{Metric, Role, Weight};
use crate::canary::panel::ONLY;
use crate::canary::{self, Against, Margin, Spread, Unit};
use crate::failure::{Explain, Kind};
use crate::name::Name;
use crate::percent::Percent;
use crate::telemetry::error::Error;
use crate::telemetry::matcher::Matcher;
use crate::telemetry::question::Question;
use crate::yaml;

/// The most metrics of a file.
const MOST: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    metrics: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: Name,
    total: Option<String>,
    bad: Option<String>,
    good: Option<String>,
    exposure: Option<String>,
    events: Option<String>,
    histogram: Option<String>,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    weight: Weight,
    slo: Option<Percent>,
    margin: Option<Margin>,
    spread: Option<Spread>,
}

/// Parses a file of metrics.
///
/// # Errors
///
/// Fails on anything but such a file, on selectors that cannot tell the slots
/// apart, on two metrics of one name, and on too many.
pub fn parse(text: &str) -> Result<Vec<Wanted>, BadMetrics> {
    let file: File = yaml::parse(text)?;
    if file.metrics.len() > MOST {
        return Err(BadMetrics::TooMany(file.metrics.len()));
    }
    let mut all: Vec<Wanted> = Vec::new();
    for written in file.metrics {
        let wanted = wanted(written)?;
        let name = &wanted.metric.name;
        if name.as_str() == ONLY || all.iter().any(|one| one.metric.name == *name) {
            return Err(BadMetrics::Twice(name.clone()));
        }
        all.push(wanted);
    }
    Ok(all)
}

fn wanted(written: Written) -> Result<Wanted, BadMetrics> {
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
    let counts = match (
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
        _ => return Err(BadMetrics::Counts(name)),
    };
    let unit = match &counts {
        Counts::Rate(_) => Unit::Rate,
        Counts::Bad(_) | Counts::Good(_) | Counts::Histogram { .. } => Unit::Share,
    };
    let against = written.slo.map(Against::slo).transpose()?;
    Ok(Wanted {
        metric: Metric {
            role: written.role,
            weight: written.weight,
            unit,
            against,
            margin: written.margin,
            spread: written.spread,
            ..Metric::new(written.name)
        },
        counts,
    })
}

/// A file holds no metrics that could be judged.
#[derive(Debug, thiserror::Error)]
pub enum BadMetrics {
    /// Not such a file.
    #[error("it is no list of metrics")]
    Form(#[from] yaml::ParseError),
    /// More than are asked in one look.
    #[error("{0} metrics are more than the {MOST} of one file")]
    TooMany(usize),
    /// Two of one name, or that of the first count.
    #[error("there are two metrics `{0}`")]
    Twice(Name),
    /// None of the ways to count.
    #[error(
        "metric `{0}` needs `total` with `bad` or `good`, `exposure` with `events`, or `histogram` alone"
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
}
