//! What the wrappers know of a binary: its subcommands, inputs and outputs.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, Command};
use liftlock_io::cli::variable;

/// A binary, read from its own definition.
#[derive(Debug)]
pub(crate) struct Verb {
    /// Its command line.
    pub(crate) command: Command,
    pub(crate) name: &'static str,
    pub(crate) about: String,
    /// Name and help of each.
    pub(crate) subcommands: Vec<(String, String)>,
    /// The subcommand that a wrapper runs when none is named.
    pub(crate) default: &'static str,
    /// What it does not run without: inputs, with values for an example.
    pub(crate) example: &'static [(&'static str, &'static str)],
    pub(crate) inputs: Vec<Input>,
    /// Kebab-case names, `verdict` and `exit-code` first.
    pub(crate) outputs: Vec<&'static str>,
}

/// A flag, or an operand, as wrappers offer it.
#[derive(Debug)]
pub(crate) struct Input {
    /// The flag without dashes.
    pub(crate) name: String,
    /// The environment variable that the binary reads.
    pub(crate) variable: String,
    /// The only values; any are allowed where it is empty.
    pub(crate) options: Vec<String>,
    /// Whether every binary has it.
    pub(crate) shared: bool,
    /// Whether a command line has the value alone.
    pub(crate) operand: bool,
    list: bool,
    /// What each subcommand says about it.
    helps: Vec<(String, String)>,
    subcommands: usize,
}

/// All binaries that have wrappers.
pub(crate) fn all() -> Vec<Verb> {
    vec![
        Verb::read(
            sign_artifact::command(),
            ("sign", &[("targets", "dist/app")]),
            sign_artifact::OUTPUTS,
        ),
        Verb::read(
            canary_check::command(),
            ("run", &[("environment", "production")]),
            canary_check::OUTPUTS,
        ),
        Verb::read(
            await_approval::command(),
            ("judge", &[("request", "request.json")]),
            await_approval::OUTPUTS,
        ),
        Verb::read(
            promote::command(),
            (
                "run",
                &[("environment", "production"), ("release", "release.json")],
            ),
            promote::OUTPUTS,
        ),
        Verb::read(
            rollback::command(),
            ("run", &[("environment", "production")]),
            rollback::OUTPUTS,
        ),
        Verb::read(audit_log::command(), ("verify", &[]), audit_log::OUTPUTS),
    ]
}

impl Verb {
    fn read(
        mut command: Command,
        (default, example): (&'static str, &'static [(&'static str, &'static str)]),
        outputs: &[&'static str],
    ) -> Self {
        command.build();
        let name: &'static str = command.get_name().to_owned().leak();
        let leaves: Vec<&Command> = command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help" && !inner.is_hide_set())
            .collect();
        let subcommands: Vec<_> = leaves
            .iter()
            .map(|inner| (inner.get_name().to_owned(), about(inner)))
            .collect();
        assert!(
            subcommands.iter().any(|(known, _)| known == default),
            "{name} has no subcommand `{default}`"
        );
        let mut inputs: Vec<Input> = Vec::new();
        for inner in &leaves {
            assert!(!inner.has_subcommands(), "{name} has nested subcommands");
            for argument in inner.get_arguments().filter(|found| offered(found)) {
                let input = Input::read(name, argument, subcommands.len());
                let help = (inner.get_name().to_owned(), help(argument));
                match inputs.iter_mut().find(|known| known.name == input.name) {
                    Some(known) => {
                        known.helps.push(help);
                        known.list |= input.list;
                    }
                    None => inputs.push(Input {
                        helps: vec![help],
                        ..input
                    }),
                }
            }
        }
        inputs.sort_by_key(|input| input.shared);
        let own = outputs.iter().copied();
        Self {
            name,
            about: about(&command),
            default,
            example,
            subcommands,
            inputs,
            outputs: ["verdict", "exit-code"].into_iter().chain(own).collect(),
            command,
        }
    }

    /// The variable that carries the subcommand to the shell line.
    pub(crate) fn command_variable(&self) -> String {
        let verb = self.name.replace('-', "_").to_ascii_uppercase();
        format!("LIFTLOCK_{verb}_COMMAND")
    }

    /// The one line that every wrapper runs.
    pub(crate) fn line(&self) -> String {
        format!("{} \"${}\"", self.name, self.command_variable())
    }

    /// What the input `command` says.
    pub(crate) fn command_help(&self) -> String {
        let list: Vec<_> = self
            .subcommands
            .iter()
            .map(|(name, about)| format!("`{name}`: {about}"))
            .collect();
        format!("Subcommand. {}", list.join("; "))
    }

    /// What an output says.
    pub(crate) fn output_help(&self, output: &str) -> String {
        match output {
            "verdict" => "`pass`, `fail`, `inconclusive`, `blind`, `pending`, `blocked`, \
                          `expired`, `stuck`, or `none` where nothing was judged"
                .to_owned(),
            "exit-code" => "Exit code of the run; 0 in observe mode".to_owned(),
            other => format!(
                "{} of the run, where the subcommand tells it",
                spoken(other)
            ),
        }
    }
}

impl Input {
    fn read(verb: &str, argument: &Arg, subcommands: usize) -> Self {
        let id = argument.get_id().as_str();
        // Of a switch, clap itself says that the values are true and false.
        let options = argument
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| value.get_name().to_owned())
            .collect();
        Self {
            name: argument.get_long().unwrap_or(id).replace('_', "-"),
            variable: variable(verb, argument),
            options,
            shared: argument.is_global_set(),
            operand: argument.is_positional(),
            list: repeated(argument),
            helps: Vec::new(),
            subcommands,
        }
    }

    /// The help texts of all subcommands as one.
    pub(crate) fn help(&self) -> String {
        let mut texts: BTreeMap<usize, (&str, Vec<&str>)> = BTreeMap::new();
        for (index, (subcommand, text)) in self.helps.iter().enumerate() {
            let known = texts.values_mut().find(|(known, _)| known == text);
            match known {
                Some((_, names)) => names.push(subcommand),
                None => drop(texts.insert(index, (text, vec![subcommand]))),
            }
        }
        let everywhere = texts.len() == 1 && self.helps.len() == self.subcommands;
        let parts: Vec<String> = texts
            .values()
            .map(|(text, names)| match everywhere {
                true => (*text).to_owned(),
                false => format!("{text} ({})", names.join(", ")),
            })
            .collect();
        let mut help = parts.join("; or: ");
        if self.list {
            help.push_str("; several: one a line");
        }
        if !self.options.is_empty() {
            help.push_str("; one of ");
            help.push_str(&self.options.join(", "));
        }
        help
    }
}

fn offered(argument: &Arg) -> bool {
    !argument.is_hide_set()
        && !matches!(
            argument.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        )
}

fn repeated(argument: &Arg) -> bool {
    let several = argument
        .get_num_args()
        .is_some_and(|range| range.max_values() > 1);
    matches!(argument.get_action(), ArgAction::Append) || several
}

fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn help(argument: &Arg) -> String {
    let text = argument.get_help().map(ToString::to_string);
    let text = text.unwrap_or_default();
    let defaults: Vec<_> = argument
        .get_default_values()
        .iter()
        .filter_map(|value| value.to_str())
        .collect();
    let switch = matches!(argument.get_action(), ArgAction::SetTrue);
    match (switch, defaults.as_slice()) {
        (false, [first, ..]) => format!("{text}; default {first}"),
        _ => text,
    }
}

fn spoken(output: &str) -> String {
    let words = output.replace('-', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
