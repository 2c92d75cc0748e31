//! The indicator of an SLI: `ratioMetric` or `thresholdMetric`.

use super::super::document::Node;
use super::super::error::Halt;
use super::super::indicator::{Form, Indicator, Part, Query, Source};
use super::index::Index;
use super::{Dialect, Measured};

/// What an SLI's `spec` measures.
pub(super) fn measured(
    sli: &Node<'_>,
    dialect: Dialect,
    index: &Index<'_>,
) -> Result<Measured, Halt> {
    sli.only(&["description", "thresholdMetric", "ratioMetric"])?;
    let query = |node: &Node<'_>| query(node, dialect, index);
    match (sli.get("ratioMetric"), sli.get("thresholdMetric")) {
        (Some(ratio), None) => Ok(Measured::Ready(indicator(&ratio, query)?)),
        (None, Some(metric)) => Ok(Measured::Value(query(&metric)?)),
        (Some(_), Some(_)) => Err(sli
            .invalid("has both `ratioMetric` and `thresholdMetric`: one is needed")
            .into()),
        (None, None) => Err(sli
            .invalid("has neither `ratioMetric` nor `thresholdMetric`")
            .into()),
    }
}

fn indicator(
    ratio: &Node<'_>,
    query: impl Fn(&Node<'_>) -> Result<Query, Halt>,
) -> Result<Indicator, Halt> {
    ratio.only(&["counter", "good", "bad", "total", "raw", "rawType"])?;
    let [good, bad, raw] = ["good", "bad", "raw"].map(|key| ratio.get(key));
    let (part, events) = match (good, bad, raw) {
        (Some(good), None, None) => (Part::Good, good),
        (None, Some(bad), None) => (Part::Bad, bad),
        (None, None, Some(raw)) => {
            let word = ratio.need("rawType")?;
            let part = match word.text()? {
                "success" => Part::Good,
                "failure" => Part::Bad,
                _ => return Err(word.invalid("is neither success nor failure").into()),
            };
            let query = query(&raw)?;
            return Ok(Indicator::Share { part, query });
        }
        (None, None, None) => return Err(ratio.invalid("has none of good, bad, raw").into()),
        (Some(_), _, _) | (None, Some(_), Some(_)) => {
            return Err(ratio.invalid("has more than one of good, bad, raw").into());
        }
    };
    let form = if ratio.is_on("counter")? {
        Form::Counter
    } else {
        Form::Amount
    };
    let total = query(&ratio.need("total")?)?;
    Ok(Indicator::ratio(part, form, query(&events)?, total))
}

/// The query of a metric, with the type of its source.
fn query(metric: &Node<'_>, dialect: Dialect, index: &Index<'_>) -> Result<Query, Halt> {
    let place = match dialect {
        Dialect::V1 => metric.need("metricSource")?,
        Dialect::V2Alpha => metric.clone(),
    };
    let named = place.get(dialect.either("metricSourceRef", "dataSourceRef"));
    let kind = match dialect {
        Dialect::V1 => place.get("type"),
        Dialect::V2Alpha => place.along(&["dataSourceSpec", "type"]),
    };
    let kind = match (kind, named) {
        (Some(kind), _) => kind,
        (None, Some(named)) => index
            .find("DataSource", &named)?
            .need("spec")?
            .need("type")?,
        (None, None) => place.need(dialect.either("type", "dataSourceRef"))?,
    };
    let kind = kind.text()?;
    let source = Source::named(kind)
        .ok_or_else(|| Halt::Skip(format!("nobody here knows a source of the type `{kind}`")))?;
    let spec = place.need("spec")?;
    let text = ["query", "promql"].iter().find_map(|key| spec.get(key));
    let text = text.ok_or_else(|| {
        Halt::Skip(format!(
            "its {kind} source has no `query`, and other fields are its own"
        ))
    })?;
    Ok(Query {
        source,
        text: text.text()?.to_owned(),
    })
}
