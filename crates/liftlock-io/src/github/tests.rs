mod again;
mod reviews;
mod shown;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use liftlock::approval::answer::Heard;
use liftlock::approval::forge::{LEAST, hear};
use liftlock::approval::policy::Policy;
use liftlock::approval::request::{Place, Request, SCHEMA_VERSION, Spot};
use liftlock::approval::seats::Rule;
use liftlock::config::approval::Approval;
use liftlock::config::trust::Person;
use liftlock::digest::Digest;
use liftlock::failure::Explain as _;
use liftlock::failure::Kind;
use liftlock::name::Name;
use liftlock::release;
use testkit::http::{Answer, Ending};
use testkit::servers::Prism;
use testkit::servers::github::{Commit as MadeCommit, GitHub as Fake, Token};

use super::*;
use crate::forge::{Watched as _, wire};

/// What nobody asked.
const QUESTION: &str = "?";

const HOUR: Duration = Duration::from_secs(3_600);

/// GitHub with alice (7), bob (8), who may write, eve (9), who may not, and an
/// issue; its clock is the only one.
struct World {
    fake: Rc<Fake>,
    issue: u64,
    token: String,
}

impl World {
    fn new() -> Self {
        let fake = Rc::new(Fake::start().unwrap());
        let (issue, token) = fake.with(|state| {
            state.person(7, "alice", "write");
            state.person(8, "bob", "maintain");
            state.person(9, "eve", "read");
            (state.issue(9), state.token(Token::Job))
        });
        Self { fake, issue, token }
    }

    fn github(&self) -> GitHub {
        self.at(&self.fake.url(), &self.token)
    }

    fn at(&self, base: &str, token: &str) -> GitHub {
        let (clock, hands) = (Rc::clone(&self.fake), Rc::clone(&self.fake));
        let pace = Pace {
            now: Box::new(move || clock.with(|state| state.now())),
            wait: Box::new(move |length| {
                let whole = length.as_millis().div_ceil(1_000);
                let whole = Duration::from_secs(u64::try_from(whole).unwrap());
                hands.with(|state| state.advance(whole));
            }),
        };
        let deadline = wire::later(self.now(), HOUR * 6);
        let wire = Wire::new((base, token), &Options::default(), (deadline, pace)).unwrap();
        GitHub::new(wire, "acme/shop").unwrap()
    }

    fn now(&self) -> Time {
        self.fake.with(|state| state.now())
    }

    fn say(&self, user: u64, body: &str) -> u64 {
        self.fake
            .with(|state| state.comment(self.issue, user, body))
    }

    fn spot(&self, asked: &Identified) -> Spot {
        asked.request.place.as_ref().unwrap().at.clone()
    }

    fn asked(&self) -> Identified {
        self.asked_at(Spot::Comments { issue: self.issue })
    }

    fn asked_at(&self, at: Spot) -> Identified {
        let document = serde_json::json!({
            "schema_version": 1, "id": "shop-1", "service": "shop", "version": "1",
            "artifacts": { "api": { "digest": Digest::of(b"a"), "name": "api" } },
            "owner": "team-shop", "created_at": "2026-11-23T08:00:00Z", "authors": [],
        })
        .to_string();
        let read = release::Identified::parse(document.as_bytes()).unwrap();
        let request = Request {
            schema_version: SCHEMA_VERSION,
            id: "1".to_owned(),
            nonce: "n".to_owned(),
            service: name("shop"),
            environment: name("production"),
            release: read.reference(),
            document,
            policy: Digest::of(b"policy"),
            evidence: Vec::new(),
            rules: vec![Rule {
                name: name("people"),
                quorum: 2,
                people: [name("alice"), name("bob")].into(),
            }],
            distinct: false,
            compared: BTreeMap::new(),
            actors: Vec::new(),
            requested_by: None,
            run_url: None,
            place: Some(Place {
                host: None,
                forge: Forge::Github,
                repository: "acme/shop".to_owned(),
                at,
                authors: [].into(),
                addresses: [].into(),
            }),
            deployment: None,
            break_glass: None,
            made_at: self.now(),
            expires_at: wire::later(self.now(), HOUR * 6),
        };
        Identified::new(&request).unwrap()
    }

    /// The people whose answers count now.
    fn heard(&self, github: &GitHub, asked: &Identified) -> Result<Vec<String>, Error> {
        let policy = policy();
        let least = policy.approval.permission.unwrap_or(LEAST);
        let found = github.answers(
            &self.spot(asked),
            (asked, QUESTION),
            (&policy.keyring, least),
        )?;
        let events = found.events;
        let heard = events.iter().map(|event| hear(event, asked, &policy));
        let heard = heard.filter_map(|heard| match heard {
            Heard::Told { answer, .. } if answer.request == asked.digest => {
                Some(format!("{} {}", answer.person, answer.answer))
            }
            Heard::Proved { .. } | Heard::Told { .. } | Heard::Refused { .. } => None,
        });
        Ok(heard.collect())
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn policy() -> Policy {
    let people = [name("alice"), name("bob")].to_vec();
    let mut approval = Approval::of(2, people).unwrap();
    approval.at = Some(["github:acme/shop".parse().unwrap()].into());
    Policy::new(Digest::of(b"policy"), &approval, keyring())
}

fn keyring() -> Keyring {
    let person = |account: u64| Person {
        accounts: [format!("github:{account}")].into(),
        ..Person::default()
    };
    Keyring {
        trusted: Vec::new(),
        people: [
            (name("alice"), person(7)),
            (name("bob"), person(8)),
            (name("eve"), person(9)),
        ]
        .into(),
    }
}

fn yes(asked: &Identified) -> String {
    format!("/approve {}", asked.digest)
}

#[test]
fn an_answer_counts_on_whatever_page_it_is() {
    for before in [0, 30, 31, 100, 101, 250] {
        let world = World::new();
        let asked = world.asked();
        for _ in 0..before {
            world.say(9, "talk");
        }
        world.say(7, &yes(&asked));
        world.say(8, &format!("/deny {}", asked.digest));
        let found = world.heard(&world.github(), &asked).unwrap();
        assert_eq!(found, ["alice yes", "bob no"], "{before}");
    }
}

#[test]
fn ten_thousand_comments_are_read_to_the_end_and_more_are_no_answer() {
    let world = World::new();
    let asked = world.asked();
    for _ in 0..9_999 {
        world.say(9, "talk");
    }
    world.say(7, &yes(&asked));
    let github = world.github();
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    for _ in 0..1_001 {
        world.say(9, "talk");
    }
    let error = world.heard(&github, &asked).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
}

#[test]
fn what_was_edited_deleted_or_taken_from_people_does_not_count() {
    let world = World::new();
    let asked = world.asked();
    let github = world.github();
    let first = world.say(7, "hello");
    let second = world.say(8, &yes(&asked));
    world.say(9, &yes(&asked));
    world.fake.with(|state| {
        state.comment_by_app(world.issue, 7, &yes(&asked));
        state.bot(10, "helper[bot]");
        state.comment(world.issue, 10, &yes(&asked));
        state.advance(Duration::from_secs(1));
        state.edit(first, &yes(&asked));
    });
    assert_eq!(world.heard(&github, &asked).unwrap(), ["bob yes"]);
    world.fake.with(|state| state.permit(8, "triage"));
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
    world.fake.with(|state| state.permit(8, "admin"));
    assert_eq!(world.heard(&github, &asked).unwrap(), ["bob yes"]);
    world.fake.with(|state| state.delete(second));
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
}

/// How often the REST API was asked what somebody may do.
fn asked_by_rest(world: &World) -> usize {
    let requests = world.fake.requests();
    let asked = |path: &str| path.ends_with("/permission") || path.starts_with("/user/");
    requests.iter().filter(|one| asked(&one.target)).count()
}

#[test]
fn one_question_tells_edits_and_permissions_and_rest_what_it_does_not() {
    let world = World::new();
    let asked = world.asked();
    let github = world.github();
    world.say(7, &yes(&asked));
    world.say(8, &yes(&asked));
    let both = ["alice yes", "bob yes"];
    assert_eq!(world.heard(&github, &asked).unwrap(), both);
    assert_eq!(asked_by_rest(&world), 0);
    // Below what is needed only the REST API refuses, and it is asked.
    world.fake.with(|state| state.permit(8, "triage"));
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    assert_eq!(asked_by_rest(&world), 1);
    world.fake.with(|state| {
        state.permit(8, "none");
        state.hide_collaborators();
    });
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    assert_eq!(asked_by_rest(&world), 3);
    world.fake.with(|state| state.permit(8, "write"));
    assert_eq!(world.heard(&github, &asked).unwrap(), both);
    // A token that may not write is told of nobody.
    let world = World::new();
    let asked = world.asked();
    world.say(7, &yes(&asked));
    let token = world.fake.with(|state| state.token(Token::ReadOnly));
    let github = world.at(&world.fake.url(), &token);
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    assert_eq!(asked_by_rest(&world), 1);
}

#[test]
fn a_server_that_knows_no_such_question_is_asked_about_edits_alone() {
    let world = World::new();
    let asked = world.asked();
    let comment = world.say(7, &yes(&asked));
    let problem = json!({
        "path": ["query", "repository", "u0", "login"],
        "extensions": { "code": "argumentNotAccepted" },
        "message": "Field 'collaborators' doesn't accept argument 'login'",
    });
    let body = json!({ "errors": [problem] }).to_string();
    let order = || {
        let body = body.clone();
        world
            .fake
            .with(|state| state.order("graphql", Answer::json(body)));
    };
    order();
    let github = world.github();
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice yes"]);
    assert_eq!(asked_by_rest(&world), 1);
    order();
    world.fake.with(|state| state.edit(comment, &yes(&asked)));
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
}

#[test]
fn a_role_above_writing_is_told_by_the_same_question() {
    let world = World::new();
    let asked = world.asked();
    world.say(7, &yes(&asked));
    world.say(8, &yes(&asked));
    let rules = (&keyring(), Permission::Maintain);
    let spot = world.spot(&asked);
    let found = world.github().answers(&spot, (&asked, QUESTION), rules);
    let events = found.unwrap().events.into_iter();
    let told: Vec<Permission> = events.map(|one| one.permission).collect();
    assert_eq!(told, [Permission::Write, Permission::Maintain]);
    // Alice's was not enough.
    assert_eq!(asked_by_rest(&world), 1);
}

#[test]
fn graphql_grants_nothing_to_another_number_and_knows_no_other_word() {
    let world = World::new();
    let asked = world.asked();
    let github = world.github();
    let comment = world.say(7, &yes(&asked));
    world.fake.with(|state| state.permit(7, "read"));
    let told = |number: u64, word: &str| {
        let node = json!({
            "id": format!("IC_{comment}"), "includesCreatedEdit": false, "lastEditedAt": null,
        });
        let edge = json!({ "permission": word, "node": { "databaseId": number } });
        let people = json!({ "u0": { "edges": [edge] } });
        let body = json!({ "data": { "nodes": [node], "repository": people } }).to_string();
        world
            .fake
            .with(|state| state.order("graphql", Answer::json(body)));
        world.heard(&github, &asked)
    };
    assert_eq!(told(7, "WRITE").unwrap(), ["alice yes"]);
    assert_eq!(told(11, "ADMIN").unwrap(), [""; 0]);
    assert_eq!(told(7, "READ").unwrap(), [""; 0]);
    let error = told(7, "OWNER").unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
    assert!(error.to_string().contains("`OWNER`"), "{error}");
}

#[test]
fn one_question_asks_about_twenty_people_at_most() {
    let world = World::new();
    let asked = world.asked();
    let github = world.github();
    let mut keyring = keyring();
    for id in 100..123 {
        let person = Person {
            accounts: [format!("github:{id}")].into(),
            ..Person::default()
        };
        keyring.people.insert(name(&format!("p-{id}")), person);
        world
            .fake
            .with(|state| state.person(id, &format!("p-{id}"), "write"));
        world.say(id, &yes(&asked));
    }
    let rules = (&keyring, LEAST);
    let found = github.answers(&world.spot(&asked), (&asked, QUESTION), rules);
    let events = found.unwrap().events;
    assert_eq!(events.len(), 23);
    assert!(events.iter().all(|one| one.permission == Permission::Write));
    assert_eq!(asked_by_rest(&world), 3);
    let requests = world.fake.requests();
    let graph: Vec<_> = requests
        .iter()
        .filter(|one| one.target == "/graphql")
        .collect();
    assert_eq!(graph.len(), 1);
    let question: serde_json::Value = serde_json::from_slice(&graph[0].body).unwrap();
    assert_eq!(question["variables"]["l19"], "p-119");
    assert!(!question["query"].as_str().unwrap().contains("p-1"));
}

#[test]
fn the_number_counts_and_not_the_login() {
    let world = World::new();
    let asked = world.asked();
    world.say(7, &yes(&asked));
    let comment = world
        .github()
        .comments(world.issue, asked.request.made_at)
        .unwrap();
    assert_eq!(comment[0].user.as_ref().unwrap().login, "alice");
    // Alice is renamed, and an admin takes the old login.
    world.fake.with(|state| {
        state.rename(7, "alicia");
        state.person(11, "alice", "admin");
        state.permit(7, "read");
    });
    let github = world.github();
    assert_eq!(github.permission(7, "alice").unwrap(), Permission::Read);
    assert_eq!(world.heard(&github, &asked).unwrap(), [""; 0]);
    world.fake.with(|state| state.permit(7, "write"));
    assert_eq!(github.permission(7, "alice").unwrap(), Permission::Write);
    world.fake.with(|state| state.forget(7));
    assert_eq!(github.permission(7, "alice").unwrap(), Permission::None);
}

#[test]
fn a_failure_is_never_an_answer() {
    let limited = || Answer::new(403).header("retry-after", "99999");
    let refused = || Answer::json(r#"{"data":{"nodes":[]},"errors":[{"message":"no"}]}"#);
    let cases: [(&str, Vec<Answer>, Kind); 14] = [
        ("graphql", vec![Answer::new(403)], Kind::Credentials),
        ("graphql", vec![refused(), refused()], Kind::Upstream),
        ("graphql", vec![Answer::json("{\"data\":")], Kind::Upstream),
        ("comments", vec![Answer::new(401)], Kind::Credentials),
        ("comments", vec![Answer::new(403)], Kind::Credentials),
        ("permission", vec![Answer::new(403)], Kind::Credentials),
        ("comments", vec![Answer::new(404)], Kind::Invalid),
        ("comments", vec![Answer::new(409)], Kind::Invalid),
        ("comments", vec![Answer::new(422)], Kind::Invalid),
        ("comments", vec![limited()], Kind::Upstream),
        ("comments", vec![Answer::new(502); 3], Kind::Upstream),
        ("permission", vec![Answer::new(500); 3], Kind::Upstream),
        (
            "comments",
            vec![Answer::json("[{\"id\": 1}]")],
            Kind::Upstream,
        ),
        (
            "permission",
            vec![Answer::json(r#"{"permission": "owner"}"#)],
            Kind::Upstream,
        ),
    ];
    for (part, answers, kind) in cases {
        let world = World::new();
        let asked = world.asked();
        world.say(7, &yes(&asked));
        let told = format!("{answers:?}");
        world.fake.with(|state| {
            state.hide_collaborators();
            for answer in answers {
                state.order(part, answer);
            }
        });
        let github = world.github();
        let error = world.heard(&github, &asked).unwrap_err();
        assert_eq!(error.kind(), kind, "{told}: {error}");
        assert_eq!(
            world.heard(&github, &asked).unwrap(),
            ["alice yes"],
            "{told}"
        );
    }
}

#[test]
fn a_passing_failure_and_a_limit_are_waited_out() {
    let cut = || Answer::json("[{\"id\": 1, \"html_url\"").ending(Ending::CloseAfter(5));
    let cases = [
        vec![Answer::new(502), Answer::new(503)],
        vec![cut(), Answer::new(500).ending(Ending::CloseAtOnce)],
        vec![Answer::new(429).header("retry-after", "5")],
        vec![Answer::new(403).header("retry-after", "5")],
        vec![Answer::new(403).body(r#"{"message": "You have exceeded a secondary rate limit."}"#)],
        vec![
            Answer::new(403)
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-reset", "1795694700"),
        ],
    ];
    for answers in cases {
        let world = World::new();
        let asked = world.asked();
        world.say(7, &yes(&asked));
        let told = format!("{answers:?}");
        world.fake.with(|state| {
            for answer in answers {
                state.order("comments", answer);
            }
        });
        assert_eq!(
            world.heard(&world.github(), &asked).unwrap(),
            ["alice yes"],
            "{told}"
        );
    }
}

#[test]
fn a_limit_is_waited_for_as_long_as_github_says() {
    let world = World::new();
    let github = world.github();
    let reset = wire::later(world.now(), Duration::from_secs(300));
    let answer = Answer::new(403)
        .header("x-ratelimit-remaining", "0")
        .header(
            "x-ratelimit-reset",
            &(reset.unix_millis() / 1_000).to_string(),
        );
    world.fake.with(|state| state.order("/user/7", answer));
    github.permission(7, "nobody").unwrap();
    assert!(world.now() >= reset);
}

#[test]
fn a_list_that_shifts_while_it_is_read_is_read_anew() {
    let world = World::new();
    let asked = world.asked();
    let ids: Vec<u64> = (0..100).map(|_| world.say(9, "talk")).collect();
    world.say(7, &format!("/deny {}", asked.digest));
    world.say(9, "talk");
    let github = world.github();
    // The second page as it is once the first comment is gone: the denial
    // slipped to the first page, which was read before.
    let path = github.path(&["issues", "1", "comments"]);
    let all: Vec<Comment> = page::all(github.wire(), &path, &[]).unwrap();
    assert_eq!(all.len(), 102);
    let last = world
        .fake
        .requests()
        .iter()
        .rev()
        .find(|one| one.target.contains("page=2"))
        .cloned();
    assert!(last.is_some());
    let shifted = serde_json::json!([{
        "id": all[101].id, "node_id": all[101].node_id, "html_url": "x", "body": "talk", "user": null,
        "created_at": all[101].created_at, "updated_at": all[101].updated_at,
    }]);
    world.fake.with(|state| {
        state.delete(ids[0]);
        // The first page is still the old one when it is read.
        state.order("page=2", Answer::json(shifted.to_string()));
        state.comment(world.issue, 9, "more");
    });
    assert_eq!(world.heard(&github, &asked).unwrap(), ["alice no"]);
}

#[test]
fn nobody_waits_six_hours_with_more_than_four_hundred_calls() {
    let world = World::new();
    let asked = world.asked();
    let github = world.github();
    let mut watch = Watch::new(&github, &world.spot(&asked), asked.request.made_at);
    let (judged, started) = (Cell::new(0), world.now());
    let outcome = until_decided(&mut watch, asked.request.expires_at, Error::passes, || {
        judged.set(judged.get() + 1);
        let found = world.heard(&github, &asked)?;
        Ok::<_, Error>((found.len() == 2).then_some(found))
    });
    assert_eq!(outcome.unwrap(), None);
    let waited = world.now().millis_since(started);
    assert!(waited > 6 * 3_600_000 - 150_000, "{waited}");
    let counts = world.fake.counts();
    assert!(counts.total <= 400, "{counts:?}");
    // Only the first look and the judging after it were new.
    assert_eq!(counts.total - counts.not_modified, 2, "{counts:?}");
    assert_eq!(judged.get(), 1);
}

#[test]
fn a_wait_ends_with_the_answers_through_failures_and_a_limit() {
    let world = World::new();
    let asked = world.asked();
    let github = world.github();
    world.fake.with(|state| {
        for _ in 0..4 {
            state.order("since", Answer::new(502));
        }
        state.order("since", Answer::new(403).header("retry-after", "61"));
        state.order("since", Answer::json("[").ending(Ending::CloseAfter(1)));
    });
    world.say(7, &yes(&asked));
    let looks = Cell::new(0);
    let mut watch = Watch::new(&github, &world.spot(&asked), asked.request.made_at);
    let outcome = until_decided(&mut watch, asked.request.expires_at, Error::passes, || {
        looks.set(looks.get() + 1);
        if looks.get() == 2 {
            world.say(8, &yes(&asked));
        }
        let found = world.heard(&github, &asked)?;
        if looks.get() == 1 {
            world.say(9, "talk");
        }
        Ok::<_, Error>((found.len() == 2).then_some(found))
    });
    assert_eq!(outcome.unwrap().unwrap(), ["alice yes", "bob yes"]);
}

#[test]
fn a_token_that_ends_in_mid_wait_is_told() {
    let world = World::new();
    let asked = world.asked();
    let app = world.fake.with(|state| state.token(Token::App));
    let github = world.at(&world.fake.url(), &app);
    let mut watch = Watch::new(&github, &world.spot(&asked), asked.request.made_at);
    let outcome = until_decided(&mut watch, asked.request.expires_at, Error::passes, || {
        Ok::<Option<()>, Error>(None)
    });
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials);
    assert!(error.hint().unwrap().contains("after an hour"));
    assert!(!format!("{error:?} {github:?}").contains(&app));
}

#[test]
fn a_question_is_asked_once_however_often_the_job_runs() {
    let world = World::new();
    let asked = world.asked();
    let github = world.github();
    let body = format!("Approve?\n\n<!-- {} -->\n", asked.digest);
    let first = github.ask(world.issue, &asked, &body).unwrap();
    let again = github.ask(world.issue, &asked, &body).unwrap();
    assert_eq!(first.id, again.id);
    // Somebody else's look-alike with the mark in it is not the question.
    let other = format!("{body} 2");
    world.say(9, &format!("{other} and more"));
    // The answer to a write that was done gets lost: nobody writes it again.
    world.fake.with(|state| state.lose("POST", "comments"));
    assert!(github.ask(world.issue, &asked, &other).is_err());
    let found = github.ask(world.issue, &asked, &other).unwrap();
    assert_eq!(found.body.as_deref(), Some(other.as_str()));
    assert_eq!(world.fake.with(|state| state.bodies(world.issue)).len(), 3);
}

#[test]
fn every_call_and_answer_is_one_that_github_describes() {
    let world = World::new();
    let Some(prism) = Prism::before(&world.fake.url()).unwrap() else {
        return;
    };
    let asked = world.asked();
    let commit = MadeCommit {
        sha: "a".repeat(40),
        author: Some(9),
        committer: None,
    };
    let (pull, run, app) = world.fake.with(|state| {
        state.behind(prism.url());
        state.workflow("promote.yml");
        (
            state.pull(8, vec![commit]),
            state.run(7, 9),
            state.token(Token::App),
        )
    });
    for _ in 0..150 {
        world.say(9, "talk");
    }
    world.say(7, &yes(&asked));
    let github = world.at(prism.url(), &app);
    // GitHub describes GraphQL elsewhere.
    let comments = github.comments(world.issue, Time::EPOCH).unwrap();
    assert_eq!(comments.len(), 151);
    let may = github.permission(7, "alice").unwrap();
    assert_eq!(may, Permission::Write);
    let written = github.ask(world.issue, &asked, "Approve?").unwrap();
    assert!(github.comment(written.id).unwrap().is_some());
    assert!(github.comment(999).unwrap().is_none());
    assert_eq!(github.authors(pull).unwrap().accounts, [8, 9].into());
    assert_eq!(github.authors(world.issue).unwrap(), Authors::default());
    let read = github.run(run).unwrap();
    let actors = read.actors(&Forge::Github.into());
    assert!(actors[0].known_as.contains("github:7") && actors[1].known_as.contains("github:9"));
    assert!(
        github
            .commit_authors(&read.head_sha)
            .unwrap()
            .accounts
            .is_empty()
    );
    assert_eq!(
        github.permission(7, "no-such-login").unwrap(),
        Permission::Write
    );
    let payload = json!({ "request": asked.digest });
    github.dispatch("liftlock-approved", &payload).unwrap();
    github
        .dispatch_workflow(("promote.yml", "main"), &payload)
        .unwrap();
    let mut watch = Watch::new(&github, &world.spot(&asked), asked.request.made_at);
    assert!(watch.changed().unwrap());
    assert_eq!(prism.violations(), [""; 0]);
    assert_eq!(world.fake.with(|state| state.dispatched().len()), 2);
}

#[test]
fn every_call_about_groups_is_one_that_github_describes() {
    let world = World::new();
    let Some(prism) = Prism::before(&world.fake.url()).unwrap() else {
        return;
    };
    let app = world.fake.with(|state| {
        state.behind(prism.url());
        state.team("release", &[7]);
        state.token(Token::App)
    });
    let github = world.at(prism.url(), &app);
    assert_eq!(github.team(("acme", "release")).unwrap().len(), 1);
    let (one, two) = world.fake.with(|state| {
        let one = state.commit(None, &[("docs/CODEOWNERS", "* @a"), ("b", "2")]);
        (one.clone(), state.commit(Some(&one), &[("c", "2")]))
    });
    assert_eq!(github.changed(&one, &two).unwrap().len(), 3);
    assert_eq!(github.changed(&two, &one).unwrap().len(), 3);
    let file = github.file(&one, "docs/CODEOWNERS").unwrap();
    assert_eq!(file.unwrap(), b"* @a");
    assert_eq!(github.account("alice").unwrap().unwrap().id, 7);
    assert!(github.is_member(("acme", "release"), "alice").unwrap());
    assert!(!github.is_member(("acme", "release"), "bob").unwrap());
    assert_eq!(prism.violations(), [""; 0]);
}

#[test]
fn what_changed_is_told_only_where_github_tells_all_of_it() {
    let world = World::new();
    let many: Vec<String> = (0..300).map(|number| format!("f{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "x")).collect();
    let large = "x".repeat(1_000_001);
    let (one, two, other, crowd) = world.fake.with(|state| {
        let one = state.commit(
            None,
            &[("docs/CODEOWNERS", "* @a"), ("b", "2"), ("large", &large)],
        );
        let two = state.commit(Some(&one), &[("docs/CODEOWNERS", "* @e"), ("c", "2")]);
        let other = state.commit(Some(&one), &[("b", "3")]);
        (one.clone(), two, other, state.commit(Some(&one), &many))
    });
    let github = world.github();
    let wanted = ["b", "c", "docs/CODEOWNERS", "large"];
    assert_eq!(github.changed(&one, &two).unwrap(), wanted);
    // Backwards as forwards, and nothing is nothing.
    assert_eq!(github.changed(&two, &one).unwrap(), wanted);
    assert_eq!(github.changed(&one, &one).unwrap(), [""; 0]);
    // Since a third commit, or without the rest, is not all.
    for (from, to) in [(&two, &other), (&one, &crowd)] {
        let error = github.changed(from, to).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        assert!(error.hint().unwrap().contains("--clone"), "{error}");
    }
    assert!(github.changed(&one, &"0".repeat(40)).is_err());
    let file = github.file(&one, "docs/CODEOWNERS").unwrap().unwrap();
    assert_eq!(file, b"* @a");
    assert_eq!(github.file(&one, "CODEOWNERS").unwrap(), None);
    assert!(matches!(
        github.file(&one, "large"),
        Err(Error::Partly { .. })
    ));
    // An answer about other commits is none.
    let world = World::new();
    let answer = r#"{"status":"ahead","base_commit":{"sha":"x"},"merge_base_commit":{"sha":"x"},"files":[]}"#;
    world
        .fake
        .with(|state| state.order("compare", Answer::json(answer)));
    assert!(world.github().changed(&one, &two).is_err());
}

#[test]
fn a_token_never_goes_to_where_a_link_leads_or_without_tls() {
    let world = World::new();
    let elsewhere = World::new();
    let link = format!("<{}/x?page=2>; rel=\"next\"", elsewhere.fake.url());
    let page = Answer::json("[]")
        .header("link", &link)
        .header("etag", "\"1\"");
    world.fake.with(|state| state.order("comments", page));
    drop(world.github().comments(world.issue, world.now()));
    assert_eq!(elsewhere.fake.counts().total, 0);
    let pace = Pace::real();
    let clear = Wire::new(
        ("http://github.example", "secret"),
        &Options::default(),
        (Time::EPOCH, pace),
    );
    assert!(matches!(clear, Err(Error::Clear(_))));
    for wrong in [
        "acme",
        "acme/",
        "/shop",
        "acme/shop/x",
        "acme/..",
        "a b/c",
        "acme/shop?x",
    ] {
        let wire = Wire::new(
            ("https://api.github.com", "secret"),
            &Options::default(),
            (Time::EPOCH, Pace::real()),
        );
        assert!(GitHub::new(wire.unwrap(), wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_job_cannot_read_teams_and_is_told_so() {
    let world = World::new();
    world.fake.with(|state| state.team("release", &[7]));
    let error = world
        .github()
        .is_member(("acme", "release"), "alice")
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials);
    assert!(error.hint().unwrap().contains("App's token"));
    let error = world.github().team(("acme", "release")).unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials);
    assert!(error.hint().unwrap().contains("App's token"));
    let app = world.fake.with(|state| state.token(Token::App));
    let github = world.at(&world.fake.url(), &app);
    assert!(github.is_member(("acme", "release"), "alice").unwrap());
    world.fake.with(|state| state.hide_team("release"));
    assert!(!github.is_member(("acme", "release"), "alice").unwrap());
    let error = github.team(("acme", "release")).unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials);
}

#[test]
fn a_team_is_read_to_its_last_page_with_the_teams_below_it() {
    let world = World::new();
    let app = world.fake.with(|state| {
        let many: Vec<u64> = (1_000..1_230).collect();
        for id in &many {
            state.person(*id, &format!("member-{id}"), "read");
        }
        state.team("release", &many);
        state.team("below", &[7]);
        state.team("lowest", &[8]);
        state.put_below("below", "release");
        state.put_below("lowest", "below");
        state.invite("release", 9);
        state.token(Token::App)
    });
    let github = world.at(&world.fake.url(), &app);
    let members = github.team(("acme", "release")).unwrap();
    let ids: Vec<u64> = members.iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), 232, "{ids:?}");
    assert!(ids.contains(&7) && ids.contains(&8) && !ids.contains(&9));
    assert!(github.is_member(("acme", "release"), "bob").unwrap());
    // Whoever was invited and did not come is no member.
    assert!(!github.is_member(("acme", "release"), "eve").unwrap());
    // A list that is cut off, or goes on for ever, is none.
    let cut = Answer::json("[{\"id\": 7, \"login\": \"alice\", \"type\"");
    for _ in 0..3 {
        world
            .fake
            .with(|state| state.order("/members", cut.clone()));
    }
    assert!(github.team(("acme", "release")).is_err());
}
