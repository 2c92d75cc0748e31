//! How far planned looks were from a fail, and what they spent.

use liftlock::page::figure::{Layer, Panel, Spacing, Stroke, number};
use liftlock::page::style::Ink;

use super::{Drawn, HIGH, LOW, limit, line};
use crate::html::Section;
use crate::words::Words;

/// How far planned looks were from a fail; nothing when none was open.
pub(super) fn drawn(section: &Section<'_>) -> Option<Drawn> {
    let last = section.points.last()?;
    let bad = Words::of(section.policy.unit).bad;
    let short = section
        .points
        .iter()
        .filter_map(|point| point.short_of_fail);
    let most = short.max()?;
    let planned = 100.0 * section.policy.alpha.planned();
    let mut layers = vec![
        limit(Ink::Fail, 0.0, "fails here".to_owned()),
        Layer::Line {
            name: "short of a fail",
            ink: Ink::Canary,
            stroke: Stroke::Solid,
            points: line(section, |point| point.short_of_fail.map(number)),
        },
    ];
    let failed = last.short_of_fail == Some(0);
    layers.extend(failed.then_some(Layer::Mark {
        ink: Ink::Fail,
        time: last.time,
        value: 0.0,
    }));
    let distance = Panel {
        name: bad.to_owned(),
        height: HIGH,
        range: (0.0, number(most.max(5)) * 1.1),
        spacing: Spacing::Even,
        layers,
    };
    let spent = Panel {
        name: "risk spent, %".to_owned(),
        height: LOW,
        range: (0.0, planned * 1.1),
        spacing: Spacing::Even,
        layers: vec![
            limit(Ink::Quiet, planned, format!("{planned:.2} % planned")),
            Layer::Line {
                name: "spent",
                ink: Ink::Text,
                stroke: Stroke::Solid,
                points: line(section, |point| Some(100.0 * point.spent)),
            },
        ],
    };
    let end = match last.short_of_fail {
        Some(0) => "The last look failed the canary.".to_owned(),
        Some(more) => format!("At the end, {more} more {bad} would have failed it."),
        None => "At the end no look was open.".to_owned(),
    };
    Some(Drawn {
        name: "looks",
        title: "Planned looks",
        description: end,
        caption: format!(
            "How many more {bad} of the canary would have failed it, look by look, and what the \
             looks have spent of the chance to fail a healthy one."
        ),
        panels: vec![distance, spent],
    })
}
