//! A hold where updaters see it: in git, beside the value that a target moves.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use liftlock::digest::Digest;
use serde_json::Value;
use testkit::cli::{Output, bin};
use testkit::git;
use testkit::house::House;

const VALUES: &str = "# of the shop\nimage: { digest: \"\" } # moved\n";
const FLUX: &str = "spec:\n  suspend: false # by people\n";
const TARGET: &str = "      - { git: { repo: REPO, branch: main, file: values.yaml, path: image.digest, hold: [{ file: hold.json }, { file: flux.yaml, path: spec.suspend, held: true, free: false }] }, artifact: image }
";

struct Scene {
    house: House,
}

impl Scene {
    /// An environment of one value in git, with these versions promoted.
    fn new(versions: &[&str]) -> Self {
        let house = House::new().unwrap();
        let rules = house.text("liftlock.yaml");
        let (head, _) = rules.split_once("    place:").unwrap();
        let (_, tail) = rules
            .split_once("    metrics: { counts: counts.csv }\n")
            .unwrap();
        let files = [("values.yaml", VALUES), ("flux.yaml", FLUX)];
        let url = git::bare_with(&house.path("deploy.git"), &files).unwrap();
        let target = TARGET.replace("REPO", &url);
        house
            .write(
                "liftlock.yaml",
                format!("{head}    targets:\n{target}{tail}"),
            )
            .unwrap();
        let scene = Self { house };
        for version in versions {
            scene.house.release(version).unwrap();
            scene.promote(0, version);
        }
        scene
    }

    fn promote(&self, code: i32, version: &str) -> Output {
        self.house.promote(code, version).unwrap()
    }

    fn run(&self, code: i32, program: &str, words: &[&str]) -> Output {
        let args = [words, &["--environment", "production"]].concat();
        self.house.expect(code, program, &args).unwrap()
    }

    fn headline(&self, code: i32, words: &[&str]) -> String {
        let told = self.run(code, "rollback", words).json().unwrap();
        told["headline"].as_str().unwrap().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        git::run(&self.house.path("deploy.git"), args).unwrap()
    }

    fn text(&self, file: &str) -> String {
        self.git(&["show", &format!("main:{file}")]) + "\n"
    }

    fn notice(&self) -> Value {
        serde_json::from_str(&self.text("hold.json")).unwrap()
    }

    fn commits(&self) -> usize {
        self.git(&["rev-list", "--count", "main"]).parse().unwrap()
    }

    /// Somebody else's commit.
    fn write(&self, file: &str, text: &str) {
        let work = tempfile::tempdir().unwrap();
        let (at, url) = (work.path(), self.house.path("deploy.git"));
        let url = url.display().to_string();
        git::run(at, &["clone", "--quiet", &url, "."]).unwrap();
        fs::write(at.join(file), text).unwrap();
        git::run(at, &["add", "--all"]).unwrap();
        git::run(at, &["commit", "--quiet", "-m", "By hand"]).unwrap();
        git::run(at, &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
    }

    /// What is live in git is this version, held or not.
    fn is(&self, version: &str, held: bool) {
        let image = self.house.text(&format!("builds/shop-{version}/image"));
        let digest = Digest::of(image.as_bytes());
        let wanted = VALUES.replace("\"\"", &format!("\"{digest}\""));
        assert_eq!(self.text("values.yaml"), wanted);
        let flux = if held {
            FLUX.replace("false", "true")
        } else {
            FLUX.to_owned()
        };
        assert_eq!(self.text("flux.yaml"), flux);
        assert_eq!(self.notice()["held"], held);
    }

    fn hook(&self, name: &str, script: &str) {
        let hook = self.house.path(&format!("deploy.git/hooks/{name}"));
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Runs `rollback` and has it killed while the repository takes its push:
    /// before that counts, or after.
    fn killed(&self, hook: &str, words: &[&str]) {
        let pid = self.house.path("pid");
        let once = self.house.path("once");
        fs::write(&once, "").unwrap();
        let (end, pid) = (i32::from(hook == "pre-receive"), pid.display());
        let once = once.display();
        self.hook(
            hook,
            &format!("[ -e {once} ] || exit 0\nrm {once}\nkill -9 $(cat {pid})\nexit {end}"),
        );
        let line = format!("echo $$ >{pid}; exec \"$@\"");
        let ended = Command::new("sh")
            .args(["-c", &line, "sh"])
            .arg(bin("rollback"))
            .args(words)
            .args(["--environment", "production"])
            .current_dir(self.house.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(ended.signal(), Some(9), "{ended}");
        assert!(!Path::new(&self.house.path("once")).exists());
    }
}

const RUN: [&str; 3] = ["run", "--reason", "complaints"];
const HOLD: [&str; 3] = ["hold", "--reason", "freeze"];
const LIFT: [&str; 3] = ["lift", "--reason", "mended"];

#[test]
fn what_git_says_holds_promotions_whatever_the_state_says() {
    let scene = Scene::new(&["1"]);
    scene.house.release("2").unwrap();
    scene.run(0, "rollback", &HOLD);
    scene.promote(14, "2");
    scene.run(0, "rollback", &LIFT);
    let free = scene.text("hold.json");
    for text in ["{}\n", &free.replace("production", "staging")] {
        scene.write("hold.json", text);
        let refused = scene.promote(14, "2").stderr;
        assert!(refused.contains("cannot be told"), "{refused}");
        scene.run(3, "rollback", &LIFT);
    }
    scene.write("hold.json", &free.replace("false", "true"));
    let refused = scene.promote(14, "2").stderr;
    assert!(refused.contains("held in git"), "{refused}");
    let explain = ["explain", "--release", "release-2.json"];
    let explain = scene.run(14, "promote", &explain).stdout;
    assert!(explain.contains("held in git"), "{explain}");
    let aside = scene.house.path("aside");
    fs::rename(scene.house.path("deploy.git"), &aside).unwrap();
    scene.run(3, "rollback", &LIFT);
    fs::rename(&aside, scene.house.path("deploy.git")).unwrap();
    let dry = [&LIFT[..], &["--dry-run"]].concat();
    scene.run(0, "rollback", &dry);
    scene.run(0, "rollback", &LIFT);
    scene.run(3, "rollback", &LIFT);
    scene.run(3, "rollback", &dry);
    scene.promote(0, "2");
    scene.is("2", false);
}

#[test]
fn a_rollback_tells_its_hold_in_the_commit_of_its_value() {
    let scene = Scene::new(&["1", "2"]);
    let commits = scene.commits();
    let doctor = scene.run(0, "promote", &["doctor"]).stdout;
    assert!(
        doctor.contains("`spec.suspend` in `flux.yaml` on `main`: free"),
        "{doctor}"
    );
    scene.run(0, "rollback", &RUN);
    scene.is("1", true);
    assert_eq!(scene.commits(), commits + 1);
    let (notice, state) = (scene.notice(), scene.house.state());
    assert_eq!(notice["reason"], "complaints");
    assert_eq!(notice["since"], state["hold"]["at"]);
    assert_eq!(notice["by"], state["hold"]["by"]);
    assert_eq!(notice["release"]["id"], "shop-1");
    // Whoever asks again changes nothing.
    scene.run(0, "rollback", &RUN);
    scene.run(14, "rollback", &HOLD);
    scene.promote(14, "2");
    assert_eq!(scene.commits(), commits + 1);
    let doctor = scene.run(0, "promote", &["doctor"]).stdout;
    assert!(doctor.contains("`hold.json` on `main`: held"), "{doctor}");
    scene.run(0, "rollback", &LIFT);
    scene.is("1", false);
    assert_eq!(scene.notice()["reason"], "mended");
    assert_eq!(scene.commits(), commits + 2);
    scene.promote(0, "2");
    scene.run(0, "promote", &["status"]);
}

#[test]
fn a_run_that_was_killed_at_its_push_comes_to_the_same_end() {
    for hook in ["pre-receive", "post-receive"] {
        for again in [["rollback", "run"], ["promote", "resume"]] {
            let scene = Scene::new(&["1", "2"]);
            let commits = scene.commits();
            scene.killed(hook, &RUN);
            scene.run(0, again[0], &again[1..]);
            scene.is("1", true);
            assert_eq!(scene.commits(), commits + 1, "{hook} {again:?}");
        }
    }
}

#[test]
fn a_hold_and_its_end_that_were_killed_at_their_push_are_told_once() {
    for hook in ["pre-receive", "post-receive"] {
        let scene = Scene::new(&["1"]);
        let commits = scene.commits();
        scene.killed(hook, &HOLD);
        scene.run(14, "rollback", &HOLD);
        scene.is("1", true);
        assert_eq!(scene.commits(), commits + 1, "{hook}");
        scene.killed(hook, &LIFT);
        let code = if hook == "pre-receive" { 0 } else { 3 };
        scene.run(code, "rollback", &LIFT);
        scene.run(3, "rollback", &LIFT);
        scene.is("1", false);
        assert_eq!(scene.commits(), commits + 2, "{hook}");
        for kind in ["hold-placed", "hold-lifted"] {
            let records = scene.house.records();
            let count = records.iter().filter(|one| one["kind"] == kind).count();
            assert_eq!(count, 1, "{hook} {kind}");
        }
    }
}

#[test]
fn a_repository_that_is_away_or_refuses_holds_nothing_up_and_is_told_later() {
    let scene = Scene::new(&["1", "2"]);
    let aside = scene.house.path("aside");
    fs::rename(scene.house.path("deploy.git"), &aside).unwrap();
    let told = scene.headline(0, &HOLD);
    assert!(told.contains("git does not say so of the hold"), "{told}");
    assert_eq!(scene.house.state()["hold"]["reason"], "freeze");
    fs::rename(&aside, scene.house.path("deploy.git")).unwrap();
    let sweep = scene.run(0, "promote", &["sweep"]).stdout;
    assert!(sweep.contains("no plan is under way"), "{sweep}");
    scene.is("2", true);
    fs::rename(scene.house.path("deploy.git"), &aside).unwrap();
    let told = scene.headline(0, &LIFT);
    assert!(told.contains("git does not say so of the hold"), "{told}");
    fs::rename(&aside, scene.house.path("deploy.git")).unwrap();
    scene.is("2", true);
    scene.run(0, "rollback", &LIFT);
    scene.is("2", false);
    // Rules about files, but not about the value: the way back goes on.
    let script = "while read -r old new ref; do\n\
                  if git diff --name-only $old $new | grep -q flux; then exit 1; fi\ndone";
    scene.hook("pre-receive", script);
    let told = scene.headline(0, &RUN);
    assert!(told.contains("does not let this job push"), "{told}");
    scene.is("1", false);
    fs::remove_file(scene.house.path("deploy.git/hooks/pre-receive")).unwrap();
    let told = scene.headline(0, &RUN);
    assert!(!told.contains("git does not say"), "{told}");
    scene.is("1", true);
}

#[test]
fn what_somebody_else_set_is_said_and_left() {
    let scene = Scene::new(&["1", "2"]);
    let by_hand = FLUX.replace("false", "yes");
    scene.write("flux.yaml", &by_hand);
    let told = scene.headline(0, &RUN);
    assert!(
        told.contains("`spec.suspend` is no text but `yes`"),
        "{told}"
    );
    assert_eq!(scene.text("flux.yaml"), by_hand);
    assert_eq!(scene.notice()["held"], true);
    let bad = scene.run(10, "rollback", &["doctor"]).stdout;
    assert!(bad.contains("BAD  hold"), "{bad}");
    let by_hand = FLUX.replace("false", "true");
    scene.write("flux.yaml", &by_hand);
    let told = scene.headline(0, &LIFT);
    assert!(told.contains("no hold of ours set it"), "{told}");
    assert_eq!(scene.text("flux.yaml"), by_hand);
    assert_eq!(scene.notice()["held"], false);
}
