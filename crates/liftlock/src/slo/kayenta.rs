//! Reads the canary configuration of Kayenta, alone or inside of a request.
//!
//! Format: docs/canary-config.md of spinnaker/kayenta. A request is
//! `{"canaryConfig": …, "executionRequest": …}`.

use std::collections::BTreeMap;

use super::analysis::{Analysis, Direction, KayentaRule, Nan, Rule};
use super::document::Node;
use super::error::{Halt, Invalid};
use super::indicator::{Query, Source};
use super::{Format, Found, Reading, settle};

/// The most groups that a configuration weighs, and that a metric is in.
const MOST: usize = 64;

/// The longest name of a group, in bytes.
const LONGEST: usize = 256;

/// Whether a document without kind looks like one.
pub(super) fn recognises(root: &Node<'_>) -> bool {
    let config = root.get("canaryConfig").unwrap_or_else(|| root.clone());
    let metrics = config
        .get("metrics")
        .is_some_and(|list| list.value().is_array());
    metrics
        && ["classifier", "judge"]
            .iter()
            .any(|key| config.get(key).is_some())
}

/// Reads a configuration.
pub(super) fn config(root: &Node<'_>) -> Vec<Reading> {
    metrics(root).unwrap_or_else(|refused| vec![Err(refused)])
}

fn metrics(root: &Node<'_>) -> Result<Vec<Reading>, Invalid> {
    let config = root.get("canaryConfig").unwrap_or_else(|| root.clone());
    let frame = frame(root, &config)?;
    let metrics = config.list("metrics")?;
    if metrics.is_empty() {
        return Err(config
            .need("metrics")
            .map_or_else(|no| no, |list| list.invalid("is empty")));
    }
    let readings = metrics.iter().map(|node| {
        let name = node.word("name")?;
        let what = format!("metric `{name}` of `{}`", frame.owner);
        settle(what, frame.metric(&config, node, name))
    });
    Ok(readings.collect())
}

/// What all metrics of a configuration have in common.
struct Frame {
    owner: String,
    judge: String,
    weights: BTreeMap<String, f64>,
    scores: Option<(f64, f64)>,
    points: Option<u64>,
}

fn frame(root: &Node<'_>, config: &Node<'_>) -> Result<Frame, Invalid> {
    let owner = config.note("name")?;
    let judge = match config.get("judge") {
        Some(judge) => judge.note("name")?,
        None => String::new(),
    };
    let weights = config.along(&["classifier", "groupWeights"]);
    let request = root.get("executionRequest");
    let asked = request
        .as_ref()
        .and_then(|request| request.get("thresholds"));
    let scores = asked.or_else(|| config.along(&["classifier", "scoreThresholds"]));
    Ok(Frame {
        owner: if owner.is_empty() {
            "canary configuration".to_owned()
        } else {
            owner
        },
        judge,
        weights: weights.map_or(Ok(BTreeMap::new()), |node| reals(&node))?,
        scores: scores.map_or(Ok(None), |node| scored(&node))?,
        points: request.map_or(Ok(None), |request| points(&request))?,
    })
}

fn reals(node: &Node<'_>) -> Result<BTreeMap<String, f64>, Invalid> {
    let keys = node.keys();
    if keys.len() > MOST {
        return Err(node.invalid(format!("has more than {MOST} entries")));
    }
    if keys.iter().any(|key| key.len() > LONGEST) {
        return Err(node.invalid(format!("has a name of more than {LONGEST} bytes")));
    }
    let pairs = keys
        .into_iter()
        .filter_map(|key| Some((key, node.get(key)?)));
    pairs
        .map(|(key, value)| Ok((key.to_owned(), value.real()?)))
        .collect()
}

fn scored(node: &Node<'_>) -> Result<Option<(f64, f64)>, Invalid> {
    match (node.get("marginal"), node.get("pass")) {
        (None, None) => Ok(None),
        (Some(marginal), Some(pass)) => {
            let scores = (marginal.real()?, pass.real()?);
            if scores.0 > scores.1 {
                return Err(marginal.invalid("is above `pass`"));
            }
            Ok(Some(scores))
        }
        (Some(_), None) | (None, Some(_)) => {
            Err(node.invalid("has only one of `marginal` and `pass`"))
        }
    }
}

/// The points of one look: its length over the step of the scopes.
fn points(request: &Node<'_>) -> Result<Option<u64>, Invalid> {
    let minutes = |key| request.get(key).map(|node| node.real()).transpose();
    let lookback = minutes("lookbackMins")?.filter(|minutes| *minutes > 0.0);
    let length = match lookback {
        Some(lookback) => Some(lookback),
        None => minutes("lifetimeDurationMins")?,
    };
    let Some(scope) = request.list("scopes")?.into_iter().next() else {
        return Ok(None);
    };
    let step = match scope.get("step") {
        Some(step) => Some(step.real()?).filter(|step| *step >= 1.0),
        None => Some(60.0),
    };
    let points = length
        .zip(step)
        .map(|(minutes, step)| minutes * 60.0 / step);
    let points = points.filter(|points| (0.0..1e9).contains(points));
    Ok(points.and_then(|points| format!("{points:.0}").parse().ok()))
}

impl Frame {
    fn metric(&self, config: &Node<'_>, node: &Node<'_>, name: &str) -> Result<Found, Halt> {
        let query = query(config, &node.need("query")?)?;
        let rules = node
            .along(&["analysisConfigurations", "canary"])
            .or_else(|| node.along(&["extensions", "canary"]));
        let groups = node.list("groups")?;
        if groups.len() > MOST {
            return Err(node
                .invalid(format!("is in more than {MOST} groups"))
                .into());
        }
        let groups: Result<Vec<_>, Invalid> = groups
            .iter()
            .map(|group| group.text().map(str::to_owned))
            .collect();
        let mut rule = KayentaRule {
            judge: self.judge.clone(),
            groups: groups?,
            weights: self.weights.clone(),
            direction: Direction::Either,
            critical: false,
            muted: false,
            nan: Nan::Remove,
            must_have_data: false,
            effect: BTreeMap::new(),
            scores: self.scores,
            points: self.points,
        };
        if let Some(rules) = rules {
            canary(&rules, &mut rule)?;
        }
        Ok(Found::Analysis(Box::new(Analysis {
            format: Format::Kayenta,
            name: name.to_owned(),
            owner: self.owner.clone(),
            query: Some(query),
            rule: Rule::Kayenta(rule),
        })))
    }
}

fn canary(rules: &Node<'_>, rule: &mut KayentaRule) -> Result<(), Invalid> {
    if let Some(node) = rules.get("direction") {
        rule.direction = match node.text()? {
            "increase" => Direction::Increase,
            "decrease" => Direction::Decrease,
            "either" => Direction::Either,
            other => {
                return Err(
                    node.invalid(format!("is `{other}`, none of increase, decrease, either"))
                );
            }
        };
    }
    if let Some(node) = rules.get("nanStrategy") {
        rule.nan = match node.text()? {
            "remove" => Nan::Remove,
            "replace" => Nan::Replace,
            other => return Err(node.invalid(format!("is `{other}`, neither remove nor replace"))),
        };
    }
    rule.critical = rules.is_on("critical")?;
    rule.muted = rules.is_on("muted")?;
    rule.must_have_data = rules.is_on("mustHaveData")?;
    if let Some(effect) = rules.get("effectSize") {
        let bounds = effect
            .keys()
            .into_iter()
            .filter(|key| key.starts_with("allowed") || key.starts_with("critical"));
        for key in bounds {
            rule.effect
                .insert(key.to_owned(), effect.need(key)?.real()?);
        }
    }
    Ok(())
}

/// The text of a query: one written out, or what its source makes of it.
fn query(config: &Node<'_>, node: &Node<'_>) -> Result<Query, Halt> {
    let kind = node.word("type")?;
    let source = Source::named(kind)
        .ok_or_else(|| Halt::Skip(format!("nobody here knows a source of the type `{kind}`")))?;
    let written = ["customInlineTemplate", "q", "select", "query"];
    if let Some(text) = written.iter().find_map(|key| node.get(key)) {
        let text = text.text()?;
        let text = text.strip_prefix("PromQL:").unwrap_or(text).trim();
        return Ok(Query {
            source,
            text: text.to_owned(),
        });
    }
    let names = ["metricName", "metricType"];
    let metric = names.iter().find_map(|key| node.get(key));
    let Some(metric) = metric else {
        return Err(Halt::Skip(format!(
            "its {kind} source names no metric in a way that is known here"
        )));
    };
    let mut filters = Vec::new();
    for binding in node.list("labelBindings")? {
        filters.push(binding.text()?.to_owned());
    }
    if let Some(filter) = node.get("customFilter") {
        filters.push(filter.text()?.to_owned());
    }
    if let Some(name) = node.get("customFilterTemplate") {
        let known = config
            .get("templates")
            .and_then(|all| all.get(name.text().ok()?));
        let known = known.ok_or_else(|| name.invalid("names no template of `templates`"))?;
        filters.push(known.text()?.to_owned());
    }
    let text = metric.text()?;
    let text = if filters.is_empty() {
        text.to_owned()
    } else {
        format!("{text}{{{}}}", filters.join(","))
    };
    Ok(Query { source, text })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Error, parse};
    use super::*;

    fn file() -> Value {
        json!({
            "name": "shop",
            "judge": {"name": "NetflixACAJudge-v1.0"},
            "metrics": [{
                "name": "errors",
                "query": {
                    "type": "prometheus", "metricName": "e",
                    "labelBindings": ["a=\"b\""], "customFilterTemplate": "place"
                },
                "groups": ["requests"],
                "analysisConfigurations": {"canary": {
                    "direction": "increase", "critical": true, "nanStrategy": "replace",
                    "effectSize": {"allowedIncrease": 1.2, "criticalIncrease": 2}
                }}
            }],
            "templates": {"place": "zone=\"${location}\""},
            "classifier": {
                "groupWeights": {"requests": 60, "system": 40},
                "scoreThresholds": {"marginal": 50, "pass": 75}
            }
        })
    }

    fn first(file: &Value) -> Result<Found, String> {
        match parse(file.to_string().as_bytes()) {
            Ok(mut found) => Ok(found.remove(0)),
            Err(Error::Invalid(refused)) => Err(refused.to_string()),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    fn rule(file: &Value) -> (Query, KayentaRule) {
        match first(file) {
            Ok(Found::Analysis(analysis)) => match (analysis.query, analysis.rule) {
                (Some(query), Rule::Kayenta(rule)) => (query, rule),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_format_does_not_allow_is_refused_with_its_place() {
        let metric = "/metrics/0";
        let canary = "/metrics/0/analysisConfigurations/canary";
        for (pointer, key, value, message) in [
            (
                canary,
                "direction",
                json!("up"),
                "canary.direction` is `up`",
            ),
            (
                canary,
                "nanStrategy",
                json!("keep"),
                "canary.nanStrategy` is `keep`",
            ),
            (
                canary,
                "critical",
                json!("yes"),
                "canary.critical` is neither true nor false",
            ),
            (metric, "name", json!(null), "`metrics[0].name` is missing"),
            (
                "/metrics/0/query",
                "customFilterTemplate",
                json!("none"),
                "names no template",
            ),
            (
                "/classifier/scoreThresholds",
                "marginal",
                json!(90),
                "is above `pass`",
            ),
            (
                "/classifier/groupWeights",
                "system",
                json!("much"),
                "is not a number",
            ),
        ] {
            let mut file = file();
            file.pointer_mut(pointer).unwrap()[key] = value;
            let refused = first(&file).unwrap_err();
            assert!(refused.contains(message), "{refused}");
        }
    }

    #[test]
    fn a_metric_is_read_with_the_rules_of_its_configuration() {
        let (query, rule) = rule(&file());
        assert_eq!(query.text, "e{a=\"b\",zone=\"${location}\"}");
        assert_eq!(
            (rule.direction, rule.nan),
            (Direction::Increase, Nan::Replace)
        );
        assert!(rule.critical && !rule.muted && !rule.must_have_data);
        assert_eq!(rule.weights.get("requests"), Some(&60.0));
        assert_eq!(rule.effect.get("allowedIncrease"), Some(&1.2));
        assert_eq!((rule.scores, rule.points), (Some((50.0, 75.0)), None));
    }

    #[test]
    fn a_request_says_how_many_points_there_are() {
        let request = json!({
            "canaryConfig": file(),
            "executionRequest": {
                "scopes": [{"scopeName": "default", "step": 60}],
                "thresholds": {"marginal": 60, "pass": 80},
                "lifetimeDurationMins": 30, "analysisIntervalMins": 10
            }
        });
        let (_, rule) = rule(&request);
        assert_eq!((rule.scores, rule.points), (Some((60.0, 80.0)), Some(30)));
    }

    #[test]
    fn an_unknown_source_is_named() {
        let mut file = file();
        file["metrics"][0]["query"]["type"] = json!("own");
        let found = first(&file);
        assert!(
            matches!(&found, Ok(Found::Skipped(skipped)) if skipped.why.contains("`own`")),
            "{found:?}"
        );
    }
}
