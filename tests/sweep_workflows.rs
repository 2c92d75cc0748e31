//! Looking after plans under way, and going back for an alert, by the workflows
//! that users call.

#![cfg(test)]

use std::fs;
use std::time::Duration;

use liftlock::digest::Digest;
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

/// The rule by which people are kept apart.
const APPROVAL: &str = "    approval: { quorum: 2, people: [alice, bob], expires: 1h }\n";

impl World {
    fn new() -> Self {
        Self::ruled(APPROVAL)
    }

    /// With this rule by which people are kept apart, or none.
    fn ruled(approval: &str) -> Self {
        let mut house = House::new().unwrap();
        let at = house.path("").display().to_string();
        let at = at.trim_end_matches('/');
        for (words, others) in [
            (APPROVAL, approval.to_owned()),
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
        for name in ["sweep", "alert", "promote"] {
            let file = format!(".github/workflows/{name}.yml");
            fs::write(folder.join(&file), page(&file)).unwrap();
        }
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

    /// Has a workflow run that waits for an event of GitHub.
    fn act(&self, workflow: &str, event: &str, payload: &Value) -> Output {
        let act = peers::find("act").unwrap();
        let file = self.product.path().join("event.json");
        fs::write(&file, payload.to_string()).unwrap();
        let product = format!(
            "liftlock/liftlock@v{}={}",
            env!("CARGO_PKG_VERSION"),
            self.product.path().display()
        );
        Run::new(act)
            .args([event, "-W"])
            .args([format!(".github/workflows/{workflow}.yml")])
            .args(["--eventpath".into(), file])
            .args(["-P", "ubuntu-24.04=-self-hosted", "--no-cache-server"])
            .args(["--local-repository", &product, "--actor", "erin"])
            .args(["--env", "GITHUB_REPOSITORY=acme/shop", "--env"])
            .args([format!("LIFTLOCK_BIN_DIR={}", stage::binaries().display())])
            .folder(self.repository.path())
            .limit(Duration::from_secs(180))
            .output()
            .unwrap()
    }

    /// The workflow that looks after plans.
    fn sweep(&self, event: &str, inputs: &Value) -> Output {
        self.act("sweep", event, &json!({ "inputs": inputs }))
    }

    /// Has a component run in a pipeline of GitLab.
    fn component(&self, (name, inputs): (&str, &str), variables: &[&str]) -> Output {
        let fresh = tempfile::tempdir().unwrap();
        stage::copy(self.repository.path(), fresh.path());
        stage::product(fresh.path());
        let pipeline = format!(
            "stages: [deploy]\n\
             include:\n  - local: templates/{name}/template.yml\n    inputs:\n      image: none\n      \
             bin-dir: {}\n{inputs}",
            stage::binaries().display()
        );
        stage::gitlab(fresh.path(), &pipeline, variables)
    }

    fn pipeline(&self, variables: &[&str]) -> Output {
        self.component(("sweep", ""), variables)
    }

    fn live(&self) -> String {
        let state = self.house.state();
        state["live"]["release"]["id"].as_str().unwrap().to_owned()
    }
}

/// A workflow that the page tells users to write.
fn page(file: &str) -> String {
    let text = fs::read_to_string(root().join("docs/workflows.md")).unwrap();
    let (_, rest) = text.split_once(&format!("# {file}\n")).unwrap();
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
    let world = World::ruled("");
    world.leave("2");
    let asked = |command: &str| json!({ "command": command, "environment": "production", "reason": "it's $(late)" });
    ended(&world.sweep("workflow_dispatch", &asked("pause")), true);
    ended(&world.sweep("schedule", &json!({})), true);
    assert_eq!(world.live(), "shop-1", "a paused plan went on");
    ended(&world.sweep("workflow_dispatch", &asked("advance")), true);
    ended(&world.sweep("schedule", &json!({})), true);
    assert_eq!(world.live(), "shop-2");
    let records = world.house.records();
    let paused = records.iter().find(|one| one["kind"] == "promotion-paused");
    let paused = paused.unwrap();
    assert_eq!(paused["actor"]["id"], "erin");
    assert_eq!(paused["detail"]["reason"], "it's $(late)");
    // What failed is red.
    ended(&world.sweep("workflow_dispatch", &asked("abort")), false);
}

#[test]
fn a_schedule_of_gitlab_goes_on_with_what_nobody_drives_and_people_stop_it() {
    let needed = ["gitlab-ci-local", "rsync"];
    if needed.iter().any(|peer| peers::require(peer).is_none()) {
        return;
    }
    let world = World::ruled("");
    world.leave("2");
    let schedule = ["CI_PIPELINE_SOURCE=schedule"];
    let asked = |command: &str| {
        let command = format!("LIFTLOCK_ASK_COMMAND={command}");
        let by_hand = ["CI_PIPELINE_SOURCE=web", &command];
        let named = [
            "LIFTLOCK_ASK_ENVIRONMENT=production",
            "LIFTLOCK_ASK_REASON=late",
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

/// A notification about what is live, as Alertmanager sends it.
fn alert(status: &str, starts_at: &str) -> Value {
    let labels = json!({
        "alertname": "it's\n::error::$(touch owned) ${{ github.token }}",
        "liftlock_environment": "production",
    });
    json!({
        "version": "4", "status": status, "groupKey": "{}", "receiver": "liftlock",
        "alerts": [{
            "status": status, "labels": labels, "annotations": {}, "fingerprint": "1a30",
            "startsAt": starts_at, "endsAt": "0001-01-01T00:00:00Z",
        }],
    })
}

impl World {
    /// A world in which version 2 is live as well; since when.
    fn with_two() -> (Self, String) {
        let world = Self::new();
        world.house.release("2").unwrap();
        world.house.promote(0, "2").unwrap();
        let since = world.house.state()["live"]["since"].clone();
        (world, since.as_str().unwrap().to_owned())
    }

    /// One rollback, whatever came how often, for the reason that the alert gives.
    fn went_back_once(&self) {
        assert_eq!(self.live(), "shop-1");
        let records = self.house.records();
        let mut ends = records
            .iter()
            .filter(|record| record["kind"] == "rollback-finished");
        assert!(ends.next().is_some() && ends.next().is_none());
        let state = self.house.state();
        let reason = "an alert is firing: it's ::error::$(touch owned) ${{ github.token }}";
        assert_eq!(state["hold"]["reason"], reason);
    }
}

#[test]
fn a_dispatch_of_an_alert_goes_back_once_and_only_from_what_it_is_about() {
    if peers::require("act").is_none() {
        return;
    }
    let (world, since) = World::with_two();
    let dispatch = |notification: &Value| {
        let payload =
            json!({ "action": "liftlock-alert", "client_payload": { "alert": notification } });
        world.act("alert", "repository_dispatch", &payload)
    };
    ended(&dispatch(&alert("resolved", &since)), true);
    ended(&dispatch(&alert("firing", "2026-01-05T08:00:00Z")), true);
    // What is no notification is red.
    ended(&dispatch(&alert("pending", &since)), false);
    assert_eq!(world.live(), "shop-2");
    for _ in 0..3 {
        let output = dispatch(&alert("firing", &since));
        ended(&output, true);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(!said.contains("| ::error::"), "{said}");
    }
    world.went_back_once();
    assert!(!world.repository.path().join("owned").exists());
}

#[test]
fn a_trigger_by_a_monitor_goes_back_once_and_only_from_what_it_is_about() {
    let needed = ["gitlab-ci-local", "rsync"];
    if needed.iter().any(|peer| peers::require(peer).is_none()) {
        return;
    }
    let (world, since) = World::with_two();
    let file = world.product.path().join("payload.json");
    let trigger = |notification: &Value, more: &[&str]| {
        // GitLab adds what the trigger was asked with.
        let mut kept = notification.clone();
        kept["id"] = "5".into();
        kept["ref"] = "main".into();
        kept["variables"] = json!({ "LIFTLOCK_ALERT": "true" });
        fs::write(&file, kept.to_string()).unwrap();
        let payload = format!("TRIGGER_PAYLOAD={}", file.display());
        let variables = ["CI_PIPELINE_SOURCE=trigger", &payload];
        let inputs = "      environment: production\n      within: 1h\n";
        world.component(("rollback-alert", inputs), &[&variables, more].concat())
    };
    let by_monitor = &["LIFTLOCK_ALERT=true"][..];
    jobs_ended(&trigger(&alert("resolved", &since), by_monitor), true);
    jobs_ended(&trigger(&alert("pending", &since), by_monitor), false);
    // A comment's webhook triggers a pipeline without that job.
    let comment = trigger(&alert("firing", &since), &[]);
    assert!(
        !comment.stdout.contains("rollback-alert"),
        "{}",
        comment.stdout
    );
    assert_eq!(world.live(), "shop-2");
    for _ in 0..2 {
        // No variable of the trigger names another environment.
        let elsewhere = "LIFTLOCK_ROLLBACK_ENVIRONMENT=staging";
        let firing = alert("firing", &since);
        jobs_ended(
            &trigger(&firing, &[by_monitor, &[elsewhere]].concat()),
            true,
        );
    }
    world.went_back_once();
}

#[test]
fn an_approved_release_is_parked_while_it_bakes_and_a_sweep_goes_on() {
    if peers::require("act").is_none() {
        return;
    }
    let world = World::new();
    world.house.release("2").unwrap();
    world.house.approve("2", "production").unwrap();
    let request = fs::read(world.house.path("request-2.json")).unwrap();
    let request = Digest::of(&request).to_string();
    let file = world
        .repository
        .path()
        .join(".github/workflows/promote.yml");
    let parked = fs::read_to_string(&file).unwrap().replacen(
        "      environment: production\n",
        "      environment: production\n      park: true\n",
        1,
    );
    fs::write(&file, &parked).unwrap();
    let payload = |request: &str| json!({ "action": "liftlock-approved", "client_payload": { "request": request } });
    let other = Digest::of(b"nobody was asked").to_string();
    // Parked or not, what failed is red.
    ended(
        &world.act("promote", "repository_dispatch", &payload(&other)),
        false,
    );
    ended(
        &world.act("promote", "repository_dispatch", &payload(&request)),
        true,
    );
    assert_eq!(world.live(), "shop-1", "nobody waited for the bake");
    assert!(world.house.state()["run"]["verdict"].is_null());
    // One look a bake; the plan has two.
    for _ in 0..3 {
        ended(&world.sweep("schedule", &json!({})), true);
    }
    assert_eq!(world.live(), "shop-2");
}
