//! The real servers start, do what a gate needs of them, and end.
#![cfg(test)]

use std::process::Command;
use std::time::Duration;

use testkit::http::{self, Answer, Server};
use testkit::servers::{Haproxy, Login, Prometheus, Registry, Scrape};
use testkit::{peers, wait};

const LIMIT: Duration = Duration::from_secs(20);

fn counter(version: &str) -> Server {
    let line = format!("http_requests_total{{version=\"{version}\"}} 42\n");
    Server::start(move |request| match request.path() {
        "/metrics" => Answer::new(200)
            .header("content-type", "text/plain; version=0.0.4")
            .body(line.clone()),
        _ => Answer::new(200),
    })
    .unwrap()
}

#[test]
fn prometheus_sees_what_its_targets_count() {
    let app = counter("v1");
    let scrapes = [Scrape::labelled(app.address(), "track", "canary")];
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let value = wait::until("first sample", LIMIT, || {
        prometheus
            .value(r#"http_requests_total{track="canary"}"#)
            .unwrap()
    });
    assert!((value.unwrap() - 42.0).abs() < f64::EPSILON);
}

#[test]
fn prometheus_starts_without_targets() {
    let Some(mut prometheus) = Prometheus::start(&[]).unwrap() else {
        return;
    };
    assert_eq!(prometheus.value("up").unwrap(), None);
    prometheus.process().stop().unwrap();
    assert!(prometheus.value("up").is_err());
}

#[test]
fn a_registry_takes_and_gives_an_image() {
    let Some(registry) = Registry::start(None).unwrap() else {
        return;
    };
    let (Some(umoci), Some(skopeo)) = (peers::require("umoci"), peers::require("skopeo")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let run = |program, args: &[&str]| {
        let mut command = Command::new(program);
        let output = command
            .args(args)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(&umoci, &["init", "--layout", "img"]);
    run(&umoci, &["new", "--image", "img:v1"]);
    let to = format!("docker://{}/demo/app:v1", registry.host());
    run(
        &skopeo,
        &[
            "copy",
            "--insecure-policy",
            "--dest-tls-verify=false",
            "oci:img:v1",
            &to,
        ],
    );
    let tags = http::get(&format!("{}/v2/demo/app/tags/list", registry.url())).unwrap();
    assert_eq!(tags.text().trim(), r#"{"name":"demo/app","tags":["v1"]}"#);
}

#[test]
fn a_registry_with_a_password_asks_for_it() {
    let login = Login {
        user: "alice",
        password: "s3cret",
    };
    let Some(registry) = Registry::start(Some(login)).unwrap() else {
        return;
    };
    let url = format!("{}/v2/", registry.url());
    // "alice:s3cret" and "alice:wrong" in base64.
    let with = |value| {
        http::send("GET", &url, &[("authorization", value)], &[])
            .unwrap()
            .status
    };
    assert_eq!(with("Basic YWxpY2U6czNjcmV0"), 200);
    assert_eq!(with("Basic YWxpY2U6d3Jvbmc="), 401);
}

#[test]
fn haproxy_splits_by_weights_that_can_be_set() {
    let (v1, v2) = (counter("v1"), counter("v2"));
    let Some(haproxy) = Haproxy::start((v1.address(), 95), (v2.address(), 5)).unwrap() else {
        return;
    };
    let before = v2.requests().len();
    haproxy.set_weight("v1", 0).unwrap();
    haproxy.set_weight("v2", 100).unwrap();
    assert_eq!(
        (haproxy.weight("v1").unwrap(), haproxy.weight("v2").unwrap()),
        (0, 100)
    );
    for _ in 0..20 {
        assert_eq!(http::get(&haproxy.url()).unwrap().status, 200);
    }
    assert_eq!(v2.requests().len(), before + 20);
    let stats = http::get(&format!("http://{}/metrics", haproxy.stats())).unwrap();
    assert!(stats.text().contains("haproxy_server_http_responses_total"));
    assert!(haproxy.set_weight("v3", 1).is_err());
}
