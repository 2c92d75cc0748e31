//! What may be typed behind `release`.

use std::path::PathBuf;

use liftlock::name::Name;
use liftlock::release::Migration;

use super::signing::Signing;

#[derive(Debug, clap::Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) signing: Signing,

    /// The version as people know it
    #[arg(long, required_unless_present = "part")]
    pub(crate) version: Option<String>,

    /// Who answers for it: a team or a person
    #[arg(long, required_unless_present = "part")]
    pub(crate) owner: Option<String>,

    /// An artifact by name: NAME=FILE, NAME=IMAGE or NAME=sha256:…; may be repeated
    #[arg(long, value_name = "NAME=TARGET", required_unless_present = "merge", value_parser = named)]
    pub(crate) artifact: Vec<(Name, String)>,

    /// Label of the release; default SERVICE-VERSION
    #[arg(long)]
    pub(crate) id: Option<String>,

    /// Source commit; default the CI's
    #[arg(long)]
    pub(crate) commit: Option<String>,

    /// Release notes, or where they are
    #[arg(long, value_name = "TEXT")]
    pub(crate) notes: Option<String>,

    /// What it does to stored data: none, expand, contract or irreversible
    #[arg(long, default_value = "none", value_parser = migration)]
    pub(crate) migration: Migration,

    /// Who wrote the change and so may not approve it; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) author: Vec<String>,

    /// Where it goes; its attestation goes beside it; default release.json, of a part NAME.part.json
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Put the attestation into this evidence store as well
    #[arg(long, value_name = "STORE")]
    pub(crate) evidence: Option<String>,

    /// File with the release notes; its digest is written down as well
    #[arg(long, value_name = "FILE", conflicts_with = "notes")]
    pub(crate) notes_file: Option<PathBuf>,

    /// Bill of materials of an artifact: its bundle, or the bundle's digest; may be repeated
    #[arg(long, value_name = "NAME=BUNDLE", value_parser = named)]
    pub(crate) sbom: Vec<(Name, String)>,

    /// Provenance of an artifact: its bundle, or the bundle's digest; may be repeated
    #[arg(long, value_name = "NAME=BUNDLE", value_parser = named)]
    pub(crate) provenance: Vec<(Name, String)>,

    /// Write only a part of this name, for another job to merge; needs no key
    #[arg(long, value_name = "NAME")]
    pub(crate) part: Option<Name>,

    /// Take the artifacts of a part as well: a file or a quoted pattern; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "part")]
    pub(crate) merge: Vec<String>,

    /// Public key that artifacts are signed with, beside the release's own; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) signed_by: Vec<String>,

    /// Take artifacts that nobody signed; never where the configuration names a builder
    #[arg(long, conflicts_with = "signed_by")]
    pub(crate) unsigned_artifacts: bool,

    /// A bundle that signs artifacts and is in no usual place; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Vec<PathBuf>,
}

/// `NAME=SOMETHING`.
fn named(text: &str) -> Result<(Name, String), String> {
    let (name, target) = text
        .split_once('=')
        .ok_or_else(|| "expected NAME=…".to_owned())?;
    let name = name
        .parse()
        .map_err(|error: liftlock::name::ParseError| error.to_string())?;
    Ok((name, target.to_owned()))
}

fn migration(text: &str) -> Result<Migration, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
