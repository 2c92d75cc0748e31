//! Pages of counters without a history behind them: each look adds a sample.

use std::collections::BTreeMap;

use liftlock::config::metrics::{Counters, Provider};
use liftlock::telemetry::exposition::{self, Format};
use liftlock::telemetry::{Arms, Counter, Matcher, Memory, Window, envoy, haproxy};
use url::Url;

use super::ask::{Ask, address};
use super::{Error, auth};
use crate::clock;
use crate::http::{Request, Response};

const SLOT: &str = "{slot}";

/// The label that tells whose page a series is from; a page cannot hold it, as
/// names with two underscores are Prometheus' own.
const PAGE: &str = "__slot__";

/// A page and what is read from it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    provider: Provider,
    /// May hold `{slot}` where each slot has a page of its own.
    url: String,
    page: Page,
    memory: BTreeMap<String, [Memory; 2]>,
}

#[derive(Clone, Debug)]
enum Page {
    Exposition([Matcher; 2]),
    Haproxy([haproxy::Query; 2]),
    Envoy([envoy::Query; 2]),
}

type Seen = [Vec<(BTreeMap<String, String>, f64)>; 2];

impl Place {
    pub(super) fn new(provider: Provider, place: &Counters) -> Result<Self, Error> {
        let of = Error::of(provider);
        let (total, bad) = (place.total.as_str(), place.bad.as_str());
        let page = match provider {
            Provider::Haproxy => Page::Haproxy([
                haproxy::Query::new("total", total).map_err(&of)?,
                haproxy::Query::new("bad", bad).map_err(&of)?,
            ]),
            Provider::Envoy => Page::Envoy([
                envoy::Query::new("total", total).map_err(&of)?,
                envoy::Query::new("bad", bad).map_err(&of)?,
            ]),
            Provider::Prometheus
            | Provider::Thanos
            | Provider::VictoriaMetrics
            | Provider::Datadog
            | Provider::CloudWatch
            | Provider::NewRelic
            | Provider::Graphite
            | Provider::InfluxDb
            | Provider::OpenMetrics
            | Provider::Otlp => Page::Exposition([
                Matcher::new("total", total).map_err(&of)?,
                Matcher::new("bad", bad).map_err(&of)?,
            ]),
        };
        let place = Self {
            provider,
            url: place.url.trim().to_owned(),
            page,
            memory: BTreeMap::new(),
        };
        if place.socket().is_none() {
            place.address("slot")?;
        }
        Ok(place)
    }

    /// A page of its own tells slots apart as well as a label does.
    pub(super) fn has_slot(&self) -> [bool; 2] {
        let own = self.url.contains(SLOT);
        let asked = match &self.page {
            Page::Exposition(queries) => queries.each_ref().map(Matcher::has_slot),
            Page::Haproxy(queries) => queries.each_ref().map(haproxy::Query::has_slot),
            Page::Envoy(queries) => queries.each_ref().map(envoy::Query::has_slot),
        };
        asked.map(|asked| asked || own)
    }

    pub(super) fn check(&self, slot: &str) -> Result<(), Error> {
        let of = Error::of(self.provider);
        match &self.page {
            Page::Exposition(queries) => {
                for query in queries {
                    query.about(slot).map_err(&of)?;
                }
            }
            Page::Haproxy([total, bad]) => {
                total.about("total", slot).map_err(&of)?;
                bad.about("bad", slot).map_err(&of)?;
            }
            Page::Envoy(queries) => {
                for query in queries {
                    query.about(slot).map_err(&of)?;
                }
            }
        }
        if self.url.contains(SLOT) {
            self.address(slot)?;
        }
        Ok(())
    }

    pub(super) fn arms(
        &mut self,
        ask: &mut Ask<'_>,
        slot: &str,
        window: Window,
    ) -> Result<Arms, Error> {
        let seen = self.look(ask, slot)?;
        // Whatever the page says was so at the latest now.
        let now = clock::now();
        let own = self.url.contains(SLOT).then(|| slot.to_owned());
        let memory = self.memory.entry(slot.to_owned()).or_default();
        for (memory, mut seen) in memory.iter_mut().zip(seen) {
            // Pages of their own may hold the same labels.
            for (labels, _) in seen.iter_mut() {
                labels.extend(own.iter().map(|slot| (PAGE.to_owned(), slot.clone())));
            }
            memory.learn(seen, now, window.from);
        }
        let [total, bad] = memory
            .each_ref()
            .map(|memory| Counter::Polled(memory.answer()));
        Ok(Arms { total, bad })
    }

    fn look(&self, ask: &mut Ask<'_>, slot: &str) -> Result<Seen, Error> {
        let of = Error::of(self.provider);
        match &self.page {
            Page::Exposition([total, bad]) => {
                let (total, bad) = (
                    total.about(slot).map_err(&of)?,
                    bad.about(slot).map_err(&of)?,
                );
                let response = self.get(ask, self.address(slot)?, ACCEPT)?;
                let format = Format::of(response.header("content-type").unwrap_or_default());
                exposition::parse(response.status, format, &response.body, [&total, &bad])
                    .map_err(&of)
            }
            Page::Haproxy([total, bad]) => {
                let total = total.about("total", slot).map_err(&of)?;
                let bad = bad.about("bad", slot).map_err(&of)?;
                let (status, body) = match self.socket() {
                    Some(socket) => {
                        let body = crate::haproxy::say(socket, "show stat")?;
                        ask.keep(body.as_bytes(), ("show stat", clock::now()));
                        (200, body.into_bytes())
                    }
                    None => {
                        let response =
                            self.get(ask, self.address(slot)?, "text/csv, text/plain")?;
                        (response.status, response.body)
                    }
                };
                haproxy::parse(status, &body, [&total, &bad]).map_err(&of)
            }
            Page::Envoy([total, bad]) => {
                let (total, bad) = (
                    total.about(slot).map_err(&of)?,
                    bad.about(slot).map_err(&of)?,
                );
                let names: Vec<String> = total.iter().chain(&bad).cloned().collect();
                let mut url = self.address(slot)?;
                let path = format!("{}/stats", url.path().trim_end_matches('/'));
                url.set_path(&path);
                url.query_pairs_mut()
                    .clear()
                    .append_pair("format", "json")
                    .append_pair("filter", &envoy::filter(&names));
                let response = self.get(ask, url, "application/json")?;
                envoy::parse(response.status, &response.body, [&total, &bad]).map_err(&of)
            }
        }
    }

    fn get(&self, ask: &mut Ask<'_>, url: Url, accept: &str) -> Result<Response, Error> {
        let query = url.to_string();
        let request = Request::get(url).with_header("accept", accept);
        let request = auth::login(self.provider, "Bearer", request)?;
        ask.send(&request, (&query, clock::now()))
    }

    /// A path or `HOST:PORT` is HAProxy's socket, all else a URL.
    fn socket(&self) -> Option<&str> {
        let socket = matches!(self.page, Page::Haproxy(_)) && !self.url.contains("://");
        socket.then_some(self.url.as_str())
    }

    fn address(&self, slot: &str) -> Result<Url, Error> {
        if !self.url.contains(SLOT) {
            return address(&self.url);
        }
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._:[]".contains(letter);
        let fits = !slot.is_empty() && slot.len() <= 255 && slot.chars().all(plain);
        if !fits || slot.contains("..") {
            let shown = slot.chars().filter(|letter| !letter.is_control());
            return Err(Error::SlotUrl(shown.take(200).collect()));
        }
        address(&self.url.replace(SLOT, slot))
    }
}

const ACCEPT: &str =
    "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5";
