//! Who could provide what is missing, and by which command.

use super::Asked;
use crate::config::requirement::What;

impl Asked<'_> {
    pub(super) fn help(&self) -> (String, String) {
        let environment = &self.environment.name;
        let (who, fix) = match &self.requirement.what {
            What::Signature if self.release.is_foreign() => self.help_foreign(),
            What::Signature => ("the builder", "sign-artifact release".to_owned()),
            What::Provenance if self.release.is_foreign() => (
                "the builder",
                "actions/attest-build-provenance, or cosign attest --type slsaprovenance1"
                    .to_owned(),
            ),
            What::Provenance => (
                "the builder",
                "sign-artifact attest --type slsaprovenance1".to_owned(),
            ),
            What::Approval => (
                "the judge, once enough people said yes",
                format!(
                    "await-approval request --environment {environment} --release release.json"
                ),
            ),
            What::Canary(place) => (
                "the canary's identity",
                format!("canary-check run --environment {place}"),
            ),
            What::Predicate(uri) => ("the builder", format!("sign-artifact attest --type {uri}")),
        };
        (who.to_owned(), fix)
    }
}
