//! What may be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use liftlock::name::Name;
use liftlock::release::Migration;
use liftlock_io::cli::{Arguments, Globals};

use crate::conformance::Conformance;
use crate::image::{ImageFormat, Recursive};
use crate::predicate;

/// Sign, attest and verify files and OCI images, in the formats of cosign and Sigstore
#[derive(Debug, Parser)]
#[command(name = "sign-artifact", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) globals: Globals,
}

impl Arguments for Args {
    fn globals(&self) -> &Globals {
        &self.globals
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key pair; the private half is sealed with `COSIGN_PASSWORD`
    GenerateKeyPair(GenerateKeyPair),
    /// Sign files (bundle beside each) and images (bundle attached to each)
    Sign(Sign),
    /// Prove that files and images are signed by one of the given keys
    Verify(Verify),
    /// Sign a statement about files, images or digests
    Attest(Attest),
    /// Write release.json for one or many artifacts, and attest it
    Release(Release),
    /// List what is missing for a proof, and the commands that provide it
    Explain(Explain),
    /// Check keys, password, randomness and registries
    Doctor(Doctor),
    /// Speak the client protocol of Sigstore's conformance suite
    #[command(hide = true)]
    Conformance(Conformance),
    /// Rebuild the lists of what is attached to images, after writers undid each other
    Repair(Repair),
}

#[derive(Debug, clap::Args)]
pub(crate) struct GenerateKeyPair {
    /// Write PREFIX.key and PREFIX.pub
    #[arg(long, value_name = "PREFIX", default_value = "cosign")]
    pub(crate) output_key_prefix: String,

    /// Seal the key with an empty password, when `COSIGN_PASSWORD` is not set
    #[arg(long)]
    pub(crate) empty_password: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Sign {
    /// Private key: a file, or `env://NAME`
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,

    /// Where the bundle of a single file goes; default FILE.sigstore.json
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Files, HOST/REPOSITORY[:TAG|@DIGEST], oci-layout:PATH[:TAG|@DIGEST] or sha256:…
    #[arg(required = true, value_name = "TARGET")]
    pub(crate) targets: Vec<String>,

    /// How it is attached to images
    #[arg(long, value_enum, default_value_t)]
    pub(crate) image_format: ImageFormat,

    #[command(flatten)]
    pub(crate) recursive: Recursive,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Public key that is trusted: a file, or `env://NAME`; may be repeated
    #[arg(long, value_name = "KEY", required = true)]
    pub(crate) key: Vec<String>,

    /// The bundle of a single target; default FILE.sigstore.json, or what is attached
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Ask for an attestation of this type (URI or name) instead of a signature
    #[arg(long = "type", value_name = "TYPE", value_parser = predicate::parse)]
    pub(crate) predicate_type: Option<String>,

    /// Look in this evidence store as well (`file:PATH` or `git+URL#REF`)
    #[arg(long, value_name = "STORE")]
    pub(crate) evidence: Option<String>,

    /// Files, HOST/REPOSITORY[:TAG|@DIGEST], oci-layout:PATH[:TAG|@DIGEST] or sha256:…
    #[arg(required = true, value_name = "TARGET")]
    pub(crate) targets: Vec<String>,

    #[command(flatten)]
    pub(crate) recursive: Recursive,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Attest {
    /// Private key: a file, or `env://NAME`
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,

    /// What is said: a predicate type's URI, or a name such as slsaprovenance1, cyclonedx or openvex
    #[arg(long = "type", value_name = "TYPE", value_parser = predicate::parse)]
    pub(crate) predicate_type: String,

    /// JSON file that says it
    #[arg(long, value_name = "FILE")]
    pub(crate) predicate: PathBuf,

    /// Write the bundle here; default FILE.TYPE.sigstore.json for a single file
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Put the bundle into this evidence store as well
    #[arg(long, value_name = "STORE")]
    pub(crate) evidence: Option<String>,

    /// Files, images or sha256:… that the statement is about
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,

    /// How it is attached to images
    #[arg(long, value_enum, default_value_t)]
    pub(crate) image_format: ImageFormat,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Release {
    /// Private key: a file, or `env://NAME`
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,

    /// The version as people know it
    #[arg(long)]
    pub(crate) version: String,

    /// Who answers for it: a team or a person
    #[arg(long)]
    pub(crate) owner: String,

    /// An artifact by name: NAME=FILE, NAME=IMAGE or NAME=sha256:…; may be repeated
    #[arg(long, value_name = "NAME=TARGET", required = true, value_parser = artifact)]
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

    /// Where release.json goes; its attestation goes beside it
    #[arg(long, value_name = "FILE", default_value = "release.json")]
    pub(crate) output: PathBuf,

    /// Put the attestation into this evidence store as well
    #[arg(long, value_name = "STORE")]
    pub(crate) evidence: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Public key that is to be trusted; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,

    /// Files and images that a signature is wanted of
    #[arg(required = true, value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Private key to open
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Images to look up
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    /// Which verifiers accept this format is told
    #[arg(long, value_enum, default_value_t)]
    pub(crate) image_format: ImageFormat,

    /// Write a manifest that means nothing to each image's repository, and remove it
    #[arg(long)]
    pub(crate) probe_write: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Repair {
    /// HOST/REPOSITORY[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    #[command(flatten)]
    pub(crate) recursive: Recursive,
}

fn artifact(text: &str) -> Result<(Name, String), String> {
    let (name, target) = text
        .split_once('=')
        .ok_or_else(|| "expected NAME=TARGET".to_owned())?;
    let name = name
        .parse()
        .map_err(|error: liftlock::name::ParseError| error.to_string())?;
    Ok((name, target.to_owned()))
}

fn migration(text: &str) -> Result<Migration, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
