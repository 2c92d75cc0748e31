//! How the evidence of a fault and that of health grew.

use liftlock::canary::trace::Point;
use liftlock::page::figure::{Layer, Panel, Spacing, Stroke};
use liftlock::page::style::Ink;
use liftlock::verdict::Verdict;

use super::{ALONE, Drawn, limit, line};
use crate::html::Section;

pub(super) fn drawn(section: &Section<'_>) -> Option<Drawn> {
    let last = section.points.last()?;
    let limits = Limits {
        fails: section.policy.alpha.fail_threshold(),
        passes: section.policy.beta.threshold(),
    };
    let Limits { fails, passes } = limits;
    let panel = Panel {
        name: "evidence, ln E".to_owned(),
        height: ALONE,
        range: range(&section.points, fails.max(passes)),
        spacing: Spacing::Even,
        layers: layers(section, last, limits),
    };
    Some(Drawn {
        name: "evidence",
        title: "Evidence",
        description: format!(
            "At the end the evidence of a fault is {:.2} and fails at {fails:.2}; \
             the evidence of health is {:.2} and passes at {passes:.2}.",
            last.log_e_fail, last.log_e_pass
        ),
        caption: "What bets on a fault, or on health, have won so far, as a logarithm. A \
                  canary fails as soon as the line of a fault reaches its limit, or at a \
                  planned look. What lies outside is drawn at the edge."
            .to_owned(),
        panels: vec![panel],
    })
}

/// What `ln E` has to reach.
#[derive(Clone, Copy)]
struct Limits {
    fails: f64,
    passes: f64,
}

fn layers(section: &Section<'_>, last: &Point, limits: Limits) -> Vec<Layer> {
    let Limits { fails, passes } = limits;
    let mut layers = vec![
        limit(Ink::Fail, fails, format!("fails at {fails:.2}")),
        limit(Ink::Pass, passes, format!("passes at {passes:.2}")),
        Layer::Line {
            name: "of health",
            ink: Ink::Pass,
            stroke: Stroke::Dashed,
            points: line(section, |point| Some(point.log_e_pass)),
        },
        Layer::Line {
            name: "of a fault",
            ink: Ink::Fail,
            stroke: Stroke::Solid,
            points: line(section, |point| Some(point.log_e_fail)),
        },
    ];
    // The line that brought the verdict.
    let brought = match section.judgement.verdict {
        Verdict::Fail => Some((Ink::Fail, last.log_e_fail, fails)),
        Verdict::Pass => Some((Ink::Pass, last.log_e_pass, passes)),
        Verdict::Inconclusive
        | Verdict::Blind
        | Verdict::Pending
        | Verdict::Blocked
        | Verdict::Expired
        | Verdict::Stuck => None,
    };
    let reached = brought.filter(|(_, value, limit)| value >= limit);
    layers.extend(reached.map(|(ink, value, _)| Layer::Mark {
        ink,
        time: last.time,
        value,
    }));
    layers
}

/// All that was won or lost, as far as it can be shown beside the limits.
fn range(points: &[Point], limit: f64) -> (f64, f64) {
    let values = points.iter();
    let values = values.flat_map(|point| [point.log_e_fail, point.log_e_pass]);
    let (low, high) = values.fold((0.0, 0.0), |(low, high): (f64, f64), value| {
        (low.min(value), high.max(value))
    });
    (
        low.max(-limit).min(-0.2 * limit),
        high.max(1.25 * limit).min(2.5 * limit),
    )
}
