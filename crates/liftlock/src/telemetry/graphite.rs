//! Graphite: `/render?format=json`
//! (<https://graphite.readthedocs.io/en/latest/render_api.html>), with
//! `summarize(…, "sum")` over whole intervals.
//!
//! Timestamps are the beginning of an interval; `null` is a hole: nobody knows
//! whether nothing was counted or nothing came.

use serde::Deserialize;

use super::answer::increments;
use super::error::{Error, json, status};
use super::increments::Absent;
use super::shape::Counter;
use super::template::{Language, Template};
use super::window::Window;

/// Whose answers these are.
pub const SERVICE: &str = "Graphite";

const LANGUAGE: Language = Language {
    service: SERVICE,
    allowed: "parts of names have letters, digits, `_` and `-`, as a dot or a star would name others",
    letter: |letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'),
};

/// Takes a target such as `sumSeries(stats_counts.shop.{slot}.requests)`.
///
/// # Errors
///
/// Fails on an empty or very long target.
pub fn query(field: &'static str, text: &str) -> Result<Template, Error> {
    Template::new(field, text, LANGUAGE)
}

/// The parameters of the question about one counter.
#[must_use]
pub fn request(target: &str, window: Window) -> Vec<(&'static str, String)> {
    let seconds = window.interval.millis() / 1000;
    // Points lie after `from` and up to `until`: the one at `until` begins the
    // interval that is not asked for.
    let from = window.from.unix_millis() / 1000 - 1;
    let until = window.to.unix_millis() / 1000 - 1;
    vec![
        (
            "target",
            format!("summarize({target},\"{seconds}s\",\"sum\",false)"),
        ),
        ("from", from.to_string()),
        ("until", until.to_string()),
        ("format", "json".to_owned()),
        ("noCache", "true".to_owned()),
    ]
}

#[derive(Deserialize)]
struct Found {
    datapoints: Vec<(Option<f64>, i64)>,
}

/// Parses the answer about one counter.
///
/// # Errors
///
/// Fails when the question was refused, and on several series.
pub fn parse(
    code: u16,
    body: &[u8],
    field: &'static str,
    window: Window,
) -> Result<Counter, Error> {
    status(SERVICE, code, body)?;
    let found: Vec<Found> = json(SERVICE, body)?;
    let points = match found.as_slice() {
        [] => &[],
        [only] => only.datapoints.as_slice(),
        many => {
            let count = many.len();
            return Err(Error::Several { field, count });
        }
    };
    let points = points.iter();
    let points = points.map(|(count, begin)| (begin.checked_mul(1000), *count));
    let name = format!("the target `{field}`");
    let told = increments((SERVICE, name), (window, Absent::Unknown), points);
    told.map(Counter::Increments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Explain as _, Kind};
    use crate::span::Span;
    use crate::telemetry::{Arms, Invalid, gather};
    use crate::time::Time;

    fn window() -> Window {
        let at = |seconds: i64| Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap();
        Window {
            from: at(0),
            to: at(180),
            interval: Span::seconds(60),
        }
    }

    fn read(points: &str) -> Counter {
        let body = format!(r#"[{{"target":"x","tags":{{}},"datapoints":[{points}]}}]"#);
        parse(200, body.as_bytes(), "bad", window()).unwrap()
    }

    const TOTAL: &str = "[10.0,1795435200],[20.0,1795435260],[30.0,1795435320]";

    #[test]
    fn null_is_a_hole_and_no_series_is_no_bad_request_yet() {
        let count = |bad: Counter| {
            let arms = Arms {
                total: read(TOTAL),
                bad,
            };
            let gathered = gather(window(), None, &arms).unwrap();
            (
                gathered.rows.len(),
                gathered.faults.len(),
                gathered.notes.len(),
            )
        };
        assert_eq!(
            count(read("[0,1795435200],[2,1795435260],[0.0,1795435320]")),
            (3, 0, 0)
        );
        assert_eq!(
            count(read("[0,1795435200],[null,1795435260],[0.0,1795435320]")),
            (1, 1, 0)
        );
        assert_eq!(
            count(read("[0,1795435200],[null,1795435260],[null,1795435320]")),
            (1, 0, 1)
        );
        let none = parse(200, b"[]", "bad", window()).unwrap();
        assert_eq!(count(none), (3, 0, 1));
    }

    #[test]
    fn another_grid_and_fractions_are_refused_by_name() {
        let refused = |points: &str| {
            let arms = Arms {
                total: read(points),
                bad: read(""),
            };
            gather(window(), None, &arms).unwrap_err()
        };
        assert!(matches!(refused("[1,1795435210]"), Invalid::Grid { .. }));
        assert!(matches!(
            refused("[0.5,1795435200]"),
            Invalid::NotCounter(_)
        ));
        assert!(matches!(refused("[-1,1795435200]"), Invalid::NotCounter(_)));
    }

    #[test]
    fn other_answers_are_no_counts_and_slots_are_one_part_of_a_name() {
        let two = r#"[{"datapoints":[]},{"datapoints":[]}]"#;
        #[rustfmt::skip]
        let cases: [(u16, &str, Kind); 7] = [
            (200, two, Kind::Invalid),
            (200, "<html>", Kind::Blind),
            (200, r#"[{"datapoints":[[1,"#, Kind::Blind),
            (400, "Invalid target", Kind::Invalid),
            (403, "", Kind::Credentials),
            (500, "<html>", Kind::Blind),
            (503, "", Kind::Blind),
        ];
        for (status, body, kind) in cases {
            let error = parse(status, body.as_bytes(), "bad", window()).unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {body}");
        }
        let template = query("total", "a.{slot}.b").unwrap();
        for slot in ["a.b", "*", "a\"", "a\nb", "a)", ""] {
            assert!(template.about(slot).is_err(), "{slot}");
        }
        let asked = request("a.v1.b", window());
        assert_eq!(asked[0].1, "summarize(a.v1.b,\"60s\",\"sum\",false)");
        assert_eq!(
            (asked[1].1.as_str(), asked[2].1.as_str()),
            ("1795435199", "1795435379")
        );
    }
}
