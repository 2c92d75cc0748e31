//! Answers in reviews of a pull request.

use super::*;

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
    assert_eq!(world.judge_event().code, 13);
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
