//! Real files of other tools: each is read, or refused for a reason.
#![cfg(test)]

mod list;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use liftlock::failure::line;
use liftlock::slo::{
    self, Alert, Alerting, Analysis, Direction, FlaggerRule, Form, Format, Found, Indicator,
    KayentaRule, Nan, Part, Rule, Slo, Source, Window,
};
use liftlock::span::Span;

use list::FILES;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/slo")
}

/// Whether the files are there; they are not part of this repository.
fn there() -> bool {
    let there = folder().is_dir();
    if !there {
        println!("skipped: there is no folder of real files");
    }
    there
}

/// The files of a folder and below by their path, licences and notes apart.
fn files() -> BTreeMap<String, Vec<u8>> {
    let (mut open, mut files) = (vec![folder()], BTreeMap::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(self::folder()).unwrap();
            let name = name.to_str().unwrap().to_owned();
            if !name.contains("LICENSE") && !name.contains("README") {
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// What a file holds, in a line.
fn told(bytes: &[u8]) -> String {
    let found = match slo::parse(bytes) {
        Ok(found) => found,
        Err(refused) => return format!("refused: {}", line(&refused)),
    };
    let all = found.into_iter().map(|found| match found {
        Found::Slo(slo) => format!("SLO {} {}", slo.name, slo.target),
        Found::Analysis(metric) => format!("metric {}", metric.name),
        Found::Windows(windows) => format!("windows for {}", windows.period),
        Found::Skipped(skipped) => format!("no {}", skipped.what),
    });
    all.collect::<Vec<_>>().join("; ")
}

#[test]
fn every_file_is_read_or_refused_as_is_known() {
    if !there() {
        return;
    }
    let found: Vec<(String, String)> = files()
        .into_iter()
        .map(|(name, bytes)| (name, told(&bytes)))
        .collect();
    let known = FILES.map(|(name, told)| (name.to_owned(), told.to_owned()));
    let unknown = found.iter().filter(|one| !known.contains(one));
    let unknown: Vec<String> = unknown
        .map(|(name, told)| format!("    (\n{name:?},\n{told:?},\n),\n"))
        .collect();
    assert_eq!(unknown, Vec::<String>::new(), "{}", unknown.concat());
    assert_eq!(found.len(), FILES.len(), "a file is gone");
}

/// The objectives and metrics of one file.
fn read(name: &str) -> (Vec<Slo>, Vec<Analysis>) {
    let bytes = fs::read(folder().join(name)).unwrap();
    let (mut slos, mut metrics) = (Vec::new(), Vec::new());
    for found in slo::parse(&bytes).unwrap() {
        match found {
            Found::Slo(slo) => slos.push(*slo),
            Found::Analysis(metric) => metrics.push(*metric),
            Found::Windows(_) | Found::Skipped(_) => {}
        }
    }
    (slos, metrics)
}

#[test]
fn what_is_imported_reads_as_the_same_objectives() {
    if !there() {
        return;
    }
    let mut compared = 0;
    for (name, bytes) in files() {
        let Ok(found) = slo::parse(&bytes) else {
            continue;
        };
        let imported = slo::import(&found);
        if imported.written.is_empty() {
            assert_eq!(imported.text, "", "{name}");
            continue;
        }
        let again = slo::parse(imported.text.as_bytes()).unwrap();
        let again: Vec<Slo> = again.into_iter().filter_map(Found::slo).collect();
        let wanted: Vec<Slo> = found.into_iter().filter_map(Found::slo).map(kept).collect();
        assert_eq!(again, wanted, "{name}");
        compared += wanted.len();
    }
    assert_eq!(compared, 30);
}

/// What of an objective OpenSLO can hold; the rest has to be named as lost.
fn kept(slo: Slo) -> Slo {
    let whole = slo::import(&[Found::Slo(Box::new(slo.clone()))]);
    let alone = slo.alerting == Alerting::default() && slo.grouping.is_empty();
    assert_eq!(whole.lost.is_empty(), alone, "{:?}", whole.lost);
    Slo {
        format: Format::OpenSloV1,
        alerting: Alerting::default(),
        grouping: Vec::new(),
        ..slo
    }
}

#[test]
fn a_configuration_of_kayenta_is_read_by_value() {
    if !there() {
        return;
    }
    let (_, metrics) = read("kayenta/scratch/newrelic_canary_config.json");
    let rules: Vec<KayentaRule> = metrics.into_iter().filter_map(kayenta).collect();
    let directions: Vec<_> = rules.iter().map(|rule| rule.direction).collect();
    let up = Direction::Increase;
    assert_eq!(directions, [Direction::Decrease, up, up, up]);
    let nans: Vec<_> = rules.iter().map(|rule| rule.nan).collect();
    assert_eq!(nans, [Nan::Remove, Nan::Remove, Nan::Replace, Nan::Remove]);
    assert_eq!(rules[0].effect.get("allowedDecrease"), Some(&1.0));
    assert_eq!(rules[0].weights.get("err"), Some(&25.0));
    assert_eq!(rules[0].scores, Some((75.0, 95.0)));
    let (_, metrics) = read("kayenta/scratch/prometheus_canary_config.json");
    let query = metrics[0].query.clone().unwrap();
    assert_eq!(query.source, Source::Prometheus);
    assert_eq!(query.text, r#"node_cpu{mode=~"user|system",job="node"}"#);
    let muted = "kayenta/kayenta-integration-tests/src/test/resources/canary-configs/prometheus/muted-metric.json";
    let (_, metrics) = read(muted);
    let rules: Vec<KayentaRule> = metrics.into_iter().filter_map(kayenta).collect();
    let marks: Vec<_> = rules
        .iter()
        .map(|rule| (rule.muted, rule.critical))
        .collect();
    assert_eq!(marks, [(true, true), (false, true)]);
}

fn kayenta(metric: Analysis) -> Option<KayentaRule> {
    match metric.rule {
        Rule::Kayenta(rule) => Some(rule),
        Rule::Argo(_) | Rule::Flagger(_) => None,
    }
}

#[test]
fn a_canary_of_flagger_is_read_by_value() {
    if !there() {
        return;
    }
    for (mesh, interval, threshold) in [("istio", 15, 10), ("linkerd", 15, 10), ("kuma", 15, 15)] {
        let (_, metrics) = read(&format!("flagger/artifacts/examples/{mesh}-canary.yaml"));
        let rules: Vec<_> = metrics.into_iter().map(|metric| metric.rule).collect();
        let rule = |min, max, window| {
            Rule::Flagger(FlaggerRule {
                min,
                max,
                window: Span::seconds(window),
                interval: Span::seconds(interval),
                threshold,
            })
        };
        let wanted = [rule(Some(99.0), None, 60), rule(None, Some(500.0), 30)];
        assert_eq!(rules, wanted, "{mesh}");
    }
}

#[test]
fn objectives_are_read_by_value() {
    if !there() {
        return;
    }
    let (slos, _) = read("pyrra/examples/caddy-response-latency.yaml");
    assert!(matches!(&slos[0].indicator, Indicator::Latency { bound, .. } if bound == "0.05"));
    assert_eq!(slos[0].window, Window::Rolling(Span::seconds(28 * 86_400)));
    let (slos, _) = read("sloth/examples/no-alerts.yml");
    assert_eq!(slos[0].alerting.page, Alert::Off);
    let query = slos[0].indicator.queries()[1].over(Span::seconds(300));
    assert!(query.contains(r#"{job="myapp"}[5m])"#), "{query}");
    let (slos, _) = read("sloth/examples/openslo-kubernetes-apiserver.yml");
    let Indicator::Ratio { part, form, .. } = &slos[2].indicator else {
        panic!("{:?}", slos[2].indicator)
    };
    assert_eq!((*part, *form), (Part::Good, Form::Amount));
    assert_eq!(slos[2].service, "k8s-apiserver");
    let (slos, _) =
        read("pyrra/examples/kubernetes/manifests/slos/slo-prometheus-query-errors.yaml");
    assert_eq!(slos[0].grouping, ["handler"]);
}

#[test]
fn every_readable_file_is_linted() {
    if !there() {
        return;
    }
    let codes = |name: &str, bytes: &[u8]| -> Vec<&'static str> {
        let findings = slo::lint(bytes);
        let findings = findings.unwrap_or_else(|refused| panic!("{name}: {refused}"));
        findings.iter().map(|finding| finding.code).collect()
    };
    for (name, bytes) in files() {
        if slo::parse(&bytes).is_ok() {
            assert!(!codes(&name, &bytes).contains(&"refused"), "{name}");
        }
    }
    for (name, code) in [
        (
            "sloth/examples/plugin-k8s-getting-started.yml",
            "ignored-key",
        ),
        ("sloth/examples/victoria-metrics.yml", "page-unreachable"),
        (
            "kayenta/scratch/newrelic_canary_config.json",
            "nan-replaced",
        ),
        ("kayenta/scratch/atlas_canary_config.json", "no-critical"),
        (
            "kayenta/kayenta-judge/src/test/resources/test-config.json",
            "weight-zero",
        ),
        (
            "flagger/artifacts/examples/istio-canary.yaml",
            "no-baseline",
        ),
        (
            "argo-rollouts/test/e2e/expectedfailures/malformed-analysisrun.yaml",
            "refused",
        ),
    ] {
        let bytes = fs::read(folder().join(name)).unwrap();
        assert!(codes(name, &bytes).contains(&code), "{name}");
    }
}
