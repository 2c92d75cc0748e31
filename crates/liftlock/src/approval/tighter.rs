//! Flags beside a configuration: they may ask for more, never for less.

use std::collections::BTreeSet;

use super::policy::Policy;
use crate::failure::{Explain, Kind};
use crate::name::Name;

impl Policy {
    /// The same rules, tighter: more people where there is one rule, and of all
    /// of them only these, unless none are named.
    ///
    /// # Errors
    ///
    /// Fails where that would be looser, and on a quorum for several rules.
    pub fn tighter(mut self, quorum: Option<u32>, people: &BTreeSet<Name>) -> Result<Self, Looser> {
        if let Some(quorum) = quorum {
            let count = self.rules.len();
            let [only] = self.rules.as_mut_slice() else {
                return Err(Looser::Rules(count));
            };
            if quorum < only.quorum {
                return Err(Looser::Quorum);
            }
            only.quorum = quorum;
        }
        if !people.is_subset(&self.people()) {
            return Err(Looser::People);
        }
        if !people.is_empty() {
            for rule in &mut self.rules {
                rule.people.retain(|name| people.contains(name));
            }
        }
        Ok(self)
    }
}

/// What was given would not only tighten the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Looser {
    /// Fewer people would be enough.
    #[error("`--quorum` would loosen the policy")]
    Quorum,
    /// Others would be asked.
    #[error("`--person` would loosen the policy")]
    People,
    /// Nobody can tell which rule is meant.
    #[error("`--quorum` fits none of {0} rules")]
    Rules(usize),
}

impl Explain for Looser {
    fn kind(&self) -> Kind {
        match self {
            Self::Quorum | Self::People => Kind::Invalid,
            Self::Rules(_) => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        Some("leave the flag out".to_owned())
    }
}
