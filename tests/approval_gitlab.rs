//! Asking, judging and going on, by the component that GitLab projects include.

#![cfg(test)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::Output;
use testkit::git;
use testkit::house::House;
use testkit::peers;
use testkit::samples::Key;
use testkit::servers::gitlab::{GitLab, On, Token};
use testkit::sigstore::{Identity, LogVersion, Loopback, Settings};

mod stage;

use stage::TESTED;

/// The pipeline, as its certificate names it.
const PIPELINE: &str = "https://gitlab.example/acme/shop//.gitlab-ci.yml@refs/heads/main";

/// A project whose people are alice 7 and bob 8; erin 10 is not asked. The
/// registry and the stores are outside of it.
struct World {
    house: House,
    project: TempDir,
    stores: TempDir,
    gitlab: GitLab,
    sigstore: Loopback,
    variables: Vec<String>,
}

/// What the repository of the service holds, but for its rules.
fn fill(folder: &Path, house: &House) {
    stage::product(folder);
    fs::create_dir_all(folder.join("keys")).unwrap();
    for holder in ["builder", "judge"] {
        let name = format!("keys/{holder}.pub");
        fs::copy(house.path(&name), folder.join(&name)).unwrap();
    }
    fs::copy(house.path("release-2.json"), folder.join("release.json")).unwrap();
}

fn rules(house: &House, stores: &Path, (host, issuer): (&str, &str)) -> String {
    let (store, own) = (stores.display(), house.path("").display().to_string());
    let own = own.trim_end_matches('/');
    format!(
        "version: 1
service: shop
state: git+file://{store}#refs/liftlock/state
ledger: git+file://{store}#refs/liftlock/ledger
evidence: file:{own}/.liftlock/evidence
environments:
  production:
    requires: [signature, approval]
    approval:
      quorum: 2
      people: [alice, bob]
      at: ['gitlab:acme/shop@{host}']
      automatic: [{{ name: tested, evidence: ['{TESTED}'] }}]
    targets: [{{ registry: {{ image: \"oci-layout:{own}/site\", tag: live }}, artifact: image }}]
trust:
  - {{ name: ci-builder, roles: [builder], keys: [{{ key-file: keys/builder.pub }}] }}
  - name: ci-judge
    roles: [judge]
    keys: [{{ key-file: keys/judge.pub }}]
    identities: [{{ issuer: '{issuer}', name: '{PIPELINE}' }}]
sigstore: {{ trusted-root: trusted_root.json }}
people:
  alice: {{ accounts: ['gitlab:7@{host}'] }}
  bob: {{ accounts: ['gitlab:8@{host}'] }}
"
    )
}

impl World {
    fn new() -> Self {
        let house = House::new().unwrap();
        house.release("2").unwrap();
        let stores = tempfile::tempdir().unwrap();
        git::bare(stores.path()).unwrap();
        let gitlab = GitLab::start().unwrap();
        let (api, trigger) = gitlab.with(|state| {
            state.set_clock(liftlock_io::clock::now());
            for (id, login) in [(7, "alice"), (8, "bob"), (10, "erin")] {
                state.person(id, login, 30);
            }
            state.bot(20, "project_5_bot_0a1b");
            assert_eq!(state.issue(10), On::Issue(1));
            (state.token(Token::Api(20)), state.token(Token::Trigger(20)))
        });
        let project = tempfile::tempdir().unwrap();
        let folder = project.path();
        fill(folder, &house);
        let sigstore = Loopback::start(&Settings::default()).unwrap();
        sigstore.write(folder).unwrap();
        let rules = rules(&house, stores.path(), (&gitlab.host(), &sigstore.url()));
        fs::write(folder.join("liftlock.yaml"), rules).unwrap();
        let variables = vec![
            format!("CI_API_V4_URL={}", gitlab.api()),
            format!("LIFTLOCK_GITLAB_TOKEN={api}"),
            format!("LIFTLOCK_GITLAB_TRIGGER_TOKEN={trigger}"),
            format!("JUDGE_KEY={}", Key::named("judge").private_pem()),
        ];
        Self {
            house,
            project,
            stores,
            gitlab,
            sigstore,
            variables,
        }
    }

    fn pipeline(&self, more: &[String]) -> Output {
        self.pipeline_with("", more)
    }

    /// A pipeline whose component has further inputs.
    fn pipeline_with(&self, inputs: &str, more: &[String]) -> Output {
        let pipeline = format!(
            "stages: [deploy]\n\
             include:\n  - local: templates/approval/template.yml\n    inputs:\n      image: none\n      \
             bin-dir: {}\n      environment: production\n      thread: \"#1\"\n{inputs}",
            stage::binaries().display()
        );
        // What a job of an earlier pipeline left would be taken for its own.
        let fresh = tempfile::tempdir().unwrap();
        stage::copy(self.project.path(), fresh.path());
        let variables: Vec<&str> = self
            .variables
            .iter()
            .chain(more)
            .map(String::as_str)
            .collect();
        stage::gitlab(fresh.path(), &pipeline, &variables)
    }

    /// Somebody writes a note, and GitLab's webhook triggers a pipeline.
    fn say(&self, user: u64, body: &str) -> Output {
        self.gitlab
            .with(|state| state.note(On::Issue(1), user, body));
        let payload = json!({
            "object_kind": "note", "event_type": "note", "project_id": 5,
            "user": { "id": user, "username": "x", "name": "x" },
            "object_attributes": {
                "id": 1, "note": body, "noteable_type": "Issue", "author_id": user,
                "created_at": "2026-11-26 12:00:00 UTC", "updated_at": "2026-11-26 12:00:00 UTC",
                "system": false, "internal": false, "action": "create",
            },
        });
        let file = self.stores.path().join("payload.json");
        fs::write(&file, payload.to_string()).unwrap();
        self.pipeline(&[
            "CI_PIPELINE_SOURCE=trigger".to_owned(),
            format!("TRIGGER_PAYLOAD={}", file.display()),
        ])
    }

    fn promote(&self, request: &str) -> Output {
        self.pipeline(&[
            "CI_PIPELINE_SOURCE=trigger".to_owned(),
            format!("LIFTLOCK_OUT_AWAIT_APPROVAL_REQUEST={request}"),
        ])
    }

    fn ask(&self) -> String {
        let output = self.pipeline(&[]);
        let said = format!("{}{}", output.stdout, output.stderr);
        let bodies = self.gitlab.with(|state| state.bodies(On::Issue(1)));
        assert_eq!(bodies.len(), 1, "{said}");
        let mut lines = bodies[0].lines();
        let line = lines.find_map(|line| line.strip_prefix("liftlock approve "));
        line.unwrap().to_owned()
    }

    fn live(&self) -> Option<String> {
        let index: Value = serde_json::from_str(&self.house.text("site/index.json")).unwrap();
        let tag = "/annotations/org.opencontainers.image.ref.name";
        let mut manifests = index["manifests"].as_array().unwrap().iter();
        let found = manifests.find(|one| one.pointer(tag).and_then(Value::as_str) == Some("live"));
        Some(found?["digest"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_release_is_asked_about_judged_and_promoted_by_the_component_alone() {
    let needed = ["gitlab-ci-local", "rsync"];
    if needed.iter().any(|peer| peers::require(peer).is_none()) {
        return;
    }
    let world = World::new();
    let request = world.ask();
    assert_eq!(world.ask(), request, "asked twice");
    let forged = world.promote(&request);
    assert_eq!(world.live(), None, "{}{}", forged.stdout, forged.stderr);
    let triggered = || world.gitlab.with(|state| state.triggered().len());
    world.say(10, "looks good to me");
    let yes = format!("liftlock approve {request}\n$(touch owned)");
    let first = world.say(7, &yes);
    assert_eq!(triggered(), 0, "{}{}", first.stdout, first.stderr);
    let second = world.say(8, &yes);
    let said = format!("{}{}", second.stdout, second.stderr);
    assert_eq!(triggered(), 1, "{said}");
    let sent = world.gitlab.with(|state| state.triggered()[0].to_string());
    assert!(sent.contains(&request), "{sent}");
    let promoted = world.promote(&request);
    let release: Value = serde_json::from_str(&world.house.text("release-2.json")).unwrap();
    let image = release["artifacts"]["image"]["digest"].as_str();
    let said = format!("{}{}", promoted.stdout, promoted.stderr);
    assert_eq!(world.live().as_deref(), image, "{said}");
}

#[test]
fn nobody_is_asked_by_a_pipeline_that_makes_no_release() {
    let needed = ["gitlab-ci-local", "rsync"];
    if needed.iter().any(|peer| peers::require(peer).is_none()) {
        return;
    }
    let world = World::new();
    for other in [
        &["CI_PIPELINE_SOURCE=schedule"][..],
        &["CI_PIPELINE_SOURCE=merge_request_event"],
        &["CI_PIPELINE_SOURCE=web", "LIFTLOCK_ASK_COMMAND=pause"],
        &["CI_PIPELINE_SOURCE=push", "CI_COMMIT_BRANCH=other"],
    ] {
        let more: Vec<String> = other.iter().map(|&one| one.to_owned()).collect();
        let output = world.pipeline_with("      automatic: true\n", &more);
        let bodies = world.gitlab.with(|state| state.bodies(On::Issue(1)));
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(bodies.is_empty(), "{other:?}: {said}");
    }
    world.ask();
}

#[test]
fn a_release_that_needs_nobody_is_approved_by_the_pipeline_that_asks() {
    let needed = ["gitlab-ci-local", "rsync"];
    if needed.iter().any(|peer| peers::require(peer).is_none()) {
        return;
    }
    let world = World::new();
    let token = world.sigstore.token(&Identity::uri(PIPELINE)).unwrap();
    let more = [
        format!("SIGSTORE_ID_TOKEN={token}"),
        "LIFTLOCK_AWAIT_APPROVAL_TRUST_CONFIG=trust_config.json".to_owned(),
        // Nobody says whether everybody may see the project.
        "LIFTLOCK_AWAIT_APPROVAL_PUBLIC_LOG=true".to_owned(),
    ];
    let inputs = "      automatic: true\n      key: \"\"\n";
    let triggered = || world.gitlab.with(|state| state.triggered().len());
    let output = world.pipeline_with(inputs, &more);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!((output.code, triggered()), (0, 0), "{said}");
    stage::tested(&world.house, "2");
    let output = world.pipeline_with(inputs, &more);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!((output.code, triggered()), (0, 1), "{said}");
    assert_eq!(world.sigstore.entries(LogVersion::V1), 1, "{said}");
}
