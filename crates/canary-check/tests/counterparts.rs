//! `canary-check` with real sources beside Prometheus on loopback.
#![cfg(test)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;
use testkit::http::{self, Answer, Server};
use testkit::process::{Process, free_address};
use testkit::servers::{Haproxy, InfluxDb, VictoriaMetrics};
use testkit::{peers, wait};

fn check(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .envs(environment.iter().copied())
        .args(arguments)
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .args(["--format", "json"])
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), json, stderr)
}

fn count(result: &Value, arm: &str, field: &str) -> u64 {
    let judgement = &result["detail"]["judgement"][arm];
    judgement[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{result}"))
}

fn now() -> i64 {
    wait::now().unix_millis()
}

/// 50 requests every five seconds; the series of errors is born with the third
/// sample, at a fraction of a second.
fn samples(version: &str, bad: i64) -> String {
    let newest = now();
    (0..60).fold(String::new(), |mut text, number| {
        let time = newest - (59 - number) * 5_000;
        let failed = bad * (number - 1).max(0);
        let good = 50 * number - failed;
        for (code, value) in [("200", good), ("500", failed)] {
            if code == "200" || failed > 0 {
                let labels = format!("version=\"{version}\",code=\"{code}\",instance=\"a\"");
                writeln!(text, "requests_total{{{labels}}} {value} {time}").unwrap();
            }
        }
        text
    })
}

#[test]
fn victoriametrics_gives_the_same_raw_samples() {
    let Some(server) = VictoriaMetrics::start().unwrap() else {
        return;
    };
    server.push(&samples("v1", 1)).unwrap();
    server.push(&samples("v2", 10)).unwrap();
    let url = server.url();
    let source = format!("victoriametrics:{url}");
    let total = r#"requests_total{version="{slot}"}"#;
    let bad = r#"requests_total{version="{slot}",code=~"5.."}"#;
    let query = ["--source", &source, "--total", total, "--bad", bad];
    let explain = || {
        check(
            &[&["explain"], &query[..], &["--since", "10m"]].concat(),
            &[],
        )
    };
    // What was pushed is there a moment later.
    let seen = wait::until("pushed samples", std::time::Duration::from_secs(20), || {
        let (code, result, _) = explain();
        (code == 10).then_some(result)
    });
    let result = seen.unwrap();
    let (total, bad) = (
        count(&result, "canary", "total"),
        count(&result, "canary", "bad"),
    );
    assert_eq!((total % 50, bad % 10), (0, 0), "{total} {bad}");
    assert_eq!(bad / 10 + 1, total / 50, "the first errors were lost");
    let wrong = r#"requests_total{version="{slot}",code=~"("}"#;
    let query = ["--source", &source, "--total", wrong, "--bad", wrong];
    let (code, _, stderr) = check(&[&["explain"], &query[..]].concat(), &[]);
    assert_eq!(code, 3, "{stderr}");
    // Whatever a slot holds, it is a value.
    let query = [
        "--source",
        &source,
        "--total",
        total_of(),
        "--bad",
        total_of(),
    ];
    let more = ["--canary-slot", "v2'}\"\n`"];
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .args(["explain"])
        .args(query)
        .args(["--baseline-slot", "v1"])
        .args(more)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(12));
}

const fn total_of() -> &'static str {
    "requests_total{version='{slot}'}"
}

#[test]
fn influxdb_adds_points_up_to_rows() {
    let Some(server) = InfluxDb::start().unwrap() else {
        return;
    };
    let newest = now() / 1000;
    let points = (0..600).fold(String::new(), |mut text, number| {
        let time = (newest - number) * 1000;
        for (version, bad) in [("v1", 0), ("v2", 1)] {
            writeln!(text, "requests,version={version} n=10i {time}").unwrap();
            if bad > 0 {
                writeln!(text, "errors,version={version} n={bad}i {time}").unwrap();
            }
        }
        text
    });
    server.push(&points).unwrap();
    let source = format!("influxdb:{}/?db=shop", server.url());
    let total = "SELECT sum(n) FROM requests WHERE version = '{slot}' AND {time}";
    let bad = "SELECT sum(n) FROM errors WHERE version = '{slot}' AND {time}";
    let query = ["--source", &source, "--total", total, "--bad", bad];
    let (code, result, stderr) = check(&[&["explain"], &query[..]].concat(), &[]);
    assert_eq!(code, 10, "{result} {stderr}");
    let (total, bad) = (
        count(&result, "canary", "total"),
        count(&result, "canary", "bad"),
    );
    assert_eq!((total % 150, bad * 10), (0, total), "15 seconds a row");
    assert_eq!(count(&result, "baseline", "bad"), 0);
    for (query, expected) in [
        (
            "SELECT sum(n) FROM requests WHERE v = '{slot}' AND {time}",
            12,
        ),
        (
            "SELECT sum(n) FRM requests WHERE v = '{slot}' AND {time}",
            3,
        ),
        (
            "SELECT n FROM requests WHERE version = '{slot}' AND {time}",
            3,
        ),
    ] {
        let query = ["--source", &source, "--total", query, "--bad", query];
        let (code, _, stderr) = check(&[&["explain"], &query[..]].concat(), &[]);
        assert_eq!(code, expected, "{stderr}");
    }
    let elsewhere = source.replace("shop", "shop2");
    let query = [
        "--source",
        &elsewhere,
        "--total",
        bad_of(),
        "--bad",
        bad_of(),
    ];
    let (code, _, stderr) = check(&[&["explain"], &query[..]].concat(), &[]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("database not found"), "{stderr}");
}

const fn bad_of() -> &'static str {
    "SELECT sum(n) FROM errors WHERE version = '{slot}' AND {time}"
}

/// A server of which every second answer is an error, or none.
fn app(fails: bool) -> Server {
    let mut asked = 0;
    Server::start(move |_| {
        asked += 1;
        Answer::new(if fails && asked % 2 == 0 { 500 } else { 200 })
    })
    .unwrap()
}

/// Sends requests until it is told to stop.
fn users(url: String) -> (Arc<AtomicBool>, thread::JoinHandle<()>) {
    let over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&over);
    let thread = thread::spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            drop(http::get(&url));
            wait::pause(std::time::Duration::from_millis(2));
        }
    });
    (over, thread)
}

#[test]
fn haproxy_is_watched_by_its_socket_its_page_and_its_exporter() {
    let (good, bad) = (app(false), app(true));
    let started = Haproxy::start((good.address(), 1), (bad.address(), 1)).unwrap();
    let Some(haproxy) = started else {
        return;
    };
    let (over, thread) = users(format!("{}/", haproxy.url()));
    let socket = format!("haproxy:{}", haproxy.socket().display());
    let port = format!("haproxy:{}", haproxy.runtime());
    let page = format!("haproxy:http://{}/stats;csv", haproxy.stats());
    let exporter = format!("openmetrics:http://{}/metrics", haproxy.stats());
    let columns = ("be/{slot}/hrsp_2xx+hrsp_5xx", "be/{slot}/hrsp_5xx");
    let series = (
        r#"haproxy_server_http_responses_total{proxy="be",server="{slot}"}"#,
        r#"haproxy_server_http_responses_total{proxy="be",server="{slot}",code="5xx"}"#,
    );
    for (source, (total, bad)) in [
        (&socket, columns),
        (&port, columns),
        (&page, columns),
        (&exporter, series),
    ] {
        let query = ["--source", source.as_str(), "--total", total, "--bad", bad];
        let time = ["--interval", "1s", "--timeout", "30s"];
        let (code, result, stderr) = check(&[&["run"], &query[..], &time].concat(), &[]);
        assert_eq!(code, 10, "{source}: {result} {stderr}");
        let canary = &result["detail"]["canary"];
        let (total, bad) = (
            canary["total"].as_u64().unwrap(),
            canary["bad"].as_u64().unwrap(),
        );
        // Every second one, give or take where a row cuts.
        assert!(total.abs_diff(2 * bad) <= 1, "{source}: {canary}");
        assert_eq!(result["detail"]["baseline"]["bad"], 0);
    }
    over.store(true, Ordering::SeqCst);
    thread.join().unwrap();
    let query = [
        "--source",
        &socket,
        "--total",
        "be/{slot}/req_tot",
        "--bad",
        columns.1,
    ];
    let (code, _, stderr) = check(&[&["doctor"], &query[..]].concat(), &[]);
    assert!(code == 0 || code == 3, "{stderr}");
    let query = [
        "--source",
        &socket,
        "--total",
        "no/{slot}/stot",
        "--bad",
        columns.1,
    ];
    let (code, _, stderr) = check(&[&["doctor"], &query[..]].concat(), &[]);
    assert_eq!(code, 12, "{stderr}");
}

/// moto with its check of signatures switched on after four requests.
fn moto(folder: &TempDir) -> Option<(Process, String)> {
    let program = peers::require("moto_server")?;
    let address = free_address().unwrap();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = Command::new(program);
    command
        .args(["-H", &host, "-p", &port])
        .env("INITIAL_NO_AUTH_ACTION_COUNT", "4");
    let mut process = Process::spawn("moto", &mut command, folder.path()).unwrap();
    let url = format!("http://{address}/");
    let ready = || http::answers(&format!("{url}moto-api/data.json"), 200);
    process.ready(ready).unwrap();
    Some((process, url))
}

fn aws(url: &str, service: &str, body: &str) -> String {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let answer = http::send("POST", url, &headers, body.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.text()
}

/// Half an hour of sums by the minute; the baseline has no errors to report.
fn metrics() -> String {
    let newest = now() / 60_000;
    let mut body = "Action=PutMetricData&Version=2010-08-01&Namespace=Shop".to_owned();
    let mut member = 0;
    for minute in 0..30 {
        let time = testkit_time((newest - minute) * 60_000 + 5_000);
        for (name, version, value) in [
            ("Requests", "v1", 600),
            ("Requests", "v2", 600),
            ("Errors", "v2", 60),
        ] {
            member += 1;
            let at = format!("&MetricData.member.{member}");
            write!(
                body,
                "{at}.MetricName={name}{at}.Value={value}{at}.Timestamp={time}\
                 {at}.Dimensions.member.1.Name=Version{at}.Dimensions.member.1.Value={version}"
            )
            .unwrap();
        }
    }
    body
}

fn testkit_time(millis: i64) -> String {
    liftlock::time::Time::from_unix_millis(millis)
        .unwrap()
        .to_string()
}

#[test]
fn cloudwatch_checks_the_signature_and_adds_up_by_the_minute() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_process, url)) = moto(&folder) else {
        return;
    };
    aws(
        &url,
        "iam",
        "Action=CreateUser&UserName=u&Version=2010-05-08",
    );
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
    let grant = format!(
        "Action=PutUserPolicy&UserName=u&PolicyName=p&PolicyDocument={policy}&Version=2010-05-08"
    );
    aws(&url, "iam", &grant);
    aws(&url, "monitoring", &metrics());
    let made = aws(
        &url,
        "iam",
        "Action=CreateAccessKey&UserName=u&Version=2010-05-08",
    );
    let between = |tag: &str| {
        let (_, rest) = made.split_once(&format!("<{tag}>")).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    let (id, secret) = (between("AccessKeyId"), between("SecretAccessKey"));
    let source = format!("cloudwatch:{url}");
    let (total, bad) = (
        "Shop:Requests{Version={slot}}",
        "Shop:Errors{Version={slot}}",
    );
    let query = [
        "explain", "--source", &source, "--total", total, "--bad", bad,
    ];
    let environment = |secret| {
        [
            ("AWS_ACCESS_KEY_ID", id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", "us-east-1"),
        ]
    };
    let (code, result, stderr) = check(&query, &environment(&secret));
    assert_eq!(code, 10, "{result} {stderr}");
    let (total, bad) = (
        count(&result, "canary", "total"),
        count(&result, "canary", "bad"),
    );
    assert_eq!((total % 600, bad * 10), (0, total));
    assert_eq!(count(&result, "baseline", "bad"), 0);
    let (code, _, stderr) = check(&query, &environment("another"));
    assert_eq!(code, 4, "{stderr}");
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new(peers::find("openssl").unwrap())
        .current_dir(folder)
        .args(arguments.split(' '))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments}: {stderr}");
}

#[test]
fn a_server_that_asks_who_the_client_is_gets_its_certificate() {
    let Some(program) = peers::require("openssl") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(
        at,
        &format!(
            "{new} -keyout s.key -out s.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
        ),
    );
    openssl(
        at,
        &format!("{new} -keyout c.key -out c.pem -subj /CN=client"),
    );
    std::fs::write(at.join("metrics"), "m{v=\"v1\"} 1\nm{v=\"v2\"} 1\n").unwrap();
    let address = free_address().unwrap();
    let port = address.port().to_string();
    let mut command = Command::new(program);
    command
        .current_dir(at)
        .args(["s_server", "-accept", &port, "-4", "-WWW", "-quiet"])
        .args(["-cert", "s.pem", "-key", "s.key", "-CAfile", "c.pem"])
        .args(["-Verify", "1", "-verify_return_error"]);
    let mut process = Process::spawn("s_server", &mut command, at).unwrap();
    process
        .ready(|| std::net::TcpStream::connect(address).is_ok())
        .unwrap();
    let source = format!("openmetrics:https://localhost:{port}/metrics");
    let (ca, certificate, key) = (at.join("s.pem"), at.join("c.pem"), at.join("c.key"));
    let ca = ca.to_str().unwrap();
    let query = [
        "--source",
        &source,
        "--total",
        "m{v=\"{slot}\"}",
        "--bad",
        "m{v=\"{slot}\"}",
    ];
    let arguments = [&["doctor", "--ca-file", ca], &query[..]].concat();
    let identity = [
        (
            "LIFTLOCK_TELEMETRY_CERTIFICATE",
            certificate.to_str().unwrap(),
        ),
        ("LIFTLOCK_TELEMETRY_KEY", key.to_str().unwrap()),
    ];
    let (code, result, stderr) = check(&arguments, &identity);
    assert_eq!(code, 0, "{result} {stderr} {}", process.stderr());
    let (code, _, stderr) = check(&arguments, &[]);
    assert_eq!(code, 12, "{stderr}");
    let (code, _, stderr) = check(&arguments, &identity[..1]);
    assert_eq!(code, 3, "{stderr}");
    let swapped = [identity[0], (identity[1].0, identity[0].1)];
    let (code, _, stderr) = check(&arguments, &swapped);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("client certificate"), "{stderr}");
}
