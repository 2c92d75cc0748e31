//! A release that two people approved in comments on a forge.

use liftlock_io::clock;
use serde_json::Value;
use testkit::cli::{Output, Run};
use testkit::house::House;
use testkit::servers::github::{GitHub, Token};

/// How a program reaches the forge.
pub(crate) type Way<'a> = &'a [(&'a str, &'a str)];

/// What this run of a program tells.
pub(crate) fn with(run: Run, way: Way<'_>) -> Output {
    let run = way
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    run.output().unwrap()
}

/// Has this ended so, with every word in what it says?
pub(crate) fn ended(output: &Output, code: i32, words: &[&str]) -> Value {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, code, "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    output.json().unwrap_or_default()
}

/// A service whose people are on GitHub: alice 7, bob 8.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) github: GitHub,
    pub(crate) token: String,
    pub(crate) issue: u64,
    pub(crate) request: String,
}

impl Scene {
    /// Nothing is live; the rules have this in the approval's.
    pub(crate) fn new(rule: &str) -> Self {
        let house = House::new().unwrap();
        let github = GitHub::start().unwrap();
        for (who, account) in [("alice", 7), ("bob", 8)] {
            let mail = format!("emails: [{who}@example.org]");
            let known = format!("{mail}, accounts: ['github:{account}']");
            house.configure(&mail, &github.on(&known)).unwrap();
        }
        house
            .configure(
                "approval: { quorum: 2, people: [alice, bob], expires: 1h }",
                &github.on(&format!(
                    "approval: {{ {rule}, expires: 1h, at: ['github:acme/shop'] }}"
                )),
            )
            .unwrap();
        let (issue, token) = github.with(|state| {
            state.set_clock(clock::now());
            for (id, login) in [(7, "alice"), (8, "bob"), (10, "erin")] {
                state.person(id, login, "write");
            }
            state.team("security", &[7, 8]);
            (state.issue(10), state.token(Token::App))
        });
        Self {
            house,
            github,
            token,
            issue,
            request: String::new(),
        }
    }

    /// Two of two people, asked again in this way.
    pub(crate) fn two(fresh: &str) -> Self {
        Self::new(&format!("quorum: 2, people: [alice, bob], fresh: {fresh}"))
    }

    pub(crate) fn demand(&self) {
        let all = "requires: [signature, approval]";
        self.house.configure("requires: [signature]", all).unwrap();
    }

    /// Releases a version that alice and bob approve; the numbers of their comments.
    pub(crate) fn approved(&mut self, version: &str) -> [u64; 2] {
        self.house.release(version).unwrap();
        let release = format!("release-{version}.json");
        let place = format!("acme/shop#{}", self.issue);
        let ask = ["request", "--environment", "production", "--github", &place];
        let ask = [&ask[..], &["--release", &release]].concat();
        let told = ended(&self.run("await-approval", &ask), 13, &[]);
        self.request = told["detail"]["request"].as_str().unwrap().to_owned();
        let text = format!("/approve {}", self.request);
        let comments = self.github.with(|state| {
            state.set_clock(clock::now());
            [7, 8].map(|user| state.comment(self.issue, user, &text))
        });
        let judge = ["judge", "--request", &self.request];
        let judge = [&judge[..], &["--key", "keys/judge.key"]].concat();
        ended(&self.run("await-approval", &judge), 0, &[]);
        comments
    }

    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Output {
        let url = self.github.url();
        let way = [
            ("GITHUB_API_URL", url.as_str()),
            ("GITHUB_TOKEN", &self.token),
        ];
        with(self.house.run(program, args), &way)
    }

    /// `promote run` of a version.
    pub(crate) fn promote(&self, version: &str) -> Output {
        let release = format!("release-{version}.json");
        let words = ["run", "--environment", "production", "--release", &release];
        self.run("promote", &words)
    }

    /// Runs it where it must not move anything, for a reason with these words.
    pub(crate) fn refuses(&self, code: i32, words: &[&str]) {
        ended(&self.promote("1"), code, words);
        assert!(self.house.state()["live"].is_null());
        assert_eq!(self.house.text("placed.log"), "");
    }

    /// How many calls it takes.
    pub(crate) fn calls(&self, what: impl FnOnce()) -> u32 {
        let before = self.github.counts().total;
        what();
        self.github.counts().total - before
    }
}
