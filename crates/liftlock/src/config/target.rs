//! What splits requests, and how a slot is filled and proved.

use serde::{Deserialize, Serialize};

use super::traffic::{Capacity, Envoy, Nginx, Splitter};
use crate::name::Name;
use crate::span::Span;

/// Puts a release into a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Place {
    /// Program and arguments, no shell; `{slot}` is replaced. Gets the
    /// release's artifacts as JSON on standard input.
    pub command: Vec<String>,
    /// How long it may take; default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

/// Reads from a slot which digests it really serves. Exactly one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Prove {
    /// A URL that answers JSON; `{slot}` is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// JSON pointer (RFC 6901) to the object artifact → digest; default the whole answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// A folder with one file per artifact, which are hashed; `{slot}` is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    /// Program and arguments that print the object artifact → digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

/// Splits requests between two slots. Exactly one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Traffic {
    /// Weights of servers, through the runtime socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub haproxy: Option<Haproxy>,
    /// A file that nginx includes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx: Option<Nginx>,
    /// A file of routes that Envoy watches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envoy: Option<Envoy>,
    /// A JSON file that a proxy or an application reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_file: Option<WeightsFile>,
    /// A program of the team's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Splitter>,
    /// How many healthy servers the requests need; with `haproxy`, `command` and an `envoy` with `admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// What happens to the slots at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// What happens to the slots at the end of a promotion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// They change roles: the canary's slot is the stable one from then on.
    #[default]
    Swap,
}

/// HAProxy's runtime API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Haproxy {
    /// Path of the Unix socket, or `HOST:PORT`.
    pub socket: String,
    /// The backend that holds the servers of both slots.
    pub backend: String,
    /// The slots at first contact; the state knows them from then on. A slot
    /// is the server of its name, or those named `SLOT-NUMBER`.
    pub slots: Slots,
}

/// A file `{"weights": {SLOT: 0..10000}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WeightsFile {
    /// Where it is.
    pub path: String,
    /// The slots at first contact; the state knows them from then on.
    pub slots: Slots,
}

/// Which slot has which role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Slots {
    /// Serves what is live.
    pub stable: Name,
    /// Takes what comes.
    pub canary: Name,
}

impl Slots {
    /// The roles after a promotion.
    #[must_use]
    pub fn swapped(&self) -> Self {
        Self {
            stable: self.canary.clone(),
            canary: self.stable.clone(),
        }
    }
}
