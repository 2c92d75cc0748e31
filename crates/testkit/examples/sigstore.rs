//! An instance of Sigstore on loopback: `sigstore FOLDER` writes its documents
//! there, prints the variables of a job that may ask it for tokens, and for
//! each line of its input how many requests it got. It ends with its input.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;
use testkit::sigstore::{Loopback, Settings};

fn main() -> Result<()> {
    let folder = std::env::args_os()
        .nth(1)
        .context("usage: sigstore FOLDER")?;
    let loopback = Loopback::start(&Settings::default())?;
    loopback.write(&PathBuf::from(folder))?;
    let mut out = std::io::stdout().lock();
    let job: serde_json::Map<_, _> = loopback
        .job("acme/shop")
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    writeln!(out, "{}", json!({ "url": loopback.url(), "job": job }))?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        line?;
        writeln!(out, "{}", loopback.calls().len())?;
        out.flush()?;
    }
    Ok(())
}
