//! What a file may say about who has to say yes where a policy says it too.

use super::super::automatic;
use super::super::place::fewer;
use super::super::tighten::{Loosened, at_least, at_most, loosened, no_less, same};
use super::{Approval, Group, Rule};
use crate::approval::DEFAULT_EXPIRY;

/// Every rule of the policy stays, with fewer people, a higher quorum, less
/// time; the file may add rules.
pub(in crate::config) fn tighten(policy: &Approval, local: Approval) -> Result<Approval, Loosened> {
    let mut added = local.rules;
    let mut rules = Vec::new();
    for rule in &policy.rules {
        let own = added.iter().position(|one| one.name == rule.name);
        rules.push(match own.map(|place| added.remove(place)) {
            Some(own) => tighter(rule, own, policy.rules.len())?,
            None => rule.clone(),
        });
    }
    rules.extend(added);
    let longest = policy.expires.unwrap_or(DEFAULT_EXPIRY);
    Ok(Approval {
        rules,
        distinct: no_less("approval.distinct", policy.distinct, local.distinct)?,
        known_actors: no_less(
            "approval.known-actors",
            policy.known_actors,
            local.known_actors,
        )?,
        min_look: at_least("approval.min-look", policy.min_look, local.min_look)?,
        automatic: automatic::tighten(policy.automatic.as_ref(), local.automatic)?,
        ticket: same("approval.ticket", policy.ticket.as_ref(), local.ticket)?,
        at: fewer(policy.at.as_ref(), local.at)?,
        permission: at_least(
            "approval.permission",
            Some(policy.least()),
            local.permission,
        )?,
        fresh: at_least("approval.fresh", policy.fresh, local.fresh)?,
        expires: at_most("approval.expires", Some(longest), local.expires)?,
    })
}

fn tighter(policy: &Rule, local: Rule, of: usize) -> Result<Rule, Loosened> {
    let field = |last: &str| match of {
        1 => format!("approval.{last}"),
        _ => format!("approval.rules.{}.{last}", policy.name),
    };
    match (&policy.group, &local.group) {
        (Group::People(known), Group::People(people)) => {
            if let Some(stranger) = people.difference(known).next() {
                let local = format!("with {stranger}");
                return Err(loosened(&field("people"), "without them", local));
            }
        }
        // Who is in another group can change, and so who would be asked.
        (policy, local) if policy == local => {}
        (policy, local) => {
            let one = if policy.is_looked_up() { policy } else { local };
            return Err(loosened(&field(one.key()), "the same group", "another"));
        }
    }
    let quorum = at_least(&field("quorum"), Some(policy.quorum), Some(local.quorum))?;
    Ok(Rule {
        quorum: quorum.unwrap_or(policy.quorum),
        ..local
    })
}
