//! What `release.json` says, and the attestation over it.

use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::predicate;
use liftlock::release::{Identified, LONGEST_NOTES, Release, SCHEMA_VERSION};
use liftlock::statement::{Statement, Subject};
use liftlock_io::cli::Session;
use liftlock_io::file;

use crate::args;
use crate::attest::too_large;
use crate::pen::Pen;
use crate::setting::Setting;

use super::collect::Collected;

/// A release with the bytes it is known by, and its attestation.
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    pub(super) identified: Identified,
    pub(super) statement: Statement,
    pub(super) bundle: Bundle,
}

impl Made {
    /// Signs the release.
    pub(super) fn new(pen: &Pen<'_>, release: &Release) -> Result<Self, Failure> {
        let mut bytes = serde_json::to_vec_pretty(release)
            .map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
        bytes.push(b'\n');
        // Read back as every gate will read it.
        let identified = Identified::parse(&bytes)
            .map_err(|error| Failure::new(Kind::Invalid, format!("the release: {error}")))?;
        let mut subjects = vec![Subject::named(&identified.digest, "release.json")];
        let artifacts = release.artifacts.iter();
        subjects.extend(artifacts.map(|(name, one)| Subject::named(&one.digest, name.as_str())));
        let statement = Statement::new(subjects, predicate::RELEASE, release)?;
        let bundle = pen.whole(pen.attest(&statement)?)?;
        Ok(Self {
            bytes,
            identified,
            statement,
            bundle,
        })
    }
}

/// Puts the release together.
pub(super) fn describe(
    asked: &args::Release,
    setting: &Setting,
    collected: &Collected,
    session: &Session,
) -> Result<Release, Failure> {
    let configured = setting.rules().map(|rules| rules.service.clone());
    let merged = &collected.merged;
    let service = session.service.clone().or(configured);
    let service = match (service, &merged.service) {
        (Some(service), Some(said)) if service != *said => {
            let message =
                format!("the parts are of the service `{said}`, the release of `{service}`");
            return Err(Failure::new(Kind::Invalid, message));
        }
        (Some(service), _) => service,
        (None, Some(said)) => said.clone(),
        (None, None) => {
            let failure = Failure::new(Kind::Usage, "a release needs a service");
            return Err(failure.with_hint("give `--service NAME`"));
        }
    };
    let (notes, notes_digest) = notes(asked)?;
    let version = asked.version.clone().unwrap_or_default();
    let artifacts = merged.artifacts.iter();
    Ok(Release {
        schema_version: SCHEMA_VERSION,
        id: asked
            .id
            .clone()
            .unwrap_or_else(|| format!("{service}-{version}")),
        service,
        version,
        commit: merged.commit.clone(),
        artifacts: artifacts
            .map(|(name, piece)| (name.clone(), piece.artifact.clone()))
            .collect(),
        owner: asked.owner.clone().unwrap_or_default(),
        notes,
        migration: asked.migration,
        created_at: session.started,
        run_url: session.ci.url.clone(),
        authors: asked.author.clone(),
        notes_digest,
    })
}

/// The notes, and the digest of the file they came from.
fn notes(asked: &args::Release) -> Result<(Option<String>, Option<Digest>), Failure> {
    let Some(path) = &asked.notes_file else {
        return Ok((asked.notes.clone(), None));
    };
    let limit = u64::try_from(LONGEST_NOTES).unwrap_or(u64::MAX);
    let text = file::read_text(path, limit)
        .map_err(|error| too_large(error, "say by `--notes` where they are"))?;
    let digest = Digest::of(text.as_bytes());
    Ok((Some(text), Some(digest)))
}
