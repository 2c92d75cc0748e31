//! Who started the job that this runs in. What the variables say of it is no
//! proof: those that are given to a pipeline go before the ones that GitLab sets
//! (<https://docs.gitlab.com/ci/variables/#cicd-variable-precedence>).

use liftlock::approval::forge::{Forge, gitlab};
use liftlock::ci::{self, Actor, Did};
use liftlock::config::trust::Keyring;
use liftlock::failure::{Failure, Kind};
use liftlock::time::Time;

use super::{JOB_TOKEN, address, here};
use crate::env;
use crate::forge::{Error, Pace, Wire};
use crate::http::Options;

/// What GitLab says of whoever started the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starter {
    /// It is whom the variables name, if they name anybody.
    Told(Vec<Actor>),
    /// It is another account than a variable names.
    Other {
        /// What the variables say.
        named: String,
        /// What GitLab says.
        found: String,
    },
    /// Nothing: there is no token of a job, or it is not good there.
    Unsaid,
}

/// Asks GitLab, by the job's own token, who started the job. Asked is only an
/// installation on which `people:` have accounts: the variable with its address
/// can be given to a pipeline as well.
///
/// # Errors
///
/// Fails on an address that is none, and where GitLab should answer and does not.
pub fn starter(
    named: &[Actor],
    keyring: &Keyring,
    (options, deadline): (&Options, Time),
) -> Result<Starter, Error> {
    let (on, token) = (here()?, env::secret(JOB_TOKEN));
    let Some(token) = token.filter(|_| !keyring.numbers(&on).is_empty()) else {
        return Ok(Starter::Unsaid);
    };
    let wire = Wire::new((&address(), &token), options, (deadline, Pace::real()))?;
    let job: gitlab::Job = match wire.to(Forge::Gitlab).of_job().get(&["job"]) {
        Ok(answer) => gitlab::parse(&answer)?,
        Err(error) if error.passes() => return Err(error),
        Err(_no_rights) => return Ok(Starter::Unsaid),
    };
    let names = [job.user.id.to_string(), job.user.username];
    let found = Actor {
        did: Did::Triggered,
        known_as: names.iter().map(|name| on.account(name)).collect(),
    };
    let mut numbers = named.iter().flat_map(|actor| &actor.known_as);
    let other = numbers.find(|name| on.number(name).is_some_and(|number| number != job.user.id));
    Ok(match other {
        Some(other) => Starter::Other {
            named: other.clone(),
            found: on.account(&names[0]),
        },
        None => Starter::Told(ci::merged(named.to_vec(), vec![found])),
    })
}

/// Refuses a job whose variables name another account than the one that started it.
#[must_use]
pub fn another(named: &str, found: &str) -> Failure {
    let message = format!("a variable says that {named} started this job, and it was {found}");
    Failure::new(Kind::Refuted, message).with_hint(
        "start it without that variable, and set `ci_pipeline_variables_minimum_override_role` to `no_one_allowed`",
    )
}
