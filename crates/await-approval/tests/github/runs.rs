//! Runs that people let on, and runs that wait for our rule.

use super::*;

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
