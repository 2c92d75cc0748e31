//! Servers with Prometheus' HTTP API: raw samples over an instant query.

use liftlock::config::metrics::{Counters, Provider};
use liftlock::prometheus;
use liftlock::span::Span;
use liftlock::telemetry::{Answer, Matcher, Question, Slots, Window};
use liftlock::time::Time;
use url::Url;

use super::ask::{Ask, below};
use super::{Both, Error, auth};
use crate::http::{Method, Request};

/// How long before a window's end its first sample may be.
pub(super) fn reach(window: Window) -> Span {
    let length = u64::try_from(window.to.millis_since(window.from)).unwrap_or(0);
    Span::from_millis(length.saturating_add(LOOKBACK.millis()))
}

/// How far before a window the last sample of a living series may be: after
/// five minutes Prometheus itself calls a series stale.
const LOOKBACK: Span = Span::seconds(300);

/// A server and two selectors.
#[derive(Clone, Debug)]
pub(super) struct Place {
    provider: Provider,
    endpoint: Url,
    tenant: Option<String>,
    question: Question,
}

impl Place {
    pub(super) fn new(provider: Provider, place: &Counters) -> Result<Self, Error> {
        let selector = |field, text: &str| Matcher::new(field, text).map_err(Error::of(provider));
        if let Some(tenant) = &place.tenant
            && (tenant.is_empty() || !tenant.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(Error::BadSecret {
                name: "tenant".to_owned(),
                what: "printable text without spaces",
            });
        }
        Ok(Self {
            provider,
            endpoint: below(&place.url, "/api/v1/query")?,
            tenant: place.tenant.clone(),
            question: Question::new(
                selector("total", &place.total)?,
                selector("bad", &place.bad)?,
            ),
        })
    }

    pub(super) fn has_slot(&self) -> [bool; 2] {
        self.question.has_slot()
    }

    /// Asks about both slots at once.
    pub(super) fn both(
        &self,
        ask: &mut Ask<'_>,
        slots: Slots<'_>,
        window: Window,
    ) -> Result<Both, Error> {
        let queries = self.question.queries(slots, reach(window));
        let answers = self.answers(ask, &queries, window.to)?;
        let arms = |slot| {
            let arms = self.question.arms(&answers, slot);
            arms.map_err(Error::of(self.provider))
        };
        Ok(Both {
            baseline: slots.baseline.map(arms).transpose()?,
            canary: arms(slots.canary)?,
        })
    }

    /// The answers to some queries about one moment.
    pub(super) fn answers(
        &self,
        ask: &mut Ask<'_>,
        queries: &[String],
        time: Time,
    ) -> Result<Vec<Answer>, Error> {
        let answer = |query: &String| {
            let (status, body) = self.post(ask, query, time)?;
            Ok(prometheus::parse(status, &body)?)
        };
        queries.iter().map(answer).collect()
    }

    /// The same where answers may be native histograms.
    pub(super) fn histograms(
        &self,
        ask: &mut Ask<'_>,
        queries: &[String],
        time: Time,
    ) -> Result<Vec<Answer>, Error> {
        let answer = |query: &String| {
            let (status, body) = self.post(ask, query, time)?;
            Ok(prometheus::parse_histograms(status, &body)?)
        };
        queries.iter().map(answer).collect()
    }

    fn post(&self, ask: &mut Ask<'_>, query: &str, time: Time) -> Result<(u16, Vec<u8>), Error> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", query)
            .append_pair("time", &time.to_string())
            .append_pair("timeout", "30s")
            .extend_pairs(parameters(self.provider));
        let mut request = Request::new(Method::Post, self.endpoint.clone()).with_body(
            "application/x-www-form-urlencoded",
            form.finish().into_bytes(),
        );
        if let Some(tenant) = &self.tenant {
            request = request.with_header("x-scope-orgid", tenant);
        }
        let request = auth::login(self.provider, "Bearer", request)?;
        let response = ask.send(&request, (query, time))?;
        Ok((response.status, response.body))
    }
}

/// What each kind of server has to be told to give all of what it has, once.
const fn parameters(provider: Provider) -> &'static [(&'static str, &'static str)] {
    match provider {
        // https://thanos.io/tip/components/query.md: replicas as one, no
        // answer without a store, no downsampled data.
        Provider::Thanos => &[
            ("dedup", "true"),
            ("partial_response", "false"),
            ("max_source_resolution", "0s"),
        ],
        // https://docs.victoriametrics.com: no cached answer for what still grows.
        Provider::VictoriaMetrics => &[("nocache", "1")],
        Provider::Prometheus
        | Provider::Datadog
        | Provider::CloudWatch
        | Provider::NewRelic
        | Provider::Graphite
        | Provider::InfluxDb
        | Provider::OpenMetrics
        | Provider::Haproxy
        | Provider::Envoy
        | Provider::Otlp => &[],
    }
}
