//! Asks sources of telemetry, one file per vendor; what they mean is asked of
//! `liftlock::telemetry`.

mod ask;
mod auth;
mod cloudwatch;
mod datadog;
mod error;
pub mod further;
mod graphite;
mod influxdb;
mod newrelic;
mod otlp;
mod prometheus;
mod scrape;

use liftlock::canary::place::Split;
use liftlock::canary::record::Asked;
use liftlock::canary::sight::Blind;
use liftlock::canary::{Reason, Unit};
use liftlock::config::metrics::{Counters, Provider};
use liftlock::failure::{Explain as _, Kind};
use liftlock::span::Span;
use liftlock::telemetry::several::{located, values};
use liftlock::telemetry::{self, Arms, Gathered, Slots, Window};
use liftlock::time::Time;

pub use ask::client;
pub use auth::present;
pub use error::Error;

use crate::http::Client;
use ask::Ask;

/// Where the counts of two slots come from.
#[derive(Clone, Debug)]
pub struct Source {
    provider: Provider,
    origin: Origin,
    interval: Span,
    cadence: Span,
    told: Vec<String>,
    /// By what the counts are told apart.
    by: Vec<Split>,
    baseline: Option<String>,
    canary: String,
    unit: Unit,
}

/// What a source told about both slots.
#[derive(Clone, Debug, Default)]
struct Both {
    baseline: Option<Arms>,
    canary: Arms,
}

/// Selects the vendor.
#[derive(Clone, Debug)]
enum Origin {
    Prometheus(prometheus::Place),
    Datadog(datadog::Place),
    CloudWatch(cloudwatch::Place),
    NewRelic(newrelic::Place),
    Graphite(graphite::Place),
    InfluxDb(influxdb::Place),
    Scrape(Box<scrape::Place>),
    Otlp(otlp::Place),
}

/// One look.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What was counted, and what hid it.
    pub gathered: Gathered,
    /// What was asked, and the digests of the answers that it was counted from.
    pub asked: Vec<Asked>,
    /// The server's idea of the time, as its answers' `Date` tells.
    pub date: Option<String>,
}

impl Source {
    /// A source for a canary, and for its baseline where there is one.
    ///
    /// # Errors
    ///
    /// Fails when the URL or a query cannot be used, when both slots are the
    /// same or a query could not tell them apart, when a slot could change it,
    /// and when credentials are missing.
    pub fn new(
        provider: Provider,
        place: &Counters,
        baseline: Option<&str>,
        canary: &str,
    ) -> Result<Self, Error> {
        let interval = place.interval(provider);
        if interval < Span::seconds(1) || (provider.adds_up() && !whole(interval)) {
            return Err(Error::Interval(interval));
        }
        if baseline == Some(canary) {
            return Err(Error::SameSlot(canary.to_owned()));
        }
        if place.tenant.is_some() && !provider.is_prometheus() {
            return Err(Error::Tenant(provider));
        }
        let source = Self {
            provider,
            origin: Origin::new(provider, place)?,
            interval,
            cadence: place.cadence(provider),
            told: told(provider, place),
            by: Vec::new(),
            baseline: baseline.map(str::to_owned),
            canary: canary.to_owned(),
            unit: Unit::default(),
        };
        let fields = ["total", "bad"].into_iter().zip(source.origin.has_slot());
        let blind = fields.into_iter().find(|(_, has_slot)| !has_slot);
        match blind {
            Some((field, _)) if baseline.is_some() => return Err(Error::NoSlot(field)),
            Some(_) | None => {}
        }
        for slot in baseline.into_iter().chain([canary]) {
            source.origin.check(slot)?;
        }
        Ok(source)
    }

    /// The same source, in which the total is an exposure where the unit says
    /// so.
    #[must_use]
    pub fn with_unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    fn slots(&self) -> Slots<'_> {
        Slots {
            baseline: self.baseline.as_deref(),
            canary: &self.canary,
        }
    }

    /// What tells this source from others: the server, and what it is asked.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let slots = self.baseline.iter().chain([&self.canary]);
        self.told.iter().chain(slots).cloned().collect()
    }

    /// Tells counts apart by the values that some labels have now.
    ///
    /// # Errors
    ///
    /// Fails as [`rows`] does, when nothing can be seen, and where the source
    /// has no series with labels.
    pub fn split(
        &mut self,
        client: &Client,
        labels: &[String],
        now: Time,
    ) -> Result<Vec<Split>, Error> {
        if labels.is_empty() {
            return Ok(Vec::new());
        }
        if !self.provider.is_prometheus() {
            return Err(Error::Alone(self.provider));
        }
        let window = Window {
            from: now,
            to: now,
            interval: self.interval,
        };
        let mut ask = Ask::new(client, self.interval);
        let slots = Slots {
            baseline: self.baseline.as_deref(),
            canary: &self.canary,
        };
        let Both { baseline, canary } = self.origin.both(&mut ask, slots, window)?;
        let slots: Vec<&Arms> = baseline.iter().chain([&canary]).collect();
        self.by = values(&slots, labels);
        Ok(self.by.clone())
    }

    /// Tells counts apart by these values.
    pub fn tell_apart(&mut self, by: Vec<Split>) {
        self.by = by;
    }

    /// Who counts.
    #[must_use]
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// Width of a row.
    #[must_use]
    pub const fn interval(&self) -> Span {
        self.interval
    }

    /// The time between two counts as one sees them: a row's width, or how late
    /// they come.
    #[must_use]
    pub const fn cadence(&self) -> Span {
        self.cadence
    }

    /// The moment until which everything was counted and can be seen: the
    /// best `to` for [`rows`].
    #[must_use]
    pub fn settled(&self, now: Time) -> Time {
        let late = self.provider.late(self.interval).millis();
        let lag = i64::try_from(late).unwrap_or(0);
        Time::from_unix_millis(now.unix_millis().saturating_sub(lag)).unwrap_or(now)
    }

    /// The first moment from `from` on at which a row may begin: where the
    /// source cuts the intervals, its cuts.
    fn begin(&self, from: Time) -> Time {
        let step = i64::try_from(self.interval.millis()).unwrap_or(1).max(1);
        let over = from.unix_millis().rem_euclid(step);
        if !self.provider.adds_up() || over == 0 {
            return from;
        }
        let next = from.unix_millis().saturating_add(step.saturating_sub(over));
        Time::from_unix_millis(next).unwrap_or(from)
    }
}

fn told(provider: Provider, place: &Counters) -> Vec<String> {
    let mut told = vec![
        format!("{provider}:{}", place.url),
        place.total.clone(),
        place.bad.clone(),
    ];
    told.extend(place.tenant.clone());
    told
}

fn whole(interval: Span) -> bool {
    interval.millis().is_multiple_of(1000)
}

impl Origin {
    fn new(provider: Provider, place: &Counters) -> Result<Self, Error> {
        Ok(match provider {
            Provider::Prometheus | Provider::Thanos | Provider::VictoriaMetrics => {
                Self::Prometheus(prometheus::Place::new(provider, place)?)
            }
            Provider::Datadog => Self::Datadog(datadog::Place::new(place)?),
            Provider::CloudWatch => Self::CloudWatch(cloudwatch::Place::new(place)?),
            Provider::NewRelic => Self::NewRelic(newrelic::Place::new(place)?),
            Provider::Graphite => Self::Graphite(graphite::Place::new(place)?),
            Provider::InfluxDb => Self::InfluxDb(influxdb::Place::new(place)?),
            Provider::OpenMetrics | Provider::Haproxy | Provider::Envoy => {
                Self::Scrape(Box::new(scrape::Place::new(provider, place)?))
            }
            Provider::Otlp => Self::Otlp(otlp::Place::new(place)?),
        })
    }

    /// Whether the queries about all and about bad requests tell slots apart.
    fn has_slot(&self) -> [bool; 2] {
        match self {
            Self::Prometheus(place) => place.has_slot(),
            Self::Datadog(place) => place.has_slot(),
            Self::CloudWatch(place) => place.has_slot(),
            Self::NewRelic(place) => place.has_slot(),
            Self::Graphite(place) => place.has_slot(),
            Self::InfluxDb(place) => place.has_slot(),
            Self::Scrape(place) => place.has_slot(),
            Self::Otlp(place) => place.has_slot(),
        }
    }

    /// Refuses a slot that could change a query.
    fn check(&self, slot: &str) -> Result<(), Error> {
        match self {
            Self::Prometheus(_) => Ok(()),
            Self::Datadog(place) => place.check(slot),
            Self::CloudWatch(place) => place.check(slot),
            Self::NewRelic(place) => place.check(slot),
            Self::Graphite(place) => place.check(slot),
            Self::InfluxDb(place) => place.check(slot),
            Self::Scrape(place) => place.check(slot),
            Self::Otlp(place) => place.check(slot),
        }
    }

    /// The counters of both slots; of the baseline only where there is one.
    fn both(&mut self, ask: &mut Ask<'_>, slots: Slots<'_>, window: Window) -> Result<Both, Error> {
        if let Self::Prometheus(place) = self {
            return place.both(ask, slots, window);
        }
        let canary = self.arms(ask, slots.canary, window)?;
        let baseline = slots.baseline.map(|slot| self.arms(ask, slot, window));
        Ok(Both {
            baseline: baseline.transpose()?,
            canary,
        })
    }

    fn arms(&mut self, ask: &mut Ask<'_>, slot: &str, window: Window) -> Result<Arms, Error> {
        match self {
            Self::Prometheus(place) => {
                let only = Slots {
                    baseline: None,
                    canary: slot,
                };
                place.both(ask, only, window).map(|both| both.canary)
            }
            Self::Datadog(place) => place.arms(ask, slot, window.whole()),
            Self::CloudWatch(place) => place.arms(ask, slot, window.whole()),
            Self::NewRelic(place) => place.arms(ask, slot, window.whole()),
            Self::Graphite(place) => place.arms(ask, slot, window.whole()),
            Self::InfluxDb(place) => place.arms(ask, slot, window.whole()),
            Self::Scrape(place) => place.arms(ask, slot, window),
            Self::Otlp(place) => place.arms(ask, slot),
        }
    }
}

/// The counts between two moments, in rows that end at `from` plus whole
/// intervals; where the source cuts the intervals, the first row begins at its
/// first cut from `from` on. What hides the canary is a fault inside the
/// answer; the same `from` gives the same rows again, and more of them.
///
/// # Errors
///
/// Fails when a query, the credentials or the trusted authorities are wrong:
/// waiting would not help.
pub fn rows(client: &Client, source: &mut Source, from: Time, to: Time) -> Result<Look, Error> {
    let window = Window {
        from: source.begin(from),
        to,
        interval: source.interval,
    };
    let mut ask = Ask::new(client, source.interval);
    let mut faults = Vec::new();
    let slots = Slots {
        baseline: source.baseline.as_deref(),
        canary: &source.canary,
    };
    let told = source.origin.both(&mut ask, slots, window);
    let Both { baseline, canary } = unseen(told, &mut faults)?;
    let gathered = if faults.is_empty() {
        let arms = (baseline.as_ref(), &canary);
        Gathered {
            places: located((source.unit, window), arms, &source.by)?,
            ..telemetry::gather_as(source.unit, window, arms.0, arms.1)?
        }
    } else {
        Gathered {
            faults,
            ..Gathered::default()
        }
    };
    Ok(Look {
        gathered,
        asked: ask.asked,
        date: ask.date,
    })
}

/// Telemetry that cannot be reached or read is no sight, but no error either.
fn unseen<T: Default>(told: Result<T, Error>, faults: &mut Vec<Blind>) -> Result<T, Error> {
    let error = match told {
        Ok(told) => return Ok(told),
        Err(error) => error,
    };
    let reason = match error.kind() {
        Kind::Upstream => Reason::Unreachable,
        Kind::Blind => Reason::Unreadable,
        Kind::Usage
        | Kind::Invalid
        | Kind::Credentials
        | Kind::Blocked
        | Kind::Expired
        | Kind::Refuted
        | Kind::Stuck
        | Kind::Interrupted
        | Kind::Terminated
        | Kind::Bug => return Err(error),
    };
    let lines = liftlock::failure::Failure::from(error).lines();
    faults.push(Blind::new(reason, lines.join(": ")));
    Ok(T::default())
}

#[cfg(test)]
mod tests;
