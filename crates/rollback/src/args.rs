//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use liftlock::name::Name;
use liftlock::span::Span;
use liftlock::time::Time;
use liftlock_io::cli::signing::Signing;
use liftlock_io::cli::{Arguments, Globals, reason};

/// Return an environment to the newest known-good release
#[derive(Debug, Parser)]
#[command(name = "rollback", version, about, long_about = None)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    globals: Globals,
}

impl Arguments for Args {
    fn globals(&self) -> &Globals {
        &self.globals
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show where a run would go back to, and by which steps
    Plan(Wanted),
    /// Go back: traffic first, then pointers, then proof; places a hold
    Run(Box<Moved>),
    /// List the known-good releases and what speaks against each
    List(Place),
    /// Keep automation from moving the environment
    Hold(Held),
    /// End a hold
    Lift(Held),
    /// Keep a release from ever going up again, in every environment
    Reject(Never),
    /// Show every condition: wanted, found, who could provide it
    Explain(Place),
    /// Check rules and stores without moving anything
    Doctor(Examined),
}

/// Where.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
}

/// Where, and who would sign there.
#[derive(Debug, clap::Args)]
pub(crate) struct Examined {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// Where to, without going there.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Release to go back to, by id or digest; default the newest known-good one
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: Option<String>,
    /// Without a configuration: the `release.json` files to choose from, newest first; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) good: Vec<PathBuf>,
    /// Without a configuration: a tag to point, as [ARTIFACT=]IMAGE:TAG; repeatable
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,
}

/// Where to, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Moved {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Release to go back to, by id or digest; default the newest known-good one
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: Option<String>,
    /// Why, for the hold and the records
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// When the fault was noticed, as RFC 3339; the time to recover counts from then
    #[arg(long, value_name = "TIME")]
    pub(crate) detected_at: Option<Time>,
    /// What a monitor says: go back only for an alert in it that is about what is live
    #[arg(long, value_name = "FILE", conflicts_with_all = ["detected_at", "break_glass"])]
    pub(crate) alert: Option<PathBuf>,
    /// Only for an alert that began so soon after what is live went live; default any
    #[arg(long, value_name = "LENGTH", requires = "alert")]
    pub(crate) within: Option<Span>,
    /// Once it is live again: judge it for at most this long, against its objective; 0s: not at all
    #[arg(long, value_name = "LENGTH", default_value = "1m")]
    pub(crate) watch: Span,
    /// A bundle, or several one a line, that is evidence too; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Vec<PathBuf>,
    /// Go past data that older versions cannot read, and past evidence that is away; recorded
    #[arg(long, requires = "reason")]
    pub(crate) break_glass: bool,
    /// A folder with a copy of the state, where the state store is away
    #[arg(long, value_name = "FOLDER", requires = "break_glass")]
    pub(crate) state_copy: Option<PathBuf>,
    /// Repository on GitHub in which an issue tells of it, one for each plan
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) github: Option<String>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// What is held or lifted, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Held {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
}

/// What never goes up again, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Never {
    /// The release, by id or digest; or give `--file`
    #[arg(value_name = "RELEASE", required_unless_present = "file")]
    pub(crate) release: Option<String>,
    /// The release, by its `release.json`
    #[arg(long, value_name = "FILE", conflicts_with = "release")]
    pub(crate) file: Option<PathBuf>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Only for this environment; repeatable; default every environment of the service
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<Name>,
    /// Take it back: the release may go up again
    #[arg(long, conflicts_with = "only")]
    pub(crate) undo: bool,
}
