//! The page about the wrappers: how to use each, and every input.

use std::fmt::Write as _;

use super::text::cell;
use super::verb::Verb;
use super::{github, gitlab};

/// Where the page is.
pub(crate) const PATH: &str = "docs/wrappers.md";

const HEAD: &str = include_str!("head.md");

/// Renders the page.
pub(crate) fn render(verbs: &[Verb]) -> String {
    let mut page = HEAD.to_owned();
    for verb in verbs {
        writeln!(page, "\n## {}\n{}.\n", verb.name, verb.about).unwrap();
        page += &snippets(verb);
        page += &tables(verb);
    }
    if let Some(verb) = verbs.first() {
        page += "\n## Inputs of every wrapper\n| input | variable | |\n|---|---|---|\n";
        for input in verb.inputs.iter().filter(|input| common(&input.variable)) {
            let help = cell(&input.help());
            writeln!(page, "| `{}` | `{}` | {help} |", input.name, input.variable).unwrap();
        }
    }
    page
}

/// The line that Jenkins, and any other shell, runs.
pub(crate) fn shell(verb: &Verb, command: &str) -> String {
    format!("{} {command} --report-dir liftlock-reports", verb.name)
}

/// That line with what it does not run without.
pub(crate) fn example(verb: &Verb) -> String {
    let words = verb.example.iter().map(|(name, value)| {
        let input = verb.inputs.iter().find(|input| input.name == *name);
        match input.unwrap().operand {
            true => format!(" {value}"),
            false => format!(" --{name} {value}"),
        }
    });
    shell(verb, verb.default) + &words.collect::<String>()
}

/// What the README says of the wrappers, between these two lines.
pub(crate) const MARKS: [&str; 2] = ["<!-- wrappers -->\n", "<!-- /wrappers -->\n"];

/// Renders the table of the README.
pub(crate) fn table(verbs: &[Verb]) -> String {
    let mut text = "| GitHub | GitLab | Jenkins, any shell |\n|---|---|---|\n".to_owned();
    for verb in verbs {
        let (action, component) = (github::path(verb), gitlab::path(verb));
        let line = example(verb);
        writeln!(text, "| `{action}` | `{component}` | `{line}` |").unwrap();
    }
    text
}

fn snippets(verb: &Verb) -> String {
    let (name, default) = (verb.name, verb.default);
    let inputs = |margin: &str| {
        let lines = verb.example.iter();
        let lines = lines.map(|(name, value)| format!("{margin}{name}: {value}\n"));
        lines.collect::<String>()
    };
    format!(
        "```yaml\n\
         # GitHub\n\
         - uses: liftlock/liftlock/actions/{name}@<commit>\n  \
           id: {name}\n  \
           with:\n    \
             command: {default}\n\
         {}\
         ```\n\
         ```yaml\n\
         # GitLab\n\
         include:\n  \
           - component: $CI_SERVER_FQDN/liftlock/liftlock/{name}@<commit>\n    \
             inputs:\n      \
               image: <image>\n      \
               command: {default}\n\
         {}\
         ```\n\
         ```groovy\n\
         // Jenkins\n\
         sh '{}'\n\
         ```\n",
        inputs("    "),
        inputs("      "),
        example(verb)
    )
}

fn tables(verb: &Verb) -> String {
    let outputs: Vec<_> = verb
        .outputs
        .iter()
        .map(|output| format!("`{output}`"))
        .collect();
    let mut text = format!("\nOutputs: {}.\n\n", outputs.join(", "));
    text += "| input | variable | |\n|---|---|---|\n";
    writeln!(
        text,
        "| `command` | `{}` | {} |",
        verb.command_variable(),
        cell(&verb.command_help())
    )
    .unwrap();
    for input in verb.inputs.iter().filter(|input| !common(&input.variable)) {
        let help = cell(&input.help());
        writeln!(text, "| `{}` | `{}` | {help} |", input.name, input.variable).unwrap();
    }
    text
}

/// Whether a variable belongs to every binary. Two binaries may share a
/// variable of their own, such as a store's.
fn common(variable: &str) -> bool {
    let globals = <Probe as clap::CommandFactory>::command();
    let mut names = globals
        .get_arguments()
        .map(|argument| liftlock_io::cli::variable("probe", argument));
    names.any(|name| name == variable)
}

#[derive(Debug, clap::Parser)]
struct Probe {
    #[command(flatten)]
    globals: liftlock_io::cli::Globals,
}
