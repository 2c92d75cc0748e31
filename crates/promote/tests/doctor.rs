//! `doctor` asks what a plan would reach, and tells each thing that would stop
//! it in one line.
#![cfg(test)]

use std::fs;

use serde_json::json;
use testkit::house::House;
use testkit::http::{Answer, Server};
use testkit::process::free_address;
use testkit::servers::Haproxy;

const DOCTOR: [&str; 3] = ["doctor", "--environment", "production"];

/// Version 1 is live, and users ask.
fn furnished() -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    house
}

/// The lines of what is wrong.
fn bad(house: &House, more: &[&str]) -> Vec<String> {
    let output = house.run("promote", &[&DOCTOR[..], more].concat());
    let output = output.output().unwrap();
    let result: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let checks = result["detail"]["checks"].as_array().unwrap();
    let lines = checks.iter().map(|line| line.as_str().unwrap());
    let bad: Vec<String> = lines
        .filter(|line| line.starts_with("BAD  "))
        .map(str::to_owned)
        .collect();
    let code = if bad.is_empty() { 0 } else { 10 };
    assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
    bad
}

/// A way to split requests, with its slots.
fn way(text: &str) -> String {
    text.replace("SLOTS", "slots: { stable: blue, canary: green }")
}

/// A team's own program that says how requests are split.
fn tells_a_split(house: &House, name: &str) {
    let split =
        "#!/bin/sh\necho '{\"schema_version\":1,\"weights\":{\"blue\":0,\"green\":10000}}'\n";
    house.write(name, split).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(house.path(name), executable).unwrap();
}

#[test]
fn each_thing_that_would_stop_a_plan_is_told_in_one_line() {
    let house = furnished();
    assert_eq!(bad(&house, &["--key", "keys/gate.key"]), [""; 0]);
    let rules = house.text("liftlock.yaml");
    let silent = free_address().unwrap();
    let prometheus = format!(
        "metrics: {{ prometheus: {{ url: 'http://{silent}', interval: 1s, \
         total: 'a{{s=\"{{slot}}\"}}', bad: 'b{{s=\"{{slot}}\"}}' }} }}"
    );
    let weights = way("weights-file: { path: weights.json, SLOTS }");
    let socket = way("haproxy: { socket: /nowhere/admin.sock, backend: be, SLOTS }");
    let own = way("command: { read: [./own-read], shift: [./own-shift], SLOTS }");
    let nginx = way("nginx: { include: split.conf, reload: [no-nginx, -s, reload], SLOTS }");
    tells_a_split(&house, "own-read");
    let cases = [
        (
            "command: [./deploy",
            "command: [./deply",
            "BAD  place.command: the program `./deply` is not there",
        ),
        (
            "command: [./deploy",
            "command: [\"deploy-{slot}\"",
            "BAD  place.command: the program `deploy-green` is in no folder of `PATH`",
        ),
        (
            "metrics: { counts: counts.csv }",
            "metrics: { counts: count.csv }",
            "BAD  metrics: cannot read `count.csv`",
        ),
        (
            "metrics: { counts: counts.csv }",
            prometheus.as_str(),
            "BAD  metrics: prometheus at `http://127.0.0.1:",
        ),
        (
            &weights,
            &socket,
            "BAD  traffic: cannot talk to HAProxy at `/nowhere/admin.sock`: ",
        ),
        (
            &weights,
            &own,
            "BAD  traffic.command.shift: the program `./own-shift` is not there",
        ),
        (
            &weights,
            &nginx,
            "BAD  traffic.nginx.reload: the program `no-nginx` is in no folder of `PATH`",
        ),
    ];
    for (words, others, expected) in cases {
        assert!(rules.contains(words), "{words}");
        house
            .write("liftlock.yaml", rules.replace(words, others))
            .unwrap();
        let found = bad(&house, &[]);
        assert_eq!(found.len(), 1, "{others}: {found:?}");
        assert!(found[0].starts_with(expected), "{others}: {found:?}");
    }
}

/// Prometheus, which has samples of everything but what is named `absent`.
fn prometheus() -> Server {
    Server::start(|request| {
        let asked = format!("{}{}", request.target, String::from_utf8_lossy(&request.body));
        let now = testkit::wait::now().unix_millis() / 1000;
        let sample = json!({ "metric": { "s": "green" }, "values": [[now - 20, "1"], [now - 10, "900"], [now, "1800"]] });
        let result = if asked.contains("absent") { json!([]) } else { json!([sample]) };
        let data = json!({ "resultType": "matrix", "result": result });
        Answer::json(json!({ "status": "success", "data": data }).to_string())
    })
    .unwrap()
}

#[test]
fn further_metrics_are_asked_for_as_well() {
    let house = furnished();
    let server = prometheus();
    let metrics = format!(
        "metrics: {{ prometheus: {{ url: '{}', interval: 1s, total: 'a{{s=\"{{slot}}\"}}', \
         bad: 'b{{s=\"{{slot}}\"}}' }}, further: [{{ name: checkouts, total: 'NAME{{s=\"{{slot}}\"}}', \
         bad: 'd{{s=\"{{slot}}\"}}' }}] }}",
        server.url("")
    );
    let with = |name: &str| metrics.replace("NAME", name);
    house
        .configure("metrics: { counts: counts.csv }", &with("c"))
        .unwrap();
    assert_eq!(bad(&house, &["--key", "keys/gate.key"]), [""; 0]);
    house.configure(&with("c"), &with("absent")).unwrap();
    let told = bad(&house, &["--key", "keys/gate.key"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("BAD  metrics.further checkouts: "),
        "{told:?}"
    );
}

#[test]
fn a_key_that_counts_for_nothing_is_told() {
    let house = furnished();
    for (holder, why) in [
        ("judge", "`ci-judge` signed it, who may not say this"),
        ("alice", "it is `alice`'s, who answers"),
        ("mallory", "no entry of `trust` names it"),
    ] {
        let key = format!("keys/{holder}.key");
        let found = bad(&house, &["--key", &key]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("BAD  who signs: the key "),
            "{found:?}"
        );
        let why = format!(" does not count as `promotion`: {why}");
        assert!(found[0].contains(&why), "{found:?}");
    }
    // Where the rules let nobody sign outcomes, a key is for readers of one's own.
    house.configure("[canary, promotion]", "[canary]").unwrap();
    assert_eq!(bad(&house, &["--key", "keys/mallory.key"]), [""; 0]);
}

#[test]
fn a_socket_that_may_only_read_is_told() {
    let server = free_address().unwrap();
    let servers = format!("  server blue {server} weight 0\n  server green {server} weight 1\n");
    let Some(proxy) = Haproxy::before(&servers).unwrap() else {
        return;
    };
    let house = furnished();
    let rules = house.text("liftlock.yaml");
    let with = |socket: &str, backend: &str| {
        let slots = "slots: { stable: blue, canary: green }";
        let socket = format!("haproxy: {{ socket: '{socket}', backend: {backend}, {slots} }}");
        let file = format!("weights-file: {{ path: weights.json, {slots} }}");
        let rules = rules.replace(&file, &socket);
        house.write("liftlock.yaml", rules).unwrap();
        bad(&house, &[])
    };
    let admin = proxy.socket().display().to_string();
    assert_eq!(with(&admin, "be"), [""; 0]);
    let user = proxy.reading().display().to_string();
    let expected = format!(
        "BAD  traffic: HAProxy lets `{user}` only read: its level is user, and weights need admin; \
         write `level admin` at its `stats socket`"
    );
    assert_eq!(with(&user, "be"), [expected]);
    let found = with(&admin, "none");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("BAD  traffic: HAProxy answered `"),
        "{found:?}"
    );
}

#[test]
fn nothing_is_moved_by_a_key_whose_word_counts_for_nothing() {
    let house = furnished();
    house.release("2").unwrap();
    let weights = house.text("weights.json");
    let run = [
        "run",
        "--environment",
        "production",
        "--release",
        "release-2.json",
    ];
    for holder in ["judge", "alice", "mallory"] {
        let key = format!("keys/{holder}.key");
        let output = house.run("promote", &[&run[..], &["--key", &key]].concat());
        let output = output.output().unwrap();
        assert_eq!(output.code, 4, "{}{}", output.stdout, output.stderr);
        let told = " does not count as `promotion`: ";
        assert!(output.stderr.contains(told), "{}", output.stderr);
        assert!(
            output.stderr.contains("`roles: [promotion]`"),
            "{}",
            output.stderr
        );
        assert_eq!(house.text("weights.json"), weights);
    }
    // Where nobody has the role, somebody else may read it: it is said.
    house.configure("[canary, promotion]", "[canary]").unwrap();
    let output = house.run(
        "promote",
        &[&run[..], &["--key", "keys/mallory.key"]].concat(),
    );
    let output = output.output().unwrap();
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let told = "no entry of `trust` has the role `promotion`: it counts for nobody";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}
