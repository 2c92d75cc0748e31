//! Places in a text that are filled in later: `{{.window}}`, `{{args.name}}`.

/// Fills each place in by its name; one that has no value stays as it is.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, name, whole, after)) = next(rest) {
        filled.push_str(before);
        match value(name) {
            Some(value) => filled.push_str(&value),
            None => filled.push_str(whole),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The names of all places, in order.
pub(super) fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, name, _, after)) = next(rest) {
        names.push(name);
        rest = after;
    }
    names
}

/// What is before the next place, its name, how it is written, what is after.
fn next(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (inside, after) = rest.split_once("}}")?;
    let whole = text
        .get(before.len()..text.len() - after.len())
        .unwrap_or_default();
    let name = inside.trim_matches(|next: char| next == '-' || next.is_whitespace());
    Some((before, name, whole, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_and_unknown_ones_stay() {
        let text = "rate(m{a=\"{{ args.a }}\"}[{{.window}}]) {{x";
        assert_eq!(names(text), ["args.a", ".window"]);
        let filled = fill(text, |name| (name == ".window").then(|| "5m".to_owned()));
        assert_eq!(filled, "rate(m{a=\"{{ args.a }}\"}[5m]) {{x");
        assert_eq!(fill("{{}}", |_| None), "{{}}");
    }
}
