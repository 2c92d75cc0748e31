//! Reads Pyrra's `ServiceLevelObjective`.
//!
//! Format: `kubernetes/api/v1alpha1` of pyrra-dev/pyrra. The target is a text
//! in percent; metrics are selectors of raw counters.

use super::alerting::{Alert, Alerting};
use super::document::Node;
use super::error::{Halt, Invalid};
use super::indicator::{Form, Indicator, Part, Query};
use super::objective::{Budgeting, Slo};
use super::target::Target;
use super::window::Window;
use super::{Format, Found, Reading, promql, settle};

/// Reads one objective.
pub(super) fn objective(root: &Node<'_>) -> Reading {
    let name = root.need("metadata")?.word("name")?;
    settle(format!("SLO `{name}`"), slo(root, name))
}

fn slo(root: &Node<'_>, name: &str) -> Result<Found, Halt> {
    let spec = root.need("spec")?;
    let target = spec.need("target")?;
    let read = Target::from_percent(&target.scalar()?);
    let read = read.map_err(|refused| target.invalid(refused.to_string()))?;
    let (indicator, grouping) = indicator(&spec.need("indicator")?)?;
    let labels = root.need("metadata")?.labels("labels")?;
    Ok(Found::Slo(Box::new(Slo {
        format: Format::Pyrra,
        name: name.to_owned(),
        service: String::new(),
        description: spec.note("description")?,
        labels,
        indicator,
        grouping,
        target: read,
        window: Window::Rolling(spec.need("window")?.span()?),
        budgeting: Budgeting::Occurrences,
        alerting: alerting(&spec)?,
    })))
}

fn indicator(node: &Node<'_>) -> Result<(Indicator, Vec<String>), Halt> {
    let kinds = ["ratio", "latency", "latencyNative", "bool_gauge"];
    let given: Vec<_> = kinds
        .iter()
        .filter_map(|key| Some((*key, node.get(key)?)))
        .collect();
    let [(key, inner)] = given.as_slice() else {
        let why = format!("has {} of {}: one is needed", given.len(), kinds.join(", "));
        return Err(node.invalid(why).into());
    };
    let indicator = match *key {
        "ratio" => Indicator::ratio(
            Part::Bad,
            Form::Counter,
            metric(&inner.need("errors")?)?,
            metric(&inner.need("total")?)?,
        ),
        "latency" => latency(inner)?,
        "latencyNative" => native(inner)?,
        _ => gauge(inner)?,
    };
    let grouping = inner.list("grouping")?;
    let grouping: Result<Vec<_>, Invalid> = grouping
        .iter()
        .map(|label| label.text().map(str::to_owned))
        .collect();
    Ok((indicator, grouping?))
}

/// A selector of raw counters.
fn metric(node: &Node<'_>) -> Result<Query, Invalid> {
    let metric = node.need("metric")?;
    let text = metric.text()?;
    if promql::selected(text).is_none() {
        return Err(metric.invalid("is not a metric with its labels and nothing else"));
    }
    Ok(Query::prometheus(text))
}

fn latency(node: &Node<'_>) -> Result<Indicator, Invalid> {
    let success = node.need("success")?;
    let (within, total) = (metric(&success)?, metric(&node.need("total")?)?);
    let bound = promql::label(&within.text, "le");
    let bound = bound.filter(|bound| bound.parse::<f64>().is_ok());
    if bound.is_none() {
        return Err(success.invalid("matches no `le` with a number"));
    }
    Ok(Indicator::ratio(Part::Good, Form::Counter, within, total))
}

/// The share of a native histogram that is below the bound.
fn native(node: &Node<'_>) -> Result<Indicator, Invalid> {
    let total = metric(&node.need("total")?)?;
    let bound = node.need("latency")?.span()?;
    let seconds = bound.duration().as_secs_f64();
    let text = format!(
        "histogram_fraction(0, {seconds}, sum(rate({}[{{{{.window}}}}])))",
        total.text
    );
    Ok(Indicator::Share {
        part: Part::Good,
        query: Query::prometheus(text),
    })
}

/// The share of samples of a gauge that are 1.
fn gauge(node: &Node<'_>) -> Result<Indicator, Invalid> {
    let text = metric(node)?.text;
    let window = "[{{.window}}]";
    let text = format!("sum(sum_over_time({text}{window})) / sum(count_over_time({text}{window}))");
    Ok(Indicator::Share {
        part: Part::Good,
        query: Query::prometheus(text),
    })
}

fn alerting(spec: &Node<'_>) -> Result<Alerting, Invalid> {
    let Some(node) = spec.get("alerting") else {
        return Ok(Alerting::default());
    };
    let burns = node.get("burnrates").is_none() || node.is_on("burnrates")?;
    let off = node.is_on("disabled")? || !burns;
    let alert = if off { Alert::Off } else { Alert::default() };
    let name = node.note("name")?;
    Ok(Alerting {
        name: (!name.is_empty()).then_some(name),
        page: alert.clone(),
        ticket: alert,
        ..Alerting::default()
    })
}

#[cfg(test)]
mod tests {
    use indoc::indoc;

    use super::super::parse;
    use super::*;

    const HEAD: &str = indoc! {"
        apiVersion: pyrra.dev/v1alpha1
        kind: ServiceLevelObjective
        metadata: {name: one, labels: {a: b}}
    "};

    fn read(spec: &str) -> Result<Slo, String> {
        let text = format!("{HEAD}spec: {spec}\n");
        let mut found = parse(text.as_bytes()).map_err(|refused| refused.to_string())?;
        let found = found.remove(0);
        let shown = format!("{found:?}");
        found.slo().ok_or(shown)
    }

    const RATIO: &str =
        "indicator: {ratio: {errors: {metric: e}, total: {metric: t}, grouping: [g]}}";

    #[test]
    fn what_pyrra_would_not_take_is_refused_with_its_place() {
        for (spec, message) in [
            (format!("{{target: '100', window: 2w, {RATIO}}}"), "`spec.target` is 100 %"),
            (format!("{{target: nine, window: 2w, {RATIO}}}"), "`spec.target` is `nine`"),
            (format!("{{target: '99', window: 2x, {RATIO}}}"), "`spec.window` is `2x`"),
            ("{target: '99', window: 2w, indicator: {}}".to_owned(), "`spec.indicator` has 0 of"),
            (
                "{target: '99', window: 2w, indicator: {bool_gauge: {metric: sum(up)}}}".to_owned(),
                "`spec.indicator.bool_gauge.metric` is not a metric",
            ),
            (
                "{target: '99', window: 2w, indicator: {latency: {success: {metric: m_bucket}, total: {metric: m_count}}}}".to_owned(),
                "`spec.indicator.latency.success` matches no `le`",
            ),
        ] {
            let refused = read(&spec).unwrap_err();
            assert!(refused.starts_with(message), "{refused}");
        }
    }

    #[test]
    fn an_objective_is_read_as_it_stands() {
        let slo = read(&format!(
            "{{target: '99.99', window: 4w, {RATIO}, alerting: {{burnrates: false}}}}"
        ))
        .unwrap();
        assert_eq!(slo.target.share().billionths(), 999_900_000);
        assert_eq!(slo.window.span().to_string(), "28d");
        assert_eq!(slo.grouping, ["g"]);
        assert_eq!(slo.alerting.page, Alert::Off);
        let Indicator::Ratio {
            part: Part::Bad,
            form: Form::Counter,
            events,
            ..
        } = slo.indicator
        else {
            panic!("{:?}", slo.indicator)
        };
        assert_eq!(events.text, "e");
    }

    #[test]
    fn other_indicators_become_shares() {
        let native = "{target: '99', window: 2w, indicator: {latencyNative: {latency: 250ms, total: {metric: 'm{a=\"b\"}'}}}}";
        let Indicator::Share { part, query } = read(native).unwrap().indicator else {
            panic!("no share")
        };
        assert_eq!(part, Part::Good);
        assert_eq!(
            query.text,
            "histogram_fraction(0, 0.25, sum(rate(m{a=\"b\"}[{{.window}}])))"
        );
        let gauge = "{target: '99', window: 2w, indicator: {bool_gauge: {metric: up}}}";
        let Indicator::Share { query, .. } = read(gauge).unwrap().indicator else {
            panic!("no share")
        };
        assert!(
            query.text.contains("sum_over_time(up[{{.window}}])"),
            "{query:?}"
        );
    }
}
