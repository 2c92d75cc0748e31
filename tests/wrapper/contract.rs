//! Reads wrappers back and names what they promise.

use std::collections::BTreeSet;

use serde_json::Value;

/// All documents of a YAML file.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    yaml.split("\n---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

/// The keys of a mapping below a pointer.
pub(crate) fn keys(value: &Value, pointer: &str) -> BTreeSet<String> {
    let found = value.pointer(pointer).and_then(Value::as_object);
    found
        .map(|mapping| mapping.keys().cloned().collect())
        .unwrap_or_default()
}

/// The names behind a prefix such as `inputs.` in all expressions of a text.
pub(crate) fn used(text: &str, prefix: &str) -> BTreeSet<String> {
    text.match_indices(prefix)
        .filter(|(start, _)| {
            let before = text[..*start].chars().next_back();
            before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '.')
        })
        .map(|(start, _)| {
            let rest = &text[start + prefix.len()..];
            let end = rest
                .find(|letter: char| !letter.is_alphanumeric() && letter != '-' && letter != '_')
                .unwrap_or(rest.len());
            rest[..end].to_owned()
        })
        .collect()
}

/// The output names that a source gives to `with_output`.
pub(crate) fn written(source: &str) -> BTreeSet<String> {
    source
        .split("with_output(")
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// What is wrong with the steps of a composite action.
pub(crate) fn faults(action: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let steps = action.pointer("/runs/steps").and_then(Value::as_array);
    let steps = steps.cloned().unwrap_or_default();
    let ids: BTreeSet<&str> = steps
        .iter()
        .filter_map(|step| step["id"].as_str())
        .collect();
    for step in &steps {
        let run = step["run"].as_str().unwrap_or_default();
        if run.contains("${{") {
            faults.push("an expression inside `run`".to_owned());
        }
        if step.get("uses").is_some() {
            faults.push("a nested action".to_owned());
        }
        if step["shell"] != "bash" {
            faults.push("a step without a shell".to_owned());
        }
        if run.contains("GITHUB_ENV") {
            faults.push("a change of the environment of others".to_owned());
        }
    }
    let outputs = action["outputs"].as_object().cloned().unwrap_or_default();
    for (name, output) in outputs {
        let value = output["value"].as_str().unwrap_or_default();
        for id in used(value, "steps.") {
            if !ids.contains(id.as_str()) {
                faults.push(format!("output {name} reads step {id}, which there is not"));
            }
        }
    }
    faults
}
