//! The only place that reads the environment.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Variables that hold secrets of ours whoever runs us.
const ALWAYS: [&str; 15] = [
    "COSIGN_PASSWORD",
    "LIFTLOCK_DATADOG_API_KEY",
    "LIFTLOCK_DATADOG_APP_KEY",
    "LIFTLOCK_GITHUB_TOKEN",
    "LIFTLOCK_GITLAB_TOKEN",
    "LIFTLOCK_GITLAB_TRIGGER_TOKEN",
    "LIFTLOCK_GRAPHITE_BASIC",
    "LIFTLOCK_GRAPHITE_TOKEN",
    "LIFTLOCK_INFLUXDB_BASIC",
    "LIFTLOCK_INFLUXDB_TOKEN",
    "LIFTLOCK_NEWRELIC_API_KEY",
    "LIFTLOCK_PROMETHEUS_BASIC",
    "LIFTLOCK_PROMETHEUS_TOKEN",
    "LIFTLOCK_SCRAPE_BASIC",
    "LIFTLOCK_SCRAPE_TOKEN",
];

/// Variables that a key was read from.
static OPENED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// As [`var`], for a key: no process that we start gets the variable.
#[must_use]
pub fn secret(name: &str) -> Option<String> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.insert(name.to_owned());
    var(name)
}

/// The names of the variables that hold secrets of ours.
#[must_use]
pub fn secrets() -> BTreeSet<String> {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let always = ALWAYS.into_iter().map(str::to_owned);
    opened.iter().cloned().chain(always).collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_held_a_key_is_a_secret_from_then_on() {
        assert!(!secrets().contains("A_KEY_OF_OURS"));
        assert_eq!(secret("A_KEY_OF_OURS"), None);
        assert!(secrets().contains("A_KEY_OF_OURS"));
        assert!(secrets().contains("COSIGN_PASSWORD"));
    }
}
