//! Further metrics of a server of raw counters: one question for each, about
//! both slots.

use serde::Deserialize;

use super::error::Error;
use super::gather::{Gathered, Invalid, gather};
use super::matcher::Matcher;
use super::series::{Answer, Series};
use super::shape::{Arms, Counter};
use super::window::Window;
use crate::canary::counts::{Arm, Pair, Tally};
use crate::canary::metric::{Edge, Metric, Role, Weight};
use crate::canary::panel::ONLY;
use crate::canary::sight::Blind;
use crate::canary::{self, Against, Margin, Reason, Spread};
use crate::failure::{Explain, Kind};
use crate::name::Name;
use crate::percent::Percent;
use crate::span::Span;
use crate::time::Time;
use crate::yaml;

/// The most metrics of a file.
const MOST: usize = 500;

/// The label that holds a bucket's upper bound, and that of the last bucket.
const BOUND: &str = "le";
const ALL: &str = "+Inf";

/// One further metric, and what is asked for it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How it is judged. The edges of a histogram are known from its answers.
    pub metric: Metric,
    counts: Counts,
}

#[derive(Clone, Debug)]
enum Counts {
    /// Counters of all events and of the bad ones.
    Bad { total: Matcher, bad: Matcher },
    /// Counters of all events and of the good ones.
    Good { total: Matcher, good: Matcher },
    /// The buckets of a classic histogram.
    Histogram { buckets: Matcher },
}

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
    let counts = match (
        &written.total,
        &written.bad,
        &written.good,
        &written.histogram,
    ) {
        (Some(total), Some(bad), None, None) => Counts::Bad {
            total: matcher("total", total)?,
            bad: matcher("bad", bad)?,
        },
        (Some(total), None, Some(good), None) => Counts::Good {
            total: matcher("total", total)?,
            good: matcher("good", good)?,
        },
        (None, None, None, Some(buckets)) => Counts::Histogram {
            buckets: matcher("histogram", buckets)?,
        },
        _ => return Err(BadMetrics::Counts(name)),
    };
    let against = written.slo.map(Against::slo).transpose()?;
    Ok(Wanted {
        metric: Metric {
            role: written.role,
            weight: written.weight,
            against,
            margin: written.margin,
            spread: written.spread,
            ..Metric::new(written.name)
        },
        counts,
    })
}

/// Which slots a metric is compared between.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    /// The version that is known, where there is one.
    pub baseline: Option<&'a str>,
    /// The version that is judged.
    pub canary: &'a str,
}

impl Slots<'_> {
    fn all(&self) -> Vec<&str> {
        self.baseline.into_iter().chain([self.canary]).collect()
    }
}

/// What was seen of one metric.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// The pairs of its counts in each row, oldest first.
    pub rows: Vec<(Time, Vec<Pair>)>,
    /// What hides it.
    pub faults: Vec<Blind>,
}

impl Wanted {
    /// Whether its edges have to be seen first.
    #[must_use]
    pub const fn is_histogram(&self) -> bool {
        matches!(self.counts, Counts::Histogram { .. })
    }

    /// The questions: one where the bad events are among all events by their
    /// labels, as they are as a rule, else two.
    #[must_use]
    pub fn queries(&self, slots: Slots<'_>, span: Span) -> Vec<String> {
        let all = slots.all();
        let query = |matcher: &Matcher| format!("{}[{}ms]", matcher.query(&all), span.millis());
        match &self.counts {
            Counts::Histogram { buckets } => vec![query(buckets)],
            Counts::Bad { total, bad: part } | Counts::Good { total, good: part } => {
                match part.narrows(total) {
                    true => vec![query(total)],
                    false => vec![query(total), query(part)],
                }
            }
        }
    }

    /// The metric as an answer shows it: a histogram with the edges that the
    /// known version has, else the judged one.
    ///
    /// # Errors
    ///
    /// Fails on a bound that is no number.
    pub fn seen(&self, slots: Slots<'_>, answers: &[Answer]) -> Result<Metric, Error> {
        let Counts::Histogram { buckets } = &self.counts else {
            return Ok(self.metric.clone());
        };
        let known = buckets.about(slots.baseline.unwrap_or(slots.canary))?;
        let series = answers.iter().flat_map(|answer| &answer.series);
        let bounds = series.filter(|one| known.fits(&one.labels));
        let mut edges = Vec::new();
        for bound in bounds.filter_map(|one| one.labels.get(BOUND)) {
            if bound != ALL {
                let edge = bound.parse::<Edge>().map_err(|error| Error::Query {
                    field: "histogram",
                    reason: format!("selects buckets of another kind: {error}"),
                })?;
                edges.push(edge);
            }
        }
        edges.sort();
        edges.dedup();
        Ok(Metric {
            edges,
            ..self.metric.clone()
        })
    }

    /// Counts the answers, of a metric as it was seen first.
    ///
    /// # Errors
    ///
    /// Fails where the selectors select no counters, and for rows that are
    /// too many or too short.
    pub fn gather(
        &self,
        metric: &Metric,
        (window, slots): (Window, Slots<'_>),
        answers: &[Answer],
    ) -> Result<Column, Missing> {
        let arms = |part: &dyn Fn(&str) -> Result<Arms, Error>| -> Result<Gathered, Missing> {
            let baseline = slots.baseline.map(part).transpose()?;
            Ok(gather(window, baseline.as_ref(), &part(slots.canary)?)?)
        };
        let counts = match &self.counts {
            Counts::Bad { total, bad: part } | Counts::Good { total, good: part } => {
                vec![arms(&|slot| pick(answers, slot, (total, part)))?]
            }
            Counts::Histogram { buckets } => {
                let mut all = Vec::new();
                for edge in &metric.edges {
                    all.push(arms(&|slot| bucket(answers, slot, (buckets, edge)))?);
                }
                all
            }
        };
        Ok(self.column(&counts))
    }

    fn column(&self, counts: &[Gathered]) -> Column {
        let Some(first) = counts.first() else {
            let detail = format!("no bucket of the histogram `{}`", self.metric.name);
            return Column {
                rows: Vec::new(),
                faults: vec![Blind::new(Reason::BaselineMissing, detail)],
            };
        };
        let inverted = match &self.counts {
            Counts::Bad { .. } => false,
            Counts::Good { .. } | Counts::Histogram { .. } => true,
        };
        let bad = |arm: Arm| Arm {
            bad: if inverted {
                arm.total.saturating_sub(arm.bad)
            } else {
                arm.bad
            },
            ..arm
        };
        let rows = first.rows.iter().enumerate().map(|(place, row)| {
            let pairs = counts.iter().filter_map(|count| count.rows.get(place));
            let pairs = pairs.map(|row| Pair {
                baseline: bad(row.baseline),
                canary: bad(row.canary),
            });
            (row.time, pairs.collect())
        });
        let faults = counts.iter().flat_map(|count| &count.faults);
        let named = |fault: &Blind| {
            let detail = format!("metric `{}`: {}", self.metric.name, fault.detail);
            Blind::new(fault.reason, detail)
        };
        let mut faults: Vec<Blind> = faults.map(named).collect();
        faults.dedup();
        Column {
            rows: rows.collect(),
            faults,
        }
    }
}

/// The counters of all events and of some of them, of one slot.
fn pick(
    answers: &[Answer],
    slot: &str,
    (total, part): (&Matcher, &Matcher),
) -> Result<Arms, Error> {
    let (total, part) = (total.about(slot)?, part.about(slot)?);
    Ok(Arms {
        total: chosen(answers, |one| total.fits(&one.labels)),
        bad: chosen(answers, |one| part.fits(&one.labels)),
    })
}

/// The counters of all events and of those up to an edge, of one slot.
fn bucket(
    answers: &[Answer],
    slot: &str,
    (buckets, edge): (&Matcher, &Edge),
) -> Result<Arms, Error> {
    let buckets = buckets.about(slot)?;
    let bound = |one: &Series| one.labels.get(BOUND).cloned().unwrap_or_default();
    let within = |one: &Series| bound(one).parse::<Edge>().is_ok_and(|found| found == *edge);
    Ok(Arms {
        total: chosen(answers, |one| {
            buckets.fits(&one.labels) && bound(one) == ALL
        }),
        bad: chosen(answers, |one| buckets.fits(&one.labels) && within(one)),
    })
}

fn chosen(answers: &[Answer], fits: impl Fn(&Series) -> bool) -> Counter {
    let series = answers.iter().flat_map(|answer| &answer.series);
    let warnings = answers.iter().flat_map(|answer| &answer.warnings);
    Counter::Raw(Answer {
        series: series.filter(|one| fits(one)).cloned().collect(),
        warnings: warnings.cloned().collect(),
    })
}

/// The rows of a first count with those of further metrics beside it. They end
/// where one of the decisive metrics does; what else is missing counts nothing.
#[must_use]
pub fn beside(first: &Gathered, metrics: &[(Metric, Column)]) -> Vec<Tally> {
    let decisive = metrics
        .iter()
        .filter(|(metric, _)| metric.role == Role::Decisive);
    let ends = decisive.map(|(_, column)| column.rows.last().map(|(time, _)| *time));
    let end = ends.min();
    let rows = first.rows.iter();
    let rows = rows.take_while(|row| end.is_none_or(|end| Some(row.time) <= end));
    rows.map(|row| {
        let further = metrics.iter().flat_map(|(metric, column)| {
            let place = column
                .rows
                .binary_search_by_key(&row.time, |(time, _)| *time);
            let found = place.ok().and_then(|place| column.rows.get(place));
            let pairs = found.map(|(_, pairs)| pairs.clone()).unwrap_or_default();
            let wanted = metric.edges.len().max(1);
            let none = std::iter::repeat(Pair::default());
            pairs.into_iter().chain(none).take(wanted)
        });
        let mut tally = Tally::from(row);
        tally.counts.extend(further);
        tally
    })
    .collect()
}

/// A metric cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// The selectors are none.
    #[error(transparent)]
    Selector(#[from] Error),
    /// The answers hold no counts.
    #[error(transparent)]
    Counts(#[from] Invalid),
}

impl Explain for Missing {
    fn kind(&self) -> Kind {
        match self {
            Self::Selector(cause) => cause.kind(),
            Self::Counts(cause) => cause.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Selector(cause) => cause.hint(),
            Self::Counts(cause) => cause.hint(),
        }
    }
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
    /// None of the three ways to count.
    #[error("metric `{0}` needs `total` with `bad` or `good`, or `histogram` alone")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::counts::Row;
    use crate::telemetry::Sample;

    const SLOTS: Slots<'_> = Slots {
        baseline: Some("v1"),
        canary: "v.2",
    };

    fn one(text: &str) -> Wanted {
        parse(&format!("metrics: [{text}]")).unwrap().remove(0)
    }

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap()
    }

    /// A counter that rises by so much every 20 seconds.
    fn series(labels: &[(&str, &str)], rise: u32) -> Series {
        let labels = labels.iter();
        let sample = |step: i64| Sample {
            time: at(20 * step - 5),
            value: f64::from(rise) * f64::from(u32::try_from(step).unwrap()),
        };
        Series {
            labels: labels
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
            samples: (0..4).map(sample).collect(),
        }
    }

    fn window() -> Window {
        Window {
            from: at(0),
            to: at(60),
            interval: Span::seconds(20),
        }
    }

    #[test]
    fn one_question_is_enough_where_bad_events_are_among_all() {
        let queries = |text: &str| one(text).queries(SLOTS, Span::seconds(1));
        assert_eq!(
            queries(r#"{name: a, total: 'm{v="{slot}"}', bad: 'm{code=~"5..",v="{slot}"}'}"#),
            [r#"m{v=~"(?:v1|v\\.2)"}[1000ms]"#]
        );
        assert_eq!(
            queries(r#"{name: a, total: 'm{v="{slot}"}', good: 'n{v="{slot}"}'}"#),
            [
                r#"m{v=~"(?:v1|v\\.2)"}[1000ms]"#,
                r#"n{v=~"(?:v1|v\\.2)"}[1000ms]"#
            ]
        );
        let narrower = r#"{name: a, total: 'm{code="2",v="{slot}"}', bad: 'm{v="{slot}"}'}"#;
        assert_eq!(queries(narrower).len(), 2);
        let hostile = Slots {
            baseline: None,
            canary: "a\"},\n|x",
        };
        let quoted = one(r#"{name: a, histogram: 'm{v=~"x-{slot}"}'}"#);
        assert_eq!(
            quoted.queries(hostile, Span::seconds(1)),
            [r#"m{v=~"x-(?:a\"\\},\n\\|x)"}[1000ms]"#]
        );
    }

    #[test]
    fn good_events_and_buckets_are_taken_from_all() {
        let metric = one(r#"{name: a, total: 'm{v="{slot}"}', good: 'm{v="{slot}",ok="1"}'}"#);
        let mut answer = Answer::default();
        for (slot, good, bad) in [("v1", 90, 10), ("v.2", 60, 40)] {
            for (ok, rise) in [("1", good), ("0", bad)] {
                let labels = [("__name__", "m"), ("v", slot), ("ok", ok)];
                answer.series.push(series(&labels, rise));
            }
        }
        let found = metric
            .gather(&metric.metric, (window(), SLOTS), &[answer])
            .unwrap();
        let expected = Pair::from([100, 10, 100, 40]);
        let pairs: Vec<&Vec<Pair>> = found.rows.iter().map(|(_, pairs)| pairs).collect();
        assert_eq!(pairs, [&vec![expected]; 3]);
        assert_eq!(found.faults, []);

        let histogram = one(r#"{name: a, histogram: 'm{v="{slot}"}'}"#);
        let mut answer = Answer::default();
        for (slot, rises) in [("v1", [50, 90, 100]), ("v.2", [20, 60, 100])] {
            for (bound, rise) in ["0.1", "5e-1", "+Inf"].into_iter().zip(rises) {
                let labels = [("__name__", "m"), ("v", slot), ("le", bound)];
                answer.series.push(series(&labels, rise));
            }
        }
        let answers = [answer];
        let seen = histogram.seen(SLOTS, &answers).unwrap();
        let edges: Vec<f64> = seen.edges.iter().map(Edge::bound).collect();
        assert_eq!(edges, [0.1, 0.5]);
        let found = histogram
            .gather(&seen, (window(), SLOTS), &answers)
            .unwrap();
        let expected = [[100, 50, 100, 80], [100, 10, 100, 40]].map(Pair::from);
        assert_eq!(found.rows[0].1, expected);
    }

    #[test]
    fn rows_end_where_a_decisive_metric_does() {
        let row = |seconds| Row {
            time: at(seconds),
            ..Pair::from([1, 0, 1, 0]).row(Time::EPOCH)
        };
        let first = Gathered {
            rows: [20, 40, 60].map(row).into(),
            ..Gathered::default()
        };
        let column = |ends: &[i64]| Column {
            rows: ends
                .iter()
                .map(|end| (at(*end), vec![Pair::from([2, 1, 2, 1])]))
                .collect(),
            faults: Vec::new(),
        };
        let metric = |role| Metric {
            role,
            ..Metric::new("a".parse().unwrap())
        };
        let rows = |role, ends: &[i64]| beside(&first, &[(metric(role), column(ends))]);
        assert_eq!(rows(Role::Decisive, &[20, 40]).len(), 2);
        assert_eq!(rows(Role::Decisive, &[]).len(), 0);
        let shown = rows(Role::Shown, &[40]);
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[0].counts[1], Pair::default());
        assert_eq!(shown[1].counts[1], Pair::from([2, 1, 2, 1]));
    }
}
