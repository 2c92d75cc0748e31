//! InfluxDB: InfluxQL for a database, Flux for an organisation.

use liftlock::config::metrics::{Counters, Provider};
use liftlock::telemetry::influxdb::{self, Dialect};
use liftlock::telemetry::{Arms, Template, Window};
use serde_json::json;
use url::Url;

use super::ask::{Ask, address};
use super::{Error, auth};
use crate::http::{Method, Request};

/// A server and two queries.
#[derive(Clone, Debug)]
pub(super) struct Place {
    endpoint: Url,
    dialect: Dialect,
    /// `db` and `rp`, or `org`.
    scope: Vec<(String, String)>,
    total: Template,
    bad: Template,
}

impl Place {
    pub(super) fn new(place: &Counters) -> Result<Self, Error> {
        let of = Error::of(Provider::InfluxDb);
        let mut endpoint = address(&place.url)?;
        let scope: Vec<(String, String)> = endpoint
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let has = |wanted: &str| scope.iter().any(|(name, _)| name == wanted);
        let known = |name: &String| matches!(name.as_str(), "db" | "rp" | "org");
        let dialect = match (has("db"), has("org")) {
            (true, false) => Dialect::InfluxQl,
            (false, true) => Dialect::Flux,
            (true, true) | (false, false) => return Err(unplaced()),
        };
        if !scope.iter().all(|(name, _)| known(name)) {
            return Err(unplaced());
        }
        let api = match dialect {
            Dialect::InfluxQl => "/query",
            Dialect::Flux => "/api/v2/query",
        };
        let path = format!("{}{api}", endpoint.path().trim_end_matches('/'));
        endpoint.set_path(&path);
        endpoint.set_query(None);
        Ok(Self {
            endpoint,
            dialect,
            scope,
            total: influxdb::query(dialect, "total", &place.total).map_err(&of)?,
            bad: influxdb::query(dialect, "bad", &place.bad).map_err(&of)?,
        })
    }

    pub(super) fn has_slot(&self) -> [bool; 2] {
        [self.total.has_slot(), self.bad.has_slot()]
    }

    pub(super) fn check(&self, slot: &str) -> Result<(), Error> {
        let of = Error::of(Provider::InfluxDb);
        self.total.about(slot).map_err(&of)?;
        self.bad.about(slot).map_err(&of).map(drop)
    }

    pub(super) fn arms(
        &self,
        ask: &mut Ask<'_>,
        slot: &str,
        window: Window,
    ) -> Result<Arms, Error> {
        let of = Error::of(Provider::InfluxDb);
        let mut counter = |field, template: &Template| {
            let query = template.about(slot).map_err(&of)?;
            let query = self.dialect.request(&query, window);
            let request = self.request(&query);
            let request = auth::login(Provider::InfluxDb, "Token", request)?;
            let response = ask.send(&request, (&query, window.to))?;
            self.dialect
                .parse(response.status, &response.body, field, window)
                .map_err(&of)
        };
        Ok(Arms {
            total: counter("total", &self.total)?,
            bad: counter("bad", &self.bad)?,
        })
    }

    fn request(&self, query: &str) -> Request {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().extend_pairs(&self.scope);
        match self.dialect {
            Dialect::InfluxQl => {
                let form = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("q", query)
                    .append_pair("epoch", "ms")
                    .finish();
                Request::new(Method::Post, url)
                    .with_header("accept", "application/json")
                    .with_body("application/x-www-form-urlencoded", form.into_bytes())
            }
            Dialect::Flux => {
                let body = json!({
                    "type": "flux",
                    "query": query,
                    "dialect": {"header": true, "annotations": []},
                });
                Request::new(Method::Post, url)
                    .with_header("accept", "application/csv")
                    .with_body("application/json", body.to_string().into_bytes())
            }
        }
    }
}

const fn unplaced() -> Error {
    Error::Place {
        provider: Provider::InfluxDb,
        what: "names neither a database (`?db=NAME`, for InfluxQL) nor an organisation (`?org=NAME`, for Flux)",
    }
}
