//! `liftlock.yaml` and the policy: one shape, read strictly, merged only
//! towards the tighter side.

pub mod approval;
pub mod automatic;
pub mod break_glass;
pub mod effective;
pub mod environment;
pub mod foreign;
pub mod group;
pub mod inventory;
pub mod metrics;
pub mod place;
pub mod pointer;
pub mod requirement;
pub mod standing;
pub mod target;
pub mod tighten;
pub mod traffic;
pub mod trust;
pub mod validity;
pub mod whole;
#[cfg(test)]
mod wrong;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::yaml;
use environment::Environment;
use foreign::{Accepted, Sigstore};
use trust::{Person, Trusted};

/// The version of the format that this code reads.
pub const VERSION: u32 = 1;

/// One service: what `liftlock.yaml` says, or what the policy says of it.
///
/// Every field may be absent, so that policy and file can be told apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Service {
    /// Version of the format; 1.
    #[cfg_attr(feature = "schema", schemars(extend("const" = VERSION)))]
    pub version: Option<u32>,
    /// The service's name.
    pub service: Option<Name>,
    /// Artifact name → where such artifacts live. A release must have exactly these.
    pub artifacts: Option<BTreeMap<Name, ArtifactKind>>,
    /// State store: `file:PATH`, `git+URL#REF` or `s3://BUCKET/PREFIX`.
    pub state: Option<String>,
    /// Ledger store.
    pub ledger: Option<String>,
    /// Evidence store.
    pub evidence: Option<String>,
    /// Who may make which statements.
    pub trust: Option<Vec<Trusted>>,
    /// Who may answer.
    pub people: Option<BTreeMap<Name, Person>>,
    /// What may be loosened at all.
    pub allow: Option<Allow>,
    /// The levels a release goes through.
    pub environments: BTreeMap<Name, Environment>,
    /// Which statements of others meet which demands.
    pub accept: Option<Vec<Accepted>>,
    /// Who vouches for certificates and times.
    pub sigstore: Option<Sigstore>,
}

/// Where an artifact lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// A file.
    File,
    /// An OCI manifest, in a registry or an image layout folder.
    Registry,
}

/// What the policy lets people loosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Allow {
    /// Whether `--mode observe` may be used; yes where nothing is said.
    pub observe: Option<bool>,
    /// Whether what is live may be taken as known good; yes where nothing is said.
    pub adopt: Option<bool>,
    /// Whether one person may go back past what speaks against it; yes where nothing is said.
    pub break_glass: Option<bool>,
}

/// A monorepo's file: several services side by side.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Many {
    /// Version of the format; 1.
    #[cfg_attr(feature = "schema", schemars(extend("const" = VERSION)))]
    version: u32,
    /// Name → service.
    services: BTreeMap<Name, Service>,
}

/// `liftlock.yaml` or a policy as it is written: one service, or a monorepo's
/// `services:`. For its JSON Schema; [`parse`] reads it.
#[cfg(feature = "schema")]
#[derive(Debug)]
pub struct File;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for File {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "File".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let many = generator.subschema_for::<Many>();
        let one = generator.subschema_for::<Service>();
        // By the key and not by `anyOf`: an editor then shows the faults of one
        // shape and not of both.
        schemars::json_schema!({
            "type": "object",
            "if": { "required": ["services"] },
            "then": many,
            "else": { "allOf": [one], "required": ["version"] },
        })
    }
}

/// Tells the two shapes of file apart without judging either.
#[derive(Debug, Deserialize)]
struct Shape {
    services: Option<serde::de::IgnoredAny>,
}

/// Reads the configuration of one service.
///
/// # Errors
///
/// Fails on YAML that does not fit, naming line and key; on another version;
/// and where the service asked for is not there or must be chosen.
pub fn parse(text: &str, wanted: Option<&Name>) -> Result<Service, ParseError> {
    let shape: Shape = yaml::parse(text)?;
    let (version, service) = if shape.services.is_some() {
        let many: Many = yaml::parse(text)?;
        (Some(many.version), pick(many.services, wanted)?)
    } else {
        let one: Service = yaml::parse(text)?;
        (one.version, one)
    };
    match version {
        Some(VERSION) => {}
        Some(other) => return Err(ParseError::Version(other)),
        None => return Err(ParseError::NoVersion),
    }
    if let (Some(wanted), Some(found)) = (wanted, &service.service)
        && wanted != found
    {
        return Err(ParseError::NoService {
            wanted: wanted.to_string(),
            known: found.to_string(),
        });
    }
    service.check()?;
    Ok(service)
}

fn pick(
    mut services: BTreeMap<Name, Service>,
    wanted: Option<&Name>,
) -> Result<Service, ParseError> {
    let known: Vec<&str> = services.keys().map(Name::as_str).collect();
    let known = known.join(", ");
    let name = match wanted {
        Some(name) => name.clone(),
        None if services.len() == 1 => services
            .keys()
            .next()
            .cloned()
            .ok_or_else(|| ParseError::Invalid("services".to_owned(), "is empty".to_owned()))?,
        None => return Err(ParseError::Choose { known }),
    };
    match services.remove(name.as_str()) {
        Some(mut service) => match &service.service {
            Some(other) if *other != name => {
                let why = format!("is `{other}`, in the place of another");
                Err(ParseError::Invalid(format!("services.{name}.service"), why))
            }
            Some(_) | None => {
                service.service = Some(name);
                Ok(service)
            }
        },
        None => Err(ParseError::NoService {
            wanted: name.to_string(),
            known,
        }),
    }
}

impl Service {
    /// Checks who holds which key and role; again once key files were read.
    ///
    /// # Errors
    ///
    /// Fails when roles overlap or two hold one key.
    pub fn check_keys(&self) -> Result<(), ParseError> {
        let trusted = self.trust.as_deref().unwrap_or_default();
        trust::check(trusted, self.people.as_ref())
    }

    /// Checks what types alone cannot say.
    fn check(&self) -> Result<(), ParseError> {
        self.check_keys()?;
        let trusted = self.trust.as_deref().unwrap_or_default();
        foreign::check(self.accept.as_deref().unwrap_or_default(), trusted)?;
        for (name, environment) in &self.environments {
            environment
                .check(self.artifacts.as_ref())
                .map_err(|(field, why)| {
                    ParseError::Invalid(format!("environments.{name}.{field}"), why)
                })?;
        }
        Ok(())
    }
}

/// The text is no configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not the YAML that was expected.
    #[error(transparent)]
    Yaml(#[from] yaml::ParseError),
    /// A version that this code does not know.
    #[error("`version` is {0}: this liftlock reads version {VERSION}")]
    Version(u32),
    /// No version at all.
    #[error("`version` is missing: write `version: {VERSION}`")]
    NoVersion,
    /// Several services and no choice.
    #[error("several services: choose one of {known} with `--service`")]
    Choose {
        /// The names that are there.
        known: String,
    },
    /// The service is not there.
    #[error("no service `{wanted}`: there is {known}")]
    NoService {
        /// What was asked for.
        wanted: String,
        /// What is there.
        known: String,
    },
    /// A field says what cannot be.
    #[error("`{0}` {1}")]
    Invalid(String, String),
}

#[cfg(test)]
mod tests {
    use indoc::indoc;

    use super::*;

    const SHOP: &str = indoc! {"
        version: 1
        service: shop
        artifacts: { api: file, worker: registry }
        state: file:.liftlock/state
        environments:
          staging: {}
          production:
            promotes-from: staging
            requires: [signature, { canary@staging: { max-age: 24h } }, approval]
            approval: { quorum: 2, people: [alice, bob], expires: 24h }
            place: { command: [./deploy, --slot, '{slot}'] }
            prove: { http: 'http://{slot}.internal/version', json: /digests }
            traffic:
              haproxy: { socket: /run/haproxy.sock, backend: shop, slots: { stable: v1, canary: v2 } }
              end: swap
            targets:
              - { registry: { image: 'localhost:5000/shop', tag: production }, artifact: worker }
            steps: [5%, 25%, 100%]
            bake: 10m
            on-blind: wait
            slo: { availability: 99.5% }
            metrics: { prometheus: { url: 'http://127.0.0.1:9090', total: 'a{s=\"{slot}\"}', bad: 'b{s=\"{slot}\"}' } }
        people:
          alice: { emails: [alice@example.org] }
          bob: {}
    "};

    #[test]
    fn the_documented_example_is_read() {
        let service = parse(SHOP, None).unwrap();
        let production = &service.environments["production"];
        assert_eq!(production.requires.as_ref().unwrap().len(), 3);
        assert_eq!(production.steps.as_ref().unwrap().len(), 3);
    }

    #[test]
    fn a_monorepo_asks_which_service() {
        let text = "version: 1\nservices: { a: {}, b: {} }\n";
        let name: Name = "b".parse().unwrap();
        assert_eq!(parse(text, Some(&name)).unwrap().service, Some(name));
        let error = parse(text, None).unwrap_err().to_string();
        assert_eq!(
            error,
            "several services: choose one of a, b with `--service`"
        );
        let other: Name = "c".parse().unwrap();
        assert!(parse(text, Some(&other)).is_err());
        let posing = "version: 1\nservices: { a: { service: b } }\n";
        assert!(parse(posing, None).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        let cases = [
            ("version: 2\n", "`version` is 2"),
            ("service: a\n", "`version` is missing"),
            (
                "version: 1\nenvironments: { p: { baking: 1m } }\n",
                "line 2",
            ),
            (
                "version: 1\nenvironments: { p: { steps: [50%, 5%] } }\n",
                "`environments.p.steps`",
            ),
            (
                "version: 1\nenvironments: { p: { requires: [blessing] } }\n",
                "line 2",
            ),
            (
                "version: 1\nenvironments: { p: { traffic: { end: swap } } }\n",
                "`environments.p.traffic`",
            ),
            (
                "version: 1\nenvironments: { p: { approval: { quorum: 0, people: [a] } } }\n",
                "`environments.p.approval.quorum`",
            ),
        ];
        for (text, message) in cases {
            let error = parse(text, None).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
