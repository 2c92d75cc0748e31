//! The hold where others see it: in git, beside the values that targets move.
//! It follows the state, as history does: it can be told again.

use liftlock::config::pointer::Target;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::Kind as PlanKind;
use liftlock::pointer::notice::{Notice, SCHEMA_VERSION};
use liftlock::record::{Id, Kind as RecordKind, Record};
use liftlock::release::Reference;
use liftlock::report::Report;
use liftlock::state::{Document, Hold};
use liftlock::time::Time;
use liftlock_io::pointer::{self, Word};

use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::record::Emitted;
use crate::state::State;
use crate::world::World;

/// What came of telling a hold in git, one line for each place.
#[derive(Debug, Default)]
pub struct Told {
    /// Where it is told now and was not before.
    pub written: Vec<String>,
    /// Where it is not told, and why.
    pub untold: Vec<String>,
    /// Why a repository could not be asked.
    pub away: Option<Failure>,
}

impl World {
    /// What is said of a hold beside pointers.
    #[must_use]
    pub fn notice(&self, hold: &Hold, release: Option<&Reference>) -> Notice {
        Notice {
            schema_version: SCHEMA_VERSION,
            service: self.rules.service.clone(),
            environment: self.environment.name.clone(),
            held: true,
            since: hold.at,
            by: hold.by.clone(),
            reason: hold.reason.clone(),
            release: release.map(Into::into),
        }
    }

    /// What is said once it is lifted.
    #[must_use]
    pub fn lifted(&self, lift: &Hold) -> Notice {
        Notice {
            held: false,
            ..self.notice(lift, None)
        }
    }

    /// Tells the hold that stands, if one does, beside the pointers.
    #[must_use]
    pub fn tell_hold(&self, document: &Document) -> Told {
        match document.hold {
            Some(_) => self.tell_beside(&|| self.word(document)),
            None => Told::default(),
        }
    }

    /// Tells the end of a hold beside the pointers.
    #[must_use]
    pub fn tell_lift(&self, document: &Document, lift: &Hold) -> Told {
        self.tell_beside(&|| self.word(document).or_else(|| Some(self.lifted(lift))))
    }

    /// The hold that stands now: as the state says, or as it said where it is
    /// away.
    fn word(&self, known: &Document) -> Option<Notice> {
        let now = self.state_of(&self.environment.name);
        let document = now.as_ref().unwrap_or(known);
        let live = document.live.as_ref().map(|live| &live.release);
        let hold = document.hold.as_ref()?;
        Some(self.notice(hold, live))
    }

    /// Nothing waits for it: what could not be told is said.
    fn tell_beside(&self, word: Word<'_>) -> Told {
        let mut told = Told::default();
        for target in &self.environment.targets {
            match pointer::tell(target, word) {
                Ok(here) => {
                    told.written.extend(here.written);
                    told.untold.extend(here.left);
                }
                Err(failure) => {
                    told.untold.push(failure.lines().join(": "));
                    told.away = Some(failure);
                }
            }
        }
        told.untold.dedup();
        told
    }

    /// Refuses where a file beside a pointer says that the environment is held,
    /// whatever the state says.
    ///
    /// # Errors
    ///
    /// Fails as blocked where one does or is not understood, and where it cannot
    /// be read.
    pub fn refuse_held(&self) -> Result<(), Failure> {
        for target in &self.environment.targets {
            if let Some(notice) = pointer::held(target, &self.scope())? {
                let message = format!(
                    "{} is held in git since {} by {}: {}",
                    self.environment.name, notice.since, notice.by, notice.reason
                );
                let hint = Hold::way_out(&self.environment.name);
                return Err(Failure::new(Kind::Blocked, message).with_hint(hint));
            }
        }
        Ok(())
    }

    /// A record of a hold, or of its end, as the state will keep it.
    #[must_use]
    pub fn hold_record(&self, kind: RecordKind, hold: &Hold, document: &Document) -> Record {
        let revision = document.revision.to_string();
        let id = Id::derived(&[
            kind.word(),
            self.rules.service.as_str(),
            self.environment.name.as_str(),
            &revision,
            &hold.at.to_string(),
        ]);
        let mut record = self.record(id, kind, hold.at);
        let reason = hold.reason.as_str().into();
        record.detail.insert("reason".to_owned(), reason);
        record
    }

    /// Tells the ledger what it does not know yet, and has the state forget
    /// what it told; whether the ledger knows all of it.
    pub fn record_all(&self, state: &mut State<'_>, pace: &dyn Pace) -> bool {
        let mut emitted = Emitted::default();
        let told = self.emit(&state.document, &mut emitted);
        let ids = emitted.ids();
        let spooled = |document: &Document| {
            let mut spool = document.spool.iter();
            spool.any(|record| ids.contains(&record.id))
        };
        if spooled(&state.document) {
            // Best effort: a record that is told twice is there once.
            drop(state.note(&|document| {
                document.recorded(ids);
                Ok(())
            }));
        }
        if let Err(failure) = &told {
            let why = failure.lines().join(": ");
            pace.tell(&format!("not recorded yet: {why}"));
        }
        told.is_ok()
    }

    /// What `doctor` says of the hold beside a pointer.
    pub(crate) fn shown(
        &self,
        target: &Target,
        document: &Document,
        now: Time,
    ) -> Result<Vec<String>, Failure> {
        let nobody = Hold {
            reason: String::new(),
            by: String::new(),
            at: now,
        };
        let live = document.live.as_ref().map(|live| &live.release);
        let notice = match &document.hold {
            Some(hold) => self.notice(hold, live),
            None => self.lifted(&nobody),
        };
        pointer::shown(target, &notice)
    }
}

impl Told {
    /// Says in a report what could not be told.
    #[must_use]
    pub fn said(&self, report: Report) -> Report {
        match self.lines() {
            Some(lines) => report.with_caution(&lines),
            None => report,
        }
    }

    /// What could not be told, for people.
    #[must_use]
    pub fn lines(&self) -> Option<String> {
        let lines = (!self.untold.is_empty()).then(|| self.untold.join("; "));
        lines.map(|lines| format!("git does not say so of the hold: {lines}"))
    }
}

/// Tells the hold of a rollback that is over, and says what could not be told.
#[must_use]
pub fn follow(report: Report, world: &World, outcome: &Outcome) -> Report {
    let plan = &outcome.plan;
    let is_down = plan.kind == PlanKind::Rollback && !plan.reconciles();
    if !is_down || !outcome.is_over() {
        return report;
    }
    match world.state_of(&world.environment.name) {
        Ok(document) => world.tell_hold(&document).said(report),
        Err(failure) => Told {
            untold: failure.lines(),
            ..Told::default()
        }
        .said(report),
    }
}
