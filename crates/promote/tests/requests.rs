//! A value in git that people move by merging a request, by the programs: the
//! plan waits without a runner, and goes by the value alone.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::time::Time;
use serde_json::{Value, json};
use testkit::cli::{Output, Run};
use testkit::git::{self, Merge};
use testkit::house::House;
use testkit::http::{Answer, Gate};
use testkit::process::free_address;
use testkit::servers::github::{GitHub, Token as GithubToken};
use testkit::servers::gitlab::{GitLab, Token as GitlabToken};
use testkit::wait;

const VALUES: &str = "image: { digest: \"\" } # moved\n";

/// A target of a command: it fails while there is a file `broken`.
const STORE: &str = "      - { command: { name: store, read: [sh, store.sh], point: [sh, store.sh, point], reversible: yes }, artifact: api }\n";
const SCRIPT: &str = "set -eu\nif [ $# = 1 ]; then test ! -e broken\n\
    sed 's/.*\"to\":\\(\"[^\"]*\"\\).*/{\"digest\":\\1}/' >store.json\n\
    elif [ -e store.json ]; then cat store.json\nelse echo '{\"digest\":null}'; fi\n";

/// Kills the `promote` that pushes, where it is told to.
const KILLER: &str = "#!/bin/sh\ntest -e armed || exit 0\nrm armed\np=$$\n\
    while [ \"$(cat /proc/$p/comm)\" != promote ]; do p=$(awk '/^PPid/ {print $2}' /proc/$p/status); done\n\
    kill -KILL \"$p\"\n";

/// Stands before git, and kills whoever has it push the nth time.
const PUSHED: &str = r#"#!/bin/sh
push=
for word; do if [ "$word" = push ]; then push=yes; fi; done
if [ -z "$push" ] || [ ! -e ARMED ]; then exec REAL "$@"; fi
read -r left act <ARMED
left=$((left - 1))
echo "$left $act" >ARMED
if [ "$left" -gt 0 ]; then exec REAL "$@"; fi
rm ARMED
if [ "$act" = after ]; then REAL "$@" >/dev/null 2>&1; fi
kill -9 "$PPID"
"#;

enum Fake {
    Github(GitHub),
    Gitlab(GitLab),
}

struct Scene {
    house: House,
    fake: Fake,
    token: String,
}

impl Scene {
    /// An environment of the value that people move, and more targets.
    fn new(fake: Fake, within: &str, more: &str) -> Self {
        let house = House::new().unwrap();
        let bare = house.path("deploy.git");
        let url = git::bare_with(&bare, &[("values.yaml", VALUES)]).unwrap();
        let (token, repository) = match &fake {
            Fake::Github(fake) => fake.with(|state| {
                state.person(7, "alice", "write");
                state.repository(&bare);
                (state.token(GithubToken::Job), "github:acme/shop".to_owned())
            }),
            Fake::Gitlab(fake) => {
                let token = fake.with(|state| {
                    state.person(7, "alice", 30);
                    state.repository(&bare);
                    state.token(GitlabToken::Api(7))
                });
                (token, format!("gitlab:acme/shop@{}", fake.host()))
            }
        };
        let rules = house.text("liftlock.yaml");
        let (head, _) = rules.split_once("    place:").unwrap();
        let (_, tail) = rules
            .split_once("    metrics: { counts: counts.csv }\n")
            .unwrap();
        let target = format!(
            "      - {{ git: {{ repo: {url:?}, branch: main, file: values.yaml, path: image.digest, \
             request: {{ repository: {repository:?}, within: {within} }} }}, artifact: image }}\n"
        );
        let text = format!("{head}    targets:\n{target}{more}{tail}");
        house.write("liftlock.yaml", text).unwrap();
        house.write("store.sh", SCRIPT).unwrap();
        for version in ["1", "2", "3"] {
            house.release(version).unwrap();
        }
        Self { house, fake, token }
    }

    fn github(within: &str, more: &str) -> Self {
        Self::new(Fake::Github(GitHub::start().unwrap()), within, more)
    }

    fn both() -> [Self; 2] {
        let gitlab = Fake::Gitlab(GitLab::start().unwrap());
        [Self::github("1h", ""), Self::new(gitlab, "1h", "")]
    }

    fn command(&self, program: &str, words: &[&str]) -> Run {
        let run = self.house.run(program, words);
        match &self.fake {
            Fake::Github(fake) => run
                .env("GITHUB_API_URL", fake.url())
                .env("LIFTLOCK_GITHUB_TOKEN", &self.token),
            Fake::Gitlab(fake) => run
                .env("CI_API_V4_URL", fake.api())
                .env("LIFTLOCK_GITLAB_TOKEN", &self.token),
        }
    }

    fn run(&self, code: i32, program: &str, words: &[&str]) -> Output {
        let output = self.command(program, words).output().unwrap();
        let said = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{program} {words:?}: {said}");
        assert!(!said.contains(&self.token), "{said}");
        output
    }

    /// A run that is killed at this push, if it comes to that: its exit code.
    fn killed(&self, (nth, act): (usize, &str), words: &[&str]) -> i32 {
        self.house.write("armed", format!("{nth} {act}\n")).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let first = std::iter::once(self.house.path("bin"));
        let path = std::env::join_paths(first.chain(std::env::split_paths(&path))).unwrap();
        let output = self.command("promote", words).env("PATH", path).output();
        let output = output.unwrap();
        let is_killed = !self.house.path("armed").exists();
        assert_eq!(output.code == 137, is_killed, "{}", output.stderr);
        output.code
    }

    fn promote(&self, code: i32, version: &str) -> Output {
        let file = format!("release-{version}.json");
        let words = ["run", "--environment", "production", "--release", &file];
        self.run(code, "promote", &words)
    }

    /// A verb about production.
    fn verb(&self, code: i32, verb: &str) -> Output {
        self.run(code, "promote", &[verb, "--environment", "production"])
    }

    fn back(&self, code: i32) -> Output {
        let words = [
            "run",
            "--environment",
            "production",
            "--reason",
            "complaints",
        ];
        self.run(code, "rollback", &words)
    }

    /// A release that people let go up.
    fn live(&self, version: &str) {
        self.promote(13, version);
        self.merge(Merge::Squash);
        self.verb(0, "resume");
        assert_eq!(self.value(), self.digest(version));
    }

    fn start(&self, version: &str) -> Child {
        let file = format!("release-{version}.json");
        let words = ["run", "--environment", "production", "--release", &file];
        let mut command = self
            .command("promote", &words)
            .command(&self.house.path(""));
        command.current_dir(self.house.path("")).spawn().unwrap()
    }

    /// The rules, without a request: it is pushed.
    fn pushing(&self) -> String {
        let rules = self.house.text("liftlock.yaml");
        let (head, tail) = rules.split_once(", request: {").unwrap();
        let (_, tail) = tail.split_once('}').unwrap();
        format!("{head}{tail}")
    }

    /// Whoever pushes next is killed.
    fn kills(&self) {
        let hook = self.bare().join("hooks/post-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, KILLER).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(self.bare().join("armed"), "").unwrap();
    }

    fn bare(&self) -> PathBuf {
        self.house.path("deploy.git")
    }

    fn digest(&self, version: &str) -> String {
        self.built(version, "image")
    }

    fn built(&self, version: &str, artifact: &str) -> String {
        let built = self
            .house
            .text(&format!("builds/shop-{version}/{artifact}"));
        Digest::of(built.as_bytes()).to_string()
    }

    fn value(&self) -> String {
        let text = git::run(&self.bare(), &["show", "main:values.yaml"]).unwrap();
        text.split('"').nth(1).unwrap_or_default().to_owned()
    }

    /// Somebody writes the value by hand.
    fn write(&self, digest: &str) {
        let work = tempfile::tempdir().unwrap();
        let url = format!("file://{}", self.bare().display());
        let text = VALUES.replace("\"\"", &format!("{digest:?}"));
        git::run(work.path(), &["clone", "--quiet", &url, "."]).unwrap();
        fs::write(work.path().join("values.yaml"), text).unwrap();
        git::run(work.path(), &["commit", "--quiet", "-am", "By hand"]).unwrap();
        git::run(work.path(), &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
    }

    fn branches(&self) -> usize {
        let told = git::run(&self.bare(), &["for-each-ref", "refs/heads"]).unwrap();
        told.lines().count()
    }

    /// Every request: its number, and `open`, `merg` or `clos`.
    fn asked(&self) -> Vec<(u64, &'static str)> {
        let all = match &self.fake {
            Fake::Github(fake) => fake.with(|state| state.pulls()),
            Fake::Gitlab(fake) => fake.with(|state| state.merge_requests()),
        };
        let all = all.into_iter();
        all.map(|(number, _, stage)| (number, stage.trim_end_matches("ed")))
            .collect()
    }

    fn stages(&self) -> Vec<&'static str> {
        self.asked().into_iter().map(|(_, stage)| stage).collect()
    }

    fn merge(&self, how: Merge) {
        self.merge_at(how, wait::now());
    }

    fn merge_at(&self, how: Merge, at: Time) {
        let (number, _) = self.asked().pop().unwrap();
        match &self.fake {
            Fake::Github(fake) => fake.with(|state| state.set_clock(at)),
            Fake::Gitlab(fake) => fake.with(|state| state.set_clock(at)),
        }
        match &self.fake {
            Fake::Github(fake) => fake.with(|state| state.merge(number, how).unwrap()),
            Fake::Gitlab(fake) => fake.with(|state| state.merge(number, how).unwrap()),
        }
    }

    /// The next question about requests is answered so.
    fn order(&self, answer: Answer) {
        match &self.fake {
            Fake::Github(fake) => fake.with(|state| state.order("/pulls", answer)),
            Fake::Gitlab(fake) => fake.with(|state| state.order("/merge_requests", answer)),
        }
    }

    /// Where programs look for the forge's token.
    const fn variable(&self) -> &'static str {
        match &self.fake {
            Fake::Github(_) => "LIFTLOCK_GITHUB_TOKEN",
            Fake::Gitlab(_) => "LIFTLOCK_GITLAB_TOKEN",
        }
    }

    /// A monitor alerts about a version, or about none.
    fn alert(&self, code: i32, version: &str, since: Time) -> Output {
        let name = match version {
            "" => String::new(),
            version => format!("shop-{version}"),
        };
        let labels = json!({ "alertname": "HighErrors", "liftlock_release": name });
        let one = json!({ "status": "firing", "labels": labels, "startsAt": since });
        let all = json!({ "status": "firing", "alerts": [one] });
        self.house.write("alert.json", all.to_string()).unwrap();
        let words = ["run", "--environment", "production", "--watch", "0s"];
        let words = [&words[..], &["--alert", "alert.json"]].concat();
        self.run(code, "rollback", &words)
    }

    fn close(&self, closed: bool) {
        let (number, _) = self.asked().pop().unwrap();
        match &self.fake {
            Fake::Github(fake) => fake.with(|state| state.close_pull(number, closed).unwrap()),
            Fake::Gitlab(fake) => {
                fake.with(|state| state.close_merge_request(number, closed).unwrap());
            }
        }
    }
}

fn ago(length: Duration) -> Time {
    let millis = i64::try_from(length.as_millis()).unwrap();
    Time::from_unix_millis(wait::now().unix_millis() - millis).unwrap()
}

fn detail(output: &Output) -> Value {
    let told: Value = serde_json::from_str(&output.stdout).unwrap();
    told["detail"]["outcome"].clone()
}

fn why(outcome: &Value) -> &str {
    outcome["turned"]["reason"].as_str().unwrap_or_default()
}

#[test]
fn what_people_close_goes_back_and_moves_nothing() {
    for scene in Scene::both() {
        scene.promote(13, "1");
        scene.close(true);
        let outcome = detail(&scene.verb(10, "resume"));
        assert_eq!(outcome["restored"], true, "{outcome}");
        assert!(why(&outcome).contains("was closed without being merged"));
        assert_eq!((scene.value().as_str(), scene.branches()), ("", 1));
        assert_eq!(scene.stages(), ["clos"]);
    }
}

#[test]
fn what_nobody_merges_in_time_goes_back_and_is_closed() {
    let scene = Scene::github("1ms", "");
    let outcome = detail(&scene.promote(10, "1"));
    assert_eq!(outcome["restored"], true, "{outcome}");
    assert!(why(&outcome).ends_with("within 1ms"), "{outcome}");
    assert_eq!((scene.stages(), scene.branches()), (vec!["clos"], 1));
}

#[test]
fn a_value_that_was_edited_before_it_was_merged_never_passes() {
    let scene = Scene::github("1h", "");
    scene.promote(13, "1");
    let head = git::run(
        &scene.bare(),
        &[
            "for-each-ref",
            "--format=%(refname:short)",
            "refs/heads/liftlock",
        ],
    );
    let work = tempfile::tempdir().unwrap();
    let url = format!("file://{}", scene.bare().display());
    git::run(
        work.path(),
        &["clone", "--quiet", "--branch", &head.unwrap(), &url, "."],
    )
    .unwrap();
    let other = Digest::of(b"other");
    let text = VALUES.replace("\"\"", &format!("\"{other}\""));
    fs::write(work.path().join("values.yaml"), text).unwrap();
    git::run(work.path(), &["commit", "--quiet", "-am", "Another"]).unwrap();
    git::run(work.path(), &["push", "--quiet", "origin", "HEAD"]).unwrap();
    scene.merge(Merge::Commit);
    let refused = scene.verb(16, "resume");
    let told = format!("{}{}", refused.stdout, refused.stderr);
    assert!(told.contains("moved by somebody else"), "{told}");
    assert!(scene.house.state()["live"].is_null());
    // Once it is put back, the way back comes to its end.
    let text = VALUES.to_owned();
    git::run(work.path(), &["fetch", "--quiet"]).unwrap();
    git::run(work.path(), &["checkout", "--quiet", "origin/main"]).unwrap();
    fs::write(work.path().join("values.yaml"), text).unwrap();
    git::run(work.path(), &["commit", "--quiet", "-am", "Put it back"]).unwrap();
    git::run(work.path(), &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
    let outcome = detail(&scene.verb(10, "resume"));
    assert_eq!(outcome["restored"], true, "{outcome}");
}

#[test]
fn a_job_that_may_not_ask_is_told_so_and_moves_nothing() {
    let scene = Scene::github("1h", "");
    let Fake::Github(fake) = &scene.fake else {
        panic!("not GitHub");
    };
    fake.with(|state| state.keep_jobs_from_pulls());
    let outcome = detail(&scene.promote(10, "1"));
    assert!(
        why(&outcome).contains("not permitted to create"),
        "{outcome}"
    );
    assert_eq!((scene.branches(), scene.stages().len()), (1, 0));
}

#[test]
fn an_abort_withdraws_what_nobody_merged() {
    for scene in Scene::both() {
        scene.promote(13, "1");
        let words = ["abort", "--environment", "production", "--reason", "wrong"];
        let outcome = detail(&scene.run(10, "promote", &words));
        assert_eq!(outcome["restored"], true, "{outcome}");
        assert_eq!((scene.stages(), scene.branches()), (vec!["clos"], 1));
        assert_eq!(scene.value(), "");
    }
}

#[test]
fn whoever_is_killed_after_the_push_asks_once() {
    let scene = Scene::github("1h", "");
    scene.kills();
    let output = scene.promote(137, "1");
    assert_eq!(
        (scene.branches(), scene.stages().len()),
        (2, 0),
        "{}",
        output.stderr
    );
    scene.promote(13, "1");
    assert_eq!((scene.branches(), scene.stages()), (2, vec!["open"]));
}

#[test]
fn whoever_is_killed_after_asking_asks_once() {
    let scene = Scene::github("1h", "");
    let Fake::Github(fake) = &scene.fake else {
        panic!("not GitHub");
    };
    let gate = Gate::default();
    fake.with(|state| state.hold("POST", "/pulls", &gate));
    let mut child = scene.start("1");
    wait::until("a request", Duration::from_secs(60), || {
        (!scene.stages().is_empty()).then_some(())
    })
    .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    gate.open();
    scene.promote(13, "1");
    assert_eq!(scene.stages(), ["open"]);
    let posts = fake.requests();
    let posts = posts.iter().filter(|one| one.method == "POST").count();
    assert_eq!(posts, 1);
    scene.merge(Merge::Rebase);
    scene.verb(0, "resume");
}

#[test]
fn what_was_merged_goes_back_by_another_request() {
    let scene = Scene::github("1h", STORE);
    scene.live("1");
    scene.promote(13, "2");
    scene.merge(Merge::Commit);
    scene.house.write("broken", "").unwrap();
    // The other target cannot be moved: the plan turns, and asks again.
    let outcome = detail(&scene.verb(13, "resume"));
    let waits = outcome["waits"]["why"].as_str().unwrap_or_default();
    assert!(waits.contains("is merged"), "{outcome}");
    assert!(!waits.contains("unless"), "{outcome}");
    assert_eq!(outcome["restored"], false, "{outcome}");
    assert!(scene.house.state()["lease"].is_null());
    assert_eq!(scene.value(), scene.digest("2"));
    scene.run(13, "promote", &["sweep"]);
    assert_eq!(scene.stages(), ["merg", "merg", "open"]);
    // Closed is no way out: it stays open until the value is back.
    scene.close(true);
    let stuck = scene.verb(16, "resume").stderr;
    assert!(stuck.contains("was closed without being merged"), "{stuck}");
    scene.close(false);
    scene.merge(Merge::Squash);
    let outcome = detail(&scene.run(10, "promote", &["resume", "--environment", "production"]));
    assert_eq!(outcome["restored"], true, "{outcome}");
    assert_eq!(scene.value(), scene.digest("1"));
}

#[test]
fn a_rollback_waits_for_people_without_end_and_never_goes_up_again() {
    let scene = Scene::github("1h", "");
    scene.live("1");
    scene.live("2");
    let told = scene.back(13).stdout;
    assert!(
        told.contains("is not live again in production yet"),
        "{told}"
    );
    assert!(!told.contains("unless that is before"), "{told}");
    scene.close(true);
    let blocked = scene.back(14).stderr;
    assert!(blocked.contains("reopen and merge it"), "{blocked}");
    scene.close(false);
    scene.back(13);
    scene.merge(Merge::Rebase);
    scene.back(0);
    assert_eq!(scene.value(), scene.digest("1"));
    assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-1");
}

#[test]
fn a_value_of_somebody_else_blocks_a_rollback_and_turns_it_never_up() {
    let scene = Scene::github("1h", "");
    scene.live("1");
    scene.live("2");
    scene.back(13);
    let words = ["reject", "shop-2", "--reason", "it loses orders"];
    scene.run(0, "rollback", &words);
    scene.write(&Digest::of(b"other").to_string());
    for _ in 0..2 {
        let blocked = scene.back(14).stderr;
        assert!(blocked.contains("put back the value"), "{blocked}");
        assert!(scene.house.state()["run"]["journal"]["turned"].is_null());
    }
    scene.write(&scene.digest("1"));
    scene.back(0);
    assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-1");
    assert_eq!((scene.value(), scene.asked().len()), (scene.digest("1"), 3));
}

#[test]
fn a_no_to_what_a_rollback_asks_for_is_heard_once_its_release_is_rejected() {
    let scene = Scene::github("1h", "");
    for version in ["1", "2", "3"] {
        scene.live(version);
    }
    scene.back(13);
    scene.close(true);
    let blocked = scene.back(14).stderr;
    assert!(blocked.contains("`rollback reject` it"), "{blocked}");
    let words = ["reject", "shop-2", "--reason", "it loses orders"];
    scene.run(0, "rollback", &words);
    let told = scene.back(13);
    for word in ["shop-2 was not reached", "it loses orders"] {
        assert!(told.stderr.contains(word), "{word}: {}", told.stderr);
    }
    assert!(
        told.stdout.contains("shop-1 is not live again"),
        "{}",
        told.stdout
    );
    assert_eq!(scene.stages()[3..], ["clos", "open"]);
    scene.merge(Merge::Commit);
    scene.back(0);
    assert_eq!(scene.value(), scene.digest("1"));
    assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-1");
}

#[test]
fn what_is_rejected_while_a_sweep_waits_for_it_is_withdrawn() {
    let scene = Scene::github("1h", "");
    for version in ["1", "2", "3"] {
        scene.live(version);
    }
    scene.back(13);
    let words = ["reject", "shop-2", "--reason", "it loses orders"];
    scene.run(0, "rollback", &words);
    scene.run(10, "promote", &["sweep"]);
    assert_eq!(scene.stages()[3], "clos");
    assert_eq!(scene.value(), scene.digest("3"));
}

#[test]
fn a_reconcile_that_waits_ends_where_people_want_something_else() {
    let reconcile = [
        "reconcile",
        "--environment",
        "production",
        "--reason",
        "by hand",
    ];
    let abort = ["abort", "--environment", "production", "--reason", "wrong"];
    let reject = ["reject", "shop-2", "--reason", "it loses orders"];
    let asked = || {
        let scene = Scene::github("1h", "");
        scene.live("1");
        scene.live("2");
        scene.write(&scene.digest("1"));
        scene.run(13, "promote", &reconcile);
        scene
    };
    let ended = |scene: &Scene| {
        assert_eq!(scene.stages().last(), Some(&"clos"));
        assert_eq!(scene.value(), scene.digest("1"));
        assert_eq!(scene.house.state()["run"]["verdict"], "fail");
    };
    let scene = asked();
    scene.run(10, "promote", &abort);
    ended(&scene);
    scene.run(13, "promote", &reconcile);
    scene.close(true);
    scene.verb(10, "resume");
    scene.run(13, "promote", &reconcile);
    scene.run(0, "rollback", &reject);
    scene.run(10, "promote", &["sweep"]);
    ended(&scene);
    // Nobody is asked to merge what was rejected.
    let refused = scene.run(10, "promote", &reconcile).stderr;
    assert!(refused.contains("rejected by"), "{refused}");
    // A rollback takes its place.
    let scene = asked();
    scene.back(0);
    assert_eq!(scene.stages(), ["merg", "merg", "clos"]);
    assert_eq!(scene.value(), scene.digest("1"));
    assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-1");
    // But not of one that puts right what it went back to.
    scene.write(&scene.digest("2"));
    scene.run(13, "promote", &reconcile);
    scene.back(14);
    scene.merge(Merge::Squash);
    scene.verb(0, "resume");
    scene.back(0);
}

#[test]
fn a_service_of_signatures_that_is_away_stops_no_way_back() {
    let scene = Scene::github("1h", "");
    let identity = "trust:\n  - { name: ci, roles: [promotion], identities: \
                    [{ issuer: 'https://token.example', name: 'https://ci.example/job' }] }\n";
    scene.house.configure("trust:\n", identity).unwrap();
    let closed = free_address().unwrap();
    let job = |code: i32, program: &str, words: &[&str]| {
        let run = scene.command(program, words);
        let run = run
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_REPOSITORY", "acme/shop")
            .env(
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                format!("http://{closed}/?x=1"),
            )
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t");
        let output = run.output().unwrap();
        assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
        output
    };
    // Nothing is begun that nobody would sign.
    let file = [
        "run",
        "--environment",
        "production",
        "--release",
        "release-1.json",
    ];
    job(1, "promote", &file);
    scene.promote(13, "1");
    let waits = job(13, "promote", &["sweep"]).stderr;
    assert!(waits.contains("not to be signed"), "{waits}");
    let hold = ["hold", "--environment", "production", "--reason", "freeze"];
    scene.run(0, "rollback", &hold);
    let told = job(10, "promote", &["sweep"]);
    assert!(told.stdout.contains("is not signed"), "{}", told.stdout);
    assert_eq!((scene.stages(), scene.value().as_str()), (vec!["clos"], ""));
}

#[test]
fn a_hold_beside_what_people_merge_is_refused_before_anything_is_asked() {
    let scene = Scene::github("1h", "");
    let rules = scene.house.text("liftlock.yaml");
    let held = rules.replace(
        "path: image.digest,",
        "path: image.digest, hold: [{ file: hold.json }],",
    );
    assert_ne!(rules, held);
    scene.house.write("liftlock.yaml", held).unwrap();
    let told = scene.promote(3, "1").stderr;
    let told = told.lines().filter(|line| line.contains("git.hold"));
    let told: Vec<&str> = told.collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("beside `git.request`"), "{told:?}");
    assert!(scene.stages().is_empty());
    scene.house.write("liftlock.yaml", rules).unwrap();
    scene.promote(13, "1");
}

#[test]
fn a_value_that_was_moved_by_hand_leaves_nothing_to_merge() {
    for scene in Scene::both() {
        scene.live("1");
        scene.promote(13, "2");
        scene.write(&scene.digest("2"));
        scene.verb(0, "resume");
        assert_eq!(scene.stages(), ["merg", "clos"]);
        assert_eq!(scene.branches(), 1);
    }
}

#[test]
fn a_sweep_tells_of_a_value_that_others_moved() {
    let scene = Scene::github("1h", "");
    scene.live("1");
    scene.run(0, "promote", &["sweep"]);
    scene.write(&Digest::of(b"other").to_string());
    let swept = scene.run(14, "promote", &["sweep"]).json().unwrap();
    let told = swept["detail"]["environments"][0]["told"].as_str().unwrap();
    assert!(told.contains("no plan is under way"), "{told}");
    assert!(told.contains("image.digest points at"), "{told}");
}

#[test]
fn while_the_forge_is_away_nobody_decides_for_the_people() {
    let scene = Scene::github("1h", "");
    let away = || {
        let resume = scene.command("promote", &["resume", "--environment", "production"]);
        let output = resume.env("GITHUB_API_URL", "http://127.0.0.1:1");
        let output = output.output().unwrap();
        assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
        let run = scene.house.state()["run"].clone();
        assert!(run["journal"]["turned"].is_null(), "{run}");
        assert!(scene.house.state()["lease"].is_null());
    };
    scene.promote(13, "1");
    away();
    scene.merge(Merge::Squash);
    away();
    scene.verb(0, "resume");
}

#[test]
fn while_the_forge_is_away_a_way_down_moves_what_else_it_can_and_waits() {
    let scene = Scene::github("1h", STORE);
    scene.live("1");
    scene.live("2");
    let away = |program: &str, words: &[&str]| {
        let run = scene.command(program, words);
        let output = run.env("GITHUB_API_URL", "http://127.0.0.1:1").output();
        let output = output.unwrap();
        assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
        let run = scene.house.state()["run"].clone();
        assert!(run["journal"]["stuck"].is_null(), "{run}");
        assert!(scene.house.state()["lease"].is_null());
    };
    let stored = |version: &str| {
        let api = scene.built(version, "api");
        scene.house.text("store.json").contains(&api)
    };
    scene.house.write("broken", "").unwrap();
    let stuck = scene.back(16).stderr;
    assert!(stuck.contains("is merged"), "{stuck}");
    fs::remove_file(scene.house.path("broken")).unwrap();
    assert!(stored("2"));
    away("promote", &["sweep"]);
    assert!(stored("1"));
    // It ends where nobody wants it any more; what moved is told.
    let words = ["reject", "shop-1", "--reason", "it loses orders"];
    scene.run(0, "rollback", &words);
    let outcome = detail(&scene.verb(16, "resume"));
    assert_eq!(outcome["left"], json!(["store"]), "{outcome}");
    assert_eq!(scene.stages().last(), Some(&"clos"));
}

#[test]
fn while_the_forge_is_away_a_way_back_waits_too() {
    let scene = Scene::github("1h", STORE);
    scene.live("1");
    scene.promote(13, "2");
    scene.merge(Merge::Commit);
    scene.house.write("broken", "").unwrap();
    scene.verb(13, "resume");
    let sweep = scene.command("promote", &["sweep"]);
    let sweep = sweep.env("GITHUB_API_URL", "http://127.0.0.1:1").output();
    let sweep = sweep.unwrap();
    assert_eq!(sweep.code, 1, "{}{}", sweep.stdout, sweep.stderr);
    let run = scene.house.state()["run"].clone();
    assert!(run["journal"]["stuck"].is_null(), "{run}");
    scene.merge(Merge::Squash);
    let outcome = detail(&scene.verb(10, "resume"));
    assert_eq!(outcome["restored"], true, "{outcome}");
}

#[test]
fn whoever_may_not_look_takes_back_nothing_that_people_may_still_merge() {
    for scene in Scene::both() {
        scene.live("1");
        scene.promote(13, "2");
        let swept = |token: &str, code: i32| {
            let sweep = scene.command("promote", &["sweep"]);
            let output = sweep.env(scene.variable(), token).output().unwrap();
            assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
            let state = scene.house.state();
            let journal = &state["run"]["journal"];
            assert!(journal["turned"].is_null(), "{journal}");
            assert_eq!(journal["requests"].as_array().unwrap().len(), 1);
            assert!(state["lease"].is_null());
            assert_eq!(scene.stages(), ["merg", "open"]);
        };
        swept("of-yesterday", 4);
        scene.order(Answer::new(403).body(r#"{"message":"Resource not accessible"}"#));
        swept(&scene.token, 4);
        scene.order(Answer::new(404).body(r#"{"message":"Not Found"}"#));
        swept(&scene.token, 3);
        let away = scene.house.path("away.git");
        fs::rename(scene.bare(), &away).unwrap();
        swept(&scene.token, 3);
        fs::rename(&away, scene.bare()).unwrap();
        swept(&scene.token, 13);
        scene.merge(Merge::Squash);
        scene.verb(0, "resume");
        assert_eq!(scene.value(), scene.digest("2"));
    }
}

#[test]
fn a_request_that_cannot_be_closed_is_told_until_it_is() {
    let scene = Scene::github("1h", "");
    scene.live("1");
    scene.promote(13, "2");
    let abort = ["abort", "--environment", "production", "--reason", "no"];
    let abort = scene.command("promote", &abort);
    let stuck = abort.env(scene.variable(), "of-yesterday").output();
    assert_eq!(stuck.unwrap().code, 16);
    let status = scene.verb(16, "status").json().unwrap();
    let journal = &status["detail"]["state"]["run"]["journal"];
    assert!(journal["requests"][0]["page"].is_string(), "{journal}");
    let outcome = detail(&scene.verb(10, "resume"));
    assert_eq!(outcome["restored"], true, "{outcome}");
    assert_eq!(scene.stages(), ["merg", "clos"]);
    let journal = &scene.house.state()["run"]["journal"];
    assert!(journal["requests"].is_null(), "{journal}");
}

#[test]
fn an_alert_since_the_merge_is_heard_before_a_run_saw_that_and_after() {
    for scene in Scene::both() {
        scene.live("1");
        for (version, seen) in [("2", false), ("3", true)] {
            scene.promote(13, version);
            let before = wait::now();
            // A forge tells whole seconds.
            wait::pause(Duration::from_millis(1_100));
            scene.merge(Merge::Squash);
            let since = wait::now();
            if seen {
                scene.verb(0, "resume");
            }
            scene.alert(0, version, before);
            assert_eq!(scene.value(), scene.digest(version));
            assert!(scene.house.state()["hold"].is_null());
            let told = scene.alert(13, version, since).stdout;
            assert!(told.contains("HighErrors"), "{told}");
            let hold = scene.house.state()["hold"]["reason"].clone();
            assert_eq!(hold, "an alert is firing: HighErrors");
            scene.merge(Merge::Squash);
            scene.verb(if seen { 0 } else { 10 }, "resume");
            assert_eq!(scene.value(), scene.digest("1"));
            // No schedule takes it up again.
            scene.promote(14, version);
            let lift = ["lift", "--environment", "production", "--reason", "mended"];
            scene.run(0, "rollback", &lift);
        }
    }
}

#[test]
fn a_merge_that_no_forge_tells_of_is_seen_by_its_value() {
    let scene = Scene::github("1h", "");
    scene.live("1");
    scene.promote(13, "2");
    let since = wait::now();
    scene.order(Answer::new(403).body("{}"));
    let told = scene.alert(14, "", since).stderr;
    assert!(told.contains("was merged is not known"), "{told}");
    scene.write(&scene.digest("2"));
    scene.order(Answer::new(403).body("{}"));
    scene.alert(13, "2", since);
}

#[test]
fn a_merge_that_history_lost_is_no_dead_end() {
    for scene in Scene::both() {
        scene.live("1");
        scene.promote(13, "2");
        let before = git::run(&scene.bare(), &["rev-parse", "main"]).unwrap();
        scene.merge_at(Merge::Commit, ago(Duration::from_secs(600)));
        git::run(&scene.bare(), &["update-ref", "refs/heads/main", &before]).unwrap();
        let outcome = detail(&scene.verb(10, "resume"));
        assert_eq!(outcome["restored"], true, "{outcome}");
        assert_eq!((scene.value(), scene.branches()), (scene.digest("1"), 1));
    }
}

#[test]
fn a_merge_that_does_not_show_yet_is_waited_for() {
    let scene = Scene::github("1h", "");
    scene.promote(13, "1");
    let before = git::run(&scene.bare(), &["rev-parse", "main"]).unwrap();
    scene.merge(Merge::Commit);
    let merged = git::run(&scene.bare(), &["rev-parse", "main"]).unwrap();
    git::run(&scene.bare(), &["update-ref", "refs/heads/main", &before]).unwrap();
    let unseen = scene.verb(1, "resume").stderr;
    assert!(unseen.contains("does not show it yet"), "{unseen}");
    git::run(&scene.bare(), &["update-ref", "refs/heads/main", &merged]).unwrap();
    scene.verb(0, "resume");
}

#[test]
fn a_target_that_stops_asking_in_mid_plan_leaks_no_request() {
    let scene = Scene::github("1h", "");
    scene.live("1");
    scene.promote(13, "2");
    let asking = scene.house.text("liftlock.yaml");
    scene.house.write("liftlock.yaml", scene.pushing()).unwrap();
    for verb in ["resume", "resume"] {
        let stuck = scene.verb(16, verb).stderr;
        assert!(stuck.contains("configured without `request`"), "{stuck}");
    }
    assert_eq!(scene.stages(), ["merg", "open"]);
    scene.house.write("liftlock.yaml", asking).unwrap();
    let outcome = detail(&scene.verb(10, "resume"));
    assert_eq!(outcome["restored"], true, "{outcome}");
    assert_eq!(scene.stages(), ["merg", "clos"]);
}

#[test]
fn a_target_that_begins_to_ask_in_mid_plan_leaks_no_request() {
    let scene = Scene::github("1h", "");
    let asking = scene.house.text("liftlock.yaml");
    let pushing = scene.pushing();
    scene.house.write("liftlock.yaml", &pushing).unwrap();
    scene.promote(0, "1");
    scene.kills();
    scene.promote(137, "2");
    scene.house.write("liftlock.yaml", asking).unwrap();
    let stuck = scene.verb(16, "resume").stderr;
    assert!(stuck.contains("configured with `request`"), "{stuck}");
    assert!(scene.stages().is_empty());
    scene.house.write("liftlock.yaml", pushing).unwrap();
    let outcome = detail(&scene.verb(10, "resume"));
    assert_eq!(outcome["restored"], true, "{outcome}");
    assert_eq!(scene.value(), scene.digest("1"));
}

#[test]
fn what_people_merge_after_the_time_goes_back_whoever_looked_when() {
    for scene in Scene::both() {
        scene.live("1");
        scene.promote(13, "2");
        let late = wait::now().unix_millis() + 2 * 3_600_000;
        scene.merge_at(Merge::Squash, Time::from_unix_millis(late).unwrap());
        let outcome = detail(&scene.verb(13, "resume"));
        assert!(why(&outcome).contains("and not within 1h"), "{outcome}");
        assert_eq!(scene.stages(), ["merg", "merg", "open"]);
        scene.merge(Merge::Squash);
        let outcome = detail(&scene.verb(10, "resume"));
        assert_eq!(outcome["restored"], true, "{outcome}");
        assert_eq!(scene.value(), scene.digest("1"));
    }
}

#[test]
fn a_hold_closes_at_once_what_people_were_asked_to_merge() {
    for scene in Scene::both() {
        scene.promote(13, "1");
        let hold = ["hold", "--environment", "production", "--reason", "freeze"];
        scene.run(0, "rollback", &hold);
        assert_eq!((scene.stages(), scene.branches()), (vec!["clos"], 1));
        let outcome = detail(&scene.verb(10, "resume"));
        assert_eq!(outcome["restored"], true, "{outcome}");
    }
}

#[test]
fn a_hold_that_comes_after_the_merge_says_so() {
    let scene = Scene::github("1h", "");
    scene.promote(13, "1");
    scene.merge(Merge::Squash);
    let hold = ["hold", "--environment", "production", "--reason", "freeze"];
    let told = scene.run(0, "rollback", &hold).stdout;
    assert!(told.contains("was merged before"), "{told}");
}

#[test]
fn a_pause_says_what_people_can_merge_and_status_where_pointers_are() {
    let scene = Scene::github("1h", "");
    scene.live("1");
    scene.promote(13, "2");
    let pause = ["pause", "--environment", "production", "--reason", "lunch"];
    let told = scene.run(0, "promote", &pause).stdout;
    assert!(told.contains("moves it all the same"), "{told}");
    scene.merge(Merge::Squash);
    let status = scene.verb(0, "status").json().unwrap();
    let pointer = status["detail"]["pointers"][0].as_str().unwrap();
    let to: Digest = scene.digest("2").parse().unwrap();
    assert!(
        pointer.ends_with(&format!("points at {}", to.short())),
        "{pointer}"
    );
}

#[test]
fn a_sweep_goes_on_after_people_merged_and_leaves_no_branch() {
    for how in [Merge::Commit, Merge::Squash, Merge::Rebase] {
        for scene in Scene::both() {
            scene.promote(13, "1");
            scene.run(13, "promote", &["sweep"]);
            assert_eq!((scene.branches(), scene.stages()), (2, vec!["open"]));
            scene.merge(how);
            let swept = scene.run(0, "promote", &["sweep"]);
            assert!(!swept.stderr.contains("is left"), "{}", swept.stderr);
            assert_eq!(scene.value(), scene.digest("1"));
            assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-1");
            assert_eq!((scene.branches(), scene.stages()), (1, vec!["merg"]));
            scene.run(0, "promote", &["sweep"]);
        }
    }
}

#[test]
fn a_branch_that_cannot_be_removed_is_told_and_holds_up_nothing() {
    let scene = Scene::github("1h", "");
    git::run(&scene.bare(), &["config", "receive.denyDeletes", "true"]).unwrap();
    scene.promote(13, "1");
    scene.merge(Merge::Squash);
    let done = scene.verb(0, "resume");
    assert!(done.stderr.contains("is left"), "{}", done.stderr);
    assert_eq!((scene.value(), scene.branches()), (scene.digest("1"), 2));
}

#[test]
fn whoever_is_killed_at_any_push_is_gone_on_with_and_people_are_asked_once() {
    let scene = Scene::github("1h", "");
    let state = git::bare(&scene.house.path("state.git")).unwrap();
    let kept = format!("service: shop\nstate: git+{state}#refs/liftlock/state\n");
    scene.house.configure("service: shop\n", &kept).unwrap();
    let real = testkit::peers::find("git").unwrap().display().to_string();
    let armed = scene.house.path("armed").display().to_string();
    let script = PUSHED.replace("ARMED", &armed).replace("REAL", &real);
    fs::create_dir(scene.house.path("bin")).unwrap();
    scene.house.write("bin/git", script).unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(scene.house.path("bin/git"), executable).unwrap();
    let mut versions = ["1", "2"].into_iter().cycle();
    for act in ["before", "after"] {
        for nth in 1.. {
            let version = versions.next().unwrap();
            let (file, asked) = (format!("release-{version}.json"), scene.asked().len());
            let run = ["run", "--environment", "production", "--release", &file];
            let first = scene.killed((nth, act), &run);
            if first == 137 {
                scene.promote(13, version);
            }
            assert_eq!(scene.asked().len(), asked + 1, "{act} {nth}");
            assert_eq!(scene.branches(), 2, "{act} {nth}");
            scene.merge([Merge::Commit, Merge::Squash, Merge::Rebase][nth % 3]);
            let second = scene.killed((nth, act), &["sweep"]);
            if second == 137 {
                scene.run(0, "promote", &["sweep"]);
            }
            assert_eq!(scene.value(), scene.digest(version), "{act} {nth}");
            assert_eq!(scene.branches(), 1, "{act} {nth}");
            scene.promote(0, version);
            if (first, second) == (13, 0) {
                assert!(nth > 5, "only {nth} pushes");
                break;
            }
        }
    }
}
