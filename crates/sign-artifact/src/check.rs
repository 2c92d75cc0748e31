//! `verify`: proves signatures and attestations with pinned keys, offline
//! unless an image is in a registry.

use std::path::Path;

use liftlock::attestation;
use liftlock::bundle::{Bundle, Content};
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::oci::legacy::Layer;
use liftlock::report::Report;
use liftlock::signature::{self, Artifact};
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::evidence::Evidence;
use liftlock_io::verify::Local;
use liftlock_io::{file, key};
use serde::Serialize;

use crate::args::Verify;
use crate::image::Reach;
use crate::layer;
use crate::predicate::SIGNED;
use crate::target::{LARGEST_BUNDLE, Place, Target, beside};

#[derive(Serialize)]
struct Checked {
    wanted: String,
    targets: Vec<One>,
}

/// What was found out about one target.
#[derive(Debug, Serialize)]
pub(crate) struct One {
    pub(crate) target: String,
    pub(crate) digest: Digest,
    pub(crate) verified: bool,
    /// The keys that proved it, each once.
    pub(crate) key_ids: Vec<Digest>,
    /// Where a proof was, or where there was none.
    pub(crate) bundles: Vec<Seen>,
}

/// One bundle that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Seen {
    pub(crate) from: String,
    pub(crate) verified: bool,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Log entries and timestamps that a check with a pinned key leaves unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unchecked: Option<liftlock::bundle::Unchecked>,
}

pub(crate) fn run(asked: &Verify, session: &Session) -> Result<Report, Failure> {
    if asked.bundle.is_some() && asked.targets.len() != 1 {
        return Err(Failure::new(
            Kind::Usage,
            "`--bundle` is for a single target",
        ));
    }
    let keys = keys(&asked.key)?;
    let evidence = asked.evidence.as_deref().map(Evidence::open).transpose()?;
    let mut targets = Vec::new();
    let wanted = asked.predicate_type.as_deref();
    for text in &asked.targets {
        let target = Target::find(text, session)?;
        let mut found = gather(&target, asked.bundle.as_deref(), wanted)?;
        if let Some(evidence) = &evidence {
            let items = evidence.list(&target.digest)?.into_iter();
            found.extend(items.map(|item| Raw {
                from: format!("evidence {}", item.digest),
                bytes: item.bytes,
                sole: false,
                form: Form::Bundle,
            }));
        }
        targets.push(judge(&target, &found, &keys, wanted)?);
        if asked.recursive.reach() == Reach::All {
            targets.extend(below(&target, &keys, wanted)?);
        }
    }
    Ok(report(asked, targets))
}

/// Judges everything that an index lists, each by what is attached to it.
fn below(
    target: &Target,
    keys: &[PublicKey],
    predicate_type: Option<&str>,
) -> Result<Vec<One>, Failure> {
    let Place::Image {
        repository,
        descriptor,
    } = &target.place
    else {
        return Ok(Vec::new());
    };
    let mut judged = Vec::new();
    for one in repository.tree(descriptor)?.iter().skip(1) {
        let child = Target {
            text: format!("{}@{}", target.text, one.digest),
            digest: one.digest,
            size: Some(one.size),
            place: Place::Digest,
        };
        let found = layer::gather(repository, &one.digest, predicate_type)?;
        judged.push(judge(&child, &found, keys, predicate_type)?);
    }
    Ok(judged)
}

pub(crate) fn keys(references: &[String]) -> Result<Vec<PublicKey>, Failure> {
    let keys = references.iter().map(|reference| key::public(reference));
    Ok(keys.collect::<Result<_, _>>()?)
}

fn report(asked: &Verify, targets: Vec<One>) -> Report {
    let bad: Vec<&One> = targets.iter().filter(|one| !one.verified).collect();
    let wanted = asked
        .predicate_type
        .clone()
        .unwrap_or_else(|| "signature".to_owned());
    let (verdict, headline) = match (bad.as_slice(), targets.as_slice()) {
        ([], [one]) => (
            Verdict::Pass,
            format!("`{}` is `{}` and signed", one.target, one.digest),
        ),
        ([], many) => (Verdict::Pass, format!("{} targets are signed", many.len())),
        ([first, ..], _) => (
            Verdict::Fail,
            format!("`{}`: {}", first.target, reason(first)),
        ),
    };
    let lines = targets.iter().map(|one| {
        let mark = if one.verified { "ok" } else { "BAD" };
        let why = if one.verified {
            String::new()
        } else {
            format!(": {}", reason(one))
        };
        format!("{mark:<4}{}  {}{why}\n", one.digest, one.target)
    });
    let lines: String = lines.collect();
    let mut report = Report::new("verify", verdict, headline).with_human(lines);
    if let [one] = targets.as_slice() {
        report = report.with_output("digest", one.digest.to_string());
    }
    let good = targets.iter().filter(|one| one.verified).count();
    report
        .with_output("verified", good.to_string())
        .with_detail(&Checked { wanted, targets })
}

pub(crate) fn reason(one: &One) -> String {
    let reasons: Vec<&str> = one
        .bundles
        .iter()
        .filter_map(|seen| seen.reason.as_deref())
        .collect();
    if reasons.is_empty() {
        "no signature was found".to_owned()
    } else {
        reasons.join("; ")
    }
}

/// A bundle's bytes and where they were.
#[derive(Debug)]
pub(crate) struct Raw {
    from: String,
    bytes: Vec<u8>,
    /// Whether it is the one bundle of the target, so that one which is
    /// malformed is an error and no more than that.
    sole: bool,
    form: Form,
}

/// What may prove something.
#[derive(Debug)]
enum Form {
    /// A bundle, in `bytes`.
    Bundle,
    /// What cosign 2 attached.
    Layer(Layer),
    /// Nothing: what is there cannot be read, for this reason.
    Broken(String),
}

impl Raw {
    /// A bundle that is attached to an image.
    pub(crate) fn attached(bytes: Vec<u8>) -> Self {
        Self {
            from: format!("attached {}", Digest::of(&bytes)),
            bytes,
            sole: false,
            form: Form::Bundle,
        }
    }

    /// A layer of the list under this tag.
    pub(crate) fn layer(tag: &str, layer: Layer) -> Self {
        Self {
            from: format!("tag {tag}, layer {}", layer.descriptor.digest),
            bytes: Vec::new(),
            sole: false,
            form: Form::Layer(layer),
        }
    }

    /// A list that is malformed; what else there is may still prove.
    pub(crate) fn broken(tag: &str, reason: String) -> Self {
        Self {
            from: format!("tag {tag}"),
            bytes: Vec::new(),
            sole: false,
            form: Form::Broken(reason),
        }
    }
}

/// The bundles of a target: the one given, else the one beside a file
/// (`FILE.sigstore.json`, `FILE.sigstore`), else those attached to an image.
pub(crate) fn gather(
    target: &Target,
    given: Option<&Path>,
    predicate_type: Option<&str>,
) -> Result<Vec<Raw>, Failure> {
    let read = |path: &Path| -> Result<Raw, Failure> {
        Ok(Raw {
            from: path.display().to_string(),
            bytes: file::read(path, LARGEST_BUNDLE)?,
            sole: true,
            form: Form::Bundle,
        })
    };
    if let Some(path) = given {
        return Ok(vec![read(path)?]);
    }
    match &target.place {
        Place::Digest => Ok(Vec::new()),
        Place::File(path) => {
            let candidates = [".sigstore.json", ".sigstore"].map(|end| beside(path, end));
            match candidates.iter().find(|candidate| candidate.exists()) {
                Some(found) => Ok(vec![read(found)?]),
                None => Ok(Vec::new()),
            }
        }
        Place::Image { repository, .. } => {
            layer::gather(repository, &target.digest, predicate_type)
        }
    }
}

/// Looks at every bundle; one that proves is enough.
pub(crate) fn judge(
    target: &Target,
    found: &[Raw],
    keys: &[PublicKey],
    predicate_type: Option<&str>,
) -> Result<One, Failure> {
    let mut one = One {
        target: target.text.clone(),
        digest: target.digest,
        verified: false,
        key_ids: Vec::new(),
        bundles: Vec::new(),
    };
    for raw in found {
        match &raw.form {
            Form::Bundle => {}
            Form::Layer(layer) => {
                let proved = layer::verify(layer, &target.digest, keys, predicate_type);
                settle(&mut one, raw, proved, None)?;
                continue;
            }
            Form::Broken(reason) => {
                one.bundles.push(seen(raw, Some(reason.clone()), None));
                continue;
            }
        }
        let bundle = match Bundle::parse(&raw.bytes) {
            Ok(bundle) => bundle,
            Err(error) if raw.sole => return Err(error.into()),
            Err(error) => {
                one.bundles.push(seen(raw, Some(error.to_string()), None));
                continue;
            }
        };
        let unchecked =
            Some(bundle.unchecked()).filter(|rest| rest.log_entries + rest.timestamps > 0);
        let proved = prove(&bundle, &target.digest, keys, predicate_type);
        settle(&mut one, raw, proved, unchecked)?;
    }
    Ok(one)
}

/// Notes what one bundle or layer proves.
fn settle(
    one: &mut One,
    raw: &Raw,
    proved: Result<PublicKey, Unproved>,
    unchecked: Option<liftlock::bundle::Unchecked>,
) -> Result<(), Failure> {
    match proved {
        Ok(key) => {
            one.verified = true;
            one.bundles.push(seen(raw, None, unchecked));
            if !one.key_ids.contains(&key.id()) {
                one.key_ids.push(key.id());
            }
        }
        Err(Unproved::Refused(reason)) => one.bundles.push(seen(raw, Some(reason), unchecked)),
        Err(Unproved::Malformed(failure)) => return Err(failure),
    }
    Ok(())
}

/// Whether one of these keys signed the image with this digest.
pub(crate) fn signs(bundle: &Bundle, digest: &Digest, keys: &[PublicKey]) -> bool {
    prove(bundle, digest, keys, None).is_ok()
}

fn seen(raw: &Raw, reason: Option<String>, unchecked: Option<liftlock::bundle::Unchecked>) -> Seen {
    Seen {
        from: raw.from.clone(),
        verified: reason.is_none(),
        reason,
        unchecked,
    }
}

/// Why a bundle does not count.
#[derive(Debug)]
pub(crate) enum Unproved {
    Refused(String),
    Malformed(Failure),
}

pub(crate) fn prove(
    bundle: &Bundle,
    digest: &Digest,
    keys: &[PublicKey],
    predicate_type: Option<&str>,
) -> Result<PublicKey, Unproved> {
    match (bundle.content(), predicate_type) {
        (Content::Message { .. }, None) => {
            let proved = signature::verify(bundle, &Artifact::known_by(*digest), keys, &Local);
            proved.map_err(|refused| Unproved::Refused(refused.to_string()))
        }
        (Content::Message { .. }, Some(_)) => Err(Unproved::Refused(
            attestation::Refused::NoStatement.to_string(),
        )),
        (Content::Envelope(_), wanted) => {
            let wanted = wanted.unwrap_or(SIGNED);
            let proved = match attestation::verify(bundle, keys, &Local) {
                Ok(proved) => proved,
                Err(refused @ attestation::Refused::Statement(_)) => {
                    return Err(Unproved::Malformed(refused.into()));
                }
                Err(refused) => return Err(Unproved::Refused(refused.to_string())),
            };
            let statement = proved.statement;
            if !statement.is_about(digest) {
                return Err(Unproved::Refused(format!(
                    "the statement is not about `{digest}`"
                )));
            }
            let said = statement.predicate_type();
            if said != wanted {
                let reason = format!("the statement says `{said}`, not `{wanted}`");
                return Err(Unproved::Refused(reason));
            }
            Ok(proved.key)
        }
    }
}
