//! Tells what the judge would have done on a record of two healthy arms.

use liftlock::canary::backtest::{Backtest, Fault, backtest};
use liftlock::canary::{Against, Policy};
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;

use crate::args::Backtest as Args;
use crate::run::read_counts;
use crate::settings::Settings;

#[derive(Serialize)]
struct Detail<'a> {
    #[serde(flatten)]
    found: &'a Backtest,
    rules: &'a Policy,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Report, Failure> {
    let settings = Settings::read(session, args.environment.as_ref())?;
    let policy = settings.policy(&args.proof, None)?;
    if policy.against != Against::Baseline {
        let message = "an objective has no spread to be found: leave `--slo` out";
        return Err(Failure::new(Kind::Usage, message));
    }
    if args.proof.rate {
        let message = "faults are put into requests: leave `--rate` out";
        return Err(Failure::new(Kind::Usage, message));
    }
    let (rows, _) = read_counts(&args.counts, args.proof.unit())?;
    let found = backtest(&policy, &rows);
    if found.windows == 0 {
        let message = format!(
            "`{}` has no window of {} in which both arms had requests",
            args.counts.display(),
            policy.horizon
        );
        return Err(Failure::new(Kind::Invalid, message)
            .with_hint("give a longer record, or a shorter `--horizon`"));
    }
    let detail = Detail {
        found: &found,
        rules: &policy,
    };
    let report = Report::new("backtest", Verdict::Pass, headline(&found))
        .with_detail(&detail)
        .with_human(lines(&found, &policy, "  ").join("\n"))
        .with_summary(lines(&found, &policy, "- ").join("\n"));
    Ok(settings.label(report))
}

fn headline(found: &Backtest) -> String {
    format!(
        "{} of {} quiet windows would have failed",
        found.alarms, found.windows
    )
}

fn lines(found: &Backtest, policy: &Policy, mark: &str) -> Vec<String> {
    let proposal = match (found.proposed, found.alarms_then) {
        (Some(spread), Some(alarms)) => {
            format!("set `spread: {spread}`: then {alarms} would have failed")
        }
        (Some(_) | None, _) => "too few windows to propose a spread: 20 are needed".to_owned(),
    };
    let mut lines = vec![
        format!(
            "{mark}the arms differ by a spread of {}, at most {} (now {})",
            found.spread, found.at_most, policy.spread
        ),
        format!("{mark}{proposal}"),
    ];
    let told = found
        .faults
        .iter()
        .map(|one| format!("{mark}{}", fault(one, found.windows)));
    lines.extend(told);
    lines
}

fn fault(fault: &Fault, windows: usize) -> String {
    let row = fault
        .median_row
        .map_or(String::new(), |row| format!(", half of them by row {row}"));
    format!(
        "a fault of {} times the errors is found in {} of {windows}{row}",
        fault.factor, fault.found
    )
}
