//! Every action, run by a real runner.

#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use testkit::cli::Run;
use testkit::peers;

mod stage;

use stage::{CASES, PASSWORD};

/// A job that runs the action at the root, then every case, then writes down
/// what all steps told.
fn workflow() -> String {
    let mut yaml = format!(
        "on: push\n\
         jobs:\n  \
           gates:\n    \
             runs-on: ubuntu-latest\n    \
             env:\n      \
               COSIGN_PASSWORD: {PASSWORD}\n    \
             steps:\n      \
               - uses: actions/checkout@v4\n      \
               - id: root\n        \
                 uses: ./\n"
    );
    for case in CASES {
        write!(
            yaml,
            "      - id: {}\n        uses: ./actions/{}\n        continue-on-error: true\n        with:\n",
            case.name, case.verb
        )
        .unwrap();
        for (name, value) in case.inputs {
            let value = Value::from(*value);
            writeln!(yaml, "          {name}: {value}").unwrap();
        }
    }
    // What is not an input may come from the environment of the step.
    yaml += "      - id: inherited\n        \
                 uses: ./actions/audit-log\n        \
                 env:\n          \
                   LIFTLOCK_LEDGER: file:ledger\n";
    yaml += "      - env:\n          STEPS: ${{ toJSON(steps) }}\n        \
             run: printf '%s' \"$STEPS\" >\"$TOLD\"\n";
    yaml
}

#[test]
fn every_action_passes_and_refuses_as_its_binary_does() {
    let Some(act) = peers::require("act") else {
        return;
    };
    let stage = stage::set();
    let folder = stage.path();
    fs::create_dir_all(folder.join(".github/workflows")).unwrap();
    fs::write(folder.join(".github/workflows/gates.yml"), workflow()).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let told = outside.path().join("told.json");
    let output = Run::new(act)
        .args(["push", "-W", ".github/workflows/gates.yml"])
        .args(["-P", "ubuntu-latest=-self-hosted", "--no-cache-server"])
        .args(["--env", "GITHUB_REPOSITORY=acme/shop", "--env"])
        .args([format!("LIFTLOCK_BIN_DIR={}", stage::binaries().display())])
        .args(["--env".to_owned(), format!("TOLD={}", told.display())])
        .folder(folder)
        .limit(Duration::from_secs(180))
        .output()
        .unwrap();
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let text = fs::read_to_string(told).unwrap();
    let steps: Value = serde_json::from_str(&text).unwrap();
    for case in CASES {
        let step = &steps[case.name];
        let outputs = &step["outputs"];
        let found = (outputs["exit-code"].as_str(), outputs["verdict"].as_str());
        let code = case.code.to_string();
        assert_eq!(
            found,
            (Some(code.as_str()), Some(case.verdict)),
            "{}: {step:#}\n{}",
            case.name,
            output.stdout
        );
        let outcome = if case.code == 0 { "success" } else { "failure" };
        assert_eq!(step["outcome"], outcome, "{}", case.name);
        if let Some(name) = case.tells {
            let value = outputs[name].as_str().unwrap_or_default();
            assert!(!value.is_empty(), "{} tells no {name}", case.name);
        }
    }
    assert_eq!(
        steps["inherited"]["outputs"]["verdict"], "pass",
        "{steps:#}"
    );
}
