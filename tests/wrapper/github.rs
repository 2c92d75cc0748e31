//! The composite actions: names translated, nothing else.

use std::fmt::Write as _;

use super::NOTICE;
use super::text::folded;
use super::verb::Verb;

/// Where an action is.
pub(crate) fn path(verb: &Verb) -> String {
    format!("actions/{}/action.yml", verb.name)
}

/// Renders an action.
///
/// An input that is not given leaves a variable of the job as it is.
pub(crate) fn render(verb: &Verb) -> String {
    let mut yaml = format!("# {NOTICE}\nname: liftlock {}\n", verb.name);
    yaml += &folded("description", &verb.about, 0);
    yaml += "inputs:\n  command:\n";
    yaml += &folded("description", &verb.command_help(), 4);
    writeln!(yaml, "    default: {}", verb.default).unwrap();
    for input in &verb.inputs {
        writeln!(yaml, "  {}:", input.name).unwrap();
        yaml += &folded("description", &input.help(), 4);
    }
    yaml += "outputs:\n";
    for output in &verb.outputs {
        writeln!(yaml, "  {output}:").unwrap();
        yaml += &folded("description", &verb.output_help(output), 4);
        writeln!(yaml, "    value: ${{{{ steps.run.outputs.{output} }}}}").unwrap();
    }
    yaml += "runs:\n  using: composite\n  steps:\n    - id: run\n      shell: bash\n      env:\n";
    writeln!(
        yaml,
        "        {}: ${{{{ inputs.command }}}}",
        verb.command_variable()
    )
    .unwrap();
    for input in &verb.inputs {
        let (name, variable) = (&input.name, &input.variable);
        writeln!(
            yaml,
            "        {variable}: ${{{{ inputs.{name} || env.{variable} }}}}"
        )
        .unwrap();
    }
    // The runner signals this one process; without `exec` it is the shell, which
    // tells nobody.
    writeln!(yaml, "      run: exec {}", verb.line()).unwrap();
    yaml
}
