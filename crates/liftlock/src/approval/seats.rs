//! Fills rules with people. Where nobody may count twice the assignment is
//! exact: no order of answers leaves a seat empty that could be taken.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// So many different people of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What people call it.
    pub name: Name,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// Who may, sorted.
    pub people: BTreeSet<Name>,
}

/// Whether one person may count in several rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Each rule is counted by itself.
    Allowed,
    /// Nobody counts in two.
    Distinct,
}

/// Rules, and who counts in which.
#[derive(Clone, Debug)]
pub struct Seats<'a> {
    benches: Vec<Bench<'a>>,
    overlap: Overlap,
}

#[derive(Clone, Debug)]
struct Bench<'a> {
    rule: &'a Rule,
    room: usize,
    taken: Vec<&'a Name>,
    tried: bool,
}

impl<'a> Seats<'a> {
    /// Seats everybody who said yes.
    #[must_use]
    pub fn new(rules: &'a [Rule], overlap: Overlap, yes: &'a BTreeSet<Name>) -> Self {
        let bench = |rule: &'a Rule| Bench {
            rule,
            room: usize::try_from(rule.quorum).unwrap_or(usize::MAX),
            taken: Vec::new(),
            tried: false,
        };
        let mut benches: Vec<Bench<'a>> = rules.iter().map(bench).collect();
        match overlap {
            Overlap::Allowed => {
                for bench in &mut benches {
                    bench.taken.extend(yes.intersection(&bench.rule.people));
                }
            }
            Overlap::Distinct => {
                for person in yes {
                    untried(&mut benches);
                    seat(&mut benches, person);
                }
            }
        }
        Self { benches, overlap }
    }

    /// How many yes are missing over all rules; 0 is a quorum in each.
    #[must_use]
    pub fn missing(&self) -> u32 {
        let missing = self.benches.iter().map(Bench::missing);
        missing.fold(0, u32::saturating_add)
    }

    /// Each rule with who counts in it, and how many are missing.
    pub fn rules(&self) -> impl Iterator<Item = (&'a Rule, &[&'a Name], u32)> {
        let each = self.benches.iter();
        each.map(|bench| (bench.rule, bench.taken.as_slice(), bench.missing()))
    }

    /// Whether a yes of somebody who did not count so far would leave fewer
    /// missing in a rule, be it by giving someone else another seat.
    #[must_use]
    pub fn would_help(&self, person: &'a Name, rule: &Rule) -> bool {
        let mut benches = self.benches.clone();
        untried(&mut benches);
        for bench in &mut benches {
            if bench.rule != rule {
                bench.room = bench.taken.len();
            }
        }
        match self.overlap {
            Overlap::Allowed => {
                let wanted = benches.iter().find(|bench| bench.rule == rule);
                wanted.is_some_and(|bench| bench.missing() > 0 && rule.people.contains(person))
            }
            Overlap::Distinct => seat(&mut benches, person),
        }
    }
}

impl Bench<'_> {
    fn missing(&self) -> u32 {
        let taken = u32::try_from(self.taken.len()).unwrap_or(u32::MAX);
        self.rule.quorum.saturating_sub(taken)
    }
}

fn untried(benches: &mut [Bench<'_>]) {
    for bench in benches {
        bench.tried = false;
    }
}

/// An augmenting path of bipartite matching (Kuhn, "The Hungarian method for
/// the assignment problem", 1955): a full bench gives a seat to whoever comes
/// if one of those on it finds another.
fn seat<'a>(benches: &mut [Bench<'a>], person: &'a Name) -> bool {
    for index in 0..benches.len() {
        let Some(bench) = benches.get_mut(index) else {
            continue;
        };
        if bench.tried || !bench.rule.people.contains(person) {
            continue;
        }
        bench.tried = true;
        if bench.taken.len() < bench.room {
            bench.taken.push(person);
            return true;
        }
        for other in bench.taken.clone() {
            if seat(benches, other) {
                if let Some(bench) = benches.get_mut(index) {
                    bench.taken.retain(|one| *one != other);
                    bench.taken.push(person);
                }
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(letters: &str) -> BTreeSet<Name> {
        let letters = letters.chars().map(|one| one.to_string());
        letters.map(|one| one.parse().unwrap()).collect()
    }

    fn rules(written: &[(u32, &str)]) -> Vec<Rule> {
        let each = written.iter().enumerate();
        each.map(|(place, (quorum, letters))| Rule {
            name: format!("r{place}").parse().unwrap(),
            quorum: *quorum,
            people: people(letters),
        })
        .collect()
    }

    fn missing(written: &[(u32, &str)], overlap: Overlap, yes: &str) -> u32 {
        let (rules, yes) = (rules(written), people(yes));
        Seats::new(&rules, overlap, &yes).missing()
    }

    #[test]
    fn one_person_fills_two_rules_only_where_that_is_allowed() {
        let both: &[(u32, &str)] = &[(1, "ab"), (1, "ac")];
        assert_eq!(missing(both, Overlap::Allowed, "a"), 0);
        assert_eq!(missing(both, Overlap::Distinct, "a"), 1);
        assert_eq!(missing(both, Overlap::Distinct, "ab"), 0);
        assert_eq!(missing(both, Overlap::Distinct, "bc"), 0);
    }

    #[test]
    fn whoever_is_needed_elsewhere_makes_room() {
        // In order a would sit in the first rule, and c would find no seat.
        let chain: &[(u32, &str)] = &[(1, "ab"), (1, "ac"), (1, "cd")];
        assert_eq!(missing(chain, Overlap::Distinct, "abc"), 0);
        assert_eq!(missing(chain, Overlap::Distinct, "abd"), 0);
        assert_eq!(missing(chain, Overlap::Distinct, "ab"), 1);
    }

    #[test]
    fn help_is_found_also_where_somebody_has_to_move() {
        let (rules, yes) = (rules(&[(1, "ab"), (1, "b")]), people("b"));
        let seats = Seats::new(&rules, Overlap::Distinct, &yes);
        assert_eq!(seats.missing(), 1);
        let everybody = people("abx");
        let helpers: Vec<&str> = everybody
            .iter()
            .filter(|name| rules.iter().any(|rule| seats.would_help(name, rule)))
            .map(Name::as_str)
            .filter(|name| *name != "b")
            .collect();
        assert_eq!(helpers, ["a"]);
    }

    /// The most that any assignment fills, by trying all of them.
    fn best(rules: &[Rule], yes: &[Name], filled: &mut Vec<u32>) -> u32 {
        let Some((person, rest)) = yes.split_first() else {
            return filled.iter().sum();
        };
        let mut most = best(rules, rest, filled);
        for (place, rule) in rules.iter().enumerate() {
            if rule.people.contains(person) && filled[place] < rule.quorum {
                filled[place] += 1;
                most = most.max(best(rules, rest, filled));
                filled[place] -= 1;
            }
        }
        most
    }

    #[test]
    fn every_small_case_is_filled_as_well_as_any_assignment_could() {
        let everybody: Vec<Name> = people("abcd").into_iter().collect();
        let group = |mask: usize| -> BTreeSet<Name> {
            let members = everybody.iter().enumerate();
            members
                .filter(|(place, _)| mask >> place & 1 == 1)
                .map(|(_, name)| name.clone())
                .collect()
        };
        let mut full = 0;
        for case in 0..16_usize.pow(3) * 8 {
            let mut rules = rules(&[(1, ""), (1, ""), (1, "")]);
            for (place, rule) in rules.iter_mut().enumerate() {
                rule.people = group(case >> (4 * place) & 15);
                rule.quorum = 1 + u32::from(case >> (12 + place) & 1 == 1);
            }
            let wanted: u32 = rules.iter().map(|rule| rule.quorum).sum();
            for mask in 0..16 {
                let yes = group(mask);
                let seats = Seats::new(&rules, Overlap::Distinct, &yes);
                let list: Vec<Name> = yes.iter().cloned().collect();
                let most = best(&rules, &list, &mut vec![0; 3]);
                assert_eq!(seats.missing(), wanted - most, "{rules:?} {yes:?}");
                full += u32::from(seats.missing() == 0);
                let mut seen = BTreeSet::new();
                for (rule, taken, _) in seats.rules() {
                    assert!(taken.iter().all(|one| rule.people.contains(*one)));
                    assert!(taken.iter().all(|one| seen.insert(*one)), "twice");
                }
            }
        }
        assert!(full > 1_000, "cases have to be fillable: {full}");
    }
}
