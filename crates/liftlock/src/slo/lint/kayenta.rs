//! Findings about configurations of Kayenta.

use super::super::analysis::{Analysis, KayentaRule, Nan, Rule};
use super::Finding;

/// The points that Kayenta's own documents ask for.
const POINTS: u64 = 50;

pub(super) fn findings(rule: &KayentaRule) -> Vec<Finding> {
    let mut findings = Vec::new();
    if rule.nan == Nan::Replace {
        findings.push(
            Finding::warning(
                "nan-replaced",
                "`nanStrategy: replace` counts missing data as 0: a canary without data passes, \
                 and errors among many zeros pass",
            )
            .met_in("spinnaker/spinnaker#5622"),
        );
    }
    if !rule.must_have_data && !rule.muted {
        findings.push(Finding::warning(
            "no-data-passes",
            "a group without data scores 100: set `mustHaveData`",
        ));
    }
    if !rule.effect.keys().any(|key| key.starts_with("allowed")) {
        findings.push(Finding::warning(
            "any-shift-fails",
            "a change counts from a quarter of its own estimate on, not of the baseline: \
             a sure shift of 0.1 % is a fault; set `effectSize`",
        ));
    }
    for group in &rule.groups {
        findings.extend(weightless(group, rule));
    }
    findings
}

/// A group that counts for nothing.
fn weightless(group: &str, rule: &KayentaRule) -> Option<Finding> {
    let given: f64 = rule.weights.values().sum();
    let none = match rule.weights.get(group) {
        Some(weight) => *weight <= 0.0,
        None => given >= 100.0,
    };
    (none && !rule.critical).then(|| {
        Finding::warning(
            "weight-zero",
            format!("the group `{group}` has no weight: the metric changes no score"),
        )
    })
}

/// Findings that a configuration shows only as a whole.
pub(super) fn of_configurations(metrics: &[Analysis]) -> Vec<Finding> {
    let mut owners: Vec<(&str, bool, Option<u64>)> = Vec::new();
    for metric in metrics {
        let Rule::Kayenta(rule) = &metric.rule else {
            continue;
        };
        let critical = rule.critical && !rule.muted;
        match owners.iter_mut().find(|(owner, ..)| *owner == metric.owner) {
            Some((_, any, _)) => *any |= critical,
            None => owners.push((&metric.owner, critical, rule.points)),
        }
    }
    let mut findings = Vec::new();
    for (owner, critical, points) in owners {
        let place = format!("configuration `{owner}`");
        if !critical {
            let message = "no metric is critical: a fault of one is outvoted by the others";
            findings.push(Finding::warning("no-critical", message).at(&place));
        }
        if let Some(points) = points.filter(|points| *points < POINTS) {
            let message = format!(
                "a look has {points} points: below {POINTS} the test is a coin toss, and 3 \
                 against 3 can fail a healthy canary"
            );
            let finding = Finding::warning("too-few-points", message);
            findings.push(finding.met_in("spinnaker/kayenta#677").at(&place));
        }
    }
    findings
}
