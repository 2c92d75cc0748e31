//! The share of bad requests of both arms, and how many requests there were.

use liftlock::canary::counts::{Arm, Row};
use liftlock::canary::{Against, Unit};
use liftlock::page::figure::{Layer, Panel, Spacing, Stroke, number};
use liftlock::page::style::Ink;
use liftlock::time::Time;

use super::{Drawn, HIGH, LOW, limit};
use crate::html::Section;
use crate::render;
use crate::words::Words;

pub(super) fn drawn(section: &Section<'_>, from: Time) -> Drawn {
    let rows = &section.rows;
    let words = Words::of(section.policy.unit);
    let line = |arm: fn(&Row) -> Arm| {
        let percent = move |row: &Row| arm(row).share().map(|share| words.scale() * share);
        rows.iter().map(move |row| (row.time, percent(row)))
    };
    let canary: Vec<_> = line(|row| row.canary).collect();
    let baseline: Vec<_> = line(|row| row.baseline).collect();
    let all = canary.iter().chain(&baseline);
    let most = all.filter_map(|(_, share)| *share).fold(0.0, f64::max);
    let (second, most) = match section.policy.against {
        Against::Baseline => {
            let line = Layer::Line {
                name: "baseline",
                ink: Ink::Baseline,
                stroke: Stroke::Dashed,
                points: baseline,
            };
            (line, most)
        }
        Against::Slo(objective) => {
            let allowed = 100.0 * objective.allowed();
            let limit = limit(Ink::Fail, allowed, format!("{allowed:.2} % may fail"));
            (limit, most.max(allowed))
        }
    };
    let top = match most > 0.0 {
        true => (1.12 * most).min(words.most()),
        false => 1.0,
    };
    let first = Layer::Line {
        name: "canary",
        ink: Ink::Canary,
        stroke: Stroke::Solid,
        points: canary,
    };
    let panel = Panel {
        name: words.axis.to_owned(),
        height: HIGH,
        range: (0.0, top),
        spacing: Spacing::Even,
        layers: vec![second, first],
    };
    if section.policy.unit == Unit::Mean {
        return values(panel);
    }
    Drawn {
        name: "shares",
        title: words.parts,
        description: told(section),
        caption: format!(
            "Below: {}, the canary's to the left. Rows are never added up by the judge; where a \
             column stands for several, it is for the eye.",
            words.all
        ),
        panels: vec![panel, requests(section, from)],
    }
}

fn values(panel: Panel) -> Drawn {
    Drawn {
        name: "values",
        title: "Values",
        description: "What the canary and its baseline showed.".to_owned(),
        caption: "As parts of the most that a value may be.".to_owned(),
        panels: vec![panel],
    }
}

/// The shares over all rows.
fn told(section: &Section<'_>) -> String {
    let (judgement, against) = (section.judgement, section.policy.against);
    let canary = render::seen(judgement, judgement.canary);
    match against {
        Against::Baseline => {
            let baseline = render::seen(judgement, judgement.baseline);
            format!("In all rows together, canary: {canary}; baseline: {baseline}.")
        }
        Against::Slo(_) => format!("In all rows together: {canary}."),
    }
}

fn requests(section: &Section<'_>, from: Time) -> Panel {
    let bars = |ink, part, count: fn(&Row) -> u64| {
        let begins = std::iter::once(from).chain(section.rows.iter().map(|row| row.time));
        let bars = begins.zip(&section.rows);
        let bars = bars.map(|(begin, row)| (begin, row.time, count(row)));
        Layer::Bars {
            ink,
            part,
            bars: bars.collect(),
        }
    };
    let canary: fn(&Row) -> u64 = |row| row.canary.total;
    let baseline: fn(&Row) -> u64 = |row| row.baseline.total;
    let (layers, counts) = match section.policy.against {
        Against::Baseline => {
            let left = bars(Ink::Canary, (0.08, 0.5), canary);
            let right = bars(Ink::Baseline, (0.5, 0.92), baseline);
            (vec![left, right], vec![canary, baseline])
        }
        Against::Slo(_) => (vec![bars(Ink::Canary, (0.1, 0.9), canary)], vec![canary]),
    };
    let most = counts
        .iter()
        .flat_map(|count| section.rows.iter().map(count));
    let most = most.max().unwrap_or(0).max(2);
    let all = Words::of(section.policy.unit).all;
    Panel {
        name: match section.each {
            1 => format!("{all} in each row"),
            each => format!("{all} in {each} rows each"),
        },
        height: LOW,
        range: (0.0, number(most)),
        spacing: Spacing::Even,
        layers,
    }
}
