use serde_json::{Value, json};

use super::*;
use crate::predicate;

const SHA: &str = "d20ace7968ba43c0219f62d71334c1095bab1602";

fn github() -> Vec<(&'static str, &'static str)> {
    vec![
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        (
            "GITHUB_WORKFLOW_REF",
            "acme/shop/.github/workflows/release.yml@refs/heads/main",
        ),
        ("GITHUB_REF", "refs/tags/v1"),
        ("GITHUB_SHA", SHA),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("GITHUB_EVENT_NAME", "workflow_dispatch"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
        ("GITHUB_TOKEN", "s3cret"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret"),
    ]
}

fn gitlab() -> Vec<(&'static str, &'static str)> {
    vec![
        ("CI_PROJECT_URL", "https://gitlab.com/acme/shop"),
        (
            "CI_REPOSITORY_URL",
            "https://gitlab-ci-token:s3cret@gitlab.com/acme/shop.git",
        ),
        ("CI_COMMIT_REF_NAME", "main"),
        ("CI_COMMIT_SHA", SHA),
        ("CI_CONFIG_PATH", ".gitlab-ci.yml"),
        ("CI_PIPELINE_SOURCE", "push"),
        ("CI_JOB_URL", "https://gitlab.com/acme/shop/-/jobs/9"),
        ("CI_JOB_STARTED_AT", "2026-11-25T11:00:00Z"),
        ("CI_RUNNER_ID", "12"),
        ("CI_JOB_TOKEN", "s3cret"),
    ]
}

fn jenkins() -> Vec<(&'static str, &'static str)> {
    vec![
        ("JENKINS_URL", "https://jenkins.example/"),
        ("JOB_NAME", "acme/shop/main"),
        (
            "BUILD_URL",
            "https://jenkins.example/job/acme/job/shop/job/main/3/",
        ),
        ("GIT_URL", "https://bot:s3cret@git.example/acme/shop.git"),
        ("GIT_COMMIT", SHA),
        ("GIT_BRANCH", "origin/main"),
        ("NODE_NAME", "built-in"),
        ("FLAVOUR", "large"),
        ("DEPLOY_TOKEN", "s3cret"),
    ]
}

type Variables = Vec<(&'static str, &'static str)>;

fn made(system: System, variables: &Variables, parameters: &[&str]) -> Result<Value, Error> {
    let event = json!({ "inputs": { "flavour": "large", "dry": true, "none": null } });
    let lookup = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let parameters: Vec<String> = parameters.iter().map(|name| (*name).to_owned()).collect();
    let provenance = generate(&Surroundings {
        system,
        lookup: &lookup,
        event: (system == System::GitHub).then_some(&event),
        parameters: &parameters,
        builder_id: None,
        started_on: None,
        now: "2026-11-25T12:00:00Z".parse().unwrap(),
    })?;
    Ok(serde_json::to_value(provenance).unwrap())
}

#[test]
fn the_three_systems_say_the_same_things_in_one_shape() {
    let cases = [
        (
            System::GitHub,
            github(),
            "github-actions/v1",
            "git+https://github.com/acme/shop@refs/tags/v1",
            "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main",
            "https://github.com/acme/shop/actions/runs/7/attempts/2",
        ),
        (
            System::GitLab,
            gitlab(),
            "gitlab-ci/v1",
            "git+https://gitlab.com/acme/shop@refs/heads/main",
            "https://gitlab.com/acme/shop/-/runners/12",
            "https://gitlab.com/acme/shop/-/jobs/9",
        ),
        (
            System::Jenkins,
            jenkins(),
            "jenkins/v1",
            "git+https://git.example/acme/shop.git@refs/heads/main",
            "https://jenkins.example",
            "https://jenkins.example/job/acme/job/shop/job/main/3",
        ),
    ];
    for (system, variables, kind, uri, builder, run) in cases {
        let made = made(system, &variables, &[]).unwrap();
        assert_eq!(predicate::check(predicate::PROVENANCE, &made), Ok(()));
        let definition = &made["buildDefinition"];
        assert_eq!(
            definition["buildType"],
            format!("https://liftlock.github.io/buildtypes/{kind}")
        );
        let source = json!([{ "uri": uri, "digest": { "gitCommit": SHA } }]);
        assert_eq!(definition["resolvedDependencies"], source);
        assert!(definition["externalParameters"]["workflow"]["repository"].is_string());
        assert_eq!(made["runDetails"]["builder"]["id"], builder);
        let metadata = &made["runDetails"]["metadata"];
        assert_eq!(metadata["invocationId"], run);
        assert_eq!(metadata["finishedOn"], "2026-11-25T12:00:00Z");
        assert!(!made.to_string().contains("s3cret"), "{made:#}");
    }
}

#[test]
fn each_missing_variable_is_named() {
    let optional = [
        "RUNNER_ENVIRONMENT",
        "GITHUB_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "CI_REPOSITORY_URL",
        "CI_JOB_STARTED_AT",
        "CI_JOB_TOKEN",
        "NODE_NAME",
        "FLAVOUR",
        "DEPLOY_TOKEN",
    ];
    for (system, variables) in [
        (System::GitHub, github()),
        (System::GitLab, gitlab()),
        (System::Jenkins, jenkins()),
    ] {
        for (name, _) in &variables {
            let mut rest = variables.clone();
            rest.retain(|(key, _)| key != name);
            let made = made(system, &rest, &[]);
            if optional.contains(name) {
                assert!(made.is_ok(), "{name}: {made:?}");
            } else {
                assert_eq!(made, Err(Error::Missing(name)), "{name}");
            }
        }
    }
    assert_eq!(made(System::Plain, &github(), &[]), Err(Error::NoSystem));
}

#[test]
fn what_a_variable_says_is_not_believed_blindly() {
    let cases = [
        (System::GitHub, github(), "GITHUB_SHA", "HEAD"),
        (
            System::GitHub,
            github(),
            "GITHUB_SHA",
            "D20ACE7968BA43C0219F62D71334C1095BAB1602",
        ),
        (
            System::GitHub,
            github(),
            "GITHUB_WORKFLOW_REF",
            "release.yml",
        ),
        (System::GitHub, github(), "GITHUB_SERVER_URL", "github.com"),
        (System::GitLab, gitlab(), "CI_JOB_STARTED_AT", "noon"),
        (System::Jenkins, jenkins(), "GIT_URL", "somewhere"),
    ];
    for (system, mut variables, name, value) in cases {
        variables.retain(|(key, _)| *key != name);
        variables.push((name, value));
        let made = made(system, &variables, &[]);
        assert!(
            matches!(made, Err(Error::Value(found, _)) if found == name),
            "{name}: {made:?}"
        );
    }
}

#[test]
fn refs_are_written_in_full() {
    let cases = [
        (
            System::GitLab,
            gitlab(),
            "CI_COMMIT_TAG",
            "v1",
            "refs/tags/v1",
        ),
        (
            System::GitLab,
            gitlab(),
            "CI_MERGE_REQUEST_REF_PATH",
            "refs/merge-requests/1/head",
            "refs/merge-requests/1/head",
        ),
        (System::Jenkins, jenkins(), "TAG_NAME", "v1", "refs/tags/v1"),
        (
            System::Jenkins,
            jenkins(),
            "BRANCH_NAME",
            "a/b",
            "refs/heads/a/b",
        ),
    ];
    for (system, mut variables, name, value, expected) in cases {
        variables.push((name, value));
        let made = made(system, &variables, &[]).unwrap();
        let found = &made["buildDefinition"]["externalParameters"]["workflow"]["ref"];
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn inputs_are_those_that_are_named_and_no_secrets() {
    let inputs = |made: Value| made["buildDefinition"]["externalParameters"]["inputs"].clone();
    let manual = made(System::GitHub, &github(), &[]).unwrap();
    assert_eq!(inputs(manual), json!({ "flavour": "large", "dry": "true" }));
    let named = made(System::Jenkins, &jenkins(), &["FLAVOUR"]).unwrap();
    assert_eq!(inputs(named), json!({ "FLAVOUR": "large" }));
    assert_eq!(
        inputs(made(System::Jenkins, &jenkins(), &[]).unwrap()),
        Value::Null
    );
    let secret = made(System::Jenkins, &jenkins(), &["DEPLOY_TOKEN"]);
    assert_eq!(secret, Err(Error::Secret("DEPLOY_TOKEN".to_owned())));
    let absent = made(System::Jenkins, &jenkins(), &["NOTHING"]);
    assert_eq!(absent, Err(Error::NoParameter("NOTHING".to_owned())));
    for name in [
        "npm-token",
        "MY_KEY",
        "KEY",
        "db_password",
        "GH_PAT",
        "apiKey",
    ] {
        assert!(is_secret(name), "{name}");
    }
    assert!(!is_secret("FLAVOUR") && !is_secret("KEYBOARD"));
}
