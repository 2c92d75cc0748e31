//! Who belongs to the groups of the rules, where a forge has to be asked.

use std::collections::BTreeSet;

use liftlock::approval::groups::Groups;
use liftlock::approval::policy::Policy;
use liftlock::config::approval::Group;
use liftlock::config::group::Handle;
use liftlock::failure::Failure;
use liftlock::name::Name;
use liftlock_io::clock;

use crate::forge;
use crate::settings::Settings;

/// For what groups are looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For<'a> {
    /// To ask people.
    Asking,
    /// To count the answers of these.
    Judging(&'a BTreeSet<Name>),
}

/// Looks up whoever the rules do not name; nothing where they name everybody.
pub(crate) fn look(
    policy: &Policy,
    purpose: For<'_>,
    settings: &Settings,
) -> Result<Option<Groups>, Failure> {
    if !policy.approval.is_looked_up() {
        return Ok(None);
    }
    let mut groups = Groups::seen_at(clock::now());
    for rule in &policy.approval.rules {
        match &rule.group {
            Group::People(_) => {}
            Group::Team(team) => {
                if !groups.teams.contains_key(team) {
                    let members = members(team, policy, purpose, settings)?;
                    groups.teams.insert(team.clone(), members);
                }
            }
        }
    }
    Ok(Some(groups))
}

/// The accounts of a team that `people:` names. Of those who answered it is
/// asked once more: a list tells of members, and this of active ones.
fn members(
    team: &Handle,
    policy: &Policy,
    purpose: For<'_>,
    settings: &Settings,
) -> Result<BTreeSet<u64>, Failure> {
    let github = forge::open(&team.path(), settings)?;
    let mut found = BTreeSet::new();
    for member in github.team(team.parts())? {
        let Some(person) = policy.keyring.account(team.forge(), member.id) else {
            continue;
        };
        let active = match purpose {
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
