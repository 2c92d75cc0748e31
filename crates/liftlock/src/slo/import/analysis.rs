//! What metric of an analysis is an objective as well.

use super::super::alerting::{Alerting, Labels};
use super::super::analysis::{Analysis, ArgoRule, FlaggerRule, Limit, Rule};
use super::super::indicator::{Indicator, Op, Part, Query, Source};
use super::super::objective::{Budgeting, Slo};
use super::super::promql;
use super::super::target::{Share, Target};
use super::super::window::Window;
use crate::span::Span;

/// The window of an objective that had none.
const WINDOW: Span = Span::seconds(28 * 86_400);

const NO_WINDOW: &str = "an analysis has no window: 28d was written";

const NOT_ONE: &str = "its condition is not one comparison of one value with a number";

const NO_SHARE: &str = "its query is no share, and no share of measurements may fail: \
    an objective of 100 % leaves no budget";

/// The objective and what of the analysis is lost, or why there is none.
pub(super) fn objective(metric: &Analysis) -> Result<(Slo, Vec<&'static str>), &'static str> {
    let query = metric.query.as_ref();
    let query = query.ok_or("its query is made by Flagger, after the mesh")?;
    let (op, limit) = good(&metric.rule)?;
    let mut lost = vec![NO_WINDOW];
    lost.extend(rules(&metric.rule));
    let (indicator, target) = match share(query, op, limit) {
        Some(found) => found,
        None => {
            let indicator = Indicator::Threshold {
                query: query.clone(),
                op,
                limit,
            };
            (indicator, measured(&metric.rule).ok_or(NO_SHARE)?)
        }
    };
    let slo = Slo {
        format: metric.format,
        name: format!("{}-{}", metric.owner, metric.name),
        service: metric.owner.clone(),
        description: String::new(),
        labels: Labels::new(),
        indicator,
        grouping: Vec::new(),
        target,
        window: Window::Rolling(WINDOW),
        budgeting: Budgeting::Occurrences,
        alerting: Alerting::default(),
    };
    Ok((slo, lost))
}

/// How a good value compares with a limit.
fn good(rule: &Rule) -> Result<(Op, f64), &'static str> {
    match rule {
        Rule::Argo(rule) => argo(rule).ok_or(NOT_ONE),
        Rule::Flagger(FlaggerRule { min, max, .. }) => match (min, max) {
            (Some(min), None) => Ok((Op::Gte, *min)),
            (None, Some(max)) => Ok((Op::Lte, *max)),
            (Some(_), Some(_)) | (None, None) => Err("its range has not exactly one end"),
        },
        Rule::Kayenta(_) => {
            Err("it compares with a baseline, as `canary-check run` does: it has no target")
        }
    }
}

fn argo(rule: &ArgoRule) -> Option<(Op, f64)> {
    match (&rule.success, &rule.failure) {
        (Some(success), _) => success.expression.comparison(),
        (None, Some(failure)) => {
            let (op, limit) = failure.expression.comparison()?;
            Some((op.opposite(), limit))
        }
        (None, None) => None,
    }
}

/// What of the rules no objective can hold.
fn rules(rule: &Rule) -> Vec<&'static str> {
    match rule {
        Rule::Argo(rule) => {
            let both = (rule.success.is_some() && rule.failure.is_some())
                .then_some("what is neither a success nor a failure is not in OpenSLO");
            let limits = "its interval, count and limits are not in OpenSLO";
            both.into_iter().chain([limits]).collect()
        }
        Rule::Flagger(_) => vec!["its interval and threshold of checks are not in OpenSLO"],
        Rule::Kayenta(_) => Vec::new(),
    }
}

/// A limit on a quotient is a promise about a share.
fn share(query: &Query, op: Op, limit: f64) -> Option<(Indicator, Target)> {
    if query.source != Source::Prometheus || !promql::is_quotient(&query.text) {
        return None;
    }
    let limit = Share::from_ratio(&limit.to_string())?;
    let (part, share) = match op {
        Op::Gt | Op::Gte => (Part::Good, limit),
        Op::Lt | Op::Lte => (Part::Bad, limit.rest()),
    };
    let query = query.clone();
    Some((Indicator::Share { part, query }, Target::new(share).ok()?))
}

/// The share of measurements that have to be good.
fn measured(rule: &Rule) -> Option<Target> {
    match rule {
        Rule::Argo(ArgoRule {
            count: Some(count),
            failures: Limit::Times(failures),
            ..
        }) => Target::new(Share::part(*failures, *count)?.rest()).ok(),
        Rule::Argo(_) | Rule::Flagger(_) | Rule::Kayenta(_) => None,
    }
}
