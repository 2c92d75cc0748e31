//! Writes objectives of other formats as OpenSLO.

use std::path::{Path, PathBuf};

use liftlock::failure::{Explain, Failure, Kind};
use liftlock::report::Report;
use liftlock::slo::{self, Imported, Skipped};
use liftlock::verdict::Verdict;
use liftlock::yaml;
use liftlock_io::cli::Session;
use liftlock_io::file;
use serde::Serialize;

use crate::args::Import;

#[derive(Serialize)]
struct Detail<'a> {
    /// The names of the objectives.
    written: &'a [String],
    /// What could not be written, or only in part.
    lost: &'a [Skipped],
    /// The documents.
    openslo: &'a str,
}

pub(crate) fn import(args: &Import, session: &Session) -> Result<Report, Failure> {
    let imported = slo::import(&understood(&args.file, slo::parse)?);
    if imported.written.is_empty() {
        let message = format!(
            "nothing in `{}` can be written as OpenSLO",
            args.file.display()
        );
        return Err(Failure::because(
            Kind::Invalid,
            message,
            Lost(told(&imported, "; ")),
        ));
    }
    if let Some(path) = args.output.as_ref().filter(|_| !session.dry_run) {
        file::write(path, imported.text.as_bytes())?;
    }
    let detail = Detail {
        written: &imported.written,
        lost: &imported.lost,
        openslo: &imported.text,
    };
    let report = Report::new("import", Verdict::Pass, headline(&imported))
        .with_detail(&detail)
        .with_human(human(&imported, args.output.as_deref()));
    Ok(report)
}

/// Reads a file and understands it.
pub(crate) fn understood<T>(
    path: &Path,
    understand: impl Fn(&[u8]) -> Result<T, slo::Error>,
) -> Result<T, Failure> {
    let limit = u64::try_from(yaml::LARGEST).unwrap_or(u64::MAX);
    let bytes = file::read(path, limit)?;
    let understood = understand(&bytes).map_err(|source| NotUnderstood {
        path: path.to_owned(),
        source,
    })?;
    Ok(understood)
}

fn headline(imported: &Imported) -> String {
    let (written, lost) = (imported.written.len(), imported.lost.len());
    format!("{written} written as OpenSLO, {lost} remarks about what is lost")
}

/// The documents, where they went nowhere else, and what is lost as comments.
fn human(imported: &Imported, output: Option<&Path>) -> String {
    let lost: String = imported
        .lost
        .iter()
        .map(|lost| format!("# {}\n", line(lost)))
        .collect();
    match output {
        Some(path) => format!("{lost}# written to {}", path.display()),
        None => format!("---\n{lost}{}", imported.text),
    }
}

fn told(imported: &Imported, between: &str) -> String {
    let lines: Vec<String> = imported.lost.iter().map(line).collect();
    lines.join(between)
}

fn line(lost: &Skipped) -> String {
    format!("{}: {}", lost.what, lost.why).replace(['\r', '\n'], " ")
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Lost(String);

/// A file of objectives cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("cannot understand `{}`", path.display())]
struct NotUnderstood {
    path: PathBuf,
    source: slo::Error,
}

impl Explain for NotUnderstood {
    fn kind(&self) -> Kind {
        self.source.kind()
    }

    fn hint(&self) -> Option<String> {
        self.source.hint()
    }
}
