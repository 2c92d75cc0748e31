//! Pointers beside tags: a value in git, and whatever two commands know.

use std::fs;
use std::path::Path;

use liftlock::digest::Digest;
use liftlock::failure::Kind;
use liftlock::plan::Action;
use liftlock::release::Identified;
use liftlock::state::{Document, Hold};
use liftlock::verdict::Verdict;
use liftlock_engine::state::State;
use liftlock_engine::{Outcome, Pace as _};
use serde_json::json;
use testkit::git;

use crate::crash::{Ready, at_every_write};
use crate::stage::{Stage, Way, folder};
use crate::store::Death;

const VALUES: &str = "# of the shop\nimage: { digest: '' } # moved\n";

/// An environment of nothing but pointers: git, a command, and a tag.
fn furnish(stage: &mut Stage, reversible: &str) {
    let at = |name: &str| stage.root.join(name).display().to_string();
    let url = git::bare_with(&stage.root.join("deploy.git"), &[("values.yaml", VALUES)]).unwrap();
    fs::write(
        stage.root.join("alias.sh"),
        "set -eu\ncd \"$1\"\ninput=$(cat)\nif [ \"$2\" = point ]; then\n\
         echo \"$input\" >>moves.log\n\
         echo \"$input\" | sed 's/.*\"to\":\\(\"[^\"]*\"\\).*/{\"digest\":\\1}/' >alias.new\n\
         mv alias.new alias.json\nelif [ -e alias.json ]; then cat alias.json\n\
         else echo '{\"digest\": null}'; fi\n",
    )
    .unwrap();
    let command = |what: &str| json!(["sh", at("alias.sh"), at(""), what]);
    stage.also = json!({
        "traffic": null, "place": null, "prove": null, "metrics": null, "slo": null, "watch": null,
        "targets": [
            { "git": { "repo": url, "branch": "main", "file": "values.yaml", "path": "image.digest" },
              "artifact": "image" },
            { "command": { "name": "alias", "read": command("read"), "point": command("point"),
                           "reversible": reversible }, "artifact": "api" },
            { "registry": { "image": format!("oci-layout:{}", at("site")), "tag": "live" },
              "artifact": "image" },
        ],
    });
}

fn second(stage: &mut Stage) -> Identified {
    furnish(stage, "yes");
    stage.up(&stage.release("1"));
    stage.release("2")
}

fn message(root: &Path) -> String {
    let bare = root.join("deploy.git");
    git::run(&bare, &["log", "-1", "--format=%B", "main"]).unwrap()
}

fn moves(root: &Path) -> usize {
    let told = fs::read_to_string(root.join("moves.log")).unwrap_or_default();
    told.lines().count()
}

/// Somebody else's commit.
fn push(root: &Path, text: &str, message: &str) {
    let work = tempfile::tempdir().unwrap();
    let url = format!("file://{}", root.join("deploy.git").display());
    git::run(work.path(), &["clone", "--quiet", &url, "."]).unwrap();
    fs::write(work.path().join("values.yaml"), text).unwrap();
    for args in [
        ["commit", "--quiet", "--allow-empty", "-am", message].as_slice(),
        &["push", "--quiet", "origin", "HEAD:main"],
    ] {
        git::run(work.path(), args).unwrap();
    }
}

#[test]
fn a_promotion_moves_every_kind_of_pointer_and_a_rollback_moves_them_back() {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    furnish(&mut stage, "window");
    let one = stage.release("1");
    stage.up(&one);
    let two = stage.release("2");
    stage.up(&two);
    let aims = |release: &Identified| {
        let artifacts = release.reference().artifacts;
        ["image", "api", "image"].map(|name| artifacts.get(name).copied())
    };
    let world = stage.sound();
    assert_eq!(world.pointers().unwrap(), aims(&two));
    assert_eq!(world.drift(&stage.document()).unwrap(), [""; 0]);
    let told = message(&stage.root);
    assert!(told.starts_with("Point production at shop-2\n"), "{told}");
    assert!(told.ends_with("Liftlock-Fence: 2"), "{told}");
    let plan = stage.plan(&world, &one, Way::Down);
    let shown: Vec<String> = plan
        .steps
        .iter()
        .map(|step| step.action.to_string())
        .collect();
    assert!(shown[1].ends_with("reversible: window"), "{shown:?}");
    let down = stage.drive(&plan, Way::Down, Death::Never).0.unwrap();
    assert_eq!(down.verdict, Verdict::Pass);
    assert_eq!(world.pointers().unwrap(), aims(&one));
    let told = message(&stage.root);
    assert!(told.starts_with("Point production at shop-1\n"), "{told}");
    assert_eq!(moves(&stage.root), 3);
}

#[test]
fn a_value_that_somebody_else_changed_turns_the_plan_back() {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    let two = second(&mut stage);
    let before = stage.sound().pointers().unwrap();
    let plan = stage.plan(&stage.sound(), &two, Way::Up);
    push(&stage.root, "image: { digest: latest }\n", "By hand");
    let outcome: Outcome = stage.drive(&plan, Way::Up, Death::Never).0.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let why = outcome.turned.unwrap().reason;
    assert!(
        why.contains("moved by somebody else: it is at something else: it says `latest`"),
        "{why}"
    );
    let world = stage.sound();
    let drift = world.drift(&stage.document()).unwrap().join(": ");
    assert!(drift.contains("it says `latest`"), "{drift}");
    assert_eq!(world.pointers().unwrap_err().kind, Kind::Blocked);
    push(
        &stage.root,
        &VALUES.replace("''", &before[0].unwrap().to_string()),
        "Put it back",
    );
    assert_eq!(world.pointers().unwrap(), before);
}

/// A sweep knows a hold from before; its end was told in git meanwhile.
#[test]
fn a_hold_that_is_over_is_not_told_by_who_knew_it() {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    furnish(&mut stage, "yes");
    stage.also["targets"][0]["git"]["hold"] = json!([{ "file": "hold.json" }]);
    let world = stage.sound();
    let known = Document {
        hold: Some(Hold {
            reason: "complaints".to_owned(),
            by: "alice".to_owned(),
            at: stage.clock.now(),
        }),
        ..Document::default()
    };
    let key = Document::key(&world.rules.service, &world.environment.name);
    let mut state = State::open(world.state.as_ref(), key, world.environment.lease).unwrap();
    let commits = || {
        git::run(
            &stage.root.join("deploy.git"),
            &["rev-list", "--count", "main"],
        )
    };
    for (hold, count) in [(None, "1"), (known.hold.clone(), "2")] {
        let placed = |document: &mut Document| {
            document.hold.clone_from(&hold);
            Ok(())
        };
        state.note(&placed).unwrap();
        let told = world.tell_hold(&known);
        assert_eq!(told.lines(), None);
        assert_eq!(told.written.len(), usize::from(hold.is_some()));
        assert_eq!(commits().unwrap(), count);
    }
}

#[test]
fn a_newer_owner_seen_in_git_ends_the_run_and_moves_nothing() {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    let two = second(&mut stage);
    let plan = stage.plan(&stage.sound(), &two, Way::Up);
    let text = git::run(
        &stage.root.join("deploy.git"),
        &["show", "main:values.yaml"],
    )
    .unwrap();
    let trailers = "By another\n\nLiftlock-Environment: shop/production\nLiftlock-Fence: 9";
    push(&stage.root, &format!("{text}\n"), trailers);
    let refused = stage.drive(&plan, Way::Up, Death::Never).0.unwrap_err();
    assert_eq!(refused.kind, Kind::Blocked);
    assert!(message(&stage.root).starts_with("By another"));
    assert_eq!(moves(&stage.root), 1);
}

#[test]
fn what_cannot_be_moved_back_ends_as_stuck() {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    furnish(&mut stage, "no");
    let one = stage.release("1");
    stage.up(&one);
    let two = stage.release("2");
    let plan = stage.plan(&stage.sound(), &two, Way::Up);
    // The last of the targets fails: somebody moves the tag away.
    let other = stage.release("9").reference().artifacts["image"];
    let site = stage.root.join("site");
    stage
        .clock
        .when("02-point", move || crate::attack::tag(&site, Some(other)));
    let outcome = stage.drive(&plan, Way::Up, Death::Never).0.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Stuck, false));
    assert_eq!(outcome.left, ["alias"]);
    let pointers = stage.sound().pointers().unwrap();
    let artifacts =
        |release: &Identified, name: &str| release.reference().artifacts.get(name).copied();
    assert_eq!(
        pointers[..2],
        [artifacts(&one, "image"), artifacts(&two, "api")]
    );
    let moved = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Point { .. }));
    assert_eq!(moved.count(), 3);
    assert_eq!(moves(&stage.root), 2);
    assert_ne!(pointers[2], Some(Digest::of(b"")));
}

#[test]
fn a_pointer_that_cannot_be_moved_down_takes_no_other_one_up_again() {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    let two = second(&mut stage);
    stage.up(&two);
    let one = stage.release("1");
    let before = stage.sound().pointers().unwrap();
    let plan = stage.plan(&stage.sound(), &one, Way::Down);
    let script = stage.root.join("alias.sh");
    let sound = fs::read_to_string(&script).unwrap();
    let broken = sound.replace("echo \"$input\" >>moves.log", "exit 1");
    assert_ne!(broken, sound);
    fs::write(&script, broken).unwrap();
    let stuck = stage.drive(&plan, Way::Down, Death::Never).0.unwrap_err();
    assert_eq!(stuck.kind, Kind::Stuck, "{stuck:?}");
    let told = stuck.lines().join(": ");
    assert!(told.contains("what moved stays at shop-1"), "{told}");
    let artifacts = one.reference().artifacts;
    let (image, api) = (
        artifacts.get("image").copied(),
        artifacts.get("api").copied(),
    );
    assert_eq!(stage.sound().pointers().unwrap(), [image, before[1], image]);
    fs::write(&script, sound).unwrap();
    let down = stage.drive(&plan, Way::Down, Death::Never).0.unwrap();
    assert_eq!(down.verdict, Verdict::Pass);
    assert_eq!(stage.sound().pointers().unwrap(), [image, api, image]);
}

#[test]
fn a_rollback_that_moves_nothing_turns_round_and_can_begin_again() {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    let two = second(&mut stage);
    let targets = stage.also["targets"].as_array_mut().unwrap();
    targets.remove(0);
    stage.up(&two);
    let one = stage.release("1");
    let before = stage.sound().pointers().unwrap();
    let plan = stage.plan(&stage.sound(), &one, Way::Down);
    let script = stage.root.join("alias.sh");
    let sound = fs::read_to_string(&script).unwrap();
    let broken = sound.replace("echo \"$input\" >>moves.log", "exit 1");
    fs::write(&script, broken).unwrap();
    let turned = stage.drive(&plan, Way::Down, Death::Never).0.unwrap();
    assert_eq!((turned.verdict, turned.restored), (Verdict::Fail, true));
    assert_eq!(stage.sound().pointers().unwrap(), before);
    fs::write(&script, sound).unwrap();
    let plan = stage.plan(&stage.sound(), &one, Way::Down);
    let down = stage.drive(&plan, Way::Down, Death::Never).0.unwrap();
    assert_eq!(down.verdict, Verdict::Pass);
    assert_ne!(stage.sound().pointers().unwrap(), before);
}

#[test]
fn pointers_are_moved_once_however_often_a_process_died() {
    let ready: Ready<'_> = &|stage| {
        furnish(stage, "yes");
        stage.release("1")
    };
    at_every_write(Way::Up, ready, Verdict::Pass);
}
