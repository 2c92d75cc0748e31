use indoc::indoc;
use serde_json::json;

use super::*;

fn codes(text: &str) -> Vec<&'static str> {
    let findings = lint(text.as_bytes()).unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    let mut codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes
}

/// Whether a change of a file brings a finding that was not there.
fn brings(good: &str, from: &str, to: &str, code: &str) {
    assert!(!codes(good).contains(&code), "{code} is there already");
    let bad = good.replace(from, to);
    assert_ne!(bad, good, "`{from}` is not there");
    let found = codes(&bad);
    assert!(found.contains(&code), "{to} brings {found:?}, not {code}");
}

const SLOTH: &str = indoc! {"
    version: prometheus/v1
    service: shop
    slos:
      - name: up
        objective: 99.9
        sli:
          events:
            error_query: sum(rate(e[{{.window}}])) or vector(0)
            total_query: sum(rate(t[{{.window}}]))
        alerting: {page_alert: {labels: {a: b}}}
"};

#[test]
fn objectives_that_do_not_page_or_promise_nothing_are_errors() {
    brings(SLOTH, "99.9", "93", "page-unreachable");
    brings(SLOTH, "99.9", "0.999", "ratio-as-percent");
    brings(SLOTH, "99.9", "100", "refused");
    brings(
        SLOTH,
        "sum(rate(e[{{.window}}])) or vector(0)",
        "sum(rate(t[{{.window}}]))",
        "events-are-total",
    );
    brings(SLOTH, "rate(t[", "irate(t[", "irate");
    let total = "total_query: sum(rate(t[{{.window}}]))";
    brings(
        SLOTH,
        total,
        &format!("{total} OR on() vector(0)"),
        "missing-as-number",
    );
    assert_eq!(codes(SLOTH), ["no-minimum", "window-beyond-retention"]);
    let quiet = SLOTH.replace("{labels: {a: b}}", "{disable: true}");
    assert_eq!(codes(&quiet), ["window-beyond-retention"]);
}

#[test]
fn an_outage_pages_from_the_first_target_above_the_limit() {
    // 14.4 · (1 − target) = 1 at 93.0555…
    assert!(codes(&SLOTH.replace("99.9", "93.05555")).contains(&"page-unreachable"));
    assert!(!codes(&SLOTH.replace("99.9", "93.05556")).contains(&"page-unreachable"));
}

#[test]
fn keys_of_the_other_way_of_writing_are_told() {
    let kubernetes = indoc! {"
        apiVersion: sloth.slok.dev/v1
        kind: PrometheusServiceLevel
        spec:
          service: shop
          slos:
            - name: up
              objective: 99
              sli: {raw: {errorRatioQuery: 'r[{{.window}}]'}}
              alerting: {pageAlert: {disable: true}}
    "};
    brings(kubernetes, "pageAlert", "page_alert", "ignored-key");
}

#[test]
fn a_minute_for_a_month_is_told() {
    let text = indoc! {"
        apiVersion: openslo/v1
        kind: SLO
        metadata: {name: up}
        spec:
          indicator: {spec: {ratioMetric: {rawType: success, raw: {metricSource: {type: Prometheus, spec: {query: q}}}}}}
          timeWindow: [{duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}}]
          budgetingMethod: Occurrences
          objectives: [{target: 0.99}]
    "};
    brings(text, "1M", "1m", "minute-window");
    brings(text, ", timeZone: UTC", "", "refused");
    brings(text, "Occurrences", "Timeslices", "refused");
}

const ARGO: &str = indoc! {"
    apiVersion: argoproj.io/v1alpha1
    kind: AnalysisTemplate
    metadata: {name: t}
    spec:
      metrics:
        - name: m
          interval: 1m
          count: 5
          failureLimit: 2
          successCondition: len(result) > 0 && !isNaN(result[0]) && result[0] > 0.95
          failureCondition: len(result) > 0 && result[0] < 0.9
          provider:
            prometheus:
              query: sum(ok:rate5m{v=\"canary\"}) / sum(ok:rate5m{v=\"stable\"})
"};

#[test]
fn what_argo_lets_through_is_told() {
    assert_eq!(codes(ARGO), Vec::<&str>::new());
    for (from, to, code) in [
        ("failureLimit: 2", "failureLimit: -1", "failures-unlimited"),
        ("failureLimit: 2", "failureLimit: 5", "limit-beyond-count"),
        (
            "failureLimit: 2",
            "inconclusiveLimit: -1",
            "inconclusive-unlimited",
        ),
        (
            "failureLimit: 2",
            "consecutiveErrorLimit: -1",
            "errors-unlimited",
        ),
        ("count: 5", "count: 1", "one-measurement"),
        (
            "len(result) > 0 && !isNaN(result[0]) && ",
            "",
            "unguarded-item",
        ),
        ("!isNaN(result[0]) && ", "", "nan-unguarded"),
        (
            "ok:rate5m{v=\"canary\"}",
            "irate(ok{v=\"canary\"}[1m])",
            "irate",
        ),
        (
            "ok:rate5m{v=\"canary\"}",
            "increase(ok{v=\"canary\"}[1m])",
            "lost-first-errors",
        ),
        ("stable", "all", "no-baseline"),
        (
            "failureCondition:",
            "otherCondition:",
            "no-failure-condition",
        ),
    ] {
        brings(ARGO, from, to, code);
    }
    let bare = ARGO.replace("Condition:", "Text:");
    assert!(codes(&bare).contains(&"no-condition"));
}

const FLAGGER: &str = indoc! {"
    apiVersion: flagger.app/v1beta1
    kind: Canary
    metadata: {name: shop}
    spec:
      analysis:
        interval: 1m
        threshold: 5
        metrics:
          - name: errors
            query: sum(e:rate1m{code=~\"5..\",d=\"canary\"}) / sum(e:rate1m{d=\"primary\"})
            thresholdRange: {max: 2}
"};

#[test]
fn what_flagger_lets_through_is_told() {
    assert_eq!(codes(FLAGGER), Vec::<&str>::new());
    for (from, to, code) in [
        ("query:", "text:", "no-template"),
        ("code=~\"5..\",", "", "no-status"),
        ("sum", "", "several-series"),
        ("primary", "all", "no-baseline"),
        (
            "e:rate1m{d",
            "rate(e{d=\"x\"}[1m]) + e{d",
            "lost-first-errors",
        ),
        ("threshold: 5", "threshold: 1", "one-check"),
        ("interval: 1m", "interval: 5m", "window-below-interval"),
    ] {
        brings(FLAGGER, from, to, code);
    }
    let missing = lint(FLAGGER.replace("query:", "text:").as_bytes()).unwrap();
    assert_eq!(missing[0].issue, Some("fluxcd/flagger#1581"));
}

fn kayenta() -> serde_json::Value {
    json!({
        "canaryConfig": {
            "name": "shop",
            "metrics": [{
                "name": "errors", "groups": ["requests"],
                "query": {"type": "prometheus", "metricName": "e"},
                "analysisConfigurations": {"canary": {
                    "critical": true, "mustHaveData": true,
                    "effectSize": {"allowedIncrease": 1.3}
                }}
            }],
            "classifier": {"groupWeights": {"requests": 100}}
        },
        "executionRequest": {"scopes": [{"step": 60}], "lifetimeDurationMins": 60}
    })
}

#[test]
fn what_kayenta_lets_through_is_told() {
    assert_eq!(codes(&kayenta().to_string()), Vec::<&str>::new());
    let canary = "/canaryConfig/metrics/0/analysisConfigurations/canary";
    for (pointer, key, value, code) in [
        (canary, "nanStrategy", json!("replace"), "nan-replaced"),
        (canary, "critical", json!(false), "no-critical"),
        (canary, "muted", json!(true), "no-critical"),
        (canary, "mustHaveData", json!(false), "no-data-passes"),
        (canary, "effectSize", json!({}), "any-shift-fails"),
        (
            "/executionRequest",
            "lifetimeDurationMins",
            json!(30),
            "too-few-points",
        ),
    ] {
        let mut file = kayenta();
        file.pointer_mut(pointer).unwrap()[key] = value;
        assert!(codes(&file.to_string()).contains(&code), "{code}");
    }
    for weights in [json!({"requests": 0}), json!({"other": 100})] {
        let mut file = kayenta();
        file["canaryConfig"]["classifier"]["groupWeights"] = weights;
        *file.pointer_mut(canary).unwrap() = json!({});
        assert!(codes(&file.to_string()).contains(&"weight-zero"));
    }
}

#[test]
fn the_worst_comes_first_and_has_a_place() {
    let text = SLOTH.replace("99.9", "93");
    let findings = lint(text.as_bytes()).unwrap();
    assert_eq!(findings[0].severity, Severity::Error);
    assert!(findings.iter().all(|finding| finding.place == "SLO `up`"));
    assert!(
        findings[0].message.contains("14.2 times"),
        "{:?}",
        findings[0]
    );
    assert!(
        findings[0].message.contains("more than 14.4"),
        "{:?}",
        findings[0]
    );
}

#[test]
fn what_is_no_file_of_objectives_is_an_error_and_no_finding() {
    for text in ["", "a: [", "kind: Pod\napiVersion: v1", "groups: []"] {
        assert!(lint(text.as_bytes()).is_err(), "{text}");
    }
}
