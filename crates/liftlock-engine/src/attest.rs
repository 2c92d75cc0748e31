//! Signs what a plan came to, as evidence for whoever asks later.

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::plan::Kind as PlanKind;
use liftlock::predicate::{self, Move, Ruling};
use liftlock::statement::{Statement, Subject};
use liftlock::time::Time;
use liftlock_io::attest;
use liftlock_io::key::Private;
use liftlock_io::verify::Local;

use crate::outcome::Outcome;
use crate::world::World;

impl World {
    /// Signs an outcome and keeps it as evidence; the digest of the bundle.
    /// What this key signed of it before is kept again, and nothing is signed
    /// twice: whoever signed may have been killed before all of it was kept.
    ///
    /// # Errors
    ///
    /// Fails when the key cannot sign or the store cannot be written.
    pub fn attest(&self, outcome: &Outcome, key: &Private, now: Time) -> Result<Digest, Failure> {
        let plan = &outcome.plan;
        let uri = match plan.kind {
            PlanKind::Promotion | PlanKind::First => predicate::PROMOTION,
            PlanKind::Rollback => predicate::ROLLBACK,
        };
        let digests: Vec<Digest> = std::iter::once(plan.release.digest)
            .chain(plan.release.artifacts.values().copied())
            .collect();
        let bundle = match self.attested(outcome, uri, key) {
            Some(bundle) => bundle,
            None => attest::attest(key, &said(outcome, (uri, &digests), now)?)?,
        };
        Ok(self.evidence.put(&digests, uri, bundle.bytes())?)
    }

    /// What this key signed of this outcome already. Evidence that cannot be
    /// read is none.
    fn attested(&self, outcome: &Outcome, uri: &str, key: &Private) -> Option<Bundle> {
        let keys = [key.public_key().clone()];
        let found = self.evidence.list(&outcome.plan.release.digest).ok()?;
        let bundles = found.iter().map(|item| Bundle::parse(&item.bytes));
        bundles.flatten().find(|bundle| {
            let proved = attestation::verify(bundle, &keys, &Local);
            proved.is_ok_and(|proved| {
                let ruling = proved.statement.predicate_as::<Ruling>(uri);
                ruling.is_ok_and(|ruling| {
                    ruling.plan == Some(outcome.plan_id) && ruling.verdict == outcome.verdict
                })
            })
        })
    }
}

/// The statement about an outcome.
fn said(
    outcome: &Outcome,
    (uri, digests): (&str, &[Digest]),
    now: Time,
) -> Result<Statement, Failure> {
    let plan = &outcome.plan;
    let said = Move {
        ruling: Ruling {
            verdict: outcome.verdict,
            service: plan.service.clone(),
            environment: plan.environment.clone(),
            release: plan.release.digest,
            plan: Some(outcome.plan_id),
            policy: plan.policy,
            made_at: now,
            expires_at: None,
        },
        kind: plan.kind,
        restored: outcome.restored,
        reason: match &outcome.turned {
            Some(turned) => Some(turned.reason.clone()),
            None => plan.reason.clone(),
        },
        previous: plan.previous.as_ref().map(|previous| previous.digest),
        cause: plan.cause.clone(),
        steps: outcome
            .journal
            .iter()
            .map(|entry| entry.step.clone())
            .collect(),
        wishes: outcome.wishes.clone(),
    };
    let subjects = digests.iter().map(Subject::new).collect();
    Ok(Statement::new(subjects, uri, &said)?)
}
