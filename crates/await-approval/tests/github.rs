//! People who are asked and answer on GitHub.
#![cfg(test)]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use liftlock::approval::answer::{Answer as Said, Say};
use liftlock::approval::request;
use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::predicate::RELEASE;
use liftlock::state::{Document, Hold};
use liftlock::statement::{Statement, Subject};
use liftlock::time::Time;
use liftlock_io::evidence::Evidence;
use liftlock_io::verify::Local;
use liftlock_io::{attest, clock, store};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::http::{Answer, Ending, Server};
use testkit::samples::Key;
use testkit::servers::github::{Commit, GitHub, Token};
use testkit::sigstore::{Loopback, Settings};

const CONFIG: &str = "version: 1
service: shop
trust:
  - { name: approvals, roles: [judge], keys: [{ key-file: judge.pub }] }
  - { name: ci, roles: [builder], keys: [{ key-file: builder.pub }] }
people:
  alice: { accounts: ['github:7'] }
  bob: { accounts: ['github:8'] }
  carol: { accounts: ['github:9'], emails: [carol@shop.example] }
environments:
  production:
    requires: [approval]
    approval: { quorum: 2, people: [alice, bob, carol], at: ['github:acme/shop'] }
";

/// A service with its people on GitHub: alice 7, bob 8, carol 9 (an author of
/// the release), erin 10 (not asked); all may write.
struct World {
    folder: TempDir,
    github: GitHub,
    token: String,
    issue: u64,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let github = GitHub::start().unwrap();
        let release = json!({
            "schema_version": 1, "id": "shop-1", "service": "shop", "version": "1",
            "artifacts": { "api": { "digest": Digest::of(b"api"), "name": "api" } },
            "owner": "team-shop", "created_at": "2026-11-23T08:00:00Z",
            "authors": ["carol@shop.example"],
        });
        let key = Key::named("judge");
        let files = [
            ("release.json", release.to_string()),
            ("liftlock.yaml", github.on(CONFIG)),
            ("judge.key", key.private_pem()),
            ("judge.pub", key.public_pem()),
            ("builder.pub", Key::named("builder").public_pem()),
        ];
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let (issue, token) = github.with(|state| {
            state.set_clock(clock::now());
            for (id, login) in [(7, "alice"), (8, "bob"), (9, "carol"), (10, "erin")] {
                state.person(id, login, "write");
            }
            (state.issue(10), state.token(Token::Job))
        });
        Self {
            folder,
            github,
            token,
            issue,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str], more: &[(&str, &str)]) -> Output {
        let mut run = Run::new(env!("CARGO_BIN_EXE_await-approval"))
            .folder(self.folder.path())
            .env("GITHUB_API_URL", self.github.url())
            .env("GITHUB_TOKEN", &self.token);
        for (name, value) in more {
            run = run.env(name, value);
        }
        run.args(args.iter().copied().chain(["--format", "json"]))
            .output()
            .unwrap()
    }

    fn told(&self, code: i32, args: &[&str]) -> Value {
        let output = self.run(args, &[]);
        assert_eq!(
            output.code, code,
            "{args:?}\n{}{}",
            output.stdout, output.stderr
        );
        if output.stdout.is_empty() {
            Value::Null
        } else {
            output.json().unwrap()
        }
    }

    /// Writes rules about what is on this GitHub.
    fn rules(&self, text: &str) {
        fs::write(self.path("liftlock.yaml"), self.github.on(text)).unwrap();
    }

    fn request_at(&self, issue: u64, more: &[(&str, &str)]) -> Output {
        self.request_by("--github", issue, more)
    }

    fn request_by(&self, flag: &str, number: u64, more: &[(&str, &str)]) -> Output {
        let place = format!("acme/shop#{number}");
        let args = [
            "request",
            "--release",
            "release.json",
            "--environment",
            "production",
        ];
        self.run(&[args.as_slice(), &[flag, &place]].concat(), more)
    }

    fn ask(&self) -> String {
        self.ask_by("--github", self.issue)
    }

    fn ask_by(&self, flag: &str, number: u64) -> String {
        let output = self.request_by(flag, number, &[]);
        assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
        output.json().unwrap()["detail"]["request"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn say(&self, user: u64, text: &str) -> u64 {
        self.github
            .with(|state| state.comment(self.issue, user, text))
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

    /// The payload that a workflow on `issue_comment` gets.
    fn event(&self, action: &str, user: u64, body: &str) {
        self.event_of("comment", action, (user, body));
    }

    fn event_of(&self, what: &str, action: &str, (user, body): (u64, &str)) {
        let payload = json!({
            "action": action,
            what: {
                "id": 1, "html_url": "https://github.com/", "body": body,
                "user": { "id": user, "login": "x", "type": "User" },
                "created_at": "2026-11-26T12:00:00Z", "updated_at": "2026-11-26T12:00:00Z",
            },
        });
        fs::write(self.path("event.json"), payload.to_string()).unwrap();
    }

    /// What the approval embeds of GitHub, once its signature is verified.
    fn events(&self) -> Vec<Value> {
        let bundle = Bundle::parse(&fs::read(self.path("approval.json")).unwrap()).unwrap();
        let key = liftlock::crypto::PublicKey::from_pem(&Key::named("judge").public_pem()).unwrap();
        let proved = attestation::verify(&bundle, &[key], &Local).unwrap();
        let events = proved.statement.predicate()["events"].as_array();
        events.unwrap().clone()
    }

    fn judge_event(&self) -> Output {
        let args = ["judge", "--github-event", "--key", "judge.key"];
        self.run(&args, &[("GITHUB_EVENT_PATH", "event.json")])
    }
}

#[test]
fn a_request_that_is_open_for_hours_costs_eight_calls_and_no_process() {
    let world = World::new();
    let request = world.ask();
    let asked = world.github.with(|state| state.bodies(world.issue));
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].contains(&format!("\n/approve {request}\n")),
        "{}",
        asked[0]
    );
    // No process of ours runs while hours pass; an answer starts a job.
    world
        .github
        .with(|state| state.advance(Duration::from_secs(60)));
    let yes = format!("/approve {request}\nlooks good");
    world.say(7, &yes);
    world.event("created", 7, &yes);
    assert_eq!(world.judge_event().code, 13);
    world.say(8, &yes);
    world.event("created", 8, &yes);
    let output = world.judge_event();
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let told = world.told(0, &["resume", "--request", &request]);
    assert_eq!(told["verdict"], "pass");
    let counts = world.github.counts();
    // With what is asked of GraphQL.
    assert!(counts.total <= 8, "{counts:?}");
    let sent = world.github.with(|state| state.dispatched().to_vec());
    assert_eq!(sent[0]["event_type"], "liftlock-approved");
    assert_eq!(sent[0]["client_payload"]["request"], request.as_str());
}

#[test]
fn a_token_that_may_not_list_collaborators_costs_a_call_for_each_person() {
    let world = World::new();
    world.github.with(|state| {
        state.permit(9, "none");
        state.hide_collaborators();
    });
    let request = world.ask();
    for (user, code) in [(9, 13), (7, 13), (8, 0)] {
        world.say(user, &format!("/approve {request}"));
        world.judge(code, &request);
    }
    let counts = world.github.counts();
    // Two to ask; to judge a list, a question and each person's permission.
    assert_eq!(counts.total, 2 + 3 + 4 + 5, "{counts:?}");
}

#[test]
fn comments_below_a_pull_request_cost_ten_calls() {
    let world = World::new();
    let pull = world.github.with(|state| state.pull(10, vec![commit(10)]));
    let request = world.ask_by("--github", pull);
    for (user, code) in [(7, 13), (8, 0)] {
        let yes = format!("/approve {request}");
        world.github.with(|state| state.comment(pull, user, &yes));
        world.judge(code, &request);
    }
    world.told(0, &["resume", "--request", &request]);
    let counts = world.github.counts();
    assert_eq!(counts.total, 10, "{counts:?}");
}

#[test]
fn the_approval_holds_the_answers_and_is_counted_again_from_them() {
    let world = World::new();
    let request = world.ask();
    let yes = format!("/approve {request}\n::error::$(touch /tmp/x)");
    world.say(7, &yes);
    world.say(8, &yes);
    world.say(10, &format!("/deny {request}"));
    let told = world.judge(0, &request);
    let judgement = &told["detail"]["judgement"];
    assert_eq!(judgement["counted"].as_array().unwrap().len(), 2);
    assert_eq!(judgement["not_counted"].as_array().unwrap().len(), 1);
    let events = world.events();
    let accounts: Vec<u64> = events
        .iter()
        .filter_map(|one| one["account"].as_u64())
        .collect();
    assert_eq!(accounts, [7, 8]);
    assert!(events.iter().all(|one| one["body"] == yes.as_str()));
    // A judge who writes down what nobody said is found out by the text alone.
    let human = Run::new(env!("CARGO_BIN_EXE_await-approval"))
        .folder(world.folder.path())
        .env("GITHUB_API_URL", world.github.url())
        .env("GITHUB_TOKEN", &world.token)
        .env("GITHUB_ACTIONS", "true")
        .args(["judge", "--request", &request, "--key", "judge.key"])
        .output()
        .unwrap();
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
    let yes = format!("/approve {request}");
    let first = world.say(7, &yes);
    world.say(8, &yes);
    world.github.with(|state| state.permit(8, "read"));
    world.judge(13, &request);
    world.github.with(|state| {
        state.permit(8, "write");
        state.advance(Duration::from_secs(1));
        state.edit(first, &yes);
    });
    world.judge(13, &request);
    world.github.with(|state| state.delete(first));
    world.judge(13, &request);
    world.say(7, &yes);
    world.judge(0, &request);
}

#[test]
fn a_no_on_github_denies_for_good() {
    let world = World::new();
    let request = world.ask();
    let no = world.say(7, &format!("/deny {request}\nnot on a friday"));
    world.judge(10, &request);
    world.github.with(|state| state.delete(no));
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.judge(10, &request);
    let told = world.told(10, &["resume", "--request", &request]);
    assert_eq!(told["verdict"], "fail");
    assert!(world.github.with(|state| state.dispatched().is_empty()));
}

#[test]
fn a_question_is_posted_once_also_when_the_job_was_killed() {
    let world = World::new();
    world.github.with(|state| state.lose("POST", "comments"));
    let killed = world.request_at(world.issue, &[]);
    assert_eq!(killed.code, 1, "{}", killed.stderr);
    let first = world.ask();
    assert_eq!(world.ask(), first);
    let bodies = world.github.with(|state| state.bodies(world.issue));
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[test]
fn nobody_is_asked_in_a_repository_that_the_policy_does_not_name() {
    let world = World::new();
    let args = [
        "request",
        "--release",
        "release.json",
        "--environment",
        "production",
        "--github",
    ];
    let output = world.run(&[args.as_slice(), &["mallory/shop#1"]].concat(), &[]);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stderr.contains("asked in github:mallory/shop"),
        "{}",
        output.stderr
    );
    assert_eq!(world.github.counts().total, 0);
    // A request that was made under another policy counts nowhere.
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    let moved = CONFIG.replace("github:acme/shop", "github:acme/other");
    world.rules(&moved);
    world.judge(10, &request);
    world.rules(CONFIG);
    world.judge(0, &request);
}

#[test]
fn an_approval_of_another_github_counts_nowhere_here() {
    let world = World::new();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    // A repository of the same name, where the same numbers are other people.
    let other = GitHub::start().unwrap();
    let url = other.url();
    let judge = ["judge", "--request", &request, "--key", "judge.key"];
    let elsewhere = [("GITHUB_API_URL", url.as_str())];
    let output = world.run(&judge, &elsewhere);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    let why = format!("people were asked on `{}`", world.github.host());
    assert!(output.stderr.contains(&why), "{}", output.stderr);
    // Nor is anybody asked there, whose policy names the first.
    let output = world.request_at(world.issue, &elsewhere);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    let why = format!("asked in github:acme/shop@{}", other.host());
    assert!(output.stderr.contains(&why), "{}", output.stderr);
    assert_eq!(other.counts().total, 0);
    // A policy that means github.com takes no answer from here.
    fs::write(world.path("liftlock.yaml"), CONFIG).unwrap();
    world.judge(10, &request);
    world.rules(CONFIG);
    world.judge(0, &request);
}

#[test]
fn authors_on_github_and_whoever_starts_the_run_are_not_asked() {
    let world = World::new();
    let commit = Commit {
        sha: "a".repeat(40),
        author: Some(7),
        committer: None,
    };
    let pull = world.github.with(|state| state.pull(10, vec![commit]));
    let output = world.request_at(pull, &[]);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stderr.contains("alice is an author"),
        "{}",
        output.stderr
    );
    let actor = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_ACTOR_ID", "8"),
        ("GITHUB_ACTOR", "robert"),
    ];
    let output = world.request_at(world.issue, &actor);
    assert!(
        output.stderr.contains("bob started the run that asks"),
        "{}",
        output.stderr
    );
    assert!(
        world
            .github
            .with(|state| state.bodies(world.issue).is_empty())
    );
}

#[test]
fn what_github_does_not_say_is_no_approval() {
    let world = World::new();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.github.with(|state| state.hide_collaborators());
    let cases = [
        ("comments", Answer::new(401), 4),
        ("graphql", Answer::new(403), 4),
        ("permission", Answer::new(403), 4),
        ("comments", Answer::new(404), 3),
        ("comments", Answer::json("[{\"id\":"), 1),
    ];
    for (part, answer, code) in cases {
        world.github.with(|state| state.order(part, answer));
        world.judge(code, &request);
        assert!(!world.path("approval.json").exists());
    }
    let args = ["judge", "--request", &request, "--key", "judge.key"];
    let output = world.run(&args, &[("GITHUB_TOKEN", "")]);
    assert_eq!(output.code, 4, "{}", output.stderr);
    world.judge(0, &request);
}

#[test]
fn an_event_that_is_no_new_answer_is_told_and_judges_nothing() {
    let world = World::new();
    let request = world.ask();
    let yes = format!("/approve {request}");
    for (action, body, why) in [
        ("edited", yes.as_str(), "not created"),
        ("created", "hello", "something else"),
        ("created", "/approve sha256:9d93", "64 lower-case"),
    ] {
        world.event(action, 7, body);
        let output = world.judge_event();
        assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
    // What the event claims is looked up, not believed.
    world.event("created", 7, &yes);
    let told = world.judge_event();
    assert_eq!(told.code, 13);
    assert_eq!(
        told.json().unwrap()["detail"]["judgement"]["counted"],
        json!([])
    );
}

#[test]
fn a_wait_ends_with_the_answers_or_with_its_time() {
    let world = World::new();
    let request = world.ask();
    let args = ["wait", "--request", &request, "--key", "judge.key"];
    let output = world.run(&[args.as_slice(), &["--timeout", "5s"]].concat(), &[]);
    assert_eq!(output.code, 15, "{}{}", output.stdout, output.stderr);
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    let told = world.told(0, &args);
    assert_eq!(told["verdict"], "pass");
}

fn commit(author: u64) -> Commit {
    Commit {
        sha: "a".repeat(40),
        author: Some(author),
        committer: None,
    }
}

#[test]
fn reviews_of_a_pull_request_are_answers_that_the_approval_proves() {
    let world = World::new();
    let pull = world.github.with(|state| state.pull(10, vec![commit(10)]));
    let request = world.ask_by("--github-reviews", pull);
    let asked = world.github.with(|state| state.bodies(pull));
    assert!(asked[0].contains(&"a".repeat(40)), "{}", asked[0]);
    assert!(asked[0].contains("a review of"), "{}", asked[0]);
    let yes = format!("/approve {request}");
    // A comment below the same pull request is no review.
    world.github.with(|state| {
        state.comment(pull, 7, &yes);
        state.comment(pull, 8, &yes);
        state.review(pull, 9, "APPROVED", &yes);
    });
    world.event_of("review", "submitted", (7, &yes));
    assert_eq!(world.judge_event().code, 13);
    world.event_of("review", "dismissed", (7, &yes));
    assert_eq!(world.judge_event().code, 3);
    let first = world.github.with(|state| {
        state.review(pull, 8, "APPROVED", &yes);
        state.review(pull, 7, "APPROVED", &yes)
    });
    world
        .github
        .with(|state| state.edit_review(pull, first, &yes));
    world.judge(13, &request);
    world
        .github
        .with(|state| state.review(pull, 7, "APPROVED", &yes));
    world.judge(0, &request);
    let events = world.events();
    // Of an author as well, who does not count.
    let accounts: Vec<u64> = events
        .iter()
        .filter_map(|one| one["account"].as_u64())
        .collect();
    assert_eq!(accounts, [9, 8, 7]);
    assert_eq!(events[0]["kind"]["review"]["stance"], "approved");
    assert_eq!(events[0]["kind"]["review"]["commit"], "a".repeat(40));
}

#[test]
fn a_request_in_reviews_costs_twelve_calls_and_two_before_a_pass() {
    let world = World::new();
    let pull = world.github.with(|state| state.pull(10, vec![commit(10)]));
    let request = world.ask_by("--github-reviews", pull);
    let yes = format!("/approve {request}");
    for (user, code) in [(7, 13), (8, 0)] {
        world
            .github
            .with(|state| state.review(pull, user, "APPROVED", &yes));
        world.judge(code, &request);
    }
    world.told(0, &["resume", "--request", &request]);
    let counts = world.github.counts();
    // Before the pass the authors are looked up again, by two more.
    assert_eq!(counts.total, 12 + 2, "{counts:?}");
}

#[test]
fn nobody_approves_by_a_review_below_a_question_that_is_gone_or_was_changed() {
    let world = World::new();
    let pull = world.github.with(|state| state.pull(10, vec![commit(10)]));
    let request = world.ask_by("--github-reviews", pull);
    let yes = format!("/approve {request}");
    let review = |user: u64| {
        world
            .github
            .with(|state| state.review(pull, user, "APPROVED", &yes))
    };
    let (question, text) = world
        .github
        .with(|state| state.first_comment(pull).unwrap());
    // Whoever may write can change what stands above the line that people copy.
    world
        .github
        .with(|state| state.edit(question, &text.replace("shop-1", "shop-0")));
    review(7);
    review(8);
    let ignored = |told: &Value| told["detail"]["judgement"]["not_counted"].to_string();
    let told = ignored(&world.judge(13, &request));
    assert!(told.contains("not there any more"), "{told}");
    world.github.with(|state| state.delete(question));
    world.judge(13, &request);
    // Written anew, it is answered anew.
    world
        .github
        .with(|state| state.advance(Duration::from_secs(2)));
    assert_eq!(world.ask_by("--github-reviews", pull), request);
    let told = ignored(&world.judge(13, &request));
    assert!(told.contains("before the question"), "{told}");
    review(7);
    review(8);
    world.judge(0, &request);
}

#[test]
fn the_release_has_to_come_from_the_pull_request_that_is_reviewed() {
    let world = World::new();
    let pull = world.github.with(|state| state.pull(10, vec![commit(10)]));
    let release = fs::read_to_string(world.path("release.json")).unwrap();
    let of = |sha: &str| {
        let mut release: Value = serde_json::from_str(&release).unwrap();
        release["commit"] = sha.into();
        fs::write(world.path("release.json"), release.to_string()).unwrap();
        world.request_by("--github-reviews", pull, &[])
    };
    let output = of(&"b".repeat(40));
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stderr.contains("neither the newest"),
        "{}",
        output.stderr
    );
    assert_eq!(of(&"a".repeat(40)).code, 13);
    // Whoever wrote a part of it is not asked.
    let own = world.github.with(|state| state.pull(7, vec![commit(8)]));
    let output = world.request_by("--github-reviews", own, &[]);
    assert!(
        output.stderr.contains("bob is an author"),
        "{}",
        output.stderr
    );
}

#[test]
fn people_who_let_a_run_on_with_the_line_make_a_quorum() {
    let world = World::new();
    let run = world.github.with(|state| {
        let run = state.run(10, 10);
        state.on_commit(run, commit(10));
        state.protect(run, "production-1", &[7, 8]);
        state.protect(run, "production-2", &[7, 8]);
        run
    });
    let request = world.ask_by("--github-run", run);
    let yes = format!("/approve {request}");
    let say = |user: u64, environment: &str, verdict: &str, text: &str| {
        world
            .github
            .with(|state| state.review_gate(run, user, (environment, verdict), text));
    };
    say(7, "production-1", "approved", &yes);
    say(7, "production-2", "approved", &yes);
    say(8, "production-2", "approved", "ship it");
    let told = world.judge(13, &request);
    assert_eq!(told["detail"]["judgement"]["still_needed"], 1);
    say(8, "production-2", "approved", &yes);
    let told = world.judge(0, &request);
    assert!(told["detail"]["latency"]["first_answered_at"].is_null());
    assert_eq!(world.events()[0]["kind"]["gate"]["attempt"], 1);
    let counts = world.github.counts();
    assert!(counts.total <= 2 + 4 + 4, "{counts:?}");
    // Once more: the same words let no other attempt through.
    world.github.with(|state| state.rerun(run, 10));
    let again = world.ask_by("--github-run", run);
    assert_ne!(again, request);
    world.judge(13, &again);
}

#[test]
fn whoever_started_a_run_or_wrote_its_commit_does_not_let_it_on() {
    let world = World::new();
    let run = world.github.with(|state| {
        let run = state.run(7, 7);
        state.on_commit(run, commit(8));
        run
    });
    let output = world.request_by("--github-run", run, &[]);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    for why in ["alice started the run", "bob is an author"] {
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
    // GitHub does not tell when a gate was opened.
    let slow = CONFIG.replace("quorum: 2", "min-look: 5m, quorum: 2");
    world.rules(&slow);
    let run = world.github.with(|state| state.run(10, 10));
    let output = world.request_by("--github-run", run, &[]);
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(
        output.stderr.contains("does not say when"),
        "{}",
        output.stderr
    );
}

#[test]
fn whoever_starts_a_run_once_more_is_known_by_number() {
    let world = World::new();
    let run = world.github.with(|state| state.run(10, 8));
    let id = run.to_string();
    let again = |more: &[(&str, &str)]| {
        let ci = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTOR", "erin"),
            ("GITHUB_ACTOR_ID", "10"),
            ("GITHUB_TRIGGERING_ACTOR", "bob"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", id.as_str()),
        ];
        world.request_at(world.issue, &[ci.as_slice(), more].concat())
    };
    // In `people:` bob goes by another name than his login.
    let robert = CONFIG.replace("bob", "robert");
    world.rules(&robert);
    let output = again(&[]);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(
        output
            .stderr
            .contains("robert started the run that asks once more"),
        "{}",
        output.stderr
    );
    // A token that may not read runs leaves him unknown, and that is told.
    let hidden = Answer::new(403).body(r#"{"message": "Resource not accessible"}"#);
    world
        .github
        .with(|state| state.order("/actions/runs", hidden));
    let output = again(&[]);
    assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
    // When GitHub is down nobody knows.
    world.github.with(|state| {
        for _ in 0..3 {
            state.order("/actions/runs", Answer::new(502));
        }
    });
    assert_eq!(again(&[]).code, 1);
}

impl World {
    /// Asks in the issue, with more flags.
    fn request_with(&self, code: i32, more: &[&str]) -> Value {
        let place = format!("acme/shop#{}", self.issue);
        let args = [
            "request",
            "--release",
            "release.json",
            "--environment",
            "production",
            "--github",
            &place,
        ];
        self.told(code, &[args.as_slice(), more].concat())
    }

    /// A release of this commit.
    fn released(&self, sha: &str) {
        let release = fs::read_to_string(self.path("release.json")).unwrap();
        let mut release: Value = serde_json::from_str(&release).unwrap();
        release["commit"] = sha.into();
        fs::write(self.path("release.json"), release.to_string()).unwrap();
        self.attest();
    }

    /// Has a builder attest the release as its file says now.
    fn attest(&self) {
        let bytes = fs::read(self.path("release.json")).unwrap();
        let release = liftlock::release::Identified::parse(&bytes).unwrap();
        let reference = release.reference();
        let parts = std::iter::once(&reference.digest).chain(reference.artifacts.values());
        let subjects = parts.copied().map(|digest| Subject::new(&digest)).collect();
        let statement = Statement::new(subjects, RELEASE, &release.release).unwrap();
        let bundle = attest::attest(&Key::named("builder"), &statement).unwrap();
        let place = format!("file:{}", self.path(".liftlock/evidence").display());
        let evidence = Evidence::new(store::open(&place).unwrap());
        attest::keep(&evidence, &statement, &bundle).unwrap();
    }

    /// What the state store says of production.
    fn state(&self, document: &Document) {
        let folder = self.path(".liftlock/state/environments/shop");
        fs::create_dir_all(&folder).unwrap();
        let text = serde_json::to_string(document).unwrap();
        fs::write(folder.join("production.json"), text).unwrap();
    }

    /// A run of the release's commit that waits for our rule.
    fn waiting(&self) -> u64 {
        self.released(&"a".repeat(40));
        self.github.with(|state| {
            let run = state.run(10, 10);
            state.on_commit(run, commit(10));
            state.protect(run, "production", &[]);
            run
        })
    }

    fn app(&self) -> String {
        self.github.with(|state| state.token(Token::App))
    }

    fn resume(&self, request: &str, run: u64, token: &str) -> Output {
        let run = run.to_string();
        let args = ["resume", "--request", request, "--protection-rule", &run];
        self.run(&args, &[("GITHUB_TOKEN", token)])
    }

    fn rulings(&self, run: u64) -> Vec<String> {
        let found = self.github.with(|state| state.rulings(run));
        let states = found.iter().filter_map(|one| one["state"].as_str());
        states.map(str::to_owned).collect()
    }
}

#[test]
fn a_deployment_shows_how_the_request_stands_also_after_a_kill() {
    let world = World::new();
    world.waiting();
    let shown = ["--github-deployment", "acme/shop"];
    world
        .github
        .with(|state| state.lose("POST", "/deployments"));
    world.request_with(1, &shown);
    let told = world.request_with(13, &shown);
    let request = told["detail"]["request"].as_str().unwrap().to_owned();
    let made = world.github.with(|state| state.deployments());
    assert_eq!(made.len(), 1);
    let (kept, states) = world.github.with(|state| state.deployment(made[0]));
    assert_eq!(states, ["queued"]);
    assert_eq!(kept["payload"]["request"], request.as_str());
    assert_eq!(kept["ref"], "a".repeat(40));
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.judge(0, &request);
    world.judge(0, &request);
    let (_, states) = world.github.with(|state| state.deployment(made[0]));
    assert_eq!(states, ["queued", "success"]);
    // A denied one fails; a repository that nobody named gets none.
    let other = Digest::of(b"other").to_string();
    let again = [shown.as_slice(), &["--evidence", &other]].concat();
    let told = world.request_with(13, &again);
    let request = told["detail"]["request"].as_str().unwrap().to_owned();
    world.say(7, &format!("/deny {request}"));
    world.judge(10, &request);
    let made = world.github.with(|state| state.deployments());
    let (_, states) = world.github.with(|state| state.deployment(made[1]));
    assert_eq!(states, ["queued", "failure"]);
    world.request_with(3, &["--github-deployment", "mallory/shop"]);
}

#[test]
fn a_run_goes_on_by_our_rule_after_a_proved_approval_alone() {
    let world = World::new();
    let run = world.waiting();
    let app = world.app();
    let request = world.ask();
    assert_eq!(world.resume(&request, run, &app).code, 13);
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.judge(0, &request);
    // Without the App's own token nobody is let in, and that is told.
    let output = world.resume(&request, run, &world.token);
    assert_eq!(output.code, 4, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stderr.contains("installation token"),
        "{}",
        output.stderr
    );
    // Another commit's run is not the release's.
    let other = world.github.with(|state| {
        let other = state.run(10, 10);
        state.protect(other, "production", &[]);
        other
    });
    let output = world.resume(&request, other, &app);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert_eq!(world.rulings(run), [""; 0]);
    // The answer to what was done gets lost: the same again is no second use.
    world
        .github
        .with(|state| state.lose("POST", "deployment_protection_rule"));
    assert_eq!(world.resume(&request, run, &app).code, 1);
    let output = world.resume(&request, run, &app);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert_eq!(world.rulings(run), ["approved"]);
    assert!(world.github.with(|state| state.dispatched().is_empty()));
    // Neither another attempt nor another run of the commit is let in by it.
    world.github.with(|state| {
        state.rerun(run, 10);
        state.protect(run, "production", &[]);
    });
    let output = world.resume(&request, run, &app);
    assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
    assert_eq!(world.rulings(run), ["approved"]);
}

#[test]
fn a_run_is_not_let_on_because_it_asked() {
    let world = World::new();
    world.released(&"a".repeat(40));
    let app = world.app();
    let (run, page) = world.github.with(|state| {
        let run = state.run(10, 10);
        let mut of = commit(10);
        of.sha = "b".repeat(40);
        state.on_commit(run, of);
        state.protect(run, "production", &[]);
        (run, run.to_string())
    });
    // The run asks about a release that is not of its commit.
    let itself = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", "outputs"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", page.as_str()),
        ("GITHUB_RUN_ATTEMPT", "1"),
    ];
    let output = world.request_at(world.issue, &itself);
    assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
    let told = output.json().unwrap();
    let request = told["detail"]["request"].as_str().unwrap().to_owned();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.judge(0, &request);
    let output = world.resume(&request, run, &app);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    let why = "is not of the release's commit";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    assert_eq!(world.rulings(run), [""; 0]);
}

#[test]
fn an_approval_that_is_not_proved_lets_no_run_on() {
    let world = World::new();
    let run = world.waiting();
    let app = world.app();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.judge(0, &request);
    let refused = |config: &str| {
        world.rules(config);
        let output = world.resume(&request, run, &app);
        assert_ne!(output.code, 0, "{}{}", output.stdout, output.stderr);
        assert_eq!(world.rulings(run), [""; 0]);
        output.code
    };
    // Another judge, another policy, no bundle.
    refused(&CONFIG.replace("roles: [judge]", "roles: [canary]"));
    refused(&CONFIG.replace("quorum: 2", "quorum: 3"));
    refused(&CONFIG.replace("service: shop", "service: shop\nevidence: file:elsewhere"));
    world.rules(CONFIG);
    assert_eq!(world.resume(&request, run, &app).code, 0);
    assert_eq!(world.rulings(run), ["approved"]);
}

#[test]
fn a_doctor_looks_whether_the_token_reads_who_may_answer() {
    let world = World::new();
    let doctor = |token: &str| {
        let output = world.run(&["doctor"], &[("GITHUB_TOKEN", token)]);
        let told = output.json().unwrap();
        let checks = told["detail"]["checks"].as_array().unwrap();
        let name = format!("token for github:acme/shop@{}", world.github.host());
        let found = checks.iter().find(|check| check["name"] == name.as_str());
        let found = found.unwrap()["found"].as_str().unwrap().to_owned();
        (output.code, found)
    };
    let (code, found) = doctor("x-wrong");
    assert_eq!(code, 10, "{found}");
    let (code, found) = doctor("");
    assert_eq!(code, 10, "{found}");
    assert!(found.contains("set `LIFTLOCK_GITHUB_TOKEN`"), "{found}");
    let (code, found) = doctor(&world.token);
    assert_eq!(code, 0, "{found}");
    assert_eq!(found, "reads the rights of alice: write");
}

/// Rules whose judge is the holder of a certificate, and an instance that
/// issues one.
fn certified(world: &World, name: &str) -> (Loopback, String) {
    let loopback = Loopback::start(&Settings::default()).unwrap();
    loopback.write(world.folder.path()).unwrap();
    let identity = format!(
        "identities: [{{ issuer: '{}', name: '{name}' }}]",
        loopback.url()
    );
    let rules = CONFIG
        .replace("keys: [{ key-file: judge.pub }]", &identity)
        .replace(
            "service: shop",
            "service: shop\nsigstore: { trusted-root: trusted_root.json }",
        );
    world.rules(&rules);
    (loopback, rules)
}

#[test]
fn a_run_goes_on_after_an_approval_that_a_workflow_signed() {
    let world = World::new();
    let workflow = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main";
    let (loopback, rules) = certified(&world, workflow);
    let run = world.waiting();
    let app = world.app();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    let job = loopback.job("acme/shop");
    let job: Vec<(&str, &str)> = job
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let words = ["judge", "--request", &request];
    let words = [&words[..], &["--trust-config", "trust_config.json"]].concat();
    let output = world.run(&words, &job);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    // Whoever was revoked before it signed is no judge, and neither is a builder.
    for (words, others) in [
        ("roles: [judge]", "roles: [builder]"),
        (
            "release.yml@refs/heads/main'",
            "release.yml@refs/heads/main', revoked-at: '2026-01-01T00:00:00Z'",
        ),
    ] {
        let changed = rules.replace(words, others);
        assert_ne!(changed, rules, "{words}");
        world.rules(&changed);
        let output = world.resume(&request, run, &app);
        assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains("is not proved"), "{}", output.stderr);
        assert_eq!(world.rulings(run), [""; 0]);
    }
    world.rules(&rules);
    let output = world.resume(&request, run, &app);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert_eq!(world.rulings(run), ["approved"]);
}

#[test]
fn a_denied_request_stops_the_run_that_waits() {
    let world = World::new();
    let run = world.waiting();
    let app = world.app();
    let request = world.ask();
    world.say(7, &format!("/deny {request}"));
    world.judge(10, &request);
    for _ in 0..2 {
        let output = world.resume(&request, run, &app);
        assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
    }
    assert_eq!(world.rulings(run), ["rejected"]);
}

/// A webhook that answers like this, and what it was told.
fn webhook(answer: &Answer) -> Server {
    let answer = answer.clone();
    Server::start(move |_| answer.clone()).unwrap()
}

fn posts(server: &Server) -> Vec<Value> {
    let requests = server.requests();
    assert!(requests.iter().all(|one| one.method == "POST"));
    let bodies = requests.iter().map(|one| &one.body);
    bodies
        .map(|body| serde_json::from_slice(body).unwrap())
        .collect()
}

#[test]
fn a_webhook_is_told_once_that_people_are_asked_and_once_how_it_ended() {
    let world = World::new();
    let server = webhook(&Answer::new(200));
    fs::write(world.path("hook"), server.url("/T/secret")).unwrap();
    let told = world.request_with(13, &["--notify", "hook"]);
    world.request_with(13, &["--notify", "hook"]);
    let request = told["detail"]["request"].as_str().unwrap();
    let posted = posts(&server);
    assert_eq!(posted.len(), 1, "{posted:?}");
    assert_eq!(posted[0]["event"], "asked");
    assert_eq!(posted[0]["request"], request);
    assert_eq!(posted[0]["who_may"], json!(["alice", "bob"]));
    assert_eq!(posted[0]["still_needed"], 2);
    assert_eq!(posted[0]["expires_at"], told["detail"]["expires_at"]);
    assert!(
        posted[0]["link"]
            .as_str()
            .unwrap()
            .contains("#issuecomment-")
    );
    let judging = |code: i32| {
        let args = [
            "judge",
            "--request",
            request,
            "--key",
            "judge.key",
            "--notify",
            "env://HOOK",
        ];
        let output = world.run(&args, &[("HOOK", &server.url("/T/secret"))]);
        assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
    };
    judging(13);
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}\n<!channel> & more"));
    }
    judging(0);
    judging(0);
    let posted = posts(&server);
    assert_eq!(posted.len(), 2, "{posted:?}");
    assert_eq!(
        (&posted[1]["event"], &posted[1]["verdict"]),
        (&json!("judged"), &json!("pass"))
    );
    assert!(
        posted
            .iter()
            .all(|one| !one["text"].as_str().unwrap().contains('<'))
    );
}

#[test]
fn a_notice_that_fails_changes_no_verdict_and_shows_no_secret() {
    let hang = Answer::new(200).body("x").ending(Ending::HangAfter(0));
    let failing = [
        webhook(&Answer::new(500)),
        webhook(&Answer::new(200).ending(Ending::CloseAtOnce)),
        webhook(&hang),
    ];
    let addresses = failing.iter().map(|server| server.url("/T/secret"));
    let addresses = addresses.chain([
        "http://hooks.example/secret".to_owned(),
        "secret".to_owned(),
    ]);
    for address in addresses {
        let world = World::new();
        let request = world.ask();
        for user in [7, 8] {
            world.say(user, &format!("/approve {request}"));
        }
        fs::write(world.path("hook"), &address).unwrap();
        let args = [
            "judge",
            "--request",
            &request,
            "--key",
            "judge.key",
            "--notify",
            "hook",
        ];
        let output = world.run(&args, &[]);
        assert_eq!(
            output.code, 0,
            "{address}: {}{}",
            output.stdout, output.stderr
        );
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{address}: {}", output.stderr);
        assert!(lines[0].contains("notice was not sent"), "{}", lines[0]);
        assert!(!output.stderr.contains("secret"), "{}", output.stderr);
    }
    // An address on the command line is refused, and not shown.
    let world = World::new();
    let request = world.ask();
    let args = [
        "judge",
        "--request",
        &request,
        "--notify",
        "https://hooks.example/secret",
    ];
    let output = world.run(&args, &[]);
    assert_eq!(output.code, 2, "{}", output.stderr);
    assert!(!output.stderr.contains("secret"), "{}", output.stderr);
}

#[test]
fn only_the_release_that_a_builder_attested_lets_a_run_on() {
    let world = World::new();
    let run = world.waiting();
    let app = world.app();
    // Another file over the same artifacts, by whoever asks: nobody wrote it,
    // and it is of a commit that nobody built.
    let mut forged: Value =
        serde_json::from_slice(&fs::read(world.path("release.json")).unwrap()).unwrap();
    forged["commit"] = "b".repeat(40).into();
    forged["authors"] = json!([]);
    fs::write(world.path("release.json"), forged.to_string()).unwrap();
    let other = world.github.with(|state| {
        let other = state.run(10, 10);
        let mut of = commit(10);
        of.sha = "b".repeat(40);
        state.on_commit(other, of);
        state.protect(other, "production", &[]);
        other
    });
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.judge(0, &request);
    for run in [run, other] {
        let output = world.resume(&request, run, &app);
        assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
        assert!(output.stderr.contains("attested"), "{}", output.stderr);
        assert_eq!(world.rulings(run), [""; 0]);
    }
}

#[test]
fn neither_a_hold_nor_a_use_by_a_plan_that_is_over_lets_a_run_on() {
    let world = World::new();
    let run = world.waiting();
    let app = world.app();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.judge(0, &request);
    let held = Hold {
        reason: "the last release was taken back".to_owned(),
        by: "alice".to_owned(),
        at: clock::now(),
    };
    world.state(&Document {
        hold: Some(held),
        ..Document::default()
    });
    let output = world.resume(&request, run, &app);
    assert_eq!(output.code, 14, "{}{}", output.stdout, output.stderr);
    assert_eq!(world.rulings(run), [""; 0]);
    world.state(&Document {
        used: [(request.parse().unwrap(), Digest::of(b"plan"))].into(),
        ..Document::default()
    });
    let output = world.resume(&request, run, &app);
    assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
    assert_eq!(world.rulings(run), [""; 0]);
    world.state(&Document::default());
    assert_eq!(world.resume(&request, run, &app).code, 0);
    assert_eq!(world.rulings(run), ["approved"]);
}

#[test]
fn the_change_does_not_choose_where_the_glass_is_broken() {
    let world = World::new();
    let (before, _) = CONFIG.split_once("    requires").unwrap();
    let policy = format!(
        "{before}    requires: [signature, provenance]\n    \
         break-glass: {{ people: [alice, bob] }}\n"
    );
    fs::write(world.path("policy.yaml"), world.github.on(&policy)).unwrap();
    let own = "version: 1\nenvironments: { production: { approval: \
               { quorum: 1, people: [alice], at: ['github:acme/shop'] } } }\n";
    world.rules(own);
    let place = format!("acme/shop#{}", world.issue);
    let args = [
        "request",
        "--release",
        "release.json",
        "--environment",
        "production",
        "--break-glass",
        "--reason",
        "the shop is down",
        "--github",
        &place,
    ];
    let output = world.run(&args, &[("LIFTLOCK_POLICY", "file:policy.yaml")]);
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(output.stderr.contains("approval.at"), "{}", output.stderr);
}

#[test]
fn a_login_makes_no_account_known() {
    let world = World::new();
    let known = CONFIG.replace("quorum: 2", "known-actors: true, quorum: 2");
    world.rules(&known);
    let started = |login: &str, number: &str| {
        let ci = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTOR", login),
            ("GITHUB_ACTOR_ID", number),
        ];
        world.request_at(world.issue, &ci)
    };
    // Logins change hands, and some are made of digits.
    for login in ["carol", "9"] {
        let output = started(login, "999");
        assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
        assert!(
            output.stderr.contains("nobody of `people`"),
            "{}",
            output.stderr
        );
    }
    let output = started("caroline", "9");
    assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
}

#[test]
fn an_author_without_an_account_is_known_by_the_address() {
    let world = World::new();
    let addressed = CONFIG.replace(
        "['github:7'] }",
        "['github:7'], emails: [alice@shop.example] }",
    );
    assert_ne!(addressed, CONFIG);
    world.rules(&addressed);
    for (number, address, message) in [
        ("1", "Alice@shop.example", "change"),
        (
            "2",
            "x@y.example",
            "change\n\nCo-authored-by: A. <alice@shop.example>\n",
        ),
        (
            "3",
            "x@y.example",
            "change\r\n\r\nco-authored-by:alice@shop.example",
        ),
    ] {
        let one = || Commit {
            sha: number.repeat(40),
            author: None,
            committer: None,
        };
        let (pull, run) = world.github.with(|state| {
            state.written(&number.repeat(40), address, message);
            let run = state.run(10, 10);
            state.on_commit(run, one());
            (state.pull(10, vec![one()]), run)
        });
        for (flag, place) in [
            ("--github", pull),
            ("--github-reviews", pull),
            ("--github-run", run),
        ] {
            let output = world.request_by(flag, place, &[]);
            assert_eq!(output.code, 3, "{flag}: {}{}", output.stdout, output.stderr);
            assert!(
                output.stderr.contains("alice is an author"),
                "{flag}: {}",
                output.stderr
            );
        }
    }
}

/// Comments as GitHub lists them, by these accounts.
fn listed(said: &[(u64, &str)]) -> String {
    let now = clock::now();
    let comments = said.iter().map(|(user, body)| {
        json!({
            "id": 1_000 + user, "node_id": format!("IC_{user}"), "body": body,
            "html_url": format!("https://github.com/acme/shop/issues/1#issuecomment-{user}"),
            "user": { "id": user, "login": "x", "type": "User" },
            "created_at": now, "updated_at": now, "performed_via_github_app": null,
        })
    });
    Value::Array(comments.collect()).to_string()
}

#[test]
fn a_redirect_leads_to_no_other_place() {
    let world = World::new();
    let request = world.ask();
    let yes = format!("/approve {request}");
    let moved = Answer::new(301).header("location", "/repositories/2/issues/9/comments");
    world.github.with(|state| {
        state.order(
            "/repositories/2",
            Answer::json(listed(&[(7, &yes), (8, &yes)])),
        );
        state.order("/comments", moved);
    });
    world.judge(3, &request);
    assert!(!world.path("approval.json").exists());
}

#[test]
fn a_link_in_any_form_leads_to_the_next_page() {
    let world = World::new();
    let request = world.ask();
    let (yes, no) = (format!("/approve {request}"), format!("/deny {request}"));
    let nodes = [7, 8, 9].map(|user| {
        json!({ "id": format!("IC_{user}"), "includesCreatedEdit": false, "lastEditedAt": null })
    });
    let unedited = json!({ "data": { "nodes": nodes } }).to_string();
    let judged = |link: &str, code: i32| {
        let first = Answer::json(listed(&[(7, &yes), (8, &yes)])).header("link", link);
        world.github.with(|state| {
            state.order("/graphql", Answer::json(unedited.clone()));
            state.order("page=2", Answer::json(listed(&[(9, &no), (7, &no)])));
            for _ in 0..2 {
                state.order("/comments", first.clone());
            }
        });
        world.judge(code, &request);
        world.github.with(|state| state.forget_orders());
    };
    judged("<http://[::x/?page=2>; rel=\"next\"", 1);
    judged("no link at all", 1);
    judged("<?page=2>; title=\"a, b; rel=last\"; Rel=\"last next\"", 10);
}

#[test]
fn the_log_shows_no_address_of_a_webhook() {
    let world = World::new();
    let server = webhook(&Answer::new(200));
    fs::write(world.path("hook"), server.url("/T/secret")).unwrap();
    let place = format!("acme/shop#{}", world.issue);
    let args = [
        "request",
        "--release",
        "release.json",
        "--environment",
        "production",
        "--github",
        &place,
        "--notify",
        "hook",
        "--log",
        "debug",
    ];
    let output = world.run(&args, &[]);
    assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
    assert_eq!(posts(&server).len(), 1);
    assert!(output.stderr.contains("http answer"), "{}", output.stderr);
    assert!(!output.stderr.contains("secret"), "{}", output.stderr);
}

#[test]
fn an_edit_in_the_second_of_writing_is_seen() {
    let world = World::new();
    let request = world.ask();
    let yes = format!("/approve {request}");
    world.say(7, &yes);
    let said = world.say(8, "thanks, I will look at it");
    // Whoever may write can change it before the second is over.
    world.github.with(|state| state.edit(said, &yes));
    let told = world.judge(13, &request);
    let ignored = told["detail"]["judgement"]["not_counted"].to_string();
    assert!(ignored.contains("edited"), "{ignored}");
    world.say(8, &yes);
    world.judge(0, &request);
}

#[test]
fn nobody_approves_below_a_question_that_is_gone_or_was_changed() {
    let world = World::new();
    let request = world.ask();
    let (question, text) = world
        .github
        .with(|state| state.first_comment(world.issue).unwrap());
    world
        .github
        .with(|state| state.edit(question, &text.replace("shop-1", "shop-0")));
    let yes = format!("/approve {request}");
    for user in [7, 8] {
        world.say(user, &yes);
    }
    let told = world.judge(13, &request);
    let ignored = told["detail"]["judgement"]["not_counted"].to_string();
    assert!(ignored.contains("not there any more"), "{ignored}");
    world.github.with(|state| state.delete(question));
    world.judge(13, &request);
    // Asked again it is there, and what was said before was said of another one.
    world
        .github
        .with(|state| state.advance(Duration::from_secs(2)));
    assert_eq!(world.ask(), request);
    let told = world.judge(13, &request);
    let ignored = told["detail"]["judgement"]["not_counted"].to_string();
    assert!(ignored.contains("before the question"), "{ignored}");
    for user in [7, 8] {
        world.say(user, &yes);
    }
    world.judge(0, &request);
}

#[test]
fn whoever_wrote_the_change_by_the_forges_word_at_judging_does_not_count() {
    let world = World::new();
    let pull = world.github.with(|state| state.pull(10, vec![commit(10)]));
    let request = world.ask_by("--github", pull);
    let yes = format!("/approve {request}");
    world.github.with(|state| {
        let mut more = commit(8);
        more.sha = "c".repeat(40);
        state.push(pull, more);
        for user in [7, 8] {
            state.comment(pull, user, &yes);
        }
    });
    let told = world.judge(13, &request);
    let ignored = told["detail"]["judgement"]["not_counted"].to_string();
    assert!(ignored.contains("bob is an author"), "{ignored}");
}

#[test]
fn people_let_on_a_run_of_the_release_and_no_other() {
    let world = World::new();
    world.released(&"b".repeat(40));
    let run = world.github.with(|state| {
        let run = state.run(10, 10);
        state.on_commit(run, commit(10));
        state.protect(run, "production", &[7, 8]);
        run
    });
    let request = world.ask_by("--github-run", run);
    let yes = format!("/approve {request}");
    world.github.with(|state| {
        for user in [7, 8] {
            state.review_gate(run, user, ("production", "approved"), &yes);
        }
    });
    let told = world.judge(10, &request);
    let why = told["detail"]["judgement"]["why"].as_str().unwrap();
    assert!(why.contains("is of commit"), "{why}");
}

#[test]
fn people_look_from_when_anybody_saw_the_request() {
    let world = World::new();
    let key = Key::named("alice");
    fs::write(world.path("alice.pub"), key.public_pem()).unwrap();
    let slow = CONFIG
        .replace("quorum: 2", "min-look: 15m, quorum: 1")
        .replace(
            "['github:7'] }",
            "['github:7'], keys: [{ key-file: alice.pub }] }",
        );
    world.rules(&slow);
    let honest = world.ask();
    let hex = honest.strip_prefix("sha256:").unwrap();
    let folder = world.path(".liftlock/state/approvals/shop/production");
    assert!(folder.join(format!("{hex}.seen.json")).exists());
    // Whoever asks says that it was sixteen minutes ago.
    let bytes = fs::read(folder.join(format!("{hex}.json"))).unwrap();
    let mut request = request::Identified::parse(&bytes).unwrap().request;
    let earlier = |time: Time| Time::from_unix_millis(time.unix_millis() - 16 * 60_000).unwrap();
    request.made_at = earlier(request.made_at);
    request.expires_at = earlier(request.expires_at);
    let forged = request::Identified::new(&request).unwrap();
    fs::write(world.path("forged.json"), &forged.bytes).unwrap();
    let said = Said::to(&forged, "alice".parse().unwrap(), Say::Yes, clock::now());
    let signed = attest::attest(&key, &said.statement().unwrap()).unwrap();
    fs::write(world.path("alice.json"), signed.bytes()).unwrap();
    let args = [
        "judge",
        "--request",
        "forged.json",
        "--answer",
        "alice.json",
    ];
    let told = world.told(13, &[args.as_slice(), &["--key", "judge.key"]].concat());
    let ignored = told["detail"]["judgement"]["not_counted"].to_string();
    assert!(ignored.contains("too-soon"), "{ignored}");
}

#[test]
fn strangers_block_no_request() {
    let world = World::new();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.github.with(|state| {
        state.person(99, "mallory", "none");
        for _ in 0..1_001 {
            state.comment(world.issue, 99, "/approve x");
        }
    });
    world.judge(0, &request);
}

#[test]
fn a_wait_outlasts_a_failure_while_it_judges() {
    let world = World::new();
    let request = world.ask();
    for user in [7, 8] {
        world.say(user, &format!("/approve {request}"));
    }
    world.github.with(|state| {
        for _ in 0..3 {
            state.order("permission", Answer::new(502));
        }
    });
    let args = ["wait", "--request", &request, "--key", "judge.key"];
    let output = world.run(&[args.as_slice(), &["--timeout", "50s"]].concat(), &[]);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
}
