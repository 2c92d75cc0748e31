use super::super::toy::{keyring, name};
use super::*;
use crate::config::approval::Group;

/// alice is 71 and @alice, bob 72 and @bob; carol has an address only.
fn ring() -> Keyring {
    let mut keyring = keyring();
    for (id, account) in [("alice", 71), ("bob", 72)] {
        let person = keyring.people.get_mut(id).unwrap();
        person.accounts.insert(format!("github:{account}"));
    }
    keyring
}

fn source(text: &str, paths: &[&str]) -> Source {
    Source {
        compared: Compared {
            repository: "github:acme/shop".parse().unwrap(),
            live: None,
            from: "a".repeat(40),
            to: "b".repeat(40),
        },
        path: "CODEOWNERS".to_owned(),
        text: text.to_owned(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn accounts(owner: &Owner) -> BTreeSet<u64> {
    match owner.to_string().as_str() {
        "@alice" => [71].into(),
        "@bob" => [72].into(),
        "@acme/both" => [71, 72, 99].into(),
        "@stranger" => [99].into(),
        _ => BTreeSet::new(),
    }
}

fn found(text: &str, paths: &[&str]) -> Change {
    let found = find(&source(text, paths)).unwrap();
    let owners = found.owners().into_iter();
    let known = owners.map(|owner| (owner.clone(), accounts(owner)));
    let known = known.collect();
    found.with(&known).unwrap()
}

fn rule(quorum: u32, unowned: &[&str]) -> (Rule, Codeowners) {
    let codeowners = Codeowners {
        repository: "github:acme/shop".parse().unwrap(),
        unowned: unowned.iter().map(|one| name(one)).collect(),
    };
    let rule = Rule {
        name: name("owners"),
        quorum,
        group: Group::Codeowners(codeowners.clone()),
    };
    (rule, codeowners)
}

/// The rules: name, quorum and people in one line each.
fn told(change: &Change, quorum: u32, unowned: &[&str]) -> Vec<String> {
    let (rule, codeowners) = rule(quorum, unowned);
    let rules = change.rules(&rule, &codeowners, &ring());
    let each = rules.iter().map(|one| {
        let people: Vec<&str> = one.people.iter().map(Name::as_str).collect();
        format!("{} {} of {}", one.name, one.quorum, people.join(","))
    });
    each.collect()
}

fn few(change: &Change, quorum: u32, unowned: &[&str]) -> Option<String> {
    let (rule, codeowners) = rule(quorum, unowned);
    change.too_few(&rule, &codeowners, &ring())
}

const FILE: &str = "*.rs @alice\n/db/ @bob @alice\n/ui/ carol@shop.example\n/x/ @stranger\n/y/\n";

#[test]
fn every_set_of_owners_is_a_rule_with_the_quorum() {
    let change = found(FILE, &["a.rs", "b.rs", "db/1.sql", "ui/a.css"]);
    // Whoever pleases alice alone pleases alice or bob.
    assert_eq!(
        told(&change, 1, &[]),
        ["owners.1 1 of alice", "owners.2 1 of carol"]
    );
    assert_eq!(few(&change, 1, &[]), None);
    let change = found(FILE, &["db/1.sql"]);
    assert_eq!(told(&change, 2, &[]), ["owners.1 2 of alice,bob"]);
    let change = found("* @acme/both", &["a"]);
    assert_eq!(told(&change, 1, &[]), ["owners.1 1 of alice,bob"]);
}

#[test]
fn what_nobody_owns_or_nobody_known_can_be_met_by_nobody() {
    let change = found(FILE, &["y/1", "z"]);
    assert_eq!(told(&change, 1, &[]), ["owners.unowned 1 of "]);
    assert_eq!(
        few(&change, 1, &[]).unwrap(),
        "nobody owns `y/1` and 1 other paths by `CODEOWNERS`"
    );
    assert_eq!(told(&change, 1, &["bob"]), ["owners.unowned 1 of bob"]);
    assert_eq!(few(&change, 1, &["bob"]), None);
    let change = found(FILE, &["a.rs", "x/\u{1b}[2J"]);
    assert_eq!(
        told(&change, 1, &["bob"]),
        ["owners.1 1 of alice", "owners.2 1 of "]
    );
    assert_eq!(
        few(&change, 1, &["bob"]).unwrap(),
        "1 of the owners @stranger of `x/\\u{1b}[2J` have to say yes, and `people` names nobody of them"
    );
    let few = few(&found(FILE, &["a.rs"]), 2, &[]).unwrap();
    assert!(few.ends_with("`people` names only alice of them"), "{few}");
}

#[test]
fn a_change_without_paths_is_owned_by_nobody() {
    let change = found(FILE, &[]);
    assert_eq!(told(&change, 1, &[]), ["owners.unowned 1 of "]);
    assert!(few(&change, 1, &[]).unwrap().starts_with("no path differs"));
    assert_eq!(few(&change, 1, &["bob"]), None);
}

#[test]
fn the_digest_is_that_of_what_git_prints() {
    let change = found(FILE, &["a.rs", "b.rs"]);
    assert_eq!(change.paths_digest, Digest::of(b"a.rs\0b.rs\0"));
    assert_eq!(found(FILE, &[]).paths_digest, Digest::of(b""));
}

#[test]
fn only_owners_of_sets_that_are_asked_are_looked_up_and_all_of_them_have_to_be() {
    let text = "/a @alice @bob\n/b @bob\n/c @carol @bob\n";
    let found = find(&source(text, &["a", "b", "c"])).unwrap();
    let owners: Vec<String> = found.owners().iter().map(ToString::to_string).collect();
    assert_eq!(owners, ["@bob"]);
    let refused = found.clone().with(&BTreeMap::new()).unwrap_err();
    assert_eq!(refused.to_string(), "nobody looked up the owner @bob");
    let gone = BTreeMap::from([(Owner::Name("bob".to_owned()), BTreeSet::new())]);
    let change = found.with(&gone).unwrap();
    assert_eq!(told(&change, 1, &[]), ["owners.1 1 of "]);
}

#[test]
fn a_file_or_change_that_is_too_large_or_unclear_is_refused() {
    let many: Vec<String> = (0..=MOST_PATHS).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = |text: &str, paths: &[&str]| find(&source(text, paths)).unwrap_err();
    assert!(matches!(refused("* @alice", &many), Error::Paths(10_001)));
    assert!(matches!(refused("* alice", &["a"]), Error::File(_)));
    assert!(matches!(refused("* @alice", &["../a"]), Error::Ask(_)));
    let lines = (0..=MOST_SETS).map(|number| format!("/{number} @o{number}\n"));
    let text: String = lines.collect();
    assert!(matches!(refused(&text, &many[..201]), Error::Sets(201)));
}
