//! The result JSON that every binary writes: the same fields for a verdict and
//! for a failure, so that a reader never has to ask which keys there are.

use serde::Serialize;

use super::{Ending, Mode, PolicyOrigin};
use crate::name::Name;
use crate::verdict::Verdict;

/// The major version of the result JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of one run of a binary.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Document {
    /// Major version of this format.
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
    /// The binary's name, such as `canary-check`.
    pub verb: String,
    /// The subcommand that ran; null when it did not come to a report.
    pub subcommand: Option<String>,
    /// What was decided; null when nothing was.
    pub verdict: Option<Verdict>,
    /// The exit code of the process.
    #[cfg_attr(
        feature = "schema",
        schemars(extend("enum" = crate::exit::Exit::ALL.map(crate::exit::Exit::code).to_vec()))
    )]
    pub exit_code: u8,
    /// Whether a verdict may end a pipeline.
    pub mode: Mode,
    /// Whether nothing was to be changed: then it says what would have been.
    pub dry_run: bool,
    /// Whether a ledger has a record of it.
    pub recorded: bool,
    /// Where the rules came from; null when it did not come to a report.
    pub policy: Option<PolicyOrigin>,
    /// The service, where it is known.
    pub service: Option<Name>,
    /// The environment, where it is known.
    pub environment: Option<Name>,
    /// One line for people.
    pub headline: String,
    /// The subcommand's own result; null when there is none.
    pub detail: serde_json::Value,
    /// What failed; null when the subcommand came to a report.
    pub error: Option<Failed>,
}

/// What failed, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failed {
    /// What failed, then its causes.
    pub lines: Vec<String>,
    /// The next thing to do, where we know it.
    pub hint: Option<String>,
}

impl From<&Ending> for Document {
    fn from(ending: &Ending) -> Self {
        let told = ending.result.as_ref().err();
        let report = ending.result.as_ref().ok();
        let scope = ending.scope();
        Self {
            schema_version: SCHEMA_VERSION,
            verb: ending.verb.clone(),
            subcommand: report.map(|report| report.subcommand.to_owned()),
            verdict: ending.verdict(),
            exit_code: ending.exit().code(),
            mode: ending.mode,
            dry_run: ending.dry_run,
            recorded: report.is_some_and(|report| report.recorded),
            policy: report.map(|report| report.policy),
            service: scope.service,
            environment: scope.environment,
            headline: ending.headline(),
            detail: report.map_or(serde_json::Value::Null, |report| report.detail.clone()),
            error: told.map(|told| Failed {
                lines: told.lines.clone(),
                hint: told.hint.clone(),
            }),
        }
    }
}
