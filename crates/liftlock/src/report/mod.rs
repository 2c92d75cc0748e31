//! What a binary has to say at its end: one shape for every verb and every CI.

pub mod result;

use serde::{Deserialize, Serialize};

use crate::ci::github::escape_markdown;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::name::Name;
use crate::verdict::Verdict;

/// Whether a verdict may end a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Verdicts have their exit codes.
    #[default]
    Enforce,
    /// Verdicts are told but the exit code is 0.
    Observe,
}

/// Where the policy came from that a verdict rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PolicyOrigin {
    /// No policy was read: flags alone.
    #[default]
    None,
    /// The local file is the policy; whoever changes it changes the rules.
    Local,
    /// A protected setting of the CI named it.
    Protected,
}

/// The result of one run, before it is rendered for anyone.
#[derive(Clone, Debug)]
pub struct Report {
    /// The subcommand that ran, such as `judge`.
    pub subcommand: &'static str,
    /// What was decided; `Pass` for work that was done as asked.
    pub verdict: Verdict,
    /// One line for people: the verdict and its reason.
    pub headline: String,
    /// What it was about, for the names of files and records.
    pub scope: Scope,
    /// Whether a ledger has a record of it.
    pub recorded: bool,
    /// Whose rules it rests on.
    pub policy: PolicyOrigin,
    /// The verb's own result, snake_case.
    pub detail: serde_json::Value,
    /// What was decided about each of many things, for a line each; may be empty.
    pub lines: Vec<serde_json::Value>,
    /// Kebab-case name and single-line value; at most 8 beside `verdict`.
    pub outputs: Vec<(&'static str, String)>,
    /// Lines for a terminal below the headline; may be empty.
    pub human: String,
    /// Markdown below the headline for a step summary; may be empty.
    pub summary: String,
}

/// Service and environment, where they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// The service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Name>,
    /// The environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
}

impl Report {
    /// A report with a verdict and its one line; the rest is filled in by `with_…`.
    #[must_use]
    pub fn new(subcommand: &'static str, verdict: Verdict, headline: impl Into<String>) -> Self {
        Self {
            subcommand,
            verdict,
            headline: headline.into(),
            scope: Scope::default(),
            recorded: false,
            policy: PolicyOrigin::default(),
            detail: serde_json::Value::Null,
            lines: Vec::new(),
            outputs: Vec::new(),
            human: String::new(),
            summary: String::new(),
        }
    }

    /// Names the subcommand that ran, where another one's report fits it.
    #[must_use]
    pub const fn about(mut self, subcommand: &'static str) -> Self {
        self.subcommand = subcommand;
        self
    }

    /// Sets the verb's own result.
    ///
    /// A value that cannot be JSON is a bug of its type; it shows as `null`.
    #[must_use]
    pub fn with_detail<T: Serialize>(mut self, detail: &T) -> Self {
        self.detail = serde_json::to_value(detail).unwrap_or_default();
        self
    }

    /// Sets what was decided about each of many things.
    ///
    /// A value that cannot be JSON is a bug of its type; it shows as `null`.
    #[must_use]
    pub fn with_lines<T: Serialize>(mut self, lines: &[T]) -> Self {
        let lines = lines.iter().map(serde_json::to_value);
        self.lines = lines.map(Result::unwrap_or_default).collect();
        self
    }

    /// Adds an output that later steps of a pipeline read.
    #[must_use]
    pub fn with_output(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.outputs.push((name, value.into()));
        self
    }

    /// Sets what a terminal shows below the headline.
    #[must_use]
    pub fn with_human(mut self, human: impl Into<String>) -> Self {
        self.human = human.into();
        self
    }

    /// Sets what a step summary shows below the headline.
    #[must_use]
    pub fn with_summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// Puts what nobody may overlook before the headline and atop the summary.
    #[must_use]
    pub fn with_caution(mut self, text: &str) -> Self {
        let shown = escape_markdown(text);
        self.headline = format!("{text}; {}", self.headline);
        self.summary = format!("> [!CAUTION]\n> {shown}\n\n{}", self.summary);
        self
    }

    /// Names service and environment.
    #[must_use]
    pub fn with_scope(mut self, service: Option<Name>, environment: Option<Name>) -> Self {
        self.scope = Scope {
            service,
            environment,
        };
        self
    }

    /// Says whose rules it rests on and whether a ledger has it.
    #[must_use]
    pub const fn with_policy(mut self, policy: PolicyOrigin, recorded: bool) -> Self {
        self.policy = policy;
        self.recorded = recorded;
        self
    }
}

/// How a run ended, with the verb it belongs to: what files and outputs are
/// rendered from.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The binary's name.
    pub verb: String,
    /// The mode it ran in.
    pub mode: Mode,
    /// Whether nothing was to be changed.
    pub dry_run: bool,
    /// The report, or why there is none.
    pub result: Result<Report, Told>,
}

/// A failure that was told to a person already.
#[derive(Clone, Debug)]
pub struct Told {
    /// The exit code's meaning.
    pub exit: Exit,
    /// What failed, then the causes.
    pub lines: Vec<String>,
    /// The next thing to do.
    pub hint: Option<String>,
    /// What the run was about, as far as it was known by then.
    pub scope: Scope,
}

impl From<&Failure> for Told {
    fn from(failure: &Failure) -> Self {
        Self {
            exit: failure.kind.exit(),
            lines: failure.lines(),
            hint: failure.hint.clone(),
            scope: Scope::default(),
        }
    }
}

impl Ending {
    /// The exit code. In observe mode a verdict, or that there is none, never
    /// blocks; a wrong command line or configuration still does, as nothing
    /// would ever be observed; and so does what is stuck, as a person must look.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let exit = match &self.result {
            Ok(report) => report.verdict.exit(),
            Err(told) => told.exit,
        };
        match (self.mode, exit) {
            (Mode::Enforce, exit) => exit,
            (
                Mode::Observe,
                Exit::Usage
                | Exit::Invalid
                | Exit::Stuck
                | Exit::Bug
                | Exit::Interrupted
                | Exit::Terminated,
            ) => exit,
            (
                Mode::Observe,
                Exit::Done
                | Exit::NoVerdict
                | Exit::Credentials
                | Exit::Fail
                | Exit::Inconclusive
                | Exit::Blind
                | Exit::Pending
                | Exit::Blocked
                | Exit::Expired,
            ) => Exit::Done,
        }
    }

    /// What was decided. A failure whose exit code is that of a verdict is
    /// that verdict: a hold that stops a run says `blocked` either way.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.result {
            Ok(report) => Some(report.verdict),
            Err(told) => Verdict::of(told.exit),
        }
    }

    /// The verdict's word, `none` where there is no verdict.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.verdict().map_or("none", Verdict::word)
    }

    /// The one line for people.
    #[must_use]
    pub fn headline(&self) -> String {
        match &self.result {
            Ok(report) if self.dry_run => {
                format!("dry run, nothing was changed: {}", report.headline)
            }
            Ok(report) => report.headline.clone(),
            Err(told) => told.lines.join(": "),
        }
    }

    /// What the run was about.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match &self.result {
            Ok(report) => report.scope.clone(),
            Err(told) => told.scope.clone(),
        }
    }

    /// The result JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        // A document of plain fields is always JSON.
        serde_json::to_value(result::Document::from(self)).unwrap_or_default()
    }

    /// Every output: `verdict` and `exit-code` first, then the verb's own.
    #[must_use]
    pub fn outputs(&self) -> Vec<(&'static str, String)> {
        let mut outputs = vec![
            ("verdict", self.word().to_owned()),
            ("exit-code", self.exit().code().to_string()),
        ];
        if let Ok(report) = &self.result {
            outputs.extend(report.outputs.iter().cloned());
        }
        outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    fn ending(mode: Mode, result: Result<Report, Told>) -> Ending {
        Ending {
            verb: "canary-check".to_owned(),
            mode,
            dry_run: false,
            result,
        }
    }

    #[test]
    fn observing_never_blocks_but_a_wrong_command_line_does() {
        let fail = Ok(Report::new("judge", Verdict::Fail, "worse"));
        assert_eq!(ending(Mode::Enforce, fail.clone()).exit(), Exit::Fail);
        let observed = ending(Mode::Observe, fail);
        assert_eq!((observed.exit(), observed.word()), (Exit::Done, "fail"));
        let usage = Told::from(&Failure::new(Kind::Usage, "no such flag"));
        assert_eq!(ending(Mode::Observe, Err(usage)).exit(), Exit::Usage);
    }

    #[test]
    fn a_dry_run_never_reads_like_what_was_done() {
        let held = Report::new("hold", Verdict::Pass, "production: incident 4711");
        let ending = Ending {
            dry_run: true,
            ..ending(Mode::Enforce, Ok(held))
        };
        let json = ending.json();
        assert_eq!(json["dry_run"], true);
        let said = "dry run, nothing was changed: production: incident 4711";
        assert_eq!(
            (ending.headline().as_str(), &json["headline"]),
            (said, &said.into())
        );
    }

    #[test]
    fn the_json_holds_verdict_and_detail_or_the_error() {
        let report = Report::new("judge", Verdict::Blind, "no data").with_detail(&[1]);
        let json = ending(Mode::Enforce, Ok(report)).json();
        assert_eq!(json["verdict"], "blind");
        assert_eq!(json["exit_code"], 12);
        assert_eq!(json["detail"], serde_json::json!([1]));
        let held = Told::from(&Failure::new(Kind::Blocked, "a hold is in place"));
        let json = ending(Mode::Observe, Err(held)).json();
        assert_eq!(
            (&json["verdict"], &json["exit_code"]),
            (&"blocked".into(), &0.into())
        );
        let told = Told::from(&Failure::new(Kind::Upstream, "reset").with_hint("try again"));
        let json = ending(Mode::Enforce, Err(told)).json();
        assert_eq!(json["verdict"], serde_json::Value::Null);
        assert_eq!(json["detail"], serde_json::Value::Null);
        assert_eq!(json["error"]["hint"], "try again");
    }
}
