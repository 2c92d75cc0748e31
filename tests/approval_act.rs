//! Asking, judging and going on, by the workflows that users call.

#![cfg(test)]

use std::env;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::git;
use testkit::house::House;
use testkit::peers::{self, root};
use testkit::samples::Key;
use testkit::servers::github::{GitHub, Token};
use testkit::sigstore::{LogVersion, Loopback, Settings};

mod stage;

use stage::TESTED;

/// What the page tells users to write, with the version of this workspace.
fn page() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docs/workflows.md")).unwrap();
    let version = concat!("@v", env!("CARGO_PKG_VERSION"));
    let blocks = text.split("```yaml\n# ").skip(1);
    blocks
        .map(|block| {
            let (name, rest) = block.split_once('\n').unwrap();
            let (yaml, _) = rest.split_once("```").unwrap();
            let yaml = yaml.replace("actions/checkout@<commit>", "actions/checkout@v4");
            (name.to_owned(), yaml.replace("@<commit>", version))
        })
        // act starts whatever listens to dispatches, of any type.
        .filter(|(_, yaml)| !yaml.contains("rollback-alert.yml"))
        .collect()
}

/// The workflow on comments as the page writes it for a judge with a key: it
/// calls a copy, which a repository of its own may hand its secrets to.
fn keyed(answers: &str) -> String {
    let text = fs::read_to_string(root().join("docs/workflows.md")).unwrap();
    let (_, rest) = text.split_once("### With a key\n").unwrap();
    let (_, rest) = rest.split_once("```yaml\n").unwrap();
    let (lines, _) = rest.split_once("```").unwrap();
    let (head, _) = answers.split_once("    permissions: {").unwrap();
    format!("{head}{lines}")
}

/// A service whose people are on GitHub: alice 7 and bob 8 of two, erin 10 is
/// not asked. The registry and the stores are outside its repository.
struct World {
    house: House,
    stores: TempDir,
    repository: TempDir,
    product: TempDir,
    github: GitHub,
    token: String,
    issue: u64,
    /// The run of every workflow.
    run: u64,
    /// Where the judge is known as a workflow, if it has no key.
    sigstore: Option<Loopback>,
}

fn config(house: &House, stores: &Path) -> String {
    let store = format!("git+file://{}", stores.display());
    let house = house.path("");
    let house = house.display().to_string();
    let house = house.trim_end_matches('/');
    format!(
        "version: 1
service: shop
state: {store}#refs/liftlock/state
ledger: {store}#refs/liftlock/ledger
evidence: file:{house}/.liftlock/evidence
environments:
  production:
    requires: [signature, approval]
    approval:
      quorum: 2
      people: [alice, bob]
      at: ['github:acme/shop']
      automatic: [{{ name: tested, evidence: ['{TESTED}'] }}]
    targets: [{{ registry: {{ image: \"oci-layout:{house}/site\", tag: live }}, artifact: image }}]
trust:
  - {{ name: ci-builder, roles: [builder], keys: [{{ key-file: keys/builder.pub }}] }}
  - {{ name: ci-judge, roles: [judge], keys: [{{ key-file: keys/judge.pub }}] }}
people:
  alice: {{ accounts: ['github:7'] }}
  bob: {{ accounts: ['github:8'] }}
"
    )
}

impl World {
    fn new() -> Self {
        let house = House::new().unwrap();
        let github = GitHub::start().unwrap();
        house.release("2").unwrap();
        let stores = tempfile::tempdir().unwrap();
        git::bare(stores.path()).unwrap();
        let repository = tempfile::tempdir().unwrap();
        let folder = repository.path();
        fs::create_dir_all(folder.join(".github/workflows")).unwrap();
        fs::create_dir_all(folder.join("keys")).unwrap();
        for (name, yaml) in page() {
            fs::write(folder.join(name), yaml).unwrap();
        }
        let answers = folder.join(".github/workflows/answers.yml");
        let text = fs::read_to_string(&answers).unwrap();
        fs::write(&answers, keyed(&text)).unwrap();
        let copy = ".github/workflows/approval-judge.yml";
        fs::copy(root().join(copy), folder.join(copy)).unwrap();
        for holder in ["builder", "judge"] {
            let name = format!("keys/{holder}.pub");
            fs::copy(house.path(&name), folder.join(&name)).unwrap();
        }
        fs::copy(house.path("release-2.json"), folder.join("release.json")).unwrap();
        let rules = github.on(&config(&house, stores.path()));
        fs::write(folder.join("liftlock.yaml"), rules).unwrap();
        stage::commit(folder);
        let product = tempfile::tempdir().unwrap();
        stage::product(product.path());
        stage::commit(product.path());
        let (issue, run, token) = github.with(|state| {
            state.set_clock(liftlock_io::clock::now());
            for (id, login) in [(7, "alice"), (8, "bob"), (10, "erin")] {
                state.person(id, login, "write");
            }
            (state.issue(10), state.run(10, 10), state.token(Token::Job))
        });
        assert_eq!(issue, 1, "the page asks in issue 1");
        Self {
            house,
            stores,
            repository,
            product,
            github,
            token,
            issue,
            run,
            sigstore: None,
        }
    }

    /// Has the workflows run that wait for an event.
    fn act(&self, event: &str, payload: &Value) -> Output {
        let act = peers::find("act").unwrap();
        let file = self.stores.path().join("event.json");
        fs::write(&file, payload.to_string()).unwrap();
        let product = format!(
            "liftlock/liftlock@v{}={}",
            env!("CARGO_PKG_VERSION"),
            self.product.path().display()
        );
        let run = Run::new(act)
            .args([event, "--eventpath"])
            .args([file])
            .args(["-P", "ubuntu-24.04=-self-hosted", "--no-cache-server"])
            .args(["--local-repository", &product, "--actor", "erin"])
            .args(["-s", "GITHUB_TOKEN"])
            .args(["--env", "GITHUB_REPOSITORY=acme/shop"])
            .args(["--env".to_owned(), format!("GITHUB_RUN_ID={}", self.run)])
            .args([
                "--env".to_owned(),
                format!("GITHUB_API_URL={}", self.github.url()),
            ])
            .args(["--env".to_owned()])
            .args([format!("LIFTLOCK_BIN_DIR={}", stage::binaries().display())])
            .env("GITHUB_TOKEN", &self.token)
            .folder(self.repository.path())
            .limit(Duration::from_secs(180));
        let run = match &self.sigstore {
            None => run
                .args(["-s", "JUDGE_KEY"])
                .env("JUDGE_KEY", Key::named("judge").private_pem()),
            Some(sigstore) => {
                let job = sigstore.job("acme/shop").into_iter();
                job.fold(run, |run, (name, value)| {
                    run.args(["--env".to_owned(), format!("{name}={value}")])
                })
            }
        };
        run.output().unwrap()
    }

    /// The judge has no key, but may prove which workflow it is.
    fn without_a_key(&mut self) {
        let sigstore = Loopback::start(&Settings::default()).unwrap();
        let folder = self.repository.path();
        sigstore.write(folder).unwrap();
        let change = |file: &str, words: &str, others: &str| {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            assert!(text.contains(words), "{file}: {text}");
            fs::write(folder.join(file), text.replacen(words, others, 1)).unwrap();
        };
        let rules = "liftlock.yaml";
        change(
            rules,
            "service: shop",
            "service: shop\nsigstore: { trusted-root: trusted_root.json }",
        );
        let name = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main";
        change(
            rules,
            "keys: [{ key-file: keys/judge.pub }]",
            &format!(
                "identities: [{{ issuer: '{}', name: '{name}' }}]",
                sigstore.url()
            ),
        );
        let workflow = ".github/workflows/reviewed.yml";
        change(
            workflow,
            "with: { request:",
            "with: { trust-config: trust_config.json, request:",
        );
        self.sigstore = Some(sigstore);
    }

    /// Somebody comments, and the workflow on comments runs.
    fn say(&self, user: u64, body: &str) -> Output {
        self.github
            .with(|state| state.comment(self.issue, user, body));
        let at = "2026-11-26T12:00:00Z";
        self.act(
            "issue_comment",
            &json!({
                "action": "created",
                "issue": { "number": self.issue },
                "comment": {
                    "id": 1, "html_url": "https://github.com/", "body": body,
                    "user": { "id": user, "login": "x", "type": "User" },
                    "created_at": at, "updated_at": at,
                },
            }),
        )
    }

    fn dispatch(&self, request: &str) -> Output {
        self.act(
            "repository_dispatch",
            &json!({ "action": "liftlock-approved", "client_payload": { "request": request } }),
        )
    }

    /// The digest that the tag points to, if it is there.
    fn live(&self) -> Option<String> {
        let index: Value = serde_json::from_str(&self.house.text("site/index.json")).unwrap();
        let tag = "/annotations/org.opencontainers.image.ref.name";
        let mut manifests = index["manifests"].as_array().unwrap().iter();
        let found = manifests.find(|one| one.pointer(tag).and_then(Value::as_str) == Some("live"));
        Some(found?["digest"].as_str().unwrap().to_owned())
    }
}

/// Runs the workflow that asks; the digest of the request, which is asked once.
fn ask(world: &World) -> String {
    let asked = world.act("push", &json!({}));
    assert_eq!(asked.code, 0, "{}{}", asked.stdout, asked.stderr);
    let bodies = world.github.with(|state| state.bodies(world.issue));
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let line = bodies[0].lines().find(|line| line.starts_with("/approve "));
    line.unwrap().trim_start_matches("/approve ").to_owned()
}

#[test]
fn a_release_is_asked_about_judged_and_promoted_by_workflows_alone() {
    if ["act", "cosign", "gitlab-ci-local", "rsync"]
        .iter()
        .any(|peer| peers::require(peer).is_none())
    {
        return;
    }
    let world = World::new();
    let request = ask(&world);
    assert_eq!(ask(&world), request, "asked twice");
    // Nobody has approved, whatever a dispatch says.
    let forged = world.dispatch(&request);
    assert_ne!(forged.code, 0, "{}", forged.stdout);
    assert_eq!(world.live(), None);
    let yes = format!("/approve {request}\n`$(touch owned)`; ${{{{ github.token }}}}");
    let first = world.say(7, &yes);
    assert_eq!(first.code, 0, "{}{}", first.stdout, first.stderr);
    let sent = || world.github.with(|state| state.dispatched().to_vec());
    assert_eq!(sent(), [json!(null); 0], "one of two started it");
    let second = world.say(8, &yes);
    assert_eq!(second.code, 0, "{}{}", second.stdout, second.stderr);
    let sent = sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0]["client_payload"]["request"], request.as_str());
    shows_no_secret(&world, &first);
    shows_no_secret(&world, &second);
    elsewhere(&world, &request);
    let payload = json!({
        "action": sent[0]["event_type"], "client_payload": sent[0]["client_payload"],
    });
    for _ in 0..2 {
        // The second dispatch finds it done.
        let promoted = world.act("repository_dispatch", &payload);
        assert_eq!(promoted.code, 0, "{}{}", promoted.stdout, promoted.stderr);
        let release: Value = serde_json::from_str(&world.house.text("release-2.json")).unwrap();
        let image = &release["artifacts"]["image"]["digest"];
        assert_eq!(world.live().as_deref(), image.as_str());
    }
}

/// The open requests, as the state store keeps them.
fn requests(world: &World) -> Vec<String> {
    let words = ["ls-tree", "-r", "--name-only", "refs/liftlock/state"];
    let listed = git::run(world.stores.path(), &words).unwrap();
    let names = listed.lines().filter_map(|name| {
        let hex = name.strip_prefix("approvals/shop/production/")?;
        let hex = hex.strip_suffix(".json")?;
        (hex.len() == 64).then(|| format!("sha256:{hex}"))
    });
    names.collect()
}

#[test]
fn environments_are_judged_in_the_run_that_asked_and_a_rule_needs_nobody() {
    if peers::require("act").is_none() {
        return;
    }
    let mut world = World::new();
    world.without_a_key();
    let go = || {
        let output = world.act("workflow_dispatch", &json!({}));
        assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
        world.github.with(|state| state.dispatched().len())
    };
    assert_eq!(go(), 0, "nobody has let it in");
    let asked = requests(&world);
    let [request] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    world.github.with(|state| {
        for (user, place) in [(7, "production-approval-1"), (8, "production-approval-2")] {
            state.protect(world.run, place, &[user]);
            let yes = format!("/approve {request}");
            state.review_gate(world.run, user, (place, "approved"), &yes);
        }
    });
    assert_eq!(go(), 1, "both did");
    assert_eq!(requests(&world), asked, "asked twice");
    // Of the next release a builder says what the rule wants.
    world.house.release("3").unwrap();
    let bytes = fs::read(world.house.path("release-3.json")).unwrap();
    fs::write(world.repository.path().join("release.json"), &bytes).unwrap();
    stage::tested(&world.house, "3");
    assert_eq!(go(), 2, "the rule is met");
    let sigstore = world.sigstore.as_ref().unwrap();
    assert_eq!(sigstore.entries(LogVersion::V1), 2, "one for each approval");
}

fn shows_no_secret(world: &World, output: &Output) {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(!said.contains(&world.token), "the token was shown");
    assert!(!said.contains("PRIVATE KEY"), "the key was shown");
}

/// What people said on GitHub counts where no GitHub is: for cosign, and in a
/// job of GitLab that has nothing but the judge's public key.
fn elsewhere(world: &World, request: &str) {
    let release: Value = serde_json::from_str(&world.house.text("release-2.json")).unwrap();
    let image = release["artifacts"]["image"]["digest"].as_str().unwrap();
    let evidence = format!(".liftlock/evidence/sha256/{}", &image["sha256:".len()..]);
    let bundle = fs::read_dir(world.house.path(&evidence))
        .unwrap()
        .map(|kind| kind.unwrap().path())
        .find(|kind| kind.to_string_lossy().contains("approval"))
        .and_then(|kind| fs::read_dir(kind).unwrap().next())
        .expect("a bundle of the approval");
    let cosign = peers::find("cosign").unwrap();
    let output = Run::new(cosign)
        .args(["verify-blob-attestation", "--insecure-ignore-tlog"])
        .args(["--key", "keys/judge.pub"])
        .args([
            "--type",
            "https://liftlock.github.io/predicates/approval/v1",
        ])
        .args(["--bundle".into(), bundle.unwrap().path()])
        .args(["builds/shop-2/image"])
        .folder(world.house.path("").as_path())
        .output()
        .unwrap();
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let job = tempfile::tempdir().unwrap();
    stage::product(job.path());
    for name in ["liftlock.yaml", "keys/builder.pub", "keys/judge.pub"] {
        let target = job.path().join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(world.repository.path().join(name), target).unwrap();
    }
    let pipeline = format!(
        "include:\n  - local: templates/promote/template.yml\n    inputs:\n      job-name: chain\n      \
         image: none\n      bin-dir: {}\n      command: explain\n      environment: production\n      \
         request: {request}\n",
        stage::binaries().display()
    );
    let told = stage::gitlab(job.path(), &pipeline, &[]);
    let said = format!("{}{}", told.stdout, told.stderr);
    let result = job
        .path()
        .join(".gitlab-ci-local/artifacts/chain/liftlock.promote.json");
    let result = fs::read_to_string(result).unwrap_or_else(|error| panic!("{error}: {said}"));
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["verdict"], "pass", "{result:#}");
    assert_eq!(result["exit_code"], 0, "{said}");
}

#[test]
fn a_denial_ends_the_workflow_red_and_starts_nothing() {
    if peers::require("act").is_none() {
        return;
    }
    let world = World::new();
    let request = ask(&world);
    let chat = world.say(7, "looks good to me");
    assert_eq!(chat.code, 0, "{}{}", chat.stdout, chat.stderr);
    assert!(!chat.stdout.contains("liftlock/actions"), "{}", chat.stdout);
    let denied = world.say(7, &format!("/deny {request}"));
    assert_ne!(denied.code, 0, "{}{}", denied.stdout, denied.stderr);
    for user in [7, 8] {
        let late = world.say(user, &format!("/approve {request}"));
        assert_ne!(late.code, 0, "{}{}", late.stdout, late.stderr);
    }
    assert_eq!(world.github.with(|state| state.dispatched().len()), 0);
    let forged = world.dispatch(&request);
    assert_ne!(forged.code, 0, "{}", forged.stdout);
    // One about another environment, or service, is not this job's affair.
    for (name, other) in [("environment", "staging"), ("service", "cafe")] {
        let payload = json!({ "request": request, name: other });
        let dispatch = json!({ "action": "liftlock-approved", "client_payload": payload });
        let file = ".github/workflows/promote.yml";
        let file = world.repository.path().join(file);
        let text = fs::read_to_string(&file).unwrap();
        let named = "environment: production\n      service: shop\n";
        fs::write(&file, text.replace("environment: production\n", named)).unwrap();
        let passed = world.act("repository_dispatch", &dispatch);
        let said = format!("{}{}", passed.stdout, passed.stderr);
        assert!(
            passed.code == 0 && !said.contains("liftlock/actions"),
            "{said}"
        );
        fs::write(&file, text).unwrap();
    }
    assert_eq!(world.live(), None);
}
