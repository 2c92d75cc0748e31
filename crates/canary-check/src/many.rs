//! Judges a folder of recorded counts, each file by itself.

use std::path::{Path, PathBuf};

use liftlock::canary::{Judgement, Policy};
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;

use crate::args::Judge;
use crate::run::recorded;
use crate::settings::Settings;
use crate::{attest, render};

/// The most files of a folder.
const MOST: usize = 100_000;

/// What was made of one file.
#[derive(Serialize)]
struct Judged {
    file: String,
    #[serde(flatten)]
    judgement: Judgement,
}

#[derive(Serialize)]
struct Detail<'a> {
    files: &'a [Judged],
    rules: &'a Policy,
}

pub(crate) fn judge(folder: &Path, args: &Judge, session: &Session) -> Result<Report, Failure> {
    let settings = Settings::read(session, args.about.environment.as_ref())?;
    attest::refuse_without_release(&args.about)?;
    let policy = settings.policy(&args.proof, None)?;
    let mut files = Vec::new();
    for path in listed(folder)? {
        session.check()?;
        let name = path.file_name().unwrap_or_default();
        files.push(Judged {
            file: name.to_string_lossy().into_owned(),
            judgement: recorded(&path, &args.proof, policy.clone())?.judgement,
        });
    }
    let rules = &policy;
    let files = files.as_slice();
    let report = Report::new("judge", worst(files), headline(files))
        .with_detail(&Detail { files, rules })
        .with_lines(files)
        .with_human(human(files));
    Ok(settings.label(report))
}

/// The files that end in `.csv`, by name.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let shown = folder.display();
    let unread = |error: std::io::Error| {
        Failure::because(
            Kind::of_file(&error),
            format!("cannot read `{shown}`"),
            error,
        )
    };
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            paths.push(path);
        }
    }
    paths.sort();
    match paths.len() {
        0 => Err(Failure::new(
            Kind::Invalid,
            format!("there is no `.csv` in `{shown}`"),
        )),
        1..=MOST => Ok(paths),
        more => {
            let message = format!("{more} files are more than the {MOST} that one run judges");
            Err(Failure::new(Kind::Invalid, message))
        }
    }
}

/// A canary that fails anywhere has failed; one that passes does so everywhere.
fn worst(files: &[Judged]) -> Verdict {
    let order = [Verdict::Fail, Verdict::Blind, Verdict::Inconclusive];
    let any = |wanted: &Verdict| files.iter().any(|one| one.judgement.verdict == *wanted);
    order.into_iter().find(any).unwrap_or(Verdict::Pass)
}

fn headline(files: &[Judged]) -> String {
    let all = [
        Verdict::Pass,
        Verdict::Fail,
        Verdict::Inconclusive,
        Verdict::Blind,
    ];
    let counts = all.map(|verdict| {
        let found = files.iter().filter(|one| one.judgement.verdict == verdict);
        (found.count(), verdict)
    });
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told
        .map(|(count, verdict)| format!("{count} {}", verdict.word()))
        .collect();
    format!("{} files: {}", files.len(), told.join(", "))
}

fn human(files: &[Judged]) -> String {
    let lines = files.iter().map(|one| {
        let (verdict, why) = (
            one.judgement.verdict.word(),
            render::headline(&one.judgement),
        );
        format!("  {verdict:<12}  {}: {why}", one.file)
    });
    lines.collect::<Vec<_>>().join("\n")
}
