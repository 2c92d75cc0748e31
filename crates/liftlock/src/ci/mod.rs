//! Knows the CI systems: how each is recognised, what each wants written.

pub mod github;
pub mod junit;
pub mod pairs;
pub mod workspace;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::approval::forge::{Forge, Instance};
use crate::report::Ending;

use self::workspace::Workspace;

/// A CI system that we write outputs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// GitHub Actions, and what runs its composites unchanged.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Jenkins.
    Jenkins,
    /// A shell; nothing is written but the result.
    Plain,
}

impl System {
    /// What accounts of each begin with.
    pub const NAMES: [&'static str; 3] = ["github", "gitlab", "jenkins"];
}

/// Whether a CI's name for somebody is that of an account without a person:
/// GitHub Apps end in `[bot]`; GitLab's project and group tokens are
/// `project_ID_bot_…` and `group_ID_bot_…`, its job token `gitlab-ci-token`.
#[must_use]
pub fn is_machine(account: &str) -> bool {
    let folded = account.to_ascii_lowercase();
    let login = folded
        .split_once(':')
        .map_or(folded.as_str(), |(_, login)| login);
    let token = |kind: &str| {
        let rest = login.strip_prefix(kind);
        let rest = rest.map(|rest| rest.trim_start_matches(|letter: char| letter.is_ascii_digit()));
        rest.is_some_and(|rest| rest.starts_with("_bot"))
    };
    folded.contains("[bot]") || login == "gitlab-ci-token" || token("project_") || token("group_")
}

/// Somebody by whom a run came about, as the CI says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// What they did.
    pub did: Did,
    /// Every name the CI has for them: accounts such as `github:alice` and
    /// `github:583231`, and e-mail addresses.
    pub known_as: BTreeSet<String>,
}

impl Actor {
    /// The accounts on a forge that are told by number; of an installation of
    /// one's own those with its host. GitHub tells of whoever started a run
    /// once more the login alone, whatever it is made of.
    pub(crate) fn numbers(&self) -> BTreeSet<&str> {
        let bare = |name: &String| name.split('@').next().map(str::to_owned);
        let named: BTreeSet<_> = self.known_as.iter().filter_map(bare).collect();
        if self.did == Did::ReRan && named.len() == 1 {
            return BTreeSet::new();
        }
        let names = self.known_as.iter();
        let all = names.filter_map(|name| Some((name.as_str(), numbered(name)?)));
        let all: Vec<(&str, Home)> = all.collect();
        let own = all.iter().any(|(_, home)| *home == Home::Own);
        let there = all
            .into_iter()
            .filter(|(_, home)| !own || *home == Home::Own);
        there.map(|(name, _)| name).collect()
    }

    /// The installations that gave them an account which stays theirs: forges
    /// by a number, Jenkins by an id.
    pub(crate) fn homes(&self) -> BTreeSet<String> {
        let numbered = self.numbers().into_iter().filter_map(|name| {
            let (forge, account) = name.split_once(':')?;
            let host = account.split_once('@').map_or("", |(_, host)| host);
            Some(format!("{forge}@{}", host.to_ascii_lowercase()))
        });
        let names = self.known_as.iter();
        let jenkins = names.filter(|name| name.starts_with("jenkins:"));
        numbered
            .chain(jenkins.map(|_| "jenkins".to_owned()))
            .collect()
    }

    /// All of their names, for people.
    pub(crate) fn told(&self) -> String {
        let names: Vec<&str> = self.known_as.iter().map(String::as_str).collect();
        names.join(", ")
    }
}

/// Where an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// On the installation that accounts without a host are on.
    Usual,
    /// On one that is named.
    Own,
}

/// Where the account on a forge is that a name tells by number, as far as one
/// can see: forges have logins of digits as well.
pub(crate) fn numbered(name: &str) -> Option<Home> {
    let (forge, account) = name.split_once(':')?;
    Forge::named(forge)?;
    let (number, home) = match account.split_once('@') {
        Some((number, _host)) => (number, Home::Own),
        None => (account, Home::Usual),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(home)
}

/// What somebody did to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Did {
    /// Started it, or pushed what started it.
    Triggered,
    /// Started it once more.
    ReRan,
}

/// What two sources say about who had a part in a run: who did the same under
/// a name that both know is one.
#[must_use]
pub fn merged(mut actors: Vec<Actor>, more: Vec<Actor>) -> Vec<Actor> {
    for one in more {
        let same = |actor: &&mut Actor| {
            let mut names = actor.known_as.iter();
            actor.did == one.did
                && names.any(|name| {
                    one.known_as
                        .iter()
                        .any(|own| own.eq_ignore_ascii_case(name))
                })
        };
        match actors.iter_mut().find(same) {
            Some(actor) => actor.known_as.extend(one.known_as),
            None => actors.push(one),
        }
    }
    actors
}

/// What the environment tells about the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The system.
    pub system: System,
    /// A link to the run.
    pub url: Option<String>,
    /// Who triggered it, by the CI's own name for them.
    pub actor: Option<String>,
    /// The commit it runs on.
    pub commit: Option<String>,
    /// By whom it came about; nobody where no CI says so.
    pub actors: Vec<Actor>,
    /// The checkout that it works in, where the CI says what becomes of it.
    pub workspace: Option<Workspace>,
}

/// Recognises the CI from its environment; `lookup` gives unset for empty.
#[must_use]
pub fn detect(lookup: &dyn Fn(&str) -> Option<String>) -> Run {
    let is = |name: &str| lookup(name).as_deref() == Some("true");
    if is("GITHUB_ACTIONS") {
        Run {
            system: System::GitHub,
            url: github_url(lookup),
            actor: lookup("GITHUB_TRIGGERING_ACTOR").or_else(|| lookup("GITHUB_ACTOR")),
            commit: lookup("GITHUB_SHA"),
            actors: github_actors(lookup),
            workspace: Workspace::github(lookup),
        }
    } else if is("GITLAB_CI") {
        Run {
            system: System::GitLab,
            url: lookup("CI_JOB_URL").or_else(|| lookup("CI_PIPELINE_URL")),
            actor: lookup("GITLAB_USER_LOGIN"),
            commit: lookup("CI_COMMIT_SHA"),
            actors: gitlab_actors(lookup),
            workspace: Workspace::gitlab(lookup),
        }
    } else if lookup("JENKINS_URL").and(lookup("BUILD_ID")).is_some() {
        Run {
            system: System::Jenkins,
            url: lookup("BUILD_URL"),
            actor: lookup("BUILD_USER_ID"),
            commit: lookup("GIT_COMMIT"),
            actors: triggered(&[
                account("jenkins", lookup("BUILD_USER_ID")),
                address(lookup("BUILD_USER_EMAIL")),
            ]),
            workspace: None,
        }
    } else {
        Run {
            system: System::Plain,
            url: None,
            actor: lookup("USER"),
            commit: None,
            actors: Vec::new(),
            workspace: None,
        }
    }
}

fn account(system: &str, name: Option<String>) -> Option<String> {
    name.map(|name| format!("{system}:{name}"))
}

/// An address. A word alone is none: it would be read as an id of `people:`.
fn address(text: Option<String>) -> Option<String> {
    text.filter(|text| text.contains('@'))
}

fn triggered(names: &[Option<String>]) -> Vec<Actor> {
    let actor = Actor {
        did: Did::Triggered,
        known_as: names.iter().flatten().cloned().collect(),
    };
    let known = !actor.known_as.is_empty();
    known.then_some(actor).into_iter().collect()
}

/// What a forge has for somebody: on another installation than the public one
/// with its host as well, as `people:` names accounts there.
fn accounts(
    on: (Forge, Option<&Instance>),
    names: impl IntoIterator<Item = String>,
) -> Vec<Option<String>> {
    let (forge, instance) = on;
    let there = instance.filter(|instance| instance.host.is_some());
    let both = names.into_iter().flat_map(|name| {
        let full = there.map(|instance| instance.account(&name));
        [full, Some(Instance::from(forge).account(&name))]
    });
    both.collect()
}

fn gitlab_actors(lookup: &dyn Fn(&str) -> Option<String>) -> Vec<Actor> {
    let names = [lookup("GITLAB_USER_LOGIN"), lookup("GITLAB_USER_ID")];
    let instance = lookup("CI_API_V4_URL").and_then(|api| Instance::gitlab(&api));
    let on = (Forge::Gitlab, instance.as_ref());
    let mut known = accounts(on, names.into_iter().flatten());
    known.push(address(lookup("GITLAB_USER_EMAIL")));
    triggered(&known)
}

/// `GITHUB_ACTOR` stays whoever started the first attempt, and
/// `GITHUB_TRIGGERING_ACTOR` is whoever started this one.
fn github_actors(lookup: &dyn Fn(&str) -> Option<String>) -> Vec<Actor> {
    let instance = lookup("GITHUB_API_URL").and_then(|api| Instance::github(&api));
    let on = (Forge::Github, instance.as_ref());
    let first = lookup("GITHUB_ACTOR");
    let names = [first.clone(), lookup("GITHUB_ACTOR_ID")];
    let mut actors = triggered(&accounts(on, names.into_iter().flatten()));
    let again = lookup("GITHUB_TRIGGERING_ACTOR").filter(|name| Some(name) != first.as_ref());
    let again = again.map(|name| triggered(&accounts(on, [name])));
    actors.extend(again.into_iter().flatten().map(|actor| Actor {
        did: Did::ReRan,
        ..actor
    }));
    actors
}

fn github_url(lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let server = lookup("GITHUB_SERVER_URL")?;
    let repository = lookup("GITHUB_REPOSITORY")?;
    let run = lookup("GITHUB_RUN_ID")?;
    let attempt = lookup("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned());
    Some(format!(
        "{server}/{repository}/actions/runs/{run}/attempts/{attempt}"
    ))
}

/// Text as it may be shown to people: what moves a cursor, hides or reorders
/// letters becomes a space, and no line begins like a command to a CI.
#[must_use]
pub fn shown(text: &str) -> String {
    let printable = |letter: char| match letter {
        '\n' | '\t' => letter,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        _ if letter.is_control() => ' ',
        _ => letter,
    };
    let text: String = text.chars().map(printable).collect();
    let lines = text.split('\n').map(|line| {
        if line.trim_start().starts_with("::") || line.contains("##[") {
            format!("| {}", line.replace("##[", "# #["))
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// As [`shown`], on one line.
#[must_use]
pub fn line(text: &str) -> String {
    shown(&text.replace(['\r', '\n'], " "))
}

/// The stem of the files of a run: verb, service and environment, so that
/// matrix jobs and later gates do not overwrite each other.
#[must_use]
pub fn stem(ending: &Ending) -> String {
    let scope = ending.scope();
    let parts = [scope.service, scope.environment];
    parts
        .into_iter()
        .flatten()
        .fold(ending.verb.clone(), |stem, part| format!("{stem}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> Run {
        detect(&|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn text_of_others_stays_text() {
        let cases = [
            ("plain\n  text\tä", "plain\n  text\tä"),
            ("a\n::add-mask::b", "a\n| ::add-mask::b"),
            ("a ##[error]b", "| a # #[error]b"),
            ("fail\u{1b}[2K\rpass", "fail [2K pass"),
            ("a\u{202e}b\u{9b}c", "a b c"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(line("fail: x\npass: y\r\n"), "fail: x pass: y  ");
        assert_eq!(line("a\n::b"), "a ::b");
    }

    #[test]
    fn each_system_is_recognised_by_its_own_variables() {
        let github = with(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_ACTOR", "alice"),
            ("GITHUB_ACTOR_ID", "583231"),
            ("GITHUB_TRIGGERING_ACTOR", "bob"),
        ]);
        let actor = |did, names: &[&str]| Actor {
            did,
            known_as: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(
            github.actors,
            [
                actor(Did::Triggered, &["github:alice", "github:583231"]),
                actor(Did::ReRan, &["github:bob"])
            ]
        );
        assert_eq!(github.system, System::GitHub);
        assert_eq!(github.actor.as_deref(), Some("bob"));
        assert_eq!(
            github.url.as_deref(),
            Some("https://github.com/acme/shop/actions/runs/7/attempts/1")
        );
        let gitlab = with(&[
            ("GITLAB_CI", "true"),
            ("GITLAB_USER_ID", "7"),
            ("GITLAB_USER_EMAIL", "a@shop.example"),
        ]);
        assert_eq!(gitlab.system, System::GitLab);
        assert_eq!(
            gitlab.actors,
            [actor(Did::Triggered, &["gitlab:7", "a@shop.example"])]
        );
        let word = with(&[("GITLAB_CI", "true"), ("GITLAB_USER_EMAIL", "alice")]);
        assert_eq!(word.actors, []);
        let own = with(&[
            ("GITLAB_CI", "true"),
            ("GITLAB_USER_ID", "7"),
            ("CI_API_V4_URL", "https://gitlab.acme.example/api/v4"),
        ]);
        let both = ["gitlab:7", "gitlab:7@gitlab.acme.example"];
        assert_eq!(own.actors, [actor(Did::Triggered, &both)]);
        let own = with(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_API_URL", "https://github.acme.example/api/v3"),
            ("GITHUB_ACTOR_ID", "7"),
            ("GITHUB_TRIGGERING_ACTOR", "9"),
        ]);
        let both = ["github:7", "github:7@github.acme.example"];
        assert_eq!(own.actors[0], actor(Did::Triggered, &both));
        let both = ["github:9", "github:9@github.acme.example"];
        assert_eq!(own.actors[1], actor(Did::ReRan, &both));
        assert!(own.actors[1].numbers().is_empty());
        assert!(with(&[("USER", "alice")]).actors.is_empty());
        let jenkins = [("JENKINS_URL", "http://j"), ("BUILD_ID", "1")];
        assert_eq!(with(Box::leak(Box::new(jenkins))).system, System::Jenkins);
        assert_eq!(with(&[("GITHUB_ACTIONS", "false")]).system, System::Plain);
    }
}
