//! `sign`: a bundle beside each file, a bundle attached to each image.

use std::path::{Path, PathBuf};

use liftlock::bundle::Bundle;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::{attest, file, key};
use serde::Serialize;

use crate::args::Sign;
use crate::image::{self, Attachment, Image, Moved, Reach};
use crate::target::{Place, Target, beside};

#[derive(Serialize)]
struct Signed {
    key_id: Digest,
    signed: Vec<One>,
}

#[derive(Serialize)]
struct One {
    target: String,
    digest: Digest,
    size: Option<u64>,
    bundle: String,
    /// What was attached to an image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attached: Vec<Attachment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
}

pub(crate) fn run(asked: &Sign, session: &Session) -> Result<Report, Failure> {
    if asked.bundle.is_some() && asked.targets.len() != 1 {
        return Err(Failure::new(
            Kind::Usage,
            "`--bundle` is for a single target",
        ));
    }
    if asked.bundle.is_some() && asked.recursive.reach() == Reach::All {
        let message = "`--bundle` holds one signature, `--recursive` makes several";
        return Err(Failure::new(Kind::Usage, message));
    }
    let key = key::Private::open(&asked.key)?;
    let targets = Target::all(&asked.targets, session)?;
    let mut signed = Vec::new();
    for target in &targets {
        session.check()?;
        match &target.place {
            Place::Image {
                repository,
                descriptor,
            } => {
                let image = Image {
                    repository,
                    descriptor,
                };
                signed.extend(sign_image(&key, asked, (target, image), session)?);
            }
            Place::File(_) | Place::Digest => {
                signed.push(One {
                    target: target.text.clone(),
                    digest: target.digest,
                    size: target.size,
                    bundle: sign(&key, target, asked.bundle.as_deref(), session)?,
                    attached: Vec::new(),
                    moved: None,
                });
            }
        }
    }
    Ok(report(&key, signed, session))
}

/// Signs an image, and everything below it where that is asked for.
fn sign_image(
    key: &key::Private,
    asked: &Sign,
    (target, image): (&Target, Image<'_>),
    session: &Session,
) -> Result<Vec<One>, Failure> {
    if let Some(to) = &asked.bundle {
        write(to, &image::signature(key, &target.digest)?, session)?;
    }
    let reach = asked.recursive.reach();
    let work = image::Asked {
        key,
        format: asked.image_format.into(),
        session,
    };
    let mut moved = None;
    let signed = work.sign(image, reach)?;
    if !session.dry_run {
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
            None if session.dry_run => "(not attached)".to_owned(),
            None => "(signed before)".to_owned(),
        },
        attached: one.attached,
        moved: moved.take(),
    });
    Ok(ones.collect())
}

fn report(key: &key::Private, signed: Vec<One>, session: &Session) -> Report {
    let done = if session.dry_run {
        "would be signed"
    } else {
        "signed"
    };
    let headline = match signed.as_slice() {
        [one] => format!("`{}` {done} as `{}`", one.target, one.digest),
        many => format!("{} targets {done}", many.len()),
    };
    let lines = signed.iter().map(|one| {
        let moved = one
            .moved
            .as_ref()
            .map(|moved| format!("  {}\n", moved.line()));
        let moved = moved.unwrap_or_default();
        format!("{}  {} -> {}\n{moved}", one.digest, one.target, one.bundle)
    });
    let mut report =
        Report::new("sign", Verdict::Pass, headline).with_human(lines.collect::<String>());
    if let [one] = signed.as_slice() {
        report = report
            .with_output("digest", one.digest.to_string())
            .with_output("bundle", one.bundle.clone());
    }
    let detail = Signed {
        key_id: key.public_key().id(),
        signed,
    };
    report
        .with_output("count", detail.signed.len().to_string())
        .with_output("key-id", detail.key_id.to_string())
        .with_detail(&detail)
}

/// Signs one target and says where its bundle is.
fn sign(
    key: &key::Private,
    target: &Target,
    output: Option<&Path>,
    session: &Session,
) -> Result<String, Failure> {
    match &target.place {
        Place::File(path) => {
            let bundle = attest::sign(key, &target.digest)?;
            let to = output.map_or_else(|| beside(path, ".sigstore.json"), PathBuf::from);
            write(&to, &bundle, session)
        }
        Place::Digest => match output {
            Some(to) => write(to, &attest::sign(key, &target.digest)?, session),
            None => Err(Failure::new(Kind::Usage, "a bare digest needs `--bundle`")),
        },
        Place::Image { .. } => Err(Failure::new(Kind::Bug, "an image is no file")),
    }
}

/// Writes a bundle, whole or not at all.
pub(crate) fn write(path: &Path, bundle: &Bundle, session: &Session) -> Result<String, Failure> {
    if !session.dry_run {
        file::write(path, bundle.bytes())?;
    }
    Ok(path.display().to_string())
}
