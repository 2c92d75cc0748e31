//! Notes on a GitLab of one's own.

use liftlock_io::clock;
use testkit::cli::Output;
use testkit::house::House;
use testkit::http::Answer;
use testkit::process::free_address;
use testkit::servers::gitlab::{GitLab, On, Token};

use crate::scene::{ended, with};

const RUN: [&str; 5] = [
    "run",
    "--environment",
    "production",
    "--release",
    "release-1.json",
];

const PLAN: [&str; 5] = [
    "plan",
    "--environment",
    "production",
    "--release",
    "release-1.json",
];

/// A release that alice (7) and bob (8) approved in notes.
struct Scene {
    house: House,
    gitlab: GitLab,
    token: String,
    notes: [u64; 2],
    request: String,
}

impl Scene {
    fn new(fresh: &str) -> Self {
        let (house, gitlab) = (House::new().unwrap(), GitLab::start().unwrap());
        let host = gitlab.host();
        for (who, account) in [("alice", 7), ("bob", 8)] {
            let mail = format!("emails: [{who}@example.org]");
            let known = format!("{mail}, accounts: ['gitlab:{account}@{host}']");
            house.configure(&mail, &known).unwrap();
        }
        let all = "requires: [signature, approval]";
        house.configure("requires: [signature]", all).unwrap();
        let rule = format!("1h, at: ['gitlab:acme/shop@{host}'], fresh: {fresh} }}");
        house.configure("1h }", &rule).unwrap();
        house.release("1").unwrap();
        let (on, token) = gitlab.with(|state| {
            state.set_clock(clock::now());
            for (id, login) in [(7, "alice"), (8, "bob"), (10, "erin")] {
                state.person(id, login, 30);
            }
            state.bot(20, "project_5_bot_0a1b");
            (state.issue(10), state.token(Token::Api(20)))
        });
        let mut scene = Self {
            house,
            gitlab,
            token,
            notes: [0; 2],
            request: String::new(),
        };
        scene.approve(on);
        scene
    }

    fn approve(&mut self, on: On) {
        let On::Issue(number) = on else {
            panic!("an issue");
        };
        let place = format!("acme/shop#{number}");
        let ask = [&["request"][..], &RUN[1..], &["--gitlab", &place]].concat();
        let told = ended(&self.run("await-approval", &ask), 13, &[]);
        self.request = told["detail"]["request"].as_str().unwrap().to_owned();
        let text = format!("liftlock approve {}", self.request);
        self.notes = self.gitlab.with(|state| {
            state.set_clock(clock::now());
            [7, 8].map(|user| state.note(on, user, &text))
        });
        let judge = [
            "judge",
            "--request",
            &self.request,
            "--key",
            "keys/judge.key",
        ];
        ended(&self.run("await-approval", &judge), 0, &[]);
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        let api = self.gitlab.api();
        let way = [
            ("CI_API_V4_URL", api.as_str()),
            ("LIFTLOCK_GITLAB_TOKEN", &self.token),
        ];
        with(self.house.run(program, args), &way)
    }

    fn refuses(&self, code: i32, words: &[&str]) {
        ended(&self.run("promote", &RUN), code, words);
        assert!(self.house.state()["live"].is_null());
        assert_eq!(self.house.text("placed.log"), "");
    }
}

#[test]
fn a_note_that_does_not_stand_any_more_moves_nothing() {
    let scene = Scene::new("required");
    let [alice, bob] = scene.notes;
    let before = scene.gitlab.counts().total;
    ended(&scene.run("promote", &PLAN), 0, &["\"answers\": 2"]);
    // One for each note and each person, and one for the members.
    assert_eq!(scene.gitlab.counts().total - before, 5);
    scene.gitlab.with(|state| state.permit(7, 20));
    scene.refuses(10, &["alice has the permission `read`", "1 of 2 said yes"]);
    scene.gitlab.with(|state| {
        state.permit(7, 30);
        state.set_state(7, "blocked");
    });
    scene.refuses(10, &["alice has the permission `none`"]);
    scene.gitlab.with(|state| {
        state.set_state(7, "active");
        state.rename(7, "alice-2");
        state.advance(std::time::Duration::from_secs(60));
        state.edit(bob, &format!("liftlock approve {}\nagain", scene.request));
    });
    scene.refuses(10, &["bob: it was edited", "1 of 2 said yes"]);
    scene.gitlab.with(|state| state.delete(alice));
    scene.refuses(10, &["alice: GitLab does not show it any more", "0 of 2"]);
}

#[test]
fn a_gitlab_that_is_away_or_refuses_is_told_apart() {
    let required = Scene::new("required");
    let lenient = Scene::new("if-reachable");
    let nobody = "nobody says whether the answers of the approval still stand";
    let alone = "\"unreached\": ";
    let closed = format!("http://{}/api/v4", free_address().unwrap());
    for (scene, code, word) in [(&required, 1, nobody), (&lenient, 0, alone)] {
        scene.gitlab.with(|state| {
            for _ in 0..3 {
                state.order("/notes/", Answer::new(502).body("bad gateway"));
            }
        });
        ended(&scene.run("promote", &PLAN), code, &[word, "502"]);
        let limit = Answer::new(429).header("retry-after", "3600");
        scene
            .gitlab
            .with(|state| state.order("/members/all", limit));
        ended(&scene.run("promote", &PLAN), code, &[word, "no more calls"]);
        let host = scene.gitlab.host();
        let api = scene.gitlab.api();
        // Another installation has other people with these numbers.
        let elsewhere = [("CI_API_V4_URL", closed.as_str()), ("GITLAB_TOKEN", "x")];
        let output = with(scene.house.run("promote", &PLAN), &elsewhere);
        let code = if code == 0 { 0 } else { 3 };
        ended(
            &output,
            code,
            &[word, &format!("people were asked on `{host}`")],
        );
        let code = if code == 0 { 0 } else { 4 };
        let way = [("CI_API_V4_URL", api.as_str())];
        let output = with(scene.house.run("promote", &PLAN), &way);
        ended(&output, code, &[word, "there is no token for GitLab"]);
        let way = [("CI_API_V4_URL", api.as_str()), ("GITLAB_TOKEN", "x")];
        let output = with(scene.house.run("promote", &PLAN), &way);
        ended(&output, 4, &[nobody, "does not accept the token"]);
    }
}
