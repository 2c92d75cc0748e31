//! What went past gates, and what was gone back from, is told loudly and
//! followed up: by issues that are opened once, or in words.

use liftlock::approval::break_glass::Broken;
use liftlock::ci::github::escape_markdown;
use liftlock::config::break_glass::Gate;
use liftlock::failure::Failure;
use liftlock::plan::Kind as PlanKind;
use liftlock::report::Report;
use liftlock::rollback::Cause;
use liftlock::span::Span;
use liftlock::state::{Document, Run};
use liftlock_io::cli::Session;
use liftlock_io::github::{Draft, GitHub};
use liftlock_io::http;
use liftlock_io::store;

use crate::outcome::Outcome;

/// How long GitHub may take where `--timeout` does not say: the release moved
/// already, and nobody waits for the issue.
const PATIENCE: Span = Span::seconds(120);

/// The longest title.
const TITLE: usize = 250;

/// Tells of the last plan of an environment, where it is over.
#[must_use]
pub fn last(
    report: Report,
    document: &Document,
    github: Option<&str>,
    session: &Session,
) -> Report {
    match &document.run {
        Some(run) if run.verdict.is_some() => up(report, &Outcome::of(run, true), github, session),
        Some(_) | None => report,
    }
}

/// What the result says under a field, such as where an issue is.
#[must_use]
pub fn told(report: &Report, field: &str) -> Option<String> {
    let told = report.detail.get(field)?;
    told.as_str().map(str::to_owned)
}

/// Tells what a plan went past, and that it went back, and has both followed
/// up. That an issue cannot be opened undoes nothing: the report then says so.
#[must_use]
pub fn up(report: Report, outcome: &Outcome, github: Option<&str>, session: &Session) -> Report {
    let github = github.filter(|_| !session.dry_run);
    let report = match &outcome.plan.break_glass {
        Some(broken) => glass(report, outcome, broken, github, session),
        None => report,
    };
    incident(report, outcome, github, session)
}

/// Tells of a plan down that this run could not bring to its end.
pub fn open_still(run: &Run, github: Option<&str>, session: &Session) {
    let Some(repository) = github.filter(|_| !session.dry_run && run.verdict.is_none()) else {
        return;
    };
    match begun(repository, &Outcome::of(run, true), session) {
        Ok(url) => liftlock_io::cli::progress(&format!("told in {url}")),
        Err(failure) => {
            let why = failure.lines().join(": ");
            liftlock_io::cli::progress(&format!("no issue was opened: {why}"));
        }
    }
}

/// The issue of a plan that is not over; its page.
fn begun(repository: &str, outcome: &Outcome, session: &Session) -> Result<String, Failure> {
    let (title, body) = (
        title(outcome),
        story(
            outcome,
            "It is **not over**: `promote resume` goes on with it.",
        ),
    );
    let mark = mark(outcome);
    let draft = Draft {
        title: &title,
        body: &body,
        mark: &mark,
        since: outcome.plan.made_at,
    };
    Ok(forge(repository, session)?.open_once(&draft)?)
}

fn forge(repository: &str, session: &Session) -> Result<GitHub, Failure> {
    let options = http::Options {
        ca_file: session.ca_file.clone(),
        timeout: store::TIMEOUT,
    };
    let patience = liftlock_io::clock::now().after(PATIENCE);
    let deadline = session.deadline.map_or(patience, |end| end.min(patience));
    Ok(GitHub::from_environment(repository, &options, deadline)?)
}

fn glass(
    report: Report,
    outcome: &Outcome,
    broken: &Broken,
    github: Option<&str>,
    session: &Session,
) -> Report {
    let words = words(broken);
    let followed = match github {
        Some(repository) => match glass_issue(repository, outcome, broken, session) {
            Ok(url) => url,
            Err(failure) => {
                let why = failure.lines().join(": ");
                format!("{words} (no issue was opened: {why}; run the same command again)")
            }
        },
        None => words,
    };
    let report = report.with_caution(&format!("{broken}; follow up: {followed}"));
    with_detail(report, "follow_up", &followed)
}

fn with_detail(mut report: Report, field: &str, value: &str) -> Report {
    if let Some(detail) = report.detail.as_object_mut() {
        detail.insert(field.to_owned(), value.into());
    }
    report
}

/// What has to be done after it, in one line.
fn words(broken: &Broken) -> String {
    let past: Vec<String> = broken.past.iter().map(Gate::to_string).collect();
    format!("provide {}, and say why it could not wait", past.join(", "))
}

fn glass_issue(
    repository: &str,
    outcome: &Outcome,
    broken: &Broken,
    session: &Session,
) -> Result<String, Failure> {
    let plan = &outcome.plan;
    let title = format!("Break-glass: {} in {}", plan.release.id, plan.environment);
    let title: String = title.chars().take(TITLE).collect();
    let mark = format!("<!-- liftlock-break-glass: {} -->", outcome.plan_id);
    let draft = Draft {
        title: &title,
        body: &glass_text(outcome, broken),
        mark: &mark,
        since: plan.made_at,
    };
    Ok(forge(repository, session)?.open_once(&draft)?)
}

/// The text of the issue; the same for the same plan.
fn glass_text(outcome: &Outcome, broken: &Broken) -> String {
    let plan = &outcome.plan;
    let people: Vec<&str> = broken.people.iter().map(|name| name.as_str()).collect();
    let tasks = broken.past.iter().map(|gate| {
        let gate = escape_markdown(&gate.to_string());
        format!("- [ ] {gate} is there, or a release with it is live\n")
    });
    let tasks: String = tasks.collect();
    format!(
        "{} went past gates in {} of {}.\n\n\
         | | |\n|---|---|\n| reason | {} |\n| said yes | {} |\n| plan | `{}` |\n\
         | request | `{}` |\n| statement | `{}` |\n| release | `{}` |\n\n{tasks}\
         - [ ] it is known why it could not wait, and what keeps that from coming back",
        escape_markdown(&plan.release.id),
        escape_markdown(plan.environment.as_str()),
        escape_markdown(plan.service.as_str()),
        escape_markdown(&broken.reason),
        escape_markdown(&people.join(", ")),
        outcome.plan_id,
        broken.request,
        broken.statement,
        plan.release.digest,
    )
}

/// One issue for each plan that went down, or went back by itself.
fn incident(report: Report, outcome: &Outcome, github: Option<&str>, session: &Session) -> Report {
    let broken = outcome.plan.cause.as_ref().and_then(Cause::broken);
    let report = match &broken {
        Some(broken) => report.with_caution(&format!(
            "{broken}; follow up: say why it could not wait, and mend what was away or in the way"
        )),
        None => report,
    };
    let down = outcome.plan.kind == PlanKind::Rollback || outcome.turned.is_some();
    let Some(repository) = github.filter(|_| down) else {
        return report;
    };
    let opened = match outcome.is_over() {
        true => over(repository, outcome, session),
        false => begun(repository, outcome, session),
    };
    match opened {
        Ok(url) => with_detail(report, "issue", &url),
        Err(failure) => {
            let why = failure.lines().join(": ");
            report.with_caution(&format!("no issue was opened: {why}"))
        }
    }
}

/// The issue of a plan that is over, with its end in it; its page.
fn over(repository: &str, outcome: &Outcome, session: &Session) -> Result<String, Failure> {
    let (title, body) = (title(outcome), story(outcome, &ended(outcome)));
    let mark = mark(outcome);
    let draft = Draft {
        title: &title,
        body: &body,
        mark: &mark,
        since: outcome.plan.made_at,
    };
    let end = format!("<!-- liftlock-incident-over: {} -->", outcome.plan_id);
    Ok(forge(repository, session)?.open_or_tell(&draft, &end)?)
}

fn mark(outcome: &Outcome) -> String {
    format!("<!-- liftlock-incident: {} -->", outcome.plan_id)
}

fn title(outcome: &Outcome) -> String {
    let plan = &outcome.plan;
    let left = left(outcome);
    let title = match plan.kind {
        PlanKind::Rollback => format!("Rollback of {left} in {}", plan.environment),
        PlanKind::Promotion | PlanKind::First => {
            format!("{left} went back in {}", plan.environment)
        }
    };
    title.chars().take(TITLE).collect()
}

/// The release that was found wanting.
fn left(outcome: &Outcome) -> &str {
    let plan = &outcome.plan;
    match plan.kind {
        PlanKind::Rollback => plan.previous.as_ref().map_or("?", |before| &before.id),
        PlanKind::Promotion | PlanKind::First => &plan.release.id,
    }
}

/// The release that is live now; of a plan that is not over, nobody knows.
fn live(outcome: &Outcome) -> &str {
    let plan = &outcome.plan;
    match &outcome.turned {
        None => &plan.release.id,
        Some(_) => plan
            .previous
            .as_ref()
            .map_or("nothing", |before| &before.id),
    }
}

fn ended(outcome: &Outcome) -> String {
    format!(
        "It is over: **{}**, and {} is live.",
        outcome.verdict,
        escape_markdown(live(outcome))
    )
}

/// What happened, in a table; texts of others stay texts.
fn story(outcome: &Outcome, end: &str) -> String {
    let plan = &outcome.plan;
    let cause = plan.cause.as_ref();
    let reason = match (&outcome.turned, cause) {
        (Some(turned), _) => turned.reason.as_str(),
        (None, Some(cause)) => cause.reason.as_str(),
        (None, None) => "",
    };
    let mut rows = vec![
        ("reason", escape_markdown(reason)),
        ("left", escape_markdown(left(outcome))),
        ("by", escape_markdown(cause.map_or("", |cause| &cause.by))),
    ];
    let broken = cause.and_then(Cause::broken);
    rows.extend(broken.map(|broken| ("past", escape_markdown(&broken))));
    if let Some(recovery) = outcome.recovery.filter(|_| outcome.is_over()) {
        rows.push(("detected", recovery.detected_at.to_string()));
        rows.push(("decided", recovery.decided_at.to_string()));
        rows.push(("restored", recovery.restored_at.to_string()));
        let seconds = recovery.time_to_recover_ms / 1_000;
        rows.push(("time to recover", format!("{seconds} s")));
    }
    rows.push(("plan", format!("`{}`", outcome.plan_id)));
    let rows: String = rows
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("| {name} | {value} |\n"))
        .collect();
    let held = match plan.kind {
        PlanKind::Rollback => "\n- [ ] no hold is left (`rollback lift`)",
        PlanKind::Promotion | PlanKind::First => "",
    };
    format!(
        "{} of {}. {end}\n\n| | |\n|---|---|\n{rows}\n\
         - [ ] it is known what was wrong, and what keeps it from coming back\n\
         - [ ] a release that mends it is live, or this one is rejected (`rollback reject`){held}",
        escape_markdown(plan.environment.as_str()),
        escape_markdown(plan.service.as_str()),
    )
}
