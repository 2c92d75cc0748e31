//! `demo-deploy`: puts a release into a slot of the demo, as a team's own
//! deployer would. It trusts digests only: whatever a file is called, the one
//! with the right digest is taken.

mod find;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use liftlock::digest::Digest;
use liftlock::name::Name;
use serde::Deserialize;
use testkit::http;

/// What lies beside a build and goes with it into the slot.
const BESIDE: [&str; 2] = ["version", "error-rate"];

/// Puts the release on standard input into a slot.
///
/// Reads {"artifacts": {NAME: {"digest": "sha256:…"}}}, as the command under
/// `place` gets it.
#[derive(Debug, Parser)]
#[command(name = "demo-deploy", version)]
struct Args {
    /// Folder with everything that was built, searched by digest
    #[arg(long)]
    from: PathBuf,
    /// Folder of the slots
    #[arg(long)]
    slots: PathBuf,
    /// The slot to fill
    #[arg(long)]
    slot: Name,
    /// While this file exists, spoil every artifact on its way into the slot, as
    /// somebody between the build and the slot might
    #[arg(long)]
    spoil: Option<PathBuf>,
    /// URL to POST to when the slot is filled, so that what serves it loads it
    #[arg(long)]
    reload: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Input {
    artifacts: BTreeMap<Name, Artifact>,
}

#[derive(Debug, Deserialize)]
struct Artifact {
    digest: Digest,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut input = Vec::new();
    std::io::stdin().take(1 << 20).read_to_end(&mut input)?;
    let input: Input = serde_json::from_slice(&input).context("cannot understand the release")?;
    let found = find::all(&args.from, &input.wanted())?;
    let slot = args.slots.join(args.slot.as_str());
    fill(&slot, &found)?;
    if args.spoil.as_deref().is_some_and(Path::exists) {
        for name in found.keys() {
            fs::write(slot.join(name.as_str()), "something else\n")?;
        }
    }
    if let Some(url) = &args.reload {
        let answer = http::send("POST", url, &[], &[])?;
        ensure!(answer.status == 200, "`{url}` answered {}", answer.status);
    }
    Ok(())
}

impl Input {
    fn wanted(&self) -> BTreeMap<Name, Digest> {
        let artifacts = self.artifacts.iter();
        artifacts
            .map(|(name, artifact)| (name.clone(), artifact.digest))
            .collect()
    }
}

/// Fills a new folder and exchanges it for the slot's, so that the slot never
/// holds a mixture of two releases.
fn fill(slot: &Path, found: &BTreeMap<Name, PathBuf>) -> Result<()> {
    let name = slot
        .file_name()
        .context("the slot has no name")?
        .to_string_lossy();
    let (next, last) = (
        slot.with_file_name(format!(".{name}.next")),
        slot.with_file_name(format!(".{name}.last")),
    );
    for folder in [&next, &last] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    fs::create_dir_all(&next)?;
    for (name, path) in found {
        fs::copy(path, next.join(name.as_str()))?;
        for beside in BESIDE {
            let source = path.with_file_name(beside);
            if source.is_file() {
                fs::copy(source, next.join(beside))?;
            }
        }
    }
    if slot.exists() {
        fs::rename(slot, &last)?;
    }
    fs::rename(&next, slot)?;
    if last.exists() {
        fs::remove_dir_all(&last)?;
    }
    Ok(())
}
