//! Dispatches to the subcommands, and judges recorded counts.

use std::path::{Path, PathBuf};

use liftlock::canary::counts::{self, Row, Tally};
use liftlock::canary::panel::{Panel, Strand};
use liftlock::canary::place::Located;
use liftlock::canary::probe::Probe;
use liftlock::canary::record::Asked;
use liftlock::canary::sight::Sight;
use liftlock::canary::trace::interval;
use liftlock::canary::{Evidence, Judgement, Policy, Range, Unit, decide};
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Failure, Kind};
use liftlock::report::Report;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::file;

use crate::args::{Args, Command, Judge, Proof, Run};
use crate::attest::Attesting;
use crate::settings::{Settings, shifts};
use crate::watch::Looks;
use crate::{
    attest, backtest, doctor, explain, html, import, lint, many, peers, render, replay, runs,
    values, watch,
};

/// What was judged, by which rules, from what.
pub(crate) struct Judged {
    pub(crate) judgement: Judgement,
    pub(crate) policy: Policy,
    /// Digests of counts and records.
    pub(crate) evidence: Vec<Digest>,
    /// What was asked, and the digests of the answers.
    pub(crate) asked: Vec<Asked>,
    /// What a person should know though it decided nothing.
    pub(crate) notes: Vec<String>,
    /// What was done to see whether errors are counted.
    pub(crate) probe: Option<Probe>,
    pub(crate) seen: Seen,
}

/// What it was judged from, to be looked at again.
pub(crate) struct Seen {
    /// What was known before the rows.
    pub(crate) begun: Panel,
    pub(crate) tallies: Vec<Tally>,
}

impl Judged {
    /// The rows that the verdict used, which are the first ones.
    pub(crate) fn used(&self) -> &[Tally] {
        let used = self.judgement.rows.saturating_sub(self.seen.begun.rows());
        let used = usize::try_from(used).unwrap_or(usize::MAX);
        self.seen.tallies.get(..used).unwrap_or(&self.seen.tallies)
    }

    /// The odds ratios that are not refuted in one place, at all looks with
    /// 95 %; nothing where earlier rows are not known.
    pub(crate) fn range(&self, place: &Located) -> Option<Range> {
        let begun = &self.seen.begun;
        let known = begun.rows() == 0;
        let of = |strand: &Strand| {
            strand.metric == place.metric && strand.place.as_ref() == Some(&place.place)
        };
        let at = begun.strands().iter().position(of).filter(|_| known)?;
        let strand = begun.strands().get(at)?;
        let range = interval(&self.rows(at), strand.state().policy());
        (!range.is_open()).then_some(range)
    }

    /// The same of one count.
    pub(crate) fn rows(&self, strand: usize) -> Vec<Row> {
        let pairs = self.used().iter();
        let pairs = pairs.filter_map(|tally| Some((tally.time, tally.counts.get(strand)?)));
        pairs.map(|(time, pair)| pair.row(time)).collect()
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Report, Failure> {
    match &args.command {
        Command::Judge(args) => judge(args, session),
        Command::Run(args) => watched("run", args, (Looks::UntilDecided, session)),
        Command::Once(args) => watched("once", args, (Looks::One, session)),
        Command::Runs(args) => runs::judge(args, session),
        Command::Replay(args) => replay::replay(args, session),
        Command::Explain(args) => explain::explain(args, session),
        Command::Doctor(args) => doctor::doctor(args, session),
        Command::Backtest(args) => backtest::run(args, session),
        Command::Peers(args) => peers::peers(args, session),
        Command::Import(args) => import::import(args, session),
        Command::Lint(args) => lint::lint(args, session),
    }
}

fn watched(
    name: &'static str,
    args: &Run,
    (looks, session): (Looks, &Session),
) -> Result<Report, Failure> {
    let settings = Settings::read(session, args.about.environment.as_ref())?;
    let attesting = Attesting::new(&args.about, &settings, session)?;
    let judged = watch::watch(args, (looks, session), &attesting)?;
    finish(name, &judged, &attesting, session)
}

fn judge(args: &Judge, session: &Session) -> Result<Report, Failure> {
    if let Some(folder) = &args.counts_dir {
        return many::judge(folder, args, session);
    }
    let settings = Settings::read(session, args.about.environment.as_ref())?;
    let attesting = Attesting::new(&args.about, &settings, session)?;
    let policy = settings.policy(&args.proof, None)?;
    let judged = match (&args.values, args.most) {
        (Some(path), Some(most)) => {
            settings.refuse_values()?;
            values::judge(path, most, policy)?
        }
        (None, _) | (_, None) => {
            let path = settings.counts(args.counts.as_ref())?;
            recorded(&path, &args.proof, policy)?
        }
    };
    finish("judge", &judged, &attesting, session)
}

/// Judges a file of counts as of its last row: the file is all there is.
pub(crate) fn recorded(path: &Path, proof: &Proof, policy: Policy) -> Result<Judged, Failure> {
    let (rows, digest) = read_counts(path, proof.unit())?;
    let sight = Sight {
        shifts: shifts(proof),
        ..Sight::default()
    };
    let evidence = Evidence {
        rows: &rows,
        sight: &sight,
    };
    let now = rows.last().map_or(Time::EPOCH, |row| row.time);
    Ok(Judged {
        judgement: decide(&policy, &evidence, now),
        seen: Seen {
            begun: Panel::single(policy.clone()),
            tallies: rows.iter().map(Tally::from).collect(),
        },
        policy,
        evidence: vec![digest],
        asked: Vec::new(),
        notes: Vec::new(),
        probe: None,
    })
}

pub(crate) fn read_counts(path: &Path, unit: Unit) -> Result<(Vec<Row>, Digest), Failure> {
    let limit = u64::try_from(counts::LARGEST).unwrap_or(u64::MAX);
    let bytes = file::read(path, limit)?;
    let rows = counts::parse_as(&bytes, unit).map_err(|source| BadCounts {
        path: path.to_owned(),
        source,
    })?;
    Ok((rows, Digest::of(&bytes)))
}

/// Signs the verdict where that was asked for, and tells it.
pub(crate) fn finish(
    subcommand: &'static str,
    judged: &Judged,
    attesting: &Attesting<'_>,
    session: &Session,
) -> Result<Report, Failure> {
    let (about, settings) = (attesting.about, attesting.settings);
    let kept = attest::keep(judged, attesting, session)?;
    if let Some(path) = about.html.as_ref().filter(|_| !session.dry_run) {
        let page = settings.page(judged, kept.as_ref());
        file::write(path, html::render(&page).as_bytes())?;
    }
    let report = render::report(subcommand, judged, kept.as_ref());
    let mut report = settings.label(report);
    if let Some(kept) = kept {
        report.recorded = kept.recorded;
        report.scope.service = Some(kept.service);
    }
    Ok(report)
}

/// A file of counts cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("cannot understand `{}`", path.display())]
struct BadCounts {
    path: PathBuf,
    source: counts::ParseError,
}

impl Explain for BadCounts {
    fn kind(&self) -> Kind {
        self.source.kind()
    }

    fn hint(&self) -> Option<String> {
        self.source.hint()
    }
}
