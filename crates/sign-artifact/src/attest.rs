//! `attest`: one signed statement about all subjects.

use std::path::PathBuf;

use liftlock::bundle::Bundle;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::report::Report;
use liftlock::statement::Statement;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::evidence::{self, Evidence};
use liftlock_io::{attest, file, key};
use serde::Serialize;

use crate::args::Attest;
use crate::setting::{Flags, Setting};
use crate::sign::write;
use crate::target::{Place, Target, beside};

#[derive(Serialize)]
struct Attested {
    key_id: Digest,
    predicate_type: String,
    subjects: Vec<Digest>,
    bundle_digest: Digest,
    /// Files, manifests and stores that hold the bundle.
    kept_in: Vec<String>,
}

pub(crate) fn run(asked: &Attest, session: &Session) -> Result<Report, Failure> {
    let bytes = file::read(&asked.predicate, u64::try_from(json::LARGEST).unwrap_or(0))?;
    let predicate: serde_json::Value = json::parse(&bytes).map_err(|error| {
        let message = format!("cannot understand `{}`", asked.predicate.display());
        Failure::because(Kind::Invalid, message, error)
    })?;
    let key = key::Private::open(&asked.key)?;
    let targets = Target::all(&asked.subjects, session)?;
    let flags = match asked.evidence.is_some() || asked.bundle.is_some() {
        true => Flags::Complete,
        false => Flags::Partial,
    };
    let setting = Setting::find(flags, session)?;
    let store = setting.evidence(asked.evidence.as_ref());
    let to = output(asked, &targets, store.as_deref())?;
    let subjects = targets.iter().map(Target::subject).collect();
    let statement = Statement::new(subjects, &asked.predicate_type, &predicate)?;
    let bundle = attest::attest(&key, &statement)?;
    let mut kept_in = Vec::new();
    if let Some(to) = to {
        kept_in.push(write(&to, &bundle, session)?);
    }
    if !session.dry_run {
        kept_in.extend(attach(&targets, &bundle, &asked.predicate_type, session)?);
        if let Some(store) = store {
            session.check()?;
            attest::keep(&Evidence::open(&store)?, &statement, &bundle)?;
            kept_in.push(store);
        }
    }
    let detail = Attested {
        key_id: key.public_key().id(),
        predicate_type: asked.predicate_type.clone(),
        subjects: statement.digests().collect(),
        bundle_digest: bundle.digest(),
        kept_in,
    };
    let count = detail.subjects.len();
    let done = if session.dry_run {
        "would be attested"
    } else {
        "attested"
    };
    let headline = format!("`{}` {done} about {count} subjects", detail.predicate_type);
    Ok(Report::new("attest", Verdict::Pass, headline)
        .with_output("bundle-digest", detail.bundle_digest.to_string())
        .with_output(
            "bundle",
            detail.kept_in.first().cloned().unwrap_or_default(),
        )
        .with_human(detail.kept_in.join("\n"))
        .with_policy(setting.origin(), false)
        .with_detail(&detail))
}

/// Where the bundle goes as a file; nowhere when it is kept elsewhere.
fn output(
    asked: &Attest,
    targets: &[Target],
    store: Option<&str>,
) -> Result<Option<PathBuf>, Failure> {
    if asked.bundle.is_some() {
        return Ok(asked.bundle.clone());
    }
    let elsewhere = store.is_some()
        || targets
            .iter()
            .all(|target| matches!(target.place, Place::Image { .. }));
    match targets {
        [
            Target {
                place: Place::File(path),
                ..
            },
        ] => {
            let slug = evidence::slug(&asked.predicate_type)?;
            Ok(Some(beside(path, &format!(".{slug}.sigstore.json"))))
        }
        _ if elsewhere => Ok(None),
        _ => Err(Failure::new(Kind::Usage, "the bundle has nowhere to go")
            .with_hint("name a file by `--bundle` or a store by `--evidence`")),
    }
}

fn attach(
    targets: &[Target],
    bundle: &Bundle,
    predicate_type: &str,
    session: &Session,
) -> Result<Vec<String>, Failure> {
    let mut attached = Vec::new();
    for target in targets {
        session.check()?;
        match &target.place {
            Place::Image {
                repository,
                descriptor,
            } => {
                let digest =
                    repository.attach(descriptor, bundle, predicate_type, session.started)?;
                attached.push(format!("{}: {digest}", target.text));
            }
            Place::File(_) | Place::Digest => {}
        }
    }
    Ok(attached)
}
