//! `release`: writes `release.json` and attests it together with its artifacts.

use std::collections::BTreeMap;

use liftlock::config::effective::Rules;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::predicate;
use liftlock::record::{Actor, Id, Kind as RecordKind, Record};
use liftlock::release::{Artifact, Identified, Release, SCHEMA_VERSION};
use liftlock::report::Report;
use liftlock::statement::{Statement, Subject};
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::evidence::Evidence;
use liftlock_io::key::Private;
use liftlock_io::ledger::Ledger;
use liftlock_io::{attest, clock, file};
use serde::Serialize;

use crate::args;
use crate::setting::{Flags, Setting};
use crate::sign::write;
use crate::target::{Place, Target, beside};

#[derive(Serialize)]
struct Released<'a> {
    release_digest: Digest,
    release_file: String,
    bundle: String,
    bundle_digest: Digest,
    key_id: Digest,
    evidence: Option<&'a str>,
    release: &'a Release,
}

pub(crate) fn run(asked: &args::Release, session: &Session) -> Result<Report, Failure> {
    let key = Private::open(&asked.key)?;
    let flags = match (&asked.evidence, &session.service) {
        (Some(_), Some(_)) => Flags::Complete,
        (Some(_) | None, _) => Flags::Partial,
    };
    let setting = Setting::find(flags, session)?;
    let store = setting.evidence(asked.evidence.as_ref());
    let release = describe(asked, &setting, session)?;
    let mut bytes = serde_json::to_vec_pretty(&release)
        .map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    bytes.push(b'\n');
    // Read back as every gate will read it.
    let identified = Identified::parse(&bytes)
        .map_err(|error| Failure::new(Kind::Invalid, format!("the release: {error}")))?;
    let mut subjects = vec![Subject::named(&identified.digest, "release.json")];
    let artifacts = release.artifacts.iter();
    subjects.extend(artifacts.map(|(name, one)| Subject::named(&one.digest, name.as_str())));
    let statement = Statement::new(subjects, predicate::RELEASE, &release)?;
    let bundle = attest::attest(&key, &statement)?;
    let sidecar = beside(&asked.output, ".sigstore.json");
    if !session.dry_run {
        // The attestation first: a release.json without one proves nothing,
        // but nobody takes an attestation for a release.
        write(&sidecar, &bundle, session)?;
        file::write(&asked.output, &bytes)?;
        if let Some(store) = &store {
            session.check()?;
            attest::keep(&Evidence::open(store)?, &statement, &bundle)?;
        }
    }
    let recorded = match setting.rules() {
        Some(rules) if !session.dry_run => {
            let record = record(rules, session, &identified, (&key, bundle.digest()));
            Ledger::open(&rules.ledger)?.append(&record)?;
            true
        }
        Some(_) | None => false,
    };
    let detail = Released {
        release_digest: identified.digest,
        release_file: asked.output.display().to_string(),
        bundle: sidecar.display().to_string(),
        bundle_digest: bundle.digest(),
        key_id: key.public_key().id(),
        evidence: store.as_deref(),
        release: &release,
    };
    let done = if session.dry_run { "would be" } else { "is" };
    let headline = format!("release `{}` {done} `{}`", release.id, identified.digest);
    let lines = release.artifacts.iter();
    let lines = lines.map(|(name, one)| format!("{}  {name} ({})\n", one.digest, one.name));
    Ok(Report::new("release", Verdict::Pass, headline)
        .with_scope(Some(release.service.clone()), None)
        .with_policy(setting.origin(), recorded)
        .with_output("release-id", release.id.clone())
        .with_output("release-digest", identified.digest.to_string())
        .with_output("release-file", detail.release_file.clone())
        .with_output("bundle", detail.bundle.clone())
        .with_human(lines.collect::<String>())
        .with_detail(&detail))
}

/// The ledger's word about the signature; whoever signs the same again adds nothing.
fn record(
    rules: &Rules,
    session: &Session,
    release: &Identified,
    (key, bundle): (&Private, Digest),
) -> Record {
    let id = key.public_key().id();
    let who = rules.trust.holder(key.public_key());
    let actor = Actor {
        id: who.map_or_else(|| id.short(), ToString::to_string),
        proof: "key".to_owned(),
    };
    let (about, signer) = (release.digest.to_string(), id.to_string());
    let mut record = Record::new(
        Id::derived(&["signed", &about, &signer]),
        RecordKind::Signed,
        clock::now(),
        release.release.service.clone(),
        actor,
    );
    record.release = Some(release.reference());
    record.commit.clone_from(&release.release.commit);
    record.run_url.clone_from(&session.ci.url);
    record.policy = Some(rules.policy);
    record.evidence = vec![bundle];
    record.verdict = Some(Verdict::Pass);
    record
}

fn describe(
    asked: &args::Release,
    setting: &Setting,
    session: &Session,
) -> Result<Release, Failure> {
    let configured = setting.rules().map(|rules| rules.service.clone());
    let service = session.service.clone().or(configured).ok_or_else(|| {
        Failure::new(Kind::Usage, "a release needs a service").with_hint("give `--service NAME`")
    })?;
    let mut artifacts = BTreeMap::new();
    for (name, text) in &asked.artifact {
        let known = artifacts.insert(name.clone(), artifact(text, session)?);
        if known.is_some() {
            return Err(twice(name));
        }
    }
    let id = asked.id.clone();
    Ok(Release {
        schema_version: SCHEMA_VERSION,
        id: id.unwrap_or_else(|| format!("{service}-{}", asked.version)),
        service,
        version: asked.version.clone(),
        commit: asked.commit.clone().or_else(|| session.ci.commit.clone()),
        artifacts,
        owner: asked.owner.clone(),
        notes: asked.notes.clone(),
        migration: asked.migration,
        created_at: session.started,
        run_url: session.ci.url.clone(),
        authors: asked.author.clone(),
    })
}

fn artifact(text: &str, session: &Session) -> Result<Artifact, Failure> {
    let target = Target::find(text, session)?;
    let name = match &target.place {
        Place::File(path) => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            name.to_string_lossy().into_owned()
        }
        Place::Image { .. } | Place::Digest => text.to_owned(),
    };
    Ok(Artifact {
        digest: target.digest,
        name,
        size: target.size,
    })
}

fn twice(name: &Name) -> Failure {
    Failure::new(Kind::Usage, format!("the artifact `{name}` is given twice"))
}
