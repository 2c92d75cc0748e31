//! What the workflows promise that users call.

#![cfg(test)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::cli::Output;
use testkit::house::House;
use testkit::peers::root;

/// The verbs that ask a forge: about people, for them, or to move a target.
const ASKING: [&str; 3] = ["await-approval", "promote", "rollback"];

/// Every workflow that users call, with its name.
fn called() -> Vec<(String, Value)> {
    let folder = root().join(".github/workflows");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let workflow: Value = serde_saphyr::from_str(&text).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, workflow)
        })
        .filter(|(_, workflow)| workflow.pointer("/on/workflow_call").is_some())
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(found.len() >= 5, "{found:?}");
    found
}

/// The jobs of every workflow that users call, with where they are.
fn jobs() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, workflow) in called() {
        for (job, content) in workflow["jobs"].as_object().unwrap() {
            found.push((format!("{name}, job {job}"), content.clone()));
        }
    }
    found
}

/// The steps that run one of the verbs that ask a forge.
fn asking_steps() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (place, job) in jobs() {
        for step in job["steps"].as_array().unwrap() {
            let uses = step["uses"].as_str().unwrap_or_default();
            if ASKING
                .iter()
                .any(|verb| uses.contains(&format!("/actions/{verb}@")))
            {
                found.push((place.clone(), step.clone()));
            }
        }
    }
    assert!(found.len() >= 6, "{found:?}");
    found
}

#[test]
fn no_workflow_lets_a_newer_run_cancel_one_that_waits() {
    for (name, workflow) in called() {
        assert!(workflow.get("concurrency").is_none(), "{name}");
    }
    for (place, job) in jobs() {
        assert!(job.get("concurrency").is_none(), "{place}");
    }
}

#[test]
fn whatever_may_ask_the_forge_has_a_token_for_it() {
    for (place, step) in asking_steps() {
        let token = step["env"]["GITHUB_TOKEN"].as_str().unwrap_or_default();
        assert!(token.contains("github.token"), "{place}: {step:#}");
    }
}

#[test]
fn whatever_signs_may_do_so_with_a_key_and_without() {
    let mut signing = 0;
    for (place, step) in asking_steps() {
        let with = &step["with"];
        let command = with["command"].as_str().unwrap();
        if matches!(command, "request" | "resume") {
            continue;
        }
        signing += 1;
        for input in ["key", "public-log", "trust-config"] {
            assert!(with[input].is_string(), "{place}: {input} in {step:#}");
        }
    }
    assert_eq!(signing, 4);
}

/// A name with a dash would never be found where secrets are inherited.
#[test]
fn secrets_are_declared_and_have_names_that_github_allows() {
    for (name, workflow) in called() {
        let declared = workflow.pointer("/on/workflow_call/secrets").unwrap();
        let declared = declared.as_object().unwrap();
        for secret in declared.keys() {
            let allowed = |letter: char| letter.is_ascii_uppercase() || letter == '_';
            assert!(secret.chars().all(allowed), "{name}: {secret}");
        }
        let text = workflow.to_string();
        for found in text.split("secrets.").skip(1) {
            let end =
                found.find(|letter: char| !letter.is_alphanumeric() && !"_-".contains(letter));
            let secret = &found[..end.unwrap()];
            assert!(declared.contains_key(secret), "{name}: {secret}");
        }
    }
}

/// A secret of the whole repository is read by whoever may push a branch.
#[test]
fn whatever_takes_a_private_key_can_take_it_from_an_environment() {
    let mut keys = 0;
    for (place, job) in jobs() {
        if job.to_string().contains("_KEY }}") {
            keys += 1;
            let environment = job["environment"].as_str().unwrap_or_default();
            assert!(environment.contains("inputs."), "{place}");
        }
    }
    assert_eq!(keys, 4);
}

/// The verbs that would forget, or forget what they rest on.
const RELYING: [(&str, &str); 8] = [
    (
        "await-approval",
        "request --environment production --release release-1.json",
    ),
    (
        "await-approval",
        "judge --request sha256:0 --key keys/judge.key",
    ),
    (
        "promote",
        "run --environment production --release release-1.json",
    ),
    ("promote", "status --environment production"),
    ("promote", "sweep"),
    ("rollback", "run --environment production"),
    ("rollback", "hold --environment production --reason late"),
    ("rollback", "reject shop-1 --reason late"),
];

/// A verb in the job of a runner of this kind, whose checkout is there.
fn job(house: &House, (verb, line): (&str, &str), (kind, checkout): (&str, &Path)) -> Output {
    let words: Vec<&str> = line.split_whitespace().collect();
    house
        .run(verb, &words)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", house.path("outputs"))
        .env("GITHUB_SERVER_URL", "https://github.com")
        .env("GITHUB_REPOSITORY", "acme/shop")
        .env("GITHUB_WORKSPACE", checkout)
        .env("RUNNER_ENVIRONMENT", kind)
        .output()
        .unwrap()
}

#[test]
fn stores_that_are_deleted_with_the_machine_are_refused() {
    let house = House::new().unwrap();
    house.release("1").unwrap();
    let here = house.path("");
    for line in RELYING {
        let refused = job(&house, line, ("github-hosted", &here));
        assert_eq!(refused.code, 3, "{line:?}: {}", refused.stderr);
        for part in [
            "state `file:.liftlock/state`",
            "deleted with its machine",
            "`state: git+https://github.com/acme/shop.git#refs/liftlock/state`",
        ] {
            assert!(
                refused.stderr.contains(part),
                "{line:?}: {}",
                refused.stderr
            );
        }
    }
    assert!(!house.path(".liftlock/state").exists());
    let elsewhere = house.path("keys");
    for (kind, checkout) in [("self-hosted", &here), ("github-hosted", &elsewhere)] {
        let status = ("promote", "status --environment production");
        let told = job(&house, status, (kind, checkout));
        assert_eq!(told.code, 0, "{kind}: {}", told.stderr);
        let warned = told.stderr.contains("which the next checkout cleans");
        assert_eq!(warned, kind == "self-hosted", "{}", told.stderr);
    }
}

#[test]
fn a_ledger_that_would_be_forgotten_is_told_on_the_way_back_and_refused_on_the_way_up() {
    let house = House::new().unwrap();
    house.release("1").unwrap();
    let checkout = house.path(".liftlock/ledger");
    let hosted = ("github-hosted", checkout.as_path());
    let up = "run --environment production --release release-1.json";
    let refused = job(&house, ("promote", up), hosted);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    let hold = "hold --environment production --reason late";
    for (verb, line) in [
        ("rollback", hold),
        ("promote", "status --environment production"),
    ] {
        let told = job(&house, (verb, line), hosted);
        assert_ne!(told.code, 3, "{verb} {line}: {}", told.stderr);
        let warned = told
            .stderr
            .contains("ledger `file:.liftlock/ledger`: inside the job's checkout");
        assert!(warned, "{verb} {line}: {}", told.stderr);
    }
}

#[test]
fn the_doctors_say_which_stores_do_not_last() {
    let house = House::new().unwrap();
    let here = house.path("");
    for (verb, line) in [
        ("await-approval", "doctor"),
        ("promote", "doctor --environment production"),
        ("rollback", "doctor --environment production"),
    ] {
        for (kind, word) in [("github-hosted", "deleted"), ("self-hosted", "cleans")] {
            let told = job(&house, (verb, line), (kind, &here));
            assert_eq!(told.code, 10, "{verb} {kind}: {}", told.stderr);
            let told = told.stdout;
            assert!(
                told.contains(word) && told.contains("git+https://"),
                "{told}"
            );
        }
        let elsewhere = house.path("keys");
        let told = job(&house, (verb, line), ("github-hosted", &elsewhere)).stdout;
        assert!(!told.contains("checkout"), "{told}");
    }
}
