//! Notices to webhooks.

use super::*;

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
