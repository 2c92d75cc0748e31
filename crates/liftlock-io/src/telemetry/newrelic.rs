//! New Relic's NerdGraph: one question a counter.

use liftlock::config::metrics::{Counters, Provider};
use liftlock::span::Span;
use liftlock::telemetry::{self, Arms, Template, Window, newrelic};
use url::Url;

use super::ask::{Ask, address};
use super::{Error, auth};
use crate::http::{Method, Request};

/// An account and two queries.
#[derive(Clone, Debug)]
pub(super) struct Place {
    endpoint: Url,
    account: u64,
    total: Template,
    bad: Template,
}

impl Place {
    pub(super) fn new(place: &Counters) -> Result<Self, Error> {
        let of = Error::of(Provider::NewRelic);
        let mut endpoint = address(&place.url)?;
        let pairs = endpoint.query_pairs();
        let account = pairs
            .filter(|(name, _)| name == "account")
            .find_map(|(_, value)| value.parse().ok())
            .ok_or(Error::Place {
                provider: Provider::NewRelic,
                what: "does not name an account: expected https://api.newrelic.com/graphql?account=NUMBER",
            })?;
        endpoint.set_query(None);
        Ok(Self {
            endpoint,
            account,
            total: newrelic::query("total", &place.total).map_err(&of)?,
            bad: newrelic::query("bad", &place.bad).map_err(&of)?,
        })
    }

    pub(super) fn has_slot(&self) -> [bool; 2] {
        [self.total.has_slot(), self.bad.has_slot()]
    }

    pub(super) fn check(&self, slot: &str) -> Result<(), Error> {
        let of = Error::of(Provider::NewRelic);
        self.total.about(slot).map_err(&of)?;
        self.bad.about(slot).map_err(&of).map(drop)
    }

    pub(super) fn arms(
        &self,
        ask: &mut Ask<'_>,
        slot: &str,
        window: Window,
    ) -> Result<Arms, Error> {
        let of = Error::of(Provider::NewRelic);
        let most = window.interval.millis().saturating_mul(newrelic::MOST);
        let length = u64::try_from(window.to.millis_since(window.from)).unwrap_or(0);
        if length > most {
            return Err(of(telemetry::Error::Interval {
                service: newrelic::SERVICE,
                interval: Span::from_millis(window.interval.millis()),
                allowed: "a query has at most 366 of them, and this window has more",
            }));
        }
        let mut counter = |field, template: &Template| {
            let nrql = template.about(slot).map_err(&of)?;
            let body = newrelic::request(self.account, &nrql, window).to_string();
            let request = Request::new(Method::Post, self.endpoint.clone())
                .with_body("application/json", body.into_bytes());
            let key = auth::required("LIFTLOCK_NEWRELIC_API_KEY")?;
            let request = auth::with_secret(request, "api-key", key)?;
            let response = ask.send(&request, (&nrql, window.to))?;
            newrelic::parse(response.status, &response.body, field).map_err(&of)
        };
        Ok(Arms {
            total: counter("total", &self.total)?,
            bad: counter("bad", &self.bad)?,
        })
    }
}
