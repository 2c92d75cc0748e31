//! Who serves which part of the requests: roles and weights, read again for
//! every row.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The two slots that are compared.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Roles {
    pub(crate) stable: String,
    pub(crate) canary: String,
}

/// What `promote` writes; the roles are those of the plan that wrote it.
#[derive(Debug, Deserialize)]
struct Weights {
    weights: BTreeMap<String, u16>,
    #[serde(flatten)]
    roles: Option<Roles>,
}

/// Roles and weights as last read.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) roles: Roles,
    weights: Option<BTreeMap<String, u16>>,
}

impl Default for Split {
    fn default() -> Self {
        Self {
            roles: Roles {
                stable: "stable".to_owned(),
                canary: "canary".to_owned(),
            },
            weights: None,
        }
    }
}

impl Split {
    /// Reads both files. A file that is absent, or not whole since it is being
    /// written, changes nothing.
    pub(crate) fn read(&mut self, weights: &Path, roles: Option<&Path>) {
        if let Some(roles) = roles.and_then(json) {
            self.roles = roles;
        }
        if let Some(Weights { weights, roles }) = json(weights) {
            self.weights = Some(weights);
            // Weights and roles that were written together belong together.
            self.roles = roles.unwrap_or_else(|| self.roles.clone());
        }
    }

    /// The canary's part, and the whole; without weights stable has it all.
    pub(crate) fn share(&self) -> (u64, u64) {
        let Some(weights) = &self.weights else {
            return (0, 1);
        };
        let of = |slot: &str| u64::from(weights.get(slot).copied().unwrap_or(0));
        let canary = of(&self.roles.canary);
        (canary, canary + of(&self.roles.stable))
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_roles_decide_and_broken_files_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (weights, roles) = (folder.path().join("weights"), folder.path().join("roles"));
        let mut split = Split::default();
        split.read(&weights, Some(&roles));
        assert_eq!(split.share(), (0, 1));

        fs::write(&weights, r#"{"weights": {"blue": 9500, "green": 500}}"#).unwrap();
        split.read(&weights, Some(&roles));
        assert_eq!(split.share(), (0, 0));

        fs::write(&roles, r#"{"stable": "blue", "canary": "green"}"#).unwrap();
        split.read(&weights, Some(&roles));
        assert_eq!(split.share(), (500, 10_000));

        fs::write(&weights, r#"{"weights": {"blue": 95"#).unwrap();
        split.read(&weights, Some(&roles));
        assert_eq!(split.share(), (500, 10_000));

        let swapped =
            r#"{"weights": {"blue": 0, "green": 9000}, "stable": "green", "canary": "blue"}"#;
        fs::write(&weights, swapped).unwrap();
        split.read(&weights, Some(&roles));
        assert_eq!(
            (split.share(), split.roles.stable.as_str()),
            ((0, 9_000), "green")
        );
    }
}
