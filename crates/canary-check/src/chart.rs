//! Shares of bad requests as a chart that GitHub and GitLab draw in Markdown:
//! Mermaid's `xychart-beta`.

use std::collections::BTreeSet;

use liftlock::canary::counts::{Row, widened};
use liftlock::canary::{Against, Policy, Unit};
use liftlock::time::Time;

use crate::words::Words;

/// The most columns; more of them have no room for their names.
const COLUMNS: usize = 12;

/// Colours of the first plot and of the canary's, which show on light and on
/// dark; a renderer that does not know the directive takes it for a comment.
const LOOK: &str =
    r##"%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#7fb2e5, #c2410c"}}}}%%"##;

/// A fenced chart of both arms; nothing where there are not two columns to
/// draw. It holds numbers and times only, no text of others.
pub(crate) fn shares(rows: &[Row], policy: &Policy) -> Option<String> {
    let (against, words) = (policy.against, Words::of(policy.unit));
    let scale = words.scale();
    let wide = widened(rows, COLUMNS);
    let columns: Vec<Column> = wide
        .iter()
        .filter_map(|row| {
            let canary = row.canary.share()?;
            let other = match against {
                Against::Baseline => row.baseline.share()?,
                Against::Slo(objective) => objective.allowed(),
            };
            Some((row.time, canary, other))
        })
        .collect();
    let ((first, ..), (last, ..)) = columns.first().zip(columns.last())?;
    if first == last {
        return None;
    }
    let most = columns.iter().map(|(_, one, other)| one.max(*other));
    let most = most.fold(0.0, f64::max);
    let top = if most > 0.0 { 1.1 * scale * most } else { 1.0 };
    let (plot, title) = match against {
        Against::Baseline => ("bar", "canary (line), baseline (bars)"),
        Against::Slo(_) => ("line", "canary, and what may fail (level line)"),
    };
    let times: Vec<Time> = columns.iter().map(|(time, ..)| *time).collect();
    let (axis, names) = named(&times, (*first, *last));
    let (what, axis_of) = match policy.unit {
        Unit::Share => ("Bad requests in %", "%"),
        Unit::Rate | Unit::Mean => (words.parts, words.part),
    };
    let lines = [
        "```mermaid".to_owned(),
        LOOK.to_owned(),
        "xychart-beta".to_owned(),
        format!("    title \"{what}: {title}\""),
        format!("    x-axis \"{axis}\" [{names}]"),
        format!("    y-axis \"{axis_of}\" 0 --> {top:.4}"),
        format!(
            "    {plot} [{}]",
            values(&columns, scale, |column| column.2)
        ),
        format!("    line [{}]", values(&columns, scale, |column| column.1)),
        "```".to_owned(),
    ];
    Some(lines.join("\n"))
}

/// Until when, the canary's share, and that of what it is measured against.
type Column = (Time, f64, f64);

const HOUR: i64 = 3_600_000;

/// A name for the end of a column, from its date and its time of day.
type Name = fn(&str, &str) -> Option<String>;

/// Names that are shorter than a moment as a whole: what they tell, and within
/// how much time they are clear.
const NAMES: [(&str, i64, Name); 4] = [
    ("hours and minutes", 24 * HOUR, |_, clock| part(clock, 0, 5)),
    ("minutes and seconds", HOUR, |_, clock| part(clock, 3, 8)),
    ("day and hour", 28 * 24 * HOUR, |date, clock| {
        let (_, day) = date.rsplit_once('-')?;
        Some(format!("{day}T{}", part(clock, 0, 2)?))
    }),
    ("month and day", 365 * 24 * HOUR, |date, _| {
        let (year, _) = date.rsplit_once('-')?.0.rsplit_once('-')?;
        part(date, year.len() + 1, date.len())
    }),
];

/// What the columns are called, and what these names tell. Mermaid lets long
/// names overlap and draws columns of one name as one, so they are counted
/// where nothing short tells them apart.
fn named(times: &[Time], (first, last): (Time, Time)) -> (String, String) {
    let span = last.millis_since(first);
    let fitting = NAMES.iter().filter(|(_, within, _)| span < *within);
    let all = fitting.map(|(kind, _, name)| (*kind, names(times, *name)));
    let distinct = |names: &[String]| names.iter().collect::<BTreeSet<_>>().len() == times.len();
    let mut clear = all.filter(|(_, names)| distinct(names));
    let (kind, names) = clear.next().unwrap_or_else(|| {
        let counted = (1..=times.len()).map(|at| at.to_string());
        ("counted", counted.collect())
    });
    let (until, to) = (minute(first), minute(last));
    let axis = format!("{until} to {to} UTC ({kind})");
    let names = names.iter().map(|name| format!("\"{name}\""));
    (axis, names.collect::<Vec<_>>().join(", "))
}

fn names(times: &[Time], name: Name) -> Vec<String> {
    let texts = times.iter().map(Time::to_string);
    let named = texts.map(|text| {
        let (date, clock) = text.split_once('T')?;
        name(date, clock)
    });
    named.flatten().collect()
}

fn part(text: &str, from: usize, to: usize) -> Option<String> {
    text.get(from..to).map(str::to_owned)
}

/// A moment to the minute.
fn minute(time: Time) -> String {
    let text = time.to_string().replace('T', " ");
    let end = text.rfind(':').unwrap_or(text.len());
    part(&text, 0, end).unwrap_or(text)
}

/// Shares in percent, rates as they are.
fn values(columns: &[Column], scale: f64, value: fn(&Column) -> f64) -> String {
    let values = columns
        .iter()
        .map(|column| format!("{:.4}", scale * value(column)));
    values.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use liftlock::canary::counts::Arm;

    use super::*;

    fn rows(count: i64, canary: (u64, u64)) -> Vec<Row> {
        let row = |at: i64| Row {
            time: Time::from_unix_millis(1_795_435_200_000 + 60_000 * at).unwrap(),
            baseline: Arm { total: 200, bad: 1 },
            canary: Arm {
                total: canary.0,
                bad: canary.1,
            },
        };
        (1..=count).map(row).collect()
    }

    #[test]
    fn a_chart_has_the_shares_of_both_arms() {
        let chart = shares(&rows(2, (400, 10)), &Policy::default()).unwrap();
        let expected = [
            "```mermaid",
            LOOK,
            "xychart-beta",
            "    title \"Bad requests in %: canary (line), baseline (bars)\"",
            "    x-axis \"2026-11-23 12:01 to 2026-11-23 12:02 UTC \
             (hours and minutes)\" [\"12:01\", \"12:02\"]",
            "    y-axis \"%\" 0 --> 2.7500",
            "    bar [0.5000, 0.5000]",
            "    line [2.5000, 2.5000]",
            "```",
        ];
        assert_eq!(chart, expected.join("\n"));
    }

    #[test]
    fn columns_have_short_names_that_differ() {
        let axis = |rows: &[Row]| {
            let chart = shares(rows, &Policy::default()).unwrap();
            let axis = chart.lines().find(|line| line.contains("x-axis")).unwrap();
            let (_, names) = axis.split_once('[').unwrap();
            names.get(..16).unwrap().to_owned()
        };
        let spread = |step: i64| {
            let mut rows = rows(12, (400, 10));
            for (at, row) in (1..).zip(&mut rows) {
                row.time = Time::from_unix_millis(1_795_435_200_000 + step * at).unwrap();
            }
            rows
        };
        assert_eq!(axis(&spread(1_000)), "\"00:01\", \"00:02\"");
        assert_eq!(axis(&spread(HOUR)), "\"13:00\", \"14:00\"");
        assert_eq!(axis(&spread(6 * HOUR)), "\"23T18\", \"24T00\"");
        assert_eq!(axis(&spread(96 * HOUR)), "\"11-27\", \"12-01\"");
        assert_eq!(axis(&spread(1)), "\"1\", \"2\", \"3\", \"");
        assert_eq!(axis(&spread(365 * 24 * HOUR)), "\"1\", \"2\", \"3\", \"");
    }

    #[test]
    fn an_objective_is_a_level_line() {
        let policy = Policy {
            against: Against::slo("99%".parse().unwrap()).unwrap(),
            ..Policy::default()
        };
        let chart = shares(&rows(40, (400, 0)), &policy).unwrap();
        assert!(chart.contains("line [1.0000, 1.0000"), "{chart}");
        assert_eq!(chart.matches("\"12:").count(), 10, "{chart}");
        assert!(!chart.contains("bar ["), "{chart}");
    }

    #[test]
    fn where_there_is_nothing_to_compare_there_is_no_chart() {
        assert_eq!(shares(&[], &Policy::default()), None);
        assert_eq!(shares(&rows(1, (400, 4)), &Policy::default()), None);
        assert_eq!(shares(&rows(9, (0, 0)), &Policy::default()), None);
        let calm = shares(&rows(9, (9, 0)), &Policy::default()).unwrap();
        assert!(calm.contains("0 --> 0.5500"), "{calm}");
    }

    #[test]
    fn rates_are_drawn_as_they_are() {
        let policy = Policy {
            unit: Unit::Rate,
            ..Policy::default()
        };
        let chart = shares(&rows(2, (400, 800)), &policy).unwrap();
        assert!(
            chart.contains("title \"Events per unit of exposure: "),
            "{chart}"
        );
        assert!(chart.contains("line [2.0000, 2.0000]"), "{chart}");
        assert!(
            !chart.contains('%') || chart.matches('%').count() == 2 * 2,
            "{chart}"
        );
        assert!(!chart.contains("equests"), "{chart}");
    }
}
