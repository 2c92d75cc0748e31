//! Further metrics of a server with Prometheus' HTTP API, beside the first count.

use std::time::{Duration, Instant};

use liftlock::canary::Reason;
use liftlock::canary::metric::Metric;
use liftlock::canary::record::Asked;
use liftlock::canary::sight::Blind;
use liftlock::telemetry::several::{Column, Wanted};
use liftlock::telemetry::{Answer, Window};
use liftlock::time::Time;

use super::ask::Ask;
use super::prometheus::{Place, reach};
use super::{Error, Origin, Source, unseen};
use crate::http::Client;
use crate::stop;

/// The longest that the questions of one look may take together.
const LONGEST: Duration = Duration::from_secs(60);

/// What one look found of some metrics.
#[derive(Clone, Debug, Default)]
pub struct Further {
    /// What was counted of each of them.
    pub columns: Vec<Column>,
    /// What was asked.
    pub asked: Vec<Asked>,
}

/// The metrics with the edges that their histograms have now.
///
/// # Errors
///
/// Fails when the server cannot be asked, when it is of another kind, and when
/// it shows no bucket of a histogram.
pub fn seen(
    client: &Client,
    source: &Source,
    wanted: &[Wanted],
    now: Time,
) -> Result<Vec<Metric>, Error> {
    let window = Window {
        from: now,
        to: now,
        interval: source.interval,
    };
    let mut ask = Ask::new(client, source.interval);
    let place = place(source)?;
    let mut metrics = Vec::new();
    for one in wanted {
        if !one.is_looked_at() {
            metrics.push(one.metric.clone());
            continue;
        }
        let answers = answers(&mut ask, (place, source), (one, window))?;
        if let Some(warning) = answers.iter().flat_map(|answer| &answer.warnings).next() {
            return Err(Error::Partial(warning.clone()));
        }
        let metric = one.seen(source.slots(), &answers);
        let metric = metric.map_err(Error::of(source.provider))?;
        if one.is_histogram() && metric.edges.is_empty() {
            return Err(Error::NoEdges(metric.name));
        }
        metrics.push(metric);
    }
    Ok(metrics)
}

/// The counts of each metric in the rows of a window.
///
/// # Errors
///
/// Fails as [`super::rows`] does.
pub fn columns(
    client: &Client,
    source: &Source,
    wanted: &[(Wanted, Metric)],
    (from, to): (Time, Time),
) -> Result<Further, Error> {
    let window = Window {
        from: source.begin(from),
        to,
        interval: source.interval,
    };
    let mut ask = Ask::new(client, source.interval);
    let place = place(source)?;
    let mut columns: Vec<Column> = Vec::new();
    let mut deaf: Option<Vec<Blind>> = None;
    let begun = Instant::now();
    for (one, metric) in wanted {
        // Whoever does not answer one question is not asked hundreds more.
        if let Some(faults) = &deaf {
            columns.push(Column {
                faults: faults.clone(),
                ..Column::default()
            });
            continue;
        }
        let mut faults: Vec<Blind> = Vec::new();
        if begun.elapsed() > LONGEST || stop::asked() {
            let why = "the questions about further metrics took too long";
            faults.push(Blind::new(Reason::Unreachable, why));
            deaf = Some(faults.clone());
        }
        let answers = match faults.is_empty() {
            true => answers(&mut ask, (place, source), (one, window)),
            false => Ok(Vec::new()),
        };
        let answers = unseen(answers, &mut faults)?;
        if faults
            .iter()
            .any(|fault| fault.reason == Reason::Unreachable)
        {
            deaf = Some(faults.clone());
        }
        columns.push(match faults.is_empty() {
            true => one.gather(metric, (window, source.slots()), &answers)?,
            false => Column {
                faults,
                ..Column::default()
            },
        });
    }
    Ok(Further {
        columns,
        asked: ask.asked,
    })
}

fn answers(
    ask: &mut Ask<'_>,
    (place, source): (&Place, &Source),
    (wanted, window): (&Wanted, Window),
) -> Result<Vec<Answer>, Error> {
    let queries = wanted.queries(source.slots(), reach(window));
    match wanted.is_histogram() {
        true => place.histograms(ask, &queries, window.to),
        false => place.answers(ask, &queries, window.to),
    }
}

fn place(source: &Source) -> Result<&Place, Error> {
    match &source.origin {
        Origin::Prometheus(place) => Ok(place),
        Origin::Datadog(_)
        | Origin::CloudWatch(_)
        | Origin::NewRelic(_)
        | Origin::Graphite(_)
        | Origin::InfluxDb(_)
        | Origin::Scrape(_)
        | Origin::Otlp(_) => Err(Error::Alone(source.provider)),
    }
}
