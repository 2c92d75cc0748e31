//! Whether two records tell the same event, so that an id that somebody else
//! took hides nothing.

use serde_json::Value;

use super::{Id, Kind, Record};

/// Where a record says which entry has the id that should be its own.
const INSTEAD_OF: &str = "instead_of";

/// The parts of `detail` that say what happened, and say the same whoever tells
/// it. What is measured or looked up while it is told may differ.
const SAID: [&str; 12] = [
    "answer",
    "by",
    "digest",
    "environments",
    "note",
    "past",
    "people",
    "reason",
    "release",
    "request",
    "restored",
    "step",
];

impl Record {
    /// What two records of one id do not agree in, if they tell different
    /// events: a field of the record or of its `detail`.
    ///
    /// When it was told, in which run, by which policy and with which
    /// measurements may differ: whoever finishes what another began tells it too.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let facts = [
            ("kind", self.kind == other.kind),
            ("service", self.service == other.service),
            ("environment", self.environment == other.environment),
            ("release", self.release == other.release),
            ("previous", self.previous == other.previous),
            ("plan", self.plan == other.plan),
            ("verdict", self.verdict == other.verdict),
            (
                "evidence",
                self.is_proved_anew() || self.evidence == other.evidence,
            ),
            (
                "actor",
                !self.is_by_a_person() || self.actor.id == other.actor.id,
            ),
        ];
        let facts = facts.into_iter().find(|(_, agree)| !agree);
        // Whoever looks at a canary again sees other numbers.
        let measured = |field: &str| self.kind == Kind::CanaryJudged && field == "reason";
        let mut said = SAID.into_iter().filter(|field| !measured(field));
        let said = said.find(|field| self.detail.get(*field) != other.detail.get(*field));
        facts.map(|(field, _)| field).or(said)
    }

    /// The same record under the id after its own, which says that this entry
    /// has the one before.
    #[must_use]
    pub fn instead(&self, seq: u64) -> Self {
        let id = Id::derived(&["instead", self.id.as_str()]);
        let mut other = Self { id, ..self.clone() };
        other.detail.insert(INSTEAD_OF.to_owned(), Value::from(seq));
        match other.check() {
            Ok(()) => other,
            // Full to the brim: what happened comes before why its id is another.
            Err(_) => Self {
                detail: self.detail.clone(),
                ..other
            },
        }
    }

    /// The entry that has the id which should be this record's, where it says so.
    #[must_use]
    pub fn instead_of(&self) -> Option<u64> {
        self.detail.get(INSTEAD_OF).and_then(Value::as_u64)
    }

    /// Whether the same event may rest on other documents when it is told again:
    /// a new signature of the same thing, or an answer that was read anew.
    fn is_proved_anew(&self) -> bool {
        matches!(self.kind, Kind::Signed | Kind::ApprovalJudged)
    }

    /// Whether it is the act of a person, who is named whoever tells it.
    fn is_by_a_person(&self) -> bool {
        match self.kind {
            Kind::ApprovalAnswered
            | Kind::ApprovalWithdrawn
            | Kind::PromotionAborted
            | Kind::PromotionPaused
            | Kind::PromotionAdvanced
            | Kind::HoldLifted
            | Kind::Rejected
            | Kind::RejectLifted
            | Kind::Adopted => true,
            // That of a plan says by whom in its `detail`.
            Kind::HoldPlaced => self.plan.is_none(),
            Kind::ReleaseCreated
            | Kind::Signed
            | Kind::CanaryJudged
            | Kind::ApprovalRequested
            | Kind::ApprovalJudged
            | Kind::PromotionStarted
            | Kind::BreakGlass
            | Kind::StepDone
            | Kind::PromotionFinished
            | Kind::RollbackStarted
            | Kind::RollbackFinished
            | Kind::ReconcileStarted
            | Kind::ReconcileFinished
            | Kind::Refused
            | Kind::Note
            | Kind::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Actor, LARGEST_DETAIL};
    use super::*;
    use crate::digest::Digest;
    use crate::time::Time;
    use crate::verdict::Verdict;

    type Change = fn(&mut Record);

    fn record(kind: Kind) -> Record {
        let actor = Actor {
            id: "alice".to_owned(),
            proof: "key".to_owned(),
        };
        let id = Id::derived(&["a"]);
        let mut record = Record::new(id, kind, Time::EPOCH, "shop".parse().unwrap(), actor);
        record.plan = Some(Digest::of(b"plan"));
        record.verdict = Some(Verdict::Fail);
        record.detail.insert("reason".to_owned(), "errors".into());
        record
    }

    #[test]
    fn whoever_tells_it_later_tells_the_same_event() {
        let own = record(Kind::PromotionFinished);
        let honest: [Change; 5] = [
            |record| record.at = Time::from_unix_millis(7).unwrap(),
            |record| record.run_url = Some("https://ci.example/2".to_owned()),
            |record| record.actor.id = "bob".to_owned(),
            |record| record.policy = Some(Digest::of(b"policy")),
            |record| drop(record.detail.insert("time_ms".to_owned(), 3.into())),
        ];
        for change in honest {
            let mut other = own.clone();
            change(&mut other);
            assert_eq!(own.difference(&other), None, "{other:?}");
        }
        let (one, mut two) = (record(Kind::Signed), record(Kind::Signed));
        two.evidence = vec![Digest::of(b"anew")];
        assert_eq!(one.difference(&two), None);
    }

    #[test]
    fn another_event_is_told_by_what_differs() {
        let own = record(Kind::PromotionFinished);
        let changes: [(&str, Change); 9] = [
            ("kind", |record| record.kind = Kind::Note),
            ("service", |record| record.service = "cart".parse().unwrap()),
            ("environment", |record| {
                record.environment = Some("staging".parse().unwrap());
            }),
            ("plan", |record| record.plan = None),
            ("verdict", |record| record.verdict = Some(Verdict::Pass)),
            ("evidence", |record| {
                record.evidence = vec![Digest::of(b"e")];
            }),
            ("reason", |record| record.detail.clear()),
            ("restored", |record| {
                record.detail.insert("restored".to_owned(), true.into());
            }),
            ("note", |record| {
                record.detail.insert("note".to_owned(), "x".into());
            }),
        ];
        for (field, change) in changes {
            let mut other = own.clone();
            change(&mut other);
            assert_eq!(own.difference(&other), Some(field));
            assert_eq!(other.difference(&own), Some(field));
        }
        let (one, mut two) = (
            record(Kind::PromotionAborted),
            record(Kind::PromotionAborted),
        );
        two.actor.id = "mallory".to_owned();
        assert_eq!(one.difference(&two), Some("actor"));
    }

    #[test]
    fn a_second_id_says_which_entry_has_the_first_and_fits_always() {
        let own = record(Kind::PromotionFinished);
        let second = own.instead(7);
        assert_eq!((own.instead_of(), second.instead_of()), (None, Some(7)));
        assert_eq!(
            (second.id == own.id, own.difference(&second)),
            (false, None)
        );
        assert_eq!(second.id, own.instead(8).id);
        let mut full = own;
        let frame = serde_json::to_vec(&full.detail).unwrap().len();
        let text = "x".repeat(LARGEST_DETAIL - frame - 11);
        full.detail.insert("note".to_owned(), text.into());
        full.check().unwrap();
        let second = full.instead(7);
        second.check().unwrap();
        assert_eq!(second.detail, full.detail);
    }
}
