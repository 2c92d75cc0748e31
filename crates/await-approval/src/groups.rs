//! Who belongs to the groups of the rules, where a forge has to be asked.

use std::collections::{BTreeMap, BTreeSet};

use liftlock::approval::forge::{Forge, Instance};
use liftlock::approval::groups::Groups;
use liftlock::approval::owners::{self, Change, Compared, Source};
use liftlock::approval::policy::Policy;
use liftlock::codeowners::{LARGEST, Owner};
use liftlock::config::approval::Group;
use liftlock::config::group::{Codeowners, Handle};
use liftlock::failure::{Explain as _, Failure, Kind};
use liftlock::name::Name;
use liftlock::release;
use liftlock_io::checkout::Checkout;
use liftlock_io::github::{self, GitHub};
use liftlock_io::{clock, gitlab, store};

use crate::settings::Settings;
use crate::{args, forge, live};

/// For what groups are looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For<'a> {
    /// To ask people.
    Asking,
    /// To count the answers of these.
    Judging(&'a BTreeSet<Name>),
}

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) environment: &'a Name,
    pub(crate) release: &'a release::Identified,
    pub(crate) change: &'a args::Change,
}

/// Looks up whoever the rules do not name; nothing where they name everybody.
pub(crate) fn look(
    policy: &Policy,
    subject: Subject<'_>,
    purpose: For<'_>,
    settings: &Settings,
) -> Result<Option<Groups>, Failure> {
    if !policy.approval.is_looked_up() {
        return Ok(None);
    }
    let mut search = Search {
        policy,
        purpose,
        settings,
        found: Groups::seen_at(clock::now()),
    };
    for rule in &policy.approval.rules {
        match &rule.group {
            Group::People(_) => {}
            Group::Team(team) => drop(search.members(team)?),
            Group::Codeowners(owners) => {
                let change = search.change(owners, subject)?;
                search.found.changes.insert(rule.name.clone(), change);
            }
        }
    }
    Ok(Some(search.found))
}

/// A look-up under way; each team is read once.
struct Search<'a> {
    policy: &'a Policy,
    purpose: For<'a>,
    settings: &'a Settings,
    found: Groups,
}

impl Search<'_> {
    /// The accounts of a team or group that `people:` names.
    fn members(&mut self, team: &Handle) -> Result<BTreeSet<u64>, Failure> {
        if let Some(known) = self.found.teams.get(team) {
            return Ok(known.clone());
        }
        let on = team.instance();
        let found = match on.forge {
            Forge::Github => self.members_of_team(team)?,
            Forge::Gitlab => {
                let known = self.policy.keyring.numbers(&on);
                self.gitlab(&on)?.members(team, &known)?
            }
        };
        self.found.teams.insert(team.clone(), found.clone());
        Ok(found)
    }

    /// Of those who answered GitHub is asked once more: a list tells of members,
    /// and this of active ones.
    fn members_of_team(&self, team: &Handle) -> Result<BTreeSet<u64>, Failure> {
        let on = team.instance();
        github::on(&on)?;
        let github = forge::open(team.path(), self.settings)?;
        let mut found = BTreeSet::new();
        for member in github.team(team.parts())? {
            let known = self.policy.keyring.account_at(&on, member.id);
            let Some(person) = known else {
                continue;
            };
            let active = match self.purpose {
                For::Judging(answered) if answered.contains(person) => {
                    github.is_member(team.parts(), &member.login)?
                }
                For::Asking | For::Judging(_) => true,
            };
            if active {
                found.insert(member.id);
            }
        }
        Ok(found)
    }

    fn gitlab(&self, on: &Instance) -> Result<gitlab::Groups, Failure> {
        let (options, until) = (&self.settings.options, self.settings.deadline);
        Ok(gitlab::Groups::from_environment(on, options, until)?)
    }

    /// What changed between what is live and the release, and who owns it by
    /// the file of what is live.
    fn change(&mut self, owners: &Codeowners, subject: Subject<'_>) -> Result<Change, Failure> {
        let flag = subject.change.live_commit.as_ref();
        let live = live::live(subject.environment, flag, self.settings)?;
        let compared = Compared {
            repository: owners.repository.clone(),
            live: live.release,
            from: live.commit,
            to: live::candidate(subject.release)?,
        };
        let on = owners.repository.instance();
        let names = match on.forge {
            Forge::Github => {
                github::on(&on)?;
                Names::Github(forge::open(owners.repository.path(), self.settings)?)
            }
            Forge::Gitlab => Names::Gitlab(self.gitlab(&on)?),
        };
        let source = match (&subject.change.clone, &names) {
            (Some(folder), _) => {
                let clone = Checkout::new(folder, store::TIMEOUT);
                let paths = clone.changed(&compared.from, &compared.to)?;
                read(
                    compared,
                    paths,
                    |commit, path| Ok(clone.file(commit, path)?),
                )?
            }
            (None, Names::Github(github)) => {
                let paths = github.changed(&compared.from, &compared.to)?;
                read(compared, paths, |commit, path| {
                    Ok(github.file(commit, path)?)
                })?
            }
            (None, Names::Gitlab(_)) => return Err(no_clone()),
        };
        let found = owners::find(&source).map_err(|error| {
            let (path, commit) = (&source.path, &source.compared.from);
            let kind = error.kind();
            let told = Failure::from(error).lines().join(": ");
            Failure::new(kind, format!("`{path}` at {commit}: {told}"))
        })?;
        let mut accounts = BTreeMap::new();
        for owner in found.owners() {
            accounts.insert(owner.clone(), self.accounts(owner, (&on, &names))?);
        }
        Ok(found.with(&accounts)?)
    }

    /// The accounts of an owner; none of an address, and of whoever is gone.
    ///
    /// A role names whoever has it at a time, by no list that a judge could keep
    /// and others count by: it is refused, since without it another owner of the
    /// same path would be asked alone.
    fn accounts(
        &mut self,
        owner: &Owner,
        (on, names): (&Instance, &Names),
    ) -> Result<BTreeSet<u64>, Failure> {
        let path = match owner {
            Owner::Group(path) => path,
            Owner::Name(name) => {
                match (names.account(name)?, on.forge) {
                    // A name that nobody has may be a group's.
                    (None, Forge::Gitlab) => name,
                    (account, _) => return Ok(account.into_iter().collect()),
                }
            }
            Owner::Email(_) => return Ok(BTreeSet::new()),
            Owner::Role(_) => return Err(role(owner)),
        };
        let group =
            Handle::on(on, path).map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?;
        self.members(&group)
    }
}

/// Where accounts are looked up by name.
enum Names {
    Github(GitHub),
    Gitlab(gitlab::Groups),
}

impl Names {
    /// The number of the account that has this name now.
    fn account(&self, name: &str) -> Result<Option<u64>, Failure> {
        Ok(match self {
            Self::Github(github) => github.account(name)?.map(|account| account.id),
            Self::Gitlab(gitlab) => gitlab.account(name)?.map(|account| account.id),
        })
    }
}

/// GitLab cuts its list of what differs short and does not always say so.
fn no_clone() -> Failure {
    let message = "GitLab's API does not tell for sure all that changed";
    Failure::new(Kind::Usage, message).with_hint(
        "give `--clone DIR`, such as `--clone \"$CI_PROJECT_DIR\"`, with both commits in it",
    )
}

fn role(owner: &Owner) -> Failure {
    let message = format!("the role {owner} owns a path that changed, and roles are not looked up");
    Failure::new(Kind::Invalid, message)
        .with_hint("name people or a group in the file, by a change that other rules approve")
}

/// The file with the owners, from the commit that is live: the release's own
/// could name whom it likes.
fn read(
    compared: Compared,
    paths: Vec<String>,
    file: impl Fn(&str, &str) -> Result<Option<Vec<u8>>, Failure>,
) -> Result<Source, Failure> {
    let places = compared.dialect().places();
    for path in places {
        let Some(bytes) = file(&compared.from, path)? else {
            continue;
        };
        let text = String::from_utf8(bytes).ok();
        let Some(text) = text.filter(|text| text.len() < LARGEST) else {
            let message = format!("`{path}` at {} is no text below 3 MB", compared.from);
            return Err(Failure::new(Kind::Invalid, message));
        };
        return Ok(Source {
            compared,
            path: path.to_owned(),
            text,
            paths,
        });
    }
    let message = format!("there is no CODEOWNERS at {}, which is live", compared.from);
    Err(Failure::new(Kind::Invalid, message)
        .with_hint("add one, and promote it by another rule first"))
}

/// What changed, and whose it is, by lines for people.
pub(crate) fn told(groups: &Groups) -> Vec<String> {
    let mut lines = Vec::new();
    for (rule, change) in &groups.changes {
        let (compared, file) = (&change.compared, &change.file);
        lines.push(format!(
            "{rule}: {} paths differ between {} and {}, with owners by {file} of the first",
            change.paths, compared.from, compared.to
        ));
        for (at, set) in change.sets.iter().enumerate() {
            let owners: Vec<&str> = set.owners.iter().map(|one| one.owner.as_str()).collect();
            let owners = owners.join(", ");
            lines.push(format!(
                "{rule}.{}: {owners} for {} paths such as {}",
                at + 1,
                set.paths,
                set.path
            ));
        }
    }
    lines
}
