//! Findings about analyses of Flagger.

use super::super::analysis::FlaggerRule;
use super::super::flagger::BUILT_IN;
use super::super::indicator::Query;
use super::{Finding, query};

pub(super) fn findings(name: &str, rule: &FlaggerRule, query: Option<&Query>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match query {
        Some(query) => {
            findings.extend(query::irate(query));
            findings.extend(query::lost_first(query));
            findings.extend(query::missing_as_number(query));
            findings.extend(query::no_status(query));
            findings.extend(query::several_series(
                query,
                "of several series Flagger compares only the last: put `sum` around the query",
            ));
            findings.extend(query::no_baseline(query, "fluxcd/flagger#739"));
        }
        None if BUILT_IN.contains(&name) => findings.push(
            Finding::warning(
                "no-baseline",
                "the query that Flagger makes itself compares with a fixed limit, not with \
                 the primary",
            )
            .met_in("fluxcd/flagger#739"),
        ),
        None => findings.push(
            Finding::error(
                "no-template",
                "Flagger knows no metric of this name, and it names no template: it passes \
                 without being looked at",
            )
            .met_in("fluxcd/flagger#1581"),
        ),
    }
    if rule.window < rule.interval {
        findings.push(Finding::warning(
            "window-below-interval",
            format!(
                "it looks back over {}, every {}: what happens in between is never seen",
                rule.window, rule.interval
            ),
        ));
    }
    if rule.threshold == 1 {
        findings.push(Finding::warning(
            "one-check",
            "one failed check takes the canary back: with little traffic a single error does",
        ));
    }
    findings
}
