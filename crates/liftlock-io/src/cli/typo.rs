//! Variables that look like one that all binaries share and are not it. A
//! misspelt `LIFTLOCK_POLICY` would leave the rules to the repository alone.

use clap::Command;
use liftlock::failure::{Failure, Kind};
use liftlock::yaml::distance;

const PREFIX: &str = "LIFTLOCK_";

/// The variable without a flag that decides whose rules count.
const POLICY: &str = "LIFTLOCK_POLICY";

/// Refuses a variable that is a letter or two away from a shared one.
pub(super) fn check(command: &Command, names: &[String]) -> Result<(), Failure> {
    let flags = command.get_arguments().filter(|flag| flag.is_global_set());
    let mut shared: Vec<String> = flags
        .map(|flag| super::environment::variable(command.get_name(), flag))
        .collect();
    shared.push(POLICY.to_owned());
    let strange = names.iter().filter(|name| !shared.contains(name));
    for name in strange {
        if let Some(meant) = shared.iter().find(|known| is_near(name, known)) {
            let message = format!("`{name}` is read by nothing; did you mean `{meant}`?");
            return Err(Failure::new(Kind::Usage, message).with_hint(format!(
                "write `{meant}`, or give the variable another name"
            )));
        }
    }
    Ok(())
}

fn is_near(name: &str, known: &str) -> bool {
    let word = |text: &str| text.strip_prefix(PREFIX).unwrap_or(text).to_owned();
    let (name, known) = (word(name), word(known));
    let most = if known.len() > 4 { 2 } else { 1 };
    distance(&name, &known) <= most
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    #[test]
    fn a_misspelt_shared_variable_is_refused_and_other_names_are_not() {
        let command = Command::new("promote")
            .arg(Arg::new("mode").long("mode").global(true))
            .arg(
                Arg::new("dry-run")
                    .long("dry-run")
                    .global(true)
                    .action(ArgAction::SetTrue),
            );
        let told = |name: &str| check(&command, &[name.to_owned()]).map_err(|why| why.lines());
        for (name, meant) in [
            ("LIFTLOCK_POLCY", "LIFTLOCK_POLICY"),
            ("LIFTLOCK_POLICYS", "LIFTLOCK_POLICY"),
            ("LIFTLOCK_MOD", "LIFTLOCK_MODE"),
            ("LIFTLOCK_DRYRUN", "LIFTLOCK_DRY_RUN"),
        ] {
            let lines = told(name).unwrap_err();
            assert!(lines.iter().any(|line| line.contains(meant)), "{name}");
        }
        for name in [
            "LIFTLOCK_POLICY",
            "LIFTLOCK_MODE",
            "LIFTLOCK_BIN_DIR",
            "LIFTLOCK_PEERS",
            "LIFTLOCK_GITHUB_TOKEN",
            "LIFTLOCK_PROMOTE_RELEASE",
            "LIFTLOCK_OUT_PROMOTE_VERDICT",
        ] {
            assert_eq!(told(name), Ok(()), "{name}");
        }
    }
}
