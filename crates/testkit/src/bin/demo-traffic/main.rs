//! `demo-traffic`: plays users for a demo without any network. It splits
//! requests between two slots by a weights file and appends what came of them
//! to a file of counts.
#![expect(clippy::print_stdout, reason = "the totals are its result")]

mod counts;
mod split;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use liftlock::canary::counts::{Arm, Row};
use liftlock::percent::Percent;
use liftlock::span::Span;
use liftlock::time::Time;
use testkit::demo::{Random, Slot, Stop};
use testkit::wait;

/// Plays users: appends rows of counts for the slots of a demo.
#[derive(Debug, Parser)]
#[command(name = "demo-traffic", version)]
struct Args {
    /// Weights of the slots: {"weights": {SLOT: 0..10000}, "stable": SLOT, "canary": SLOT},
    /// the last two optional; all to stable while it is absent
    #[arg(long)]
    weights: PathBuf,
    /// Roles where the weights do not say: {"stable": SLOT, "canary": SLOT};
    /// absent, the slots are named so
    #[arg(long)]
    roles: Option<PathBuf>,
    /// Folder of the slots, each with an optional file `error-rate`
    #[arg(long)]
    slots: PathBuf,
    /// File of counts to append to
    #[arg(long)]
    counts: PathBuf,
    /// Time between two rows
    #[arg(long, default_value = "100ms")]
    interval: Span,
    /// Requests in a row, about
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(..=100_000))]
    requests: u32,
    /// Share of requests that goes wrong in a slot that does not say
    #[arg(long, default_value = "0.2%")]
    error_rate: Percent,
    /// Seed of all chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after this time
    #[arg(long = "for")]
    length: Option<Span>,
    /// End when this file appears
    #[arg(long)]
    stop: Option<PathBuf>,
    /// Write the rows of `--for` at once, as if it had begun at this time
    #[arg(long, requires = "length")]
    from: Option<Time>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        args.interval > Span::ZERO,
        "an interval of nothing has no rows"
    );
    let mut users = Users::new(&args);
    match (args.from, args.length) {
        (Some(from), Some(length)) => at_once(&mut users, from, length)?,
        (_, length) => as_time_goes_by(&mut users, length)?,
    }
    let (baseline, canary) = users.totals;
    println!(
        "{}",
        serde_json::json!({ "baseline": baseline, "canary": canary })
    );
    Ok(())
}

fn at_once(users: &mut Users<'_>, from: Time, length: Span) -> Result<()> {
    let end = from.after(length);
    let mut time = from.after(users.args.interval);
    while time <= end {
        users.row(|| time)?;
        time = time.after(users.args.interval);
    }
    Ok(())
}

fn as_time_goes_by(users: &mut Users<'_>, length: Option<Span>) -> Result<()> {
    let stop = Stop::new(length.map(Span::duration), users.args.stop.clone());
    let interval = users.args.interval.duration();
    let mut due = interval;
    while !stop.is_over() {
        wait::pause(due.saturating_sub(stop.elapsed()));
        // A row ends with the millisecond in which its last request was served.
        users.row(|| wait::now().after(Span::from_millis(1)))?;
        // After a standstill it goes on, it does not catch up.
        due = (due + interval).max(stop.elapsed());
    }
    Ok(())
}

/// Those who ask, and what came of it so far.
struct Users<'a> {
    args: &'a Args,
    split: split::Split,
    file: counts::File<'a>,
    random: Random,
    totals: (Arm, Arm),
}

impl<'a> Users<'a> {
    fn new(args: &'a Args) -> Self {
        Self {
            args,
            split: split::Split::default(),
            file: counts::File::new(&args.counts),
            random: Random::new(args.seed),
            totals: (Arm::default(), Arm::default()),
        }
    }

    /// Everything that happens in one interval. Its end is told only once the
    /// weights are read: a row never has weights of after its time.
    fn row(&mut self, time: impl FnOnce() -> Time) -> Result<()> {
        self.split
            .read(&self.args.weights, self.args.roles.as_deref());
        let rate = |slot: &str| {
            let slot = Slot::new(self.args.slots.join(slot));
            slot.error_rate().unwrap_or(self.args.error_rate)
        };
        let rates = (
            rate(&self.split.roles.stable),
            rate(&self.split.roles.canary),
        );
        let time = time();
        let (to_canary, all) = self.split.share();
        let (mut baseline, mut canary) = (Arm::default(), Arm::default());
        let requests = if all == 0 {
            0
        } else {
            self.random.around(self.args.requests.into())
        };
        for _ in 0..requests {
            let (arm, rate) = if self.random.part_of(to_canary, all) {
                (&mut canary, rates.1)
            } else {
                (&mut baseline, rates.0)
            };
            arm.total += 1;
            arm.bad += u64::from(self.random.happens(rate));
        }
        self.totals = (self.totals.0.plus(baseline), self.totals.1.plus(canary));
        self.file.append(Row {
            time,
            baseline,
            canary,
        })
    }
}
