//! A rollout as a page for people: what is live, how requests were split over
//! time, each step with its intent and its outcome, and why it went back.
//!
//! Everything on it is in the state document, so the same state gives the same
//! page.

mod chart;
#[cfg(test)]
mod tests;

use liftlock::config::break_glass::Gate;
use liftlock::digest::Digest;
use liftlock::name::Name;
use liftlock::page::style::Ink;
use liftlock::page::{Markup, document, line, pairs, sign};
use liftlock::plan::journal::Entry;
use liftlock::plan::recovery::Recovery;
use liftlock::plan::{Kind, Plan, Step};
use liftlock::release::Reference;
use liftlock::state::{Document, Run};
use liftlock::time::Time;
use liftlock::verdict::Verdict;

/// The state of an environment at a moment.
#[derive(Clone, Copy)]
pub(crate) struct Rollout<'a> {
    pub(crate) service: &'a Name,
    pub(crate) environment: &'a Name,
    pub(crate) state: &'a Document,
    pub(crate) now: Time,
}

/// Writes the page.
pub(crate) fn render(rollout: &Rollout<'_>) -> String {
    let run = rollout.state.run.as_ref();
    let body = heading(rollout)
        .and(run.map(|run| rolled(run, rollout.now)).unwrap_or_default())
        .and(around(rollout.state))
        .and(footer(rollout));
    let title = format!(
        "promote: {} · {} · {}",
        run.map_or("nothing", |run| verdict(run).word()),
        rollout.service,
        rollout.environment
    );
    document(&title, body)
}

/// How a run ended; of one that is under way, that it is not over.
fn verdict(run: &Run) -> Verdict {
    run.verdict.unwrap_or(Verdict::Pending)
}

fn heading(rollout: &Rollout<'_>) -> Markup {
    let place = format!("{} in {}", rollout.service, rollout.environment);
    let place = Markup::element("p", &[], place);
    let live = rollout.state.live.as_ref();
    let live = live.map_or("nothing is live".to_owned(), |live| {
        format!("{} is live since {}", live.release.id, live.since)
    });
    let Some(run) = &rollout.state.run else {
        let inner = Markup::element("h1", &[], "no promotion yet").and(Markup::element(
            "p",
            &[("class", "why")],
            format!("{live}."),
        ));
        return Markup::element("header", &[("class", "edge-open")], inner.and(place));
    };
    let found = verdict(run);
    let ink = Ink::of(found);
    let class = format!("ink-{}", ink.class());
    let word = match run.verdict {
        Some(verdict) => verdict.word(),
        None => "under way",
    };
    let word = Markup::element("span", &[("class", &class)], word);
    let what = match run.plan.kind {
        Kind::Promotion | Kind::First => "promotion of",
        Kind::Rollback => "rollback to",
    };
    let title = sign(found)
        .and(format!("{what} {}: ", run.plan.release.id))
        .and(word);
    let why = match &run.journal.turned {
        Some(turned) => format!("It went back: {}.", turned.reason),
        None => format!("{live}."),
    };
    let turned = run.journal.turned.as_ref();
    let live = turned.map(|_| Markup::element("p", &[], format!("{live}.")));
    let edge = format!("edge-{}", ink.class());
    let inner = Markup::element("h1", &[], title)
        .and(Markup::element("p", &[("class", "why")], why))
        .and(live.unwrap_or_default())
        .and(place);
    Markup::element("header", &[("class", &edge)], inner)
}

/// Everything about the last plan.
fn rolled(run: &Run, now: Time) -> Markup {
    let plan = &run.plan;
    let up = rows(&plan.steps, run);
    let back = rows(&run.journal.back, run);
    let back = match run.journal.back.as_slice() {
        [] => Markup::new(),
        [_, ..] => Markup::element("h2", &[], "The way back").and(table(back)),
    };
    chart::shares(run, now)
        .and(Markup::element("h2", &[], "Steps"))
        .and(table(up))
        .and(back)
        .and(Markup::element("h2", &[], "The plan"))
        .and(pairs(facts(run)))
}

fn table(rows: Markup) -> Markup {
    let heads = [
        "step",
        "what",
        "begun (UTC)",
        "ended (UTC)",
        "took",
        "found",
    ];
    let head = |text: &str| Markup::element("th", &[("scope", "col")], text);
    let heads = heads.map(head).into_iter().collect::<Markup>();
    let heads = Markup::element("thead", &[], Markup::element("tr", &[], heads));
    let body = Markup::element("tbody", &[], rows);
    let table = Markup::element("table", &[("class", "steps")], heads.and(body));
    Markup::element("div", &[("class", "wide")], table)
}

fn rows(steps: &[Step], run: &Run) -> Markup {
    let rows = steps.iter().map(|step| {
        let entry = run.journal.entry(&step.id);
        row(
            step,
            entry,
            entry.is_some_and(|entry| turned_at(run, entry)),
        )
    });
    rows.collect()
}

/// Whether the plan turned back in this step.
fn turned_at(run: &Run, entry: &Entry) -> bool {
    let turned = run.journal.turned.as_ref();
    let step = turned.and_then(|turned| turned.reason.split(':').next());
    step == Some(entry.step.as_str())
}

fn row(step: &Step, entry: Option<&Entry>, failed: bool) -> Markup {
    let cell = |text: &str| Markup::element("td", &[], text);
    let time = |time: Option<Time>| {
        let text = time.map_or("–".to_owned(), |time| time.to_string());
        Markup::element("td", &[("class", "time")], text)
    };
    let took = entry.and_then(|entry| {
        let millis = entry.ended_at?.millis_since(entry.began_at);
        Some(lasted(millis))
    });
    let (ink, found) = match (entry, failed) {
        (_, true) => (Ink::Fail, "it turned the plan back"),
        (None, false) => (Ink::Quiet, "not begun"),
        (Some(entry), false) if entry.ended_at.is_none() => (Ink::Open, "begun"),
        (Some(entry), false) => (Ink::Text, entry.note.as_str()),
    };
    let class = format!("ink-{}", ink.class());
    let name = Markup::element("code", &[], step.id.as_str());
    let cells = Markup::element("td", &[], name)
        .and(cell(&step.action.to_string()))
        .and(time(entry.map(|entry| entry.began_at)))
        .and(time(entry.and_then(|entry| entry.ended_at)))
        .and(Markup::element(
            "td",
            &[("class", "time")],
            took.as_deref().unwrap_or("–"),
        ))
        .and(Markup::element("td", &[("class", &class)], found));
    Markup::element("tr", &[], cells)
}

/// A length of time, to the tenth of a second.
fn lasted(millis: i64) -> String {
    let tenths = millis.max(0) / 100;
    match tenths / 10 {
        seconds if seconds >= 3_600 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        seconds if seconds >= 60 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{seconds}.{} s", tenths % 10),
    }
}

/// What the plan was made of, and by whose word.
fn facts(run: &Run) -> Markup {
    let plan = &run.plan;
    let mut lines = vec![
        line("release", named(&plan.release)),
        line(
            "in place of",
            match &plan.previous {
                Some(before) => named(before),
                None => Markup::from("nothing"),
            },
        ),
        line("made at", plan.made_at.to_string()),
    ];
    if let Some(turned) = &run.journal.turned {
        lines.push(line("went back at", turned.at.to_string()));
        lines.push(line("why", turned.reason.as_str()));
    }
    if let Some(recovery) = Recovery::of(plan, &run.journal) {
        lines.push(line("noticed at", recovery.detected_at.to_string()));
        lines.push(line("restored at", recovery.restored_at.to_string()));
        lines.push(line("time to recover", lasted(recovery.time_to_recover_ms)));
    }
    lines.extend(words(plan));
    lines.push(line("plan", code(&run.id)));
    lines.push(line("policy", code(&plan.policy)));
    lines.into_iter().collect()
}

/// The approvals that it used, and what it went past.
fn words(plan: &Plan) -> Vec<Markup> {
    let mut lines = Vec::new();
    let approval = plan.approval.as_ref();
    lines.extend(approval.map(|request| line("approved by request", code(request))));
    if let Some(broken) = &plan.break_glass {
        let past: Vec<String> = broken.past.iter().map(Gate::to_string).collect();
        let people: Vec<&str> = broken.people.iter().map(Name::as_str).collect();
        let (past, people) = (past.join(", "), people.join(", "));
        let told = format!("past {past}, by {people}: {}", broken.reason);
        lines.push(line("BREAK-GLASS", told));
        lines.push(line("by request", code(&broken.request)));
    }
    if let Some(cause) = &plan.cause {
        lines.push(line(
            "decided by",
            format!("{}: {}", cause.by, cause.reason),
        ));
        for one in &cause.past {
            lines.push(line("BREAK-GLASS", format!("past {}", one.why)));
        }
    }
    lines
}

fn code(digest: &Digest) -> Markup {
    Markup::element("code", &[], digest.to_string())
}

fn named(release: &Reference) -> Markup {
    Markup::from(format!("{} ", release.id)).and(code(&release.digest))
}

/// Who may move the environment now, and the releases that were good.
fn around(state: &Document) -> Markup {
    let mut lines = Vec::new();
    if let Some(hold) = &state.hold {
        let told = format!("since {} by {}: {}", hold.at, hold.by, hold.reason);
        lines.push(line("hold", told));
    }
    if let Some(lease) = &state.lease {
        let told = format!("by {} until {}", lease.owner.run, lease.expires_at);
        lines.push(line("held", told));
    }
    if let Some(slots) = &state.slots {
        lines.push(line("stable slot", slots.stable.as_str()));
        lines.push(line("canary slot", slots.canary.as_str()));
    }
    for live in state.good.iter().rev().take(10) {
        let told = format!("{} since {}", live.release.id, live.since);
        lines.push(match state.how_left(&live.release.digest) {
            None => line("known good", told),
            Some(left) => line("left", format!("{told}: {}", left.told())),
        });
    }
    if lines.is_empty() {
        return Markup::new();
    }
    Markup::element("h2", &[], "The environment").and(pairs(lines.into_iter().collect()))
}

fn footer(rollout: &Rollout<'_>) -> Markup {
    let told = format!(
        "Of the state's revision {}, read at {}.",
        rollout.state.revision, rollout.now
    );
    Markup::element("footer", &[], Markup::element("p", &[], told))
}
