//! The GitLab components: names translated, nothing else.

use std::fmt::Write as _;

use super::NOTICE;
use super::text::folded;
use super::verb::{Input, Verb};

/// The longest line of a list of values; yamllint takes 140 characters.
const LONGEST: usize = 140;

/// Inputs that are about the job and not about the binary.
pub(crate) const OF_THE_JOB: [&str; 5] =
    ["stage", "job-name", "image", "bin-dir", "allow-exit-code"];

/// Where a component is.
pub(crate) fn path(verb: &Verb) -> String {
    format!("templates/{}/template.yml", verb.name)
}

/// Renders a component.
pub(crate) fn render(verb: &Verb) -> String {
    let mut yaml = format!("# {NOTICE}\nspec:\n  inputs:\n");
    yaml += &job_inputs(verb);
    yaml += "    command:\n";
    yaml += &folded("description", &verb.command_help(), 6);
    let names: Vec<_> = verb
        .subcommands
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    yaml += &options(&names);
    writeln!(yaml, "      default: {}", verb.default).unwrap();
    for input in &verb.inputs {
        writeln!(yaml, "    {}:", input.name).unwrap();
        yaml += &folded("description", &input.help(), 6);
        if !input.options.is_empty() {
            let own = input.options.iter().map(String::as_str);
            yaml += &options(&[""].into_iter().chain(own).collect::<Vec<_>>());
        }
        writeln!(yaml, "      default: \"{}\"", default(verb, input)).unwrap();
    }
    yaml + "---\n" + &job(verb)
}

fn job_inputs(verb: &Verb) -> String {
    let texts = [
        (
            "stage",
            "Stage of the job",
            "      default: test\n".to_owned(),
        ),
        (
            "job-name",
            "Name of the job",
            format!("      default: {}\n", verb.name),
        ),
        (
            "image",
            "Image of the job: one with the binaries on its PATH, or any with a shell and `bin-dir`",
            String::new(),
        ),
        (
            "bin-dir",
            "Folder with the binaries, where they are not on the PATH of the image",
            "      default: \"\"\n".to_owned(),
        ),
        (
            "allow-exit-code",
            "11 lets the pipeline go on, with a warning, when there was too little evidence, \
             13 when somebody or some time is waited for; 0 allows no failure",
            "      type: number\n      options: [0, 11, 13]\n      default: 0\n".to_owned(),
        ),
    ];
    texts
        .iter()
        .map(|(name, help, rest)| format!("    {name}:\n{}{rest}", folded("description", help, 6)))
        .collect()
}

fn options(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    let line = format!("      options: [{}]\n", quoted.join(", "));
    if line.len() <= LONGEST {
        return line;
    }
    let items = quoted.iter().map(|value| format!("        - {value}\n"));
    format!("      options:\n{}", items.collect::<String>())
}

/// GitLab finds reports only where the job says they are.
fn default(verb: &Verb, input: &Input) -> String {
    match input.name.as_str() {
        "report-dir" => "liftlock-reports".to_owned(),
        "result-file" => format!("liftlock.{}.json", verb.name),
        _ => String::new(),
    }
}

/// Only the result is kept as a file: reports that a later job of the same
/// verb downloaded would be taken for its own.
fn job(verb: &Verb) -> String {
    let name = verb.name;
    let mut yaml = String::from("\"$[[ inputs.job-name ]]\":\n");
    yaml += "  stage: \"$[[ inputs.stage ]]\"\n  image: \"$[[ inputs.image ]]\"\n  variables:\n";
    yaml += "    LIFTLOCK_BIN_DIR: \"$[[ inputs.bin-dir ]]\"\n";
    writeln!(
        yaml,
        "    {}: \"$[[ inputs.command ]]\"",
        verb.command_variable()
    )
    .unwrap();
    for input in &verb.inputs {
        let (name, variable) = (&input.name, &input.variable);
        writeln!(yaml, "    {variable}: \"$[[ inputs.{name} ]]\"").unwrap();
    }
    yaml += "  script:\n    - PATH=\"${LIFTLOCK_BIN_DIR:+$LIFTLOCK_BIN_DIR:}$PATH\"\n";
    writeln!(yaml, "    - {}", verb.line()).unwrap();
    yaml += "  allow_failure:\n    exit_codes: \"$[[ inputs.allow-exit-code ]]\"\n";
    yaml += "  artifacts:\n    when: always\n    paths:\n      - \"$[[ inputs.result-file ]]\"\n";
    writeln!(
        yaml,
        "    reports:\n      \
         dotenv: \"$[[ inputs.report-dir ]]/liftlock.{name}*.env\"\n      \
         junit: \"$[[ inputs.report-dir ]]/liftlock.{name}*.junit.xml\""
    )
    .unwrap();
    yaml
}
