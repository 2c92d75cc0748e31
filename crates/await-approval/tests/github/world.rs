//! A service whose people are on GitHub, and what everybody does there.

use super::*;

pub(crate) const CONFIG: &str = "version: 1
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
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) github: GitHub,
    pub(crate) token: String,
    pub(crate) issue: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(CONFIG, Token::Job)
    }

    /// With these rules, and a token of this kind.
    pub(crate) fn with(rules: &str, token: Token) -> Self {
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
            ("liftlock.yaml", github.on(rules)),
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
            (state.issue(10), state.token(token))
        });
        Self {
            folder,
            github,
            token,
            issue,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, args: &[&str], more: &[(&str, &str)]) -> Output {
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

    pub(crate) fn told(&self, code: i32, args: &[&str]) -> Value {
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

    pub(crate) fn refused(&self, code: i32, word: &str, args: &[&str]) {
        let output = self.run(args, &[]);
        let said = format!("{args:?}\n{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{said}");
        assert!(output.stderr.contains(word), "{word}: {said}");
    }

    /// Writes rules about what is on this GitHub.
    pub(crate) fn rules(&self, text: &str) {
        fs::write(self.path("liftlock.yaml"), self.github.on(text)).unwrap();
    }

    pub(crate) fn request_at(&self, issue: u64, more: &[(&str, &str)]) -> Output {
        self.request_by("--github", issue, more)
    }

    pub(crate) fn request_by(&self, flag: &str, number: u64, more: &[(&str, &str)]) -> Output {
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

    pub(crate) fn ask(&self) -> String {
        self.ask_by("--github", self.issue)
    }

    pub(crate) fn ask_by(&self, flag: &str, number: u64) -> String {
        let output = self.request_by(flag, number, &[]);
        assert_eq!(output.code, 13, "{}{}", output.stdout, output.stderr);
        output.json().unwrap()["detail"]["request"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn say(&self, user: u64, text: &str) -> u64 {
        self.github
            .with(|state| state.comment(self.issue, user, text))
    }

    pub(crate) fn judge(&self, code: i32, request: &str) -> Value {
        self.judge_with(code, request, &[])
    }

    pub(crate) fn judge_with(&self, code: i32, request: &str, more: &[&str]) -> Value {
        let args = [
            "judge",
            "--request",
            request,
            "--key",
            "judge.key",
            "--output",
            "approval.json",
        ];
        self.told(code, &[&args[..], more].concat())
    }

    /// The payload that a workflow on `issue_comment` gets.
    pub(crate) fn event(&self, action: &str, user: u64, body: &str) {
        self.event_of("comment", action, (user, body));
    }

    pub(crate) fn event_of(&self, what: &str, action: &str, (user, body): (u64, &str)) {
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

    /// The approval, once its signature is verified.
    pub(crate) fn approved(&self) -> Proved {
        let bundle = Bundle::parse(&fs::read(self.path("approval.json")).unwrap()).unwrap();
        let key = PublicKey::from_pem(&Key::named("judge").public_pem()).unwrap();
        attestation::verify(&bundle, &[key], &Local).unwrap()
    }

    /// What the approval embeds of GitHub.
    pub(crate) fn events(&self) -> Vec<Value> {
        let proved = self.approved();
        let events = proved.statement.predicate()["events"].as_array();
        events.unwrap().clone()
    }

    pub(crate) fn judge_event(&self) -> Output {
        let args = ["judge", "--github-event", "--key", "judge.key"];
        self.run(&args, &[("GITHUB_EVENT_PATH", "event.json")])
    }
}

pub(crate) fn commit(author: u64) -> Commit {
    Commit {
        sha: "a".repeat(40),
        author: Some(author),
        committer: None,
    }
}

impl World {
    /// Asks in the issue, with more flags.
    pub(crate) fn request_with(&self, code: i32, more: &[&str]) -> Value {
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
    pub(crate) fn released(&self, sha: &str) {
        let release = fs::read_to_string(self.path("release.json")).unwrap();
        let mut release: Value = serde_json::from_str(&release).unwrap();
        release["commit"] = sha.into();
        fs::write(self.path("release.json"), release.to_string()).unwrap();
        self.attest();
    }

    /// Has a builder attest the release as its file says now.
    pub(crate) fn attest(&self) {
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
    pub(crate) fn state(&self, document: &Document) {
        let folder = self.path(".liftlock/state/environments/shop");
        fs::create_dir_all(&folder).unwrap();
        let text = serde_json::to_string(document).unwrap();
        fs::write(folder.join("production.json"), text).unwrap();
    }

    /// A run of the release's commit that waits for our rule.
    pub(crate) fn waiting(&self) -> u64 {
        self.released(&"a".repeat(40));
        self.github.with(|state| {
            let run = state.run(10, 10);
            state.on_commit(run, commit(10));
            state.protect(run, "production", &[]);
            run
        })
    }

    pub(crate) fn app(&self) -> String {
        self.github.with(|state| state.token(Token::App))
    }

    pub(crate) fn resume(&self, request: &str, run: u64, token: &str) -> Output {
        let run = run.to_string();
        let args = ["resume", "--request", request, "--protection-rule", &run];
        self.run(&args, &[("GITHUB_TOKEN", token)])
    }

    pub(crate) fn rulings(&self, run: u64) -> Vec<String> {
        let found = self.github.with(|state| state.rulings(run));
        let states = found.iter().filter_map(|one| one["state"].as_str());
        states.map(str::to_owned).collect()
    }
}
