//! Signs what a plan came to, as evidence for whoever asks later.

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::chain::{Said, Who};
use liftlock::config::trust::Role;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::plan::Kind as PlanKind;
use liftlock::predicate::{self, Move, Ruling};
use liftlock::statement::{Statement, Subject};
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::cli::office::Office;
use liftlock_io::cli::signing::Signer;
use liftlock_io::verify::Local;

use crate::outcome::Outcome;
use crate::pace::Pace as _;
use crate::world::World;

impl World {
    /// Signs an outcome and keeps it as evidence; the digest of the bundle.
    /// What this signer signed of it before is kept again, and nothing is
    /// signed twice: whoever signed may have been killed before all was kept.
    ///
    /// # Errors
    ///
    /// Fails when the signer cannot or may not sign, and when the store cannot
    /// be written.
    pub fn attest(
        &self,
        outcome: &Outcome,
        signer: &Signer<'_>,
        session: &Session,
    ) -> Result<Digest, Failure> {
        let plan = &outcome.plan;
        let uri = uri(plan.kind);
        let digests: Vec<Digest> = std::iter::once(plan.release.digest)
            .chain(plan.release.artifacts.values().copied())
            .collect();
        let now = session.now();
        let bundle = match self.attested(outcome, (signer, now)) {
            Some(bundle) => bundle,
            None => {
                let statement = said(outcome, (uri, &digests), now)?;
                self.office().attest(&statement, signer, session)?
            }
        };
        Ok(self.evidence.put(&digests, uri, bundle.bytes())?)
    }

    /// In which role outcomes are signed, and who has it.
    pub(crate) const fn office(&self) -> Office<'_> {
        Office {
            role: Role::Promotion,
            rules: Some(&self.rules),
        }
    }

    /// What was signed of this outcome already: by this key, or by any
    /// identity that counts, as one workflow may be known by several. Evidence
    /// that cannot be read is none.
    pub(crate) fn attested(
        &self,
        outcome: &Outcome,
        (signer, now): (&Signer<'_>, Time),
    ) -> Option<Bundle> {
        let uri = uri(outcome.plan.kind);
        let found = self.evidence.list(&outcome.plan.release.digest).ok()?;
        let found = found
            .iter()
            .filter_map(|item| Bundle::parse(&item.bytes).ok());
        let mut found = found.filter_map(|bundle| {
            let statement = self.proved(&bundle, (signer, now))?;
            let ruling: Ruling = statement.predicate_as(uri).ok()?;
            let same = ruling.plan == Some(outcome.plan_id) && ruling.verdict == outcome.verdict;
            same.then_some(bundle)
        });
        found.next()
    }

    fn proved(&self, bundle: &Bundle, (signer, now): (&Signer<'_>, Time)) -> Option<Statement> {
        match signer {
            Signer::Key(key) => {
                let keys = [key.public_key().clone()];
                let proved = attestation::verify(bundle, &keys, &Local);
                proved.ok().map(|proved| proved.statement)
            }
            Signer::Identity(_) => match self.examiner(now).examine(bundle.bytes()).outcome {
                Ok(Said {
                    statement,
                    who: Who::Identity(_),
                    ..
                }) => Some(statement),
                Ok(_) | Err(_) => None,
            },
        }
    }
}

/// The type of statement that a plan of this kind ends with.
const fn uri(kind: PlanKind) -> &'static str {
    match kind {
        PlanKind::Promotion | PlanKind::First => predicate::PROMOTION,
        PlanKind::Rollback => predicate::ROLLBACK,
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
