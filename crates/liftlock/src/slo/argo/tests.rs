use indoc::indoc;

use super::super::analysis::{Limit, Rule};
use super::super::{Analysis, Error, Found, Skipped, parse};
use crate::span::Span;

const FILE: &str = indoc! {"
    apiVersion: argoproj.io/v1alpha1
    kind: AnalysisTemplate
    metadata: {name: success-rate}
    spec:
      args:
        - {name: service, value: shop}
        - {name: limit}
      dryRun: [{metricName: other.*}]
      metrics:
        - name: rate
          interval: 1m30s
          count: 5
          failureLimit: '{{args.limit}}'
          inconclusiveLimit: -1
          successCondition: result[0] >= 0.95
          provider:
            prometheus:
              address: http://127.0.0.1:9090
              query: sum(rate(ok{s=\"{{args.service}}\"}[5m])) / sum(rate(all{s=\"{{args.service}}\"}[5m]))
    ---
    apiVersion: argoproj.io/v1alpha1
    kind: Rollout
    metadata: {name: shop}
    spec:
      strategy:
        canary:
          steps:
            - analysis: {templates: [{templateName: success-rate}], args: [{name: limit, value: '3'}]}
"};

fn first(text: &str) -> Result<Found, String> {
    match parse(text.as_bytes()) {
        Ok(mut found) => Ok(found.remove(0)),
        Err(Error::Invalid(refused)) => Err(refused.to_string()),
        Err(other) => Err(format!("{other:?}")),
    }
}

fn skipped(text: &str) -> Skipped {
    match first(text) {
        Ok(Found::Skipped(skipped)) => skipped,
        other => panic!("{other:?}"),
    }
}

fn analysis(text: &str) -> Analysis {
    match first(text) {
        Ok(Found::Analysis(analysis)) => *analysis,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_format_does_not_allow_is_refused_with_its_place() {
    for (from, to, message) in [
        (
            "count: 5",
            "count: -1",
            "`document 1: spec.metrics[0].count` is no count",
        ),
        (
            "count: 5",
            "count: many",
            "`document 1: spec.metrics[0].count` is `many`",
        ),
        (
            "limit, value: '3'",
            "limit, value: '-2'",
            "`document 1: spec.metrics[0].failureLimit` is no limit",
        ),
        (
            "1m30s",
            "1x",
            "`document 1: spec.metrics[0].interval` is `1x`",
        ),
        (
            "prometheus:",
            "job: {}\n        prometheus:",
            "`document 1: spec.metrics[0].provider` has 2 providers",
        ),
        (
            "other.*",
            "'('",
            "`document 1: spec.dryRun[0].metricName` is not an expression",
        ),
        (
            "- name: rate",
            "- names: rate",
            "`document 1: spec.metrics[0].name` is missing",
        ),
    ] {
        let refused = first(&FILE.replace(from, to)).unwrap_err();
        assert!(refused.starts_with(message), "{refused}");
    }
}

#[test]
fn what_only_argo_can_run_is_named() {
    let provider = |new: &str| {
        let cut = FILE.find("        prometheus:").unwrap();
        let end = FILE.find("---").unwrap();
        format!("{}        {new}\n{}", &FILE[..cut], &FILE[end..])
    };
    for (new, why) in [
        ("job: {spec: {}}", "a job of Kubernetes"),
        ("web: {url: 'http://x'}", "a web request"),
        ("plugin: {own: {}}", "plugins are programs"),
        (
            "cloudWatch: {metricDataQueries: []}",
            "no single query of cloudwatch",
        ),
        ("kayenta: {}", "a server of Kayenta"),
        ("magic: {}", "provider `magic`"),
    ] {
        let found = skipped(&provider(new));
        assert_eq!(found.what, "metric `rate` of `success-rate`");
        assert!(found.why.contains(why), "{found:?}");
    }
    let condition = FILE.replace("result[0] >= 0.95", "'all(result, # > 0.95)'");
    assert!(
        skipped(&condition)
            .why
            .contains("`all(result, # > 0.95)` is not known")
    );
    let open = FILE.replace("{name: limit, value: '3'}", "{name: other, value: '3'}");
    assert!(skipped(&open).why.contains("{{args.limit}}"));
}

#[test]
fn a_template_is_filled_in_by_what_uses_it() {
    let analysis = analysis(FILE);
    assert_eq!(
        (analysis.name.as_str(), analysis.owner.as_str()),
        ("rate", "success-rate")
    );
    let query = analysis.query.unwrap();
    assert!(query.text.contains("ok{s=\"shop\"}"), "{query:?}");
    let Rule::Argo(rule) = analysis.rule else {
        panic!("{:?}", analysis.rule)
    };
    assert_eq!((rule.count, rule.failures), (Some(5), Limit::Times(3)));
    assert_eq!(
        (rule.inconclusive, rule.errors),
        (Limit::Unlimited, Limit::Times(4))
    );
    assert_eq!(rule.interval, Some(Span::seconds(90)));
    assert!(!rule.dry_run && rule.failure.is_none());
    assert!(rule.success.is_some());
}

#[test]
fn uses_that_disagree_give_no_value() {
    let second = FILE.find("---").unwrap();
    let another = FILE[second..]
        .replace("name: shop}", "name: other}")
        .replace("'3'", "'4'");
    let text = format!("{FILE}{another}");
    assert!(skipped(&text).why.contains("{{args.limit}}"));
}

#[test]
fn a_template_of_another_file_is_named() {
    let rollout = FILE.find("---").unwrap();
    let found = skipped(&FILE[rollout..]);
    assert_eq!(
        found.what,
        "analysis template `success-rate` of Rollout `shop`"
    );
    let none = FILE[rollout..].replace("analysis:", "pause:");
    assert_eq!(skipped(&none).why, "it has no analysis");
}

#[test]
fn arguments_do_not_multiply_without_bound() {
    let many = |what: &str| what.repeat(40);
    let text = FILE
        .replace(
            "{templateName: success-rate}",
            &many("{templateName: success-rate}, "),
        )
        .replace(
            "{name: limit, value: '3'}",
            &many("{name: limit, value: '3'}, "),
        );
    let refused = parse(text.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("more than 1000 arguments"), "{refused}");
}

#[test]
fn a_dry_run_only_reports() {
    let text = FILE.replace("other.*", "ra.*");
    let Rule::Argo(rule) = analysis(&text).rule else {
        panic!("no rule")
    };
    assert!(rule.dry_run);
}
