use super::super::count::Reason;
use super::super::decide::{Evidence, decide};
use super::super::predicate::Approval as Signed;
use super::super::request::{Identified, Spot};
use super::super::toy::{CHECK, at, key, name, policy, rule, wanted};
use super::super::{MOST_ANSWERS, recheck};
use super::*;
use crate::ci::{Actor, Did};
use crate::config::approval::Approval;
use crate::config::trust::Keyring;
use crate::verdict::Verdict;

type Edit = fn(&mut Event);

/// The accounts: alice 101, bob 102, carol 103 (an author by e-mail), erin 105
/// (not asked).
fn ruled() -> Policy {
    let mut policy = policy();
    policy.approval = ruled_approval();
    for (who, account) in [("alice", 101), ("bob", 102), ("carol", 103), ("erin", 105)] {
        let person = policy.keyring.people.get_mut(who).unwrap();
        person.accounts.insert(format!("github:{account}"));
    }
    policy
}

fn ruled_approval() -> Approval {
    let mut approval = rule();
    approval.at = Some(["github:acme/shop".parse().unwrap()].into());
    approval
}

/// The question, asked in an issue by nobody who could answer it.
fn request() -> Identified {
    let mut wanted = wanted();
    wanted.place = Some(place([]));
    Identified::new(&wanted).unwrap()
}

fn place<const A: usize>(authors: [u64; A]) -> Place {
    Place {
        host: None,
        forge: Forge::Github,
        repository: "acme/shop".to_owned(),
        at: Spot::Comments { issue: 7 },
        authors: authors.into(),
        addresses: [].into(),
    }
}

fn event(account: u64, body: &str, asked: &Identified) -> Event {
    Event {
        schema_version: SCHEMA_VERSION,
        forge: Forge::Github,
        kind: Kind::Comment,
        id: account * 10,
        url: "https://github.com/acme/shop/issues/7#issuecomment-1".to_owned(),
        account,
        login: "somebody".to_owned(),
        account_kind: AccountKind::User,
        by_app: false,
        origin: Origin::Written,
        created_at: at("10:30"),
        updated_at: at("10:30"),
        body: body.replace("{}", &asked.digest.to_string()),
        permission: Permission::Write,
        seen_at: at("10:31"),
    }
}

fn judged(
    events: &[Event],
    asked: &Identified,
    policy: &Policy,
) -> super::super::decide::Judgement {
    let answers: Vec<Heard> = events
        .iter()
        .map(|event| hear(event, asked, policy))
        .collect();
    let evidence = Evidence {
        asked,
        answers: &answers,
        withdrawn: false,
        seen: None,
    };
    decide(policy, &evidence, at("12:00"))
}

#[test]
fn two_people_who_say_yes_on_the_forge_are_enough_and_a_no_denies() {
    let (asked, policy) = (request(), ruled());
    let yes = [101, 102].map(|account| event(account, "/approve {}", &asked));
    let judgement = judged(&yes, &asked, &policy);
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert_eq!(judgement.counted[0].key, None);
    assert_eq!(judgement.counted[0].bundle, yes[0].digest());
    let mut no = event(101, "/deny {}\ntoo early", &asked);
    no.id = 1;
    let [first, second] = yes;
    let judgement = judged(&[first, second, no], &asked, &policy);
    assert_eq!(judgement.verdict, Verdict::Fail);
    let denial = judgement.counted.iter().find(|one| one.answer == Say::No);
    assert_eq!(denial.unwrap().comment.as_deref(), Some("too early"));
}

#[test]
fn a_yes_counts_only_below_the_question_as_it_was_asked() {
    let (asked, policy) = (request(), ruled());
    let (yes, no) = (
        event(101, "/approve {}", &asked),
        event(101, "/deny {}", &asked),
    );
    let counts = |question: Question, event: &Event| {
        matches!(question.hear(event, &asked, &policy), Heard::Told { .. })
    };
    let (then, later) = (Question::Asked(at("10:30")), Question::Asked(at("10:31")));
    let found = [Question::Unwritten, then, later, Question::Gone].map(|one| counts(one, &yes));
    assert_eq!(found, [true, true, false, false]);
    assert!(
        [then, later, Question::Gone]
            .iter()
            .all(|one| counts(*one, &no))
    );
    let times = [at("10:31"), at("10:30")].into_iter();
    assert_eq!(Question::of(times), then);
    assert_eq!(Question::of(std::iter::empty()), Question::Gone);
}

#[test]
fn one_person_with_a_key_and_an_account_is_one_person() {
    let (asked, policy) = (request(), ruled());
    let mut answer = super::super::toy::answer("alice", Say::Yes, "10:40");
    answer.request = asked.digest;
    let told = hear(&event(101, "/approve {}", &asked), &asked, &policy);
    let signed = super::super::toy::heard(&answer, 1);
    let evidence = Evidence {
        asked: &asked,
        answers: &[told, signed],
        withdrawn: false,
        seen: None,
    };
    let judgement = decide(&policy, &evidence, at("12:00"));
    assert_eq!(judgement.verdict, Verdict::Pending);
    assert_eq!(judgement.not_counted[0].reason, Reason::Superseded);
}

#[test]
fn what_does_not_count_says_why() {
    let (asked, policy) = (request(), ruled());
    let cases: [(Edit, &str); 15] = [
        (|one| one.updated_at = at("10:31"), "edited"),
        (|one| one.updated_at = at("10:29"), "edited"),
        (|one| one.account_kind = AccountKind::Other, "a program"),
        (|one| one.by_app = true, "a program"),
        (|one| one.permission = Permission::Read, "`write` is needed"),
        (|one| one.permission = Permission::None, "`write` is needed"),
        (|one| one.account = 999, "nobody's"),
        (|one| one.account = 103, "author"),
        (|one| one.account = 105, "not asked"),
        (|one| one.body = "yes".to_owned(), "no answer"),
        (
            |one| one.body = format!("/approve {}", Digest::of(b"other")),
            "answers request",
        ),
        (|one| one.body.insert_str(0, "> "), "quote"),
        (|one| one.body.truncate(30), "64 lower-case digits"),
        (
            |one| (one.created_at, one.updated_at) = (at("09:00"), at("09:00")),
            "before the request",
        ),
        (|one| one.schema_version = 2, "schema_version"),
    ];
    for (change, why) in cases {
        let mut changed = event(102, "/approve {}", &asked);
        change(&mut changed);
        let events = [event(101, "/approve {}", &asked), changed];
        let judgement = judged(&events, &asked, &policy);
        assert_eq!(judgement.verdict, Verdict::Pending, "{why}");
        let told = &judgement.not_counted[0].why;
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn who_wrote_the_change_or_started_the_run_is_told_by_the_account() {
    let mut wanted = wanted();
    wanted.place = Some(place([101]));
    let asked = Identified::new(&wanted).unwrap();
    let place = wanted.place.as_ref().unwrap();
    let actor = Actor {
        did: Did::Triggered,
        known_as: ["github:102".to_owned()].into(),
    };
    let policy = ruled().asked_at(Some(place)).separating(&[actor]);
    let yes = [101, 102].map(|account| event(account, "/approve {}", &asked));
    let judgement = judged(&yes, &asked, &policy);
    assert_eq!(judgement.verdict, Verdict::Pending);
    let reasons: Vec<Reason> = judgement.not_counted.iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [Reason::Author, Reason::Triggered]);
    // The same holds for an answer that they sign with a key.
    assert!(policy.excluded.contains_key(&name("alice")));
    assert!(!policy.holds(&name("bob"), &key(9), at("12:00")));
}

#[test]
fn a_request_that_was_not_made_on_a_forge_is_not_answered_there() {
    let (asked, policy) = (super::super::toy::request(), ruled());
    let events = [101, 102].map(|account| event(account, "/approve {}", &asked));
    let judgement = judged(&events, &asked, &policy);
    assert_eq!(judgement.verdict, Verdict::Pending);
    assert!(
        judgement.not_counted[0]
            .why
            .contains("not made on this forge")
    );
    // Nobody waits for whoever could answer only there.
    let mut without = policy;
    without.keyring.people.get_mut("bob").unwrap().keys.clear();
    assert_eq!(judged(&[], &asked, &without).who_may, [name("alice")]);
    let placed = without.asked_at(Some(&place([])));
    assert_eq!(
        judged(&[], &request(), &placed).who_may,
        [name("alice"), name("bob")]
    );
}

#[test]
fn a_request_that_is_asked_elsewhere_than_the_policy_says_fails() {
    let policy = ruled();
    let judged_at = |repository: &str, policy: &Policy| {
        let mut wanted = wanted();
        let mut place = place([]);
        place.repository = repository.to_owned();
        wanted.place = Some(place);
        let asked = Identified::new(&wanted).unwrap();
        let yes = [101, 102].map(|account| event(account, "/approve {}", &asked));
        judged(&yes, &asked, policy)
    };
    assert_eq!(judged_at("Acme/Shop", &policy).verdict, Verdict::Pass);
    for repository in ["mallory/shop", "acme/shop2", "acme/shop/x", "acme"] {
        let judgement = judged_at(repository, &policy);
        assert_eq!(judgement.verdict, Verdict::Fail, "{repository}");
        assert!(judgement.why.contains("asked in"), "{}", judgement.why);
    }
    // A policy that names no repository lets nobody be asked on a forge.
    let mut nowhere = policy;
    nowhere.approval.at = None;
    assert_eq!(judged_at("acme/shop", &nowhere).verdict, Verdict::Fail);
}

#[test]
fn a_policy_may_ask_for_more_than_to_write() {
    let (asked, mut policy) = (request(), ruled());
    policy.approval.permission = Some(Permission::Maintain);
    let yes = |permission: Permission| {
        let yes = [101, 102].map(|account| Event {
            permission,
            ..event(account, "/approve {}", &asked)
        });
        judged(&yes, &asked, &policy)
    };
    for permission in [Permission::Write, Permission::Read] {
        let judgement = yes(permission);
        assert_eq!(judgement.verdict, Verdict::Pending);
        let why = &judgement.not_counted[0].why;
        assert!(why.contains("`maintain` is needed"), "{why}");
    }
    assert_eq!(yes(Permission::Maintain).verdict, Verdict::Pass);
    assert_eq!(yes(Permission::Admin).verdict, Verdict::Pass);
}

#[test]
fn an_event_is_known_by_every_field() {
    let asked = request();
    let one = event(101, "/approve {}", &asked);
    let mut other = one.clone();
    other.seen_at = at("10:32");
    assert_ne!(one.digest(), other.digest());
    let line = json::line(&one).unwrap();
    assert_eq!(json::parse::<Event>(&line).unwrap(), one);
    let more = String::from_utf8(line)
        .unwrap()
        .replacen('{', "{\"more\":1,", 1);
    assert!(json::parse::<Event>(more.as_bytes()).is_err());
}

#[test]
fn an_approval_is_counted_again_from_what_the_forge_showed() {
    let (asked, policy) = (request(), ruled());
    let counts = |keyring: &Keyring, change: fn(&mut Vec<Event>)| {
        let mut events = [101, 102]
            .map(|account| event(account, "/approve {}", &asked))
            .to_vec();
        let judgement = judged(&events, &asked, &policy);
        // The judge writes down that it passed, whatever the events say.
        change(&mut events);
        let approval = Signed::new(&asked, Vec::new(), judgement, at("12:00")).unwrap();
        let approval = approval.with_events(events);
        let statement = approval.statement(&asked.release).unwrap();
        let frame = recheck::Frame {
            keyring,
            environment: &asked.request.environment,
            rule: Some(&ruled_approval()),
            policy: policy.digest,
            release: &asked.release,
            live: None,
            signers: &[key(4)],
            shown: None,
            verifier: &CHECK,
        };
        recheck::count_again(&statement, &frame, at("12:30")).map_err(|error| error.to_string())
    };
    assert!(counts(&policy.keyring, |_| ()).is_ok());
    let lies: [fn(&mut Vec<Event>); 6] = [
        |events| drop(events.pop()),
        |events| events[1] = events[0].clone(),
        |events| events[1].account = 101,
        |events| events[1].body.push('0'),
        |events| events[1].updated_at = at("10:45"),
        |events| events[1].permission = Permission::Read,
    ];
    for lie in lies {
        let why = counts(&policy.keyring, lie).unwrap_err();
        assert!(why.contains("1 of 2"), "{why}");
    }
    let many: fn(&mut Vec<Event>) = |events| events.resize(MOST_ANSWERS + 1, events[0].clone());
    assert!(
        counts(&policy.keyring, many)
            .unwrap_err()
            .contains("at most")
    );
    // Whoever is taken out of `people:` approved nothing.
    let mut without = policy.keyring.clone();
    without.people.get_mut("bob").unwrap().accounts.clear();
    assert!(counts(&without, |_| ()).is_err());
}

/// The question, asked somewhere else than in comments.
fn request_at(spot: Spot) -> Identified {
    let mut wanted = wanted();
    wanted.place = Some(Place {
        at: spot,
        ..place([])
    });
    Identified::new(&wanted).unwrap()
}

fn reviewed(stance: Stance, commit: &str, edited_at: Option<Time>) -> Kind {
    let commit = commit.to_owned();
    Kind::Review {
        stance,
        commit,
        edited_at,
    }
}

fn gate(stance: Stance, (run, attempt): (u64, u64), commit: &str) -> Kind {
    Kind::Gate {
        stance,
        run,
        attempt,
        commit: commit.to_owned(),
        environments: vec!["production-1".to_owned()],
    }
}

#[test]
fn a_review_counts_for_its_commit_with_the_line_and_the_state_that_fits() {
    let (pull, commit) = (7, "aaaa".to_owned());
    let (asked, policy) = (request_at(Spot::Reviews { pull, commit }), ruled());
    let of = |kind: Kind, body: &str| Event {
        kind,
        ..event(102, body, &asked)
    };
    let first = Event {
        kind: reviewed(Stance::Approved, "aaaa", None),
        ..event(101, "/approve {}", &asked)
    };
    let judged_with = |second: Event| judged(&[first.clone(), second], &asked, &policy);
    let yes = of(reviewed(Stance::Approved, "aaaa", None), "/approve {}");
    assert_eq!(judged_with(yes).verdict, Verdict::Pass);
    let no = of(reviewed(Stance::Rejected, "aaaa", None), "/deny {}");
    assert_eq!(judged_with(no).verdict, Verdict::Fail);
    let later = Some(at("10:45"));
    let cases = [
        (
            Stance::Approved,
            "bbbb",
            None,
            "/approve {}",
            "commit `bbbb`",
        ),
        (Stance::Approved, "", None, "/approve {}", "commit ``"),
        (Stance::Approved, "aaaa", later, "/approve {}", "edited"),
        (
            Stance::Approved,
            "aaaa",
            Some(at("10:30")),
            "/approve {}",
            "edited",
        ),
        (Stance::Dismissed, "aaaa", None, "/approve {}", "dismissed"),
        (Stance::Neither, "aaaa", None, "/approve {}", "neither"),
        (Stance::Rejected, "aaaa", None, "/approve {}", "rejects"),
        (Stance::Approved, "aaaa", None, "/deny {}", "says no"),
        (Stance::Approved, "aaaa", None, "LGTM", "no answer"),
        (Stance::Approved, "aaaa", None, "> /approve {}", "quote"),
    ];
    for (stance, commit, edited_at, body, why) in cases {
        let judgement = judged_with(of(reviewed(stance, commit, edited_at), body));
        assert_eq!(judgement.verdict, Verdict::Pending, "{why}");
        let told = &judgement.not_counted[0].why;
        assert!(told.contains(why), "{told}");
    }
}

/// The question, asked in attempt 1 of run 9.
fn request_at_run() -> Identified {
    let commit = "aaaa".to_owned();
    request_at(Spot::Gates {
        run: 9,
        attempt: 1,
        commit,
    })
}

fn passed(account: u64, kind: Kind, body: &str, asked: &Identified) -> Event {
    Event {
        kind,
        created_at: asked.request.made_at,
        updated_at: asked.request.made_at,
        ..event(account, body, asked)
    }
}

#[test]
fn a_gate_counts_for_its_run_and_attempt_and_for_nothing_else() {
    let (asked, policy) = (request_at_run(), ruled());
    let yes = |account: u64, stance: Stance, run: (u64, u64), commit: &str| {
        passed(account, gate(stance, run, commit), "/approve {}", &asked)
    };
    let approved = |run: (u64, u64), commit: &str| yes(102, Stance::Approved, run, commit);
    let first = yes(101, Stance::Approved, (9, 1), "aaaa");
    let judged_with = |second: Event| judged(&[first.clone(), second], &asked, &policy);
    let good = approved((9, 1), "aaaa");
    assert_eq!(judged_with(good.clone()).verdict, Verdict::Pass);
    let mut dated = good.clone();
    (dated.created_at, dated.updated_at) = (at("11:00"), at("11:00"));
    let mut talk = good;
    talk.body = "ship it".to_owned();
    let mut again = first.clone();
    again.url.push('2');
    let cases = [
        (approved((9, 2), "aaaa"), "attempt 2"),
        (approved((8, 1), "aaaa"), "run 8"),
        (approved((9, 1), "bbbb"), "commit `bbbb`"),
        (yes(102, Stance::Rejected, (9, 1), "aaaa"), "rejects"),
        (yes(102, Stance::Neither, (9, 1), "aaaa"), "neither"),
        (talk, "no answer"),
        (
            event(102, "/approve {}", &asked),
            "not answered in this way",
        ),
        (dated, "does not say when"),
        (again, "counts once"),
    ];
    for (second, why) in cases {
        let judgement = judged_with(second);
        assert_eq!(judgement.verdict, Verdict::Pending, "{why}");
        let told = &judgement.not_counted[0].why;
        assert!(told.contains(why), "{why}: {told}");
    }
}

#[test]
fn a_yes_at_no_known_time_has_no_latency_and_was_not_looked_at_for_long() {
    let (asked, mut policy) = (request_at_run(), ruled());
    let yes = [101, 102].map(|account| {
        let kind = gate(Stance::Approved, (9, 1), "aaaa");
        passed(account, kind, "/approve {}", &asked)
    });
    let judgement = judged(&yes, &asked, &policy);
    assert_eq!(judgement.verdict, Verdict::Pass);
    let approval = Signed::new(&asked, Vec::new(), judgement, at("12:00")).unwrap();
    assert_eq!(approval.latency.first_answered_at, None);
    policy.approval.min_look = Some(crate::span::Span::seconds(60));
    let judgement = judged(&yes, &asked, &policy);
    assert_eq!(judgement.verdict, Verdict::Pending);
    assert_eq!(judgement.not_counted[0].reason, Reason::TooSoon);
}

#[test]
fn an_answer_in_another_way_than_asked_for_is_none() {
    let (pull, commit) = (7, "aaaa".to_owned());
    let policy = ruled();
    let kinds = [
        Kind::Comment,
        reviewed(Stance::Approved, "aaaa", None),
        gate(Stance::Approved, (9, 1), "aaaa"),
    ];
    let spots = [
        Spot::Comments { issue: 7 },
        Spot::Reviews {
            pull,
            commit: commit.clone(),
        },
        Spot::Gates {
            run: 9,
            attempt: 1,
            commit,
        },
    ];
    for (place, spot) in spots.into_iter().enumerate() {
        let asked = request_at(spot);
        for (way, kind) in kinds.iter().enumerate() {
            let yes = [101, 102].map(|account| Event {
                kind: kind.clone(),
                created_at: asked.request.made_at,
                updated_at: asked.request.made_at,
                ..event(account, "/approve {}", &asked)
            });
            let found = judged(&yes, &asked, &policy).verdict == Verdict::Pass;
            assert_eq!(found, place == way, "{place} {way}");
        }
    }
}
