//! Watches a canary in Prometheus until there is a verdict or no more time.

use std::path::Path;
use std::time::Duration;

use liftlock::canary::counts::{self, Row};
use liftlock::canary::sight::Sight;
use liftlock::canary::state::State;
use liftlock::canary::{Evidence, Judgement, PassBy, Policy, Reason};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::span::Span;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::{Session, progress};
use liftlock_io::http::{Client, Options};
use liftlock_io::prometheus::{self, Source};
use liftlock_io::{clock, file};

use crate::args::Run;
use crate::render;
use crate::run::Judged;
use crate::settings::{Settings, shifts};

/// How long a run lasts where neither `--timeout` nor the plan says more.
const LASTS: Span = Span::seconds(30 * 60);

/// The longest time between two looks when there is nothing to see.
const SLOWEST: Duration = Duration::from_secs(60);

/// The most answers whose digests are kept as evidence.
const MOST_ANSWERS: usize = 1000;

/// One watch over one canary.
struct Watch<'a> {
    client: Client,
    source: Source,
    session: &'a Session,
    sight: Sight,
    state: State,
    from: Time,
    rows: Vec<Row>,
    answers: Vec<Digest>,
    notes: Vec<String>,
}

pub(crate) fn watch(args: &Run, session: &Session, settings: &Settings) -> Result<Judged, Failure> {
    let draft = settings.policy(&args.proof, None)?;
    let source = settings.source(&args.place, &draft)?;
    let policy = settings.policy(&args.proof, Some(source.interval()))?;
    let state = resumed(args.resume.as_deref(), &policy)?;
    let mut watch = Watch {
        client: client(session)?,
        from: state.last().unwrap_or(before(session.started, args.since)),
        sight: Sight {
            shifts: shifts(&args.proof),
            changing: Vec::new(),
            faults: Vec::new(),
        },
        source,
        session,
        state,
        rows: Vec::new(),
        answers: Vec::new(),
        notes: Vec::new(),
    };
    let judgement = watch.until(end(session, &policy))?;
    if !session.dry_run {
        watch.save(args)?;
    }
    Ok(watch.judged(judgement, policy))
}

pub(crate) fn client(session: &Session) -> Result<Client, Failure> {
    let options = Options {
        ca_file: session.ca_file.clone(),
        timeout: session
            .remaining(Options::default().timeout)
            .unwrap_or(Duration::from_secs(1)),
    };
    Ok(Client::new(&options)?)
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

fn resumed(path: Option<&Path>, policy: &Policy) -> Result<State, Failure> {
    let Some(path) = path.filter(|path| path.exists()) else {
        return Ok(State::new(policy.clone()));
    };
    let limit = u64::try_from(json::LARGEST).unwrap_or(u64::MAX);
    let told = |error: json::ParseError| {
        let message = format!("cannot understand `{}`", path.display());
        Failure::because(Kind::Invalid, message, error)
    };
    let state: State = json::parse(&file::read(path, limit)?).map_err(told)?;
    if state.policy() == policy {
        return Ok(state);
    }
    let message = format!("`{}` was begun under other rules", path.display());
    Err(Failure::new(Kind::Invalid, message)
        .with_hint("give the same flags as before, or another file"))
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

    fn look(&mut self) -> Result<Judgement, Failure> {
        let now = clock::now();
        let from = self.state.last().unwrap_or(self.from);
        // Asked even when no row can be whole yet: a wrong query shows at once.
        let to = self.source.settled(now).max(from);
        let look = prometheus::rows(&self.client, &self.source, from, to)?;
        self.answers.extend(look.answers);
        let surplus = self.answers.len().saturating_sub(MOST_ANSWERS);
        self.answers.drain(..surplus);
        self.sight.faults = look.gathered.faults;
        self.notes = look.gathered.notes;
        let evidence = Evidence {
            rows: &look.gathered.rows,
            sight: &self.sight,
        };
        let judgement = self.state.decide(&evidence, now);
        let used = self.state.last();
        let new = look.gathered.rows.into_iter();
        self.rows
            .extend(new.filter(|row| row.time > from && Some(row.time) <= used));
        Ok(judgement)
    }

    fn csv(&self) -> String {
        let lines = self.rows.iter().map(Row::line);
        let head = std::iter::once(counts::HEADER.to_owned());
        let mut text = head.chain(lines).collect::<Vec<_>>().join("\n");
        text.push('\n');
        text
    }

    fn save(&self, args: &Run) -> Result<(), Failure> {
        if let Some(path) = &args.save_counts {
            file::write(path, self.csv().as_bytes())?;
        }
        if let Some(path) = &args.resume {
            let bytes = json::line(&self.state)
                .map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
            file::write(path, &bytes)?;
        }
        Ok(())
    }

    fn judged(self, judgement: Judgement, policy: Policy) -> Judged {
        let mut evidence = vec![Digest::of(self.csv().as_bytes())];
        evidence.extend(self.answers);
        Judged {
            judgement,
            policy,
            evidence,
            notes: self.notes,
        }
    }
}
