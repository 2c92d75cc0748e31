//! A file of exports in OpenTelemetry's protocol, read anew at each look.

use std::path::PathBuf;

use liftlock::config::metrics::{Counters, Provider};
use liftlock::telemetry::{Answer, Arms, Counter, Matcher, otlp};

use super::Error;
use super::ask::Ask;
use crate::{clock, file};

/// A file and what is read from it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
    queries: [Matcher; 2],
}

impl Place {
    pub(super) fn new(place: &Counters) -> Result<Self, Error> {
        let of = Error::of(Provider::Otlp);
        Ok(Self {
            path: place.url.trim().into(),
            queries: [
                Matcher::new("total", &place.total).map_err(&of)?,
                Matcher::new("bad", &place.bad).map_err(&of)?,
            ],
        })
    }

    pub(super) fn has_slot(&self) -> [bool; 2] {
        self.queries.each_ref().map(Matcher::has_slot)
    }

    pub(super) fn check(&self, slot: &str) -> Result<(), Error> {
        let of = Error::of(Provider::Otlp);
        for query in &self.queries {
            query.about(slot).map_err(&of)?;
        }
        Ok(())
    }

    pub(super) fn arms(&self, ask: &mut Ask<'_>, slot: &str) -> Result<Arms, Error> {
        let of = Error::of(Provider::Otlp);
        let [total, bad] = &self.queries;
        let wanted = [
            total.about(slot).map_err(&of)?,
            bad.about(slot).map_err(&of)?,
        ];
        let limit = u64::try_from(otlp::LARGEST).unwrap_or(u64::MAX);
        let bytes = file::read(&self.path, limit).map_err(Error::Exports)?;
        ask.keep(&bytes, (&self.path.to_string_lossy(), clock::now()));
        let [total, bad] = &wanted;
        let found = otlp::parse(&bytes, [total, bad]).map_err(&of)?;
        let [total, bad] = found.map(|series| {
            Counter::Raw(Answer {
                series,
                ..Answer::default()
            })
        });
        Ok(Arms { total, bad })
    }
}
