//! The time window of an SLO.

use jiff::civil::DateTime;

use super::super::document::Node;
use super::super::error::Invalid;
use super::super::window::{Calendar, Unit, Window};
use super::Dialect;
use crate::span::Span;

/// The one window of `timeWindow`.
pub(super) fn window(spec: &Node<'_>, dialect: Dialect) -> Result<Window, Invalid> {
    let list = spec.need("timeWindow")?;
    let windows = spec.list("timeWindow")?;
    let [node] = windows.as_slice() else {
        return Err(list.invalid("is not a list of exactly one window"));
    };
    node.only(&["duration", "isRolling", "calendar"])?;
    let duration = node.need("duration")?;
    let (count, unit) = shorthand(&duration, dialect)?;
    match (node.is_on("isRolling")?, node.get("calendar")) {
        (true, None) => rolling(&duration, count, unit),
        (true, Some(calendar)) => Err(calendar.invalid("is given for a rolling window")),
        (false, Some(calendar)) => calendar_from(&calendar, count, unit),
        (false, None) => Err(node.invalid("has neither `isRolling: true` nor a `calendar`")),
    }
}

/// A number and one letter, as `duration-shorthand` is defined.
fn shorthand(node: &Node<'_>, dialect: Dialect) -> Result<(u32, Unit), Invalid> {
    let text = node.scalar()?;
    let refused = || node.invalid(format!("is `{text}`, not a duration such as 28d or 4w"));
    let unit = Unit::ALL
        .into_iter()
        .find(|unit| text.ends_with(unit.letter()))
        .ok_or_else(refused)?;
    let number = text.strip_suffix(unit.letter()).unwrap_or_default();
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let count = number.parse().ok().filter(|count| digits && *count > 0);
    let count = count.ok_or_else(refused)?;
    if dialect == Dialect::V2Alpha && unit > Unit::Week {
        let why = format!("is `{text}`: this version has only m, h, d and w");
        return Err(node.invalid(why));
    }
    Ok((count, unit))
}

fn rolling(node: &Node<'_>, count: u32, unit: Unit) -> Result<Window, Invalid> {
    if unit > Unit::Week {
        let days = Window::Rolling(span(node, count, unit)?);
        return Err(node.invalid(format!(
            "has no length of its own in a rolling window: write days, such as {}",
            days.span()
        )));
    }
    span(node, count, unit).map(Window::Rolling)
}

/// A length in the calendar's units, a year at the most.
pub(super) fn span(node: &Node<'_>, count: u32, unit: Unit) -> Result<Span, Invalid> {
    let millis = unit.span().millis().checked_mul(u64::from(count));
    millis
        .map(|millis| (millis, Span::from_millis(millis)))
        .filter(|(millis, span)| span.millis() == *millis)
        .map(|(_, span)| span)
        .ok_or_else(|| node.invalid("is longer than a year"))
}

/// Periods of the calendar.
pub(super) fn calendar_from(node: &Node<'_>, count: u32, unit: Unit) -> Result<Window, Invalid> {
    node.only(&["startTime", "timeZone"])?;
    span(node, count, unit)?;
    let start = node.need("startTime")?;
    let moment: Option<DateTime> = start.text()?.trim().parse().ok();
    let moment = moment.ok_or_else(|| {
        start.invalid("is not a date and time without a zone, such as 2026-01-01 00:00:00")
    })?;
    let zone = node.need("timeZone")?;
    let name = zone.text()?;
    let inner = |letter: char| letter.is_ascii_alphanumeric() || "+-_/".contains(letter);
    let area = name.starts_with(|first: char| first.is_ascii_alphabetic());
    if !area || !name.chars().all(inner) {
        return Err(zone.invalid("is not a name of the IANA database, such as Europe/Berlin"));
    }
    Ok(Window::Calendar(Calendar {
        count,
        unit,
        start: moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        zone: name.to_owned(),
    }))
}
