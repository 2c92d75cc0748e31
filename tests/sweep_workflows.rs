//! Looking after plans under way, by the workflows that users call.

#![cfg(test)]

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::house::House;
use testkit::peers::{self, root};

mod stage;

/// A service whose version 1 is live, and a repository with its rules beside it.
struct World {
    house: House,
    repository: TempDir,
    product: TempDir,
}

impl World {
    fn new() -> Self {
        let mut house = House::new().unwrap();
        let at = house.path("").display().to_string();
        let at = at.trim_end_matches('/');
        for (words, others) in [
            (
                "[./deploy, \"{slot}\"]",
                format!("[sh, -c, 'cd {at} && exec ./deploy \"$0\"', \"{{slot}}\"]"),
            ),
            ("\"slots/{slot}\"", format!("\"{at}/slots/{{slot}}\"")),
            ("path: weights.json", format!("path: {at}/weights.json")),
            ("oci-layout:site", format!("oci-layout:{at}/site")),
            ("counts: counts.csv", format!("counts: {at}/counts.csv")),
            (
                "service: shop\n",
                format!(
                    "service: shop\nstate: file:{at}/.liftlock/state\n\
                 ledger: file:{at}/.liftlock/ledger\nevidence: file:{at}/.liftlock/evidence\n"
                ),
            ),
        ] {
            house.configure(words, &others).unwrap();
        }
        house.open().unwrap();
        house.release("1").unwrap();
        house.promote(0, "1").unwrap();
        let repository = tempfile::tempdir().unwrap();
        let folder = repository.path();
        fs::copy(house.path("liftlock.yaml"), folder.join("liftlock.yaml")).unwrap();
        stage::copy(&house.path("keys"), &folder.join("keys"));
        fs::create_dir_all(folder.join(".github/workflows")).unwrap();
        fs::write(folder.join(".github/workflows/sweep.yml"), page()).unwrap();
        stage::commit(folder);
        let product = tempfile::tempdir().unwrap();
        stage::product(product.path());
        stage::commit(product.path());
        Self {
            house,
            repository,
            product,
        }
    }

    /// A plan that nobody drives: its run ended before it did.
    fn leave(&self, version: &str) {
        self.house.release(version).unwrap();
        let file = format!("release-{version}.json");
        let run = ["run", "--environment", "production", "--release", &file];
        let short = [&run[..], &["--timeout", "250ms"]].concat();
        self.house.expect(15, "promote", &short).unwrap();
    }

    /// Has the workflow run that waits for an event of GitHub.
    fn act(&self, event: &str, inputs: &Value) -> Output {
        let act = peers::find("act").unwrap();
        let file = self.product.path().join("event.json");
        fs::write(&file, json!({ "inputs": inputs }).to_string()).unwrap();
        let product = format!(
            "liftlock/liftlock@v{}={}",
            env!("CARGO_PKG_VERSION"),
            self.product.path().display()
        );
        Run::new(act)
            .args([event, "--eventpath"])
            .args([file])
            .args(["-P", "ubuntu-24.04=-self-hosted", "--no-cache-server"])
            .args(["--local-repository", &product, "--actor", "erin"])
            .args(["--env", "GITHUB_REPOSITORY=acme/shop", "--env"])
            .args([format!("LIFTLOCK_BIN_DIR={}", stage::binaries().display())])
            .folder(self.repository.path())
            .limit(Duration::from_secs(180))
            .output()
            .unwrap()
    }

    /// Has the component run in a pipeline of GitLab.
    fn pipeline(&self, variables: &[&str]) -> Output {
        let fresh = tempfile::tempdir().unwrap();
        stage::copy(self.repository.path(), fresh.path());
        stage::product(fresh.path());
        let pipeline = format!(
            "stages: [deploy]\n\
             include:\n  - local: templates/sweep/template.yml\n    inputs:\n      image: none\n      \
             bin-dir: {}\n",
            stage::binaries().display()
        );
        stage::gitlab(fresh.path(), &pipeline, variables)
    }

    fn live(&self) -> String {
        let state = self.house.state();
        state["live"]["release"]["id"].as_str().unwrap().to_owned()
    }
}

/// The workflow that the page tells users to write.
fn page() -> String {
    let text = fs::read_to_string(root().join("docs/workflows.md")).unwrap();
    let (_, rest) = text.split_once("# .github/workflows/sweep.yml\n").unwrap();
    let (yaml, _) = rest.split_once("```").unwrap();
    yaml.replace("@<commit>", concat!("@v", env!("CARGO_PKG_VERSION")))
}

fn ended(output: &Output, green: bool) {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code == 0, green, "{said}");
}

/// As [`ended`], for a runner whose own exit code does not tell.
fn jobs_ended(output: &Output, green: bool) {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains("pipeline finished"), "{said}");
    assert_eq!(!said.contains(" FAIL "), green, "{said}");
}

#[test]
fn a_schedule_of_github_goes_on_with_what_nobody_drives_and_people_stop_it() {
    if peers::require("act").is_none() {
        return;
    }
    let world = World::new();
    world.leave("2");
    let asked = |command: &str| json!({ "command": command, "environment": "production", "reason": "it's $(late)" });
    ended(&world.act("workflow_dispatch", &asked("pause")), true);
    ended(&world.act("schedule", &json!({})), true);
    assert_eq!(world.live(), "shop-1", "a paused plan went on");
    ended(&world.act("workflow_dispatch", &asked("advance")), true);
    ended(&world.act("schedule", &json!({})), true);
    assert_eq!(world.live(), "shop-2");
    let records = world.house.records();
    let paused = records.iter().find(|one| one["kind"] == "promotion-paused");
    let paused = paused.unwrap();
    assert_eq!(paused["actor"]["id"], "erin");
    assert_eq!(paused["detail"]["reason"], "it's $(late)");
    // What failed is red.
    ended(&world.act("workflow_dispatch", &asked("abort")), false);
}

#[test]
fn a_schedule_of_gitlab_goes_on_with_what_nobody_drives_and_people_stop_it() {
    let needed = ["gitlab-ci-local", "rsync"];
    if needed.iter().any(|peer| peers::require(peer).is_none()) {
        return;
    }
    let world = World::new();
    world.leave("2");
    let schedule = ["CI_PIPELINE_SOURCE=schedule"];
    let asked = |command: &str| {
        let command = format!("LIFTLOCK_PROMOTE_COMMAND={command}");
        let by_hand = ["CI_PIPELINE_SOURCE=web", &command];
        let named = [
            "LIFTLOCK_PROMOTE_ENVIRONMENT=production",
            "LIFTLOCK_PROMOTE_REASON=late",
        ];
        world.pipeline(&[by_hand, named].concat())
    };
    jobs_ended(&asked("pause"), true);
    jobs_ended(&world.pipeline(&schedule), true);
    assert_eq!(world.live(), "shop-1", "a paused plan went on");
    jobs_ended(&asked("advance"), true);
    jobs_ended(&world.pipeline(&schedule), true);
    assert_eq!(world.live(), "shop-2");
    jobs_ended(&asked("abort"), false);
}
