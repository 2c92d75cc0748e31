//! The command line of `await-approval`.

use std::path::PathBuf;
use std::str::FromStr;

use liftlock::config::break_glass::Gate;
use liftlock::digest::Digest;
use liftlock::foreign::Image;
use liftlock::name::Name;
use liftlock::span::Span;
use liftlock_io::cli::signing::Signing;
use liftlock_io::cli::{Arguments, Globals, reason};

use crate::forge::Issue;
use crate::gitlab::{Deploying, Thread};

/// Ask people about a release, and turn a quorum of answers into a signed approval
#[derive(Debug, clap::Parser)]
#[command(name = "await-approval", version, subcommand_required = true)]
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

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Ask, and exit 13: the runner is free while people think
    Request(Box<Request>),
    /// Say yes or no with your own key
    Answer(Answer),
    /// Take back a request, or the approval that it led to
    Withdraw(Withdraw),
    /// Count the answers, and sign an approval when they are enough
    Judge(Box<Judge>),
    /// Judge whenever something new is said on the forge, until there is an outcome
    Wait(Box<Judge>),
    /// On a pass, start the workflow that goes on
    Resume(Resume),
    /// Tell every condition of an approval that is not met
    Explain(Explain),
    /// Check stores, people, keys and tokens, and show the YAML that is missing
    Doctor(Box<Doctor>),
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("place").args(["github", "github_reviews", "github_run", "gitlab", "gitlab_deployment"]))]
pub(crate) struct Request {
    /// release.json of the release that people are asked about
    #[arg(long, value_name = "FILE", required_unless_present = "artifact")]
    pub(crate) release: Option<PathBuf>,

    /// Without a release.json: an image by its digest, as NAME=IMAGE@sha256:DIGEST; repeatable
    #[arg(long, value_name = "ARTIFACT", conflicts_with = "release")]
    pub(crate) artifact: Vec<Image>,

    /// Environment that the release is to go to
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Name,

    /// How long people may answer and the approval may be used; default 24h, at most what the policy says
    #[arg(long, value_name = "SPAN")]
    pub(crate) expires: Option<Span>,

    /// Digest of evidence that people should look at
    #[arg(long, value_name = "DIGEST")]
    pub(crate) evidence: Vec<Digest>,

    /// Ask in a comment of this issue or pull request, and count answers there
    #[arg(long, value_name = "OWNER/NAME#NUMBER")]
    pub(crate) github: Option<Issue>,

    /// Ask in a comment of this pull request, and count its reviews
    #[arg(long, value_name = "OWNER/NAME#NUMBER")]
    pub(crate) github_reviews: Option<Issue>,

    /// Count the reviews of environments that this workflow run waits for
    #[arg(long, value_name = "OWNER/NAME#RUN")]
    pub(crate) github_run: Option<Issue>,

    #[arg(
        long,
        value_name = "FILE",
        help = "Tell a webhook once, whose address is in this file, or in a variable: env://NAME"
    )]
    pub(crate) notify: Option<String>,

    /// Show how the request stands as a deployment of this repository
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) github_deployment: Option<String>,

    /// Ask in a note of this issue, or with `!` of this merge request, and count answers there
    #[arg(long, value_name = "GROUP/NAME#NUMBER")]
    pub(crate) gitlab: Option<Thread>,

    /// Count the approvals that this deployment waits for
    #[arg(long, value_name = "GROUP/NAME:NUMBER")]
    pub(crate) gitlab_deployment: Option<Deploying>,

    /// Ask to go past gates instead of asking for an approval, where the policy lets people do that
    #[arg(long, requires = "reason")]
    pub(crate) break_glass: bool,

    /// With `--break-glass`: why it cannot wait
    #[arg(long, value_name = "TEXT", requires = "break_glass")]
    pub(crate) reason: Option<String>,

    /// With `--break-glass`: a gate to go past, `promotes-from` or as in `requires`; repeatable; default all that the policy lets
    #[arg(long, value_name = "GATE", requires = "break_glass")]
    pub(crate) past: Vec<Gate>,

    /// Write the request to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) change: Change,

    #[command(flatten)]
    pub(crate) rule: Rule,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("say").args(["yes", "no"]).requires("person"))]
#[command(group = clap::ArgGroup::new("with").required(true).args(["key", "ssh_key", "unsigned", "ssh_signature"]))]
pub(crate) struct Answer {
    /// Digest of the request, or the file it was written to
    #[arg(long, value_name = "DIGEST|FILE")]
    pub(crate) request: String,

    /// Your id among the people of the policy
    #[arg(long, value_name = "NAME", requires = "say")]
    pub(crate) person: Option<Name>,

    #[arg(
        long,
        value_name = "KEY",
        requires = "say",
        help = "Your private key: a file, or env://NAME"
    )]
    pub(crate) key: Option<String>,

    /// Your key of OpenSSH: a private key without a passphrase, or the public half of one that the agent or a token holds
    #[arg(long, value_name = "FILE", requires = "say")]
    pub(crate) ssh_key: Option<PathBuf>,

    /// Sign nothing, but write what is to be signed to this file, for `ssh-keygen -Y sign -n liftlock-answer@v1`
    #[arg(long, value_name = "FILE", requires = "say", conflicts_with = "output")]
    pub(crate) unsigned: Option<PathBuf>,

    /// What `--unsigned` wrote and `--ssh-signature` signs
    #[arg(
        long,
        value_name = "FILE",
        requires = "ssh_signature",
        conflicts_with = "say"
    )]
    pub(crate) statement: Option<PathBuf>,

    /// The signature that `ssh-keygen -Y sign` made of `--statement`
    #[arg(long, value_name = "FILE", requires = "statement")]
    pub(crate) ssh_signature: Option<PathBuf>,

    /// In whose place you answer, where the policy lets you
    #[arg(long, value_name = "NAME", requires = "say")]
    pub(crate) on_behalf_of: Option<Name>,

    /// The release may go there
    #[arg(long)]
    pub(crate) yes: bool,

    /// The release may not go there; this is final for the request
    #[arg(long)]
    pub(crate) no: bool,

    /// Why
    #[arg(long, value_name = "TEXT", requires = "say")]
    pub(crate) comment: Option<String>,

    /// Write the signed answer to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("by").required(true).args(["key", "ssh_key"]))]
pub(crate) struct Withdraw {
    /// Digest of the request, or the file it was written to
    #[arg(long, value_name = "DIGEST|FILE")]
    pub(crate) request: String,

    /// Your id among the people of the policy; without it the key has to be a judge's
    #[arg(long, value_name = "NAME", required_unless_present = "key")]
    pub(crate) person: Option<Name>,

    #[arg(
        long,
        value_name = "KEY",
        help = "Your private key, or a judge's: a file, or env://NAME"
    )]
    pub(crate) key: Option<String>,

    /// Your key of OpenSSH: a private key without a passphrase, or the public half of one that the agent or a token holds
    #[arg(long, value_name = "FILE", requires = "person")]
    pub(crate) ssh_key: Option<PathBuf>,

    /// Why
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Judge {
    #[command(flatten)]
    pub(crate) about: About,

    #[command(flatten)]
    pub(crate) signing: Signing,

    #[arg(
        long,
        value_name = "FILE",
        help = "Tell a webhook once, whose address is in this file, or in a variable: env://NAME"
    )]
    pub(crate) notify: Option<String>,

    /// Write the signed approval to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// Digest of the request, or the file it was written to
    #[arg(long, value_name = "DIGEST|FILE")]
    pub(crate) request: String,

    /// Type of the `repository_dispatch` that the workflow waits for
    #[arg(long, value_name = "TYPE", default_value = "liftlock-approved")]
    pub(crate) event: String,

    /// Start this workflow file by `workflow_dispatch` instead
    #[arg(long, value_name = "FILE")]
    pub(crate) workflow: Option<String>,

    /// Start nothing, but tell this run, which waits for the rule of your App, that it may go on or not
    #[arg(long, value_name = "RUN", conflicts_with = "workflow")]
    pub(crate) protection_rule: Option<u64>,

    /// Environment that the run waits for, where it is called otherwise than in the request
    #[arg(long, value_name = "NAME", requires = "protection_rule")]
    pub(crate) protected_environment: Option<String>,

    /// Branch that the workflow, or on GitLab the pipeline, runs on; default main
    #[arg(long, value_name = "NAME", conflicts_with = "protection_rule")]
    pub(crate) branch: Option<String>,

    /// On GitLab: start this job, which waits for that, instead of a pipeline
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["workflow", "branch", "inputs", "protection_rule"])]
    pub(crate) job: Option<u64>,

    /// On GitLab: tell the pipeline by inputs, for projects that take no variables
    #[arg(long, conflicts_with_all = ["workflow", "protection_rule"])]
    pub(crate) inputs: bool,
}

impl Resume {
    /// The branch that what is started runs on.
    pub(crate) fn branch(&self) -> &str {
        self.branch.as_deref().unwrap_or("main")
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) about: About,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// What is judged.
#[derive(Debug, clap::Args)]
pub(crate) struct About {
    /// Digest of the request, or the file it was written to
    #[arg(
        long,
        value_name = "DIGEST|FILE",
        required_unless_present_any = ["github_event", "gitlab_event"]
    )]
    pub(crate) request: Option<String>,

    /// The request that the new comment or review answers in `GITHUB_EVENT_PATH`
    #[arg(long, conflicts_with = "request")]
    pub(crate) github_event: bool,

    /// The request that the new note answers in `TRIGGER_PAYLOAD`
    #[arg(long, conflicts_with_all = ["request", "github_event"])]
    pub(crate) gitlab_event: bool,

    /// File with a signed answer, beside those in the evidence store
    #[arg(long, value_name = "FILE")]
    pub(crate) answer: Vec<PathBuf>,

    /// File with a signature of the release, whose signer may not approve, beside those in the evidence store
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) change: Change,

    #[command(flatten)]
    pub(crate) rule: Rule,
}

/// Where the change is looked at, for rules by `codeowners`.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "What changed, for rules by CODEOWNERS")]
pub(crate) struct Change {
    /// A clone that has the commit that is live and that of the release; default GitHub's API
    #[arg(long, value_name = "DIR")]
    pub(crate) clone: Option<PathBuf>,

    /// The commit that is live, where neither state nor evidence tells
    #[arg(long, value_name = "COMMIT")]
    pub(crate) live_commit: Option<String>,
}

/// The rule where no configuration has it; with a configuration these may only tighten.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Who has to say yes")]
pub(crate) struct Rule {
    /// How many different people have to say yes
    #[arg(long, value_name = "COUNT")]
    pub(crate) quorum: Option<u32>,

    /// Who may answer; default everybody with a key
    #[arg(long, value_name = "NAME")]
    pub(crate) person: Vec<Name>,

    /// Public key of a person; only without a configuration
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) people_key: Vec<PersonKey>,
}

/// A person and where a public key of theirs is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PersonKey {
    pub(crate) person: Name,
    pub(crate) key: String,
}

impl FromStr for PersonKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (person, key) = text
            .split_once('=')
            .filter(|(_, key)| !key.is_empty())
            .ok_or_else(|| format!("`{text}` is not NAME=FILE"))?;
        Ok(Self {
            person: person
                .parse()
                .map_err(|error: liftlock::name::ParseError| error.to_string())?,
            key: key.to_owned(),
        })
    }
}
