//! Writes an ending to stdout, the result file and the files of the CI.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use liftlock::ci::{self, System, github, junit, pairs};
use liftlock::failure::{Failure, Kind};
use liftlock::report::{Ending, Report};

use super::console;
use super::{Format, Session};
use crate::{env, file, random};

/// Where a result goes.
pub(super) struct Places {
    format: Format,
    system: System,
    result_file: Option<PathBuf>,
    report_dir: Option<PathBuf>,
}

impl Places {
    /// Those of a run.
    pub(super) fn of(session: &Session) -> Self {
        Self {
            format: session.format,
            system: session.ci.system,
            result_file: session.result_file.clone(),
            report_dir: session.report_dir.clone(),
        }
    }

    /// Those of a command line that cannot be read as a whole.
    pub(super) fn guessed() -> Self {
        let path = |flag: &str, name: &str| {
            let typed = typed(flag, std::env::args_os()).filter(|path| !path.is_empty());
            typed.or_else(|| env::var(name)).map(PathBuf::from)
        };
        Self {
            format: Format::Human,
            system: ci::detect(&env::var).system,
            result_file: path("--result-file", "LIFTLOCK_RESULT_FILE"),
            report_dir: path("--report-dir", "LIFTLOCK_REPORT_DIR"),
        }
    }
}

/// The value of a flag among words that fit no definition.
fn typed(flag: &str, words: impl Iterator<Item = OsString>) -> Option<String> {
    let mut words = words
        .take_while(|word| word != "--")
        .filter_map(|word| word.into_string().ok());
    while let Some(word) = words.next() {
        if word == flag {
            return words.next();
        }
        if let Some(value) = word
            .strip_prefix(flag)
            .and_then(|rest| rest.strip_prefix('='))
        {
            return Some(value.to_owned());
        }
    }
    None
}

/// Writes to every place, also where another one cannot be written.
pub(super) fn write(ending: &Ending, places: &Places) -> Result<(), Failure> {
    let shown = to_stdout(ending, places);
    let kept = to_file(ending, places);
    let told = to_ci(ending, places);
    shown.and(kept).and(told)
}

fn to_stdout(ending: &Ending, places: &Places) -> Result<(), Failure> {
    let Ok(report) = &ending.result else {
        return Ok(());
    };
    console::result(&stdout(ending, report, places))
        .map_err(|error| Failure::new(Kind::Upstream, format!("cannot write the result: {error}")))
}

fn to_file(ending: &Ending, places: &Places) -> Result<(), Failure> {
    if let Some(path) = &places.result_file {
        let mut bytes = pretty(ending).into_bytes();
        bytes.push(b'\n');
        file::write(path, &bytes)?;
    }
    Ok(())
}

fn to_ci(ending: &Ending, places: &Places) -> Result<(), Failure> {
    match places.system {
        System::GitHub => for_github(ending),
        System::GitLab => for_files(ending, places, "env"),
        System::Jenkins => for_files(ending, places, "properties"),
        System::Plain => match &places.report_dir {
            Some(_) => for_files(ending, places, "properties"),
            None => Ok(()),
        },
    }
}

fn stdout(ending: &Ending, report: &Report, places: &Places) -> String {
    match places.format {
        Format::Json => inert(&pretty(ending)),
        Format::Jsonl if report.lines.is_empty() => inert(&ending.json().to_string()),
        Format::Jsonl => {
            let lines = report.lines.iter().map(serde_json::Value::to_string);
            inert(&lines.collect::<Vec<_>>().join("\n"))
        }
        Format::Human => format!(
            "{}: {}\n{}",
            report.verdict.word(),
            ci::line(&ending.headline()),
            ci::shown(&report.human)
        ),
    }
}

/// GitHub takes `##[` for a command anywhere in a line. In JSON it can only
/// stand in a string, where it may be written otherwise.
fn inert(json: &str) -> String {
    json.replace("##[", "#\\u0023[")
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
    console::command(&github::annotation(ending));
    Ok(())
}

fn for_files(ending: &Ending, places: &Places, suffix: &str) -> Result<(), Failure> {
    let folder = places
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_found_among_words_that_fit_nothing() {
        let find = |line: &str| {
            let words = line.split_whitespace().map(OsString::from);
            typed("--result-file", words)
        };
        let found = Some("r.json".to_owned());
        assert_eq!(find("promote --nope --result-file r.json"), found);
        assert_eq!(find("promote --result-file=r.json --nope"), found);
        assert_eq!(
            find("promote --result-files=r.json -- --result-file r.json"),
            None
        );
        assert_eq!(find("promote --result-file"), None);
    }

    #[test]
    fn json_says_the_same_without_a_command_in_it() {
        let value = serde_json::json!({ "a": "###[error]", "b": "##[add-path]" });
        let text = inert(&value.to_string());
        assert!(!text.contains("##["), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, value);
    }
}
