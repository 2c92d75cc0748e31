//! Every wrapper offers what its binary takes and tells, and nothing else.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use testkit::cli::{Run, bin};
use testkit::http::{Answer, Ending, Server};
use testkit::peers::root;
use testkit::process::Process;
use testkit::wait;

mod stage;
mod workspace;
mod wrapper;

use stage::{CASES, Case};
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
    let readme = root().join("README.md");
    let text = fs::read_to_string(&readme).unwrap_or_default();
    let [start, end] = page::MARKS;
    let parts = text.split_once(start).and_then(|(head, rest)| {
        let (_, tail) = rest.split_once(end)?;
        Some((head, tail))
    });
    if let Some((head, tail)) = parts {
        let table = page::table(&verb::all());
        fs::write(readme, format!("{head}{start}{table}{end}{tail}")).unwrap();
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
        assert_eq!(allowed["options"], serde_json::json!([0, 11, 13]));
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
            // Several verbs in one, written by hand.
            .filter(|name| !["approval", "rollback-alert", "sweep"].contains(&name.as_str()))
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
    let (code, names) = act("audit-log", folder, &[("LIFTLOCK_AUDIT_LOG_COMMAND", "")]);
    assert_eq!(code, 2);
    assert_eq!(names, ["verdict", "exit-code"]);
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

/// A runner signals the shell of a step, and kills all ten seconds later.
#[test]
fn a_signal_to_the_shell_of_a_step_ends_the_binary() {
    let action = documents(&read("actions/canary-check/action.yml")).remove(0);
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("step.sh");
    fs::write(&script, action["runs"]["steps"][0]["run"].as_str().unwrap()).unwrap();
    let path = format!("{}:/usr/bin:/bin", stage::binaries().display());
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let server = Server::script([Answer::json("{}").ending(Ending::HangAfter(1))]).unwrap();
        let mut step = Command::new("bash");
        step.args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(&script)
            .env_clear()
            .current_dir(folder.path());
        for (name, value) in [
            ("PATH", path.as_str()),
            ("LIFTLOCK_CANARY_CHECK_COMMAND", "run"),
            ("LIFTLOCK_CANARY_CHECK_PROMETHEUS", &server.url("")),
            ("LIFTLOCK_CANARY_CHECK_TOTAL", "a{s=\"{slot}\"}"),
            ("LIFTLOCK_CANARY_CHECK_BAD", "b{s=\"{slot}\"}"),
            ("LIFTLOCK_CANARY_CHECK_BASELINE_SLOT", "a"),
            ("LIFTLOCK_CANARY_CHECK_CANARY_SLOT", "b"),
            ("LIFTLOCK_CANARY_CHECK_BAKE", "1m"),
            ("LIFTLOCK_TIMEOUT", "60s"),
        ] {
            step.env(name, value);
        }
        let mut step = Process::spawn("step", &mut step, folder.path()).unwrap();
        let limit = Duration::from_secs(20);
        wait::until("a request", limit, || server.requests().pop()).unwrap();
        step.signal(signal).unwrap();
        let status = step.wait(limit).unwrap();
        assert_eq!(status.code(), Some(code), "{signal}: {}", step.stderr());
    }
}

/// Lines to copy are whole: none ends at a flag that is missing.
#[test]
fn the_lines_to_copy_are_understood() {
    for verb in verb::all() {
        let line = page::example(&verb);
        let understood = verb.command.try_get_matches_from(line.split_whitespace());
        assert!(understood.is_ok(), "{line}: {}", understood.unwrap_err());
    }
}

#[test]
fn the_line_for_jenkins_leaves_properties_and_junit() {
    let stage = stage::set();
    let path = format!("PATH={}:$PATH", stage::binaries().display());
    let verbs = verb::all();
    for case in CASES {
        let verb = verbs.iter().find(|verb| verb.name == case.verb).unwrap();
        let written = page::example(verb);
        assert!(read(page::PATH).contains(&format!("sh '{written}'")));
        let command = case.inputs.iter().find(|(name, _)| *name == "command");
        let line = page::shell(verb, command.map_or(verb.default, |(_, value)| value));
        let mut run = Run::new("sh")
            .args(["-c", &format!("{path}; {line}")])
            .env("JENKINS_URL", "http://jenkins.example")
            .env("BUILD_ID", "7")
            .env("COSIGN_PASSWORD", stage::PASSWORD)
            .folder(stage.path());
        for (name, value) in case.inputs {
            let input = verb.inputs.iter().find(|input| input.name == *name);
            if let Some(input) = input {
                run = run.env(&input.variable, value);
            }
        }
        let output = run.output().unwrap();
        assert_eq!(i64::from(output.code), case.code, "{}", output.stderr);
        told(&stage.path().join("liftlock-reports"), case);
    }
}

/// Checks the reports of a case, and clears them away.
fn told(reports: &Path, case: &Case) {
    let mut files: Vec<_> = fs::read_dir(reports)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let stem = format!("liftlock.{}", case.verb);
    let ends = [".junit.xml", ".properties"];
    assert_eq!(files.len(), ends.len(), "{files:?}");
    for (file, end) in files.iter().zip(ends) {
        assert!(file.starts_with(&stem) && file.ends_with(end), "{file}");
    }
    let properties = fs::read_to_string(reports.join(&files[1])).unwrap();
    let mut names = vec![("verdict", Some(case.verdict))];
    names.extend(case.tells.map(|name| (name, None)));
    for (name, value) in names {
        let verb = case.verb.replace('-', "_").to_ascii_uppercase();
        let name = name.replace('-', "_").to_ascii_uppercase();
        let head = format!("LIFTLOCK_OUT_{verb}_{name}=");
        let line = properties.lines().find_map(|line| line.strip_prefix(&head));
        let found = line.filter(|found| !found.is_empty());
        assert!(found.is_some(), "{}: {head} in {properties}", case.name);
        assert!(
            value.is_none() || value == found,
            "{}: {properties}",
            case.name
        );
    }
    fs::remove_dir_all(reports).unwrap();
}

#[test]
fn the_first_step_of_the_readme_ends_as_it_says() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("## The first step").unwrap();
    let (_, rest) = rest.split_once("```console\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let (typed, said): (Vec<&str>, Vec<&str>) =
        block.lines().partition(|line| line.starts_with("$ "));
    let typed: Vec<&str> = typed.iter().map(|line| &line[2..]).collect();
    let path = format!("PATH={}:$PATH", stage::binaries().display());
    let output = Run::new("sh")
        .args(["-euc", &format!("{path}\n{}", typed.join("\n"))])
        .output()
        .unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(output.stdout.lines().collect::<Vec<_>>(), said);
    let result = fs::read_to_string(root().join("docs/interface.md")).unwrap();
    let shown = result.split("\"log_e_fail\": ").nth(1).unwrap();
    let shown: f64 = shown.split(',').next().unwrap().parse().unwrap();
    assert!(output.stdout.contains(&format!("{shown:.2} of")), "{shown}");
}

#[test]
fn the_readme_has_the_table_of_the_wrappers() {
    let readme = read("README.md");
    if readme.is_empty() {
        return;
    }
    let [start, end] = page::MARKS;
    let table = readme
        .split_once(start)
        .and_then(|(_, rest)| rest.split_once(end));
    let (table, _) = table.unwrap_or_else(|| panic!("README.md lacks {start}{end}"));
    assert!(
        table == page::table(&verb::all()),
        "the table of README.md is not what the binaries say: run \
         `LIFTLOCK_WRITE=1 cargo test -p liftlock-tests --test wrappers`"
    );
}
