//! An objective as a document of OpenSLO v1.

use serde_json::{Map, Value, json};

use super::super::alerting::{Alerting, Burn};
use super::super::indicator::{Form, Indicator, Part, Query};
use super::super::objective::{Budgeting, Slo};
use super::super::window::Window;
use crate::span::Span;

/// The document, or why there is none.
pub(super) fn document(slo: &Slo) -> Result<Value, &'static str> {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), slo.name.clone().into());
    if !slo.labels.is_empty() {
        metadata.insert("labels".to_owned(), json!(slo.labels));
    }
    let mut spec = Map::new();
    let mut set = |key: &str, value: Value| spec.insert(key.to_owned(), value);
    if !slo.description.is_empty() {
        set("description", slo.description.clone().into());
    }
    if !slo.service.is_empty() {
        set("service", slo.service.clone().into());
    }
    set("indicator", indicator(slo));
    set("timeWindow", json!([window(&slo.window)?]));
    let (method, objective) = objective(slo);
    set("budgetingMethod", method.into());
    set("objectives", json!([objective]));
    if !slo.alerting.burns.is_empty() {
        let policies: Vec<Value> = slo.alerting.burns.iter().map(policy).collect();
        set("alertPolicies", policies.into());
    }
    Ok(json!({
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": metadata,
        "spec": spec,
    }))
}

/// What of an objective no document can hold.
pub(super) fn lost(slo: &Slo) -> Vec<&'static str> {
    let plain = Alerting {
        burns: slo.alerting.burns.clone(),
        ..Alerting::default()
    };
    let alerting = (slo.alerting != plain)
        .then_some("names, labels, annotations and switches of alerts are not in OpenSLO");
    let grouping = (!slo.grouping.is_empty()).then_some(
        "an objective for each value of a label is not in OpenSLO: one for all was written",
    );
    alerting.into_iter().chain(grouping).collect()
}

fn indicator(slo: &Slo) -> Value {
    let metric = match &slo.indicator {
        Indicator::Ratio {
            part,
            form,
            events,
            total,
        } => {
            let key = match part {
                Part::Good => "good",
                Part::Bad => "bad",
            };
            ratio(*form == Form::Counter, key, events, total)
        }
        Indicator::Latency { within, total, .. } => ratio(true, "good", within, total),
        Indicator::Share { part, query } => {
            let kind = match part {
                Part::Good => "success",
                Part::Bad => "failure",
            };
            json!({"ratioMetric": {"rawType": kind, "raw": source(query)}})
        }
        Indicator::Threshold { query, .. } => json!({"thresholdMetric": source(query)}),
    };
    json!({"metadata": {"name": slo.name}, "spec": metric})
}

fn ratio(counter: impl Into<Value>, key: &str, events: &Query, total: &Query) -> Value {
    let mut metric = Map::new();
    metric.insert("counter".to_owned(), counter.into());
    metric.insert(key.to_owned(), source(events));
    metric.insert("total".to_owned(), source(total));
    json!({"ratioMetric": metric})
}

fn source(query: &Query) -> Value {
    json!({"metricSource": {"type": query.source, "spec": {"query": query.text}}})
}

fn window(window: &Window) -> Result<Value, &'static str> {
    match window {
        Window::Rolling(span) => match shorthand(*span) {
            Some(duration) => Ok(json!({"duration": duration, "isRolling": true})),
            None => Err("a window of seconds is not in OpenSLO"),
        },
        Window::Calendar(calendar) => Ok(json!({
            "duration": format!("{}{}", calendar.count, calendar.unit.letter()),
            "isRolling": false,
            "calendar": {"startTime": calendar.start, "timeZone": calendar.zone},
        })),
    }
}

/// A number of days, hours or minutes.
fn shorthand(span: Span) -> Option<String> {
    let text = span.to_string();
    let whole = span >= Span::seconds(60) && !text.ends_with('s');
    whole.then_some(text)
}

/// The budgeting method, and the objective itself.
fn objective(slo: &Slo) -> (&'static str, Value) {
    let mut objective = Map::new();
    let mut set = |key: &str, value: Value| objective.insert(key.to_owned(), value);
    if let Indicator::Threshold { op, limit, .. } = &slo.indicator {
        set("op", op.word().into());
        set("value", (*limit).into());
    }
    set("target", slo.target.share().fraction().into());
    let method = match slo.budgeting {
        Budgeting::Occurrences => "Occurrences",
        Budgeting::Timeslices { target, window } => {
            set("timeSliceTarget", target.fraction().into());
            set("timeSliceWindow", window.to_string().into());
            "Timeslices"
        }
        Budgeting::RatioTimeslices { window } => {
            set("timeSliceWindow", window.to_string().into());
            "RatioTimeslices"
        }
    };
    (method, objective.into())
}

/// One policy for one condition: more are not allowed.
fn policy(burn: &Burn) -> Value {
    let mut condition = Map::new();
    condition.insert("kind".to_owned(), "AlertCondition".into());
    if !burn.name.is_empty() {
        condition.insert("metadata".to_owned(), json!({"name": burn.name}));
    }
    let rule = json!({
        "severity": burn.severity,
        "condition": {
            "kind": "burnrate",
            "op": burn.op.word(),
            "threshold": burn.threshold,
            "lookbackWindow": burn.lookback.to_string(),
            "alertAfter": burn.after.to_string(),
        },
    });
    condition.insert("spec".to_owned(), rule);
    json!({
        "kind": "AlertPolicy",
        "spec": {"alertWhenBreaching": true, "conditions": [condition], "notificationTargets": []},
    })
}
