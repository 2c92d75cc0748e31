//! `sign-artifact`: signs, attests and verifies files and OCI images.

mod args;
mod attest;
mod check;
mod conformance;
mod doctor;
mod expand;
mod explain;
mod finish;
mod found;
mod from_ci;
mod generate;
mod image;
mod journal;
mod keyless;
mod layer;
mod pen;
mod policy_from;
mod predicate;
mod proof;
mod public_key;
mod release;
mod repair;
mod run;
mod setting;
mod shared;
mod showing;
mod sign;
mod statement;
mod support;
mod tally;
mod target;
mod trust_root;
mod wanted;

use std::process::ExitCode;

/// The outputs of all subcommands, beside `verdict` and `exit-code`.
pub const OUTPUTS: &[&str] = &[
    "public-key",
    "key-id",
    "unfinished",
    "digest",
    "bundle",
    "count",
    "verified",
    "bundle-digest",
    "release-id",
    "release-digest",
    "release-file",
    "missing",
    "bad",
    "added",
    "identity",
    "issuer",
];

/// Runs the program from its command line to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    liftlock_io::cli::main(run::run)
}

/// The command line, as wrappers and documents are made from it.
#[must_use]
pub fn command() -> clap::Command {
    <args::Args as clap::CommandFactory>::command()
}
