//! `doctor`: whether the stores, git and the clock are fit for a ledger.

use liftlock::failure::Failure;
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::store;
use serde::Serialize;

use crate::places::Places;
use crate::run::everything;

/// Two clocks may differ by this much before entries look out of order.
const SKEW_MS: i64 = 5 * 60 * 1_000;

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    ok: bool,
    found: String,
}

#[derive(Serialize)]
struct Checked<'a> {
    checks: &'a [Check],
    yaml: &'a str,
}

pub(crate) fn doctor(places: &Places, session: &Session) -> Result<Report, Failure> {
    let checks = vec![
        check("ledger", writable(&places.ledger, places, session)),
        check("evidence", writable(&places.evidence, places, session)),
        chain(places, session),
    ];
    let bad = checks.iter().filter(|check| !check.ok).count();
    let verdict = if bad == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let yaml = format!("ledger: {}\nevidence: {}\n", places.ledger, places.evidence);
    let detail = Checked {
        checks: &checks,
        yaml: &yaml,
    };
    let lines: String = checks
        .iter()
        .map(|check| {
            let mark = if check.ok { "ok" } else { "BAD" };
            format!("{mark:<5}{}: {}\n", check.name, check.found)
        })
        .collect();
    let headline = format!("{bad} of {} checks failed", checks.len());
    Ok(Report::new("doctor", verdict, headline)
        .with_detail(&detail)
        .with_output("bad", bad.to_string())
        .with_human(format!("{lines}\nliftlock.yaml:\n{yaml}")))
}

/// Whether a store refuses the second writer; a dry run only reads.
fn writable(location: &str, places: &Places, session: &Session) -> Result<String, Failure> {
    let store = places.open(location)?;
    if session.dry_run {
        let keys = store.list("")?;
        return Ok(format!("`{location}` has {} documents", keys.len()));
    }
    store::probe(store.as_ref())?;
    Ok(format!("`{location}` refuses second writers"))
}

/// Whether the chain holds, and whether its last entry is from the future.
fn chain(places: &Places, session: &Session) -> Check {
    let found = everything(places).map(|(head, entries)| {
        let ahead = entries
            .last()
            .map_or(0, |entry| entry.record.at.millis_since(session.started));
        (head.seq, ahead)
    });
    match found {
        Ok((_, ahead)) if ahead > SKEW_MS => Check {
            name: "clock".to_owned(),
            ok: false,
            found: format!(
                "the last entry is {} s in the future: set the clock",
                ahead / 1_000
            ),
        },
        found => check(
            "chain",
            found.map(|(seq, _)| format!("holds, {seq} entries")),
        ),
    }
}

fn check(name: &str, asked: Result<String, Failure>) -> Check {
    let ok = asked.is_ok();
    Check {
        name: name.to_owned(),
        ok,
        found: asked.unwrap_or_else(|failure| failure.lines().join(": ")),
    }
}
