//! The artifacts of a release: found here, or in the parts of other jobs, with
//! the bundles that were beside them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use liftlock::attestation;
use liftlock::bundle::{Bundle, Content};
use liftlock::failure::{Failure, Kind};
use liftlock::glob::{self, Pattern};
use liftlock::json;
use liftlock::name::Name;
use liftlock::part::{self, Merged, Part, Piece};
use liftlock::release::Artifact;
use liftlock_io::cli::Session;
use liftlock_io::{file, walk};

use crate::args;
use crate::found::{Raw, gather};
use crate::target::{Place, Target};
use crate::wanted::Wanted;

/// Whose word the artifacts of the command line are, in messages.
const HERE: &str = "this run";

/// All artifacts.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) merged: Merged,
    /// Where they are, of those that this run sees.
    pub(crate) targets: BTreeMap<Name, Target>,
}

/// Finds the artifacts that were named and those of all parts.
pub(crate) fn all(asked: &args::Release, session: &Session) -> Result<Collected, Failure> {
    let mut targets = BTreeMap::new();
    let mut artifacts = BTreeMap::new();
    for (name, text) in &asked.artifact {
        let target = Target::find(text, session)?;
        let piece = Piece {
            artifact: artifact(&target),
            signatures: signatures(gather(&target, Wanted::Built)?)?,
        };
        if artifacts.insert(name.clone(), piece).is_some() {
            let message = format!("the artifact `{name}` is given twice");
            return Err(Failure::new(Kind::Usage, message));
        }
        targets.insert(name.clone(), target);
    }
    let here = Part {
        schema_version: part::SCHEMA_VERSION,
        part: None,
        service: session.service.clone(),
        commit: asked.commit.clone().or_else(|| session.ci.commit.clone()),
        artifacts,
    };
    let mut parts = vec![(HERE.to_owned(), here)];
    for path in files(&asked.merge)? {
        let label = format!("`{}`", path.display());
        parts.push((label, read(&path)?));
    }
    let mut merged = part::merge(&parts)?;
    for (name, piece) in &mut merged.artifacts {
        if targets.contains_key(name) {
            continue;
        }
        let (label, digest) = (&piece.artifact.name, piece.artifact.digest);
        if let Some(target) = Target::labelled(label, digest, session)? {
            piece
                .signatures
                .extend(signatures(gather(&target, Wanted::Built)?)?);
            targets.insert(name.clone(), target);
        }
    }
    Ok(Collected { merged, targets })
}

fn artifact(target: &Target) -> Artifact {
    let name = match &target.place {
        Place::File(_) => target.label.clone().unwrap_or_default(),
        Place::Image { .. } | Place::Digest => target.text.clone(),
    };
    Artifact {
        digest: target.digest,
        name,
        size: target.size,
        sbom: Vec::new(),
        provenance: Vec::new(),
    }
}

/// The bundles that could sign an artifact. One beside a file that is
/// malformed is an error; among those attached to an image it is passed by.
pub(crate) fn signatures(found: Vec<Raw>) -> Result<Vec<Bundle>, Failure> {
    let mut bundles = Vec::new();
    for raw in found.into_iter().filter(Raw::is_bundle) {
        match raw.bundle() {
            Ok(bundle) if signs(&bundle) => bundles.push(bundle),
            Ok(_) => {}
            Err(failure) if raw.sole => return Err(failure),
            Err(_) => {}
        }
    }
    Ok(bundles)
}

/// Whether a bundle claims to be a signature, or provenance.
fn signs(bundle: &Bundle) -> bool {
    match bundle.content() {
        Content::Message { .. } => true,
        Content::Envelope(_) => attestation::claimed(bundle)
            .is_ok_and(|claimed| Wanted::Built.takes(claimed.predicate_type())),
    }
}

/// The files of parts; a pattern names several.
fn files(typed: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for text in typed {
        if !glob::is_pattern(text) || Path::new(text).exists() {
            found.push(PathBuf::from(text));
            continue;
        }
        let pattern = Pattern::parse(text).map_err(|error| {
            Failure::because(Kind::Invalid, format!("`{text}` is no pattern"), error)
        })?;
        let fits = walk::pattern(&pattern)?;
        if fits.is_empty() {
            let message = format!("nothing fits the pattern `{text}`");
            return Err(Failure::new(Kind::Invalid, message));
        }
        found.extend(fits);
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Part, Failure> {
    let limit = u64::try_from(json::LARGEST).unwrap_or(u64::MAX);
    let bytes = file::read(path, limit)?;
    Part::parse(&bytes).map_err(|error| {
        let message = format!("cannot understand `{}`", path.display());
        Failure::because(Kind::Invalid, message, error)
    })
}
