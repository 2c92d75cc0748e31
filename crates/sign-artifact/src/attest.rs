//! `attest`: one signed statement about all subjects, or as many as their
//! number needs.

use std::path::{Path, PathBuf};

use liftlock::crypto::Hash;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::statement::Statement;
use liftlock::verdict::Verdict;
use liftlock::{json, predicate};
use liftlock_io::cli::Session;
use liftlock_io::evidence::{self, Evidence};
use liftlock_io::{attest, file};
use serde::Serialize;
use serde_json::Value;

use crate::args::Attest;
use crate::expand::{self, Absent, Skipped, Typed};
use crate::from_ci;
use crate::image::{self, Image, ImageFormat, Moved};
use crate::journal;
use crate::pen::{Made, Pen, Signatory};
use crate::setting::{Flags, Setting};
use crate::sign::write;
use crate::statement;
use crate::target::{Place, Target, beside};

/// The most bytes of a predicate's file: more than any SBOM of one artifact.
const LARGEST_PREDICATE: u64 = 16 * 1024 * 1024;

#[derive(Serialize)]
struct Attested {
    #[serde(flatten)]
    signed_as: Signatory,
    predicate_type: String,
    subjects: Vec<Digest>,
    /// The first bundle; there are others only above 1024 subjects.
    bundle_digest: Digest,
    /// Files, manifests and stores that hold the bundles.
    kept_in: Vec<String>,
    /// Tags that do not point any more at what was attested.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moved: Vec<Moved>,
    /// What is no target, in folders and of patterns.
    skipped: Vec<Skipped>,
    /// What was said, where no file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate: Option<Value>,
}

pub(crate) fn run(asked: &Attest, session: &Session) -> Result<Report, Failure> {
    let (predicate_type, said) = said(asked, session)?;
    let pen = Pen::open(&asked.signing, session)?.attaching(asked.image_format.into())?;
    let typed = Typed {
        texts: &asked.subjects,
        checksums: asked.checksums.as_deref(),
        absent: Absent::of(asked.listed_digests),
        hash: Hash::Sha256,
    };
    let chosen = expand::all(&typed, session)?;
    let flags = match asked.evidence.is_some() || asked.bundle.is_some() {
        true => Flags::Complete,
        false => Flags::Partial,
    };
    let setting = Setting::find(flags, session)?;
    let store = setting.evidence(asked.evidence.as_ref());
    let to = output(
        asked.bundle.as_deref(),
        &predicate_type,
        &chosen.targets,
        store.as_deref(),
    )?;
    let told = Told {
        predicate_type: &predicate_type,
        predicate: &said,
        to: to.as_deref(),
        store: store.as_deref(),
        format: asked.image_format,
    };
    let nothing = || Failure::new(Kind::Usage, "there is nothing to attest");
    let kept = told.all(&pen, &chosen.targets, session)?;
    let detail = Attested {
        signed_as: pen.signatory(),
        subjects: chosen.targets.iter().map(|target| target.digest).collect(),
        bundle_digest: kept.first.ok_or_else(nothing)?,
        kept_in: kept.places,
        moved: kept.moved,
        skipped: chosen.skipped,
        predicate: asked.from_ci.then_some(said),
        predicate_type,
    };
    Ok(report(&detail, &setting, session))
}

fn report(detail: &Attested, setting: &Setting, session: &Session) -> Report {
    let done = if session.dry_run {
        "would be attested"
    } else {
        "attested"
    };
    let count = expand::count(detail.subjects.len(), "subject", "subjects");
    let headline = format!("`{}` {done} about {count}", detail.predicate_type);
    let moved = detail.moved.iter().map(Moved::line);
    let lines: Vec<String> = detail.kept_in.iter().cloned().chain(moved).collect();
    let mut human = lines.join("\n");
    if !detail.skipped.is_empty() {
        human = format!("{human}\n{}", expand::told(&detail.skipped));
    }
    if let (true, Some(said)) = (session.dry_run, &detail.predicate) {
        human = format!("{human}\n{said:#}\n");
    }
    Report::new("attest", Verdict::Pass, headline)
        .with_output("bundle-digest", detail.bundle_digest.to_string())
        .with_output(
            "bundle",
            detail.kept_in.first().cloned().unwrap_or_default(),
        )
        .with_human(human)
        .with_policy(setting.origin(), false)
        .with_detail(detail)
}

/// The type and the predicate, which has to say what its type demands.
fn said(asked: &Attest, session: &Session) -> Result<(String, Value), Failure> {
    if asked.from_ci {
        return from_ci::predicate(asked, session);
    }
    let described = asked.builder_id.is_some() || asked.started_on.is_some();
    if described || !asked.parameter.is_empty() {
        let message = "`--parameter`, `--builder-id` and `--started-on` are for `--from-ci`";
        return Err(Failure::new(Kind::Usage, message));
    }
    let (Some(uri), Some(path)) = (&asked.predicate_type, &asked.predicate) else {
        let message = "a statement needs `--type` and `--predicate`, or `--from-ci`";
        return Err(Failure::new(Kind::Usage, message));
    };
    let bytes = file::read(path, LARGEST_PREDICATE).map_err(|error| {
        let hint =
            "attest a file for each component, or sign the file itself: `sign-artifact sign`";
        too_large(error, hint)
    })?;
    let wrong = |message: String| format!("`{}`: {message}", path.display());
    let said: Value = json::parse(&bytes).map_err(|error| {
        let message = format!("cannot understand `{}`", path.display());
        Failure::because(Kind::Invalid, message, error)
    })?;
    predicate::check(uri, &said)
        .map_err(|flaw| Failure::new(Kind::Invalid, wrong(flaw.to_string())))?;
    Ok((uri.clone(), said))
}

/// A file's failure, with what to do when it has more bytes than it may.
pub(crate) fn too_large(error: file::Error, hint: &str) -> Failure {
    let large = matches!(error, file::Error::TooLarge { .. });
    let failure = Failure::from(error);
    if large {
        failure.with_hint(hint)
    } else {
        failure
    }
}

/// What is said, and where the bundles go.
struct Told<'a> {
    predicate_type: &'a str,
    predicate: &'a Value,
    to: Option<&'a Path>,
    store: Option<&'a str>,
    format: ImageFormat,
}

/// Where the bundles went.
#[derive(Default)]
struct Kept {
    /// The first bundle.
    first: Option<Digest>,
    places: Vec<String>,
    moved: Vec<Moved>,
}

impl Told<'_> {
    /// Signs a statement for each piece of the targets.
    fn all(&self, pen: &Pen<'_>, targets: &[Target], session: &Session) -> Result<Kept, Failure> {
        let shards = statement::shards(targets);
        let files = self.to.map(|to| statement::places(to, shards.len()));
        let store = self.store.filter(|_| !session.dry_run);
        let store = store.map(Evidence::open).transpose()?;
        let mut kept = Kept::default();
        for (index, shard) in shards.into_iter().enumerate() {
            session.check()?;
            let statement = Statement::new(shard.subjects, self.predicate_type, self.predicate)?;
            let mut made = pen.attest(&statement)?;
            let file = files.as_ref().and_then(|files| files.get(index));
            if file.is_none() || images(shard.targets).next().is_some() {
                made = Made {
                    bundle: pen.whole(made)?,
                    missing: Vec::new(),
                };
            }
            let bundle = &made.bundle;
            kept.first = kept.first.or(Some(bundle.digest()));
            if let Some(file) = file {
                if !session.dry_run {
                    journal::note(file, &made, session.started)?;
                }
                kept.places.push(write(file, bundle, session)?);
            }
            if !session.dry_run {
                let work = image::Asked {
                    pen,
                    format: self.format.into(),
                    store: None,
                    session,
                };
                for (image, text) in images(shard.targets) {
                    let attached = work.attest(image, &statement, bundle)?;
                    kept.places
                        .extend(attached.iter().map(|one| one.line(text)));
                    kept.moved.extend(image.moved(text)?);
                }
            }
            if let Some(store) = &store {
                session.check()?;
                attest::keep(store, &statement, bundle)?;
            }
        }
        if store.is_some() {
            kept.places.extend(self.store.map(ToOwned::to_owned));
        }
        Ok(kept)
    }
}

/// Where the bundle goes as a file; nowhere when it is kept elsewhere.
fn output(
    given: Option<&Path>,
    predicate_type: &str,
    targets: &[Target],
    store: Option<&str>,
) -> Result<Option<PathBuf>, Failure> {
    if given.is_some() {
        return Ok(given.map(ToOwned::to_owned));
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
            let slug = evidence::slug(predicate_type)?;
            Ok(Some(beside(path, &format!(".{slug}.sigstore.json"))))
        }
        _ if elsewhere => Ok(None),
        _ => Err(Failure::new(Kind::Usage, "the bundle has nowhere to go")
            .with_hint("name a file by `--bundle` or a store by `--evidence`")),
    }
}

/// The images among the targets, with what was typed.
pub(crate) fn images<'a>(
    targets: impl IntoIterator<Item = &'a Target>,
) -> impl Iterator<Item = (Image<'a>, &'a str)> {
    targets
        .into_iter()
        .filter_map(|target| match &target.place {
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
