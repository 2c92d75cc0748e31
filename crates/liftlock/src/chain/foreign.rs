//! Demands that statements of others meet: each about some of the artifacts,
//! together about all of them.

use std::collections::BTreeSet;

use super::{Asked, Item, Met, Reasons, Said, left_out};
use crate::config::foreign::Accepted;
use crate::config::requirement::What;
use crate::digest::Digest;
use crate::predicate;

impl Asked<'_> {
    /// Statements that are about every artifact together.
    pub(super) fn together(&self, items: &[Item]) -> Result<Met, String> {
        let mut open: BTreeSet<Digest> = self.release.artifacts.values().copied().collect();
        let (mut bundles, mut by) = (Vec::new(), BTreeSet::new());
        let mut reasons = Reasons::default();
        for item in items {
            if !self.could_meet(&item.predicate_type) {
                continue;
            }
            let outcome = item.outcome.as_ref().map_err(Clone::clone);
            match outcome.and_then(|said| self.meets(said).map(|()| said)) {
                Ok(said) => {
                    let before = open.len();
                    open.retain(|artifact| !said.statement.is_about(artifact));
                    if open.len() < before {
                        bundles.push(item.bundle);
                        by.insert(said.by.as_str());
                    } else if !self.is_about_some(said) {
                        reasons.add("it is about something else".to_owned());
                    }
                }
                Err(reason) => reasons.add(reason),
            }
        }
        if open.is_empty() && !bundles.is_empty() {
            let short: Vec<String> = bundles.iter().map(|one| one.short()).collect();
            let by: Vec<&str> = by.into_iter().collect();
            return Ok(Met {
                text: format!("evidence {} by {}", short.join(", "), by.join(", ")),
                bundles,
                request: None,
            });
        }
        if !bundles.is_empty() {
            reasons.add(left_out(open.len()));
        }
        Err(reasons.told())
    }

    fn is_about_some(&self, said: &Said) -> bool {
        let mut artifacts = self.release.artifacts.values();
        artifacts.any(|artifact| said.statement.is_about(artifact))
    }

    /// What the policy accepts for this demand. Where it says something, that
    /// alone counts.
    fn listed(&self) -> impl Iterator<Item = &Accepted> {
        let what = &self.requirement.what;
        self.around
            .accept
            .iter()
            .filter(move |one| one.meets == *what)
    }

    /// The type that meets the demand where the policy lists none. A signature
    /// of others never does without its word.
    fn usual(&self) -> Option<&str> {
        match &self.requirement.what {
            What::Provenance => Some(predicate::PROVENANCE),
            What::Predicate(uri) => Some(uri),
            What::Signature | What::Approval | What::Canary(_) => None,
        }
    }

    fn could_meet(&self, predicate_type: &str) -> bool {
        let mut listed = self.listed().peekable();
        match listed.peek() {
            None => self.usual() == Some(predicate_type),
            Some(_) => listed.any(|one| one.predicate == predicate_type),
        }
    }

    fn meets(&self, said: &Said) -> Result<(), String> {
        let kind = said.statement.predicate_type();
        predicate::passed(kind, said.statement.predicate())?;
        let mut listed = self.listed().peekable();
        let accepted = listed.peek().is_none()
            || listed.any(|one| one.predicate == kind && one.from == said.by);
        if accepted {
            Ok(())
        } else {
            Err(format!(
                "`{}` signed it, from whom the policy does not accept it",
                said.by
            ))
        }
    }

    /// Who could sign what nobody of us released.
    pub(super) fn help_foreign(&self) -> (&'static str, String) {
        match self.listed().next() {
            Some(one) => (
                "the builder",
                format!("sign the image as `{}`, such as by `cosign sign`", one.from),
            ),
            None => (
                "the owners of the policy, by `accept`",
                format!(
                    "accept: [{{ predicate: '{}', from: NAME, as: signature }}]",
                    predicate::COSIGN
                ),
            ),
        }
    }
}
