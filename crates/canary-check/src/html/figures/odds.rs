//! The odds ratio and the interval that it is in.

use liftlock::canary::Against;
use liftlock::canary::trace::Point;
use liftlock::page::figure::{Layer, Panel, Spacing, Stroke};
use liftlock::page::style::Ink;

use super::{ALONE, Drawn, limit, line};
use crate::html::Section;
use crate::html::tables::between;
use crate::words::Words;

pub(super) fn drawn(section: &Section<'_>) -> Option<Drawn> {
    let last = section.points.last()?;
    let bounded = last.range.is_some_and(|range| !range.is_open());
    if last.odds_ratio.is_none() && !bounded {
        return None;
    }
    let band = section.points.iter().map(|point| {
        let range = point.range.filter(|range| !range.is_open());
        (point.time, range.map(|range| (range.low, range.high)))
    });
    let range = range(section, last);
    let words = Words::of(section.policy.unit);
    let ratio = words.ratio;
    let mut layers = healthy(section, range.0);
    if bounded {
        layers.push(Layer::Band {
            name: "95 % interval",
            ink: Ink::Canary,
            points: band.collect(),
        });
    }
    layers.push(Layer::Line {
        name: "estimate",
        ink: Ink::Canary,
        stroke: Stroke::Solid,
        points: line(section, |point| point.odds_ratio),
    });
    let interval = last.range.map_or_else(|| "not known".to_owned(), between);
    let estimate = last.odds_ratio;
    let estimate = estimate.map_or_else(|| "not known".to_owned(), |odds| format!("{odds:.2}"));
    Some(Drawn {
        name: "odds",
        title: words.ratio_title,
        description: format!("At the end the {ratio} is {estimate}, its interval {interval}."),
        caption: format!(
            "{}, over all rows so far. The interval holds at all looks at once while the {ratio} \
             stays the same. It decides nothing.",
            words.compared
        ),
        panels: vec![Panel {
            name: ratio.to_owned(),
            height: ALONE,
            range,
            spacing: Spacing::Factors,
            layers,
        }],
    })
}

/// What a healthy canary may be, from the lowest value on.
fn healthy(section: &Section<'_>, low: f64) -> Vec<Layer> {
    let policy = section.policy;
    let margin = policy.margin.ratio();
    match policy.against {
        Against::Baseline => {
            // Two standard deviations of healthy canaries.
            let most = section.points.last().map_or(margin, |point| point.healthy);
            let zone = Layer::Zone {
                name: "healthy",
                ink: Ink::Pass,
                range: (low, most),
            };
            let margin = limit(Ink::Fail, margin, format!("margin {margin}"));
            let pass = policy.pass_margin.ratio();
            let pass = limit(Ink::Pass, pass, format!("pass margin {pass}"));
            vec![zone, margin, pass]
        }
        Against::Slo(_) => {
            let zone = Layer::Zone {
                name: "allowed",
                ink: Ink::Pass,
                range: (low, 1.0),
            };
            vec![zone, limit(Ink::Fail, 1.0, "objective".to_owned())]
        }
    }
}

/// What has to be seen: the limits, the estimates but for the first ones, and
/// the interval at the end.
fn range(section: &Section<'_>, last: &Point) -> (f64, f64) {
    let settled = section.points.len() / 4;
    let estimates = section.points.iter().skip(settled);
    let estimates = estimates.filter_map(|point| point.odds_ratio);
    let ends = last.range.map(|range| [range.low, range.high]);
    let limits = match section.policy.against {
        Against::Baseline => [
            section.policy.margin.ratio(),
            section.policy.pass_margin.ratio(),
        ],
        Against::Slo(_) => [1.0, 1.0],
    };
    let all = estimates.chain(ends.into_iter().flatten()).chain(limits);
    let all = all.filter(|odds| *odds > 0.0 && odds.is_finite());
    let (low, high) = all.fold((1.0, 1.0), |(low, high): (f64, f64), odds| {
        (low.min(odds), high.max(odds))
    });
    ((low / 1.3).max(1.0 / 64.0), (high * 1.3).min(64.0))
}
