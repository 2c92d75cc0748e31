//! The first version, `openslo/v1alpha`, which Sloth reads as well.

use super::super::alerting::Alerting;
use super::super::document::Node;
use super::super::error::{Halt, Invalid};
use super::super::indicator::{Form, Indicator, Query, Source};
use super::super::objective::Slo;
use super::super::window::{Unit, Window};
use super::super::{Format, Found, Part, Reading, settle};
use super::window::{calendar_from, span};
use super::{budgeting, listed, op, target};

/// Reads an SLO. Its objectives are numbered from 0, as Sloth does.
pub(super) fn objectives(root: &Node<'_>) -> Result<Vec<Reading>, Invalid> {
    let metadata = root.need("metadata")?;
    let name = metadata.word("name")?;
    let spec = root.need("spec")?;
    let list = listed(&spec)?;
    let readings = list.iter().enumerate().map(|(number, node)| {
        let name = format!("{name}-{number}");
        let what = format!("SLO `{name}`");
        settle(what, objective(&metadata, &spec, node, name))
    });
    Ok(readings.collect())
}

fn objective(
    metadata: &Node<'_>,
    spec: &Node<'_>,
    node: &Node<'_>,
    name: String,
) -> Result<Found, Halt> {
    Ok(Found::Slo(Box::new(Slo {
        format: Format::OpenSloV1Alpha,
        name,
        service: spec.note("service")?,
        description: spec.note("description")?,
        labels: metadata.labels("labels")?,
        indicator: indicator(spec, node)?,
        grouping: Vec::new(),
        target: target(node)?,
        window: window(spec)?,
        budgeting: budgeting(&spec.need("budgetingMethod")?, node)?,
        alerting: Alerting::default(),
    })))
}

fn indicator(spec: &Node<'_>, objective: &Node<'_>) -> Result<Indicator, Halt> {
    if let Some(metric) = spec.along(&["indicator", "thresholdMetric"]) {
        return Ok(Indicator::Threshold {
            query: query(&metric)?,
            op: op(&objective.need("op")?)?,
            limit: objective.need("value")?.real()?,
        });
    }
    let ratio = objective.need("ratioMetrics")?;
    let form = if ratio.is_on("incremental")? || ratio.is_on("counter")? {
        Form::Counter
    } else {
        Form::Amount
    };
    let (part, events) = match (ratio.get("good"), ratio.get("bad")) {
        (Some(good), None) => (Part::Good, good),
        (None, Some(bad)) => (Part::Bad, bad),
        (Some(_), Some(bad)) => return Err(bad.invalid("is given beside `good`").into()),
        (None, None) => (Part::Good, ratio.need("good")?),
    };
    let total = query(&ratio.need("total")?)?;
    Ok(Indicator::ratio(part, form, query(&events)?, total))
}

fn query(metric: &Node<'_>) -> Result<Query, Halt> {
    let kind = metric.word("source")?;
    let source = Source::named(kind)
        .ok_or_else(|| Halt::Skip(format!("nobody here knows a source of the type `{kind}`")))?;
    Ok(Query {
        source,
        text: metric.word("query")?.to_owned(),
    })
}

/// The one window: rolling unless it has a calendar.
fn window(spec: &Node<'_>) -> Result<Window, Invalid> {
    let list = spec.need("timeWindows")?;
    let windows = spec.list("timeWindows")?;
    let [node] = windows.as_slice() else {
        return Err(list.invalid("is not a list of exactly one window"));
    };
    let word = node.need("unit")?;
    let unit = match word.text()? {
        "Minute" => Unit::Minute,
        "Hour" => Unit::Hour,
        "Day" => Unit::Day,
        "Week" => Unit::Week,
        "Month" => Unit::Month,
        "Quarter" => Unit::Quarter,
        "Year" => Unit::Year,
        other => return Err(word.invalid(format!("is `{other}`, not a unit such as Day"))),
    };
    let node_count = node.need("count")?;
    let count = node_count.scalar()?.parse().ok().filter(|count| *count > 0);
    let count: u32 = count.ok_or_else(|| node_count.invalid("is not a number above 0"))?;
    match node.get("calendar") {
        Some(calendar) => calendar_from(&calendar, count, unit),
        // Sloth takes a month for 30 days.
        None => span(node, count, unit).map(Window::Rolling),
    }
}
