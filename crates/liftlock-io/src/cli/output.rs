//! Writes an ending to stdout, the result file and the files of the CI.

use std::path::{Path, PathBuf};

use liftlock::ci::{self, System, github, junit, pairs};
use liftlock::failure::{Failure, Kind};
use liftlock::report::{Ending, Report};

use super::console;
use super::{Format, Session};
use crate::{env, file, random};

pub(super) fn write(ending: &Ending, session: &Session) -> Result<(), Failure> {
    if let Ok(report) = &ending.result {
        console::result(&stdout(ending, report, session)).map_err(|error| {
            Failure::new(Kind::Upstream, format!("cannot write the result: {error}"))
        })?;
    }
    if let Some(path) = &session.result_file {
        let mut bytes = pretty(ending).into_bytes();
        bytes.push(b'\n');
        file::write(path, &bytes)?;
    }
    match session.ci.system {
        System::GitHub => for_github(ending),
        System::GitLab => for_files(ending, session, "env"),
        System::Jenkins => for_files(ending, session, "properties"),
        System::Plain => match &session.report_dir {
            Some(_) => for_files(ending, session, "properties"),
            None => Ok(()),
        },
    }
}

fn stdout(ending: &Ending, report: &Report, session: &Session) -> String {
    match session.format {
        Format::Json => pretty(ending),
        Format::Jsonl => ending.json().to_string(),
        Format::Human => {
            let text = format!(
                "{}: {}\n{}",
                report.verdict.word(),
                report.headline,
                report.human
            );
            match session.ci.system {
                System::GitHub => disarmed(&text),
                System::GitLab | System::Jenkins | System::Plain => text,
            }
        }
    }
}

/// Text of others must not be read as a workflow command.
fn disarmed(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.trim_start().starts_with("::") || line.contains("##[") {
            format!("| {}", line.replace("##[", "# #["))
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn pretty(ending: &Ending) -> String {
    format!("{:#}", ending.json())
}

fn for_github(ending: &Ending) -> Result<(), Failure> {
    if let Some(path) = env::var("GITHUB_OUTPUT") {
        let delimiter = format!("liftlock-{}", random::token()?);
        let text = github::outputs(ending, &delimiter)
            .map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
        file::append(Path::new(&path), text.as_bytes())?;
    }
    if let Some(path) = env::var("GITHUB_STEP_SUMMARY") {
        file::append(Path::new(&path), github::summary(ending).as_bytes())?;
    }
    console::progress(&github::annotation(ending));
    Ok(())
}

fn for_files(ending: &Ending, session: &Session, suffix: &str) -> Result<(), Failure> {
    let folder = session
        .report_dir
        .clone()
        .unwrap_or_else(|| PathBuf::from("."));
    std::fs::create_dir_all(&folder).map_err(|source| file::Error::Write {
        path: folder.clone(),
        source,
    })?;
    let stem = format!("liftlock.{}", ci::stem(ending));
    file::write(
        &folder.join(format!("{stem}.{suffix}")),
        pairs::render(ending).as_bytes(),
    )?;
    file::write(
        &folder.join(format!("{stem}.junit.xml")),
        junit::render(ending).as_bytes(),
    )?;
    Ok(())
}
