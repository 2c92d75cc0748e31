//! What may be typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand};
use liftlock::digest::Digest;
use liftlock::ledger::Head;
use liftlock::name::Name;
use liftlock::record::{Id, Kind, UnknownKind};
use liftlock::span::Span;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::{Arguments, Globals};

/// Append to, verify, query and report from the tamper-evident release ledger
#[derive(Debug, Parser)]
#[command(name = "audit-log", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) stores: Stores,
    #[command(flatten)]
    pub(crate) globals: Globals,
}

impl Arguments for Args {
    fn globals(&self) -> &Globals {
        &self.globals
    }
}

/// Where things are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Stores {
    /// Ledger (`file:PATH`, `git+URL#REF` or `s3://BUCKET/PREFIX`); default from liftlock.yaml, else .liftlock/ledger
    #[arg(long, global = true, value_name = "STORE")]
    pub(crate) ledger: Option<String>,

    /// Evidence store, written alike; default from liftlock.yaml, else .liftlock/evidence
    #[arg(long, global = true, value_name = "STORE")]
    pub(crate) evidence: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Append one record; the same record with the same id again changes nothing
    Append(Append),
    /// Check that no entry was altered, removed or moved
    Verify(Verify),
    /// List the entries that fit every filter
    Query(Query),
    /// Tell what happened to one release: gates, moves, time to recover
    Report(Report),
    /// List what is kept about a digest
    Evidence(Evidence),
    /// List what is missing for a whole story, and what would provide it
    Explain(Explain),
    /// Check stores, git and clock, and print the configuration to add
    Doctor,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Append {
    /// The whole record as JSON, instead of the flags below
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "kind", "id", "environment", "release_file", "previous_file", "verdict",
        "actor", "evidence_digest", "note", "commit", "run_url",
    ])]
    pub(crate) record: Option<PathBuf>,

    /// What happened, such as promotion-finished or note
    #[arg(long, required_unless_present = "record", value_parser = kind)]
    pub(crate) kind: Option<Kind>,

    /// Id of the record, for a retry; default random
    #[arg(long)]
    pub(crate) id: Option<Id>,

    /// Environment it happened in
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<Name>,

    /// The release.json it is about
    #[arg(long, value_name = "FILE")]
    pub(crate) release_file: Option<PathBuf>,

    /// The release.json of what was live before
    #[arg(long, value_name = "FILE")]
    pub(crate) previous_file: Option<PathBuf>,

    /// How it was judged or ended
    #[arg(long, value_parser = verdict)]
    pub(crate) verdict: Option<Verdict>,

    /// Who did it; default the CI's user
    #[arg(long, value_name = "ID")]
    pub(crate) actor: Option<String>,

    /// Digest of evidence it rests on; may be repeated
    #[arg(long, value_name = "DIGEST")]
    pub(crate) evidence_digest: Vec<Digest>,

    /// A remark
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,

    /// Source commit; default the CI's
    #[arg(long)]
    pub(crate) commit: Option<String>,

    /// Link to the run; default the CI's
    #[arg(long, value_name = "URL")]
    pub(crate) run_url: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// An entry that must still be there, as an earlier run told it: SEQ:DIGEST
    #[arg(long, value_name = "SEQ:DIGEST")]
    pub(crate) expect_head: Option<Head>,

    /// Refuse to verify without `--expect-head`: nothing would tell that the end was cut off
    #[arg(long)]
    pub(crate) require_head: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    /// Id or digest of a release
    #[arg(long, value_name = "ID")]
    pub(crate) release: Option<String>,

    /// Environment
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<Name>,

    /// Kind of record; may be repeated
    #[arg(long, value_parser = kind)]
    pub(crate) kind: Vec<Kind>,

    /// From this moment on (2026-11-23T12:00:00Z), or for that long (24h)
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Since>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// Id or digest of the release
    #[arg(long, value_name = "ID")]
    pub(crate) release: String,

    /// Write the timeline as Markdown to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Evidence {
    /// Digest of an artifact or of a release.json: sha256:…
    pub(crate) digest: Digest,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Id or digest of the release whose story is to be whole
    #[arg(long, value_name = "ID")]
    pub(crate) release: Option<String>,
}

/// The beginning of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    Moment(Time),
    Ago(Span),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.parse(), text.parse()) {
            (Ok(moment), _) => Ok(Self::Moment(moment)),
            (Err(_), Ok(span)) => Ok(Self::Ago(span)),
            (Err(_), Err(_)) => Err(
                "expected a moment such as 2026-11-23T12:00:00Z or a length of time such as 24h"
                    .to_owned(),
            ),
        }
    }
}

impl Since {
    /// The moment it means.
    pub(crate) fn moment(self, now: Time) -> Time {
        match self {
            Self::Moment(moment) => moment,
            Self::Ago(span) => {
                let length = i64::try_from(span.millis()).unwrap_or(i64::MAX);
                let millis = now.unix_millis().saturating_sub(length);
                Time::from_unix_millis(millis).unwrap_or(Time::EPOCH)
            }
        }
    }
}

fn verdict(text: &str) -> Result<Verdict, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

/// Only kinds that this version knows: clap alone would take any word.
fn kind(text: &str) -> Result<Kind, UnknownKind> {
    text.parse()
}
