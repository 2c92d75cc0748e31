//! Pointers that are no tags, moved and moved back by the programs: a value in
//! git, deployments on GitHub and GitLab, the latest release on GitHub, an alias
//! of a command.
#![cfg(test)]

use liftlock::digest::Digest;
use serde_json::Value;
use testkit::cli::Output;
use testkit::git;
use testkit::house::House;
use testkit::servers::github::{GitHub, Token};
use testkit::servers::gitlab::{self, GitLab};

const VALUES: &str = "# of the shop\nimage: { tag: v1, digest: \"\" } # moved\n";

struct Scene {
    house: House,
    github: GitHub,
    gitlab: GitLab,
    token: String,
    other: String,
}

impl Scene {
    /// An environment of these targets and nothing else.
    fn new(targets: &str) -> Self {
        let house = House::new().unwrap();
        let rules = house.text("liftlock.yaml");
        let (head, _) = rules.split_once("    place:").unwrap();
        let (_, tail) = rules
            .split_once("    metrics: { counts: counts.csv }\n")
            .unwrap();
        let url = git::bare_with(&house.path("deploy.git"), &[("values.yaml", VALUES)]).unwrap();
        let gitlab = GitLab::start().unwrap();
        let targets = targets
            .replace("REPO", &url)
            .replace("HOST", &gitlab.host());
        house
            .write(
                "liftlock.yaml",
                format!("{head}    targets:\n{targets}{tail}"),
            )
            .unwrap();
        let github = GitHub::start().unwrap();
        let token = github.with(|state| {
            state.person(7, "alice", "write");
            state.token(Token::Job)
        });
        let other = gitlab.with(|state| {
            state.set_clock(liftlock_io::clock::now());
            state.person(7, "alice", 30);
            state.token(gitlab::Token::Api(7))
        });
        for version in ["1", "2"] {
            house.release(version).unwrap();
        }
        Self {
            house,
            github,
            gitlab,
            token,
            other,
        }
    }

    fn run(&self, code: i32, program: &str, words: &[&str]) -> Output {
        let args = [words, &["--environment", "production"]].concat();
        let output = self
            .house
            .run(program, &args)
            .env("GITHUB_API_URL", self.github.url())
            .env("LIFTLOCK_GITHUB_TOKEN", &self.token)
            .env("CI_API_V4_URL", self.gitlab.api())
            .env("LIFTLOCK_GITLAB_TOKEN", &self.other)
            .output()
            .unwrap();
        let said = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{program} {words:?}: {said}");
        for secret in [&self.token, &self.other] {
            assert!(!said.contains(secret), "{said}");
        }
        output
    }

    fn promote(&self, code: i32, version: &str) -> Output {
        let file = format!("release-{version}.json");
        self.run(code, "promote", &["run", "--release", &file])
    }

    fn digest(&self, version: &str, artifact: &str) -> Digest {
        let built = self
            .house
            .text(&format!("builds/shop-{version}/{artifact}"));
        Digest::of(built.as_bytes())
    }

    fn values(&self) -> String {
        git::run(
            &self.house.path("deploy.git"),
            &["show", "main:values.yaml"],
        )
        .unwrap()
    }

    fn latest(&self) -> Option<String> {
        self.github.with(|state| state.latest().map(str::to_owned))
    }
}

#[test]
fn every_kind_goes_up_and_back() {
    let scene = Scene::new(
        "      - { git: { repo: REPO, branch: main, file: values.yaml, path: image.digest }, artifact: image }
      - { github-deployment: { repository: github:acme/shop, environment: production, ref: main }, artifact: image }
      - { github-release: { repository: github:acme/shop, asset: api-* }, artifact: api }
      - { gitlab-deployment: { repository: gitlab:acme/shop@HOST, environment: live, ref: main }, artifact: image }
",
    );
    let live = |version: &str| {
        let digest = scene.digest(version, "image");
        let wanted = VALUES.replace("\"\"", &format!("\"{digest}\""));
        assert_eq!(scene.values() + "\n", wanted);
        assert_eq!(scene.latest().as_deref(), Some(version));
        let newest = scene.github.with(|state| {
            let id = state.deployments().last().copied().unwrap();
            state.deployment(id)
        });
        assert_eq!(newest.0["payload"]["digest"], digest.to_string());
        assert_eq!(newest.1, ["in_progress", "success"]);
        let newest = scene.gitlab.with(|state| {
            let newest = state.deployed("live").first().copied();
            newest.and_then(|id| state.deployed_ref(id))
        });
        let tag = format!("liftlock/shop/image/sha256-{}", digest.hex());
        assert_eq!(newest, Some(tag));
        scene.run(0, "promote", &["status"]);
    };
    let [_, second] = ["1", "2"].map(|version| {
        let asset = format!("api-{version}");
        let digest = scene.digest(version, "api");
        let assets = [(asset.as_str(), Some(digest))];
        scene.github.with(|state| state.release(version, &assets))
    });
    scene.promote(0, "1");
    live("1");
    scene.promote(0, "2");
    live("2");
    let doctor = scene.run(0, "promote", &["doctor"]).stdout;
    for right in [
        "`deployments: write`",
        "`contents: write`",
        "the role Developer",
        "may push to the branch",
    ] {
        assert!(doctor.contains(right), "{doctor}");
    }
    scene.run(0, "rollback", &["run", "--reason", "complaints"]);
    live("1");
    // Somebody moves one of them by hand.
    scene.github.with(|state| state.make_latest(second));
    let status = scene.run(14, "promote", &["status"]).stdout;
    assert!(
        status.contains("latest release, api-* points at"),
        "{status}"
    );
}

#[test]
fn a_reconcile_needs_the_release_to_be_there() {
    let scene = Scene::new(
        "      - { git: { repo: REPO, branch: main, file: values.yaml, path: image.digest }, artifact: image }
      - { github-release: { repository: github:acme/shop, asset: api-* }, artifact: api }
",
    );
    let publish = |version: &str| {
        let digest = scene.digest(version, "api");
        let assets = [(&*format!("api-{version}"), Some(digest))];
        scene.github.with(|state| state.release(version, &assets))
    };
    let [first, second] = ["1", "2"].map(publish);
    scene.promote(0, "1");
    // Somebody has another latest release, another value, and tidies up.
    scene.github.with(|state| {
        state.make_latest(second);
        state.unpublish(first);
    });
    let mut values = scene.values();
    let [one, two] = ["1", "2"].map(|version| scene.digest(version, "image").to_string());
    values = values.replace(&one, &two) + "\n";
    let work = scene.house.path("work");
    let repo = scene.house.path("deploy.git").display().to_string();
    git::run(&scene.house.path(""), &["clone", "--quiet", &repo, "work"]).unwrap();
    scene.house.write("work/values.yaml", &values).unwrap();
    git::run(&work, &["commit", "--quiet", "--all", "--message=By hand"]).unwrap();
    git::run(&work, &["push", "--quiet"]).unwrap();
    let because = ["reconcile", "--reason", "tidied up"];
    let refused = scene.run(14, "promote", &because).stderr;
    assert!(refused.contains("it is not there any more"), "{refused}");
    assert_eq!(scene.latest().as_deref(), Some("2"));
    assert_eq!(
        scene.values() + "\n",
        values,
        "the other pointer is left alone"
    );
    publish("1");
    scene.run(0, "promote", &because);
    assert_eq!(scene.latest().as_deref(), Some("1"));
    assert!(scene.values().contains(&one));
    scene.run(0, "promote", &["status"]);
}

#[test]
fn what_cannot_be_moved_back_is_told_and_not_rolled_back() {
    let scene = Scene::new(
        "      - { command: { name: store, read: [sh, store.sh], point: [sh, store.sh, point], reversible: no }, artifact: api }
",
    );
    let script = "set -eu\nif [ $# = 1 ]; then sed 's/.*\"to\":\\(\"[^\"]*\"\\).*/{\"digest\":\\1}/' >store.json\n\
                  elif [ -e store.json ]; then cat store.json\nelse echo '{\"digest\":null}'; fi\n";
    scene.house.write("store.sh", script).unwrap();
    scene.promote(0, "1");
    let args = ["plan", "--release", "release-2.json"];
    let plan = scene.run(0, "promote", &args).stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let step = &plan["detail"]["plan"]["steps"][0]["action"];
    assert_eq!(step["reversible"], "no", "{plan}");
    scene.promote(0, "2");
    let refused = scene.run(10, "rollback", &["run", "--reason", "complaints"]);
    assert!(
        refused.stderr.contains("cannot be moved back"),
        "{}",
        refused.stderr
    );
    let stored = scene.house.text("store.json");
    assert!(
        stored.contains(&scene.digest("2", "api").to_string()),
        "{stored}"
    );
}

#[test]
fn a_value_of_somebody_else_blocks_and_is_not_written_over() {
    let scene = Scene::new(
        "      - { git: { repo: REPO, branch: main, file: values.yaml, path: image.tag }, artifact: image }
",
    );
    let refused = scene.promote(14, "1");
    assert!(
        refused.stderr.contains("it says `v1`"),
        "{}",
        refused.stderr
    );
    assert_eq!(scene.values() + "\n", VALUES);
}
