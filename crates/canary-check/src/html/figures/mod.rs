//! How a verdict came to be, as figures over time.

mod evidence;
mod looks;
mod odds;
mod shares;

use liftlock::canary::Unit;
use liftlock::canary::trace::Point;
use liftlock::page::Markup;
use liftlock::page::figure::{Figure, Layer, Panel, draw, span};
use liftlock::page::style::Ink;
use liftlock::time::Time;

use super::Section;

/// How high a panel is, one beneath it, and one alone.
const HIGH: f64 = 150.0;
const LOW: f64 = 48.0;
const ALONE: f64 = HIGH + LOW + 30.0;

/// A figure, before it has a place in time.
struct Drawn {
    name: &'static str,
    title: &'static str,
    description: String,
    /// How to read it.
    caption: String,
    panels: Vec<Panel>,
}

/// All figures of a section.
pub(super) fn all(section: &Section<'_>, id: &str) -> Markup {
    let Some((first, last)) = section.rows.first().zip(section.rows.last()) else {
        let told = "No row was counted, so there is nothing to draw.";
        return Markup::element("p", &[], told);
    };
    let begun = begin(first.time, section);
    let (from, to) = span(begun, last.time);
    // Means spend their risk at once.
    let planned = section.policy.unit != Unit::Mean;
    let drawn = [
        Some(shares::drawn(section, from)),
        evidence::drawn(section),
        odds::drawn(section),
        planned.then(|| looks::drawn(section)).flatten(),
    ];
    let drawn = drawn.into_iter().flatten().map(|drawn| {
        let id = format!("{id}-{}", drawn.name);
        let figure = Figure {
            id: &id,
            title: drawn.title,
            description: &drawn.description,
            from,
            to,
            panels: drawn.panels,
        };
        let inner = Markup::element("h3", &[], drawn.title)
            .and(draw(&figure))
            .and(Markup::element("figcaption", &[], drawn.caption));
        Markup::element("figure", &[], inner)
    });
    Markup::element("div", &[("class", "figures")], drawn.collect::<Markup>())
}

/// When the first column begins: as long before its end as the second one ends
/// after it.
fn begin(first: Time, section: &Section<'_>) -> Time {
    let second = section.rows.get(1).map_or(first, |row| row.time);
    let width = second.millis_since(first);
    let begun = first.unix_millis().saturating_sub(width);
    Time::from_unix_millis(begun).unwrap_or(first)
}

/// A limit with its name.
fn limit(ink: Ink, value: f64, label: String) -> Layer {
    Layer::Limit { label, ink, value }
}

/// A value of each point.
fn line(section: &Section<'_>, value: fn(&Point) -> Option<f64>) -> Vec<(Time, Option<f64>)> {
    let points = section.points.iter();
    points.map(|point| (point.time, value(point))).collect()
}
