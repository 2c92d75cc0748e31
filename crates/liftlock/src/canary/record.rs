//! A watch over a canary, look by look: enough to judge it again, offline and
//! to the same bytes.
//!
//! JSON lines: a [`Head`], an [`Entry`] for each look, a [`Close`]. A watch
//! that was killed has no last line, and all looks that it finished.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::counts::Tally;
use super::judgement::Judgement;
use super::metric::Metric;
use super::notes::Notes;
use super::panel::Panel;
use super::policy::{ALGORITHM, Invalid, Policy};
use super::probe::Probe;
use super::reason::Reason;
use super::sight::{Blind, Shift, Sight};
use crate::digest::Digest;
use crate::failure::{Explain, Kind};
use crate::json;
use crate::name::Name;
use crate::time::Time;
use crate::verdict::Verdict;

/// The version of the format.
const VERSION: u32 = 1;

/// The most looks of a record.
const MOST_LOOKS: usize = 1_000_000;

/// What a record is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The version of the format.
    canary_record: u32,
    /// The rules of the computation.
    algorithm: String,
    /// How the canary is judged.
    pub policy: Policy,
    /// By what; empty for one count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// The canary's share of traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
    /// Whose canary it is.
    #[serde(default)]
    pub about: About,
    /// What was known before, where an earlier run is gone on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Panel>,
}

/// Whose canary a record or a state is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct About {
    /// The environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
    /// The digest of the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Digest>,
    /// Where the counts come from: the server, and what it is asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// One question to a source and what it answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The question, as it was sent.
    pub query: String,
    /// The moment that it was asked about.
    pub at: Time,
    /// The digest of the answer's bytes.
    pub answer: Digest,
}

/// One look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When it was judged.
    pub at: Time,
    /// What hid the canary.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Blind>,
    /// What a person should know, where no look before said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What was asked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// What was counted since the look before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tallies: Vec<Tally>,
    /// What was done to see whether errors are counted; a look of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// The verdict over all looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The verdict.
    pub judgement: Judgement,
}

impl Head {
    /// The head of a new record.
    #[must_use]
    pub fn new(policy: &Policy, metrics: &[Metric]) -> Self {
        Self {
            canary_record: VERSION,
            algorithm: ALGORITHM.to_owned(),
            policy: policy.clone(),
            metrics: metrics.to_vec(),
            shifts: Vec::new(),
            about: About::default(),
            begun: None,
        }
    }

    /// What is known before the first look.
    ///
    /// # Errors
    ///
    /// Fails when nothing can be judged by these metrics, or when what was
    /// known before is of other ones or broken.
    pub fn panel(&self) -> Result<Panel, ParseError> {
        let new = match self.metrics.as_slice() {
            [] => Panel::single(self.policy.clone()),
            metrics => Panel::new(&self.policy, metrics)?,
        };
        match &self.begun {
            None => Ok(new),
            Some(begun) if begun.continues(&new) => Ok(begun.clone()),
            Some(_) => Err(ParseError::OtherState),
        }
    }
}

/// A whole record, judged again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What the record is of.
    pub head: Head,
    /// What was counted, oldest first.
    pub tallies: Vec<Tally>,
    /// What was asked.
    pub asked: Vec<Asked>,
    /// What a person should know of the watch.
    pub notes: Notes,
    /// What was done to see whether errors are counted.
    pub probe: Option<Probe>,
    /// The verdict that follows from the looks.
    pub judgement: Judgement,
    /// The verdict that the record claims; nothing where its watch was killed.
    pub claimed: Option<Judgement>,
}

/// Judges a record again, look by look as it was.
///
/// # Errors
///
/// Fails when the bytes are no record, when it has no look, and when it was
/// made by other rules of computation than these.
pub fn replay(bytes: &[u8]) -> Result<Replayed, ParseError> {
    let mut lines = (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n'));
    let head: Head = read(lines.next().ok_or(ParseError::Empty)?)?;
    if head.canary_record != VERSION {
        return Err(ParseError::Version(head.canary_record));
    }
    if head.algorithm != ALGORITHM {
        return Err(ParseError::Algorithm(head.algorithm));
    }
    let mut panel = head.panel()?;
    let mut replayed = None;
    let mut claimed = None;
    let mut probe = None;
    let (mut tallies, mut asked) = (Vec::new(), Vec::new());
    let mut notes = Notes::default();
    for (number, line) in lines {
        if claimed.is_some() {
            return Err(ParseError::After(number));
        }
        match read((number, line))? {
            Line::Close(close) => claimed = Some(close.judgement),
            Line::Entry(entry) => {
                let wanted = panel.strands().len();
                let found = entry.tallies.iter().map(|tally| tally.counts.len());
                if let Some(found) = found.into_iter().find(|found| *found != wanted) {
                    return Err(ParseError::Counts {
                        number,
                        found,
                        wanted,
                    });
                }
                replayed = Some(entry.judge(&mut panel, &head.shifts));
                let used = panel.last();
                let taken = entry.tallies.into_iter();
                tallies.extend(taken.filter(|tally| Some(tally.time) <= used));
                asked.extend(entry.asked);
                for note in &entry.notes {
                    notes.take(note);
                }
                probe = entry.probe.or(probe);
            }
        }
        if number > MOST_LOOKS {
            return Err(ParseError::TooMany);
        }
    }
    Ok(Replayed {
        judgement: replayed.ok_or(ParseError::Empty)?,
        head,
        tallies,
        asked,
        notes,
        probe,
        claimed,
    })
}

impl Entry {
    /// Judges as this look did. Half an answer may lack the bad requests
    /// alone: it can fail the canary, but its rows are not taken, so that the
    /// next look asks for them again.
    #[must_use]
    pub fn judge(&self, panel: &mut Panel, shifts: &[Shift]) -> Judgement {
        let sight = Sight {
            shifts: shifts.to_vec(),
            changing: Vec::new(),
            faults: self.faults.clone(),
        };
        let half = |fault: &Blind| fault.reason == Reason::Partial;
        if !self.faults.iter().any(half) {
            return panel.decide(&self.tallies, &sight, self.at);
        }
        let mut all = panel.clone();
        let found = all.decide(&self.tallies, &sight, self.at);
        if found.verdict == Verdict::Fail {
            *panel = all;
        }
        found
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Close(Box<Close>),
    Entry(Entry),
}

fn read<T: DeserializeOwned>((number, line): (usize, &[u8])) -> Result<T, ParseError> {
    json::parse(line).map_err(|source| ParseError::Line { number, source })
}

/// The bytes are no record that could be judged here.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// There is nothing to judge.
    #[error("the record has no look")]
    Empty,
    /// A line is not what it should be.
    #[error("line {number}")]
    Line {
        /// The line, counted from 1.
        number: usize,
        /// Why.
        source: json::ParseError,
    },
    /// A row of another panel.
    #[error("line {number}: a row has {found} counts, and there are {wanted}")]
    Counts {
        /// The line, counted from 1.
        number: usize,
        /// As found.
        found: usize,
        /// As the head has them.
        wanted: usize,
    },
    /// Lines after the verdict.
    #[error("line {0}: there is more after the verdict")]
    After(usize),
    /// More than anybody looks.
    #[error("the record has more than {MOST_LOOKS} looks")]
    TooMany,
    /// A format of another version.
    #[error("the record is of version {0}, this program reads version {VERSION}")]
    Version(u32),
    /// Other rules, by which the verdict could be another one.
    #[error("the record was judged by `{0}`, this program judges by `{ALGORITHM}`")]
    Algorithm(String),
    /// Metrics by which nothing can be judged.
    #[error("the record's metrics cannot be judged")]
    Metrics(#[from] Invalid),
    /// What was known before is of another panel.
    #[error("what the record goes on from is broken, or of other metrics")]
    OtherState,
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Version(_) | Self::Algorithm(_) => {
                Some("replay it with the version that made it".to_owned())
            }
            Self::Metrics(cause) => cause.hint(),
            Self::Empty
            | Self::Line { .. }
            | Self::After(_)
            | Self::TooMany
            | Self::Counts { .. }
            | Self::OtherState => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::Standing;
    use crate::canary::counts::Pair;
    use crate::canary::metric::{Edge, Role};

    fn minute(number: i64) -> Time {
        Time::from_unix_millis(1_795_435_200_000 + 60_000 * number).unwrap()
    }

    fn metrics() -> Vec<Metric> {
        let edges = ["0.1", "0.5"].map(|edge| edge.parse::<Edge>().unwrap());
        let latency = Metric {
            edges: edges.into(),
            ..Metric::new("latency".parse().unwrap())
        };
        let cache = Metric {
            role: Role::Shown,
            ..Metric::new("cache".parse().unwrap())
        };
        vec![Metric::new("errors".parse().unwrap()), latency, cache]
    }

    /// A look a minute; the canary is slow from the tenth on.
    fn looks(count: i64) -> Vec<Entry> {
        let counts = |at: i64| {
            let slow = if at < 10 { 20 } else { 90 };
            [
                [600, 6, 600, 6],
                [600, 20, 600, slow],
                [600, 5, 600, 5],
                [600, 300, 600, 500],
            ]
            .map(Pair::from)
        };
        let entry = |at| Entry {
            at: minute(at),
            faults: Vec::new(),
            notes: Vec::new(),
            asked: Vec::new(),
            tallies: vec![Tally {
                time: minute(at),
                counts: counts(at).into(),
            }],
            probe: None,
        };
        (1..=count).map(entry).collect()
    }

    fn written(head: &Head, looks: &[Entry]) -> (Vec<u8>, Judgement) {
        let mut panel = head.panel().unwrap();
        let mut bytes = json::line(head).unwrap();
        let mut judgement = None;
        for look in looks {
            bytes.extend(json::line(look).unwrap());
            judgement = Some(look.judge(&mut panel, &head.shifts));
        }
        let judgement = judgement.unwrap();
        let close = Close {
            judgement: judgement.clone(),
        };
        bytes.extend(json::line(&close).unwrap());
        (bytes, judgement)
    }

    #[test]
    fn a_record_gives_its_verdict_again_to_the_same_bytes() {
        let head = Head::new(&Policy::default(), &metrics());
        let (bytes, judgement) = written(&head, &looks(20));
        assert_eq!(judgement.reason, Reason::Worse);
        assert_eq!(judgement.metric.as_deref(), Some("latency above 0.1"));
        let again = replay(&bytes).unwrap();
        let line = |judgement: &Judgement| json::line(judgement).unwrap();
        assert_eq!(line(&again.judgement), line(&judgement));
        assert_eq!(again.claimed, Some(again.judgement));
    }

    #[test]
    fn half_an_answer_is_asked_for_again_and_passes_nothing() {
        let head = Head::new(&Policy::default(), &[]);
        let row = |at: i64, bad: u64| Tally {
            time: minute(at),
            counts: vec![Pair::from([600, 12, 600, bad])],
        };
        let look = |at: i64, faults: Vec<Blind>, tallies: Vec<Tally>| Entry {
            faults,
            tallies,
            ..looks(at).remove(usize::try_from(at - 1).unwrap())
        };
        let half = || vec![Blind::new(Reason::Partial, "the source warns")];
        // Without the series of the canary's errors nothing seems bad.
        let missing = look(20, half(), (1..=20).map(|at| row(at, 0)).collect());
        let mut panel = head.panel().unwrap();
        assert_eq!(missing.judge(&mut panel, &[]).verdict, Verdict::Blind);
        assert_eq!(panel.last(), None, "no row of it is taken");
        let whole = look(21, Vec::new(), (1..=21).map(|at| row(at, 16)).collect());
        let found = whole.judge(&mut panel, &[]);
        assert_ne!(found.verdict, Verdict::Pass, "{found:?}");
        assert_eq!(panel.last(), Some(minute(21)));
        // What half an answer shows to be worse is so all the more.
        let mut panel = head.panel().unwrap();
        let worse = look(20, half(), (1..=20).map(|at| row(at, 60)).collect());
        assert_eq!(worse.judge(&mut panel, &[]).verdict, Verdict::Fail);
        assert!(panel.last().is_some());
        let (bytes, _) = written(&head, &[missing, whole]);
        assert_eq!(replay(&bytes).unwrap().tallies.len(), 21);
    }

    #[test]
    fn what_is_only_shown_decides_nothing_and_stands_out() {
        let head = Head::new(&Policy::default(), &metrics());
        let (_, judgement) = written(&head, &looks(9));
        assert_ne!(judgement.verdict, Verdict::Fail);
        let standing: Vec<Standing> = judgement.counts.iter().map(|one| one.standing).collect();
        let expected = [
            Standing::Open,
            Standing::NoWorse,
            Standing::Open,
            Standing::Suspect,
        ];
        assert_eq!(standing, expected);
    }

    #[test]
    fn a_run_that_goes_on_spends_no_risk_twice() {
        let head = Head::new(&Policy::default(), &metrics());
        let looks = looks(14);
        let (whole, judgement) = written(&head, &looks);
        let mut panel = head.panel().unwrap();
        for look in &looks[..7] {
            let _open = look.judge(&mut panel, &[]);
        }
        let later = Head {
            begun: Some(panel),
            ..head
        };
        let (bytes, resumed) = written(&later, &looks[7..]);
        assert_eq!(resumed, judgement);
        assert_eq!(replay(&bytes).unwrap().judgement, judgement);
        assert_eq!(replay(&whole).unwrap().judgement, judgement);
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_line() {
        let head = Head::new(&Policy::default(), &metrics());
        let (bytes, _) = written(&head, &looks(2));
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let broken = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            change(&mut lines);
            replay(lines.join("\n").as_bytes()).unwrap_err().to_string()
        };
        let narrow = broken(&|lines| lines[1] = lines[1].replacen("[600,6,600,6],", "", 1));
        assert_eq!(narrow, "line 2: a row has 3 counts, and there are 4");
        let after = broken(&|lines| lines.push(lines[1].clone()));
        assert_eq!(after, "line 5: there is more after the verdict");
        assert_eq!(broken(&|lines| lines[2] = "{".to_owned()), "line 3");
        assert_eq!(broken(&|lines| lines.clear()), "the record has no look");
        assert_eq!(broken(&|lines| lines.truncate(1)), "the record has no look");
        let version = broken(&|lines| lines[0] = lines[0].replacen(":1,", ":2,", 1));
        assert!(
            version.starts_with("the record is of version 2"),
            "{version}"
        );
        let rules = broken(&|lines| lines[0] = lines[0].replacen("hypergeometric/", "x/", 1));
        assert!(rules.contains("was judged by `stratified-x/"), "{rules}");
    }

    #[test]
    fn a_state_that_could_not_come_about_is_refused() {
        let head = Head::new(&Policy::default(), &metrics());
        let mut panel = head.panel().unwrap();
        for look in looks(9) {
            let _open = look.judge(&mut panel, &[]);
        }
        let sound = serde_json::to_value(&panel).unwrap();
        let state = "/strands/0/state";
        for (place, value) in [
            ("planned/spent", serde_json::json!(-0.5)),
            ("planned/spent", serde_json::json!(0.5)),
            ("planned/chances/0", serde_json::json!(-1.0)),
            ("planned/chances/0", serde_json::json!(2.0)),
            ("planned/chances", serde_json::json!([])),
            ("planned/variance", serde_json::json!(-1.0)),
            ("part", serde_json::json!(0.1)),
            ("policy/alpha", serde_json::json!(0.4)),
        ] {
            let mut broken = sound.clone();
            *broken.pointer_mut(&format!("{state}/{place}")).unwrap() = value.clone();
            let begun: Panel = serde_json::from_value(broken).unwrap();
            let resumed = Head {
                begun: Some(begun),
                ..head.clone()
            };
            assert!(resumed.panel().is_err(), "{place} {value}");
        }
    }
}
