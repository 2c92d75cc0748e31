//! A pointer that commands of the team's read and move.

use serde::{Deserialize, Serialize};

use super::Reversible;
use crate::name::Name;
use crate::span::Span;

/// Two commands: programs with arguments, no shell. Both read one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Commands {
    /// What people call the pointer; a plan knows it again by this.
    pub name: Name,
    /// Prints `{"digest": "sha256:…"}`, or `{"digest": null}` where it points
    /// nowhere.
    pub read: Vec<String>,
    /// Makes it point elsewhere.
    pub point: Vec<String>,
    /// Whether it can be moved back.
    pub reversible: Reversible,
    /// How long each may take; default 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

impl Commands {
    pub(super) fn check(&self) -> Result<(), String> {
        let named = |command: &[String]| command.first().is_some_and(|name| !name.is_empty());
        for (field, command) in [("read", &self.read), ("point", &self.point)] {
            if !named(command) {
                return Err(format!("have a `command.{field}` without a program"));
            }
        }
        if self.reversible == Reversible::Request {
            return Err("have a `command.reversible` that is none of yes, window, no".to_owned());
        }
        if self.timeout == Some(Span::ZERO) {
            return Err("have a `command.timeout` of nothing".to_owned());
        }
        Ok(())
    }
}
