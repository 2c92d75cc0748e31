//! Reports of `promote`.

use liftlock::chain::Chain;
use liftlock::ci::github::escape_markdown;
use liftlock::digest::Digest;
use liftlock::name::Name;
use liftlock::plan::Plan;
use liftlock::plan::outlook::STRAY;
use liftlock::plan::standing::Standing;
use liftlock::plan::stray::Stray;
use liftlock::plan::wish::Wish;
use liftlock::release::Reference;
use liftlock::report::Report;
use liftlock::state::{Document, Run};
use liftlock::verdict::Verdict;
use liftlock_engine::{Outcome, World, render};

use crate::ahead::{Ahead, Conditions};
use crate::person;

/// A plan that was not carried out.
pub(crate) fn plan(
    subcommand: &'static str,
    plan: &Plan,
    (seen, ahead): (&Conditions, &Ahead),
    world: &World,
) -> Report {
    let (chain, drift) = (&seen.chain, &seen.drift);
    let ready = match (ahead.verdict, &chain.break_glass) {
        (Verdict::Pass, Some(broken)) => broken.to_string(),
        (Verdict::Pass, None) => "everything demanded is there".to_owned(),
        _ => format!("not yet: {}", ahead.why(chain)),
    };
    let headline = format!(
        "{} to {} in {} steps; {ready}",
        plan.release.id,
        plan.environment,
        plan.steps.len()
    );
    let alone = world.unattended(plan);
    let mut human = format!("{}\n\n{}", render::plan(plan), render::chain(chain));
    if let Some(alone) = &alone {
        human = format!("{human}\n\n{alone}");
    }
    Report::new(subcommand, ahead.verdict, headline)
        .with_scope(Some(plan.service.clone()), Some(plan.environment.clone()))
        .with_detail(&serde_json::json!({
            "plan_id": plan.id(), "plan": plan, "chain": chain, "drift": drift,
            "exposure_ms": exposure(plan), "unattended": alone,
        }))
        .with_output("plan-id", plan.id().to_string())
        .with_output("release", plan.release.id.clone())
        .with_summary(format!("```text\n{}\n```", human.replace("```", "` ` `")))
        .with_human(human)
        .with_policy(world.rules.origin, false)
}

/// The shortest time that all bakes and the watch take together.
fn exposure(plan: &Plan) -> u64 {
    let lengths = plan.steps.iter().map(|step| match &step.action {
        liftlock::plan::Action::Bake { length, .. } | liftlock::plan::Action::Watch { length } => {
            length.millis()
        }
        liftlock::plan::Action::Copy { .. }
        | liftlock::plan::Action::Place { .. }
        | liftlock::plan::Action::Prove { .. }
        | liftlock::plan::Action::Shift { .. }
        | liftlock::plan::Action::Check { .. }
        | liftlock::plan::Action::Point { .. }
        | liftlock::plan::Action::Withdraw { .. }
        | liftlock::plan::Action::Swap { .. } => 0,
    });
    lengths.sum()
}

/// A refusal.
pub(crate) fn refused(
    subcommand: &'static str,
    release: &Reference,
    (seen, ahead): (&Conditions, &Ahead),
    world: &World,
) -> Report {
    let (chain, drift) = (&seen.chain, &seen.drift);
    let headline = format!("{} does not move: {}", release.id, ahead.why(chain));
    Report::new(subcommand, ahead.verdict, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "release": release, "chain": chain, "drift": drift }))
        .with_output("release", release.id.clone())
        .with_output("restored", "false")
        .with_summary(table(chain))
        .with_human(render::chain(chain))
        .with_policy(world.rules.origin, false)
}

/// What a run would do with a plan under way.
pub(crate) fn under_way(
    (subcommand, verdict): (&'static str, Verdict),
    headline: String,
    run: &Run,
    hint: Option<String>,
) -> Report {
    let (plan, journal) = (&run.plan, &run.journal);
    let steps = plan.steps.iter().chain(&journal.back);
    let steps = steps.map(|step| {
        let mark = match journal.entry(&step.id).map(|entry| entry.ended_at) {
            Some(Some(_)) => "done",
            Some(None) => "begun",
            None => "",
        };
        format!("{mark:5} {:12} {}", step.id, step.action)
    });
    let mut lines: Vec<String> = steps.collect();
    lines.extend(hint.map(|hint| format!("\nnext: {hint}")));
    let human = lines.join("\n");
    Report::new(subcommand, verdict, headline)
        .with_scope(Some(plan.service.clone()), Some(plan.environment.clone()))
        .with_detail(&serde_json::json!({
            "plan_id": run.id, "plan": plan, "journal": journal.entries,
            "turned": journal.turned, "standing": Standing::of(plan, journal),
        }))
        .with_output("plan-id", run.id.to_string())
        .with_output("release", plan.release.id.clone())
        .with_summary(format!("```text\n{}\n```", human.replace("```", "` ` `")))
        .with_human(human)
}

/// The same report with the pointers that plans left at what failed.
pub(crate) fn beside(mut report: Report, strays: &[Stray]) -> Report {
    if !strays.is_empty()
        && let Some(detail) = report.detail.as_object_mut()
    {
        detail.insert("left".to_owned(), serde_json::json!(strays));
    }
    for stray in strays {
        report.human = format!("{}\nleft: {stray}", report.human);
    }
    report
}

fn table(chain: &Chain) -> String {
    let rows = chain.conditions.iter().map(|condition| {
        let met = match (condition.met, condition.past) {
            (true, _) => "yes",
            (false, Some(_)) => "**no: BREAK-GLASS**",
            (false, None) => "**no**",
        };
        format!(
            "| {} | {met} | {} | `{}` |",
            escape_markdown(&condition.wanted),
            escape_markdown(&condition.found),
            condition.fix.replace('`', "'")
        )
    });
    let rows: Vec<String> = rows.collect();
    format!(
        "| wanted | there | found | command |\n|---|---|---|---|\n{}",
        rows.join("\n")
    )
}

/// What a plan came to.
pub(crate) fn outcome(
    subcommand: &'static str,
    outcome: &Outcome,
    signed: Option<Digest>,
) -> Report {
    let plan = &outcome.plan;
    let headline = match (&outcome.waits, &outcome.turned) {
        (Some(waits), _) => format!(
            "{} is under way in {}: {}",
            plan.release.id, plan.environment, waits.why
        ),
        (None, None) => format!("{} is live in {}", plan.release.id, plan.environment),
        (None, Some(turned)) if plan.reconciles() => format!(
            "{} could not be made what is live in {}: {}",
            plan.release.id, plan.environment, turned.reason
        ),
        (None, Some(turned)) => {
            let before = plan.previous.as_ref();
            let before = before.map_or("nothing is live".to_owned(), |before| {
                format!("{} is live again", before.id)
            });
            let left = match outcome.left.as_slice() {
                [] => String::new(),
                left => format!("; still pointing at it: {}", left.join(", ")),
            };
            format!(
                "{} did not go up, {before}: {}{left}",
                plan.release.id, turned.reason
            )
        }
    };
    let live = match (&outcome.waits, &outcome.turned) {
        (None, None) => Some(plan.release.digest),
        (Some(_), _) | (None, Some(_)) => plan.previous.as_ref().map(|before| before.digest),
    };
    let live = live.map_or(String::new(), |digest| digest.to_string());
    let report = Report::new(subcommand, outcome.verdict, headline)
        .with_scope(Some(plan.service.clone()), Some(plan.environment.clone()))
        .with_detail(&serde_json::json!({ "outcome": outcome, "attestation": signed }))
        .with_output("plan-id", outcome.plan_id.to_string())
        .with_output("release", plan.release.id.clone())
        .with_output("restored", outcome.restored.to_string())
        .with_output("live", live)
        .with_human(render::outcome(outcome))
        .with_summary(render::outcome_summary(outcome));
    // Nobody may overlook that it went on without asking.
    let unreached = outcome.fresh.iter().find(|one| one.unreached.is_some());
    let report = match unreached {
        Some(asked) => report.with_caution(&format!("APPROVAL NOT ASKED AGAIN: {asked}")),
        None => report,
    };
    let report = match (&outcome.turned, outcome.left.as_slice()) {
        (Some(_), _) | (None, []) => report,
        (None, left) => report.with_caution(&format!("left as it is: {}", left.join(", "))),
    };
    let after = outcome.waits.as_ref().and_then(|waits| waits.resume_after);
    match after {
        Some(time) => report.with_output("resume-after", time.to_string()),
        None => report,
    }
}

/// What would be put right.
pub(crate) fn reconcile(plan: &Plan, drift: &[String]) -> Report {
    let headline = format!("{} things differ in {}", drift.len(), plan.environment);
    Report::new("reconcile", Verdict::Pass, headline)
        .with_scope(Some(plan.service.clone()), Some(plan.environment.clone()))
        .with_detail(&serde_json::json!({ "plan": plan, "drift": drift }))
        .with_output("plan-id", plan.id().to_string())
        .with_output("release", plan.release.id.clone())
        .with_human(render::plan(plan))
}

/// What was asked of a plan under way.
pub(crate) fn asked(
    (subcommand, verdict): (&'static str, Verdict),
    headline: String,
    outcome: &Outcome,
    signed: Option<Digest>,
) -> Report {
    let plan = &outcome.plan;
    Report::new(subcommand, verdict, headline)
        .with_scope(Some(plan.service.clone()), Some(plan.environment.clone()))
        .with_detail(&serde_json::json!({ "outcome": outcome, "attestation": signed }))
        .with_output("plan-id", outcome.plan_id.to_string())
        .with_output("release", plan.release.id.clone())
}

/// What is live and what is under way.
pub(crate) fn status(
    world: &World,
    document: &Document,
    (drift, strays): (&[String], &[Stray]),
) -> Report {
    let live = document.live.as_ref();
    let shown = live.map_or("nothing is live".to_owned(), |live| {
        format!("{} is live since {}", live.release.id, live.since)
    });
    let stuck: Vec<String> = match document.under_way() {
        Some(run) => run.journal.stuck.clone(),
        None => strays.iter().map(Stray::to_string).collect(),
    };
    let (verdict, headline) = match (stuck.as_slice(), drift) {
        ([], []) => (Verdict::Pass, shown),
        ([], [_, ..]) => (Verdict::Blocked, shown),
        ([_, ..], _) => (Verdict::Stuck, format!("{shown}; {}", stuck.join("; "))),
    };
    let mut lines = document.under_way().map(going).unwrap_or_default();
    let pointers = document.under_way().map(|_| world.whereabouts());
    lines.extend(pointers.iter().flatten().cloned());
    if let Some(lease) = &document.lease {
        lines.push(format!(
            "held by {} until {}",
            lease.owner.run, lease.expires_at
        ));
    }
    if let Some(hold) = &document.hold {
        lines.push(format!(
            "hold since {} by {}: {}",
            hold.at, hold.by, hold.reason
        ));
    }
    lines.extend(drift.iter().map(|line| format!("drift: {line}")));
    let next = match document.under_way() {
        Some(run) if run.waits_for_a_word() && person::is_untold(world, run) => {
            Some(person::untold(world))
        }
        Some(run) => Some(run.way_on()),
        None if !strays.is_empty() => Some(STRAY.to_owned()),
        None => drift.first().map(|_| mended(&world.environment.name)),
    };
    lines.extend(next.iter().map(|next| format!("next: {next}")));
    let standing = document.under_way();
    let standing = standing.map(|run| Standing::of(&run.plan, &run.journal));
    Report::new("status", verdict, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({
            "state": document, "drift": drift, "left": strays, "standing": standing,
            "pointers": pointers, "next": next,
        }))
        .with_output(
            "live",
            live.map_or(String::new(), |live| live.release.digest.to_string()),
        )
        .with_policy(world.rules.origin, false)
        .with_human(lines.join("\n"))
}

/// How what differs is put right.
pub(crate) fn mended(environment: &Name) -> String {
    format!(
        "run `promote reconcile --environment {environment} --reason TEXT`, which puts it right"
    )
}

/// A plan under way: what it is for, and where it stands.
fn going(run: &Run) -> Vec<String> {
    let (plan, journal) = (&run.plan, &run.journal);
    let mut lines = vec![format!(
        "under way: {} (plan {})",
        plan.release.id,
        run.id.short()
    )];
    let turned = journal.turned.iter();
    lines.extend(turned.map(|turned| format!("it goes back: {}", turned.reason)));
    lines.extend(journal.wishes.iter().map(Wish::to_string));
    lines.extend(at_rest(run));
    lines.extend(journal.open_requests());
    lines.push(format!("now: {}", Standing::of(plan, journal)));
    lines
}

/// Why the plan under way may have no runner.
fn at_rest(run: &Run) -> Option<String> {
    let rest = run.journal.rest.as_ref()?;
    Some(match &rest.question {
        None => format!("{} is parked; resume after {}", rest.step, rest.until),
        Some(question) => format!(
            "{} is {}: {}; asked until {}",
            rest.step, question.verdict, question.why, rest.until
        ),
    })
}

/// Every condition, whether met or not.
pub(crate) fn explain(
    verdict: Verdict,
    world: &World,
    chain: &Chain,
    obstacles: &[String],
) -> Report {
    let open = chain
        .conditions
        .iter()
        .filter(|condition| !condition.met && condition.past.is_none())
        .count();
    let headline = format!("{} conditions are not met", open + obstacles.len());
    let human = format!("{}\n{}", render::chain(chain), obstacles.join("\n"));
    Report::new("explain", verdict, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "chain": chain, "obstacles": obstacles }))
        .with_human(human)
        .with_summary(table(chain))
        .with_policy(world.rules.origin, false)
}
