//! Where the numbers come from that a canary is judged by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::{Explain, Kind};
use crate::span::Span;
use crate::telemetry::several::{self, Further, Wanted};

/// Where the numbers come from that a canary is judged by. Exactly one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Metrics {
    /// A CSV file `time,baseline_total,baseline_bad,canary_total,canary_bad`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<String>,
    /// A server that speaks Prometheus' HTTP API: selectors of raw counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Counters>,
    /// Thanos' querier, as `prometheus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thanos: Option<Counters>,
    /// VictoriaMetrics, as `prometheus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub victoriametrics: Option<Counters>,
    /// A site of Datadog: metric queries that end in `.as_count()`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datadog: Option<Counters>,
    /// A region or endpoint of CloudWatch: `NAMESPACE:METRIC{DIMENSION=VALUE}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudwatch: Option<Counters>,
    /// New Relic's NerdGraph with `?account=NUMBER`: NRQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newrelic: Option<Counters>,
    /// A server with Graphite's render API: targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graphite: Option<Counters>,
    /// InfluxDB with `?db=NAME` (InfluxQL) or `?org=NAME` (Flux).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub influxdb: Option<Counters>,
    /// A page in Prometheus' or OpenMetrics' text format: selectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openmetrics: Option<Counters>,
    /// HAProxy's runtime socket or its statistics page as CSV: `PROXY/SERVER/COLUMN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub haproxy: Option<Counters>,
    /// Envoy's administration interface: names of counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envoy: Option<Counters>,
    /// A file of OTLP's exports as JSON lines: selectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Counters>,
    /// Metrics of the same server that are judged together with these counts,
    /// under one risk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Further>,
}

/// Two counters of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Counters {
    /// Base URL.
    pub url: String,
    /// Query of all requests, in the source's language; `{slot}` is replaced.
    pub total: String,
    /// Query of bad requests, in the source's language; `{slot}` is replaced.
    pub bad: String,
    /// Width of a row; default 15s, 1m where the source counts by the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Span>,
    /// Tenant of Mimir, Cortex or Thanos (`X-Scope-OrgID`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

impl Counters {
    /// Width of a row.
    #[must_use]
    pub fn interval(&self, provider: Provider) -> Span {
        self.interval.unwrap_or_else(|| provider.interval())
    }

    /// The time between two counts as one sees them: a row's width, or how
    /// late the counts of a vendor come.
    #[must_use]
    pub fn cadence(&self, provider: Provider) -> Span {
        let interval = self.interval(provider);
        if provider.adds_up() {
            interval.max(provider.lag())
        } else {
            interval
        }
    }
}

impl Metrics {
    /// The source, where there is one that is asked.
    #[must_use]
    pub fn source(&self) -> Option<(Provider, &Counters)> {
        let all = Provider::ALL.into_iter();
        all.zip(self.sources())
            .find_map(|(provider, counters)| Some((provider, counters.as_ref()?)))
    }

    /// What the further metrics ask for.
    ///
    /// # Errors
    ///
    /// Fails for metrics that cannot be asked for, and where the source is no
    /// server that could be asked for them.
    pub fn wanted(&self) -> Result<Vec<Wanted>, BadFurther> {
        let asked = self
            .source()
            .is_some_and(|(provider, _)| provider.is_prometheus());
        if !self.further.is_empty() && !asked {
            return Err(BadFurther::Alone);
        }
        Ok(several::wanted(&self.further)?)
    }

    /// How many ways are given, of which there should be one.
    #[must_use]
    pub fn ways(&self) -> usize {
        let asked = self.sources().into_iter().filter(|one| one.is_some());
        asked.count() + usize::from(self.counts.is_some())
    }

    /// In the order of [`Provider::ALL`].
    const fn sources(&self) -> [&Option<Counters>; 12] {
        [
            &self.prometheus,
            &self.thanos,
            &self.victoriametrics,
            &self.datadog,
            &self.cloudwatch,
            &self.newrelic,
            &self.graphite,
            &self.influxdb,
            &self.openmetrics,
            &self.haproxy,
            &self.envoy,
            &self.otlp,
        ]
    }
}

/// Further metrics that cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum BadFurther {
    /// The source knows only the two queries.
    #[error("needs one of prometheus, thanos, victoriametrics as the source")]
    Alone,
    /// The list is wrong.
    #[error(transparent)]
    List(#[from] several::BadMetrics),
}

impl Explain for BadFurther {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A server with Prometheus' HTTP API.
    Prometheus,
    /// Thanos' querier.
    Thanos,
    /// VictoriaMetrics.
    VictoriaMetrics,
    /// Datadog.
    Datadog,
    /// Amazon CloudWatch.
    CloudWatch,
    /// New Relic.
    NewRelic,
    /// Graphite.
    Graphite,
    /// InfluxDB.
    InfluxDb,
    /// A page of metrics.
    OpenMetrics,
    /// HAProxy's statistics.
    Haproxy,
    /// Envoy's statistics.
    Envoy,
    /// A file of OTLP's exports.
    Otlp,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Prometheus,
        Self::Thanos,
        Self::VictoriaMetrics,
        Self::Datadog,
        Self::CloudWatch,
        Self::NewRelic,
        Self::Graphite,
        Self::InfluxDb,
        Self::OpenMetrics,
        Self::Haproxy,
        Self::Envoy,
        Self::Otlp,
    ];

    /// As in the configuration and in `--source`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Thanos => "thanos",
            Self::VictoriaMetrics => "victoriametrics",
            Self::Datadog => "datadog",
            Self::CloudWatch => "cloudwatch",
            Self::NewRelic => "newrelic",
            Self::Graphite => "graphite",
            Self::InfluxDb => "influxdb",
            Self::OpenMetrics => "openmetrics",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Otlp => "otlp",
        }
    }

    /// Whether it is asked by Prometheus' HTTP API.
    #[must_use]
    pub const fn is_prometheus(self) -> bool {
        matches!(
            self,
            Self::Prometheus | Self::Thanos | Self::VictoriaMetrics
        )
    }

    /// Whether it adds counts up to intervals by itself.
    #[must_use]
    pub const fn adds_up(self) -> bool {
        match self {
            Self::Datadog | Self::CloudWatch | Self::NewRelic | Self::Graphite | Self::InfluxDb => {
                true
            }
            Self::Prometheus
            | Self::Thanos
            | Self::VictoriaMetrics
            | Self::OpenMetrics
            | Self::Haproxy
            | Self::Envoy
            | Self::Otlp => false,
        }
    }

    /// Whether it can tell what was before it was first asked.
    #[must_use]
    pub const fn has_history(self) -> bool {
        !matches!(self, Self::OpenMetrics | Self::Haproxy | Self::Envoy)
    }

    /// Whether any machine can ask it, and not only the one that it is on.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        self.has_history() && !matches!(self, Self::Otlp)
    }

    /// Width of a row where none is given.
    #[must_use]
    pub const fn interval(self) -> Span {
        match self {
            // Exports come every minute where nobody says otherwise.
            Self::CloudWatch | Self::NewRelic | Self::Graphite | Self::Otlp => Span::seconds(60),
            Self::Prometheus
            | Self::Thanos
            | Self::VictoriaMetrics
            | Self::Datadog
            | Self::InfluxDb
            | Self::OpenMetrics
            | Self::Haproxy
            | Self::Envoy => Span::seconds(15),
        }
    }

    /// How long a count takes until it can be seen; what comes later is lost.
    #[must_use]
    pub const fn lag(self) -> Span {
        match self {
            Self::Prometheus | Self::Thanos | Self::InfluxDb | Self::Otlp => Span::seconds(10),
            // `-search.latencyOffset`: newer samples may not be shown.
            Self::VictoriaMetrics => Span::seconds(30),
            Self::Graphite => Span::seconds(15),
            Self::Datadog => Span::seconds(45),
            Self::CloudWatch | Self::NewRelic => Span::seconds(60),
            Self::OpenMetrics | Self::Haproxy | Self::Envoy => Span::ZERO,
        }
    }

    /// How long after its end a row of this width is taken for told.
    #[must_use]
    pub fn late(self, interval: Span) -> Span {
        match self.adds_up() {
            true => self.lag(),
            false => interval.min(self.lag()),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A provider and its address, written `KIND:URL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who counts.
    pub provider: Provider,
    /// Where.
    pub url: String,
}

impl FromStr for Origin {
    type Err = NotOrigin;

    fn from_str(text: &str) -> Result<Self, NotOrigin> {
        let (kind, url) = text.split_once(':').unwrap_or((text, ""));
        let provider = Provider::ALL.into_iter().find(|one| one.name() == kind);
        match provider {
            Some(provider) if !url.is_empty() => Ok(Self {
                provider,
                url: url.to_owned(),
            }),
            Some(_) | None => Err(NotOrigin),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.provider, self.url)
    }
}

/// The text names no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected KIND:URL, with the kind prometheus, thanos, victoriametrics, datadog, cloudwatch, newrelic, graphite, influxdb, openmetrics, haproxy, envoy or otlp"
)]
pub struct NotOrigin;

impl Explain for NotOrigin {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_written_as_in_the_configuration() {
        for provider in Provider::ALL {
            let text = format!("{provider}:http://a");
            let origin: Origin = text.parse().unwrap();
            assert_eq!((origin.provider, origin.to_string()), (provider, text));
            let yaml = serde_json::json!({provider.name(): {"url": "u", "total": "t", "bad": "b"}});
            let metrics: Metrics = serde_json::from_value(yaml).unwrap();
            let (found, counters) = metrics.source().unwrap();
            assert_eq!((found, metrics.ways()), (provider, 1));
            assert_eq!(counters.interval(found), provider.interval());
            assert!(NotOrigin.to_string().contains(provider.name()));
        }
        for text in [
            "",
            "prometheus",
            "prometheus:",
            "nagios:http://a",
            "http://a",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn counts_that_come_late_are_awaited_no_longer_than_any_policy_allows() {
        // Four times as long is how old counts may be; a policy allows 5m.
        for provider in Provider::ALL {
            assert!(provider.lag() <= Span::seconds(75), "{provider}");
        }
    }
}
