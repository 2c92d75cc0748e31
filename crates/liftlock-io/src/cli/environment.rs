//! Turns `LIFTLOCK_<VERB>_<FLAG>` into flags, before the command line is parsed.
//!
//! The flag on the command line wins; an empty variable is an unset one; a
//! variable of ours that fits no flag is an error, as a typo would otherwise
//! silently loosen a gate.

use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use liftlock::failure::{Failure, Kind};

use super::Refusal;

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The command line with the environment's flags added to it.
pub(super) fn arguments(
    command: &Command,
    typed: impl Iterator<Item = OsString>,
    lookup: Lookup<'_>,
) -> Result<Vec<OsString>, Refusal> {
    let mut command = command.clone();
    command.build();
    plain_subcommand(command.get_name(), lookup)?;
    let mut argv: Vec<OsString> = typed.collect();
    let seen = command
        .clone()
        .ignore_errors(true)
        .try_get_matches_from(&argv)
        .map_err(|error| Refusal::Clap(Box::new(error)))?;
    let verb = command.get_name();
    known(&command, verb)?;
    let (inner, matches) = innermost(&command, &seen);
    let (mut flags, mut operands) = (Vec::new(), Vec::new());
    for argument in inner.get_arguments() {
        filled(argument, matches)?;
        filled(argument, &seen)?;
        if only_tells(argument) || given(argument, matches) || given(argument, &seen) {
            continue;
        }
        let name = variable(verb, argument);
        let Some(value) = lookup(&name) else { continue };
        add(argument, &name, &value, (&mut flags, &mut operands))?;
    }
    // Flags go right behind the typed words, before any `--`.
    let end = argv.iter().position(|word| word == "--");
    let tail = argv.split_off(end.unwrap_or(argv.len()));
    argv.extend(flags);
    argv.extend(tail);
    if !operands.is_empty() {
        if end.is_none() {
            argv.push("--".into());
        }
        argv.extend(operands);
    }
    Ok(argv)
}

/// `--help` and `--version` end with 0 and judge nothing: no variable gives them.
fn only_tells(argument: &Arg) -> bool {
    matches!(
        argument.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    )
}

/// Wrappers hand the subcommand over as a word; as a flag, such as `--help`,
/// it would end with 0 and let a pipeline go on.
fn plain_subcommand(verb: &str, lookup: Lookup<'_>) -> Result<(), Refusal> {
    let name = format!("LIFTLOCK_{}_COMMAND", constant(verb));
    match lookup(&name) {
        Some(word) if word.starts_with('-') || word == "help" => {
            let failure = Failure::new(
                Kind::Usage,
                format!("`{name}` is `{word}`, which judges nothing"),
            );
            Err(Refusal::Environment(
                failure.with_hint("give the name of a subcommand"),
            ))
        }
        Some(_) | None => Ok(()),
    }
}

fn innermost<'a>(command: &'a Command, matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    match matches.subcommand() {
        Some((name, inner)) => match command.find_subcommand(name) {
            Some(found) => innermost(found, inner),
            None => (command, matches),
        },
        None => (command, matches),
    }
}

fn given(argument: &Arg, matches: &ArgMatches) -> bool {
    let id = argument.get_id().as_str();
    let known = matches.try_contains_id(id).is_ok();
    known && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Refuses an empty value, which no flag and no operand means: most
/// likely a variable of the shell that is not set.
fn filled(argument: &Arg, matches: &ArgMatches) -> Result<(), Refusal> {
    let id = argument.get_id().as_str();
    let raw = matches.try_get_raw(id).ok().flatten();
    if !given(argument, matches) || !raw.is_some_and(|mut raw| raw.any(OsStr::is_empty)) {
        return Ok(());
    }
    let name = argument
        .get_long()
        .map_or_else(|| constant(id), |flag| format!("--{flag}"));
    let failure = Failure::new(Kind::Usage, format!("{name} is empty"));
    Err(Refusal::Environment(failure.with_hint(
        "is a variable not set? give it a value, or leave it out",
    )))
}

/// The variable of a flag or an operand of a verb.
#[must_use]
pub fn variable(verb: &str, argument: &Arg) -> String {
    let verb = constant(verb);
    let flag = constant(argument.get_long().unwrap_or(argument.get_id().as_str()));
    if argument.is_global_set() {
        format!("LIFTLOCK_{flag}")
    } else {
        format!("LIFTLOCK_{verb}_{flag}")
    }
}

fn constant(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}

fn add(
    argument: &Arg,
    name: &str,
    value: &str,
    (flags, operands): (&mut Vec<OsString>, &mut Vec<OsString>),
) -> Result<(), Refusal> {
    let lines = || value.lines().map(str::trim).filter(|line| !line.is_empty());
    match (argument.get_long(), argument.get_action()) {
        (None, _) => operands.extend(lines().map(OsString::from)),
        (Some(flag), ArgAction::SetTrue) => match value {
            "true" | "1" => flags.push(format!("--{flag}").into()),
            "false" | "0" => {}
            other => {
                let message = format!("`{name}` is `{other}`: expected true or false");
                return Err(Refusal::Environment(Failure::new(Kind::Usage, message)));
            }
        },
        (Some(flag), ArgAction::Append) => {
            flags.extend(lines().map(|line| OsString::from(format!("--{flag}={line}"))));
        }
        (Some(flag), _) => flags.push(format!("--{flag}={value}").into()),
    }
    Ok(())
}

/// Refuses variables of this verb that no flag of any of its subcommands has.
fn known(command: &Command, verb: &str) -> Result<(), Refusal> {
    if let Some(name) = crate::env::garbled("LIFTLOCK_") {
        let failure = Failure::new(Kind::Usage, format!("`{name}` is no text"));
        return Err(Refusal::Environment(failure.with_hint("write it as UTF-8")));
    }
    let prefix = format!("LIFTLOCK_{}_", constant(verb));
    let mut names = vec![format!("{prefix}COMMAND")];
    collect(command, verb, &mut names);
    let stray = crate::env::names(&prefix)
        .into_iter()
        .find(|name| !names.contains(name));
    match stray {
        None => Ok(()),
        Some(name) => {
            let failure = Failure::new(Kind::Usage, format!("`{name}` fits no flag"))
                .with_hint(format!("run `{} --help`", command.get_name()));
            Err(Refusal::Environment(failure))
        }
    }
}

fn collect(command: &Command, verb: &str, names: &mut Vec<String>) {
    names.extend(
        command
            .get_arguments()
            .filter(|argument| !only_tells(argument))
            .map(|argument| variable(verb, argument)),
    );
    for inner in command.get_subcommands() {
        collect(inner, verb, names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    #[command(name = "try-it")]
    struct Sample {
        #[command(subcommand)]
        command: Inner,
        #[arg(long, global = true)]
        mode: Option<String>,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Inner {
        Run {
            #[arg(long)]
            key: Option<String>,
            #[arg(long)]
            quick: bool,
            #[arg(long)]
            tag: Vec<String>,
            files: Vec<String>,
        },
    }

    fn argv(typed: &[&str], environment: &[(&str, &str)]) -> Result<Vec<String>, String> {
        use clap::CommandFactory as _;
        let lookup = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let typed = typed.iter().map(OsString::from);
        arguments(&Sample::command(), typed, &lookup)
            .map(|argv| {
                let words = argv.into_iter();
                words.map(|word| word.into_string().unwrap()).collect()
            })
            .map_err(|refusal| format!("{refusal:?}"))
    }

    #[test]
    fn variables_become_flags_unless_typed() {
        let environment = [
            ("LIFTLOCK_TRY_IT_KEY", "--from=env"),
            ("LIFTLOCK_TRY_IT_QUICK", "true"),
            ("LIFTLOCK_TRY_IT_TAG", "a\n\nb"),
            ("LIFTLOCK_TRY_IT_FILES", "x\n--y"),
            ("LIFTLOCK_MODE", "observe"),
        ];
        assert_eq!(
            argv(&["try-it", "run"], &environment).unwrap(),
            [
                "try-it",
                "run",
                "--key=--from=env",
                "--quick",
                "--tag=a",
                "--tag=b",
                "--mode=observe",
                "--",
                "x",
                "--y"
            ]
        );
        assert_eq!(
            argv(&["try-it", "run", "--key", "typed", "f"], &environment[..1]).unwrap(),
            ["try-it", "run", "--key", "typed", "f"]
        );
    }

    #[test]
    fn a_switch_takes_true_or_false_and_nothing_else() {
        let off = [("LIFTLOCK_TRY_IT_QUICK", "false")];
        assert_eq!(argv(&["try-it", "run"], &off).unwrap(), ["try-it", "run"]);
        let odd = [("LIFTLOCK_TRY_IT_QUICK", "yes")];
        assert!(
            argv(&["try-it", "run"], &odd)
                .unwrap_err()
                .contains("expected true or false")
        );
    }

    #[test]
    fn what_judges_nothing_cannot_come_from_a_variable() {
        for word in ["--help", "--version", "-h", "help"] {
            let error = argv(&["try-it", word], &[("LIFTLOCK_TRY_IT_COMMAND", word)]);
            assert!(error.unwrap_err().contains("judges nothing"), "{word}");
        }
        let help = [("LIFTLOCK_TRY_IT_HELP", "true")];
        assert_eq!(argv(&["try-it", "run"], &help).unwrap(), ["try-it", "run"]);
    }

    #[test]
    fn a_typed_value_is_never_empty() {
        for (typed, name) in [
            (&["try-it", "run", "--key", ""][..], "--key is empty"),
            (&["try-it", "run", "--key="], "--key is empty"),
            (
                &["try-it", "run", "--tag", "a", "--tag", ""],
                "--tag is empty",
            ),
            (&["try-it", "run", "a", ""], "FILES is empty"),
            (&["try-it", "run", "--", ""], "FILES is empty"),
            (&["try-it", "--mode", "", "run"], "--mode is empty"),
            (&["try-it", "run", "--mode", ""], "--mode is empty"),
        ] {
            let error = argv(typed, &[("LIFTLOCK_TRY_IT_KEY", "k")]).unwrap_err();
            assert!(error.contains(name), "{typed:?}: {error}");
        }
    }

    #[test]
    fn typed_and_given_operands_are_parted_once() {
        let files = [
            ("LIFTLOCK_TRY_IT_FILES", "-x"),
            ("LIFTLOCK_TRY_IT_QUICK", "1"),
        ];
        assert_eq!(
            argv(&["try-it", "run", "--"], &files).unwrap(),
            ["try-it", "run", "--quick", "--", "-x"]
        );
    }
}
