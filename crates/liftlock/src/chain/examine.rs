//! Proves who made a statement: a key or the holder of a certificate that
//! counted when it was signed, in a role that may say so.

use std::fmt;

use crate::attestation::{self, Proved};
use crate::bundle::{Bundle, Material};
use crate::config::trust::{Keyring, Role, Trusted};
use crate::config::validity::{self, Dates};
use crate::crypto::{PublicKey, Verifier};
use crate::digest::Digest;
use crate::name::Name;
use crate::signature::Artifact;
use crate::sigstore::anchors::TrustedRoot;
use crate::sigstore::identity::{Identity, Known};
use crate::sigstore::timestamp;
use crate::sigstore::verify::{self, Refused, Witness};
use crate::statement::Statement;
use crate::time::Time;

/// One piece of evidence after its signature was checked.
#[derive(Clone, Debug)]
pub struct Item {
    /// The digest of the bundle.
    pub bundle: Digest,
    /// What it claims to be about, where it could be read at all.
    pub predicate_type: String,
    /// The statement, if someone who may say so signed it; else why not.
    pub outcome: Result<Said, String>,
}

/// A statement and who made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What was said.
    pub statement: Statement,
    /// The entry of `trust` that said it.
    pub by: Name,
    /// How that is known.
    pub who: Who,
    /// The times at which others saw the signature.
    pub times: Vec<Time>,
}

/// What proves who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A key that the rules name.
    Key(PublicKey),
    /// A certificate for a name that the rules name.
    Identity(Known),
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(formatter, "key {}", key.id().short()),
            Self::Identity(known) => known.fmt(formatter),
        }
    }
}

/// Whom to believe, and when.
#[derive(Clone, Copy)]
#[expect(
    missing_debug_implementations,
    reason = "a verifier has nothing to show"
)]
pub struct Examiner<'a> {
    /// Whose key and identity is whose.
    pub trust: &'a Keyring,
    /// Who vouches for certificates and times.
    pub root: &'a TrustedRoot,
    /// The mathematics.
    pub verifier: &'a dyn Verifier,
    /// Now: what counts where nobody saw a signature.
    pub now: Time,
}

/// A signature with its maker found among the trusted.
struct Found<'a> {
    statement: Statement,
    entry: &'a Trusted,
    who: Who,
    dates: Vec<Dates>,
    times: Vec<Time>,
}

impl<'a> Examiner<'a> {
    /// Checks who signed a bundle: only somebody who may make statements of
    /// this type, and who counted when it was signed.
    #[must_use]
    pub fn examine(&self, bytes: &[u8]) -> Item {
        let item = |predicate_type: String, outcome| Item {
            bundle: Digest::of(bytes),
            predicate_type,
            outcome,
        };
        let bundle = match Bundle::parse(bytes) {
            Ok(bundle) => bundle,
            Err(error) => return item(String::new(), Err(error.to_string())),
        };
        let claimed = match attestation::claimed(&bundle) {
            Ok(claimed) => claimed,
            Err(error) => return item(String::new(), Err(error.to_string())),
        };
        let kind = claimed.predicate_type().to_owned();
        let outcome = match Role::of_predicate(&kind) {
            Some(role) => self.said(&bundle, claimed, role),
            None => Err("answers count only inside an approval".to_owned()),
        };
        item(kind, outcome)
    }

    fn said(&self, bundle: &Bundle, claimed: Statement, role: Role) -> Result<Said, String> {
        let found = match bundle.material() {
            Material::Certificates(_) => self.by_certificate(bundle, claimed)?,
            Material::Key { .. } => self.by_key(bundle)?,
        };
        let Found {
            statement,
            entry,
            who,
            dates,
            times,
        } = found;
        if !entry.roles.contains(&role) {
            return Err(format!("`{}` signed it, who may not say this", entry.name));
        }
        validity::judge(&dates, &times, self.now)
            .map_err(|why| format!("the {} of `{}` {why}", who.kind(), entry.name))?;
        Ok(Said {
            statement,
            by: entry.name.clone(),
            who,
            times,
        })
    }

    fn by_key(&self, bundle: &Bundle) -> Result<Found<'a>, String> {
        let all = self.trust.trusted.iter().flat_map(|entry| &entry.keys);
        let keys: Vec<PublicKey> = all.filter_map(|dated| dated.key.clone()).collect();
        let Proved { statement, key } =
            attestation::verify(bundle, &keys, self.verifier).map_err(|error| error.to_string())?;
        let mut entries = self.trust.trusted.iter().map(|entry| {
            let same = |dated: &&validity::DatedKey| dated.key.as_ref() == Some(&key);
            let dates = entry
                .keys
                .iter()
                .filter(same)
                .map(validity::DatedKey::dates);
            (entry, dates.collect::<Vec<_>>())
        });
        let (entry, dates) = entries
            .find(|(_, dates)| !dates.is_empty())
            .ok_or_else(|| attestation::Refused::Signer.to_string())?;
        let times = self.seen(bundle, &statement, &key)?;
        Ok(Found {
            statement,
            entry,
            who: Who::Key(key),
            dates,
            times,
        })
    }

    /// When others saw a key's signature. Witnesses that nobody here knows
    /// saw nothing; what a known one says has to be right.
    fn seen(
        &self,
        bundle: &Bundle,
        statement: &Statement,
        key: &PublicKey,
    ) -> Result<Vec<Time>, String> {
        let artifact = about(statement)?;
        match verify::by_key(bundle, &artifact, key, self.root, self.verifier) {
            Ok(witnesses) => Ok(witnesses.iter().filter_map(Witness::time).collect()),
            Err(Refused::UnknownLog | Refused::Timestamp(timestamp::Error::Untrusted)) => {
                Ok(Vec::new())
            }
            Err(refused) => Err(told(&refused)),
        }
    }

    fn by_certificate(&self, bundle: &Bundle, claimed: Statement) -> Result<Found<'a>, String> {
        let entries = self.trust.trusted.iter();
        let identities: Vec<Identity> = entries
            .flat_map(|entry| &entry.identities)
            .map(validity::DatedIdentity::identity)
            .collect();
        let artifact = about(&claimed)?;
        let proved = verify::by_identity(bundle, &artifact, &identities, self.root, self.verifier)
            .map_err(|refused| told(&refused))?;
        let mut holders = self.trust.trusted.iter().filter_map(|entry| {
            let same = |dated: &&validity::DatedIdentity| {
                dated.identity().check(&proved.certificate).is_ok()
            };
            let dates = entry.identities.iter().filter(same);
            let dates: Vec<Dates> = dates.map(validity::DatedIdentity::dates).collect();
            (!dates.is_empty()).then_some((entry, dates))
        });
        let times = proved.times();
        let who = Who::Identity(proved.identity.clone());
        match (holders.next(), holders.next()) {
            (Some((entry, dates)), None) => Ok(Found {
                // What the certificate's key signed are these very bytes.
                statement: claimed,
                entry,
                who,
                dates,
                times,
            }),
            (Some((one, _)), Some((two, _))) => Err(format!(
                "{who} is both `{}` and `{}`: one of their patterns is too wide",
                one.name, two.name
            )),
            (None, _) => Err(Refused::NoIdentity.to_string()),
        }
    }
}

impl Who {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Identity(_) => "identity",
        }
    }
}

/// Any of the things a statement is about: whether it is about the right ones
/// is asked when it is to meet a demand.
fn about(statement: &Statement) -> Result<Artifact<'static>, String> {
    let digest = statement.digests().next();
    digest
        .map(Artifact::known_by)
        .ok_or_else(|| "it is about nothing".to_owned())
}

/// A refusal with its causes, in one line.
fn told(refused: &Refused) -> String {
    let mut line = refused.to_string();
    let mut cause = std::error::Error::source(refused);
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
