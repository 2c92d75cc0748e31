//! `canary-check` with sources of telemetry beside Prometheus, as loopback
//! vendors in their documented shapes.
#![cfg(test)]

use std::process::{Command, Output};

use serde_json::Value;
use testkit::http::Server;
use testkit::vendors::{Mood, SECRET, Traffic, Vendor};

const HISTORY: [Vendor; 6] = [
    Vendor::Datadog,
    Vendor::CloudWatch,
    Vendor::NewRelic,
    Vendor::Graphite,
    Vendor::InfluxQl,
    Vendor::Flux,
];

/// Ten of a hundred fail, where the baseline has one.
const WORSE: Traffic = Traffic {
    baseline: (100, 1),
    canary: (100, 10),
};

/// The flags `--source`, `--total` and `--bad`.
fn place(vendor: Vendor, server: &Server) -> [String; 6] {
    let url = |path: &str| server.url(path);
    let (source, total, bad) = match vendor {
        Vendor::Datadog => (
            format!("datadog:{}", url("/")),
            "sum:web.hits{version:{slot}}.as_count()",
            "sum:web.errors{version:{slot}}.as_count()",
        ),
        Vendor::CloudWatch => (
            format!("cloudwatch:{}", url("/")),
            "AWS/ApplicationELB:RequestCount{TargetGroup={slot}}",
            "AWS/ApplicationELB:errors{TargetGroup={slot}}",
        ),
        Vendor::NewRelic => (
            format!("newrelic:{}", url("/graphql?account=7")),
            "SELECT count(*) FROM Transaction WHERE version = '{slot}'",
            "SELECT count(*) FROM Transaction WHERE version = '{slot}' AND kind = 'errors'",
        ),
        Vendor::Graphite => (
            format!("graphite:{}", url("")),
            "sumSeries(stats_counts.shop.{slot}.requests)",
            "sumSeries(stats_counts.shop.{slot}.errors)",
        ),
        Vendor::InfluxQl => (
            format!("influxdb:{}", url("/?db=shop")),
            "SELECT sum(n) FROM requests WHERE version = '{slot}' AND {time}",
            "SELECT sum(n) FROM errors WHERE version = '{slot}' AND {time}",
        ),
        Vendor::Flux => (
            format!("influxdb:{}", url("/?org=acme")),
            "from(bucket: \"b\") |> range({time}) |> filter(fn: (r) => r.v == \"{slot}\")",
            "from(bucket: \"errors\") |> range({time}) |> filter(fn: (r) => r.v == \"{slot}\")",
        ),
        Vendor::OpenMetrics => (
            format!("openmetrics:{}", url("/metrics")),
            "requests_total{version=\"{slot}\"}",
            "requests_total{version=\"{slot}\",code=~\"5..\"}",
        ),
        Vendor::Envoy => (
            format!("envoy:{}", url("")),
            "cluster.{slot}.upstream_rq_total",
            "cluster.{slot}.upstream_rq_5xx",
        ),
    };
    [
        "--source".to_owned(),
        source,
        "--total".to_owned(),
        total.to_owned(),
        "--bad".to_owned(),
        bad.to_owned(),
    ]
}

fn command(subcommand: &str, place: &[String], canary: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_canary-check"));
    command
        .env_clear()
        .args([subcommand, "--format", "json"])
        .args(place)
        .args(["--baseline-slot", "v1", "--canary-slot", canary]);
    command
}

fn with_secrets(command: &mut Command) -> &mut Command {
    command
        .env("LIFTLOCK_DATADOG_API_KEY", SECRET)
        .env("LIFTLOCK_DATADOG_APP_KEY", SECRET)
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "eu-west-1")
        .env("LIFTLOCK_NEWRELIC_API_KEY", SECRET)
        .env("LIFTLOCK_GRAPHITE_BASIC", format!("reader:{SECRET}"))
        .env("LIFTLOCK_INFLUXDB_TOKEN", SECRET)
}

fn told(output: &Output) -> (i32, Value, String) {
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(!format!("{stdout}{stderr}").contains(SECRET));
    (output.status.code().unwrap(), json, stderr)
}

fn explain(vendor: Vendor, traffic: Traffic, mood: Mood) -> (i32, Value, String) {
    let server = vendor.start(traffic, mood).unwrap();
    let place = place(vendor, &server);
    let mut command = command("explain", &place, "v2");
    let more = ["--timeout", "2s", "--since", "20m"];
    told(&with_secrets(&mut command).args(more).output().unwrap())
}

#[test]
fn a_bad_canary_fails_by_the_counts_of_each_vendor() {
    for vendor in HISTORY {
        let (code, result, stderr) = explain(vendor, WORSE, Mood::Well);
        assert_eq!(code, 10, "{vendor:?}: {result} {stderr}");
        let judgement = &result["detail"]["judgement"];
        let count = |arm: &str, field: &str| judgement[arm][field].as_u64().unwrap();
        assert!(count("canary", "total") > 0, "{vendor:?}");
        let (total, bad) = (count("canary", "total"), count("canary", "bad"));
        assert_eq!(bad * 10, total, "{vendor:?}");
        let (total, bad) = (count("baseline", "total"), count("baseline", "bad"));
        assert_eq!(bad * 100, total, "{vendor:?}");
    }
}

#[test]
fn a_canary_without_bad_requests_is_counted_and_passes() {
    let well = Traffic {
        baseline: (100, 1),
        canary: (100, 0),
    };
    for vendor in HISTORY {
        let (code, result, stderr) = explain(vendor, well, Mood::Well);
        assert_eq!(code, 0, "{vendor:?}: {result} {stderr}");
    }
}

#[test]
fn each_failure_of_a_vendor_has_its_exit_code() {
    let moods = [
        (Mood::Empty, 12),
        (Mood::Status(401), 4),
        (Mood::Status(403), 4),
        (Mood::Status(400), 3),
        (Mood::Status(422), 3),
        (Mood::Status(429), 12),
        (Mood::Status(503), 12),
        (Mood::Page, 12),
        (Mood::Cut, 12),
        (Mood::Endless, 12),
    ];
    let all = |vendor| {
        for (mood, expected) in moods {
            let (code, result, stderr) = explain(vendor, WORSE, mood);
            assert_eq!(code, expected, "{vendor:?} {mood:?}: {result} {stderr}");
        }
    };
    std::thread::scope(|scope| {
        for vendor in HISTORY {
            scope.spawn(move || all(vendor));
        }
    });
}

#[test]
fn an_answer_that_does_not_end_is_blind_within_the_time() {
    let begun = std::time::Instant::now();
    let (code, result, stderr) = explain(Vendor::Datadog, WORSE, Mood::Hang);
    assert_eq!(code, 12, "{result} {stderr}");
    assert_eq!(result["detail"]["judgement"]["reason"], "unreachable");
    assert!(begun.elapsed().as_secs() < 20);
}

#[test]
fn without_credentials_nobody_is_answered() {
    for vendor in HISTORY {
        let server = vendor.start(WORSE, Mood::Well).unwrap();
        let place = place(vendor, &server);
        let mut command = command("explain", &place, "v2");
        let output = command.env("AWS_REGION", "eu-west-1").output().unwrap();
        let (code, _, stderr) = told(&output);
        assert_eq!(code, 4, "{vendor:?}: {stderr}");
    }
}

#[test]
fn secrets_do_not_go_over_clear_text_to_another_machine() {
    let server = Vendor::Datadog.start(WORSE, Mood::Well).unwrap();
    let mut place = place(Vendor::Datadog, &server);
    place[1] = "datadog:http://datadog.example/".to_owned();
    let mut command = command("explain", &place, "v2");
    let (code, _, stderr) = told(&with_secrets(&mut command).output().unwrap());
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("in the clear"), "{stderr}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_slot_that_could_change_a_query_is_refused_before_anything_is_asked() {
    for vendor in HISTORY {
        let server = vendor.start(WORSE, Mood::Well).unwrap();
        let place = place(vendor, &server);
        for slot in ["v2'\n", "\"v2\u{7}", "v2\n) or true"] {
            let mut command = command("explain", &place, slot);
            let (code, _, stderr) = told(&with_secrets(&mut command).output().unwrap());
            assert_eq!(code, 3, "{vendor:?} {slot:?}: {stderr}");
            assert!(stderr.contains("the slot"), "{stderr}");
        }
        assert!(server.requests().is_empty(), "{vendor:?}");
    }
}

#[test]
fn an_overloaded_vendor_is_asked_again_within_the_look() {
    let server = Vendor::Graphite.start(WORSE, Mood::Status(503)).unwrap();
    let place = place(Vendor::Graphite, &server);
    let mut command = command("explain", &place, "v2");
    let (code, _, stderr) = told(&with_secrets(&mut command).output().unwrap());
    assert_eq!(code, 12, "{stderr}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn sources_without_history_are_watched_but_not_explained() {
    for vendor in [Vendor::OpenMetrics, Vendor::Envoy] {
        let server = vendor.start(WORSE, Mood::Well).unwrap();
        let place = place(vendor, &server);
        let mut run = command("run", &place, "v2");
        let output = run.args(["--interval", "1s", "--timeout", "30s"]).output();
        let (code, result, stderr) = told(&output.unwrap());
        assert_eq!(code, 10, "{vendor:?}: {result} {stderr}");
        let canary = &result["detail"]["canary"];
        let (total, bad) = (&canary["total"], &canary["bad"]);
        assert_eq!(total.as_u64(), bad.as_u64().map(|bad| bad * 10), "{canary}");
        let doctor = command("doctor", &place, "v2").output().unwrap();
        assert_eq!(told(&doctor).0, 0, "{vendor:?}");
        for (subcommand, more) in [
            ("explain", &[][..]),
            ("once", &[]),
            ("run", &["--since", "1m"]),
            ("run", &["--resume", "state.json"]),
        ] {
            let mut command = command(subcommand, &place, "v2");
            let (code, _, stderr) = told(&command.args(more).output().unwrap());
            assert_eq!(code, 3, "{vendor:?} {subcommand}");
            assert!(stderr.contains("keeps no history"), "{stderr}");
        }
    }
}

/// Pages of counters without labels of a slot; the canary's have more errors.
fn pages() -> Server {
    let mut reads = 0_u64;
    Server::start(move |request| {
        reads += 1;
        let line = |pod: &str, bad: u64| {
            let (good, bad) = ((100 - bad) * reads, bad * reads);
            format!("m_total{{{pod}code=\"200\"}} {good}\nm_total{{{pod}code=\"500\"}} {bad}\n")
        };
        let text = match request.path() {
            "/v1/metrics" => line("", 1),
            "/v2/metrics" => line("", 20),
            _ => line("pod=\"v1-1\",", 1) + &line("pod=\"v1-b-1\",", 20),
        };
        testkit::http::Answer::new(200)
            .header("content-type", "text/plain; version=0.0.4")
            .body(text)
    })
    .unwrap()
}

#[test]
fn pages_of_their_own_may_hold_the_same_labels_and_one_page_may_not() {
    let server = pages();
    let run = |path: &str, labels: &str, canary: &str| {
        let total = format!("m_total{{{labels}code=~\".*\"}}");
        let bad = format!("m_total{{{labels}code=\"500\"}}");
        let source = format!("openmetrics:{}", server.url(path));
        let place = ["--source", &source, "--total", &total, "--bad", &bad].map(str::to_owned);
        let mut command = command("run", &place, canary);
        let more = ["--interval", "1s", "--timeout", "30s"];
        told(&command.args(more).output().unwrap())
    };
    let (code, result, stderr) = run("/{slot}/metrics", "", "v2");
    assert_eq!(code, 10, "{result} {stderr}");
    let (code, _, stderr) = run("/metrics", "pod=~\"{slot}-.*\",", "v1-b");
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("is of both slots"), "{stderr}");
}

#[test]
fn each_failure_of_a_page_has_its_exit_code() {
    let moods = [
        (Mood::Empty, 12),
        (Mood::Status(403), 4),
        (Mood::Status(400), 3),
        (Mood::Status(503), 12),
        (Mood::Page, 12),
        (Mood::Cut, 12),
        (Mood::Endless, 12),
        (Mood::Hang, 12),
    ];
    for vendor in [Vendor::OpenMetrics, Vendor::Envoy] {
        for (mood, expected) in moods {
            let server = vendor.start(WORSE, mood).unwrap();
            let place = place(vendor, &server);
            let mut run = command("run", &place, "v2");
            let output = run.args(["--interval", "1s", "--timeout", "1s"]).output();
            let (code, result, stderr) = told(&output.unwrap());
            assert_eq!(code, expected, "{vendor:?} {mood:?}: {result} {stderr}");
        }
    }
}

#[test]
fn thanos_and_victoriametrics_are_told_to_give_everything_once() {
    for (kind, expected) in [
        (
            "thanos",
            &[
                "dedup=true",
                "partial_response=false",
                "max_source_resolution=0s",
            ][..],
        ),
        ("victoriametrics", &["nocache=1"][..]),
    ] {
        let server = Server::script([testkit::http::Answer::json(
            r#"{"status":"success","data":{"resultType":"matrix","result":[]},"infos":["x"]}"#,
        )])
        .unwrap();
        let place = [
            "--source".to_owned(),
            format!("{kind}:{}", server.url("")),
            "--total".to_owned(),
            "m{v=\"{slot}\"}".to_owned(),
            "--bad".to_owned(),
            "m{v=\"{slot}\",c=\"500\"}".to_owned(),
        ];
        let mut command = command("explain", &place, "v'\n2");
        let output = command
            .env("LIFTLOCK_PROMETHEUS_TENANT", "team-a")
            .env("LIFTLOCK_PROMETHEUS_BASIC", "reader:pass word")
            .output();
        let (code, _, stderr) = told(&output.unwrap());
        assert_eq!(code, 12, "{stderr}");
        let requests = server.requests();
        let form = String::from_utf8_lossy(&requests[0].body).into_owned();
        for pair in expected {
            assert!(form.contains(pair), "{form}");
        }
        // `v=~"(?:v1|v'\\n2)"`: the line end of the slot is written as one.
        assert!(form.contains("%28%3F%3Av1%7Cv%27%5Cn2%29"), "{form}");
        assert_eq!(requests[0].header("x-scope-orgid"), Some("team-a"));
        assert_eq!(
            requests[0].header("authorization"),
            Some("Basic cmVhZGVyOnBhc3Mgd29yZA==")
        );
    }
}

#[test]
fn two_ways_to_sign_in_are_one_too_many() {
    let server = Vendor::Graphite.start(WORSE, Mood::Well).unwrap();
    let place = place(Vendor::Graphite, &server);
    let mut command = command("explain", &place, "v2");
    let output = with_secrets(&mut command)
        .env("LIFTLOCK_GRAPHITE_TOKEN", SECRET)
        .output();
    let (code, _, stderr) = told(&output.unwrap());
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("only one may be set"), "{stderr}");
}

fn configuration(folder: &std::path::Path, source: &str) {
    let text = format!(
        "version: 1\nservice: shop\nenvironments:\n  production:\n    traffic: {{ weights-file: \
         {{ path: w.json, slots: {{ stable: v1, canary: v2 }} }} }}\n    metrics: {{ {source} }}\n"
    );
    std::fs::write(folder.join("liftlock.yaml"), text).unwrap();
}

#[test]
fn a_configuration_names_its_source_and_a_policy_keeps_it() {
    let server = Vendor::Graphite.start(WORSE, Mood::Well).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("");
    let source = |url: &str| {
        format!(
            "graphite: {{ url: '{url}', total: 's.{{slot}}.requests', bad: 's.{{slot}}.errors' }}"
        )
    };
    configuration(folder.path(), &source(&url));
    let explain = |more: &[&str], protected: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_canary-check"));
        command
            .env_clear()
            .current_dir(folder.path())
            .env("LIFTLOCK_POLICY", protected)
            .args(["explain", "--environment", "production", "--format", "json"])
            .args(["--since", "20m"])
            .args(more);
        told(&with_secrets(&mut command).output().unwrap())
    };
    let (code, result, stderr) = explain(&[], "");
    assert_eq!(code, 10, "{result} {stderr}");
    let same = format!("graphite:{url}");
    let elsewhere = ["--source", "graphite:http://127.0.0.1:9"];
    let protected = "file:liftlock.yaml";
    let (code, _, stderr) = explain(&["--source", &same], protected);
    assert_eq!(code, 10, "{stderr}");
    for more in [
        &elsewhere[..],
        &["--prometheus", &url],
        &["--bad", "s.{slot}.none"],
    ] {
        let (code, _, stderr) = explain(more, protected);
        assert_eq!(code, 3, "{more:?}: {stderr}");
        assert!(stderr.contains("would loosen the policy"), "{stderr}");
    }
    let both = format!("counts: c.csv, {}", source(&url));
    configuration(folder.path(), &both);
    let (code, _, stderr) = explain(&[], "");
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("exactly one of"), "{stderr}");
}
