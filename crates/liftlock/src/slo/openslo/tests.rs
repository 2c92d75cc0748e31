use indoc::indoc;

use super::super::window::{Calendar, Unit};
use super::super::{Error, Part, Skipped, Source, parse};
use super::*;

/// Every kind, each named by another.
const FILE: &str = indoc! {"
    apiVersion: openslo/v1
    kind: SLO
    metadata: {name: up, labels: {team: [a, b]}}
    spec:
      service: shop
      description: stays up
      indicatorRef: errors
      timeWindow:
        - {duration: 4w, isRolling: true}
      budgetingMethod: Occurrences
      objectives:
        - target: 0.999
      alertPolicies:
        - alertPolicyRef: burns
    ---
    apiVersion: openslo/v1
    kind: SLI
    metadata: {name: errors}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {metricSourceRef: here, spec: {query: 'e'}}}
        total: {metricSource: {metricSourceRef: here, spec: {query: 't'}}}
    ---
    apiVersion: openslo/v1
    kind: DataSource
    metadata: {name: here}
    spec: {type: Prometheus}
    ---
    apiVersion: openslo/v1
    kind: AlertPolicy
    metadata: {name: burns}
    spec:
      conditions: [{conditionRef: fast}]
      notificationTargets: [{targetRef: mail}]
    ---
    apiVersion: openslo/v1
    kind: AlertCondition
    metadata: {name: fast}
    spec:
      severity: page
      condition: {kind: burnrate, op: gte, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}
    ---
    apiVersion: openslo/v1
    kind: AlertNotificationTarget
    metadata: {name: mail}
    spec: {target: email}
    ---
    apiVersion: openslo/v1
    kind: Service
    metadata: {name: shop}
    spec: {}
"};

fn refused(text: &str) -> String {
    match parse(text.as_bytes()) {
        Err(Error::Invalid(refused)) => refused.to_string(),
        other => format!("{other:?}"),
    }
}

fn only(text: &str) -> Slo {
    let found = parse(text.as_bytes()).unwrap();
    let [Found::Slo(slo)] = found.as_slice() else {
        panic!("{found:?}")
    };
    *slo.clone()
}

fn skipped(text: &str) -> Skipped {
    let found = parse(text.as_bytes()).unwrap();
    let skipped = found.into_iter().find_map(|found| match found {
        Found::Skipped(skipped) => Some(skipped),
        Found::Slo(_) | Found::Analysis(_) | Found::Windows(_) => None,
    });
    skipped.unwrap()
}

/// A change of the file, and what is said of it.
const REFUSED: [(&str, &str, &str); 16] = [
    (
        "target: 0.999",
        "target: 99.9",
        "objectives[0].target` is `99.9`, not a ratio below 1",
    ),
    (
        "target: 0.999",
        "targetPercent: 100",
        "objectives[0].targetPercent` is 100 %",
    ),
    (
        "target: 0.999",
        "target: 0.9, targetPercent: 90",
        "objectives[0].targetPercent` is given beside",
    ),
    (
        "target: 0.999",
        "goal: 0.9",
        "objectives[0]` has the unknown key `goal`",
    ),
    (
        "target: 0.999",
        "displayName: x",
        "objectives[0].target` is missing",
    ),
    (
        "Occurrences",
        "Occurences",
        "budgetingMethod` is `Occurences`",
    ),
    (
        "Occurrences",
        "Timeslices",
        "objectives[0].timeSliceTarget` is missing",
    ),
    (
        "Occurrences",
        "RatioTimeslices",
        "objectives[0].timeSliceWindow` is missing",
    ),
    (
        "4w",
        "1M",
        "timeWindow[0].duration` has no length of its own in a rolling window",
    ),
    ("4w", "60w", "timeWindow[0].duration` is longer than a year"),
    ("4w", "w", "timeWindow[0].duration` is `w`"),
    (
        "isRolling: true",
        "isRolling: false",
        "timeWindow[0]` has neither",
    ),
    (
        "isRolling: true",
        "calendar: {startTime: 2026-01-01 00:00:00}",
        "timeWindow[0].calendar.timeZone` is missing",
    ),
    (
        "isRolling: true",
        "calendar: {startTime: yesterday, timeZone: UTC}",
        "timeWindow[0].calendar.startTime` is not a date",
    ),
    (
        "isRolling: true",
        "calendar: {startTime: 2026-01-01 00:00:00, timeZone: '+01:00'}",
        "timeWindow[0].calendar.timeZone` is not a name",
    ),
    (
        "timeWindow:",
        "timeWindows:",
        "` has the unknown key `timeWindows`",
    ),
];

#[test]
fn what_the_format_does_not_allow_is_refused_with_its_place() {
    for (from, to, message) in REFUSED {
        let text = FILE
            .replace("    - target: 0.999", "    - {target: 0.999}")
            .replacen(from, to, 1);
        let found = refused(&text);
        let wanted = format!("`document 1: spec.{message}").replace("spec.`", "spec`");
        assert!(found.starts_with(&wanted), "{to}: {found}");
    }
    let twice = FILE
        .replace("name: mail}", "name: here}")
        .replace("AlertNotificationTarget", "DataSource");
    let found = refused(&twice);
    assert!(found.contains("another DataSource `here`"), "{found}");
}

#[test]
fn documents_of_one_file_name_each_other() {
    let slo = only(FILE);
    assert_eq!(slo.service, "shop");
    assert_eq!(slo.labels["team"], "a,b");
    assert_eq!(slo.target.share().billionths(), 999_000_000);
    assert_eq!(slo.window.span().to_string(), "28d");
    let Indicator::Ratio { part, events, .. } = &slo.indicator else {
        panic!("{:?}", slo.indicator)
    };
    assert_eq!((*part, &events.source), (Part::Bad, &Source::Prometheus));
    let [burn] = slo.alerting.burns.as_slice() else {
        panic!("{:?}", slo.alerting)
    };
    assert_eq!(
        (burn.op, burn.lookback, burn.after),
        (Op::Gte, Span::seconds(3600), Span::seconds(300))
    );
    assert_eq!(
        (burn.severity.as_str(), burn.name.as_str()),
        ("page", "fast")
    );
}

#[test]
fn what_is_not_in_the_file_is_named() {
    let gone = FILE.replace("indicatorRef: errors", "indicatorRef: others");
    assert!(skipped(&gone).why.contains("SLI `others`"));
    let gone = FILE.replace("metricSourceRef: here", "metricSourceRef: there");
    assert!(skipped(&gone).why.contains("DataSource `there`"));
    let gone = FILE.replace("alertPolicyRef: burns", "alertPolicyRef: other");
    assert!(skipped(&gone).why.contains("AlertPolicy `other`"));
    let idle = FILE.replace(
        "indicatorRef: errors",
        "indicator: {spec: {thresholdMetric: {metricSource: {type: Any, spec: {}}}}}",
    );
    let found = skipped(&idle);
    assert_eq!(found.what, "SLO `up`");
    assert!(found.why.contains("type `Any`"), "{found:?}");
}

#[test]
fn a_calendar_has_periods_in_a_zone() {
    let text = FILE.replace(
        "{duration: 4w, isRolling: true}",
        "{duration: 1Q, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}}",
    );
    let wanted = Calendar {
        count: 1,
        unit: Unit::Quarter,
        start: "2026-01-01 00:00:00".to_owned(),
        zone: "Europe/Berlin".to_owned(),
    };
    assert_eq!(only(&text).window, Window::Calendar(wanted));
}

#[test]
fn slices_are_lengths_or_minutes() {
    for (written, seconds) in [("1m", 60), ("5", 300), ("0.5", 30)] {
        let slices = format!("timeSliceTarget: 1, timeSliceWindow: {written}");
        let text = FILE
            .replace("- target: 0.999", &format!("- {{target: 0.999, {slices}}}"))
            .replace("Occurrences", "Timeslices");
        let wanted = Budgeting::Timeslices {
            target: Share::from_ratio("1").unwrap(),
            window: Span::seconds(seconds),
        };
        assert_eq!(only(&text).budgeting, wanted);
    }
}

#[test]
fn a_threshold_has_its_limit_in_the_objective() {
    let text = FILE
        .replace("indicatorRef: errors", "indicator: {spec: {thresholdMetric: {metricSource: {type: prometheus, spec: {query: q}}}}}")
        .replace("- target: 0.999", "- {target: 0.99, op: lt, value: 0.5}");
    let found = parse(text.as_bytes()).unwrap();
    let Found::Slo(slo) = &found[0] else {
        panic!("{found:?}")
    };
    assert!(matches!(
        slo.indicator,
        Indicator::Threshold {
            op: Op::Lt,
            limit: 0.5,
            ..
        }
    ));
    let text = text.replace("op: lt, ", "");
    assert!(refused(&text).ends_with("objectives[0].op` is missing"));
}

#[test]
fn the_next_version_has_other_keys_and_fewer_units() {
    let text = indoc! {"
        apiVersion: openslo.com/v2alpha
        kind: SLO
        metadata: {name: up}
        spec:
          sli:
            spec:
              ratioMetric:
                raw: {dataSourceSpec: {type: prometheus}, spec: {query: q}}
                rawType: success
          timeWindow: [{duration: 30d, isRolling: true}]
          budgetingMethod: RatioTimeslices
          objectives:
            - {target: 0.99, timeSliceWindow: 1m}
            - {targetPercent: 99.9, timeSliceWindow: 1m}
    "};
    let found = parse(text.as_bytes()).unwrap();
    let slos = found.into_iter().filter_map(Found::slo);
    let names: Vec<_> = slos.map(|slo| (slo.name, slo.target.to_string())).collect();
    assert_eq!(
        names,
        [
            ("up-0".to_owned(), "99%".to_owned()),
            ("up-1".to_owned(), "99.9%".to_owned())
        ]
    );
    let message = refused(&text.replace("30d", "1Y"));
    assert!(message.contains("this version has only"), "{message}");
}

#[test]
fn the_first_version_is_read_as_sloth_does() {
    let text = indoc! {"
        apiVersion: openslo/v1alpha
        kind: SLO
        metadata: {name: up}
        spec:
          service: shop
          budgetingMethod: Occurrences
          objectives:
            - ratioMetrics:
                good: {source: prometheus, queryType: promql, query: 'g[{{.window}}]'}
                total: {source: prometheus, queryType: promql, query: 't[{{.window}}]'}
              target: 0.999
          timeWindows: [{count: 30, unit: Day}]
    "};
    let slo = only(text);
    assert_eq!(
        (slo.name.as_str(), slo.window.span().to_string().as_str()),
        ("up-0", "30d")
    );
    assert!(refused(&text.replace("Day", "Moon")).contains("is `Moon`"));
    let other = skipped(&text.replace("source: prometheus", "source: own"));
    assert!(other.why.contains("type `own`"), "{other:?}");
}
