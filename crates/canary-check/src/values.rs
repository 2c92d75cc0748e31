//! Judges recorded values: their means are compared.

use std::path::Path;

use liftlock::canary::counts::LARGEST;
use liftlock::canary::metric::Metric;
use liftlock::canary::panel::Panel;
use liftlock::canary::sight::Sight;
use liftlock::canary::values::parse;
use liftlock::canary::{Most, Policy, Unit};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::time::Time;
use liftlock_io::file;

use crate::run::{Judged, Seen};

/// The name of the only metric.
const NAME: &str = "values";

/// Judges a file of values as of its last row: the file is all there is.
pub(crate) fn judge(path: &Path, most: Most, policy: Policy) -> Result<Judged, Failure> {
    if policy.sample.requests > 0 {
        let message = "a sample of requests is planned, and values are none";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("judge them without `--environment`, and with `--bake` alone"));
    }
    let bytes = file::read(path, u64::try_from(LARGEST).unwrap_or(u64::MAX))?;
    let values = parse(&bytes, most).map_err(|error| {
        let message = format!("cannot understand `{}`", path.display());
        Failure::because(Kind::Invalid, message, error)
    })?;
    let name = NAME
        .parse()
        .map_err(|_never| Failure::new(Kind::Bug, "the values have no name"))?;
    let metric = Metric {
        unit: Unit::Mean,
        most: Some(most),
        ..Metric::new(name)
    };
    let begun = Panel::new(&policy, &[metric])?;
    let tallies = values.tallies;
    let now = tallies.last().map_or(Time::EPOCH, |last| last.time);
    let capped = format!("values above `--most` count as {}", most.value());
    Ok(Judged {
        judgement: begun.clone().judge(&tallies, &Sight::default(), now),
        policy,
        evidence: vec![Digest::of(&bytes)],
        asked: Vec::new(),
        notes: values.has_capped.then_some(capped).into_iter().collect(),
        seen: Seen { begun, tallies },
        probe: None,
    })
}
