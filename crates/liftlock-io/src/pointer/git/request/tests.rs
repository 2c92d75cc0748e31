//! On both forges: what people do with a request, and what becomes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::name::Name;
use liftlock::release::Reference;
use liftlock::time::Time;
use serde_json::json;
use tempfile::TempDir;
use testkit::git::{self, Merge};
use testkit::http::{Answer, Ending};
use testkit::servers::Prism;
use testkit::servers::github::{GitHub as FakeGitHub, Token as GithubToken};
use testkit::servers::gitlab::{GitLab as FakeGitLab, Token as GitlabToken};

use super::*;
use crate::forge::{Pace, Wire, wire};
use crate::http::Options;

const FILE: &str = "apps/shop/values.yaml";

/// Where people are asked, with the token of a job.
enum Fake {
    Github(FakeGitHub, String),
    Gitlab(FakeGitLab, String),
}

struct World {
    folder: TempDir,
    url: String,
    fake: Fake,
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn values(live: &str) -> String {
    format!(
        "image:\n  digest: {} # moved\n# Far enough\n# for git to merge\n# changes of both.\nreplicas: 2\n",
        digest(live)
    )
}

/// Both forges, each with a repository of its own.
fn both() -> [World; 2] {
    [World::github(GithubToken::Job), World::gitlab(30)]
}

impl World {
    fn new(fake: Fake) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [(FILE, values("one")), ("README.md", "Hi.\n".to_owned())];
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        let bare = folder.path().join("deploy.git");
        let url = git::bare_with(&bare, &files).unwrap();
        match &fake {
            Fake::Github(fake, _) => fake.with(|state| state.repository(&bare)),
            Fake::Gitlab(fake, _) => fake.with(|state| state.repository(&bare)),
        }
        Self { folder, url, fake }
    }

    fn github(kind: GithubToken) -> Self {
        let fake = FakeGitHub::start().unwrap();
        let token = fake.with(|state| {
            state.person(7, "alice", "write");
            state.token(kind)
        });
        Self::new(Fake::Github(fake, token))
    }

    fn gitlab(level: u64) -> Self {
        let fake = FakeGitLab::start().unwrap();
        let token = fake.with(|state| {
            state.person(7, "alice", level);
            state.token(GitlabToken::Api(7))
        });
        Self::new(Fake::Gitlab(fake, token))
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("deploy.git")
    }

    fn git(&self, args: &[&str]) -> String {
        git::run(&self.bare(), args).unwrap()
    }

    fn tip(&self) -> String {
        self.git(&["rev-parse", "main"])
    }

    fn home(&self) -> Home {
        let pace = || Pace {
            now: Box::new(clock::now),
            wait: Box::new(|_| {}),
        };
        let deadline = wire::later(clock::now(), Duration::from_secs(60));
        let (options, until) = (Options::default(), (deadline, pace()));
        match &self.fake {
            Fake::Github(fake, token) => {
                let wire = Wire::new((&fake.url(), token), &options, until).unwrap();
                Home::Github(GitHub::new(wire, "acme/shop").unwrap())
            }
            Fake::Gitlab(fake, token) => {
                let api = (&*fake.api(), &**token);
                Home::Gitlab(GitLab::new(api, &options, until, "acme/shop").unwrap())
            }
        }
    }

    /// Every request: number, branch, and how far it came.
    fn asked(&self) -> Vec<(u64, String, &'static str)> {
        match &self.fake {
            Fake::Github(fake, _) => fake.with(|state| state.pulls()),
            Fake::Gitlab(fake, _) => fake.with(|state| state.merge_requests()),
        }
    }

    fn stages(&self) -> Vec<&'static str> {
        let all = self.asked().into_iter();
        all.map(|(_, _, stage)| stage.trim_end_matches("ed"))
            .collect()
    }

    fn last(&self) -> (u64, String) {
        let (number, head, _) = self.asked().pop().unwrap();
        (number, head)
    }

    fn merge(&self, how: Merge) {
        self.merge_at(how, clock::now());
    }

    fn merge_at(&self, how: Merge, at: Time) {
        let (number, _) = self.last();
        match &self.fake {
            Fake::Github(fake, _) => fake.with(|state| state.set_clock(at)),
            Fake::Gitlab(fake, _) => fake.with(|state| state.set_clock(at)),
        }
        match &self.fake {
            Fake::Github(fake, _) => fake.with(|state| state.merge(number, how).unwrap()),
            Fake::Gitlab(fake, _) => fake.with(|state| state.merge(number, how).unwrap()),
        }
    }

    fn close(&self, closed: bool) {
        let (number, _) = self.last();
        match &self.fake {
            Fake::Github(fake, _) => fake.with(|state| state.close_pull(number, closed).unwrap()),
            Fake::Gitlab(fake, _) => {
                fake.with(|state| state.close_merge_request(number, closed).unwrap());
            }
        }
    }

    /// Answers the next request with this in its target so.
    fn order(&self, part: &str, answer: Answer) {
        match &self.fake {
            Fake::Github(fake, _) => fake.with(|state| state.order(part, answer)),
            Fake::Gitlab(fake, _) => fake.with(|state| state.order(part, answer)),
        }
    }

    fn list(&self) -> &'static str {
        match &self.fake {
            Fake::Github(..) => "/pulls",
            Fake::Gitlab(..) => "/merge_requests",
        }
    }

    /// How often a request was opened, also in vain.
    fn openings(&self) -> usize {
        let requests = match &self.fake {
            Fake::Github(fake, _) => fake.requests(),
            Fake::Gitlab(fake, _) => fake.requests(),
        };
        let posts = requests.iter().filter(|one| one.method == "POST");
        posts.count()
    }

    /// Somebody else's commit on a branch.
    fn push(&self, branch: &str, change: impl FnOnce(&Path), message: &str) {
        let work = tempfile::tempdir().unwrap();
        let at = work.path();
        git::run(
            at,
            &["clone", "--quiet", "--branch", branch, &self.url, "."],
        )
        .unwrap();
        change(at);
        git::run(at, &["add", "--all"]).unwrap();
        git::run(at, &["commit", "--quiet", "--allow-empty", "-m", message]).unwrap();
        let refspec = format!("HEAD:{branch}");
        git::run(at, &["push", "--quiet", "origin", &refspec]).unwrap();
    }

    fn value(&self) -> GitValue {
        let repository = "github:acme/shop";
        serde_json::from_value(json!({
            "repo": self.url, "branch": "main", "file": FILE, "path": "image.digest",
            "request": { "repository": repository },
        }))
        .unwrap()
    }

    fn with<T>(&self, (from, to): (&str, &str), fence: u64, work: impl FnOnce(Way<'_>) -> T) -> T {
        let release = Reference {
            id: format!("shop-{to} @all"),
            digest: digest("release"),
            artifacts: BTreeMap::new(),
        };
        let moved = Move {
            from: Some(digest(from)),
            to: digest(to),
            release: &release,
            plan: digest("plan"),
            fence,
            notice: None,
        };
        let (service, environment): (Name, Name) =
            ("shop".parse().unwrap(), "production".parse().unwrap());
        let scope = Scope {
            service: &service,
            environment: &environment,
            ca_file: None,
        };
        work(Way {
            value: &self.value(),
            home: self.home(),
            moved: &moved,
            scope: &scope,
        })
    }

    fn propose(&self) -> Result<Moved, Failure> {
        self.with(("one", "two"), 1, |way| way.propose())
    }

    fn withdraw(&self) -> Result<Withdrawn, Failure> {
        self.with(("one", "two"), 1, |way| way.withdraw())
    }

    /// Where the value is once nobody is asked to move it any more.
    fn left(&self) -> Digest {
        match self.withdraw().unwrap().live {
            Live::At(digest) => digest,
            live @ (Live::Nowhere | Live::Strange(_)) => panic!("{live}"),
        }
    }

    /// Why people do not want it.
    fn refused(&self) -> String {
        match self.propose().unwrap() {
            Moved::Refused(why) => why,
            other @ (Moved::Already | Moved::Waits(_)) => panic!("{other:?}"),
        }
    }

    fn waits(&self) -> String {
        match self.propose().unwrap() {
            Moved::Waits(page) => page,
            other @ (Moved::Already | Moved::Refused(_)) => panic!("{other:?}"),
        }
    }

    fn branches(&self) -> Vec<String> {
        let told = self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        told.lines().map(str::to_owned).collect()
    }
}

/// What somebody does in a clone.
type Change<'a> = &'a dyn Fn(&Path);

fn edit(work: &Path, from: &str, to: &str) {
    let file = work.join(FILE);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn what_was_closed_is_refused_until_it_is_open_again() {
    for world in both() {
        world.waits();
        world.close(true);
        let why = world.refused();
        assert!(why.ends_with("was closed without being merged"), "{why}");
        assert_eq!(world.openings(), 1);
        world.close(false);
        world.waits();
    }
}

#[test]
fn a_branch_that_somebody_else_changed_is_refused() {
    for world in both() {
        world.waits();
        let (_, head) = world.last();
        let before = world.git(&["rev-parse", &head]);
        let other = digest("three").to_string();
        let two = digest("two").to_string();
        let changes: [(&str, Change<'_>); 3] = [
            ("another value", &|work| edit(work, &two, &other)),
            ("more in the file", &|work| {
                edit(work, "replicas: 2", "replicas: 9");
            }),
            ("another file", &|work| {
                fs::write(work.join("evil.yaml"), "x: 1\n").unwrap();
            }),
        ];
        for (what, change) in changes {
            world.push(&head, change, "By another");
            let why = world.refused();
            assert!(why.contains("was moved by somebody else"), "{what}: {why}");
            let name = format!("refs/heads/{head}");
            world.git(&["update-ref", &name, &before]);
            world.waits();
        }
        // A branch without the change would be merged for nothing.
        let main = world.tip();
        world.git(&["update-ref", &format!("refs/heads/{head}"), &main]);
        assert!(world.refused().contains("moved by somebody else"));
        assert_eq!(world.stages(), ["open"]);
    }
}

#[test]
fn a_foreign_branch_of_our_name_is_not_offered_for_merging() {
    for world in both() {
        let head = world.with(("one", "two"), 1, |way| way.head());
        world.git(&["branch", &head, "main"]);
        let change = |work: &Path| fs::write(work.join("evil.yaml"), "x: 1\n").unwrap();
        world.push(&head, change, "By another");
        assert!(world.refused().contains("was moved by somebody else"));
        assert_eq!(world.openings(), 0);
    }
}

#[test]
fn what_was_merged_with_another_value_or_put_back_is_refused() {
    for world in both() {
        world.waits();
        let (_, head) = world.last();
        let (two, three) = (digest("two").to_string(), digest("three").to_string());
        world.push(&head, |work| edit(work, &two, &three), "By another");
        world.merge(Merge::Squash);
        let refused = world.propose().unwrap_err();
        assert_eq!(refused.kind, Kind::Refuted);
        let told = refused.lines().join(": ");
        assert!(told.contains("moved by somebody else"), "{told}");
        assert!(world.withdraw().unwrap().live.is(Some(digest("three"))));
        let one = digest("one").to_string();
        world.push("main", |work| edit(work, &three, &one), "Put it back");
        let why = world.refused();
        assert!(why.contains("is merged, and"), "{why}");
        assert!(why.contains("is what it was before"), "{why}");
        assert_eq!(world.left(), digest("one"));
    }
}

#[test]
fn a_merge_that_is_not_to_be_seen_yet_is_asked_about_again() {
    for world in both() {
        world.waits();
        let before = world.tip();
        world.merge(Merge::Commit);
        let merged = world.tip();
        world.git(&["update-ref", "refs/heads/main", &before]);
        for refused in [
            world.propose().unwrap_err(),
            world.withdraw().map(drop).unwrap_err(),
        ] {
            assert_eq!(refused.kind, Kind::Upstream);
            assert!(refused.lines().join(": ").contains("does not show it yet"));
        }
        world.git(&["update-ref", "refs/heads/main", &merged]);
        assert_eq!(world.propose().unwrap(), Moved::Already);
    }
}

#[test]
fn a_merge_that_is_not_in_the_branch_any_more_leaves_the_word_to_the_value() {
    for world in both() {
        world.waits();
        let before = world.tip();
        let ago = clock::now().unix_millis() - 600_000;
        world.merge_at(Merge::Commit, Time::from_unix_millis(ago).unwrap());
        world.git(&["update-ref", "refs/heads/main", &before]);
        let why = world.refused();
        assert!(why.contains("is what it was before"), "{why}");
        assert!(world.withdraw().unwrap().live.is(Some(digest("one"))));
        assert_eq!(world.branches(), ["main"]);
    }
}

#[test]
fn an_unknown_state_is_an_error() {
    for world in both() {
        world.waits();
        let told = json!([{
            "number": 1, "html_url": "x", "iid": 1, "web_url": "x", "state": "half",
            "source_branch": "x", "target_branch": "x", "target_project_id": 1,
            "head": { "ref": "x", "repo": null }, "base": { "ref": "x", "repo": null },
        }]);
        world.order(world.list(), Answer::json(told.to_string()));
        assert_eq!(world.propose().unwrap_err().kind, Kind::Upstream);
        world.waits();
    }
}

#[test]
fn who_may_not_ask_is_told_what_is_missing() {
    let job = World::github(GithubToken::Job);
    if let Fake::Github(fake, _) = &job.fake {
        fake.with(|state| state.keep_jobs_from_pulls());
    }
    let cases = [
        (World::github(GithubToken::ReadOnly), "not accessible"),
        (job, "not permitted to create"),
        (World::gitlab(20), "403"),
    ];
    for (world, said) in cases {
        let refused = world.propose().unwrap_err();
        assert_eq!(refused.kind, Kind::Credentials);
        let told = refused.lines().join(": ");
        assert!(told.contains(said), "{told}");
        let hint = refused.hint.clone().unwrap_or_default();
        assert!(
            hint.contains("pull-requests: write") || hint.contains("Developer"),
            "{hint}"
        );
        assert_eq!(world.stages(), [""; 0]);
    }
}

#[test]
fn what_the_forge_does_not_take_is_an_error_with_its_words() {
    let taken = json!({ "message": "Validation Failed" }).to_string();
    for world in both() {
        // The list is asked for first, and once more after the refusal.
        world.order(world.list(), Answer::json("[]"));
        world.order(world.list(), Answer::new(422).body(taken.clone()));
        let refused = world.propose().unwrap_err();
        assert_eq!(refused.kind, Kind::Invalid);
        assert!(refused.lines().join(": ").contains("Validation Failed"));
        // Its branch is there, and is found again.
        world.waits();
    }
}

#[test]
fn an_older_owner_asks_nobody() {
    for world in both() {
        let trailers = "By another\n\nLiftlock-Environment: shop/production\nLiftlock-Fence: 9";
        world.push("main", |_| {}, trailers);
        assert_eq!(world.propose().unwrap_err().kind, Kind::Blocked);
        assert_eq!((world.openings(), world.branches().len()), (0, 1));
        world.with(("one", "two"), 9, |way| way.propose()).unwrap();
    }
}

#[test]
fn however_people_merge_the_value_counts() {
    for how in [Merge::Commit, Merge::Squash, Merge::Rebase] {
        for world in both() {
            let page = world.waits();
            assert!(page.starts_with("http"), "{page}");
            assert_eq!(
                world.git(&["show", &format!("main:{FILE}")]) + "\n",
                values("one")
            );
            // Others work on: none of it is in the way.
            let more = |work: &Path| edit(work, "replicas: 2", "replicas: 3");
            world.push("main", more, "More replicas");
            assert_eq!(world.waits(), page);
            world.merge(how);
            assert_eq!(world.propose().unwrap(), Moved::Already, "{how:?}");
            assert_eq!(world.left(), digest("two"));
            let text = world.git(&["show", &format!("main:{FILE}")]) + "\n";
            assert_eq!(text, values("two").replace("replicas: 2", "replicas: 3"));
            assert_eq!(world.branches(), ["main"], "{how:?}");
            assert_eq!(world.openings(), 1);
            // The trailers of a squash are lost: a later owner moves all the same.
            assert!(matches!(
                world.with(("two", "three"), 2, |way| way.propose()),
                Ok(Moved::Waits(_))
            ));
        }
    }
}

#[test]
fn a_branch_that_was_brought_up_to_date_is_still_ours() {
    for world in both() {
        world.waits();
        let (_, head) = world.last();
        let more = |work: &Path| edit(work, "replicas: 2", "replicas: 3");
        world.push("main", more, "More replicas");
        git::merge(&world.bare(), ("main", &head), Merge::Commit, "Update").unwrap();
        world.waits();
        world.merge(Merge::Commit);
        assert_eq!(world.propose().unwrap(), Moved::Already);
    }
}

#[test]
fn the_request_says_what_it_moves_and_runs_no_text_of_others() {
    let world = World::github(GithubToken::Job);
    world.waits();
    let Fake::Github(fake, _) = &world.fake else {
        panic!("not GitHub");
    };
    let (title, body) = fake.with(|state| state.filed()).pop().unwrap();
    assert_eq!(title, "Point production at shop-two__all");
    let (one, two) = (digest("one").short(), digest("two").short());
    let moves =
        format!("`image.digest` in `{FILE}` on `main`: {one} to {two}, for shop-two\\_\\_all.");
    assert!(body.starts_with(&moves), "{body}");
    let end = format!("Liftlock-Plan: {}\nLiftlock-Fence: 1\n", digest("plan"));
    assert!(body.ends_with(&end), "{body}");
    let (_, head) = world.last();
    let message = world.git(&["log", "-1", "--format=%B", &head]);
    assert!(
        message.contains("Liftlock-Environment: shop/production"),
        "{message}"
    );
}

#[test]
fn whoever_died_between_push_and_asking_is_gone_on_with() {
    for world in both() {
        world.order(world.list(), Answer::json("[]"));
        for _ in 0..2 {
            let cut = Answer::new(200).ending(Ending::CloseAtOnce);
            world.order(world.list(), cut);
        }
        assert!(world.propose().is_err());
        let (branches, posts) = (world.branches(), world.openings());
        assert_eq!((branches.len(), world.stages().len()), (2, 0));
        world.waits();
        assert_eq!((world.branches(), world.openings()), (branches, posts + 1));
    }
}

#[test]
fn an_answer_that_got_lost_makes_no_second_request() {
    for world in both() {
        match &world.fake {
            Fake::Github(fake, _) => fake.with(|state| state.lose("POST", "/pulls")),
            Fake::Gitlab(fake, _) => fake.with(|state| state.lose("POST", "/merge_requests")),
        }
        world.waits();
        world.waits();
        assert_eq!((world.openings(), world.stages()), (1, vec!["open"]));
    }
}

#[test]
fn what_is_withdrawn_is_closed_and_leaves_no_branch() {
    for world in both() {
        let before = world.tip();
        // Nobody was asked yet.
        assert_eq!(world.left(), digest("one"));
        world.waits();
        for _ in 0..2 {
            assert_eq!(world.left(), digest("one"));
            assert_eq!(world.stages(), ["clos"]);
            assert_eq!(world.branches(), ["main"]);
        }
        assert_eq!(world.tip(), before);
    }
}

#[test]
fn a_branch_with_work_of_others_is_closed_and_left() {
    for world in both() {
        world.waits();
        let (_, head) = world.last();
        let change = |work: &Path| fs::write(work.join("theirs.yaml"), "x: 1\n").unwrap();
        world.push(&head, change, "By another");
        assert_eq!(world.left(), digest("one"));
        assert_eq!(world.stages(), ["clos"]);
        assert_eq!(world.branches(), [head.as_str(), "main"]);
    }
}

#[test]
fn what_was_merged_before_it_was_withdrawn_is_told() {
    for world in both() {
        world.waits();
        world.merge(Merge::Rebase);
        let withdrawn = world.withdraw().unwrap();
        assert!(withdrawn.live.is(Some(digest("two"))));
        let ago = clock::now().millis_since(withdrawn.merged_at.unwrap());
        assert!(ago < 60_000, "{ago}");
        // The way back is a request of its own.
        let back = world.with(("two", "one"), 2, |way| way.propose());
        assert!(matches!(back, Ok(Moved::Waits(_))), "{back:?}");
        assert_eq!(world.stages(), ["merg", "open"]);
        world.merge(Merge::Squash);
        let back = world.with(("two", "one"), 2, |way| way.propose());
        assert_eq!(back.unwrap(), Moved::Already);
        assert_eq!(
            world.git(&["show", &format!("main:{FILE}")]) + "\n",
            values("one")
        );
    }
}

#[test]
fn every_call_about_requests_is_one_that_github_describes() {
    let world = World::github(GithubToken::Job);
    let Fake::Github(fake, token) = &world.fake else {
        panic!("not GitHub");
    };
    let Some(prism) = Prism::before(&fake.url()).unwrap() else {
        return;
    };
    fake.with(|state| state.behind(prism.url()));
    let home = || {
        let pace = Pace {
            now: Box::new(clock::now),
            wait: Box::new(|_| {}),
        };
        let deadline = wire::later(clock::now(), Duration::from_secs(60));
        let wire = Wire::new((prism.url(), token), &Options::default(), (deadline, pace));
        Home::Github(GitHub::new(wire.unwrap(), "acme/shop").unwrap())
    };
    let there = |way: Way<'_>| {
        Way {
            home: home(),
            ..way
        }
        .propose()
    };
    let asked = world.with(("one", "two"), 1, there).unwrap();
    assert!(matches!(asked, Moved::Waits(_)), "{asked:?}");
    assert_eq!(world.with(("one", "two"), 1, there).unwrap(), asked);
    let gone = world.with(("one", "two"), 1, |way| {
        Way {
            home: home(),
            ..way
        }
        .withdraw()
    });
    assert!(gone.unwrap().live.is(Some(digest("one"))));
    assert_eq!(prism.violations(), [""; 0]);
}
