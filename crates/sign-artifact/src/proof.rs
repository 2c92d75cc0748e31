//! What a bundle proves about an artifact, and what it does not.

use std::fmt;

use liftlock::attestation;
use liftlock::bundle::{Bundle, Content, Material};
use liftlock::config::effective::Rules;
use liftlock::config::trust::{Keyring, Role};
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::{self, Explain as _, Failure, Kind};
use liftlock::name::Name;
use liftlock::signature::{self, Artifact};
use liftlock::sigstore::anchors::TrustedRoot;
use liftlock::sigstore::identity::{Identity, Known};
use liftlock::sigstore::verify::{self, Unlogged, Witness};
use liftlock::statement::Statement;
use liftlock::time::Time;
use liftlock_io::verify::Local;
use serde::Serialize;

use crate::trust_root::Standing;
use crate::wanted::Wanted;

/// Whose signatures count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// Holders of these keys.
    pub(crate) keys: Vec<PublicKey>,
    /// Holders of certificates with these identities.
    pub(crate) identities: Vec<Identity>,
    /// Who vouches for certificates and times; with keys only where somebody
    /// asks for it.
    pub(crate) root: Option<TrustedRoot>,
    /// Whether a signature in no log counts.
    pub(crate) unlogged: Unlogged,
    /// Who of them counts when, where rules say it.
    pub(crate) roster: Option<Roster>,
    /// Where the root is from, and how old it is.
    pub(crate) standing: Option<Standing>,
}

/// What the rules say of signers: each counts in its role and its time.
#[derive(Clone, Debug)]
pub(crate) struct Roster {
    keyring: Keyring,
    role: Role,
    now: Time,
}

impl Roster {
    /// The entry of `trust` that signed, if it may and counted then.
    fn judge(&self, signer: &Signer, witnesses: &[Witness]) -> Result<Name, String> {
        let standing = match signer {
            Signer::Key(id) => self.keyring.of_key(id),
            Signer::Identity(known) => self.keyring.of_identity(known)?,
        };
        let standing = standing.ok_or("no entry of `trust` has who signed it")?;
        let times: Vec<Time> = witnesses.iter().filter_map(Witness::time).collect();
        standing.judge(self.role, &times, self.now)?;
        Ok(standing.entry.name.clone())
    }
}

impl Trust {
    /// Nobody but the holders of these keys.
    pub(crate) fn keys(keys: Vec<PublicKey>) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    /// Whoever the rules give this role, at the time of their signatures.
    pub(crate) fn role(role: Role, rules: &Rules, now: Time) -> Self {
        Self {
            keys: rules.trust.all_keys(),
            identities: rules.trust.all_identities(),
            root: Some(rules.root.clone()),
            unlogged: Unlogged::Refused,
            roster: Some(Roster {
                keyring: rules.trust.clone(),
                role,
                now,
            }),
            standing: None,
        }
    }

    /// A proof, if the rules let whoever signed count.
    pub(crate) fn proof(&self, signer: Signer, witnesses: Vec<Witness>) -> Result<Proof, Unproved> {
        let by = self.roster.as_ref();
        let by = by.map(|roster| roster.judge(&signer, &witnesses));
        Ok(Proof {
            by: by.transpose().map_err(Unproved::Refused)?,
            signer,
            witnesses,
        })
    }

    /// Insists that holders of keys may count at all.
    fn knows_keys(&self) -> Result<(), Unproved> {
        if !self.keys.is_empty() {
            return Ok(());
        }
        let reason = "it was signed with a key, and no key is trusted";
        Err(Unproved::Refused(reason.to_owned()))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.keys.len() + self.identities.len()
    }
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Signer {
    /// The holder of a key, by its digest.
    Key(Digest),
    /// The holder of a certificate.
    Identity(Known),
}

impl fmt::Display for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(formatter, "key {id}"),
            Self::Identity(known) => known.fmt(formatter),
        }
    }
}

/// A proof: by whom, and who saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) signer: Signer,
    /// The entry of `trust` that it is, where rules name whom to trust.
    pub(crate) by: Option<Name>,
    pub(crate) witnesses: Vec<Witness>,
}

/// Why a bundle proves nothing.
#[derive(Debug)]
pub(crate) enum Unproved {
    /// It says something else, or somebody else does.
    Refused(String),
    /// The right key signed what is no statement, or a check needs more than
    /// there is.
    Malformed(Failure),
}

/// Whether there is anything else that could prove. Who can add a bundle could
/// end every run with one that cannot be read, if that counted among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// Nothing else.
    Alone,
    /// Others, which are looked at whatever this one is.
    Others,
}

impl Company {
    /// That of each of so many.
    pub(crate) const fn of(count: usize) -> Self {
        if count <= 1 {
            Self::Alone
        } else {
            Self::Others
        }
    }

    /// What does not prove is noted; what cannot be judged ends the run where
    /// there is nothing else.
    pub(crate) fn settle<T>(
        self,
        outcome: Result<T, Unproved>,
    ) -> Result<Result<T, String>, Failure> {
        match (outcome, self) {
            (Ok(proof), _) => Ok(Ok(proof)),
            (Err(Unproved::Refused(reason)), _) => Ok(Err(reason)),
            (Err(Unproved::Malformed(failure)), Self::Alone) => Err(failure),
            (Err(Unproved::Malformed(failure)), Self::Others) => {
                Ok(Err(failure.lines().join(": ")))
            }
        }
    }
}

impl Unproved {
    fn of(error: verify::Refused) -> Self {
        if let verify::Refused::NoIdentity = error {
            let reason = "it was signed with a certificate, and no identity is trusted";
            return Self::Refused(reason.to_owned());
        }
        if error.kind() == Kind::Refuted {
            return Self::Refused(failure::line(&error));
        }
        Self::Malformed(error.into())
    }
}

/// Whether a bundle proves what is wanted of these bytes, and by whom.
pub(crate) fn prove(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    trust: &Trust,
    wanted: Wanted<'_>,
) -> Result<Proof, Unproved> {
    let digest = &artifact.digest;
    match bundle.content() {
        Content::Message { .. } if wanted.takes_message() => {
            if let Material::Certificates(_) = bundle.material() {
                return certified(bundle, artifact, trust);
            }
            trust.knows_keys()?;
            let key = signature::verify(bundle, artifact, &trust.keys, &Local);
            let key = key.map_err(|refused| {
                // Nobody who has keys only is asked about certificates.
                if refused.kind() == Kind::Invalid && !trust.keys.is_empty() {
                    Unproved::Malformed(refused.into())
                } else {
                    Unproved::Refused(refused.to_string())
                }
            })?;
            seen(bundle, artifact, &key, trust)
        }
        Content::Message { .. } if wanted.takes_payload() => Err(Unproved::Refused(
            "it is a signature of a file, which is none of an image".to_owned(),
        )),
        Content::Message { .. } => Err(Unproved::Refused(
            attestation::Refused::NoStatement.to_string(),
        )),
        Content::Envelope(_) => {
            let (statement, proof) = said(bundle, trust, wanted)?;
            if statement.is_about(digest) {
                Ok(proof)
            } else {
                Err(Unproved::Refused(other(digest)))
            }
        }
    }
}

fn certified(bundle: &Bundle, artifact: &Artifact<'_>, trust: &Trust) -> Result<Proof, Unproved> {
    let nobody = TrustedRoot::default();
    let root = trust.root.as_ref().unwrap_or(&nobody);
    if trust.identities.is_empty() {
        return Err(Unproved::of(verify::Refused::NoIdentity));
    }
    let who = (trust.identities.as_slice(), trust.unlogged);
    let proved = verify::by_identity_with(bundle, artifact, who, root, &Local);
    let proved = proved.map_err(Unproved::of)?;
    trust.proof(Signer::Identity(proved.identity), proved.witnesses)
}

/// Who saw what this key signed, where a trusted root is given.
pub(crate) fn seen(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    key: &PublicKey,
    trust: &Trust,
) -> Result<Proof, Unproved> {
    let witnesses = match (&trust.root, &trust.roster) {
        (None, _) => Ok(Vec::new()),
        (Some(root), None) => verify::by_key(bundle, artifact, key, root, &Local),
        // Rules name keys, not the logs that their holders are to use.
        (Some(root), Some(_)) => verify::known_witnesses(bundle, artifact, key, root, &Local),
    };
    trust.proof(Signer::Key(key.id()), witnesses.map_err(Unproved::of)?)
}

/// Why a statement does not count for a digest.
pub(crate) fn other(digest: &Digest) -> String {
    format!("the statement is not about `{digest}`")
}

/// The statement in a bundle, if it is one that is wanted, about whatever.
pub(crate) fn said(
    bundle: &Bundle,
    trust: &Trust,
    wanted: Wanted<'_>,
) -> Result<(Statement, Proof), Unproved> {
    if let Material::Certificates(_) = bundle.material() {
        let claimed = attestation::claimed(bundle).map_err(Unproved::statement)?;
        let Some(subject) = claimed.digests().next() else {
            return Err(Unproved::Refused(
                "the statement is about nothing".to_owned(),
            ));
        };
        let proof = certified(bundle, &Artifact::known_by(subject), trust)?;
        wanted.check(claimed.predicate_type())?;
        return Ok((claimed, proof));
    }
    trust.knows_keys()?;
    let proved = attestation::verify(bundle, &trust.keys, &Local).map_err(Unproved::statement)?;
    wanted.check(proved.statement.predicate_type())?;
    let subject = proved
        .statement
        .digests()
        .next()
        .unwrap_or_else(|| Digest::of(&[]));
    let proof = seen(bundle, &Artifact::known_by(subject), &proved.key, trust)?;
    Ok((proved.statement, proof))
}

impl Unproved {
    fn statement(refused: attestation::Refused) -> Self {
        match refused {
            attestation::Refused::Statement(_) => Self::Malformed(refused.into()),
            attestation::Refused::Signer
            | attestation::Refused::NoStatement
            | attestation::Refused::PayloadType(_)
            | attestation::Refused::NoKeys
            | attestation::Refused::Certificate => Self::Refused(refused.to_string()),
        }
    }
}
