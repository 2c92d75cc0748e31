//! Keeps whoever began a plan apart from whoever lets it go on.

use std::collections::BTreeSet;

use super::wish::Refusal;
use crate::approval::policy::Policy;
use crate::ci::Actor;

/// Whether somebody may let a plan go on that these began. Where people have
/// to say yes to a release, nobody says it to their own run: the two sides have
/// to be proved different, as whoever is not told may be anybody.
///
/// # Errors
///
/// Refuses whoever had a part in the run that began the plan, and whomever
/// nobody can tell from them.
pub fn separate(policy: Option<&Policy>, began: &[Actor], asks: &[Actor]) -> Result<(), Refusal> {
    let Some(policy) = policy else {
        return Ok(());
    };
    for side in [began, asks] {
        if policy.unknown_actor(side).is_some() {
            return Err(Refusal::Unknown);
        }
    }
    if let Some(name) = names(policy, began)
        .intersection(&names(policy, asks))
        .next()
    {
        return Err(Refusal::Began(name.clone()));
    }
    if began.is_empty() || asks.is_empty() {
        let did = if began.is_empty() {
            "began"
        } else {
            "advances"
        };
        return Err(Refusal::Untold(format!("nothing says who {did} it")));
    }
    for one in began {
        for other in asks {
            if !are_two(policy, one, other) {
                let [one, other] = [one, other].map(Actor::told);
                let why = format!("{one} and {other} are not told apart by `people`");
                return Err(Refusal::Untold(why));
            }
        }
    }
    Ok(())
}

/// Every name of these, and of the people whom they mean.
fn names(policy: &Policy, side: &[Actor]) -> BTreeSet<String> {
    let accounts = side.iter().flat_map(|actor| &actor.known_as);
    let people = accounts
        .clone()
        .flat_map(|name| policy.keyring.known_as(name))
        .map(|person| person.to_string());
    accounts
        .map(|name| name.to_lowercase())
        .chain(people)
        .collect()
}

/// Whether two without a name in common are surely two: both are somebody of
/// `people:`, or one installation gave them their accounts, which do not change.
fn are_two(policy: &Policy, one: &Actor, other: &Actor) -> bool {
    let known = policy.surely(one).zip(policy.surely(other));
    let (homes, there) = (one.homes(), other.homes());
    known.is_some_and(|(one, other)| one != other) || !homes.is_disjoint(&there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::Did;
    use crate::config;
    use crate::config::trust::Keyring;
    use crate::digest::Digest;

    fn actor(names: &[&str]) -> Vec<Actor> {
        vec![Actor {
            did: Did::Triggered,
            known_as: names.iter().map(|name| (*name).to_owned()).collect(),
        }]
    }

    fn rules(more: &str) -> Policy {
        let text = format!(
            "version: 1\nservice: shop\nenvironments:\n  production:\n    \
             approval: {{ quorum: 1, people: [alice]{more} }}\n\
             people: {{ alice: {{ accounts: ['github:7', 'github:al'] }}, \
             bob: {{ accounts: ['github:8'] }} }}\n"
        );
        let service = config::parse(&text, None).unwrap();
        let production: crate::name::Name = "production".parse().unwrap();
        let rule = service.environments[&production].approval.clone();
        let people = Keyring {
            trusted: Vec::new(),
            people: service.people.unwrap(),
        };
        Policy::new(Digest::of(b"policy"), &rule.unwrap(), people)
    }

    #[test]
    fn nobody_lets_their_own_run_go_on_where_others_have_to_say_yes() {
        let policy = rules("");
        let may = |began: &[Actor], asks: &[Actor]| {
            separate(Some(&policy), began, asks).map_err(|refusal| refusal.to_string())
        };
        let (alice, bob) = (actor(&["github:7"]), actor(&["github:8"]));
        assert_eq!(may(&alice, &bob), Ok(()));
        // One person by two names, and one name that nobody knows.
        for (began, asks, who) in [
            (&alice, &alice, "alice"),
            (&alice, &actor(&["github:al"]), "alice"),
            (&alice, &actor(&["alice"]), "alice"),
            (
                &actor(&["github:Eve"]),
                &actor(&["github:eve"]),
                "github:eve",
            ),
        ] {
            let why = may(began, asks).unwrap_err();
            assert!(why.starts_with(&format!("{who} had a part")), "{why}");
        }
        assert_eq!(separate(None, &alice, &alice), Ok(()));
        assert_eq!(separate(None, &[], &[]), Ok(()));
        let strict = rules(", known-actors: true");
        for (began, asks) in [
            (&[][..], &bob[..]),
            (&alice, &[]),
            (&actor(&["github:9"]), &bob),
        ] {
            let refused = separate(Some(&strict), began, asks);
            assert_eq!(refused, Err(Refusal::Unknown));
        }
        assert_eq!(separate(Some(&strict), &alice, &bob), Ok(()));
    }

    #[test]
    fn whom_nobody_can_tell_is_not_somebody_else() {
        let policy = rules("");
        let (alice, nobody) = (actor(&["github:7"]), Vec::new());
        let again = |name: &str| {
            let mut actors = actor(&[name]);
            actors[0].did = Did::ReRan;
            actors
        };
        for (began, asks, why) in [
            (&alice, &nobody, "nothing says who advances it"),
            (&nobody, &alice, "nothing says who began it"),
            (&nobody, &nobody, "nothing says who began it"),
            // A login alone, an account elsewhere, somebody without an account.
            (&alice, &actor(&["github:eve"]), "github:7 and github:eve"),
            (&alice, &again("github:eve"), "github:7 and github:eve"),
            (&alice, &again("github:9"), "github:7 and github:9"),
            (&alice, &actor(&["gitlab:9"]), "github:7 and gitlab:9"),
            (
                &actor(&["gitlab:7@a.example", "gitlab:7"]),
                &actor(&["gitlab:9@b.example", "gitlab:9"]),
                "gitlab:7, gitlab:7@a.example and gitlab:9",
            ),
            (&actor(&["github:9"]), &actor(&["bob"]), "github:9 and bob"),
        ] {
            match separate(Some(&policy), began, asks) {
                Err(Refusal::Untold(told)) => assert!(told.starts_with(why), "{told}"),
                other => panic!("{why}: {other:?}"),
            }
        }
        for (began, asks) in [
            (&alice, &actor(&["github:9", "github:eve"])),
            (&alice, &actor(&["bob"])),
            (&actor(&["alice"]), &actor(&["github:8"])),
            (&actor(&["jenkins:eve"]), &actor(&["jenkins:mel"])),
            (
                &actor(&["gitlab:7@a.example", "gitlab:7"]),
                &actor(&["gitlab:9@a.example", "gitlab:9"]),
            ),
        ] {
            assert_eq!(separate(Some(&policy), began, asks), Ok(()), "{asks:?}");
        }
    }
}
