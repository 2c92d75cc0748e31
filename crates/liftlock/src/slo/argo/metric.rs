//! One metric of an analysis template.

use regex_lite::Regex;

use super::super::analysis::{Analysis, ArgoRule, Condition, Limit, Rule};
use super::super::document::Node;
use super::super::error::{Halt, Invalid};
use super::super::expression::Expression;
use super::super::indicator::{Query, Source};
use super::super::length;
use super::super::{Format, Found};
use super::argument::Arguments;
use super::job;
use crate::span::Span;

/// Consecutive errors that are still none, where a metric does not say.
const ERRORS: u32 = 4;

/// Reads a metric.
pub(super) fn analysis(
    node: &Node<'_>,
    owner: &str,
    arguments: &Arguments,
    dry: &[Regex],
) -> Result<Found, Halt> {
    let name = node.word("name")?;
    let query = query(&node.need("provider")?, arguments)?;
    let limit = |key, default| limit(node, key, default, arguments);
    let condition = |key| condition(node, key, arguments);
    let count = match node.get("count") {
        Some(count) => match whole(&count, arguments)? {
            0 => None,
            times => Some(u32::try_from(times).map_err(|source| {
                count.invalid(format!("is no count of measurements: {source}"))
            })?),
        },
        None => None,
    };
    let rule = ArgoRule {
        success: condition("successCondition")?,
        failure: condition("failureCondition")?,
        interval: span(node, "interval", arguments)?,
        initial_delay: span(node, "initialDelay", arguments)?,
        count,
        failures: limit("failureLimit", 0)?,
        inconclusive: limit("inconclusiveLimit", 0)?,
        errors: limit("consecutiveErrorLimit", ERRORS)?,
        dry_run: dry.iter().any(|pattern| pattern.is_match(name)),
    };
    Ok(Found::Analysis(Box::new(Analysis {
        format: Format::Argo,
        name: name.to_owned(),
        owner: owner.to_owned(),
        query: Some(query),
        rule: Rule::Argo(rule),
    })))
}

/// The query of the one provider.
fn query(provider: &Node<'_>, arguments: &Arguments) -> Result<Query, Halt> {
    let keys = provider.keys();
    let given: Vec<&str> = keys
        .into_iter()
        .filter(|key| provider.get(key).is_some())
        .collect();
    let [key] = given.as_slice() else {
        let why = format!("has {} providers: one is needed", given.len());
        return Err(provider.invalid(why).into());
    };
    let inner = provider.need(key)?;
    match *key {
        "job" => {
            job::check(&inner)?;
            return Err(Halt::Skip("a job of Kubernetes is not a query".to_owned()));
        }
        "web" => {
            return Err(Halt::Skip(
                "a web request is not a query of metrics".to_owned(),
            ));
        }
        "plugin" => {
            return Err(Halt::Skip(
                "plugins are programs that only Argo Rollouts runs".to_owned(),
            ));
        }
        "kayenta" => {
            return Err(Halt::Skip(
                "it asks a server of Kayenta: give its configuration".to_owned(),
            ));
        }
        _ => {}
    }
    let source = Source::named(key)
        .ok_or_else(|| Halt::Skip(format!("nobody here knows the provider `{key}`")))?;
    let text = match (&source, inner.get("query")) {
        (_, Some(text)) => text,
        (Source::Prometheus, None) => inner.need("query")?,
        (Source::Other(name), None) => {
            return Err(Halt::Skip(format!("it has no single query of {name}")));
        }
    };
    let filled = arguments.fill(&text, text.text()?)?;
    Ok(Query {
        source,
        text: filled,
    })
}

fn condition(node: &Node<'_>, key: &str, arguments: &Arguments) -> Result<Option<Condition>, Halt> {
    let Some(node) = node.get(key) else {
        return Ok(None);
    };
    if node.value().as_str().is_some_and(str::is_empty) {
        return Ok(None);
    }
    let text = arguments.known(&node)?;
    match Expression::parse(&text) {
        Ok(expression) => Ok(Some(Condition { text, expression })),
        Err(refused) => Err(Halt::Skip(format!(
            "its {key} is not understood: {refused}"
        ))),
    }
}

fn whole(node: &Node<'_>, arguments: &Arguments) -> Result<i64, Halt> {
    let text = arguments.known(node)?;
    let number = text.trim().parse().ok();
    number.ok_or_else(|| {
        node.invalid(format!("is `{text}`, not a whole number"))
            .into()
    })
}

fn limit(node: &Node<'_>, key: &str, default: u32, arguments: &Arguments) -> Result<Limit, Halt> {
    let Some(node) = node.get(key) else {
        return Ok(Limit::Times(default));
    };
    match whole(&node, arguments)? {
        -1 => Ok(Limit::Unlimited),
        times => match u32::try_from(times) {
            Ok(times) => Ok(Limit::Times(times)),
            Err(source) => Err(node.invalid(format!("is no limit: {source}")).into()),
        },
    }
}

fn span(node: &Node<'_>, key: &str, arguments: &Arguments) -> Result<Option<Span>, Halt> {
    let Some(node) = node.get(key) else {
        return Ok(None);
    };
    let text = arguments.known(&node)?;
    match length::parse(&text) {
        Some(span) => Ok(Some(span)),
        None => Err(node
            .invalid(format!("is `{text}`, not a length of time such as 5m"))
            .into()),
    }
}

/// The metrics that are only reported, as patterns of their names.
pub(super) fn dry_runs(spec: &Node<'_>) -> Result<Vec<Regex>, Invalid> {
    let list = spec.list("dryRun")?;
    let patterns = list.iter().map(|one| {
        let node = one.need("metricName")?;
        Regex::new(node.text()?)
            .map_err(|refused| node.invalid(format!("is not an expression: {refused}")))
    });
    patterns.collect()
}
