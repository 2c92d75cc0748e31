//! `trust-root`: which root is in force, how old it is, and how to update it.

use std::path::Path;

use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::sigstore::anchors::{Authority, Log, Range, TrustedRoot};
use liftlock::sigstore::tuf::Age;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::keyless::instance::{Instance, Keeping, Origin};
use liftlock_io::{clock, file, http};
use serde::Serialize;

use crate::args::TrustRoot;
use crate::target::options;

/// A root's origin and age, for results.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Standing {
    /// Compiled in, from files, or from an update.
    pub(crate) origin: String,
    /// The day on which it was the newest; nobody knows that of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) day: Option<Time>,
    /// Whole days since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) days: Option<i64>,
}

impl Standing {
    pub(crate) fn of(origin: &Origin, now: Time) -> Self {
        Self {
            origin: origin.to_string(),
            day: origin.day(),
            days: origin.days(now),
        }
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.origin)?;
        match (self.day, self.days) {
            (Some(day), Some(days)) => {
                let plural = if days == 1 { "" } else { "s" };
                write!(formatter, ", of {day}, {days} day{plural} old")
            }
            (_, _) => Ok(()),
        }
    }
}

/// A log or an authority.
#[derive(Serialize)]
struct Entry {
    kind: &'static str,
    url: String,
    from: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
}

impl Entry {
    fn new(kind: &'static str, url: &str, valid: Range) -> Self {
        Self {
            kind,
            url: url.to_owned(),
            from: valid.start,
            until: valid.end,
        }
    }

    fn all(root: &TrustedRoot) -> Vec<Self> {
        let log = |kind| move |log: &Log| Self::new(kind, &log.url, log.valid);
        let authority = |kind| move |one: &Authority| Self::new(kind, &one.url, one.valid);
        let logs = root.logs.iter().map(log("log"));
        let certificates = root.certificate_logs.iter().map(log("certificate log"));
        let authorities = root.authorities.iter();
        let authorities = authorities.map(authority("certificate authority"));
        let clocks = root.timestamp_authorities.iter();
        let clocks = clocks.map(authority("timestamp authority"));
        logs.chain(certificates)
            .chain(authorities)
            .chain(clocks)
            .collect()
    }

    fn line(&self) -> String {
        let until = self.until.map(|until| format!(" until {until}"));
        let until = until.unwrap_or_default();
        format!("{:<22}{}  from {}{until}\n", self.kind, self.url, self.from)
    }
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    standing: Standing,
    entries: Vec<Entry>,
}

pub(crate) fn run(asked: &TrustRoot, session: &Session) -> Result<Report, Failure> {
    let instance = if asked.refresh {
        refresh(asked, session)?
    } else {
        Instance::read(asked.updates.files())?
    };
    if let Some(folder) = &asked.save {
        save(&instance, folder, session)?;
    }
    let now = clock::now();
    let standing = Standing::of(&instance.origin, now);
    let headline = format!("the trusted root in force is {standing}");
    let entries = Entry::all(&instance.root);
    let mut human: String = entries.iter().map(Entry::line).collect();
    human.push_str(match standing.day.map(|day| Age::of(day, now)) {
        None | Some(Age::Fresh) => "",
        Some(Age::Due) => "it is updated before something is signed\n",
        Some(Age::Over) => "it is too old to sign by: run `sign-artifact trust-root --refresh`\n",
    });
    Ok(Report::new("trust-root", Verdict::Pass, headline)
        .with_output("count", entries.len().to_string())
        .with_human(human)
        .with_detail(&Shown { standing, entries }))
}

/// Who asks for an update wants it kept, so that not keeping it is an error.
fn refresh(asked: &TrustRoot, session: &Session) -> Result<Instance, Failure> {
    let files = asked.updates.files();
    let client = http::Client::new(&options(session))?;
    let keeping = match session.dry_run {
        true => Keeping::Dropped,
        false => Keeping::Kept,
    };
    let (instance, unkept) = Instance::update(files, &client, keeping)?;
    match unkept {
        None => Ok(instance),
        Some(error) => Err(error.into()),
    }
}

fn save(instance: &Instance, folder: &Path, session: &Session) -> Result<(), Failure> {
    if session.dry_run {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!("cannot make the folder `{}`", folder.display());
        Failure::because(Kind::Upstream, message, error)
    })?;
    file::write(&folder.join("trusted_root.json"), &instance.files.0)?;
    if let Some(config) = &instance.files.1 {
        file::write(&folder.join("signing_config.json"), config)?;
    }
    Ok(())
}
