//! The canary's share of the requests over time.

use liftlock::name::Name;
use liftlock::page::Markup;
use liftlock::page::figure::{self, Figure, Layer, Panel, Spacing, Stroke, draw};
use liftlock::page::style::Ink;
use liftlock::percent::Percent;
use liftlock::plan::{Action, Kind};
use liftlock::state::Run;
use liftlock::time::Time;

/// A share from a moment on.
type Share = (Time, Percent);

/// The figure; nothing where the plan has no slots.
pub(super) fn shares(run: &Run, now: Time) -> Markup {
    let Some(canary) = run.plan.candidate() else {
        return Markup::new();
    };
    let shifts = shifts(run, canary);
    let ended = run
        .journal
        .entries
        .iter()
        .filter_map(|entry| entry.ended_at);
    let turned = run.journal.turned.as_ref().map(|turned| turned.at);
    let until = match run.verdict {
        Some(_) => ended.chain(turned).max().unwrap_or(run.plan.made_at),
        None => now,
    };
    let (from, to) = figure::span(run.plan.made_at, until);
    let name = format!("share of {canary}, %");
    let mut layers = vec![Layer::Line {
        name: "canary",
        ink: Ink::Canary,
        stroke: Stroke::Solid,
        points: steps(&shifts, from, to),
    }];
    if let Some(at) = turned {
        layers.push(Layer::Mark {
            ink: Ink::Fail,
            time: at,
            value: percent(at_moment(&shifts, at)),
        });
    }
    let description = match (turned, shifts.last()) {
        (Some(_), _) => "The share went up and, where the ring is, the plan turned back.",
        (None, Some(_)) if run.plan.kind == Kind::Rollback => "Requests went back to it.",
        (None, Some(_)) if shifts.len() > 1 => "The share went up step by step.",
        (None, Some(_)) => "The share went up at once.",
        (None, None) => "Requests were not split yet.",
    };
    let drawn = draw(&Figure {
        id: "shares",
        title: match run.plan.kind {
            Kind::Promotion | Kind::First => "Requests that the new version gets",
            Kind::Rollback => "Requests that the older version gets",
        },
        description,
        from,
        to,
        panels: vec![Panel {
            name,
            height: 130.0,
            range: (0.0, 100.0),
            spacing: Spacing::Even,
            layers,
        }],
    });
    let title = Markup::element("h3", &[], "Requests over time");
    let caption = Markup::element("figcaption", &[], description);
    let figure = Markup::element("figure", &[], title.and(drawn).and(caption));
    Markup::element("div", &[("class", "figures")], figure)
}

/// What the canary's slot got from when on, oldest first.
fn shifts(run: &Run, canary: &Name) -> Vec<Share> {
    let steps = run.plan.steps.iter().chain(&run.journal.back);
    let mut shifts: Vec<Share> = steps
        .filter_map(|step| {
            let Action::Shift { weights } = &step.action else {
                return None;
            };
            let ended = run.journal.entry(&step.id)?.ended_at?;
            Some((ended, *weights.get(canary)?))
        })
        .collect();
    shifts.sort_by_key(|(at, _)| *at);
    shifts
}

/// A line that stays level between two shifts.
fn steps(shifts: &[Share], from: Time, to: Time) -> Vec<(Time, Option<f64>)> {
    let mut points = vec![(from, Some(0.0))];
    let mut before = Percent::ZERO;
    for (at, share) in shifts {
        points.push((*at, Some(percent(before))));
        points.push((*at, Some(percent(*share))));
        before = *share;
    }
    points.push((to, Some(percent(before))));
    points
}

fn at_moment(shifts: &[Share], moment: Time) -> Percent {
    let before = shifts.iter().rev().find(|(at, _)| *at <= moment);
    before.map_or(Percent::ZERO, |(_, share)| *share)
}

fn percent(share: Percent) -> f64 {
    figure::number(u64::from(share.basis_points())) / 100.0
}
