//! `sign`: a bundle beside each file, or one statement over all of them; a
//! bundle attached to each image.

use std::path::{Path, PathBuf};

use liftlock::bundle::Bundle;
use liftlock::crypto::Hash;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::guise::Guise;
use liftlock::predicate::SIGNATURE;
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::evidence::Evidence;
use liftlock_io::keyless::Missing;
use liftlock_io::{attest, file};
use serde::Serialize;

use crate::args::Sign;
use crate::args::signing::OnOutage;
use crate::expand::{self, Absent, Skipped, Typed};
use crate::image::{self, Attachment, Image, Moved, Reach};
use crate::pen::{Made, Pen, Signatory};
use crate::target::{Place, Target, beside};
use crate::{journal, statement};

#[derive(Serialize)]
struct Signed {
    #[serde(flatten)]
    signed_as: Signatory,
    signed: Vec<One>,
    /// What is no target, in folders and of patterns.
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
struct One {
    target: String,
    digest: Digest,
    size: Option<u64>,
    bundle: String,
    /// What `finish` has to add to the bundle.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<Missing>,
    /// What was attached to an image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attached: Vec<Attachment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
}

impl One {
    fn new(target: &Target, bundle: String, missing: Vec<Missing>) -> Self {
        Self {
            target: target.text.clone(),
            digest: target.digest,
            size: target.size,
            bundle,
            missing,
            attached: Vec::new(),
            moved: None,
        }
    }
}

/// What signs, and where its work goes.
struct Work<'a> {
    asked: &'a Sign,
    pen: Pen<'a>,
    store: Option<Evidence>,
    session: &'a Session,
}

pub(crate) fn run(asked: &Sign, session: &Session) -> Result<Report, Failure> {
    // A certificate is for minutes, so files are hashed before it is asked for.
    let key = asked.signing.key.as_ref();
    let pen = key
        .map(|_| Pen::open(&asked.signing, session))
        .transpose()?;
    let typed = Typed {
        texts: &asked.targets,
        checksums: asked.checksums.as_deref(),
        absent: Absent::of(asked.listed_digests),
        hash: pen.as_ref().map_or(Hash::Sha256, Pen::hash),
    };
    let chosen = expand::all(&typed, session)?;
    check(asked, &chosen.targets)?;
    plain(asked, pen.as_ref(), &chosen.targets)?;
    let store = asked.evidence.as_deref().map(Evidence::open).transpose()?;
    let work = Work {
        asked,
        pen: pen
            .map_or_else(|| Pen::open(&asked.signing, session), Ok)?
            .attaching(asked.image_format.into())?,
        store,
        session,
    };
    let signed = match &asked.statement {
        Some(to) => work.together(&chosen.targets, to)?,
        None => work.each(&chosen.targets)?,
    };
    let detail = Signed {
        signed_as: work.pen.signatory(),
        signed,
        skipped: chosen.skipped,
    };
    Ok(report(&detail, session))
}

/// Refuses what contradicts itself before anything is signed.
fn check(asked: &Sign, targets: &[Target]) -> Result<(), Failure> {
    let usage = |message: String| Failure::new(Kind::Usage, message);
    if asked.bundle.is_some() && targets.len() != 1 {
        return Err(usage("`--bundle` is for a single target".to_owned())
            .with_hint("give `--statement FILE` for one bundle over all of them"));
    }
    if asked.bundle.is_some() && asked.recursive.reach() == Reach::All {
        let message = "`--bundle` holds one signature, `--recursive` makes several";
        return Err(usage(message.to_owned()));
    }
    let image = targets
        .iter()
        .find(|one| matches!(one.place, Place::Image { .. }));
    let Some(image) = image else { return Ok(()) };
    if asked.statement.is_some() {
        let message = format!("`{}` is an image, `--statement` is for files", image.text);
        return Err(usage(message)
            .with_hint("sign images by a run of their own: each gets its bundle attached"));
    }
    if asked.signing.services.on_outage == OnOutage::Defer {
        let message = format!(
            "`{}` is an image, only files can be finished later",
            image.text
        );
        return Err(usage(message).with_hint("give `--on-outage wait`"));
    }
    Ok(())
}

/// Refuses files whose signature would be one of something else. Statements
/// over files name their digests and can be nothing else.
fn plain(asked: &Sign, pen: Option<&Pen<'_>>, targets: &[Target]) -> Result<(), Failure> {
    let states = pen.is_some_and(|pen| !pen.public_key().algorithm().takes_digests());
    if asked.statement.is_some() || states {
        return Ok(());
    }
    let mut odd = targets.iter().filter_map(|one| Some((one, one.guise?)));
    let Some((target, guise)) = odd.next() else {
        return Ok(());
    };
    Err(twofold(&target.text, guise))
}

/// Why a file is not signed as it is.
pub(crate) fn twofold(name: &str, guise: Guise) -> Failure {
    let hint = match guise {
        Guise::Statement => "give `--statement FILE` to sign the file by its digest",
        Guise::Image => {
            "sign the image itself, or give `--statement FILE` to sign the file by its digest"
        }
    };
    Failure::new(Kind::Invalid, format!("`{name}` {guise}")).with_hint(hint)
}

impl Work<'_> {
    /// Signs the targets one by one; what is shown to services side by side.
    fn each(&self, targets: &[Target]) -> Result<Vec<One>, Failure> {
        let signed = self
            .pen
            .side_by_side(targets, |target| match &target.place {
                Place::Image {
                    repository,
                    descriptor,
                } => self.image(
                    target,
                    Image {
                        repository,
                        descriptor,
                    },
                ),
                Place::File(_) | Place::Digest => Ok(vec![self.file(target)?]),
            })?;
        Ok(signed.into_iter().flatten().collect())
    }

    fn file(&self, target: &Target) -> Result<One, Failure> {
        self.session.check()?;
        let to = match (&self.asked.bundle, &target.place) {
            (Some(to), _) => to.clone(),
            (None, Place::File(path)) => beside(path, ".sigstore.json"),
            (None, Place::Digest | Place::Image { .. }) => {
                return Err(Failure::new(Kind::Usage, "a bare digest needs `--bundle`"));
            }
        };
        let made = self.pen.sign(&target.artifact(), target.subject())?;
        let place = self.keep(&to, &made)?;
        if let (Some(store), false) = (&self.store, self.session.dry_run) {
            store.put(&[target.digest], SIGNATURE, made.bundle.bytes())?;
        }
        Ok(One::new(target, place, made.missing))
    }

    /// Writes a bundle, with a journal where something is missing.
    fn keep(&self, to: &Path, made: &Made) -> Result<String, Failure> {
        if !self.session.dry_run {
            journal::note(to, made, self.session.started)?;
        }
        write(to, &made.bundle, self.session)
    }

    /// Signs all targets by one statement, or as many as their number needs,
    /// and says for each target which bundle it is in.
    fn together(&self, targets: &[Target], to: &Path) -> Result<Vec<One>, Failure> {
        let shards = statement::shards(targets);
        let places = statement::places(to, shards.len());
        let shards: Vec<_> = shards.into_iter().zip(places).collect();
        let signed = self.pen.side_by_side(&shards, |(shard, place)| {
            self.session.check()?;
            let (statement, made) = statement::sign(&self.pen, shard.subjects.clone())?;
            let place = self.keep(place, &made)?;
            if let (Some(store), false) = (&self.store, self.session.dry_run) {
                attest::keep(store, &statement, &made.bundle)?;
            }
            let targets = shard.targets.iter();
            let one = |target| One::new(target, place.clone(), made.missing.clone());
            Ok(targets.map(one).collect::<Vec<One>>())
        })?;
        Ok(signed.into_iter().flatten().collect())
    }

    /// Signs an image, and everything below it where that is asked for.
    fn image(&self, target: &Target, image: Image<'_>) -> Result<Vec<One>, Failure> {
        self.session.check()?;
        if let Some(to) = &self.asked.bundle {
            write(
                to,
                &image::signature(&self.pen, &target.digest)?,
                self.session,
            )?;
        }
        let work = image::Asked {
            pen: &self.pen,
            format: self.asked.image_format.into(),
            store: self.store.as_ref(),
            session: self.session,
        };
        let mut moved = None;
        let signed = work.sign(image, self.asked.recursive.reach())?;
        if !self.session.dry_run {
            moved = image.moved(&target.text)?;
        }
        let name = |digest: &Digest| match *digest == target.digest {
            true => target.text.clone(),
            false => format!("{}@{digest}", target.text),
        };
        let ones = signed.into_iter().map(|one| One {
            target: name(&one.digest),
            digest: one.digest,
            size: Some(one.size),
            bundle: match one.attached.first() {
                Some(first) => first.manifest.to_string(),
                None if self.session.dry_run => "(not attached)".to_owned(),
                None => "(signed before)".to_owned(),
            },
            missing: Vec::new(),
            attached: one.attached,
            moved: moved.take(),
        });
        Ok(ones.collect())
    }
}

fn report(detail: &Signed, session: &Session) -> Report {
    let done = if session.dry_run {
        "would be signed"
    } else {
        "signed"
    };
    let unfinished = detail
        .signed
        .iter()
        .filter(|one| !one.missing.is_empty())
        .count();
    let headline = match (detail.signed.as_slice(), unfinished) {
        ([one], 0) => format!("`{}` {done} as `{}`", one.target, one.digest),
        (many, 0) => format!("{} targets {done}", many.len()),
        (many, left) => format!(
            "{} targets {done}, {left} to be finished: run `sign-artifact finish`",
            many.len()
        ),
    };
    let lines = detail.signed.iter().map(|one| {
        let moved = one
            .moved
            .as_ref()
            .map(|moved| format!("  {}\n", moved.line()));
        let moved = moved.unwrap_or_default();
        format!("{}  {} -> {}\n{moved}", one.digest, one.target, one.bundle)
    });
    let human = expand::lines(lines) + &expand::told(&detail.skipped);
    let mut report = Report::new("sign", Verdict::Pass, headline).with_human(human);
    if let [one, ..] = detail.signed.as_slice() {
        if detail.signed.len() == 1 {
            report = report.with_output("digest", one.digest.to_string());
        }
        if detail.signed.iter().all(|other| other.bundle == one.bundle) {
            report = report.with_output("bundle", one.bundle.clone());
        }
    }
    report
        .with_output("count", detail.signed.len().to_string())
        .with_output("key-id", detail.signed_as.key_id.to_string())
        .with_output("unfinished", unfinished.to_string())
        .with_detail(detail)
}

/// Writes a bundle, whole or not at all.
pub(crate) fn write(path: &Path, bundle: &Bundle, session: &Session) -> Result<String, Failure> {
    if !session.dry_run {
        file::write(path, bundle.bytes())?;
    }
    Ok(PathBuf::from(path).display().to_string())
}
