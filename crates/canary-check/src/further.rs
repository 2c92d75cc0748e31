//! Metrics beside the first count: read from a file or the configuration, asked
//! with every look.

use std::path::Path;

use liftlock::canary::Policy;
use liftlock::canary::counts::Tally;
use liftlock::canary::metric::Metric;
use liftlock::canary::panel::{ONLY, Panel};
use liftlock::canary::place::Split;
use liftlock::canary::record::Asked;
use liftlock::config::metrics::Metrics as Configured;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::telemetry::Gathered;
use liftlock::telemetry::several::{self, Column, Reading, Wanted, check_labels};
use liftlock::time::Time;
use liftlock::yaml;
use liftlock_io::file;
use liftlock_io::http::Client;
use liftlock_io::telemetry::{self, Source, further};

/// The metrics of a run, beside its first count.
#[derive(Default)]
pub(crate) struct Metrics {
    wanted: Vec<(Wanted, Metric)>,
    told: Vec<String>,
    /// By what the first count is told apart.
    by: Vec<Split>,
}

/// What is asked for beside the first count, and what tells it from others.
#[derive(Debug, Default)]
pub(crate) struct List {
    wanted: Vec<Wanted>,
    told: Vec<String>,
    by: Vec<String>,
}

impl List {
    /// Reads a file of metrics.
    pub(crate) fn read(path: &Path, reading: Reading<'_>) -> Result<Self, Failure> {
        let limit = u64::try_from(yaml::LARGEST).unwrap_or(u64::MAX);
        let text = file::read_text(path, limit)?;
        let wanted = several::parse(&text, reading).map_err(|error| {
            let message = format!("cannot understand `{}`", path.display());
            Failure::above(message, error)
        })?;
        Ok(Self {
            wanted,
            by: Vec::new(),
            told: [format!("metrics {}", Digest::of(text.as_bytes()))]
                .into_iter()
                .chain(
                    reading
                        .slot_label
                        .map(|label| format!("slot label {label}")),
                )
                .collect(),
        })
    }

    /// Whether the first count is all there is.
    pub(crate) const fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// With labels by which the first count is told apart.
    pub(crate) fn with(self, by: Vec<String>) -> Self {
        Self { by, ..self }
    }

    /// Those of a configuration.
    pub(crate) fn configured(metrics: &Configured) -> Result<Self, Failure> {
        let told = metrics.further.iter().map(|one| {
            let written = serde_json::to_vec(one).unwrap_or_default();
            format!("metric {} {}", one.name, Digest::of(&written))
        });
        Ok(Self {
            wanted: metrics.wanted()?,
            by: Vec::new(),
            told: told.collect(),
        })
    }
}

impl Metrics {
    /// Asks which edges the histograms of a list have, and which values the
    /// labels by which counts are told apart.
    pub(crate) fn seen(
        list: List,
        (client, source): (&Client, &mut Source),
        now: Time,
    ) -> Result<Self, Failure> {
        check_labels(&list.by)?;
        let by = source.split(client, &list.by, now).map_err(unseen)?;
        let metrics = match list.wanted.as_slice() {
            [] => Vec::new(),
            wanted => further::seen(client, source, wanted, now).map_err(unseen)?,
        };
        let mut told = list.told;
        told.extend(list.by.iter().map(|label| format!("by {label}")));
        Ok(Self {
            wanted: list.wanted.into_iter().zip(metrics).collect(),
            told,
            by,
        })
    }

    /// Goes on with the values that an earlier run told counts apart by.
    pub(crate) fn adopt(&mut self, kept: &Panel, source: &mut Source) {
        self.by = kept.splits(ONLY);
        source.tell_apart(self.by.clone());
        for (_, metric) in &mut self.wanted {
            metric.by = kept.splits(metric.name.as_str());
        }
        self.keep_edges(kept);
    }

    /// Takes the edges that an earlier run began with: those that it would
    /// choose now may be others, as a histogram has filled since.
    fn keep_edges(&mut self, begun: &Panel) {
        for (wanted, metric) in &mut self.wanted {
            let strands = begun.strands().iter();
            let ours = strands.filter(|strand| strand.metric == metric.name);
            let edges: Vec<_> = ours.filter_map(|strand| strand.edge.clone()).collect();
            if wanted.is_histogram() && !edges.is_empty() {
                metric.edges = edges;
            }
        }
    }

    /// All metrics of a panel; none where there is only the first count.
    pub(crate) fn panel(&self, policy: &Policy) -> Result<Vec<Metric>, Failure> {
        if self.wanted.is_empty() && self.by.is_empty() {
            return Ok(Vec::new());
        }
        let first = ONLY
            .parse()
            .map_err(|_never| Failure::new(Kind::Bug, "the first count has no name"))?;
        let further = self.wanted.iter().map(|(_, metric)| metric.clone());
        let first = Metric {
            by: self.by.clone(),
            unit: policy.unit,
            ..Metric::new(first)
        };
        Ok([first].into_iter().chain(further).collect())
    }

    /// What tells these metrics from others.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.clone()
    }

    /// What is known of a canary before its first row.
    pub(crate) fn begin(&self, policy: &Policy) -> Result<Panel, Failure> {
        Ok(match self.panel(policy)?.as_slice() {
            [] => Panel::single(policy.clone()),
            metrics => Panel::new(policy, metrics)?,
        })
    }

    /// Asks for the rows beside those of the first count.
    pub(crate) fn beside(
        &self,
        gathered: &mut Gathered,
        (client, source): (&Client, &Source),
        (window, asked): ((Time, Time), &mut Vec<Asked>),
    ) -> Result<Vec<Tally>, Failure> {
        if self.wanted.is_empty() {
            return Ok(several::beside(gathered, &[]));
        }
        let columns = self.columns((client, source), (window, asked))?;
        Ok(several::beside(gathered, &columns))
    }

    /// What was counted of each metric.
    pub(crate) fn columns(
        &self,
        (client, source): (&Client, &Source),
        (window, asked): ((Time, Time), &mut Vec<Asked>),
    ) -> Result<Vec<(Metric, Column)>, Failure> {
        let found = further::columns(client, source, &self.wanted, window)?;
        asked.extend(found.asked);
        let metrics = self.wanted.iter().map(|(_, metric)| metric.clone());
        Ok(metrics.zip(found.columns).collect())
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
