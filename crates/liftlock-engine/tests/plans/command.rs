//! Requests that a team's own program splits.

use std::fs;

use liftlock::config::target::{Slots, Traffic};
use liftlock::config::traffic::{Capacity, Splitter};
use liftlock::plan::Plan;
use liftlock::verdict::Verdict;
use liftlock_engine::World;
use serde_json::{Value, json};

use crate::stage::{Stage, Way, folder};

/// Keeps what it is told, for itself and for the users.
const PROGRAM: &str = r#"cd "$1"
read -r line
echo "$line" >>asked.log
case $2 in
  shift)
    weights=$(echo "$line" | sed 's/.*"weights":\({[^}]*}\).*/\1/')
    roles=$(echo "$line" | sed 's/.*"slots":{\([^}]*\)}.*/\1/')
    echo "{\"schema_version\":1,\"weights\":$weights$3}" >split.json
    echo "{\"weights\":$weights,$roles}" >weights.json ;;
  read) cat split.json ;;
esac
"#;

/// Version 1 is live in `green`, version 2 is about to go up into `blue`.
fn scene(folder: &tempfile::TempDir, healthy: &str) -> (Stage, World, Plan) {
    let stage = Stage::new(folder.path());
    stage.up(&stage.release("1"));
    let release = stage.release("2");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("split.sh"), PROGRAM).unwrap();
    let split = r#"{"schema_version":1,"weights":{"blue":0,"green":10000}"#;
    fs::write(path("split.json"), format!("{split}{healthy}}}")).unwrap();
    let argv = |word: &str| -> Vec<String> {
        let (program, root) = (path("split.sh"), folder.path());
        let (program, root) = (program.display().to_string(), root.display().to_string());
        vec![
            "sh".to_owned(),
            program,
            root,
            word.to_owned(),
            healthy.to_owned(),
        ]
    };
    let mut world = stage.sound();
    world.environment.traffic = Some(Traffic {
        command: Some(Splitter {
            read: argv("read"),
            shift: argv("shift"),
            timeout: None,
            slots: Slots {
                stable: "blue".parse().unwrap(),
                canary: "green".parse().unwrap(),
            },
        }),
        ..Traffic::default()
    });
    let plan = stage.plan(&world, &release, Way::Up);
    (stage, world, plan)
}

#[test]
fn a_command_is_told_the_roles_the_plan_and_the_fence() {
    let folder = folder();
    let (stage, world, plan) = scene(&folder, "");
    let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{outcome:?}");
    let asked = fs::read_to_string(folder.path().join("asked.log")).unwrap();
    let asked: Vec<Value> = asked
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let orders: Vec<&Value> = asked
        .iter()
        .filter(|one| one.get("fence").is_some())
        .collect();
    assert_eq!(orders.len(), 2, "{asked:?}");
    let first = orders[0];
    assert_eq!(
        first["slots"],
        json!({ "stable": "green", "canary": "blue" })
    );
    assert_eq!(first["weights"], json!({ "blue": 1_000, "green": 9_000 }));
    assert_eq!(first["plan"], json!(outcome.plan_id));
    assert_eq!(first["release"]["id"], "shop-2");
    assert_eq!(first["fence"], 2);
    assert!(asked.len() > orders.len() * 2, "each order is read back");
}

#[test]
fn a_command_has_to_tell_what_capacity_asks() {
    let folder = folder();
    let capacity = |full| {
        let wait = Some("2s".parse().unwrap());
        Some(Capacity { full, wait })
    };
    for (healthy, full, why) in [
        ("", 1, "does not say how many servers are healthy"),
        (
            r#","healthy":{"blue":1,"green":4}"#,
            11,
            "slot `blue` needs 2 healthy servers for 10% of the requests and has 1",
        ),
    ] {
        let (stage, mut world, plan) = scene(&folder, healthy);
        world.environment.traffic.as_mut().unwrap().capacity = capacity(full);
        let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
        assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
        let turned = outcome.turned.unwrap().reason;
        assert!(turned.contains(why), "{turned}");
        let split = fs::read_to_string(folder.path().join("split.json")).unwrap();
        assert!(split.contains(r#""blue":0"#), "{split}");
    }
}
