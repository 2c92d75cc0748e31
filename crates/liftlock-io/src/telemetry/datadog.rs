//! Datadog: both counters in one question.

use liftlock::config::metrics::{Counters, Provider};
use liftlock::telemetry::{Arms, Template, Window, datadog};
use url::Url;

use super::ask::{Ask, below};
use super::{Error, auth};
use crate::http::{Method, Request};

/// A site and two queries.
#[derive(Clone, Debug)]
pub(super) struct Place {
    endpoint: Url,
    total: Template,
    bad: Template,
}

impl Place {
    pub(super) fn new(place: &Counters) -> Result<Self, Error> {
        let of = Error::of(Provider::Datadog);
        Ok(Self {
            endpoint: below(&place.url, "/api/v2/query/timeseries")?,
            total: datadog::query("total", &place.total).map_err(&of)?,
            bad: datadog::query("bad", &place.bad).map_err(&of)?,
        })
    }

    pub(super) fn has_slot(&self) -> [bool; 2] {
        [self.total.has_slot(), self.bad.has_slot()]
    }

    pub(super) fn check(&self, slot: &str) -> Result<(), Error> {
        self.queries(slot).map(drop)
    }

    fn queries(&self, slot: &str) -> Result<[String; 2], Error> {
        let of = Error::of(Provider::Datadog);
        let total = self.total.about(slot).map_err(&of)?;
        let bad = self.bad.about(slot).map_err(&of)?;
        Ok([total, bad])
    }

    pub(super) fn arms(
        &self,
        ask: &mut Ask<'_>,
        slot: &str,
        window: Window,
    ) -> Result<Arms, Error> {
        let [total, bad] = self.queries(slot)?;
        let body = datadog::request(&total, &bad, window).to_string();
        let request = Request::new(Method::Post, self.endpoint.clone())
            .with_header("accept", "application/json")
            .with_body("application/json", body.clone().into_bytes());
        let key = auth::required("LIFTLOCK_DATADOG_API_KEY")?;
        let request = auth::with_secret(request, "dd-api-key", key)?;
        let key = auth::required("LIFTLOCK_DATADOG_APP_KEY")?;
        let request = auth::with_secret(request, "dd-application-key", key)?;
        let response = ask.send(&request, (&body, window.to))?;
        datadog::parse(response.status, &response.body, window)
            .map_err(Error::of(Provider::Datadog))
    }
}
