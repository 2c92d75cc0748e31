//! Findings about objectives.

use super::super::alerting::Alert;
use super::super::document::Node;
use super::super::indicator::{Indicator, Query, Source};
use super::super::objective::Slo;
use super::super::target::Share;
use super::super::window::{Unit, Window};
use super::{Finding, query};
use crate::span::Span;

/// How long Prometheus keeps samples where nobody says otherwise.
const RETENTION: Span = Span::seconds(15 * 86_400);

/// The first page of the usual alerts fires when a fiftieth of the budget is
/// spent in an hour: at a burn rate of `window / (50 · 1 h)`, 14.4 for 30 days.
const PAGE: u64 = 50 * 3_600_000;

pub(super) fn findings(slo: &Slo) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(unreachable(slo));
    findings.extend(other_unit(slo));
    findings.extend(same_queries(slo));
    findings.extend(minutes(slo));
    findings.extend(retention(slo));
    findings.extend(no_minimum(slo));
    for query in slo.indicator.queries() {
        findings.extend(query::irate(query));
    }
    findings.extend(query::missing_as_number(whole(&slo.indicator)));
    findings
}

/// The query that must not answer where there is no data.
const fn whole(indicator: &Indicator) -> &Query {
    match indicator {
        Indicator::Ratio { total, .. } | Indicator::Latency { total, .. } => total,
        Indicator::Share { query, .. } | Indicator::Threshold { query, .. } => query,
    }
}

/// An outage of everything burns at `1 / (1 − target)`, and no faster.
fn unreachable(slo: &Slo) -> Option<Finding> {
    let window = u128::from(slo.window.span().millis());
    let all = u128::from(Share::FULL.billionths());
    let burn = u128::from(slo.target.allowed());
    let out = slo.alerting.page == Alert::Off || window * burn < all * u128::from(PAGE);
    (!out).then(|| {
        let tenths = slo.window.span().millis().saturating_mul(10) / PAGE;
        Finding::error(
            "page-unreachable",
            format!(
                "an outage of everything burns {} times as fast as allowed, and the first page \
                 of the usual alerts waits for more than {}.{}: it never comes; \
                 set alert windows of your own",
                times(all, burn),
                tenths / 10,
                tenths % 10
            ),
        )
    })
}

/// A quotient with one digit.
fn times(part: u128, whole: u128) -> String {
    let tenths = (part * 10).checked_div(whole).unwrap_or_default();
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn other_unit(slo: &Slo) -> Option<Finding> {
    let share = slo.target.share();
    (share < Share::HUNDREDTH).then(|| {
        Finding::error(
            "ratio-as-percent",
            format!(
                "{share} is promised: if that number was meant as a ratio, write it in the \
                 format's own unit"
            ),
        )
    })
}

fn same_queries(slo: &Slo) -> Option<Finding> {
    let queries = slo.indicator.queries();
    let [events, total] = queries.as_slice() else {
        return None;
    };
    (events.text == total.text).then(|| {
        Finding::error(
            "events-are-total",
            "both queries are the same: the share is always 1",
        )
    })
}

fn minutes(slo: &Slo) -> Option<Finding> {
    let Window::Calendar(calendar) = &slo.window else {
        return None;
    };
    (calendar.unit == Unit::Minute).then(|| {
        Finding::error(
            "minute-window",
            format!(
                "the window is {0} minutes long: `m` is a minute, and `{0}M` would be months",
                calendar.count
            ),
        )
    })
}

fn retention(slo: &Slo) -> Option<Finding> {
    let queries = slo.indicator.queries();
    let prometheus = queries
        .iter()
        .any(|query| query.source == Source::Prometheus);
    let span = slo.window.span();
    (prometheus && span > RETENTION).then(|| {
        Finding::note(
            "window-beyond-retention",
            format!(
                "the window is {span}, and Prometheus keeps {RETENTION} unless \
                 `--storage.tsdb.retention.time` says more: the rest would be missing"
            ),
        )
    })
}

fn no_minimum(slo: &Slo) -> Option<Finding> {
    let counted = matches!(
        slo.indicator,
        Indicator::Ratio { .. } | Indicator::Latency { .. }
    );
    (counted && slo.alerting.page != Alert::Off).then(|| {
        Finding::note(
            "no-minimum",
            "the format has no least number of events: with little traffic one error pages",
        )
        .met_in("pyrra-dev/pyrra#1925")
    })
}

/// Keys of the plain file in a Kubernetes object, where Sloth ignores them.
pub(super) fn ignored_keys(root: &Node<'_>) -> Vec<Finding> {
    let kind = root.get("kind").and_then(|kind| kind.text().ok());
    let slos = root.get("spec").and_then(|spec| spec.list("slos").ok());
    let slos = slos.filter(|_| kind == Some("PrometheusServiceLevel"));
    let mut findings = Vec::new();
    for slo in slos.unwrap_or_default() {
        let name = slo.get("name").and_then(|name| name.text().ok());
        let place = format!("SLO `{}`", name.unwrap_or_default());
        let alerting = slo.get("alerting");
        let pairs = [("page_alert", "pageAlert"), ("ticket_alert", "ticketAlert")];
        for (plain, kubernetes) in pairs {
            if alerting.as_ref().and_then(|node| node.get(plain)).is_some() {
                let message = format!("`{plain}` is ignored in this kind: write `{kubernetes}`");
                findings.push(Finding::warning("ignored-key", message).at(&place));
            }
        }
    }
    findings
}
