//! Watches a canary in its telemetry until there is a verdict or no more time.

use std::time::Duration;

use liftlock::canary::counts::{self, Row, Tally};
use liftlock::canary::notes::Notes;
use liftlock::canary::panel::Panel;
use liftlock::canary::probe::Probe;
use liftlock::canary::record::{About, Asked, Entry, Head};
use liftlock::canary::sight::{Blind, Shift};
use liftlock::canary::{Judgement, PassBy, Policy, Reason};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::span::Span;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::{Session, progress};
use liftlock_io::http::{Client, Options};
use liftlock_io::telemetry::{self, Source};
use liftlock_io::{clock, file};

use crate::args::{Probing, Run};
use crate::attest::Attesting;
use crate::further::Metrics;
use crate::record::Record;
use crate::render;
use crate::resume::Resume;
use crate::run::{Judged, Seen};
use crate::settings::shifts;
use crate::{attest, probe};

/// How long a run lasts where neither `--timeout` nor the plan says more.
const LASTS: Span = Span::seconds(30 * 60);

/// The longest time between two looks when there is nothing to see.
const SLOWEST: Duration = Duration::from_secs(60);

/// The most answers whose digests are signed; a record has them all.
const MOST_ANSWERS: usize = 1000;

/// How often a canary is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looks {
    UntilDecided,
    One,
}

/// One watch over one canary.
struct Watch<'a> {
    client: Client,
    source: Source,
    metrics: Metrics,
    session: &'a Session,
    shifts: Vec<Shift>,
    /// What was known before this run.
    begun: Panel,
    panel: Panel,
    resume: Option<Resume<'a>>,
    record: Record,
    from: Time,
    tallies: Vec<Tally>,
    asked: Vec<Asked>,
    notes: Notes,
    probe: Option<Probe>,
}

pub(crate) fn watch(
    args: &Run,
    (looks, session): (Looks, &Session),
    attesting: &Attesting<'_>,
) -> Result<Judged, Failure> {
    let settings = attesting.settings;
    let draft = settings.policy(&args.proof, None)?;
    let mut source = settings.source(&args.place, &draft)?;
    if looks == Looks::One || args.since > Span::ZERO || args.resume.is_some() {
        refuse_without_history(&source)?;
    }
    let policy = settings.policy(&args.proof, Some(source.cadence()))?;
    let list = settings.further(&args.place, args.metrics.as_ref(), policy.against)?;
    settings.refuse_unsigned(args)?;
    settings.refuse_repeated_probe(args)?;
    let client = client(session)?;
    let mut metrics = Metrics::seen(list, (&client, &mut source), session.started)?;
    let mut about = about(&args.about, &source)?;
    about.sources.extend(metrics.told());
    let resume = args.resume.as_deref().filter(|_| !session.dry_run);
    let resume = resume.map(|path| Resume::new(path, about.clone(), attesting.key()));
    let kept = resume.as_ref().map(Resume::read).transpose()?.flatten();
    if let Some(kept) = &kept {
        metrics.adopt(kept, &mut source);
    }
    let mut head = Head::new(&policy, &metrics.panel(&policy)?);
    head.shifts = shifts(&args.proof);
    head.about = about;
    let new = head.panel()?;
    if let (Some(resume), Some(kept)) = (&resume, &kept) {
        resume.check(kept, &new)?;
    }
    head.begun = kept;
    let panel = head.begun.clone().unwrap_or(new);
    let path = args.record.as_deref().filter(|_| !session.dry_run);
    let mut watch = Watch {
        client,
        metrics,
        from: panel.last().unwrap_or(before(session.started, args.since)),
        record: Record::begin(path, &head)?,
        shifts: head.shifts,
        source,
        session,
        begun: panel.clone(),
        panel,
        resume,
        tallies: Vec::new(),
        asked: Vec::new(),
        notes: Notes::default(),
        probe: None,
    };
    if let Some(blind) = watch.sight(&args.probing)? {
        return watch.judged(blind, (policy, args));
    }
    let judgement = match looks {
        Looks::UntilDecided => watch.until(end(session, &policy))?,
        Looks::One => watch.look()?,
    };
    watch.judged(judgement, (policy, args))
}

/// A source that knows only what is now shows nothing to one look, nothing of
/// the time before, and nothing of the time between two runs.
pub(crate) fn refuse_without_history(source: &Source) -> Result<(), Failure> {
    if source.provider().has_history() {
        return Ok(());
    }
    let message = format!(
        "`{}` keeps no history: what was before a look is not known",
        source.provider()
    );
    Err(Failure::new(Kind::Invalid, message)
        .with_hint("let one `run` watch from now on; `explain` what it keeps with `--save-counts`"))
}

/// Whose canary it is, and where its counts come from.
fn about(args: &crate::args::About, source: &Source) -> Result<About, Failure> {
    let release = args
        .release
        .as_deref()
        .map(attest::read_release)
        .transpose()?;
    Ok(About {
        environment: args.environment.clone(),
        release: release.map(|release| release.digest),
        sources: source.told(),
    })
}

pub(crate) fn client(session: &Session) -> Result<Client, Failure> {
    let options = Options {
        ca_file: session.ca_file.clone(),
        timeout: session
            .remaining(Options::default().timeout)
            .unwrap_or(Duration::from_secs(1)),
    };
    Ok(telemetry::client(&options)?)
}

pub(crate) fn before(moment: Time, span: Span) -> Time {
    let length = i64::try_from(span.millis()).unwrap_or(0);
    Time::from_unix_millis(moment.unix_millis().saturating_sub(length)).unwrap_or(moment)
}

fn end(session: &Session, policy: &Policy) -> Time {
    let planned = match policy.pass_by {
        PassBy::Sample => Span::from_millis(policy.sample.time.millis().saturating_mul(2)),
        PassBy::Proof => Span::ZERO,
    };
    session
        .deadline
        .unwrap_or(session.started.after(planned.max(LASTS)))
}

impl Watch<'_> {
    /// Looks until a verdict or the end; the last look decides what is told.
    fn until(&mut self, end: Time) -> Result<Judgement, Failure> {
        let interval = self.source.interval().duration();
        let mut pause = interval;
        let mut told = 0_u32;
        let mut looks = 0_u32;
        loop {
            let judgement = self.look()?;
            let decided = matches!(judgement.verdict, Verdict::Pass | Verdict::Fail);
            let left = end.millis_since(clock::now());
            if decided || left <= 0 {
                return Ok(judgement);
            }
            if looks >= told {
                progress(&render::progress(&judgement));
                told = told.saturating_mul(2).max(1);
            }
            looks = looks.saturating_add(1);
            let deaf = matches!(judgement.reason, Reason::Unreachable | Reason::Unreadable);
            pause = if deaf {
                pause.saturating_mul(2).min(SLOWEST.max(interval))
            } else {
                interval
            };
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            self.pause(pause.min(left))?;
        }
    }

    /// The deadline of the session is the end of the watch, not a failure.
    fn pause(&self, length: Duration) -> Result<(), Failure> {
        match self.session.wait(length) {
            Err(failure) if failure.kind != Kind::Expired => Err(failure),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Sends requests that are known to be bad, and waits until the source
    /// counts them; a verdict where it does not.
    fn sight(&mut self, asked: &Probing) -> Result<Option<Judgement>, Failure> {
        if asked.probe.is_none() {
            return Ok(None);
        }
        let within = asked
            .probe_within
            .unwrap_or_else(|| Policy::staleness(self.source.cadence()));
        let mut questions = Vec::new();
        // What a counter held when it was first seen is not known: it has to be
        // there before.
        let now = clock::now();
        let there = self.seen((now, within), &mut questions, |_| true)?;
        let fault = match there {
            Err(fault) => Some(fault),
            Ok(()) => {
                let (mut probe, mut sent) = probe::send(asked, self.session)?;
                questions.append(&mut sent);
                let interval = self.source.interval();
                let begin = (before(probe.from, interval), within);
                let seen = self.seen(begin, &mut questions, |rows| {
                    probe.look(rows, interval);
                    probe.is_seen()
                })?;
                let fault = seen.err().map(|fault| {
                    let unseen = fault.reason == Reason::ProbeUnseen;
                    if unseen { probe.unseen(within) } else { fault }
                });
                self.probe = Some(probe);
                fault
            }
        };
        let entry = Entry {
            at: clock::now(),
            faults: fault.into_iter().collect(),
            asked: questions,
            tallies: Vec::new(),
            notes: Vec::new(),
            probe: self.probe.clone(),
        };
        let judgement = entry.judge(&mut self.panel, &self.shifts);
        self.record.add(&entry)?;
        let blind = !entry.faults.is_empty();
        self.asked.extend(entry.asked);
        Ok(blind.then_some(judgement))
    }

    /// Looks, from a moment on, until the rows show something, for so long;
    /// what hides it where they do not.
    fn seen(
        &mut self,
        (from, within): (Time, Span),
        asked: &mut Vec<Asked>,
        mut shown: impl FnMut(&[Row]) -> bool,
    ) -> Result<Result<(), Blind>, Failure> {
        let end = clock::now().after(within);
        let end = self.session.deadline.map_or(end, |last| last.min(end));
        loop {
            let now = clock::now();
            let to = self.source.settled(now).max(from);
            let mut look = telemetry::rows(&self.client, &mut self.source, from, to)?;
            asked.append(&mut look.asked);
            let shown = shown(&look.gathered.rows);
            let fault = look.gathered.faults.into_iter().next();
            let left = end.millis_since(now);
            match fault {
                None if shown => return Ok(Ok(())),
                Some(fault) if left <= 0 => return Ok(Err(fault)),
                None if left <= 0 => {
                    let none = Blind::new(Reason::ProbeUnseen, "errors are not seen");
                    return Ok(Err(none));
                }
                Some(_) | None => {}
            }
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            self.pause(self.source.interval().duration().min(left))?;
        }
    }

    fn look(&mut self) -> Result<Judgement, Failure> {
        let now = clock::now();
        let from = self.panel.last().unwrap_or(self.from);
        // Asked even when no row can be whole yet: a wrong query shows at once.
        let to = self.source.settled(now).max(from);
        let mut look = telemetry::rows(&self.client, &mut self.source, from, to)?;
        let tallies = self.metrics.beside(
            &mut look.gathered,
            (&self.client, &self.source),
            ((from, to), &mut look.asked),
        )?;
        let mut notes = look.gathered.notes;
        notes.retain(|note| self.notes.take(note));
        let interval = self.source.interval();
        let hidden = |end| {
            let probe = self.probe.as_ref();
            probe.is_some_and(|probe| probe.hides(end, interval))
        };
        let new = tallies
            .into_iter()
            .filter(|tally| tally.time > from && !hidden(tally.time));
        let entry = Entry {
            at: now,
            faults: look.gathered.faults,
            notes,
            asked: look.asked,
            tallies: new.collect(),
            probe: None,
        };
        let judgement = entry.judge(&mut self.panel, &self.shifts);
        self.record.add(&entry)?;
        if let Some(resume) = &self.resume {
            resume.write(&self.panel)?;
        }
        self.asked.extend(entry.asked);
        let surplus = self.asked.len().saturating_sub(MOST_ANSWERS);
        self.asked.drain(..surplus);
        let used = self.panel.last();
        let new = entry.tallies.into_iter();
        self.tallies
            .extend(new.filter(|tally| Some(tally.time) <= used));
        Ok(judgement)
    }

    fn csv(&self) -> String {
        let first = |tally: &Tally| Some(tally.counts.first()?.row(tally.time).line());
        let lines = self.tallies.iter().filter_map(first);
        let head = std::iter::once(counts::HEADER.to_owned());
        let mut text = head.chain(lines).collect::<Vec<_>>().join("\n");
        text.push('\n');
        text
    }

    fn judged(
        self,
        judgement: Judgement,
        (policy, args): (Policy, &Run),
    ) -> Result<Judged, Failure> {
        let csv = self.csv();
        if let Some(path) = args.save_counts.as_ref().filter(|_| !self.session.dry_run) {
            file::write(path, csv.as_bytes())?;
        }
        let record = self.record.close(&judgement)?;
        Ok(Judged {
            judgement,
            policy,
            evidence: vec![record, Digest::of(csv.as_bytes())],
            asked: self.asked,
            notes: self.notes.told(),
            probe: self.probe,
            seen: Seen {
                begun: self.begun,
                tallies: self.tallies,
            },
        })
    }
}
