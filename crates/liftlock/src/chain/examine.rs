//! Proves who made a statement: a key or the holder of a certificate that
//! counted when it was signed, in a role that may say so.

use std::fmt;

use crate::approval::form::Signed;
use crate::attestation::{self, Proved};
use crate::bundle::{Bundle, Material};
use crate::config::standing::Standing;
use crate::config::trust::{Keyring, Role};
use crate::crypto::{PublicKey, Verifier};
use crate::digest::Digest;
use crate::failure::line;
use crate::name::Name;
use crate::predicate;
use crate::signature::Artifact;
use crate::sigstore::anchors::TrustedRoot;
use crate::sigstore::identity::Known;
use crate::sigstore::verify::{self, Refused, Witness};
use crate::statement::Statement;
use crate::time::Time;

/// Why an answer by itself is no evidence.
const ANSWER: &str = "answers count only inside an approval";

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
    standing: Standing<'a>,
    who: Who,
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
            Err(_error) if Signed::parse(bytes).is_ok() => {
                return item(predicate::ANSWER.to_owned(), Err(ANSWER.to_owned()));
            }
            Err(error) => return item(String::new(), Err(error.to_string())),
        };
        let claimed = match attestation::claimed(&bundle) {
            Ok(claimed) => claimed,
            Err(error) => return item(String::new(), Err(error.to_string())),
        };
        let kind = claimed.predicate_type().to_owned();
        let outcome = match Role::of_predicate(&kind) {
            Some(role) => self.said(&bundle, claimed, role),
            None => Err(ANSWER.to_owned()),
        };
        item(kind, outcome)
    }

    fn said(&self, bundle: &Bundle, claimed: Statement, role: Role) -> Result<Said, String> {
        let found = match bundle.material() {
            Material::Certificates(_) => self.by_certificate(bundle, claimed)?,
            Material::Key { .. } => self.by_key(bundle)?,
        };
        found.standing.judge(role, &found.times, self.now)?;
        Ok(Said {
            statement: found.statement,
            by: found.standing.entry.name.clone(),
            who: found.who,
            times: found.times,
        })
    }

    fn by_key(&self, bundle: &Bundle) -> Result<Found<'a>, String> {
        let keys = self.trust.all_keys();
        let Proved { statement, key } =
            attestation::verify(bundle, &keys, self.verifier).map_err(|error| error.to_string())?;
        let standing = self.trust.of_key(&key.id());
        let standing = standing.ok_or_else(|| attestation::Refused::Signer.to_string())?;
        let times = self.seen(bundle, &statement, &key)?;
        Ok(Found {
            statement,
            standing,
            who: Who::Key(key),
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
        let seen = verify::known_witnesses(bundle, &artifact, key, self.root, self.verifier);
        let witnesses = seen.map_err(|refused| line(&refused))?;
        Ok(witnesses.iter().filter_map(Witness::time).collect())
    }

    fn by_certificate(&self, bundle: &Bundle, claimed: Statement) -> Result<Found<'a>, String> {
        let identities = self.trust.all_identities();
        let artifact = about(&claimed)?;
        let proved = verify::by_identity(bundle, &artifact, &identities, self.root, self.verifier)
            .map_err(|refused| line(&refused))?;
        let standing = self.trust.of_identity(&proved.identity)?;
        let standing = standing.ok_or_else(|| Refused::NoIdentity.to_string())?;
        Ok(Found {
            // What the certificate's key signed are these very bytes.
            statement: claimed,
            standing,
            times: proved.times(),
            who: Who::Identity(proved.identity),
        })
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
