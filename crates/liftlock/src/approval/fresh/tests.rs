use super::super::decide::{Evidence, decide};
use super::super::forge::{AccountKind, Forge, Kind, Origin, Permission, SCHEMA_VERSION};
use super::super::predicate::Approval as Signed;
use super::super::recheck::{Frame, Refused, count_again};
use super::super::request::{Place, Request, Spot};
use super::super::standing::{fallen, questions};
use super::super::toy::{CHECK, at, key, name, policy, wanted};
use super::*;
use crate::config::approval::{Approval as Rules, Group};
use crate::config::trust::Keyring;

/// The accounts: alice 101, bob 102, erin 103.
fn keyring() -> Keyring {
    let mut keyring = policy().keyring;
    for (who, account) in [("alice", 101), ("bob", 102), ("erin", 103)] {
        let person = keyring.people.get_mut(who).unwrap();
        person.accounts.insert(format!("github:{account}"));
    }
    keyring
}

fn rules() -> Rules {
    let mut rules = Rules::of(2, ["alice", "bob", "erin"].map(name).to_vec()).unwrap();
    rules.at = Some(["github:acme/shop".parse().unwrap()].into());
    rules
}

fn of_the_team() -> Rules {
    let mut rules = rules();
    rules.rules[0].group = Group::Team("github:acme/security".parse().unwrap());
    rules
}

fn asked() -> Identified {
    let place = Place {
        host: None,
        forge: Forge::Github,
        repository: "acme/shop".to_owned(),
        at: Spot::Comments { issue: 7 },
        authors: [].into(),
        addresses: [].into(),
    };
    let request = Request {
        place: Some(place),
        rules: rules().filled(),
        ..wanted()
    };
    Identified::new(&request).unwrap()
}

fn event(account: u64, word: &str) -> Event {
    let asked = asked();
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
        body: format!("/{word} {}", asked.digest),
        permission: Permission::Write,
        seen_at: at("10:31"),
    }
}

/// An approval by alice and bob, by these rules and with these members.
fn approval(rules: &Rules, events: Vec<Event>) -> Signed {
    let asked = asked();
    let mut groups = Groups::seen_at(at("10:50"));
    let team = "github:acme/security".parse().unwrap();
    groups.teams.insert(team, [101, 102, 103].into());
    let groups = rules.is_looked_up().then_some(groups);
    let policy = Policy::new(Digest::of(b"policy"), rules, keyring())
        .knowing(groups.clone())
        .excluding(&asked.release.release, &[key(4)])
        .asked_at(asked.request.place.as_ref());
    let each = events.iter();
    let answers: Vec<Heard> = each
        .map(|event| forge::hear(event, &asked, &policy))
        .collect();
    let evidence = Evidence {
        asked: &asked,
        answers: &answers,
        withdrawn: false,
        seen: None,
    };
    let judgement = decide(&policy, &evidence, at("11:00"));
    let approval = Signed::new(&asked, Vec::new(), judgement, at("11:00")).unwrap();
    approval.with_events(events).with_groups(groups)
}

/// What becomes of it by what is shown, and whose answers do not count any more.
fn counted(
    (approval, rules): (&Signed, &Rules),
    shown: Option<&Shown>,
) -> (Result<(), String>, Vec<String>) {
    let (asked, keyring) = (asked(), keyring());
    let statement = approval.statement(&asked.release).unwrap();
    let production = name("production");
    let frame = Frame {
        keyring: &keyring,
        environment: &production,
        rule: Some(rules),
        policy: Digest::of(b"policy"),
        release: &asked.release,
        live: None,
        signers: &[key(4)],
        shown,
        verifier: &CHECK,
    };
    let counted = count_again(&statement, &frame, at("12:00"));
    if let Err(error) = &counted
        && shown.is_some()
    {
        assert!(matches!(error, Refused::Fallen { .. }), "{error}");
    }
    let counted = counted.map(drop).map_err(|error| error.to_string());
    (counted, fallen(approval, &frame, None).unwrap())
}

fn two() -> Vec<Event> {
    vec![event(101, "approve"), event(102, "approve")]
}

/// What GitHub shows when it was asked about both, with a change to alice's.
fn shows(freshness: Freshness, change: impl FnOnce(&mut Option<Event>)) -> Shown {
    let mut shown = Shown::nothing(freshness);
    for event in two() {
        let now = Event {
            seen_at: at("11:30"),
            ..event.clone()
        };
        shown.events.insert(event.digest(), Some(now));
    }
    change(shown.events.get_mut(&two()[0].digest()).unwrap());
    shown
}

#[test]
fn what_does_not_stand_any_more_does_not_count_in_either_way() {
    let approval = approval(&rules(), two());
    type Edit = fn(&mut Option<Event>);
    let cases: [(&str, Edit); 8] = [
        ("does not show it any more", |now| *now = None),
        ("it was edited", |now| {
            now.as_mut().unwrap().updated_at = at("11:10");
        }),
        ("it says something else", |now| {
            now.as_mut().unwrap().body.push_str("\nbut not today");
        }),
        ("it is no answer", |now| {
            now.as_mut().unwrap().body = "hello".to_owned();
        }),
        ("another account", |now| {
            now.as_mut().unwrap().account = 102;
        }),
        ("has the permission `read`", |now| {
            now.as_mut().unwrap().permission = Permission::Read;
        }),
        ("a program wrote it", |now| {
            now.as_mut().unwrap().account_kind = AccountKind::Other;
        }),
        ("a program wrote it", |now| {
            now.as_mut().unwrap().by_app = true;
        }),
    ];
    for freshness in [Freshness::IfReachable, Freshness::Required] {
        for (word, change) in cases {
            let shown = shows(freshness, change);
            let (counted, fallen) = counted((&approval, &rules()), Some(&shown));
            let why = counted.unwrap_err();
            assert!(why.contains("1 of 2 said yes"), "{why}");
            assert!(
                why.contains("alice: ") && why.contains(word),
                "{word}: {why}"
            );
            assert_eq!(fallen.len(), 1, "{fallen:?}");
        }
    }
}

#[test]
fn a_person_with_another_login_still_counts() {
    let approval = approval(&rules(), two());
    let shown = shows(Freshness::Required, |now| {
        now.as_mut().unwrap().login = "alice-2".to_owned();
    });
    let (counted, fallen) = counted((&approval, &rules()), Some(&shown));
    assert_eq!((counted, fallen), (Ok(()), Vec::new()));
}

#[test]
fn what_was_not_asked_counts_only_where_that_is_allowed() {
    let approval = approval(&rules(), two());
    for (freshness, word) in [
        (Freshness::IfReachable, None),
        (Freshness::Required, Some("was not asked")),
    ] {
        let shown = Shown::nothing(freshness);
        let (unasked, _) = counted((&approval, &rules()), Some(&shown));
        match word {
            None => assert_eq!(unasked, Ok(())),
            Some(word) => assert!(unasked.unwrap_err().contains(word)),
        }
        // What is known refuses all the same.
        let mut shown = shows(freshness, |now| *now = None);
        shown.events.retain(|_, now| now.is_none());
        let (known, _) = counted((&approval, &rules()), Some(&shown));
        assert!(known.unwrap_err().contains("does not show it"));
    }
}

#[test]
fn one_who_falls_out_is_told_where_the_others_are_enough() {
    let third = event(103, "approve");
    let mut events = two();
    events.push(third.clone());
    let approval = approval(&rules(), events);
    let mut shown = shows(Freshness::Required, |now| *now = None);
    shown.events.insert(third.digest(), Some(third));
    let told = counted((&approval, &rules()), Some(&shown));
    let fallen = "alice: GitHub does not show it any more".to_owned();
    assert_eq!(told, (Ok(()), vec![fallen]));
}

#[test]
fn whoever_left_the_team_does_not_count_however_they_answered() {
    let rules = of_the_team();
    let approval = approval(&rules, two());
    let team: Handle = "github:acme/security".parse().unwrap();
    let with = |freshness, members: Option<&[u64]>| {
        let mut shown = shows(freshness, |_| ());
        let members = members.map(|all| all.iter().copied().collect());
        shown.teams.extend(members.map(|all| (team.clone(), all)));
        counted((&approval, &rules), Some(&shown)).0
    };
    let both = [101, 102, 999];
    assert_eq!(with(Freshness::Required, Some(&both)), Ok(()));
    assert_eq!(with(Freshness::IfReachable, None), Ok(()));
    assert!(with(Freshness::Required, None).is_err());
    for freshness in [Freshness::IfReachable, Freshness::Required] {
        let why = with(freshness, Some(&[101])).unwrap_err();
        assert!(why.contains("bob belongs to no group"), "{why}");
    }
}

#[test]
fn asked_is_about_those_who_count_and_nobody_else() {
    let mut events = two();
    // Nobody's answer, a bot's, and talk cost no call.
    events.push(event(999, "approve"));
    let mut bot = event(102, "approve");
    (bot.id, bot.account_kind) = (7, AccountKind::Other);
    events.push(bot);
    let about = |rules: &Rules| {
        let approval = approval(rules, events.clone());
        let (asked, keyring, production) = (asked(), keyring(), name("production"));
        let frame = Frame {
            keyring: &keyring,
            environment: &production,
            rule: Some(rules),
            policy: Digest::of(b"policy"),
            release: &asked.release,
            live: None,
            signers: &[key(4)],
            shown: None,
            verifier: &CHECK,
        };
        let found = questions(&approval, &frame, None).unwrap();
        let accounts: Vec<u64> = found.events.iter().map(|one| one.account).collect();
        (accounts, found.teams.len())
    };
    assert_eq!(about(&rules()), (vec![101, 102], 0));
    assert_eq!(about(&of_the_team()), (vec![101, 102], 1));
}

#[test]
fn required_is_tighter_than_if_reachable() {
    assert!(Freshness::Required > Freshness::IfReachable);
    let asked = |answers, fallen: &[&str], unreached: Option<&str>| {
        let fallen = fallen.iter().map(|one| (*one).to_owned()).collect();
        AskedAgain {
            at: at("12:00"),
            request: Digest::of(b"request"),
            answers,
            fallen,
            unreached: unreached.map(str::to_owned),
        }
        .to_string()
    };
    assert_eq!(asked(1, &[], None), "asked again about 1 answer");
    let told = asked(3, &["alice: gone"], None);
    assert_eq!(told, "asked again about 3 answers, without alice: gone");
    assert!(asked(0, &[], Some("502")).contains("as it was judged: 502"));
}
