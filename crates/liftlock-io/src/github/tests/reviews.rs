//! Reviews of pull requests and of environments as answers.

use super::*;

impl World {
    /// A pull request of eve's, and its newest commit.
    pub(super) fn pull(&self) -> (u64, Spot) {
        let commit = MadeCommit {
            sha: "a".repeat(40),
            author: Some(9),
            committer: None,
        };
        let pull = self.fake.with(|state| state.pull(9, vec![commit]));
        let commit = "a".repeat(40);
        (pull, Spot::Reviews { pull, commit })
    }

    pub(super) fn review(&self, pull: u64, user: u64, state: &str, body: &str) -> u64 {
        self.fake.with(|fake| fake.review(pull, user, state, body))
    }

    /// A run of alice's that bob may let on.
    pub(super) fn gates(&self) -> (u64, Spot) {
        let run = self.fake.with(|state| {
            let run = state.run(9, 9);
            state.protect(run, "production-1", &[7, 8]);
            state.protect(run, "production-2", &[7, 8]);
            run
        });
        let commit = "c".repeat(40);
        let spot = Spot::Gates {
            run,
            attempt: 1,
            commit,
        };
        (run, spot)
    }

    fn all(&self, github: &GitHub, asked: &Identified) -> Result<Vec<Event>, Error> {
        let found = github.answers(&self.spot(asked), (asked, QUESTION), (&keyring(), LEAST))?;
        Ok(found.events)
    }
}

fn no(asked: &Identified) -> String {
    format!("/deny {}", asked.digest)
}

#[test]
fn reviews_count_on_whatever_page_they_are() {
    let world = World::new();
    let (pull, spot) = world.pull();
    let asked = world.asked_at(spot);
    for _ in 0..230 {
        world.review(pull, 9, "COMMENTED", "nit");
    }
    world.review(pull, 7, "APPROVED", &yes(&asked));
    world.review(pull, 8, "CHANGES_REQUESTED", &no(&asked));
    let found = world.heard(&world.github(), &asked).unwrap();
    assert_eq!(found, ["alice yes", "bob no"]);
}

#[test]
fn a_review_that_was_edited_dismissed_or_of_another_commit_does_not_count() {
    let world = World::new();
    let (pull, spot) = world.pull();
    let asked = world.asked_at(spot);
    let github = world.github();
    let first = world.review(pull, 7, "APPROVED", &yes(&asked));
    world.review(pull, 8, "APPROVED", "LGTM");
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    // Edited in the same second as it was written, to the same words.
    world
        .fake
        .with(|state| state.edit_review(pull, first, &yes(&asked)));
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
    let second = world.review(pull, 7, "APPROVED", &yes(&asked));
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    world.fake.with(|state| state.dismiss(pull, second));
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
    world.review(pull, 7, "COMMENTED", &yes(&asked));
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
    let pushed = MadeCommit {
        sha: "b".repeat(40),
        author: Some(9),
        committer: None,
    };
    world.fake.with(|state| state.push(pull, pushed));
    world.review(pull, 7, "APPROVED", &yes(&asked));
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
    // Bots and accounts of nobody say nothing, whatever they review.
    world.fake.with(|state| state.bot(10, "helper[bot]"));
    for user in [9, 10] {
        world.review(pull, user, "APPROVED", &yes(&asked));
    }
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
}

#[test]
fn a_reviewer_who_may_no_longer_write_does_not_count_and_a_role_is_asked_for_by_name() {
    let world = World::new();
    let (pull, spot) = world.pull();
    let asked = world.asked_at(spot);
    world.review(pull, 7, "APPROVED", &yes(&asked));
    let github = world.github();
    let permission = |least: Permission| {
        let rules = (&keyring(), least);
        let found = github.answers(&world.spot(&asked), (&asked, QUESTION), rules);
        found.unwrap().events[0].permission
    };
    assert_eq!(permission(LEAST), Permission::Write);
    world.fake.with(|state| state.permit(7, "maintain"));
    assert_eq!(permission(Permission::Maintain), Permission::Maintain);
    assert_eq!(permission(Permission::Admin), Permission::Maintain);
    world.fake.with(|state| state.permit(7, "triage"));
    assert_eq!(permission(LEAST), Permission::Read);
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
}

#[test]
fn what_nobody_says_about_edits_is_no_approval() {
    let world = World::new();
    let (pull, spot) = world.pull();
    let asked = world.asked_at(spot);
    world.review(pull, 7, "APPROVED", &yes(&asked));
    let github = world.github();
    let cases = [
        (Answer::new(401), Kind::Credentials),
        (Answer::new(403), Kind::Credentials),
        (Answer::new(404), Kind::Invalid),
        (Answer::new(422), Kind::Invalid),
        (Answer::json(r#"{"data":{"nodes":[null]}}"#), Kind::Invalid),
        (Answer::json(r#"{"data":{"nodes":[]}}"#), Kind::Invalid),
        (
            Answer::json(r#"{"data":null,"errors":[{"message":"no"}]}"#),
            Kind::Upstream,
        ),
        (Answer::json(r#"{"data":{"nodes":["#), Kind::Upstream),
        (Answer::json("{}"), Kind::Upstream),
    ];
    for (answer, kind) in cases {
        let told = format!("{answer:?}");
        world.fake.with(|state| state.order("graphql", answer));
        let error = world.heard(&github, &asked).unwrap_err();
        assert_eq!(error.kind(), kind, "{told}: {error}");
    }
    // It reads, so it is tried again, and limits are waited for.
    world.fake.with(|state| {
        state.order("graphql", Answer::new(502));
        state.order("graphql", Answer::new(429).header("retry-after", "5"));
    });
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
}

#[test]
fn a_failure_is_no_answer_of_any_source() {
    let limited = || Answer::new(429).header("retry-after", "99999");
    let told = [
        (vec![Answer::new(401)], Kind::Credentials),
        (vec![Answer::new(403)], Kind::Credentials),
        (vec![Answer::new(404)], Kind::Invalid),
        (vec![Answer::new(409)], Kind::Invalid),
        (vec![Answer::new(422)], Kind::Invalid),
        (vec![limited()], Kind::Upstream),
        (vec![Answer::new(502); 3], Kind::Upstream),
        (vec![Answer::json("[{\"state\": 1")], Kind::Upstream),
        (vec![Answer::json("{}")], Kind::Upstream),
    ];
    for part in ["reviews", "approvals", "permission"] {
        let world = World::new();
        let (pull, spot) = world.pull();
        let (run, gates) = world.gates();
        let asked = world.asked_at(if part == "reviews" { spot } else { gates });
        world.review(pull, 7, "APPROVED", &yes(&asked));
        let github = world.github();
        world.fake.with(|state| {
            state.review_gate(run, 7, ("production-1", "approved"), &yes(&asked));
        });
        for (answers, kind) in &told {
            let name = format!("{part} {answers:?}");
            // That somebody is not there is an answer: they may nothing.
            if part == "permission" && name.contains("status: 404") {
                continue;
            }
            world.fake.with(|state| {
                for answer in answers {
                    state.order(part, answer.clone());
                }
            });
            let error = world.heard(&github, &asked).unwrap_err();
            assert_eq!(error.kind(), *kind, "{name}: {error}");
            assert_eq!(
                world.heard(&github, &asked).unwrap(),
                ["alice yes"],
                "{name}"
            );
        }
    }
}

#[test]
fn no_source_takes_what_only_looks_like_an_answer() {
    let hex = |asked: &Identified| asked.digest.to_string();
    let other = Digest::of(b"another request").to_string();
    let world = World::new();
    let (pull, spot) = world.pull();
    let (run, gates) = world.gates();
    for spot in [Spot::Comments { issue: world.issue }, spot, gates] {
        let asked = world.asked_at(spot);
        let whole = hex(&asked);
        let bodies = [
            format!("/\u{430}pprove {whole}"),
            format!("\u{ff0f}approve {whole}"),
            format!("/approve {}", &whole[..19]),
            format!("/approve {other}"),
            format!("> /approve {whole}"),
            format!("```\n/approve {whole}\n```"),
            format!("/approve {whole}\n/deny {whole}"),
            "approved".to_owned(),
        ];
        for body in bodies {
            world.say(7, &body);
            world.review(pull, 7, "APPROVED", &body);
            world
                .fake
                .with(|state| state.review_gate(run, 7, ("x", "approved"), &body));
            let found = world.heard(&world.github(), &asked).unwrap();
            assert_eq!(found, [""; 0], "{body}");
        }
    }
}

#[test]
fn a_program_answers_in_no_source() {
    let world = World::new();
    let (pull, spot) = world.pull();
    let (run, gates) = world.gates();
    let comments = Spot::Comments { issue: world.issue };
    for spot in [comments, spot, gates] {
        let asked = world.asked_at(spot);
        world.say(7, &yes(&asked));
        world.review(pull, 7, "APPROVED", &yes(&asked));
        world
            .fake
            .with(|state| state.review_gate(run, 7, ("x", "approved"), &yes(&asked)));
        let github = world.github();
        assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
        // The same account, were it a program's.
        world.fake.with(|state| state.bot(7, "alice"));
        assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
        world.fake.with(|state| state.person(7, "alice", "write"));
    }
}

#[test]
fn more_answers_than_anybody_reads_are_none() {
    let world = World::new();
    let (run, gates) = world.gates();
    let asked = world.asked_at(gates);
    let say = |text: &str, count: usize| {
        world.fake.with(|state| {
            for _ in 0..count {
                state.review_gate(run, 9, ("x", "approved"), text);
            }
        });
        world.all(&world.github(), &asked).map(|all| all.len())
    };
    // What counts in no case stops nobody, and only some of it is shown.
    assert_eq!(say("/approve sha256:0", 1_001).unwrap(), 1_000);
    assert_eq!(say(&yes(&asked), 1_000).unwrap(), 1_000);
    assert_eq!(say(&yes(&asked), 1).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn a_state_that_nobody_knows_is_no_answer() {
    let world = World::new();
    let (pull, spot) = world.pull();
    let asked = world.asked_at(spot);
    world.review(pull, 7, "ESCALATED", &yes(&asked));
    assert!(world.heard(&world.github(), &asked).is_err());
    let (run, spot) = world.gates();
    let asked = world.asked_at(spot);
    world
        .fake
        .with(|state| state.review_gate(run, 7, ("x", "skipped"), &yes(&asked)));
    assert!(world.heard(&world.github(), &asked).is_err());
}

#[test]
fn ten_thousand_reviews_are_read_to_the_end_and_more_are_no_answer() {
    let world = World::new();
    let (pull, spot) = world.pull();
    let asked = world.asked_at(spot);
    for _ in 0..9_999 {
        world.review(pull, 9, "COMMENTED", "nit");
    }
    world.review(pull, 7, "APPROVED", &yes(&asked));
    let github = world.github();
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    for _ in 0..1_001 {
        world.review(pull, 9, "COMMENTED", "nit");
    }
    let error = world.heard(&github, &asked).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
}

#[test]
fn distinct_people_let_a_run_on_and_no_other_attempt_of_it() {
    let world = World::new();
    let (run, spot) = world.gates();
    let asked = world.asked_at(spot);
    let github = world.github();
    let say = |user: u64, environment: &str, verdict: &str, comment: &str| {
        world
            .fake
            .with(|state| state.review_gate(run, user, (environment, verdict), comment));
    };
    say(7, "production-1", "approved", &yes(&asked));
    say(8, "production-2", "approved", "ship it");
    say(9, "production-2", "rejected", &yes(&asked));
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    say(8, "production-2", "approved", &yes(&asked));
    assert_eq!(
        world.heard(&github, &asked).unwrap(),
        ["alice yes", "bob yes"]
    );
    let all = world.all(&github, &asked).unwrap();
    assert!(
        all.iter()
            .all(|one| one.created_at == asked.request.made_at)
    );
    world.fake.with(|state| state.permit(8, "read"));
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    world.fake.with(|state| {
        state.permit(8, "write");
        state.rerun(run, 9);
    });
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
    // Whoever asks again in this attempt gets new answers alone.
    let commit = "c".repeat(40);
    let again = world.asked_at(Spot::Gates {
        run,
        attempt: 2,
        commit,
    });
    assert_eq!(world.heard(&github, &again).unwrap(), [""; 0]);
    say(7, "production-1", "approved", &yes(&again));
    assert_eq!(world.heard(&github, &again).unwrap(), ["alice yes"]);
}

#[test]
fn a_renamed_reviewer_is_the_same_and_a_new_owner_of_the_login_is_not() {
    let world = World::new();
    let (run, spot) = world.gates();
    let asked = world.asked_at(spot);
    world.fake.with(|state| {
        state.review_gate(run, 7, ("production-1", "approved"), &yes(&asked));
        state.rename(7, "alicia");
        state.person(11, "alice", "admin");
        state.review_gate(run, 11, ("production-2", "approved"), &yes(&asked));
    });
    let found = world.heard(&world.github(), &asked).unwrap();
    assert_eq!(found, ["alice yes"]);
}

#[test]
fn nobody_waits_for_reviews_with_more_than_four_hundred_calls() {
    let places: [fn(&World) -> Spot; 2] = [|world| world.pull().1, |world| world.gates().1];
    for place in places {
        let world = World::new();
        let asked = world.asked_at(place(&world));
        if let Spot::Reviews { pull, .. } = world.spot(&asked) {
            for _ in 0..250 {
                world.review(pull, 9, "COMMENTED", "nit");
            }
        }
        let github = world.github();
        let mut watch = Watch::new(&github, &world.spot(&asked), asked.request.made_at);
        let outcome = until_decided(&mut watch, asked.request.expires_at, Error::passes, || {
            let found = world.heard(&github, &asked)?;
            Ok::<_, Error>((found.len() == 2).then_some(found))
        });
        assert_eq!(outcome.unwrap(), None);
        let counts = world.fake.counts();
        assert!(counts.total <= 400, "{counts:?}");
        assert!(counts.total - counts.not_modified <= 9, "{counts:?}");
        // A new answer is seen, on the last page as well.
        match world.spot(&asked) {
            Spot::Reviews { pull, .. } => drop(world.review(pull, 7, "APPROVED", "x")),
            Spot::Gates { run, .. } => world
                .fake
                .with(|state| state.review_gate(run, 7, ("x", "approved"), "x")),
            Spot::Comments { .. } | Spot::Notes { .. } | Spot::Deployment { .. } => {}
        }
        assert!(watch.changed().unwrap());
        assert!(!watch.changed().unwrap());
    }
}

#[test]
fn every_call_on_reviews_and_runs_is_one_that_github_describes() {
    let world = World::new();
    let Some(prism) = Prism::before(&world.fake.url()).unwrap() else {
        return;
    };
    world.fake.with(|state| state.behind(prism.url()));
    let (pull, spot) = world.pull();
    let (run, gates) = world.gates();
    let github = world.at(prism.url(), &world.token);
    let read = github.pull(pull).unwrap();
    assert_eq!((read.head.sha, read.user.unwrap().id), ("a".repeat(40), 9));
    assert_eq!(
        github.authors_of(pull, Some(9)).unwrap().accounts,
        [9].into()
    );
    let asked = world.asked_at(gates);
    world.fake.with(|state| {
        state.review_gate(run, 7, ("production-1", "approved"), &yes(&asked));
    });
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    for _ in 0..120 {
        world.review(pull, 9, "COMMENTED", "nit");
    }
    assert_eq!(github.reviews(pull).unwrap().len(), 120);
    let asked = world.asked_at(spot);
    let mut watch = Watch::new(&github, &world.spot(&asked), asked.request.made_at);
    assert!(watch.changed().unwrap());
    assert!(!watch.changed().unwrap());
    assert_eq!(prism.violations(), [""; 0]);
}

#[test]
fn graphql_is_beside_the_api_of_a_company_and_below_the_public_one() {
    for (base, wanted) in [
        ("https://api.github.com", "https://api.github.com/graphql"),
        (
            "https://git.acme.example/api/v3/",
            "https://git.acme.example/api/graphql",
        ),
    ] {
        let wire = Wire::new(
            (base, "secret"),
            &Options::default(),
            (Time::EPOCH, Pace::real()),
        );
        assert_eq!(wire.unwrap().graphql().unwrap().as_str(), wanted);
    }
}
