//! `demo-load`: asks a URL again and again, no faster than it is told, and
//! counts who answered what.
#![expect(clippy::print_stdout, reason = "the counts are its result")]

mod connection;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use liftlock::span::Span;
use testkit::demo::{Counts, Stop};

/// Puts a bounded load on a URL and prints the answers per version as JSON.
#[derive(Debug, Parser)]
#[command(name = "demo-load", version)]
struct Args {
    /// What to ask for: `http://HOST:PORT/PATH`
    #[arg(long)]
    url: String,
    /// Connections, each waiting for its answer before it asks again
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
    /// Requests a second at most, over all connections
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// End after this time
    #[arg(long = "for", required_unless_present = "stop")]
    length: Option<Span>,
    /// End when this file appears
    #[arg(long)]
    stop: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let stop = Stop::new(args.length.map(Span::duration), args.stop.clone());
    let pace = Duration::from_secs(1) * args.connections / args.rate;
    let threads: Vec<_> = (0..args.connections)
        .map(|_| {
            let (url, stop) = (args.url.clone(), stop.clone());
            thread::spawn(move || connection::ask(&url, pace, &stop))
        })
        .collect();
    let mut counts = Counts::default();
    for thread in threads.into_iter().filter_map(|thread| thread.join().ok()) {
        counts.add(thread?);
    }
    counts.elapsed_ms = u64::try_from(stop.elapsed().as_millis())?;
    println!("{}", serde_json::to_string(&counts)?);
    Ok(())
}
