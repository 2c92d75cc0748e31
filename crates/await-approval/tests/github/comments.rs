//! Answers in comments, and the question above them.

use super::*;

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
        assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
        let told = output.json().unwrap();
        assert!(told["headline"].as_str().unwrap().contains(why), "{told}");
        assert!(told["outputs"]["request"].is_null(), "{told}");
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
