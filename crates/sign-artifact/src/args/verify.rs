//! What is typed for a proof.

use std::path::PathBuf;

use clap::ValueEnum;
use liftlock::config::trust;

use super::trusting::Trusting;
use crate::image::Recursive;
use crate::predicate;

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) trusting: Trusting,

    /// Whoever the rules give this role counts, at the time of the signature
    #[arg(help_heading = "Whose signatures count", long, value_name = "ROLE", conflicts_with_all = ["key", "identity", "issuer", "trusted_root", "trust_config", "tuf_mirror", "allow_unlogged"])]
    pub(crate) role: Option<Role>,

    /// The bundle to look in, with its numbered pieces; default FILE.sigstore.json, or what is attached
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Ask for an attestation of this type (URI or name) instead of a signature
    #[arg(long = "type", value_name = "TYPE", value_parser = predicate::parse)]
    pub(crate) predicate_type: Option<String>,

    /// Look in this evidence store as well (`file:PATH`, `git+URL#REF` or `s3://BUCKET/PREFIX`)
    #[arg(long, value_name = "STORE")]
    pub(crate) evidence: Option<String>,

    /// Files, folders, quoted patterns, HOST/REPOSITORY[:TAG|@DIGEST], oci-layout:PATH[:TAG|@DIGEST] or sha256:…
    #[arg(required_unless_present = "checksums", value_name = "TARGET")]
    pub(crate) targets: Vec<String>,

    #[command(flatten)]
    pub(crate) recursive: Recursive,
    /// Checksums file (SHA256SUMS) whose files are targets; each has to fit its line
    #[arg(long, value_name = "FILE")]
    pub(crate) checksums: Option<PathBuf>,

    /// Go by the listed digest of a file that is not here
    #[arg(long, requires = "checksums")]
    pub(crate) listed_digests: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PolicyFrom {
    /// Bundle whose signer is to count
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,

    /// What it is about, where it does not hold the SHA-256 digest: a file
    #[arg(value_name = "TARGET")]
    pub(crate) target: Option<String>,

    /// The key that signed it, where it was a key: a file, `env://NAME`, or a key service's reference
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Trusted root of a Sigstore instance; default the public one, updated or compiled in
    #[arg(long, value_name = "FILE", conflicts_with = "trust_config")]
    pub(crate) trusted_root: Option<PathBuf>,

    /// Trusted root and signing config of a Sigstore instance in one file
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_config: Option<PathBuf>,
}

/// What somebody in the rules may say.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Signs artifacts and releases, says where they are from
    Builder,
    /// Says what a canary did
    Canary,
    /// Says what was promoted or rolled back
    Promotion,
    /// Counts answers
    Judge,
}

impl From<Role> for trust::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Builder => Self::Builder,
            Role::Canary => Self::Canary,
            Role::Promotion => Self::Promotion,
            Role::Judge => Self::Judge,
        }
    }
}
