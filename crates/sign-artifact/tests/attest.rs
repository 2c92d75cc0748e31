#![cfg(test)]
//! Statements that say what their type demands, and provenance from a CI.

mod bench;

use std::fs;

use bench::{BINARY, Bench, sample};
use serde_json::{Value, json};
use testkit::cli::{Output, Run};

const SHA: &str = "d20ace7968ba43c0219f62d71334c1095bab1602";

fn predicate(bench: &Bench, name: &str) -> Value {
    use base64::Engine as _;
    let bundle: Value = serde_json::from_str(&bench.read(name)).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(payload)
        .unwrap();
    let statement: Value = serde_json::from_slice(&bytes).unwrap();
    statement["predicate"].clone()
}

#[test]
fn a_predicate_without_what_its_type_demands_is_refused_by_path() {
    let bench = Bench::new();
    for name in ["openvex", "cyclonedx", "spdx", "vuln"] {
        bench.write("p.json", &sample(name));
        let line = format!("attest --key cosign.key --type {name} --predicate p.json a");
        bench.expect(0, &line);
    }
    let cases = [
        ("openvex", "{}", "`@context` is absent"),
        (
            "cyclonedx",
            r#"{"bomFormat":"SPDX","specVersion":"1.6"}"#,
            "`bomFormat` is `SPDX`",
        ),
        (
            "spdx",
            r#"{"spdxVersion":"SPDX-2.3"}"#,
            "`dataLicense` is absent",
        ),
        ("vuln", r#"{"scanner":{}}"#, "`scanner.result` is absent"),
        (
            "slsaprovenance1",
            r#"{"buildDefinition":{}}"#,
            "`buildDefinition.buildType` is absent",
        ),
        (
            "test-result",
            r#"{"result":"GREEN"}"#,
            "`result` is `GREEN`",
        ),
        (
            "https://example.com/p",
            "[]",
            "the predicate is an empty list",
        ),
    ];
    for (name, text, message) in cases {
        bench.write("p.json", text);
        let line = format!("attest --key cosign.key --type {name} --predicate p.json --bundle x a");
        let told = bench.expect(3, &line);
        assert!(told.contains(&format!("`p.json`: {message}")), "{told}");
        assert!(!bench.path("x").exists());
    }
    bench.write("p.json", r#"{"anything":[1]}"#);
    let line = "attest --key cosign.key --type https://example.com/p --predicate p.json a";
    bench.expect(0, line);
}

#[test]
fn a_predicate_has_at_most_16_mib_and_up_to_there_it_works() {
    let bench = Bench::new();
    let line = "attest --key cosign.key --type custom --predicate p.json --bundle b.json a";
    let filled = |length: usize| format!("{{\"x\":\"{}\"}}", "a".repeat(length - 8));
    bench.write("p.json", &filled(16 * 1024 * 1024));
    bench.expect(0, line);
    bench.expect(0, "verify --key cosign.pub --type custom --bundle b.json a");
    bench.write("p.json", &filled(16 * 1024 * 1024 + 1));
    let told = bench.expect(3, line);
    assert!(told.contains("larger than 16777216 bytes"), "{told}");
    assert!(told.contains("hint"), "{told}");
}

/// Runs in the environment of a CI.
fn attest(bench: &Bench, variables: &[(&str, &str)], more: &str) -> Output {
    let line = format!("attest --key cosign.key --from-ci --bundle p.json --format json {more}a");
    let run = Run::new(BINARY)
        .args(line.split(' '))
        .env("COSIGN_PASSWORD", "s3cret")
        .folder(bench.0.path());
    let run = variables
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    run.output().unwrap()
}

/// A folder whose key is sealed with what the tests look for.
fn sealed() -> Bench {
    let bench = Bench::empty();
    bench.write("a", "hello\n");
    assert_eq!(bench.run("generate-key-pair", "s3cret").code, 0);
    bench
}

fn github(event: &str) -> Vec<(&'static str, String)> {
    let pairs = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        (
            "GITHUB_WORKFLOW_REF",
            "acme/shop/.github/workflows/r.yml@refs/heads/main",
        ),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_SHA", SHA),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_EVENT_NAME", "workflow_dispatch"),
        ("GITHUB_EVENT_PATH", event),
        ("GITHUB_TOKEN", "s3cret"),
    ];
    pairs.map(|(name, value)| (name, value.to_owned())).into()
}

fn plain<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

#[test]
fn github_tells_how_an_artifact_was_built() {
    let bench = sealed();
    let event = json!({ "inputs": { "flavour": "large" }, "repository": { "private": true } });
    bench.write("event.json", &event.to_string());
    let variables = github("event.json");
    let output = attest(&bench, &plain(&variables), "");
    assert_eq!(output.code, 0, "{}", output.stderr);
    let made = predicate(&bench, "p.json");
    let definition = &made["buildDefinition"];
    assert_eq!(
        definition["buildType"],
        "https://liftlock.github.io/buildtypes/github-actions/v1"
    );
    assert_eq!(
        definition["externalParameters"],
        json!({
            "workflow": { "repository": "https://github.com/acme/shop", "ref": "refs/heads/main",
                          "path": ".github/workflows/r.yml" },
            "inputs": { "flavour": "large" },
        })
    );
    let schema = testkit::schema::Schema::published("predicate-provenance").unwrap();
    assert_eq!(schema.faults(&made).unwrap(), Vec::<String>::new());
    assert_eq!(output.json().unwrap()["detail"]["predicate"], made);
    assert!(!bench.read("p.json").contains("s3cret"));
    assert!(!output.stdout.contains("s3cret"));
    let verify = "verify --key cosign.pub --type provenance --bundle p.json a";
    bench.expect(0, verify);
    // The event of another kind of run is nobody's business.
    fs::remove_file(bench.path("event.json")).unwrap();
    assert_eq!(attest(&bench, &plain(&variables), "").code, 3);
    let mut pushed = variables.clone();
    pushed.retain(|(name, _)| !name.starts_with("GITHUB_EVENT"));
    pushed.push(("GITHUB_EVENT_NAME", "push".to_owned()));
    assert_eq!(attest(&bench, &plain(&pushed), "").code, 0);
}

#[test]
fn gitlab_and_jenkins_tell_the_same_things() {
    let bench = sealed();
    let gitlab = [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://gitlab.com/acme/shop"),
        (
            "CI_REPOSITORY_URL",
            "https://gitlab-ci-token:s3cret@gitlab.com/acme/shop.git",
        ),
        ("CI_COMMIT_TAG", "v1"),
        ("CI_COMMIT_SHA", SHA),
        ("CI_CONFIG_PATH", ".gitlab-ci.yml"),
        ("CI_PIPELINE_SOURCE", "push"),
        ("CI_JOB_URL", "https://gitlab.com/acme/shop/-/jobs/9"),
        ("CI_RUNNER_ID", "12"),
    ];
    let jenkins = [
        ("JENKINS_URL", "https://ci.example/"),
        ("BUILD_ID", "3"),
        ("JOB_NAME", "shop"),
        ("BUILD_URL", "https://ci.example/job/shop/3/"),
        ("GIT_URL", "https://bot:s3cret@gitlab.com/acme/shop"),
        ("GIT_COMMIT", SHA),
        ("TAG_NAME", "v1"),
    ];
    let source = json!([{
        "uri": "git+https://gitlab.com/acme/shop@refs/tags/v1", "digest": { "gitCommit": SHA },
    }]);
    for variables in [&gitlab[..], &jenkins] {
        let output = attest(&bench, variables, "");
        assert_eq!(output.code, 0, "{}", output.stderr);
        let made = predicate(&bench, "p.json");
        assert_eq!(made["buildDefinition"]["resolvedDependencies"], source);
        assert!(!made.to_string().contains("s3cret"), "{made}");
        for (name, _) in variables.iter().skip(1) {
            let mut rest = variables.to_vec();
            rest.retain(|(key, _)| key != name);
            let output = attest(&bench, &rest, "");
            if output.code != 0 {
                let told = format!("{} {}", output.stderr, output.stdout);
                assert_eq!(output.code, 3, "{name}: {told}");
                let named = told.contains(&format!("`{name}`"));
                // What stands in for a tag is named in its place, and without
                // its build Jenkins is no Jenkins.
                let other = ["CI_COMMIT_TAG", "TAG_NAME", "BUILD_ID"].contains(name);
                assert!(named || other, "{name}: {told}");
            } else {
                assert_eq!(*name, "CI_REPOSITORY_URL");
            }
        }
    }
}

#[test]
fn a_secret_is_no_parameter_and_a_shell_is_no_ci() {
    let bench = sealed();
    let variables = [
        ("JENKINS_URL", "https://ci.example/"),
        ("BUILD_ID", "3"),
        ("JOB_NAME", "shop"),
        ("BUILD_URL", "https://ci.example/job/shop/3/"),
        ("GIT_URL", "https://gitlab.com/acme/shop"),
        ("GIT_COMMIT", SHA),
        ("TAG_NAME", "v1"),
        ("FLAVOUR", "large"),
        ("DEPLOY_TOKEN", "s3cret"),
    ];
    for name in ["DEPLOY_TOKEN", "COSIGN_PASSWORD"] {
        let output = attest(&bench, &variables, &format!("--parameter {name} "));
        assert_eq!(output.code, 3);
        assert!(output.stderr.contains(name), "{}", output.stderr);
        assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
    }
    let named = "--parameter FLAVOUR --started-on 2026-11-25T10:00:00Z --builder-id urn:us:ci ";
    assert_eq!(attest(&bench, &variables, named).code, 0);
    let made = predicate(&bench, "p.json");
    let inputs = &made["buildDefinition"]["externalParameters"]["inputs"];
    assert_eq!(*inputs, json!({ "FLAVOUR": "large" }));
    assert_eq!(made["runDetails"]["builder"]["id"], "urn:us:ci");
    assert_eq!(
        made["runDetails"]["metadata"]["startedOn"],
        "2026-11-25T10:00:00Z"
    );
    let shell = attest(&bench, &[], "");
    assert_eq!(shell.code, 3);
    assert!(
        shell.stderr.contains("no run of GitHub"),
        "{}",
        shell.stderr
    );
    let other = attest(&bench, &variables, "--type openvex ");
    assert_eq!(other.code, 2);
    bench.expect(
        2,
        "attest --key cosign.key --parameter A --type custom --predicate a a",
    );
}
