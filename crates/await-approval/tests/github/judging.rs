//! Who may answer where, and what a judge is told.

use super::*;

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
