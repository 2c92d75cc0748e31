//! What is measured: counts, shares, values and latencies.

use std::fmt;

use serde::Serialize;

use super::{promql, template};
use crate::span::Span;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Indicator {
    /// Counts of some events over counts of all.
    Ratio {
        /// Which events `events` counts.
        part: Part,
        /// What both queries give.
        form: Form,
        /// The good or the bad events.
        events: Query,
        /// All events.
        total: Query,
    },
    /// One query that gives the share itself, 0 to 1.
    Share {
        /// Of which events.
        part: Part,
        /// The query.
        query: Query,
    },
    /// One query whose value is good on one side of a limit.
    Threshold {
        /// The query.
        query: Query,
        /// How a good value compares with the limit.
        op: Op,
        /// The limit, in the unit of the query.
        limit: f64,
    },
    /// The bucket of a histogram over its count: requests within the bound
    /// are good. Both select raw counters.
    Latency {
        /// The selector of the bucket.
        within: Query,
        /// The selector of the count.
        total: Query,
        /// The bucket's upper edge, as its `le` says it.
        bound: String,
    },
}

impl Indicator {
    /// A ratio of counts; that of a histogram's bucket and its count is a
    /// latency.
    #[must_use]
    pub fn ratio(part: Part, form: Form, events: Query, total: Query) -> Self {
        let bucket = (part, form) == (Part::Good, Form::Counter)
            && events.source == Source::Prometheus
            && promql::selected(&events.text).is_some_and(|name| name.ends_with("_bucket"));
        let bound = promql::label(&events.text, "le").filter(|_| bucket);
        match bound.filter(|bound| bound.parse::<f64>().is_ok()) {
            Some(bound) => Self::Latency {
                within: events,
                total,
                bound,
            },
            None => Self::Ratio {
                part,
                form,
                events,
                total,
            },
        }
    }

    /// Its queries, in order.
    #[must_use]
    pub fn queries(&self) -> Vec<&Query> {
        match self {
            Self::Ratio { events, total, .. } => vec![events, total],
            Self::Share { query, .. } | Self::Threshold { query, .. } => vec![query],
            Self::Latency { within, total, .. } => vec![within, total],
        }
    }
}

/// Which events are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Those that are as promised.
    Good,
    /// Those that are not.
    Bad,
}

/// What a query for events gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A selector of counters that only grow.
    Counter,
    /// The events of a window, or their rate, as a number.
    Amount,
}

/// How a value compares with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Less than.
    Lt,
    /// At most.
    Lte,
    /// More than.
    Gt,
    /// At least.
    Gte,
}

impl Op {
    /// Every operator.
    pub const ALL: [Self; 4] = [Self::Lt, Self::Lte, Self::Gt, Self::Gte];

    /// OpenSLO's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
        }
    }

    /// The sign.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        }
    }

    /// The operator that says the same with both sides changed.
    #[must_use]
    pub const fn turned(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Lte => Self::Gte,
            Self::Gt => Self::Lt,
            Self::Gte => Self::Lte,
        }
    }

    /// The operator that holds exactly where this one does not, among numbers.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Lt => Self::Gte,
            Self::Lte => Self::Gt,
            Self::Gt => Self::Lte,
            Self::Gte => Self::Lt,
        }
    }

    /// Whether a value compares with a limit like this; never with what is no
    /// number.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Lt => value < limit,
            Self::Lte => value <= limit,
            Self::Gt => value > limit,
            Self::Gte => value >= limit,
        }
    }
}

/// A query in the language of its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Query {
    /// Who understands it.
    pub source: Source,
    /// The text, with `{{.window}}` where a length of time is filled in.
    pub text: String,
}

impl Query {
    /// A query in PromQL.
    #[must_use]
    pub fn prometheus(text: impl Into<String>) -> Self {
        Self {
            source: Source::Prometheus,
            text: text.into(),
        }
    }

    /// Whether a length of time has to be filled in.
    #[must_use]
    pub fn is_windowed(&self) -> bool {
        template::names(&self.text).contains(&WINDOW)
    }

    /// The text with a length of time filled in.
    #[must_use]
    pub fn over(&self, window: Span) -> String {
        template::fill(&self.text, |name| {
            (name == WINDOW).then(|| window.to_string())
        })
    }
}

/// The name of the place for a length of time, as in Sloth's queries.
pub(super) const WINDOW: &str = ".window";

/// Who answers a query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub enum Source {
    /// Prometheus, or whatever speaks its API.
    Prometheus,
    /// Another one, by its name in small letters.
    Other(String),
}

/// Sources by their names in small letters, without spaces and signs.
const SOURCES: [&str; 24] = [
    "appdynamics",
    "atlas",
    "azuremonitor",
    "bigquery",
    "cloudwatch",
    "datadog",
    "dynatrace",
    "elasticsearch",
    "googlecloudmonitoring",
    "graphite",
    "honeycomb",
    "influxdb",
    "instana",
    "lightstep",
    "loki",
    "newrelic",
    "opentsdb",
    "redshift",
    "signalfx",
    "skywalking",
    "splunk",
    "stackdriver",
    "sumologic",
    "wavefront",
];

/// Sources that answer as Prometheus does.
const ALIKE: [&str; 6] = [
    "prometheus",
    "thanos",
    "mimir",
    "cortex",
    "victoriametrics",
    "amazonprometheus",
];

impl Source {
    /// The source of that name, however it is written; nothing for others.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let plain = text.chars().filter(char::is_ascii_alphanumeric);
        let name: String = plain.map(|letter| letter.to_ascii_lowercase()).collect();
        if ALIKE.contains(&name.as_str()) {
            return Some(Self::Prometheus);
        }
        SOURCES
            .contains(&name.as_str())
            .then_some(Self::Other(name))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Prometheus => "prometheus",
            Self::Other(name) => name,
        })
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_filled_in_wherever_it_stands() {
        let query = Query::prometheus("sum(rate(a[{{.window}}])) / sum(rate(b[{{ .window }}]))");
        assert!(query.is_windowed());
        assert_eq!(
            query.over(Span::seconds(300)),
            "sum(rate(a[5m])) / sum(rate(b[5m]))"
        );
        assert!(!Query::prometheus("up").is_windowed());
    }

    #[test]
    fn a_bucket_over_its_count_is_a_latency() {
        let total = || Query::prometheus("m_count");
        let ratio = |form, text| {
            let events = Query::prometheus(text);
            Indicator::ratio(Part::Good, form, events, total())
        };
        let within = "m_bucket{le=\"0.5\"}";
        assert!(matches!(
            ratio(Form::Counter, within),
            Indicator::Latency { bound, .. } if bound == "0.5"
        ));
        for (form, text) in [
            (Form::Amount, within),
            (Form::Counter, "m_bucket"),
            (Form::Counter, "m{le=\"0.5\"}"),
            (Form::Counter, "sum(m_bucket{le=\"0.5\"})"),
        ] {
            let found = ratio(form, text);
            assert!(matches!(found, Indicator::Ratio { .. }), "{text}");
        }
    }

    #[test]
    fn a_source_is_known_however_it_is_written() {
        assert_eq!(Source::named("Prometheus"), Some(Source::Prometheus));
        assert_eq!(Source::named("VictoriaMetrics"), Some(Source::Prometheus));
        let relic = Source::Other("newrelic".to_owned());
        assert_eq!(Source::named("New Relic"), Some(relic));
        assert_eq!(Source::named("Any"), None);
    }

    #[test]
    fn what_is_no_number_never_compares() {
        for op in Op::ALL {
            assert!(!op.holds(f64::NAN, 1.0), "{}", op.sign());
        }
        assert!(Op::Gte.holds(1.0, 1.0) && !Op::Gt.holds(1.0, 1.0));
    }
}
