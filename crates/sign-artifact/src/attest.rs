//! `attest`: one signed statement about all subjects.

use std::path::PathBuf;

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
use crate::image::{self, Image, Moved};
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
    /// Tags that do not point any more at what was attested.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moved: Vec<Moved>,
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
    let (mut kept_in, mut moved) = (Vec::new(), Vec::new());
    if let Some(to) = to {
        kept_in.push(write(&to, &bundle, session)?);
    }
    if !session.dry_run {
        let work = image::Asked {
            key: &key,
            format: asked.image_format.into(),
            session,
        };
        for (image, text) in images(&targets) {
            let made = work.attest(image, &statement, &bundle)?;
            kept_in.extend(made.iter().map(|one| one.line(text)));
            moved.extend(image.moved(text)?);
        }
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
        moved,
    };
    Ok(report(&detail, session).with_policy(setting.origin(), false))
}

fn report(detail: &Attested, session: &Session) -> Report {
    let count = detail.subjects.len();
    let done = if session.dry_run {
        "would be attested"
    } else {
        "attested"
    };
    let headline = format!("`{}` {done} about {count} subjects", detail.predicate_type);
    let first = detail.kept_in.first().cloned().unwrap_or_default();
    Report::new("attest", Verdict::Pass, headline)
        .with_output("bundle-digest", detail.bundle_digest.to_string())
        .with_output("bundle", first)
        .with_human(human(detail))
        .with_detail(detail)
}

fn human(detail: &Attested) -> String {
    let moved = detail.moved.iter().map(Moved::line);
    let lines: Vec<String> = detail.kept_in.iter().cloned().chain(moved).collect();
    lines.join("\n")
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

/// The images among the targets, with what was typed.
fn images(targets: &[Target]) -> impl Iterator<Item = (Image<'_>, &str)> {
    targets.iter().filter_map(|target| match &target.place {
        Place::Image {
            repository,
            descriptor,
        } => {
            let image = Image {
                repository,
                descriptor,
            };
            Some((image, target.text.as_str()))
        }
        Place::File(_) | Place::Digest => None,
    })
}
