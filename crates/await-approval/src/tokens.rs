//! Whether the tokens at hand can read what judging needs: who may answer in the
//! repositories that the policy names.

use std::collections::{BTreeMap, BTreeSet};

use liftlock::approval::forge::Forge;
use liftlock::config::effective::Rules;
use liftlock::config::place::Repository;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::time::Time;
use liftlock_io::github;
use liftlock_io::gitlab::{self, GitLab};

use crate::forge;
use crate::settings::Settings;

/// One question about each repository in which people may be asked.
pub(crate) fn checks(
    rules: &Rules,
    settings: &Settings,
    now: Time,
) -> Vec<(String, Result<String, Failure>)> {
    let environments = rules.environments.values();
    let approvals = environments.filter_map(|one| one.approval.as_ref());
    let places: BTreeSet<&Repository> = approvals.flat_map(|rule| &rule.at).flatten().collect();
    let found = places.into_iter().map(|place| {
        let people = known(place, rules);
        let looked = match place.instance().forge {
            Forge::Github => on_github(place, &people, settings),
            Forge::Gitlab => on_gitlab(place, &people, (settings, now)),
        };
        (format!("token for {place}"), looked)
    });
    found.collect()
}

/// The people who have an account there.
fn known(place: &Repository, rules: &Rules) -> BTreeMap<u64, Name> {
    let instance = place.instance();
    let people = rules.trust.people.iter();
    let accounts = people.flat_map(|(name, person)| {
        let numbers = person.numbers(&instance);
        numbers.map(|number| (number, name.clone()))
    });
    accounts.collect()
}

fn elsewhere(variable: &str) -> Failure {
    let message = "that installation is another one than this job asks";
    Failure::new(Kind::Credentials, message).with_hint(format!(
        "run in a job there, where `{variable}` names its API"
    ))
}

/// Two calls, about one person: what a token may read of one it may of all.
fn on_github(
    place: &Repository,
    people: &BTreeMap<u64, Name>,
    settings: &Settings,
) -> Result<String, Failure> {
    if github::here()? != place.instance() {
        return Err(elsewhere("GITHUB_API_URL"));
    }
    let github = forge::open(place.path(), settings)?;
    let Some((account, name)) = people.first_key_value() else {
        return Ok("there, and nobody is known whose rights it could read".to_owned());
    };
    let permission = github.permission_of(*account)?;
    Ok(format!("reads the rights of {name}: {permission}"))
}

/// One call, about everybody, and one more for each who may answer.
fn on_gitlab(
    place: &Repository,
    people: &BTreeMap<u64, Name>,
    (settings, now): (&Settings, Time),
) -> Result<String, Failure> {
    if gitlab::here()? != place.instance() {
        return Err(elsewhere("CI_API_V4_URL"));
    }
    let (options, deadline) = (&settings.options, settings.deadline);
    let gitlab = GitLab::from_environment(place.path(), options, deadline)?;
    let standing = gitlab.standing(&people.keys().copied().collect(), now)?;
    let (found, all) = (standing.0.len(), people.len());
    Ok(format!("reads the roles of {found} of {all} people"))
}
