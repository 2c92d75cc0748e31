//! What happened to one release, told from the entries of a ledger.

mod approved;
mod render;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::digest::Digest;
use crate::ledger::{Entry, Head};
use crate::name::Name;
use crate::record::{Kind, Record};
use crate::release::Reference;
use crate::time::Time;
use crate::verdict::Verdict;

pub use approved::Approved;
pub use render::{lines, markdown};

/// The gates that a timeline always shows, seen or not.
const GATES: [(&str, Kind); 3] = [
    ("signature", Kind::Signed),
    ("canary", Kind::CanaryJudged),
    ("approval", Kind::ApprovalJudged),
];

/// What happened to one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Timeline {
    /// The release's id.
    pub release: String,
    /// The digests that were seen under this id; more than one is a warning.
    pub digests: Vec<Digest>,
    /// The services that have a release of this id; more than one is a warning.
    pub services: Vec<Name>,
    /// Up to which entry the ledger was verified.
    pub head: Head,
    /// What each gate said last, by environment.
    pub gates: Vec<Gate>,
    /// What took the release up or down.
    pub moves: Vec<Move>,
    /// How long people took to approve it, each time that was used.
    pub approvals: Vec<Approved>,
    /// How long each way back took.
    pub recoveries: Vec<Recovery>,
    /// Everything, in the order of the ledger.
    pub events: Vec<Event>,
}

/// What a gate said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gate {
    /// Which gate.
    pub gate: String,
    /// Where; absent for what holds everywhere.
    pub environment: Option<Name>,
    /// Whether it said anything.
    pub seen: bool,
    /// What it said.
    pub verdict: Option<Verdict>,
    /// When.
    pub at: Option<Time>,
    /// On what it rests.
    pub evidence: Vec<Digest>,
}

/// A change of what is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Move {
    /// The entry's number.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// Where.
    pub environment: Option<Name>,
    /// The record's kind.
    pub kind: String,
    /// The release that was live before.
    pub from: Option<String>,
    /// The release that it was about.
    pub to: Option<String>,
    /// How it ended.
    pub verdict: Option<Verdict>,
}

/// A way back, from the first bad sign to the end of the restoration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Recovery {
    /// Where.
    pub environment: Option<Name>,
    /// The first bad verdict, or the beginning of the rollback.
    pub detected_at: Time,
    /// When the release before was live again.
    pub restored_at: Time,
    /// The time between, in milliseconds.
    pub time_to_recover_ms: i64,
}

/// One entry, shortened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// The entry's number.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// The record's kind.
    pub kind: String,
    /// Where.
    pub environment: Option<Name>,
    /// How it was judged or ended.
    pub verdict: Option<Verdict>,
    /// Who, and how that was proved.
    pub actor: String,
    /// Where it ran.
    pub run_url: Option<String>,
    /// On what it rests.
    pub evidence: Vec<Digest>,
    /// What it adds in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Timeline {
    /// Tells the story of a release, by its id or digest; `None` when no entry
    /// names it.
    ///
    /// Entries have to come in their order, from a chain that was verified.
    #[must_use]
    pub fn of(entries: &[Entry], release: &str, head: Head) -> Option<Self> {
        let about: Vec<&Entry> = entries
            .iter()
            .filter(|entry| is_about(&entry.record, release))
            .collect();
        if about.is_empty() {
            return None;
        }
        let mut digests: Vec<Digest> = about
            .iter()
            .flat_map(|entry| [&entry.record.release, &entry.record.previous])
            .flatten()
            .filter(|reference| names(Some(reference), release))
            .map(|reference| reference.digest)
            .collect();
        digests.sort();
        digests.dedup();
        let services = about.iter().map(|entry| entry.record.service.clone());
        let services: BTreeSet<Name> = services.collect();
        Some(Self {
            release: release.to_owned(),
            digests,
            services: services.into_iter().collect(),
            head,
            gates: gates(&about, release),
            moves: about.iter().filter_map(|entry| movement(entry)).collect(),
            approvals: approved::approved(&about, release),
            recoveries: recoveries(&about),
            events: about.iter().map(|entry| event(entry)).collect(),
        })
    }
}

/// Whether a release has this id or digest. An id is a label, which two may have.
#[must_use]
pub fn names(reference: Option<&Reference>, release: &str) -> bool {
    reference.is_some_and(|reference| {
        reference.id == release
            || release
                .parse()
                .is_ok_and(|one: Digest| one == reference.digest)
    })
}

fn is_about(record: &Record, release: &str) -> bool {
    names(record.release.as_ref(), release) || names(record.previous.as_ref(), release)
}

/// The last word of each gate in each environment, and the gates that said nothing.
fn gates(entries: &[&Entry], release: &str) -> Vec<Gate> {
    let mut found = Vec::new();
    for (gate, kind) in GATES {
        let mut last: BTreeMap<Option<Name>, &Record> = BTreeMap::new();
        for entry in entries {
            let record = &entry.record;
            if record.kind == kind && names(record.release.as_ref(), release) {
                last.insert(record.environment.clone(), record);
            }
        }
        if last.is_empty() {
            found.push(Gate {
                gate: gate.to_owned(),
                environment: None,
                seen: false,
                verdict: None,
                at: None,
                evidence: Vec::new(),
            });
        }
        found.extend(last.into_iter().map(|(environment, record)| Gate {
            gate: gate.to_owned(),
            environment,
            seen: true,
            verdict: record.verdict,
            at: Some(record.at),
            evidence: record.evidence.clone(),
        }));
    }
    found
}

fn is_movement(kind: &Kind) -> bool {
    match kind {
        Kind::PromotionStarted
        | Kind::PromotionFinished
        | Kind::RollbackStarted
        | Kind::RollbackFinished
        | Kind::Adopted => true,
        Kind::ReleaseCreated
        | Kind::Signed
        | Kind::CanaryJudged
        | Kind::ApprovalRequested
        | Kind::ApprovalAnswered
        | Kind::ApprovalJudged
        | Kind::ApprovalWithdrawn
        | Kind::BreakGlass
        | Kind::StepDone
        | Kind::ReconcileStarted
        | Kind::ReconcileFinished
        | Kind::PromotionAborted
        | Kind::PromotionPaused
        | Kind::PromotionAdvanced
        | Kind::HoldPlaced
        | Kind::HoldLifted
        | Kind::Rejected
        | Kind::RejectLifted
        | Kind::Refused
        | Kind::Note
        | Kind::Other(_) => false,
    }
}

fn movement(entry: &Entry) -> Option<Move> {
    let record = &entry.record;
    let id =
        |reference: &Option<Reference>| reference.as_ref().map(|reference| reference.id.clone());
    is_movement(&record.kind).then(|| Move {
        seq: entry.seq,
        at: record.at,
        environment: record.environment.clone(),
        kind: record.kind.to_string(),
        from: id(&record.previous),
        to: id(&record.release),
        verdict: record.verdict,
    })
}

/// A bad sign in an environment lasts until something good is live there.
fn recoveries(entries: &[&Entry]) -> Vec<Recovery> {
    let mut signs: BTreeMap<&Option<Name>, Time> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in entries {
        let record = &entry.record;
        let place = &record.environment;
        if is_bad_sign(record) {
            signs.entry(place).or_insert(record.at);
        }
        if record.kind == Kind::PromotionStarted {
            signs.remove(place);
        }
        let sign = signs.get(place).copied();
        if is_restoration(record)
            && let Some(detected_at) = told_detection(record).or(sign)
        {
            signs.remove(place);
            found.push(Recovery {
                environment: place.clone(),
                detected_at,
                restored_at: record.at,
                time_to_recover_ms: record.at.millis_since(detected_at),
            });
        }
    }
    found
}

fn is_bad_sign(record: &Record) -> bool {
    let refused = matches!(record.verdict, Some(Verdict::Fail | Verdict::Blind));
    record.kind == Kind::RollbackStarted || (record.kind == Kind::CanaryJudged && refused)
}

/// A rollback that ended well, or a promotion that went back by itself.
fn is_restoration(record: &Record) -> bool {
    let passed = record.verdict == Some(Verdict::Pass);
    let restored = record.detail.get("restored") == Some(&serde_json::Value::Bool(true));
    (record.kind == Kind::RollbackFinished && passed)
        || (record.kind == Kind::PromotionFinished && !passed && restored)
}

/// When whoever restored it says that the fault was found.
fn told_detection(record: &Record) -> Option<Time> {
    record.detail.get("detected_at")?.as_str()?.parse().ok()
}

/// What a record adds in words: a step with what became of it, or a reason.
fn note(record: &Record) -> String {
    let word = |key: &str| record.detail.get(key).and_then(|value| value.as_str());
    [word("step"), word("note"), word("reason")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(": ")
}

fn event(entry: &Entry) -> Event {
    let record = &entry.record;
    Event {
        seq: entry.seq,
        at: record.at,
        kind: record.kind.to_string(),
        environment: record.environment.clone(),
        verdict: record.verdict,
        actor: format!("{} ({})", record.actor.id, record.actor.proof),
        run_url: record.run_url.clone(),
        evidence: record.evidence.clone(),
        note: note(record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Actor, Id};

    fn reference(id: &str) -> Reference {
        Reference {
            id: id.to_owned(),
            digest: Digest::of(id.as_bytes()),
            artifacts: BTreeMap::new(),
        }
    }

    fn entry(seq: u64, kind: Kind, verdict: Option<Verdict>) -> Entry {
        let actor = Actor {
            id: "ci|<b>@team".to_owned(),
            proof: "oidc".to_owned(),
        };
        let at = Time::from_unix_millis(i64::try_from(seq).unwrap() * 60_000).unwrap();
        let id = Id::derived(&[&seq.to_string()]);
        let mut record = Record::new(id, kind, at, "shop".parse().unwrap(), actor);
        record.environment = Some("production".parse().unwrap());
        record.release = Some(reference("shop-2"));
        record.previous = Some(reference("shop-1"));
        record.verdict = verdict;
        Entry {
            seq,
            previous: Digest::of(b""),
            record,
        }
    }

    /// A promotion whose canary fails and that goes back by itself.
    fn story() -> Vec<Entry> {
        let mut back = entry(5, Kind::PromotionFinished, Some(Verdict::Fail));
        back.record
            .detail
            .insert("restored".to_owned(), true.into());
        vec![
            entry(1, Kind::Signed, Some(Verdict::Pass)),
            entry(2, Kind::PromotionStarted, None),
            entry(3, Kind::CanaryJudged, Some(Verdict::Fail)),
            entry(4, Kind::StepDone, None),
            back,
        ]
    }

    fn timeline(entries: &[Entry]) -> Timeline {
        Timeline::of(entries, "shop-2", Head::genesis()).unwrap()
    }

    #[test]
    fn gates_are_shown_whether_they_were_seen_or_not() {
        let told = timeline(&story());
        let gates: Vec<_> = told
            .gates
            .iter()
            .map(|gate| (gate.gate.as_str(), gate.seen, gate.verdict))
            .collect();
        let expected = [
            ("signature", true, Some(Verdict::Pass)),
            ("canary", true, Some(Verdict::Fail)),
            ("approval", false, None),
        ];
        assert_eq!(gates, expected);
    }

    #[test]
    fn recovery_counts_from_the_first_bad_sign_to_the_restoration() {
        let told = timeline(&story());
        assert_eq!(told.recoveries[0].time_to_recover_ms, 120_000);
        let mut manual = story();
        manual.pop();
        assert!(timeline(&manual).recoveries.is_empty());
        manual.push(entry(7, Kind::RollbackStarted, None));
        manual.push(entry(9, Kind::RollbackFinished, Some(Verdict::Fail)));
        assert!(timeline(&manual).recoveries.is_empty());
        manual.push(entry(10, Kind::RollbackFinished, Some(Verdict::Pass)));
        assert_eq!(timeline(&manual).recoveries[0].time_to_recover_ms, 420_000);
    }

    #[test]
    fn approvals_tell_how_long_people_took_also_in_records_without_spans() {
        let mut entries = story();
        assert!(timeline(&entries).approvals.is_empty());
        let detail = &mut entries[1].record.detail;
        let latency = serde_json::json!({
            "asked_at": "1970-01-01T00:00:10Z", "decided_at": "1970-01-01T01:02:10Z",
            "used_at": "1970-01-01T01:02:13Z", "of_a_later_version": true,
        });
        detail.insert("approval_latency".to_owned(), latency);
        let told = timeline(&entries);
        let [one] = &told.approvals[..] else {
            panic!("{told:?}");
        };
        let spans = (one.time_to_decide_ms, one.time_to_use_ms);
        assert_eq!((spans, one.first_seen_at), ((3_720_000, 3_000), None));
        for text in [markdown(&told), lines(&told)] {
            let line = "time to approve in production: 1 h 2 min, used 3.000 s later";
            assert!(text.contains(line), "{text}");
        }
        // What was live before was approved another time.
        let before = Timeline::of(&entries, "shop-1", Head::genesis()).unwrap();
        assert!(before.approvals.is_empty());
        let broken = serde_json::json!({ "asked_at": "yesterday" });
        let detail = &mut entries[1].record.detail;
        detail.insert("approval_latency".to_owned(), broken);
        assert!(timeline(&entries).approvals.is_empty());
    }

    #[test]
    fn a_release_that_was_replaced_is_told_about_too() {
        let told = Timeline::of(&story(), "shop-1", Head::genesis()).unwrap();
        assert_eq!(told.moves.len(), 2);
        assert!(told.gates.iter().all(|gate| !gate.seen));
        assert_eq!(Timeline::of(&story(), "shop-3", Head::genesis()), None);
    }

    #[test]
    fn one_id_with_two_digests_is_a_warning() {
        let mut entries = story();
        entries[3].record.release.as_mut().unwrap().digest = Digest::of(b"other");
        let warning = "more than one release has this id";
        let text = markdown(&timeline(&entries));
        assert!(text.contains(warning), "{text}");
        // By its digest each of them has a story of its own.
        let digest = reference("shop-2").digest;
        let told = Timeline::of(&entries, &digest.to_string(), Head::genesis()).unwrap();
        assert_eq!(
            (told.digests.as_slice(), told.events.len()),
            (&[digest][..], 4)
        );
        let mut entries = story();
        entries[3].record.service = "cart".parse().unwrap();
        let told = timeline(&entries);
        assert_eq!(told.services.len(), 2);
        assert!(markdown(&told).contains(warning));
    }

    #[test]
    fn text_of_others_stays_text() {
        let mut entries = story();
        entries[0].record.run_url = Some("javascript:alert(1)".to_owned());
        entries[1].record.run_url = Some("https://ci.example/run/1".to_owned());
        entries[2].record.kind = Kind::Other("[x](y)\n# h\u{202e}".to_owned());
        let text = markdown(&timeline(&entries));
        assert!(
            text.contains("ci&#124;&#60;b&#62;&#64;team \\(oidc\\)"),
            "{text}"
        );
        assert!(text.contains("javascript&#58;alert"), "{text}");
        assert!(text.contains("<https://ci.example/run/1>"), "{text}");
        assert!(text.contains("\\[x\\]\\(y\\)&#35; h"), "{text}");
        assert!(!text.contains('\u{202e}'));
        let rows = text
            .lines()
            .filter(|line| line.starts_with("| 3 |"))
            .count();
        assert_eq!(rows, 1);
    }
}
