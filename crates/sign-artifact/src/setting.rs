//! What `liftlock.yaml` and the policy say, where flags do not.

use liftlock::config::effective::Rules;
use liftlock::failure::Failure;
use liftlock::report::PolicyOrigin;
use liftlock_io::cli::Session;

/// The rules of this run, if it has any.
#[derive(Debug)]
pub(crate) struct Setting {
    rules: Option<Rules>,
}

impl Setting {
    /// Reads the rules, unless flags say all that they could.
    pub(crate) fn find(flags: Flags, session: &Session) -> Result<Self, Failure> {
        let rules = match (flags, &session.config) {
            (Flags::Complete, None) => None,
            (Flags::Complete | Flags::Partial, _) => session.rules()?,
        };
        Ok(Self { rules })
    }

    /// The store for evidence: the flag, else the configuration, else none.
    pub(crate) fn evidence(&self, flag: Option<&String>) -> Option<String> {
        flag.or_else(|| self.rules.as_ref().map(|rules| &rules.evidence))
            .cloned()
    }

    /// The rules.
    pub(crate) const fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref()
    }

    /// Whose rules they are.
    pub(crate) fn origin(&self) -> PolicyOrigin {
        self.rules
            .as_ref()
            .map(|rules| rules.origin)
            .unwrap_or_default()
    }
}

/// Whether flags leave anything open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flags {
    /// They say everything.
    Complete,
    /// The configuration may fill the rest.
    Partial,
}
