//! What other judges would have said about recorded counts.

use std::time::Duration;

use liftlock::canary::Unit;
use liftlock::canary::counts::{Arm, Row};
use liftlock::failure::Failure;
use liftlock::peers::{argo, flagger, kayenta};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;

use crate::args::{Peers, Proof};
use crate::run::{read_counts, recorded};
use crate::settings::Settings;

/// Kayenta looks at everything so far.
const KAYENTA: Duration = Duration::from_secs(600);

/// An analysis of Argo Rollouts: measurements, and how many may fail.
const ARGO: (Duration, usize, usize) = (Duration::from_secs(300), 12, 3);

/// A check of Flagger, and how many may fail.
const FLAGGER: (Duration, usize) = (Duration::from_secs(60), 5);

/// What one judge says.
#[derive(Serialize)]
struct Said {
    judge: &'static str,
    rules: String,
    /// The row at which it fails the canary, counted from 1.
    fails_at_row: Option<u64>,
}

#[derive(Serialize)]
struct Detail<'a> {
    judges: &'a [Said],
    rows: usize,
    limit: f64,
}

pub(crate) fn peers(args: &Peers, session: &Session) -> Result<Report, Failure> {
    let settings = Settings::read(session, None)?;
    let (rows, _) = read_counts(&args.counts, Unit::Share)?;
    let proof = Proof::default();
    let ours = recorded(&args.counts, &proof, settings.policy(&proof, None)?)?.judgement;
    let limit = args
        .limit
        .map_or_else(|| twice(&rows), |limit| limit.fraction());
    let mut judges = vec![Said {
        judge: "canary-check",
        rules: "the defaults".to_owned(),
        fails_at_row: ours
            .decided_at_row
            .filter(|_| ours.verdict == Verdict::Fail),
    }];
    judges.extend(others(&rows, limit, args));
    let detail = Detail {
        judges: &judges,
        rows: rows.len(),
        limit,
    };
    let failing = judges
        .iter()
        .filter(|one| one.fails_at_row.is_some())
        .count();
    let headline = format!(
        "compared: {failing} of {} judges would fail this canary",
        judges.len()
    );
    let report = Report::new("peers", Verdict::Pass, headline)
        .with_detail(&detail)
        .with_human(human(&judges));
    Ok(report)
}

fn others(rows: &[Row], limit: f64, args: &Peers) -> Vec<Said> {
    let every = |pause: Duration| rows_in(pause, rows);
    let allowed_increase = args.allowed_increase.ratio();
    let percent = limit * 100.0;
    vec![
        Said {
            judge: "kayenta",
            rules: format!("looks every 10 minutes, allowed increase {allowed_increase}"),
            fails_at_row: kayenta::fails(
                rows,
                &kayenta::Settings {
                    every: every(KAYENTA),
                    allowed_increase,
                },
            ),
        },
        Said {
            judge: "argo-rollouts",
            rules: format!("every 5 minutes, at most 3 of 12 above {percent:.3} %"),
            fails_at_row: argo::fails(
                rows,
                &argo::Metric {
                    every: every(ARGO.0),
                    count: ARGO.1,
                    failure_limit: ARGO.2,
                    limit,
                },
            ),
        },
        Said {
            judge: "flagger",
            rules: format!("every minute, back at 5 above {percent:.3} %"),
            fails_at_row: flagger::fails(
                rows,
                &flagger::Analysis {
                    every: every(FLAGGER.0),
                    threshold: FLAGGER.1,
                    limit,
                },
            ),
        },
    ]
}

/// How many rows are as long as a pause, at least one.
fn rows_in(pause: Duration, rows: &[Row]) -> usize {
    let width = match rows {
        [first, second, ..] => second.time.millis_since(first.time),
        [] | [_] => return 1,
    };
    let width = u128::try_from(width).unwrap_or(1).max(1);
    usize::try_from(pause.as_millis() / width)
        .unwrap_or(1)
        .max(1)
}

/// Twice the baseline's share: what somebody would set who knows it already.
fn twice(rows: &[Row]) -> f64 {
    let all = rows
        .iter()
        .fold(Arm::default(), |all, row| all.plus(row.baseline));
    2.0 * liftlock::peers::share(all).unwrap_or_default()
}

fn human(judges: &[Said]) -> String {
    let lines = judges.iter().map(|one| {
        let row = one.fails_at_row;
        let row = row.map_or_else(
            || "does not fail".to_owned(),
            |row| format!("fails at row {row}"),
        );
        format!("  {:<14}  {row:<16}  {}", one.judge, one.rules)
    });
    lines.collect::<Vec<_>>().join("\n")
}
