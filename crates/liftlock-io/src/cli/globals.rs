//! The flags that all binaries share.

use std::path::PathBuf;

use liftlock::name::Name;
use liftlock::span::Span;

/// Flags of every binary. Each is also read from `LIFTLOCK_<FLAG>`.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options of every binary")]
pub struct Globals {
    /// Configuration file; default liftlock.yaml, .github/liftlock.yaml or .gitlab/liftlock.yaml
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,

    /// Read no configuration file
    #[arg(long, global = true)]
    pub no_config: bool,

    /// Service, where the configuration has several
    #[arg(long, global = true, value_name = "NAME")]
    pub service: Option<Name>,

    /// What stdout carries
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,

    /// Write the result as JSON to this file as well
    #[arg(long, global = true, value_name = "FILE")]
    pub result_file: Option<PathBuf>,

    /// Folder for the files that a CI reads (dotenv, properties, JUnit)
    #[arg(long, global = true, value_name = "DIR")]
    pub report_dir: Option<PathBuf>,

    /// `observe` tells the verdict and exits 0; default enforce
    #[arg(long, global = true, value_enum)]
    pub mode: Option<ModeFlag>,

    /// Give up after this long, such as 90s, 15m or 2h
    #[arg(long, global = true, value_name = "SPAN")]
    pub timeout: Option<Span>,

    /// Change nothing; show what would be done
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Trust these certificate authorities (PEM) as well
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// What stderr tells: off, error, warn, info, debug or trace, also per crate as CRATE=LEVEL,…
    #[arg(long, global = true, value_name = "FILTER", default_value = "warn")]
    pub log: String,
}

/// How the result is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON document, indented
    Json,
    /// One JSON document on one line, or one for each of many things
    Jsonl,
}

/// The values of `--mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ModeFlag {
    /// Never block
    Observe,
    /// Block unless proved
    Enforce,
}
