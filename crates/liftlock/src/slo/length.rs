//! Lengths of time as Prometheus, Go and OpenSLO write them.

use crate::span::Span;

/// The units of Prometheus' durations, of which Go has those up to `h`.
const UNITS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 7 * 86_400_000),
    ("y", 365 * 86_400_000),
];

const LONGEST: u64 = 366 * 86_400_000;

/// Reads such as `5m`, `1h30m`, `1.5h` or `2w`; nothing beyond a year.
pub(super) fn parse(text: &str) -> Option<Span> {
    let text = text.trim();
    if text == "0" {
        return Some(Span::ZERO);
    }
    let (mut rest, mut millis) = (text, 0_u64);
    while !rest.is_empty() {
        let end = rest.find(|next: char| next.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at(end);
        let unit = after
            .find(|next: char| !next.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let thousandths = crate::percent::scaled(number, 3)?;
        let part = thousandths.checked_mul(*size)? / 1_000;
        millis = millis.checked_add(part).filter(|sum| *sum <= LONGEST)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Span::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_all_dialects_are_read() {
        for (text, seconds) in [
            ("5m", 300),
            ("2w", 14 * 86_400),
            ("30d", 30 * 86_400),
            ("1h30m", 5_400),
            ("1.5h", 5_400),
            ("1y", 365 * 86_400),
            ("0", 0),
            ("10000s", 10_000),
        ] {
            assert_eq!(parse(text), Some(Span::seconds(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Some(Span::from_millis(250)));
    }

    #[test]
    fn what_is_no_length_or_beyond_a_year_is_refused() {
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "5 m",
            "1M",
            "1Q",
            "2y",
            "5m5",
            "1e3s",
            "999999999w",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
