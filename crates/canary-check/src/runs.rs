//! Judges what has no traffic by its runs.

use std::path::Path;

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::canary::panel::Panel;
use liftlock::canary::runs::{self, Failures, ParseError, Run, TestResult};
use liftlock::canary::{Against, PassBy, Policy, Risk, Sample};
use liftlock::chain::Examiner;
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Failure, Kind};
use liftlock::percent::Percent;
use liftlock::release::Identified;
use liftlock::report::Report;
use liftlock::span::Span;
use liftlock::statement::Statement;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::verify::Local;
use liftlock_io::{file, key};

use crate::args::Runs;
use crate::attest::{self, Attesting};
use crate::run::{Judged, Seen, finish};
use crate::settings::Settings;

/// The share of failing runs that is ruled out where nothing else is asked.
const AT_MOST: u16 = 500;

/// How old the newest run may be: a nightly one may be missed once.
const STALENESS: Span = Span::seconds(2 * 24 * 3600);

/// The most signed results of one question.
const MOST: usize = 10_000;

pub(crate) fn judge(args: &Runs, session: &Session) -> Result<Report, Failure> {
    let settings = Settings::read(session, args.about.environment.as_ref())?;
    let attesting = Attesting::new(&args.about, &settings, session)?;
    let policy = policy(args, &settings)?;
    let candidate = Candidate::new(args)?;
    let (known, evidence) = candidate.known(args, (&settings, session))?;
    let (mine, others): (Vec<Run>, Vec<Run>) = known
        .into_iter()
        .partition(|run| candidate.digests.contains(&run.digest));
    let failures = match args.count_failures {
        true => Failures::Counted,
        false => Failures::Fail,
    };
    let notes = match others.len() {
        0 => Vec::new(),
        count => vec![format!("{count} runs of other digests say nothing here")],
    };
    let judged = Judged {
        judgement: runs::judge(&policy, &mine, (failures, session.started)),
        seen: Seen {
            begun: Panel::single(policy.clone()),
            tallies: runs::tallies(&mine),
        },
        policy,
        evidence,
        asked: Vec::new(),
        notes,
        probe: None,
    };
    finish("runs", &judged, &attesting, session)
}

/// The objective that runs are held against, and how many there must be.
fn policy(args: &Runs, settings: &Settings) -> Result<Policy, Failure> {
    let risk = args.risk.unwrap_or(Policy::default().beta);
    let default = Percent::from_basis_points(AT_MOST).unwrap_or(Percent::ONE);
    let at_most = match (args.at_most, args.successes) {
        (Some(share), _) => Some(share),
        (None, None) => Some(default),
        (None, Some(_)) => None,
    };
    let least = match at_most {
        Some(share) => runs::needed(share, risk).ok_or_else(|| {
            let message = format!("no number of runs proves that {share} of them fail at most");
            Failure::new(Kind::Usage, message).with_hint("give a share such as 5%")
        })?,
        None => 0,
    };
    let needed = least.max(args.successes.unwrap_or(0));
    let against = match at_most {
        Some(share) => Against::slo(share.rest())?,
        None => runs::objective(needed, risk)?,
    };
    let environment = settings.environment.as_ref();
    let policy = Policy {
        alpha: match environment {
            Some(environment) => Risk::try_from(environment.alpha)?,
            None => Policy::default().alpha,
        },
        beta: risk,
        sample: Sample {
            requests: needed,
            time: environment.map_or(Span::ZERO, |environment| environment.bake),
        },
        pass_by: PassBy::Proof,
        against,
        max_staleness: args.max_staleness.unwrap_or(STALENESS),
        ..Policy::default()
    };
    let floor = runs::needed(default, Policy::default().beta).unwrap_or(u64::MAX);
    settings.refuse_fewer_runs(args, (&policy, floor, STALENESS))?;
    Ok(policy)
}

/// What the runs have to be of.
struct Candidate {
    digests: Vec<Digest>,
    /// No run of it was earlier.
    made_at: Option<Time>,
}

impl Candidate {
    fn new(args: &Runs) -> Result<Self, Failure> {
        let release: Option<Identified> = args
            .about
            .release
            .as_deref()
            .map(attest::read_release)
            .transpose()?;
        let digests = match &release {
            // What one of several artifacts did says nothing about the others.
            Some(release) if release.release.artifacts.len() > 1 => vec![release.digest],
            Some(release) => attest::subjects(release),
            None => args.digests.clone(),
        };
        if digests.is_empty() {
            return Err(Failure::new(Kind::Usage, "nothing says what is judged")
                .with_hint("give `--digest`, or `--release` with `--environment`"));
        }
        Ok(Self {
            digests,
            made_at: release.map(|release| release.release.created_at),
        })
    }

    /// All runs that are told of, and the digests of what tells of them.
    fn known(
        &self,
        args: &Runs,
        (settings, session): (&Settings, &Session),
    ) -> Result<(Vec<Run>, Vec<Digest>), Failure> {
        let (mut runs, mut evidence) = (Vec::new(), Vec::new());
        if let Some(path) = &args.runs {
            let bytes = file::read(path, u64::try_from(runs::LARGEST).unwrap_or(u64::MAX))?;
            evidence.push(Digest::of(&bytes));
            runs.extend(runs::parse(&bytes).map_err(|source| BadLog {
                path: path.clone(),
                source,
            })?);
        }
        if args.results.len() > MOST {
            let message = format!("more than {MOST} results");
            return Err(Failure::new(Kind::Usage, message));
        }
        let trust = Trust::new(args, (settings, session))?;
        for path in &args.results {
            let limit = u64::try_from(liftlock::json::LARGEST).unwrap_or(u64::MAX);
            let bytes = file::read(path, limit)?;
            evidence.push(Digest::of(&bytes));
            let (statement, seen) = trust.proved(path, &bytes)?;
            runs.push(self.told(path, &statement, seen)?);
        }
        Ok((runs, evidence))
    }

    /// A result as a run: of the candidate, where it is about it.
    fn told(&self, path: &Path, statement: &Statement, seen: Option<Time>) -> Result<Run, Failure> {
        let shown = path.display();
        let result = TestResult::of(statement)
            .map_err(|reason| Failure::new(Kind::Invalid, format!("`{shown}`: {reason}")))?;
        let mine = self
            .digests
            .iter()
            .find(|digest| statement.is_about(digest));
        let any = mine.copied().or_else(|| statement.digests().next());
        let digest = any.ok_or_else(|| {
            Failure::new(
                Kind::Invalid,
                format!("`{shown}` is about nothing with a SHA-256"),
            )
        })?;
        // A result has no time of its own: where nobody saw its signature, it
        // is as old as it can be.
        let time = seen.or(self.made_at).unwrap_or(Time::EPOCH);
        Ok(result.run(digest, time))
    }
}

/// Whose results count.
enum Trust<'a> {
    Nobody,
    Keys(Vec<PublicKey>),
    Rules(Examiner<'a>),
}

impl<'a> Trust<'a> {
    fn new(args: &Runs, (settings, session): (&'a Settings, &Session)) -> Result<Self, Failure> {
        if args.results.is_empty() {
            return Ok(Self::Nobody);
        }
        if !args.trusted_keys.is_empty() {
            let keys = args.trusted_keys.iter().map(|name| key::public(name));
            return Ok(Self::Keys(keys.collect::<Result<_, _>>()?));
        }
        match &settings.rules {
            Some(rules) => Ok(Self::Rules(Examiner {
                trust: &rules.trust,
                root: &rules.root,
                verifier: &Local,
                now: session.started,
            })),
            None => Err(
                Failure::new(Kind::Usage, "nothing says whose results count")
                    .with_hint("give `--trusted-key`, or a configuration with `trust`"),
            ),
        }
    }

    /// The statement, and when somebody else first saw its signature.
    fn proved(&self, path: &Path, bytes: &[u8]) -> Result<(Statement, Option<Time>), Failure> {
        let refused = |reason: String| {
            let message = format!("`{}` is not proved: {reason}", path.display());
            Failure::new(Kind::Refuted, message)
        };
        match self {
            Self::Nobody => Err(refused("nobody is trusted".to_owned())),
            Self::Keys(keys) => {
                let bundle = Bundle::parse(bytes).map_err(|error| refused(error.to_string()))?;
                let proved = attestation::verify(&bundle, keys, &Local)
                    .map_err(|error| refused(error.to_string()))?;
                Ok((proved.statement, None))
            }
            Self::Rules(examiner) => {
                let said = examiner.examine(bytes).outcome.map_err(refused)?;
                Ok((said.statement, said.times.into_iter().min()))
            }
        }
    }
}

/// A log of runs cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("cannot understand `{}`", path.display())]
struct BadLog {
    path: std::path::PathBuf,
    source: ParseError,
}

impl Explain for BadLog {
    fn kind(&self) -> Kind {
        self.source.kind()
    }

    fn hint(&self) -> Option<String> {
        self.source.hint()
    }
}

impl Settings {
    /// What a protected policy does not let flags change: it says nothing of
    /// runs, so the defaults are the least, and what it wants judged by
    /// traffic is.
    fn refuse_fewer_runs(
        &self,
        args: &Runs,
        (policy, floor, staleness): (&Policy, u64, Span),
    ) -> Result<(), Failure> {
        let Some(environment) = self.protected() else {
            return Ok(());
        };
        let fewer = match args.at_most {
            Some(_) => "at-most",
            None => "successes",
        };
        let looser = [
            ("risk", policy.beta > Policy::default().beta),
            (fewer, policy.sample.requests < floor),
            ("count-failures", args.count_failures),
            ("max-staleness", policy.max_staleness > staleness),
            ("trusted-key", !args.trusted_keys.is_empty()),
            // Nobody signed a log.
            ("runs", args.runs.is_some()),
        ];
        if environment.metrics.is_some() || environment.slots.is_some() {
            let message = "the policy has this environment judged by its traffic, not by runs";
            return Err(Failure::new(Kind::Invalid, message).with_hint("use `run` or `judge`"));
        }
        match looser.into_iter().find(|(_, looser)| *looser) {
            None => Ok(()),
            Some((flag, _)) => Err(crate::settings::loosens(flag)),
        }
    }
}
