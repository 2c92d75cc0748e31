//! Numbers over time as an image of lines and areas (SVG 2), which stands in
//! the page itself.

use super::Markup;
use super::axis::{date, moments, since};
use super::frame::{Frame, WIDTH};
use super::style::Ink;
use crate::canary::number::real;
use crate::time::Time;

pub use super::axis::Spacing;

/// Some panels, one below the other, over the same time.
#[derive(Clone, Debug)]
pub struct Figure<'a> {
    /// Its name among those of a page: letters, digits, dashes.
    pub id: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// What there is to see, for those who cannot.
    pub description: &'a str,
    /// Where time begins.
    pub from: Time,
    /// Where time ends.
    pub to: Time,
    /// From top to bottom.
    pub panels: Vec<Panel>,
}

/// One system of axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What is measured, and in what.
    pub name: String,
    /// How high the drawing is; the whole figure is 420 wide.
    pub height: f64,
    /// The lowest and the highest value that are shown.
    pub range: (f64, f64),
    /// How values turn into heights.
    pub spacing: Spacing,
    /// From the back to the front.
    pub layers: Vec<Layer>,
}

/// Something drawn in a panel.
#[derive(Clone, Debug)]
pub enum Layer {
    /// A line through points, broken where there is no value.
    Line {
        /// What it shows.
        name: &'static str,
        /// Its colour.
        ink: Ink,
        /// How it differs from others but for its colour.
        stroke: Stroke,
        /// Ascending in time.
        points: Vec<(Time, Option<f64>)>,
    },
    /// An area between two values, broken where there are none.
    Band {
        /// What it shows.
        name: &'static str,
        /// Its colour.
        ink: Ink,
        /// Ascending in time: the lower and the upper end.
        points: Vec<(Time, Option<(f64, f64)>)>,
    },
    /// A bar for each stretch of time.
    Bars {
        /// Their colour.
        ink: Ink,
        /// Which part of its stretch each takes, from 0 to 1.
        part: (f64, f64),
        /// Begin, end, and the count.
        bars: Vec<(Time, Time, u64)>,
    },
    /// An area between two values at all times.
    Zone {
        /// What it shows.
        name: &'static str,
        /// Its colour.
        ink: Ink,
        /// The lower and the upper end.
        range: (f64, f64),
    },
    /// A limit at all times.
    Limit {
        /// What happens there.
        label: String,
        /// Its colour.
        ink: Ink,
        /// The value.
        value: f64,
    },
    /// One point that matters.
    Mark {
        /// Its colour.
        ink: Ink,
        /// When.
        time: Time,
        /// The value.
        value: f64,
    },
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Drawn through, with full discs on few points.
    Solid,
    /// In dashes, with hollow squares on few points.
    Dashed,
}

/// Moments that are named at most.
const MOMENTS: u32 = 5;

/// Draws a figure.
#[must_use]
pub fn draw(figure: &Figure<'_>) -> Markup {
    let left = figure.panels.iter().map(Frame::margin).fold(34.0, f64::max);
    let mut top = 0.0;
    let mut drawn = Vec::new();
    for panel in &figure.panels {
        let frame = Frame::new(panel, (figure.from, figure.to), (left, top));
        drawn.push(frame.draw(&moments(figure.from, figure.to, MOMENTS)));
        top = frame.bottom() + 10.0;
    }
    let bottom = top - 10.0;
    let axis = clock(figure, left, bottom);
    let height = format!("{:.0}", bottom + 38.0);
    let (title, description) = (format!("{}-t", figure.id), format!("{}-d", figure.id));
    let named = [
        Markup::element("title", &[("id", &title)], figure.title),
        Markup::element("desc", &[("id", &description)], figure.description),
    ];
    let inner = Markup::from_iter(named)
        .and(Markup::from_iter(drawn))
        .and(axis);
    Markup::element(
        "svg",
        &[
            ("role", "img"),
            ("aria-labelledby", &title),
            ("aria-describedby", &description),
            ("viewBox", &format!("0 0 {WIDTH:.0} {height}")),
            ("width", &format!("{WIDTH:.0}")),
            ("height", &height),
            ("fill", "none"),
            ("font-size", "12"),
            ("font-family", "sans-serif"),
        ],
        inner,
    )
}

/// The names of moments below the last panel, and the day they are of.
fn clock(figure: &Figure<'_>, left: f64, bottom: f64) -> Markup {
    let frame = super::frame::time_scale(figure.from, figure.to, left);
    let ticks = moments(figure.from, figure.to, MOMENTS)
        .into_iter()
        .map(|tick| {
            let place = frame.place(tick.value);
            // As far as the image goes, and no further.
            let reach = 3.4 * f64::from(u32::try_from(tick.label.chars().count()).unwrap_or(0));
            let place = place.min(WIDTH - 2.0 - reach);
            super::frame::words((place, bottom + 15.0), "middle", Ink::Quiet, &tick.label)
        });
    let (first, last) = (date(figure.from), date(figure.to));
    let day = match first == last {
        true => format!("{first}, UTC"),
        false => format!("{first} to {last}, UTC"),
    };
    let day = super::frame::words((WIDTH - 2.0, bottom + 31.0), "end", Ink::Quiet, &day);
    Markup::from_iter(ticks).and(day)
}

/// A count as a value of an axis; exact below 2^53.
#[must_use]
pub fn number(count: u64) -> f64 {
    real(count.into())
}

/// Where a time axis begins and ends: half of a minute around a lone moment.
#[must_use]
pub fn span(first: Time, last: Time) -> (Time, Time) {
    if since(last, first) > 0.0 {
        return (first, last);
    }
    let moved = |by: i64| {
        let millis = first.unix_millis().saturating_add(by);
        Time::from_unix_millis(millis).unwrap_or(first)
    };
    (moved(-30_000), moved(30_000))
}
