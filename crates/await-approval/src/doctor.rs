//! `doctor`: whether stores, people and keys are fit for approvals.

use liftlock::config::approval::Group;
use liftlock::config::effective::{Environment, Rules};
use liftlock::config::requirement::What;
use liftlock::config::standing::Holders;
use liftlock::config::trust::Role;
use liftlock::failure::Failure;
use liftlock::name::Name;
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::cli::office::Office;
use liftlock_io::cli::signing;
use liftlock_io::store;
use serde::Serialize;

use crate::settings::{Recorded, Settings};
use crate::{args, tokens};

/// The check of who signs, which is the job's affair.
const TOKEN: &str = "who signs";

/// What to add where nothing is there yet.
const YAML: &str = "\
trust:
  - { name: approvals, roles: [judge], keys: [{ key-file: judge.pub }] }
people:
  alice: { keys: [{ key-file: alice.pub }], emails: [alice@example.com] }
  bob: { keys: [{ key-file: bob.pub }], emails: [bob@example.com] }
environments:
  production:
    requires: [signature, approval]
    approval: { quorum: 2, people: [alice, bob], expires: 24h }
";

#[derive(Serialize)]
struct Check {
    name: String,
    ok: bool,
    found: String,
}

#[derive(Serialize)]
struct Detail<'a> {
    checks: &'a [Check],
    yaml: &'a str,
}

pub(crate) fn doctor(
    args: &args::Doctor,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    let checks = match &settings.rules {
        Some(rules) => checks(args, rules, (settings, session)),
        None => vec![check(
            "configuration",
            Err("there is no liftlock.yaml: flags alone work, but nothing is recorded".to_owned()),
        )],
    };
    let bad = checks.iter().filter(|check| !check.ok).count();
    let verdict = if bad == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let yaml = yaml(&checks, session);
    let detail = Detail {
        checks: &checks,
        yaml: &yaml,
    };
    let mut lines: Vec<String> = checks
        .iter()
        .map(|check| {
            let mark = if check.ok { "ok" } else { "BAD" };
            format!("{mark:<5}{}: {}", check.name, check.found)
        })
        .collect();
    if bad > 0 {
        lines.push(format!("\n{yaml}"));
    }
    let headline = format!("{bad} of {} checks failed", checks.len());
    let report = Report::new("doctor", verdict, headline)
        .with_detail(&detail)
        .with_output("bad", bad.to_string())
        .with_human(lines.join("\n"));
    Ok(settings.label(report, Recorded::No))
}

/// What to add: to the job where that is what is wrong, else to the rules.
fn yaml(checks: &[Check], session: &Session) -> String {
    let wrong = checks.iter().filter(|check| !check.ok);
    let (job, rules): (Vec<_>, Vec<_>) = wrong.partition(|check| check.name == TOKEN);
    let permission = signing::permission(session.ci.system).filter(|_| !job.is_empty());
    let job = permission.map(|line| format!("# the job that judges:\n{line}\n"));
    let rules = (!rules.is_empty()).then(|| format!("# liftlock.yaml, for example:\n{YAML}"));
    job.into_iter().chain(rules).collect()
}

fn checks(
    args: &args::Doctor,
    rules: &Rules,
    (settings, session): (&Settings, &Session),
) -> Vec<Check> {
    let mut checks: Vec<Check> = rules
        .stores()
        .iter()
        .map(|(name, location)| {
            let found = usable(location, settings, session);
            check(name, found.map_err(|failure| told(&failure)))
        })
        .collect();
    if let Some((_, failure)) = session.forgotten(&rules.stores()) {
        checks.push(check("stores", Err(told(&failure))));
    }
    let judges = rules.trust.holders(Role::Judge, session.started);
    checks.push(check("judge", judge(&judges)));
    let office = Office {
        role: Role::Judge,
        rules: Some(rules),
    };
    if let Some(found) = args.signing.check(office, session) {
        checks.push(check(TOKEN, found.map_err(|failure| told(&failure))));
    }
    let tokens = tokens::checks(rules, settings, session.started);
    checks.extend(
        tokens
            .into_iter()
            .map(|(name, found)| check(&name, found.map_err(|failure| told(&failure)))),
    );
    for environment in rules.environments.values() {
        let name = format!("approval in {}", environment.name);
        checks.push(check(&name, rule(environment, rules, session)));
    }
    checks
}

/// Whether a store refuses the second writer; a dry run only reads.
fn usable(location: &str, settings: &Settings, session: &Session) -> Result<String, Failure> {
    let store = settings.open(location)?;
    if session.dry_run {
        let keys = store.list("")?;
        return Ok(format!("`{location}` has {} documents", keys.len()));
    }
    store::probe(store.as_ref())?;
    Ok(format!("`{location}` refuses second writers"))
}

fn judge(judges: &Holders) -> Result<String, String> {
    match (judges.keys, judges.identities.as_slice()) {
        (0, []) => {
            Err("nobody in the judge's role counts: no approval would be accepted".to_owned())
        }
        (keys, []) => Ok(format!("{keys} keys count")),
        (0, names) => Ok(format!("signs as {}", names.join(", "))),
        (keys, names) => Ok(format!(
            "{keys} keys count, or signs as {}",
            names.join(", ")
        )),
    }
}

fn rule(environment: &Environment, rules: &Rules, session: &Session) -> Result<String, String> {
    let mut requires = environment.requires.iter();
    let required = requires.any(|one| one.what == What::Approval);
    let Some(rule) = &environment.approval else {
        return if required {
            Err("required, but there is no `approval` rule".to_owned())
        } else {
            Ok("not required".to_owned())
        };
    };
    let keys = rules.trust.people_keys(session.started);
    let has_account = |name: &Name| {
        let person = rules.trust.people.get(name);
        let mut places = rule.at.iter().flatten();
        places.any(|place| person.is_some_and(|person| person.has_account(&place.instance())))
    };
    let people = rule.people();
    let without: Vec<&str> = people
        .iter()
        .filter(|name| !has_account(name) && !keys.iter().any(|(holder, _)| holder == *name))
        .map(|name| name.as_str())
        .collect();
    let all = rule.rules.iter();
    let all: Vec<String> = all
        .map(|one| match rule.rules.as_slice() {
            [_] if !one.group.is_looked_up() => {
                format!("{} of {} people", one.quorum, people.len())
            }
            _ => format!("{}: {} of {}", one.name, one.quorum, group(&one.group)),
        })
        .collect();
    let all = all.join(", ");
    let unknown: Vec<&str> = people
        .iter()
        .filter(|name| {
            let person = rules.trust.people.get(*name);
            person.is_none_or(|person| person.accounts.is_empty())
        })
        .map(|name| name.as_str())
        .collect();
    if rule.known_actors == Some(true) && !unknown.is_empty() {
        Err(format!(
            "{all}, but no account is known of {}: they cannot start a run",
            unknown.join(", ")
        ))
    } else if !required {
        Err(format!("{all}, but `requires` does not name `approval`"))
    } else if without.is_empty() {
        Ok(all)
    } else {
        Err(format!(
            "{all}, but no key or account counts of {}; accounts count where `at` names a repository",
            without.join(", ")
        ))
    }
}

fn group(group: &Group) -> String {
    match group {
        Group::People(people) => people.len().to_string(),
        Group::Team(team) => format!("the team {team}"),
        Group::Codeowners(owners) => format!("the owners in {}", owners.repository),
    }
}

fn told(failure: &Failure) -> String {
    let hint = failure.hint.iter().map(|hint| format!("; {hint}"));
    failure.lines().join(": ") + &hint.collect::<String>()
}

fn check(name: &str, found: Result<String, String>) -> Check {
    let ok = found.is_ok();
    Check {
        name: name.to_owned(),
        ok,
        found: found.unwrap_or_else(|found| found),
    }
}
