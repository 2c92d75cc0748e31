//! Rules whose people are the owners of what changed.

use liftlock::approval::recheck::{Frame, Refused, count_again};
use liftlock::config;
use liftlock::config::trust::Keyring;
use liftlock::release::Identified;
use liftlock::state::{How, Live};
use liftlock_io::git::Git;
use liftlock_io::store::Folder;

use super::*;

const RULES: &str = "version: 1
service: shop
trust:
  - { name: approvals, roles: [judge], keys: [{ key-file: judge.pub }] }
  - { name: builds, roles: [builder], keys: [{ key-file: builder.pub }] }
people:
  alice: { accounts: ['github:7'] }
  bob: { accounts: ['github:8'] }
  carol: { accounts: ['github:9'], emails: [carol@shop.example] }
environments:
  production:
    requires: [approval]
    approval: { rules: [{ name: owners, quorum: 1, codeowners: { repository: 'github:acme/shop' } }], at: ['github:acme/shop'] }
";

/// The file of what is live, and the one by which mallory would own all.
const OWNERS: &str =
    "* @alice\n/db/ @acme/dba\n/ui/ carol@shop.example\n/gone/ @nobody @mallory\n/free/\n";
const GRABBED: &str = "* @mallory @carol\n";

const ASK: [&str; 5] = [
    "request",
    "--release",
    "shop-2.json",
    "--environment",
    "production",
];

impl World {
    /// What is live and what the release is are commits with these files.
    fn owned(live: &[(&str, &str)], release: &[(&str, &str)]) -> Self {
        let world = Self::without_release();
        let (from, to) = world.github.with(|state| {
            let from = state.commit(None, live);
            let to = state.commit(Some(&from), release);
            (from, to)
        });
        world.built("shop-1", Some(&from));
        world.live("shop-1");
        world.built("shop-2", Some(&to));
        world
    }

    /// Nothing is live; bob 8 and mallory 10 are in the team dba.
    fn without_release() -> Self {
        let world = Self::with(RULES, Token::App);
        world.github.with(|state| {
            state.person(10, "mallory", "write");
            state.team("dba", &[8, 10]);
        });
        world
    }

    fn named(&self, id: &str) -> Identified {
        Identified::parse(&fs::read(self.path(&format!("{id}.json"))).unwrap()).unwrap()
    }

    /// Writes a release and has the builder attest it.
    fn built(&self, id: &str, commit: Option<&str>) {
        let mut release = json!({
            "schema_version": 1, "id": id, "service": "shop", "version": "1",
            "artifacts": { "api": { "digest": Digest::of(id.as_bytes()), "name": "api" } },
            "owner": "team-shop", "created_at": "2026-11-23T08:00:00Z",
        });
        if let Some(commit) = commit {
            release["commit"] = commit.into();
        }
        fs::write(self.path(&format!("{id}.json")), release.to_string()).unwrap();
        let found = self.named(id);
        let subjects = vec![Subject::named(&found.digest, id)];
        let statement = Statement::new(subjects, RELEASE, &found.release).unwrap();
        let bundle = attestation::sign(&statement, &Key::named("builder")).unwrap();
        let evidence = Evidence::new(Box::new(Folder::new(self.path(".liftlock/evidence"))));
        evidence
            .put(&[found.digest], RELEASE, bundle.bytes())
            .unwrap();
    }

    fn live(&self, id: &str) {
        let document = Document {
            live: Some(Live {
                release: self.named(id).reference(),
                since: clock::now(),
                how: How::Promoted,
            }),
            ..Document::default()
        };
        let place = self.path(".liftlock/state/environments/shop");
        fs::create_dir_all(&place).unwrap();
        let text = serde_json::to_string(&document).unwrap();
        fs::write(place.join("production.json"), text).unwrap();
    }

    fn configure(&self, from: &str, to: &str) {
        let text = RULES.replace(from, to);
        assert_ne!(text, RULES);
        self.rules(&text);
    }

    fn ask_owners(&self, more: &[&str]) -> (String, Value) {
        let place = format!("acme/shop#{}", self.issue);
        let told = self.told(13, &[&ASK[..], &["--github", &place], more].concat());
        let request = told["detail"]["request"].as_str().unwrap().to_owned();
        (request, told["detail"]["rules"].clone())
    }

    fn yes(&self, request: &str, users: &[u64]) {
        let text = format!("/approve {request}");
        for user in users {
            self.github
                .with(|state| state.comment(self.issue, *user, &text));
        }
    }

    /// What the judge says it saw about the rule.
    fn change(&self) -> Value {
        self.approved().statement.predicate()["groups"]["changes"]["owners"].clone()
    }

    /// Counts again as `promote` does, with this live.
    fn count_again(&self, release: &str, live: Option<&str>) -> Result<(), Refused> {
        let text = fs::read_to_string(self.path("liftlock.yaml")).unwrap();
        let service = config::parse(&text, None).unwrap();
        let (name, environment) = service.environments.iter().next().unwrap();
        let keyring = Keyring {
            trusted: Vec::new(),
            people: service.people.unwrap(),
        };
        let frame = Frame {
            keyring: &keyring,
            environment: name,
            rule: environment.approval.as_ref(),
            policy: Digest::of(text.as_bytes()),
            release: &self.named(release),
            live: live.map(|id| self.named(id).digest),
            signers: &[],
            shown: None,
            verifier: &Local,
        };
        count_again(&self.approved().statement, &frame, clock::now()).map(drop)
    }
}

fn rule(name: &str, people: &[&str]) -> Value {
    json!({ "name": name, "quorum": 1, "people": people })
}

#[test]
fn a_change_that_edits_codeowners_is_judged_by_the_old_file() {
    let world = World::owned(
        &[
            (".github/CODEOWNERS", OWNERS),
            ("db/1", "a"),
            ("ui/1", "a"),
            ("docs/CODEOWNERS", GRABBED),
        ],
        &[
            (".github/CODEOWNERS", GRABBED),
            ("db/1", "b"),
            ("ui/2", "a"),
            ("docs/CODEOWNERS", GRABBED),
        ],
    );
    let (request, rules) = world.ask_owners(&[]);
    let wanted = [
        rule("owners.1", &["alice"]),
        rule("owners.2", &["bob"]),
        rule("owners.3", &["carol"]),
    ];
    assert_eq!(rules, json!(wanted));
    // Mallory is in the team and would own all by the new file; nobody knows him.
    world.yes(&request, &[9, 10, 7]);
    let told = world.judge_with(13, &request, &[]);
    assert_eq!(told["detail"]["judgement"]["who_may"], json!(["bob"]));
    world.yes(&request, &[8]);
    world.github.with(|state| state.team("dba", &[10]));
    world.judge_with(13, &request, &[]);
    world.github.with(|state| state.team("dba", &[8]));
    world.judge_with(0, &request, &[]);
    let change = world.change();
    assert_eq!(change["file"], ".github/CODEOWNERS");
    assert_eq!(change["file_digest"], json!(Digest::of(OWNERS.as_bytes())));
    let moved = b".github/CODEOWNERS\0db/1\0ui/1\0ui/2\0";
    assert_eq!(change["paths_digest"], json!(Digest::of(moved)));
}

#[test]
fn what_was_live_when_people_were_asked_has_to_be_live_when_they_are_counted() {
    let files = [("CODEOWNERS", OWNERS), ("a", "1")];
    let world = World::owned(&files, &[("CODEOWNERS", OWNERS), ("a", "2")]);
    let (request, _) = world.ask_owners(&[]);
    world.yes(&request, &[7]);
    let other = world.github.with(|state| state.commit(None, &files));
    let from = world.named("shop-1").release.commit.unwrap();
    world.built("shop-3", Some(&from));
    world.live("shop-3");
    let told = world.judge_with(10, &request, &[]);
    let why = told["headline"].as_str().unwrap();
    assert!(why.contains("what is live changed"), "{why}");
    world.live("shop-1");
    world.judge_with(0, &request, &[]);
    // So has it to be when the approval is used, or be that release already.
    world.count_again("shop-2", Some("shop-1")).unwrap();
    world.count_again("shop-2", Some("shop-2")).unwrap();
    for live in [None, Some("shop-3")] {
        let refused = world.count_again("shop-2", live);
        assert!(matches!(refused, Err(Refused::Live)), "{refused:?}");
    }
    // Nobody gives another commit for the one that is known.
    let judge = ["judge", "--request", &request, "--key", "judge.key"];
    world.refused(
        3,
        "which is live",
        &[&judge[..], &["--live-commit", &other]].concat(),
    );
}

#[test]
fn a_path_without_an_owner_who_is_known_is_not_asked_about() {
    let live = [("CODEOWNERS", OWNERS), ("a", "1")];
    let world = World::owned(
        &live,
        &[("CODEOWNERS", OWNERS), ("a", "1"), ("free/1", "x")],
    );
    world.refused(3, "nobody owns `free/1` by `CODEOWNERS`", &ASK);
    world.configure(
        "'github:acme/shop' }",
        "'github:acme/shop', unowned: [bob] }",
    );
    let (request, rules) = world.ask_owners(&[]);
    assert_eq!(rules, json!([rule("owners.unowned", &["bob"])]));
    world.yes(&request, &[7]);
    world.judge_with(13, &request, &[]);
    world.yes(&request, &[8]);
    world.judge_with(0, &request, &[]);
    let world = World::owned(
        &live,
        &[("CODEOWNERS", OWNERS), ("a", "1"), ("gone/1", "x")],
    );
    let why = "owners @mallory, @nobody of `gone/1` have to say yes, and `people` names nobody";
    world.refused(3, why, &ASK);
    let world = World::owned(&live, &live);
    world.refused(3, "no path differs", &ASK);
}

#[test]
fn what_is_not_known_about_the_change_is_no_approval() {
    let live = [("CODEOWNERS", OWNERS), ("a", "1")];
    let world = World::owned(&[("a", "1")], &live);
    world.refused(3, "no CODEOWNERS", &ASK);
    let world = World::owned(&[("CODEOWNERS", "* alice\n")], &live);
    world.refused(3, "line 1", &ASK);
    let world = World::owned(&live, &[("CODEOWNERS", OWNERS), ("a", "2")]);
    let (request, _) = world.ask_owners(&[]);
    world.yes(&request, &[7]);
    let judge = ["judge", "--request", &request, "--key", "judge.key"];
    for (part, answer, code) in [
        ("compare", Answer::new(401), 4),
        ("compare", Answer::new(404), 3),
        ("compare", Answer::json("{\"status\":"), 1),
        ("contents", Answer::new(403), 4),
        ("contents", Answer::json("[]"), 1),
        ("users", Answer::json("{}"), 1),
    ] {
        world.github.with(|state| state.order(part, answer));
        world.told(code, &judge);
    }
    let many: Vec<String> = (0..300).map(|number| format!("f{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "x")).collect();
    let crowd = World::owned(&live, &many);
    crowd.refused(3, "--clone", &ASK);
    world.built("shop-2", None);
    world.refused(3, "names no commit", &ASK);
    world.built("shop-2", Some("main"));
    world.refused(3, "no whole name", &ASK);
    world.judge_with(0, &request, &[]);
}

#[test]
fn the_first_release_is_compared_with_what_somebody_names() {
    let world = World::without_release();
    let (from, to) = world.github.with(|state| {
        let from = state.commit(None, &[("CODEOWNERS", OWNERS)]);
        let to = state.commit(Some(&from), &[("CODEOWNERS", OWNERS), ("db/1", "x")]);
        (from, to)
    });
    world.built("shop-2", Some(&to));
    world.refused(3, "nothing is live", &ASK);
    let (request, rules) = world.ask_owners(&["--live-commit", &from]);
    assert_eq!(rules, json!([rule("owners.1", &["bob"])]));
    world.yes(&request, &[8]);
    let told = world.judge_with(10, &request, &["--live-commit", &to]);
    let why = told["headline"].as_str().unwrap();
    assert!(why.contains("what is live changed"), "{why}");
    world.judge_with(0, &request, &["--live-commit", &from]);
}

#[test]
fn a_clone_tells_the_same_without_the_limits() {
    let world = World::without_release();
    let folder = world.path("clone");
    fs::create_dir(&folder).unwrap();
    let git = Git::new(&folder, Duration::from_secs(30), 10_000_000);
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let answer = git.ask(&[&who[..], arguments].concat(), b"").unwrap();
        String::from_utf8(answer).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet", "--template="]);
    let commit = |owners: &str, count: usize| {
        fs::write(folder.join("CODEOWNERS"), owners).unwrap();
        for number in 0..count {
            fs::write(folder.join(format!("f{number}")), "x").unwrap();
        }
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", "x"]);
        git(&["rev-parse", "HEAD"])
    };
    let (from, to) = (commit(OWNERS, 0), commit(GRABBED, 400));
    world.built("shop-1", Some(&from));
    world.live("shop-1");
    world.built("shop-2", Some(&to));
    let clone = ["--clone", "clone"];
    let (request, rules) = world.ask_owners(&clone);
    assert_eq!(rules, json!([rule("owners.1", &["alice"])]));
    world.yes(&request, &[7]);
    world.judge_with(0, &request, &clone);
    let printed = git(&["diff", "--name-only", "-z", "--no-renames", &from, &to]);
    let change = world.change();
    assert_eq!(change["paths"], 401);
    assert_eq!(
        change["paths_digest"],
        json!(Digest::of(printed.as_bytes()))
    );
    // GitHub was asked about the owner, and about nothing that the clone tells.
    let asked = world.github.requests();
    assert!(!asked.iter().any(|one| one.target.contains("compare")));
    world.built("shop-2", Some(&"0".repeat(40)));
    world.refused(3, "git fetch origin", &[&ASK[..], &clone].concat());
    world.built("shop-2", Some(&to));
    world.refused(
        3,
        "not a git repository",
        &[&ASK[..], &["--clone", "."]].concat(),
    );
}
