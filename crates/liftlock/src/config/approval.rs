//! Who has to say yes to a release: rules, each a group with a quorum.

mod tighter;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::automatic::{self, Automatic};
use super::group;
pub use super::group::Group;
use super::group::{Codeowners, Handle};
use super::place::Repository;
use super::trust::Keyring;
use crate::approval::DEFAULT_EXPIRY;
use crate::approval::forge::{LEAST, Permission};
use crate::approval::fresh::Freshness;
use crate::approval::groups;
use crate::approval::seats::{self, Rule as Filled};
use crate::approval::ticket::Ticket;
use crate::name::Name;
use crate::span::Span;
pub(super) use tighter::tighten;

/// The most rules of one environment.
pub const MOST_RULES: usize = 32;

/// The name of the one rule of the short form.
const SHORT: &str = "approval";

/// What has to be said before a release may go to an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Approval {
    /// All of these have to be met; never none.
    pub rules: Vec<Rule>,
    /// Whether nobody may count in two rules; default false.
    pub distinct: Option<bool>,
    /// Whether everybody by whom the run came about has to be known in
    /// `people:`; default false.
    pub known_actors: Option<bool>,
    /// How long people have to look before a yes counts; default 0s.
    pub min_look: Option<Span>,
    /// What has to be named in the notes or by somebody who says yes.
    pub ticket: Option<Ticket>,
    /// In which repositories people may be asked on a forge; default none.
    pub at: Option<BTreeSet<Repository>>,
    /// What an account has to be allowed there for its answers to count;
    /// default `write`.
    pub permission: Option<Permission>,
    /// Whether forges are asked again when an approval is used; default no.
    pub fresh: Option<Freshness>,
    /// Which releases need nobody's yes; default none.
    pub automatic: Option<Vec<Automatic>>,
    /// How long a request stays open, and its approval usable; default 24h.
    pub expires: Option<Span>,
}

/// So many different people of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What people call it.
    pub name: Name,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// Who may.
    pub group: Group,
}

/// How it is written: `quorum` and `people` for one rule, or `rules`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Approval"))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Written {
    /// How many different people have to say yes, where there is one rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
    /// Who may, where there is one rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<Name>>,
    /// Several rules, all of which have to be met; at most 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<WrittenRule>>,
    /// Whether nobody may count in two rules; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<bool>,
    /// Whether everybody by whom the run came about has to be known in
    /// `people:`; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_actors: Option<bool>,
    /// How long people have to look before a yes counts; default 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_look: Option<Span>,
    /// A ticket that has to be named, as a regular expression for a whole word,
    /// in the notes of the release or in the comment of a yes that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub ticket: Option<Ticket>,
    /// The repositories in which people may be asked on a forge, like
    /// `github:acme/shop`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub at: Option<BTreeSet<Repository>>,
    /// What an account has to be allowed there for its answers to count:
    /// `write`, `maintain` or `admin`; default `write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<Permission>,
    /// Whether `promote` asks the forge again, whenever it uses an approval, if
    /// each answer still stands and its author still may: `if-reachable` or
    /// `required`; by default it counts what the approval holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Freshness>,
    /// Which releases need nobody's yes: those that meet every condition of one
    /// of these rules; at most 32, default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Vec<Automatic>>,
    /// How long a request stays open, and its approval usable; default 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Span>,
}

/// One of several rules as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Rule"))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WrittenRule {
    /// What people call it.
    pub name: Name,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// Who may, as ids of `people:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<Name>>,
    /// Or the team or group whose members may, as `github:ORGANISATION/SLUG` or
    /// `gitlab:GROUP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Handle>,
    /// Or the owners of the paths that differ between what is live and the
    /// release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codeowners: Option<Codeowners>,
}

/// The parts of an `approval` do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Neither form, or both.
    #[error("`approval` needs either `quorum` and `people`, or `rules`")]
    Form,
    /// A name that is not unique.
    #[error("`approval` has the rule `{0}` twice")]
    Rule(Name),
    /// Somebody who would look like two.
    #[error("`approval.people` names `{0}` twice")]
    Person(Name),
    /// None, or several.
    #[error("the rule `{0}` needs exactly one of `people`, `team` and `codeowners`")]
    Group(Name),
}

impl TryFrom<Written> for Approval {
    type Error = Malformed;

    fn try_from(written: Written) -> Result<Self, Malformed> {
        let short = SHORT.parse::<Name>().map_err(|_never| Malformed::Form)?;
        let rules = match (written.quorum, written.people, written.rules) {
            (Some(quorum), Some(people), None) => vec![Rule {
                name: short,
                quorum,
                group: Group::People(each_once(people)?),
            }],
            (None, None, Some(rules)) => {
                let rules = rules.into_iter().map(Rule::try_from);
                rules.collect::<Result<_, _>>()?
            }
            (_, _, _) => return Err(Malformed::Form),
        };
        let mut names = BTreeSet::new();
        if let Some(twice) = rules.iter().find(|rule| !names.insert(&rule.name)) {
            return Err(Malformed::Rule(twice.name.clone()));
        }
        Ok(Self {
            rules,
            distinct: written.distinct,
            known_actors: written.known_actors,
            min_look: written.min_look,
            ticket: written.ticket,
            at: written.at,
            permission: written.permission,
            fresh: written.fresh,
            automatic: written.automatic,
            expires: written.expires,
        })
    }
}

impl From<Approval> for Written {
    fn from(approval: Approval) -> Self {
        let rules = approval.rules.into_iter().map(WrittenRule::from);
        Self {
            quorum: None,
            people: None,
            rules: Some(rules.collect()),
            distinct: approval.distinct,
            known_actors: approval.known_actors,
            min_look: approval.min_look,
            ticket: approval.ticket,
            at: approval.at,
            permission: approval.permission,
            fresh: approval.fresh,
            automatic: approval.automatic,
            expires: approval.expires,
        }
    }
}

impl TryFrom<WrittenRule> for Rule {
    type Error = Malformed;

    fn try_from(written: WrittenRule) -> Result<Self, Malformed> {
        let group = match (written.people, written.team, written.codeowners) {
            (Some(people), None, None) => Group::People(each_once(people)?),
            (None, Some(team), None) => Group::Team(team),
            (None, None, Some(owners)) => Group::Codeowners(owners),
            (_, _, _) => return Err(Malformed::Group(written.name)),
        };
        Ok(Self {
            name: written.name,
            quorum: written.quorum,
            group,
        })
    }
}

impl From<Rule> for WrittenRule {
    fn from(rule: Rule) -> Self {
        let (mut people, mut team, mut codeowners) = (None, None, None);
        match rule.group {
            Group::People(named) => people = Some(named.into_iter().collect()),
            Group::Team(named) => team = Some(named),
            Group::Codeowners(owners) => codeowners = Some(owners),
        }
        Self {
            name: rule.name,
            quorum: rule.quorum,
            people,
            team,
            codeowners,
        }
    }
}

fn each_once(people: Vec<Name>) -> Result<BTreeSet<Name>, Malformed> {
    let mut members = BTreeSet::new();
    for person in people {
        if !members.insert(person.clone()) {
            return Err(Malformed::Person(person));
        }
    }
    Ok(members)
}

impl Approval {
    /// The short form: so many of these people.
    ///
    /// # Errors
    ///
    /// Fails on somebody who is named twice.
    pub fn of(quorum: u32, people: Vec<Name>) -> Result<Self, Malformed> {
        Self::try_from(Written {
            quorum: Some(quorum),
            people: Some(people),
            rules: None,
            distinct: None,
            known_actors: None,
            min_look: None,
            ticket: None,
            at: None,
            permission: None,
            fresh: None,
            automatic: None,
            expires: None,
        })
    }

    /// The rules as they are asked of people, before anything is looked up.
    #[must_use]
    pub fn filled(&self) -> Vec<Filled> {
        groups::filled(self, None, &Keyring::default())
    }

    /// Everybody whom some rule names.
    #[must_use]
    pub fn people(&self) -> BTreeSet<Name> {
        let groups = self.rules.iter().map(|rule| rule.group.named());
        groups.flatten().collect()
    }

    /// Whether somebody has to be asked who belongs to a group.
    #[must_use]
    pub fn is_looked_up(&self) -> bool {
        self.rules.iter().any(|rule| rule.group.is_looked_up())
    }

    /// Whether nobody may count in two rules.
    #[must_use]
    pub fn overlap(&self) -> seats::Overlap {
        if self.distinct.unwrap_or(false) {
            seats::Overlap::Distinct
        } else {
            seats::Overlap::Allowed
        }
    }

    /// Refuses rules that nobody could ever meet; the error names the field.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let fault = |field, why: &str| Err((field, why.to_owned()));
        if self.rules.is_empty() || self.rules.len() > MOST_RULES {
            return fault("approval.rules", "has to have 1 to 32 of them");
        }
        let rules = self.filled();
        let reachable = |rule: &Rule| {
            let people = rule.group.named().len();
            let enough = usize::try_from(rule.quorum).is_ok_and(|quorum| quorum <= people);
            let looked_up = rule.group.is_looked_up() && people == 0;
            rule.quorum > 0 && (enough || looked_up)
        };
        if !self.rules.iter().all(reachable) {
            return fault(
                "approval.quorum",
                "has to be at least 1 and at most the number of people",
            );
        }
        group::check_owners(&self.rules, self.overlap())?;
        if self
            .min_look
            .is_some_and(|look| look >= self.expires.unwrap_or(DEFAULT_EXPIRY))
        {
            return fault("approval.min-look", "has to be shorter than `expires`");
        }
        if self.least() < LEAST {
            return fault(
                "approval.permission",
                "has to be `write`, `maintain` or `admin`",
            );
        }
        automatic::check(self.automatic.as_deref().unwrap_or_default())?;
        let people = self.people();
        let seats = seats::Seats::new(&rules, self.overlap(), &people);
        if !self.is_looked_up() && seats.missing() > 0 {
            return fault(
                "approval.distinct",
                "asks for more different people than the rules name together",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Service, parse};

    fn read(approval: &str) -> Result<Service, String> {
        let text = format!("version: 1\nenvironments: {{ p: {{ approval: {approval} }} }}\n");
        parse(&text, None).map_err(|error| error.to_string())
    }

    const TWO: &str = "{ name: release, quorum: 1, people: [a, b] }, \
                       { name: security, quorum: 2, people: [b, c] }";

    #[test]
    fn rules_that_cannot_be_met_or_told_apart_are_refused() {
        let cases = [
            ("{ rules: [] }".to_owned(), "`environments.p.approval.rules`"),
            ("{ quorum: 1 }".to_owned(), "needs either"),
            (format!("{{ quorum: 1, people: [a], rules: [{TWO}] }}"), "needs either"),
            ("{ quorum: 1, people: [a, a] }".to_owned(), "names `a` twice"),
            (format!("{{ rules: [{TWO}, {{ name: release, quorum: 1, people: [a] }}] }}"), "`release` twice"),
            ("{ rules: [{ name: x, quorum: 0, people: [a] }] }".to_owned(), "approval.quorum"),
            ("{ rules: [{ name: x, quorum: 2, people: [a] }] }".to_owned(), "approval.quorum"),
            ("{ rules: [{ name: x, quorum: 1, people: [a] }, { name: y, quorum: 1, people: [a] }], distinct: true }".to_owned(), "approval.distinct"),
            ("{ quorum: 1, people: [a], min-look: 1h, expires: 1h }".to_owned(), "approval.min-look"),
            ("{ quorum: 1, people: [a], permission: read }".to_owned(), "approval.permission"),
            ("{ quorum: 1, people: [a], permission: owner }".to_owned(), "owner"),
            ("{ quorum: 1, people: [a], at: [acme/shop] }".to_owned(), "no repository like"),
            ("{ quorum: 1, people: [a], ticket: '.*' }".to_owned(), "names no ticket"),
            ("{ rules: [{ name: x, quorum: 1, people: [a], veto: true }] }".to_owned(), "veto"),
            ("{ rules: [{ name: x, quorum: 1 }] }".to_owned(), "exactly one of"),
            ("{ rules: [{ name: x, quorum: 1, people: [a], team: 'github:acme/x' }] }".to_owned(), "exactly one of"),
            ("{ rules: [{ name: x, quorum: 0, team: 'github:acme/x' }] }".to_owned(), "approval.quorum"),
            ("{ rules: [{ name: x, quorum: 1, team: 'github:acme' }] }".to_owned(), "github:ORGANISATION/TEAM"),
            ("{ quorum: 1, team: 'github:acme/x' }".to_owned(), "team"),
            ("{ rules: [{ name: x, quorum: 1, codeowners: {} }] }".to_owned(), "repository"),
            ("{ rules: [{ name: x, quorum: 1, codeowners: { repository: 'gitlab:a' } }] }".to_owned(), "no repository like"),
            ("{ rules: [{ name: x, quorum: 1, codeowners: { repository: 'github:a/b', at: HEAD } }] }".to_owned(), "at"),
            ("{ rules: [{ name: x, quorum: 2, codeowners: { repository: 'github:a/b', unowned: [a] } }] }".to_owned(), "approval.quorum"),
            ("{ rules: [{ name: x, quorum: 1, codeowners: { repository: 'github:a/b' } }], distinct: true }".to_owned(), "distinct"),
            ("{ rules: [{ name: x, quorum: 1, codeowners: { repository: 'github:a/b' } }, { name: x.1, quorum: 1, people: [a] }] }".to_owned(), "another rule"),
        ];
        for (approval, word) in cases {
            let error = read(&approval).unwrap_err();
            assert!(error.contains(word), "{approval}: {error}");
        }
        read(&format!("{{ rules: [{TWO}], distinct: true }}")).unwrap();
        read("{ quorum: 2, people: [a, b] }").unwrap();
    }

    #[test]
    fn a_file_leaves_a_team_to_the_policy() {
        let approval = |group: &str| {
            let rule = format!("{{ rules: [{{ name: x, quorum: 1, {group} }}] }}");
            let service = read(&rule).unwrap();
            service.environments["p"].approval.clone().unwrap()
        };
        let team = approval("team: 'github:acme/x'");
        let named = approval("people: [a]");
        let other = approval("team: 'github:acme/y'");
        for (policy, local) in [(&team, &named), (&named, &team), (&team, &other)] {
            let loosened = tighten(policy, local.clone()).unwrap_err();
            assert_eq!(loosened.field, "approval.team");
        }
        assert_eq!(tighten(&team, team.clone()).unwrap().rules, team.rules);
    }

    #[test]
    fn a_file_may_add_and_tighten_rules_and_drop_none() {
        let approval = |text: &str| {
            let service = read(text).unwrap();
            service.environments["p"].approval.clone().unwrap()
        };
        let policy = approval(&format!("{{ rules: [{TWO}], distinct: true }}"));
        let refused = |text: &str| {
            let loosened = tighten(&policy, approval(text)).unwrap_err();
            loosened.field
        };
        let one = |rule: &str| format!("{{ rules: [{{ name: {rule} }}] }}");
        assert_eq!(
            refused(&one("security, quorum: 1, people: [b, c]")),
            "approval.rules.security.quorum"
        );
        assert_eq!(
            refused(&one("release, quorum: 1, people: [a, mallory]")),
            "approval.rules.release.people"
        );
        assert_eq!(
            refused("{ quorum: 1, people: [a], distinct: false }"),
            "approval.distinct"
        );
        assert_eq!(
            refused("{ quorum: 1, people: [a], expires: 48h }"),
            "approval.expires"
        );
        let slow = approval("{ quorum: 1, people: [a], min-look: 15m, ticket: 'OPS-[0-9]+' }");
        for (text, field) in [
            (
                "{ quorum: 1, people: [a], min-look: 1m }",
                "approval.min-look",
            ),
            (
                "{ quorum: 1, people: [a], ticket: 'X-[0-9]+' }",
                "approval.ticket",
            ),
            (
                "{ quorum: 1, people: [a], at: ['github:acme/shop'] }",
                "approval.at",
            ),
        ] {
            assert_eq!(tighten(&slow, approval(text)).unwrap_err().field, field);
        }
        let kept = tighten(&slow, approval("{ quorum: 1, people: [a] }")).unwrap();
        assert_eq!((kept.min_look, &kept.ticket), (slow.min_look, &slow.ticket));
        let merged = tighten(&policy, approval("{ quorum: 1, people: [d] }")).unwrap();
        let names: Vec<&str> = merged.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["release", "security", "approval"]);
        assert_eq!(merged.distinct, Some(true));
        let merged = tighten(&policy, approval(&one("release, quorum: 1, people: [b]")));
        let rules = merged.unwrap().filled();
        assert_eq!((rules.len(), rules[0].people.len()), (2, 1));
    }

    #[test]
    fn a_file_may_name_fewer_repositories_and_ask_for_more_rights() {
        let approval = |text: &str| {
            let service = read(text).unwrap();
            service.environments["p"].approval.clone().unwrap()
        };
        let placed = approval(
            "{ quorum: 1, people: [a], permission: maintain, fresh: required, \
             at: ['github:acme/shop', 'github:acme/ops'] }",
        );
        for (text, field) in [
            ("at: ['github:mallory/shop']", "approval.at"),
            ("permission: write", "approval.permission"),
            ("fresh: if-reachable", "approval.fresh"),
        ] {
            let text = format!("{{ quorum: 1, people: [a], {text} }}");
            let loosened = tighten(&placed, approval(&text)).unwrap_err();
            assert_eq!(loosened.field, field);
        }
        let kept = tighten(&placed, approval("{ quorum: 1, people: [a] }")).unwrap();
        assert_eq!((&kept.at, kept.least()), (&placed.at, Permission::Maintain));
        assert_eq!(kept.fresh, Some(Freshness::Required));
        // Where the policy is silent, the file may want to have it asked.
        let silent = approval("{ quorum: 1, people: [a] }");
        let asks = approval("{ quorum: 1, people: [a], fresh: if-reachable }");
        let kept = tighten(&silent, asks).unwrap();
        assert_eq!(kept.fresh, Some(Freshness::IfReachable));
        assert!(read("{ quorum: 1, people: [a], fresh: never }").is_err());
        let text = "{ quorum: 1, people: [a], permission: admin, at: ['github:Acme/Ops'] }";
        let kept = tighten(&placed, approval(text)).unwrap();
        assert_eq!(kept.at.unwrap().len(), 1);
    }
}
