//! Whether the artifacts of a release are those that the rules know.

use super::effective::Rules;
use crate::failure::{Explain, Kind};
use crate::name::Name;
use crate::yaml::distance;

/// The artifacts are not those of `artifacts`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Nobody knows it.
    #[error("no rule knows the artifact `{name}`: `artifacts` names {known}")]
    Unknown {
        /// The artifact.
        name: Name,
        /// What the rules name.
        known: String,
        /// What was meant, as far as that can be told.
        near: Option<Name>,
    },
    /// The rules want it.
    #[error("the artifact `{name}` is missing: `artifacts` names {known}")]
    Missing {
        /// The artifact.
        name: Name,
        /// What the rules name.
        known: String,
    },
}

impl Explain for Misfit {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown {
                near: Some(near), ..
            } => Some(format!("write `{near}`, if that is meant")),
            Self::Unknown { near: None, .. } => {
                Some("correct the name, or add it to `artifacts`".to_owned())
            }
            Self::Missing { .. } => {
                Some("add it to the release, or remove it from `artifacts`".to_owned())
            }
        }
    }
}

impl Rules {
    /// Refuses artifacts that the rules do not name, where they name any.
    ///
    /// # Errors
    ///
    /// Fails with the first of them.
    pub fn know(&self, artifacts: &[&Name]) -> Result<(), Misfit> {
        let Some(known) = &self.artifacts else {
            return Ok(());
        };
        let mut unknown = artifacts
            .iter()
            .filter(|name| !known.contains_key(name.as_str()));
        let Some(name) = unknown.next() else {
            return Ok(());
        };
        let steps = |one: &Name| distance(name.as_str(), one.as_str());
        let near = known.keys().min_by_key(|one| steps(one));
        Err(Misfit::Unknown {
            name: (*name).clone(),
            known: self.inventory(),
            near: near.filter(|one| steps(one) <= 2).cloned(),
        })
    }

    /// Refuses the artifacts of a whole release that are not all of those that
    /// the rules name, where they name any.
    ///
    /// # Errors
    ///
    /// Fails with the first difference.
    pub fn fit(&self, artifacts: &[&Name]) -> Result<(), Misfit> {
        self.know(artifacts)?;
        let mut known = self.artifacts.iter().flat_map(|known| known.keys());
        match known.find(|name| !artifacts.contains(name)) {
            None => Ok(()),
            Some(name) => Err(Misfit::Missing {
                name: name.clone(),
                known: self.inventory(),
            }),
        }
    }

    /// The targets that could not be pointed at a release of these artifacts,
    /// one line for each.
    #[must_use]
    pub fn aimless(&self, artifacts: &[&Name]) -> Vec<String> {
        let all = self.environments.values();
        let targets = all.flat_map(|one| one.targets.iter().map(move |target| (&one.name, target)));
        let aimless = targets.filter_map(|(environment, target)| {
            let label = target.label();
            match &target.artifact {
                Some(name) if !artifacts.contains(&name) => Some(format!(
                    "{label} of {environment} points at the artifact `{name}`, which this release does not have"
                )),
                None if artifacts.len() != 1 => Some(format!(
                    "{label} of {environment} does not say which of these artifacts it points at"
                )),
                Some(_) | None => None,
            }
        });
        aimless.collect()
    }

    fn inventory(&self) -> String {
        let known = self.artifacts.iter().flat_map(|known| known.keys());
        known.map(Name::as_str).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::report::PolicyOrigin;

    fn rules(more: &str) -> Rules {
        let text = format!("version: 1\nservice: shop\n{more}\n");
        let service = crate::config::parse(&text, None).unwrap();
        Rules::new(service, Digest::of(b""), PolicyOrigin::Local).unwrap()
    }

    #[test]
    fn a_release_has_exactly_the_artifacts_that_the_rules_name() {
        let rules = rules("artifacts: { api: file, worker: file }");
        let told = |names: &[&str]| {
            let names: Vec<Name> = names.iter().map(|name| name.parse().unwrap()).collect();
            let names: Vec<&Name> = names.iter().collect();
            let fit = |fit: Result<(), Misfit>| match fit {
                Ok(()) => "fits".to_owned(),
                Err(why) => format!("{why}; {}", why.hint().unwrap()),
            };
            (fit(rules.know(&names)), fit(rules.fit(&names)))
        };
        let fits = || "fits".to_owned();
        assert_eq!(told(&["api", "worker"]), (fits(), fits()));
        let missing = "the artifact `worker` is missing: `artifacts` names api, worker; \
                       add it to the release, or remove it from `artifacts`";
        assert_eq!(told(&["api"]), (fits(), missing.to_owned()));
        let (part, whole) = told(&["api", "wroker"]);
        assert_eq!(part, whole);
        assert_eq!(
            part,
            "no rule knows the artifact `wroker`: `artifacts` names api, worker; \
             write `worker`, if that is meant"
        );
        let (other, _) = told(&["installer"]);
        assert!(
            other.ends_with("; correct the name, or add it to `artifacts`"),
            "{other}"
        );
    }

    #[test]
    fn targets_of_other_artifacts_are_told_and_refuse_nothing() {
        let target = |artifact: &str| {
            format!("{{ registry: {{ image: 'oci-layout:site', tag: live }}{artifact} }}")
        };
        let named = rules(&format!(
            "environments: {{ p: {{ targets: [{}] }} }}",
            target(", artifact: image")
        ));
        let (api, image): (Name, Name) = ("api".parse().unwrap(), "image".parse().unwrap());
        assert_eq!(named.fit(&[&api]), Ok(()));
        assert_eq!(named.aimless(&[&api, &image]), [""; 0]);
        assert_eq!(
            named.aimless(&[&api]),
            [
                "oci-layout:site:live of p points at the artifact `image`, which this release does not have"
            ]
        );
        let unnamed = rules(&format!(
            "environments: {{ p: {{ targets: [{}] }} }}",
            target("")
        ));
        assert_eq!(unnamed.aimless(&[&api]), [""; 0]);
        assert_eq!(
            unnamed.aimless(&[&api, &image]),
            ["oci-layout:site:live of p does not say which of these artifacts it points at"]
        );
    }
}
