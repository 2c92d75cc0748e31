//! Whether stores outlast the job.

use std::path;

use liftlock::ci::workspace::Fate;
use liftlock::failure::Failure;

use super::Session;
use crate::store::Location;

impl Session {
    /// Refuses stores that are deleted with this job's machine, and warns of
    /// those that the next checkout cleans. A store has its key in the rules
    /// and its location.
    ///
    /// # Errors
    ///
    /// Fails where a store would forget what is written to it.
    pub fn lasting(&self, stores: &[(&str, &str)]) -> Result<(), Failure> {
        match self.forgotten(stores) {
            Some((Fate::Deleted, failure)) => Err(failure),
            Some((Fate::Cleaned, failure)) => {
                tracing::warn!("{}", failure.lines().join(": "));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What is to be said of stores that do not outlast this job or the next.
    #[must_use]
    pub fn forgotten(&self, stores: &[(&str, &str)]) -> Option<(Fate, Failure)> {
        let workspace = self.ci.workspace.as_ref()?;
        let fate = |location: &str| {
            let location: Location = location.parse().ok()?;
            workspace.fate(&path::absolute(location.folder()?).ok()?)
        };
        let inside = |(key, location)| fate(location).map(|fate| (fate, (key, location)));
        let found: Vec<(Fate, (&str, &str))> = stores.iter().copied().filter_map(inside).collect();
        let (fate, _) = found.first()?;
        let found: Vec<(&str, &str)> = found.iter().map(|(_, store)| *store).collect();
        Some((*fate, workspace.failure(*fate, &found)))
    }
}
