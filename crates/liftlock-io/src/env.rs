//! The only place that reads the environment.

/// The value of a variable; empty is unset, and so is what is not UTF-8.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may read the environment"
)]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The names of all variables that begin with `prefix` and are not empty, sorted.
#[must_use]
pub fn names(prefix: &str) -> Vec<String> {
    let mut names: Vec<String> = std::env::vars_os()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names
}

/// The first variable that begins with `prefix` and whose value is no text:
/// [`var`] would take it for an unset one.
#[must_use]
pub fn garbled(prefix: &str) -> Option<String> {
    std::env::vars_os()
        .filter(|(_, value)| value.to_str().is_none())
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .find(|name| name.starts_with(prefix))
}
