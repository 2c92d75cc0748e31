//! What may be typed.

pub(crate) mod instance;
pub(crate) mod keyless;
mod release;
pub(crate) mod signing;
pub(crate) mod trusting;
mod verify;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use liftlock::time::Time;
use liftlock_io::cli::{Arguments, Globals};

use crate::conformance::Conformance;
use crate::image::{ImageFormat, Recursive};
use crate::predicate;

pub(crate) use instance::TrustRoot;
use keyless::Keyless;
pub(crate) use release::Release;
use signing::Signing;
use trusting::Trusting;
pub(crate) use verify::{PolicyFrom, Verify};

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
    /// Prove that files and images are signed by somebody who is trusted
    Verify(Verify),
    /// Sign a statement about files, images or digests
    Attest(Attest),
    /// Write release.json for one or many artifacts, and attest it
    Release(Release),
    /// List what is missing for a proof, and the commands that provide it
    Explain(Explain),
    /// Add to bundles what was down when they were signed (`--on-outage defer`)
    Finish(Finish),
    /// Check keys, password, randomness and registries
    Doctor(Doctor),
    /// Print the public half of a key, also of one that a service holds
    PublicKey(PublicKey),
    /// Speak the client protocol of Sigstore's conformance suite
    #[command(hide = true)]
    Conformance(Conformance),
    /// Print the narrowest policy that accepts the signer of a bundle
    PolicyFrom(PolicyFrom),
    /// Rebuild the lists of what is attached to images, after writers undid each other
    Repair(Repair),
    /// Show whom keyless signatures are proved by and how old that is; update it with `--refresh`
    TrustRoot(TrustRoot),
}

#[derive(Debug, clap::Args)]
pub(crate) struct GenerateKeyPair {
    /// Write PREFIX.key and PREFIX.pub
    #[arg(long, value_name = "PREFIX", default_value = "cosign")]
    pub(crate) output_key_prefix: String,

    /// Seal the key with an empty password, when `COSIGN_PASSWORD` is not set
    #[arg(long)]
    pub(crate) empty_password: bool,

    /// The kind of key; cosign takes P-256 everywhere, the others only in some places
    #[arg(long, value_name = "KIND", default_value = "p256")]
    pub(crate) algorithm: Algorithm,
}

/// What kind of key is made.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Algorithm {
    /// ECDSA on P-256
    P256,
    /// ECDSA on P-384
    P384,
    /// Ed25519
    Ed25519,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PublicKey {
    /// Private or public key: a file, `env://NAME`, or a key service's reference
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,

    /// Write the PEM here as well
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Sign {
    #[command(flatten)]
    pub(crate) signing: Signing,

    /// Where the bundle of a single file goes; default FILE.sigstore.json
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Files, folders, quoted patterns, HOST/REPOSITORY[:TAG|@DIGEST], oci-layout:PATH[:TAG|@DIGEST] or sha256:…
    #[arg(required_unless_present = "checksums", value_name = "TARGET")]
    pub(crate) targets: Vec<String>,

    /// How it is attached to images
    #[arg(long, value_enum, default_value_t)]
    pub(crate) image_format: ImageFormat,

    #[command(flatten)]
    pub(crate) recursive: Recursive,
    /// Checksums file (SHA256SUMS) whose files are targets; each has to fit its line
    #[arg(long, value_name = "FILE")]
    pub(crate) checksums: Option<PathBuf>,

    /// Go by the listed digest of a file that is not here
    #[arg(long, requires = "checksums")]
    pub(crate) listed_digests: bool,

    /// Sign one statement over all files into this bundle, in place of a bundle for each
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub(crate) statement: Option<PathBuf>,

    /// Put the bundles into this evidence store as well
    #[arg(long, value_name = "STORE")]
    pub(crate) evidence: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Attest {
    #[command(flatten)]
    pub(crate) signing: Signing,

    /// What is said: a predicate type's URI, or a name such as slsaprovenance1, cyclonedx or openvex
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "from_ci", value_parser = predicate::parse)]
    pub(crate) predicate_type: Option<String>,

    /// JSON file that says it
    #[arg(long, value_name = "FILE", required_unless_present = "from_ci")]
    pub(crate) predicate: Option<PathBuf>,

    /// Write the bundle here; default FILE.TYPE.sigstore.json for a single file
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Put the bundle into this evidence store as well
    #[arg(long, value_name = "STORE")]
    pub(crate) evidence: Option<String>,

    /// Files, folders, quoted patterns, images or sha256:… that the statement is about
    #[arg(required_unless_present = "checksums", value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,

    /// How it is attached to images
    #[arg(long, value_enum, default_value_t)]
    pub(crate) image_format: ImageFormat,

    /// Checksums file (SHA256SUMS) whose files are targets; each has to fit its line
    #[arg(long, value_name = "FILE")]
    pub(crate) checksums: Option<PathBuf>,

    /// Go by the listed digest of a file that is not here
    #[arg(long, requires = "checksums")]
    pub(crate) listed_digests: bool,

    /// Say how the subjects were built (SLSA provenance v1), from what GitHub, GitLab or Jenkins tells
    #[arg(long, conflicts_with = "predicate")]
    pub(crate) from_ci: bool,

    /// A variable that is an input of the build, with `--from-ci`; may be repeated
    #[arg(long, value_name = "NAME", requires = "from_ci")]
    pub(crate) parameter: Vec<String>,

    /// Who is to be trusted for the build, with `--from-ci`; default what the CI tells
    #[arg(long, value_name = "URI", requires = "from_ci", value_parser = uri)]
    pub(crate) builder_id: Option<String>,

    /// When the build began, with `--from-ci`; default what the CI tells, if it does
    #[arg(long, value_name = "TIME", requires = "from_ci")]
    pub(crate) started_on: Option<Time>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) trusting: Trusting,

    /// Files and images whose signatures are wanted
    #[arg(required = true, value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Finish {
    /// Public key, for bundles that a key signed: a file, or `env://NAME`
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    #[command(flatten)]
    pub(crate) services: signing::Services,

    /// Bundles with a note `BUNDLE.unfinished` beside them
    #[arg(required = true, value_name = "BUNDLE")]
    pub(crate) bundles: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Private key to open
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Images to look up
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    /// Tell which verifiers accept this format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) image_format: ImageFormat,

    /// Write a manifest that means nothing to each image's repository, and remove it
    #[arg(long)]
    pub(crate) probe_write: bool,

    #[command(flatten)]
    pub(crate) keyless: Keyless,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Repair {
    /// HOST/REPOSITORY[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    #[command(flatten)]
    pub(crate) recursive: Recursive,
}

fn uri(text: &str) -> Result<String, String> {
    if liftlock::predicate::is_uri(text) {
        Ok(text.to_owned())
    } else {
        Err("expected a URI".to_owned())
    }
}
