//! Emits what the journal says as records of the ledger: any number of times,
//! each record once, as its id follows from what it tells.

use std::collections::BTreeSet;

use liftlock::approval::predicate::Latency;
use liftlock::approval::{Closed, closed_key, gate_key};
use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::failure::{self, Failure};
use liftlock::json;
use liftlock::plan::recovery::Recovery;
use liftlock::plan::wish::{What, Wish};
use liftlock::plan::{Action, Kind as PlanKind, Step};
use liftlock::record::{Id, Kind, Record};
use liftlock::release::Reference;
use liftlock::state::{Document, Run};
use liftlock::time::Time;
use liftlock::verdict::Verdict;

use liftlock_io::random;
use serde_json::Value;

use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::world::World;

/// What was emitted by this process, so that it does not ask the ledger twice.
#[derive(Debug, Default)]
pub struct Emitted(BTreeSet<Id>);

impl Emitted {
    /// The ids of the records that the ledger has.
    #[must_use]
    pub const fn ids(&self) -> &BTreeSet<Id> {
        &self.0
    }
}

impl World {
    /// Appends every record that the state demands and that is not there yet,
    /// in the order in which they began.
    ///
    /// # Errors
    ///
    /// Fails when the ledger cannot be written; the same call again is safe.
    pub fn emit(&self, document: &Document, emitted: &mut Emitted) -> Result<(), Failure> {
        let mut spool = document.spool.iter().peekable();
        for run in document.untold.iter().chain(&document.run) {
            while let Some(record) = spool.next_if(|record| record.at < run.plan.made_at) {
                self.tell(record.clone(), emitted)?;
            }
            for record in self.records(run) {
                if !emitted.0.contains(&record.id) {
                    self.tell(self.with_approval(record, run), emitted)?;
                }
            }
        }
        for record in spool {
            self.tell(record.clone(), emitted)?;
        }
        Ok(())
    }

    fn tell(&self, record: Record, emitted: &mut Emitted) -> Result<(), Failure> {
        if !emitted.0.contains(&record.id) {
            self.ledger.append(&record)?;
            emitted.0.insert(record.id);
        }
        Ok(())
    }

    /// The record of a beginning with how long people took to approve it, and
    /// which run the approval let in before, where that can be read: it permits
    /// nothing, and nothing waits for it.
    fn with_approval(&self, mut record: Record, run: &Run) -> Record {
        let began = record.kind == Kind::PromotionStarted;
        let Some(request) = run.plan.approval.filter(|_| began) else {
            return record;
        };
        let told = [
            ("approval_latency", self.latency(&request, run)),
            ("approval_let_in", self.let_in(&request)),
        ];
        let told = told.into_iter();
        let told = told.filter_map(|(name, told)| Some((name.to_owned(), told?)));
        record.detail.extend(told);
        record
    }

    /// The run that went on by a rule of our App which was told of this approval.
    fn let_in(&self, request: &Digest) -> Option<Value> {
        let key = gate_key(&self.rules.service, &self.environment.name, request);
        let opened = self.state.get(&key).ok()??;
        json::parse(&opened.bytes).ok()
    }

    fn latency(&self, request: &Digest, run: &Run) -> Option<Value> {
        let key = closed_key(&self.rules.service, &self.environment.name, request);
        let closed = self.state.get(&key).ok()??;
        let closed: Closed = json::parse(&closed.bytes).ok()?;
        let found = self.evidence.list(&run.plan.release.digest).ok()?;
        let approval = found
            .iter()
            .find(|item| Some(item.digest) == closed.approval)?;
        let claimed = attestation::claimed(&Bundle::parse(&approval.bytes).ok()?).ok()?;
        let latency = claimed.predicate().get("latency")?.clone();
        let latency: Latency = serde_json::from_value(latency).ok()?;
        Some(latency.told(Some(run.plan.made_at)))
    }

    fn records(&self, run: &Run) -> Vec<Record> {
        let (started, finished) = match run.plan.kind {
            PlanKind::Promotion | PlanKind::First => {
                (Kind::PromotionStarted, Kind::PromotionFinished)
            }
            PlanKind::Rollback if run.plan.reconciles() => {
                (Kind::ReconcileStarted, Kind::ReconcileFinished)
            }
            PlanKind::Rollback => (Kind::RollbackStarted, Kind::RollbackFinished),
        };
        let mut begun = self.about(run, started, run.plan.made_at, "started");
        let fresh = run.journal.fresh.iter();
        let fresh: Vec<_> = fresh.filter(|one| one.at <= run.plan.made_at).collect();
        if !fresh.is_empty() {
            let told = serde_json::json!(fresh);
            begun.detail.insert("fresh".to_owned(), told);
        }
        let reason = run.plan.reason.as_deref();
        let reason = reason.map(|reason| ("reason".to_owned(), reason.into()));
        begun.detail.extend(reason);
        let mut records = vec![begun];
        records.extend(self.broken_glass(run));
        records.extend(self.passed(run));
        records.extend(self.held(run));
        for entry in &run.journal.entries {
            let Some(ended) = entry.ended_at else {
                continue;
            };
            let mut record = self.about(run, Kind::StepDone, ended, &entry.step);
            record.fence = Some(entry.fence);
            record
                .detail
                .insert("step".to_owned(), entry.step.as_str().into());
            if !entry.note.is_empty() {
                record
                    .detail
                    .insert("note".to_owned(), entry.note.as_str().into());
            }
            records.push(record);
        }
        records.extend(self.canary(run));
        let wishes = run.journal.wishes.iter().enumerate();
        records.extend(wishes.map(|(number, wish)| self.wish(run, number, wish)));
        records.sort_by_key(|record| record.at);
        if let Some(verdict) = run.verdict {
            records.push(self.finish(run, finished, verdict));
        }
        records
    }

    /// That the plan goes past gates, and by whose word.
    fn broken_glass(&self, run: &Run) -> Option<Record> {
        let broken = run.plan.break_glass.as_ref()?;
        let mut record = self.about(run, Kind::BreakGlass, run.plan.made_at, "break-glass");
        record.evidence = vec![broken.statement];
        let told = [
            ("reason", serde_json::json!(broken.reason)),
            ("past", serde_json::json!(broken.past)),
            ("people", serde_json::json!(broken.people)),
            ("request", serde_json::json!(broken.request)),
            ("expires_at", serde_json::json!(broken.expires_at)),
        ];
        let told = told.map(|(field, value)| (field.to_owned(), value));
        record.detail.extend(told);
        Some(record)
    }

    /// What somebody asked of the plan: told by whom, not by whoever emits it.
    fn wish(&self, run: &Run, number: usize, wish: &Wish) -> Record {
        let kind = match wish.what {
            What::Abort => Kind::PromotionAborted,
            What::Pause => Kind::PromotionPaused,
            What::Advance => Kind::PromotionAdvanced,
        };
        let mut record = self.about(run, kind, wish.at, &format!("wish {number}"));
        record.actor = wish.by.clone();
        let told = [
            ("reason", Some(wish.reason.as_str())),
            ("step", wish.step.as_deref()),
            ("past", wish.past.map(Verdict::word)),
        ];
        let told = told
            .into_iter()
            .filter_map(|(field, text)| Some((field.to_owned(), text?.into())));
        record.detail.extend(told);
        record
    }

    /// That a way down goes past what spoke against it, and by whose word.
    fn passed(&self, run: &Run) -> Option<Record> {
        let cause = run.plan.cause.as_ref();
        let cause = cause.filter(|cause| !cause.past.is_empty())?;
        let mut record = self.about(run, Kind::BreakGlass, run.plan.made_at, "break-glass");
        let told = [
            ("reason", serde_json::json!(cause.reason)),
            ("past", serde_json::json!(cause.past)),
            ("people", serde_json::json!([cause.by])),
        ];
        let told = told.map(|(field, value)| (field.to_owned(), value));
        record.detail.extend(told);
        Some(record)
    }

    /// The hold that was placed with the plan.
    fn held(&self, run: &Run) -> Option<Record> {
        let hold = run.held.as_ref()?;
        let mut record = self.about(run, Kind::HoldPlaced, hold.at, "hold");
        // Whoever tells of it may be another than who placed it.
        let told = [("reason", &hold.reason), ("by", &hold.by)];
        let told = told.map(|(field, text)| (field.to_owned(), text.as_str().into()));
        record.detail.extend(told);
        Some(record)
    }

    /// The canary's verdict over the whole plan: a pass at its horizon, or
    /// what turned it back while it was judged.
    fn canary(&self, run: &Run) -> Option<Record> {
        let judged = |step: &&Step| matches!(step.action, Action::Bake { .. });
        let last = run.plan.steps.iter().rev().find(judged)?;
        let horizon = run.journal.entry(&last.id).and_then(|entry| entry.ended_at);
        let failed = run.journal.turned.as_ref().filter(|turned| {
            let step = turned.reason.split(':').next().unwrap_or_default();
            run.plan.step(step).is_some_and(|step| {
                matches!(step.action, Action::Bake { .. } | Action::Watch { .. })
            })
        });
        // What went on by somebody's word was not seen to be well.
        let lacked = run.journal.wishes.iter().find_map(|wish| wish.past);
        let (at, verdict) = match (failed, horizon) {
            (Some(turned), _) => (turned.at, turned.verdict),
            (None, Some(at)) => (at, lacked.unwrap_or(Verdict::Pass)),
            (None, None) => return None,
        };
        let mut record = self.about(run, Kind::CanaryJudged, at, &format!("canary {verdict}"));
        record.verdict = Some(verdict);
        if let Some(turned) = failed {
            record
                .detail
                .insert("reason".to_owned(), turned.reason.as_str().into());
        }
        Some(record)
    }

    fn finish(&self, run: &Run, kind: Kind, verdict: Verdict) -> Record {
        let ends = run
            .journal
            .entries
            .iter()
            .filter_map(|entry| entry.ended_at);
        let turned = run.journal.turned.as_ref().map(|turned| turned.at);
        let at = ends.chain(turned).max().unwrap_or(run.plan.made_at);
        let mut record = self.about(run, kind, at, "finished");
        record.verdict = Some(verdict);
        if let Some(turned) = &run.journal.turned {
            let restored = Outcome::of(run, true).restored;
            record
                .detail
                .insert("reason".to_owned(), turned.reason.as_str().into());
            record.detail.insert("restored".to_owned(), restored.into());
        }
        if let Some(recovery) = Recovery::of(&run.plan, &run.journal)
            && let Ok(Value::Object(times)) = serde_json::to_value(recovery)
        {
            record.detail.extend(times);
        }
        record
    }

    fn about(&self, run: &Run, kind: Kind, at: Time, what: &str) -> Record {
        let id = Id::derived(&[&run.id.to_string(), what]);
        let mut record = self.record(id, kind, at);
        record.release = Some(run.plan.release.clone());
        record.previous.clone_from(&run.plan.previous);
        record.plan = Some(run.id);
        record.policy = Some(run.plan.policy);
        record.evidence = run.plan.approval.into_iter().collect();
        record
    }

    /// Records that nothing moved, and why; whether that could be recorded.
    pub fn refuse(
        &self,
        release: Option<&Reference>,
        verdict: Verdict,
        why: &str,
        pace: &dyn Pace,
    ) -> bool {
        let token = match random::token() {
            Ok(token) => token,
            Err(error) => {
                pace.tell(&format!("not recorded: {error}"));
                return false;
            }
        };
        let mut record = self.record(Id::derived(&[&token]), Kind::Refused, pace.now());
        record.release = release.cloned();
        record.verdict = Some(verdict);
        let why: String = why.chars().take(4_000).collect();
        record.detail.insert("reason".to_owned(), why.into());
        self.note(&record, pace)
    }

    /// Records what happened already; whether that could be recorded.
    pub fn note(&self, record: &Record, pace: &dyn Pace) -> bool {
        match self.ledger.append(record) {
            Ok(_) => true,
            Err(error) => {
                let why = Failure::from(error).lines().join(": ");
                pace.tell(&format!("not recorded: {why}"));
                false
            }
        }
    }

    /// Records a failure before or during a move, as far as that can be done.
    pub fn failed(&self, release: Option<&Reference>, failure: &Failure, pace: &dyn Pace) {
        let verdict = match failure.kind {
            failure::Kind::Blocked => Verdict::Blocked,
            failure::Kind::Expired => Verdict::Expired,
            failure::Kind::Stuck => Verdict::Stuck,
            failure::Kind::Blind => Verdict::Blind,
            failure::Kind::Interrupted | failure::Kind::Terminated => Verdict::Pending,
            failure::Kind::Usage
            | failure::Kind::Invalid
            | failure::Kind::Credentials
            | failure::Kind::Upstream
            | failure::Kind::Refuted
            | failure::Kind::Bug => Verdict::Fail,
        };
        self.refuse(release, verdict, &failure.lines().join(": "), pace);
    }

    /// A record about this environment by this actor.
    #[must_use]
    pub fn record(&self, id: Id, kind: Kind, at: Time) -> Record {
        let service = self.rules.service.clone();
        let mut record = Record::new(id, kind, at, service, self.actor.clone());
        record.environment = Some(self.environment.name.clone());
        record.run_url.clone_from(&self.run_url);
        record.policy = Some(self.rules.policy);
        record
    }
}
