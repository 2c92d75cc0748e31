//! `sign`: a bundle beside each file, a bundle attached to each image.

use std::path::{Path, PathBuf};

use liftlock::bundle::Bundle;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::statement::Statement;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::{attest, file, key};
use serde::Serialize;

use crate::args::Sign;
use crate::predicate::SIGNED;
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
}

pub(crate) fn run(asked: &Sign, session: &Session) -> Result<Report, Failure> {
    if asked.bundle.is_some() && asked.targets.len() != 1 {
        return Err(Failure::new(
            Kind::Usage,
            "`--bundle` is for a single target",
        ));
    }
    let key = key::Private::open(&asked.key)?;
    let targets = Target::all(&asked.targets, session)?;
    let mut signed = Vec::new();
    for target in &targets {
        session.check()?;
        let bundle = sign(&key, target, asked.bundle.as_deref(), session)?;
        signed.push(One {
            target: target.text.clone(),
            digest: target.digest,
            size: target.size,
            bundle,
        });
    }
    Ok(report(&key, signed, session))
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
    let lines = signed
        .iter()
        .map(|one| format!("{}  {} -> {}\n", one.digest, one.target, one.bundle));
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
        Place::Image {
            repository,
            descriptor,
        } => {
            let nothing = serde_json::Map::new();
            let statement = Statement::new(vec![target.subject()], SIGNED, &nothing)?;
            let bundle = attest::attest(key, &statement)?;
            if let Some(to) = output {
                write(to, &bundle, session)?;
            }
            if session.dry_run {
                return Ok("(not attached)".to_owned());
            }
            let attached = repository.attach(descriptor, &bundle, SIGNED, session.started)?;
            Ok(attached.to_string())
        }
    }
}

/// Writes a bundle, whole or not at all.
pub(crate) fn write(path: &Path, bundle: &Bundle, session: &Session) -> Result<String, Failure> {
    if !session.dry_run {
        file::write(path, bundle.bytes())?;
    }
    Ok(path.display().to_string())
}
