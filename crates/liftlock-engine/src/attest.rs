//! Signs what a plan came to, as evidence for whoever asks later.

use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::plan::Kind as PlanKind;
use liftlock::predicate::{self, Move, Ruling};
use liftlock::statement::{Statement, Subject};
use liftlock::time::Time;
use liftlock_io::attest;
use liftlock_io::key::Private;

use crate::outcome::Outcome;
use crate::world::World;

impl World {
    /// Signs an outcome and keeps it as evidence; the digest of the bundle.
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
        let digests: Vec<Digest> = std::iter::once(plan.release.digest)
            .chain(plan.release.artifacts.values().copied())
            .collect();
        let subjects = digests.iter().map(Subject::new).collect();
        let statement = Statement::new(subjects, uri, &said)?;
        let bundle = attest::attest(key, &statement)?;
        Ok(self.evidence.put(&digests, uri, bundle.bytes())?)
    }
}
