//! Graphite and what speaks its render API: one question a counter.

use liftlock::config::metrics::{Counters, Provider};
use liftlock::telemetry::{Arms, Template, Window, graphite};
use url::Url;

use super::ask::{Ask, below};
use super::{Error, auth};
use crate::http::{Method, Request};

/// A server and two targets.
#[derive(Clone, Debug)]
pub(super) struct Place {
    endpoint: Url,
    total: Template,
    bad: Template,
}

impl Place {
    pub(super) fn new(place: &Counters) -> Result<Self, Error> {
        let of = Error::of(Provider::Graphite);
        Ok(Self {
            endpoint: below(&place.url, "/render")?,
            total: graphite::query("total", &place.total).map_err(&of)?,
            bad: graphite::query("bad", &place.bad).map_err(&of)?,
        })
    }

    pub(super) fn has_slot(&self) -> [bool; 2] {
        [self.total.has_slot(), self.bad.has_slot()]
    }

    pub(super) fn check(&self, slot: &str) -> Result<(), Error> {
        let of = Error::of(Provider::Graphite);
        self.total.about(slot).map_err(&of)?;
        self.bad.about(slot).map_err(&of).map(drop)
    }

    pub(super) fn arms(
        &self,
        ask: &mut Ask<'_>,
        slot: &str,
        window: Window,
    ) -> Result<Arms, Error> {
        let of = Error::of(Provider::Graphite);
        let mut counter = |field, template: &Template| {
            let target = template.about(slot).map_err(&of)?;
            let form = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(graphite::request(&target, window))
                .finish();
            let request = Request::new(Method::Post, self.endpoint.clone())
                .with_body("application/x-www-form-urlencoded", form.into_bytes());
            let request = auth::login(Provider::Graphite, "Bearer", request)?;
            let response = ask.send(&request, (&target, window.to))?;
            graphite::parse(response.status, &response.body, field, window).map_err(&of)
        };
        Ok(Arms {
            total: counter("total", &self.total)?,
            bad: counter("bad", &self.bad)?,
        })
    }
}
