//! Findings about analyses of Argo Rollouts.

use super::super::analysis::{ArgoRule, Limit};
use super::super::indicator::Query;
use super::super::promql;
use super::{Finding, query};

pub(super) fn findings(rule: &ArgoRule, query: Option<&Query>) -> Vec<Finding> {
    let mut findings = conditions(rule, query);
    findings.extend(limits(rule));
    findings.extend(measurements(rule));
    if let Some(query) = query {
        findings.extend(query::irate(query));
        findings.extend(query::lost_first(query));
        findings.extend(query::missing_as_number(query));
        findings.extend(query::no_baseline(query, "argoproj/argo-rollouts#1107"));
    }
    findings
}

fn conditions(rule: &ArgoRule, query: Option<&Query>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match (&rule.success, &rule.failure) {
        (None, None) => findings.push(
            Finding::error(
                "no-condition",
                "without a condition every measurement is a success, whatever it says",
            )
            .met_in("argoproj/argo-rollouts#4479"),
        ),
        (Some(_), None) => findings.push(Finding::warning(
            "no-failure-condition",
            "without a failureCondition whatever is no success is a failure, NaN among it: \
             nothing is ever inconclusive",
        )),
        (None | Some(_), Some(_)) => {}
    }
    let conditions = [&rule.success, &rule.failure];
    let conditions = conditions.into_iter().flatten();
    let (mut unguarded, mut minded, mut any) = (false, false, false);
    for condition in conditions {
        unguarded |= condition.expression.is_unguarded();
        minded |= condition.expression.minds_nan();
        any = true;
    }
    if unguarded {
        findings.push(Finding::error(
            "unguarded-item",
            "`result[0]` of an answer without series is an error, and 4 errors one after another \
             are taken for none: ask for `len(result)` first",
        ));
    }
    let divides = query.is_some_and(|query| promql::is_quotient(&query.text));
    if any && !minded && divides {
        findings.push(
            Finding::warning(
                "nan-unguarded",
                "without traffic the quotient is NaN, which compares with nothing: \
                 ask for `isNaN(result[0])`",
            )
            .met_in("argoproj/argo-rollouts#4203"),
        );
    }
    findings
}

fn limits(rule: &ArgoRule) -> Vec<Finding> {
    let mut findings = Vec::new();
    match (rule.failures, rule.count) {
        (Limit::Unlimited, _) => findings.push(Finding::error(
            "failures-unlimited",
            "`failureLimit: -1` lets any number of failures through",
        )),
        (Limit::Times(limit), Some(count)) if limit >= count => findings.push(Finding::error(
            "limit-beyond-count",
            format!("{count} measurements can never fail more than {limit} times"),
        )),
        (Limit::Times(_), _) => {}
    }
    let others = [
        (
            "inconclusive-unlimited",
            "inconclusiveLimit",
            rule.inconclusive,
        ),
        ("errors-unlimited", "consecutiveErrorLimit", rule.errors),
    ];
    for (code, key, limit) in others {
        if limit == Limit::Unlimited {
            let message = format!("`{key}: -1`: the analysis never ends because of them");
            findings.push(Finding::warning(code, message));
        }
    }
    findings
}

fn measurements(rule: &ArgoRule) -> Option<Finding> {
    let once = match (rule.count, rule.interval) {
        (None, None) | (Some(1), _) => true,
        (None, Some(_)) | (Some(_), _) => false,
    };
    once.then(|| {
        Finding::warning(
            "one-measurement",
            "it measures once: a single value decides about the canary",
        )
    })
}
