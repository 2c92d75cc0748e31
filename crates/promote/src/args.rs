//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use liftlock::digest::Digest;
use liftlock::foreign::Image;
use liftlock::name::Name;
use liftlock_engine::Stay;
use liftlock_io::cli::signing::Signing;
use liftlock_io::cli::{Arguments, Globals, reason};

/// Take a release to the next environment, step by step, only on proof
#[derive(Debug, Parser)]
#[command(name = "promote", version, about, long_about = None)]
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
    /// Show what a run would do, and what is missing for it
    Plan(Wanted),
    /// Promote a release; a run that was killed is continued
    Run(Box<Moved>),
    /// Continue the plan under way, whoever began it
    Resume(Continued),
    /// Have the plan under way go back
    Abort(Reasoned),
    /// Have the plan under way stop where it is
    Pause(Paused),
    /// Let the plan under way go on after a pause or a question
    Advance(Advanced),
    /// Go on with every plan that nobody drives and somebody should; for schedules
    Sweep(Swept),
    /// Show what is live, who holds the environment and the plan under way
    Status(Shown),
    /// Show every condition: wanted, found, who could provide it
    Explain(Wanted),
    /// Take what is live as known good, at first contact
    Adopt(Adopted),
    /// Make weights and pointers again what the state says is live
    Reconcile(Reasoned),
    /// Check rules, stores and counterparts without moving anything
    Doctor(Examined),
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

/// What is looked at, and where it is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Shown {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Write a page about the last plan: shares over time, steps, why it went back
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// What would go where.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Without a configuration: a tag to point, as [ARTIFACT=]IMAGE:TAG; repeatable
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,
    #[command(flatten)]
    pub(crate) release: Chosen,
}

/// The release, and evidence about it that is at hand.
#[derive(Debug, clap::Args)]
pub(crate) struct Chosen {
    /// The release: a `release.json`; or give `--request` or `--artifact`
    #[arg(long, value_name = "FILE", required_unless_present_any = ["artifact", "request"])]
    pub(crate) release: Option<PathBuf>,
    /// Without a `release.json`: an image by its digest, as NAME=IMAGE@sha256:DIGEST; repeatable
    #[arg(long, value_name = "ARTIFACT", conflicts_with = "release")]
    pub(crate) artifact: Vec<Image>,
    /// The release that people were asked about by this request
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["release", "artifact"])]
    pub(crate) request: Option<Digest>,
    /// With `--artifact`: what people call the release
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["release", "request"])]
    pub(crate) id: Option<String>,
    /// A bundle, or several one a line, that is evidence too; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Vec<PathBuf>,
}

/// What goes where, and who says so.
#[derive(Debug, clap::Args)]
pub(crate) struct Moved {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// Repository on GitHub in which one issue follows up a plan that went past gates or went back
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) github: Option<String>,
    #[command(flatten)]
    pub(crate) parking: Parking,
    #[command(flatten)]
    pub(crate) person: Person,
    #[command(flatten)]
    pub(crate) release: Chosen,
}

/// Who does it, proved by a key of theirs.
#[derive(Debug, clap::Args)]
pub(crate) struct Person {
    /// Whoever does it, by the id below `people`; where no CI tells, or to prove it
    #[arg(long, value_name = "NAME", requires = "person_key")]
    pub(crate) person: Option<Name>,
    /// That person's private key: a file, or `env://NAME`; it signs nothing
    #[arg(long, value_name = "KEY", requires = "person")]
    pub(crate) person_key: Option<String>,
}

/// What is continued.
#[derive(Debug, clap::Args)]
pub(crate) struct Continued {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// Repository on GitHub in which one issue follows up a plan that went past gates or went back
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) github: Option<String>,
    #[command(flatten)]
    pub(crate) parking: Parking,
}

/// Where the runner is while a step bakes.
#[derive(Debug, clap::Args)]
pub(crate) struct Parking {
    /// Give the runner back while a step bakes (13); `promote resume` goes on once it can be judged
    #[arg(long)]
    park: bool,
}

impl Parking {
    pub(crate) const fn stay(&self) -> Stay {
        if self.park {
            Stay::Parked
        } else {
            Stay::Through
        }
    }
}

/// What is asserted.
#[derive(Debug, clap::Args)]
pub(crate) struct Adopted {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Why it is taken as known good
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) release: Chosen,
}

/// What is done, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Reasoned {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Why, for the records
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// What is stopped, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Paused {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Why, for the records
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// What goes on, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Advanced {
    /// Environment to look at or to move
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,
    /// Why, for the records
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) signing: Signing,
    #[command(flatten)]
    pub(crate) person: Person,
}

/// Where plans are looked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Swept {
    /// Only this environment; default all of the configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<Name>,
    #[command(flatten)]
    pub(crate) signing: Signing,
    /// Repository on GitHub in which one issue follows up a plan that went past gates
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) github: Option<String>,
    #[command(flatten)]
    pub(crate) parking: Parking,
}
