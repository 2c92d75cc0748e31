//! `demo-app`: a service for the demo and for tests. It serves one slot and
//! goes wrong as often as it is told.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

mod metrics;
mod serve;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Parser;
use liftlock::percent::Percent;

/// Serves one slot of the demo over HTTP.
#[derive(Debug, Parser)]
#[command(name = "demo-app", version)]
struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Folder with one file per artifact, and the files `error-rate` and `version`
    #[arg(long)]
    slot: PathBuf,
    /// Share of requests that is answered with 500 when the slot does not say
    #[arg(long, default_value = "0%")]
    error_rate: Percent,
    /// Name of the version in metrics and in the header `x-version`; default the slot's own
    #[arg(long)]
    version_name: Option<String>,
    /// Seed of the errors
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(args.listen)
        .with_context(|| format!("cannot listen on `{}`", args.listen))?;
    let address = listener.local_addr()?;
    let service = Arc::new(serve::Service::new(&args)?);
    println!("listening on http://{address}");
    serve::forever(&listener, &service);
    Ok(())
}
