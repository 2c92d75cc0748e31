//! One panel of a figure: its axes, its legend and what is drawn in it.

use super::Markup;
use super::axis::{Scale, Spacing, Tick, since};
use super::figure::{Layer, Panel, Stroke, number};
use super::label::Labels;
use super::style::Ink;
use crate::time::Time;

/// The width of every figure.
pub(super) const WIDTH: f64 = 420.0;

/// Room on the right, for half of the name of a moment.
pub(super) const RIGHT: f64 = 18.0;

/// Room above a panel, for its name and its legend.
const HEAD: f64 = 24.0;

/// About the width of a letter.
const LETTER: f64 = 6.5;

/// Points up to which each is marked.
const MARKED: usize = 40;

/// A panel at its place.
pub(super) struct Frame<'a> {
    panel: &'a Panel,
    time: Scale,
    value: Scale,
    begin: Time,
}

/// Time from the left margin to the right one, in milliseconds.
pub(super) fn time_scale(from: Time, to: Time, left: f64) -> Scale {
    Scale {
        low: 0.0,
        high: since(to, from).max(1.0),
        spacing: Spacing::Even,
        from: left,
        to: WIDTH - RIGHT,
    }
}

/// A text at a place; `anchor` is `start`, `middle` or `end`.
pub(super) fn words((x, y): (f64, f64), anchor: &str, ink: Ink, text: &str) -> Markup {
    let class = format!("fill-{}", ink.class());
    labelled((x, y), anchor, (ink, &class), text)
}

fn labelled((x, y): (f64, f64), anchor: &str, (ink, class): (Ink, &str), text: &str) -> Markup {
    Markup::element(
        "text",
        &[
            ("x", &short(x)),
            ("y", &short(y)),
            ("text-anchor", anchor),
            ("class", class),
            ("fill", ink.light()),
        ],
        text,
    )
}

/// A number of a path.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

impl<'a> Frame<'a> {
    pub(super) fn new(panel: &'a Panel, (from, to): (Time, Time), (left, top): (f64, f64)) -> Self {
        Self {
            panel,
            time: time_scale(from, to, left),
            value: scale(panel, top + HEAD),
            begin: from,
        }
    }

    /// The room that the names of values need.
    pub(super) fn margin(panel: &Panel) -> f64 {
        let ticks = scale(panel, 0.0).ticks(ticks(panel));
        let widest = ticks.iter().map(|tick| width(&tick.label));
        widest.fold(0.0, f64::max) * 1.2 + 8.0
    }

    pub(super) fn bottom(&self) -> f64 {
        self.value.from
    }

    pub(super) fn draw(&self, moments: &[Tick]) -> Markup {
        let shapes = self.panel.layers.iter().map(|layer| self.shape(layer));
        self.grid(moments)
            .and(Markup::from_iter(shapes))
            .and(self.limits())
            .and(self.head())
    }

    fn at(&self, time: Time, value: f64) -> (f64, f64) {
        (
            self.time.place(since(time, self.begin)),
            self.value.place(value),
        )
    }

    fn grid(&self, moments: &[Tick]) -> Markup {
        let (left, right) = (self.time.from, self.time.to);
        let (bottom, top) = (self.value.from, self.value.to);
        let across = self.value.ticks(ticks(self.panel)).into_iter().map(|tick| {
            let place = self.value.place(tick.value);
            let name = words((left - 6.0, place + 4.0), "end", Ink::Quiet, &tick.label);
            ruled(&[(left, place), (right, place)], Ink::Grid, "1").and(name)
        });
        let down = moments.iter().map(|tick| {
            let place = self.time.place(tick.value);
            ruled(&[(place, top), (place, bottom)], Ink::Grid, "1")
        });
        let floor = ruled(&[(left, bottom), (right, bottom)], Ink::Quiet, "1");
        Markup::from_iter(across)
            .and(Markup::from_iter(down))
            .and(floor)
    }

    fn shape(&self, layer: &Layer) -> Markup {
        match layer {
            Layer::Line {
                ink,
                stroke,
                points,
                ..
            } => self.line(*ink, *stroke, points),
            Layer::Band { ink, points, .. } => self.band(*ink, points),
            Layer::Bars { ink, part, bars } => self.bars(*ink, *part, bars),
            Layer::Zone { ink, range, .. } => {
                let [low, high] = [range.0, range.1].map(|value| self.value.place(value));
                let (left, right) = (self.time.from, self.time.to);
                area(
                    &[(left, low), (right, low), (right, high), (left, high)],
                    *ink,
                )
            }
            Layer::Limit { ink, value, .. } => {
                let place = self.value.place(*value);
                let ends = [(self.time.from, place), (self.time.to, place)];
                dashed(&ends, *ink, "1.5", "2 3")
            }
            Layer::Mark { ink, time, value } => {
                let (x, y) = self.at(*time, *value);
                let (class, ink) = (format!("line-{}", ink.class()), ink.light());
                let [x, y] = [x, y].map(short);
                let ring = [("cx", x.as_str()), ("cy", &y), ("r", "5.5")];
                let look = [("stroke", ink), ("stroke-width", "2.5"), ("class", &class)];
                Markup::void("circle", &[ring, look].concat())
            }
        }
    }

    /// The names of limits, where they cover least of the lines.
    fn limits(&self) -> Markup {
        let lines = self.panel.layers.iter().filter_map(|layer| match layer {
            Layer::Line { points, .. } => Some(points),
            Layer::Band { .. }
            | Layer::Bars { .. }
            | Layer::Zone { .. }
            | Layer::Limit { .. }
            | Layer::Mark { .. } => None,
        });
        let lines = lines.map(|points| {
            let known = points
                .iter()
                .filter_map(|(time, value)| Some((*time, (*value)?)));
            known.map(|(time, value)| self.at(time, value)).collect()
        });
        let across = (self.time.from, self.time.to);
        let mut labels = Labels::new(across, (self.value.to, self.value.from), lines);
        let mut names = Vec::new();
        for layer in &self.panel.layers {
            if let Layer::Limit { label, ink, value } = layer {
                let place = labels.place(self.value.place(*value), width(label));
                let class = format!("fill-{} halo", ink.class());
                names.push(labelled(place, "start", (*ink, &class), label));
            }
        }
        Markup::from_iter(names)
    }

    fn line(&self, ink: Ink, stroke: Stroke, points: &[(Time, Option<f64>)]) -> Markup {
        let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
        for (time, value) in points {
            match (value, runs.last_mut()) {
                (Some(value), Some(run)) => run.push(self.at(*time, *value)),
                (None, _) | (_, None) => runs.push(Vec::new()),
            }
        }
        let few = points.len() <= MARKED;
        let drawn = runs.iter().filter(|run| !run.is_empty()).map(|run| {
            let line = match stroke {
                Stroke::Solid => ruled(run, ink, "2"),
                Stroke::Dashed => dashed(run, ink, "2", "6 3"),
            };
            let marked = run.iter().filter(|_| few || run.len() == 1);
            line.and(
                marked
                    .map(|place| mark(*place, ink, stroke))
                    .collect::<Markup>(),
            )
        });
        drawn.collect()
    }

    fn band(&self, ink: Ink, points: &[(Time, Option<(f64, f64)>)]) -> Markup {
        let runs = points.split(|(_, range)| range.is_none());
        let drawn = runs.filter(|run| !run.is_empty()).map(|run| {
            let known = run
                .iter()
                .filter_map(|(time, range)| Some((*time, (*range)?)));
            let up = known.clone().map(|(time, (_, high))| self.at(time, high));
            let down = known.rev().map(|(time, (low, _))| self.at(time, low));
            let around: Vec<_> = up.chain(down).collect();
            match run.len() {
                1 => ruled(&around, ink, "1"),
                _ => area(&around, ink),
            }
        });
        drawn.collect()
    }

    fn bars(&self, ink: Ink, part: (f64, f64), bars: &[(Time, Time, u64)]) -> Markup {
        let path = bars.iter().map(|(begin, end, count)| {
            let (left, floor) = self.at(*begin, 0.0);
            let (right, top) = self.at(*end, number(*count));
            let at = |part: f64| left + part * (right - left);
            let [left, right, floor, top] = [at(part.0), at(part.1), floor, top].map(short);
            format!("M{left} {floor}V{top}H{right}V{floor}z")
        });
        filled(&path.collect::<String>(), ink, "0.85")
    }

    /// The name of the panel, and what its lines are.
    fn head(&self) -> Markup {
        let y = self.value.to - 10.0;
        let name = words((0.0, y), "start", Ink::Quiet, &self.panel.name);
        let mut right = WIDTH - 4.0;
        let mut entries = Vec::new();
        for layer in self.panel.layers.iter().rev() {
            let Some(name) = legend(layer) else {
                continue;
            };
            right -= width(name);
            entries.push(words((right, y), "start", Ink::Text, name));
            right -= 25.0;
            entries.push(sample(layer, (right, y - 4.0)));
            right -= 10.0;
        }
        name.and(Markup::from_iter(entries))
    }
}

/// The name of a layer that is in the legend.
const fn legend(layer: &Layer) -> Option<&'static str> {
    match layer {
        Layer::Line { name, .. } | Layer::Band { name, .. } | Layer::Zone { name, .. } => {
            Some(*name)
        }
        Layer::Bars { .. } | Layer::Limit { .. } | Layer::Mark { .. } => None,
    }
}

/// A piece of what a layer looks like, from a place on.
fn sample(layer: &Layer, (x, y): (f64, f64)) -> Markup {
    let ends = [(x, y), (x + 20.0, y)];
    match layer {
        Layer::Line { ink, stroke, .. } => {
            let line = match stroke {
                Stroke::Solid => ruled(&ends, *ink, "2"),
                Stroke::Dashed => dashed(&ends, *ink, "2", "6 3"),
            };
            line.and(mark((x + 10.0, y), *ink, *stroke))
        }
        Layer::Band { ink, .. } | Layer::Zone { ink, .. } => {
            let (right, top, bottom) = (x + 20.0, y - 5.0, y + 5.0);
            area(
                &[(x, top), (right, top), (right, bottom), (x, bottom)],
                *ink,
            )
        }
        Layer::Bars { .. } | Layer::Limit { .. } | Layer::Mark { .. } => Markup::new(),
    }
}

fn scale(panel: &Panel, top: f64) -> Scale {
    Scale {
        low: panel.range.0,
        high: panel.range.1,
        spacing: panel.spacing,
        from: top + panel.height,
        to: top,
    }
}

/// How many values fit beside a panel.
fn ticks(panel: &Panel) -> u32 {
    if panel.height < 80.0 { 2 } else { 6 }
}

fn width(text: &str) -> f64 {
    LETTER * f64::from(u32::try_from(text.chars().count()).unwrap_or(0))
}

fn mark((x, y): (f64, f64), ink: Ink, stroke: Stroke) -> Markup {
    match stroke {
        Stroke::Solid => {
            let disc = format!(
                "M{} {}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z",
                short(x - 2.5),
                short(y)
            );
            filled(&disc, ink, "1")
        }
        Stroke::Dashed => {
            let square = format!("M{} {}h5v5h-5z", short(x - 2.5), short(y - 2.5));
            let class = format!("line-{} hollow", ink.class());
            Markup::void(
                "path",
                &[
                    ("d", &square),
                    ("fill", "#ffffff"),
                    ("stroke", ink.light()),
                    ("stroke-width", "1.5"),
                    ("class", &class),
                ],
            )
        }
    }
}

fn path(places: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (number, (x, y)) in places.iter().enumerate() {
        let [x, y] = [*x, *y].map(short);
        let letter = if number == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{letter}{x} {y}"));
    }
    path
}

fn ruled(places: &[(f64, f64)], ink: Ink, width: &str) -> Markup {
    dashed(places, ink, width, "none")
}

fn dashed(places: &[(f64, f64)], ink: Ink, width: &str, dashes: &str) -> Markup {
    let class = format!("line-{}", ink.class());
    let path = path(places);
    let shape = [("d", path.as_str()), ("class", &class)];
    let look = [("stroke", ink.light()), ("stroke-width", width)];
    let dashes = [("stroke-dasharray", dashes)];
    let plain = dashes.iter().filter(|(_, dashes)| *dashes != "none");
    let all = shape.into_iter().chain(look).chain(plain.copied());
    Markup::void("path", &all.collect::<Vec<_>>())
}

fn area(places: &[(f64, f64)], ink: Ink) -> Markup {
    filled(&format!("{}z", path(places)), ink, "0.18")
}

fn filled(path: &str, ink: Ink, opacity: &str) -> Markup {
    let class = format!("fill-{}", ink.class());
    Markup::void(
        "path",
        &[
            ("d", path),
            ("class", &class),
            ("fill", ink.light()),
            ("fill-opacity", opacity),
        ],
    )
}
