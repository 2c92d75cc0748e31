//! Every wrapper offers what its binary takes and tells, and nothing else.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Once;

use serde_json::Value;
use testkit::cli::{Run, bin};
use testkit::peers::root;

mod workspace;
mod wrapper;

use wrapper::contract::{documents, faults, keys, used, written};
use wrapper::verb::{self, Verb};
use wrapper::{github, gitlab, page};

/// Where each file is and what should be in it.
fn files() -> Vec<(String, String)> {
    let verbs = verb::all();
    let mut files: Vec<_> = verbs
        .iter()
        .flat_map(|verb| {
            [
                (github::path(verb), github::render(verb)),
                (gitlab::path(verb), gitlab::render(verb)),
            ]
        })
        .collect();
    files.push((page::PATH.to_owned(), page::render(&verbs)));
    files
}

fn names(verb: &Verb) -> BTreeSet<String> {
    let own = verb.inputs.iter().map(|input| input.name.clone());
    own.chain(["command".to_owned()]).collect()
}

/// Reads a wrapper, after all were written where that was asked for.
fn read(path: &str) -> String {
    static WRITTEN: Once = Once::new();
    WRITTEN.call_once(|| {
        if asked_to_write() {
            write();
        }
    });
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn write() {
    for (path, text) in files() {
        let file = root().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "no product reads this variable")]
fn asked_to_write() -> bool {
    std::env::var("LIFTLOCK_WRITE").is_ok_and(|value| value == "1")
}

#[test]
fn wrappers_are_as_the_binaries_say() {
    for (path, text) in files() {
        assert!(
            read(&path) == text,
            "{path} is not what the binaries say: run \
             `LIFTLOCK_WRITE=1 cargo test -p liftlock-tests --test wrappers` and look at the change"
        );
    }
}

#[test]
fn an_action_has_the_flags_as_inputs_and_uses_each() {
    for verb in verb::all() {
        let text = read(&github::path(&verb));
        let action = &documents(&text)[0];
        assert_eq!(keys(action, "/inputs"), names(&verb), "{}", verb.name);
        assert_eq!(used(&text, "inputs."), names(&verb), "{}", verb.name);
        let outputs: BTreeSet<_> = verb.outputs.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(keys(action, "/outputs"), outputs, "{}", verb.name);
        assert_eq!(used(&text, "steps.run.outputs."), outputs, "{}", verb.name);
        assert_eq!(faults(action), Vec::<String>::new(), "{}", verb.name);
        assert!(!text.contains("GITHUB_PATH"), "{}", verb.name);
    }
}

#[test]
fn a_component_has_the_flags_as_inputs_and_uses_each() {
    for verb in verb::all() {
        let text = read(&gitlab::path(&verb));
        let documents = documents(&text);
        let [spec, job] = documents.as_slice() else {
            panic!("{} has {} documents", verb.name, documents.len());
        };
        let of_the_job = gitlab::OF_THE_JOB.map(str::to_owned);
        let own = names(&verb);
        assert!(of_the_job.iter().all(|name| !own.contains(name)));
        let all: BTreeSet<_> = own.into_iter().chain(of_the_job).collect();
        assert_eq!(keys(spec, "/spec/inputs"), all, "{}", verb.name);
        assert_eq!(used(&job.to_string(), "inputs."), all, "{}", verb.name);
        let inputs = spec["spec"]["inputs"].as_object().unwrap();
        for (name, input) in inputs {
            let required = input.get("default").is_none();
            assert_eq!(required, name == "image", "{} {name}", verb.name);
        }
        let allowed = &inputs["allow-exit-code"];
        assert_eq!(allowed["default"], 0, "{}", verb.name);
        assert_eq!(allowed["options"], serde_json::json!([0, 11]));
    }
}

#[test]
fn every_variable_of_a_wrapper_is_one_that_the_binary_reads() {
    for verb in verb::all() {
        let expected: BTreeSet<String> = verb
            .inputs
            .iter()
            .map(|input| input.variable.clone())
            .chain([verb.command_variable()])
            .collect();
        let action = documents(&read(&github::path(&verb))).remove(0);
        assert_eq!(
            keys(&action, "/runs/steps/0/env"),
            expected,
            "{}",
            verb.name
        );
        let job = documents(&read(&gitlab::path(&verb))).remove(1);
        let mut variables = keys(&job, "/$[[ inputs.job-name ]]/variables");
        assert!(variables.remove("LIFTLOCK_BIN_DIR"), "{}", verb.name);
        assert_eq!(variables, expected, "{}", verb.name);
    }
}

#[test]
fn the_outputs_are_those_that_the_source_writes() {
    for verb in verb::all() {
        let mut found = BTreeSet::new();
        for folder in [verb.name, "liftlock-engine"] {
            let engine = folder == "liftlock-engine";
            if engine && !["promote", "rollback"].contains(&verb.name) {
                continue;
            }
            let folder = root().join("crates").join(folder).join("src");
            for file in workspace::rust_sources(&folder) {
                let source = fs::read_to_string(&file).unwrap();
                found.extend(written(workspace::without_tests(&source)));
            }
        }
        found.extend(["verdict".to_owned(), "exit-code".to_owned()]);
        let told: BTreeSet<_> = verb.outputs.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(told, found, "{}", verb.name);
    }
}

#[test]
fn only_the_action_at_the_root_changes_the_path() {
    let text = read("action.yml");
    let action = &documents(&text)[0];
    assert!(text.contains("GITHUB_PATH"));
    assert_eq!(faults(action), Vec::<String>::new());
    assert_eq!(keys(action, "/inputs"), used(&text, "inputs."));
    assert!(action["branding"]["icon"].is_string());
}

#[test]
fn every_binary_has_wrappers() {
    let names: BTreeSet<_> = verb::all()
        .iter()
        .map(|verb| verb.name.to_owned())
        .collect();
    let binaries: BTreeSet<_> = workspace::manifests()
        .iter()
        .filter_map(|manifest| manifest.parent())
        .filter(|folder| folder.join("src/main.rs").exists() && folder.join("src/lib.rs").exists())
        .filter_map(|folder| folder.file_name()?.to_str().map(str::to_owned))
        .collect();
    assert_eq!(names, binaries);
    for folder in ["actions", "templates"] {
        let found: BTreeSet<_> = fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(found, names, "{folder}");
    }
}

#[test]
fn a_broken_wrapper_is_caught() {
    let broken = documents(
        "outputs:\n  verdict:\n    value: ${{ steps.ran.outputs.verdict }}\n\
         runs:\n  steps:\n    - id: run\n      run: audit-log ${{ inputs.command }}\n\
         \x20   - uses: actions/cache@v4\n      shell: bash\n",
    );
    assert_eq!(
        faults(&broken[0]),
        [
            "an expression inside `run`",
            "a step without a shell",
            "a nested action",
            "output verdict reads step ran, which there is not",
        ]
    );
    let source = "report.with_output(\n    \"head\", x).with_output(\"seq\", y)";
    assert_eq!(
        written(source),
        BTreeSet::from(["head".into(), "seq".into()])
    );
}

/// Names and values of a file for `$GITHUB_OUTPUT`.
fn outputs(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(head) = lines.next() {
        let (name, end) = head.split_once("<<").unwrap();
        let value: Vec<_> = lines.by_ref().take_while(|line| *line != end).collect();
        found.push((name.to_owned(), value.join("\n")));
    }
    found
}

/// Runs the line of an action as a runner would.
fn act(verb: &str, folder: &Path, variables: &[(&str, &str)]) -> (i32, Vec<String>) {
    let path = folder.join("outputs");
    fs::write(&path, "").unwrap();
    let verb = verb::all()
        .into_iter()
        .find(|known| known.name == verb)
        .unwrap();
    let bins = bin(verb.name);
    let bins = bins.parent().unwrap().display().to_string();
    let action = documents(&read(&github::path(&verb))).remove(0);
    let mut run = Run::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c"])
        .args([format!(
            "PATH={bins}:$PATH; {}",
            action["runs"]["steps"][0]["run"].as_str().unwrap()
        )])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", &path)
        .folder(folder);
    // A runner sets every variable, those that were not given to nothing.
    for name in keys(&action, "/runs/steps/0/env") {
        run = run.env(&name, "");
    }
    for (name, value) in variables {
        run = run.env(name, value);
    }
    let output = run.output().unwrap();
    let found = outputs(&fs::read_to_string(&path).unwrap());
    let names: Vec<_> = found.into_iter().map(|(name, _)| name).collect();
    assert!(
        names
            .iter()
            .all(|name| verb.outputs.contains(&name.as_str())),
        "{names:?}"
    );
    (output.code, names)
}

#[test]
fn a_binary_writes_the_outputs_that_its_action_has() {
    let folder = Run::new("true").output().unwrap();
    let folder = folder.folder();
    let (code, names) = act(
        "audit-log",
        folder,
        &[
            ("LIFTLOCK_AUDIT_LOG_COMMAND", "append"),
            ("LIFTLOCK_AUDIT_LOG_KIND", "note"),
            ("LIFTLOCK_SERVICE", "shop"),
        ],
    );
    assert_eq!(code, 0);
    assert_eq!(names, ["verdict", "exit-code", "record-id", "seq", "head"]);
    let missing = act("audit-log", folder, &[("LIFTLOCK_AUDIT_LOG_COMMAND", "")]);
    assert_eq!(missing, (2, Vec::new()));
    fs::write(
        folder.join("counts.csv"),
        "time,baseline_total,baseline_bad,canary_total,canary_bad\n\
         2026-01-05T08:00:00Z,100,1,10,0\n",
    )
    .unwrap();
    let (code, names) = act(
        "canary-check",
        folder,
        &[
            ("LIFTLOCK_CANARY_CHECK_COMMAND", "judge"),
            ("LIFTLOCK_CANARY_CHECK_COUNTS", "counts.csv"),
        ],
    );
    assert!([11, 12].contains(&code), "{code}");
    assert_eq!(
        names.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        ["verdict", "exit-code"]
            .into_iter()
            .chain(canary_check::OUTPUTS.iter().copied())
            .collect()
    );
}

#[test]
fn the_line_for_jenkins_leaves_properties_and_junit() {
    for verb in verb::all() {
        let line = page::shell(&verb);
        assert!(read(page::PATH).contains(&format!("sh '{line}'")));
        let bins = bin(verb.name);
        let output = Run::new("sh")
            .args([
                "-c",
                &format!("PATH={}:$PATH; {line}", bins.parent().unwrap().display()),
            ])
            .env("JENKINS_URL", "http://jenkins.example")
            .env("BUILD_ID", "7")
            .output()
            .unwrap();
        // A flag that is missing ends the run before there is anything to report.
        if output.code == 2 {
            continue;
        }
        let reports: Vec<Value> = fs::read_dir(output.folder().join("liftlock-reports"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap().into())
            .collect();
        for end in ["properties", "junit.xml"] {
            let name = format!("liftlock.{}.{end}", verb.name);
            assert!(
                reports.contains(&name.clone().into()),
                "{name}: {reports:?}"
            );
        }
    }
}
