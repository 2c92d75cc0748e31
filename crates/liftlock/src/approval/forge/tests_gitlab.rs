use super::super::decide::{Evidence, Judgement, decide};
use super::super::policy::Exclusion;
use super::super::predicate::Approval;
use super::super::recheck;
use super::super::request::{Identified, Noteable, Spot};
use super::super::toy::{CHECK, at, key, name, policy, rule, wanted};
use super::*;
use crate::config::approval;
use crate::config::trust::Keyring;
use crate::verdict::Verdict;

type Edit = fn(&mut Event);

const HOST: &str = "gitlab.acme.example";

/// The accounts on the company's own installation: alice 101, bob 102, carol
/// 103 (an author by e-mail). On the public one 102 is erin.
fn ruled() -> Policy {
    let mut policy = policy();
    policy.approval = ruled_approval();
    for (who, account) in [("alice", 101), ("bob", 102), ("carol", 103)] {
        let person = policy.keyring.people.get_mut(who).unwrap();
        person.accounts.insert(format!("gitlab:{account}@{HOST}"));
    }
    let erin = policy.keyring.people.get_mut("erin").unwrap();
    erin.accounts.insert("gitlab:102".to_owned());
    policy
}

fn ruled_approval() -> approval::Approval {
    let mut approval = rule();
    let own = format!("gitlab:acme/back/shop@{HOST}");
    let places = [own.as_str(), "gitlab:acme/back/shop"];
    approval.at = Some(places.map(|place| place.parse().unwrap()).into());
    approval
}

fn place(at: Spot) -> Place {
    Place {
        host: None,
        forge: Forge::Gitlab,
        repository: "acme/back/shop".to_owned(),
        at,
        authors: [].into(),
        addresses: [].into(),
    }
}

fn notes(host: Option<&str>, addresses: &[&str]) -> Spot {
    Spot::Notes {
        host: host.map(str::to_owned),
        on: Noteable::MergeRequest,
        number: 7,
        addresses: addresses.iter().map(|one| (*one).to_owned()).collect(),
    }
}

fn asked_at(spot: Spot) -> Identified {
    let mut wanted = wanted();
    wanted.place = Some(place(spot));
    Identified::new(&wanted).unwrap()
}

fn event(account: u64, asked: &Identified) -> Event {
    Event {
        schema_version: SCHEMA_VERSION,
        forge: Forge::Gitlab,
        kind: Kind::Comment,
        id: account * 10,
        url: format!("https://{HOST}/acme/back/shop/-/merge_requests/7#note_1"),
        account,
        login: "somebody".to_owned(),
        account_kind: AccountKind::User,
        by_app: false,
        origin: Origin::Written,
        created_at: at("10:30"),
        updated_at: at("10:30"),
        body: line(Forge::Gitlab, Say::Yes, &asked.digest),
        permission: Permission::Write,
        seen_at: at("10:31"),
    }
}

fn judged(events: &[Event], asked: &Identified) -> Judgement {
    let policy = ruled().asked_at(asked.request.place.as_ref());
    let answers: Vec<Heard> = events
        .iter()
        .map(|event| hear(event, asked, &policy))
        .collect();
    let evidence = Evidence {
        asked,
        answers: &answers,
        withdrawn: false,
        seen: None,
    };
    decide(&policy, &evidence, at("12:00"))
}

#[test]
fn two_notes_are_a_quorum_on_the_installation_that_was_asked() {
    let asked = asked_at(notes(Some(HOST), &[]));
    let yes = [101, 102].map(|account| event(account, &asked));
    assert_eq!(judged(&yes, &asked).verdict, Verdict::Pass);
    // The same numbers elsewhere are other people, or nobody.
    for elsewhere in [None, Some("gitlab.evil.example")] {
        let asked = asked_at(notes(elsewhere, &[]));
        let yes = [101, 102].map(|account| event(account, &asked));
        let judgement = judged(&yes, &asked);
        assert_ne!(judgement.verdict, Verdict::Pass, "{elsewhere:?}");
        assert_eq!(judgement.counted, [], "{elsewhere:?}");
    }
}

#[test]
fn what_does_not_count_says_why() {
    let asked = asked_at(notes(Some(HOST), &[]));
    let cases: [(Edit, &str); 10] = [
        (|one| one.updated_at = at("10:31"), "edited"),
        (|one| one.origin = Origin::System, "forge itself"),
        (|one| one.origin = Origin::Internal, "not everybody"),
        (|one| one.origin = Origin::Imported, "imported"),
        (|one| one.account_kind = AccountKind::Other, "a program"),
        (|one| one.permission = Permission::Read, "permission `read`"),
        (|one| one.account = 103, "author"),
        (
            |one| one.body = one.body.replace("liftlock ", "/"),
            "first line",
        ),
        (|one| one.body.insert_str(0, "> "), "quote"),
        (|one| one.forge = Forge::Github, "not made on this forge"),
    ];
    for (change, why) in cases {
        let mut changed = event(102, &asked);
        change(&mut changed);
        let judgement = judged(&[event(101, &asked), changed], &asked);
        assert_eq!(judgement.verdict, Verdict::Pending, "{why}");
        let told = &judgement.not_counted[0].why;
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn whoever_wrote_a_commit_or_started_the_deployment_is_excluded() {
    let addresses = [
        "Alice@shop.example",
        "103-carol@users.noreply.gitlab.acme.example",
    ];
    let spot = notes(Some(HOST), &addresses);
    let policy = ruled().asked_at(Some(&place(spot)));
    assert_eq!(policy.excluded[&name("alice")], Exclusion::Author);
    assert_eq!(policy.excluded[&name("carol")], Exclusion::Author);
    assert!(!policy.excluded.contains_key(&name("bob")));
    let spot = Spot::Deployment {
        host: Some(HOST.to_owned()),
        deployment: 42,
        starters: [102].into(),
    };
    let asked = asked_at(spot);
    let said = |stance| {
        [101, 102].map(|account| Event {
            kind: Kind::Deployment {
                stance,
                deployment: 42,
            },
            ..event(account, &asked)
        })
    };
    let judgement = judged(&said(Stance::Approved), &asked);
    assert_eq!(judgement.verdict, Verdict::Pending);
    assert_eq!(judgement.counted.len(), 1);
    assert!(judgement.not_counted[0].why.contains("started the run"));
    // A verdict whose text says the other thing, or of another deployment.
    let [mut other, _] = said(Stance::Approved);
    other.kind = Kind::Deployment {
        stance: Stance::Approved,
        deployment: 43,
    };
    for events in [
        said(Stance::Rejected).to_vec(),
        vec![other],
        vec![event(101, &asked)],
    ] {
        assert_eq!(judged(&events, &asked).counted, []);
    }
}

#[test]
fn a_place_that_its_forge_does_not_have_is_no_place() {
    let mut wanted = wanted();
    for (forge, at) in [
        (Forge::Github, notes(None, &[])),
        (Forge::Gitlab, Spot::Comments { issue: 7 }),
    ] {
        let mut place = place(at);
        place.forge = forge;
        wanted.place = Some(place);
        assert!(Identified::new(&wanted).is_err());
    }
}

#[test]
fn an_approval_is_counted_again_by_the_accounts_of_that_installation() {
    let asked = asked_at(notes(Some(HOST), &[]));
    let counts = |keyring: &Keyring, change: fn(&mut Vec<Event>)| {
        let mut events = [101, 102].map(|account| event(account, &asked)).to_vec();
        let judgement = judged(&events, &asked);
        change(&mut events);
        let approval = Approval::new(&asked, Vec::new(), judgement, at("12:00")).unwrap();
        let statement = approval
            .with_events(events)
            .statement(&asked.release)
            .unwrap();
        let frame = recheck::Frame {
            keyring,
            environment: &asked.request.environment,
            rule: Some(&ruled_approval()),
            policy: policy().digest,
            release: &asked.release,
            signers: &[key(4)],
            shown: None,
            verifier: &CHECK,
            live: None,
        };
        recheck::count_again(&statement, &frame, at("12:30")).map_err(|error| error.to_string())
    };
    let keyring = ruled().keyring;
    assert!(counts(&keyring, |_| ()).is_ok());
    let lies: [fn(&mut Vec<Event>); 4] = [
        |events| events[1].account = 101,
        |events| events[1].origin = Origin::Internal,
        |events| events[1].updated_at = at("10:45"),
        |events| events[1].permission = Permission::Read,
    ];
    for lie in lies {
        let why = counts(&keyring, lie).unwrap_err();
        assert!(why.contains("1 of 2"), "{why}");
    }
    // A policy that means the same numbers elsewhere accepts none of it.
    let mut public = keyring;
    for person in public.people.values_mut() {
        let accounts = person.accounts.iter();
        person.accounts = accounts
            .map(|one| one.replace(&format!("@{HOST}"), ""))
            .collect();
    }
    assert!(counts(&public, |_| ()).is_err());
}
