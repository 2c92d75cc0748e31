//! Why nothing can be counted, told apart by what a person can do about it.

use liftlock::config::metrics::Provider;
use liftlock::failure::{Explain, Kind};
use liftlock::name::Name;
use liftlock::prometheus;
use liftlock::span::Span;
use liftlock::telemetry;

use crate::{file, haproxy, http};

/// Nothing can be counted, and mostly waiting would not help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the address of a server.
    #[error("`{0}` is no http or https URL of a source")]
    Url(String),
    /// The address lacks something that the vendor needs.
    #[error("the URL of {provider} {what}")]
    Place {
        /// Whose.
        provider: Provider,
        /// What it lacks.
        what: &'static str,
    },
    /// A password in the URL would be printed and logged.
    #[error("the URL of the source holds credentials")]
    Secret,
    /// A secret would be sent where anybody on the way could read it.
    #[error("`{0}` is asked without TLS, and a secret would be sent in the clear")]
    Clear(String),
    /// Another setting needs this one.
    #[error("`{0}` is not set")]
    Missing(String),
    /// A source that does not answer strangers.
    #[error("`{0}` is not set")]
    NoSecret(String),
    /// Nobody knows which one is meant.
    #[error("of {0} only one may be set")]
    Ambiguous(String),
    /// A secret of another form; it is not shown.
    #[error("`{name}` is not {what}")]
    BadSecret {
        /// The variable or header.
        name: String,
        /// What it should be.
        what: &'static str,
    },
    /// A file with a secret that cannot be read.
    #[error("cannot read the file that `{name}` names")]
    SecretFile {
        /// The variable.
        name: String,
        /// Why.
        source: Box<file::Error>,
    },
    /// Tenants are Prometheus' affair.
    #[error("{0} has no tenants")]
    Tenant(Provider),
    /// A canary would be compared with itself.
    #[error("canary and baseline are the same slot, `{0}`")]
    SameSlot(String),
    /// Canary and baseline would be the same.
    #[error("the query `{0}` does not hold `{{slot}}`, so canary and baseline would be the same")]
    NoSlot(&'static str),
    /// Shorter than scrapes are, or no whole seconds where a vendor counts.
    #[error("the interval `{0}` is shorter than a second, or no whole seconds")]
    Interval(Span),
    /// A page that changes its place with the slot.
    #[error(
        "the slot `{0}` cannot stand in a URL: a host or path has letters, digits, `-`, `.`, `_` and `:`"
    )]
    SlotUrl(String),
    /// Several metrics come from servers with Prometheus' API alone.
    #[error("{0} counts requests alone: further metrics and labels need Prometheus' HTTP API")]
    Alone(Provider),
    /// What was to be read once is incomplete.
    #[error("the source warns that its answer is incomplete: {0}")]
    Partial(String),
    /// A histogram of which nobody knows where it could be judged.
    #[error("no bucket of the histogram `{0}`: its edges are not known")]
    NoEdges(Name),
    /// A further metric cannot be counted.
    #[error("cannot count a further metric")]
    Further(#[from] telemetry::several::Missing),
    /// No exchange.
    #[error("cannot ask the source")]
    Ask(#[from] http::Error),
    /// No exports, or not yet.
    #[error("cannot read the exports")]
    Exports(#[source] file::Error),
    /// No exchange over HAProxy's socket.
    #[error("cannot ask HAProxy")]
    Socket(#[from] haproxy::Error),
    /// No answer.
    #[error("cannot use the answer of Prometheus")]
    Prometheus(#[from] prometheus::Error),
    /// No answer, or no question.
    #[error("cannot count with {provider}")]
    Answer {
        /// Who was asked.
        provider: Provider,
        /// Why.
        source: telemetry::Error,
    },
    /// No counts.
    #[error("cannot count what the source answers")]
    Count(#[from] telemetry::Invalid),
}

impl Error {
    /// For `map_err`: what a vendor's answer lacks.
    pub(super) fn of(provider: Provider) -> impl Fn(telemetry::Error) -> Self {
        move |source| Self::Answer { provider, source }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Url(_)
            | Self::Place { .. }
            | Self::Secret
            | Self::Clear(_)
            | Self::Missing(_)
            | Self::Ambiguous(_)
            | Self::BadSecret { .. }
            | Self::Tenant(_)
            | Self::SameSlot(_)
            | Self::NoSlot(_)
            | Self::Interval(_)
            | Self::SlotUrl(_)
            | Self::Alone(_)
            | Self::Count(_) => Kind::Invalid,
            Self::Partial(_) | Self::NoEdges(_) => Kind::Blind,
            // What writes them may still begin, or begin anew.
            Self::Exports(cause) if cause.kind() == Kind::Credentials => Kind::Credentials,
            Self::Exports(_) => Kind::Upstream,
            Self::Further(cause) => cause.kind(),
            Self::NoSecret(_) | Self::SecretFile { .. } => Kind::Credentials,
            Self::Ask(cause) => cause.kind(),
            Self::Socket(cause) => cause.kind(),
            Self::Prometheus(cause) => cause.kind(),
            Self::Answer { source, .. } => source.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoEdges(_) => {
                Some("check the selector, and whether the known version is scraped".to_owned())
            }
            Self::Secret => Some("set an environment variable instead".to_owned()),
            Self::Clear(_) => Some("give an https URL, or no secret".to_owned()),
            Self::NoSlot(_) => {
                Some("put `{slot}` where the value differs between the slots".to_owned())
            }
            Self::NoSecret(name) | Self::Missing(name) => {
                Some(format!("set `{name}` in the environment"))
            }
            Self::Exports(cause) => cause.hint(),
            Self::SecretFile { source, .. } => source.hint(),
            Self::Ask(cause) => cause.hint(),
            Self::Prometheus(cause) => cause.hint(),
            Self::Answer { provider, source } => match source {
                telemetry::Error::Forbidden { .. } => Some(format!(
                    "set {} in the environment",
                    super::auth::variables(*provider).join(" or ")
                )),
                telemetry::Error::Refused { .. }
                | telemetry::Error::Failed { .. }
                | telemetry::Error::Unreadable { .. }
                | telemetry::Error::Several { .. }
                | telemetry::Error::TooMany { .. }
                | telemetry::Error::Query { .. }
                | telemetry::Error::Slot { .. }
                | telemetry::Error::Interval { .. } => source.hint(),
            },
            Self::Count(cause) => cause.hint(),
            Self::Further(cause) => cause.hint(),
            Self::Url(_)
            | Self::Place { .. }
            | Self::Ambiguous(_)
            | Self::BadSecret { .. }
            | Self::Tenant(_)
            | Self::SameSlot(_)
            | Self::Interval(_)
            | Self::SlotUrl(_)
            | Self::Alone(_)
            | Self::Partial(_)
            | Self::Socket(_) => None,
        }
    }
}
