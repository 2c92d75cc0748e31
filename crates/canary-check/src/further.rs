//! Metrics beside the first count: read from a file, asked with every look.

use std::path::Path;

use liftlock::canary::Unit;
use liftlock::canary::counts::Tally;
use liftlock::canary::metric::{Metric, Role};
use liftlock::canary::panel::ONLY;
use liftlock::canary::record::Asked;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::telemetry::Gathered;
use liftlock::telemetry::several::{self, Wanted};
use liftlock::time::Time;
use liftlock::yaml;
use liftlock_io::file;
use liftlock_io::http::Client;
use liftlock_io::telemetry::{self, Source, further};

/// The metrics of a run, beside its first count.
#[derive(Default)]
pub(crate) struct Metrics {
    wanted: Vec<(Wanted, Metric)>,
    file: Option<Digest>,
}

impl Metrics {
    /// Reads the file, and asks which edges its histograms have.
    pub(crate) fn read(
        path: Option<&Path>,
        (client, source): (&Client, &Source),
        now: Time,
    ) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let limit = u64::try_from(yaml::LARGEST).unwrap_or(u64::MAX);
        let text = file::read_text(path, limit)?;
        let wanted = several::parse(&text).map_err(|error| {
            let message = format!("cannot understand `{}`", path.display());
            Failure::because(Kind::Invalid, message, error)
        })?;
        let metrics = further::seen(client, source, &wanted, now).map_err(unseen)?;
        if let Some(metric) = wanted.iter().zip(&metrics).find_map(|(one, metric)| {
            (one.is_histogram() && metric.edges.is_empty()).then_some(metric)
        }) {
            let message = format!(
                "no bucket of the histogram `{}`: its edges are not known",
                metric.name
            );
            return Err(Failure::new(Kind::Blind, message)
                .with_hint("check the selector, and whether the known version is scraped"));
        }
        Ok(Self {
            wanted: wanted.into_iter().zip(metrics).collect(),
            file: Some(Digest::of(text.as_bytes())),
        })
    }

    /// All metrics of a panel, the first of which counts this; none where there
    /// is only that one.
    pub(crate) fn panel(&self, unit: Unit) -> Result<Vec<Metric>, Failure> {
        if self.wanted.is_empty() {
            return Ok(Vec::new());
        }
        let first = ONLY
            .parse()
            .map_err(|_never| Failure::new(Kind::Bug, "the first count has no name"))?;
        let further = self.wanted.iter().map(|(_, metric)| metric.clone());
        let first = Metric {
            unit,
            ..Metric::new(first)
        };
        Ok([first].into_iter().chain(further).collect())
    }

    /// What tells these metrics from others.
    pub(crate) fn told(&self) -> Option<String> {
        self.file.map(|digest| format!("metrics {digest}"))
    }

    /// Asks for the rows beside those of the first count, and puts what hides
    /// a decisive metric to what hides that.
    pub(crate) fn beside(
        &self,
        gathered: &mut Gathered,
        (client, source): (&Client, &Source),
        (window, asked): ((Time, Time), &mut Vec<Asked>),
    ) -> Result<Vec<Tally>, Failure> {
        if self.wanted.is_empty() {
            return Ok(gathered.rows.iter().map(Tally::from).collect());
        }
        let found = further::columns(client, source, &self.wanted, window)?;
        asked.extend(found.asked);
        let metrics = self.wanted.iter().map(|(_, metric)| metric.clone());
        let columns: Vec<_> = metrics.zip(found.columns).collect();
        for (metric, column) in &columns {
            gathered.notes.extend(column.notes.iter().cloned());
            match metric.role {
                Role::Decisive => gathered.faults.extend(column.faults.iter().cloned()),
                Role::Supporting | Role::Shown => {
                    let notes = column.faults.iter().map(|fault| fault.detail.clone());
                    gathered.notes.extend(notes);
                }
            }
        }
        Ok(several::beside(gathered, &columns))
    }
}

/// Telemetry that cannot be reached is no sight.
fn unseen(error: telemetry::Error) -> Failure {
    let mut failure = Failure::from(error);
    if failure.kind == Kind::Upstream {
        failure.kind = Kind::Blind;
    }
    failure
}
