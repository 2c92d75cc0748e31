//! Plans, chains and outcomes for people: on a terminal and in a summary.

use liftlock::chain::Chain;
use liftlock::ci::github::escape_markdown;
use liftlock::plan::{Plan, Step};

use crate::outcome::Outcome;

/// A plan, one step a line.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let lines = plan.steps.iter().map(line);
    lines.collect::<Vec<_>>().join("\n")
}

fn line(step: &Step) -> String {
    format!("{:12} {}", step.id, step.action)
}

/// An outcome, one step a line with what became of it, then the way back.
#[must_use]
pub fn outcome(outcome: &Outcome) -> String {
    let entries: Vec<String> = outcome
        .journal
        .iter()
        .map(|entry| {
            let mark = if entry.ended_at.is_some() {
                "done"
            } else {
                "begun"
            };
            format!("{:5} {} {}", mark, entry.step, entry.note)
                .trim_end()
                .to_owned()
        })
        .collect();
    let turned = outcome.turned.as_ref().map(|turned| {
        let restored = if outcome.restored { "yes" } else { "no" };
        format!("\nwent back: {}\nrestored: {restored}", turned.reason)
    });
    let now = outcome.standing.as_ref();
    let now = now.map(|standing| format!("\nnow: {standing}"));
    let way_on = outcome.way_on.as_ref();
    let way_on = way_on.map(|way_on| format!("\nnext: {way_on}"));
    let more = [turned, now, way_on].map(Option::unwrap_or_default);
    format!("{}{}", entries.join("\n"), more.concat())
}

/// An outcome as a table.
#[must_use]
pub fn outcome_summary(outcome: &Outcome) -> String {
    let rows: Vec<String> = outcome
        .journal
        .iter()
        .map(|entry| {
            let ended = entry
                .ended_at
                .map_or("–".to_owned(), |time| time.to_string());
            format!(
                "| {} | {ended} | {} |",
                entry.step,
                escape_markdown(&entry.note)
            )
        })
        .collect();
    let turned = outcome
        .turned
        .as_ref()
        .map(|turned| format!("\n\nWent back: {}", escape_markdown(&turned.reason)));
    format!(
        "| step | ended | |\n|---|---|---|\n{}{}",
        rows.join("\n"),
        turned.unwrap_or_default()
    )
}

/// What an environment demands, one condition a line with the way to meet it.
#[must_use]
pub fn chain(chain: &Chain) -> String {
    let lines: Vec<String> = chain
        .conditions
        .iter()
        .map(|condition| {
            if condition.met {
                format!("met     {}: {}", condition.wanted, condition.found)
            } else if condition.past.is_some() {
                format!("BROKEN  {}: {}", condition.wanted, condition.found)
            } else {
                format!(
                    "MISSING {}: {}\n        from {}: {}",
                    condition.wanted, condition.found, condition.who, condition.fix
                )
            }
        })
        .chain(chain.fresh.iter().map(|asked| format!("fresh   {asked}")))
        .collect();
    lines.join("\n")
}
