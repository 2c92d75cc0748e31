mod again;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use liftlock::approval::answer::{Heard, Say};
use liftlock::approval::forge::{AccountKind, Permission, hear, line};
use liftlock::approval::policy::Policy;
use liftlock::approval::request::{Request, SCHEMA_VERSION};
use liftlock::approval::seats::Rule;
use liftlock::config::approval::Approval;
use liftlock::config::group::Handle;
use liftlock::config::trust::Person;
use liftlock::digest::Digest;
use liftlock::failure::{Explain as _, Kind};
use liftlock::name::Name;
use liftlock::release;
use testkit::http::{Answer, Ending};
use testkit::servers::gitlab::{Author, GitLab as Fake, On, Token};

use super::*;
use crate::forge::{Watched as _, until_decided, wire};

const HOUR: Duration = Duration::from_secs(3_600);

/// Every world has one issue and one merge request of this number.
const ISSUE: (Noteable, u64) = (Noteable::Issue, 1);

/// GitLab with alice (7) and bob (8), who may write, eve (9), who may not, and
/// a project's bot (10); its clock is the only one.
struct World {
    fake: Rc<Fake>,
    token: String,
}

impl World {
    fn new() -> Self {
        let fake = Rc::new(Fake::start().unwrap());
        let token = fake.with(|state| {
            state.person(7, "alice", 30);
            state.person(8, "bob", 40);
            state.person(9, "eve", 20);
            state.bot(10, "project_5_bot_0a1b");
            state.issue(9);
            let commit = Author {
                author: "Alice@shop.example".to_owned(),
                committer: "noreply@gitlab.example".to_owned(),
            };
            state.merge_request(8, vec![commit]);
            state.token(Token::Api(10))
        });
        Self { fake, token }
    }

    fn gitlab(&self) -> GitLab {
        self.with_token(&self.token).unwrap()
    }

    fn with_token(&self, token: &str) -> Result<GitLab, Error> {
        let (clock, hands) = (Rc::clone(&self.fake), Rc::clone(&self.fake));
        let pace = Pace {
            now: Box::new(move || clock.with(|state| state.now())),
            wait: Box::new(move |length| hands.with(|state| state.advance(length))),
        };
        let deadline = wire::later(self.now(), HOUR * 6);
        let api = self.fake.api();
        GitLab::new(
            (&api, token),
            &Options::default(),
            (deadline, pace),
            "acme/shop",
        )
    }

    fn now(&self) -> Time {
        self.fake.with(|state| state.now())
    }

    fn say(&self, user: u64, body: &str) -> u64 {
        self.fake.with(|state| state.note(On::Issue(1), user, body))
    }

    fn spot(&self) -> Spot {
        Spot::Notes {
            host: Some(self.fake.host()),
            on: Noteable::Issue,
            number: 1,
            addresses: [].into(),
        }
    }

    fn asked(&self) -> Identified {
        self.asked_at(self.spot())
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
            actors: Vec::new(),
            requested_by: None,
            run_url: None,
            place: Some(Place {
                host: None,
                forge: Forge::Gitlab,
                repository: "acme/shop".to_owned(),
                at,
                authors: [].into(),
                addresses: [].into(),
            }),
            deployment: None,
            compared: std::collections::BTreeMap::new(),
            break_glass: None,
            made_at: self.now(),
            expires_at: wire::later(self.now(), HOUR * 6),
        };
        Identified::new(&request).unwrap()
    }

    fn keyring(&self) -> Keyring {
        let host = self.fake.host();
        let person = |account: u64| Person {
            accounts: [format!("gitlab:{account}@{host}")].into(),
            ..Person::default()
        };
        let people = [("alice", 7), ("bob", 8), ("eve", 9), ("robot", 11)];
        Keyring {
            trusted: Vec::new(),
            people: people.map(|(who, id)| (name(who), person(id))).into(),
        }
    }

    fn policy(&self) -> Policy {
        let approval = Approval::of(2, vec![name("alice"), name("bob")]).unwrap();
        Policy::new(Digest::of(b"policy"), &approval, self.keyring())
    }

    /// The people whose answers count now.
    fn heard(&self, gitlab: &GitLab, asked: &Identified) -> Result<Vec<String>, Error> {
        let policy = self.policy();
        let spot = &asked.request.place.as_ref().unwrap().at;
        let events = gitlab.answers(spot, (asked, "?"), &policy.keyring)?.events;
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

fn yes(asked: &Identified) -> String {
    line(Forge::Gitlab, Say::Yes, &asked.digest)
}

#[test]
fn an_answer_counts_on_whatever_page_it_is_and_old_notes_are_not_read() {
    for after in [0, 19, 20, 99, 100, 101, 250] {
        let world = World::new();
        for _ in 0..500 {
            world.say(9, "old talk");
        }
        world.fake.with(|state| state.advance(HOUR));
        let asked = world.asked();
        world.say(7, &yes(&asked));
        world.say(8, &line(Forge::Gitlab, Say::No, &asked.digest));
        for _ in 0..after {
            world.say(9, "talk");
        }
        let found = world.heard(&world.gitlab(), &asked).unwrap();
        assert_eq!(found, ["alice yes", "bob no"], "{after}");
        let pages = world.fake.requests();
        let pages = pages.iter().filter(|one| one.target.contains("/notes"));
        assert!(pages.count() <= 2 * (after / 100) + 3, "{after}");
    }
}

#[test]
fn ten_thousand_notes_are_read_to_the_end_and_more_are_no_answer() {
    let world = World::new();
    let asked = world.asked();
    world.say(7, &yes(&asked));
    for _ in 0..9_999 {
        world.say(9, "talk");
    }
    let gitlab = world.gitlab();
    assert_eq!(world.heard(&gitlab, &asked).unwrap(), ["alice yes"]);
    for _ in 0..1_001 {
        world.say(9, "talk");
    }
    let error = world.heard(&gitlab, &asked).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
}

#[test]
fn what_was_edited_hidden_imported_or_resolved_does_not_count() {
    let world = World::new();
    let (asked, issue) = (world.asked(), On::Issue(1));
    let gitlab = world.gitlab();
    let text = yes(&asked);
    let first = world.say(7, "hello");
    let second = world.say(8, &text);
    world.say(9, &text);
    world.say(10, &text);
    world.fake.with(|state| {
        state.system_note(issue, 7, &text);
        state.internal_note(issue, 7, &text);
        state.imported_note(issue, 7, &text);
        let thread = state.thread(issue, 7, &text);
        state.bot(11, "deployer");
        state.note(issue, 11, &text);
        state.advance(Duration::from_millis(1));
        state.edit(first, &text);
        state.resolve(thread, 9);
    });
    assert_eq!(world.heard(&gitlab, &asked).unwrap(), ["bob yes"]);
    // Whoever wrote the change may resolve a thread, and takes no `no` away by it.
    let denial = world.fake.with(|state| {
        let text = format!("liftlock deny {}", asked.digest);
        let denial = state.thread(issue, 7, &text);
        state.advance(Duration::from_millis(1));
        state.resolve(denial, 9);
        denial
    });
    let heard = world.heard(&gitlab, &asked).unwrap();
    assert_eq!(heard, ["bob yes", "alice no"]);
    world.fake.with(|state| state.delete(denial));
    let mut ends: Vec<Box<dyn Fn()>> = vec![
        Box::new(|| world.fake.with(|state| state.permit(8, 20))),
        Box::new(|| world.fake.with(|state| state.permit(8, 0))),
        Box::new(|| world.fake.with(|state| state.expire(8, "2026-11-26"))),
        Box::new(|| world.fake.with(|state| state.set_state(8, "blocked"))),
    ];
    for end in ends.drain(..) {
        end();
        assert_eq!(world.heard(&gitlab, &asked).unwrap(), [""; 0]);
        world.fake.with(|state| {
            state.permit(8, 50);
            state.set_state(8, "active");
        });
        assert_eq!(world.heard(&gitlab, &asked).unwrap(), ["bob yes"]);
    }
    world.fake.with(|state| state.delete(second));
    assert_eq!(world.heard(&gitlab, &asked).unwrap(), [""; 0]);
}

#[test]
fn the_number_counts_and_a_program_is_one_whatever_its_name() {
    let world = World::new();
    let asked = world.asked();
    world.say(7, &yes(&asked));
    // Alice is renamed, and an owner takes the name that she had.
    world.fake.with(|state| {
        state.rename(7, "alicia");
        state.person(12, "alice", 50);
        state.bot(11, "deployer");
    });
    let gitlab = world.gitlab();
    assert_eq!(world.heard(&gitlab, &asked).unwrap(), ["alice yes"]);
    let standing = gitlab
        .standing(&[7, 9, 11, 99].into(), world.now())
        .unwrap();
    let found: Vec<_> = standing.0.into_iter().collect();
    let wanted = [
        (7, (AccountKind::User, Permission::Write)),
        (9, (AccountKind::User, Permission::Read)),
        (11, (AccountKind::Other, Permission::Write)),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn an_approval_of_the_merge_request_is_no_answer() {
    let world = World::new();
    let asked = world.asked();
    world.fake.with(|state| {
        state.approve(On::MergeRequest(1), 7);
        state.note(
            On::MergeRequest(1),
            8,
            &format!("/approve {}", asked.digest),
        );
    });
    assert_eq!(
        world
            .fake
            .with(|state| state.approved_by(On::MergeRequest(1))),
        [7, 8]
    );
    let spot = Spot::Notes {
        host: Some(world.fake.host()),
        on: Noteable::MergeRequest,
        number: 1,
        addresses: [].into(),
    };
    let events = world
        .gitlab()
        .answers(&spot, (&asked, "?"), &world.keyring());
    assert_eq!(events.unwrap().events, []);
}

#[test]
fn a_failure_is_never_an_answer() {
    let limited = || Answer::new(429).header("retry-after", "99999");
    let cases: [(&str, Vec<Answer>, Kind); 13] = [
        ("notes", vec![Answer::new(401)], Kind::Credentials),
        ("notes", vec![Answer::new(403)], Kind::Credentials),
        ("members", vec![Answer::new(403)], Kind::Credentials),
        ("notes", vec![Answer::new(404)], Kind::Invalid),
        ("members", vec![Answer::new(404)], Kind::Invalid),
        ("notes", vec![Answer::new(409)], Kind::Invalid),
        ("notes", vec![Answer::new(422)], Kind::Invalid),
        ("notes", vec![limited()], Kind::Upstream),
        ("notes", vec![Answer::new(502); 3], Kind::Upstream),
        ("users/7", vec![Answer::new(500); 3], Kind::Upstream),
        ("notes", vec![Answer::json("[{\"id\": 1}]")], Kind::Upstream),
        (
            "users/7",
            vec![Answer::json(r#"{"id": 7, "state": "active"}"#)],
            Kind::Upstream,
        ),
        (
            "members",
            vec![Answer::json(
                r#"[{"id": 7, "state": "active", "access_level": 35}]"#,
            )],
            Kind::Upstream,
        ),
    ];
    for (part, answers, kind) in cases {
        let world = World::new();
        let asked = world.asked();
        world.say(7, &yes(&asked));
        let told = format!("{part} {answers:?}");
        world.fake.with(|state| {
            for answer in answers {
                state.order(part, answer);
            }
        });
        let gitlab = world.gitlab();
        let error = world.heard(&gitlab, &asked).unwrap_err();
        assert_eq!(error.kind(), kind, "{told}: {error}");
        assert_eq!(
            world.heard(&gitlab, &asked).unwrap(),
            ["alice yes"],
            "{told}"
        );
    }
}

#[test]
fn a_passing_failure_and_a_limit_are_waited_out() {
    let cut = || Answer::json("[{\"id\": 1, \"body\"").ending(Ending::CloseAfter(5));
    let reset = "1795694700";
    let cases = [
        vec![Answer::new(502), Answer::new(503)],
        vec![cut(), Answer::new(500).ending(Ending::CloseAtOnce)],
        vec![
            Answer::new(429)
                .header("retry-after", "5")
                .body("Retry later\n"),
        ],
        vec![Answer::new(429)],
        vec![
            Answer::new(429)
                .header("ratelimit-remaining", "0")
                .header("ratelimit-reset", reset),
        ],
    ];
    for answers in cases {
        let world = World::new();
        let asked = world.asked();
        world.say(7, &yes(&asked));
        let told = format!("{answers:?}");
        world.fake.with(|state| {
            for answer in answers {
                state.order("notes", answer);
            }
        });
        assert_eq!(
            world.heard(&world.gitlab(), &asked).unwrap(),
            ["alice yes"],
            "{told}"
        );
    }
}

#[test]
fn the_limit_of_a_minute_is_waited_for() {
    let world = World::new();
    let asked = world.asked();
    world.say(7, &yes(&asked));
    world.fake.with(|state| state.limit(2));
    let gitlab = world.gitlab();
    for _ in 0..3 {
        assert_eq!(world.heard(&gitlab, &asked).unwrap(), ["alice yes"]);
    }
    assert!(
        world.fake.counts().limited >= 3,
        "{:?}",
        world.fake.counts()
    );
    assert!(world.now().millis_since(asked.request.made_at) >= 180_000);
}

#[test]
fn a_list_that_shifts_while_it_is_read_is_read_anew_also_without_etags() {
    for heeds in [true, false] {
        let world = World::new();
        let asked = world.asked();
        world.say(7, &line(Forge::Gitlab, Say::No, &asked.digest));
        let ids: Vec<u64> = (0..150).map(|_| world.say(9, "talk")).collect();
        let gitlab = world.gitlab();
        world.fake.with(|state| {
            if !heeds {
                state.ignore_etags();
            }
            // What the second page is once notes of the first are gone: the
            // denial slipped to the page that was read before.
            for id in &ids[100..] {
                state.delete(*id);
            }
            let gone = serde_json::json!([]);
            state.order("page=2", Answer::json(gone.to_string()));
        });
        // The first page as it was is what was read; it links to a second one.
        let stale = stale_page(&world);
        world.fake.with(|state| state.order("per_page=100", stale));
        assert_eq!(
            world.heard(&gitlab, &asked).unwrap(),
            ["alice no"],
            "{heeds}"
        );
    }
}

/// A first page of talk that has a further one.
fn stale_page(world: &World) -> Answer {
    let note = serde_json::json!({
        "id": 1, "body": "talk", "author": { "id": 9, "username": "eve" },
        "created_at": world.now(), "updated_at": world.now(), "system": false,
    });
    let next = format!("<{}/x?page=2>; rel=\"next\"", world.fake.api());
    Answer::json(serde_json::json!([note]).to_string())
        .header("etag", "W/\"1\"")
        .header("link", &next)
}

#[test]
fn nobody_waits_six_hours_with_more_than_four_hundred_calls() {
    for heeds in [true, false] {
        let world = World::new();
        let asked = world.asked();
        world.say(9, "talk");
        if !heeds {
            world.fake.with(|state| state.ignore_etags());
        }
        let gitlab = world.gitlab();
        let mut watch = Watch::new(&gitlab, &world.spot()).unwrap();
        let (judged, started) = (Cell::new(0), world.now());
        let outcome = until_decided(&mut watch, asked.request.expires_at, Error::passes, || {
            judged.set(judged.get() + 1);
            let found = world.heard(&gitlab, &asked)?;
            Ok::<_, Error>((found.len() == 2).then_some(found))
        });
        assert_eq!(outcome.unwrap(), None);
        assert!(world.now().millis_since(started) > 6 * 3_600_000 - 150_000);
        let counts = world.fake.counts();
        assert!(counts.total <= 400, "{counts:?}");
        assert_eq!(judged.get(), 1, "{heeds}");
        if heeds {
            assert_eq!(counts.total - counts.not_modified, 2, "{counts:?}");
        }
    }
}

#[test]
fn a_wait_ends_with_the_answers_through_failures_and_a_limit() {
    let world = World::new();
    let asked = world.asked();
    let gitlab = world.gitlab();
    world.fake.with(|state| {
        for _ in 0..4 {
            state.order("updated_at", Answer::new(502));
        }
        state.order("updated_at", Answer::new(429).header("retry-after", "61"));
        state.order(
            "updated_at",
            Answer::json("[").ending(Ending::CloseAfter(1)),
        );
    });
    world.say(7, &yes(&asked));
    let looks = Cell::new(0);
    let mut watch = Watch::new(&gitlab, &world.spot()).unwrap();
    let outcome = until_decided(&mut watch, asked.request.expires_at, Error::passes, || {
        looks.set(looks.get() + 1);
        if looks.get() == 2 {
            world.say(8, &yes(&asked));
        }
        let found = world.heard(&gitlab, &asked)?;
        if looks.get() == 1 {
            world.say(9, "talk");
        }
        Ok::<_, Error>((found.len() == 2).then_some(found))
    });
    assert_eq!(outcome.unwrap().unwrap(), ["alice yes", "bob yes"]);
}

#[test]
fn an_edit_far_back_is_seen_while_waiting() {
    let world = World::new();
    let first = world.say(7, "hello");
    for _ in 0..100 {
        world
            .fake
            .with(|state| state.advance(Duration::from_secs(1)));
        world.say(9, "talk");
    }
    let gitlab = world.gitlab();
    let mut watch = Watch::new(&gitlab, &world.spot()).unwrap();
    assert!(watch.changed().unwrap());
    assert!(!watch.changed().unwrap());
    world.fake.with(|state| {
        state.advance(Duration::from_secs(1));
        state.edit(first, "good bye");
    });
    assert!(watch.changed().unwrap());
    assert!(!watch.changed().unwrap());
}

#[test]
fn a_token_that_ends_or_may_too_little_is_told() {
    let world = World::new();
    let asked = world.asked();
    let read = world.fake.with(|state| state.token(Token::ReadApi(10)));
    let gitlab = world.with_token(&read).unwrap();
    assert_eq!(world.heard(&gitlab, &asked).unwrap(), [""; 0]);
    let error = gitlab.ask(ISSUE, &asked, "May it?").unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials);
    assert!(error.to_string().contains("higher privileges"), "{error}");
    assert!(error.hint().unwrap().contains("scope `api`"));
    world.fake.with(|state| state.end_token(&read));
    let error = world.heard(&gitlab, &asked).unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials);
    assert!(error.to_string().contains("expired"), "{error}");
    assert!(!format!("{error:?} {gitlab:?}").contains(&read));
    let job = world.fake.with(|state| state.token(Token::Job(7)));
    let error = world.heard(&world.with_token(&job).unwrap(), &asked);
    assert_eq!(error.unwrap_err().kind(), Kind::Credentials);
}

#[test]
fn a_question_is_asked_once_however_often_the_job_runs() {
    let world = World::new();
    let asked = world.asked();
    let gitlab = world.gitlab();
    let body = format!(
        "May it?\n\n```\n{}\n```\n<!-- {} -->\n",
        yes(&asked),
        asked.digest
    );
    let first = gitlab.ask(ISSUE, &asked, &body).unwrap();
    assert!(first.contains("/acme/shop/-/issues/1#note_"), "{first}");
    assert_eq!(gitlab.ask(ISSUE, &asked, &body).unwrap(), first);
    let other = format!("{body} 2");
    world.say(9, &format!("{other} and more"));
    world.fake.with(|state| state.lose("POST", "notes"));
    assert!(gitlab.ask(ISSUE, &asked, &other).is_err());
    gitlab.ask(ISSUE, &asked, &other).unwrap();
    assert_eq!(world.fake.with(|state| state.bodies(On::Issue(1))).len(), 3);
    // The question with both lines in it answers nothing.
    assert_eq!(world.heard(&gitlab, &asked).unwrap(), [""; 0]);
}

#[test]
fn whoever_made_a_merge_request_is_told_by_account_and_address() {
    let world = World::new();
    let makers = world.gitlab().makers(1).unwrap();
    let wanted = ["alice@shop.example", "noreply@gitlab.example"];
    assert_eq!(makers.accounts, [8].into());
    assert_eq!(makers.addresses, wanted.map(str::to_owned).into());
    let error = world.gitlab().makers(2).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
}

#[test]
fn a_job_is_started_by_whoever_may() {
    let world = World::new();
    let (mine, others) = world.fake.with(|state| (state.job(&[10]), state.job(&[7])));
    let gitlab = world.gitlab();
    gitlab.play(mine).unwrap();
    assert_eq!(world.fake.with(|state| state.played().to_vec()), [mine]);
    assert_eq!(gitlab.play(mine).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(gitlab.play(others).unwrap_err().kind(), Kind::Credentials);
}

#[test]
fn a_token_never_goes_to_where_a_link_leads_or_without_tls() {
    let world = World::new();
    let elsewhere = World::new();
    let link = format!("<{}/x?page=2>; rel=\"next\"", elsewhere.fake.api());
    let page = Answer::json("[]").header("link", &link);
    world.fake.with(|state| state.order("notes", page));
    drop(world.gitlab().notes(ISSUE.0, ISSUE.1, world.now()));
    let moved = format!("{}/projects/5/issues/1/notes", elsewhere.fake.api());
    let moved = Answer::new(301).header("location", &moved);
    world.fake.with(|state| state.order("notes", moved));
    drop(world.gitlab().notes(ISSUE.0, ISSUE.1, world.now()));
    let seen = elsewhere.fake.requests();
    assert!(seen.iter().all(|one| one.header("private-token").is_none()));
    let open = |api: &str, project: &str| {
        let until = (Time::EPOCH, Pace::real());
        GitLab::new((api, "secret"), &Options::default(), until, project).map(drop)
    };
    let clear = open("http://gitlab.example/api/v4", "acme/shop");
    assert!(matches!(clear, Err(Error::Clear(_))));
    assert!(open("https://gitlab.example", "acme/shop").is_err());
    for wrong in [
        "acme",
        "acme/",
        "/shop",
        "acme/..",
        "a b/c",
        "acme/shop?x",
        "acme//shop",
    ] {
        assert!(
            open("https://gitlab.example/api/v4", wrong).is_err(),
            "{wrong}"
        );
    }
    assert!(open("https://gitlab.example/api/v4", "acme/back.end/shop_1").is_ok());
}

#[test]
fn approvals_of_a_deployment_count_by_the_digest_in_their_text() {
    for by_rules in [false, true] {
        let world = World::new();
        let deployment = world.fake.with(|state| {
            state.person(12, "dora", 30);
            let id = state.deployment(9, "production", &[7, 8, 12]);
            if by_rules {
                state.by_rules(id);
            }
            id
        });
        let asked = world.asked_at(Spot::Deployment {
            host: Some(world.fake.host()),
            deployment,
            starters: [9].into(),
        });
        let gitlab = world.gitlab();
        let text = |user: u64, status: &str, text: &str| {
            world
                .fake
                .with(|state| state.judge(deployment, user, status, text));
        };
        let spot = &asked.request.place.as_ref().unwrap().at;
        let mut watch = Watch::new(&gitlab, spot).unwrap();
        assert!(watch.changed().unwrap());
        text(7, "approved", "looks good");
        assert!(watch.changed().unwrap());
        assert!(!watch.changed().unwrap());
        text(8, "approved", &yes(&asked));
        text(12, "approved", &line(Forge::Gitlab, Say::No, &asked.digest));
        assert_eq!(world.heard(&gitlab, &asked).unwrap(), ["bob yes"]);
        // Another verdict replaces the first; the same one again does not.
        text(7, "approved", &yes(&asked));
        assert_eq!(world.heard(&gitlab, &asked).unwrap(), ["bob yes"]);
        text(7, "rejected", &line(Forge::Gitlab, Say::No, &asked.digest));
        assert_eq!(
            world.heard(&gitlab, &asked).unwrap(),
            ["alice no", "bob yes"]
        );
        assert_eq!(
            gitlab.deployment(deployment).unwrap().starters().next(),
            Some(9)
        );
    }
}

#[test]
fn a_deployment_without_approvals_or_with_unknown_ones_is_no_answer() {
    let world = World::new();
    let deployment = world
        .fake
        .with(|state| state.deployment(9, "production", &[7]));
    let asked = world.asked_at(Spot::Deployment {
        host: Some(world.fake.host()),
        deployment,
        starters: [9].into(),
    });
    let free = r#"{"id": 1, "iid": 1, "user": null, "environment": {"id": 1, "name": "p"}}"#;
    let approval = r#"{"user": {"id": 7, "username": "alice"}, "status": "perhaps",
        "created_at": "2026-11-26T12:00:00Z", "comment": null}"#;
    let odd = free.replacen('{', &format!("{{\"approvals\": [{approval}],"), 1);
    for (answer, kind) in [(free.to_owned(), Kind::Invalid), (odd, Kind::Upstream)] {
        world
            .fake
            .with(|state| state.order("deployments", Answer::json(answer)));
        let error = world.heard(&world.gitlab(), &asked).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[test]
fn of_a_group_only_whoever_is_in_it_now_is_told_by_number() {
    let world = World::new();
    let api = world.fake.api();
    let clock = Rc::clone(&world.fake);
    let pace = Pace {
        now: Box::new(move || clock.with(|state| state.now())),
        wait: Box::new(|_| ()),
    };
    let until = (wire::later(world.now(), HOUR), pace);
    let groups = Groups::new((&api, &world.token), &Options::default(), until).unwrap();
    let on = Instance::gitlab(&api).unwrap();
    let handle = |path: &str| Handle::on(&on, path).unwrap();
    let dba = handle("acme/DBA");
    let refused = groups.members(&dba, &[7].into()).unwrap_err();
    assert!(matches!(refused, Error::Group(_)), "{refused}");
    world.fake.with(|state| {
        let many: Vec<(u64, u64)> = (1_000..1_070).map(|id| (id, 30)).collect();
        for (id, _) in &many {
            state.person(*id, &format!("user{id}"), 0);
        }
        let all = [&[(7, 30), (8, 40), (9, 20), (10, 30)][..], &many].concat();
        state.group("acme/dba", &all);
        state.end_membership("acme/dba", 8, Some("2026-11-26"), "active");
        state.end_membership("acme/dba", 10, None, "awaiting");
    });
    let asked: BTreeSet<u64> = (1..1_100).collect();
    let found = groups.members(&dba, &asked).unwrap();
    assert!(found.contains(&7) && found.len() == 71, "{found:?}");
    let before = world.fake.counts().total;
    assert!(groups.members(&dba, &[].into()).unwrap().is_empty());
    assert_eq!(world.fake.counts().total, before, "nobody is asked about");
    world.fake.with(|state| state.set_state(7, "blocked"));
    assert!(groups.members(&dba, &[7].into()).unwrap().is_empty());
    world
        .fake
        .with(|state| state.end_membership("acme/dba", 7, None, "odd"));
    assert!(groups.members(&dba, &[7].into()).is_err());
    assert_eq!(groups.account("Alice").unwrap().unwrap().id, 7);
    assert!(groups.account("nobody").unwrap().is_none());
}
