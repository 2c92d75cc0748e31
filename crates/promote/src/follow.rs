//! What went past gates is told loudly, and followed up: by an issue that is
//! opened once, or in words.

use liftlock::approval::break_glass::Broken;
use liftlock::ci::github::escape_markdown;
use liftlock::config::break_glass::Gate;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::plan::Plan;
use liftlock::report::Report;
use liftlock::span::Span;
use liftlock::state::Document;
use liftlock_io::cli::Session;
use liftlock_io::github::GitHub;
use liftlock_io::http;
use liftlock_io::store;

/// How long GitHub may take where `--timeout` does not say: the release moved
/// already, and nobody waits for the issue.
const PATIENCE: Span = Span::seconds(120);

/// Tells of the last plan of an environment, where it is over.
pub(crate) fn last(
    report: Report,
    document: &Document,
    github: Option<&str>,
    session: &Session,
) -> Report {
    match &document.run {
        Some(run) if run.verdict.is_some() => up(report, (&run.plan, run.id), github, session),
        Some(_) | None => report,
    }
}

/// Tells that a plan went past gates, if it did, and has it followed up. That
/// an issue cannot be opened undoes nothing: the report then says what to do.
pub(crate) fn up(
    report: Report,
    (plan, id): (&Plan, Digest),
    github: Option<&str>,
    session: &Session,
) -> Report {
    let Some(broken) = &plan.break_glass else {
        return report;
    };
    let words = words(broken);
    let followed = match github {
        Some(_) if session.dry_run => words,
        Some(repository) => match open(repository, (plan, id), broken, session) {
            Ok(url) => url,
            Err(failure) => {
                let why = failure.lines().join(": ");
                format!("{words} (no issue was opened: {why}; run the same command again)")
            }
        },
        None => words,
    };
    let mut report = report;
    if let Some(detail) = report.detail.as_object_mut() {
        detail.insert("follow_up".to_owned(), followed.as_str().into());
    }
    report
        .with_caution(&format!("{broken}; follow up: {followed}"))
        .with_output("break-glass", broken.request.to_string())
        .with_output("follow-up", followed)
}

/// What has to be done after it, in one line.
fn words(broken: &Broken) -> String {
    let past: Vec<String> = broken.past.iter().map(Gate::to_string).collect();
    format!("provide {}, and say why it could not wait", past.join(", "))
}

fn open(
    repository: &str,
    (plan, id): (&Plan, Digest),
    broken: &Broken,
    session: &Session,
) -> Result<String, Failure> {
    let options = http::Options {
        ca_file: session.ca_file.clone(),
        timeout: store::TIMEOUT,
    };
    let patience = liftlock_io::clock::now().after(PATIENCE);
    let deadline = session.deadline.map_or(patience, |end| end.min(patience));
    let github = GitHub::from_environment(repository, &options, deadline)?;
    let title = format!("Break-glass: {} in {}", plan.release.id, plan.environment);
    let title: String = title.chars().take(250).collect();
    let mark = format!("<!-- liftlock-break-glass: {id} -->");
    let text = text(plan, id, broken);
    Ok(github.open_once((&title, &text), (&mark, plan.made_at))?)
}

/// The text of the issue; the same for the same plan.
fn text(plan: &Plan, id: Digest, broken: &Broken) -> String {
    let people: Vec<&str> = broken.people.iter().map(|name| name.as_str()).collect();
    let tasks = broken.past.iter().map(|gate| {
        let gate = escape_markdown(&gate.to_string());
        format!("- [ ] {gate} is there, or a release with it is live\n")
    });
    let tasks: String = tasks.collect();
    format!(
        "{} went past gates in {} of {}.\n\n\
         | | |\n|---|---|\n| reason | {} |\n| said yes | {} |\n| plan | `{id}` |\n\
         | request | `{}` |\n| statement | `{}` |\n| release | `{}` |\n\n{tasks}\
         - [ ] it is known why it could not wait, and what keeps that from coming back",
        escape_markdown(&plan.release.id),
        escape_markdown(plan.environment.as_str()),
        escape_markdown(plan.service.as_str()),
        escape_markdown(&broken.reason),
        escape_markdown(&people.join(", ")),
        broken.request,
        broken.statement,
        plan.release.digest,
    )
}
