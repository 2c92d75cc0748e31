//! People who are asked and answer on GitLab.
#![cfg(test)]

mod groups;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock_io::clock;
use liftlock_io::verify::Local;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::http::Answer;
use testkit::samples::Key;
use testkit::servers::gitlab::{Author, GitLab, On, Token};

/// A service with its people on a GitLab of its own: alice 7, bob 8, carol 9
/// (an author of the release), erin 10 (not asked); all may write. The job's
/// token is a project's, whose bot is 20.
struct World {
    folder: TempDir,
    gitlab: GitLab,
    token: String,
}

fn config(host: &str) -> String {
    format!(
        "version: 1
service: shop
trust:
  - {{ name: approvals, roles: [judge], keys: [{{ key-file: judge.pub }}] }}
people:
  alice: {{ accounts: ['gitlab:7@{host}'], emails: [alice@shop.example] }}
  bob: {{ accounts: ['gitlab:8@{host}'] }}
  carol: {{ accounts: ['gitlab:9@{host}'], emails: [carol@shop.example] }}
environments:
  production:
    requires: [approval]
    approval: {{ quorum: 2, people: [alice, bob, carol], at: ['gitlab:acme/shop@{host}'] }}
"
    )
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gitlab = GitLab::start().unwrap();
        let release = json!({
            "schema_version": 1, "id": "shop-1", "service": "shop", "version": "1",
            "artifacts": { "api": { "digest": Digest::of(b"api"), "name": "api" } },
            "owner": "team-shop", "created_at": "2026-11-23T08:00:00Z",
            "authors": ["carol@shop.example"],
        });
        let key = Key::named("judge");
        let files = [
            ("release.json", release.to_string()),
            ("liftlock.yaml", config(&gitlab.host())),
            ("judge.key", key.private_pem()),
            ("judge.pub", key.public_pem()),
        ];
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let token = gitlab.with(|state| {
            state.set_clock(clock::now());
            for (id, login) in [(7, "alice"), (8, "bob"), (9, "carol"), (10, "erin")] {
                state.person(id, login, 30);
            }
            state.bot(20, "project_5_bot_0a1b");
            state.issue(10);
            state.token(Token::Api(20))
        });
        Self {
            folder,
            gitlab,
            token,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str], more: &[(&str, &str)]) -> Output {
        let mut run = Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(self.folder.path())
            .env("CI_API_V4_URL", self.gitlab.api())
            .env("LIFTLOCK_GITLAB_TOKEN", &self.token);
        for (name, value) in more {
            run = run.env(name, value);
        }
        run.args(args.iter().copied().chain(["--format", "json"]))
            .output()
            .unwrap()
    }

    /// As [`World::run`], with what people see on stdout.
    fn human(&self, args: &[&str], more: &[(&str, &str)]) -> Output {
        let mut run = Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(self.folder.path())
            .env("CI_API_V4_URL", self.gitlab.api())
            .env("LIFTLOCK_GITLAB_TOKEN", &self.token);
        for (name, value) in more {
            run = run.env(name, value);
        }
        run.args(args.iter().copied()).output().unwrap()
    }

    fn told(&self, code: i32, args: &[&str]) -> Value {
        let output = self.run(args, &[]);
        let said = format!("{args:?}\n{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{said}");
        if output.stdout.is_empty() {
            Value::Null
        } else {
            output.json().unwrap()
        }
    }

    fn request_at(&self, place: &[&str], more: &[(&str, &str)]) -> Output {
        let args = [
            "request",
            "--release",
            "release.json",
            "--environment",
            "production",
        ];
        self.run(&[args.as_slice(), place].concat(), more)
    }

    fn asked(output: &Output) -> String {
        assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
        let told = output.json().unwrap();
        told["detail"]["request"].as_str().unwrap().to_owned()
    }

    fn ask(&self) -> String {
        Self::asked(&self.request_at(&["--gitlab", "acme/shop#1"], &[]))
    }

    fn say(&self, user: u64, text: &str) -> u64 {
        self.gitlab
            .with(|state| state.note(On::Issue(1), user, text))
    }

    fn judge(&self, code: i32, request: &str) -> Value {
        let args = [
            "judge",
            "--request",
            request,
            "--key",
            "judge.key",
            "--output",
            "approval.json",
        ];
        self.told(code, &args)
    }

    /// The webhook that a pipeline gets which it triggers, with what GitLab adds.
    fn event(&self, action: &str, kind: &str, note: &str) -> Output {
        let payload = json!({
            "object_kind": kind, "event_type": kind, "project_id": 5,
            "user": { "id": 7, "username": "x", "name": "x" },
            "object_attributes": {
                "id": 1, "note": note, "noteable_type": "Issue", "author_id": 7,
                "created_at": "2026-11-26 12:00:00 UTC", "updated_at": "2026-11-26 12:00:00 UTC",
                "system": false, "internal": false, "action": action,
            },
            "id": "5", "ref": "main", "variables": {},
        });
        fs::write(self.path("payload.json"), payload.to_string()).unwrap();
        let args = ["judge", "--gitlab-event", "--key", "judge.key"];
        self.run(&args, &[("TRIGGER_PAYLOAD", "payload.json")])
    }
}

fn yes(request: &str) -> String {
    format!("liftlock approve {request}\nlooks good")
}

#[test]
fn a_request_that_is_open_for_hours_costs_eight_calls_and_no_process() {
    let world = World::new();
    let request = world.ask();
    let asked = world.gitlab.with(|state| state.bodies(On::Issue(1)));
    assert_eq!(asked.len(), 1);
    let line = format!("\nliftlock approve {request}\n");
    assert!(asked[0].contains(&line), "{}", asked[0]);
    assert!(!asked[0].lines().any(|line| line.starts_with('/')));
    // No process of ours runs while hours pass; an answer starts a job.
    world
        .gitlab
        .with(|state| state.advance(Duration::from_secs(60)));
    world.say(7, &yes(&request));
    assert_eq!(world.event("create", "note", &yes(&request)).code, 13);
    world.say(8, &yes(&request));
    let output = world.event("create", "note", &yes(&request));
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let counts = world.gitlab.counts();
    assert!(counts.total <= 8, "{counts:?}");
    // Going on is one more, with a token that starts pipelines and nothing else.
    let trigger = world.gitlab.with(|state| state.token(Token::Trigger(20)));
    let trigger = [("LIFTLOCK_GITLAB_TRIGGER_TOKEN", trigger.as_str())];
    let output = world.run(&["resume", "--request", &request], &trigger);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert_eq!(world.gitlab.counts().total, counts.total + 1);
    let sent = world.gitlab.with(|state| state.triggered().to_vec());
    assert_eq!(sent[0]["ref"], "main");
    let variables = &sent[0]["variables"];
    assert_eq!(
        variables["LIFTLOCK_OUT_AWAIT_APPROVAL_REQUEST"],
        request.as_str()
    );
}

#[test]
fn whoever_starts_a_pipeline_with_variables_does_not_choose_who_started_it() {
    let world = World::new();
    let own = world.gitlab.with(|state| state.token(Token::Job(7)));
    let asks = |more: &[(&str, &str)]| {
        let ci = [("GITLAB_CI", "true"), ("CI_PROJECT_DIR", ".")];
        world.request_at(&["--gitlab", "acme/shop#1"], &[&ci[..], more].concat())
    };
    let refused = |more: &[(&str, &str)], code: i32, words: &str| {
        let output = asks(more);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{said}");
        assert!(said.contains(words), "{words}: {said}");
    };
    let host = world.gitlab.host();
    let why =
        format!("a variable says that gitlab:8@{host} started this job, and it was gitlab:7@");
    let token = ("CI_JOB_TOKEN", own.as_str());
    refused(&[token, ("GITLAB_USER_ID", "8")], 10, &why);
    // Nor by leaving them empty: with carol as the author, bob alone may answer.
    for named in ["", "7"] {
        let named = ("GITLAB_USER_ID", named);
        refused(&[token, named], 3, "alice started the run that asks");
    }
    // Without the token it is the variables' word, which is nobody's who is known.
    let known = config(&host).replace("quorum: 2", "known-actors: true, quorum: 2");
    fs::write(world.path("liftlock.yaml"), known).unwrap();
    refused(&[("GITLAB_USER_ID", "8")], 4, "which anybody can set");
    let elsewhere = ("CI_JOB_TOKEN", "glcbt-1");
    refused(
        &[elsewhere, ("GITLAB_USER_ID", "8")],
        4,
        "which anybody can set",
    );
    let erin = world.gitlab.with(|state| state.token(Token::Job(10)));
    refused(&[("CI_JOB_TOKEN", &erin)], 3, "is nobody of `people`");
}

#[test]
fn going_on_is_by_inputs_a_waiting_job_or_the_jobs_own_token() {
    let world = World::new();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &yes(&request));
    }
    world.judge(0, &request);
    let resume = ["resume", "--request", request.as_str()];
    let (own, job) = world.gitlab.with(|state| {
        state.refuse_variables();
        (state.token(Token::Job(7)), state.job(&[20]))
    });
    let none = world.run(&resume, &[]);
    assert_eq!(none.code, 4, "{}", none.stderr);
    let own = [("CI_JOB_TOKEN", own.as_str())];
    let refused = world.run(&resume, &own);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("Insufficient permissions"),
        "{}",
        refused.stderr
    );
    let args = [resume.as_slice(), &["--inputs", "--branch", "main"]].concat();
    assert_eq!(world.run(&args, &own).code, 0);
    let sent = world.gitlab.with(|state| state.triggered().to_vec());
    assert_eq!(sent[0]["inputs"]["request"], request.as_str());
    let job = job.to_string();
    let args = [resume.as_slice(), &["--job", &job]].concat();
    assert_eq!(world.run(&args, &[]).code, 0);
    assert_eq!(world.gitlab.with(|state| state.played().len()), 1);
    assert_eq!(world.run(&args, &[]).code, 3);
    let args = [resume.as_slice(), &["--workflow", "x.yml"]].concat();
    assert_eq!(world.run(&args, &[]).code, 2);
}

#[test]
fn the_approval_holds_the_answers_and_is_counted_again_from_them() {
    let world = World::new();
    let request = world.ask();
    let text = format!("liftlock approve {request}\n::error::$(touch /tmp/x)");
    world.say(7, &text);
    world.say(8, &text);
    world.say(10, &format!("liftlock deny {request}"));
    world.say(20, &text);
    let told = world.judge(0, &request);
    let judgement = &told["detail"]["judgement"];
    assert_eq!(judgement["counted"].as_array().unwrap().len(), 2);
    assert_eq!(judgement["not_counted"].as_array().unwrap().len(), 2);
    let bundle = Bundle::parse(&fs::read(world.path("approval.json")).unwrap()).unwrap();
    let key = liftlock::crypto::PublicKey::from_pem(&Key::named("judge").public_pem()).unwrap();
    let proved = attestation::verify(&bundle, &[key], &Local).unwrap();
    let events = proved.statement.predicate()["events"].as_array().unwrap();
    let accounts: Vec<u64> = events
        .iter()
        .filter_map(|one| one["account"].as_u64())
        .collect();
    assert_eq!(accounts, [7, 8]);
    assert!(events.iter().all(|one| one["body"] == text.as_str()));
    assert!(events.iter().all(|one| one["forge"] == "gitlab"));
    let judge = ["judge", "--request", &request, "--key", "judge.key"];
    let human = world.human(&judge, &[("GITLAB_CI", "true")]);
    assert_eq!(human.code, 0, "{}", human.stderr);
    let said = format!("{}{}", human.stdout, human.stderr);
    assert!(
        !said.lines().any(|line| line.starts_with("::error::$")),
        "{said}"
    );
}

#[test]
fn whoever_no_longer_may_or_took_it_back_does_not_count_at_judging() {
    let world = World::new();
    let request = world.ask();
    let first = world.say(7, &yes(&request));
    world.say(8, &yes(&request));
    let ends: [fn(&World); 3] = [
        |world| world.gitlab.with(|state| state.permit(8, 20)),
        |world| world.gitlab.with(|state| state.permit(8, 0)),
        |world| world.gitlab.with(|state| state.set_state(8, "blocked")),
    ];
    for end in ends {
        end(&world);
        world.judge(13, &request);
        world.gitlab.with(|state| {
            state.permit(8, 30);
            state.set_state(8, "active");
        });
    }
    world.gitlab.with(|state| {
        state.advance(Duration::from_millis(1));
        state.edit(first, &yes(&request));
    });
    world.judge(13, &request);
    world.gitlab.with(|state| state.delete(first));
    world.judge(13, &request);
    world.say(7, &yes(&request));
    world.judge(0, &request);
}

#[test]
fn a_no_on_gitlab_denies_for_good() {
    let world = World::new();
    let request = world.ask();
    let no = world.say(7, &format!("liftlock deny {request}\nnot on a friday"));
    world.judge(10, &request);
    world.gitlab.with(|state| state.delete(no));
    for user in [7, 8] {
        world.say(user, &yes(&request));
    }
    world.judge(10, &request);
    let told = world.told(10, &["resume", "--request", &request]);
    assert_eq!(told["verdict"], "fail");
    assert!(world.gitlab.with(|state| state.triggered().is_empty()));
}

#[test]
fn a_question_is_posted_once_also_when_the_job_was_killed() {
    let world = World::new();
    world.gitlab.with(|state| state.lose("POST", "notes"));
    let killed = world.request_at(&["--gitlab", "acme/shop#1"], &[]);
    assert_eq!(killed.code, 1, "{}", killed.stderr);
    let first = world.ask();
    assert_eq!(world.ask(), first);
    let bodies = world.gitlab.with(|state| state.bodies(On::Issue(1)));
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[test]
fn whoever_made_the_merge_request_or_starts_the_run_is_not_asked() {
    let world = World::new();
    let commit = Author {
        author: "Alice@shop.example".to_owned(),
        committer: "root@runner".to_owned(),
    };
    world
        .gitlab
        .with(|state| state.merge_request(10, vec![commit]));
    let output = world.request_at(&["--gitlab", "acme/shop!1"], &[]);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stderr.contains("alice is an author"),
        "{}",
        output.stderr
    );
    let actor = [
        ("GITLAB_CI", "true"),
        ("GITLAB_USER_ID", "8"),
        ("GITLAB_USER_LOGIN", "robert"),
    ];
    let output = world.request_at(&["--gitlab", "acme/shop#1"], &actor);
    let why = "bob started the run that asks";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    let bodies = world.gitlab.with(|state| state.bodies(On::Issue(1)));
    assert!(bodies.is_empty());
}

#[test]
fn an_approval_of_the_merge_request_is_told_not_to_count() {
    let world = World::new();
    world
        .gitlab
        .with(|state| state.merge_request(10, Vec::new()));
    let request = World::asked(&world.request_at(&["--gitlab", "acme/shop!1"], &[]));
    let on = On::MergeRequest(1);
    world.gitlab.with(|state| {
        state.approve(on, 7);
        state.note(on, 8, &format!("/approve {request}"));
    });
    assert_eq!(world.gitlab.with(|state| state.approved_by(on)), [7, 8]);
    world.judge(13, &request);
    let explain = world.human(&["explain", "--request", &request], &[]);
    let told = "approvals of the merge request: they name no release";
    assert!(explain.stdout.contains(told), "{}", explain.stdout);
    for user in [7, 8] {
        world
            .gitlab
            .with(|state| state.note(on, user, &yes(&request)));
    }
    world.judge(0, &request);
}

#[test]
fn approvals_of_a_deployment_count_but_not_of_whoever_started_it() {
    let world = World::new();
    let (deployment, job) = world.gitlab.with(|state| {
        let deployment = state.deployment(10, "production", &[7, 8, 9, 10]);
        (deployment, state.token(Token::Job(7)))
    });
    let place = format!("acme/shop:{deployment}");
    let started = [
        ("GITLAB_CI", "true"),
        ("GITLAB_USER_ID", "10"),
        ("GITLAB_USER_LOGIN", "erin"),
    ];
    let output = world.request_at(&["--gitlab-deployment", &place], &started);
    let request = World::asked(&output);
    let ask = [
        "request",
        "--release",
        "release.json",
        "--environment",
        "production",
    ];
    let ask = [ask.as_slice(), &["--gitlab-deployment", &place]].concat();
    let told = world.human(&ask, &started).stdout;
    assert!(
        told.contains("/acme/shop/-/environments/9/deployments/1"),
        "{told}"
    );
    assert!(
        told.contains(&format!("\nliftlock approve {request}\n")),
        "{told}"
    );
    let text = yes(&request);
    // Alice's own pipeline approves in her name: nobody can tell it from her.
    let url = format!(
        "{}/projects/5/deployments/{deployment}/approval",
        world.gitlab.api()
    );
    let body = json!({ "status": "approved", "comment": text }).to_string();
    let headers = [("job-token", job.as_str())];
    let made = testkit::http::send("POST", &url, &headers, body.as_bytes()).unwrap();
    assert_eq!(made.status, 201);
    world.judge(13, &request);
    world
        .gitlab
        .with(|state| state.judge(deployment, 8, "approved", &text));
    world.judge(0, &request);
    // Where she started the run that asks, or the deployment, it is refused.
    let started = [
        ("GITLAB_CI", "true"),
        ("GITLAB_USER_ID", "7"),
        ("GITLAB_USER_LOGIN", "alice"),
    ];
    let output = world.request_at(&["--gitlab-deployment", &place], &started);
    started_by_alice(&output.stderr);
    let own = world
        .gitlab
        .with(|state| state.deployment(7, "production", &[7, 8]));
    let output = world.request_at(&["--gitlab-deployment", &format!("acme/shop:{own}")], &[]);
    started_by_alice(&output.stderr);
}

fn started_by_alice(told: &str) {
    assert!(told.contains("alice started the run"), "{told}");
}

#[test]
fn what_gitlab_does_not_say_is_no_approval() {
    let world = World::new();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &yes(&request));
    }
    let cases = [
        ("notes", Answer::new(401), 4),
        ("members", Answer::new(403), 4),
        ("users/8", Answer::new(403), 4),
        ("notes", Answer::new(404), 3),
        ("notes", Answer::json("[{\"id\":"), 1),
    ];
    for (part, answer, code) in cases {
        world.gitlab.with(|state| state.order(part, answer));
        world.judge(code, &request);
        assert!(!world.path("approval.json").exists());
    }
    let args = ["judge", "--request", &request, "--key", "judge.key"];
    let job = [("LIFTLOCK_GITLAB_TOKEN", ""), ("CI_JOB_TOKEN", "glcbt-1")];
    let output = world.run(&args, &job);
    assert_eq!(output.code, 4, "{}", output.stderr);
    assert!(
        output.stderr.contains("a job's own token"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("LIFTLOCK_GITLAB_TOKEN"),
        "{}",
        output.stderr
    );
    world.judge(0, &request);
}

#[test]
fn another_installation_is_another_place_with_other_people() {
    let world = World::new();
    let request = world.ask();
    let other = GitLab::start().unwrap();
    other.with(|state| {
        state.set_clock(clock::now());
        for (id, login) in [(7, "mallory"), (8, "trudy")] {
            state.person(id, login, 50);
            let issue = if id == 7 {
                state.issue(7)
            } else {
                On::Issue(1)
            };
            state.note(issue, id, &yes(&request));
        }
        state.bot(20, "project_5_bot");
    });
    let token = other.with(|state| state.token(Token::Api(20)));
    let api = other.api();
    let elsewhere = [
        ("CI_API_V4_URL", api.as_str()),
        ("LIFTLOCK_GITLAB_TOKEN", &token),
    ];
    let args = ["judge", "--request", &request, "--key", "judge.key"];
    let output = world.run(&args, &elsewhere);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert_eq!(other.counts().total, 0);
    let output = world.request_at(&["--gitlab", "acme/shop#1"], &elsewhere);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stderr.contains("does not let people be asked"),
        "{}",
        output.stderr
    );
    let public = [("CI_API_V4_URL", "https://gitlab.com/api/v4")];
    let output = world.request_at(&["--gitlab", "acme/shop#1"], &public);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
}

#[test]
fn an_event_that_is_no_new_answer_is_told_and_judges_nothing() {
    let world = World::new();
    let request = world.ask();
    for (action, kind, note, why) in [
        ("update", "note", yes(&request), "not created"),
        ("create", "note", "hello".to_owned(), "something else"),
        (
            "create",
            "note",
            format!("/approve {request}"),
            "first line",
        ),
        (
            "create",
            "note",
            "liftlock approve sha256:9d93".to_owned(),
            "64 lower-case",
        ),
    ] {
        let output = world.event(action, kind, &note);
        assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
        let told = output.json().unwrap();
        assert!(told["headline"].as_str().unwrap().contains(why), "{told}");
        assert!(told["outputs"]["request"].is_null(), "{told}");
    }
    // What tells of no note at all comes from a webhook that is set up wrongly.
    let output = world.event("create", "push", &yes(&request));
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    let output = world.run(&["judge", "--gitlab-event", "--key", "judge.key"], &[]);
    assert_eq!(output.code, 2, "{}", output.stderr);
    // What the event claims is looked up, not believed.
    let told = world.event("create", "note", &yes(&request));
    assert_eq!(told.code, 13);
    let told = told.json().unwrap();
    assert_eq!(told["detail"]["judgement"]["counted"], json!([]));
}

#[test]
fn a_wait_ends_with_the_answers_or_with_its_time() {
    let world = World::new();
    let request = world.ask();
    let args = ["wait", "--request", &request, "--key", "judge.key"];
    let output = world.run(&[args.as_slice(), &["--timeout", "5s"]].concat(), &[]);
    assert_eq!(output.code, 15, "{}{}", output.stdout, output.stderr);
    for user in [7, 8] {
        world.say(user, &yes(&request));
    }
    let told = world.told(0, &args);
    assert_eq!(told["verdict"], "pass");
}

#[test]
fn a_doctor_knows_people_by_their_accounts_there() {
    let world = World::new();
    let told = world.told(0, &["doctor"]);
    assert_eq!(told["verdict"], "pass", "{told}");
    let public = config(&world.gitlab.host()).replace("gitlab:8@", "gitlab:8@other.");
    fs::write(world.path("liftlock.yaml"), public).unwrap();
    let told = world.told(10, &["doctor"]).to_string();
    assert!(told.contains("no key or account counts of bob"), "{told}");
}

#[test]
fn a_doctor_looks_whether_the_token_reads_who_may_answer() {
    let world = World::new();
    let doctor = |name: &str, token: &str| {
        let run = Run::new(env!("CARGO_BIN_EXE_await-approval")).folder(world.folder.path());
        let run = run
            .env("CI_API_V4_URL", world.gitlab.api())
            .env(name, token);
        let output = run.args(["doctor", "--format", "json"]).output().unwrap();
        let told = output.json().unwrap();
        let checks = told["detail"]["checks"].as_array().unwrap();
        let place = format!("token for gitlab:acme/shop@{}", world.gitlab.host());
        let found = checks.iter().find(|check| check["name"] == place.as_str());
        let found = found.unwrap()["found"].as_str().unwrap().to_owned();
        (output.code, found)
    };
    let (code, found) = doctor("LIFTLOCK_GITLAB_TOKEN", "x-wrong");
    assert_eq!(code, 10, "{found}");
    let (code, found) = doctor("CI_JOB_TOKEN", "job");
    assert_eq!(code, 10, "{found}");
    assert!(found.contains("a job's own token"), "{found}");
    assert!(found.contains("LIFTLOCK_GITLAB_TOKEN"), "{found}");
    let (code, found) = doctor("LIFTLOCK_GITLAB_TOKEN", &world.token);
    assert_eq!(code, 0, "{found}");
    assert_eq!(found, "reads the roles of 3 of 3 people");
}
