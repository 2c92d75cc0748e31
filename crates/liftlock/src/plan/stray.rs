//! Pointers that a plan left at what failed, and that nobody moved since.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Action;
use super::back::stranded;
use crate::digest::Digest;
use crate::state::{Document, Run};
use crate::verdict::Verdict;

/// A pointer at a release that went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// Which of the environment's targets, from 0.
    pub target: usize,
    /// Its name for people.
    pub label: String,
    /// Where it was left.
    pub at: Digest,
    /// What people call the release that it points at.
    pub release: String,
    /// The release's digest.
    pub digest: Digest,
}

impl Stray {
    /// What a plan left that is over.
    #[must_use]
    pub fn left_by(run: &Run) -> Vec<Self> {
        if run.verdict != Some(Verdict::Stuck) || run.journal.turned.is_none() {
            return Vec::new();
        }
        let release = &run.plan.release;
        let left = stranded(&run.plan, &run.journal).into_iter();
        left.filter_map(|step| match &step.action {
            Action::Point {
                target, label, to, ..
            } => Some(Self {
                target: *target,
                label: label.clone(),
                at: *to,
                release: release.id.clone(),
                digest: release.digest,
            }),
            Action::Copy { .. }
            | Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Bake { .. }
            | Action::Check { .. }
            | Action::Withdraw { .. }
            | Action::Swap { .. }
            | Action::Watch { .. } => None,
        })
        .collect()
    }
}

impl fmt::Display for Stray {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, release, .. } = self;
        write!(
            formatter,
            "{label} still points at {release}, whose plan went back"
        )
    }
}

impl Document {
    /// The pointers that plans left at what failed since a release went live,
    /// wherever they are by now. Of a state that an older version wrote, its last
    /// run tells.
    #[must_use]
    pub fn strays(&self) -> Vec<Stray> {
        let mut strays = self.strays.clone();
        for stray in self.run.iter().flat_map(Stray::left_by) {
            if !strays.contains(&stray) {
                strays.push(stray);
            }
        }
        strays
    }
}
