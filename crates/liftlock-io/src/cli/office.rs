//! In which role something is signed, and whether whoever is to sign has it:
//! asked before anything else happens, and again of what was signed.

use liftlock::bundle::Bundle;
use liftlock::chain::{Examiner, Who};
use liftlock::config::effective::Rules;
use liftlock::config::standing::{self, Holders};
use liftlock::config::trust::{Keyring, Role};
use liftlock::crypto::{PublicKey, Signer as _};
use liftlock::failure::{Failure, Kind};
use liftlock::sigstore::anchors::TrustedRoot;
use liftlock::sigstore::identity::Known;
use liftlock::sigstore::token::Token;
use liftlock::statement::Statement;
use liftlock::time::Time;

use super::Session;
use super::signing::{self, Identity, Signer};
use crate::clock;
use crate::verify::Local;

/// What helps where signatures are seen by others than the rules know.
const ROOT: &str = "name the trusted root of that Sigstore: `sigstore: { trusted-root: FILE }`";

/// A role, and the rules that say who has it; without rules nobody is refused.
#[derive(Clone, Copy, Debug)]
pub struct Office<'a> {
    /// The role.
    pub role: Role,
    /// The rules.
    pub rules: Option<&'a Rules>,
}

impl Office<'_> {
    /// Refuses whoever signs what would not count. A token is asked for and
    /// only read; no certificate is, which all would see.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::counts`] does for keys; for identities without a token,
    /// when the name of a private repository would become public, and when the
    /// rules give the holder of the token another role or none.
    pub fn ready(&self, signer: &Signer<'_>, session: &Session) -> Result<(), Failure> {
        match signer {
            Signer::Key(key) => {
                let key = key.public_key();
                if let Some(why) = self.counts(key, clock::now())? {
                    super::progress(&format!("key {} signs, and {why}", key.id().short()));
                }
                Ok(())
            }
            Signer::Identity(identity) => self.entitled(identity, session),
        }
    }

    /// Whether what a key signs in this role counts now; why nobody's does,
    /// where the rules name nobody at all.
    ///
    /// # Errors
    ///
    /// Fails where others count and this key does not.
    pub fn counts(&self, key: &PublicKey, now: Time) -> Result<Option<String>, Failure> {
        let Some(Rules { trust, .. }) = self.rules else {
            return Ok(None);
        };
        let Err(why) = trust.key_may(key, self.role, now) else {
            return Ok(None);
        };
        let role = self.role.word();
        if trust.names_nobody(self.role) {
            let why = format!("no entry of `trust` has the role `{role}`: it counts for nobody");
            return Ok(Some(why));
        }
        let message = format!(
            "the key {} does not count as `{role}`: {why}",
            key.id().short()
        );
        Err(Failure::new(Kind::Credentials, message).with_hint(format!(
            "sign with a key of an entry of `trust` with `roles: [{role}]`, or have this one added there"
        )))
    }

    /// Everybody who counts in this role.
    pub(super) fn holders(&self, now: Time) -> Holders {
        let rules = self.rules.map(|rules| rules.trust.holders(self.role, now));
        rules.unwrap_or_default()
    }

    /// Signs a statement in this role, and proves that it counts.
    ///
    /// # Errors
    ///
    /// Fails as [`Signer::attest`] does, and when it would not count.
    pub fn attest(
        &self,
        statement: &Statement,
        signer: &Signer<'_>,
        session: &Session,
    ) -> Result<Bundle, Failure> {
        let now = clock::now();
        let may = |who: &Who| match (who, self.rules) {
            (Who::Identity(known), Some(rules)) => may(known, self.role, &rules.trust, now),
            (Who::Identity(_), None) | (Who::Key(_), _) => Ok(()),
        };
        let bundle = signer.attest(statement, &may, session)?;
        match (signer, self.rules) {
            (Signer::Identity(_), Some(rules)) => counts(&bundle, rules, now)?,
            (Signer::Identity(_), None) | (Signer::Key(_), _) => {}
        }
        Ok(bundle)
    }

    fn entitled(&self, identity: &Identity<'_>, session: &Session) -> Result<(), Failure> {
        let source = identity.source()?;
        let client = signing::client(session)?;
        let held = identity.held(&source, &client)?;
        let Some(rules) = self.rules else {
            return Ok(());
        };
        if held.is_some_and(|held| !shares(&held.root, &rules.root)) {
            let message = "the rules do not know the Sigstore that is to see the signature";
            return Err(Failure::new(Kind::Invalid, message).with_hint(ROOT));
        }
        let now = clock::now();
        holds(&source.token(&client, now)?, self.role, &rules.trust, now)
    }
}

/// Refuses the holder of a certificate whom the rules do not give a role.
///
/// # Errors
///
/// Fails with the entry that would.
pub fn may(known: &Known, role: Role, keyring: &Keyring, now: Time) -> Result<(), Failure> {
    keyring.may(known, role, now).map_err(|why| {
        let message = format!("{known} does not count as `{}`: {why}", role.word());
        let entry = standing::entry(known, role);
        Failure::new(Kind::Credentials, message).with_hint(format!("write `trust: [{entry}]`"))
    })
}

/// The same by a token, of which the certificate is made. Where only the
/// authority knows the name, it is asked for by its issuer alone.
fn holds(token: &Token, role: Role, keyring: &Keyring, now: Time) -> Result<(), Failure> {
    let mut refused = None;
    for known in token.holders() {
        match may(&known, role, keyring, now) {
            Ok(()) => return Ok(()),
            Err(failure) => refused = refused.or(Some(failure)),
        }
    }
    if let Some(failure) = refused {
        return Err(failure);
    }
    let entries = keyring.trusted.iter();
    let mut entries = entries.filter(|entry| entry.roles.contains(&role));
    let issuer = token.issuer();
    if entries.any(|entry| entry.identities.iter().any(|one| one.issuer == issuer)) {
        return Ok(());
    }
    let message = format!(
        "no entry of `trust` names an identity of {issuer} as `{}`",
        role.word()
    );
    Err(Failure::new(Kind::Credentials, message).with_hint(
        "see what a certificate of this job says with `sign-artifact policy-from`, and add it",
    ))
}

/// Whether two roots know one certificate authority.
fn shares(one: &TrustedRoot, other: &TrustedRoot) -> bool {
    let known = |chain| {
        let mut authorities = other.authorities.iter();
        authorities.any(|authority| authority.chain == chain)
    };
    let mut authorities = one.authorities.iter();
    authorities.any(|authority| known(authority.chain.clone()))
}

/// Refuses what was signed and no reader would take.
fn counts(bundle: &Bundle, rules: &Rules, now: Time) -> Result<(), Failure> {
    let examiner = Examiner {
        trust: &rules.trust,
        root: &rules.root,
        verifier: &Local,
        now,
    };
    match examiner.examine(bundle.bytes()).outcome {
        Ok(_) => Ok(()),
        Err(why) => {
            let message = format!("what was just signed would not count: {why}");
            Err(Failure::new(Kind::Invalid, message).with_hint(ROOT))
        }
    }
}
