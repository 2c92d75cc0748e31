//! Makes a record from flags or a file.

use std::path::{Path, PathBuf};

use liftlock::ci::System;
use liftlock::failure::{Explain, Failure, Kind};
use liftlock::ledger::LARGEST_ENTRY;
use liftlock::name::Name;
use liftlock::record::{self, Actor, Id, Record};
use liftlock::release::{self, Identified};
use liftlock_io::cli::Session;
use liftlock_io::{file, random};

use crate::args::Append;
use crate::places::Places;

/// The record that was asked for.
pub(crate) fn record(
    asked: &Append,
    places: &Places,
    session: &Session,
) -> Result<Record, Failure> {
    match (&asked.record, &asked.kind) {
        (Some(path), _) => from_file(path),
        (None, Some(kind)) => from_flags(asked, kind.clone(), places, session),
        (None, None) => Err(Failure::new(Kind::Usage, "neither `--record` nor `--kind`")),
    }
}

fn from_file(path: &Path) -> Result<Record, Failure> {
    let bytes = read(path)?;
    let record = Record::parse(&bytes).map_err(|source| Error::Record {
        path: path.to_owned(),
        source,
    })?;
    Ok(record)
}

fn from_flags(
    asked: &Append,
    kind: record::Kind,
    places: &Places,
    session: &Session,
) -> Result<Record, Failure> {
    let released = asked.release_file.as_deref().map(release).transpose()?;
    let previous = asked.previous_file.as_deref().map(release).transpose()?;
    let service = service(released.as_ref(), places, session)?;
    let id = match &asked.id {
        Some(id) => id.clone(),
        None => new_id()?,
    };
    let mut record = Record::new(id, kind, session.started, service, actor(asked, session));
    record.environment.clone_from(&asked.environment);
    record.verdict = asked.verdict;
    record.evidence.clone_from(&asked.evidence_digest);
    record.commit = asked
        .commit
        .clone()
        .or_else(|| {
            released
                .as_ref()
                .and_then(|found| found.release.commit.clone())
        })
        .or_else(|| session.ci.commit.clone());
    record.run_url = asked.run_url.clone().or_else(|| session.ci.url.clone());
    record.policy = places.rules.as_ref().map(|rules| rules.policy);
    record.previous = previous.as_ref().map(Identified::reference);
    record.release = released.as_ref().map(Identified::reference);
    if let Some(note) = &asked.note {
        record
            .detail
            .insert("note".to_owned(), note.as_str().into());
    }
    record.check()?;
    Ok(record)
}

/// The service of the release, which flags and configuration must not contradict.
fn service(
    released: Option<&Identified>,
    places: &Places,
    session: &Session,
) -> Result<Name, Failure> {
    let told = session
        .service
        .clone()
        .or_else(|| places.rules.as_ref().map(|rules| rules.service.clone()));
    let found = released.map(|found| found.release.service.clone());
    match (told, found) {
        (Some(told), Some(found)) if told != found => {
            let message = format!("the release is one of `{found}`, not of `{told}`");
            Err(Failure::new(Kind::Invalid, message))
        }
        (_, Some(name)) | (Some(name), None) => Ok(name),
        (None, None) => Err(Failure::new(Kind::Usage, "no service is named")
            .with_hint("give `--service NAME` or `--release-file FILE`")),
    }
}

/// Variables of a CI are a claim, not a proof.
fn actor(asked: &Append, session: &Session) -> Actor {
    let from_ci = match session.ci.system {
        System::GitHub | System::GitLab | System::Jenkins => "ci-environment",
        System::Plain => "asserted",
    };
    match (&asked.actor, &session.ci.actor) {
        (Some(id), _) => Actor {
            id: id.clone(),
            proof: "asserted".to_owned(),
        },
        (None, Some(id)) => Actor {
            id: id.clone(),
            proof: from_ci.to_owned(),
        },
        (None, None) => Actor {
            id: "unknown".to_owned(),
            proof: "none".to_owned(),
        },
    }
}

fn new_id() -> Result<Id, Failure> {
    let token = random::token()?;
    token
        .parse()
        .map_err(|error: record::BadId| Failure::new(Kind::Bug, error.to_string()))
}

fn release(path: &Path) -> Result<Identified, Failure> {
    let bytes = file::read(path, 1024 * 1024)?;
    let found = Identified::parse(&bytes).map_err(|source| Error::Release {
        path: path.to_owned(),
        source,
    })?;
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(LARGEST_ENTRY).unwrap_or(u64::MAX);
    Ok(file::read(path, limit)?)
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("`{}` is no record", path.display())]
    Record {
        path: PathBuf,
        source: record::ParseError,
    },
    #[error("`{}` is no release.json", path.display())]
    Release {
        path: PathBuf,
        source: release::ParseError,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}
