//! Reports of `rollback`.

use liftlock::ci::github::escape_markdown;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::plan::{Kind, Plan};
use liftlock::report::Report;
use liftlock::rollback::alert::{Alert, Doubt};
use liftlock::rollback::{Candidate, choose, forward};
use liftlock::state::Document;
use liftlock::verdict::Verdict;
use liftlock_engine::health::Health;
use liftlock_engine::{Outcome, World, render};

/// A plan that was not carried out.
pub(crate) fn plan(plan: &Plan, candidates: &[Candidate]) -> Report {
    let headline = format!(
        "{} back to {} in {} steps",
        plan.environment,
        plan.release.id,
        plan.steps.len()
    );
    Report::new("plan", Verdict::Pass, headline)
        .with_scope(Some(plan.service.clone()), Some(plan.environment.clone()))
        .with_detail(&serde_json::json!({
            "plan_id": plan.id(), "plan": plan, "candidates": candidates,
        }))
        .with_output("plan-id", plan.id().to_string())
        .with_output("release", plan.release.id.clone())
        .with_human(render::plan(plan))
}

/// That nothing is gone back to, and the way forward.
pub(crate) fn no_way(
    subcommand: &'static str,
    world: &World,
    (document, candidates): (&Document, &[Candidate]),
    why: &Failure,
) -> Report {
    let lines = forward::forward(&world.environment, document, candidates);
    let headline = format!("{}; go forward", why.lines().join(": "));
    Report::new(subcommand, Verdict::Fail, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "candidates": candidates, "forward": lines }))
        .with_human(forward::told(&lines))
        .with_summary(format!(
            "```text\n{}\n```",
            forward::told(&lines).replace("```", "` ` `")
        ))
}

/// The most alerts that are told one by one.
const MOST_TOLD: usize = 20;

/// That a monitor's word moves nothing, and why.
pub(crate) fn stays(world: &World, state: &Document, against: &[(Alert, Doubt)]) -> Report {
    let mut lines: Vec<String> = against
        .iter()
        .take(MOST_TOLD)
        .map(|(alert, doubt)| format!("alert {}: {doubt}", alert.name))
        .collect();
    let more = against.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    let first = lines.first().map_or("", String::as_str);
    let live = state.live.as_ref().map(|live| &live.release);
    let stays = live.map_or("nothing moves".to_owned(), |live| {
        format!("{} stays live in {}", live.id, world.environment.name)
    });
    Report::new("run", Verdict::Pass, format!("{stays}: {first}"))
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "alerts": lines }))
        .with_output(
            "live",
            live.map_or(String::new(), |live| live.digest.to_string()),
        )
        .with_human(lines.join("\n"))
        .with_policy(world.rules.origin, false)
}

/// What it came to in a line, and what is live by it.
fn reached(outcome: &Outcome) -> (String, Option<Digest>) {
    let plan = &outcome.plan;
    let (release, place) = (&plan.release.id, &plan.environment);
    let before = plan.previous.as_ref().map(|before| before.digest);
    let is_up = plan.kind != Kind::Rollback;
    match (&outcome.waits, &outcome.turned) {
        (Some(waits), _) if is_up => (
            format!("{release} goes back in {place}: {}", waits.why),
            before,
        ),
        (Some(waits), _) => (
            format!("{release} is not live again in {place} yet: {}", waits.why),
            before,
        ),
        (None, None) => (
            format!("{release} is live again in {place}"),
            Some(plan.release.digest),
        ),
        (None, Some(turned)) if is_up => (
            format!("{release} did not go up: {}", turned.reason),
            before,
        ),
        (None, Some(turned)) => (
            format!("{release} was not reached: {}", turned.reason),
            before,
        ),
    }
}

/// What a rollback came to.
pub(crate) fn outcome(
    outcome: &Outcome,
    signed: Option<Digest>,
    health: Option<&Health>,
) -> Report {
    let plan = &outcome.plan;
    let (headline, live) = reached(outcome);
    let ill = health.is_some_and(Health::fails);
    let headline = match health {
        Some(Health::NotJudged(_)) | None => headline,
        Some(health) => format!("{headline}; {}", health.told()),
    };
    let from = plan.previous.as_ref();
    let live = live.map_or(String::new(), |digest| digest.to_string());
    let recovery = outcome.recovery;
    let took = recovery.map_or(0, |recovery| recovery.time_to_recover_ms);
    let verdict = if ill { Verdict::Fail } else { outcome.verdict };
    let report = Report::new("run", verdict, headline)
        .with_scope(Some(plan.service.clone()), Some(plan.environment.clone()))
        .with_detail(&serde_json::json!({
            "outcome": outcome, "attestation": signed, "time_to_recover_ms": took,
            "health": health,
        }))
        .with_output("plan-id", outcome.plan_id.to_string())
        .with_output("release", plan.release.id.clone())
        .with_output("from", from.map_or("", |before| before.id.as_str()))
        .with_output("live", live)
        .with_output("time-to-recover-ms", took.to_string())
        .with_human(render::outcome(outcome))
        .with_summary(render::outcome_summary(outcome));
    let report = match (&outcome.turned, outcome.left.as_slice()) {
        (Some(_), _) | (None, []) => report,
        (None, left) => report.with_caution(&format!("left as it is: {}", left.join(", "))),
    };
    match recovery {
        Some(recovery) => report
            .with_output("detected-at", recovery.detected_at.to_string())
            .with_output("restored-at", recovery.restored_at.to_string()),
        None => report,
    }
}

/// The known-good releases.
pub(crate) fn list(world: &World, candidates: &[Candidate]) -> Report {
    let chosen = choose(candidates);
    let headline = match chosen {
        Some(candidate) => format!("a rollback would go to {}", candidate.release.id),
        None => "there is nothing to go back to".to_owned(),
    };
    let lines: Vec<String> = candidates
        .iter()
        .map(|candidate| {
            let against = match candidate.against.as_slice() {
                [] => "ok".to_owned(),
                [_, ..] => candidate.told(),
            };
            format!(
                "{} {} {against}",
                candidate.good_since, candidate.release.id
            )
        })
        .collect();
    let rows: Vec<String> = candidates
        .iter()
        .map(|candidate| {
            format!(
                "| {} | {} | {} |",
                escape_markdown(&candidate.release.id),
                candidate.good_since,
                escape_markdown(&candidate.told())
            )
        })
        .collect();
    Report::new("list", Verdict::Pass, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "candidates": candidates }))
        .with_output(
            "release",
            chosen.map_or(String::new(), |candidate| candidate.release.id.clone()),
        )
        .with_human(lines.join("\n"))
        .with_summary(format!(
            "| release | good since | against it |\n|---|---|---|\n{}",
            rows.join("\n")
        ))
        .with_policy(world.rules.origin, false)
}

/// Why a rollback could or could not run.
pub(crate) fn explain(world: &World, document: &Document, candidates: &[Candidate]) -> Report {
    let mut lines: Vec<String> = candidates
        .iter()
        .filter(|candidate| !candidate.against.is_empty())
        .map(|candidate| format!("{}: {}", candidate.release.id, candidate.told()))
        .collect();
    if let Some(run) = document.under_way() {
        lines.push(format!(
            "under way: {}; `promote resume`",
            run.plan.release.id
        ));
    }
    let (verdict, headline) = match choose(candidates) {
        Some(candidate) => (
            Verdict::Pass,
            format!("a rollback would go to {}", candidate.release.id),
        ),
        None => (
            Verdict::Fail,
            "there is nothing to go back to; go forward".to_owned(),
        ),
    };
    let ahead = forward::forward(&world.environment, document, candidates);
    let human = [lines.join("\n"), forward::told(&ahead)];
    let human: Vec<String> = human.into_iter().filter(|part| !part.is_empty()).collect();
    Report::new("explain", verdict, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({
            "candidates": candidates, "obstacles": lines, "forward": ahead,
        }))
        .with_human(human.join("\n\n"))
        .with_policy(world.rules.origin, false)
}
