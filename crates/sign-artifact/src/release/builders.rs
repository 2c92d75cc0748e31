//! Who may have signed the artifacts of a release, and whether they did.

use liftlock::attestation;
use liftlock::bundle::{Bundle, Content};
use liftlock::config::effective::Rules;
use liftlock::config::trust::Role;
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::predicate::SIGNATURE;
use liftlock::report::PolicyOrigin;
use liftlock_io::cli::Session;
use liftlock_io::evidence::Evidence;
use liftlock_io::key;

use crate::args;
use crate::found::kept;
use crate::proof::{Signer, Trust, Unproved, prove, said};
use crate::target::{Target, options};
use crate::wanted::Wanted;

use super::collect::signatures;

/// Who may have signed artifacts.
#[derive(Debug)]
pub(crate) enum Builders {
    /// Whoever counts here.
    Trusted {
        trust: Box<Trust>,
        /// Who they are, for messages.
        who: &'static str,
    },
    /// Nobody has to: a flag says so, or somebody else will ask.
    Anyone,
}

impl Builders {
    /// The configuration's builders where it names whom it trusts, else the
    /// release's own key and those that a flag names. A flag only narrows what
    /// the configuration says.
    pub(crate) fn find(
        asked: &args::Release,
        rules: Option<&Rules>,
        own: &Trust,
        session: &Session,
    ) -> Result<Self, Failure> {
        let options = options(session);
        let named = asked
            .signed_by
            .iter()
            .map(|reference| key::reach_public(reference, &options));
        let named: Vec<PublicKey> = named.collect::<Result<_, _>>()?;
        let binding = rules.filter(|rules| {
            rules.origin == PolicyOrigin::Protected || !rules.trust.trusted.is_empty()
        });
        let Some(rules) = binding else {
            return Ok(if asked.unsigned_artifacts {
                Self::Anyone
            } else {
                let mut trust = own.clone();
                trust.keys.extend(named);
                let who = "the release's own signer or one of `--signed-by`";
                Self::Trusted {
                    trust: Box::new(trust),
                    who,
                }
            });
        };
        if asked.unsigned_artifacts {
            let message = "`--unsigned-artifacts` is not allowed where the configuration names whom it trusts";
            return Err(Failure::new(Kind::Invalid, message)
                .with_hint("have the artifacts signed by somebody in the builder role"));
        }
        let counting = rules.trust.keys(Role::Builder, session.started);
        if let Some(stray) = named.iter().find(|key| !counting.contains(key)) {
            let message = format!(
                "the key `{}` of `--signed-by` is not in the builder role, or does not count now",
                stray.id()
            );
            return Err(Failure::new(Kind::Invalid, message));
        }
        let mut trust = Trust::role(Role::Builder, rules, session.started);
        if !named.is_empty() {
            trust.keys = named;
            trust.identities.clear();
        }
        Ok(Self::Trusted {
            trust: Box::new(trust),
            who: "somebody in the builder role",
        })
    }

    /// Whether a bundle says what is wanted about an artifact, by the right
    /// key where that is asked for.
    pub(crate) fn vouch(
        &self,
        bundle: &Bundle,
        digest: &Digest,
        wanted: Wanted<'_>,
    ) -> Result<(), Failure> {
        let statement = match self {
            Self::Trusted { trust, who } => match said(bundle, trust, wanted) {
                Ok((statement, _)) => statement,
                Err(Unproved::Refused(reason)) => {
                    let message = format!("{reason} (wanted: {wanted} by {who})");
                    return Err(Failure::new(Kind::Refuted, message));
                }
                Err(Unproved::Malformed(failure)) => return Err(failure),
            },
            Self::Anyone => attestation::claimed(bundle)?,
        };
        if !statement.is_about(digest) {
            let message = format!("the statement is not about `{digest}`");
            return Err(Failure::new(Kind::Refuted, message));
        }
        if wanted.takes(statement.predicate_type()) {
            Ok(())
        } else {
            let uri = statement.predicate_type();
            let message = format!("the statement says `{uri}`, which is no {wanted}");
            Err(Failure::new(Kind::Refuted, message))
        }
    }
}

/// A signature that counts.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) bundle: Bundle,
    pub(crate) signer: Signer,
}

/// Looks for a signature of an artifact: among the bundles that were found
/// with it, then in the evidence store. Gives the reasons when none counts.
pub(crate) fn look(
    target: &Target,
    trust: &Trust,
    found: &[Bundle],
    store: Option<&Evidence>,
) -> Result<Result<Signed, String>, Failure> {
    let mut tried = Tried::default();
    if let Some(proof) = tried.all(target, trust, found)? {
        return Ok(Ok(proof));
    }
    if let Some(store) = store {
        let stored = signatures(kept(store, &target.digest)?)?;
        if let Some(proof) = tried.all(target, trust, &stored)? {
            return Ok(Ok(proof));
        }
    }
    tried.reason().map(Err)
}

/// What was looked at in vain.
#[derive(Default)]
struct Tried {
    count: usize,
    reasons: Vec<String>,
    malformed: Option<Failure>,
}

impl Tried {
    /// The first of some bundles that counts.
    fn all(
        &mut self,
        target: &Target,
        trust: &Trust,
        bundles: &[Bundle],
    ) -> Result<Option<Signed>, Failure> {
        let wanted = Wanted::Built.at(&target.place);
        for bundle in bundles {
            self.count += 1;
            let known = target.known(bundle, &trust.keys)?;
            let reason = match prove(bundle, &known.artifact(), trust, wanted) {
                Ok(proof) => {
                    return Ok(Some(Signed {
                        bundle: bundle.clone(),
                        signer: proof.signer,
                    }));
                }
                Err(Unproved::Refused(reason)) => reason,
                Err(Unproved::Malformed(failure)) => {
                    let reason = failure.lines().join(": ");
                    self.malformed = Some(failure);
                    reason
                }
            };
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
        Ok(None)
    }

    /// Why none counts. What cannot be judged is an error where there was
    /// nothing else.
    fn reason(self) -> Result<String, Failure> {
        match (self.count, self.malformed) {
            (1, Some(failure)) => Err(failure),
            (0, _) => Ok("no signature was found".to_owned()),
            (_, _) => Ok(self.reasons.join("; ")),
        }
    }
}

/// The type that evidence keeps a bundle under.
pub(crate) fn kind(bundle: &Bundle) -> Result<String, Failure> {
    match bundle.content() {
        Content::Message { .. } => Ok(SIGNATURE.to_owned()),
        Content::Envelope(_) => Ok(attestation::claimed(bundle)?.predicate_type().to_owned()),
    }
}
