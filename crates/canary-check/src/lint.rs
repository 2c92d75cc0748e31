//! Tells what files of objectives and analyses say that nobody means.

use liftlock::failure::Failure;
use liftlock::report::Report;
use liftlock::slo::{self, Finding, Severity};
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;

use crate::args::Lint;
use crate::import::understood;

/// One finding, with its file.
#[derive(Serialize)]
struct Found {
    file: String,
    #[serde(flatten)]
    finding: Finding,
}

#[derive(Serialize)]
struct Detail<'a> {
    findings: &'a [Found],
    files: usize,
}

pub(crate) fn lint(args: &Lint, session: &Session) -> Result<Report, Failure> {
    let mut findings = Vec::new();
    for path in &args.files {
        session.check()?;
        let file = path.display().to_string();
        let found = understood(path, slo::lint)?.into_iter();
        findings.extend(found.map(|finding| Found {
            file: file.clone(),
            finding,
        }));
    }
    let detail = Detail {
        findings: &findings,
        files: args.files.len(),
    };
    let errors = count(&findings, Severity::Error);
    let verdict = if errors == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let report = Report::new("lint", verdict, headline(&findings))
        .with_detail(&detail)
        .with_lines(&findings)
        .with_human(human(&findings))
        .with_summary(summary(&findings));
    Ok(report)
}

fn count(findings: &[Found], severity: Severity) -> usize {
    let alike = findings
        .iter()
        .filter(|one| one.finding.severity == severity);
    alike.count()
}

fn headline(findings: &[Found]) -> String {
    let all = [Severity::Error, Severity::Warning, Severity::Note];
    let told = all.map(|severity| {
        let count = count(findings, severity);
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {}{end}", severity.word())
    });
    told.join(", ")
}

fn human(findings: &[Found]) -> String {
    let lines = findings.iter().map(|one| {
        let finding = &one.finding;
        format!(
            "  {:<7}  {}: {}: {} ({}{})",
            finding.severity.word(),
            one.file,
            finding.place,
            finding.message,
            finding.code,
            issue(finding)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn issue(finding: &Finding) -> String {
    let issue = finding.issue.map(|issue| format!(", see {issue}"));
    issue.unwrap_or_default()
}

fn summary(findings: &[Found]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let head = ["| | file | about | what |", "|---|---|---|---|"].map(str::to_owned);
    let rows = findings.iter().map(|one| {
        let finding = &one.finding;
        let cells = [
            finding.severity.word(),
            &one.file,
            &finding.place,
            &finding.message,
        ];
        format!(
            "| {} |",
            cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
        )
    });
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}
