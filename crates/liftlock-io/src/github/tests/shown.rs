//! Deployments, and rules that a run waits for.

use serde_json::Value;

use super::*;

const TEXT: &str = "waits for people";

fn payload(asked: &Identified) -> Value {
    asked.payload()
}

impl World {
    /// A run of alice's on its commit, which a deployment may be of.
    fn waiting(&self) -> u64 {
        self.fake.with(|state| {
            let run = state.run(7, 7);
            state.protect(run, "production", &[]);
            run
        })
    }
}

#[test]
fn a_deployment_is_made_once_and_shows_each_state_once() {
    let world = World::new();
    world.waiting();
    let asked = world.asked();
    let (github, payload) = (world.github(), payload(&asked));
    let commit = "c".repeat(40);
    let wanted = Wanted {
        reference: &commit,
        environment: "production",
        payload: &payload,
    };
    assert_eq!(github.deployment(&wanted).unwrap(), None);
    // It is made, but the answer gets lost: whoever asks again finds it.
    world.fake.with(|state| state.lose("POST", "deployments"));
    assert!(github.deploy(&wanted).is_err());
    let id = github.deployment(&wanted).unwrap().unwrap();
    for _ in 0..2 {
        github.show(id, Stage::Queued, TEXT).unwrap();
    }
    github.show(id, Stage::Success, &"x".repeat(500)).unwrap();
    let (made, states) = world.fake.with(|state| state.deployment(id));
    assert_eq!(states, ["queued", "success"]);
    assert_eq!(
        (&made["task"], &made["payload"]),
        (&json!("liftlock"), &payload)
    );
    assert_eq!(world.fake.with(|state| state.deployments().len()), 1);
    // Another request's deployment is another one.
    let other = json!({ "request": "sha256:0" });
    let other = Wanted {
        payload: &other,
        ..wanted
    };
    assert_eq!(github.deployment(&other).unwrap(), None);
}

#[test]
fn a_deployment_that_github_refuses_is_told() {
    let world = World::new();
    world.waiting();
    let github = world.github();
    let payload = json!({});
    let commit = "c".repeat(40);
    let wanted = |reference: &'static str| Wanted {
        reference,
        environment: "production",
        payload: &payload,
    };
    let error = github.deploy(&wanted("nowhere")).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    let good = Wanted {
        reference: &commit,
        ..wanted("")
    };
    let cases = [
        (Answer::new(401), Kind::Credentials),
        (Answer::new(403), Kind::Credentials),
        (Answer::new(409), Kind::Invalid),
        (
            Answer::new(202).body(r#"{"message": "Auto-merged main"}"#),
            Kind::Upstream,
        ),
        (Answer::new(502), Kind::Upstream),
    ];
    for (answer, kind) in cases {
        let told = format!("{answer:?}");
        world.fake.with(|state| state.order("deployments", answer));
        let error = github.deploy(&good).unwrap_err();
        assert_eq!(error.kind(), kind, "{told}: {error}");
    }
    assert!(world.fake.with(|state| state.deployments().is_empty()));
}

#[test]
fn only_the_app_whose_rule_it_is_lets_a_run_on() {
    let world = World::new();
    let run = world.waiting();
    let own = world.fake.with(|state| state.token(Token::Personal(7)));
    for token in [&world.token, &own] {
        let github = world.at(&world.fake.url(), token);
        let error = github
            .rule((run, "production"), Ruling::Approved, "ok")
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials);
        assert!(
            error.hint().unwrap().contains("installation token"),
            "{error}"
        );
    }
    assert!(world.fake.with(|state| state.rulings(run).is_empty()));
    let app = world.fake.with(|state| state.token(Token::App));
    let github = world.at(&world.fake.url(), &app);
    let long = "x".repeat(2_000);
    github
        .rule((run, "production"), Ruling::Approved, &long)
        .unwrap();
    let rulings = world.fake.with(|state| state.rulings(run));
    assert_eq!(rulings[0]["state"], "approved");
    assert_eq!(rulings[0]["comment"].as_str().unwrap().len(), 1_024);
    // Nothing waits any more.
    let error = github.rule((run, "production"), Ruling::Rejected, "no");
    assert_eq!(error.unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn every_call_on_deployments_and_rules_is_one_that_github_describes() {
    let world = World::new();
    let Some(prism) = Prism::before(&world.fake.url()).unwrap() else {
        return;
    };
    world.fake.with(|state| state.behind(prism.url()));
    let run = world.waiting();
    let app = world.fake.with(|state| state.token(Token::App));
    let github = world.at(prism.url(), &app);
    let asked = world.asked();
    let (payload, commit) = (payload(&asked), "c".repeat(40));
    let wanted = Wanted {
        reference: &commit,
        environment: "production",
        payload: &payload,
    };
    let id = github.deploy(&wanted).unwrap();
    assert_eq!(github.deployment(&wanted).unwrap(), Some(id));
    github.show(id, Stage::Queued, TEXT).unwrap();
    github.show(id, Stage::Inactive, TEXT).unwrap();
    github
        .rule((run, "production"), Ruling::Rejected, "denied")
        .unwrap();
    assert_eq!(prism.violations(), [""; 0]);
}
