//! Writes a part of a release, for the job that merges all of them.

use std::path::PathBuf;

use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::part::{MOST_SIGNATURES, Merged, Part, SCHEMA_VERSION};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::file;
use serde::Serialize;

use crate::args;
use crate::expand::count;

#[derive(Serialize)]
struct Written {
    release_file: String,
    part: Part,
}

/// Writes what this job built; nothing is proved yet.
pub(super) fn write(
    name: &Name,
    asked: &args::Release,
    merged: Merged,
    session: &Session,
) -> Result<Report, Failure> {
    let mut artifacts = merged.artifacts;
    for piece in artifacts.values_mut() {
        piece.signatures.truncate(MOST_SIGNATURES);
    }
    let part = Part {
        schema_version: SCHEMA_VERSION,
        part: Some(name.clone()),
        service: merged.service,
        commit: merged.commit,
        artifacts,
    };
    let mut bytes = serde_json::to_vec_pretty(&part)
        .map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    bytes.push(b'\n');
    let read = Part::parse(&bytes);
    let part = read.map_err(|error| Failure::because(Kind::Invalid, "the part", error))?;
    let output = asked.output.clone();
    let output = output.unwrap_or_else(|| PathBuf::from(format!("{name}.part.json")));
    if !session.dry_run {
        file::write(&output, &bytes)?;
    }
    let artifacts = count(part.artifacts.len(), "artifact", "artifacts");
    let done = if session.dry_run { "would be" } else { "is" };
    let headline = format!(
        "part `{name}` with {artifacts} {done} `{}`",
        output.display()
    );
    let unsigned = part.artifacts.iter();
    let unsigned = unsigned.filter(|(_, piece)| piece.signatures.is_empty());
    let lines = unsigned.map(|(name, piece)| {
        format!(
            "no signature beside {name} ({}): the release will look elsewhere\n",
            piece.artifact.name
        )
    });
    Ok(Report::new("release", Verdict::Pass, headline)
        .with_output("release-file", output.display().to_string())
        .with_output("count", part.artifacts.len().to_string())
        .with_human(lines.collect::<String>())
        .with_detail(&Written {
            release_file: output.display().to_string(),
            part,
        }))
}
