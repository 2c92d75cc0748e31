//! Further metrics of a server of raw counters: one question for each, about
//! both slots.

mod beside;
mod file;
mod means;
mod native;
mod objective;
mod places;

use std::collections::{BTreeMap, BTreeSet};

use super::counter::Restarts;
use super::error::Error;
use super::gather::{Gathered, Rules, count};
use super::invalid::Invalid;
use super::matcher::Matcher;
use super::question::{Question, Slots};
use super::series::{Answer, Series};
use super::shape::{Arms, Counter};
use super::window::Window;
use crate::canary::Most;
use crate::canary::Reason;
use crate::canary::counts::{Arm, Pair, Row};
use crate::canary::metric::{Edge, Metric};
use crate::canary::sight::Blind;
use crate::failure::{Explain, Kind};
use crate::span::Span;
use crate::time::Time;

pub use beside::beside;
pub use file::{BadMetrics, Further, check_labels, parse, wanted};
pub use objective::Reading;
pub use places::{located, values};

/// The label that holds a bucket's upper bound, and that of the last bucket.
const BOUND: &str = "le";
const ALL: &str = "+Inf";

/// One further metric, and what is asked for it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How it is judged. The edges of a histogram are known from its answers.
    pub metric: Metric,
    counts: Counts,
    /// The labels by which it is told apart.
    by: Vec<String>,
}

#[derive(Clone, Debug)]
enum Counts {
    /// Counters of all events and of the bad ones.
    Bad(Question),
    /// Counters of all events and of the good ones.
    Good(Question),
    /// Counters of an exposure and of events during it.
    Rate(Question),
    /// A native histogram, or the buckets of a classic one.
    Histogram { buckets: Matcher },
    /// Gauges of values, and the most that one may be.
    Mean { values: Matcher, most: Most },
}

impl Counts {
    /// All events and the bad ones, of what was counted.
    const fn bad(&self, arm: Arm) -> Arm {
        match self {
            Self::Bad(_) | Self::Rate(_) | Self::Mean { .. } => arm,
            Self::Good(_) | Self::Histogram { .. } => Arm {
                bad: arm.total.saturating_sub(arm.bad),
                ..arm
            },
        }
    }
}

/// What was seen of one metric.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// The pairs of its counts in each row, oldest first.
    pub rows: Vec<(Time, Vec<Pair>)>,
    /// The rows of each value of its labels.
    pub places: Vec<Vec<Row>>,
    /// What hides it.
    pub faults: Vec<Blind>,
    /// What a person should know though it decides nothing.
    pub notes: Vec<String>,
}

impl Wanted {
    /// Whether its edges have to be seen first.
    #[must_use]
    pub const fn is_histogram(&self) -> bool {
        matches!(self.counts, Counts::Histogram { .. })
    }

    /// Whether an answer has to be seen before it can be judged: edges, or the
    /// values of labels.
    #[must_use]
    pub const fn is_looked_at(&self) -> bool {
        self.is_histogram() || !self.by.is_empty()
    }

    /// The queries: one where the bad events are among all events by their
    /// labels, as they are as a rule, else two.
    #[must_use]
    pub fn queries(&self, slots: Slots<'_>, span: Span) -> Vec<String> {
        match &self.counts {
            Counts::Histogram { buckets: all } | Counts::Mean { values: all, .. } => {
                let query = all.query(&slots.all());
                vec![format!("{query}[{}ms]", span.millis())]
            }
            Counts::Bad(question) | Counts::Good(question) | Counts::Rate(question) => {
                question.queries(slots, span)
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
            return Ok(Metric {
                by: self.splits(slots, answers)?,
                ..self.metric.clone()
            });
        };
        let known = buckets.about(slots.baseline.unwrap_or(slots.canary))?;
        if native::are_native(answers)? {
            let edges = native::edges(&known, answers);
            return self.with(edges);
        }
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
        self.with(edges)
    }

    fn with(&self, edges: Vec<Edge>) -> Result<Metric, Error> {
        if !edges.is_empty() && edges.iter().filter(|edge| edge.bound() > 0.0).count() < 2 {
            return Err(Error::Query {
                field: "histogram",
                reason: "has one edge above 0, and what a spread does there needs two".to_owned(),
            });
        }
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
        let restarts = self.restarts(answers);
        let rules = Rules {
            window,
            unit: metric.unit,
            restarts: &restarts,
        };
        let mut silent = true;
        let mut arms = |part: &dyn Fn(&str) -> Result<Arms, Error>| -> Result<Gathered, Missing> {
            let baseline = slots.baseline.map(part).transpose()?;
            let canary = part(slots.canary)?;
            // Of the known version: all of it bad, nothing would be worse.
            let known = baseline.as_ref().unwrap_or(&canary);
            silent = silent && known.bad.is_empty();
            Ok(count(rules, baseline.as_ref(), &canary)?)
        };
        let counts = match &self.counts {
            Counts::Mean { values, most } => {
                return self.means((values, *most), (window, slots), answers);
            }
            Counts::Bad(_) | Counts::Good(_) | Counts::Rate(_) => {
                vec![arms(&|slot| self.arms(answers, slot))?]
            }
            Counts::Histogram { .. } if native::are_native(answers)? => {
                return self.natives(metric, (window, slots), answers);
            }
            Counts::Histogram { buckets } => {
                for slot in slots.all() {
                    if let Some(hole) = hole(answers, &buckets.about(slot)?, &metric.edges) {
                        return Ok(self.hidden(Reason::Partial, &hole));
                    }
                }
                let mut all = Vec::new();
                for edge in &metric.edges {
                    all.push(arms(&|slot| bucket(answers, slot, (buckets, edge)))?);
                }
                all
            }
        };
        // Without any good event the selector is wrong, or nothing works.
        let good = matches!(self.counts, Counts::Good(_));
        let seen = counts.iter().all(|count| count.faults.is_empty());
        if good && seen && silent {
            return Ok(self.hidden(Reason::Partial, "the selector `good` finds no series"));
        }
        Ok(Column {
            places: self.places(metric, (window, slots), answers)?,
            ..self.column(&counts)
        })
    }

    /// When what restarts as a whole did so.
    fn restarts(&self, answers: &[Answer]) -> Restarts {
        match &self.counts {
            Counts::Bad(_) | Counts::Good(_) | Counts::Rate(_) | Counts::Mean { .. } => {
                Restarts::default()
            }
            Counts::Histogram { .. } => Restarts::of(answers),
        }
    }

    fn hidden(&self, reason: Reason, why: &str) -> Column {
        let detail = format!("metric `{}`: {why}", self.metric.name);
        Column {
            faults: vec![Blind::new(reason, detail)],
            ..Column::default()
        }
    }

    fn column(&self, counts: &[Gathered]) -> Column {
        let Some(first) = counts.first() else {
            return self.hidden(Reason::BaselineMissing, "no bucket of the histogram");
        };
        // Where one edge has no count, the row is not told.
        let told = counts.iter().map(|count| count.rows.len()).min();
        let rows = first.rows.iter().take(told.unwrap_or(0)).enumerate();
        let rows = rows.map(|(place, row)| {
            let pairs = counts.iter().filter_map(|count| count.rows.get(place));
            let pairs = pairs.map(|row| Pair {
                baseline: self.counts.bad(row.baseline),
                canary: self.counts.bad(row.canary),
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
        let note = |note: &String| format!("metric `{}`: {note}", self.metric.name);
        let notes = match &self.counts {
            Counts::Bad(_) | Counts::Rate(_) | Counts::Mean { .. } => {
                first.notes.iter().map(note).collect()
            }
            Counts::Good(_) | Counts::Histogram { .. } => Vec::new(),
        };
        Column {
            rows: rows.collect(),
            places: Vec::new(),
            faults,
            notes,
        }
    }
}

/// What of a slot's histogram is missing: each of its targets has to have
/// every edge and the bucket of all requests.
fn hole(answers: &[Answer], slot: &super::matcher::Wanted, edges: &[Edge]) -> Option<String> {
    let mut found: BTreeMap<Vec<(&str, &str)>, BTreeSet<Option<Edge>>> = BTreeMap::new();
    let series = answers.iter().flat_map(|answer| &answer.series);
    for one in series.filter(|one| slot.fits(&one.labels)) {
        let labels = one.labels.iter().filter(|(label, _)| *label != BOUND);
        let target = labels.map(|(key, value)| (key.as_str(), value.as_str()));
        let bound = one.labels.get(BOUND).map_or("", String::as_str);
        let edge = match bound {
            ALL => None,
            bound => match bound.parse() {
                Ok(edge) => Some(edge),
                Err(_) => continue,
            },
        };
        found.entry(target.collect()).or_default().insert(edge);
    }
    let wanted = || edges.iter().cloned().map(Some).chain([None]);
    found.iter().find_map(|(target, known)| {
        let missing = wanted().find(|edge| !known.contains(edge))?;
        let bound = missing.map_or_else(|| ALL.to_owned(), |edge| edge.to_string());
        let labels: Vec<String> = target
            .iter()
            .map(|(key, value)| format!("{key}=\"{value}\""))
            .collect();
        Some(format!(
            "no bucket le=\"{bound}\" of {{{}}}",
            labels.join(",")
        ))
    })
}

/// The counters of all events and of those up to an edge, of one slot.
fn bucket(
    answers: &[Answer],
    slot: &str,
    (buckets, edge): (&Matcher, &Edge),
) -> Result<Arms, Error> {
    let buckets = buckets.about(slot)?;
    let answers: Vec<&Answer> = answers.iter().collect();
    let bound = |one: &Series| one.labels.get(BOUND).cloned().unwrap_or_default();
    let within = |one: &Series| bound(one).parse::<Edge>().is_ok_and(|found| found == *edge);
    Ok(Arms {
        total: chosen(&answers, |one| {
            buckets.fits(&one.labels) && bound(one) == ALL
        }),
        bad: chosen(&answers, |one| buckets.fits(&one.labels) && within(one)),
    })
}

fn chosen(answers: &[&Answer], fits: impl Fn(&Series) -> bool) -> Counter {
    let mut found = Answer::default();
    for answer in answers {
        let series = answer.series.iter().filter(|one| fits(one));
        found.series.extend(series.cloned());
        found.warnings.extend(answer.warnings.iter().cloned());
    }
    Counter::Raw(found)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::Unit;
    use crate::canary::metric::Role;
    use crate::telemetry::Sample;

    const SLOTS: Slots<'_> = Slots {
        baseline: Some("v1"),
        canary: "v.2",
    };

    pub(super) const PLAIN: Reading<'_> = Reading {
        slot_label: None,
        against: crate::canary::Against::Baseline,
    };

    fn one(text: &str) -> Wanted {
        parse(&format!("metrics: [{text}]"), PLAIN)
            .unwrap()
            .remove(0)
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
            ..Column::default()
        };
        let metric = |role| Metric {
            role,
            ..Metric::new("a".parse().unwrap())
        };
        let rows = |role, ends: &[i64]| beside(&mut first.clone(), &[(metric(role), column(ends))]);
        assert_eq!(rows(Role::Decisive, &[20, 40]).len(), 2);
        assert_eq!(rows(Role::Decisive, &[]).len(), 0);
        let shown = rows(Role::Shown, &[40]);
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[0].counts[1], Pair::default());
        assert_eq!(shown[1].counts[1], Pair::from([2, 1, 2, 1]));
    }

    #[test]
    fn a_target_without_a_bucket_hides_the_histogram() {
        let histogram = one(r#"{name: a, histogram: 'm{v="{slot}"}'}"#);
        let all = |skip: &str| {
            let mut answer = Answer::default();
            for (slot, pod) in [("v1", "a"), ("v1", "b"), ("v.2", "c")] {
                for bound in ["0.1", "0.5", "+Inf"] {
                    if format!("{pod}{bound}") != skip {
                        let labels = [("__name__", "m"), ("v", slot), ("pod", pod), ("le", bound)];
                        answer.series.push(series(&labels, 9));
                    }
                }
            }
            [answer]
        };
        let seen = histogram.seen(SLOTS, &all("")).unwrap();
        let faults = |skip| {
            let found = histogram
                .gather(&seen, (window(), SLOTS), &all(skip))
                .unwrap();
            found
                .faults
                .first()
                .map(|fault| (fault.reason, fault.detail.clone()))
        };
        assert_eq!(faults(""), None);
        for (skip, bound) in [("b0.1", "0.1"), ("c0.5", "0.5"), ("b+Inf", "+Inf")] {
            let (reason, detail) = faults(skip).unwrap();
            assert_eq!(reason, Reason::Partial, "{skip}");
            assert!(
                detail.contains(&format!("no bucket le=\"{bound}\"")),
                "{detail}"
            );
        }
    }

    #[test]
    fn any_bucket_that_falls_tells_of_the_restart_of_all() {
        let histogram = one(r#"{name: a, histogram: 'm{v="{slot}"}'}"#);
        // What each bucket holds before and after: 20 s apart.
        let found = |canary: [[f64; 2]; 3]| {
            let mut answer = Answer::default();
            for (slot, held) in [
                ("v1", [[50.0, 60.0], [90.0, 105.0], [100.0, 120.0]]),
                ("v.2", canary),
            ] {
                for (bound, held) in ["0.1", "0.5", "+Inf"].into_iter().zip(held) {
                    let labels = [("__name__", "m"), ("v", slot), ("le", bound)];
                    let mut one = series(&labels, 0);
                    one.samples.truncate(2);
                    for (sample, value) in one.samples.iter_mut().zip(held) {
                        sample.value = value;
                    }
                    answer.series.push(one);
                }
            }
            let answers = [answer];
            let seen = histogram.seen(SLOTS, &answers).unwrap();
            let found = histogram
                .gather(&seen, (window(), SLOTS), &answers)
                .unwrap();
            assert_eq!(found.faults, []);
            let pairs = &found.rows[0].1;
            pairs
                .iter()
                .map(|pair| (pair.canary.total, pair.canary.bad))
                .collect::<Vec<_>>()
        };
        // All but the first bucket fell: its 7 came after the restart, too.
        assert_eq!(
            found([[5.0, 7.0], [90.0, 15.0], [100.0, 20.0]]),
            [(20, 13), (20, 5)]
        );
        // More requests after the restart than before: only a bucket fell.
        assert_eq!(
            found([[5.0, 7.0], [90.0, 80.0], [100.0, 120.0]]),
            [(120, 113), (120, 40)]
        );
        assert_eq!(
            found([[5.0, 4.0], [90.0, 95.0], [100.0, 120.0]]),
            [(120, 116), (120, 25)]
        );
        // None did: no restart.
        assert_eq!(
            found([[5.0, 7.0], [90.0, 95.0], [100.0, 120.0]]),
            [(20, 18), (20, 15)]
        );
    }

    #[test]
    fn buckets_that_hold_more_than_all_requests_hide_the_histogram() {
        let histogram = one(r#"{name: a, histogram: 'm{v="{slot}"}'}"#);
        let mut answer = Answer::default();
        for (slot, rises) in [("v1", [50, 90, 100]), ("v.2", [20, 120, 100])] {
            for (bound, rise) in ["0.1", "0.5", "+Inf"].into_iter().zip(rises) {
                let labels = [("__name__", "m"), ("v", slot), ("le", bound)];
                answer.series.push(series(&labels, rise));
            }
        }
        let answers = [answer];
        let seen = histogram.seen(SLOTS, &answers).unwrap();
        let found = histogram
            .gather(&seen, (window(), SLOTS), &answers)
            .unwrap();
        assert_eq!(found.faults[0].reason, Reason::Unreadable);
        assert_eq!(found.rows.len(), 0);
    }

    #[test]
    fn events_may_be_more_than_their_exposure() {
        let rate = one(
            r#"{name: a, exposure: 'up_seconds_total{v="{slot}"}', events: 'restarts_total{v="{slot}"}'}"#,
        );
        assert_eq!(rate.metric.unit, Unit::Rate);
        let of = |name: &str, slot: &str, rise| series(&[("__name__", name), ("v", slot)], rise);
        let answer = |name: &str, rises: [u32; 2]| Answer {
            series: vec![of(name, "v1", rises[0]), of(name, "v.2", rises[1])],
            warnings: Vec::new(),
            natives: Vec::new(),
        };
        assert_eq!(rate.queries(SLOTS, Span::seconds(1)).len(), 2);
        let answers = [
            answer("up_seconds_total", [20, 20]),
            answer("restarts_total", [1, 70]),
        ];
        let found = rate
            .gather(&rate.metric, (window(), SLOTS), &answers)
            .unwrap();
        assert_eq!(found.rows[0].1, [Pair::from([20, 1, 20, 70])]);
        assert_eq!(found.faults, []);
        let text = "metrics: [{name: a, exposure: 'm{v=\"{slot}\"}', bad: 'n{v=\"{slot}\"}'}]";
        assert!(matches!(parse(text, PLAIN), Err(BadMetrics::Counts(_))));
    }

    #[test]
    fn selectors_that_tell_nothing_apart_are_refused() {
        let negated = parse(
            r#"metrics: [{name: a, histogram: 'm{v!="{slot}"}'}]"#,
            PLAIN,
        );
        assert!(matches!(negated, Err(BadMetrics::NoSlot(..))));
        let wide =
            one(r#"{name: a, total: 'm{v=~"v1|{slot}"}', good: 'm{v=~"v1|{slot}",ok="1"}'}"#);
        let answers = [Answer {
            series: vec![series(&[("__name__", "m"), ("v", "v1"), ("ok", "1")], 9)],
            warnings: Vec::new(),
            natives: Vec::new(),
        }];
        let refused = wide.gather(&wide.metric, (window(), SLOTS), &answers);
        assert!(matches!(refused, Err(Missing::Counts(Invalid::Both(_)))));
    }

    #[test]
    fn no_good_event_at_all_is_no_sight_and_none_is_counted_twice() {
        let good = one(r#"{name: a, total: 'm{v="{slot}"}', good: 'm{v="{slot}",ok="yes"}'}"#);
        let bad = one(r#"{name: a, total: 'm{v="{slot}"}', bad: 'm{v=~"{slot}",ok="0"}'}"#);
        let mut answer = Answer::default();
        for slot in ["v1", "v.2"] {
            for (ok, rise) in [("1", 90), ("0", 10)] {
                let labels = [("__name__", "m"), ("v", slot), ("ok", ok)];
                answer.series.push(series(&labels, rise));
            }
        }
        let found = good.gather(
            &good.metric,
            (window(), SLOTS),
            std::slice::from_ref(&answer),
        );
        assert_eq!(found.unwrap().faults[0].reason, Reason::Partial);
        // Beside a version of which all seems bad, nothing would be worse.
        let labels = [("__name__", "m"), ("v", "v.2"), ("ok", "yes")];
        let mut only = answer.clone();
        only.series.push(series(&labels, 10));
        let found = good.gather(&good.metric, (window(), SLOTS), &[only]);
        assert_eq!(found.unwrap().faults[0].reason, Reason::Partial);
        assert_eq!(bad.queries(SLOTS, Span::seconds(1)).len(), 2);
        let some = Answer {
            series: vec![answer.series[1].clone(), answer.series[3].clone()],
            warnings: Vec::new(),
            natives: Vec::new(),
        };
        let found = bad.gather(&bad.metric, (window(), SLOTS), &[answer, some]);
        assert_eq!(found.unwrap().rows[0].1, [Pair::from([100, 10, 100, 10])]);
    }
}
