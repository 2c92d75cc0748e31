//! What the policy takes from others: statements that no verb of ours made,
//! and the authorities and logs that prove who made them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ParseError;
use super::requirement::What;
use super::trust::{Role, Trusted};
use crate::digest::Digest;
use crate::name::Name;
use crate::predicate;
use crate::sigstore::anchors::{self, TrustedRoot};
use crate::sigstore::public;

/// A statement of others that meets a demand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Accepted {
    /// The type of the statement: an https URI, none of ours.
    pub predicate: String,
    /// The entry of `trust` that has to have made it, a builder.
    pub from: Name,
    /// What it meets: `signature` of a release without `release.json`,
    /// `provenance`, or the https URI of a predicate of others.
    #[serde(rename = "as")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub meets: What,
}

/// Who vouches for certificates and times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Sigstore {
    /// A trusted root, relative to the file that names it; the public one of
    /// Sigstore where nothing is said.
    pub trusted_root: Option<PathBuf>,
    /// What that file says, once it was read.
    #[serde(skip)]
    pub root: Option<TrustedRoot>,
    /// The digest of that file.
    #[serde(skip)]
    pub digest: Option<Digest>,
}

impl Sigstore {
    /// Takes what the named file holds.
    ///
    /// # Errors
    ///
    /// Fails when it is no trusted root.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), anchors::ParseError> {
        self.root = Some(TrustedRoot::parse(bytes)?);
        self.digest = Some(Digest::of(bytes));
        Ok(())
    }

    /// The digest of a policy: that of its text; with a trusted root beside it
    /// that of both digests, one a line.
    #[must_use]
    pub fn policy_digest(this: Option<&Self>, text: &[u8]) -> Digest {
        let own = Digest::of(text);
        match this.and_then(|sigstore| sigstore.digest) {
            None => own,
            Some(root) => Digest::of(format!("{own}\n{root}\n").as_bytes()),
        }
    }

    /// The root in force. One that is named and was not read proves nothing,
    /// and neither does the compiled-in one if it could not be read.
    #[must_use]
    pub fn in_force(self) -> TrustedRoot {
        match (self.trusted_root, self.root) {
            (_, Some(root)) => root,
            (Some(_), None) => TrustedRoot::default(),
            (None, None) => public::trusted_root().unwrap_or_default(),
        }
    }
}

/// Refuses to take a demand of ours, or to take anything from nobody.
pub(super) fn check(accepted: &[Accepted], trusted: &[Trusted]) -> Result<(), ParseError> {
    let mut seen = BTreeSet::new();
    for (index, one) in accepted.iter().enumerate() {
        let invalid = |why: String| Err(ParseError::Invalid(format!("accept[{index}]"), why));
        let predicate = &one.predicate;
        if !predicate.starts_with("https://") || predicate.starts_with(predicate::OURS) {
            return invalid(format!(
                "has the predicate `{predicate}`: expected the https URI of one of others"
            ));
        }
        let from = trusted.iter().find(|entry| entry.name == one.from);
        match from {
            None => return invalid(format!("is from `{}`, which `trust` lacks", one.from)),
            Some(entry) if !entry.roles.contains(&Role::Builder) => {
                return invalid(format!("is from `{}`, which is no builder", one.from));
            }
            Some(_) => {}
        }
        match one.meets {
            What::Signature | What::Provenance | What::Predicate(_) => {}
            What::Approval | What::Canary(_) => {
                return invalid(format!(
                    "is taken as `{}`: statements of others have neither its rules nor its answers",
                    one.meets
                ));
            }
        }
        if !seen.insert(one) {
            return invalid("is there twice".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn a_root_that_was_not_read_proves_nothing_and_one_that_was_is_in_the_digest() {
        let named = Sigstore {
            trusted_root: Some("root.json".into()),
            ..Sigstore::default()
        };
        assert_eq!(named.clone().in_force(), TrustedRoot::default());
        assert_eq!(
            Sigstore::default().in_force(),
            public::trusted_root().unwrap()
        );
        let mut read = named.clone();
        read.take(public::TRUSTED_ROOT).unwrap();
        assert!(read.take(b"{}").is_err());
        let digest = |sigstore| Sigstore::policy_digest(sigstore, b"version: 1");
        assert_eq!(digest(None), Digest::of(b"version: 1"));
        assert_eq!(digest(Some(&named)), digest(None));
        assert_ne!(digest(Some(&read)), digest(None));
    }

    #[test]
    fn only_builders_statements_of_others_are_taken_for_what_they_can_mean() {
        let key = include_str!("../testdata/p256.pub").replace('\n', "\\n");
        let rules = |accept: &str| {
            format!(
                "version: 1\ntrust:\n\
                 - {{ name: ci, roles: [builder], keys: [{{ key: \"{key}\" }}] }}\n\
                 - {{ name: gate, roles: [canary], identities: [{{ issuer: 'https://i', name: n }}] }}\n\
                 accept: [{accept}]\n"
            )
        };
        let good = [
            "{ predicate: 'https://sigstore.dev/cosign/sign/v1', from: ci, as: signature }",
            "{ predicate: 'https://slsa.dev/provenance/v0.2', from: ci, as: provenance }",
            "{ predicate: 'https://spdx.dev/Document/v2.3', from: ci, as: 'https://spdx.dev/Document' }",
        ];
        let bad = [
            "{ predicate: 'https://x.example/p', from: ci, as: approval }",
            "{ predicate: 'https://x.example/p', from: ci, as: canary@staging }",
            "{ predicate: 'https://x.example/p', from: ci, as: blessing }",
            "{ predicate: 'https://x.example/p', from: gate, as: signature }",
            "{ predicate: 'https://x.example/p', from: nobody, as: signature }",
            "{ predicate: 'https://liftlock.github.io/predicates/release/v1', from: ci, as: signature }",
            "{ predicate: 'p', from: ci, as: signature }",
            "{ predicate: 'https://x.example/p', as: signature }",
            "{ predicate: 'https://x.example/p', from: ci, as: signature, max-age: 1h }",
        ];
        for text in good {
            let read = parse(&rules(text), None);
            assert!(read.is_ok(), "{text}: {read:?}");
            assert!(parse(&rules(&format!("{text}, {text}")), None).is_err());
        }
        for text in bad {
            assert!(parse(&rules(text), None).is_err(), "{text}");
        }
    }
}
