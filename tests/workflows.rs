//! What the workflows promise that users call.

#![cfg(test)]

use std::path::Path;

use testkit::cli::Output;
use testkit::house::House;

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
