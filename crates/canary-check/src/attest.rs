//! Signs the verdict for a release, and keeps it where `promote` looks for it.

use std::path::{Path, PathBuf};

use liftlock::canary::Predicate;
use liftlock::config::trust::Role;
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Failure, Kind};
use liftlock::name::Name;
use liftlock::predicate::{CANARY, Ruling};
use liftlock::record::{self, Actor, Id, Record};
use liftlock::release::{self, Identified};
use liftlock::statement::{Statement, Subject};
use liftlock_io::cli::Session;
use liftlock_io::cli::office::Office;
use liftlock_io::cli::signing::Signer;
use liftlock_io::evidence::Evidence;
use liftlock_io::key::Private;
use liftlock_io::ledger::Ledger;
use liftlock_io::{clock, file};

use crate::args::About;
use crate::run::Judged;
use crate::settings::Settings;

/// What was signed and kept.
pub(crate) struct Kept {
    pub(crate) service: Name,
    /// The release that it is about.
    pub(crate) release: Digest,
    /// The digest of the bundle.
    pub(crate) bundle: Digest,
    /// Whether the ledger has a record of it.
    pub(crate) recorded: bool,
}

/// What a verdict is about, and who signs it: known to be able to before
/// anything is watched, as a watch may last for hours.
pub(crate) struct Attesting<'a> {
    pub(crate) about: &'a About,
    pub(crate) settings: &'a Settings,
    signer: Option<Signer<'a>>,
}

impl<'a> Attesting<'a> {
    /// Opens the key, or finds out whether the identity of the CI may sign.
    pub(crate) fn new(
        about: &'a About,
        settings: &'a Settings,
        session: &Session,
    ) -> Result<Self, Failure> {
        refuse_without_release(about)?;
        let signer = about.release.as_ref().map(|_| about.signing.open(session));
        let attesting = Self {
            about,
            settings,
            signer: signer.transpose()?,
        };
        if let Some(signer) = attesting.signer.as_ref().filter(|_| !session.dry_run) {
            attesting.office().ready(signer, session)?;
        }
        Ok(attesting)
    }

    /// The key, if one signs.
    pub(crate) fn key(&self) -> Option<&Private> {
        self.signer.as_ref().and_then(Signer::key)
    }

    const fn office(&self) -> Office<'_> {
        Office {
            role: Role::Canary,
            rules: self.settings.rules.as_ref(),
        }
    }
}

/// Nobody signs a verdict that is about no release.
pub(crate) fn refuse_without_release(about: &About) -> Result<(), Failure> {
    if about.release.is_some() || !about.signing.is_named() {
        return Ok(());
    }
    let message = "who signs is said, and not about which release";
    Err(Failure::new(Kind::Usage, message).with_hint("give `--release` and `--environment`"))
}

pub(crate) fn keep(
    judged: &Judged,
    attesting: &Attesting<'_>,
    session: &Session,
) -> Result<Option<Kept>, Failure> {
    let (about, settings) = (attesting.about, attesting.settings);
    let (Some(path), Some(signer), Some(environment)) =
        (&about.release, &attesting.signer, &about.environment)
    else {
        return Ok(None);
    };
    let release = read_release(path)?;
    let own = settings.rules.as_ref().map(|rules| &rules.service);
    if own.is_some_and(|own| *own != release.release.service) {
        let message = format!(
            "`{}` is a release of `{}`, not of the service of the configuration",
            path.display(),
            release.release.service
        );
        return Err(Failure::new(Kind::Invalid, message));
    }
    let store = about.evidence.clone().or_else(|| {
        let rules = settings.rules.as_ref()?;
        Some(rules.evidence.clone())
    });
    if store.is_none() && about.bundle.is_none() {
        let message = "there is no place for the signed verdict";
        return Err(Failure::new(Kind::Usage, message).with_hint("give `--evidence` or `--bundle`"));
    }
    // Everybody would see what an identity signs.
    if session.dry_run && attesting.key().is_none() {
        return Ok(None);
    }
    let predicate = predicate(judged, (about, environment), settings, &release);
    let subjects = subjects(&release);
    let named = subjects.iter().map(Subject::new).collect();
    let statement = Statement::new(named, CANARY, &predicate)?;
    let bundle = attesting.office().attest(&statement, signer, session)?;
    let mut kept = Kept {
        service: release.release.service.clone(),
        release: release.digest,
        bundle: bundle.digest(),
        recorded: false,
    };
    if session.dry_run {
        return Ok(Some(kept));
    }
    if let Some(store) = &store {
        Evidence::open(store)?.put(&subjects, CANARY, bundle.bytes())?;
    }
    if let Some(path) = &about.bundle {
        file::write(path, bundle.bytes())?;
    }
    if let Some(rules) = &settings.rules {
        let record = record(&predicate, &release, kept.bundle, session);
        Ledger::open(&rules.ledger)?.append(&record)?;
        kept.recorded = true;
    }
    Ok(Some(kept))
}

pub(crate) fn read_release(path: &Path) -> Result<Identified, Failure> {
    let limit = u64::try_from(liftlock::json::LARGEST).unwrap_or(u64::MAX);
    let bytes = file::read(path, limit)?;
    Ok(Identified::parse(&bytes).map_err(|source| BadRelease {
        path: path.to_owned(),
        source,
    })?)
}

/// A release cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("cannot understand `{}`", path.display())]
struct BadRelease {
    path: PathBuf,
    source: release::ParseError,
}

impl Explain for BadRelease {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// The release, then its artifacts.
pub(crate) fn subjects(release: &Identified) -> Vec<Digest> {
    let artifacts = release.release.artifacts.values();
    let mut digests = vec![release.digest];
    digests.extend(artifacts.map(|artifact| artifact.digest));
    digests
}

fn predicate(
    judged: &Judged,
    (about, environment): (&About, &Name),
    settings: &Settings,
    release: &Identified,
) -> Predicate {
    let made_at = clock::now();
    let ruling = Ruling {
        verdict: judged.judgement.verdict,
        service: release.release.service.clone(),
        environment: environment.clone(),
        release: release.digest,
        plan: None,
        policy: settings.policy_digest(&judged.policy),
        made_at,
        expires_at: Some(made_at.after(about.valid_for)),
    };
    Predicate::new(
        ruling,
        judged.judgement.clone(),
        judged.policy.clone(),
        judged.evidence.clone(),
    )
    .with_asked(&judged.asked)
    .with_probe(judged.probe.as_ref())
}

fn record(
    predicate: &Predicate,
    release: &Identified,
    bundle: Digest,
    session: &Session,
) -> Record {
    let ruling = &predicate.ruling;
    let id = Id::derived(&["canary-judged", &bundle.to_string()]);
    let actor = Actor {
        id: session
            .ci
            .actor
            .clone()
            .unwrap_or_else(|| "unknown".to_owned()),
        proof: "asserted".to_owned(),
    };
    let service = ruling.service.clone();
    Record {
        environment: Some(ruling.environment.clone()),
        release: Some(release.reference()),
        commit: release.release.commit.clone(),
        verdict: Some(ruling.verdict),
        run_url: session.ci.url.clone(),
        policy: Some(ruling.policy),
        evidence: vec![bundle],
        ..Record::new(
            id,
            record::Kind::CanaryJudged,
            ruling.made_at,
            service,
            actor,
        )
    }
}
