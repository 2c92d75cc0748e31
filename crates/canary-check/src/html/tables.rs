//! The numbers of a section, in words and in tables.

use liftlock::canary::counts::Arm;
use liftlock::canary::trace::Point;
use liftlock::canary::{Against, Range, Unit};
use liftlock::page::{Markup, line, pairs};
use serde_json::Value;

use super::Section;
use crate::render;
use crate::words::Words;

/// The verdict's numbers, one a line.
pub(super) fn numbers(section: &Section<'_>) -> Markup {
    let mut lines = render::lines(section.judgement, section.policy);
    if let Some((first, last)) = section.rows.first().zip(section.rows.last()) {
        let told = format!("{} to {}", first.time, last.time);
        lines.push(("rows end", told));
    }
    if let Some(point) = section.points.last() {
        let ratio = Words::of(section.policy.unit).ratio;
        lines.extend(odds(point, ratio).map(|told| ("95 % interval", told)));
        let planned = 100.0 * section.policy.alpha.planned();
        let told = format!(
            "{:.3} % of {planned:.3} %, by planned looks",
            100.0 * point.spent
        );
        lines.push(("risk spent", told));
    }
    let lines = lines.iter().map(|(name, value)| line(name, value.as_str()));
    pairs(Markup::from_iter(lines))
}

/// Which odds ratios are not refuted.
fn odds(point: &Point, ratio: &str) -> Option<String> {
    let range = point.range.filter(|range| !range.is_open())?;
    let told = format!("{ratio} {}, at all looks at once", between(range));
    if point.steady {
        return Some(told);
    }
    Some(format!(
        "{told}; but no single {ratio} fits all rows, so it changed on the way"
    ))
}

/// A range in words.
pub(crate) fn between(range: Range) -> String {
    match (range.low > 0.0, range.high.is_finite()) {
        (true, true) => format!("{:.2} to {:.2}", range.low, range.high),
        (true, false) => format!("above {:.2}", range.low),
        (false, true) => format!("below {:.2}", range.high),
        (false, false) => "any".to_owned(),
    }
}

/// What is shown only to those who ask.
pub(crate) fn folded(title: &str, inner: Markup) -> Markup {
    if inner == Markup::new() {
        return inner;
    }
    let title = Markup::element("summary", &[], title);
    Markup::element("details", &[], title.and(inner))
}

/// The rules, as the result JSON has them.
pub(super) fn rules(section: &Section<'_>) -> Markup {
    let value = serde_json::to_value(section.policy).unwrap_or_default();
    let rules = value.as_object().into_iter().flatten();
    let lines = rules.map(|(name, value)| line(&name.replace('_', " "), plain(value)));
    folded("Rules", pairs(lines.collect()))
}

/// A value without the marks of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let told = fields
                .iter()
                .map(|(name, value)| format!("{name} {}", plain(value)));
            told.collect::<Vec<_>>().join(", ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

/// The counts that the first figure shows.
pub(super) fn counts(section: &Section<'_>) -> Markup {
    if section.rows.is_empty() || section.policy.unit == Unit::Mean {
        return Markup::new();
    }
    let compared = section.policy.against == Against::Baseline;
    let cell = |text: &str| Markup::element("td", &[], text);
    let head = |text: &&str| Markup::element("th", &[("scope", "col")], *text);
    let words = Words::of(section.policy.unit);
    let bad = match section.policy.unit {
        Unit::Share => "bad",
        Unit::Rate | Unit::Mean => words.bad,
    };
    let mut heads = vec!["until (UTC)", "canary", bad, words.part];
    if compared {
        heads.extend(["baseline", bad, words.part]);
    }
    let heads = Markup::element("tr", &[], heads.iter().map(head).collect::<Markup>());
    let arm = |arm: Arm| {
        let [total, bad] = [arm.total, arm.bad].map(|count| cell(&count.to_string()));
        total.and(bad).and(cell(&words.value(arm)))
    };
    let rows = section.rows.iter().map(|row| {
        let time = Markup::element("th", &[("scope", "row")], row.time.to_string());
        let baseline = if compared {
            arm(row.baseline)
        } else {
            Markup::new()
        };
        Markup::element("tr", &[], time.and(arm(row.canary)).and(baseline))
    });
    let heads = Markup::element("thead", &[], heads);
    let body = Markup::element("tbody", &[], rows.collect::<Markup>());
    let table = Markup::element("table", &[("class", "counts")], heads.and(body));
    let title = match section.each {
        1 => "Counts of each row".to_owned(),
        each => format!("Counts of {each} rows each"),
    };
    folded(&title, Markup::element("div", &[("class", "wide")], table))
}
