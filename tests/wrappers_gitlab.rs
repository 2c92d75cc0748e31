//! Every component, run as a pipeline.

#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::peers;

mod stage;

use stage::{CASES, Case, PASSWORD};

/// Includes the component of a case, with one input more.
fn include(case: &Case, more: &[(&str, Value)]) -> String {
    let mut yaml = format!(
        "  - local: templates/{}/template.yml\n    inputs:\n      job-name: {}\n      image: none\n      \
         bin-dir: {}\n",
        case.verb,
        case.name,
        stage::binaries().display()
    );
    let own = case
        .inputs
        .iter()
        .map(|(name, value)| (*name, json!(value)));
    for (name, value) in own.chain(more.iter().cloned()) {
        writeln!(yaml, "      {name}: {value}").unwrap();
    }
    yaml
}

/// Where a job's artifacts are put.
fn artifact(folder: &Path, job: &str, name: &str) -> String {
    let path = folder
        .join(".gitlab-ci-local/artifacts")
        .join(job)
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The one file of variables that a job gave to later ones.
fn dotenv(folder: &Path, case: &Case) -> String {
    let reports = folder
        .join(".gitlab-ci-local/artifacts")
        .join(case.name)
        .join(".gitlab-ci-reports/dotenv/liftlock-reports");
    let mut files = fs::read_dir(reports).unwrap();
    let text = fs::read_to_string(files.next().unwrap().unwrap().path()).unwrap();
    assert!(files.next().is_none(), "{} has two", case.name);
    text
}

/// A canary that was hardly asked.
const fn few(name: &'static str) -> Case {
    Case {
        name,
        verb: "canary-check",
        inputs: &[("command", "judge"), ("counts", "few.csv")],
        code: 11,
        verdict: "inconclusive",
        tells: None,
    }
}

/// Whether the line that tells the end of a job ends with this. The exit code
/// of the whole run would not do: it is 0 whenever a job names exit codes.
fn ended(said: &str, job: &str, with: &str) -> bool {
    said.lines().map(str::trim_end).any(|line| {
        let name = line.split_whitespace().next();
        name == Some(job) && line.contains(" finished in ") && line.ends_with(with)
    })
}

#[test]
fn every_component_passes_and_refuses_as_its_binary_does() {
    if peers::require("gitlab-ci-local").is_none() || peers::require("rsync").is_none() {
        return;
    }
    let stage = stage::set();
    let folder = stage.path();
    let mut pipeline = "include:\n".to_owned();
    for case in CASES {
        pipeline += &include(case, &[]);
    }
    pipeline += &include(&few("few"), &[]);
    pipeline += &include(&few("few-allowed"), &[("allow-exit-code", json!(11))]);
    // What a job told reaches the next one, and is no flag there.
    pipeline += "next:\n  stage: test\n  needs: [calm]\n  script:\n    \
                 - test \"$LIFTLOCK_OUT_CANARY_CHECK_VERDICT\" = pass\n    - echo reached\n";
    let password = format!("COSIGN_PASSWORD={PASSWORD}");
    let output = stage::gitlab(folder, &pipeline, &[&password]);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains("> reached"), "{said}");
    assert!(ended(&said, "few", "FAIL 11"), "{said}");
    assert!(ended(&said, "few-allowed", "WARN 11"), "{said}");
    for case in CASES {
        let result = artifact(folder, case.name, &format!("liftlock.{}.json", case.verb));
        let result: Value = serde_json::from_str(&result).unwrap();
        let verdict = result["verdict"].as_str().unwrap_or("none");
        let code = result["exit_code"].as_i64().unwrap();
        assert_eq!((code, verdict), (case.code, case.verdict), "{}", case.name);
        let failed = ended(&said, case.name, &format!("FAIL {code}"));
        assert_eq!(failed, case.code != 0, "{}: {said}", case.name);
        let told = dotenv(folder, case);
        assert!(told.contains(&format!("_VERDICT={}\n", case.verdict)));
        if let Some(name) = case.tells {
            let name = name.replace('-', "_").to_ascii_uppercase();
            let line = told
                .lines()
                .find(|line| line.contains(&format!("_{name}=")));
            assert!(line.is_some_and(|line| !line.ends_with('=')), "{told}");
        }
    }
}
